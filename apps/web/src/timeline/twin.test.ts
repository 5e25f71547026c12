// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { Trace } from '../run/trace.ts';
import { longRun, recordedRun } from '../testing/recorded-run.ts';
import { sentence } from '../trace/words.ts';
import { scrubMarks } from './marks.ts';
import { twinCsv, twinRows } from './twin.ts';

const traces = [['the failing run', new Trace(recordedRun())], ['a long run', new Trace(longRun(30))]] as const;

describe.each(traces)('the table twin of %s', (_name, trace) => {
  const rows = twinRows(trace.index, trace.names);
  const row = (step: number) => rows[step - 1]!;

  it('has one row a step, in order', () => {
    expect(rows.map((r) => r.step)).toEqual(trace.index.events.map((e) => e.id));
  });

  it('puts every mark of the picture on the same lane', () => {
    expect(trace.model.marks.length).toBeGreaterThan(10);
    for (const m of trace.model.marks) expect(row(m.step).lane, `step ${m.step}`).toBe(m.lane);
  });

  it('says every value that a mark is labelled with', () => {
    for (const m of trace.model.marks) {
      const e = trace.event(m.step)!;
      if (e.kind !== 'store' && e.kind !== 'load' && e.kind !== 'drain') continue;
      const label = m.labels[0]!.replace('…', '');
      expect(`${row(m.step).where}${label.includes('→') ? '→' : '='}${row(m.step).value}`, `step ${m.step}`).toContain(label.split(/[=→]/)[0]!);
      expect(row(m.step).value).toContain(label.split(/[=→]/)[1]!);
    }
  });

  it('names as a cause every step an arrow comes from', () => {
    for (const a of trace.model.arrows) {
      if (a.from === a.to || a.kind === 'late' || a.kind === 'missing') continue;
      expect(row(a.to).because.split(', '), `${a.kind} ${a.from} → ${a.to}`).toContain(`${a.from}`);
    }
  });

  it('lists as waiting exactly the stores whose bars pass the step', () => {
    for (const r of rows) {
      const inPicture = trace.index.events.filter((e) => e.kind === 'store' && e.id <= r.step && (trace.index.drainOf(e.id) === 0 || trace.index.drainOf(e.id) > r.step));
      const told = r.waiting === 'nothing' ? 0 : /^\d+ stores$/.test(r.waiting) ? Number(r.waiting.split(' ')[0]) : r.waiting.split(', ').length;
      expect(told, `step ${r.step}`).toBe(inPicture.length);
    }
  });

  it('has a sentence for every step', () => {
    for (const e of trace.index.events) expect(sentence(e, trace.names, trace.index)).toMatch(/^\S.*\S$/);
  });
});

describe('notes', () => {
  const trace = traces[0][1];
  const f = trace.index.finding!;
  const rows = twinRows(trace.index, trace.names);
  const note = (step: number): string => rows[step - 1]!.note;

  it('tell the halves, the old value, the overtaking and the late drain', () => {
    expect(note(f.first)).toBe('half 1 of the finding');
    expect(note(f.second)).toBe(`half 2; nothing orders it after ${f.first}`);
    expect(note(f.witness)).toBe('finding: old value');
    expect(note(trace.index.drainOf(f.second))).toContain(`overtakes len[1] of step ${f.first}`);
    expect(note(f.late)).toContain('too late');
  });

  it('mark exactly what the picture keeps from folding for the finding or a deviation', () => {
    for (const r of rows.filter((k) => k.matters && k.step !== f.event.id)) expect(trace.model.keep.has(r.step), `step ${r.step}`).toBe(true);
  });

  it('stand in the exported file, quoted where they hold a comma', () => {
    const lines = twinCsv(rows).split('\n');
    expect(lines).toHaveLength(rows.length + 1);
    expect(lines[f.first]).toContain('half 1 of the finding');
    expect(lines.find((l) => l.includes('"addr[1], len[1]"'))).toBeDefined();
  });

  it('have their marks on the scrubber', () => {
    const kinds = scrubMarks(trace.index);
    expect(kinds.filter((m) => m.kind === 'finding').map((m) => m.step)).toEqual([f.witness]);
    expect(kinds.filter((m) => m.kind === 'choice').map((m) => m.step)).toEqual(trace.index.events.filter((e) => trace.index.deviates(e.id)).map((e) => e.id));
  });
});
