// SPDX-License-Identifier: Apache-2.0
/**
 * Two-stage address translation: the first stage's tables lie at guest
 * addresses, so each read of one is itself translated by the second stage.
 *
 * The object keeps what the last translation found; a translation allocates
 * nothing unless it faults.
 */
import type { EntryCache } from '../../mmu/cache.ts';
import { ACCESSES, DIRTIES, mended, READS, WRITES, type Access, type Rule, type TableFormat } from '../../mmu/format.ts';
import { Walker, type Tables, type WalkEnd } from '../../mmu/walk.ts';
import { addressOf, highIn, lowIn } from '../../mmu/word.ts';
import type { Bus } from '../bus.ts';
import type { Caches, Owner, Pointer } from './caches.ts';
import { accessFault, guestPageFault, pageFault, type AccessKind } from './causes.ts';
import { CORRUPT, DENIED, fault, type Fault, type Why } from './fault.ts';
import { isDirty, isGlobal, mayWrite } from '../../mmu/formats/riscv.ts';
import type { Switches } from './switches.ts';

/** The roots and rules of one address space. */
export interface Space {
  readonly first: TableFormat | 'bare';
  readonly firstRoot: number;
  /** Byte order of first-stage tables. */
  readonly firstBig: boolean;
  readonly second: TableFormat | 'bare';
  readonly secondRoot: number;
  readonly secondBig: boolean;
  readonly sade: boolean;
  readonly gade: boolean;
  /** Guest addresses have 34 bits. */
  readonly sxl: boolean;
  readonly owner: Owner;
  /** The owner of what the second stage alone says. */
  readonly machine: Owner;
}

/** A stage that does not translate maps everything alike; what is reported of that is the translator's business. */
export const BARE_SPAN = 64;
const GUEST_WIDTH: Rule = { field: 'address', bits: '63:34', text: 'with SXL a guest address has 34 bits', section: 'RISC-V IOMMU, "Translation control", SXL' };
const NO_WRITE: Rule = { field: 'W', bits: '2', text: 'setting A or D in a first-stage entry needs W in the second-stage entry of its table', section: 'RISC-V Privileged ISA, "Two-Stage Address Translation"', repair: { set: 4n } };

/** Reading a table through the second stage, and writing an entry in it. */
const TABLE_READ = READS;
const TABLE_READ_DIRTIES = READS | DIRTIES;
const TABLE_WRITE = READS | WRITES | DIRTIES;

export class TwoStage {
  readonly first = new Walker();
  readonly second = new Walker();
  /** Of the last translation: the first stage's result. */
  guestFrame = 0;
  /** Second-stage walks there have been. */
  secondWalks = 0;
  readonly #bus: Bus;
  readonly #switches: Switches;
  readonly #firstPointers: EntryCache<Pointer> | null;
  readonly #secondPointers: EntryCache<Pointer> | null;
  #space: Space | null = null;
  #kind: AccessKind = 'read';
  #implicitWrite = false;
  readonly #firstTables: Tables;
  readonly #secondTables: Tables;

  constructor(bus: Bus, switches: Switches, caches: Caches) {
    this.#bus = bus;
    this.#switches = switches;
    this.#firstPointers = caches.firstPointers;
    this.#secondPointers = caches.secondPointers;
    this.#firstTables = { load: (walker, frame, offset, bytes) => this.#loadFirst(walker, frame, offset, bytes), mark: (walker, bits, bytes) => this.#markFirst(walker, bits, bytes) };
    this.#secondTables = { load: (walker, frame, offset, bytes) => this.#loadSecond(walker, frame, offset, bytes), mark: (walker, bits, bytes) => this.#markSecond(walker, bits, bytes) };
  }

  /** Runs the first stage; the guest frame is then in `guestFrame`, the mapping's size in `first.span`. */
  translateFirst(space: Space, low: number, high: number, access: number, kind: AccessKind): Fault | null {
    this.#space = space;
    this.#kind = kind;
    const walker = this.first;
    if (space.first === 'bare') {
      walker.span = BARE_SPAN;
      this.guestFrame = high * 0x10_0000 + (low >>> 12);
      return null;
    }
    const end = this.#walkFirst(space, space.first, low, high, access);
    this.guestFrame = walker.frame;
    return end === 'reached' ? null : this.#firstFault(end, kind);
  }

  #firstFault(end: Exclude<WalkEnd, 'reached'>, kind: AccessKind): Fault {
    const walker = this.first;
    switch (end) {
      case 'refused':
        return fault(pageFault(kind), this.#why('first-stage table', walker, walker.rule ?? DENIED));
      case 'unreached':
        return this.#unreached(addressOf(walker.tableFrame, walker.tableOffset));
      case 'denied':
        return fault(accessFault(kind), this.#why('first-stage table', walker, DENIED));
      case 'corrupt':
        return fault(274, this.#why('first-stage table', walker, CORRUPT));
    }
  }

  /** Runs the second stage on a guest address; the frame is then in `second.frame`. */
  translateSecond(space: Space, frame: number, offset: number, access: number, kind: AccessKind): Fault | null {
    this.#space = space;
    this.#kind = kind;
    const end = this.#walkSecond(space, frame, offset, access);
    return end === 'reached' ? null : this.#secondFault(end, addressOf(frame, offset) & ~3n);
  }

  /**
   * Where a table of the process directory lies. A fault of memory in the
   * second stage's own tables is then one of the directory.
   */
  locateTable(space: Space, frame: number, offset: number, kind: AccessKind): Fault | null {
    this.#space = space;
    this.#kind = kind;
    const end = this.#walkSecond(space, frame, offset, TABLE_READ);
    if (end === 'denied') return fault(265, this.#why('second-stage table', this.second, DENIED));
    if (end === 'corrupt') return fault(269, this.#why('second-stage table', this.second, CORRUPT));
    return end === 'reached' ? null : this.#secondFault(end, (addressOf(frame, offset) & ~3n) | 1n);
  }

  /** The steps that masks decide are taken here, one by one; from the first other entry on, the walker core goes on. */
  #walkFirst(space: Space, format: TableFormat, low: number, high: number, access: number): WalkEnd {
    const walker = this.first;
    const { quick } = format;
    const sign = (high | 0) >> (format.inputBits - 33);
    if (quick === undefined || (sign !== 0 && sign !== -1)) return walker.walk(format, space.firstRoot, low, high, accessOf(access), space.sade, this.#firstTables);
    walker.begin(format, low, high);
    this.#implicitWrite = false;
    const through = this.#tableRead(space);
    let table = space.firstRoot;
    let level = format.levels - 1;
    if (this.#firstPointers !== null) {
      const known = find(this.#firstPointers, space.owner, high * 0x10_0000 + (low >>> 12));
      if (known !== null) {
        ({ table, level } = known);
        walker.inherited = known.inherited;
      }
    }
    for (; ; level -= 1) {
      const shift = 12 + 9 * level;
      const index = (shift < 32 ? (low >>> shift) | (high << (32 - shift)) : high >>> (shift - 32)) & 0x1ff;
      walker.level = level;
      walker.tableFrame = table;
      walker.tableOffset = index << 3;
      let at = table;
      if (space.second !== 'bare') {
        this.#end = this.#walkSecond(space, table, index << 3, through);
        if (this.#end !== 'reached') return 'unreached';
        at = this.second.frame;
      }
      const loaded = this.#read(walker, FIRST, level, at, index, space.firstBig);
      if (loaded !== 'reached') return loaded;
      const entryLow = walker.low;
      const entryHigh = walker.high;
      const plain = (entryHigh & quick.high) === 0;
      if (plain && level > 0 && (entryLow & quick.pointerMask) === quick.pointerBits) {
        table = (entryLow >>> 10) | (entryHigh << 22);
        walker.inherited |= entryLow;
        if (this.#firstPointers !== null) keep(this.#firstPointers, space.owner, high * 0x10_0000 + (low >>> 12), walker, table, level - 1);
        continue;
      }
      if (plain && (entryLow & (quick.leafMask[access] ?? 0)) === (quick.leafBits[access] ?? -1) && (entryLow & (quick.align[level] ?? -1)) === 0) {
        walker.span = shift;
        walker.frame = (entryLow >>> 10) | (entryHigh << 22) | (((high << 20) | (low >>> 12)) & ((1 << (9 * level)) - 1));
        return 'reached';
      }
      return walker.resume(format, level, table, low, high, accessOf(access), space.sade, this.#firstTables);
    }
  }

  /** How a table is read through the second stage: whether that dirties the page which holds it. */
  #tableRead(space: Space): number {
    return space.sade && (space.gade ? this.#switches.tableDirty === 'on-read' : this.#switches.tableClean === 'fault') ? TABLE_READ_DIRTIES : TABLE_READ;
  }

  #walkSecond(space: Space, frame: number, offset: number, access: number): WalkEnd {
    const walker = this.second;
    const format = space.second;
    if (format === 'bare') {
      walker.span = BARE_SPAN;
      walker.frame = frame;
      return 'reached';
    }
    this.secondWalks += 1;
    const { quick, levels } = format;
    if (quick === undefined || frame >= 2 ** Math.min(31, format.inputBits - 12) || space.sxl) return this.#walkSecondAtLength(space, format, frame, offset, access);
    walker.begin(format, (frame << 12) | offset, frame >>> 20);
    let table = space.secondRoot;
    let level = levels - 1;
    if (this.#secondPointers !== null) {
      const known = this.#secondPointers.find(space.machine.tag, frame);
      if (known !== null) ({ table, level } = known);
    }
    for (; ; level -= 1) {
      // The index of a root has two bits more.
      const index = level === 4 ? 0 : (frame >>> (9 * level)) & (level === levels - 1 ? 0x7ff : 0x1ff);
      walker.level = level;
      walker.tableFrame = table + (index >>> 9);
      walker.tableOffset = (index & 0x1ff) << 3;
      const loaded = this.#read(walker, SECOND, level, walker.tableFrame, index & 0x1ff, space.secondBig);
      if (loaded !== 'reached') return loaded;
      const entryLow = walker.low;
      const entryHigh = walker.high;
      const plain = (entryHigh & quick.high) === 0;
      if (plain && level > 0 && (entryLow & quick.pointerMask) === quick.pointerBits) {
        table = (entryLow >>> 10) | (entryHigh << 22);
        if (this.#secondPointers !== null) keep(this.#secondPointers, space.machine, frame, walker, table, level - 1);
        continue;
      }
      if (plain && (entryLow & (quick.leafMask[access] ?? 0)) === (quick.leafBits[access] ?? -1) && (entryLow & (quick.align[level] ?? -1)) === 0) {
        walker.span = 12 + 9 * level;
        walker.frame = (entryLow >>> 10) | (entryHigh << 22) | (frame & ((1 << (9 * level)) - 1));
        return 'reached';
      }
      return walker.resume(format, level, table, lowIn(frame, offset), highIn(frame), accessOf(access), space.gade, this.#secondTables);
    }
  }

  /** Guest addresses of all sizes, and formats without masks. */
  #walkSecondAtLength(space: Space, format: TableFormat, frame: number, offset: number, access: number): WalkEnd {
    const walker = this.second;
    const high = highIn(frame);
    if (space.sxl && high > 3) {
      walker.rule = GUEST_WIDTH;
      walker.level = format.levels;
      return 'refused';
    }
    return walker.walk(format, space.secondRoot, lowIn(frame, offset), high, accessOf(access), space.gade, this.#secondTables);
  }

  /** Reads an entry of 8 bytes, without an access where memory allows. */
  #read(walker: Walker, names: readonly string[], level: number, frame: number, index: number, big: boolean): WalkEnd {
    walker.entryFrame = frame;
    walker.entryOffset = index << 3;
    const at = big ? -1 : this.#bus.wordsAt(frame);
    if (at < 0) return this.#load(names[level] ?? '', walker, frame, index << 3, 8, big);
    const { words } = this.#bus;
    walker.low = (words[at + 2 * index] ?? 0) | 0;
    walker.high = (words[at + 2 * index + 1] ?? 0) | 0;
    return 'reached';
  }

  #loadSecond(walker: Walker, frame: number, offset: number, bytes: number): WalkEnd {
    walker.entryFrame = frame;
    walker.entryOffset = offset;
    return this.#load(SECOND[walker.level] ?? '', walker, frame, offset, bytes, this.#space?.secondBig ?? false);
  }

  #markSecond(walker: Walker, bits: number, bytes: number): WalkEnd | 'changed' {
    return this.#mark(SECOND[walker.level] ?? '', walker, bits, bytes, this.#space?.secondBig ?? false);
  }

  #loadFirst(walker: Walker, frame: number, offset: number, bytes: number): WalkEnd {
    const space = this.#space;
    if (space === null) return 'unreached';
    this.#implicitWrite = false;
    let at = frame;
    if (space.second !== 'bare') {
      this.#end = this.#walkSecond(space, frame, offset, this.#tableRead(space));
      if (this.#end !== 'reached') return 'unreached';
      at = this.second.frame;
    }
    walker.entryFrame = at;
    walker.entryOffset = offset;
    return this.#load(FIRST[walker.level] ?? '', walker, at, offset, bytes, space.firstBig);
  }

  /** How the second stage ended when it kept the first from a table. */
  #end: WalkEnd = 'reached';

  #markFirst(walker: Walker, bits: number, bytes: number): WalkEnd | 'changed' {
    const space = this.#space;
    if (space === null) return 'unreached';
    if (space.second !== 'bare') {
      this.#implicitWrite = true;
      if (!mayWrite(this.second.low)) {
        this.second.rule = NO_WRITE;
        this.#end = 'refused';
        return 'unreached';
      }
      if (!isDirty(this.second.low)) {
        this.#end = this.#walkSecond(space, walker.tableFrame, walker.tableOffset, TABLE_WRITE);
        if (this.#end !== 'reached') return 'unreached';
      }
    }
    return this.#mark(FIRST[walker.level] ?? '', walker, bits, bytes, space.firstBig);
  }

  #load(what: string, walker: Walker, frame: number, offset: number, bytes: number, big: boolean): WalkEnd {
    const status = this.#bus.load(what, frame, offset, bytes, big);
    walker.low = (this.#bus.data[0] ?? 0) | 0;
    walker.high = bytes === 8 ? (this.#bus.data[1] ?? 0) | 0 : 0;
    return status === 'ok' ? 'reached' : status;
  }

  #mark(what: string, walker: Walker, bits: number, bytes: number, big: boolean): WalkEnd | 'changed' {
    const status = this.#bus.mark(what, walker.entryFrame, walker.entryOffset, bytes, big, walker.low, walker.high, bits);
    if (status === 'ok') walker.low |= bits;
    return status === 'ok' ? 'reached' : status;
  }

  /** The second stage stopped on the way to a first-stage table at `guest`. */
  #unreached(guest: bigint): Fault {
    return this.#secondFault(this.#end, (guest & ~3n) | (this.#implicitWrite ? 3n : 1n));
  }

  #secondFault(end: WalkEnd, iotval2: bigint): Fault {
    if (end === 'denied') return fault(accessFault(this.#kind), this.#why('second-stage table', this.second, DENIED));
    if (end === 'corrupt') return fault(274, this.#why('second-stage table', this.second, CORRUPT));
    return fault(guestPageFault(this.#kind), this.#why('second-stage table', this.second, this.second.rule ?? DENIED), iotval2);
  }

  #why(table: string, walker: Walker, rule: Rule): Why {
    const read = rule.field !== 'address' || rule === DENIED;
    const format = walker === this.first ? this.#space?.first : this.#space?.second;
    return { table, level: read ? walker.level : null, entry: read ? addressOf(walker.entryFrame, walker.entryOffset) : null, rule: mended(format === 'bare' || format === undefined ? null : format, rule, walker.low, walker.high, walker.level) };
  }
}

const NONE = ACCESSES[0] as Access;
const accessOf = (code: number): Access => ACCESSES[code] ?? NONE;

/** The pointer nearest to the leaf. */
function find(cache: EntryCache<Pointer>, owner: Owner, frame: number): Pointer | null {
  return cache.find(owner.tag, frame) ?? cache.find(owner.globalTag, frame);
}

/** Remembers the pointer that the walker has just read; it leads to tables of 512 entries for its part of the address space. */
function keep(cache: EntryCache<Pointer>, owner: Owner, frame: number, walker: Walker, table: number, level: number): void {
  const global = isGlobal(walker.inherited);
  cache.put(global ? owner.globalTag : owner.tag, frame, 9 * (level + 1), { owner, global, table, level, inherited: walker.inherited });
}

const FIRST = [0, 1, 2, 3, 4].map((level) => `first-stage table, level ${level}`);
const SECOND = [0, 1, 2, 3, 4].map((level) => `second-stage table, level ${level}`);
