// SPDX-License-Identifier: Apache-2.0
/**
 * Two-stage address translation: the first stage's tables lie at guest
 * addresses, so each read of one is itself translated by the second stage.
 *
 * The object keeps what the last translation found; a translation allocates
 * nothing unless it faults.
 */
import type { Access, Rule, TableFormat } from '../../mmu/format.ts';
import { Walker, type Tables, type WalkEnd } from '../../mmu/walk.ts';
import { addressOf, highIn, lowIn } from '../../mmu/word.ts';
import type { Bus } from '../bus.ts';
import { accessFault, guestPageFault, pageFault, type AccessKind } from './causes.ts';
import { CORRUPT, DENIED, fault, type Fault, type Why } from './fault.ts';
import { isDirty, mayWrite } from '../../mmu/formats/riscv.ts';
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
}

/** A stage that does not translate maps everything alike; what is reported of that is the translator's business. */
export const BARE_SPAN = 64;
const GUEST_WIDTH: Rule = { field: 'address', bits: '63:34', text: 'with SXL a guest address has 34 bits', section: 'RISC-V IOMMU, "Translation control", SXL' };
const NO_WRITE: Rule = { field: 'W', bits: '2', text: 'setting A or D in a first-stage entry needs W in the second-stage entry of its table', section: 'RISC-V Privileged ISA, "Two-Stage Address Translation"', repair: { set: 4n } };

/** Reading a table through the second stage, and writing an entry in it. */
const TABLE_READ: Access = { read: true, write: false, execute: false, supervisor: false, sum: false, dirties: false, probes: false };
const TABLE_READ_DIRTIES: Access = { ...TABLE_READ, dirties: true };
const TABLE_WRITE: Access = { ...TABLE_READ, write: true, dirties: true };

export class TwoStage {
  readonly first = new Walker();
  readonly second = new Walker();
  /** Of the last translation: the first stage's result. */
  guestFrame = 0;
  readonly #bus: Bus;
  readonly #switches: Switches;
  #space: Space | null = null;
  #kind: AccessKind = 'read';
  #implicitWrite = false;
  readonly #firstTables: Tables;
  readonly #secondTables: Tables;

  constructor(bus: Bus, switches: Switches) {
    this.#bus = bus;
    this.#switches = switches;
    this.#firstTables = { load: (walker, frame, offset, bytes) => this.#loadFirst(walker, frame, offset, bytes), mark: (walker, bits, bytes) => this.#markFirst(walker, bits, bytes) };
    this.#secondTables = { load: (walker, frame, offset, bytes) => this.#loadSecond(walker, frame, offset, bytes), mark: (walker, bits, bytes) => this.#markSecond(walker, bits, bytes) };
  }

  /** Runs the first stage; the guest frame is then in `guestFrame`, the mapping's size in `first.span`. */
  translateFirst(space: Space, low: number, high: number, access: Access, kind: AccessKind): Fault | null {
    this.#space = space;
    this.#kind = kind;
    const walker = this.first;
    if (space.first === 'bare') {
      walker.span = BARE_SPAN;
      this.guestFrame = high * 0x10_0000 + (low >>> 12);
      return null;
    }
    const end = walker.walk(space.first, space.firstRoot, low, high, access, space.sade, this.#firstTables);
    this.guestFrame = walker.frame;
    switch (end) {
      case 'reached':
        return null;
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
  translateSecond(space: Space, frame: number, offset: number, access: Access, kind: AccessKind): Fault | null {
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

  #walkSecond(space: Space, frame: number, offset: number, access: Access): WalkEnd {
    const walker = this.second;
    if (space.second === 'bare') {
      walker.span = BARE_SPAN;
      walker.frame = frame;
      return 'reached';
    }
    const high = highIn(frame);
    if (space.sxl && high > 3) {
      walker.rule = GUEST_WIDTH;
      walker.level = space.second.levels;
      return 'refused';
    }
    return walker.walk(space.second, space.secondRoot, lowIn(frame, offset), high, access, space.gade, this.#secondTables);
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
      const dirties = space.sade && (space.gade ? this.#switches.tableDirty === 'on-read' : this.#switches.tableClean === 'fault');
      this.#end = this.#walkSecond(space, frame, offset, dirties ? TABLE_READ_DIRTIES : TABLE_READ);
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
    return { table, level: read ? walker.level : null, entry: read ? addressOf(walker.entryFrame, walker.entryOffset) : null, rule };
  }
}

const FIRST = [0, 1, 2, 3, 4].map((level) => `first-stage table, level ${level}`);
const SECOND = [0, 1, 2, 3, 4].map((level) => `second-stage table, level ${level}`);
