// SPDX-License-Identifier: Apache-2.0
/**
 * x86-TSO: loads in order, stores in order through a first-in first-out buffer,
 * a load may pass earlier stores. MMIO is uncacheable (UC): stores keep their
 * place among write-back stores, a UC load drains the buffer first.
 * `lock.addl` is Linux's smp_mb, a locked operation on the stack, which nobody shares: only its draining of the buffer matters.
 */
import type { Row, RuleTable } from '../rules.ts';

const SDM = 'Intel SDM volume 3A';
const rows: Row[] = [
  { id: 'x86.read', on: { access: ['r', 'i'] }, before: ['rNew'], join: [['event', 'rOld'], ['event', 'rNew'], ['event', 'wNew']], source: `${SDM} 9.2.2: reads are not reordered with reads, writes not with older reads`, evidence: 'oracle' },
  { id: 'x86.read.result', on: { access: ['r', 'i'] }, result: ['event'], source: `${SDM} 9.2.2`, evidence: 'oracle' },
  { id: 'x86.write', on: { access: ['w', 'o'] }, before: ['wNew'], join: [['event', 'wOld'], ['event', 'wNew']], source: `${SDM} 9.2.2: writes are not reordered with writes`, evidence: 'oracle' },
  { id: 'x86.write.place', on: { access: ['w'] }, before: ['place'], source: `${SDM} 9.2.2`, evidence: 'oracle' },
  { id: 'x86.forward.partial', on: { access: ['r'], forwarded: true, partial: true }, before: ['from.event'], source: 'Intel optimization manual, store forwarding: a load that a buffered store covers only in part waits until the store is in the cache', evidence: 'section' },
  { id: 'x86.locked.read', on: { access: ['r'], via: ['atomic', 'noreturn'] }, before: ['wOld'], source: `${SDM} 9.2.2: not reordered with locked instructions; the buffer is drained`, evidence: 'oracle' },
  { id: 'x86.locked.write', on: { access: ['w'], via: ['atomic', 'noreturn'] }, before: ['partner'], join: [['event', 'rNew']], source: `${SDM} 9.2.2: not reordered with locked instructions`, evidence: 'oracle' },
  { id: 'x86.mfence', on: { fence: ['mfence', 'lock.addl'] }, join: [['wOld', 'rNew']], source: `${SDM} 9.2.5`, evidence: 'oracle' },

  { id: 'x86.uc.read', on: { access: ['i'] }, before: ['wOld', 'mOld', 'channel'], source: `${SDM} 12.3 (UC): the store buffer is drained before an uncacheable access is read; decision 5`, evidence: 'section' },
  { id: 'x86.uc.program-order', on: { access: ['i', 'o'] }, join: [['event', 'channel']], source: `${SDM} 12.3 (UC): program order`, evidence: 'section' },

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
