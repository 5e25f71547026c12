// SPDX-License-Identifier: Apache-2.0
/**
 * Sv32, Sv39, Sv48, Sv57 and their x4 forms as formats for the walker core.
 * Masks come from the declared entries, so a bit is in one place only.
 */
import type { Access, QuickMasks, Rule, TableFormat } from '../format.ts';
import { ACCESSES, noFlaw, pointerTooDeep } from '../format.ts';
import { wordView } from '../../base/layout-words.ts';
import { PageTableEntry } from './riscv-entries.ts';

const SECTION = 'RISC-V Privileged ISA, "Virtual Address Translation Process"';
const V = 1;
const R = 2;
const W = 4;
const X = 8;
const U = 0x10;
const G = 0x20;
const A = 0x40;
const D = 0x80;

const rule = (field: string, bits: string, text: string, section = SECTION, repair?: Rule['repair']): Rule => (repair === undefined ? { field, bits, text, section } : { field, bits, text, section, repair });

const NOT_VALID = rule('V', '0', 'V must be set', SECTION, { set: 1n });
const WRITE_ONLY = rule('R', '1', 'W without R is reserved', SECTION, { set: 2n });
const POINTER_MARKS = rule('D A U', '7:4', 'in a pointer D, A and U are reserved and must be clear', SECTION, { clear: 0xd0n });
const RESERVED = rule('reserved', '60:54', 'bits 58:54 (and 60:59 without Svrsw60t59b) must be clear', 'RISC-V Privileged ISA, "Sv39 page table entry"', { clear: 0x7fn << 54n });
const PBMT_VALUE = rule('PBMT', '62:61', 'memory type 3 is reserved, and without Svpbmt any but 0', 'RISC-V Privileged ISA, "Svpbmt"', { clear: 3n << 61n });
const PBMT_POINTER = rule('PBMT', '62:61', 'a pointer has no memory type', 'RISC-V Privileged ISA, "Svpbmt"', { clear: 3n << 61n });
const N_POINTER = rule('N', '63', 'a pointer is not one of a contiguous range', 'RISC-V Privileged ISA, "Svnapot"', { clear: 1n << 63n });
const N_RANGE = rule('N', '63', 'only 64 KiB at the last level can be contiguous: frame bits 3:0 must be 8', 'RISC-V Privileged ISA, "Svnapot"', { clear: 1n << 63n });
const MISALIGNED = rule('PPN', '53:10', 'a superpage must be aligned to its size', SECTION);
const TOO_DEEP = pointerTooDeep(SECTION, '3:1');
const NO_READ = rule('R', '1', 'reading needs R', SECTION, { set: 2n });
const NO_WRITE = rule('W', '2', 'writing needs W', SECTION, { set: 4n });
const NO_EXECUTE = rule('X', '3', 'execution needs X', SECTION, { set: 8n });
const NOT_USER = rule('U', '4', 'a user request needs U', SECTION, { set: 0x10n });
const IS_USER = rule('U', '4', 'a supervisor request to a user page needs SUM', 'RISC-V IOMMU, "Process-context fields", SUM', { clear: 0x10n });
const EXECUTES_USER = rule('U', '4', 'a supervisor never executes a user page', 'RISC-V IOMMU, "Process-context fields", ENS', { clear: 0x10n });
const UNMARKED = rule('A D', '7:6', 'A (and D for a write) must be set, or hardware allowed to set it', 'RISC-V IOMMU, "Translation control", GADE and SADE', { set: 0xc0n });

export interface PagingOptions {
  readonly pbmt: boolean;
  readonly rsw60t59b: boolean;
  /** A supervisor's ATS request for execution on a user page with SUM is answered without execution, not refused. */
  readonly dropsExecute: boolean;
  /** An ATS request to a page that may not be read is a fault, not an answer without permissions. */
  readonly readsOrFaults: boolean;
}

type Levels = 2 | 3 | 4 | 5;

export interface StagePaging {
  readonly sv32: TableFormat;
  readonly sv39: TableFormat;
  readonly sv48: TableFormat;
  readonly sv57: TableFormat;
}

/** The four formats of the first stage, or of the second, whose roots have four frames. */
export function stagePaging(stage: 'first' | 'second', options: PagingOptions): StagePaging {
  const make = (name: string, levels: Levels): TableFormat => format(`${name}${stage === 'second' ? 'x4' : ''}`, levels, stage, options);
  return { sv32: make('Sv32', 2), sv39: make('Sv39', 3), sv48: make('Sv48', 4), sv57: make('Sv57', 5) };
}

function format(name: string, levels: Levels, stage: 'first' | 'second', options: PagingOptions): TableFormat {
  const small = levels === 2;
  const indexBits = small ? 10 : 9;
  const extra = stage === 'second' ? 2 : 0;
  const inputBits = 12 + indexBits * levels + extra;
  const strayHigh = wordView(PageTableEntry).strayMask(1) | (options.rsw60t59b ? 0 : 0x1800_0000);
  const levelNumbers = Array.from({ length: levels }, (_, level) => level);
  return {
    name,
    spec: small ? 'RISC-V Privileged ISA, "Sv32"' : `RISC-V Privileged ISA, "${name}"`,
    levels,
    entryBytes: small ? 4 : 8,
    shift: levelNumbers.map((level) => 12 + indexBits * level),
    width: levelNumbers.map((level) => indexBits + (level === levels - 1 ? extra : 0)),
    inputBits,
    above: small || stage === 'second' ? 'zero' : 'sign',
    tooWide: rule('address', `63:${inputBits - (small || stage === 'second' ? 0 : 1)}`, small || stage === 'second' ? 'address bits above the input must be clear' : 'address bits above the input must repeat its highest bit', SECTION),
    sort: small ? (low, _high, level) => sortSmall(low, level) : (low, high, level) => sortWide(low, high, level, strayHigh, options.pbmt),
    pointers: 'pass',
    flaw: noFlaw,
    target: small ? (low) => low >>> 10 : (low, high) => (high & 0x3f_ffff) * 0x40_0000 + (low >>> 10),
    span: (_low, high, level) => (!small && high >>> 31 !== 0 ? CONTIGUOUS_SPAN : 12 + indexBits * level),
    refuses: stage === 'first' ? (low, _high, access) => refusesFirst(low, access, options) : (low, _high, access) => refusesSecond(low, access, options),
    marks: (low, _high, access) => (low & A ? 0 : A) | (access.dirties && (low & (W | D)) === W ? D : 0),
    unmarked: UNMARKED,
    mend(broken, low, high, level) {
      if (broken === MISALIGNED) return { clear: ((1n << BigInt(indexBits * level)) - 1n) << 10n };
      if (broken === RESERVED) return { clear: BigInt((high & strayHigh) >>> 0) << 32n };
      return broken === UNMARKED && (low & A) !== 0 ? { set: BigInt(D) } : undefined;
    },
    ...(small ? {} : { quick: quickMasks(stage, strayHigh, inputBits) }),
  };
}

const N_AND_PBMT = 0xe000_0000;
/** Bits 53:41 of an entry: frame bits from 31 up. */
const LARGE_FRAME = 0x3f_fe00;

/** Of an entry that points on: valid, and nothing else that means something; G may be set. */
export const POINTER_MASK = V | R | W | X | U | A | D;
export const POINTER_BITS = V;

/** Rules are refused elsewhere; here only what breaks none of them passes. */
function quickMasks(stage: 'first' | 'second', strayHigh: number, inputBits: number): QuickMasks {
  const leafMask = new Int32Array(ACCESSES.length);
  const leafBits = new Int32Array(ACCESSES.length);
  ACCESSES.forEach(({ read, write, execute, supervisor, sum, dirties, probes }, code) => {
    if (probes || !(read || write || execute)) {
      leafBits[code] = V;
      return;
    }
    const needed = V | R | A | (write ? W : 0) | (execute ? X : 0) | (write || dirties ? D : 0);
    const asUser = stage === 'second' || !supervisor;
    const anyone = !asUser && sum && !execute;
    leafMask[code] = needed | (anyone ? 0 : U);
    leafBits[code] = needed | (asUser ? U : 0);
  });
  return {
    high: strayHigh | N_AND_PBMT | LARGE_FRAME | 0,
    pointerMask: POINTER_MASK,
    pointerBits: POINTER_BITS,
    leafMask,
    leafBits,
    align: Int32Array.of(0, 0x7_fc00, 0xfff_fc00, -1, -1),
    frames: 2 ** Math.min(31, inputBits - 12),
  };
}

function sortSmall(low: number, level: number): 'pointer' | 'leaf' | Rule {
  if ((low & V) === 0) return NOT_VALID;
  if ((low & (R | W)) === W) return WRITE_ONLY;
  if ((low & (R | X)) === 0) return (low & (D | A | U)) !== 0 ? POINTER_MARKS : level === 0 ? TOO_DEEP : 'pointer';
  return level > 0 && ((low >>> 10) & 0x3ff) !== 0 ? MISALIGNED : 'leaf';
}

function sortWide(low: number, high: number, level: number, strayHigh: number, pbmt: boolean): 'pointer' | 'leaf' | Rule {
  if ((low & V) === 0) return NOT_VALID;
  if ((low & (R | W)) === W) return WRITE_ONLY;
  if ((high & strayHigh) !== 0) return RESERVED;
  const type = (high >>> 29) & 3;
  const contiguous = high >>> 31 !== 0;
  if ((low & (R | X)) === 0) {
    if ((low & (D | A | U)) !== 0) return POINTER_MARKS;
    if (type !== 0) return PBMT_POINTER;
    if (contiguous) return N_POINTER;
    return level === 0 ? TOO_DEEP : 'pointer';
  }
  if (type === 3 || (type !== 0 && !pbmt)) return PBMT_VALUE;
  if (contiguous && (level !== 0 || ((low >>> 10) & 0xf) !== 8)) return N_RANGE;
  return misaligned(low, high, level) ? MISALIGNED : 'leaf';
}

/** Whether the frame has a bit set below the superpage's size. */
function misaligned(low: number, high: number, level: number): boolean {
  const bits = 9 * level;
  if (bits === 0) return false;
  if (bits < 22) return ((low >>> 10) & ((1 << bits) - 1)) !== 0;
  return low >>> 10 !== 0 || (high & ((1 << (bits - 22)) - 1)) !== 0;
}

function refusesFirst(low: number, access: Access, options: PagingOptions): Rule | null {
  if (access.supervisor) {
    if ((low & U) !== 0) {
      if (access.execute && !(access.probes && options.dropsExecute)) return EXECUTES_USER;
      if (!access.sum) return IS_USER;
    }
  } else if ((low & U) === 0) return NOT_USER;
  return access.probes ? unreadable(low, options) : missing(low, access);
}

/** The second stage takes every request as one of a user. */
function refusesSecond(low: number, access: Access, options: PagingOptions): Rule | null {
  if ((low & U) === 0) return NOT_USER;
  return access.probes ? unreadable(low, options) : missing(low, access);
}

const unreadable = (low: number, options: PagingOptions): Rule | null => (options.readsOrFaults && (low & R) === 0 ? NO_READ : null);

function missing(low: number, access: Access): Rule | null {
  if (access.read && (low & R) === 0) return NO_READ;
  if (access.write && (low & W) === 0) return NO_WRITE;
  return access.execute && (low & X) === 0 ? NO_EXECUTE : null;
}

/** What one contiguous entry maps: 64 KiB. No superpage has that size. */
export const CONTIGUOUS_SPAN = 16;

/** What a leaf permits, for the answer to an ATS request. */
export const mayRead = (low: number): boolean => (low & R) !== 0;
export const mayWrite = (low: number): boolean => (low & W) !== 0;
export const mayExecute = (low: number): boolean => (low & X) !== 0;
export const isDirty = (low: number): boolean => (low & D) !== 0;
export const isGlobal = (low: number): boolean => (low & G) !== 0;
/** PBMT of a 64-bit entry. */
export const memoryType = (high: number): number => (high >>> 29) & 3;
