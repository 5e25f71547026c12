// SPDX-License-Identifier: Apache-2.0
/** What the host does for each op: the dispatch table that rows name by key. */
import type { NumberedRow } from '../ops/row.ts';
import type { GuestCall } from './call.ts';
import * as dma from './dma.ts';
import * as memory from './memory.ts';
import type { CpuRun } from './run.ts';
import * as services from './services.ts';
import * as spinlock from './spinlock.ts';

export interface OpWords {
  readonly row: NumberedRow;
  readonly code: number;
  readonly a: number;
  readonly b: number;
}

/** Does one op and returns its answer, 32 bits. */
export type Behaviour = (run: CpuRun, call: GuestCall, words: OpWords) => number;

const nothing: Behaviour = () => 0;

const TABLE = {
  load: memory.loadPlain,
  'load-once': memory.loadOnce,
  'load-acquire': memory.loadAcquire,
  store: memory.storePlain,
  'store-once': memory.storeOnce,
  'store-release': memory.storeRelease,
  barrier: memory.barrier,
  relax: memory.relax,
  'mmio-read': memory.mmioRead,
  'mmio-write': memory.mmioWrite,
  memset: memory.memset,
  memcpy: memory.memcpy,

  latch: (_run, call, { a, b }) => {
    call.latch(a, b);
    return 0;
  },
  result: (_run, call, { a }) => call.part(a),
  text: (_run, call, { code, a, b }) => {
    call.addText(a, b, ((code >>> 8) & 3) + 1);
    return 0;
  },
  described: nothing,

  'alloc-coherent': dma.allocateCoherent,
  'free-coherent': dma.freeCoherent,
  'map-single': dma.mapSingle,
  'unmap-single': dma.unmapSingle,
  'sync-for-cpu': dma.syncForCpu,
  'sync-for-device': dma.syncForDevice,
  'mapping-error': dma.mappingError,
  'set-mask': dma.setMask,
  'is-coherent': dma.isCoherent,
  'cache-alignment': dma.cacheAlignment,

  kmalloc: services.allocate,
  kfree: services.kfree,
  cast: services.cast,
  'request-irq': services.requestIrq,
  'free-irq': services.freeIrq,
  'completion-init': services.initCompletion,
  complete: services.complete,
  'complete-all': services.completeAll,
  'wait-for-completion': services.waitForCompletion,
  'try-wait': services.tryWait,
  'completion-done': services.completionDone,
  'spin-init': spinlock.spinInit,
  'spin-lock': spinlock.spinLock,
  'spin-trylock': spinlock.spinTrylock,
  'spin-unlock': spinlock.spinUnlock,
  'spin-lock-irqsave': spinlock.spinLockIrqsave,
  'spin-unlock-irqrestore': spinlock.spinUnlockIrqrestore,
  'set-drvdata': services.setDrvdata,
  'get-drvdata': services.getDrvdata,
  'device-name': services.deviceName,
  ioremap: services.ioremap,
  'get-irq': services.getIrq,
  log: services.log,
} as const satisfies Record<string, Behaviour>;

export type HostKey = keyof typeof TABLE;
export const BEHAVIOURS: Readonly<Record<HostKey, Behaviour>> = TABLE;
