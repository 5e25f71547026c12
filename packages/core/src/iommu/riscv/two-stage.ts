// SPDX-License-Identifier: Apache-2.0
/**
 * Two-stage address translation: the first stage's tables lie at guest
 * addresses, so each read of one is itself translated by the second stage.
 *
 * The object keeps what the last translation found; a translation allocates
 * nothing unless it faults.
 */
import type { EntryCache } from '../../mmu/cache.ts';
import { ACCESSES, DIRTIES, mended, READS, WRITES, type Access, type QuickMasks, type Rule, type TableFormat } from '../../mmu/format.ts';
import { Walker, type Tables, type WalkEnd } from '../../mmu/walk.ts';
import { addressOf, frameOf, highIn, lowIn } from '../../mmu/word.ts';
import type { Bus } from '../bus.ts';
import type { Caches, Owner, Pointer } from './caches.ts';
import { accessFault, guestPageFault, pageFault, type AccessKind } from './causes.ts';
import { FlatWalk } from './flat-walk.ts';
import { CORRUPT, DENIED, fault, type Fault, type Why } from './fault.ts';
import { isDirty, isGlobal, mayWrite } from '../../mmu/formats/riscv.ts';
import type { Space } from './space.ts';
import type { Switches } from './switches.ts';

/** A stage that does not translate maps everything alike; what is reported of that is the translator's business. */
const BARE_SPAN = 64;
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
  /** Null where pointers are cached, which the fast walk knows nothing of. */
  readonly #flatWalk: FlatWalk | null;
  #space: Space | null = null;
  #kind: AccessKind = 'read';
  #implicitWrite = false;
  readonly #firstTables: FirstTables;
  readonly #secondTables: SecondTables;

  constructor(bus: Bus, switches: Switches, caches: Caches) {
    this.#bus = bus;
    this.#flatWalk = caches.secondPointers === null ? new FlatWalk(bus.frames) : null;
    this.#switches = switches;
    this.#firstPointers = caches.firstPointers;
    this.#secondPointers = caches.secondPointers;
    this.#firstTables = new FirstTables(this, this.#firstPointers);
    this.#secondTables = new SecondTables(bus, this.#secondPointers);
  }

  /** Runs the first stage; the guest frame is then in `guestFrame`, the mapping's size in `first.span`. */
  translateFirst(space: Space, low: number, high: number, access: number, kind: AccessKind): Fault | null {
    this.#begin(space, kind);
    const walker = this.first;
    if (space.first === 'bare') {
      walker.span = BARE_SPAN;
      this.guestFrame = frameOf(low, high);
      return null;
    }
    const end = this.#walkFirst(space, space.first, low, high, access);
    this.guestFrame = walker.frame;
    return end === 'reached' ? null : this.#firstFault(end, kind);
  }

  #begin(space: Space, kind: AccessKind): void {
    this.#kind = kind;
    if (this.#space === space) return;
    this.#space = space;
    this.#firstTables.space = space;
    this.#secondTables.space = space;
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
    this.#begin(space, kind);
    const end = this.#walkSecond(space, frame, offset, access);
    return end === 'reached' ? null : this.#secondFault(end, addressOf(frame, offset) & ~3n);
  }

  /**
   * Where a table of the process directory lies. A fault of memory in the
   * second stage's own tables is then one of the directory.
   */
  locateTable(space: Space, frame: number, offset: number, kind: AccessKind): Fault | null {
    this.#begin(space, kind);
    const end = this.#walkSecond(space, frame, offset, TABLE_READ);
    if (end === 'denied') return fault(265, this.#why('second-stage table', this.second, DENIED));
    if (end === 'corrupt') return fault(269, this.#why('second-stage table', this.second, CORRUPT));
    return end === 'reached' ? null : this.#secondFault(end, (addressOf(frame, offset) & ~3n) | 1n);
  }

  #walkFirst(space: Space, format: TableFormat, low: number, high: number, access: number): WalkEnd {
    const walker = this.first;
    if (this.#firstPointers !== null) {
      const known = find(this.#firstPointers, space.owner, frameOf(low, high));
      if (known !== null) return walker.walkFrom(format, known.level, known.table, known.inherited, low, high, accessOf(access), space.sade, this.#firstTables);
    }
    return walker.walk(format, space.firstRoot, low, high, accessOf(access), space.sade, this.#firstTables);
  }

  /** How a table is read through the second stage: whether that dirties the page which holds it. */
  tableRead(space: Space): number {
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
    const flat = this.#flatWalk;
    const memory = this.#bus.flat;
    if (memory !== null && flat !== null && flat.second(memory, space, format, frame, access)) {
      walker.low = flat.low;
      walker.high = flat.high;
      walker.frame = flat.frame;
      walker.span = flat.span;
      return 'reached';
    }
    const { quick } = format;
    if (quick !== undefined && this.#secondPointers === null && !space.sxl && frame < quick.frames) return this.#walkBySteps(space, format, quick, frame, offset, access);
    const low = lowIn(frame, offset);
    const high = highIn(frame);
    if (space.sxl && high > 3) {
      walker.rule = GUEST_WIDTH;
      walker.level = format.levels;
      return 'refused';
    }
    if (this.#secondPointers !== null) {
      const known = this.#secondPointers.find(space.machine.tag, frame);
      if (known !== null) return walker.walkFrom(format, known.level, known.table, known.inherited, low, high, accessOf(access), space.gade, this.#secondTables);
    }
    return walker.walk(format, space.secondRoot, low, high, accessOf(access), space.gade, this.#secondTables);
  }

  /** The second stage by accesses that can be seen: what masks decide is decided here, and from the first other entry on the core goes on. */
  #walkBySteps(space: Space, format: TableFormat, quick: QuickMasks, frame: number, offset: number, access: number): WalkEnd {
    const walker = this.second;
    const bus = this.#bus;
    walker.begin(format, (frame << 12) | offset, frame >>> 20);
    const top = format.levels - 1;
    let table = space.secondRoot;
    for (let level = top; ; level -= 1) {
      // The index of a root has two bits more, for its four frames. Frames below 2^31 have none at the fifth level.
      const index = level === 4 ? 0 : (frame >>> (9 * level)) & (level === top ? 0x7ff : 0x1ff);
      walker.level = level;
      walker.tableFrame = table + (index >>> 9);
      walker.tableOffset = (index & 0x1ff) << 3;
      walker.entryFrame = walker.tableFrame;
      walker.entryOffset = walker.tableOffset;
      const status = bus.load(SECOND[level] ?? '', walker.tableFrame, walker.tableOffset, 8, space.secondBig);
      const low = (bus.data[0] ?? 0) | 0;
      const high = (bus.data[1] ?? 0) | 0;
      walker.low = low;
      walker.high = high;
      if (status !== 'ok') return status;
      if ((high & quick.high) === 0) {
        const target = (low >>> 10) | (high << 22);
        if (level > 0 && (low & quick.pointerMask) === quick.pointerBits) {
          table = target;
          continue;
        }
        if ((low & (quick.leafMask[access] ?? 0)) === (quick.leafBits[access] ?? -1) && (low & (quick.align[level] ?? -1)) === 0) {
          walker.span = 12 + 9 * level;
          walker.frame = target | (frame & ((1 << (9 * level)) - 1));
          return 'reached';
        }
      }
      return walker.resume(format, level, table, lowIn(frame, offset), highIn(frame), accessOf(access), space.gade, this.#secondTables);
    }
  }

  /** Reads an entry of the first stage, whose table lies behind the second. */
  loadFirst(space: Space, walker: Walker, frame: number, offset: number, bytes: number): WalkEnd {
    this.#implicitWrite = false;
    let at = frame;
    if (space.second !== 'bare') {
      this.#end = this.#walkSecond(space, frame, offset, this.tableRead(space));
      if (this.#end !== 'reached') return 'unreached';
      at = this.second.frame;
    }
    walker.entryFrame = at;
    walker.entryOffset = offset;
    return load(this.#bus, FIRST[walker.level] ?? '', walker, at, offset, bytes, space.firstBig);
  }

  /** How the second stage ended when it kept the first from a table. */
  #end: WalkEnd = 'reached';

  markFirst(space: Space, walker: Walker, bits: number, bytes: number): WalkEnd | 'changed' {
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
    return mark(this.#bus, FIRST[walker.level] ?? '', walker, bits, bytes, space.firstBig);
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

/** Classes, not closures: a walk then finds their methods by what they are. */
class FirstTables implements Tables {
  space: Space | null = null;
  readonly #stages: TwoStage;
  readonly #pointers: EntryCache<Pointer> | null;

  constructor(stages: TwoStage, pointers: EntryCache<Pointer> | null) {
    this.#stages = stages;
    this.#pointers = pointers;
  }

  load(walker: Walker, frame: number, offset: number, bytes: number): WalkEnd {
    return this.space === null ? 'unreached' : this.#stages.loadFirst(this.space, walker, frame, offset, bytes);
  }

  mark(walker: Walker, bits: number, bytes: number): WalkEnd | 'changed' {
    return this.space === null ? 'unreached' : this.#stages.markFirst(this.space, walker, bits, bytes);
  }

  passed(walker: Walker, table: number, level: number): void {
    if (this.#pointers !== null) keep(this.#pointers, this.space?.owner, walker, table, level);
  }
}

class SecondTables implements Tables {
  space: Space | null = null;
  readonly #bus: Bus;
  readonly #pointers: EntryCache<Pointer> | null;

  constructor(bus: Bus, pointers: EntryCache<Pointer> | null) {
    this.#bus = bus;
    this.#pointers = pointers;
  }

  load(walker: Walker, frame: number, offset: number, bytes: number): WalkEnd {
    walker.entryFrame = frame;
    walker.entryOffset = offset;
    return load(this.#bus, SECOND[walker.level] ?? '', walker, frame, offset, bytes, this.space?.secondBig ?? false);
  }

  mark(walker: Walker, bits: number, bytes: number): WalkEnd | 'changed' {
    return mark(this.#bus, SECOND[walker.level] ?? '', walker, bits, bytes, this.space?.secondBig ?? false);
  }

  passed(walker: Walker, table: number, level: number): void {
    if (this.#pointers !== null) keep(this.#pointers, this.space?.machine, walker, table, level);
  }
}

function load(bus: Bus, what: string, walker: Walker, frame: number, offset: number, bytes: number, big: boolean): WalkEnd {
  const status = bus.load(what, frame, offset, bytes, big);
  walker.low = (bus.data[0] ?? 0) | 0;
  walker.high = bytes === 8 ? (bus.data[1] ?? 0) | 0 : 0;
  return status === 'ok' ? 'reached' : status;
}

function mark(bus: Bus, what: string, walker: Walker, bits: number, bytes: number, big: boolean): WalkEnd | 'changed' {
  const status = bus.mark(what, walker.entryFrame, walker.entryOffset, bytes, big, walker.low, walker.high, bits);
  if (status === 'ok') walker.low |= bits;
  return status === 'ok' ? 'reached' : status;
}

const NONE = ACCESSES[0] as Access;
const accessOf = (code: number): Access => ACCESSES[code] ?? NONE;

/** The pointer nearest to the leaf. */
function find(cache: EntryCache<Pointer>, owner: Owner, frame: number): Pointer | null {
  return cache.find(owner.tag, frame) ?? cache.find(owner.globalTag, frame);
}

/** Remembers the pointer that the walker has just read, for its part of the address space. */
function keep(cache: EntryCache<Pointer>, owner: Owner | undefined, walker: Walker, table: number, level: number): void {
  if (owner === undefined) return;
  const global = isGlobal(walker.inherited);
  cache.put(global ? owner.globalTag : owner.tag, frameOf(walker.inputLow, walker.inputHigh), (walker.format?.shift[level] ?? 12) - 12, { owner, global, table, level: level - 1, inherited: walker.inherited });
}

const FIRST = [0, 1, 2, 3, 4].map((level) => `first-stage table, level ${level}`);
const SECOND = [0, 1, 2, 3, 4].map((level) => `second-stage table, level ${level}`);
