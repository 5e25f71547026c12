// SPDX-License-Identifier: Apache-2.0
import type { LabSummary } from '@dmalab/contracts/api';
import { expect, it } from 'vitest';
import { groupLabs, nextLab } from './groups.ts';

const lab = (number: string, teaches: string[], more: Partial<LabSummary> = {}): LabSummary => ({ id: `lab-${number}`, number, title: '', summary: '', needs: [], teaches, minutes: null, profiles: [], points: { earned: null, possible: 100 }, state: 'new', ...more });

it('groups stand in the order of their first labs, labs without a question last', () => {
  const groups = groupLabs([lab('06', ['dma-wmb', 'doorbells']), lab('01', ['curiosity']), lab('02', ['dma-sync']), lab('14', ['iotlb-invalidation']), lab('05', ['barriers'])]);
  expect(groups.map((g) => [g.name, g.labs.map((l) => l.number)])).toEqual([
    ['Coherence', ['02']],
    ['Order', ['05', '06']],
    ['Translation', ['14']],
    ['More', ['01']],
  ]);
});

it('next is what is begun, else the first whose needs are met', () => {
  const labs = [lab('01', [], { state: 'solved' }), lab('02', [], { needs: ['lab-03'] }), lab('03', [])];
  expect(nextLab(labs)?.number).toBe('03');
  expect(nextLab([...labs, lab('04', [], { state: 'partial' })])?.number).toBe('04');
  expect(nextLab([])).toBeUndefined();
});
