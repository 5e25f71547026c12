// SPDX-License-Identifier: Apache-2.0
/** Random SMMUv3 systems: never an exception, always an address or a known event. `DMALAB_FUZZ` sets the number of requests. */
import { expect, it } from 'vitest';
import { EVENTS } from '@dmalab/core/iommu/smmu/events';
import { Dice } from '../support/dice.ts';
import { CASES, Counts, StubbornMemory } from './chaos.ts';
import { randomSmmu, randomSmmuRequest } from './smmu-chaos.ts';

const PER_SYSTEM = 100;

it(`SMMUv3 always answers (${CASES} requests)`, { timeout: 600_000 }, () => {
  const counts = new Counts();
  for (let seed = 0; seed * PER_SYSTEM < CASES; seed += 1) {
    const dice = new Dice(seed + 2_000_000);
    const unit = randomSmmu(dice, new StubbornMemory([[0n, 1n << 36n]]));
    for (let i = 0; i < PER_SYSTEM; i += 1) {
      try {
        const answer = unit.translate(randomSmmuRequest(dice));
        counts.add(answer.kind);
        if (answer.kind !== 'refused') continue;
        const { event, why } = answer.fault;
        if (!Object.values(EVENTS).some((known) => known === event) || why.rule.text === '' || why.rule.section === '') throw new Error(`event ${event}`);
        counts.add(String(event));
      } catch (error) {
        throw new Error(`seed ${seed}, request ${i}: ${String(error)}`, { cause: error });
      }
    }
  }
  counts.show('SMMUv3');
  expect(counts.tooRare([...Object.values(EVENTS).map(String), 'translated', 'aborted'])).toEqual([]);
});
