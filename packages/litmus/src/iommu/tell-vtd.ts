// SPDX-License-Identifier: Apache-2.0
/** A vector of VT-d, told as data. */
import type { AnyLayout } from '@dmalab/core/base/layout';
import type { UnitMessage } from '@dmalab/core/iommu/unit';
import type { IotlbLine, PagingLine } from '@dmalab/core/iommu/vtd/caches';
import { Capability, ExtendedCapability } from '@dmalab/core/iommu/vtd/capabilities';
import type { VtdRequest } from '@dmalab/core/iommu/vtd/contexts';
import { ContextCacheDescriptor, DeviceTlbDescriptor, InterruptCacheDescriptor, IotlbDescriptor, PageGroupResponseDescriptor, PageRequestEntry, PasidCacheDescriptor, PasidDeviceTlbDescriptor, PasidIotlbDescriptor, WaitDescriptor } from '@dmalab/core/iommu/vtd/queues';
import { REASONS } from '@dmalab/core/iommu/vtd/reasons';
import { RootTableAddress } from '@dmalab/core/iommu/vtd/registers';
import type { Reached, VtdFault } from '@dmalab/core/iommu/vtd/stages';
import { ContextEntry, FirstStageEntry, PasidDirectoryEntry, PasidEntry, RootEntry, ScalableContextEntry, ScalableRootEntry, SecondStageEntry } from '@dmalab/core/iommu/vtd/structures';
import type { VtdAnswer } from '@dmalab/core/iommu/vtd/unit';
import type { CacheView } from '@dmalab/core/mmu/cache';
import { hex } from '@dmalab/core/mmu/word';
import type { Fields } from './json.ts';
import { bitsOf, grantsOf, indexIn, Recorder, type Teller, type Telling, type ToldCache, type ToldEnd, type ToldFault, type ToldLine, type ToldStep } from './tell.ts';
import { vtdBench } from './vtd-vector.ts';

export function tellVtd(vector: Fields): Telling {
  const plain = tellSteps(vector, false);
  const steps = vector.has('caches') ? tellSteps(vector, true).map((step, i) => ({ ...step, uncached: plain[i]! })) : plain;
  const registers = [
    { name: 'CAP_REG', raw: vector.word('cap'), layout: Capability },
    { name: 'ECAP_REG', raw: vector.word('ecap'), layout: ExtendedCapability },
    { name: 'RTADDR_REG', raw: vector.word('rtaddr'), layout: RootTableAddress },
  ];
  return { id: vector.text('id'), note: vector.text('note'), unit: 'Intel VT-d', processWord: 'PASID', registers, steps };
}

function tellSteps(vector: Fields, remembers: boolean): ToldStep[] {
  const { unit, steps, messages } = vtdBench(vector, remembers);
  const recorder = new Recorder(unit, teller());
  const filled = new Map<unknown, number>();
  return steps.map((step, i): ToldStep => {
    const after = (): Pick<ToldStep, 'messages' | 'caches'> => ({ messages: messages.splice(0).map(messageText), ...(remembers ? { caches: unit.caches.map((cache) => tellCache(cache, i, filled, vector)) } : {}) });
    if (step.kind === 'other') {
      recorder.request = null;
      const value = step.perform();
      return { title: step.title, request: null, accesses: recorder.take(), end: null, value, ...after() };
    }
    const { request: of } = step;
    const request = { device: of.sourceId, process: of.pasid, address: of.address };
    recorder.request = request;
    unit.clearRecord(0);
    const answer = unit.translate(of);
    return { title: titleOf(of), request, accesses: recorder.take(), end: endOf(answer), value: null, ...after() };
  });
}

function titleOf(of: VtdRequest): string {
  const by = `${hex(of.sourceId)}${of.pasid === null ? '' : `, PASID ${hex(of.pasid)}${of.privileged ? ', supervisor' : ''}`}`;
  const what = of.type === 'ats' ? `translation request${of.noWrite === true ? ', no write' : ''}${of.execute ? ', execute' : ''}` : `${of.type === 'translated' ? 'translated ' : ''}${of.write ? 'write' : of.execute ? 'fetch' : 'read'}`;
  return `${what} of ${hex(of.address)} by device ${by}`;
}

/** What a cache holds after step `now`. `filled` remembers which step brought each entry. */
function tellCache(cache: CacheView, now: number, filled: Map<unknown, number>, vector: Fields): ToldCache {
  const { name, geometry } = cache;
  const lines = cache.entries().map((line): ToldLine => {
    const by = filled.get(line.entry) ?? now;
    filled.set(line.entry, by);
    const common = { slot: line.set * geometry.ways + line.way, filled: by };
    if (name === 'context cache') return { ...common, owner: '', covers: `device ${hex(line.first)}`, goesTo: '', may: '', agrees: null };
    if (name === 'PASID cache') return { ...common, owner: `device ${hex(line.tag)}`, covers: `PASID ${hex(line.first)}`, goesTo: '', may: '', agrees: null };
    const covers = `${hex(BigInt(line.first) << 12n)}, ${hex(1n << BigInt(line.span + 12))} bytes`;
    if (name !== 'IOTLB') {
      // The unit files entries above the leaves in this cache and nothing else.
      const table = line.entry as PagingLine;
      return { ...common, owner: ownerOf(table), covers: `${covers}, ${table.stages} stage`, goesTo: hex(BigInt(table.frame) * 4096n + BigInt(table.offset)), may: '', agrees: null };
    }
    // And translations, or faults of caching mode, in the IOTLB.
    const entry = line.entry as IotlbLine;
    const { reached } = entry;
    if (reached.kind === 'fault') return { ...common, owner: ownerOf(entry), covers, goesTo: `reason ${hex(reached.reason)}`, may: '', agrees: null };
    return { ...common, owner: ownerOf(entry), covers, goesTo: hex(BigInt(reached.frame) << 12n), may: rightsText(reached.rights), agrees: agrees(reached, vector, by, now) };
  });
  return { name, slots: geometry.sets * geometry.ways, lines };
}

const ownerOf = ({ stages, domain, pasid }: IotlbLine | PagingLine): string => `domain ${domain}${stages === 'second' ? '' : `, PASID ${hex(pasid)}`}`;

const RIGHTS = ['read', 'write', 'execute', 'supervisor read', 'supervisor write', 'supervisor execute'];
/** A user's rights; a supervisor's only where they are more. */
function rightsText(rights: number): string {
  const holds = (i: number): boolean => ((rights >>> i) & 1) === 1;
  return RIGHTS.filter((_, i) => holds(i) && (i < 3 || !holds(i - 3))).join(', ');
}

/** A history longer than this is not run again for every entry. */
const LONGEST = 40;

/** Whether the request that filled the entry would reach the same memory now, if the tables were walked. */
function agrees(entry: Reached, vector: Fields, filled: number, now: number): boolean | null {
  const { unit, steps } = vtdBench(vector, false);
  const asks = steps[filled];
  if (steps.length > LONGEST || asks === undefined || asks.kind !== 'request') return null;
  for (const step of steps.slice(0, now + 1)) {
    if (step.kind === 'other') step.perform();
    else unit.translate(step.request);
  }
  const answer = unit.translate(asks.request);
  if (answer.kind !== 'translated') return false;
  const bytes = 1n << BigInt(entry.span);
  return answer.address / bytes === (BigInt(entry.frame) << 12n) / bytes;
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

/** What an access of that name reads or writes. */
export function vtdStructure(what: string, raw: bigint): AnyLayout | null {
  if (what === 'invalidation queue') return DESCRIPTORS[Number(raw & 0xfn)] ?? null;
  if (what.startsWith('first-stage')) return FirstStageEntry;
  return what.startsWith('second-stage') ? SecondStageEntry : (LAYOUTS[what] ?? null);
}

function teller(): Teller {
  const { RID_PASID } = ScalableContextEntry.fields;
  // Of the request at hand: the PASID that stands for none.
  let own = 0;
  return {
    levelOf: (level) => level,
    layoutOf: ({ what }, raw) => vtdStructure(what, raw),
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
      return { text: `${hex(answer.address)}; ${hex(1n << BigInt(answer.span))} bytes alike${answer.ats === null ? '' : `; ATS grants ${grantsOf(answer.ats)}`}`, address: answer.address, fault: null };
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
