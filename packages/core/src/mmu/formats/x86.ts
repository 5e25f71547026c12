// SPDX-License-Identifier: Apache-2.0
/**
 * VT-d's two page-table formats for the walker core. Both check permissions in
 * every entry on the way down, and set the accessed bit in each they pass.
 */
import type { Access, Repair, Rule, TableFormat } from '../format.ts';

const FIRST = 'Intel VT-d, "First-Stage Translation"';
const SECOND = 'Intel VT-d, "Second-Stage Translation"';
const rule = (field: string, bits: string, text: string, section: string, repair?: Rule['repair']): Rule => (repair === undefined ? { field, bits, text, section } : { field, bits, text, section, repair });

export const CANONICAL = rule('address', '63:47', 'address bits above the input must repeat its highest bit', FIRST);
export const TOO_WIDE = rule('address', '63:39', 'the address has more bits than the tables', SECOND);
export const F_NOT_PRESENT = rule('P', '0', 'P must be set', FIRST, { set: 1n });
export const F_USER = rule('US', '2', 'a user request needs U/S in every entry', FIRST, { set: 4n });
export const F_WRITE = rule('RW', '1', 'writing needs R/W in every entry', FIRST, { set: 2n });
export const F_EXECUTE = rule('XD', '63', 'execution needs XD clear in every entry', FIRST, { clear: 1n << 63n });
/** Whoever walks looks at it when the walk is done: the page is a user's only if every entry says so. */
export const F_SMEP = rule('US', '2', 'with SMEP a supervisor never executes a user page', FIRST, { clear: 4n });
export const F_RESERVED = rule('reserved', '51:12, 7', 'address bits above the host and those below a large page must be clear, and PS where no large page exists', FIRST);
export const S_NOT_PRESENT = rule('R W', '1:0', 'one of R and W must be set', SECOND, { set: 3n });
export const S_READ = rule('R', '0', 'reading needs R in every entry', SECOND, { set: 1n });
export const S_WRITE = rule('W', '1', 'writing needs W in every entry', SECOND, { set: 2n });
export const S_RESERVED = rule('reserved', '62, 51:12, 11, 7', 'address bits above the host and those below a large page, SNP, TM and PS must be clear where they have no meaning', SECOND);
const NEVER: Rule = { ...rule('A', '-', 'hardware sets the accessed bit', SECOND), beyondRepair: 'hardware sets the bit itself, so that no walk ends here' };

/** Bits 32 and up of a mask of frame bits from `host` to 51. */
const aboveHost = (host: number): number => (host >= 52 ? 0 : (0xf_ffff & ~((1 << Math.max(0, host - 32)) - 1)) >>> 0);
const levelsOf = (levels: number): readonly number[] => Array.from({ length: levels }, (_, level) => level);

/** Bits of the frame below a page of that level, as the two halves of an entry. */
function misaligned(low: number, high: number, level: number, ignored: number): boolean {
  const bits = 12 + 9 * level;
  const below = bits >= 32 ? -1 : (1 << bits) - 1;
  if ((low & below & ~0xfff & ~ignored) !== 0) return true;
  return bits > 32 && (high & ((1 << (bits - 32)) - 1)) !== 0;
}

const isLarge = (low: number, level: number): boolean => level > 0 && (low & 0x80) !== 0;

/** What must be cleared in an entry with reserved bits set: PS where there is no large page of the level, else the address bits that have no place and those of `others`. */
function clearing(low: number, high: number, level: number, exists: boolean, strayHigh: number, ignored: number, others: number): Repair {
  const above = (BigInt((high & strayHigh) >>> 0) << 32n) | BigInt((low & others) >>> 0);
  if (!isLarge(low, level)) return { clear: above };
  if (!exists) return { clear: above | 0x80n };
  const below = ((1n << BigInt(12 + 9 * level)) - 1n) & ~0xfffn & ~BigInt(ignored);
  return { clear: above | (((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)) & below) };
}

export interface FirstStageOptions {
  readonly levels: 4 | 5;
  readonly hostBits: number;
  readonly gigabyte: boolean;
  /** WPE: supervisor writes need R/W as well. */
  readonly writeProtect: boolean;
  readonly noExecute: boolean;
  readonly extendedAccessed: boolean;
}

export function firstStageFormat(options: FirstStageOptions): TableFormat {
  const { levels } = options;
  const strayHigh = aboveHost(options.hostBits);
  const largest = options.gigabyte ? 2 : 1;
  return {
    name: `first stage, ${levels} levels`,
    spec: FIRST,
    levels,
    entryBytes: 8,
    shift: levelsOf(levels).map((level) => 12 + 9 * level),
    width: levelsOf(levels).map(() => 9),
    inputBits: 12 + 9 * levels,
    above: 'sign',
    tooWide: CANONICAL,
    sort: (low, _high, level) => ((low & 1) === 0 ? F_NOT_PRESENT : level === 0 || isLarge(low, level) ? 'leaf' : 'pointer'),
    pointers: 'check',
    flaw(low, high, level) {
      if ((high & strayHigh) !== 0 || (isLarge(low, level) && level > largest)) return F_RESERVED;
      // Bit 12 of a large page is its PAT bit.
      return isLarge(low, level) && misaligned(low, high, level, 0x1000) ? F_RESERVED : null;
    },
    target: (low, high) => (high & 0xf_ffff) * 0x10_0000 + (low >>> 12),
    span: (_low, _high, level) => 12 + 9 * level,
    refuses(low, high, access) {
      const user = (low & 4) !== 0;
      if (!access.supervisor && !user) return F_USER;
      if (access.write && (low & 2) === 0 && (!access.supervisor || options.writeProtect)) return F_WRITE;
      return access.execute && options.noExecute && high >>> 31 !== 0 ? F_EXECUTE : null;
    },
    marks(low, _high, access, leaf) {
      const wanted = 0x20 | (options.extendedAccessed ? 0x400 : 0) | (leaf && access.dirties ? 0x40 : 0);
      return wanted & ~low;
    },
    unmarked: NEVER,
    mend: (broken, low, high, level) => (broken === F_RESERVED ? clearing(low, high, level, level <= largest, strayHigh, 0x1000, 0) : undefined),
  };
}

export interface SecondStageOptions {
  readonly levels: 3 | 4 | 5;
  readonly hostBits: number;
  /** Bits of a valid address; at most what the levels give. */
  readonly inputBits: number;
  /** Large pages: bit 0 2 MiB, bit 1 1 GiB. */
  readonly largePages: number;
  readonly snoopControl: boolean;
  readonly deviceTlbs: boolean;
  /** SSADE. */
  readonly marks: boolean;
}

export function secondStageFormat(options: SecondStageOptions): TableFormat {
  const { levels } = options;
  const strayHigh = (aboveHost(options.hostBits) | (options.deviceTlbs ? 0 : 0x4000_0000)) >>> 0;
  return {
    name: `second stage, ${levels} levels`,
    spec: SECOND,
    levels,
    entryBytes: 8,
    shift: levelsOf(levels).map((level) => 12 + 9 * level),
    width: levelsOf(levels).map(() => 9),
    inputBits: Math.min(options.inputBits, 12 + 9 * levels),
    above: 'zero',
    tooWide: TOO_WIDE,
    sort: (low, _high, level) => (level === 0 || isLarge(low, level) ? 'leaf' : 'pointer'),
    pointers: 'check',
    flaw(low, high, level) {
      if ((high & strayHigh) !== 0 || ((low & 0x800) !== 0 && !options.snoopControl)) return S_RESERVED;
      if (!isLarge(low, level)) return null;
      return level > 2 || ((options.largePages >>> (level - 1)) & 1) === 0 || misaligned(low, high, level, 0) ? S_RESERVED : null;
    },
    target: (low, high) => (high & 0xf_ffff) * 0x10_0000 + (low >>> 12),
    span: (_low, _high, level) => 12 + 9 * level,
    refuses: refusesSecond,
    marks: options.marks ? (low, _high, access, leaf) => (0x100 | (leaf && access.dirties ? 0x200 : 0)) & ~low : () => 0,
    unmarked: NEVER,
    mend: (broken, low, high, level) => (broken === S_RESERVED ? clearing(low, high, level, level <= 2 && ((options.largePages >>> (level - 1)) & 1) !== 0, strayHigh, 0, options.snoopControl ? 0 : 0x800) : undefined),
  };
}

function refusesSecond(low: number, _high: number, access: Access): Rule | null {
  if ((low & 3) === 0) return S_NOT_PRESENT;
  if (access.read && (low & 1) === 0) return S_READ;
  return access.write && (low & 2) === 0 ? S_WRITE : null;
}
