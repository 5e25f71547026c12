// SPDX-License-Identifier: Apache-2.0
/**
 * What a device may see, per profile, as small programs with complete outcome
 * sets: an outcome that is missing must be unreachable. Data; run by every form.
 */
import type { CoreProfileId } from '@dmalab/core/machine/profile';

/** `d`, `e`: two words of one cache line; `f`, `g`: words of lines of their own. */
export type Word = 'd' | 'e' | 'f' | 'g';

export type Step =
  | { readonly st: Word; readonly v: number; readonly uncached?: true }
  | { readonly ld: Word; readonly as: string; readonly uncached?: true }
  /** A Linux primitive, lowered as the profile does. */
  | { readonly call: 'mb' | 'rmb' | 'wmb' | 'dma_mb' | 'dma_rmb' | 'dma_wmb' | 'smp_mb' | 'smp_rmb' | 'smp_wmb' }
  /** An instruction. */
  | { readonly fence: string }
  /** A store to the device's doorbell. */
  | { readonly ring: 'writel' | 'writel_relaxed' }
  /** Reads the device's status until it is 1. */
  | { readonly done: 'readl' | 'readl_relaxed' }
  | { readonly maintain: 'clean' | 'invalidate' | 'clean+invalidate'; readonly word: Word }
  /** Device: waits for the doorbell. */
  | { readonly bell: true }
  /** Device: sets its status to 1. */
  | { readonly finish: true };

export interface DeviceRow {
  readonly id: string;
  readonly story: string;
  readonly source: string;
  readonly cpus: readonly (readonly Step[])[];
  readonly device: readonly Step[];
  /** Profile → every outcome there is. */
  readonly outcomes: Readonly<Partial<Record<CoreProfileId, readonly string[]>>>;
}

/** Profiles in which devices see the CPUs' caches. */
const coherent = (outcomes: readonly string[]): Partial<Record<CoreProfileId, readonly string[]>> => ({ 'x86-64': outcomes, arm64: outcomes, strict: outcomes });

const d0 = 'd=0';
const d1 = 'd=1';
const fd = { none: ['d=0 f=0', 'd=0 f=1', 'd=1 f=0', 'd=1 f=1'], ordered: ['d=0 f=0', 'd=1 f=0', 'd=1 f=1'] } as const;
const st = (word: Word, v = 1): Step => ({ st: word, v });
const readsOnBell: readonly Step[] = [{ bell: true }, { ld: 'd', as: 'd' }];
const polls: readonly Step[] = [{ ld: 'f', as: 'f' }, { ld: 'd', as: 'd' }];
const writesFive: readonly Step[] = [{ bell: true }, st('d', 5), { finish: true }];
const clean = (word: Word): Step => ({ maintain: 'clean', word });
const RELAXED: Step = { ring: 'writel_relaxed' };
const DSB: Step = { fence: 'dsb.sy' };
const IO = 'Linux Documentation/memory-barriers.txt, KERNEL I/O BARRIER EFFECTS';
const CBO = 'RISC-V CMO extension 2.5: CBOs are ordered as stores by FENCE and program order, and with accesses to their block; decision 6';
const CMO = 'Arm ARM DDI 0487, D7.5.9; Linux arch/arm64/mm/cache.S';

export const DEVICE_ROWS: readonly DeviceRow[] = [
  { id: 'E1', story: 'Data, then the doorbell by writel: the device reads the data.', source: `${IO}, 3`, cpus: [[st('d'), { ring: 'writel' }]], device: readsOnBell, outcomes: coherent([d1]) },
  { id: 'E2', story: 'The relaxed doorbell may overtake the data, except on x86, where an uncacheable store keeps its place.', source: `${IO}; Intel SDM 3A 12.3`, cpus: [[st('d'), RELAXED]], device: readsOnBell, outcomes: { 'x86-64': [d1], arm64: [d0, d1], strict: [d0, d1] } },
  { id: 'E2b', story: 'wmb before the relaxed doorbell orders them everywhere.', source: 'Linux Documentation/memory-barriers.txt, Mandatory barriers', cpus: [[st('d'), { call: 'wmb' }, RELAXED]], device: readsOnBell, outcomes: coherent([d1]) },
  { id: 'E2c', story: 'dma_wmb promises nothing about MMIO; on arm64 it is a dmb and covers the doorbell all the same.', source: 'Linux Documentation/memory-barriers.txt, dma_wmb()', cpus: [[st('d'), { call: 'dma_wmb' }, RELAXED]], device: readsOnBell, outcomes: { 'x86-64': [d1], arm64: [d1], strict: [d0, d1] } },
  { id: 'E2d', story: 'smp_wmb before the relaxed doorbell: nothing for a device on STRICT.', source: 'Linux Documentation/memory-barriers.txt, SMP BARRIER PAIRING', cpus: [[st('d'), { call: 'smp_wmb' }, RELAXED]], device: readsOnBell, outcomes: { 'x86-64': [d1], arm64: [d1], strict: [d0, d1] } },
  { id: 'E3', story: 'Data, dma_wmb, own bit: a polling device that sees the bit sees the data.', source: 'Linux Documentation/memory-barriers.txt, dma_wmb()', cpus: [[st('d'), { call: 'dma_wmb' }, st('f')]], device: polls, outcomes: coherent(fd.ordered) },
  { id: 'E3b', story: 'Without a barrier it may see the bit alone, except on x86.', source: 'Linux Documentation/memory-barriers.txt; Intel SDM 3A 9.2.2', cpus: [[st('d'), st('f')]], device: polls, outcomes: { 'x86-64': fd.ordered, arm64: fd.none, strict: fd.none } },
  { id: 'E3c', story: 'smp_wmb instead: passes on arm64 (ish reaches the device), not on STRICT.', source: 'decision 4; Linux Documentation/memory-barriers.txt', cpus: [[st('d'), { call: 'smp_wmb' }, st('f')]], device: polls, outcomes: { 'x86-64': fd.ordered, arm64: fd.ordered, strict: fd.none } },
  { id: 'E3d', story: 'One STRICT program, two observers: with smp_wmb the device may see the bit without the data, a second CPU may not.', source: 'decision 3', cpus: [[st('d'), { call: 'smp_wmb' }, st('f')], [{ ld: 'f', as: 'cf' }, { call: 'smp_rmb' }, { ld: 'd', as: 'cd' }]], device: polls, outcomes: { strict: ['cd=0 cf=0', 'cd=1 cf=0', 'cd=1 cf=1'].flatMap((cpu) => fd.none.map((device) => `${cpu} ${device}`)) } },
  { id: 'E3e', story: 'The device writes data, then the done bit; the driver tests the bit and reads the data after dma_rmb.', source: 'Linux Documentation/memory-barriers.txt, dma_rmb()', cpus: [[{ ld: 'f', as: 'f' }, { call: 'dma_rmb' }, { ld: 'd', as: 'd' }]], device: [st('d'), st('f')], outcomes: coherent(fd.ordered) },
  { id: 'E3f', story: 'Without dma_rmb the data may be older than the bit, except on x86; smp_rmb is enough on arm64 only.', source: 'Linux Documentation/memory-barriers.txt, dma_rmb()', cpus: [[{ ld: 'f', as: 'f' }, { ld: 'd', as: 'd' }]], device: [st('d'), st('f')], outcomes: { 'x86-64': fd.ordered, arm64: fd.none, strict: fd.none } },
  { id: 'E3g', story: 'smp_rmb instead of dma_rmb.', source: 'decision 4; Linux Documentation/memory-barriers.txt', cpus: [[{ ld: 'f', as: 'f' }, { call: 'smp_rmb' }, { ld: 'd', as: 'd' }]], device: [st('d'), st('f')], outcomes: { 'x86-64': fd.ordered, arm64: fd.ordered, strict: fd.none } },
  { id: 'E3h', story: 'The driver learns by readl that the device is done, then reads what it wrote.', source: `${IO}, 4`, cpus: [[{ done: 'readl' }, { ld: 'd', as: 'd' }]], device: [st('d'), { finish: true }], outcomes: coherent([d1]) },
  { id: 'E3i', story: 'By readl_relaxed the later read may come first, except on x86.', source: IO, cpus: [[{ done: 'readl_relaxed' }, { ld: 'd', as: 'd' }]], device: [st('d'), { finish: true }], outcomes: { 'x86-64': [d1], arm64: [d0, d1], strict: [d0, d1] } },
  { id: 'E3j', story: 'Writing a doorbell, then looking at memory again: the look may come first unless mb lies between and the write was read back.', source: 'memory-barriers.txt; Intel SDM 3A 9.2.2: a read may pass an earlier write', cpus: [[{ ring: 'writel' }, { ld: 'd', as: 'd' }]], device: [{ bell: true }, st('d')], outcomes: coherent([d0, d1]) },

  { id: 'E4', story: 'Not coherent: store, clean, dsb, doorbell.', source: CMO, cpus: [[st('d'), clean('d'), DSB, RELAXED]], device: readsOnBell, outcomes: { 'arm64-nc': [d1] } },
  { id: 'E5', story: 'Without the clean the device sees the data only if the line happens to be evicted.', source: CMO, cpus: [[st('d'), DSB, RELAXED]], device: readsOnBell, outcomes: { 'arm64-nc': [d0, d1] } },
  { id: 'E6', story: 'A dmb orders the clean with memory, but does not complete it before the doorbell.', source: `${CMO}; decision 6`, cpus: [[st('d'), clean('d'), { fence: 'dmb.oshst' }, RELAXED]], device: readsOnBell, outcomes: { 'arm64-nc': [d0, d1] } },
  { id: 'E6b', story: 'Cleaned before the store: the new data stays in the cache.', source: CMO, cpus: [[clean('d'), st('d'), DSB, RELAXED]], device: readsOnBell, outcomes: { 'arm64-nc': [d0, d1] } },
  { id: 'E7', story: 'The device writes 5; without an invalidate afterwards a line fetched too early is read.', source: `${CMO}; Linux arch/arm64/mm/dma-mapping.c`, cpus: [[clean('d'), DSB, RELAXED, { done: 'readl' }, { ld: 'd', as: 'd' }]], device: writesFive, outcomes: { 'arm64-nc': [d0, 'd=5'] } },
  { id: 'E7c', story: 'An invalidate before the transfer is not enough: the line may be fetched in between.', source: CMO, cpus: [[{ maintain: 'invalidate', word: 'd' }, DSB, RELAXED, { done: 'readl' }, { ld: 'd', as: 'd' }]], device: writesFive, outcomes: { 'arm64-nc': [d0, 'd=5'] } },
  { id: 'E7b', story: 'An invalidate after it is.', source: CMO, cpus: [[RELAXED, { done: 'readl' }, { maintain: 'invalidate', word: 'd' }, DSB, { ld: 'd', as: 'd' }]], device: writesFive, outcomes: { 'arm64-nc': ['d=5'] } },
  { id: 'E8', story: 'The CPU dirtied a neighbour in the line that the device writes to, then invalidates: one of the two is lost, or neither by luck.', source: `${CMO}; Linux arch/riscv/mm/dma-noncoherent.c`, cpus: [[st('e', 9), RELAXED, { done: 'readl' }, { maintain: 'invalidate', word: 'd' }, DSB, { ld: 'd', as: 'd' }, { ld: 'e', as: 'e' }]], device: writesFive, outcomes: { 'arm64-nc': ['d=0 e=9', 'd=5 e=0', 'd=5 e=9'] } },
  { id: 'E8b', story: 'Cleaned and invalidated instead: the neighbour is safe, the device\'s data may be overwritten.', source: `${CMO}; Linux arch/arm64/mm/cache.S, dcache_inval_poc at partial lines`, cpus: [[st('e', 9), RELAXED, { done: 'readl' }, { maintain: 'clean+invalidate', word: 'd' }, DSB, { ld: 'd', as: 'd' }, { ld: 'e', as: 'e' }]], device: writesFive, outcomes: { 'arm64-nc': ['d=0 e=9', 'd=5 e=9'] } },
  { id: 'E9', story: 'Flag after data, each cleaned, a dsb between: the device that sees the flag sees the data.', source: CMO, cpus: [[st('d'), clean('d'), DSB, st('f'), clean('f'), DSB]], device: polls, outcomes: { 'arm64-nc': fd.ordered } },
  { id: 'E9b', story: 'One dsb at the end does not keep them apart.', source: CMO, cpus: [[st('d'), clean('d'), st('f'), clean('f'), DSB]], device: polls, outcomes: { 'arm64-nc': fd.none } },
  { id: 'E10', story: 'On a non-coherent machine, too, uncached memory needs no maintenance, only the barrier.', source: 'Linux Documentation/core-api/dma-api.rst, dma_alloc_coherent', cpus: [[{ st: 'd', v: 1, uncached: true }, { call: 'dma_wmb' }, { st: 'f', v: 1, uncached: true }]], device: polls, outcomes: { 'arm64-nc': fd.ordered, 'strict-nc': fd.ordered } },
  { id: 'E10b', story: 'And without the barrier it is not ordered.', source: 'Linux Documentation/core-api/dma-api.rst, dma_alloc_coherent', cpus: [[{ st: 'd', v: 1, uncached: true }, { st: 'f', v: 1, uncached: true }]], device: polls, outcomes: { 'arm64-nc': fd.none, 'strict-nc': fd.none } },
  { id: 'E11', story: 'On RISC-V a clean is ordered like a store: writel waits for it.', source: CBO, cpus: [[st('d'), clean('d'), { ring: 'writel' }]], device: readsOnBell, outcomes: { 'riscv64-nc': [d1] } },
  { id: 'E11b', story: 'writel_relaxed does not.', source: CBO, cpus: [[st('d'), clean('d'), RELAXED]], device: readsOnBell, outcomes: { 'riscv64-nc': [d0, d1] } },
  { id: 'E11c', story: 'Nor does dma_rmb, whose fence names no writes, make it.', source: CBO, cpus: [[st('d'), clean('d'), { call: 'dma_rmb' }, RELAXED]], device: readsOnBell, outcomes: { 'riscv64-nc': [d0, d1] } },
  { id: 'E12', story: 'After the transfer, an invalidate without any fence: a later load of the line comes after it.', source: `${CBO}; Linux arch/riscv/mm/dma-noncoherent.c`, cpus: [[RELAXED, { done: 'readl' }, { maintain: 'invalidate', word: 'd' }, { ld: 'd', as: 'd' }]], device: writesFive, outcomes: { 'riscv64-nc': ['d=5'] } },
];
