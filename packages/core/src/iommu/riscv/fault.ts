// SPDX-License-Identifier: Apache-2.0
/** A fault with its reason: which table, which entry, which bits, which rule, and the smallest edit that removes it. */
import { NO_ANSWER, type Rule } from '../../mmu/format.ts';

export interface Fault {
  readonly kind: 'fault';
  readonly cause: number;
  /** What is reported beside the address: a guest address and how it came about. */
  readonly iotval2: bigint;
  readonly why: Why;
}

export interface Why {
  /** `device directory`, `first-stage table`, … */
  readonly table: string;
  /** Level of the entry in its table, 0 the last; null where no entry was read. */
  readonly level: number | null;
  /** Physical address of the entry. */
  readonly entry: bigint | null;
  readonly rule: Rule;
}

export function fault(cause: number, why: Why, iotval2 = 0n): Fault {
  return { kind: 'fault', cause, iotval2, why };
}

const MEMORY = 'RISC-V IOMMU, "Fault/Event-Queue"';
export const DENIED: Rule = { field: 'address', bits: '55:12', text: 'the entry lies where memory refuses access', section: MEMORY, beyondRepair: NO_ANSWER };
export const CORRUPT: Rule = { field: 'entry', bits: 'all', text: 'the entry came back corrupt', section: MEMORY, beyondRepair: NO_ANSWER };
