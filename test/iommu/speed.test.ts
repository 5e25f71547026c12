// SPDX-License-Identifier: Apache-2.0
/** Translations against the bare walker, loosely: a loaded machine changes times, not so much their ratios. `npm run bench` has the exact ones. */
import { expect, it } from 'vitest';
import { rows } from '../bench/iommu-rows.ts';
import { measure } from '../bench/ratios.ts';

/** How much worse than its bar a row may look here. */
const SLACK = 10;

it('a translation costs a bounded multiple of a bare walk', () => {
  const all = rows(256);
  expect(all.map(({ name, subject }) => [name, subject.reads()])).toEqual(all.map(({ name, reads }) => [name, reads]));
  const measured = measure(all, 5, 4);
  const late = all.flatMap(({ name, bar, against }, i) => {
    const times = (measured[i]?.slower ?? Infinity) / (measured.find((other) => other.name === against)?.slower ?? 1);
    return times <= bar * SLACK ? [] : [`${name}: ${times.toFixed(1)} times as long as ${against}; expected at most ${bar * SLACK}`];
  });
  expect(late).toEqual([]);
});
