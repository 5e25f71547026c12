// SPDX-License-Identifier: Apache-2.0
/**
 * XO4 … XO7: what goes wrong between cache lines and a device that does not
 * snoop them. The rules follow lines byte by byte: which of them the CPU
 * changed, and which the device wrote in memory since the line was filled.
 */
import type { EventOf, Site } from '@dmalab/core/base/events';
import { NO_HALF, whereText, type Findings, type Half } from './finding.ts';
import { deviceOwns, isCoherent, type Mappings } from './mappings.ts';
import type { Message } from './messages.ts';
import type { Names } from './names.ts';

interface Line {
  filled: number;
  /** The CPU's newest write to each byte that memory has not got. */
  readonly dirty: Map<number, Message>;
}
interface DeviceWrite extends Half {
  readonly agent: string;
}

export class LineRules {
  readonly #mappings: Mappings;
  readonly #names: Names;
  readonly #findings: Findings;
  readonly #blamed: ReadonlySet<number>;
  #lineSize = 64;
  #coherent = true;
  readonly #lines = new Map<number, Line>();
  /** The device's newest write to each byte of memory. */
  readonly #written = new Map<number, DeviceWrite>();
  #lastDoorbell: { readonly device: string; readonly register: string; readonly half: Half } | null = null;

  constructor(mappings: Mappings, names: Names, findings: Findings, blamed: ReadonlySet<number>) {
    this.#mappings = mappings;
    this.#names = names;
    this.#findings = findings;
    this.#blamed = blamed;
  }

  machine(coherent: boolean, lineSize: number): void {
    this.#coherent = coherent;
    if (lineSize > 0) this.#lineSize = lineSize;
  }

  /** Whether an access goes through a line, so that the cache decides what it sees. */
  cached(address: number, size: number): boolean {
    if (this.#coherent || this.#uncached(address)) return false;
    for (let line = this.#lineOf(address); line < address + size; line += this.#lineSize) if (this.#lines.has(line)) return true;
    return false;
  }

  doorbell(event: EventOf<'mmio-write'>): void {
    this.#lastDoorbell = { device: event.device, register: event.register, half: { id: event.id, site: event.site } };
  }

  fill(event: EventOf<'line-fill'>): void {
    if (!this.#lines.has(Number(event.line))) this.#lines.set(Number(event.line), { filled: event.id, dirty: new Map() });
  }

  /** A CPU's write reached the coherent domain: a line if one is there, memory if not. */
  drained(message: Message): void {
    if (this.#coherent) return;
    const line = this.#uncached(message.address) ? undefined : this.#lines.get(this.#lineOf(message.address));
    for (let i = 0; i < message.size; i += 1) {
      if (line === undefined) this.#written.delete(message.address + i);
      else line.dirty.set(message.address + i, message);
    }
  }

  deviceWrite(event: EventOf<'write'> | EventOf<'rmw'>): void {
    if (this.#coherent) return;
    for (let i = 0; i < event.size; i += 1) this.#written.set(Number(event.address) + i, { id: event.id, site: null, agent: event.agent });
  }

  /** XO4: memory still lacks what the CPU wrote. */
  deviceRead(event: EventOf<'load'> | EventOf<'rmw'>): void {
    if (this.#coherent) return;
    const address = Number(event.address);
    for (let i = 0; i < event.size; i += 1) {
      const write = this.#lines.get(this.#lineOf(address + i))?.dirty.get(address + i);
      if (write === undefined || this.#blamed.has(write.id)) continue;
      const first: Half = { id: write.id, site: write.site };
      const bell = this.#lastDoorbell;
      const second: Half = bell === null ? { id: event.id, site: null } : bell.half;
      const mapped = this.#mappings.over(address + i, 1).length > 0;
      this.#findings.add(
        'XO4', whereText(first), event.id,
        { device: this.#names.agent(event.agent), agent: this.#names.agent(write.agent), where: whereText(first), until: bell === null ? `step ${event.id}` : bell.half.site === null ? `the write of ${bell.register}` : `${bell.register} at ${whereText(bell.half)}` },
        { first, second, missing: mapped ? 'dma_sync_single_for_device' : 'dma_map_single', detail: { read: event.id } },
      );
      return;
    }
  }

  /** XO5: the line is older than what the device wrote. */
  cpuRead(event: EventOf<'load'>): void {
    const address = Number(event.address);
    if (this.#coherent || event.forwarded || this.#uncached(address)) return;
    for (let i = 0; i < event.size; i += 1) {
      const line = this.#lines.get(this.#lineOf(address + i));
      const written = this.#written.get(address + i);
      if (line === undefined || written === undefined || written.id < line.filled || line.dirty.has(address + i)) continue;
      // While the device owns it, the access itself is the mistake (XO1).
      if (this.#mappings.over(address + i, 1).some((m) => deviceOwns(m, address + i, 1))) continue;
      const second: Half = { id: event.id, site: event.site };
      const mapping = this.#mappings.over(address + i, 1)[0];
      this.#findings.add(
        'XO5', second.site === null ? String(this.#lineOf(address)) : whereText(second), event.id,
        { agent: this.#names.agent(event.agent), place: this.#names.place(address, event.name), device: this.#names.agent(written.agent) },
        { first: { id: written.id, site: mapping?.site ?? null }, second, missing: 'dma_sync_single_for_cpu', detail: { filled: line.filled } },
      );
      return;
    }
  }

  /** XO6, XO7: the whole line goes to memory, also over what the device wrote there. */
  writeBack(event: EventOf<'line-writeback'>): void {
    const at = Number(event.line);
    const line = this.#lines.get(at);
    if (line === undefined) return;
    const culprits = [...line.dirty.values()].sort((a, b) => a.id - b.id);
    for (let address = at; address < at + this.#lineSize; address += 1) {
      const written = this.#written.get(address);
      if (written === undefined || written.id < line.filled) continue;
      const cause = culprits[0];
      if (cause !== undefined) this.#overwritten(event.id, written, address, culprits, cause);
      break;
    }
    for (let address = at; address < at + this.#lineSize; address += 1) if ((this.#written.get(address)?.id ?? 0) > line.filled) this.#written.delete(address);
    line.dirty.clear();
  }

  drop(event: EventOf<'line-drop'>): void {
    const at = Number(event.line);
    const line = this.#lines.get(at);
    this.#lines.delete(at);
    if (line === undefined || !event.lostDirty) return;
    for (const [address, write] of [...line.dirty].sort((a, b) => a[0] - b[0])) {
      if (this.#lentOrJustBack(address)) continue;
      const device = this.#neighbour(at);
      const first: Half = { id: write.id, site: write.site };
      this.#findings.add(
        'XO7', `lost ${whereText(first)}`, event.id,
        { what: `What ${this.#names.agent(write.agent)} wrote at ${whereText(first)} is lost with its line`, place: this.#names.place(write.address, write.name), device: device === null ? 'a device' : this.#names.agent(device) },
        { first, second: { id: event.id, site: this.#neighbourSite(at) } },
      );
      return;
    }
  }

  #overwritten(step: number, written: DeviceWrite, address: number, culprits: readonly Message[], cause: Message): void {
    const outside = culprits.find((m) => !this.#lentOrJustBack(m.address));
    const device = this.#names.agent(written.agent);
    if (outside !== undefined) {
      const first: Half = { id: outside.id, site: outside.site };
      this.#findings.add(
        'XO7', `over ${whereText(first)}`, step,
        { what: `The line that ${this.#names.agent(outside.agent)} wrote at ${whereText(first)} went back to memory over what ${device} had put there`, place: this.#names.place(outside.address, outside.name), device },
        { first, second: { id: written.id, site: this.#mappings.over(address, 1)[0]?.site ?? null } },
      );
      return;
    }
    if (this.#blamed.has(cause.id)) return;
    const first: Half = { id: cause.id, site: cause.site };
    this.#findings.add('XO6', whereText(first), step, { agent: this.#names.agent(cause.agent), where: whereText(first), device }, { first, second: { id: written.id, site: null }, missing: 'dma_map_single' });
  }

  /** Coherent memory is reached past the lines, whatever lines its pages may still have. */
  #uncached(address: number): boolean {
    const allocation = this.#mappings.allocationOver(address, 1);
    return allocation !== undefined && isCoherent(allocation.what);
  }

  #lentOrJustBack(address: number): boolean {
    return this.#mappings.over(address, 1).length > 0 || this.#mappings.retired.some((r) => r.how === 'unmapped' && r.start <= address && address < r.end);
  }

  #neighbour(line: number): string | null {
    return this.#mappings.over(line, this.#lineSize)[0]?.device ?? this.#mappings.retired.findLast((r) => r.how === 'unmapped' && r.start < line + this.#lineSize && line < r.end)?.device ?? null;
  }
  #neighbourSite(line: number): Site | null {
    return (this.#mappings.over(line, this.#lineSize)[0] ?? this.#mappings.retired.findLast((r) => r.start < line + this.#lineSize && line < r.end) ?? NO_HALF).site;
  }
  #lineOf(address: number): number {
    return address - (address % this.#lineSize);
  }
}
