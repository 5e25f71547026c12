// SPDX-License-Identifier: Apache-2.0
/**
 * The core part of a profile: what the machine is below the kernel. The kernel
 * part (lowering, UP builds) is in `@dmalab/kernel/profiles` and names one of these.
 */
import { PARTIAL_LINE, type PartialLine } from '../cache/lines.ts';
import type { RuleTable } from '../ordering/rules.ts';
import { ARMV8 } from '../ordering/tables/armv8.ts';
import { RVWMO } from '../ordering/tables/rvwmo.ts';
import { STRICT } from '../ordering/tables/strict.ts';
import { X86_TSO } from '../ordering/tables/x86-tso.ts';

export interface CoreProfile {
  readonly id: string;
  readonly title: string;
  /** Rules of the CPUs; devices always follow `tables/device.ts`. */
  readonly ordering: RuleTable;
  /** Devices see the CPUs' caches. */
  readonly coherent: boolean;
  /** Bytes. */
  readonly lineSize: number;
  /** What an invalidate does to a line it covers in part. */
  readonly partialLine: PartialLine;
  readonly endian: 'little' | 'big';
  readonly wordBits: 64 | 32;
  /** Virtual cycles an operation costs beyond its step: by fence name, or by `load`, `store`, `rmw`, `mmio-read`, `mmio-write`, `maintain`. Rough and relative; no claim about any chip. */
  readonly costs: Readonly<Record<string, number>>;
}

const MEMORY = { load: 1, store: 1, rmw: 20, 'mmio-read': 400, 'mmio-write': 40, maintain: 40 };
const ARM_COSTS = { ...MEMORY, 'dmb.ishst': 8, 'dmb.oshst': 8, 'dmb.ishld': 8, 'dmb.oshld': 8, 'dmb.ish': 20, 'dmb.osh': 20, 'dsb.st': 60, 'dsb.ld': 60, 'dsb.sy': 100 };
const RISCV_COSTS = { ...MEMORY, 'fence.r.r': 8, 'fence.w.w': 8, 'fence.r.rw': 8, 'fence.rw.w': 8, 'fence.w.o': 8, 'fence.i.ir': 8, 'fence.rw.rw': 20, 'fence.ir.ir': 60, 'fence.ow.ow': 60, 'fence.iorw.iorw': 100 };
const STRICT_COSTS = { ...MEMORY, smp_mb: 20, smp_rmb: 8, smp_wmb: 8, dma_mb: 20, dma_rmb: 8, dma_wmb: 8, mb: 100, rmb: 60, wmb: 60 };
const X86_COSTS = { ...MEMORY, mfence: 30, 'lock.addl': 20, lfence: 6, sfence: 6 };

const common = { lineSize: 64, endian: 'little', wordBits: 64 } as const;
const X86_64: CoreProfile = { ...common, id: 'x86-64', title: 'x86-64', ordering: X86_TSO, coherent: true, partialLine: 'write-back', costs: X86_COSTS };
const ARM64: CoreProfile = { ...common, id: 'arm64', title: 'arm64', ordering: ARMV8, coherent: true, partialLine: PARTIAL_LINE.arm64, costs: ARM_COSTS };
const RISCV64: CoreProfile = { ...common, id: 'riscv64', title: 'riscv64', ordering: RVWMO, coherent: true, partialLine: PARTIAL_LINE.riscv64, costs: RISCV_COSTS };
const STRICT_CORE: CoreProfile = { ...common, id: 'strict', title: 'STRICT', ordering: STRICT, coherent: true, partialLine: PARTIAL_LINE.strict, costs: STRICT_COSTS };

/** By id. UP builds run on the same core. */
export const CORE_PROFILES = {
  'x86-64': X86_64,
  arm64: ARM64,
  'arm64-nc': { ...ARM64, id: 'arm64-nc', title: 'arm64, device not coherent', coherent: false },
  riscv64: RISCV64,
  'riscv64-nc': { ...RISCV64, id: 'riscv64-nc', title: 'riscv64, device not coherent', coherent: false },
  strict: STRICT_CORE,
  'strict-nc': { ...STRICT_CORE, id: 'strict-nc', title: 'STRICT, device not coherent', coherent: false },
} as const satisfies Record<string, CoreProfile>;
export type CoreProfileId = keyof typeof CORE_PROFILES;
