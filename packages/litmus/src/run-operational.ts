// SPDX-License-Identifier: Apache-2.0
/** Runs one litmus test by the operational form instead of the graph form. Slower; a second opinion on every outcome. */
import { exploreOperational } from '@dmalab/core/ordering/operational/explore';
import { MODELS, prepare, type LitmusRun, type RunOptions, type State } from './run.ts';
import type { LitmusTest } from './test.ts';

/** `executions` counts paths, several of which may be one execution; hence so do `positive` and `negative`. */
export function runOperational(test: LitmusTest, options: Omit<RunOptions, 'onExecution'> = {}): LitmusRun {
  const prepared = prepare(test);
  const states = new Map<string, State & { executions: number }>();
  const stats = exploreOperational({
    table: options.table ?? MODELS[test.arch],
    agents: prepared.agents,
    initial: prepared.initial,
    loadStore: options.loadStore ?? 'free',
    limits: { executions: options.executions ?? 2_000_000 },
    onOutcome: (final, largest) => {
      const { filtered, ...state } = prepared.state(final, largest);
      if (filtered) return;
      const known = states.get(state.key);
      if (known === undefined) states.set(state.key, { ...state, executions: 1 });
      else known.executions += 1;
    },
  });
  const sorted = [...states.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  const count = (satisfies: boolean): number => sorted.reduce((sum, s) => sum + (s.satisfies === satisfies ? s.executions : 0), 0);
  const [positive, negative] = [count(true), count(false)];
  const observation = positive === 0 ? 'Never' : negative === 0 ? 'Always' : 'Sometimes';
  const ok = test.quantifier === 'exists' ? positive > 0 : test.quantifier === '~exists' ? positive === 0 : negative === 0;
  return { states: sorted, positive, negative, dead: stats.dead, passes: stats.passes, observation, ok, complete: stats.complete, why: stats.why };
}
