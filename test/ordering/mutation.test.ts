// SPDX-License-Identifier: Apache-2.0
/**
 * The suite is only as good as what it notices: without any single row of any
 * rule table a test of it fails. Each row names the test that does; every one
 * of those passes on the whole table.
 */
import { describe, expect, it } from 'vitest';
import { without, type RuleTable } from '@dmalab/core/ordering/rules';
import { DEVICE } from '@dmalab/core/ordering/tables/device';
import { TABLES } from './forms.ts';
import { KILLERS } from './mutation.table.ts';
import { passes } from './mutants.ts';

const ALL: readonly RuleTable[] = [...Object.values(TABLES), DEVICE];

/** A table that cannot run the test at all fails it. */
function fails(test: string, table: RuleTable): boolean {
  try {
    return !passes(test, table, table.id === DEVICE.id);
  } catch (error) {
    if (error instanceof RangeError && / has no (fence|row|case)/.test(error.message)) return true;
    throw error;
  }
}

describe('dropping one row makes a test fail', () => {
  it('the list names every row, and no row that is not there', () => {
    expect(Object.keys(KILLERS).sort()).toEqual(ALL.flatMap((table) => table.rows.map((row) => row.id)).sort());
  });

  for (const table of ALL) {
    it(`every test that the list names passes on the whole table of ${table.title}`, () => {
      for (const test of new Set(table.rows.map((row) => KILLERS[row.id] ?? ''))) expect({ test, passes: passes(test, table, table.id === DEVICE.id) }).toEqual({ test, passes: true });
    });

    it.each(table.rows.map((row) => [row.id, KILLERS[row.id] ?? '']))('%s: %s', (row, test) => {
      expect(fails(test, without(table, row))).toBe(true);
    });
  }
});
