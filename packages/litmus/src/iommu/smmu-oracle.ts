// SPDX-License-Identifier: Apache-2.0
/** Vectors of Arm SMMUv3: one system, a few DMAs, and what an emulator let through and reported. */
import { PlainMemory } from '@dmalab/core/mmu/plain-memory';
import { EVENTS } from '@dmalab/core/iommu/smmu/events';
import { smmuFeatures } from '@dmalab/core/iommu/smmu/features';
import { Event } from '@dmalab/core/iommu/smmu/records';
import { Cr2, OFFSET } from '@dmalab/core/iommu/smmu/registers';
import type { SmmuAnswer, SmmuRequest } from '@dmalab/core/iommu/smmu/translate';
import { SmmuUnit } from '@dmalab/core/iommu/smmu/unit';
import { hex } from '@dmalab/core/mmu/word';
import { FormatError, word, type Fields } from './json.ts';

type Ram = readonly (readonly [bigint, bigint])[];

/**
 * The unit and the requests of a vector. The emulator reads level-2 stream tables beyond their span, refuses S1CDMax where
 * there are no substreams, and records streams out of range whatever CR2.RECINVSID says; `exact` leaves the first two out. A DMA
 * may name an `ssid`, a `sid` of its own, and be `exec` and `priv`; left out, it has none, that of the vector, and is neither.
 */
export function smmuBench(vector: Fields): { unit: SmmuUnit; ram: Ram; requests: readonly SmmuRequest[] } {
  const ram = vector.tuples('ram').map(([base = 0n, size = 0n]) => [base, size] as const);
  const memory = new PlainMemory(ram);
  for (const [address = 0n, value = 0n] of vector.tuples('mem')) memory.poke(address, value);
  const [idr0 = 0n, idr1 = 0n, , idr3 = 0n, , idr5 = 0n] = vector.words('idr');
  const features = smmuFeatures(Number(idr0), Number(idr1), Number(idr5), Number(idr3));
  const unit = new SmmuUnit(memory, vector.has('exact') ? { features, spans: 'exact' } : { features, spans: 'twice', withoutSubstreams: 'illegal' });
  unit.writeRegister(OFFSET.CR2, 4, Cr2.encode({ RECINVSID: true }));
  unit.registers = {
    cr0: vector.number('cr0'),
    gbpa: vector.raw['gbpa'] === null ? 0 : vector.number('gbpa'),
    tableBase: vector.word('strtab_base'),
    tableConfig: vector.number('strtab_cfg'),
  };
  const requests = vector.objects('dma').map((dma) => ({
    streamId: (dma.has('sid') ? dma : vector).id('sid', 32),
    substream: dma.has('ssid') ? dma.id('ssid', 20) : null,
    write: dma.text('dir') === 'w',
    execute: dma.numberOr('exec', 0) !== 0,
    privileged: dma.numberOr('priv', 0) !== 0,
    address: dma.word('iova'),
  }));
  return { unit, ram, requests };
}

/** Differences, `dma 1: …`. What is marked `emulator_only` is run, but may differ. */
export function compareSmmu(vector: Fields): readonly string[] {
  const { unit, ram, requests } = smmuBench(vector);
  const expected = vector.objects('expect');
  const problems = requests.flatMap((request, i) => {
    const want = expected[i];
    if (want === undefined) throw new FormatError(`expect[${i}]: missing`);
    return differences(unit.translate(request), ram, want).map((problem) => `dma ${i}: ${problem}`);
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
