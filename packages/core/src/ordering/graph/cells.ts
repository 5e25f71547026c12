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

/** Places of different regions never overlap: RAM, each device's registers, each interrupt vector. */
export const regionOf = (place: Place): string => (place.space === 'ram' ? '' : place.space === 'irq' ? `irq:${place.owner}/${place.address}` : `mmio:${place.owner}`);

export class Cells {
  #cells: Cell[] = [];
  readonly #boundaries = new Map<string, number[]>();
  readonly #cache = new Map<string, Map<number, readonly Cell[]>>();
  readonly #initial: InitialState;
  readonly #big: boolean;

  constructor(initial: InitialState, endian: 'little' | 'big') {
    this.#initial = initial;
    this.#big = endian === 'big';
  }

  get count(): number {
    return this.#cells.length;
  }

  /** @throws Split when the cut had to become finer; cells found before are void then */
  of(place: Place): readonly Cell[] {
    const region = regionOf(place);
    let cache = this.#cache.get(region);
    if (cache === undefined) this.#cache.set(region, (cache = new Map()));
    const key = place.address * 16 + place.size;
    const known = cache.get(key);
    if (known !== undefined) return known;
    const found = this.#cut(region, place.address, place.address + place.size);
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
    if (cell.region !== '') {
      const owner = cell.region.slice(cell.region.indexOf(':') + 1);
      return cell.region.startsWith('mmio:') ? (this.#initial.registers.get(owner)?.get(cell.address) ?? 0) : 0;
    }
    let raw = 0n;
    for (let i = 0; i < cell.size; i += 1) {
      const at = cell.address + (this.#big ? i : cell.size - 1 - i);
      raw = (raw << 8n) | BigInt(this.#initial.ram.get(Math.floor(at / PAGE_BYTES))?.[at % PAGE_BYTES] ?? 0);
    }
    return cell.size <= 4 ? Number(raw) : raw;
  }

  #shift(address: number, size: Size, cell: Cell): bigint {
    return BigInt(8 * (this.#big ? address + size - cell.address - cell.size : cell.address - address));
  }

  #cut(region: string, from: number, to: number): Cell[] {
    let bounds = this.#boundaries.get(region);
    if (bounds === undefined) this.#boundaries.set(region, (bounds = []));
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
      const cuts = [cell.address, ...(this.#boundaries.get(cell.region) ?? []).filter((b) => b > cell.address && b < cell.address + cell.size), cell.address + cell.size];
      for (let i = 0; i + 1 < cuts.length; i += 1) this.#make(cell.region, cuts[i] ?? 0, (cuts[i + 1] ?? 0) - (cuts[i] ?? 0));
    }
  }
}
