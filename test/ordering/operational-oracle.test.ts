// SPDX-License-Identifier: Apache-2.0
/**
 * The operational form against herd7's complete outcome sets. It visits several
 * paths for each execution, so an ordinary run takes all tests of two threads
 * and a part of the larger ones; `ORACLE=all` takes every test of every file.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compareCase, describeComparison, readOracle } from '@dmalab/litmus/oracle';
import { parseLitmus } from '@dmalab/litmus/parse';
import { runOperational } from '@dmalab/litmus/run-operational';

const every: readonly number[] = process.env['ORACLE'] === 'all' ? [1, 1, 1, 1, 1] : [1, 1, 1, 4, 16];

describe('the operational form gives the same outcomes as herd7', () => {
  it.each(['x86_64', 'riscv', 'aarch64'])('on %s', (file) => {
    const problems: string[] = [];
    const counts: number[] = [];
    let run = 0;
    for (const c of readOracle(readFileSync(new URL(`../oracle/litmus/${file}.jsonl`, import.meta.url), 'utf8'))) {
      if (!('text' in c)) throw new Error(`${c.name}: ${c.why}`);
      const threads = parseLitmus(c.text).threads.length;
      const count = counts[threads] ?? 0;
      counts[threads] = count + 1;
      if (count % (every[threads] ?? 1) !== 0) continue;
      const comparison = compareCase(c, runOperational);
      run += 1;
      if (comparison.kind !== 'agrees') problems.push(describeComparison(comparison));
    }
    expect(problems).toEqual([]);
    expect(run).toBeGreaterThan(400);
  }, 300_000);
});
