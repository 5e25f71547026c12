// SPDX-License-Identifier: Apache-2.0
/** What went wrong in the run on the screen: its own finding, or the failure that a verdict says this run shows (an assertion, a driver that broke down). Pure. */
import type { Site } from '@dmalab/core/base/events';
import type { RunView } from './state.ts';
import type { Checked } from './verdicts.ts';

export interface ShownFinding {
  /** Tells two findings apart. */
  readonly key: string;
  /** The rule in a word: `XB2`; `check` for an assertion, `stopped` for a breakdown. */
  readonly word: string;
  readonly first: Site | null;
  readonly second: Site | null;
  readonly missing: string;
}

export function shownFinding(run: RunView | null, verdicts: readonly Checked[]): ShownFinding | null {
  if (run === null) return null;
  const own = run.trace.index.finding?.event;
  if (own !== undefined) return { key: `${run.id}:${own.id}`, word: own.rule, first: own.firstSite, second: own.secondSite, missing: own.missing };
  if (run.token === '' || run.ended === null) return null;
  const verdict = verdicts.find(({ message: m, source }) => m.token === run.token && m.profile === run.profile && m.workload === run.workload && source === run.source && m.verdict.kind === 'violated');
  if (verdict === undefined || verdict.finding === null) return null;
  const { rule, first, second, missing } = verdict.finding;
  return { key: `${run.id}:${rule}`, word: rule.startsWith('assert:') ? 'check' : rule.startsWith('RT') ? 'stopped' : rule, first, second, missing };
}
