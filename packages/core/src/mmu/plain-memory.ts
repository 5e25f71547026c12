// SPDX-License-Identifier: Apache-2.0
/**
 * Memory without agents: sparse frames, RAM ranges, and bytes that refuse
 * access or come back corrupt. What walkers are tested on.
 */
import type { AccessStatus, FlatMemory, TablePort } from './port.ts';
import { addressOf, highOf, lowOf, wordOf } from './word.ts';

/** One access as a logic analyser would list it. */
export interface LoggedAccess {
  readonly kind: 'read' | 'write' | 'atomic';
  readonly address: bigint;
  readonly bytes: number;
  readonly status: AccessStatus;
}

const WORDS = 1024;
/** Frames are kept in blocks of 16 neighbours, so that few places have to be remembered. */
const BLOCK = 16;
/** No block has it: the first place holds zeros, for all frames that nobody wrote. */
const EMPTY = 0;

export class PlainMemory implements TablePort, FlatMemory {
  readonly data = new Uint32Array(16);
  /** This, while nothing is refused and no list is kept. */
  flat: FlatMemory | null;
  #log: LoggedAccess[] | null = null;
  /** Index of each block's first word in `words`; blocks lie in the order of first writes. */
  readonly #blocks = new Map<number, number>();
  #words = new Uint32Array(4 * BLOCK * WORDS);
  readonly #ranges: readonly (readonly [bigint, bigint])[];
  /** Offsets of bytes that refuse or are corrupt, by frame. */
  #denied: ReadonlyMap<number, readonly number[]> = new Map();
  #corrupt: ReadonlyMap<number, readonly number[]> = new Map();
  readonly #changed = new Set<bigint>();
  /** Blocks found lately, by their low bits, each with its place: a hash costs more than a table read. */
  #late = new Int32Array(32).fill(-1);
  #lateMask = 15;
  /** Neither ranges nor damage: nothing is ever refused. */
  #flawless: boolean;

  /** @param ram pairs of base and size; everything else refuses access. Without ranges, all is RAM */
  constructor(ram: readonly (readonly [bigint, bigint])[] = []) {
    this.#ranges = ram;
    this.#flawless = ram.length === 0;
    this.flat = this.#flawless ? this : null;
  }

  /** Set to an array to keep a list of accesses. */
  get log(): LoggedAccess[] | null {
    return this.#log;
  }

  set log(list: LoggedAccess[] | null) {
    this.#log = list;
    this.flat = this.#flawless && list === null ? this : null;
  }

  /** Bytes that refuse access, and bytes that read as corrupt. */
  damage(denied: readonly bigint[], corrupt: readonly bigint[]): void {
    this.#denied = byFrame(denied);
    this.#corrupt = byFrame(corrupt);
    this.#flawless = this.#ranges.length === 0 && denied.length === 0 && corrupt.length === 0;
    this.flat = this.#flawless && this.#log === null ? this : null;
  }

  load(frame: number, offset: number, bytes: number): AccessStatus {
    const at = this.flat === null || bytes !== 8 ? -1 : this.wordsOf(frame);
    if (at < 0) return this.#read('read', frame, offset, bytes);
    this.data[0] = this.#words[at + (offset >>> 2)] ?? 0;
    this.data[1] = this.#words[at + (offset >>> 2) + 1] ?? 0;
    return 'ok';
  }

  exchange(frame: number, offset: number, bytes: number, low: number, high: number, newLow: number, newHigh: number): AccessStatus | 'changed' {
    const status = this.#read('atomic', frame, offset, bytes);
    if (status !== 'ok') return status;
    const { data } = this;
    const oldLow = data[0] ?? 0;
    const oldHigh = data[1] ?? 0;
    if (oldLow !== low >>> 0 || (bytes === 8 && oldHigh !== high >>> 0)) return 'changed';
    data[0] = newLow;
    data[1] = newHigh;
    const stored = this.store(frame, offset, bytes);
    data[0] = oldLow;
    data[1] = oldHigh;
    return stored;
  }

  store(frame: number, offset: number, bytes: number): AccessStatus {
    const status = this.#check(frame, offset, bytes, false);
    this.#log?.push({ kind: 'write', address: addressOf(frame, offset), bytes, status });
    if (status !== 'ok') return status;
    const at = this.#place(frame) + offset / 4;
    for (let i = 0; i < bytes / 4; i += 1) this.#words[at + i] = this.data[i] ?? 0;
    for (let at = offset & ~7; at < offset + bytes; at += 8) this.#changed.add(addressOf(frame, at));
    return status;
  }

  /** Addresses of the 64-bit words stored to since the last call, ascending. */
  takeChanged(): bigint[] {
    const out = [...this.#changed].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    this.#changed.clear();
    return out;
  }

  peek(address: bigint): bigint {
    const at = this.#find(Number(address >> 12n)) + Number(address & 0xff8n) / 4;
    return wordOf(this.#words[at] ?? 0, this.#words[at + 1] ?? 0);
  }

  /** Sets a 64-bit word as software would; it counts as no access. */
  poke(address: bigint, word: bigint): void {
    const at = this.#place(Number(address >> 12n)) + Number(address & 0xff8n) / 4;
    this.#words[at] = lowOf(word);
    this.#words[at + 1] = highOf(word);
  }

  /** Sets so many 64-bit words from there on, the lowest first: a structure. */
  put(address: bigint, raw: bigint, words: number): void {
    for (let i = 0; i < words; i += 1) this.poke(address + BigInt(8 * i), BigInt.asUintN(64, raw >> BigInt(64 * i)));
  }

  get words(): Uint32Array {
    return this.#words;
  }

  wordsOf(frame: number): number {
    const block = frame >>> 4;
    const late = (block & this.#lateMask) << 1;
    return frame <= 0x7fff_ffff && this.#late[late] === block ? (this.#late[late + 1] ?? 0) + ((frame & (BLOCK - 1)) << 10) : -1;
  }

  /** Index of the frame's first word, or of zeros. */
  #find(frame: number): number {
    const block = Math.floor(frame / BLOCK);
    const at = this.#blocks.get(block);
    if (at === undefined) return EMPTY;
    if (frame <= 0x7fff_ffff) {
      const late = (block & this.#lateMask) << 1;
      this.#late[late] = block;
      this.#late[late + 1] = at;
    }
    return at + (frame % BLOCK) * WORDS;
  }

  #read(kind: 'read' | 'atomic', frame: number, offset: number, bytes: number): AccessStatus {
    const status = this.#flawless ? 'ok' : this.#check(frame, offset, bytes, true);
    if (this.#log !== null) this.#log.push({ kind, address: addressOf(frame, offset), bytes, status });
    const { data } = this;
    const words = this.#words;
    const count = bytes >>> 2;
    if (status === 'denied') {
      data.fill(0, 0, count);
      return status;
    }
    const late = this.wordsOf(frame);
    const from = (late < 0 ? this.#find(frame) : late) + (offset >>> 2);
    data[0] = words[from] ?? 0;
    if (count > 1) data[1] = words[from + 1] ?? 0;
    for (let i = 2; i < count; i += 1) data[i] = words[from + i] ?? 0;
    return status;
  }

  #check(frame: number, offset: number, bytes: number, reads: boolean): AccessStatus {
    if (this.#ranges.length > 0) {
      const from = addressOf(frame, offset);
      if (!this.#ranges.some(([base, size]) => from >= base && from + BigInt(bytes) <= base + size)) return 'denied';
    }
    const covers = (at: number): boolean => at >= offset && at < offset + bytes;
    if (this.#denied.get(frame)?.some(covers) === true) return 'denied';
    return reads && this.#corrupt.get(frame)?.some(covers) === true ? 'corrupt' : 'ok';
  }

  /** Index of the frame's first word, which is made if there is none. */
  #place(frame: number): number {
    const known = this.#find(frame);
    if (known !== EMPTY) return known;
    const at = (this.#blocks.size + 1) * BLOCK * WORDS;
    if (at + BLOCK * WORDS > this.#words.length) this.#grow();
    this.#blocks.set(Math.floor(frame / BLOCK), at);
    return at + (frame % BLOCK) * WORDS;
  }

  #grow(): void {
    const words = new Uint32Array(2 * this.#words.length);
    words.set(this.#words);
    this.#words = words;
    const late = Math.max(16, (2 * words.length) / (BLOCK * WORDS));
    this.#late = new Int32Array(2 * late).fill(-1);
    this.#lateMask = late - 1;
  }
}

function byFrame(addresses: readonly bigint[]): Map<number, number[]> {
  const out = new Map<number, number[]>();
  for (const address of addresses) {
    const frame = Number(address >> 12n);
    out.set(frame, [...(out.get(frame) ?? []), Number(address & 0xfffn)]);
  }
  return out;
}
