// SPDX-License-Identifier: Apache-2.0
/** The graph form of a driver's system, where every part of it has one. */
import type { System } from '@dmalab/checker/explore';
import { exploreGraph } from '@dmalab/core/ordering/graph/explore';
import { Audit } from './audit.ts';
import type { GuestMemo } from './guest-memo.ts';
import type { DriverSystem } from './system.ts';

/** Events of one execution; a driver run has some hundred. */
const MOST_EVENTS = 20_000;
/** Branches given up for each execution that is judged, at most. */
const DEAD_PER_LEAF = 50;

export function graphOf(system: DriverSystem, memo: GuestMemo): NonNullable<System['graph']> {
  const { core } = system;
  return ({ leaves }, onLeaf) => {
    const parts = system.graphParts(memo);
    if (parts === null) return { leaves: 0, dead: 0, complete: false, why: 'probe failed' };
    let astray = '';
    const stats = exploreGraph({
      table: core.ordering,
      agents: parts.agents,
      initial: parts.initial,
      interrupts: parts.routes,
      endian: core.endian,
      lineSize: core.coherent ? 0 : core.lineSize,
      loadStore: 'kept',
      limits: { executions: leaves * DEAD_PER_LEAF, events: MOST_EVENTS },
      onLeaf: (leaf) => {
        const guide = leaf.linearise();
        const audit = new Audit(new Map(parts.agents.map((agent, i) => [agent.id, leaf.answers(i)])));
        system.audit = audit;
        const answer = onLeaf(guide);
        system.audit = null;
        if (answer !== 'stop') astray ||= guide.diverged || audit.difference();
        return answer;
      },
    });
    return { leaves: stats.leaves, dead: stats.dead, complete: stats.complete && astray === '', why: stats.why || (astray === '' ? '' : `an execution could not be replayed: ${astray}`) };
  };
}
