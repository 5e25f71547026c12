// SPDX-License-Identifier: Apache-2.0
/**
 * Armv8-A, multi-copy atomic. MMIO is Device-nGnRE: accesses of one peripheral
 * keep program order, everything else needs a barrier.
 * Shareability: ISH, OSH and SY are the same towards everything modelled (decision 4).
 */
import { DIRECT, type Row, type RuleTable } from '../rules.ts';

const ARM = 'Arm ARM DDI 0487, B2.3';
const READS = ['r', 'i'] as const;
const WRITES = ['w', 'o'] as const;
const RETURNING = ['plain', 'exclusive', 'atomic'] as const;

const full = ['dmb.sy', 'dmb.ish', 'dmb.osh', 'dsb.sy', 'dsb.ish', 'dsb.osh'];
const loads = ['dmb.ld', 'dmb.ishld', 'dmb.oshld', 'dsb.ld', 'dsb.ishld', 'dsb.oshld'];
const stores = ['dmb.st', 'dmb.ishst', 'dmb.oshst', 'dsb.st', 'dsb.ishst', 'dsb.oshst'];
const waits = ['dsb.sy', 'dsb.ish', 'dsb.osh'];
const nshFull = ['dmb.nsh', 'dsb.nsh'];
const nshLoads = ['dmb.nshld', 'dsb.nshld'];
const nshStores = ['dmb.nshst', 'dsb.nshst'];

/** The barrier rows for one list of names each; non-shareable ones repeat them under a switch. */
function barriers(prefix: string, names: { full: string[]; loads: string[]; stores: string[]; storeWaits: string[]; waits: string[] }, when?: readonly [string, string]): Row[] {
  const gate = when === undefined ? {} : { when };
  const about = { source: `${ARM}.7 barrier-ordered-before`, evidence: 'oracle' as const, ...gate };
  const cmo = { source: 'Arm ARM DDI 0487, D7.5.9 ordering and completion of data cache instructions', evidence: 'section' as const, ...gate };
  return [
    { id: `${prefix}.full.reads`, on: { fence: names.full }, join: [['rOld', 'rNew'], ['rOld', 'wNew'], ['rOld', 'iNew'], ['rOld', 'oNew']], ...about },
    { id: `${prefix}.full.writes`, on: { fence: names.full }, join: [['wOld', 'rNew'], ['wOld', 'wNew'], ['wOld', 'iNew'], ['wOld', 'oNew']], ...about },
    { id: `${prefix}.ld`, on: { fence: names.loads }, join: [['rOldRet', 'rNew'], ['rOldRet', 'wNew'], ['rOldRet', 'iNew'], ['rOldRet', 'oNew']], ...about },
    { id: `${prefix}.st`, on: { fence: names.stores }, join: [['wOld', 'wNew'], ['wOld', 'oNew']], ...about },
    { id: `${prefix}.dsb-st`, on: { fence: names.storeWaits }, join: [['wOld', 'rNew'], ['wOld', 'iNew']], ...about },
    { id: `${prefix}.full.before-maintenance`, on: { fence: names.full }, join: [['rOld', 'mNew'], ['wOld', 'mNew'], ['mOld', 'mNew']], ...cmo },
    { id: `${prefix}.full.after-maintenance`, on: { fence: names.full }, join: [['mOld', 'rNew'], ['mOld', 'wNew']], ...cmo },
    { id: `${prefix}.dsb.completes-maintenance`, on: { fence: names.waits }, join: [['mOld', 'iNew'], ['mOld', 'oNew']], ...cmo },
  ];
}

const rows: Row[] = [
  { id: 'arm.read.address', on: { access: READS }, before: ['addr'], source: `${ARM}.6 dependency-ordered-before`, evidence: 'oracle' },
  { id: 'arm.read.result', on: { access: READS }, result: ['event'], source: `${ARM}.6 dependency-ordered-before`, evidence: 'oracle' },
  { id: 'arm.read.bound', on: { access: ['r'] }, before: ['rNew'], join: [['event', 'rOld']], source: `${ARM}.7`, evidence: 'oracle' },
  { id: 'arm.read.returns', on: { access: ['r'], via: RETURNING }, join: [['event', 'rOldRet']], source: `${ARM}.7, DMB LD and atomics without a destination register`, evidence: 'oracle' },
  { id: 'arm.access.address-then-writes', on: { access: ['r', 'w', 'i', 'o'] }, join: [['addr', 'cap'], ['addrPick', 'cap']], source: `${ARM}.6, address dependency then program order to a write`, evidence: 'oracle' },
  { id: 'arm.write.dependencies', on: { access: WRITES }, before: ['addr', 'data'], source: `${ARM}.6`, evidence: 'oracle' },
  { id: 'arm.write.picks', on: { access: WRITES }, before: ['addrPick', 'dataPick'], source: `${ARM}.6 pick dependencies`, evidence: 'oracle' },
  { id: 'arm.write.control', on: { access: WRITES }, before: ['cap'], source: `${ARM}.6 control dependency to a write`, evidence: 'oracle' },
  { id: 'arm.write.bound', on: { access: ['w'] }, before: ['wNew'], join: [['event', 'wOld']], source: `${ARM}.7`, evidence: 'oracle' },
  { id: 'arm.write.place', on: { access: ['w'] }, before: ['place'], source: `${ARM}.5 local write successor`, evidence: 'oracle' },
  { id: 'arm.branch', on: { branch: true }, join: [['data', 'cap'], ['dataPick', 'cap']], source: `${ARM}.6 control dependency`, evidence: 'oracle' },

  { id: 'arm.forward.dependencies', on: { access: ['r'], forwarded: true, partial: false }, before: ['from.addr', 'from.data'], source: `${ARM}.6 local read-from after a dependency`, evidence: 'oracle' },
  // Of a read that takes only some bytes from the store, only those are read after the store's operands; what depends on the value is after both.
  { id: 'arm.forward.part', on: { access: ['r'], forwarded: true, partial: true }, result: ['from.addr', 'from.data'], source: `${ARM}.6, per byte: local read successor of a dependency`, evidence: 'section' },
  { id: 'arm.forward.part-acquire', on: { access: ['r'], forwarded: true, partial: true, order: ['acquire', 'acquirePC', 'acq_rel'] }, join: [['from.data', 'rNew'], ['from.data', 'wNew'], ['from.addr', 'rNew'], ['from.addr', 'wNew']], source: `${ARM}.6 and .7, per byte`, evidence: 'section' },
  { id: 'arm.forward.picks', on: { access: ['r'], forwarded: true }, resultPick: ['from.dataPick'], source: `${ARM}.6 pick dependency through a local read-from`, evidence: 'section' },
  { id: 'arm.forward.pair-acquire', on: { access: ['r'], forwarded: true, fromVia: ['exclusive', 'atomic', 'noreturn'], order: ['acquire', 'acquirePC', 'acq_rel'] }, before: ['from.partner'], source: `${ARM}.6 atomic-ordered-before, acquire of an exclusive's write`, evidence: 'oracle' },

  { id: 'arm.acquire', on: { access: ['r'], via: RETURNING, order: ['acquire', 'acquirePC', 'acq_rel'] }, join: [['event', 'rNew'], ['event', 'wNew'], ['event', 'iNew'], ['event', 'oNew']], source: `${ARM}.7 Load-Acquire`, evidence: 'oracle' },
  { id: 'arm.acquire.after-release', on: { access: ['r'], via: RETURNING, order: ['acquire', 'acq_rel'] }, before: ['rel'], source: `${ARM}.7 Store-Release to Load-Acquire`, evidence: 'oracle' },
  { id: 'arm.release', on: { access: ['w'], order: ['release', 'acq_rel'] }, before: ['rOld', 'wOld'], join: [['event', 'rel']], source: `${ARM}.7 Store-Release`, evidence: 'oracle' },
  { id: 'arm.atomic.acquire-release', on: { access: ['w'], via: ['atomic'], order: ['acq_rel'] }, join: [['event', 'rNew'], ['event', 'wNew'], ['event', 'iNew'], ['event', 'oNew']], source: `${ARM}.7 atomics with both acquire and release semantics`, evidence: 'oracle' },

  ...barriers('arm', { full, loads, stores, storeWaits: ['dsb.st', 'dsb.ishst', 'dsb.oshst'], waits }),
  ...barriers('arm.nsh', { full: nshFull, loads: nshLoads, stores: nshStores, storeWaits: ['dsb.nshst'], waits: ['dsb.nsh'] }, ['nsh', 'sy']),
  { id: 'arm.isb', on: { fence: ['isb'] }, join: [['cap', 'rNew'], ['cap', 'iNew']], source: `${ARM}.6 context synchronisation after a control or address dependency`, evidence: 'oracle' },

  { id: 'arm.device.read', on: { access: ['i'] }, before: ['iNew'], join: [['event', 'rOld'], ['event', 'rOldRet'], ['event', 'iOld']], source: 'Arm ARM DDI 0487, B2.10.2 Device memory; barriers order it as memory', evidence: 'section' },
  { id: 'arm.device.write', on: { access: ['o'] }, before: ['oNew'], join: [['event', 'wOld'], ['event', 'oOld']], source: 'Arm ARM DDI 0487, B2.10.2 Device memory; barriers order it as memory', evidence: 'section' },
  { id: 'arm.device.program-order', on: { access: ['i', 'o'], order: DIRECT }, before: ['channel'], join: [['event', 'channel']], source: 'Arm ARM DDI 0487, B2.10.2 nR: accesses to one peripheral stay in order', evidence: 'section' },

  { id: 'arm.maintain', on: { access: ['m'] }, before: ['mNew', 'place', 'addr'], join: [['event', 'mOld']], source: 'Arm ARM DDI 0487, D7.5.9: program order with accesses to the same line', evidence: 'section' },
  { id: 'arm.interrupt.msi', on: { interrupt: 'msi' }, join: [['event', 'rNew'], ['event', 'wNew'], ['event', 'iNew'], ['event', 'oNew']], source: 'PCIe base specification 2.4 (an MSI is a posted write behind the data); decision 7', evidence: 'choice' },
];

export const ARMV8: RuleTable = {
  id: 'armv8',
  title: 'Armv8-A',
  rows,
  idleFences: ['compiler', ...nshFull, ...nshLoads, ...nshStores],
  forwarding: true,
  singleCopyBytes: 8,
  switches: { nsh: 'sy' },
  source: 'Arm Architecture Reference Manual DDI 0487 K.a, B2.3; herd7 7.58 aarch64.cat',
};
