// SPDX-License-Identifier: Apache-2.0
/**
 * The walker core: one loop for every page-table format. It reads entries
 * through `Tables`, which knows where tables lie (for a nested walk, behind
 * another walk) and in which byte order, and it sets accessed and dirty bits.
 *
 * A walker holds the result of its last walk, so that a walk allocates nothing.
 */
import type { Access, Rule, TableFormat } from './format.ts';
import { frameOf } from './word.ts';

/** `refused`: see `rule`. `denied`, `corrupt`: reading or writing the entry failed. `unreached`: the table's own address did not translate. */
export type WalkEnd = 'reached' | 'refused' | 'denied' | 'corrupt' | 'unreached';

export interface Tables {
  /** Reads the entry at the table address into `walker.low` and `walker.high`, and says where it lies physically. */
  load(walker: Walker, frame: number, offset: number, bytes: number): WalkEnd;
  /** Sets bits in the entry just read, atomically. `changed`: it was not what was read, look again. */
  mark(walker: Walker, bits: number, bytes: number): WalkEnd | 'changed';
  /** Told of each pointer in passing: the table it leads to, and its own level. */
  passed?(walker: Walker, table: number, level: number): void;
}

/** The walkers of a unit's two stages, to look at while it walks. */
export interface Walkers {
  readonly first: Walker;
  readonly second: Walker;
}

export class Walker {
  /** The entry read last. */
  low = 0;
  high = 0;
  level = 0;
  /** What the walk is of, from its start on: for whoever watches it. */
  format: TableFormat | null = null;
  inputLow = 0;
  inputHigh = 0;
  /** Where that entry lies physically, and its table address before any further translation. */
  entryFrame = 0;
  entryOffset = 0;
  tableFrame = 0;
  tableOffset = 0;
  /** What the walk reached: a frame and the power of two of bytes mapped around it. */
  frame = 0;
  span = 12;
  rule: Rule | null = null;
  /** Bits that some pointer of the last walk has set: what a format inherits downwards. */
  inherited = 0;
  inheritedHigh = 0;

  walk(format: TableFormat, root: number, low: number, high: number, access: Access, updates: boolean, tables: Tables): WalkEnd {
    this.begin(format, low, high);
    this.level = format.levels;
    if (!fits(format, low, high)) return this.#refuse(format.tooWide);
    return this.#descend(format, format.levels - 1, root, false, low, high, access, updates, tables);
  }

  /** A walk that begins at a table further down, which a pointer with these bits (and those above it) leads to. */
  walkFrom(format: TableFormat, level: number, table: number, inherited: number, low: number, high: number, access: Access, updates: boolean, tables: Tables): WalkEnd {
    this.begin(format, low, high);
    this.inherited = inherited;
    return this.#descend(format, level, table, false, low, high, access, updates, tables);
  }

  /** Goes on where the entry of that level has been read: it is in `low` and `high`, and its place in the four fields for that. */
  resume(format: TableFormat, level: number, table: number, low: number, high: number, access: Access, updates: boolean, tables: Tables): WalkEnd {
    return this.#descend(format, level, table, true, low, high, access, updates, tables);
  }

  /** For a walk that somebody else takes the first steps of. */
  begin(format: TableFormat, low: number, high: number): void {
    this.rule = null;
    this.format = format;
    this.inputLow = low;
    this.inputHigh = high;
    this.inherited = 0;
    this.inheritedHigh = 0;
  }

  #descend(format: TableFormat, from: number, root: number, read: boolean, low: number, high: number, access: Access, updates: boolean, tables: Tables): WalkEnd {
    const { code } = access;
    // Whoever asks in objects of its own may have rules of its own, too.
    const quick = code === undefined ? undefined : format.quick;
    const leafMask = quick?.leafMask[code ?? 0] ?? 0;
    const leafBits = quick?.leafBits[code ?? 0] ?? -1;
    let table = root;
    let known = read;
    for (let level = from; ; level -= 1) {
      this.level = level;
      if (!known) {
        const shift = format.shift[level] ?? 0;
        const index = shift < 32 ? (low >>> shift) | (high << (32 - shift)) : high >>> (shift - 32);
        const byte = (index & ((1 << (format.width[level] ?? 0)) - 1)) * format.entryBytes;
        this.tableFrame = table + (byte >>> 12);
        this.tableOffset = byte & 0xfff;
        const loaded = tables.load(this, this.tableFrame, this.tableOffset, format.entryBytes);
        if (loaded !== 'reached') return loaded;
      }
      known = false;

      if (quick !== undefined && (this.high & quick.high) === 0) {
        if (level > 0 && (this.low & quick.pointerMask) === quick.pointerBits) {
          table = (this.low >>> 10) | (this.high << 22);
          this.inherited |= this.low;
          tables.passed?.(this, table, level);
          continue;
        }
        if ((this.low & leafMask) === leafBits && (this.low & (quick.align[level] ?? -1)) === 0) {
          this.span = 12 + 9 * level;
          this.frame = (this.low >>> 10) | (this.high << 22) | (((high << 20) | (low >>> 12)) & ((1 << (9 * level)) - 1));
          return 'reached';
        }
      }
      const sort = format.sort(this.low, this.high, level);
      if (sort === 'pointer' && format.pointers === 'pass') {
        table = format.target(this.low, this.high);
        this.inherited |= this.low;
        this.inheritedHigh |= this.high;
        tables.passed?.(this, table, level);
        continue;
      }
      if (sort !== 'leaf' && sort !== 'pointer') return this.#refuse(sort);
      const broken = format.refuses(this.low, this.high, access, this.inheritedHigh) ?? format.flaw(this.low, this.high, level);
      if (broken !== null) return this.#refuse(broken);
      const marks = format.marks(this.low, this.high, access, sort === 'leaf');
      if (marks !== 0) {
        if (!updates) return this.#refuse(format.unmarked);
        const marked = tables.mark(this, marks, format.entryBytes);
        if (marked === 'changed') {
          level += 1; // the same entry again
          continue;
        }
        if (marked !== 'reached') return marked;
      }
      if (sort === 'pointer') {
        table = format.target(this.low, this.high);
        this.inherited |= this.low;
        this.inheritedHigh |= this.high;
        continue;
      }
      this.span = format.span(this.low, this.high, level);
      this.frame = within(format.target(this.low, this.high), this.span - 12, low, high);
      return 'reached';
    }
  }

  #refuse(rule: Rule): WalkEnd {
    this.rule = rule;
    return 'refused';
  }
}

/** Whether the bits above the format's input are what they must be. */
function fits(format: TableFormat, low: number, high: number): boolean {
  const bits = format.inputBits;
  if (bits >= 64) return true;
  if (format.above === 'zero') return bits >= 32 ? high >>> (bits - 32) === 0 : high === 0 && low >>> bits === 0;
  if (bits === 32) return high === 0;
  const top = (high | 0) >> (bits - 33);
  return top === 0 || top === -1;
}

/** The frame of the address within a mapping of 2^`bits` frames. */
function within(frame: number, bits: number, low: number, high: number): number {
  if (bits === 0) return frame;
  if (bits <= 20 && frame < 0x8000_0000) {
    const below = (1 << bits) - 1;
    return (frame & ~below) | (((high << 20) | (low >>> 12)) & below);
  }
  const size = 2 ** bits;
  return frame - (frame % size) + (frameOf(low, high) % size);
}
