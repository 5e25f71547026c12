// SPDX-License-Identifier: Apache-2.0
/**
 * Memory cut into cells: the largest pieces that no access ever splits. Each
 * cell has a coherence order of its own; nearly every access is one cell. An
 * access that would split a cell in use throws `Split`: the exploration starts
 * over with the finer cut, which it keeps.
 */
import { Suspend, type Place, type Size, type Value } from '../../base/port.ts';
import { PAGE_BYTES, type InitialState } from '../../memory/initial.ts';

export class Split extends Suspend {}

export interface Cell {
  readonly index: number;
  readonly region: string;
  readonly address: number;
  readonly size: number;
}

/** Owner of a RAM place in the CPUs' copy of a cache line; memory's copy has none. */
export const CPU_COPY = 'lines';

/** Places of different regions never overlap: RAM, the CPUs' copy of it, each device's registers, each interrupt vector. */
export const regionOf = (place: Place): string => (place.space === 'ram' ? place.owner : place.space === 'irq' ? `irq:${place.owner}/${place.address}` : `mmio:${place.owner}`);

export class Cells {
  #cells: Cell[] = [];
  readonly #boundaries = new Map<string, number[]>();
  readonly #cache = new Map<string, Map<number, readonly Cell[]>>();
  readonly #initial: InitialState;
  readonly #big: boolean;
  /** `null` where devices are coherent. */
  readonly lines: HeldLines | null;

  constructor(initial: InitialState, endian: 'little' | 'big', lineSize = 0) {
    this.#initial = initial;
    this.#big = endian === 'big';
    this.lines = lineSize === 0 ? null : new HeldLines(lineSize, initial);
  }

  /** The same bytes in the other copy of a line that CPUs hold and a device uses. */
  twin(cell: Cell): Cell | null {
    if (this.lines === null || (cell.region !== '' && cell.region !== CPU_COPY) || !this.lines.held(this.lines.lineOf(cell.address))) return null;
    const region = cell.region === '' ? CPU_COPY : '';
    return this.#cells.find((other) => other.region === region && other.address === cell.address && other.size === cell.size) ?? null;
  }

  /** Both copies' cells of a line. */
  ofLine(line: number): Cell[] {
    const size = this.lines?.size ?? 0;
    return this.#cells.filter((cell) => (cell.region === '' || cell.region === CPU_COPY) && cell.address >= line && cell.address < line + size);
  }

  get count(): number {
    return this.#cells.length;
  }

  /** @throws Split when the cut had to become finer; cells found before are void then */
  of(place: Place): readonly Cell[] {
    const region = regionOf(place);
    let cache = this.#cache.get(region);
    if (cache === undefined) this.#cache.set(region, (cache = new Map()));
    const held = this.lines !== null && (region === '' || region === CPU_COPY) && this.lines.held(this.lines.lineOf(place.address));
    const key = place.address * 32 + place.size * 2 + Number(held);
    const known = cache.get(key);
    if (known !== undefined) return known;
    const found = this.#cut(region, place.address, place.address + place.size);
    // Both copies of a line are cut alike.
    if (held) this.#cut(region === '' ? CPU_COPY : '', place.address, place.address + place.size);
    cache.set(key, found);
    return found;
  }

  /** Bytes `[cell]` of a value stored at `place`. */
  part(place: Place, value: Value, cell: Cell): Value {
    if (cell.size === place.size) return value;
    const at = this.#shift(place.address, place.size, cell);
    return BigInt.asUintN(8 * cell.size, BigInt(value) >> at);
  }

  /** The value of a whole place from the values of its cells. */
  join(place: Place, cells: readonly Cell[], values: readonly Value[]): Value {
    let raw = 0n;
    if (cells.length === 1) {
      const only = values[0] ?? 0;
      if (typeof only === 'bigint' === (place.size === 8)) return only;
      raw = BigInt(only);
    } else {
      cells.forEach((cell, i) => {
        raw |= BigInt(values[i] ?? 0) << this.#shift(place.address, place.size, cell);
      });
    }
    return place.size === 8 ? raw : Number(raw);
  }

  /** What the cell holds before the execution. */
  initial(cell: Cell): Value {
    if (cell.region !== '' && cell.region !== CPU_COPY) {
      const owner = cell.region.slice(cell.region.indexOf(':') + 1);
      return cell.region.startsWith('mmio:') ? (this.#initial.registers.get(owner)?.get(cell.address) ?? 0) : 0;
    }
    let raw = 0n;
    const line = this.lines?.initially(cell) ?? null;
    for (let i = 0; i < cell.size; i += 1) {
      const at = cell.address + (this.#big ? i : cell.size - 1 - i);
      raw = (raw << 8n) | BigInt((line === null ? this.#initial.ram.get(Math.floor(at / PAGE_BYTES))?.[at % PAGE_BYTES] : line.bytes[at - line.line]) ?? 0);
    }
    return cell.size <= 4 ? Number(raw) : raw;
  }

  #shift(address: number, size: Size, cell: Cell): bigint {
    return BigInt(8 * (this.#big ? address + size - cell.address - cell.size : cell.address - address));
  }

  #cut(region: string, from: number, to: number): Cell[] {
    let bounds = this.#boundaries.get(boundsOf(region));
    if (bounds === undefined) this.#boundaries.set(boundsOf(region), (bounds = []));
    const covering = this.#cells.filter((c) => c.region === region && c.address < to && from < c.address + c.size);
    const splits = covering.some((c) => c.address < from || c.address + c.size > to);
    for (const at of [from, to]) if (!bounds.includes(at)) bounds.push(at);
    bounds.sort((x, y) => x - y);
    if (splits) {
      this.#recut();
      throw new Split('cells became finer');
    }
    const out: Cell[] = [];
    let at = from;
    for (const cell of [...covering.sort((x, y) => x.address - y.address), null]) {
      const gap = cell === null ? to : cell.address;
      if (at < gap) out.push(this.#make(region, at, gap - at));
      if (cell === null) break;
      out.push(cell);
      at = cell.address + cell.size;
    }
    return out;
  }

  #make(region: string, address: number, size: number): Cell {
    const cell: Cell = { index: this.#cells.length, region, address, size };
    this.#cells.push(cell);
    return cell;
  }

  /** All cells again, cut at every boundary met so far. */
  #recut(): void {
    const old = this.#cells;
    this.#cells = [];
    this.#cache.clear();
    for (const cell of old) {
      const cuts = [cell.address, ...(this.#boundaries.get(boundsOf(cell.region)) ?? []).filter((b) => b > cell.address && b < cell.address + cell.size), cell.address + cell.size];
      for (let i = 0; i + 1 < cuts.length; i += 1) this.#make(cell.region, cuts[i] ?? 0, (cuts[i + 1] ?? 0) - (cuts[i] ?? 0));
    }
  }
}

const boundsOf = (region: string): string => (region === CPU_COPY ? '' : region);

/**
 * Which lines have two copies that may differ: those that a device uses or the kernel maintains, learnt as the search goes. RAM
 * that only CPUs use is one memory to them, lines or not.
 */
export class HeldLines {
  readonly size: number;
  readonly #initial: ReadonlyMap<number, NonNullable<InitialState['lines']>[number]>;
  readonly #shared = new Set<number>();
  readonly #cached = new Set<number>();
  readonly #uncached = new Set<number>();
  #spent = 0;

  constructor(size: number, initial: InitialState) {
    this.size = size;
    this.#initial = new Map((initial.lines ?? []).map((line) => [line.line, line]));
  }

  /** Counts the work that lines make. */
  spend(): number {
    this.#spent += 1;
    return this.#spent;
  }
  lineOf(address: number): number {
    return address - (address % this.size);
  }
  held(line: number): boolean {
    return this.#shared.has(line) && !this.#uncached.has(line);
  }
  /** As an earlier run left it. */
  left(line: number): NonNullable<InitialState['lines']>[number] | null {
    return this.#initial.get(line) ?? null;
  }

  /** The line that holds a cell's bytes at the start, if it is not memory. */
  initially(cell: Cell): NonNullable<InitialState['lines']>[number] | null {
    const line = this.lineOf(cell.address);
    const copies = this.held(line);
    return (copies ? cell.region === CPU_COPY : !this.#uncached.has(line)) ? this.left(line) : null;
  }

  /** Somebody uses a line. @throws Split when that changes what its cells mean; a word why not, where it has no meaning here */
  use(address: number, how: 'shared' | 'cached' | 'uncached'): string {
    const line = this.lineOf(address);
    const set = how === 'shared' ? this.#shared : how === 'cached' ? this.#cached : this.#uncached;
    if (set.has(line)) return '';
    set.add(line);
    if (this.#cached.has(line) && this.#uncached.has(line)) return 'a line is used through the cache and past it';
    if (how !== 'cached') throw new Split('a line has other copies than was thought');
    return '';
  }
}
