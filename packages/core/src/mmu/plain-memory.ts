// SPDX-License-Identifier: Apache-2.0
/**
 * Memory without agents: sparse frames, RAM ranges, and bytes that refuse
 * access or come back corrupt. What walkers are tested on.
 */
import type { AccessStatus, TablePort } from './port.ts';
import { addressOf, highOf, lowOf, wordOf } from './word.ts';

/** One access as a logic analyser would list it. */
export interface LoggedAccess {
  readonly kind: 'read' | 'write' | 'atomic';
  readonly address: bigint;
  readonly bytes: number;
  readonly status: AccessStatus;
}

const LATE = 1024;

export class PlainMemory implements TablePort {
  readonly data = new Uint32Array(16);
  /** Set to an array to keep a list of accesses. */
  log: LoggedAccess[] | null = null;
  readonly #frames = new Map<number, Uint32Array>();
  readonly #ranges: readonly (readonly [bigint, bigint])[];
  /** Offsets of bytes that refuse or are corrupt, by frame. */
  #denied: ReadonlyMap<number, readonly number[]> = new Map();
  #corrupt: ReadonlyMap<number, readonly number[]> = new Map();
  readonly #changed = new Set<bigint>();
  /** Frames found lately, by their low bits: a hash of a large number costs more than a table read. */
  readonly #lateFrames = new Float64Array(LATE).fill(-1);
  readonly #lateWords: (Uint32Array | undefined)[] = new Array<Uint32Array | undefined>(LATE).fill(undefined);
  /** Neither ranges nor damage: nothing is ever refused. */
  #flawless: boolean;

  /** @param ram pairs of base and size; everything else refuses access. Without ranges, all is RAM */
  constructor(ram: readonly (readonly [bigint, bigint])[] = []) {
    this.#ranges = ram;
    this.#flawless = ram.length === 0;
  }

  /** Bytes that refuse access, and bytes that read as corrupt. */
  damage(denied: readonly bigint[], corrupt: readonly bigint[]): void {
    this.#denied = byFrame(denied);
    this.#corrupt = byFrame(corrupt);
    this.#flawless = this.#ranges.length === 0 && denied.length === 0 && corrupt.length === 0;
  }

  load(frame: number, offset: number, bytes: number): AccessStatus {
    return this.#read('read', frame, offset, bytes);
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
    this.log?.push({ kind: 'write', address: addressOf(frame, offset), bytes, status });
    if (status !== 'ok') return status;
    const words = this.#frame(frame);
    for (let i = 0; i < bytes / 4; i += 1) words[offset / 4 + i] = this.data[i] ?? 0;
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
    const words = this.#frames.get(Number(address >> 12n));
    const at = Number(address & 0xff8n) / 4;
    return words === undefined ? 0n : wordOf(words[at] ?? 0, words[at + 1] ?? 0);
  }

  /** Sets a 64-bit word as software would; it counts as no access. */
  poke(address: bigint, word: bigint): void {
    const words = this.#frame(Number(address >> 12n));
    const at = Number(address & 0xff8n) / 4;
    words[at] = lowOf(word);
    words[at + 1] = highOf(word);
  }

  #read(kind: 'read' | 'atomic', frame: number, offset: number, bytes: number): AccessStatus {
    const status = this.#flawless ? 'ok' : this.#check(frame, offset, bytes, true);
    if (this.log !== null) this.log.push({ kind, address: addressOf(frame, offset), bytes, status });
    const { data } = this;
    const words = status === 'denied' ? undefined : this.#find(frame);
    const from = offset >>> 2;
    const count = bytes >>> 2;
    if (words === undefined) data.fill(0, 0, count);
    else for (let i = 0; i < count; i += 1) data[i] = words[from + i] ?? 0;
    return status;
  }

  #find(frame: number): Uint32Array | undefined {
    const slot = frame < 0x8000_0000 ? frame & (LATE - 1) : (frame % LATE) | 0;
    if (this.#lateFrames[slot] === frame) return this.#lateWords[slot];
    const words = this.#frames.get(frame);
    if (words !== undefined) {
      this.#lateFrames[slot] = frame;
      this.#lateWords[slot] = words;
    }
    return words;
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

  #frame(frame: number): Uint32Array {
    let words = this.#frames.get(frame);
    if (words === undefined) {
      words = new Uint32Array(1024);
      this.#frames.set(frame, words);
    }
    return words;
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
