// SPDX-License-Identifier: Apache-2.0
/** Kernel part of each profile (decision 11): what primitives become, how streaming buffers are maintained. The core part is core's. */
import { LOWERINGS, type Barrier, type Lowering } from './lowering.ts';

/** Cache operation on the lines of a range; `edges` on a first or last line that is shared with a neighbour. */
export interface Maintenance {
  readonly lines: 'clean' | 'invalidate' | 'clean+invalidate';
  readonly edges: 'clean' | 'invalidate' | 'clean+invalidate';
}

export interface KernelProfile {
  readonly id: string;
  /** Id of the core part: ordering table, caches, byte order. */
  readonly core: string;
  /** A uniprocessor build. It still runs on the one CPU there is. */
  readonly up: boolean;
  readonly endian: 'little' | 'big';
  readonly lowering: Lowering;
  /** Null where devices see the caches. */
  readonly cache: CacheRules | null;
}

export interface CacheRules {
  /** Bytes of a line. */
  readonly line: number;
  /** ARCH_DMA_MINALIGN: what kmalloc keeps apart, bytes. */
  readonly minimumAlignment: number;
  /** Before the device reads or writes: at map and at sync_for_device. */
  readonly toDevice: Maintenance;
  readonly fromDevice: Maintenance;
  /** After the device wrote: at unmap and at sync_for_cpu. */
  readonly afterDevice: Maintenance;
}

const clean: Maintenance = { lines: 'clean', edges: 'clean' };

/** arm64 since c50f11c6196f: clean on the way out whatever the direction; invalidate afterwards, shared edge lines clean and invalidate. */
const ARM64_CACHE: CacheRules = {
  line: 64,
  minimumAlignment: 128,
  toDevice: clean,
  fromDevice: clean,
  afterDevice: { lines: 'invalidate', edges: 'clean+invalidate' },
};

/** Our choice: the contract names no instruction. A shared edge line is simply invalidated, so both corruptions of a neighbour can show. */
const STRICT_CACHE: CacheRules = {
  line: 64,
  minimumAlignment: 64,
  toDevice: clean,
  fromDevice: clean,
  afterDevice: { lines: 'invalidate', edges: 'invalidate' },
};

/** riscv64 with Zicbom: clean on the way out, `cbo.inval` afterwards; a shared edge line is dropped with the rest (arch/riscv/mm/dma-noncoherent.c). */
const RISCV64_CACHE: CacheRules = {
  line: 64,
  minimumAlignment: 64,
  toDevice: clean,
  fromDevice: clean,
  afterDevice: { lines: 'invalidate', edges: 'invalidate' },
};

const little = 'little' as const;

export const KERNEL_PROFILES = {
  'x86-64': { id: 'x86-64', core: 'x86-64', up: false, endian: little, lowering: LOWERINGS['x86-64'], cache: null },
  arm64: { id: 'arm64', core: 'arm64', up: false, endian: little, lowering: LOWERINGS.arm64, cache: null },
  'arm64-nc': { id: 'arm64-nc', core: 'arm64-nc', up: false, endian: little, lowering: LOWERINGS.arm64, cache: ARM64_CACHE },
  riscv64: { id: 'riscv64', core: 'riscv64', up: false, endian: little, lowering: LOWERINGS.riscv64, cache: null },
  'riscv64-nc': { id: 'riscv64-nc', core: 'riscv64-nc', up: false, endian: little, lowering: LOWERINGS.riscv64, cache: RISCV64_CACHE },
  strict: { id: 'strict', core: 'strict', up: false, endian: little, lowering: LOWERINGS.strict, cache: null },
  'strict-nc': { id: 'strict-nc', core: 'strict-nc', up: false, endian: little, lowering: LOWERINGS.strict, cache: STRICT_CACHE },
  'x86-64-up': { id: 'x86-64-up', core: 'x86-64', up: true, endian: little, lowering: LOWERINGS['x86-64-up'], cache: null },
  'arm64-up': { id: 'arm64-up', core: 'arm64', up: true, endian: little, lowering: LOWERINGS['arm64-up'], cache: null },
  'arm64-nc-up': { id: 'arm64-nc-up', core: 'arm64-nc', up: true, endian: little, lowering: LOWERINGS['arm64-up'], cache: ARM64_CACHE },
  'riscv64-up': { id: 'riscv64-up', core: 'riscv64', up: true, endian: little, lowering: LOWERINGS['riscv64-up'], cache: null },
  'riscv64-nc-up': { id: 'riscv64-nc-up', core: 'riscv64-nc', up: true, endian: little, lowering: LOWERINGS['riscv64-up'], cache: RISCV64_CACHE },
  'strict-up': { id: 'strict-up', core: 'strict', up: true, endian: little, lowering: LOWERINGS['strict-up'], cache: null },
  'strict-nc-up': { id: 'strict-nc-up', core: 'strict-nc', up: true, endian: little, lowering: LOWERINGS['strict-up'], cache: STRICT_CACHE },
} as const satisfies Record<string, KernelProfile>;

export type KernelProfileId = keyof typeof KERNEL_PROFILES;

/**
 * What a barrier in the source costs in the metric `barriers`, on every profile alike. Our choice, in the order of what they stop:
 * nothing for the compiler's, 1 for one direction of memory, 2 where device accesses wait too or both directions are bound, 3 for all.
 */
export const BARRIER_WEIGHT: Readonly<Record<Barrier, number>> = {
  barrier: 0,
  smp_rmb: 1,
  smp_wmb: 1,
  dma_rmb: 1,
  dma_wmb: 1,
  smp_mb: 2,
  dma_mb: 2,
  rmb: 2,
  wmb: 2,
  mb: 3,
};
