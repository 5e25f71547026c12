// SPDX-License-Identifier: Apache-2.0
/**
 * STRICT is no CPU: it grants each Linux primitive what the documentation
 * promises and nothing else, so that an answer which is right by luck on one
 * architecture fails. `smp_*`, acquire, release and SMP atomics bind CPUs only
 * (`reach: 'cpu'`); mb, rmb, wmb, `dma_*`, readX and writeX bind devices too.
 *
 * Fences `spin_unlock` and `spin_lock` mark where a CPU is about to give a lock back and has taken one; the lock itself is an atomic acquire and a release.
 * MMIO order `full` is readX or writeX, `relaxed` their relaxed forms.
 */
import { DIRECT, type Row, type RuleTable, type SetName } from '../rules.ts';

const MB = 'Linux Documentation/memory-barriers.txt';
const ATOMIC = 'Linux Documentation/atomic_t.txt, ORDERING';
const LOCKING = 'Linux tools/memory-model/Documentation/explanation.txt, LOCKING, and linux-kernel.cat, po-unlock-lock-po: an unlock and a later lock of one CPU, of whatever locks, order all but a store before a load';
const pairs = (from: readonly SetName[], to: readonly SetName[]): [SetName, SetName][] => from.flatMap((f) => to.map((t): [SetName, SetName] => [f, t]));

const rows: Row[] = [
  { id: 'strict.read.address', on: { access: ['r', 'i'] }, before: ['addr'], source: `${MB}, ADDRESS-DEPENDENCY BARRIERS`, evidence: 'section' },
  { id: 'strict.read.result', on: { access: ['r', 'i'] }, result: ['event'], source: `${MB}, ADDRESS-DEPENDENCY BARRIERS`, evidence: 'section' },
  { id: 'strict.read.bound', on: { access: ['r'] }, before: ['rNew'], join: [['event', 'rOld']], source: MB, evidence: 'section' },
  { id: 'strict.write.dependencies', on: { access: ['w', 'o'] }, before: ['addr', 'data'], source: `${MB}, GUARANTEES`, evidence: 'section' },
  { id: 'strict.write.control', on: { access: ['w', 'o'] }, before: ['cap'], source: `${MB}, CONTROL DEPENDENCIES`, evidence: 'section' },
  { id: 'strict.write.bound', on: { access: ['w'] }, before: ['wNew'], join: [['event', 'wOld']], source: MB, evidence: 'section' },
  { id: 'strict.write.place', on: { access: ['w'] }, before: ['place'], source: `${MB}, GUARANTEES: overlapping accesses of one CPU`, evidence: 'section' },
  { id: 'strict.branch', on: { branch: true }, join: [['data', 'cap'], ['dataPick', 'cap']], source: `${MB}, CONTROL DEPENDENCIES`, evidence: 'section' },
  { id: 'strict.forward.dependencies', on: { access: ['r'], forwarded: true, partial: false }, before: ['from.addr', 'from.data'], source: 'Linux tools/memory-model, linux-kernel.cat: dep ; rfi', evidence: 'section' },
  { id: 'strict.forward.part', on: { access: ['r'], forwarded: true, partial: true }, result: ['from.addr', 'from.data'], source: 'as on arm64: the other bytes may be read before; the value carries the dependency', evidence: 'choice' },

  { id: 'strict.acquire', on: { access: ['r'], via: ['plain', 'exclusive', 'atomic'], order: ['acquire', 'acquirePC', 'acq_rel'] }, join: [['event', 'rNew'], ['event', 'wNew']], reach: 'cpu', source: `${MB}, ACQUIRE operations`, evidence: 'section' },
  { id: 'strict.release', on: { access: ['w'], order: ['release', 'releasePC', 'acq_rel'] }, before: ['rOld', 'wOld', 'acq'], reach: 'cpu', source: `${MB}, RELEASE operations`, evidence: 'section' },
  { id: 'strict.release.hands-over', on: { access: ['w'], order: ['release', 'releasePC', 'acq_rel', 'full'] }, publish: ['rOld', 'wOld', 'acq', 'event'], source: `${MB}, KERNEL I/O BARRIER EFFECTS: writes propagated to the same thread; decision 3`, evidence: 'section' },
  { id: 'strict.acquire.takes-over', on: { access: ['r'], via: ['plain', 'exclusive', 'atomic'], order: ['acquire', 'acquirePC', 'acq_rel', 'full'] }, join: [['released', 'acq']], source: `${MB}, KERNEL I/O BARRIER EFFECTS: writes issued by, or propagated to, the same thread; decision 3`, evidence: 'section' },
  { id: 'strict.atomic.full.write', on: { access: ['w'], via: ['atomic'], order: ['full'] }, before: ['rOld', 'wOld', 'acq'], join: [['event', 'rNew'], ['event', 'wNew'], ['partner', 'rNew'], ['partner', 'wNew'], ['rOld', 'rNew'], ['rOld', 'wNew'], ['wOld', 'rNew'], ['wOld', 'wNew']], reach: 'cpu', source: ATOMIC, evidence: 'section' },

  { id: 'strict.unlock', on: { fence: ['spin_unlock'] }, join: [['rOld', 'rUnlocked'], ['wOld', 'wUnlocked']], source: LOCKING, evidence: 'section' },
  { id: 'strict.lock', on: { fence: ['spin_lock'] }, join: [['rUnlocked', 'rNew'], ['rUnlocked', 'wNew'], ['wUnlocked', 'wNew']], reach: 'cpu', source: LOCKING, evidence: 'section' },

  { id: 'strict.smp_mb', on: { fence: ['smp_mb'] }, join: pairs(['rOld', 'wOld'], ['rNew', 'wNew']), reach: 'cpu', source: `${MB}, SMP BARRIER PAIRING`, evidence: 'section' },
  { id: 'strict.smp_rmb', on: { fence: ['smp_rmb'] }, join: pairs(['rOld'], ['rNew']), reach: 'cpu', source: `${MB}, Read memory barriers`, evidence: 'section' },
  { id: 'strict.smp_wmb', on: { fence: ['smp_wmb'] }, join: pairs(['wOld'], ['wNew']), reach: 'cpu', source: `${MB}, Write memory barriers`, evidence: 'section' },
  { id: 'strict.dma_mb', on: { fence: ['dma_mb'] }, join: pairs(['rOld', 'wOld', 'acq'], ['rNew', 'wNew']), source: `${MB}, dma_mb()`, evidence: 'section' },
  { id: 'strict.dma_rmb', on: { fence: ['dma_rmb'] }, join: pairs(['rOld', 'acq'], ['rNew']), source: `${MB}, dma_rmb()`, evidence: 'section' },
  { id: 'strict.dma_wmb', on: { fence: ['dma_wmb'] }, join: pairs(['wOld', 'acq'], ['wNew']), source: `${MB}, dma_wmb()`, evidence: 'section' },
  { id: 'strict.mb', on: { fence: ['mb'] }, join: pairs(['rOld', 'wOld', 'acq', 'iOld', 'oOld', 'mOld'], ['rNew', 'wNew', 'iNew', 'oNew', 'mNew']), source: `${MB}, Mandatory barriers`, evidence: 'section' },
  { id: 'strict.rmb', on: { fence: ['rmb'] }, join: pairs(['rOld', 'iOld', 'acq'], ['rNew', 'iNew']), source: `${MB}, Mandatory barriers`, evidence: 'section' },
  { id: 'strict.wmb', on: { fence: ['wmb'] }, join: pairs(['wOld', 'oOld', 'acq'], ['wNew', 'oNew']), source: `${MB}, Mandatory barriers`, evidence: 'section' },

  { id: 'strict.io.read', on: { access: ['i'] }, before: ['iNew'], join: [['event', 'iOld']], source: `${MB}, KERNEL I/O BARRIER EFFECTS`, evidence: 'section' },
  { id: 'strict.io.write', on: { access: ['o'] }, before: ['oNew'], join: [['event', 'oOld']], source: `${MB}, KERNEL I/O BARRIER EFFECTS`, evidence: 'section' },
  { id: 'strict.io.program-order', on: { access: ['i', 'o'], order: DIRECT }, before: ['channel'], join: [['event', 'channel']], source: `${MB}, KERNEL I/O BARRIER EFFECTS, 1`, evidence: 'section' },
  { id: 'strict.writeX', on: { access: ['o'], order: ['full'] }, before: ['wOld', 'rOld', 'acq'], source: `${MB}, KERNEL I/O BARRIER EFFECTS, 3: writes issued by, or propagated to, the same thread`, evidence: 'section' },
  { id: 'strict.mmiowb', on: { fence: ['mmiowb'] }, join: pairs(['oOld'], ['wNew']), source: `${MB}, KERNEL I/O BARRIER EFFECTS, 2: a writeX under a spinlock arrives before those of the next holder; asm-generic/mmiowb.h`, evidence: 'section' },
  { id: 'strict.readX', on: { access: ['i'], order: ['full'] }, join: [['event', 'rNew']], source: `${MB}, KERNEL I/O BARRIER EFFECTS, 4`, evidence: 'section' },

  { id: 'strict.maintain', on: { access: ['m'] }, before: ['mNew', 'place', 'addr', 'cap'], join: [['event', 'mOld']], source: 'Linux Documentation/core-api/dma-api.rst, streaming mappings', evidence: 'section' },
  { id: 'strict.dma_sync', on: { fence: ['dma_sync'] }, join: pairs(['mOld'], ['rNew', 'wNew', 'iNew', 'oNew', 'mNew']), source: 'Linux Documentation/core-api/dma-api.rst: a sync is complete when it returns', evidence: 'section' },
  { id: 'strict.dma_for_cpu', on: { fence: ['dma_for_cpu'] }, join: pairs(['rOld', 'acq'], ['rNew', 'mNew']), source: 'Linux Documentation/core-api/dma-api.rst, Part Id: after the unmap or the sync for the CPU, reads see what the device wrote', evidence: 'section' },
  { id: 'strict.interrupt.msi', on: { interrupt: 'msi' }, join: [['event', 'rNew'], ['event', 'wNew'], ['event', 'iNew'], ['event', 'oNew']], source: 'PCIe base specification 2.4 (an MSI is a posted write behind the data); decision 7', evidence: 'choice' },
];

export const STRICT: RuleTable = {
  id: 'strict',
  title: 'STRICT (the Linux contract)',
  rows,
  idleFences: ['compiler'],
  forwarding: true,
  singleCopyBytes: 8,
  switches: {},
  source: 'Linux 6.12 Documentation/memory-barriers.txt, atomic_t.txt; Documentation/core-api/dma-api.rst',
};
