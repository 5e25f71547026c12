// SPDX-License-Identifier: Apache-2.0
/**
 * What the walker core must be told of a page-table format. A format is data
 * and four small functions over an entry's two halves; the core owns the loop,
 * the format owns every rule, and each rule says where it is written.
 */

/** A check that an entry or an address can fail. Constant objects: comparing and returning them costs nothing. */
export interface Rule {
  /** The field, by its name in the structure's layout. */
  readonly field: string;
  /** Its bits in the entry, `7` or `53:10`. */
  readonly bits: string;
  readonly text: string;
  /** Specification and section. */
  readonly section: string;
  /** The smallest edit that satisfies the rule, where one exists. */
  readonly repair?: Repair;
  /** Why no edit of the entry can, where none can. */
  readonly beyondRepair?: string;
}

/** Bits to clear and then to set in the structure at the entry, counted from its lowest. */
export interface Repair {
  readonly set?: bigint;
  readonly clear?: bigint;
}

/** What one access asks of the entries it passes. */
export interface Access {
  readonly read: boolean;
  readonly write: boolean;
  readonly execute: boolean;
  readonly supervisor: boolean;
  /** A supervisor may read and write user pages. */
  readonly sum: boolean;
  /** Counts as a write for the dirty bit wherever the entry permits one. */
  readonly dirties: boolean;
  /** Asks what is permitted; a permission that is missing is an answer, no fault. */
  readonly probes: boolean;
  /** Its number in `ACCESSES`, where it comes from there. */
  readonly code?: number;
}

/** The same in one number, so that hot paths pass and look it up without an object. */
export const READS = 1;
export const WRITES = 2;
export const EXECUTES = 4;
export const SUPERVISES = 8;
export const SUMS = 16;
export const DIRTIES = 32;
export const PROBES = 64;

/** By that number. */
export const ACCESSES: readonly Access[] = Array.from({ length: 128 }, (_, code) => ({
  read: (code & READS) !== 0,
  write: (code & WRITES) !== 0,
  execute: (code & EXECUTES) !== 0,
  supervisor: (code & SUPERVISES) !== 0,
  sum: (code & SUMS) !== 0,
  dirties: (code & DIRTIES) !== 0,
  probes: (code & PROBES) !== 0,
  code,
}));

/**
 * Masks by which most entries are told at once: those that only point on, and
 * leaves that permit the access and need no mark. Whatever fits neither is the
 * format's to judge; nothing is refused by masks. Entries of 8 bytes, 9 index bits.
 */
export interface QuickMasks {
  /** Bits that must be clear in the high half, of pointers and of leaves. They include frame bits from 31 up. */
  readonly high: number;
  readonly pointerMask: number;
  readonly pointerBits: number;
  /** By access, as a number; where an access is never quick the bits lie outside the mask. */
  readonly leafMask: Int32Array;
  readonly leafBits: Int32Array;
  /** By level: frame bits of a leaf that must be clear. */
  readonly align: Int32Array;
  /** Input addresses below this frame, at most 2^31, have no bits too many. */
  readonly frames: number;
}

export interface TableFormat {
  readonly name: string;
  readonly spec: string;
  readonly levels: number;
  readonly entryBytes: 4 | 8;
  /** By level, 0 is the last: the lowest address bit of the index, and its width. */
  readonly shift: readonly number[];
  readonly width: readonly number[];
  /** Bits of a valid input address, and what those above must be. */
  readonly inputBits: number;
  readonly above: 'sign' | 'zero';
  readonly tooWide: Rule;
  /** Whether the entry points on or maps, or which rule it breaks. */
  sort(low: number, high: number, level: number): 'pointer' | 'leaf' | Rule;
  /** The frame a pointer or a leaf names. */
  target(low: number, high: number): number;
  /** Size of what a leaf maps, as a power of two of bytes; at least the 4096 of a frame. */
  span(low: number, high: number, level: number): number;
  /** Whether pointers are checked and marked like leaves. */
  readonly pointers: 'pass' | 'check';
  /** Rules that are looked at only after permissions, or null. */
  flaw(low: number, high: number, level: number): Rule | null;
  /** Which permission is missing. `above`: bits that some pointer on the way has set, high half. */
  refuses(low: number, high: number, access: Access, above: number): Rule | null;
  /** Accessed and dirty bits that the access sets, in the low half. */
  marks(low: number, high: number, access: Access, leaf: boolean): number;
  /** The rule that a walk breaks that may not set them. */
  readonly unmarked: Rule;
  /** The smallest edit where it depends on what is in the entry; undefined where the rule has its own. */
  mend?(rule: Rule, low: number, high: number, level: number): Repair | undefined;
  readonly quick?: QuickMasks;
}

/** The rule that an entry breaks, with the smallest edit of that entry. For reports: it is a new object where the edit depends on the entry. */
export function mended(format: TableFormat | null, rule: Rule, low: number, high: number, level: number): Rule {
  const repair = format?.mend?.(rule, low, high, level);
  return repair === undefined ? rule : { ...rule, repair };
}

/** An entry that could not be read, or not be changed, has nothing to be mended in itself. */
export const NO_ANSWER = 'memory does not give the entry; the pointer to it must lead elsewhere, or memory be mended';

/** For formats whose `sort` finds everything. */
export const noFlaw = (): Rule | null => null;

/** A pointer in a table of the last level. */
export const pointerTooDeep = (section: string, bits: string): Rule => ({ field: 'leaf', bits, text: 'an entry of the last level must map a page, not point to a further table', section, repair: { set: 2n } });
