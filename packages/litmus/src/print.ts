// SPDX-License-Identifier: Apache-2.0
/** Prints a run as herd7 does, without its time and hash: equal runs, equal bytes. */
import type { LitmusRun } from './run.ts';
import type { LitmusTest } from './test.ts';

const HEADING = { exists: 'Allowed', '~exists': 'Forbidden', forall: 'Required', observe: 'Required' } as const;

export function printRun(test: LitmusTest, run: LitmusRun): string {
  // Witnesses are for the condition as quantified, the observation for its proposition.
  const [positive, negative] = test.quantifier === '~exists' ? [run.negative, run.positive] : [run.positive, run.negative];
  const lines = [
    `Test ${test.name} ${HEADING[test.quantifier]}`,
    `States ${run.states.length}`,
    ...run.states.map((s) => s.values.map((v) => `${v.name}=${v.value};`).join(' ')),
    run.ok ? 'Ok' : 'No',
    'Witnesses',
    `Positive: ${positive} Negative: ${negative}`,
    `Condition ${test.conditionText}`,
    `Observation ${test.name} ${run.observation} ${run.positive} ${run.negative}`,
  ];
  if (!run.complete) lines.push(`Warning: not complete, legal outcomes may be missing: ${run.why}`);
  return `${lines.join('\n')}\n`;
}

/** What `--json` gives. Integers and strings only. */
export function runAsJson(test: LitmusTest, run: LitmusRun, model: string): Record<string, unknown> {
  return {
    test: test.name,
    arch: test.arch,
    model,
    condition: test.conditionText,
    ok: run.ok,
    observation: run.observation,
    positive: run.positive,
    negative: run.negative,
    executions: run.positive + run.negative,
    dead: run.dead,
    complete: run.complete,
    why: run.why,
    states: run.states.map((s) => ({ state: Object.fromEntries(s.values.map((v) => [v.name, v.value])), executions: s.executions, satisfies: s.satisfies })),
  };
}
