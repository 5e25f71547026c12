// SPDX-License-Identifier: Apache-2.0
/** Time per form on the oracle and on the larger programs of the design; leaves and dead branches are printed once. */
import { readFileSync } from 'node:fs';
import { bench, describe } from 'vitest';
import { EMPTY_STATE } from '@dmalab/core/memory/initial';
import { exploreGraph, type GraphStats } from '@dmalab/core/ordering/graph/explore';
import type { Reachability } from '@dmalab/core/ordering/graph/reach';
import { exploreOperational } from '@dmalab/core/ordering/operational/explore';
import { readOracle } from '@dmalab/litmus/oracle';
import { parseLitmus } from '@dmalab/litmus/parse';
import { HERD_758, runLitmus } from '@dmalab/litmus/run';
import { runOperational } from '@dmalab/litmus/run-operational';
import { PROGRAMS } from './programs.ts';
import { ScratchOrder } from './scratch-order.ts';

for (const { name, table, agents } of PROGRAMS) {
  const graph = (loadStore: 'free' | 'kept', reachability?: () => Reachability): GraphStats => exploreGraph({ table, agents, initial: EMPTY_STATE, loadStore, limits: { executions: 1_000_000, events: 2_000 }, onLeaf: () => undefined, ...(reachability === undefined ? {} : { reachability }) });
  const [free, kept] = [graph('free'), graph('kept')];
  describe(`${name}: ${free.leaves} leaves, ${free.dead} dead, ${free.events} events; loads kept: ${kept.leaves} leaves, ${kept.dead} dead`, () => {
    bench('graph form', () => void graph('free'), { time: 200 });
    bench('graph form, each check from scratch', () => void graph('free', () => new ScratchOrder()), { time: 200 });
    bench('graph form, loads kept before stores', () => void graph('kept'), { time: 200 });
    const operational = (): ReturnType<typeof exploreOperational> => exploreOperational({ table, agents, initial: EMPTY_STATE, loadStore: 'free', limits: { executions: 3_000 }, onOutcome: () => undefined });
    const stats = operational();
    if (stats.complete) bench(`operational form: ${stats.leaves} paths, ${stats.dead} dead`, () => void operational(), { time: 200 });
  });
}

describe('the oracle, one file a run', () => {
  for (const file of ['x86_64', 'aarch64', 'riscv']) {
    const tests = readOracle(readFileSync(new URL(`../oracle/litmus/${file}.jsonl`, import.meta.url), 'utf8')).flatMap((c) => ('text' in c ? [parseLitmus(c.text)] : []));
    let [leaves, dead] = [0, 0];
    for (const test of tests) {
      const run = runLitmus(test, { table: HERD_758[test.arch] });
      leaves += run.positive + run.negative;
      dead += run.dead;
    }
    bench(`${file}, ${tests.length} tests, graph form: ${leaves} leaves, ${dead} dead`, () => tests.forEach((test) => runLitmus(test, { table: HERD_758[test.arch] })), { iterations: 2, time: 0, warmupIterations: 0, warmupTime: 0 });
    bench(`${file}, every tenth test, operational form`, () => tests.filter((_, i) => i % 10 === 0).forEach((test) => runOperational(test, { table: HERD_758[test.arch] })), { iterations: 1, time: 0, warmupIterations: 0, warmupTime: 0 });
  }
});
