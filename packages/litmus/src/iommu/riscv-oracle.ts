// SPDX-License-Identifier: Apache-2.0
/**
 * Vectors of the RISC-V IOMMU with the answers of a reference model, and the
 * list of places where a second model answers differently.
 */
import { NO_CACHES, type CacheSizes } from '@dmalab/core/iommu/riscv/caches';
import { OTHER_READING, REFERENCE, type Switches } from '@dmalab/core/iommu/riscv/switches';
import type { CacheGeometry, Lapses } from '@dmalab/core/mmu/cache';
import { Fields, FormatError } from './json.ts';
import { differences, finalDifferences } from './riscv-compare.ts';
import { Bench, type StepResult } from './riscv-vector.ts';

const PAIR: CacheGeometry = { sets: 1, ways: 2, policy: 'lru' };

export interface VectorRun {
  /** What differs from the recorded history, `step 2: pa …`. */
  readonly problems: readonly string[];
  readonly results: readonly StepResult[];
  /** Steps with a list of accesses, and those whose order is ours. */
  readonly walks: number;
  readonly sameWalks: number;
}

/** What the text asks for wins over what a model did; a unit that caches may have a history of its own. */
export function runVector(vector: Fields, switches: Switches = REFERENCE): VectorRun {
  const plain = runAgainst(vector, switches, vector.has('spec_expect') ? 'spec_expect' : 'expect', 'final');
  if (plain.problems.length === 0 || !vector.has('expect_cached')) return plain;
  const cached = runAgainst(vector, switches, 'expect_cached', 'final_cached');
  return cached.problems.length === 0 ? cached : plain;
}

/** A unit of two entries each, as the cached histories were recorded on. */
export const TWO_ENTRIES: CacheSizes = { devices: PAIR, processes: PAIR, translations: PAIR, firstPointers: null, secondPointers: null };

/** The vector on a unit that caches, against the history recorded without caches or the one with them. */
export function runCached(vector: Fields, history: 'expect' | 'expect_cached', caches: CacheSizes = TWO_ENTRIES, lapses: Lapses | null = null): VectorRun {
  return runAgainst(vector, REFERENCE, history, history === 'expect' ? 'final' : 'final_cached', caches, lapses);
}

function runAgainst(vector: Fields, switches: Switches, key: string, finalKey: string, caches: CacheSizes = NO_CACHES, lapses: Lapses | null = null): VectorRun {
  const bench = new Bench(vector, switches, caches);
  bench.unit.lapses = lapses;
  const expected = vector.objects(key);
  const problems: string[] = [];
  const results: StepResult[] = [];
  let walks = 0;
  let sameWalks = 0;
  vector.objects('steps').forEach((step, i) => {
    const got = bench.perform(step);
    results.push(got);
    const want = expected[i];
    if (want === undefined) throw new FormatError(`${key}[${i}]: missing`);
    for (const problem of differences(step, got, want)) problems.push(`step ${i}: ${problem}`);
    if (!want.has('walk')) return;
    walks += 1;
    if (want.list('walk').map((access) => JSON.stringify(access)).join() === got.accesses.join()) sameWalks += 1;
  });
  if (vector.has(finalKey)) problems.push(...finalDifferences(bench, vector.object(finalKey)));
  return { problems, results, walks, sameWalks };
}

/**
 * A line of the second model's list against our unit. Where the text allows
 * both (`choice`), the unit set to the other reading must answer as the second
 * model did; everywhere else the unit must answer as the first did, or, where
 * that one is wrong, as the text asks.
 */
export function compareSecond(line: Fields, vector: Fields): readonly string[] {
  if (line.text('cls') !== 'choice') return runVector(vector).problems;
  const index = line.number('step');
  const { results } = runVector(vector, OTHER_READING);
  const step = vector.objects('steps')[index];
  const got = results[index];
  if (step === undefined || got === undefined) return [`step ${index}: the vector has no such step`];
  return differences(step, got, inOurTerms(line.object('second'), line.text('difference'), vector, index)).map((problem) => `step ${index}, other reading: ${problem}`);
}

/** The second model's record names fewer things: `fault` is any refusal, and what it leaves out is not compared. */
function inOurTerms(second: Fields, difference: string, vector: Fields, index: number): Fields {
  const out: Record<string, unknown> = { ...second.raw };
  if (second.has('status') && second.text('status') === 'fault') out['status'] = 'ur';
  const first = vector.objects('expect')[index];
  const free = first === undefined ? [] : first.listOrNone('free');
  // Whether a Bare first stage is global is free; it is told apart only in lines about it.
  out['free'] = second.has('ats') && !difference.includes('ats.g') ? [...free, 'ats.g'] : free;
  return new Fields(out, 'second');
}
