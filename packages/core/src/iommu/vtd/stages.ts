// SPDX-License-Identifier: Apache-2.0
/** First, second and nested translation. Each end of a walk becomes a fault reason here, by stage and by mode. */
import type { Bus } from '../bus.ts';
import { mended, NO_ANSWER, type Access, type Rule, type TableFormat } from '../../mmu/format.ts';
import { Walker, type Tables, type WalkEnd } from '../../mmu/walk.ts';
import { addressOf, highIn, lowIn } from '../../mmu/word.ts';
import * as rules from '../../mmu/formats/x86.ts';
import type { VtdCaches } from './caches.ts';

/** Why a request was refused: reason, table, entry, rule. */
export interface VtdFault {
  readonly kind: 'fault';
  readonly reason: number;
  readonly why: { readonly table: string; readonly level: number | null; readonly entry: bigint | null; readonly rule: Rule };
}

export interface VtdSpace {
  readonly first: TableFormat | null;
  readonly firstRoot: number;
  readonly second: TableFormat | null;
  readonly secondRoot: number;
  /** Legacy mode has reasons of its own. */
  readonly legacy: boolean;
  readonly domain: number;
  /** 0 in legacy mode. */
  readonly pasid: number;
  /** WPE, NXE, SMEP of the PASID-table entry. */
  readonly writeProtect: boolean;
  readonly noExecute: boolean;
  readonly smep: boolean;
  /** The second stage keeps accessed and dirty bits (SSADE). */
  readonly marksSecond: boolean;
  /** Tables are read past the caches of the processors: then no bit can be set in them. */
  readonly unsnooped: boolean;
}

/** Numbers of rights: `USER_READ`, …; a supervisor's are three further. */
export const READ_RIGHT = 0;
export const WRITE_RIGHT = 1;
export const EXECUTE_RIGHT = 2;
export const SUPERVISOR_RIGHTS = 3;

export interface Reached {
  readonly kind: 'reached';
  readonly frame: number;
  /** log2 of the bytes around that translate alike. */
  readonly span: number;
  /** One bit a right. Writing is in only where the dirty bits are set already. */
  readonly rights: number;
  readonly global: boolean;
  /** The second stage makes accesses snoop (SNP). */
  readonly snoops: boolean;
}

const FAULTS = 'Intel VT-d, "Fault Conditions and Remapping Hardware Behavior"';
const UNREAD: Rule = { field: 'address', bits: '51:12', text: 'the entry lies where memory refuses access or is corrupt', section: FAULTS, beyondRepair: NO_ANSWER };
const UNSET: Rule = { field: 'A D', bits: '-', text: 'accessed and dirty bits could not be written', section: FAULTS };
const UNSNOOPED: Rule = { field: 'A D', bits: '-', text: 'hardware sets accessed and dirty bits only in walks that snoop (PWSNP)', section: 'Intel VT-d, "Scalable-Mode PASID Table Entry"' };

const LEGACY = new Map<Rule, number>([
  [rules.S_READ, 0x06],
  [rules.S_WRITE, 0x05],
  [rules.S_RESERVED, 0x0c],
]);
const SCALABLE = new Map<Rule, number>([
  [rules.S_NOT_PRESENT, 0x79],
  [rules.S_READ, 0x86],
  [rules.S_WRITE, 0x85],
  [rules.S_RESERVED, 0x7a],
  [rules.CANONICAL, 0x80],
  [rules.F_NOT_PRESENT, 0x71],
  [rules.F_USER, 0x81],
  [rules.F_WRITE, 0x85],
  [rules.F_EXECUTE, 0x82],
  [rules.F_SMEP, 0x82],
  [rules.F_RESERVED, 0x72],
]);

const READ: Access = { read: true, write: false, execute: false, supervisor: false, sum: false, dirties: false, probes: false };
const WRITE: Access = { ...READ, read: false, write: true, dirties: true };

const FIRST_NAMES = [0, 1, 2, 3, 4].map((level) => `first-stage table, level ${level}`);
const SECOND_NAMES = [0, 1, 2, 3, 4].map((level) => `second-stage table, level ${level}`);

const USER = 4;
const WRITABLE = 2;
const GLOBAL = 0x100;
const FIRST_DIRTY = 0x40;
const SECOND_DIRTY = 0x200;
const SNOOPS = 0x800;

/** Which right an access needs. */
export function rightOf(access: Access): number {
  return (access.write ? WRITE_RIGHT : access.execute ? EXECUTE_RIGHT : READ_RIGHT) + (access.supervisor ? SUPERVISOR_RIGHTS : 0);
}

export class VtdStages {
  readonly first = new Walker();
  readonly second = new Walker();
  readonly #bus: Bus;
  readonly #caches: VtdCaches;
  #space: VtdSpace | null = null;
  #end: WalkEnd = 'reached';
  /** Why setting bits failed, or null. Where software has set them, nothing is to be set. */
  #unset: Rule | null = null;
  #access: Access = READ;
  #snoops = true;
  /** Of the walks under way: the frames of the addresses, bits set in every entry, bits set in some. */
  #firstFrame = 0;
  #secondFrame = 0;
  #firstAll = -1;
  #firstHighs = 0;
  #secondAll = -1;
  /** Levels of the entries loaded last: one that changed in between is loaded twice. */
  #firstLevel = -1;
  #secondLevel = -1;
  readonly #firstTables: Tables = { load: (walker, frame, offset, bytes) => this.#loadFirst(walker, frame, offset, bytes), mark: (walker, bits, bytes) => this.#markFirst(walker, bits, bytes) };
  readonly #secondTables: Tables = { load: (walker, frame, offset, bytes) => this.#loadSecond(walker, frame, offset, bytes), mark: (walker, bits, bytes) => this.#mark(SECOND_NAMES[walker.level] ?? '', walker, bits, bytes) };

  constructor(bus: Bus, caches: VtdCaches) {
    this.#bus = bus;
    this.#caches = caches;
  }

  /** The frame that the request reaches, what may be done there, and how far alike its surroundings translate. */
  translate(space: VtdSpace, low: number, high: number, access: Access): Reached | VtdFault {
    this.#space = space;
    this.#access = access;
    this.#unset = null;
    let frame = high * 0x10_0000 + (low >>> 12);
    let span = 64;
    let dirty = true;
    let global = false;
    this.#firstAll = -1;
    this.#firstHighs = 0;
    this.#firstLevel = -1;
    if (space.first !== null) {
      const walker = this.first;
      this.#firstFrame = frame;
      const end = walker.walk(space.first, space.firstRoot, low, high, access, true, this.#firstTables);
      if (end !== 'reached') return this.#firstFault(end, space.first);
      if (this.#isForbiddenFetch(space)) return this.#fault(0x82, 'first-stage table', walker, rules.F_SMEP);
      frame = walker.frame;
      span = walker.span;
      dirty = (walker.low & FIRST_DIRTY) !== 0;
      global = (walker.low & GLOBAL) !== 0;
    }
    let snoops = false;
    if (space.second !== null) {
      const end = this.#walkSecond(space.second, space.secondRoot, frame, low & 0xfff, access);
      if (end !== 'reached') return this.#secondFault(end, space.second, access, space.legacy ? LEGACY : SCALABLE, space.first === null ? 0x83 : 0x84);
      frame = this.second.frame;
      span = Math.min(span, this.second.span);
      snoops = (this.second.low & SNOOPS) !== 0;
      if (space.marksSecond) dirty = dirty && (this.second.low & SECOND_DIRTY) !== 0;
    }
    return { kind: 'reached', frame, span: Math.min(span, 63), rights: this.#rights(space, dirty), global, snoops };
  }

  #rights(space: VtdSpace, dirty: boolean): number {
    const first = space.first !== null;
    const user = !first || (this.#firstAll & USER) !== 0;
    const writable = !first || (this.#firstAll & WRITABLE) !== 0;
    const executable = !first || !space.noExecute || this.#firstHighs >>> 31 === 0;
    const readsSecond = space.second === null || (this.#secondAll & 1) !== 0;
    const writesSecond = space.second === null || (this.#secondAll & 2) !== 0;
    const bit = (held: boolean, right: number): number => (held ? 1 << right : 0);
    return (
      bit(user && readsSecond, READ_RIGHT) |
      bit(user && writable && writesSecond && dirty, WRITE_RIGHT) |
      bit(user && executable && readsSecond, EXECUTE_RIGHT) |
      bit(readsSecond, SUPERVISOR_RIGHTS + READ_RIGHT) |
      bit((writable || !space.writeProtect) && writesSecond && dirty, SUPERVISOR_RIGHTS + WRITE_RIGHT) |
      bit(executable && readsSecond && !(space.smep && first && user), SUPERVISOR_RIGHTS + EXECUTE_RIGHT)
    );
  }

  #walkSecond(format: TableFormat, root: number, frame: number, offset: number, access: Access): WalkEnd {
    this.#secondFrame = frame;
    this.#secondAll = -1;
    this.#secondLevel = -1;
    return this.second.walk(format, root, lowIn(frame, offset), highIn(frame), access, true, this.#secondTables);
  }

  #loadFirst(walker: Walker, frame: number, offset: number, bytes: number): WalkEnd {
    const space = this.#space;
    if (space === null || space.first === null) return 'denied';
    const recalled = this.#recall(space, true, space.first, walker, this.#firstFrame, this.#firstLevel);
    this.#firstLevel = walker.level;
    if (!recalled) {
      let at = frame;
      if (space.second !== null) {
        this.#end = this.#walkSecond(space.second, space.secondRoot, frame, offset, READ);
        if (this.#end !== 'reached') return 'unreached';
        at = this.second.frame;
      }
      walker.entryFrame = at;
      walker.entryOffset = offset;
      const end = this.#load(FIRST_NAMES[walker.level] ?? '', walker, at, offset, bytes);
      if (end !== 'reached') return end;
    }
    this.#firstAll &= walker.low;
    this.#firstHighs |= walker.high;
    return 'reached';
  }

  #loadSecond(walker: Walker, frame: number, offset: number, bytes: number): WalkEnd {
    const space = this.#space;
    if (space === null || space.second === null) return 'denied';
    const recalled = this.#recall(space, false, space.second, walker, this.#secondFrame, this.#secondLevel);
    this.#secondLevel = walker.level;
    if (!recalled) {
      walker.entryFrame = frame;
      walker.entryOffset = offset;
      const end = this.#load(SECOND_NAMES[walker.level] ?? '', walker, frame, offset, bytes);
      if (end !== 'reached') return end;
    }
    this.#secondAll &= walker.low;
    return 'reached';
  }

  /** Remembers the entry above, which has just been followed, and takes this one from the cache where it is there. */
  #recall(space: VtdSpace, first: boolean, format: TableFormat, walker: Walker, frame: number, last: number): boolean {
    const { level } = walker;
    if (this.#caches.paging === null || last === level) return false;
    if (last === level + 1) this.#caches.putTable(space, first, level + 1, frame, format.shift[level + 1] ?? 12, { low: walker.low, high: walker.high, frame: walker.entryFrame, offset: walker.entryOffset });
    const known = level === 0 ? null : this.#caches.findTable(space, first, level, frame);
    if (known === null) return false;
    walker.low = known.low;
    walker.high = known.high;
    walker.entryFrame = known.frame;
    walker.entryOffset = known.offset;
    return true;
  }

  /** Whether a supervisor fetches from a user's page although SMEP is set. It is a user's only if no entry on the way says otherwise, which the last one cannot tell. */
  #isForbiddenFetch(space: VtdSpace): boolean {
    return this.#access.execute && this.#access.supervisor && space.smep && (this.#firstAll & USER) !== 0;
  }

  /** Setting a bit in a first-stage entry is a write through the second stage. */
  #markFirst(walker: Walker, bits: number, bytes: number): WalkEnd | 'changed' {
    const space = this.#space;
    if (space?.first != null && this.#isForbiddenFetch(space) && space.first.sort(walker.low, walker.high, walker.level) === 'leaf') {
      walker.rule = rules.F_SMEP;
      return 'refused';
    }
    if (space !== null && space.second !== null) {
      this.#end = this.#walkSecond(space.second, space.secondRoot, walker.tableFrame, walker.tableOffset, WRITE);
      if (this.#end !== 'reached') return 'unreached';
    }
    return this.#mark(FIRST_NAMES[walker.level] ?? '', walker, bits, bytes);
  }

  #load(what: string, walker: Walker, frame: number, offset: number, bytes: number): WalkEnd {
    const status = this.#bus.load(what, frame, offset, bytes, false);
    walker.low = (this.#bus.data[0] ?? 0) | 0;
    walker.high = (this.#bus.data[1] ?? 0) | 0;
    return status === 'ok' ? 'reached' : status;
  }

  #mark(what: string, walker: Walker, bits: number, bytes: number): WalkEnd | 'changed' {
    this.#snoops = this.#space?.unsnooped !== true;
    if (!this.#snoops) {
      this.#unset = { ...UNSNOOPED, repair: { set: BigInt(bits) } };
      return 'denied';
    }
    const status = this.#bus.mark(what, walker.entryFrame, walker.entryOffset, bytes, false, walker.low, walker.high, bits);
    if (status === 'ok') {
      walker.low |= bits;
      return 'reached';
    }
    if (status !== 'changed') this.#unset = { ...UNSET, repair: { set: BigInt(bits) } };
    return status;
  }

  #firstFault(end: WalkEnd, format: TableFormat): VtdFault {
    const space = this.#space;
    const walker = this.first;
    if (end === 'unreached' && space !== null && space.second !== null) return this.#tableFault(space.second, walker.level === format.levels - 1);
    if (end === 'refused') return this.#fault(SCALABLE.get(walker.rule ?? UNREAD) ?? 0x72, 'first-stage table', walker, walker.rule ?? UNREAD);
    if (this.#unset !== null) return this.#fault(this.#snoops ? 0x91 : 0x90, 'first-stage table', walker, this.#unset);
    return this.#fault(walker.level === format.levels - 1 ? 0x73 : 0x70, 'first-stage table', walker, UNREAD);
  }

  /** A first-stage table that the second stage does not give: the root table (75) and those below (76) are told apart. */
  #tableFault(format: TableFormat, top: boolean): VtdFault {
    const { rule } = this.second;
    if (this.#end === 'refused' && (rule === rules.S_NOT_PRESENT || rule === rules.S_READ)) return this.#fault(top ? 0x75 : 0x76, 'second-stage table', this.second, rule);
    if (this.#end === 'refused' && rule === rules.S_WRITE) return this.#fault(0x77, 'second-stage table', this.second, rule);
    return this.#secondFault(this.#end, format, READ, SCALABLE, 0x74);
  }

  #secondFault(end: WalkEnd, format: TableFormat, access: Access, reasons: ReadonlyMap<Rule, number>, width: number): VtdFault {
    const walker = this.second;
    const { rule } = walker;
    const legacy = reasons === LEGACY;
    if (end !== 'refused' || rule === null) {
      if (this.#unset !== null) return this.#fault(this.#snoops ? 0x7d : 0x7c, 'second-stage table', walker, this.#unset);
      return this.#fault(legacy ? 0x07 : walker.level === format.levels - 1 ? 0x7b : 0x78, 'second-stage table', walker, UNREAD);
    }
    if (rule === rules.TOO_WIDE) return this.#fault(legacy ? 0x04 : width, 'second-stage table', walker, rule);
    if (legacy && rule === rules.S_NOT_PRESENT) return this.#fault(access.write ? 0x05 : 0x06, 'second-stage table', walker, rule);
    return this.#fault(reasons.get(rule) ?? 0x7a, 'second-stage table', walker, rule);
  }

  #fault(reason: number, table: string, walker: Walker, rule: Rule): VtdFault {
    const read = rule !== rules.CANONICAL && rule !== rules.TOO_WIDE;
    return { kind: 'fault', reason, why: { table, level: read ? walker.level : null, entry: read ? addressOf(walker.entryFrame, walker.entryOffset) : null, rule: mended(walker === this.first ? (this.#space?.first ?? null) : (this.#space?.second ?? null), rule, walker.low, walker.high, walker.level) } };
  }
}
