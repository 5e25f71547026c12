// SPDX-License-Identifier: Apache-2.0
/**
 * Bytes at addresses, each with the id of the event that put it there: memory
 * as a trace tells it. Sparse, in pages; copies share pages until one of them
 * writes, so that a keyframe costs next to nothing.
 */
import type { Value } from './port.ts';

const PAGE = 64;

interface Page {
  /** Who may write to it; others copy first. */
  owner: object;
  readonly bytes: Uint8Array;
  /** Event ids; 0 = initial content, -1 = never seen. */
  readonly by: Int32Array;
}

export interface Cell {
  readonly value: Value;
  /** The newest of the events that put its bytes there; 0 = initial content. */
  readonly by: number;
}

export class MemoryImage {
  #owner: object = {};
  readonly #pages: Map<number, Page>;

  constructor(from?: MemoryImage) {
    this.#pages = from === undefined ? new Map() : new Map(from.#pages);
    // Both now share every page, so neither may write to one without copying it.
    if (from !== undefined) from.#owner = {};
  }

  /** Little-endian, as every profile so far stores values. */
  write(address: number, size: number, value: Value, by: number): void {
    if (typeof value === 'number') {
      let rest = value;
      for (let i = 0; i < size; i += 1) {
        this.setByte(address + i, rest & 0xff, by);
        rest = Math.floor(rest / 256);
      }
      return;
    }
    let low = Number(value & 0xffff_ffffn);
    let high = Number((value >> 32n) & 0xffff_ffffn);
    for (let i = 0; i < size; i += 1) {
      this.setByte(address + i, (i < 4 ? low : high) & 0xff, by);
      if (i < 4) low >>>= 8;
      else high >>>= 8;
    }
  }

  setByte(address: number, byte: number, by: number): void {
    const page = this.#own(Math.floor(address / PAGE));
    const at = address % PAGE;
    page.bytes[at] = byte;
    page.by[at] = by;
  }

  /** What a load of initial content revealed; never hides what an event wrote. */
  reveal(address: number, size: number, value: Value): void {
    const raw = BigInt(value);
    for (let i = 0; i < size; i += 1) if (this.byAt(address + i) === -1) this.setByte(address + i, Number((raw >> BigInt(8 * i)) & 0xffn), 0);
  }

  byteAt(address: number): number {
    return this.#pages.get(Math.floor(address / PAGE))?.bytes[address % PAGE] ?? 0;
  }

  /** Event that put a byte there: 0 initial, -1 never seen. */
  byAt(address: number): number {
    return this.#pages.get(Math.floor(address / PAGE))?.by[address % PAGE] ?? -1;
  }

  /** A whole value, a bigint when 8 bytes; `null` while a byte of it was never seen. */
  read(address: number, size: number): Cell | null {
    let by = -1;
    let low = 0;
    let high = 0;
    for (let i = 0; i < size; i += 1) {
      const writer = this.byAt(address + i);
      if (writer === -1) return null;
      if (writer > by) by = writer;
      const byte = this.byteAt(address + i);
      if (i < 4) low += byte * 2 ** (8 * i);
      else high += byte * 2 ** (8 * (i - 4));
    }
    return { value: size === 8 ? (BigInt(high) << 32n) | BigInt(low) : low, by };
  }

  #own(index: number): Page {
    const page = this.#pages.get(index);
    if (page?.owner === this.#owner) return page;
    const mine: Page = { owner: this.#owner, bytes: page?.bytes.slice() ?? new Uint8Array(PAGE), by: page?.by.slice() ?? new Int32Array(PAGE).fill(-1) };
    this.#pages.set(index, mine);
    return mine;
  }
}
