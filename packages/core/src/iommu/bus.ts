// SPDX-License-Identifier: Apache-2.0
/**
 * The unit's way to memory: the limit of physical addresses, byte order, and
 * the account of each access for whoever watches. An address above the limit
 * is refused without an access.
 */
import type { AccessStatus, FlatMemory, TablePort } from '../mmu/port.ts';
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
  /** Resource and monitoring ids that go with the access; 0 where the unit has none. */
  readonly rcid: number;
  readonly mcid: number;
}

/** Keeps what was read as halves; the bigints are made for whoever looks. */
class Traced implements BusEvent {
  // Declared only, not defined: each of them would be written twice.
  declare readonly kind: BusEvent['kind'];
  declare readonly what: string;
  declare readonly bytes: number;
  declare readonly bigEndian: boolean;
  declare readonly status: AccessStatus;
  declare readonly rcid: number;
  declare readonly mcid: number;
  declare readonly frame: number;
  declare readonly offset: number;
  declare readonly low: number;
  declare readonly high: number;
  declare readonly rest: readonly number[] | null;

  constructor(kind: BusEvent['kind'], what: string, frame: number, offset: number, bytes: number, bigEndian: boolean, status: AccessStatus, data: Uint32Array, rcid: number, mcid: number) {
    this.kind = kind;
    this.what = what;
    this.bytes = bytes;
    this.bigEndian = bigEndian;
    this.status = status;
    this.rcid = rcid;
    this.mcid = mcid;
    this.frame = frame;
    this.offset = offset;
    this.low = (data[0] ?? 0) | 0;
    this.high = (data[1] ?? 0) | 0;
    this.rest = bytes <= 8 ? null : Array.from(data.subarray(2, bytes / 4));
  }

  get address(): bigint {
    return addressOf(this.frame, this.offset);
  }

  get words(): readonly bigint[] {
    if (this.bytes === 4) return [BigInt(this.low >>> 0)];
    const rest = this.rest ?? [];
    return [wordOf(this.low, this.high), ...Array.from({ length: rest.length / 2 }, (_, i) => wordOf(rest[2 * i] ?? 0, rest[2 * i + 1] ?? 0))];
  }
}

export class Bus {
  readonly data: Uint32Array;
  /** Called on every access; null costs nothing. */
  watch: ((event: BusEvent) => void) | null = null;
  /** Ids of the accesses that follow. */
  rcid = 0;
  mcid = 0;
  #ownRcid = 0;
  #ownMcid = 0;
  readonly #port: TablePort;
  readonly frames: number;
  /** Where the words of the last `fetch` are. */
  found: Uint32Array;
  /** The port wants to know what its accesses are to. */
  readonly #names: boolean;

  constructor(port: TablePort, addressBits: number) {
    this.#port = port;
    this.data = port.data;
    this.found = port.data;
    this.#names = port.named !== undefined;
    this.frames = 2 ** Math.max(0, addressBits - 12);
  }

  /** Accesses are the unit's own again, under these ids. */
  setOwn(rcid: number, mcid: number): void {
    this.#ownRcid = rcid;
    this.#ownMcid = mcid;
    this.asUnit();
  }

  asUnit(): void {
    this.rcid = this.#ownRcid;
    this.mcid = this.#ownMcid;
  }

  /** Accesses are made for a device. */
  asDevice(rcid: number, mcid: number): void {
    this.rcid = rcid;
    this.mcid = mcid;
  }

  /** Memory where a read is no event for anybody, or null. Little-endian. Frames from `frames` on are not there. */
  get flat(): FlatMemory | null {
    return this.watch === null ? (this.#port.flat ?? null) : null;
  }

  /**
   * Reads a structure, in place where that is possible: its words then lie in `found` from the index on that is returned,
   * until the next access. -1: denied, -2: corrupt.
   */
  fetch(what: string, frame: number, offset: number, bytes: number, bigEndian: boolean): number {
    const flat = bigEndian || frame >= this.frames ? null : this.flat;
    const at = flat === null ? -1 : flat.wordsOf(frame);
    if (flat !== null && at >= 0) {
      const { words } = flat;
      if (this.found !== words) this.found = words;
      return at + (offset >>> 2);
    }
    this.found = this.data;
    const status = this.load(what, frame, offset, bytes, bigEndian);
    return status === 'ok' ? 0 : status === 'denied' ? -1 : -2;
  }

  load(what: string, frame: number, offset: number, bytes: number, bigEndian: boolean): AccessStatus {
    if (frame >= this.frames) return 'denied';
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
    if (frame >= this.frames) return 'denied';
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
      if (status === 'ok') this.watch(new Traced('write', what, frame, offset, bytes, bigEndian, status, Uint32Array.of(set, high), this.rcid, this.mcid));
    }
    return status;
  }

  /** Writes what is in `data`. */
  store(what: string, frame: number, offset: number, bytes: number, bigEndian: boolean): AccessStatus {
    if (frame >= this.frames) return 'denied';
    if (this.#names) this.#port.named?.(what);
    const words = this.watch === null ? null : this.data.slice(0, bytes / 4);
    if (bigEndian) this.#swap(bytes);
    const status = this.#port.store(frame, offset, bytes);
    if (words !== null) this.watch?.(new Traced('write', what, frame, offset, bytes, bigEndian, status, words, this.rcid, this.mcid));
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

  #tell(kind: BusEvent['kind'], what: string, frame: number, offset: number, bytes: number, bigEndian: boolean, status: AccessStatus): void {
    this.watch?.(new Traced(kind, what, frame, offset, bytes, bigEndian, status, this.data, this.rcid, this.mcid));
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
