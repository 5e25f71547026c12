// SPDX-License-Identifier: Apache-2.0
/**
 * RISC-V RVWMO with A (atomics) and Zicbom. MMIO is strongly ordered channel 0:
 * program order per device; `fence` names input (i) and output (o) apart from memory.
 */
import { DIRECT, type AccessClass, type Row, type RuleTable, type SetName } from '../rules.ts';

const PPO = 'RISC-V unprivileged ISA, chapter RVWMO, preserved program order';
const OLD: Record<string, SetName> = { r: 'rOld', w: 'wOld', i: 'iOld', o: 'oOld' };
const NEW: Record<string, SetName> = { r: 'rNew', w: 'wNew', i: 'iNew', o: 'oNew' };
const LETTERS: readonly AccessClass[] = ['r', 'w', 'i', 'o'];

const fences: Row[] = LETTERS.flatMap((pred) =>
  LETTERS.map((succ): Row => {
    const memory = 'rw'.includes(pred) && 'rw'.includes(succ);
    return { id: `rv.fence.${pred}.${succ}`, on: { pred, succ }, join: [[OLD[pred] ?? 'rOld', NEW[succ] ?? 'rNew']], source: memory ? `${PPO} rule 4` : 'RISC-V unprivileged ISA, FENCE: predecessor and successor sets', evidence: memory ? 'oracle' : 'section' };
  }),
);

const PAIR = ['exclusive', 'atomic', 'noreturn'] as const;
const AMO = ['atomic', 'noreturn'] as const;
const rows: Row[] = [
  { id: 'rv.read.address', on: { access: ['r', 'i'] }, before: ['addr'], source: `${PPO} rule 9`, evidence: 'oracle' },
  { id: 'rv.read.result', on: { access: ['r', 'i'] }, result: ['event'], source: `${PPO} rules 9 to 11`, evidence: 'oracle' },
  { id: 'rv.read.bound', on: { access: ['r'] }, before: ['rNew'], join: [['event', 'rOld']], source: `${PPO} rule 4`, evidence: 'oracle' },
  { id: 'rv.access.address-then-writes', on: { access: ['r', 'w', 'i', 'o'] }, join: [['addr', 'cap']], source: `${PPO} rule 13`, evidence: 'oracle' },
  { id: 'rv.write.dependencies', on: { access: ['w', 'o'] }, before: ['addr', 'data'], source: `${PPO} rules 9 and 10`, evidence: 'oracle' },
  { id: 'rv.write.control', on: { access: ['w', 'o'] }, before: ['cap'], source: `${PPO} rule 11`, evidence: 'oracle' },
  { id: 'rv.write.bound', on: { access: ['w'] }, before: ['wNew'], join: [['event', 'wOld']], source: `${PPO} rule 4`, evidence: 'oracle' },
  { id: 'rv.write.place', on: { access: ['w'] }, before: ['place'], source: `${PPO} rule 1`, evidence: 'oracle' },
  { id: 'rv.branch', on: { branch: true }, join: [['data', 'cap']], source: `${PPO} rule 11`, evidence: 'oracle' },

  { id: 'rv.forward.dependencies', on: { access: ['r'], forwarded: true }, before: ['from.addr', 'from.data'], source: `${PPO} rule 12`, evidence: 'oracle' },
  { id: 'rv.forward.pair', on: { access: ['r'], forwarded: true, fromVia: PAIR }, before: ['from.event'], source: `${PPO} rule 3`, evidence: 'oracle' },

  { id: 'rv.acquire.read', on: { access: ['r'], order: ['acquire', 'acquirePC', 'acq_rel'] }, join: [['event', 'rNew'], ['event', 'wNew']], source: `${PPO} rule 5`, evidence: 'oracle' },
  { id: 'rv.acquire.write', on: { access: ['w'], via: PAIR, order: ['acquire', 'acq_rel'] }, join: [['event', 'rNew'], ['event', 'wNew']], source: `${PPO} rule 5, on the write of an AMO or SC`, evidence: 'oracle' },
  { id: 'rv.release', on: { access: ['w'], order: ['release', 'releasePC', 'acq_rel'] }, before: ['rOld', 'wOld'], source: `${PPO} rule 6`, evidence: 'oracle' },
  { id: 'rv.release.read', on: { access: ['r'], order: ['release', 'acq_rel'] }, before: ['rOld', 'wOld'], source: `${PPO} rule 6, on the read of an LR or AMO`, evidence: 'oracle' },
  { id: 'rv.rcsc', on: { access: ['r', 'w'], via: PAIR, order: ['acquire', 'release', 'acq_rel'] }, before: ['rel'], join: [['event', 'rel']], source: `${PPO} rule 7`, evidence: 'oracle' },
  { id: 'rv.amo.one-event', on: { access: ['w'], via: AMO }, join: [['event', 'rOld']], result: ['event'], source: 'RISC-V unprivileged ISA, RVWMO: an AMO is one memory operation, load and store at once', evidence: 'oracle' },
  { id: 'rv.sc.status', on: { access: ['w'], via: ['exclusive'] }, result: ['event'], source: `${PPO} rules 9 to 11: the success code of SC carries its dependencies`, evidence: 'oracle' },

  ...fences,
  { id: 'rv.fence.tso.reads', on: { fence: ['fence.tso'] }, join: [['rOld', 'rNew'], ['rOld', 'wNew']], source: 'RISC-V unprivileged ISA, FENCE.TSO', evidence: 'oracle' },
  { id: 'rv.fence.tso.writes', on: { fence: ['fence.tso'] }, join: [['wOld', 'wNew']], source: 'RISC-V unprivileged ISA, FENCE.TSO', evidence: 'oracle' },

  { id: 'rv.io.read', on: { access: ['i'] }, before: ['iNew'], join: [['event', 'iOld']], source: 'RISC-V unprivileged ISA, FENCE: device input', evidence: 'section' },
  { id: 'rv.io.write', on: { access: ['o'] }, before: ['oNew'], join: [['event', 'oOld']], source: 'RISC-V unprivileged ISA, FENCE: device output', evidence: 'section' },
  { id: 'rv.io.channel', on: { access: ['i', 'o'], order: DIRECT }, before: ['channel'], join: [['event', 'channel']], source: 'RISC-V privileged ISA, PMAs: I/O region, channel 0, strong order per hart', evidence: 'section' },

  { id: 'rv.maintain', on: { access: ['m'] }, before: ['wNew', 'place', 'addr', 'cap'], join: [['event', 'wOld']], source: 'RISC-V CMO extension 2.5: CBOs are ordered as stores by FENCE and program order; decision 6', evidence: 'section' },
  { id: 'rv.maintain.read', on: { access: ['r'] }, before: ['lines'], source: 'RISC-V CMO extension 2.5, the additional overlapping address rule: a load comes after earlier CBOs of its block', evidence: 'section' },
  { id: 'rv.interrupt.msi', on: { interrupt: 'msi' }, join: [['event', 'rNew'], ['event', 'wNew'], ['event', 'iNew'], ['event', 'oNew']], source: 'PCIe base specification 2.4 (an MSI is a posted write behind the data); decision 7', evidence: 'choice' },
];

export const RVWMO: RuleTable = {
  id: 'rvwmo',
  title: 'RISC-V (RVWMO)',
  rows,
  idleFences: ['compiler', 'fence.i'],
  forwarding: true,
  singleCopyBytes: 8,
  switches: {},
  source: 'RISC-V Instruction Set Manual volume I, RVWMO and appendix A; herd7 7.58 riscv.cat',
};
