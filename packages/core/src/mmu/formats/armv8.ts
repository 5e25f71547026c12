// SPDX-License-Identifier: Apache-2.0
/**
 * VMSAv8-64 tables for the walker core: three granules, two stages, concatenated
 * stage-2 roots, access flag and dirty state by hardware. What a leaf permits is
 * computed once (`permits`), for the walk, for ATS and for what a TLB keeps.
 */
import type { Access, Repair, Rule, TableFormat } from '../format.ts';

const SECTION = 'Arm ARM (DDI 0487), "VMSAv8-64 translation table format descriptors"';
const PERMISSION = 'Arm ARM (DDI 0487), "Memory access control"';
/** `mending`: the edit, or why there is none. */
const rule = (field: string, bits: string, text: string, mending: Repair | string, section = SECTION): Rule => (typeof mending === 'string' ? { field, bits, text, section, beyondRepair: mending } : { field, bits, text, section, repair: mending });

export const RANGE = rule('address', '-', 'the address must lie in the range of the tables', 'no descriptor is to blame');
export const INVALID = rule('valid', '1:0', 'the descriptor must be valid and of a type that its level has', { set: 3n });
export const OUTPUT_SIZE = rule('address', '47:12', 'the output address must not exceed the output size', 'which frame was meant cannot be told');
export const ACCESS_FLAG = rule('AF', '10', 'the access flag must be set', { set: 1n << 10n });
export const NO_WRITE = rule('AP[2]', '7', 'writing needs AP[2] clear', { clear: 1n << 7n }, PERMISSION);
const NO_WRITE_BELOW = rule('APTable[1]', '62', 'a table with APTable[1] lets nothing below it be written', { clear: 1n << 62n }, PERMISSION);
const NO_USER = rule('AP[1]', '6', 'an unprivileged request needs AP[1] set', { set: 1n << 6n }, PERMISSION);
const NO_USER_BELOW = rule('APTable[0]', '61', 'a table with APTable[0] lets no unprivileged request below it', { clear: 1n << 61n }, PERMISSION);
const PRIVILEGED_ACCESS_NEVER = rule('AP[1]', '6', 'with PAN a privileged request reaches no page that users reach', { clear: 1n << 6n }, PERMISSION);
const UNPRIVILEGED_EXECUTE_NEVER = rule('UXN', '54', 'execution needs UXN clear', { clear: 1n << 54n }, PERMISSION);
const PRIVILEGED_EXECUTE_NEVER = rule('PXN', '53', 'privileged execution needs PXN clear', { clear: 1n << 53n }, PERMISSION);
const UNPRIVILEGED_EXECUTE_NEVER_BELOW = rule('UXNTable', '60', 'a table with UXNTable lets nothing below it be executed', { clear: 1n << 60n }, PERMISSION);
const PRIVILEGED_EXECUTE_NEVER_BELOW = rule('PXNTable', '59', 'a table with PXNTable lets nothing below it be executed by the privileged', { clear: 1n << 59n }, PERMISSION);
const WRITABLE_NOT_EXECUTED = rule('AP[2] DBM', '51, 7', 'a page that users may write, or with WXN any that may be written, is not executed', { set: 1n << 7n }, PERMISSION);
const S2_READ = rule('S2AP[0]', '6', 'reading needs S2AP[0]', { set: 1n << 6n }, PERMISSION);
const S2_WRITE = rule('S2AP[1]', '7', 'writing needs S2AP[1]', { set: 1n << 7n }, PERMISSION);
const S2_EXECUTE = rule('XN', '54:53', 'execution needs XN to permit it', { clear: 3n << 53n }, PERMISSION);

/** Bits of what a leaf permits. `CLEAN`: a write is permitted after hardware has marked the page dirty. */
export const PERMITS = { read: 1, write: 2, execute: 4, clean: 8 } as const;

export type Granule = 12 | 14 | 16;

export interface StageOptions {
  readonly stage: 1 | 2;
  readonly granule: Granule;
  readonly inputBits: number;
  readonly outputBits: number;
  /** Tables on the way, root included. */
  readonly levels: number;
  /** The upper range: addresses begin with ones. */
  readonly upper: boolean;
  /** A clear access flag is no fault. */
  readonly ignoresAccessFlag: boolean;
  /** Hardware sets a clear access flag. */
  readonly setsAccessFlag: boolean;
  /** Hardware makes a page with DBM writable when it is written. */
  readonly setsDirty?: boolean;
  /** Addresses of 52 bits: with 64 KiB granules their top lies in bits 15:12. */
  readonly largeAddresses?: boolean;
  /** Stage 1 of a regime with one level of privilege (EL2): AP[1], PXN and PAN do not count. */
  readonly oneLevel?: boolean;
  /** APTable, PXNTable and UXNTable are ignored (HAD). */
  readonly flat?: boolean;
  /** What may be written is not executed (WXN). */
  readonly writeExecuteNever?: boolean;
  /** Privileged data accesses do not reach user pages (PAN). */
  readonly privilegedAccessNever?: boolean;
  /** Stage 2 has an execute bit for each privilege (XNX). */
  readonly executeByPrivilege?: boolean;
}

/** Tables that stage 1 needs for so many input bits. */
export const stage1Levels = (granule: Granule, inputBits: number): number => Math.ceil((inputBits - granule) / (granule - 3));

/** Bytes that the root covers; stage 2 may join up to sixteen tables into one. */
export const rootBytes = (format: TableFormat): number => 2 ** ((format.width[format.levels - 1] ?? 0) + 3);

/** Bits in the high half. */
const DBM = 1 << 19;
const PXN = 1 << 21;
const UXN = 1 << 22;
const PXN_TABLE = 1 << 27;
const UXN_TABLE = 1 << 28;
const AP0_TABLE = 1 << 29;
const AP1_TABLE = 1 << 30;

/** What the leaf permits, as bits of `PERMITS`. `above`: high halves of the tables passed, joined. */
export function permits(options: StageOptions, low: number, high: number, above: number, privileged: boolean): number {
  const cleanable = options.setsDirty === true && (high & DBM) !== 0;
  if (options.stage === 2) {
    const dirty = (low & 0x80) !== 0;
    const xn = (high >>> 21) & 3;
    const executes = options.executeByPrivilege === true ? xn === 0 || xn === (privileged ? 3 : 1) : (xn & 2) === 0;
    return ((low & 0x40) !== 0 ? PERMITS.read : 0) | (dirty ? PERMITS.write : cleanable ? PERMITS.write | PERMITS.clean : 0) | (executes ? PERMITS.execute : 0);
  }
  const tables = options.flat === true ? 0 : above;
  const readOnly = (low & 0x80) !== 0;
  const writable = (!readOnly || cleanable) && (tables & AP1_TABLE) === 0;
  const write = writable ? PERMITS.write | (readOnly ? PERMITS.clean : 0) : 0;
  const writeExecuteNever = options.writeExecuteNever === true;
  if (options.oneLevel === true) {
    const executes = (high & UXN) === 0 && (tables & UXN_TABLE) === 0 && !(writeExecuteNever && writable);
    return PERMITS.read | write | (executes ? PERMITS.execute : 0);
  }
  const user = (low & 0x40) !== 0 && (tables & AP0_TABLE) === 0;
  if (privileged) {
    const executes = (high & PXN) === 0 && (tables & PXN_TABLE) === 0 && !(user && writable) && !(writeExecuteNever && writable);
    return (options.privilegedAccessNever === true && user ? 0 : PERMITS.read | write) | (executes ? PERMITS.execute : 0);
  }
  const executes = (high & UXN) === 0 && (tables & UXN_TABLE) === 0 && !(writeExecuteNever && user && writable);
  return (user ? PERMITS.read | write : 0) | (executes ? PERMITS.execute : 0);
}

/** The rule that forbids what is asked; writes are looked at first (IHI 0070, 13.1.1). A probe is only forbidden what grants nothing at all. */
export function forbids(options: StageOptions, low: number, high: number, above: number, access: Access): Rule | null {
  const permitted = permits(options, low, high, above, access.supervisor);
  if (access.probes) {
    const wanted = (access.read ? PERMITS.read : 0) | (access.write ? PERMITS.write : 0) | (access.execute ? PERMITS.execute : 0);
    if ((permitted & wanted) !== 0) return null;
  }
  const tables = options.flat === true ? 0 : above;
  if (access.write && (permitted & PERMITS.write) === 0) {
    if (options.stage === 2) return S2_WRITE;
    if ((permitted & PERMITS.read) === 0) return unreachable(options, low, tables, access.supervisor);
    return (low & 0x80) !== 0 ? NO_WRITE : NO_WRITE_BELOW;
  }
  if (access.read && (permitted & PERMITS.read) === 0) return options.stage === 2 ? S2_READ : unreachable(options, low, tables, access.supervisor);
  if (!access.execute || (permitted & PERMITS.execute) !== 0) return null;
  if (options.stage === 2) return S2_EXECUTE;
  const asUser = !access.supervisor || options.oneLevel === true;
  if ((high & (asUser ? UXN : PXN)) !== 0) return asUser ? UNPRIVILEGED_EXECUTE_NEVER : PRIVILEGED_EXECUTE_NEVER;
  if ((tables & (asUser ? UXN_TABLE : PXN_TABLE)) !== 0) return asUser ? UNPRIVILEGED_EXECUTE_NEVER_BELOW : PRIVILEGED_EXECUTE_NEVER_BELOW;
  return WRITABLE_NOT_EXECUTED;
}

/** Why a page is out of reach for the privilege, whatever is to be done there. */
function unreachable(options: StageOptions, low: number, tables: number, privileged: boolean): Rule {
  if (privileged || options.oneLevel === true) return PRIVILEGED_ACCESS_NEVER;
  return (low & 0x40) === 0 || (tables & AP0_TABLE) === 0 ? NO_USER : NO_USER_BELOW;
}

/** The bit of a table's high half that such a rule speaks of; 0 for rules about the leaf itself. */
export function tableBit(broken: Rule): number {
  switch (broken) {
    case NO_WRITE_BELOW:
      return AP1_TABLE;
    case NO_USER_BELOW:
      return AP0_TABLE;
    case UNPRIVILEGED_EXECUTE_NEVER_BELOW:
      return UXN_TABLE;
    case PRIVILEGED_EXECUTE_NEVER_BELOW:
      return PXN_TABLE;
    default:
      return 0;
  }
}

export function stageFormat(options: StageOptions): TableFormat {
  const { granule, levels, inputBits, outputBits } = options;
  const indexBits = granule - 3;
  const shift = Array.from({ length: levels }, (_, level) => granule + indexBits * level);
  const outside = outputBits >= 48 ? 0 : (0xffff & ~((1 << Math.max(0, outputBits - 32)) - 1)) >>> 0;
  const large = options.largeAddresses === true && granule === 16;
  /** Bits 15:12 that are address bits 51:48 and must be clear. */
  const outsideTop = large && outputBits < 52 ? (0xf000 & ~((1 << (12 + Math.max(0, outputBits - 48))) - 1)) >>> 0 : 0;
  /** The highest level with blocks: 1 GiB with 4 KiB granules, 4 TiB with large addresses, else the one above pages. */
  const largest = granule === 12 || large ? 2 : 1;
  const tooFar = (low: number, high: number): boolean => (high & outside) !== 0 || (low & outsideTop) !== 0;
  return {
    name: `stage ${options.stage}, ${2 ** (granule - 10)} KiB granule`,
    spec: SECTION,
    levels,
    entryBytes: 8,
    shift,
    width: shift.map((lowest, level) => (level === levels - 1 ? inputBits - lowest : indexBits)),
    inputBits: 64,
    above: 'zero',
    tooWide: RANGE,
    sort(low, high, level) {
      if ((low & 1) === 0) return INVALID;
      if ((low & 2) !== 0) return level === 0 ? 'leaf' : tooFar(low, high) ? OUTPUT_SIZE : 'pointer';
      return level === 0 || level > largest ? INVALID : 'leaf';
    },
    pointers: 'pass',
    flaw: () => null,
    // Address bits below the granule are no address bits; a leaf's below its size are cut by the walk.
    target: (low, high) => {
      const frame = (high & 0xffff) * 0x10_0000 + (low >>> 12);
      return frame - (frame % 2 ** (granule - 12)) + (large ? ((low >>> 12) & 0xf) * 2 ** 36 : 0);
    },
    span: (_low, _high, level) => granule + indexBits * level,
    refuses(low, high, access, above) {
      if (tooFar(low, high)) return OUTPUT_SIZE;
      if ((low & 0x400) === 0 && !options.ignoresAccessFlag && !options.setsAccessFlag) return ACCESS_FLAG;
      return forbids(options, low, high, above, access);
    },
    // Bits that change: AF is set; dirty clears AP[2] in stage 1 and sets S2AP[1] in stage 2.
    marks(low, high, access) {
      const accessed = options.setsAccessFlag ? 0x400 & ~low : 0;
      if (!access.dirties || options.setsDirty !== true || (high & DBM) === 0) return accessed;
      return accessed | (options.stage === 1 ? low & 0x80 : 0x80 & ~low);
    },
    unmarked: ACCESS_FLAG,
    // A page that hardware would make writable stays so until DBM is clear.
    mend: (broken, _low, high) => (broken === WRITABLE_NOT_EXECUTED && options.setsDirty === true && (high & DBM) !== 0 ? { set: 1n << 7n, clear: 1n << 51n } : undefined),
  };
}
