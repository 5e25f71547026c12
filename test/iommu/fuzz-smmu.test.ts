// SPDX-License-Identifier: Apache-2.0
/** Random SMMUv3 systems: tables, registers, commands, page requests, stalls, caches or none. Never an exception, always an address or a known event and its record. `DMALAB_FUZZ` sets the number of requests. */
import { expect, it } from 'vitest';
import { EVENTS, KINDS } from '@dmalab/core/iommu/smmu/events';
import { Event } from '@dmalab/core/iommu/smmu/records';
import type { SmmuRequest } from '@dmalab/core/iommu/smmu/translate';
import type { SmmuUnit } from '@dmalab/core/iommu/smmu/unit';
import { Dice } from '../support/dice.ts';
import { CASES, Counts, disturb, run, StubbornMemory } from './chaos.ts';
import { queueCommand, randomSmmu, randomSmmuRequest } from './smmu-chaos.ts';

const PER_SYSTEM = 100;

function once(unit: SmmuUnit, request: SmmuRequest, counts: Counts): void {
  const answer = unit.translate(request);
  counts.add(answer.kind);
  if (answer.kind === 'translated') {
    if (answer.span < 12 || answer.span > 64) throw new Error(`span ${answer.span}`);
    if ((answer.address & 0xfffn) !== (request.address & 0xfffn)) throw new Error('the page offset changed');
    if ((answer.ats !== null) !== (request.type === 'ats')) throw new Error('grants answer translation requests');
    return;
  }
  if (answer.kind === 'aborted') return;
  const { event, why } = answer.fault;
  if (!KINDS.has(event) || why.table === '' || why.rule.text === '' || why.rule.section === '' || why.rule.field === '') throw new Error(`event ${event} is not explained`);
  if (answer.kind === 'denied') return;
  counts.add(`0x${event.toString(16)}`);
  counts.add(`${request.type ?? 'untranslated'}: ${answer.ends}`);
  if (answer.record === null) return;
  const record = Event.decode(answer.record);
  if (record.id !== event || record.stream !== request.streamId || (KINDS.get(event)?.address === true && record.address !== request.address)) throw new Error(`event ${event} was recorded as ${record.id} of ${record.stream}`);
}

it(`SMMUv3 always answers (${CASES} requests)`, { timeout: 600_000 }, () => {
  const counts = new Counts();
  for (let seed = 0; seed * PER_SYSTEM < CASES; seed += 1) {
    const dice = new Dice(seed + 2_000_000);
    const memory = new StubbornMemory([[0n, 1n << 36n]]);
    const unit = randomSmmu(dice, memory, 'any', dice.chance(40));
    const { registers } = unit;
    for (let i = 0; i < PER_SYSTEM; i += 1) {
      const request = randomSmmuRequest(dice);
      try {
        if (dice.chance(12)) {
          disturb(dice, unit, { source: request.streamId, pasid: request.substream ?? null, type: request.type ?? 'untranslated', write: request.write, execute: request.execute === true, privileged: request.privileged, noWrite: request.noWrite === true, address: request.address }, dice.chance(50) ? 0x100 : 0x1_0100);
          unit.registers = registers;
        }
        if (dice.chance(8)) {
          queueCommand(dice, memory, unit);
          run(unit);
        }
        once(unit, request, counts);
      } catch (error) {
        throw new Error(`seed ${seed}, request ${i}: ${String(error)}`, { cause: error });
      }
    }
  }
  counts.show('SMMUv3');
  expect(counts.tooRare([...Object.values(EVENTS).map((event) => `0x${event.toString(16)}`), 'translated', 'aborted', 'denied', 'untranslated: stall', 'untranslated: zero', 'untranslated: abort', 'ats: unsupported-request', 'ats: completer-abort'])).toEqual([]);
});
