// SPDX-License-Identifier: Apache-2.0
/** A vector of VT-d, told as data. */
import type { AtsGrant, UnitMessage } from '@dmalab/core/iommu/unit';
import { Capability, ExtendedCapability } from '@dmalab/core/iommu/vtd/capabilities';
import { ContextCacheDescriptor, DeviceTlbDescriptor, InterruptCacheDescriptor, IotlbDescriptor, PageGroupResponseDescriptor, PageRequestEntry, PasidCacheDescriptor, PasidDeviceTlbDescriptor, PasidIotlbDescriptor, WaitDescriptor } from '@dmalab/core/iommu/vtd/queues';
import { REASONS } from '@dmalab/core/iommu/vtd/reasons';
import { RootTableAddress } from '@dmalab/core/iommu/vtd/registers';
import type { VtdFault } from '@dmalab/core/iommu/vtd/stages';
import { ContextEntry, FirstStageEntry, PasidDirectoryEntry, PasidEntry, RootEntry, ScalableContextEntry, ScalableRootEntry, SecondStageEntry } from '@dmalab/core/iommu/vtd/structures';
import type { VtdAnswer } from '@dmalab/core/iommu/vtd/unit';
import type { Fields } from './json.ts';
import { bitsOf, hex, indexIn, Recorder, type AnyLayout, type Teller, type Telling, type ToldEnd, type ToldFault, type ToldStep } from './tell.ts';
import { vtdBench } from './vtd-vector.ts';

export function tellVtd(vector: Fields): Telling {
  const { unit, steps, messages } = vtdBench(vector);
  const recorder = new Recorder(unit, teller());
  const sent = (): string[] => messages.splice(0).map(messageText);
  const told = steps.map((step): ToldStep => {
    if (step.kind === 'other') {
      recorder.request = null;
      const value = step.perform();
      return { title: step.title, request: null, accesses: recorder.take(), end: null, value, messages: sent() };
    }
    const { request: of } = step;
    const request = { device: of.sourceId, process: of.pasid, address: of.address };
    recorder.request = request;
    unit.clearRecord(0);
    const answer = unit.translate(of);
    const by = `${hex(of.sourceId)}${of.pasid === null ? '' : `, PASID ${hex(of.pasid)}${of.privileged ? ', supervisor' : ''}`}`;
    const what = of.type === 'ats' ? `translation request${of.noWrite === true ? ', no write' : ''}${of.execute ? ', execute' : ''}` : of.write ? 'write' : of.execute ? 'fetch' : 'read';
    return { title: `${what} of ${hex(of.address)} by device ${by}`, request, accesses: recorder.take(), end: endOf(answer), value: null, messages: sent() };
  });
  const registers = [
    { name: 'CAP_REG', raw: vector.word('cap'), layout: Capability },
    { name: 'ECAP_REG', raw: vector.word('ecap'), layout: ExtendedCapability },
    { name: 'RTADDR_REG', raw: vector.word('rtaddr'), layout: RootTableAddress },
  ];
  return { id: vector.text('id'), note: vector.text('note'), unit: 'Intel VT-d', processWord: 'PASID', registers, steps: told };
}

function messageText(message: UnitMessage): string {
  const of = `for ${hex(message.source)}`;
  if (message.kind === 'resume') return `${message.action} ${of}`;
  const pasid = message.pasid === null ? '' : `, PASID ${hex(message.pasid)}`;
  if (message.kind === 'page-response') return `page group response ${of}${pasid}: group ${message.group}, ${message.code}`;
  return `invalidate request ${of}${message.global ? ', every PASID' : pasid}, tag ${message.tag}: ${message.span === 64 ? 'everything' : `${hex(1n << BigInt(message.span))} bytes from ${hex(message.address)}`}`;
}

const LAYOUTS: Readonly<Record<string, AnyLayout>> = {
  'root entry': RootEntry,
  'context entry': ContextEntry,
  'scalable root entry': ScalableRootEntry,
  'scalable context entry': ScalableContextEntry,
  'PASID directory': PasidDirectoryEntry,
  'PASID-table entry': PasidEntry,
  'page request queue': PageRequestEntry,
};
/** By type. */
const DESCRIPTORS: readonly (AnyLayout | null)[] = [null, ContextCacheDescriptor, IotlbDescriptor, DeviceTlbDescriptor, InterruptCacheDescriptor, WaitDescriptor, PasidIotlbDescriptor, PasidCacheDescriptor, PasidDeviceTlbDescriptor, PageGroupResponseDescriptor];

function teller(): Teller {
  const { RID_PASID } = ScalableContextEntry.fields;
  // Of the request at hand: the PASID that stands for none.
  let own = 0;
  return {
    levelOf: (level) => level,
    layoutOf: ({ what }, raw) => {
      if (what === 'invalidation queue') return DESCRIPTORS[Number(raw & 0xfn)] ?? null;
      if (what.startsWith('first-stage')) return FirstStageEntry;
      return what.startsWith('second-stage') ? SecondStageEntry : (LAYOUTS[what] ?? null);
    },
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
      return { text: `${hex(answer.address)}; ${hex(1n << BigInt(answer.span))} bytes alike${answer.ats === null ? '' : `; ATS grants ${grants(answer.ats)}`}`, address: answer.address, fault: null };
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

const grants = (ats: AtsGrant): string => [ats.read ? 'read' : '', ats.write ? 'write' : '', ats.execute ? 'execute' : '', ats.untranslatedOnly ? 'untranslated only' : ''].filter((word) => word !== '').join(', ') || 'nothing';

const told = ({ reason, why }: VtdFault): ToldFault => ({ code: `reason ${hex(reason)}`, name: REASONS[reason]?.name ?? 'unknown', ...why });
