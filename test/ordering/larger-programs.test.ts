// SPDX-License-Identifier: Apache-2.0
/** Larger programs in the graph form: how many executions, and what they cost. `npm run bench` has the times; docs/benchmarks.md some of them. */
import { describe, expect, it } from 'vitest';
import { EMPTY_STATE } from '@dmalab/core/memory/initial';
import { exploreGraph, type GraphStats } from '@dmalab/core/ordering/graph/explore';
import { Reach, type Reachability } from '@dmalab/core/ordering/graph/reach';
import { ARMV8 } from '@dmalab/core/ordering/tables/armv8';
import { PROGRAMS, ring } from '../bench/programs.ts';
import { ScratchOrder } from '../bench/scratch-order.ts';

type Explored = GraphStats & { readonly keys: readonly string[]; readonly work: number };

function explore(o: Pick<(typeof PROGRAMS)[number], 'table' | 'agents'>, reachability: () => Reachability = () => new Reach()): Explored {
  const keys: string[] = [];
  let work = 0;
  const stats = exploreGraph({
    table: o.table,
    agents: o.agents,
    initial: EMPTY_STATE,
    loadStore: 'free',
    limits: { executions: 10_000, events: 1000 },
    reachability,
    onLeaf: (leaf) => {
      keys.push(leaf.key());
      work += leaf.events.length;
    },
  });
  return { ...stats, keys, work };
}

describe('executions of larger programs', () => {
  it.each(PROGRAMS)('$name: $leaves, whichever way cycles are looked for', ({ table, agents, leaves }) => {
    const found = explore({ table, agents });
    expect([found.complete, found.leaves]).toEqual([true, leaves]);
    expect(new Set(found.keys).size).toBe(leaves);
    expect(explore({ table, agents }, () => new ScratchOrder())).toEqual(found);
  });
});

describe('a ring of 16 slots of 4 words', () => {
  const large = { table: ARMV8, agents: ring(16, 4) };

  it('is explored with hardly a dead branch', () => {
    const { leaves, dead } = explore(large);
    expect(leaves).toBe(17);
    expect(dead).toBeLessThanOrEqual(64);
  });

  it('costs at most three times as much per event as one of 4 slots of 2 words', () => {
    const small = { table: ARMV8, agents: ring(4, 2) };
    const perEvent = (program: typeof large): number => timed(() => {
      let events = 0;
      for (let k = 0; k < 5; k += 1) events += explore(program).work;
      return events;
    });
    let [ofLarge, ofSmall] = [Infinity, Infinity];
    for (let i = 0; i < 16; i += 1) {
      ofLarge = Math.min(ofLarge, perEvent(large));
      ofSmall = Math.min(ofSmall, perEvent(small));
    }
    expect(ofLarge / ofSmall).toBeLessThanOrEqual(3);
  });

  it('takes at least five times as long when each check looks at the whole graph', () => {
    const run = (reachability: () => Reachability) => (): number => explore(large, reachability).leaves;
    const [incremental, scratch] = [run(() => new Reach()), run(() => new ScratchOrder())];
    let [fast, slow] = [Infinity, Infinity];
    // The first rounds are the compiler's. More rounds only make the times of both truer.
    for (let i = 0; i < 200 && (i < 40 || slow / fast < 5); i += 1) {
      for (let k = 0; k < 5; k += 1) fast = Math.min(fast, timed(incremental));
      slow = Math.min(slow, timed(scratch));
    }
    expect(slow / fast).toBeGreaterThanOrEqual(5);
  });
});

/** Milliseconds for each unit of what was done. */
function timed(run: () => number): number {
  const before = performance.now();
  const units = run();
  return (performance.now() - before) / units;
}
