// SPDX-License-Identifier: Apache-2.0
/** A vector of the RISC-V IOMMU, told as data. */
import { CAUSES } from '@dmalab/core/iommu/riscv/causes';
import type { Fault } from '@dmalab/core/iommu/riscv/fault';
import { AtsCommand, FaultRecord, IodirCommand, IofenceCommand, IotinvalCommand, PageRequestRecord } from '@dmalab/core/iommu/riscv/records';
import { Capabilities, DirectoryPointer, FeaturesControl, OFFSET } from '@dmalab/core/iommu/riscv/registers';
import type { Answer, Request } from '@dmalab/core/iommu/riscv/request';
import { BaseDeviceContext, DeviceContext, DirectoryEntry, MrifEntry, MsiEntry, ProcessContext } from '@dmalab/core/iommu/riscv/structures';
import { REFERENCE } from '@dmalab/core/iommu/riscv/switches';
import { PageTableEntry, PageTableEntry32 } from '@dmalab/core/mmu/formats/riscv-entries';
import type { Fields } from './json.ts';
import { Bench, request } from './riscv-vector.ts';
import { hex, indexIn, Recorder, type Teller, type Telling, type ToldEnd, type ToldFault, type ToldRequest, type ToldStep } from './tell.ts';

export function tellRiscv(vector: Fields): Telling {
  const bench = new Bench(vector, REFERENCE);
  const { unit } = bench;
  const registers = [
    { name: 'capabilities', raw: unit.readRegister(OFFSET.capabilities, 8), layout: Capabilities },
    { name: 'fctl', raw: unit.readRegister(OFFSET.fctl, 4), layout: FeaturesControl },
    { name: 'ddtp', raw: unit.readRegister(OFFSET.ddtp, 8), layout: DirectoryPointer },
  ];
  const recorder = new Recorder(unit, teller(unit.features.caps.MSI_FLAT));
  const steps = vector.objects('steps').map((step): ToldStep => {
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
    };
  });
  return { id: vector.text('id'), note: vector.text('note'), unit: 'RISC-V IOMMU', processWord: 'process', registers, steps };
}

const command = (step: Fields): string => [step.text('op'), ...step.keys().filter((key) => key !== 'op').map((key) => `${key}=${String(step.raw[key])}`)].join(' ');

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
    layoutOf: ({ what, bytes }, raw) => {
      if (what === 'device context') return bytes === 64 ? DeviceContext : BaseDeviceContext;
      if (what === 'process context') return ProcessContext;
      if (what.includes('directory')) return DirectoryEntry;
      if (what.includes('-stage table')) return bytes === 8 ? PageTableEntry : PageTableEntry32;
      if (what === 'MSI page table') return ((raw >> 1n) & 3n) === 1n ? MrifEntry : MsiEntry;
      if (what === 'fault queue') return FaultRecord;
      if (what === 'page-request queue') return PageRequestRecord;
      if (what !== 'command queue') return null;
      return [null, IotinvalCommand, IofenceCommand, IodirCommand, AtsCommand][Number(raw & 0x7fn)] ?? null;
    },
  };
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
