// SPDX-License-Identifier: Apache-2.0
/**
 * x86-TSO: loads in order, stores in order through a first-in first-out buffer,
 * a load may pass earlier stores. MMIO is uncacheable (UC): stores keep their
 * place among write-back stores, a UC load drains the buffer first.
 * `lock.addl` is Linux's smp_mb, a locked operation on the stack, which nobody shares: only its draining of the buffer matters.
 */
import { DIRECT, type Row, type RuleTable } from '../rules.ts';

const SDM = 'Intel SDM volume 3A';
const rows: Row[] = [
  { id: 'x86.read', on: { access: ['r', 'i'] }, before: ['rNew'], join: [['event', 'rOld'], ['event', 'rNew'], ['event', 'wNew']], source: `${SDM} 9.2.2: reads are not reordered with reads, writes not with older reads`, evidence: 'oracle' },
  { id: 'x86.write', on: { access: ['w', 'o'], order: DIRECT }, before: ['wNew'], join: [['event', 'wOld'], ['event', 'wNew']], source: `${SDM} 9.2.2: writes are not reordered with writes`, evidence: 'oracle' },
  { id: 'x86.write.place', on: { access: ['w'] }, before: ['place'], source: `${SDM} 9.2.2`, evidence: 'oracle' },
  { id: 'x86.forward.partial', on: { access: ['r'], forwarded: true, partial: true }, before: ['from.event'], source: 'Intel optimization manual, store forwarding: a load that a buffered store covers only in part waits until the store is in the cache', evidence: 'section' },
  { id: 'x86.locked.read', on: { access: ['r'], via: ['atomic', 'noreturn'] }, before: ['wOld'], source: `${SDM} 9.2.2: not reordered with locked instructions; the buffer is drained`, evidence: 'oracle' },
  { id: 'x86.locked.write', on: { access: ['w'], via: ['atomic', 'noreturn'] }, before: ['partner'], join: [['event', 'rNew']], source: `${SDM} 9.2.2: not reordered with locked instructions`, evidence: 'oracle' },
  { id: 'x86.mfence', on: { fence: ['mfence', 'lock.addl'] }, join: [['wOld', 'rNew']], source: `${SDM} 9.2.5`, evidence: 'oracle' },

  { id: 'x86.uc.read', on: { access: ['i'] }, before: ['wOld'], source: `${SDM} 12.3 (UC): the store buffer is drained before an uncacheable access is read; decision 5`, evidence: 'section' },

  { id: 'x86.streaming', on: { access: ['w', 'o'], order: ['streaming'] }, before: ['rNew', 'sNew'], join: [['event', 'sOld']], source: `${SDM} 9.2.2: not reordered with older reads, but with other writes; 12.3.1 write combining`, evidence: 'section' },
  { id: 'x86.streaming.fenced', on: { fence: ['sfence', 'mfence', 'lock.addl'] }, join: [['sOld', 'wNew'], ['sOld', 'sNew'], ['wOld', 'sNew']], source: 'Intel SDM volume 1, 10.4.6.2: SFENCE orders weakly ordered stores; volume 3A, 12.3.1', evidence: 'section' },
  { id: 'x86.streaming.mfence', on: { fence: ['mfence', 'lock.addl'] }, join: [['sOld', 'rNew']], source: `${SDM} 9.2.5, 12.3.1`, evidence: 'section' },
  { id: 'x86.streaming.locked', on: { access: ['r'], via: ['atomic', 'noreturn'] }, before: ['sOld'], source: `${SDM} 12.3.1: a locked instruction empties the write-combining buffers`, evidence: 'section' },
  { id: 'x86.streaming.uncached', on: { access: ['i', 'o'], order: DIRECT }, before: ['sOld'], source: `${SDM} 12.3.1: so does an uncacheable access`, evidence: 'section' },
  { id: 'x86.streaming.msi', on: { interrupt: 'msi' }, join: [['sOld', 'rNew'], ['sOld', 'wNew'], ['sOld', 'sNew']], source: `${SDM} 12.3.1: so does an interrupt`, evidence: 'section' },
  { id: 'x86.streaming.intx', on: { interrupt: 'intx' }, join: [['sOld', 'rNew'], ['sOld', 'wNew'], ['sOld', 'sNew']], source: `${SDM} 12.3.1: so does an interrupt`, evidence: 'section' },

  { id: 'x86.maintain', on: { access: ['m'] }, before: ['mNew', 'place'], join: [['event', 'mOld']], source: 'Intel SDM volume 2A, CLFLUSHOPT, CLWB: ordered with older writes to the line', evidence: 'section' },
  { id: 'x86.maintain.fenced', on: { fence: ['sfence', 'mfence', 'lock.addl'] }, join: [['mOld', 'wNew'], ['mOld', 'mNew'], ['wOld', 'mNew']], source: 'Intel SDM volume 2A, CLFLUSHOPT: ordered by SFENCE, MFENCE and locked operations; decision 6', evidence: 'section' },
  { id: 'x86.maintain.mfence', on: { fence: ['mfence', 'lock.addl'] }, join: [['mOld', 'rNew']], source: 'Intel SDM volume 2A, CLFLUSHOPT, MFENCE', evidence: 'section' },
  { id: 'x86.maintain.locked', on: { access: ['r'], via: ['atomic', 'noreturn'] }, before: ['mOld'], source: 'Intel SDM volume 2A, CLFLUSHOPT: ordered by locked operations', evidence: 'section' },

  { id: 'x86.interrupt.msi', on: { interrupt: 'msi' }, join: [['event', 'rNew'], ['event', 'wNew']], source: 'PCIe base specification 2.4 (an MSI is a posted write behind the data); decision 7', evidence: 'choice' },
];

export const X86_TSO: RuleTable = {
  id: 'x86-tso',
  title: 'x86-64 (TSO)',
  rows,
  idleFences: ['compiler', 'lfence', 'sfence'],
  forwarding: true,
  singleCopyBytes: 8,
  switches: {},
  source: 'Intel SDM volume 3A, 9.2; Owens, Sarkar, Sewell: A better x86 memory model: x86-TSO; herd7 7.58 x86tso.cat',
};
