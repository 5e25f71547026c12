// SPDX-License-Identifier: Apache-2.0
/** Every function of every page-table format against a second reading of the manuals, on random entries of every level; and the edits that mend them. */
import { describe, expect, it } from 'vitest';
import { ACCESSES, mended, type Access, type Rule, type TableFormat } from '@dmalab/core/mmu/format';
import { stage1Levels, stageFormat, type StageOptions } from '@dmalab/core/mmu/formats/armv8';
import { stagePaging, type PagingOptions } from '@dmalab/core/mmu/formats/riscv';
import { firstStageFormat, secondStageFormat, type FirstStageOptions, type SecondStageOptions } from '@dmalab/core/mmu/formats/x86';
import * as naive from '../naive/page-formats.ts';
import { Dice } from '../support/dice.ts';
import { bitsNamed } from './repair.ts';

interface Subject {
  readonly format: TableFormat;
  readonly judge: naive.Judge;
}

const PER_FORMAT = 60;
const FORMATS = 160;

const half = (entry: bigint, which: 0n | 1n): number => Number((entry >> (32n * which)) & 0xffff_ffffn) | 0;
const textOf = (found: Rule | string | null): string | null => (found === null || typeof found === 'string' ? found : found.text);

const flag = (dice: Dice): boolean => dice.chance(50);
const HOSTS = [32, 33, 36, 39, 40, 46, 47, 48, 50, 51, 52];

const KINDS: Readonly<Record<string, (dice: Dice) => Subject>> = {
  'VT-d, first stage'(dice) {
    const options: FirstStageOptions = { levels: dice.pick([4, 5] as const), hostBits: dice.pick(HOSTS), gigabyte: flag(dice), writeProtect: flag(dice), noExecute: flag(dice), extendedAccessed: flag(dice) };
    return { format: firstStageFormat(options), judge: naive.x86First(options) };
  },
  'VT-d, second stage'(dice) {
    const options: SecondStageOptions = { levels: dice.pick([3, 4, 5] as const), hostBits: dice.pick(HOSTS), inputBits: dice.pick([39, 48, 57]), largePages: dice.below(4), snoopControl: flag(dice), deviceTlbs: flag(dice), marks: flag(dice) };
    return { format: secondStageFormat(options), judge: naive.x86Second(options) };
  },
  'RISC-V'(dice) {
    const options: PagingOptions = { pbmt: flag(dice), rsw60t59b: flag(dice), dropsExecute: flag(dice), readsOrFaults: flag(dice) };
    const stage = dice.pick(['first', 'second'] as const);
    const levels = dice.pick([2, 3, 4, 5] as const);
    const paging = stagePaging(stage, options);
    return { format: { 2: paging.sv32, 3: paging.sv39, 4: paging.sv48, 5: paging.sv57 }[levels], judge: naive.riscv(levels, stage, options) };
  },
  Arm(dice) {
    const granule = dice.pick([12, 14, 16] as const);
    const stage = dice.pick([1, 2] as const);
    const inputBits = 25 + dice.below(24);
    const options: StageOptions = {
      stage,
      granule,
      inputBits,
      outputBits: dice.pick([32, 36, 40, 42, 44, 48, 52]),
      levels: stage1Levels(granule, inputBits),
      upper: flag(dice),
      ignoresAccessFlag: flag(dice),
      setsAccessFlag: flag(dice),
      setsDirty: flag(dice),
      largeAddresses: flag(dice),
      oneLevel: stage === 1 && dice.chance(20),
      flat: flag(dice),
      writeExecuteNever: flag(dice),
      privilegedAccessNever: flag(dice),
      executeByPrivilege: flag(dice),
    };
    return { format: stageFormat(options), judge: naive.armv8(options) };
  },
};

/** Flags at random, a frame with few bits so that alignments come up, now and then a bit anywhere. */
function randomEntry(dice: Dice, bytes: number): bigint {
  const flags = BigInt(dice.below(4096)) | (dice.chance(85) ? 1n : 0n) | (dice.chance(60) ? 0x10n : 0n);
  let frame = dice.chance(50) ? 0n : 1n << BigInt(12 + dice.below(40));
  if (dice.chance(30)) frame |= 1n << BigInt(10 + dice.below(44));
  if (dice.chance(20)) frame |= dice.word() & 0xf_ffff_ffff_f000n;
  const top = dice.chance(55) ? 0n : BigInt(dice.below(4096)) << 52n;
  const one = dice.chance(30) ? 1n << BigInt(dice.below(64)) : 0n;
  return BigInt.asUintN(8 * bytes, flags | frame | (dice.chance(50) ? top : top & -(1n << BigInt(52 + dice.below(12)))) ^ one);
}

/** What the masks of a format tell at once; null: nothing. */
function quickly({ quick }: TableFormat, low: number, high: number, level: number, access: Access): 'pointer' | 'leaf' | null {
  if (quick === undefined || (high & quick.high) !== 0) return null;
  if (level > 0 && (low & quick.pointerMask) === quick.pointerBits) return 'pointer';
  const code = ACCESSES.indexOf(access);
  return (low & (quick.leafMask[code] ?? 0)) === quick.leafBits[code] && (low & (quick.align[level] ?? -1)) === 0 ? 'leaf' : null;
}

/** What differs, or null. */
function compare({ format, judge }: Subject, entry: bigint, level: number, access: Access, above: bigint): string | null {
  const [low, high] = [half(entry, 0n), half(entry, 1n)];
  const said = judge(entry, level, access, above);
  const sort = textOf(format.sort(low, high, level));
  if (sort !== said.sort) return `sort: ${sort}, expected ${said.sort}`;
  if (sort !== 'leaf' && sort !== 'pointer') return quickly(format, low, high, level, access) === null ? null : `masks: passed at once, but "${sort}"`;
  const target = format.target(low, high);
  if (BigInt(target) !== said.frame) return `target: 0x${target.toString(16)}, expected 0x${said.frame.toString(16)}`;
  if (sort === 'pointer' && format.pointers === 'pass') return quickly(format, low, high, level, access) === 'leaf' ? 'masks: a leaf at once, but it is a pointer' : null;
  const refuses = textOf(format.refuses(low, high, access, half(above, 1n)));
  if (refuses !== said.refuses) return `refuses: ${refuses}, expected ${said.refuses}`;
  const flaw = textOf(format.flaw(low, high, level));
  if (flaw !== said.flaw) return `flaw: ${flaw}, expected ${said.flaw}`;
  const wanted = BigInt(format.marks(low, high, access, sort === 'leaf') >>> 0);
  if (wanted !== (entry ^ said.marked)) return `marks: bits 0x${wanted.toString(16)}, expected 0x${(entry ^ said.marked).toString(16)}`;
  const quick = quickly(format, low, high, level, access);
  if (quick !== null && (quick !== sort || (quick === 'leaf' && (refuses ?? flaw) !== null) || wanted !== 0n)) return `masks: ${quick} at once, but it is not`;
  if (sort === 'leaf' && format.span(low, high, level) !== said.span) return `span: ${format.span(low, high, level)}, expected ${said.span}`;
  return null;
}

/** The rule that is broken first, as a walk finds it. */
function brokenBy({ format }: Subject, entry: bigint, level: number, access: Access, above: bigint): Rule | null {
  const [low, high] = [half(entry, 0n), half(entry, 1n)];
  const sort = format.sort(low, high, level);
  if (typeof sort !== 'string') return sort;
  if (sort === 'pointer' && format.pointers === 'pass') return null;
  return format.refuses(low, high, access, half(above, 1n)) ?? format.flaw(low, high, level);
}

/** What is wrong with the edit that the rule names, or null. */
function faultOfEdit(subject: Subject, entry: bigint, level: number, access: Access, above: bigint): string | null {
  const found = brokenBy(subject, entry, level, access, above);
  if (found === null) return null;
  const rule = mended(subject.format, found, half(entry, 0n), half(entry, 1n), level);
  // About a table further up.
  if (/APTable|XNTable/.test(rule.field)) return null;
  if (rule.repair === undefined) return rule.beyondRepair === undefined ? `"${rule.text}" has no edit, and no reason why` : null;
  const { set = 0n, clear = 0n } = rule.repair;
  const about = bitsNamed(rule);
  if (about !== null && ((set | clear) & ~about) !== 0n) return `"${rule.text}" is about bits ${rule.bits}, and its edit sets 0x${set.toString(16)}, clears 0x${clear.toString(16)}`;
  const after = (entry & ~clear) | set;
  if (brokenBy(subject, after, level, access, above)?.text === rule.text) return `"${rule.text}" is broken after its edit, too`;
  if (rule.field !== 'reserved' && rule.field !== 'PPN') return null;
  for (let at = 0n; at < 64n; at += 1n) {
    const one = 1n << at;
    if (((after ^ entry) & one) !== 0n && brokenBy(subject, after ^ one, level, access, above)?.text !== rule.text) return `"${rule.text}" holds without bit ${at} of its edit`;
  }
  return null;
}

describe.each(Object.entries(KINDS))('%s', (name, make) => {
  it('reads every entry as the manual says', () => {
    const dice = new Dice(name.length);
    const problems = new Set<string>();
    for (let i = 0; i < FORMATS && problems.size < 5; i += 1) {
      const subject = make(dice);
      const { format } = subject;
      for (let j = 0; j < PER_FORMAT; j += 1) {
        const entry = randomEntry(dice, format.entryBytes);
        const level = dice.below(format.levels);
        const access = dice.pick(ACCESSES);
        const above = dice.chance(50) ? 0n : dice.word() & (0x1fn << 59n);
        const problem = compare(subject, entry, level, access, above) ?? faultOfEdit(subject, entry, level, access, above);
        if (problem !== null) problems.add(`${format.name}, level ${level}, entry 0x${entry.toString(16)}: ${problem}`);
      }
    }
    expect([...problems]).toEqual([]);
  });
});

describe('masks that tell entries at once', () => {
  const { sv39: format } = stagePaging('first', { pbmt: true, rsw60t59b: false, dropsExecute: false, readsOrFaults: false });
  const ordinary = 0xd7 | (0x1234_5600 << 4);
  it.each([
    ['a pointer', 1 | (0x55 << 10), 2, 'pointer'],
    ['a leaf that a user may write', ordinary & ~(0x1ff << 10), 0, 'leaf'],
    ['one that needs a mark', ordinary & ~0x40, 0, null],
    ['a leaf of 2 MiB', (0x8_0000 << 10) | 0xdf, 1, 'leaf'],
    ['a leaf of 1 GiB', (0x4_0000 << 10) | 0xdf, 2, 'leaf'],
    ['one of those that is not aligned', (0x4_0001 << 10) | 0xdf, 2, null],
  ] as const)('%s', (_, low, level, answer) => {
    for (const access of ACCESSES.filter(({ read, write, execute, supervisor, probes }) => (read || write) && !execute && !supervisor && !probes)) expect(quickly(format, low, 0, level, access)).toBe(answer);
  });

  it('say nothing of a bare probe, nor of bits that only sort judges', () => {
    for (const access of ACCESSES.filter(({ probes }) => probes)) expect(quickly(format, ordinary & ~(0x1ff << 10), 0, 0, access)).toBeNull();
    for (const high of [1 << 31, 1 << 29, 1 << 22, 1 << 9]) expect(quickly(format, 1 | (0x55 << 10), high, 2, ACCESSES[1] as Access)).toBeNull();
  });
});
