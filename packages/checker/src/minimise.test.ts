// SPDX-License-Identifier: Apache-2.0
import type { Deviation } from '@dmalab/core/base/choice';
import { expect, it } from 'vitest';
import { minimise } from './minimise.ts';

const deviation = (key: string): Deviation => ({ agent: 'cpu0', kind: 'drain', key, ordinal: 0, answer: 1 });
const all = Array.from({ length: 37 }, (_, i) => deviation(`k${i}`));
const keys = (list: readonly Deviation[]): string[] => list.map((d) => d.key);

it('keeps exactly what the failure needs, out of many', () => {
  const needs = ['k3', 'k17', 'k30'];
  const result = minimise(
    { deviations: all, without: [] },
    { attempt: ({ deviations }) => (needs.every((k) => keys(deviations).includes(k)) ? deviations : undefined), items: [], limit: 1000 },
  );
  expect(keys(result.deviations)).toEqual(needs);
  expect(result.minimal).toBe(true);
  expect(result.attempts).toBeLessThan(120);
});

it('drops workload items, and then the deviations that only they needed', () => {
  const result = minimise(
    { deviations: [deviation('a'), deviation('b')], without: [] },
    {
      attempt: ({ deviations, without }) => {
        const has = keys(deviations);
        const ok = has.includes('a') && !without.includes('task[0]') && (without.includes('task[1]') || has.includes('b'));
        return ok ? deviations : undefined;
      },
      items: ['task[0]', 'task[1]'],
      limit: 100,
    },
  );
  expect(result).toMatchObject({ without: ['task[1]'], minimal: true });
  expect(keys(result.deviations)).toEqual(['a']);
});

it('takes over the deviations that really took place', () => {
  const result = minimise({ deviations: [deviation('a'), deviation('never-asked')], without: [] }, { attempt: ({ deviations }) => (keys(deviations).includes('a') ? [deviation('a')] : undefined), items: [], limit: 100 });
  expect(keys(result.deviations)).toEqual(['a']);
});

it('says when it had to give up', () => {
  const result = minimise({ deviations: all, without: [] }, { attempt: () => undefined, items: [], limit: 5 });
  expect(result).toMatchObject({ minimal: false, attempts: 5 });
});
