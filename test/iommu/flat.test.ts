// SPDX-License-Identifier: Apache-2.0
/**
 * The fast walk against the one at length: the same random systems in memory
 * where entries are read in place, where each read is an access, and where
 * somebody watches. Answers, records and marks must be the same.
 */
import { expect, it } from 'vitest';
import { highOf, lowOf } from '@dmalab/core/mmu/word';
import { PlainMemory } from '@dmalab/core/mmu/plain-memory';
import { ABORTED, DENIED, REACHED, RiscvIommu, UNSUPPORTED } from '@dmalab/core/iommu/riscv/unit';
import type { Answer } from '@dmalab/core/iommu/riscv/request';
import { flagsOf } from '@dmalab/core/iommu/riscv/request';
import { Dice } from '../support/dice.ts';
import { disturb, fillMemory, randomOptions, randomRequest, setUp } from './riscv-chaos.ts';

const SYSTEMS = 40;
const PER_SYSTEM = 150;
const LARGE = { sets: 16, ways: 4, policy: 'fifo' } as const;

const shown = (answer: Answer): string => JSON.stringify(answer, (_, value: unknown) => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value));
const STATUS = (answer: Answer): number => (answer.kind === 'translated' ? REACHED : answer.kind === 'denied' ? DENIED : answer.status === 'completer-abort' ? ABORTED : UNSUPPORTED);

function systems(seed: number): { readonly dice: Dice; readonly memory: PlainMemory; readonly unit: RiscvIommu }[] {
  return [[], [[0n, 1n << 64n] as const], [], []].map((ranges, i) => {
    const dice = new Dice(seed);
    const memory = new PlainMemory(ranges);
    const caching = dice.chance(30);
    const options = { ...randomOptions(dice), ...(caching ? { caches: { devices: LARGE, processes: LARGE, translations: dice.chance(50) ? LARGE : null, firstPointers: null, secondPointers: null } } : {}) };
    fillMemory(dice, memory, (options.capabilities & (1n << 22n)) !== 0n);
    const unit = new RiscvIommu(memory, options, { send: () => undefined, order: () => undefined, invalidated: () => undefined });
    setUp(dice, unit);
    if (i === 2) unit.bus.watch = () => undefined;
    memory.takeChanged();
    return { dice, memory, unit };
  });
}

it('a walk in place finds what a walk by accesses finds, and so do numbers instead of a request', () => {
  let reached = 0;
  for (let seed = 0; seed < SYSTEMS; seed += 1) {
    const all = systems(seed);
    const [flat, ...others] = all;
    if (flat === undefined) throw new Error('no systems');
    for (let i = 0; i < PER_SYSTEM; i += 1) {
      const requests = all.map(({ dice, memory, unit }) => {
        if (dice.chance(5)) disturb(dice, memory, unit);
        if (dice.chance(20)) unit.writeRegister(48, 4, BigInt(unit.faultQueue.tail));
        return randomRequest(dice);
      });
      const [request] = requests;
      if (request === undefined) throw new Error('no request');
      const where = `seed ${seed}, request ${i}`;
      const answer = flat.unit.translate(request);
      reached += Number(answer.kind === 'translated');
      for (const { unit } of others.slice(0, 2)) expect(shown(unit.translate(request)), where).toBe(shown(answer));
      const numbers = others[2]?.unit;
      const status = numbers?.translateFast(request.deviceId, request.processId ?? -1, flagsOf(request), lowOf(request.address) | 0, highOf(request.address) | 0);
      expect(status, where).toBe(STATUS(answer));
      if (answer.kind === 'translated' && answer.address !== null) expect([BigInt(numbers?.frame ?? -1), numbers?.span], where).toEqual([answer.address >> 12n, answer.span]);
    }
    const changed = all.map(({ memory }) => memory.takeChanged().map((address) => `${address.toString(16)}=${memory.peek(address).toString(16)}`).join(' '));
    expect(new Set(changed).size, `seed ${seed}: what was written`).toBe(1);
  }
  expect(reached).toBeGreaterThan((SYSTEMS * PER_SYSTEM) / 10);
});
