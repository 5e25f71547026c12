// SPDX-License-Identifier: Apache-2.0
/** A vector of the SMMUv3, told as data. */
import type { AnyLayout } from '@dmalab/core/base/layout';
import { KINDS } from '@dmalab/core/iommu/smmu/events';
import { Cr0, Gbpa, Idr0, Idr1, Idr5, StrtabBase, StrtabBaseCfg, OFFSET } from '@dmalab/core/iommu/smmu/registers';
import { ContextDescriptor, ContextTableDescriptor, StreamTableDescriptor, StreamTableEntry } from '@dmalab/core/iommu/smmu/structures';
import type { SmmuAnswer, SmmuRequest } from '@dmalab/core/iommu/smmu/translate';
import { Stage1Descriptor, Stage2Descriptor, TableDescriptor } from '@dmalab/core/mmu/formats/armv8-entries';
import { hex } from '@dmalab/core/mmu/word';
import type { Fields } from './json.ts';
import { smmuBench } from './smmu-vector.ts';
import { grantsOf, indexIn, Recorder, type Teller, type Telling, type ToldEnd, type ToldFault, type ToldStep } from './tell.ts';

export function tellSmmu(vector: Fields): Telling {
  const { unit, steps: happens } = smmuBench(vector);
  const read = (offset: number, size: 4 | 8 = 4): bigint => unit.readRegister(offset, size);
  const registers = [
    { name: 'SMMU_IDR0', raw: read(OFFSET.IDR0), layout: Idr0 },
    { name: 'SMMU_IDR1', raw: read(OFFSET.IDR1), layout: Idr1 },
    { name: 'SMMU_IDR5', raw: read(OFFSET.IDR5), layout: Idr5 },
    { name: 'SMMU_CR0', raw: read(OFFSET.CR0), layout: Cr0 },
    { name: 'SMMU_GBPA', raw: read(OFFSET.GBPA), layout: Gbpa },
    { name: 'SMMU_STRTAB_BASE', raw: read(OFFSET.STRTAB_BASE, 8), layout: StrtabBase },
    { name: 'SMMU_STRTAB_BASE_CFG', raw: read(OFFSET.STRTAB_BASE_CFG), layout: StrtabBaseCfg },
  ];
  const recorder = new Recorder(unit, teller(Number(read(OFFSET.STRTAB_BASE_CFG))));
  const steps = happens.map((step): ToldStep => {
    if (step.kind === 'store') {
      step.perform();
      return { title: step.title, request: null, accesses: [], end: null, value: null, messages: [] };
    }
    const { request: of } = step;
    const request = { device: of.streamId, process: of.substream ?? null, address: of.address };
    recorder.request = request;
    const answer = unit.translate(of);
    return { title: titleOf(of), request, accesses: recorder.take(), end: endOf(answer), value: null, messages: [] };
  });
  return { id: vector.text('id'), note: vector.text('note'), unit: 'Arm SMMUv3', processWord: 'substream', registers, steps };
}

function titleOf(of: SmmuRequest): string {
  const by = `${hex(of.streamId)}${of.substream == null ? '' : `, substream ${hex(of.substream)}`}${of.privileged ? ', privileged' : ''}`;
  const access = of.write ? 'write' : of.execute === true ? 'fetch' : 'read';
  const what = of.type === 'ats' ? `translation request${of.noWrite === true ? ', no write' : ''}${of.execute === true ? ', execute' : ''}` : of.type === 'translated' ? `translated ${access}` : access;
  return `${what} of ${hex(of.address)} by stream ${by}`;
}

const LAYOUTS: Readonly<Record<string, AnyLayout>> = {
  'stream table, level 1': StreamTableDescriptor,
  'stream table entry': StreamTableEntry,
  'context descriptor, level 1': ContextTableDescriptor,
  'context descriptor': ContextDescriptor,
};

/** What an access of that name reads or writes. */
export const smmuStructure = (what: string, raw: bigint): AnyLayout | null => LAYOUTS[what] ?? (/^stage-[12] table/.test(what) ? descriptor(what, raw) : null);

/** @param config STRTAB_BASE_CFG */
function teller(config: number): Teller {
  const { LOG2SIZE, SPLIT, FMT } = StrtabBaseCfg.decode(BigInt(config));
  const split = FMT === 1 ? (SPLIT === 8 || SPLIT === 10 ? SPLIT : 6) : LOG2SIZE;
  // Of the request at hand: bits of a substream that the last table of context descriptors takes.
  let below = 0;
  return {
    // Arm counts from the largest: level 3 maps pages.
    levelOf: (level) => 3 - level,
    layoutOf: ({ what }, raw) => smmuStructure(what, raw),
    indexOf: ({ what, words }, of) => {
      if (of === null) return null;
      if (what === 'stream table entry') below = descriptorBits(words[0] ?? 0n);
      if (what === 'context descriptor, level 1') return indexIn('substream', of.process ?? 0, 19, below);
      if (what === 'context descriptor') return of.process === null || below === 0 ? null : indexIn('substream', of.process, below - 1, 0);
      if (what === 'stream table, level 1') return indexIn('stream', of.device, 31, split);
      if (what === 'stream table entry') return split === 0 ? null : indexIn('stream', of.device, Math.min(31, split - 1), 0);
      return null;
    },
  };
}

/** S1Fmt and S1CDMax of a stream table entry: linear, or tables of 64 or 1024 descriptors below a first one. */
function descriptorBits(word: bigint): number {
  const { S1Fmt, S1CDMax } = StreamTableEntry.decode(word);
  return S1Fmt === 0 || S1CDMax === 0 ? S1CDMax : S1Fmt === 1 ? 6 : 10;
}

/** Levels 0 to 2 hold tables and blocks, level 3 pages. */
function descriptor(what: string, raw: bigint): AnyLayout {
  if (!what.endsWith('level 3') && (raw & 3n) === 3n) return TableDescriptor;
  return what.startsWith('stage-1') ? Stage1Descriptor : Stage2Descriptor;
}

function endOf(answer: SmmuAnswer): ToldEnd {
  switch (answer.kind) {
    case 'translated':
      return { text: `${hex(answer.address)}; ${hex(1n << BigInt(answer.span))} bytes alike${answer.ats === null ? '' : `; ATS grants ${grantsOf(answer.ats)}`}`, address: answer.address, fault: null };
    case 'aborted':
      return { text: 'aborted; nothing is recorded', address: null, fault: null };
    case 'denied':
      return { text: 'success without permissions; nothing is recorded', address: null, fault: told(answer.fault) };
    case 'refused':
      return { text: `${ENDS[answer.ends]}${answer.record === null ? ', not recorded' : ''}`, address: null, fault: told(answer.fault) };
  }
}

const ENDS = { abort: 'blocked', zero: 'ends well, with zeros', stall: 'stalled', 'unsupported-request': 'unsupported request', 'completer-abort': 'completer abort' } as const;

const told = ({ event, why }: Extract<SmmuAnswer, { kind: 'refused' }>['fault']): ToldFault => ({ code: `event ${hex(event)}`, name: KINDS.get(event)?.name ?? 'unknown', ...why });
