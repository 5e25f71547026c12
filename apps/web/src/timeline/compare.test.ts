// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { Trace } from '../run/trace.ts';
import { Recorder, recordedRun } from '../testing/recorded-run.ts';
import { compareTraces, sharedColumns } from './compare.ts';
import { layoutWide, placeColumns } from './layout.ts';

/** Two stores; in `late` runs the first drains after the second, and a line is printed in between. */
function run(late: boolean): Trace {
  const r = new Recorder();
  r.add('machine', 'machine', { profile: 'arm64', workload: 'w', agents: [{ id: 'cpu0', kind: 'cpu', name: 'CPU 0' }], lineSize: 64, coherent: true, description: {} });
  const len = r.store('len', 0, 60, 15);
  const flags = r.store('flags', 0, 1, 18);
  if (!late) r.drain(len);
  r.drain(flags);
  if (late) {
    r.add('cpu0', 'log', { level: 'info', text: 'still waiting' });
    r.drain(len);
  }
  r.add('machine', 'end', { reason: 'quiescent', text: '' });
  return new Trace(r.events);
}

describe('two runs', () => {
  const comparison = compareTraces(run(false), run(true));

  it('part at the first step at which they do different things', () => {
    expect(comparison.parts).toBe(4);
  });

  it('share what both do, whatever its number', () => {
    // In one the length drains first, in the other last, with a printed line before it; the other drain and the end are shared.
    expect([...comparison.alone[0]]).toEqual([4]);
    expect([...comparison.alone[1]]).toEqual([5, 6]);
    expect(comparison.rows.map(({ run: of, row }) => [of, row.step, row.event])).toEqual([[0, 4, 'receives'], [1, 5, 'prints'], [1, 6, 'receives']]);
  });

  it('that are the same part nowhere', () => {
    expect(compareTraces(run(true), run(true))).toEqual({ parts: 0, alone: [new Set(), new Set()], rows: [] });
  });

  it('of which one stops earlier part where it stops', () => {
    const whole = recordedRun();
    const { parts, alone } = compareTraces(new Trace(whole), new Trace(whole.slice(0, 20)));
    expect(parts).toBe(21);
    expect([...alone[0]]).toEqual(whole.slice(20).map((e) => e.id));
    expect(alone[1].size).toBe(0);
  });
});

describe('their pictures', () => {
  const [a, b] = [new Trace(recordedRun()), new Trace(recordedRun().slice(0, 20))];
  const shared = sharedColumns(a.model, b.model, 21);
  const columns = placeColumns({ ...a.model, ...shared }, { width: 1200, open: new Set() });
  const marks = (trace: Trace): Map<number, number> => new Map(layoutWide(trace.model, { width: 1200, step: 20, open: new Set(), columns, foldWords: () => ['', ''] }).items.flatMap((i) => (i.kind === 'mark' && i.step > 0 ? [[i.step, i.x] as const] : [])));

  it('have one row of columns: each step once, in order', () => {
    expect(shared.columns[0]!.first).toBe(1);
    expect(shared.columns.at(-1)!.last).toBe(a.length);
    shared.columns.slice(1).forEach((c, i) => expect(c.first).toBe(shared.columns[i]!.last + 1));
  });

  it('show a step of both runs at one place', () => {
    const [above, below] = [marks(a), marks(b)];
    expect(below.size).toBeGreaterThan(3);
    for (const [step, x] of below) expect(above.get(step), `step ${step}`).toBe(x);
  });

  it('never fold the step at which the runs part', () => {
    expect(columns.folded(21)).toBe(false);
  });
});
