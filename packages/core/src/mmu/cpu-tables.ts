// SPDX-License-Identifier: Apache-2.0
/**
 * Builds page tables of processes, and of the kernel whose half they share in
 * x86 style: the upper half of every root points to the same lower tables, so
 * what the kernel maps there appears in every process at once, and a table
 * that it frees is still pointed to by whoever remembers it.
 */
import type { PlainMemory } from './plain-memory.ts';

/** Memory that tables are written into: as `PlainMemory`. */
export type TableMemory = Pick<PlainMemory, 'peek' | 'poke'>;

export interface PageRights {
  readonly write?: boolean;
  readonly execute?: boolean;
  readonly user?: boolean;
  readonly global?: boolean;
  /** Marked as accessed, and as dirty, from the start. */
  readonly accessed?: boolean;
  readonly dirty?: boolean;
}

/** How entries of an architecture are written. */
export interface EntryStyle {
  readonly levels: number;
  pointer(frame: number): bigint;
  leaf(frame: number, level: number, rights: PageRights): bigint;
  /** Whether an entry points to a table, and to which frame. */
  target(entry: bigint, level: number): { readonly frame: number; readonly table: boolean } | null;
}

/** Frames for tables; the lowest is taken first, and what is given back is taken next. */
export class FramePool {
  readonly #free: number[];

  constructor(first: number, count: number) {
    this.#free = Array.from({ length: count }, (_, i) => first + count - 1 - i);
  }

  /** @throws RangeError when there is none left */
  take(): number {
    const frame = this.#free.pop();
    if (frame === undefined) throw new RangeError('no frame is left for a table');
    return frame;
  }

  give(frame: number): void {
    this.#free.push(frame);
  }
}

const bit = (on: boolean | undefined, at: number): bigint => (on === true ? 1n << BigInt(at) : 0n);
const FRAMES = (1n << 52n) - 1n - 0xfffn;

/** x86-64: user and writable in every pointer, so that the leaf decides. */
export const x86Style = (levels: 4 | 5 = 4): EntryStyle => ({
  levels,
  pointer: (frame) => (BigInt(frame) << 12n) | 7n,
  leaf: (frame, level, rights) => (BigInt(frame) << 12n) | 1n | bit(rights.write, 1) | bit(rights.user, 2) | bit(rights.accessed, 5) | bit(rights.dirty, 6) | bit(level > 0, 7) | bit(rights.global, 8) | bit(rights.execute !== true, 63),
  target: (entry, level) => ((entry & 1n) === 0n ? null : { frame: Number((entry & FRAMES) >> 12n), table: level > 0 && (entry & 0x80n) === 0n }),
});

/** RISC-V: readable always. */
export const riscvStyle = (levels: 3 | 4 | 5 = 3): EntryStyle => ({
  levels,
  pointer: (frame) => (BigInt(frame) << 10n) | 1n,
  leaf: (frame, _level, rights) => (BigInt(frame) << 10n) | 3n | bit(rights.write, 2) | bit(rights.execute, 3) | bit(rights.user, 4) | bit(rights.global, 5) | bit(rights.accessed, 6) | bit(rights.dirty, 7),
  target: (entry, level) => ((entry & 1n) === 0n ? null : { frame: Number((entry >> 10n) & ((1n << 44n) - 1n)), table: level > 0 && (entry & 0xen) === 0n }),
});

/** Arm, 4 KiB granule, stage 1: a page that is not for the user is never executed by it, and the other way round. */
export const armStyle = (levels: 3 | 4 = 4): EntryStyle => ({
  levels,
  pointer: (frame) => (BigInt(frame) << 12n) | 3n,
  leaf: (frame, level, rights) => (BigInt(frame) << 12n) | (level === 0 ? 3n : 1n) | bit(rights.user, 6) | bit(rights.write !== true, 7) | bit(rights.accessed, 10) | bit(rights.global !== true, 11) | bit(rights.execute !== true || rights.user === true, 53) | bit(rights.execute !== true || rights.user !== true, 54),
  target: (entry, level) => ((entry & 1n) === 0n ? null : { frame: Number((entry & ((1n << 48n) - 1n)) >> 12n), table: level > 0 && (entry & 2n) !== 0n }),
});

/** Where an entry is, and what it says. */
export interface EntryAt {
  readonly address: bigint;
  readonly level: number;
  readonly word: bigint;
}

const INDEX_BITS = 9n;

/** One tree of tables. */
export class PageTables {
  readonly root: number;
  readonly style: EntryStyle;
  readonly #memory: TableMemory;
  readonly #frames: FramePool;

  constructor(memory: TableMemory, style: EntryStyle, frames: FramePool, root: number = frames.take()) {
    this.#memory = memory;
    this.#frames = frames;
    this.style = style;
    this.root = root;
    this.#clear(root);
  }

  /** Maps a page of a level (0: 4 KiB), making the tables above it. @throws RangeError where a larger page lies in the way */
  map(address: bigint, frame: number, rights: PageRights, level = 0): void {
    this.#memory.poke(this.#slot(this.#tableFor(address, level), address, level), this.style.leaf(frame, level, rights));
  }

  /** Clears the leaf, nothing else. @returns what it was; null: nothing was mapped */
  unmap(address: bigint): bigint | null {
    const found = this.entry(address);
    if (found === null || this.style.target(found.word, found.level) === null) return null;
    this.#memory.poke(found.address, 0n);
    return found.word;
  }

  /** The entry that the walk for the address ends at. */
  entry(address: bigint): EntryAt | null {
    let table = this.root;
    for (let level = this.style.levels - 1; ; level -= 1) {
      const at = this.#slot(table, address, level);
      const word = this.#memory.peek(at);
      const target = this.style.target(word, level);
      if (target === null || !target.table) return { address: at, level, word };
      table = target.frame;
    }
  }

  /** The entry of a level on the way to an address, or null where the way ends above. */
  entryOf(address: bigint, wanted: number): EntryAt | null {
    let table = this.root;
    for (let level = this.style.levels - 1; level >= 0; level -= 1) {
      const at = this.#slot(table, address, level);
      const word = this.#memory.peek(at);
      if (level === wanted) return { address: at, level, word };
      const target = this.style.target(word, level);
      if (target === null || !target.table) return null;
      table = target.frame;
    }
    return null;
  }

  /** Takes a table out of the tree: clears the entry of `level` that points to it. @returns its frame, which is not given back yet */
  detach(address: bigint, level: number): number | null {
    const entry = this.entryOf(address, level);
    const target = entry === null ? null : this.style.target(entry.word, level);
    if (entry === null || target === null || !target.table) return null;
    this.#memory.poke(entry.address, 0n);
    return target.frame;
  }

  /** Makes sure that there is a table below an entry of that level. */
  populate(address: bigint, level: number): void {
    this.#tableFor(address, level - 1);
  }

  /** Root entry of an index, 0 to 511. */
  rootEntry(index: number): bigint {
    return this.#memory.peek((BigInt(this.root) << 12n) + BigInt(8 * index));
  }

  setRootEntry(index: number, word: bigint): void {
    this.#memory.poke((BigInt(this.root) << 12n) + BigInt(8 * index), word);
  }

  /** The frame of the table that holds the entry of a level for an address. */
  #tableFor(address: bigint, wanted: number): number {
    let table = this.root;
    for (let level = this.style.levels - 1; level > wanted; level -= 1) {
      const at = this.#slot(table, address, level);
      const target = this.style.target(this.#memory.peek(at), level);
      if (target !== null && !target.table) throw new RangeError(`0x${address.toString(16)} lies in a larger page`);
      if (target !== null) {
        table = target.frame;
        continue;
      }
      table = this.#frames.take();
      this.#clear(table);
      this.#memory.poke(at, this.style.pointer(table));
    }
    return table;
  }

  #slot(table: number, address: bigint, level: number): bigint {
    const index = (address >> (12n + INDEX_BITS * BigInt(level))) & 0x1ffn;
    return (BigInt(table) << 12n) + 8n * index;
  }

  #clear(frame: number): void {
    for (let at = 0; at < 4096; at += 8) this.#memory.poke((BigInt(frame) << 12n) + BigInt(at), 0n);
  }
}

/**
 * The kernel's own tables, and processes that share its half. The upper root entries are made beforehand, as Linux does for what
 * changes later (`preallocate_vmalloc_pages`), so that a process made early sees what is mapped late.
 */
export class KernelTables {
  readonly tables: PageTables;
  readonly #memory: TableMemory;
  readonly #frames: FramePool;

  /** @param shared root indexes of the kernel half that are in use; of 256 to 511 */
  constructor(memory: TableMemory, style: EntryStyle, frames: FramePool, shared: readonly number[]) {
    this.#memory = memory;
    this.#frames = frames;
    this.tables = new PageTables(memory, style, frames);
    for (const index of shared) {
      if (index < 256 || index > 511) throw new RangeError(`root entry ${index} is not of the kernel half`);
      this.tables.populate(BigInt(index) << (12n + INDEX_BITS * BigInt(style.levels - 1)), style.levels - 1);
    }
  }

  /** A new process: an empty lower half, the kernel's upper one. */
  process(): PageTables {
    const made = new PageTables(this.#memory, this.tables.style, this.#frames);
    for (let index = 256; index < 512; index += 1) made.setRootEntry(index, this.tables.rootEntry(index));
    return made;
  }
}

/** An address of the kernel half: root index, then what follows below it. */
export const kernelAddress = (style: EntryStyle, index: number, below: bigint): bigint => {
  const bits = 12 + 9 * style.levels;
  return BigInt.asUintN(64, BigInt.asIntN(bits, (BigInt(index) << BigInt(bits - 9)) | below));
};
