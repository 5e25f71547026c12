// SPDX-License-Identifier: Apache-2.0
/** VMSAv8-64 tables for the walker core: three granules, two stages, concatenated stage-2 roots. */
import type { Access, Rule, TableFormat } from '../format.ts';

const SECTION = 'Arm ARM (DDI 0487), "VMSAv8-64 translation table format descriptors"';
const rule = (field: string, bits: string, text: string, repair?: Rule['repair']): Rule => (repair === undefined ? { field, bits, text, section: SECTION } : { field, bits, text, section: SECTION, repair });

export const RANGE = rule('address', '-', 'the address must lie in the range of the tables');
export const INVALID = rule('valid', '1:0', 'the descriptor must be valid and of a type that its level has', { set: 3n });
export const OUTPUT_SIZE = rule('address', '47:12', 'the output address must not exceed the output size');
export const ACCESS_FLAG = rule('AF', '10', 'the access flag must be set', { set: 1n << 10n });
export const NO_WRITE = rule('AP[2]', '7', 'writing needs AP[2] clear, and APTable[1] in the tables above');
export const NO_USER = rule('AP[1]', '6', 'an unprivileged request needs AP[1] set, and APTable[0] clear in the tables above', { set: 1n << 6n });
export const S2_READ = rule('S2AP[0]', '6', 'reading needs S2AP[0]', { set: 1n << 6n });
export const S2_WRITE = rule('S2AP[1]', '7', 'writing needs S2AP[1]', { set: 1n << 7n });

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
}

/** Tables that stage 1 needs for so many input bits. */
export const stage1Levels = (granule: Granule, inputBits: number): number => Math.ceil((inputBits - granule) / (granule - 3));

export function stageFormat(options: StageOptions): TableFormat {
  const { granule, levels, inputBits } = options;
  const indexBits = granule - 3;
  const shift = Array.from({ length: levels }, (_, level) => granule + indexBits * level);
  const outside = options.outputBits >= 48 ? 0 : (0xffff & ~((1 << Math.max(0, options.outputBits - 32)) - 1)) >>> 0;
  /** The highest level with blocks: 1 GiB with 4 KiB granules, else the one above pages. */
  const largest = granule === 12 ? 2 : 1;
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
      if ((low & 2) !== 0) return level === 0 ? 'leaf' : (high & outside) !== 0 ? OUTPUT_SIZE : 'pointer';
      return level === 0 || level > largest ? INVALID : 'leaf';
    },
    pointers: 'pass',
    flaw: () => null,
    // Address bits below the granule are no address bits; a leaf's below its size are cut by the walk.
    target: (low, high) => {
      const frame = (high & 0xffff) * 0x10_0000 + (low >>> 12);
      return frame - (frame % 2 ** (granule - 12));
    },
    span: (_low, _high, level) => granule + indexBits * level,
    refuses(low, high, access, above) {
      if ((high & outside) !== 0) return OUTPUT_SIZE;
      if ((low & 0x400) === 0 && !options.ignoresAccessFlag && !options.setsAccessFlag) return ACCESS_FLAG;
      return options.stage === 1 ? refusesFirst(low, access, above) : refusesSecond(low, access);
    },
    marks: options.setsAccessFlag ? (low) => 0x400 & ~low : () => 0,
    unmarked: ACCESS_FLAG,
  };
}

function refusesFirst(low: number, access: Access, above: number): Rule | null {
  if (!access.supervisor && ((low & 0x40) === 0 || (above & (1 << 29)) !== 0)) return NO_USER;
  return access.write && ((low & 0x80) !== 0 || (above & (1 << 30)) !== 0) ? NO_WRITE : null;
}

function refusesSecond(low: number, access: Access): Rule | null {
  if (access.read && (low & 0x40) === 0) return S2_READ;
  return access.write && (low & 0x80) === 0 ? S2_WRITE : null;
}
