// SPDX-License-Identifier: Apache-2.0
/** The recorded histories of a unit that caches, and what becomes of every other vector when ours does. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Fields } from '@dmalab/litmus/iommu/json';
import { runCached, TWO_ENTRIES } from '@dmalab/litmus/iommu/riscv-oracle';

const vectors = readFileSync(new URL('../oracle/iommu/riscv-iommu.jsonl', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line, i) => new Fields(JSON.parse(line) as Record<string, unknown>, `line ${i + 1}`));
const recorded = vectors.filter((vector) => vector.has('expect_cached'));
/** Room for everything, pointers too. */
const LARGE = { sets: 16, ways: 4, policy: 'fifo' } as const;
const POINTERS_TOO = { devices: LARGE, processes: LARGE, translations: LARGE, firstPointers: LARGE, secondPointers: LARGE };

describe('a unit with caches of two entries', () => {
  it('has vectors to answer to', () => {
    expect(recorded.length).toBeGreaterThan(10);
  });

  it.each(recorded.map((vector) => [vector.text('id'), vector] as const))('%s: has the recorded history, stale answers included', (_, vector) => {
    const { problems, walks, sameWalks } = runCached(vector, 'expect_cached');
    expect(problems).toEqual([]);
    expect(sameWalks).toBe(walks);
    // The histories differ, or a unit without caches would do.
    expect(runCached(vector, 'expect').problems).not.toEqual([]);
  });

  it.each(recorded.map((vector) => [vector.text('id'), vector] as const))('%s: has the other one when every hit lapses', (_, vector) => {
    let asked = 0;
    const lapsing = runCached(vector, 'expect', TWO_ENTRIES, () => ((asked += 1), true));
    expect(lapsing.problems).toEqual([]);
    expect(lapsing.sameWalks).toBe(lapsing.walks);
    expect(asked).toBeGreaterThan(0);
  });
});

describe('caches change nothing', () => {
  it('while every hit lapses', () => {
    const problems = vectors.flatMap((vector) => (vector.has('spec_expect') ? [] : runCached(vector, 'expect', POINTERS_TOO, () => true).problems.map((problem) => `${vector.text('id')}: ${problem}`)));
    expect(problems).toEqual([]);
  });

  it('where software changes no table behind their back, but the accesses that they save', () => {
    const settled = vectors.filter((vector) => !vector.has('expect_cached') && !vector.has('spec_expect') && !vector.objects('steps').some((step) => ['memw', 'clr', 'regw'].includes(step.text('op'))));
    const problems = settled.flatMap((vector) => runCached(vector, 'expect', POINTERS_TOO).problems.map((problem) => `${vector.text('id')}: ${problem}`));
    expect(settled.length).toBeGreaterThan(1000);
    expect(problems).toEqual([]);
  });
});
