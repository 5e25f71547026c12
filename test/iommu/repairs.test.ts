// SPDX-License-Identifier: Apache-2.0
/**
 * Every fault that names an entry names the smallest edit of it, or says why there is none. Here the edit is made
 * and the request runs again: the rule must hold then. Followed to the end, the edits let the request through.
 */
import { describe, expect, it } from 'vitest';
import { PlainMemory } from '@dmalab/core/mmu/plain-memory';
import { RiscvIommu } from '@dmalab/core/iommu/riscv/unit';
import type { Rule } from '@dmalab/core/mmu/format';
import { Dice } from '../support/dice.ts';
import { applyRepair, bitsNamed } from './repair.ts';
import { damage, fillMemory, randomOptions, randomRequest, setUp } from './riscv-chaos.ts';
import { randomSmmu, randomSmmuRequest } from './smmu-chaos.ts';
import { randomVtd, randomVtdRequest } from './vtd-chaos.ts';

/** Few where each change of a token is tried. */
const SYSTEMS = process.env['DMALAB_SLICE'] === '1' ? 40 : 100;

interface Why {
  readonly table: string;
  readonly entry: bigint | null;
  readonly rule: Rule;
}

/** One request of a system, again and again: why it is refused, or null. */
type Request = () => Why | null;

interface Front {
  readonly name: string;
  readonly seed: number;
  readonly system: (dice: Dice, memory: PlainMemory) => () => Request;
}

const FRONTS: readonly Front[] = [
  {
    name: 'RISC-V',
    seed: 4_000_000,
    system(dice, memory) {
      const options = { ...randomOptions(dice), beWritable: false, fctl: 0 };
      fillMemory(dice, memory, (options.capabilities & (1n << 22n)) !== 0n);
      const iommu = new RiscvIommu(memory, options, { send: () => undefined, order: () => undefined, invalidated: () => undefined });
      setUp(dice, iommu);
      damage(dice, memory);
      return () => {
        const request = randomRequest(dice);
        return () => {
          const answer = iommu.translate(request);
          return answer.kind === 'translated' ? null : answer.fault.why;
        };
      };
    },
  },
  {
    name: 'VT-d',
    seed: 5_000_000,
    system(dice, memory) {
      const unit = randomVtd(dice, memory);
      return () => {
        const request = randomVtdRequest(dice);
        return () => {
          const answer = unit.translate(request);
          return answer.kind === 'refused' ? answer.fault.why : null;
        };
      };
    },
  },
  {
    name: 'SMMUv3',
    seed: 6_000_000,
    system(dice, memory) {
      const unit = randomSmmu(dice, memory, 'little');
      return () => {
        const request = randomSmmuRequest(dice);
        return () => {
          const answer = unit.translate(request);
          return answer.kind === 'refused' || answer.kind === 'denied' ? answer.fault.why : null;
        };
      };
    },
  },
];

const named = (rule: Rule): string => `${rule.field} (${rule.bits}): ${rule.text}`;

interface Tally {
  mended: number;
  beyond: number;
}

describe.each(FRONTS)('$name', ({ name, system, seed }) => {
  const rules = new Map<string, Tally>();
  const silent = new Set<string>();
  /** Edits beyond the bits that their rule speaks of. */
  const outside = new Set<string>();
  let ended = 0;
  let through = 0;

  it('mends what it complains of, and has an edit, or a reason why there is none, for every rule', { timeout: 60_000 }, () => {
    for (let n = 0; n < SYSTEMS; n += 1) {
      const dice = new Dice(seed + n);
      const memory = new PlainMemory([[0n, 1n << 40n]]);
      const next = system(dice, memory);
      for (let i = 0; i < 6; i += 1) {
        const ask = next();
        let why = ask();
        // Structures overlap here, so that one edit may break what another mended.
        for (let edits = 0; why !== null && edits < 20; edits += 1) {
          const { entry, rule } = why;
          if (entry === null) break;
          const tally = rules.get(named(rule)) ?? { mended: 0, beyond: 0 };
          rules.set(named(rule), tally);
          if (rule.repair === undefined) {
            tally.beyond += 1;
            if (rule.beyondRepair === undefined) silent.add(named(rule));
            break;
          }
          const before = named(rule);
          const about = bitsNamed(rule);
          if (about !== null && (((rule.repair.set ?? 0n) | (rule.repair.clear ?? 0n)) & ~about) !== 0n) outside.add(before);
          applyRepair(memory, entry, rule.repair);
          const again = ask();
          // An entry that is met on two levels may lack other bits on the other.
          if (again !== null && again.entry === entry && named(again.rule) === before && again.table === why.table && again.rule.repair?.set === rule.repair.set && again.rule.repair?.clear === rule.repair.clear) throw new Error(`seed ${n}, request ${i}: "${before}" at 0x${entry.toString(16)} is still broken after its repair`);
          tally.mended += 1;
          why = again;
        }
        ended += 1;
        if (why === null) through += 1;
      }
    }

    const mendable = [...rules.values()].filter(({ mended }) => mended > 0).length;
    if (process.env['DMALAB_LONG'] === '1') process.stdout.write(`${name}: ${rules.size} rules of entries, ${mendable} with an edit; ${through} of ${ended} requests let through by edits alone\n`);
    expect([...silent]).toEqual([]);
    expect([...outside]).toEqual([]);
    expect(mendable).toBeGreaterThan(12);
    expect(through).toBeGreaterThan(ended / 4);
  });
});
