// SPDX-License-Identifier: Apache-2.0
/**
 * DD01 … DD23: what Linux's CONFIG_DMA_API_DEBUG reports about the calls of
 * one driver, judged from the calls alone (kernel/dma/debug.c, 6.12).
 */
import { addressText } from '@dmalab/core/base/format';
import type { EventOf } from '@dmalab/core/base/events';
import { whereText, type Findings, type Half, NO_HALF } from './finding.ts';
import { giveToCpu, giveToDevice, isCoherent, type Lent, type Mappings } from './mappings.ts';
import type { Names } from './names.ts';

const MAPPING_ERROR = 0xffff_ffff_ffff_ffffn;

interface Given extends Half {
  readonly device: string;
  readonly dma: bigint;
}

export class DmaDebugRules {
  readonly #mappings: Mappings;
  readonly #names: Names;
  readonly #findings: Findings;
  #lineSize = 64;
  /** What was unmapped or freed last, to tell a second time from a wrong address. */
  #given: Given[] = [];

  constructor(mappings: Mappings, names: Names, findings: Findings) {
    this.#mappings = mappings;
    this.#names = names;
    this.#findings = findings;
  }

  machine(lineSize: number): void {
    if (lineSize > 0) this.#lineSize = lineSize;
  }

  map(event: EventOf<'map'>): void {
    if (event.error) return;
    const lent: Lent = { device: event.device, address: Number(event.address), dma: Number(event.dma), size: event.size, direction: event.direction, id: event.id, site: event.site, checked: false, cpuParts: [] };
    this.#overlap(event, lent);
    this.#mappings.lend(lent);
    this.#given = this.#given.filter((g) => g.device !== event.device || g.dma !== event.dma);
  }

  check(event: EventOf<'map-check'>): void {
    const lent = this.#mappings.at(event.device, Number(event.dma));
    if (lent !== undefined) lent.checked = true;
  }

  unmap(event: EventOf<'unmap'>): void {
    const second: Half = { id: event.id, site: event.site };
    const who = { agent: this.#names.agent(event.agent), device: this.#names.agent(event.device), dma: addressText(event.dma) };
    if (event.dma === MAPPING_ERROR) {
      this.#findings.add('DD01', whereText(second), event.id, who, { first: NO_HALF, second, missing: 'dma_mapping_error' });
      return;
    }
    const lent = this.#mappings.at(event.device, Number(event.dma));
    if (lent === undefined) {
      this.#unknown(event, second, who);
      return;
    }
    const first: Half = { id: lent.id, site: lent.site };
    if (lent.size !== event.size) this.#findings.add('DD03', whereText(second), event.id, { ...who, got: String(event.size), expected: String(lent.size) }, { first, second });
    if (lent.direction !== event.direction) this.#findings.add('DD07', whereText(second), event.id, { ...who, got: event.direction, expected: lent.direction }, { first, second });
    if (!lent.checked) this.#findings.add('DD08', whereText(first), event.id, who, { first, second, missing: 'dma_mapping_error' });
    this.#mappings.takeBack(lent, event.id, event.site);
    this.#given.push({ ...second, device: event.device, dma: event.dma });
  }

  alloc(event: EventOf<'alloc'>): void {
    this.#mappings.allocate({ what: event.what, address: Number(event.address), dma: Number(event.dma), size: event.size, id: event.id, site: event.site });
    this.#given = this.#given.filter((g) => g.dma !== event.dma);
  }

  free(event: EventOf<'free'>): void {
    const allocated = this.#mappings.allocated.findLast((a) => a.address === Number(event.address));
    const second: Half = { id: event.id, site: event.site };
    const who = { agent: this.#names.agent(event.agent), device: 'the device', dma: addressText(isCoherent(event.what) && event.dma !== 0n ? event.dma : event.address) };
    if (!isCoherent(event.what)) {
      if (allocated === undefined) return;
      const first: Half = { id: allocated.id, site: allocated.site };
      if (isCoherent(allocated.what)) this.#findings.add('DD04', whereText(second), event.id, { ...who, got: event.what, expected: allocated.what }, { first, second });
      this.#mappings.release(allocated, event.id, event.site);
      return;
    }
    const byDma = this.#mappings.allocated.findLast((a) => isCoherent(a.what) && BigInt(a.dma) === event.dma);
    if (allocated === undefined || !isCoherent(allocated.what)) {
      if (byDma !== undefined) {
        this.#findings.add('DD05', whereText(second), event.id, { ...who, got: addressText(event.address), expected: addressText(byDma.address) }, { first: { id: byDma.id, site: byDma.site }, second });
        this.#mappings.release(byDma, event.id, event.site);
      } else if (allocated !== undefined) {
        this.#findings.add('DD04', whereText(second), event.id, { ...who, got: event.what, expected: allocated.what }, { first: { id: allocated.id, site: allocated.site }, second });
      } else this.#unknown(event, second, who);
      return;
    }
    const first: Half = { id: allocated.id, site: allocated.site };
    if (BigInt(allocated.dma) !== event.dma) {
      if (byDma !== undefined) this.#findings.add('DD05', whereText(second), event.id, { ...who, got: addressText(event.address), expected: addressText(byDma.address) }, { first, second });
      else this.#findings.add('DD02', whereText(second), event.id, { ...who, why: `the memory at ${addressText(event.address)} has bus address ${addressText(allocated.dma)}` }, { first, second });
    }
    if (allocated.size !== event.size) this.#findings.add('DD03', whereText(second), event.id, { ...who, got: String(event.size), expected: String(allocated.size) }, { first, second });
    this.#mappings.release(allocated, event.id, event.site);
    this.#given.push({ ...second, device: '', dma: event.dma });
  }

  sync(event: EventOf<'sync'>): void {
    const dma = Number(event.dma);
    const lent = this.#mappings.containing(event.device, dma);
    const second: Half = { id: event.id, site: event.site };
    const who = { agent: this.#names.agent(event.agent), device: this.#names.agent(event.device), dma: addressText(event.dma) };
    if (lent === undefined) {
      this.#findings.add('DD13', whereText(second), event.id, who, { first: NO_HALF, second, missing: 'dma_map_single' });
      return;
    }
    const first: Half = { id: lent.id, site: lent.site };
    const left = lent.dma + lent.size - dma;
    if (event.size > left) this.#findings.add('DD14', whereText(second), event.id, { ...who, got: String(event.size), expected: `${left} bytes` }, { first, second });
    if (lent.direction === 'DMA_TO_DEVICE' && event.for === 'cpu' && event.direction !== 'DMA_TO_DEVICE') this.#findings.add('DD16', whereText(second), event.id, { ...who, got: event.direction }, { first, second });
    else if (lent.direction === 'DMA_FROM_DEVICE' && event.for === 'device' && event.direction !== 'DMA_FROM_DEVICE') this.#findings.add('DD17', whereText(second), event.id, { ...who, got: event.direction }, { first, second });
    else if (lent.direction !== 'DMA_BIDIRECTIONAL' && lent.direction !== event.direction) this.#findings.add('DD15', whereText(second), event.id, { ...who, got: event.direction, expected: lent.direction }, { first, second });
    const start = lent.address + (dma - lent.dma);
    const end = Math.min(start + event.size, lent.address + lent.size);
    if (event.for === 'cpu') giveToCpu(lent, start, end);
    else giveToDevice(lent, start, end);
  }

  /** The driver let its devices go: what they still hold is lost. */
  removed(agent: string, half: Half): void {
    const devices = [...new Set(this.#mappings.lent.map((m) => m.device))].sort();
    for (const device of devices) {
      const held = this.#mappings.lent.filter((m) => m.device === device);
      const example = held[0];
      if (example !== undefined) this.#leak(device, held.length === 1 ? '1 mapping' : `${held.length} mappings`, `${example.size} bytes mapped at ${whereText(example)}`, { id: example.id, site: example.site }, half);
    }
    const coherent = this.#mappings.allocated.filter((a) => isCoherent(a.what));
    const first = coherent[0];
    if (first !== undefined) this.#leak('', coherent.length === 1 ? '1 coherent allocation' : `${coherent.length} coherent allocations`, `${first.size} bytes allocated at ${whereText(first)}`, { id: first.id, site: first.site }, half, agent);
  }

  #leak(device: string, count: string, example: string, first: Half, second: Half, agent = ''): void {
    this.#findings.add('DD23', `${device} ${count}`, second.id, { device: device === '' ? 'a device' : this.#names.agent(device), count, example }, { first, second, missing: device === '' ? 'dma_free_coherent' : 'dma_unmap_single', detail: { agent } });
  }

  /** The first line of a mapping the device writes must not be in another such mapping. */
  #overlap(event: EventOf<'map'>, lent: Lent): void {
    if (lent.direction === 'DMA_TO_DEVICE') return;
    const line = Math.floor(lent.address / this.#lineSize);
    const other = this.#mappings.lent.find((m) => m.direction !== 'DMA_TO_DEVICE' && Math.floor(m.address / this.#lineSize) <= line && line <= Math.floor((m.address + m.size - 1) / this.#lineSize));
    if (other === undefined) return;
    const second: Half = { id: event.id, site: event.site };
    this.#findings.add('DD21', whereText(second), event.id, { agent: this.#names.agent(event.agent), size: String(lent.size), address: addressText(lent.address) }, { first: { id: other.id, site: other.site }, second });
  }

  #unknown(event: EventOf<'unmap'> | EventOf<'free'>, second: Half, who: Readonly<Record<string, string>>): void {
    const before = this.#given.findLast((g) => g.dma === event.dma && (event.kind === 'free' || g.device === event.device));
    const elsewhere = event.kind === 'unmap' ? this.#mappings.lent.find((m) => BigInt(m.dma) === event.dma) : undefined;
    const coherent = event.kind === 'unmap' ? this.#mappings.allocated.find((a) => isCoherent(a.what) && BigInt(a.dma) === event.dma) : undefined;
    if (coherent !== undefined) {
      this.#findings.add('DD04', whereText(second), event.id, { ...who, got: 'dma_unmap_single', expected: coherent.what }, { first: { id: coherent.id, site: coherent.site }, second });
      return;
    }
    const why = before !== undefined ? `it was given back at ${whereText(before)} already` : elsewhere !== undefined ? `it is mapped for ${this.#names.agent(elsewhere.device)}` : 'no mapping begins there';
    const first: Half = before ?? (elsewhere === undefined ? NO_HALF : { id: elsewhere.id, site: elsewhere.site });
    this.#findings.add('DD02', whereText(second), event.id, { ...who, why }, { first, second });
  }
}
