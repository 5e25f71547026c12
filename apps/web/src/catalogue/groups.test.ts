// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { LabSummary } from '@dmalab/contracts/api';
import { groupLabs, nextLab } from './groups.ts';

const lab = (number: string, teaches: string[], more: Partial<LabSummary> = {}): LabSummary => ({ id: `lab-${number}`, number, title: '', summary: '', needs: [], teaches, minutes: null, profiles: [], points: { possible: 10, earned: null }, state: 'new', ...more });

describe('the catalogue', () => {
  const labs = [lab('06', ['dma-wmb', 'dma-rmb', 'doorbells']), lab('02', ['dma-map-single', 'dma-sync', 'ownership']), lab('14', ['iotlb-invalidation']), lab('07', ['doorbells']), lab('99', ['poetry'])];

  it('groups labs by what they teach', () => {
    expect(groupLabs(labs).map((g) => [g.name, g.labs.map((l) => l.number)])).toEqual([
      ['Coherence', ['02']],
      ['Order', ['06', '07']],
      ['Translation', ['14']],
      ['More', ['99']],
    ]);
  });

  it('goes on with what was begun, then with what is open', () => {
    expect(nextLab(labs)?.number).toBe('02');
    expect(nextLab(labs.map((l) => (l.number === '06' ? { ...l, state: 'tried' as const } : l)))?.number).toBe('06');
    expect(nextLab([lab('03', [], { needs: ['lab-04'] }), lab('04', [])])?.number).toBe('04');
    expect(nextLab(labs.map((l) => ({ ...l, state: 'solved' as const })))).toBeUndefined();
  });
});
