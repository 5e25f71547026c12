// SPDX-License-Identifier: Apache-2.0
/** What the invalidating instructions of each architecture take away of a TLB. Each acts on the CPU that executes it; Arm's `…IS` ones on all. */
import type { TlbScope } from './cpu.ts';

/** Intel SDM volume 3, "Operations that Invalidate TLBs and Paging-Structure Caches". `pcid`: the current one. */
export const X86 = {
  /** Of the current PCID, and global ones of that page whatever theirs. */
  invlpg: (address: bigint, pcid: number): TlbScope => ({ address, asid: pcid, globals: true }),
  invpcidAddress: (address: bigint, pcid: number): TlbScope => ({ address, asid: pcid, globals: false }),
  invpcidContext: (pcid: number): TlbScope => ({ address: null, asid: pcid, globals: false }),
  invpcidAllWithGlobals: (): TlbScope => ({ address: null, asid: null, globals: true }),
  invpcidAll: (): TlbScope => ({ address: null, asid: null, globals: false }),
  /** Loading CR3 with bit 63 clear. */
  loadCr3: (pcid: number): TlbScope => ({ address: null, asid: pcid, globals: false }),
  /** Changing CR4.PGE. */
  togglePge: (): TlbScope => ({ address: null, asid: null, globals: true }),
} as const;

/** RISC-V Privileged ISA, "Supervisor Memory-Management Fence Instruction". Null stands for register x0. */
export const RISCV = {
  sfenceVma: (address: bigint | null, asid: number | null): TlbScope => ({ address, asid, globals: asid === null }),
} as const;

/** Arm ARM (DDI 0487), "TLB maintenance instructions". */
export const ARM = {
  vmalle1: (): TlbScope => ({ address: null, asid: null, globals: true }),
  aside1: (asid: number): TlbScope => ({ address: null, asid, globals: false }),
  /** Of the ASID, and global ones of that page. */
  vae1: (address: bigint, asid: number): TlbScope => ({ address, asid, globals: true }),
  vaae1: (address: bigint): TlbScope => ({ address, asid: null, globals: true }),
} as const;
