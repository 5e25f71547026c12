// SPDX-License-Identifier: Apache-2.0
/** Vectors of Arm SMMUv3: one system, a few DMAs, and what an emulator let through and reported. */
import { EVENTS } from '@dmalab/core/iommu/smmu/events';
import { Event } from '@dmalab/core/iommu/smmu/records';
import type { SmmuAnswer } from '@dmalab/core/iommu/smmu/translate';
import { hex } from '@dmalab/core/mmu/word';
import { FormatError, word, type Fields } from './json.ts';
import { smmuBench, type Ram } from './smmu-vector.ts';


/** Differences, `dma 1: …`. What is marked `emulator_only` is run, but may differ. */
export function compareSmmu(vector: Fields): readonly string[] {
  const { unit, ram, steps } = smmuBench(vector);
  const expected = vector.objects('expect');
  const problems = steps.flatMap((step, i) => {
    if (step.kind === 'store') {
      step.perform();
      return [];
    }
    const want = expected[i];
    if (want === undefined) throw new FormatError(`expect[${i}]: missing`);
    return differences(unit.translate(step.request), ram, want).map((problem) => `dma ${i}: ${problem}`);
  });
  return vector.has('emulator_only') ? [] : problems;
}

function differences(answer: SmmuAnswer, ram: Ram, want: Fields): string[] {
  const out: string[] = [];
  const reaches = answer.kind === 'translated' && ram.some(([base, size]) => answer.address >= base && answer.address < base + size);
  const ok = want.raw['ok'] === true;
  if (reaches !== ok) out.push(`${reaches ? 'allowed' : `blocked${answer.kind === 'refused' ? `, event ${hex(answer.fault.event)}, ${answer.fault.why.rule.text}` : ''}`}, expected ${ok ? 'allowed' : 'blocked'}`);
  if (want.has('pa') && want.raw['pa'] !== null) {
    const ours = answer.kind === 'translated' ? hex(answer.address) : 'none';
    if (ours !== hex(want.word('pa'))) out.push(`pa ${ours}, expected ${hex(want.word('pa'))}`);
  }
  // The emulator splits a DMA of eight bytes; only the first event is that of the address asked for.
  const events = want.has('events') && want.raw['events'] !== null ? want.list('events') : [];
  const first = events[0];
  const theirs = Array.isArray(first) ? first.reduceRight((record: bigint, value: unknown, i) => (record << 64n) | word(value, `events[0][${i}]`), 0n) : null;
  const record = answer.kind === 'refused' ? answer.record : null;
  if (record === null || theirs === null) {
    if (record !== theirs) out.push(`event ${record === null ? 'none' : words(record)}, expected ${theirs === null ? 'none' : words(theirs)}`);
  } else if (told(record) !== told(asSpecified(theirs))) out.push(`event ${words(record)}, expected ${words(theirs)}`);
  return out;
}

const words = (record: bigint): string => [0n, 1n, 2n, 3n].map((i) => hex((record >> (64n * i)) & ((1n << 64n) - 1n))).join(' ');

/** The emulator writes the address of a descriptor that it could not fetch one word too early (IHI 0070, 7.3.10). */
function asSpecified(record: bigint): bigint {
  const fields = Event.decode(record);
  return fields.id === EVENTS.cdFetch && fields.ipa === 0n ? Event.encode({ id: fields.id, SSV: fields.SSV, substream: fields.substream, stream: fields.stream, ipa: fields.address }) : record;
}

/**
 * What of a record is compared: all of it, but for two habits. A guest address has no offset in its page (7.3.13); and
 * while a descriptor or a table is read the emulator gives the direction of that access, not of the request, and no TTRnW.
 */
function told(record: bigint): bigint {
  const fields = Event.decode(record);
  const inner = fields.S2 && fields.class !== 2;
  const offset = fields.id === EVENTS.walkAbort || fields.id === EVENTS.cdFetch ? 0n : fields.ipa & 0xfffn;
  const habits = inner ? Event.encode({ RnW: fields.RnW, TTRnW: fields.TTRnW }) : 0n;
  return record - Event.encode({ ipa: offset }) - habits;
}
