// SPDX-License-Identifier: Apache-2.0
/**
 * Cache maintenance where a device does not see the CPUs' lines, per architecture, as small programs with complete
 * outcome sets. `uncached`: through the alias that coherent allocations have. `%` and `@` are filled as in `rule-rows.ts`.
 */
import { CORE_PROFILES, type CoreProfile } from '@dmalab/core/machine/profile';
import { mini, type Mini } from './mini.ts';

export type LineModel = 'x86' | 'arm' | 'riscv' | 'strict';
/** x86: a device whose requests carry the PCIe No Snoop attribute. */
export const LINE_PROFILES: Record<LineModel, CoreProfile> = {
  x86: { ...CORE_PROFILES['x86-64'], id: 'x86-64-no-snoop', coherent: false },
  arm: CORE_PROFILES['arm64-nc'],
  riscv: CORE_PROFILES['riscv64-nc'],
  strict: CORE_PROFILES['strict-nc'],
};

export interface LineRow {
  readonly id: string;
  readonly story: string;
  readonly source: string;
  readonly program: string;
  readonly outcomes: readonly string[];
  readonly question: readonly string[];
  readonly cases: readonly (readonly [model: LineModel, filling: string, answer: 'allowed' | 'forbidden'])[];
}

export function lineProgram(row: LineRow, filling: string): Mini {
  const [one = '', two = ''] = filling.split('@').map((part) => part.trim());
  return mini(row.program.replace('%', one).replace('@', two));
}

const X86 = 'Intel SDM volume 2A, CLFLUSHOPT, CLWB: ordered by SFENCE, MFENCE and locked operations';
const ARM = 'Arm ARM DDI 0487, D7.5.9 ordering and completion of data cache instructions';
const RISCV = 'RISC-V CMO extension 2.5: CBOs are ordered as stores';
const LINUX = 'Linux Documentation/core-api/dma-api.rst';

export const LINE_ROWS: readonly LineRow[] = [
  {
    id: 'clean-doorbell', story: 'Store, clean, doorbell: the clean must be complete before the device is told.',
    source: `${ARM}; ${RISCV}; ${X86}; ${LINUX}; decision 6`,
    program: 'cpu0: st x 1; clean x; %; out dev.16 1\ndev: bell dev.16 1; ld x d',
    outcomes: ['d=1'],
    question: ['d=0'],
    cases: [
      ['x86', 'fence sfence', 'forbidden'], ['x86', 'fence mfence', 'forbidden'], ['x86', 'swp z 1 r', 'forbidden'], ['x86', 'fence lfence', 'allowed'],
      ['arm', 'fence dsb.sy', 'forbidden'], ['arm', 'fence dsb.ish', 'forbidden'], ['arm', 'fence dsb.osh', 'forbidden'], ['arm', 'fence dsb.nsh', 'forbidden'],
      ['arm', 'fence dsb.st', 'allowed'], ['arm', 'fence dsb.ld', 'allowed'], ['arm', 'fence dmb.osh', 'allowed'], ['arm', 'fence dmb.oshst', 'allowed'],
      ['riscv', 'fence fence.w.o', 'forbidden'], ['riscv', 'fence fence.ow.ow', 'forbidden'], ['riscv', 'fence fence.w.w', 'allowed'], ['riscv', 'fence fence.r.o', 'allowed'],
      ['strict', 'fence dma_sync', 'forbidden'], ['strict', 'fence dma_wmb', 'allowed'],
    ],
  },
  {
    id: 'clean-first', story: 'Cleaning before the store cleans the old data.',
    source: `${ARM}; ${RISCV}; ${X86}; ${LINUX}`,
    program: 'cpu0: clean x; st x 1; %; out dev.16 1\ndev: bell dev.16 1; ld x d',
    outcomes: ['d=0', 'd=1'],
    question: [],
    cases: [['x86', 'fence mfence', 'allowed'], ['arm', 'fence dsb.sy', 'allowed'], ['riscv', 'fence fence.iorw.iorw', 'allowed'], ['strict', 'fence dma_sync', 'allowed']],
  },
  {
    id: 'clean-flag', story: 'Store, clean, then a flag in uncached memory for a device that polls it.',
    source: `${ARM}: DMB orders maintenance with accesses to memory; ${RISCV}; ${X86}; decision 6`,
    program: 'cpu0: st x 1; clean x; %; st y 1 uncached\ndev: ld y f; ld x d',
    outcomes: ['f=0 d=0', 'f=0 d=1', 'f=1 d=1'],
    question: ['f=1 d=0'],
    cases: [
      ['x86', 'fence sfence', 'forbidden'], ['x86', 'fence lfence', 'allowed'],
      ['arm', 'fence dmb.osh', 'forbidden'], ['arm', 'fence dmb.nsh', 'forbidden'], ['arm', 'fence dsb.sy', 'forbidden'], ['arm', 'fence dmb.oshst', 'allowed'], ['arm', 'fence dmb.oshld', 'allowed'],
      ['riscv', 'fence fence.w.w', 'forbidden'], ['riscv', 'fence fence.w.r', 'allowed'],
      ['strict', 'fence dma_sync', 'forbidden'], ['strict', 'fence dma_rmb', 'allowed'],
    ],
  },
  {
    id: 'clean-then-load', story: 'Store, clean, then a look at what the device wrote before it read: only a barrier that loads wait for.',
    source: `${X86}; ${ARM}; ${RISCV}`,
    program: 'cpu0: st x 1; clean x; %; ld y a uncached\ndev: st y 1; ld x d',
    outcomes: ['a=0 d=1', 'a=1 d=0', 'a=1 d=1'],
    question: ['a=0 d=0'],
    cases: [
      ['x86', 'fence mfence', 'forbidden'], ['x86', 'fence sfence', 'allowed'], ['x86', 'swp z 1 r', 'forbidden'],
      ['arm', 'fence dmb.osh', 'forbidden'], ['arm', 'fence dsb.st', 'allowed'], ['riscv', 'fence fence.w.r', 'forbidden'], ['riscv', 'fence fence.w.w', 'allowed'],
      ['strict', 'fence dma_sync', 'forbidden'], ['strict', 'fence dma_mb', 'allowed'],
    ],
  },
  {
    id: 'invalidate-after', story: 'The device writes, then tells by its register; an invalidate in between the register and the load, complete before the load, shows what it wrote.',
    source: `${ARM}; ${RISCV}; ${X86}; Linux arch/arm64/mm/dma-mapping.c, arch_sync_dma_for_cpu`,
    program: 'cpu0: ld x p; in dev.4 s full; inval x; %; ld x b\ndev: st x 5; st dev.4 1',
    outcomes: ['p=0 s=0 b=0', 'p=0 s=0 b=5', 'p=0 s=1 b=5', 'p=5 s=0 b=5', 'p=5 s=1 b=5'],
    question: ['p=0 s=1 b=0'],
    cases: [
      ['x86', 'fence mfence', 'forbidden'], ['x86', 'fence sfence', 'allowed'],
      ['arm', 'fence dsb.sy', 'forbidden'], ['arm', 'fence dmb.osh', 'forbidden'], ['arm', 'fence dsb.ld', 'allowed'],
      ['riscv', 'fence fence.iorw.iorw', 'forbidden'], ['riscv', '', 'forbidden'],
      ['strict', 'fence dma_sync', 'forbidden'], ['strict', 'fence dma_rmb', 'allowed'],
    ],
  },
  {
    id: 'barrier-then-invalidate', story: 'A store to uncached memory, a barrier, an invalidate that loses what the other CPU has in the line: whoever sees it lost sees the store.',
    source: `${ARM}; ${RISCV}; ${X86}; Linux Documentation/memory-barriers.txt, Mandatory barriers`,
    program: 'cpu0: st u 1 uncached; %; inval x\ncpu1: st x 1; ld x b; @; ld u c uncached\ndev: ld y d',
    outcomes: ['b=0 c=1 d=0', 'b=1 c=0 d=0', 'b=1 c=1 d=0'],
    question: ['b=0 c=0 d=0'],
    cases: [
      ['x86', 'fence mfence @', 'forbidden'], ['x86', 'fence lfence @', 'allowed'],
      ['arm', 'fence dmb.osh @ fence dmb.osh', 'forbidden'], ['arm', 'fence dmb.nsh @ fence dmb.nsh', 'forbidden'], ['arm', 'fence dmb.oshst @ fence dmb.osh', 'allowed'],
      ['riscv', 'fence fence.w.w @ fence fence.r.r', 'forbidden'], ['strict', 'fence mb @ fence mb', 'forbidden'], ['strict', 'fence dma_wmb @ fence mb', 'allowed'],
    ],
  },
  {
    id: 'barrier-then-line', story: 'A store to uncached memory, a barrier, a store into a line: a device to which the line came sees both.',
    source: `${ARM}; ${RISCV}; ${X86}; Linux Documentation/memory-barriers.txt, Mandatory barriers`,
    program: 'cpu0: st u 1 uncached; %; st x 1\ndev: ld x a; ld u b',
    outcomes: ['a=0 b=0', 'a=0 b=1', 'a=1 b=1'],
    question: ['a=1 b=0'],
    cases: [['x86', '', 'forbidden'], ['arm', 'fence dmb.oshst', 'forbidden'], ['arm', 'fence dmb.oshld', 'allowed'], ['riscv', 'fence fence.w.w', 'forbidden'], ['strict', 'fence wmb', 'forbidden'], ['strict', 'fence smp_wmb', 'allowed']],
  },
  {
    id: 'fetched-between', story: 'A line that the CPU had before may be evicted and fetched again between two writes of the device.',
    source: `${ARM}; ${RISCV}; ${X86}; ${LINUX}: what the CPU has in its cache is undefined until the sync`,
    program: 'cpu0: ld x a; in dev.4 s full; ld x b\ndev: st x 1; st x 2; st dev.4 1',
    outcomes: ['a=0 s=0 b=0', 'a=0 s=0 b=1', 'a=0 s=0 b=2', 'a=0 s=1 b=0', 'a=0 s=1 b=1', 'a=0 s=1 b=2', 'a=1 s=0 b=1', 'a=1 s=0 b=2', 'a=1 s=1 b=1', 'a=1 s=1 b=2', 'a=2 s=0 b=2', 'a=2 s=1 b=2'],
    question: [],
    cases: [['x86', '', 'allowed'], ['arm', '', 'allowed'], ['riscv', '', 'allowed'], ['strict', '', 'allowed']],
  },
  {
    id: 'neighbour', story: 'The CPU stores next to what the device writes: its line goes back over it, unless it was fetched after the write.',
    source: `${ARM}; ${RISCV}; Linux arch/riscv/mm/dma-noncoherent.c`,
    program: 'cpu0: ld x p; st x+8 1; clean x; %; out dev.16 1\ndev: st x 5; bell dev.16 1; ld x d; ld x+8 e',
    outcomes: ['p=0 d=0 e=1', 'p=0 d=5 e=1', 'p=5 d=5 e=1'],
    question: [],
    cases: [['arm', 'fence dsb.sy', 'allowed'], ['riscv', 'fence fence.w.o', 'allowed'], ['strict', 'fence dma_sync', 'allowed']],
  },
];
