// SPDX-License-Identifier: Apache-2.0
/** Time per form on the oracle and on the larger programs of the design; leaves and dead branches are printed once. */
import { readFileSync } from 'node:fs';
import { bench, describe } from 'vitest';
import type { Agent, Place } from '@dmalab/core/base/port';
import { EMPTY_STATE } from '@dmalab/core/memory/initial';
import { exploreGraph, type GraphStats } from '@dmalab/core/ordering/graph/explore';
import { exploreOperational } from '@dmalab/core/ordering/operational/explore';
import type { RuleTable } from '@dmalab/core/ordering/rules';
import { ARMV8 } from '@dmalab/core/ordering/tables/armv8';
import { X86_TSO } from '@dmalab/core/ordering/tables/x86-tso';
import { readOracle } from '@dmalab/litmus/oracle';
import { parseLitmus } from '@dmalab/litmus/parse';
import { HERD_758, runLitmus } from '@dmalab/litmus/run';
import { runOperational } from '@dmalab/litmus/run-operational';

const word = (n: number): Place => ({ space: 'ram', owner: '', address: 0x1000 + 8 * n, size: 4 });
const cpu = (id: string, run: Agent['run']): Agent => ({ id, kind: 'cpu', run });

/** A producer fills slots of `words` words and marks each; a consumer looks at the marks until one is missing. */
function ring(slots: number, words: number): Agent[] {
  const mark = (s: number): Place => word(s * (words + 1) + words);
  return [
    cpu('producer', (port) => {
      for (let s = 0; s < slots; s += 1) {
        for (let w = 0; w < words; w += 1) port.op({ kind: 'store', place: word(s * (words + 1) + w), value: 1, order: 'relaxed' });
        port.op({ kind: 'fence', fence: 'dmb.ishst' });
        port.op({ kind: 'store', place: mark(s), value: 1, order: 'relaxed' });
      }
    }),
    cpu('consumer', (port) => {
      for (let s = 0; s < slots; s += 1) {
        if (port.op({ kind: 'load', place: mark(s), order: 'relaxed' }) === 0) return;
        port.op({ kind: 'fence', fence: 'dmb.ishld' });
        for (let w = 0; w < words; w += 1) port.op({ kind: 'load', place: word(s * (words + 1) + w), order: 'relaxed' });
      }
    }),
  ];
}

const IRIW: Agent[] = [
  ...[0, 1].map((n) => cpu(`writer${n}`, (port) => void port.op({ kind: 'store', place: word(n), value: 1, order: 'relaxed' }))),
  ...[0, 1].map((n) => cpu(`reader${n}`, (port) => {
    port.op({ kind: 'load', place: word(n), order: 'relaxed' });
    port.op({ kind: 'fence', fence: 'dmb.ishld' });
    port.op({ kind: 'load', place: word(1 - n), order: 'relaxed' });
  })),
];

const pingPong = (rounds: number, fence: string): Agent[] => [0, 1].map((me) => cpu(`player${me}`, (port) => {
  for (let i = 1; i <= rounds; i += 1) {
    port.op({ kind: 'store', place: word(me), value: i, order: 'relaxed' });
    port.op({ kind: 'fence', fence });
    port.op({ kind: 'load', place: word(1 - me), order: 'relaxed' });
  }
}));

const PROGRAMS: readonly (readonly [string, RuleTable, Agent[]])[] = [
  ['IRIW with load barriers, Arm', ARMV8, IRIW],
  ['ring 2x3, Arm', ARMV8, ring(2, 3)],
  ['ring 4x2, Arm', ARMV8, ring(4, 2)],
  ['ring 8x2, Arm', ARMV8, ring(8, 2)],
  ['ring 16x4, Arm', ARMV8, ring(16, 4)],
  ['ping-pong, 2 rounds, Arm', ARMV8, pingPong(2, 'dmb.ish')],
  ['ping-pong, 3 rounds, x86', X86_TSO, pingPong(3, 'mfence')],
];

for (const [name, table, agents] of PROGRAMS) {
  const graph = (loadStore: 'free' | 'kept'): GraphStats => exploreGraph({ table, agents, initial: EMPTY_STATE, loadStore, limits: { executions: 1_000_000, events: 2_000 }, onLeaf: () => undefined });
  const [free, kept] = [graph('free'), graph('kept')];
  describe(`${name}: ${free.leaves} leaves, ${free.dead} dead, ${free.events} events; loads kept: ${kept.leaves} leaves, ${kept.dead} dead`, () => {
    bench('graph form', () => void graph('free'), { time: 200 });
    bench('graph form, loads kept before stores', () => void graph('kept'), { time: 200 });
    const operational = (): ReturnType<typeof exploreOperational> => exploreOperational({ table, agents, initial: EMPTY_STATE, loadStore: 'free', limits: { executions: 20_000 }, onOutcome: () => undefined });
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
