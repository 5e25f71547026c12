// SPDX-License-Identifier: Apache-2.0
/**
 * What each kernel primitive becomes on each architecture: the instructions
 * that Linux 6.12 emits (arch/ARCH/include/asm/barrier.h, io.h and
 * asm-generic), as rows of the profile's ordering table. STRICT has no
 * instructions: there every primitive is a row of its own.
 */
import type { AccessOrder } from '@dmalab/core/base/port';

/** One instruction. `access` is the load or store itself; `branch` a dummy branch on the value just read. */
export type Step = { readonly kind: 'fence'; readonly fence: string } | { readonly kind: 'access'; readonly order: AccessOrder } | { readonly kind: 'branch' };

export const BARRIERS = ['mb', 'rmb', 'wmb', 'dma_mb', 'dma_rmb', 'dma_wmb', 'smp_mb', 'smp_rmb', 'smp_wmb', 'barrier'] as const;
export type Barrier = (typeof BARRIERS)[number];
export const ACCESSES = ['load', 'store', 'load-once', 'store-once', 'load-acquire', 'store-release', 'mmio-read', 'mmio-write', 'mmio-read-relaxed', 'mmio-write-relaxed'] as const;
export type Access = (typeof ACCESSES)[number];

export interface Lowering {
  /** Barrier → fences, in order. `compiler` is no instruction. */
  readonly barriers: Readonly<Record<Barrier, readonly string[]>>;
  readonly accesses: Readonly<Record<Access, readonly Step[]>>;
  /** Order of the counter's update in `complete` and in `wait_for_completion`: what their spinlock gives. */
  readonly wake: AccessOrder;
  readonly woken: AccessOrder;
  /** What marks that a lock was taken, and that it is about to be given back; null where taking and giving back say all. */
  readonly locked: string | null;
  readonly unlocks: string | null;
  /** Order of the access that takes a spinlock; null where a lock is no instruction (uniprocessor builds). */
  readonly lock: AccessOrder | null;
  /** Frees a spinlock. */
  readonly unlock: readonly Step[];
  /** Comes before that store when `writel` was called under the lock (ARCH_HAS_MMIOWB); null where none is needed. */
  readonly mmiowb: string | null;
  /** What waits for cache maintenance to be done; null where devices are coherent. */
  readonly maintained: string | null;
  /** Comes first in an unmap or a sync for the CPU of what the device wrote; null where no instruction does. */
  readonly takenBack: string | null;
}

const fence = (name: string): Step => ({ kind: 'fence', fence: name });
const access = (order: AccessOrder): Step => ({ kind: 'access', order });
const branch: Step = { kind: 'branch' };

const PLAIN = { load: [access('plain')], store: [access('plain')], 'load-once': [access('relaxed')], 'store-once': [access('relaxed')] } as const;
const RELAXED_MMIO = { 'mmio-read-relaxed': [access('relaxed')], 'mmio-write-relaxed': [access('relaxed')] } as const;

/** x86-64: loads and stores are ordered but for store to load, uncached accesses among them. */
const X86_64: Lowering = {
  barriers: {
    mb: ['mfence'],
    rmb: ['lfence'],
    wmb: ['sfence'],
    dma_mb: ['mfence'],
    dma_rmb: ['compiler'],
    dma_wmb: ['compiler'],
    smp_mb: ['lock.addl'],
    smp_rmb: ['compiler'],
    smp_wmb: ['compiler'],
    barrier: ['compiler'],
  },
  accesses: {
    ...PLAIN,
    ...RELAXED_MMIO,
    'load-acquire': [access('relaxed')],
    'store-release': [access('relaxed')],
    'mmio-read': [access('full')],
    'mmio-write': [access('full')],
  },
  lock: 'full',
  unlock: [access('relaxed')],
  mmiowb: null,
  wake: 'full',
  woken: 'full',
  locked: null,
  unlocks: null,
  maintained: null,
  takenBack: null,
};

const ARM64: Lowering = {
  barriers: {
    mb: ['dsb.sy'],
    rmb: ['dsb.ld'],
    wmb: ['dsb.st'],
    dma_mb: ['dmb.osh'],
    dma_rmb: ['dmb.oshld'],
    dma_wmb: ['dmb.oshst'],
    smp_mb: ['dmb.ish'],
    smp_rmb: ['dmb.ishld'],
    smp_wmb: ['dmb.ishst'],
    barrier: ['compiler'],
  },
  accesses: {
    ...PLAIN,
    ...RELAXED_MMIO,
    'load-acquire': [access('acquire')],
    'store-release': [access('release')],
    'mmio-read': [access('full'), fence('dmb.oshld'), branch],
    'mmio-write': [fence('dmb.oshst'), access('full')],
  },
  lock: 'acquire',
  unlock: [access('release')],
  mmiowb: null,
  wake: 'release',
  woken: 'acquire',
  locked: null,
  unlocks: null,
  maintained: 'dsb.sy',
  takenBack: null,
};

/** Fences name input (i) and output (o) apart from memory; loads and stores carry no order of their own. */
const RISCV64: Lowering = {
  barriers: {
    mb: ['fence.iorw.iorw'],
    rmb: ['fence.ir.ir'],
    wmb: ['fence.ow.ow'],
    dma_mb: ['fence.iorw.iorw'],
    dma_rmb: ['fence.ir.ir'],
    dma_wmb: ['fence.ow.ow'],
    smp_mb: ['fence.rw.rw'],
    smp_rmb: ['fence.r.r'],
    smp_wmb: ['fence.w.w'],
    barrier: ['compiler'],
  },
  accesses: {
    ...PLAIN,
    ...RELAXED_MMIO,
    'load-acquire': [access('relaxed'), fence('fence.r.rw')],
    'store-release': [fence('fence.rw.w'), access('relaxed')],
    'mmio-read': [access('full'), fence('fence.i.ir')],
    'mmio-write': [fence('fence.w.o'), access('full')],
  },
  lock: 'acquire',
  unlock: [fence('fence.rw.w'), access('relaxed')],
  mmiowb: 'fence.o.w',
  wake: 'release',
  woken: 'acquire',
  locked: null,
  unlocks: null,
  maintained: null,
  takenBack: null,
};

/** Each primitive is what the documentation promises of it, see core's ordering/tables/strict. */
const STRICT: Lowering = {
  barriers: {
    mb: ['mb'],
    rmb: ['rmb'],
    wmb: ['wmb'],
    dma_mb: ['dma_mb'],
    dma_rmb: ['dma_rmb'],
    dma_wmb: ['dma_wmb'],
    smp_mb: ['smp_mb'],
    smp_rmb: ['smp_rmb'],
    smp_wmb: ['smp_wmb'],
    barrier: ['compiler'],
  },
  accesses: {
    ...PLAIN,
    ...RELAXED_MMIO,
    'load-acquire': [access('acquire')],
    'store-release': [access('release')],
    'mmio-read': [access('full')],
    'mmio-write': [access('full')],
  },
  lock: 'acquire',
  unlock: [access('release')],
  mmiowb: 'mmiowb',
  wake: 'release',
  woken: 'acquire',
  locked: 'spin_lock',
  unlocks: 'spin_unlock',
  maintained: 'dma_sync',
  takenBack: 'dma_for_cpu',
};

/** A uniprocessor build: every `smp_*` is a compiler barrier, a spinlock nothing at all; the barriers towards devices stay. */
function uniprocessor(lowering: Lowering): Lowering {
  return {
    ...lowering,
    barriers: { ...lowering.barriers, smp_mb: ['compiler'], smp_rmb: ['compiler'], smp_wmb: ['compiler'] },
    accesses: { ...lowering.accesses, 'load-acquire': [access('relaxed')], 'store-release': [access('relaxed')] },
    lock: null,
    unlock: [fence('compiler')],
    mmiowb: null,
    wake: 'relaxed',
    woken: 'relaxed',
    locked: null,
    unlocks: null,
  };
}

export const LOWERINGS = {
  'x86-64': X86_64,
  arm64: ARM64,
  riscv64: RISCV64,
  strict: STRICT,
  'x86-64-up': uniprocessor(X86_64),
  'arm64-up': uniprocessor(ARM64),
  'riscv64-up': uniprocessor(RISCV64),
  'strict-up': uniprocessor(STRICT),
} as const satisfies Record<string, Lowering>;
