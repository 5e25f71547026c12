// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { byGraph, byMachine, byNaive, guided, sampled } from './forms.ts';
import { LINE_PROFILES, LINE_ROWS, lineProgram } from './rule-rows.lines.ts';
import { short } from './rule-rows.ts';

describe('cache maintenance on a machine whose device does not see the lines', () => {
  for (const row of LINE_ROWS) {
    it.each(row.cases.map(([model, filling, answer]) => [model, filling, answer] as const))(`${row.id} on %s with %s: %s. ${row.story}`, (model, filling, answer) => {
      const program = lineProgram(row, filling);
      const expected = [...row.outcomes, ...(answer === 'allowed' ? row.question : [])].sort();
      expect(short(byNaive(program, model, { memory: false, loadStore: 'kept', lines: true }).outcomes)).toEqual(expected);
      const graph = byGraph(program, model, { memory: false, loadStore: 'kept', lines: true });
      expect([graph.why, ...short(graph.outcomes)]).toEqual(['', ...expected]);
      expect(short(guided(program, model, { memory: false, profile: LINE_PROFILES[model] }))).toEqual(expected);
      const found = byMachine(program, model, { memory: false, profile: LINE_PROFILES[model], limit: 3_000 });
      if (found.why === '') expect(short(found.outcomes)).toEqual(expected);
      else {
        expect(found.why).toMatch(/^more than/);
        expect(short(sampled(program, model, 300, 1, LINE_PROFILES[model])).filter((o) => !expected.includes(o))).toEqual([]);
      }
    });
  }
});
