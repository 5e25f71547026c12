// SPDX-License-Identifier: Apache-2.0
/** First, second and nested translation. Each end of a walk becomes a fault reason here, by stage and by mode. */
import type { Bus } from '../bus.ts';
import { mended, NO_ANSWER, type Access, type Rule, type TableFormat } from '../../mmu/format.ts';
import { Walker, type Tables, type WalkEnd } from '../../mmu/walk.ts';
import { addressOf, highIn, lowIn } from '../../mmu/word.ts';
import * as rules from '../../mmu/formats/x86.ts';

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
}

const UNREAD: Rule = { field: 'address', bits: '51:12', text: 'the entry lies where memory refuses access or is corrupt', section: 'Intel VT-d, "Fault Conditions and Remapping Hardware Behavior"', beyondRepair: NO_ANSWER };

const LEGACY = new Map<Rule, number>([
  [rules.TOO_WIDE, 0x04],
  [rules.S_READ, 0x06],
  [rules.S_WRITE, 0x05],
  [rules.S_RESERVED, 0x0c],
]);
const SCALABLE = new Map<Rule, number>([
  [rules.TOO_WIDE, 0x83],
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
/** The second stage on the way to a first-stage table. */
const TABLE = new Map<Rule, number>([
  [rules.TOO_WIDE, 0x74],
  [rules.S_NOT_PRESENT, 0x75],
  [rules.S_READ, 0x76],
  [rules.S_WRITE, 0x77],
  [rules.S_RESERVED, 0x7a],
]);

const READ: Access = { read: true, write: false, execute: false, supervisor: false, sum: false, dirties: false, probes: false };
const WRITE: Access = { ...READ, write: true, dirties: true };

const FIRST_NAMES = [0, 1, 2, 3, 4].map((level) => `first-stage table, level ${level}`);
const SECOND_NAMES = [0, 1, 2, 3, 4].map((level) => `second-stage table, level ${level}`);

export class VtdStages {
  readonly first = new Walker();
  readonly second = new Walker();
  readonly #bus: Bus;
  #space: VtdSpace | null = null;
  #end: WalkEnd = 'reached';
  readonly #firstTables: Tables = { load: (walker, frame, offset, bytes) => this.#loadFirst(walker, frame, offset, bytes), mark: (walker, bits, bytes) => this.#markFirst(walker, bits, bytes) };
  readonly #secondTables: Tables = {
    load: (walker, frame, offset, bytes) => {
      walker.entryFrame = frame;
      walker.entryOffset = offset;
      return this.#load(SECOND_NAMES[walker.level] ?? '', walker, frame, offset, bytes);
    },
    mark: (walker, bits, bytes) => this.#mark(SECOND_NAMES[walker.level] ?? '', walker, bits, bytes),
  };

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** The frame that the request reaches, and how far alike its surroundings translate. */
  translate(space: VtdSpace, low: number, high: number, access: Access): { readonly frame: number; readonly span: number } | VtdFault {
    this.#space = space;
    let frame = high * 0x10_0000 + (low >>> 12);
    let span = 64;
    if (space.first !== null) {
      const walker = this.first;
      const end = walker.walk(space.first, space.firstRoot, low, high, access, true, this.#firstTables);
      if (end !== 'reached') return this.#firstFault(end, space.first);
      frame = walker.frame;
      span = walker.span;
    }
    if (space.second !== null) {
      const end = this.#walkSecond(space.second, space.secondRoot, frame, low & 0xfff, access);
      if (end !== 'reached') return this.#secondFault(end, space.second, access, space.legacy ? LEGACY : SCALABLE, space.first === null ? 0x83 : 0x84);
      frame = this.second.frame;
      span = Math.min(span, this.second.span);
    }
    return { frame, span: Math.min(span, 63) };
  }

  #walkSecond(format: TableFormat, root: number, frame: number, offset: number, access: Access): WalkEnd {
    return this.second.walk(format, root, lowIn(frame, offset), highIn(frame), access, true, this.#secondTables);
  }

  #loadFirst(walker: Walker, frame: number, offset: number, bytes: number): WalkEnd {
    const space = this.#space;
    let at = frame;
    if (space !== null && space.second !== null) {
      this.#end = this.#walkSecond(space.second, space.secondRoot, frame, offset, READ);
      if (this.#end !== 'reached') return 'unreached';
      at = this.second.frame;
    }
    walker.entryFrame = at;
    walker.entryOffset = offset;
    return this.#load(FIRST_NAMES[walker.level] ?? '', walker, at, offset, bytes);
  }

  /** Setting a bit in a first-stage entry is a write through the second stage. */
  #markFirst(walker: Walker, bits: number, bytes: number): WalkEnd | 'changed' {
    const space = this.#space;
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
    const status = this.#bus.mark(what, walker.entryFrame, walker.entryOffset, bytes, false, walker.low, walker.high, bits);
    if (status === 'ok') walker.low |= bits;
    return status === 'ok' ? 'reached' : status;
  }

  #firstFault(end: WalkEnd, format: TableFormat): VtdFault {
    const space = this.#space;
    if (end === 'unreached' && space !== null && space.second !== null) return this.#secondFault(this.#end, space.second, READ, TABLE, 0x74);
    if (end === 'refused') return this.#fault(SCALABLE.get(this.first.rule ?? UNREAD) ?? 0x72, 'first-stage table', this.first, this.first.rule ?? UNREAD);
    return this.#fault(this.first.level === format.levels - 1 ? 0x73 : 0x70, 'first-stage table', this.first, UNREAD);
  }

  #secondFault(end: WalkEnd, format: TableFormat, access: Access, reasons: ReadonlyMap<Rule, number>, width: number): VtdFault {
    const walker = this.second;
    const { rule } = walker;
    const legacy = reasons === LEGACY;
    if (end !== 'refused' || rule === null) return this.#fault(legacy ? 0x07 : walker.level === format.levels - 1 ? 0x7b : 0x78, 'second-stage table', walker, UNREAD);
    if (rule === rules.TOO_WIDE) return this.#fault(legacy ? 0x04 : width, 'second-stage table', walker, rule);
    if (legacy && rule === rules.S_NOT_PRESENT) return this.#fault(access.write ? 0x05 : 0x06, 'second-stage table', walker, rule);
    return this.#fault(reasons.get(rule) ?? 0x7a, 'second-stage table', walker, rule);
  }

  #fault(reason: number, table: string, walker: Walker, rule: Rule): VtdFault {
    const read = rule !== rules.CANONICAL && rule !== rules.TOO_WIDE;
    return { kind: 'fault', reason, why: { table, level: read ? walker.level : null, entry: read ? addressOf(walker.entryFrame, walker.entryOffset) : null, rule: mended(walker === this.first ? (this.#space?.first ?? null) : (this.#space?.second ?? null), rule, walker.low, walker.high, walker.level) } };
  }
}
