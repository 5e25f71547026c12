// SPDX-License-Identifier: Apache-2.0
/**
 * The cache lines of a non-coherent profile: what the CPUs' side holds over
 * DRAM. CPUs are coherent with each other, so there is one set of lines for
 * all of them. Devices read and write DRAM and never see a line.
 *
 * A pure data structure without choices: whoever owns it decides when a line is
 * prefetched or evicted, which may be at any step. Each byte of a line
 * remembers who put it there (an opaque tag, such as a message or an event id),
 * and so does each byte of DRAM, through `Dram`.
 */

/** What lies under the cache. Addresses in bytes; `Tag` names who wrote a byte. */
export interface Dram<Tag> {
  byte(address: number): number;
  tag(address: number): Tag;
  /** A line comes back; only the bytes that the cache held. */
  write(address: number, byte: number, tag: Tag): void;
}

export type LineState = 'absent' | 'clean' | 'dirty';

/** Which edge behaviour an invalidate has where the range covers only part of a line. */
export type PartialLine = 'drop' | 'write-back';

interface Line<Tag> {
  readonly bytes: Uint8Array;
  readonly tags: Tag[];
  /** One flag a byte: which bytes the CPU changed. Hardware keeps one for the line; explanations need to know which. */
  readonly dirtyBytes: Uint8Array;
  dirty: boolean;
}

/** What an operation did to one line, for the trace. */
export interface LineEffect {
  /** Address of its first byte. */
  readonly line: number;
  readonly wroteBack: boolean;
  readonly dropped: boolean;
  /** Dropped although it was dirty: what the CPU wrote is gone. */
  readonly lostDirty: boolean;
}

const NOTHING = { wroteBack: false, dropped: false, lostDirty: false } as const;

export class CacheLines<Tag> {
  readonly lineSize: number;
  readonly #dram: Dram<Tag>;
  readonly #lines = new Map<number, Line<Tag>>();

  /** @param lineSize bytes, a power of two, at least 8 */
  constructor(lineSize: number, dram: Dram<Tag>) {
    if (!Number.isInteger(Math.log2(lineSize)) || lineSize < 8) throw new RangeError(`cache line of ${lineSize} bytes; expected a power of two of at least 8`);
    this.lineSize = lineSize;
    this.#dram = dram;
  }

  /** The line that holds an address, by its first byte. */
  lineOf(address: number): number {
    return address - (address % this.lineSize);
  }

  /** Lines that `[address, address + size)` touches, in order. */
  linesOf(address: number, size: number): number[] {
    const lines: number[] = [];
    if (size <= 0) return lines;
    for (let line = this.lineOf(address); line < address + size; line += this.lineSize) lines.push(line);
    return lines;
  }

  state(line: number): LineState {
    const held = this.#lines.get(line);
    return held === undefined ? 'absent' : held.dirty ? 'dirty' : 'clean';
  }

  /** Lines present, in address order: what may be evicted. */
  present(): number[] {
    return [...this.#lines.keys()].sort((a, b) => a - b);
  }

  /** Brings a line in as DRAM has it now. `false` when it was there already: a load or prefetch that hits changes nothing. */
  fill(line: number): boolean {
    if (this.#lines.has(line)) return false;
    const bytes = new Uint8Array(this.lineSize);
    const tags: Tag[] = [];
    for (let i = 0; i < this.lineSize; i += 1) {
      bytes[i] = this.#dram.byte(line + i);
      tags.push(this.#dram.tag(line + i));
    }
    this.#lines.set(line, { bytes, tags, dirtyBytes: new Uint8Array(this.lineSize), dirty: false });
    return true;
  }

  /** A byte as the CPU sees it. The line must be present. */
  byte(address: number): number {
    return this.#held(address).bytes[address % this.lineSize] ?? 0;
  }
  tag(address: number): Tag {
    // The arrays have one entry for each byte of the line.
    return this.#held(address).tags[address % this.lineSize] as Tag;
  }

  /** The CPU changes a byte. The line must be present (write-allocate: fill it first). */
  write(address: number, byte: number, tag: Tag): void {
    const line = this.#held(address);
    const at = address % this.lineSize;
    line.bytes[at] = byte;
    line.tags[at] = tag;
    line.dirtyBytes[at] = 1;
    line.dirty = true;
  }

  /** Addresses of the bytes of a line that the CPU changed and DRAM has not got. */
  dirtyBytes(line: number): number[] {
    const held = this.#lines.get(line);
    if (held === undefined) return [];
    return Array.from(held.dirtyBytes.keys()).filter((i) => held.dirtyBytes[i] === 1).map((i) => line + i);
  }

  /** Writes a dirty line back as a whole and keeps it: its clean bytes, too, overwrite what a device put there meanwhile. */
  clean(line: number): LineEffect {
    return { line, ...NOTHING, wroteBack: this.#writeBack(line) };
  }

  /** Forgets a line. What was dirty is lost. */
  drop(line: number): LineEffect {
    const state = this.state(line);
    this.#lines.delete(line);
    return { line, ...NOTHING, dropped: state !== 'absent', lostDirty: state === 'dirty' };
  }

  cleanAndInvalidate(line: number): LineEffect {
    const wroteBack = this.#writeBack(line);
    return { line, wroteBack, dropped: this.#lines.delete(line), lostDirty: false };
  }

  /** The cache makes room: a dirty line goes to DRAM. */
  evict(line: number): LineEffect {
    return this.cleanAndInvalidate(line);
  }

  /**
   * Invalidates a range by line. A line that the range covers only in part holds a neighbour's bytes: `'write-back'` cleans and
   * invalidates it (arm64 `dcache_inval_poc`, which then puts the neighbour's whole line over what the device wrote), `'drop'`
   * invalidates it all the same (riscv `cbo.inval`, which loses what the neighbour wrote).
   */
  invalidateRange(address: number, size: number, partial: PartialLine): LineEffect[] {
    return this.linesOf(address, size).map((line) => this.invalidateLine(line, address, size, partial));
  }

  /** One line of `invalidateRange`. */
  invalidateLine(line: number, address: number, size: number, partial: PartialLine): LineEffect {
    const whole = line >= address && line + this.lineSize <= address + size;
    return whole || partial === 'drop' ? this.drop(line) : this.cleanAndInvalidate(line);
  }

  #held(address: number): Line<Tag> {
    const line = this.#lines.get(this.lineOf(address));
    if (line === undefined) throw new RangeError(`cache line of 0x${address.toString(16)} is absent`);
    return line;
  }

  #writeBack(line: number): boolean {
    const held = this.#lines.get(line);
    if (held === undefined || !held.dirty) return false;
    for (let i = 0; i < this.lineSize; i += 1) this.#dram.write(line + i, held.bytes[i] ?? 0, held.tags[i] as Tag);
    held.dirtyBytes.fill(0);
    held.dirty = false;
    return true;
  }
}

/**
 * What an invalidate does to a line it covers in part, by profile family.
 * Sources: Linux 6.12 arch/arm64/mm/cache.S `dcache_inval_poc` (edges `dc civac`); arch/riscv/mm/dma-noncoherent.c (`cbo.inval`, start
 * rounded down). STRICT promises a driver nothing about shared lines; it loses the neighbour's bytes (our choice).
 */
export const PARTIAL_LINE: Readonly<Record<'arm64' | 'riscv64' | 'armv7' | 'strict', PartialLine>> = { arm64: 'write-back', riscv64: 'drop', armv7: 'write-back', strict: 'drop' };
