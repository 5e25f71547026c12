// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { Trace } from '../run/trace.ts';
import { longRun } from '../testing/recorded-run.ts';
import { foldWords } from './fold.ts';
import { layoutWide, placeColumns } from './layout.ts';

/** Everything a seek redraws: the machine's state and the picture of the window. The best of several, milliseconds: the machine may be busy. */
function seekTime(trace: Trace): number {
  const words = (f: Parameters<typeof foldWords>[0]) => foldWords(f, trace.index, (id) => trace.names.agent(id));
  const open: ReadonlySet<number> = new Set();
  const columns = placeColumns(trace.model, { width: 1200, open });
  const times = Array.from({ length: 15 }, (_, i) => {
    const step = Math.floor((trace.length * (i + 0.5)) / 15);
    const begin = performance.now();
    trace.at(step);
    layoutWide(trace.model, { width: 1200, step, open, foldWords: words, columns, window: { from: 0, to: 1200 } });
    return performance.now() - begin;
  });
  return Math.min(...times);
}

it('a seek does not get dearer with the length of the trace', () => {
  const small = new Trace(longRun(920));
  const large = new Trace(longRun(9200));
  expect(large.length).toBeGreaterThan(100_000);
  seekTime(small); // warm
  const [ten, hundred] = [seekTime(small), seekTime(large)];
  expect(hundred).toBeLessThan(Math.max(2 * ten, 5));
});
