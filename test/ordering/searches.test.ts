// SPDX-License-Identifier: Apache-2.0
/** Two searches for the executions in which loads stay before later stores: each finds every execution once. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { exploreGraph } from '@dmalab/core/ordering/graph/explore';
import { readOracle } from '@dmalab/litmus/oracle';
import { parseLitmus } from '@dmalab/litmus/parse';
import { MODELS, prepare } from '@dmalab/litmus/run';

it.each(['x86_64', 'aarch64', 'riscv'])('by schedule and by prophecy the executions are the same, on every seventh test of %s', (file) => {
  let executions = 0;
  readOracle(readFileSync(new URL(`../oracle/litmus/${file}.jsonl`, import.meta.url), 'utf8')).forEach((c, i) => {
    if (i % 7 !== 0 || !('text' in c)) return;
    const test = parseLitmus(c.text);
    const by = (search: 'schedule' | 'prophecy'): { states: string[]; leaves: number } => {
      const prepared = prepare(test);
      const states = new Set<string>();
      const keys = new Set<string>();
      const stats = exploreGraph({
        table: MODELS[test.arch],
        agents: prepared.agents,
        initial: prepared.initial,
        loadStore: 'kept',
        search,
        limits: { executions: 200_000, events: 1000 },
        onLeaf: (leaf) => {
          states.add(prepared.state((place) => leaf.final(place), () => 8).key);
          keys.add(leaf.key());
        },
      });
      expect([c.name, search, stats.complete, keys.size]).toEqual([c.name, search, true, stats.leaves]);
      return { states: [...states].sort(), leaves: stats.leaves };
    };
    const scheduled = by('schedule');
    expect([c.name, scheduled]).toEqual([c.name, by('prophecy')]);
    executions += scheduled.leaves;
  });
  expect(executions).toBeGreaterThan(300);
});
