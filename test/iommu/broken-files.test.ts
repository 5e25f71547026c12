// SPDX-License-Identifier: Apache-2.0
/** Files that people bring, each with something in it changed at random: told, compared, or refused with its place; never a fault of ours. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { FormatError } from '@dmalab/litmus/iommu/json';
import { compareIommu, narrateMachine } from '@dmalab/litmus/iommu/oracle';
import { Dice } from '../support/dice.ts';

const VALUES: readonly unknown[] = [0, 1, -1, 1.5, 63, 64, 65_536, 2 ** 40, '0x0', '0x1000', '0xffffffffffffffff', '0x10000000000000000', 'zz', 'ats', null, true, [], {}];

/** One part left out, or another value in its place. */
function damage(dice: Dice, file: object): void {
  const places: (readonly [Record<string, unknown>, string])[] = [];
  const visit = (of: Record<string, unknown>): void => {
    for (const key of Object.keys(of)) {
      places.push([of, key]);
      const value = of[key];
      if (typeof value === 'object' && value !== null) visit(value as Record<string, unknown>);
    }
  };
  visit(file as Record<string, unknown>);
  const [of, key] = dice.pick(places);
  if (!dice.chance(25)) of[key] = dice.pick(VALUES);
  else if (Array.isArray(of)) of.splice(Number(key), 1);
  else delete of[key];
}

function damaged(dice: Dice, text: string): string {
  const file = JSON.parse(text) as object;
  for (let i = 0; i <= dice.below(2); i += 1) damage(dice, file);
  return JSON.stringify(file);
}

it.each(['riscv-process', 'vtd-pasid', 'smmuv3-substream'])('machine file %s', (name) => {
  const text = readFileSync(new URL(`machines/${name}.json`, import.meta.url), 'utf8');
  const dice = new Dice(4711);
  const count = { told: 0, refused: 0 };
  for (let i = 0; i < 400; i += 1) {
    const file = damaged(dice, text);
    try {
      expect(narrateMachine(file, 'x').length).toBeGreaterThan(0);
      count.told += 1;
    } catch (error) {
      if (!(error instanceof FormatError)) throw new Error(`${String(error)}: ${file}`, { cause: error });
      count.refused += 1;
    }
  }
  expect(Math.min(count.told, count.refused)).toBeGreaterThan(40);
});

it.each(['riscv-iommu', 'riscv-iommu-second', 'qemu100-vtd', 'qemu100-smmuv3'])('vectors %s', (name) => {
  const rows = readFileSync(new URL(`../oracle/iommu/${name}.jsonl`, import.meta.url), 'utf8').split('\n').filter((row) => row !== '');
  const dice = new Dice(4712);
  const text = Array.from({ length: 200 }, () => damaged(dice, dice.pick(rows))).join('\n');
  const { agree, disagree, notRun, malformed } = compareIommu(text);
  expect(agree + disagree + notRun).toBe(200);
  expect(malformed).toBeGreaterThan(0);
});
