// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { findingLines, isOrdering } from './finding-lines.ts';

const at = (line: number, file = 'driver.ts') => ({ file, line, column: 3 });

it('two halves in the file have the missing edge between them', () => {
  expect(findingLines(at(15), at(18), 'dma_wmb', 'driver.ts')).toEqual({ halves: [{ line: 15, half: 'one' }, { line: 18, half: 'two' }], gap: { after: 15, text: 'nothing orders 15 before 18' } });
});
it('in a loop the second half may stand above the first', () => {
  expect(findingLines(at(18), at(15), 'dma_wmb', 'driver.ts').gap).toEqual({ after: 15, text: 'nothing orders 18 before 15' });
});
it('a half in another file, or no missing primitive, leaves no gap', () => {
  expect(findingLines(at(15), at(3, 'nic.ts'), 'dma_wmb', 'driver.ts')).toEqual({ halves: [{ line: 15, half: 'one' }], gap: null });
  expect(findingLines(at(15), at(18), '', 'driver.ts').gap).toBeNull();
  expect(findingLines(null, null, 'dma_wmb', 'driver.ts')).toEqual({ halves: [], gap: null });
});
it('both halves on one line are one mark', () => {
  expect(findingLines(at(9), at(9), 'dma_wmb', 'driver.ts').halves).toEqual([{ line: 9, half: 'both' }]);
});

it('a missing sync is no missing order', () => {
  expect(findingLines(at(23), at(24), 'dma_sync_single_for_cpu', 'driver.ts').gap).toEqual({ after: 23, text: 'no dma_sync_single_for_cpu() between 23 and 24' });
  expect(findingLines(at(24), at(23), 'dma_sync_single_for_cpu', 'driver.ts').gap).toEqual({ after: 23, text: 'no dma_sync_single_for_cpu() between 23 and 24' });
  expect(['mb', 'wmb', 'rmb', 'dma_wmb', 'dma_rmb', 'smp_mb', 'smp_store_release', 'barrier'].map(isOrdering)).not.toContain(false);
  expect(['dma_map_single', 'dma_mapping_error', 'dma_unmap_single', 'dma_free_coherent'].map(isOrdering)).not.toContain(true);
});
