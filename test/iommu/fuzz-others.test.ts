// SPDX-License-Identifier: Apache-2.0
/** Random tables and registers for VT-d and SMMUv3: never an exception, always an address or a known reason. `DMALAB_FUZZ` sets the number of requests. */
import { describe, expect, it } from 'vitest';
import { PlainMemory } from '@dmalab/core/mmu/plain-memory';
import { EVENTS } from '@dmalab/core/iommu/smmu/unit';
import { REASONS } from '@dmalab/core/iommu/vtd/reasons';
import { Dice } from '../support/dice.ts';
import { randomSmmu, randomSmmuRequest } from './smmu-chaos.ts';
import { randomVtd, randomVtdRequest } from './vtd-chaos.ts';

const CASES = Number(process.env['DMALAB_FUZZ'] ?? 20_000);
const PER_SYSTEM = 100;

function everyCase(seedOffset: number, prepare: (dice: Dice, memory: PlainMemory) => () => string): Map<string, number> {
  const seen = new Map<string, number>();
  for (let seed = 0; seed * PER_SYSTEM < CASES; seed += 1) {
    const dice = new Dice(seed + seedOffset);
    const memory = new PlainMemory([[0n, 1n << 36n]]);
    const once = prepare(dice, memory);
    for (let i = 0; i < PER_SYSTEM; i += 1) {
      try {
        const what = once();
        seen.set(what, (seen.get(what) ?? 0) + 1);
      } catch (error) {
        throw new Error(`seed ${seed}, request ${i}: ${String(error)}`, { cause: error });
      }
    }
  }
  return seen;
}

describe('random systems always answer', () => {
  it('VT-d', { timeout: 600_000 }, () => {
    const seen = everyCase(1_000_000, (dice, memory) => {
      const unit = randomVtd(dice, memory);
      return () => {
        unit.clearRecord(0);
        unit.overflow = false;
        const answer = unit.translate(randomVtdRequest(dice));
        if (answer.kind !== 'refused') return answer.kind;
        const { reason, why } = answer.fault;
        if (REASONS[reason] === undefined || why.rule.text === '' || why.rule.section === '') throw new Error(`reason 0x${reason.toString(16)}`);
        return `0x${reason.toString(16)}`;
      };
    });
    expect(seen.get('translated')).toBeGreaterThan(CASES / 100);
    expect([...seen.keys()].length).toBeGreaterThan(35);
  });

  it('SMMUv3', { timeout: 600_000 }, () => {
    const seen = everyCase(2_000_000, (dice, memory) => {
      const unit = randomSmmu(dice, memory);
      return () => {
        const answer = unit.translate(randomSmmuRequest(dice));
        if (answer.kind !== 'refused') return answer.kind;
        const { event, why } = answer.fault;
        if (!Object.values(EVENTS).some((known) => known === event) || why.rule.text === '' || why.rule.section === '') throw new Error(`event ${event}`);
        return String(event);
      };
    });
    const missing = [...Object.values(EVENTS).map(String), 'translated', 'aborted'].filter((what) => (seen.get(what) ?? 0) < Math.max(1, CASES / 10_000));
    expect(missing).toEqual([]);
  });
});
