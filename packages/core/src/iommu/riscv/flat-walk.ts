// SPDX-License-Identifier: Apache-2.0
/**
 * The common walk, fast: tables in an array that nobody watches, entries that
 * masks decide. It refuses nothing, sets no bit and remembers no pointer: it
 * either arrives, or says that the walk has to be done at length, from its start.
 */
import type { QuickMasks, TableFormat } from '../../mmu/format.ts';
import { POINTER_BITS, POINTER_MASK } from '../../mmu/formats/riscv.ts';
import type { FlatMemory } from '../../mmu/port.ts';
import { frameOf } from '../../mmu/word.ts';
import type { Space } from './space.ts';

const NOWHERE = -1;

export class FlatWalk {
  /** What was reached, and the leaf of the second stage and what it maps. */
  frame = 0;
  low = 0;
  high = 0;
  span = 12;
  /** The first stage: what it reached, its leaf, the size of that, and the bits of all pointers above. */
  guest = 0;
  firstLow = 0;
  firstSpan = 12;
  inherited = 0;
  /** Frames from here on are not there. */
  readonly #limit: number;
  /** The second stage as it is walked now. */
  #root = 0;
  #top = 0;
  #reserved = 0;
  #inputs = 0;

  constructor(limit: number) {
    this.#limit = Math.min(limit, 0x7fff_ffff);
  }

  /** Both stages. @param through how tables of the first are read in the second */
  both(flat: FlatMemory, space: Space, low: number, high: number, access: number, through: number): boolean {
    const { first, second } = space;
    const quick = second === 'bare' ? undefined : second.quick;
    if (second !== 'bare' && (quick === undefined || !this.#prepare(space, second, quick))) return false;
    if (first === 'bare') this.guest = frameOf(low, high);
    else if (!this.#first(flat, space, first, quick, low, high, access, through)) return false;
    this.frame = quick === undefined ? this.guest : this.#arrive(flat, quick, this.guest, access);
    return this.frame >= 0;
  }

  /** The second stage alone. */
  second(flat: FlatMemory, space: Space, format: TableFormat, frame: number, access: number): boolean {
    const { quick } = format;
    if (quick === undefined || !this.#prepare(space, format, quick)) return false;
    this.frame = this.#arrive(flat, quick, frame, access);
    return this.frame >= 0;
  }

  #arrive(flat: FlatMemory, quick: QuickMasks, frame: number, access: number): number {
    return this.#walk(flat, flat.words, frame, quick.leafMask[access] ?? 0, quick.leafBits[access] ?? -1);
  }

  #first(flat: FlatMemory, space: Space, format: TableFormat, second: QuickMasks | undefined, low: number, high: number, access: number, through: number): boolean {
    const { quick } = format;
    const sign = (high | 0) >> (format.inputBits - 33);
    if (quick === undefined || space.firstBig || (sign !== 0 && sign !== -1)) return false;
    const { words } = flat;
    const reserved = quick.high;
    const tableMask = second?.leafMask[through] ?? 0;
    const tableBits = second?.leafBits[through] ?? -1;
    let table = space.firstRoot;
    let inherited = 0;
    for (let level = format.levels - 1; ; level -= 1) {
      const at = second === undefined ? table : this.#walk(flat, words, table, tableMask, tableBits);
      if (at < 0 || at >= this.#limit) return false;
      const shift = 12 + 9 * level;
      const index = (shift < 32 ? (low >>> shift) | (high << (32 - shift)) : high >>> (shift - 32)) & 0x1ff;
      const place = flat.wordsOf(at);
      if (place < 0) return false;
      const word = place + (index << 1);
      const entryLow = (words[word] ?? 0) | 0;
      const entryHigh = (words[word + 1] ?? 0) | 0;
      if ((entryHigh & reserved) !== 0) return false;
      const target = (entryLow >>> 10) | (entryHigh << 22);
      if (level > 0) {
        if ((entryLow & POINTER_MASK) === POINTER_BITS) {
          table = target;
          inherited |= entryLow;
          continue;
        }
        if (level > 2 || (target & ((1 << (shift - 12)) - 1)) !== 0) return false;
      }
      if ((entryLow & (quick.leafMask[access] ?? 0)) !== (quick.leafBits[access] ?? -1)) return false;
      this.firstLow = entryLow;
      this.firstSpan = shift;
      this.guest = target | (((high << 20) | (low >>> 12)) & ((1 << (9 * level)) - 1));
      this.inherited = inherited;
      return true;
    }
  }

  #prepare(space: Space, format: TableFormat, quick: QuickMasks): boolean {
    this.#root = space.secondRoot;
    this.#top = format.levels - 1;
    this.#reserved = quick.high;
    this.#inputs = quick.frames;
    return !space.secondBig && !space.sxl;
  }

  /** Through the second stage as it was prepared. Returns the frame, or -1. */
  #walk(flat: FlatMemory, words: Uint32Array, frame: number, leafMask: number, leafBits: number): number {
    if (frame >= this.#inputs) return NOWHERE;
    const reserved = this.#reserved;
    let shift = 9 * this.#top;
    // The index of a root has two bits more, for its four frames. Frames below 2^31 have none at the fifth level.
    let index = shift > 31 ? 0 : frame >>> shift;
    let at = this.#root + (index >>> 9);
    for (;;) {
      if (at >= this.#limit) return NOWHERE;
      const place = flat.wordsOf(at);
      if (place < 0) return NOWHERE;
      const word = place + ((index & 0x1ff) << 1);
      const entryHigh = (words[word + 1] ?? 0) | 0;
      if ((entryHigh & reserved) !== 0) return NOWHERE;
      const entryLow = (words[word] ?? 0) | 0;
      const target = (entryLow >>> 10) | (entryHigh << 22);
      if (shift > 0 && (entryLow & POINTER_MASK) === POINTER_BITS) {
        shift -= 9;
        index = frame >>> shift;
        at = target;
        continue;
      }
      const inside = shift > 30 ? -1 : (1 << shift) - 1;
      if ((entryLow & leafMask) !== leafBits || (target & inside) !== 0) return NOWHERE;
      this.low = entryLow;
      this.high = entryHigh;
      this.span = 12 + shift;
      return target | (frame & inside);
    }
  }
}
