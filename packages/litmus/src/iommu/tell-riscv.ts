// SPDX-License-Identifier: Apache-2.0
/** A vector of the RISC-V IOMMU, told as data. */
import type { AnyLayout } from '@dmalab/core/base/layout';
import { NO_CACHES, type CacheSizes, type Translation } from '@dmalab/core/iommu/riscv/caches';
import { CAUSES } from '@dmalab/core/iommu/riscv/causes';
import type { Fault } from '@dmalab/core/iommu/riscv/fault';
import { AtsCommand, FaultRecord, IodirCommand, IofenceCommand, IotinvalCommand, PageRequestRecord } from '@dmalab/core/iommu/riscv/records';
import { Capabilities, DirectoryPointer, FeaturesControl, OFFSET } from '@dmalab/core/iommu/riscv/registers';
import type { Answer, Request } from '@dmalab/core/iommu/riscv/request';
import { BaseDeviceContext, DeviceContext, DirectoryEntry, MrifEntry, MsiEntry, ProcessContext } from '@dmalab/core/iommu/riscv/structures';
import { PageTableEntry, PageTableEntry32 } from '@dmalab/core/mmu/formats/riscv-entries';
import type { CacheView } from '@dmalab/core/mmu/cache';
import { hex } from '@dmalab/core/mmu/word';
import { FormatError, type Fields } from './json.ts';
import { Bench, request, switchesOf } from './riscv-vector.ts';
import { indexIn, Recorder, type Teller, type Telling, type ToldCache, type ToldEnd, type ToldFault, type ToldLine, type ToldRequest, type ToldStep } from './tell.ts';

/** `caches` in a vector: so many entries of device contexts, process contexts and translations each; left out, nothing is remembered. */
export function tellRiscv(vector: Fields): Telling {
  const ways = vector.numberOr('caches', 0);
  const plain = tellSteps(vector, NO_CACHES);
  const steps = ways === 0 ? plain.steps : tellSteps(vector, sizes(ways)).steps.map((step, i) => ({ ...step, uncached: plain.steps[i]! }));
  return { id: vector.text('id'), note: vector.text('note'), unit: 'RISC-V IOMMU', processWord: 'process', registers: plain.registers, steps };
}

function sizes(ways: number): CacheSizes {
  if (!Number.isInteger(ways) || ways < 1 || ways > 64) throw new FormatError(`vector.caches: expected 1 to 64 entries, got ${ways}`);
  const size = { sets: 1, ways, policy: 'fifo' } as const;
  return { ...NO_CACHES, devices: size, processes: size, translations: size };
}

function tellSteps(vector: Fields, caches: CacheSizes): Pick<Telling, 'registers' | 'steps'> {
  const bench = new Bench(vector, switchesOf(vector), caches);
  const { unit } = bench;
  const registers = [
    { name: 'capabilities', raw: unit.readRegister(OFFSET.capabilities, 8), layout: Capabilities },
    { name: 'fctl', raw: unit.readRegister(OFFSET.fctl, 4), layout: FeaturesControl },
    { name: 'ddtp', raw: unit.readRegister(OFFSET.ddtp, 8), layout: DirectoryPointer },
  ];
  const recorder = new Recorder(unit, teller(unit.features.caps.MSI_FLAT));
  const filled = new Map<unknown, number>();
  const steps = vector.objects('steps').map((step, i): ToldStep => {
    const asked = step.text('op') === 'xlate' ? request(step) : null;
    const of: ToldRequest | null = asked === null ? null : { device: asked.deviceId, process: asked.processId, address: asked.address };
    recorder.request = of;
    const { answer, value, messages } = bench.perform(step);
    return {
      title: asked === null ? command(step) : describeRequest(asked),
      request: of,
      accesses: recorder.take(),
      end: answer === null ? null : endOf(answer),
      value,
      messages: messages.map((m) => `message ${m.code === 1 ? 'to invalidate' : 'to answer a page request group'} for ${hex(m.requester)}${m.processId === null ? '' : `, process ${hex(m.processId)}`}: ${hex(m.payload)}`),
      ...(caches === NO_CACHES ? {} : { caches: unit.caches.map((cache) => tellCache(cache, i, filled, vector)) }),
    };
  });
  return { registers, steps };
}

/** What a cache holds after step `now`. `filled` remembers which step brought each entry. */
function tellCache(cache: CacheView, now: number, filled: Map<unknown, number>, vector: Fields): ToldCache {
  const { name, geometry } = cache;
  const lines = cache.entries().map((line): ToldLine => {
    const by = filled.get(line.entry) ?? now;
    filled.set(line.entry, by);
    const slot = line.set * geometry.ways + line.way;
    if (name !== 'IOTLB') return { slot, owner: name === 'process contexts' ? `device ${hex(line.tag)}` : '', covers: `${name === 'process contexts' ? 'process' : 'device'} ${hex(line.first)}`, goesTo: '', may: '', filled: by, agrees: null };
    // The units above file translations in this one cache and nothing else.
    const entry = line.entry as Translation;
    const { owner, first, second } = entry;
    const may = first & second;
    return {
      slot,
      owner: [owner.gscid < 0 ? '' : `GSCID ${owner.gscid}`, owner.pscid < 0 ? '' : `PSCID ${owner.pscid}`].filter((part) => part !== '').join(', '),
      covers: `${hex(BigInt(line.first) << 12n)}, ${hex(1n << BigInt(line.span + 12))} bytes`,
      goesTo: hex(BigInt(entry.frame) << 12n),
      may: [(may & 2) === 0 ? '' : 'read', (may & 4) === 0 ? '' : 'write', (may & 8) === 0 ? '' : 'execute'].filter((part) => part !== '').join(', '),
      filled: by,
      agrees: agrees(entry, vector, by, now),
    };
  });
  return { name, slots: geometry.sets * geometry.ways, lines };
}

/** A history longer than this is not run again for every entry. */
const LONGEST = 40;

/** Whether the request that filled the entry would reach the same memory now, if the tables were walked. */
function agrees(entry: Translation, vector: Fields, filled: number, now: number): boolean | null {
  const steps = vector.objects('steps');
  const asks = steps[filled];
  if (steps.length > LONGEST || asks === undefined || asks.text('op') !== 'xlate') return null;
  const bench = new Bench(vector, switchesOf(vector));
  for (const step of steps.slice(0, now + 1)) bench.perform(step);
  const { answer } = bench.perform(asks);
  if (answer?.kind !== 'translated' || answer.address === null) return false;
  const bytes = 1n << BigInt(entry.span);
  return answer.address / bytes === (BigInt(entry.frame) << 12n) / bytes;
}

function command(step: Fields): string {
  if (step.text('op') === 'memw') return `software stores ${hex(step.word('word'))} at ${hex(step.word('addr'))}`;
  if (step.text('op') === 'regw') return `software writes ${hex(step.word('val'))} to the register at ${hex(step.number('off'))}`;
  return [step.text('op'), ...step.keys().filter((key) => key !== 'op').map((key) => `${key}=${String(step.raw[key])}`)].join(' ');
}

function describeRequest(of: Request): string {
  const what = of.type === 'ats' ? `ATS request${of.noWrite ? ', no write' : ''}${of.execute ? ', execute' : ''}` : `${of.type} ${of.write ? 'write' : of.execute ? 'fetch' : 'read'}`;
  return `${what} of ${hex(of.address)} by device ${hex(of.deviceId)}${of.processId === null ? '' : `, process ${hex(of.processId)}${of.privileged ? ', supervisor' : ''}`}`;
}

/** Lowest bit of each directory's index, and the one above the last: "Device-directory-table (DDT)", "Process-directory-table (PDT)". */
const DEVICE = { base: [0, 7, 16, 24], extended: [0, 6, 15, 24] } as const;
const PROCESS = [0, 8, 17, 20] as const;

/** @param extended the unit has MSI page tables, and with them contexts of 64 bytes */
function teller(extended: boolean): Teller {
  const device = extended ? DEVICE.extended : DEVICE.base;
  return {
    levelOf: (level) => level,
    indexOf: ({ what }, of) => {
      if (of === null) return null;
      const level = Number(/level (\d)$/.exec(what)?.[1] ?? 0);
      if (what === 'device context' || what.startsWith('device directory')) return indexIn('device', of.device, (device[level + 1] ?? 0) - 1, device[level] ?? 0);
      if (of.process === null || !(what === 'process context' || what.startsWith('process directory'))) return null;
      return indexIn('process', of.process, (PROCESS[level + 1] ?? 0) - 1, PROCESS[level] ?? 0);
    },
    layoutOf: ({ what, bytes }, raw) => riscvStructure(what, bytes, raw),
  };
}

/** What an access of that name reads or writes. */
export function riscvStructure(what: string, bytes: number, raw: bigint): AnyLayout | null {
  if (what === 'device context') return bytes === 64 ? DeviceContext : BaseDeviceContext;
  if (what === 'process context') return ProcessContext;
  if (what.includes('directory')) return DirectoryEntry;
  if (what.includes('-stage table')) return bytes === 8 ? PageTableEntry : PageTableEntry32;
  if (what === 'MSI page table') return ((raw >> 1n) & 3n) === 1n ? MrifEntry : MsiEntry;
  if (what === 'fault queue') return FaultRecord;
  if (what === 'page-request queue') return PageRequestRecord;
  if (what !== 'command queue') return null;
  return [null, IotinvalCommand, IofenceCommand, IodirCommand, AtsCommand][Number(raw & 0x7fn)] ?? null;
}

const TYPES = ['as memory says', 'not cached', 'I/O', 'reserved'];

function endOf(answer: Answer): ToldEnd {
  switch (answer.kind) {
    case 'translated': {
      const where = answer.mrif === null ? hex(answer.address ?? 0n) : `an interrupt file in memory at ${hex(answer.mrif.address)}, notice ${answer.mrif.noticeId} to ${hex(answer.mrif.notice)}`;
      const permits = answer.ats === null ? '' : `; ATS permits ${permissions(answer.ats)}`;
      return { text: `${where}; ${hex(1n << BigInt(answer.span))} bytes alike, ${TYPES[answer.memoryType] ?? ''}${answer.isMsi ? ', a message' : ''}${permits}`, address: answer.mrif === null ? answer.address : answer.mrif.address, fault: null };
    }
    case 'denied':
      return { text: 'success without permissions; nothing is recorded', address: null, fault: faultOf(answer.fault) };
    case 'refused':
      return { text: answer.status.replace('-', ' '), address: null, fault: faultOf(answer.fault) };
  }
}

function permissions(ats: { readonly read: boolean; readonly write: boolean; readonly execute: boolean }): string {
  return [ats.read ? 'read' : '', ats.write ? 'write' : '', ats.execute ? 'execute' : ''].filter((word) => word !== '').join(', ') || 'nothing';
}

const faultOf = ({ cause, why }: Fault): ToldFault => ({ code: `cause ${cause}`, name: CAUSES[cause]?.name ?? 'unknown', ...why });
