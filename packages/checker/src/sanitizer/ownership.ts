// SPDX-License-Identifier: Apache-2.0
/** XO1, XO2, XO3: a streaming buffer belongs to one side at a time, and the device may touch only what it was given, as it was given. */
import type { EventOf } from '@dmalab/core/base/events';
import { deviceOf } from '@dmalab/core/base/reducer';
import { whereText, type Findings, type Half } from './finding.ts';
import { deviceOwns, isCoherent, type Lent, type Mappings } from './mappings.ts';
import type { Names } from './names.ts';

type CpuAccess = EventOf<'load'> | EventOf<'store'> | EventOf<'rmw'>;
type DeviceAccess = EventOf<'load'> | EventOf<'write'> | EventOf<'rmw'>;

export class OwnershipRules {
  readonly #mappings: Mappings;
  readonly #names: Names;
  readonly #findings: Findings;
  /** Stores that broke XO1: what follows from them is not told again. */
  readonly blamed = new Set<number>();

  constructor(mappings: Mappings, names: Names, findings: Findings) {
    this.#mappings = mappings;
    this.#names = names;
    this.#findings = findings;
  }

  /** A CPU touched memory. Reading what the device only reads harms nobody. */
  cpu(event: CpuAccess): void {
    const writes = event.kind !== 'load';
    const address = Number(event.address);
    for (const m of this.#mappings.over(address, event.size)) {
      if (!writes && m.direction === 'DMA_TO_DEVICE') continue;
      if (!deviceOwns(m, address, event.size)) continue;
      const first: Half = { id: m.id, site: m.site };
      const second: Half = { id: event.id, site: event.site };
      if (writes) this.blamed.add(event.id);
      this.#findings.add(
        'XO1', `${whereText(first)} ${second.site === null ? (writes ? 'w' : 'r') : whereText(second)}`, event.id,
        { agent: this.#names.agent(event.agent), did: writes ? 'wrote' : 'read', place: this.#names.place(address, event.name), device: this.#names.agent(m.device), direction: m.direction, where: whereText(first) },
        { first, second, missing: 'dma_sync_single_for_cpu' },
      );
      return;
    }
  }

  /** A device touched memory. */
  device(event: DeviceAccess): void {
    const device = deviceOf(event.agent);
    const address = Number(event.address);
    const writes = event.kind !== 'load';
    const mine = this.#mappings.over(address, event.size).filter((m) => m.device === device);
    const holder = mine.find((m) => m.address <= address && address + event.size <= m.address + m.size) ?? mine[0];
    if (holder !== undefined) {
      this.#held(event, holder, address, writes);
      return;
    }
    const allocation = this.#mappings.allocationOver(address, event.size);
    if (allocation !== undefined && isCoherent(allocation.what)) return;
    const retired = this.#mappings.retired.findLast((r) => r.start < address + event.size && address < r.end && (r.device === '' || r.device === device));
    if (retired !== undefined) {
      this.#outside(event, writes, `which was ${retired.how} at ${whereText(retired)}`, retired);
      return;
    }
    // Memory that nobody told us of may have been lent before the trace began.
    if (allocation !== undefined) this.#outside(event, writes, `which was allocated at ${whereText(allocation)} and never mapped`, allocation, 'dma_map_single');
  }

  /** Whether the device holds a mapping there, in its direction, whoever's turn it is. */
  mayTouch(event: DeviceAccess): boolean {
    const device = deviceOf(event.agent);
    const forbidden = event.kind === 'load' ? 'DMA_FROM_DEVICE' : 'DMA_TO_DEVICE';
    return this.#mappings.over(Number(event.address), event.size).some((m) => m.device === device && m.direction !== forbidden);
  }

  #held(event: DeviceAccess, m: Lent, address: number, writes: boolean): void {
    const first: Half = { id: m.id, site: m.site };
    const wrong = writes ? m.direction === 'DMA_TO_DEVICE' : m.direction === 'DMA_FROM_DEVICE';
    const values = { device: this.#names.agent(event.agent), did: writes ? 'wrote' : 'read', place: this.#names.place(address, event.name) };
    if (wrong) this.#findings.add('XO3', whereText(first), event.id, { ...values, direction: `${m.direction} at ${whereText(first)}` }, { first, second: { id: event.id, site: null } });
    if (!deviceOwns(m, address, event.size)) {
      this.#findings.add('XO2', `cpu ${whereText(first)}`, event.id, { ...values, why: 'while a sync had given it to the CPU' }, { first, second: { id: event.id, site: null }, missing: 'dma_sync_single_for_device' });
    }
  }

  #outside(event: DeviceAccess, writes: boolean, why: string, first: Half, missing = ''): void {
    const second: Half = { id: event.id, site: null };
    this.#findings.add('XO2', `${event.agent} ${first.id} ${writes ? 'w' : 'r'}`, event.id, { device: this.#names.agent(event.agent), did: writes ? 'wrote' : 'read', place: this.#names.place(Number(event.address), event.name), why }, { first: { id: first.id, site: first.site }, second, missing });
  }
}
