// SPDX-License-Identifier: Apache-2.0
/** What a litmus test is once it is read: names resolved, threads assembled, nothing run yet. */
import type { CType } from './memory-map.ts';
import type { Instruction } from './thread.ts';

export const ARCHES = ['AArch64', 'RISCV', 'X86_64', 'X86'] as const;
export type Arch = (typeof ARCHES)[number];

/** A value as the test writes it: a number, or the address of a location plus bytes. */
export type Scalar = { readonly kind: 'integer'; readonly value: bigint } | { readonly kind: 'address'; readonly name: string; readonly offset: bigint };

export interface MemoryLocation {
  readonly name: string;
  /** Bytes of one element. */
  readonly size: 1 | 2 | 4 | 8;
  readonly signed: boolean;
  /** False: no type was written, so the largest access decides how much of it is shown. */
  readonly typed: boolean;
  readonly isArray: boolean;
  readonly values: readonly Scalar[];
  /** Address of its first byte. */
  readonly address: number;
}

/** Something a final state has a value for. */
export type Ref = { readonly kind: 'register'; readonly thread: number; readonly name: string } | { readonly kind: 'memory'; readonly name: string; readonly index: number | null };

export type Proposition =
  | { readonly kind: 'true' }
  | { readonly kind: 'false' }
  | { readonly kind: 'not'; readonly of: Proposition }
  | { readonly kind: 'and' | 'or' | 'implies'; readonly left: Proposition; readonly right: Proposition }
  | { readonly kind: 'compare'; readonly left: Ref; readonly equal: boolean; readonly right: Scalar | Ref }
  | { readonly kind: 'array'; readonly name: string; readonly equal: boolean; readonly values: readonly Scalar[] };

export type Quantifier = 'exists' | '~exists' | 'forall' | 'observe';

export interface LitmusThread {
  /** The number in its column's header. */
  readonly index: number;
  readonly code: readonly Instruction[];
  /** Instruction that follows each label. */
  readonly labels: ReadonlyMap<string, number>;
  readonly registers: readonly { readonly name: string; readonly slot: number; readonly type: CType | null; readonly value: Scalar }[];
}

export interface LitmusTest {
  readonly arch: Arch;
  readonly name: string;
  readonly doc: string;
  readonly metadata: readonly (readonly [key: string, value: string])[];
  readonly memory: readonly MemoryLocation[];
  readonly threads: readonly LitmusThread[];
  /** What a state shows, in herd's order: registers by thread, name and number, then memory by name. */
  readonly observed: readonly Ref[];
  readonly filter: Proposition | null;
  readonly quantifier: Quantifier;
  readonly condition: Proposition;
  /** The condition as herd prints it. */
  readonly conditionText: string;
  /** Register slot of a register `Ref`. */
  readonly slotOf: (name: string) => number;
}
