// SPDX-License-Identifier: Apache-2.0
/**
 * The one table of the kernel API. Prelude, declarations, host dispatch and
 * reference page are made from it; `ops.test.ts` proves that none lacks a row.
 *
 * An op is `op(code, a, b)`: bits 7–0 of `code` name the row, bits 9–8 the
 * size (log2 of bytes), bit 10 the uncached alias, bits 31–16 the load whose
 * value the address was computed from (its number in this call, 0 for none).
 */
import { ARITHMETIC_CONSTANTS, BITS_ROWS, BYTEORDER_ROWS, KERNEL_ROWS, LOG2_ROWS } from './ops/arithmetic.ts';
import { BARRIER_ROWS, COMPILER_ROWS } from './ops/barrier.ts';
import { DEVICE_ROWS, PLATFORM_ROWS, PRINTK_ROWS } from './ops/device.ts';
import { DMA_CONSTANTS, DMA_ROWS } from './ops/dma.ts';
import { COMPLETION_ROWS, INTERRUPT_CONSTANTS, INTERRUPT_ROWS } from './ops/interrupt.ts';
import { IO_ROWS } from './ops/io.ts';
import { SLAB_CONSTANTS, SLAB_ROWS, STRING_ROWS } from './ops/memory.ts';
import type { Constant, NumberedRow, Row } from './ops/row.ts';
import { SPINLOCK_ROWS } from './ops/spinlock.ts';
import { PRIVATE_ROWS, STRUCT_ROWS } from './ops/struct.ts';

const ROWS: readonly Row[] = [
  ...PRIVATE_ROWS,
  ...BARRIER_ROWS,
  ...COMPILER_ROWS,
  ...IO_ROWS,
  ...DMA_ROWS,
  ...INTERRUPT_ROWS,
  ...COMPLETION_ROWS,
  ...SLAB_ROWS,
  ...STRING_ROWS,
  ...DEVICE_ROWS,
  ...PLATFORM_ROWS,
  ...PRINTK_ROWS,
  ...BYTEORDER_ROWS,
  ...KERNEL_ROWS,
  ...BITS_ROWS,
  ...LOG2_ROWS,
  ...STRUCT_ROWS,
  ...SPINLOCK_ROWS,
];

function number(rows: readonly Row[]): readonly NumberedRow[] {
  let next = 1;
  return rows.map((row) => ({ ...row, code: row.host === undefined ? 0 : next++ }));
}

export const OPS: readonly NumberedRow[] = number(ROWS);
export const CONSTANTS: readonly Constant[] = [...DMA_CONSTANTS, ...INTERRUPT_CONSTANTS, ...SLAB_CONSTANTS, ...ARITHMETIC_CONSTANTS];

/** Row by op code; undefined for a code the guest made up. */
export const ROW_OF_CODE: readonly (NumberedRow | undefined)[] = (() => {
  const table: (NumberedRow | undefined)[] = new Array<NumberedRow | undefined>(256).fill(undefined);
  for (const row of OPS) if (row.code !== 0) table[row.code] = row;
  return table;
})();

/** @throws RangeError when no row has this name */
export function codeOf(name: string): number {
  const row = OPS.find((candidate) => candidate.name === name);
  if (row === undefined || row.code === 0) throw new RangeError(`no op is called ${name}`);
  return row.code;
}
