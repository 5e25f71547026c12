// SPDX-License-Identifier: Apache-2.0
/** A vector told step by step: every table access with the fields that are set, and why a request ended as it did. */
import type { Field, Layout } from '@dmalab/core/base/layout';
import type { BusEvent } from '@dmalab/core/iommu/bus';
import type { Rule } from '@dmalab/core/mmu/format';
import { CAUSES } from '@dmalab/core/iommu/riscv/causes';
import type { Fault } from '@dmalab/core/iommu/riscv/fault';
import { AtsCommand, FaultRecord, IodirCommand, IofenceCommand, IotinvalCommand, PageRequestRecord } from '@dmalab/core/iommu/riscv/records';
import type { Answer, Request } from '@dmalab/core/iommu/riscv/request';
import { BaseDeviceContext, DeviceContext, DirectoryEntry, MrifEntry, MsiEntry, ProcessContext } from '@dmalab/core/iommu/riscv/structures';
import { PageTableEntry, PageTableEntry32 } from '@dmalab/core/mmu/formats/riscv-entries';
import { REFERENCE } from '@dmalab/core/iommu/riscv/switches';
import { REASONS } from '@dmalab/core/iommu/vtd/reasons';
import { ContextEntry, FirstStageEntry, PasidDirectoryEntry, PasidEntry, RootEntry, ScalableContextEntry, ScalableRootEntry, SecondStageEntry } from '@dmalab/core/iommu/vtd/structures';
import type { Fields } from './json.ts';
import { Bench, request } from './riscv-vector.ts';
import { vtdBench } from './vtd-oracle.ts';

type AnyLayout = Layout<Readonly<Record<string, Field>>>;
const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** Lines for people. */
export function narrate(vector: Fields): string[] {
  const bench = new Bench(vector, REFERENCE);
  const events: BusEvent[] = [];
  bench.unit.bus.watch = (event) => events.push(event);
  const out = [`${vector.text('id')}: ${vector.text('note')}`];
  vector.objects('steps').forEach((step, i) => {
    events.length = 0;
    const result = bench.perform(step);
    out.push('', `step ${i}: ${heading(step)}`);
    events.forEach((event, at) => out.push(...access(event, at + 1, layoutOf)));
    if (result.answer !== null) out.push(...conclusion(result.answer));
    if (result.value !== null) out.push(`   = ${hex(result.value)}`);
    for (const message of result.messages) out.push(`   → message ${message.code === 1 ? 'to invalidate' : 'to answer a page request group'} for ${hex(message.requester)}${message.processId === null ? '' : `, process ${hex(message.processId)}`}: ${hex(message.payload)}`);
  });
  return out;
}

function heading(step: Fields): string {
  const op = step.text('op');
  if (op === 'xlate') return describeRequest(request(step));
  return [op, ...step.keys().filter((key) => key !== 'op').map((key) => `${key}=${String(step.raw[key])}`)].join(' ');
}

function describeRequest(of: Request): string {
  const what = of.type === 'ats' ? `ATS request${of.noWrite ? ', no write' : ''}${of.execute ? ', execute' : ''}` : `${of.type} ${of.write ? 'write' : of.execute ? 'fetch' : 'read'}`;
  return `${what} of ${hex(of.address)} by device ${hex(of.deviceId)}${of.processId === null ? '' : `, process ${hex(of.processId)}${of.privileged ? ', supervisor' : ''}`}`;
}

type LayoutOf = (event: BusEvent, raw: bigint) => AnyLayout | null;

function access(event: BusEvent, number: number, layoutOf: LayoutOf): string[] {
  const verb = event.kind === 'atomic' ? 'read again' : event.kind;
  const line = `  ${String(number).padStart(2)}  ${verb.padEnd(10)}  ${event.what.padEnd(28)}  ${hex(event.address)}`;
  if (event.status !== 'ok') return [`${line}  ${event.status}`];
  const raw = event.words.reduceRight((value, word) => (value << 64n) | word, 0n);
  return [line, `        ${event.words.map(hex).join(' ')}${fields(layoutOf(event, raw), raw)}`];
}

/** The fields that are not 0. */
function fields(layout: AnyLayout | null, raw: bigint): string {
  if (layout === null) return '';
  const set = Object.entries(layout.fields).flatMap(([name, field]) => {
    const value = (raw >> BigInt(field.low)) & ((1n << BigInt(field.high - field.low + 1)) - 1n);
    return value === 0n ? [] : [field.kind === 'flag' ? name : `${name}=${hex(value)}`];
  });
  const stray = layout.strayBits(raw);
  return `  ${[...set, ...(stray === 0n ? [] : [`reserved=${hex(stray)}`])].join(' ')}`;
}

function layoutOf(event: BusEvent, raw: bigint): AnyLayout | null {
  const { what, bytes } = event;
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

const VTD: Readonly<Record<string, AnyLayout>> = {
  'root entry': RootEntry,
  'context entry': ContextEntry,
  'scalable root entry': ScalableRootEntry,
  'scalable context entry': ScalableContextEntry,
  'PASID directory': PasidDirectoryEntry,
  'PASID-table entry': PasidEntry,
};
const vtdLayout: LayoutOf = ({ what }) => VTD[what] ?? (what.startsWith('first-stage') ? FirstStageEntry : what.startsWith('second-stage') ? SecondStageEntry : null);

/** The same for a VT-d vector. */
export function narrateVtd(vector: Fields): string[] {
  const { unit, requests } = vtdBench(vector);
  const events: BusEvent[] = [];
  unit.bus.watch = (event) => events.push(event);
  const out = [`${vector.text('id')}: ${vector.text('note')}`];
  requests.forEach((of, i) => {
    events.length = 0;
    unit.clearRecord(0);
    const answer = unit.translate(of);
    out.push('', `DMA ${i}: ${of.write ? 'write' : 'read'} of ${hex(of.address)} by device ${hex(of.sourceId)}`);
    events.forEach((event, at) => out.push(...access(event, at + 1, vtdLayout)));
    if (answer.kind === 'translated') out.push(`   = ${hex(answer.address)}; ${hex(1n << BigInt(answer.span))} bytes alike`);
    else if (answer.kind === 'interrupt') out.push('   = an interrupt');
    else out.push(`   = blocked${answer.recorded ? '' : ', not recorded'}`, `     reason ${hex(answer.fault.reason)}, ${REASONS[answer.fault.reason]?.name ?? 'unknown'}: ${place(answer.fault.why)}`, ...ruleText(answer.fault.why.rule));
  });
  return out;
}

const TYPES = ['as memory says', 'not cached', 'I/O', 'reserved'];

function conclusion(answer: Answer): string[] {
  switch (answer.kind) {
    case 'translated': {
      const where = answer.mrif === null ? hex(answer.address ?? 0n) : `an interrupt file in memory at ${hex(answer.mrif.address)}, notice ${answer.mrif.noticeId} to ${hex(answer.mrif.notice)}`;
      const permits = answer.ats === null ? '' : `; ATS permits ${permissions(answer.ats)}`;
      return [`   = ${where}; ${hex(1n << BigInt(answer.span))} bytes alike, ${TYPES[answer.memoryType] ?? ''}${answer.isMsi ? ', a message' : ''}${permits}`];
    }
    case 'denied':
      return ['   = success without permissions; nothing is recorded', ...reason(answer.fault)];
    case 'refused':
      return [`   = ${answer.status.replace('-', ' ')}`, ...reason(answer.fault)];
  }
}

function permissions(ats: { readonly read: boolean; readonly write: boolean; readonly execute: boolean }): string {
  return [ats.read ? 'read' : '', ats.write ? 'write' : '', ats.execute ? 'execute' : ''].filter((word) => word !== '').join(', ') || 'nothing';
}

/** Why: cause, table, entry, bits, rule, and what would mend it. */
export function reason(of: Fault): string[] {
  return [`     cause ${of.cause}, ${CAUSES[of.cause]?.name ?? 'unknown'}: ${place(of.why)}`, ...ruleText(of.why.rule)];
}

function place({ table, level, entry }: Omit<Fault['why'], 'rule'>): string {
  return `${table}${level === null ? '' : `, level ${level}`}${entry === null ? '' : `, entry at ${hex(entry)}`}`;
}

function ruleText(rule: Rule): string[] {
  const bits = (mask: bigint): string =>
    Array.from({ length: 128 }, (_, i) => i)
      .filter((i) => ((mask >> BigInt(i)) & 1n) === 1n)
      .join(', ');
  const edits = [rule.repair?.set === undefined ? '' : `set bit ${bits(rule.repair.set)}`, rule.repair?.clear === undefined ? '' : `clear bit ${bits(rule.repair.clear)}`].filter((part) => part !== '');
  const where = rule.bits === '-' ? '' : ` (${/^\d+$/.test(rule.bits) ? 'bit' : 'bits'} ${rule.bits})`;
  return [`     ${rule.field}${where}: ${rule.text}`, `     ${rule.section}`, ...(edits.length === 0 ? [] : [`     to mend it: ${edits.join(', ')}`])];
}
