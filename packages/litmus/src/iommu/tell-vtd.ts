// SPDX-License-Identifier: Apache-2.0
/** A vector of VT-d, told as data. */
import { Capability, ExtendedCapability } from '@dmalab/core/iommu/vtd/capabilities';
import { REASONS } from '@dmalab/core/iommu/vtd/reasons';
import type { VtdFault } from '@dmalab/core/iommu/vtd/stages';
import { ContextEntry, FirstStageEntry, PasidDirectoryEntry, PasidEntry, RootEntry, ScalableContextEntry, ScalableRootEntry, SecondStageEntry } from '@dmalab/core/iommu/vtd/structures';
import type { VtdAnswer } from '@dmalab/core/iommu/vtd/unit';
import type { Fields } from './json.ts';
import { bitsOf, hex, indexIn, Recorder, type AnyLayout, type Teller, type Telling, type ToldEnd, type ToldFault, type ToldStep } from './tell.ts';
import { vtdBench } from './vtd-oracle.ts';

export function tellVtd(vector: Fields): Telling {
  const { unit, requests } = vtdBench(vector);
  const recorder = new Recorder(unit, teller());
  const steps = requests.map((of): ToldStep => {
    const request = { device: of.sourceId, process: of.pasid, address: of.address };
    recorder.request = request;
    unit.clearRecord(0);
    const answer = unit.translate(of);
    const by = `${hex(of.sourceId)}${of.pasid === null ? '' : `, PASID ${hex(of.pasid)}${of.privileged ? ', supervisor' : ''}`}`;
    return { title: `${of.write ? 'write' : of.execute ? 'fetch' : 'read'} of ${hex(of.address)} by device ${by}`, request, accesses: recorder.take(), end: endOf(answer), value: null, messages: [] };
  });
  const registers = [
    { name: 'CAP_REG', raw: vector.word('cap'), layout: Capability },
    { name: 'ECAP_REG', raw: vector.word('ecap'), layout: ExtendedCapability },
  ];
  return { id: vector.text('id'), note: vector.text('note'), unit: 'Intel VT-d', processWord: 'PASID', registers, steps };
}

const LAYOUTS: Readonly<Record<string, AnyLayout>> = {
  'root entry': RootEntry,
  'context entry': ContextEntry,
  'scalable root entry': ScalableRootEntry,
  'scalable context entry': ScalableContextEntry,
  'PASID directory': PasidDirectoryEntry,
  'PASID-table entry': PasidEntry,
};

function teller(): Teller {
  const { RID_PASID } = ScalableContextEntry.fields;
  // Of the request at hand: the PASID that stands for none.
  let own = 0;
  return {
    levelOf: (level) => level,
    layoutOf: ({ what }) => LAYOUTS[what] ?? (what.startsWith('first-stage') ? FirstStageEntry : what.startsWith('second-stage') ? SecondStageEntry : null),
    indexOf: ({ what, words }, of) => {
      if (of === null) return null;
      switch (what) {
        case 'root entry':
        case 'scalable root entry':
          return indexIn('device', of.device, 15, 8);
        case 'context entry':
          return indexIn('device', of.device, 7, 0);
        case 'scalable context entry':
          own = Number(bitsOf(words[1] ?? 0n, RID_PASID.high - 64, RID_PASID.low - 64));
          return indexIn('device', of.device, 6, 0);
        case 'PASID directory':
          return indexIn(of.process === null ? 'RID_PASID' : 'PASID', of.process ?? own, 19, 6);
        case 'PASID-table entry':
          return indexIn(of.process === null ? 'RID_PASID' : 'PASID', of.process ?? own, 5, 0);
        default:
          return null;
      }
    },
  };
}

function endOf(answer: VtdAnswer): ToldEnd {
  switch (answer.kind) {
    case 'translated':
      return { text: `${hex(answer.address)}; ${hex(1n << BigInt(answer.span))} bytes alike`, address: answer.address, fault: null };
    case 'interrupt':
      return { text: 'an interrupt', address: null, fault: null };
    case 'aborted':
      return { text: 'aborted; nothing is recorded', address: null, fault: null };
    case 'denied':
      return { text: 'success without permissions; nothing is recorded', address: null, fault: told(answer.fault) };
    case 'refused':
      return { text: `blocked${answer.recorded ? '' : ', not recorded'}`, address: null, fault: told(answer.fault) };
  }
}

const told = ({ reason, why }: VtdFault): ToldFault => ({ code: `reason ${hex(reason)}`, name: REASONS[reason]?.name ?? 'unknown', ...why });
