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

  /** @param ram pairs of base and size; everything else refuses access. Without ranges, all is RAM */
  constructor(ram: readonly (readonly [bigint, bigint])[] = []) {
    this.#ranges = ram;
  }

  /** Bytes that refuse access, and bytes that read as corrupt. */
  damage(denied: readonly bigint[], corrupt: readonly bigint[]): void {
    this.#denied = byFrame(denied);
    this.#corrupt = byFrame(corrupt);
  }

  load(frame: number, offset: number, bytes: number): AccessStatus {
    return this.#read('read', frame, offset, bytes);
  }

  reload(frame: number, offset: number, bytes: number): AccessStatus {
    return this.#read('atomic', frame, offset, bytes);
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
    const status = this.#check(frame, offset, bytes, true);
    this.log?.push({ kind, address: addressOf(frame, offset), bytes, status });
    const words = this.#frames.get(frame);
    for (let i = 0; i < bytes / 4; i += 1) this.data[i] = words === undefined || status === 'denied' ? 0 : (words[offset / 4 + i] ?? 0);
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
