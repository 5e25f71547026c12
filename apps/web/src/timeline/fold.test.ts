// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { foldColumns, FOLD_WIDTH, MIN_RUN, MIN_STEP, type Slot } from './fold.ts';

const columns = (n: number) => Array.from({ length: n }, (_, i) => ({ step: i + 1, first: i + 1, last: i + 1 }));
const none: ReadonlySet<number> = new Set();
const shape = (slots: readonly Slot[]): string => slots.map((s) => (s.kind === 'fold' ? `[${s.first}-${s.last}]` : s.column.step)).join(' ');
/** The fold that hides a step. */
const foldAt = (slots: readonly Slot[], step: number): Slot | undefined => slots.find((s) => s.kind === 'fold' && step >= s.first && step <= s.last);
const room = (slots: readonly Slot[]): number => slots.reduce((w, s) => w + (s.kind === 'fold' ? FOLD_WIDTH : MIN_STEP), 0);

describe('folding', () => {
  it('does nothing while every step fits', () => {
    expect(shape(foldColumns({ columns: columns(8), keep: none }, 8 * MIN_STEP, none))).toBe('1 2 3 4 5 6 7 8');
  });

  it('folds no more than it must, nearest the start first', () => {
    expect(shape(foldColumns({ columns: columns(8), keep: none }, 6 * MIN_STEP, none))).toBe('[1-4] 5 6 7 8');
  });

  it('goes on with the next run when one is not enough', () => {
    expect(shape(foldColumns({ columns: columns(12), keep: new Set([6]) }, 5 * MIN_STEP, none))).toBe('[1-5] 6 [7-11] 12');
  });

  it('leaves runs shorter than three alone', () => {
    expect(MIN_RUN).toBe(3);
    expect(shape(foldColumns({ columns: columns(7), keep: new Set([1, 4, 7]) }, 100, none))).toBe('1 2 3 4 5 6 7');
  });

  it.each([3, 9, 40, 90])('never hides a kept step (%i of 100 kept)', (n) => {
    const keep = new Set(Array.from({ length: n }, (_, i) => 1 + Math.floor((i * 100) / n)));
    const slots = foldColumns({ columns: columns(100), keep }, 600, none);
    for (const s of keep) expect(foldAt(slots, s)).toBeUndefined();
  });

  it('keeps open what was opened', () => {
    const slots = foldColumns({ columns: columns(30), keep: none }, 400, new Set([10, 11, 12]));
    for (const s of [10, 11, 12]) expect(foldAt(slots, s)).toBeUndefined();
    expect(foldAt(slots, 5)).toMatchObject({ first: 1, last: 9 });
  });

  it('fits the room whenever folding can make it fit', () => {
    for (const n of [10, 57, 200, 1000]) expect(room(foldColumns({ columns: columns(n), keep: new Set([n]) }, 900, none))).toBeLessThanOrEqual(900);
  });

  it('takes a column with its bookkeeping steps as one', () => {
    const wide = [{ step: 3, first: 1, last: 4 }, ...columns(8).slice(4)];
    expect(shape(foldColumns({ columns: wide, keep: none }, 140, none))).toBe('[1-8]');
    expect(shape(foldColumns({ columns: wide, keep: new Set([2]) }, 150, none))).toBe('3 [5-8]');
  });
});
