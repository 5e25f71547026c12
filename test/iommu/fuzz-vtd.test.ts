// SPDX-License-Identifier: Apache-2.0
/** Random VT-d systems: tables, registers, descriptors, page requests, caches or none. Never an exception, always an address or a known reason and its record. `DMALAB_FUZZ` sets the number of requests. */
import { expect, it } from 'vitest';
import { FaultRecording } from '@dmalab/core/iommu/vtd/structures';
import { REASONS } from '@dmalab/core/iommu/vtd/reasons';
import type { VtdRequest } from '@dmalab/core/iommu/vtd/contexts';
import type { VtdUnit } from '@dmalab/core/iommu/vtd/unit';
import { Dice } from '../support/dice.ts';
import { CASES, Counts, disturb, run, StubbornMemory } from './chaos.ts';
import { queueDescriptor, randomVtd, randomVtdRequest } from './vtd-chaos.ts';

const PER_SYSTEM = 100;

function once(unit: VtdUnit, request: VtdRequest, counts: Counts): void {
  unit.records.forEach((_, i) => unit.clearRecord(i));
  unit.overflow = false;
  const answer = unit.translate(request);
  counts.add(answer.kind);
  if (answer.kind === 'translated') {
    if (answer.span < 12 || answer.span > 63) throw new Error(`span ${answer.span}`);
    if ((answer.address & 0xfffn) !== (request.address & 0xfffn)) throw new Error('the page offset changed');
    if ((answer.ats !== null) !== (request.type === 'ats')) throw new Error('grants answer translation requests');
    return;
  }
  if (answer.kind !== 'refused' && answer.kind !== 'denied') return;
  const { reason, why } = answer.fault;
  const known = REASONS[reason];
  if (known === undefined) throw new Error(`reason 0x${reason.toString(16)}`);
  if (why.table === '' || why.rule.text === '' || why.rule.section === '' || why.rule.field === '') throw new Error(`reason 0x${reason.toString(16)} is not explained`);
  counts.add(`0x${reason.toString(16)}`);
  const recorded = unit.records.filter((record) => record !== 0n).map((record) => FaultRecording.decode(record));
  if (answer.kind === 'denied' || !answer.recorded) {
    if (recorded.length > 0) throw new Error(`reason 0x${reason.toString(16)} was recorded without saying so`);
    if (answer.kind === 'refused' && !known.qualified) throw new Error(`reason 0x${reason.toString(16)} was silenced`);
    return;
  }
  const [record] = recorded;
  if (record === undefined || record.FR !== reason || record.SID !== request.sourceId || record.FI !== request.address >> 12n || record.PP !== (request.pasid !== null)) throw new Error(`reason 0x${reason.toString(16)} was recorded as ${recorded.map(({ FR, SID }) => `0x${FR.toString(16)} of ${SID}`).join()}`);
}

/** The reason that a page request was recorded with. */
function pageFault(unit: VtdUnit): string | null {
  const record = unit.records.find((word) => word !== 0n);
  return record === undefined ? null : `0x${FaultRecording.decode(record).FR.toString(16)}`;
}

it(`VT-d always answers (${CASES} requests)`, { timeout: 600_000 }, () => {
  const counts = new Counts();
  for (let seed = 0; seed * PER_SYSTEM < CASES; seed += 1) {
    const dice = new Dice(seed + 1_000_000);
    const memory = new StubbornMemory([[0n, 1n << 36n]]);
    const unit = randomVtd(dice, memory, dice.chance(40));
    const { rootTable } = unit;
    for (let i = 0; i < PER_SYSTEM; i += 1) {
      const request = randomVtdRequest(dice);
      try {
        if (dice.chance(12)) {
          unit.records.forEach((_, at) => unit.clearRecord(at));
          unit.overflow = false;
          disturb(dice, unit, { ...request, source: request.sourceId, noWrite: request.noWrite === true }, 0x300);
          const page = pageFault(unit);
          if (page === '0x32' || page === '0x47') counts.add(page);
          unit.rootTable = rootTable;
          unit.translates = true;
        }
        if (dice.chance(5)) {
          queueDescriptor(dice, memory, unit);
          run(unit);
        }
        once(unit, request, counts);
      } catch (error) {
        throw new Error(`seed ${seed}, request ${i}: ${String(error)}`, { cause: error });
      }
    }
  }
  counts.show('VT-d');
  expect(counts.tooRare([...Object.keys(REASONS).map((reason) => `0x${Number(reason).toString(16)}`), 'translated', 'interrupt', 'denied', 'aborted'])).toEqual([]);
});
