// SPDX-License-Identifier: Apache-2.0
/**
 * How the CPUs of each architecture page: the walker core's formats, with the
 * permissions of a CPU. They are computed from what a walk has passed, which
 * is also what a TLB entry holds, so that a hit and a walk cannot disagree.
 */
import { noFlaw, type Access, type Rule, type TableFormat } from './format.ts';
import { ACCESS_FLAG, forbids, INVALID, OUTPUT_SIZE, RANGE, stage1Levels, stageFormat, type StageOptions } from './formats/armv8.ts';
import { stagePaging } from './formats/riscv.ts';
import { firstStageFormat, F_EXECUTE, F_NOT_PRESENT, F_RESERVED, F_SMEP, F_USER, F_WRITE } from './formats/x86.ts';

/** One access of a CPU. A fetch reads nothing else. */
export interface CpuAccess {
  readonly address: bigint;
  readonly kind: 'read' | 'write' | 'fetch';
  /** At user level (ring 3, U, EL0). */
  readonly user: boolean;
}

/** Switches that the kernel sets, and may set differently for one access. */
export interface CpuMode {
  /** The kernel may touch user pages now: SUM set; SMAP off or AC set; PAN clear. */
  readonly userPages: boolean;
  /** x86 CR0.WP: the kernel obeys write protection. */
  readonly writeProtect: boolean;
  /** RISC-V MXR: what may be executed may be read. */
  readonly executableReads: boolean;
}

export const PLAIN_MODE: CpuMode = { userPages: false, writeProtect: true, executableReads: false };

/** What a walk has passed: enough to decide any later access. */
export interface Passed {
  /** The leaf. */
  low: number;
  high: number;
  /** Bits that all entries have, and bits that some pointer has. */
  allLow: number;
  anyLow: number;
  anyHigh: number;
}

export type CpuFaultKind = 'translation' | 'permission' | 'reserved' | 'unmarked' | 'address' | 'memory';

export interface CpuPaging {
  readonly name: string;
  readonly levels: number;
  /** Bits of an address-space number: PCID or ASID. */
  readonly asidBits: number;
  /** The format for one access: of the half that the address lies in. */
  format(address: bigint): TableFormat;
  /** Which of an address space's roots serves an address. */
  readonly roots: 'one' | 'by half';
  readonly passed: Passed;
  /** Access and mode of the walk that runs; whoever walks sets them. Walks do not interleave. */
  readonly asked: { access: CpuAccess; mode: CpuMode };
  /** Which permission is missing. */
  check(passed: Passed, access: CpuAccess, mode: CpuMode): Rule | null;
  isGlobal(passed: Passed): boolean;
  /** Whether a write to a page with this leaf needs no mark any more. */
  isDirty(passed: Passed): boolean;
  /** Whether hardware marks entries as accessed and dirty. */
  readonly marks: boolean;
  /** Whether bit patterns of the address select no table at all. */
  isAddress(address: bigint): boolean;
  kindOf(rule: Rule): CpuFaultKind;
  /** The number that software finds: error code, cause, or fault status. `level` counts from the last one, 0. */
  code(kind: CpuFaultKind, level: number, access: CpuAccess): number;
}

const SDM = 'Intel SDM volume 3, "4-Level Paging and 5-Level Paging", "Determination of Access Rights"';
const retold = (rule: Rule, section: string): Rule => ({ ...rule, section });
const X_NOT_PRESENT = retold(F_NOT_PRESENT, SDM);
const X_RESERVED = retold(F_RESERVED, SDM);
const X_USER = retold(F_USER, SDM);
const X_WRITE = retold(F_WRITE, SDM);
const X_EXECUTE = retold(F_EXECUTE, SDM);
const X_SMEP = retold(F_SMEP, SDM);
const X_SMAP: Rule = { field: 'US', bits: '2', text: 'with SMAP a supervisor reaches a user page only while AC is set', section: SDM, repair: { clear: 4n } };
const X_CANONICAL: Rule = { field: 'address', bits: '63:47', text: 'address bits above the tables must repeat their highest bit', section: 'Intel SDM volume 1, "Canonical Addressing"', beyondRepair: 'the address is wrong, not an entry' };

export interface X86Options {
  readonly levels?: 4 | 5;
  readonly hostBits?: number;
  readonly noExecute?: boolean;
  readonly smep?: boolean;
  readonly smap?: boolean;
}

/** x86-64: permissions are those that every entry gives; hardware sets A and D. PGE is on. */
export function x86Paging(options: X86Options = {}): CpuPaging {
  const { levels = 4, hostBits = 52, noExecute = true, smep = true, smap = true } = options;
  const format = { ...firstStageFormat({ levels, hostBits, gigabyte: true, writeProtect: true, noExecute, extendedAccessed: false }), tooWide: X_CANONICAL };
  const passed = nothingPassed();
  const sort = (low: number, high: number, level: number): 'pointer' | 'leaf' | Rule => {
    const found = format.sort(low, high, level);
    if (found === F_NOT_PRESENT) return X_NOT_PRESENT;
    // Reserved bits are found on the way, before rights are looked at; without NXE bit 63 is one of them.
    return format.flaw(low, high, level) !== null || (!noExecute && high >>> 31 !== 0) ? X_RESERVED : found;
  };
  const paging: CpuPaging = {
    name: `x86-64, ${levels} levels`,
    levels,
    asidBits: 12,
    roots: 'one',
    passed,
    asked: nothingAsked(),
    marks: true,
    format: () => followed,
    check({ allLow, anyHigh, high }, access, mode) {
      const user = (allLow & 4) !== 0;
      if (access.user && !user) return X_USER;
      if (!access.user && user) {
        if (access.kind === 'fetch' && smep) return X_SMEP;
        if (access.kind !== 'fetch' && smap && !mode.userPages) return X_SMAP;
      }
      if (access.kind === 'write' && (allLow & 2) === 0 && (access.user || mode.writeProtect)) return X_WRITE;
      return access.kind === 'fetch' && noExecute && (anyHigh | high) >>> 31 !== 0 ? X_EXECUTE : null;
    },
    isGlobal: ({ low }) => (low & 0x100) !== 0,
    isDirty: ({ low }) => (low & 0x40) !== 0,
    isAddress: (address) => isSigned(address, 12 + 9 * levels),
    kindOf: (rule) => (rule === X_NOT_PRESENT ? 'translation' : rule === X_RESERVED ? 'reserved' : rule === X_CANONICAL ? 'address' : 'permission'),
    code(kind, _level, access) {
      if (kind === 'address') return 0;
      const protection = kind === 'permission' || kind === 'reserved' ? 1 : 0;
      return protection | (access.kind === 'write' ? 2 : 0) | (access.user ? 4 : 0) | (kind === 'reserved' ? 8 : 0) | (access.kind === 'fetch' && (noExecute || smep) ? 16 : 0);
    },
  };
  const followed = follow({ ...format, sort, flaw: noFlaw }, paging);
  return paging;
}

const PRIVILEGE = 'RISC-V Privileged ISA, "Memory Privilege in mstatus Register"';
const ALGORITHM = 'RISC-V Privileged ISA, "Virtual Address Translation Process"';
const R_READ: Rule = { field: 'R', bits: '1', text: 'reading needs R, or X and MXR', section: PRIVILEGE, repair: { set: 2n } };
const R_WRITE: Rule = { field: 'W', bits: '2', text: 'writing needs W', section: ALGORITHM, repair: { set: 4n } };
const R_EXECUTE: Rule = { field: 'X', bits: '3', text: 'execution needs X', section: ALGORITHM, repair: { set: 8n } };
const R_NOT_USER: Rule = { field: 'U', bits: '4', text: 'an access of user level needs U', section: ALGORITHM, repair: { set: 0x10n } };
const R_USER: Rule = { field: 'U', bits: '4', text: 'the supervisor reaches a user page only with SUM', section: PRIVILEGE, repair: { clear: 0x10n } };
const R_FETCHES_USER: Rule = { field: 'U', bits: '4', text: 'the supervisor never executes a user page', section: PRIVILEGE, repair: { clear: 0x10n } };
const R_UNMARKED: Rule = { field: 'A D', bits: '7:6', text: 'A, and for a write D, must be set where hardware does not set them', section: 'RISC-V Privileged ISA, Svade and Svadu', repair: { set: 0xc0n } };

export interface RiscvOptions {
  readonly format?: 'sv39' | 'sv48' | 'sv57';
  /** `Svadu`: hardware sets A and D. `Svade`: an access that would set one faults. */
  readonly marks?: 'Svadu' | 'Svade';
  readonly pbmt?: boolean;
}

/** RISC-V: the leaf alone permits. */
export function riscvPaging(options: RiscvOptions = {}): CpuPaging {
  const inner = stagePaging('first', { pbmt: options.pbmt ?? false, rsw60t59b: false, dropsExecute: false, readsOrFaults: false })[options.format ?? 'sv39'];
  const marks = (options.marks ?? 'Svade') === 'Svadu';
  const passed = nothingPassed();
  const paging: CpuPaging = {
    name: inner.name,
    levels: inner.levels,
    asidBits: 16,
    roots: 'one',
    passed,
    asked: nothingAsked(),
    marks,
    format: () => followed,
    check({ low }, access, mode) {
      const user = (low & 0x10) !== 0;
      if (access.user && !user) return R_NOT_USER;
      if (!access.user && user) {
        if (access.kind === 'fetch') return R_FETCHES_USER;
        if (!mode.userPages) return R_USER;
      }
      if (access.kind === 'read') return (low & 2) !== 0 || (mode.executableReads && (low & 8) !== 0) ? null : R_READ;
      if (access.kind === 'write') return (low & 4) !== 0 ? null : R_WRITE;
      return (low & 8) !== 0 ? null : R_EXECUTE;
    },
    isGlobal: ({ low, anyLow }) => ((low | anyLow) & 0x20) !== 0,
    isDirty: ({ low }) => (low & 0x80) !== 0,
    isAddress: (address) => isSigned(address, inner.inputBits),
    kindOf: (rule) => (rule === R_UNMARKED ? 'unmarked' : PERMISSION_RULES.has(rule) ? 'permission' : 'translation'),
    code(kind, _level, access) {
      const page = kind === 'memory' ? 0 : 1;
      return access.kind === 'fetch' ? (page ? 12 : 1) : access.kind === 'read' ? (page ? 13 : 5) : page ? 15 : 7;
    },
  };
  const followed = follow({ ...inner, unmarked: R_UNMARKED }, paging);
  return paging;
}

const PERMISSION_RULES: ReadonlySet<Rule> = new Set([R_READ, R_WRITE, R_EXECUTE, R_NOT_USER, R_USER, R_FETCHES_USER]);

export interface ArmOptions {
  /** Bits of each half: 39 (three levels) or 48 (four). */
  readonly inputBits?: 39 | 48;
  readonly outputBits?: number;
  /** FEAT_HAFDBS: hardware sets the access flag; and dirty state where DBM is set. */
  readonly setsAccessFlag?: boolean;
  readonly setsDirty?: boolean;
  readonly writeExecuteNever?: boolean;
}

/** Armv8 at EL1 and EL0, 4 KiB granule: two halves with a root each. */
export function armPaging(options: ArmOptions = {}): CpuPaging {
  const { inputBits = 48, outputBits = 48, setsAccessFlag = false, setsDirty = false, writeExecuteNever = false } = options;
  const levels = stage1Levels(12, inputBits);
  const stage = (pan: boolean): StageOptions => ({ stage: 1, granule: 12, inputBits, outputBits, levels, upper: false, ignoresAccessFlag: false, setsAccessFlag, setsDirty, writeExecuteNever, privilegedAccessNever: pan });
  const [open, closed] = [stage(false), stage(true)];
  const [openFormat, closedFormat] = [stageFormat(open), stageFormat(closed)];
  const passed = nothingPassed();
  const paging: CpuPaging = {
    name: `Armv8, ${inputBits} bits`,
    levels,
    asidBits: 16,
    roots: 'by half',
    passed,
    asked: nothingAsked(),
    marks: setsAccessFlag,
    format: () => followed,
    check: ({ low, high, anyHigh }, access, mode) => forbids(mode.userPages ? open : closed, low, high, anyHigh, walkAccess(access)),
    isGlobal: ({ low }) => (low & 0x800) === 0,
    isDirty: ({ low }) => (low & 0x80) === 0,
    isAddress: (address) => isSigned(address, inputBits + 1),
    kindOf: (rule) => (rule === INVALID ? 'translation' : rule === RANGE ? 'address' : rule === ACCESS_FLAG ? 'unmarked' : rule === OUTPUT_SIZE ? 'reserved' : 'permission'),
    code(kind, level) {
      const down = 3 - level;
      switch (kind) {
        case 'address':
          return 0b000100;
        case 'reserved':
          return down;
        case 'translation':
          return 0b000100 | down;
        case 'unmarked':
          return 0b001000 | down;
        case 'permission':
          return 0b001100 | down;
        case 'memory':
          return 0b010100 + down;
      }
    },
  };
  const followed = follow(openFormat, paging, (low, high, access, above) => (paging.asked.mode.userPages ? openFormat : closedFormat).refuses(low, high, access, above));
  return paging;
}

const nothingPassed = (): Passed => ({ low: 0, high: 0, allLow: -1, anyLow: 0, anyHigh: 0 });

/** What is asked before anything is. */
const nothingAsked = (): CpuPaging['asked'] => ({ access: { address: 0n, kind: 'read', user: true }, mode: PLAIN_MODE });

/** A format that notes what the walk passes, and has the CPU's rules for permissions: at the leaf, over everything passed. */
function follow(format: TableFormat, paging: CpuPaging, refuses: TableFormat['refuses'] = () => paging.check(paging.passed, paging.asked.access, paging.asked.mode)): TableFormat {
  const { passed } = paging;
  // Entries that masks pass at once would not be noted.
  const { quick: _, ...slow } = format;
  let leaf = false;
  return {
    ...slow,
    sort(low, high, level) {
      if (level === format.levels - 1) Object.assign(passed, nothingPassed());
      const found = format.sort(low, high, level);
      leaf = found === 'leaf';
      passed.allLow &= low;
      if (found === 'pointer') {
        passed.anyLow |= low;
        passed.anyHigh |= high;
      } else {
        passed.low = low;
        passed.high = high;
      }
      return found;
    },
    refuses: (low, high, access, above) => (leaf ? refuses(low, high, access, above) : null),
  };
}

/** What the walker core is told of an access: permissions are looked at elsewhere. */
export const walkAccess = (access: CpuAccess): Access => ({ read: access.kind === 'read', write: access.kind === 'write', execute: access.kind === 'fetch', supervisor: !access.user, sum: true, dirties: access.kind === 'write', probes: false });

const isSigned = (address: bigint, bits: number): boolean => BigInt.asUintN(64, BigInt.asIntN(bits, address)) === address;
