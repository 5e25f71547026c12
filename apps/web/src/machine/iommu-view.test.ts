// SPDX-License-Identifier: Apache-2.0
import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import { plain } from '@dmalab/core/base/choice';
import type { TraceEvent } from '@dmalab/core/base/events';
import { afterRing, ENTRY, PAGE, run, SYSTEMS } from '@dmalab/core/machine/iommu-bench.test-support';
import { Trace } from '../run/trace.ts';
import { IommuPanel } from './iommu-panel.tsx';
import { kindOf, unitView } from './iommu-view.ts';

/** A device behind a unit reads a page, on a machine that is really run. */
function traceOf(kind: 'riscv' | 'vtd' | 'smmuv3'): Trace {
  const events: TraceEvent[] = [];
  run({ profile: 'x86-64', iommu: { kind, iotlb: 4, contexts: 4 }, memory: [...SYSTEMS[kind].contexts, [ENTRY, SYSTEMS[kind].leaf, 8], [PAGE, 7n, 8]], cpu: (cpu) => cpu.ring(), device: afterRing }, plain, (event) => events.push(event));
  return new Trace(events);
}

const WALKS = {
  riscv: ['Device context, base format', 'Page-table entry, 64 bits'],
  vtd: ['Root entry, legacy', 'Context entry, legacy', 'Second-stage paging entry'],
  smmuv3: ['Stream table entry', 'Context descriptor', 'VMSAv8-64 page or block descriptor, stage 1'],
} as const;

describe.each(['riscv', 'vtd', 'smmuv3'] as const)('a run behind a unit of kind %s', (kind) => {
  const trace = traceOf(kind);
  const unit = trace.at(trace.length).units.get('iommu0')!;

  it('tells the kind, each structure of the walk, and what was answered', () => {
    expect(kindOf(trace.index.events, 'iommu0')).toBe(kind);
    const view = unitView(unit, kind);
    expect(view.accesses.map(({ layout }) => layout?.name)).toEqual(WALKS[kind]);
    for (const { raw, layout } of view.accesses) expect(layout?.strayBits(raw)).toBe(0n);
    expect(view.answer).toBe('read of 0x4005_0000 by device 0x3: memory, 0x5_0000');
    expect(view.caches.some(({ lines }) => lines.length > 0)).toBe(true);
    for (const { lines } of view.caches) for (const { entry } of lines) expect(entry).not.toContain('-');
    expect(view.walks).toBe(false);
  });

  it('shows the walk as it goes on, step by step', () => {
    const steps = trace.index.events.filter((e) => e.kind === 'walk').map((e) => e.id);
    expect(steps).toHaveLength(WALKS[kind].length);
    steps.forEach((step, i) => {
      const view = unitView(trace.at(step).units.get('iommu0')!, kind);
      expect([view.walks, view.accesses.length, view.answer]).toEqual([true, i + 1, '']);
    });
  });

  it('is drawn with its tables, and the last entry bit by bit', () => {
    const html = renderToStaticMarkup(createElement(IommuPanel, { trace, state: trace.at(trace.length), onSeek: () => undefined }));
    expect(html.match(/<svg class="bits"/g)?.length).toBeGreaterThan(0);
    expect(html).toContain(`<h4>${WALKS[kind].at(-1)}`);
    expect(html).toContain('The walk behind that answer');
    expect(html).not.toMatch(/<th(?! scope)[ >]/);
  });
});
