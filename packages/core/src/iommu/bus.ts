// SPDX-License-Identifier: Apache-2.0
/**
 * The unit's way to memory: the limit of physical addresses, byte order, and
 * the account of each access for whoever watches. An address above the limit
 * is refused without an access.
 */
import type { AccessStatus, TablePort } from '../mmu/port.ts';
import { addressOf, swapBytes, wordOf } from '../mmu/word.ts';

/** One access of the unit, as it happens. */
export interface BusEvent {
  readonly kind: 'read' | 'write' | 'atomic';
  /** What was accessed: `device directory, level 1`, … */
  readonly what: string;
  readonly address: bigint;
  readonly bytes: number;
  /** 64-bit words in the structure's own byte order; a 4-byte entry gives one. */
  readonly words: readonly bigint[];
  /** They lie in memory the other way round. */
  readonly bigEndian: boolean;
  readonly status: AccessStatus;
}

export class Bus {
  readonly data: Uint32Array;
  /** Called on every access; null costs nothing. */
  watch: ((event: BusEvent) => void) | null = null;
  readonly #port: TablePort;
  readonly #frames: number;
  /** The port wants to know what its accesses are to. */
  readonly #names: boolean;

  constructor(port: TablePort, addressBits: number) {
    this.#port = port;
    this.data = port.data;
    this.#names = port.named !== undefined;
    this.#frames = 2 ** Math.max(0, addressBits - 12);
  }

  load(what: string, frame: number, offset: number, bytes: number, bigEndian: boolean): AccessStatus {
    if (frame >= this.#frames) return 'denied';
    if (this.#names) this.#port.named?.(what);
    const status = this.#port.load(frame, offset, bytes);
    if (bigEndian) this.#swap(bytes);
    if (this.watch !== null) this.#tell('read', what, frame, offset, bytes, bigEndian, status);
    return status;
  }

  /** Sets bits in the low half of an entry, atomically, if it still holds what was read. */
  mark(what: string, frame: number, offset: number, bytes: number, bigEndian: boolean, low: number, high: number, bits: number): AccessStatus | 'changed' {
    return this.exchange(what, frame, offset, bytes, bigEndian, low, high, low | bits);
  }

  /** Replaces the low half of an entry, atomically, if the entry still holds what was read. */
  exchange(what: string, frame: number, offset: number, bytes: number, bigEndian: boolean, low: number, high: number, newLow: number): AccessStatus | 'changed' {
    if (frame >= this.#frames) return 'denied';
    if (this.#names) this.#port.named?.(what);
    const set = newLow >>> 0;
    const status = !bigEndian
      ? this.#port.exchange(frame, offset, bytes, low, high, set, high)
      : bytes === 4
        ? this.#port.exchange(frame, offset, 4, swapBytes(low), 0, swapBytes(set), 0)
        : this.#port.exchange(frame, offset, 8, swapBytes(high), swapBytes(low), swapBytes(high), swapBytes(set));
    if (bigEndian) this.#swap(bytes);
    if (this.watch !== null) {
      this.#tell('atomic', what, frame, offset, bytes, bigEndian, status === 'changed' ? 'ok' : status);
      if (status === 'ok') this.watch({ kind: 'write', what, address: addressOf(frame, offset), bytes, words: [bytes === 4 ? BigInt(set) : wordOf(set, high)], bigEndian, status });
    }
    return status;
  }

  /** Writes what is in `data`. */
  store(what: string, frame: number, offset: number, bytes: number, bigEndian: boolean): AccessStatus {
    if (frame >= this.#frames) return 'denied';
    if (this.#names) this.#port.named?.(what);
    const words = this.watch === null ? [] : this.#words(bytes);
    if (bigEndian) this.#swap(bytes);
    const status = this.#port.store(frame, offset, bytes);
    this.watch?.({ kind: 'write', what, address: addressOf(frame, offset), bytes, words, bigEndian, status });
    return status;
  }

  /** Stores 64-bit words, or four bytes of one. */
  storeWords(what: string, frame: number, offset: number, bytes: number, bigEndian: boolean, words: readonly bigint[]): AccessStatus {
    words.forEach((word, i) => {
      this.data[2 * i] = Number(word & 0xffff_ffffn);
      this.data[2 * i + 1] = Number((word >> 32n) & 0xffff_ffffn);
    });
    return this.store(what, frame, offset, bytes, bigEndian);
  }

  #tell(kind: 'read' | 'atomic', what: string, frame: number, offset: number, bytes: number, bigEndian: boolean, status: AccessStatus): void {
    this.watch?.({ kind, what, address: addressOf(frame, offset), bytes, words: this.#words(bytes), bigEndian, status });
  }

  #words(bytes: number): bigint[] {
    if (bytes === 4) return [BigInt(this.data[0] ?? 0)];
    return Array.from({ length: bytes / 8 }, (_, i) => wordOf(this.data[2 * i] ?? 0, this.data[2 * i + 1] ?? 0));
  }

  /** Reverses the bytes of each 64-bit word, or of the one word of four bytes. */
  #swap(bytes: number): void {
    const d = this.data;
    if (bytes === 4) {
      d[0] = swapBytes(d[0] ?? 0);
      return;
    }
    for (let i = 0; i < bytes / 4; i += 2) {
      const low = swapBytes(d[i + 1] ?? 0);
      d[i + 1] = swapBytes(d[i] ?? 0);
      d[i] = low;
    }
  }
}
