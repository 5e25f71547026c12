// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { byMachine } from './forms.ts';
import { mini } from './mini.ts';
import { LINE_PROFILES, LINE_ROWS } from './rule-rows.lines.ts';
import { short } from './rule-rows.ts';

describe('cache maintenance on a machine whose device does not see the lines', () => {
  for (const row of LINE_ROWS) {
    it.each(row.cases.map(([model, filling, answer]) => [model, filling, answer] as const))(`${row.id} on %s with %s: %s. ${row.story}`, (model, filling, answer) => {
      const found = byMachine(mini(row.program.replace('%', filling)), model, { memory: false, profile: LINE_PROFILES[model], limit: 50_000 });
      expect(found.why).toBe('');
      expect(short(found.outcomes)).toEqual([...row.outcomes, ...(answer === 'allowed' ? row.question : [])].sort());
    });
  }
});
