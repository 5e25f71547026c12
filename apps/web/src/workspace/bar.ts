// SPDX-License-Identifier: Apache-2.0
/**
 * What the verdict bar says, as data: of the run that is looked at, else of its profile, else of what goes on. A failure
 * anywhere is named, wherever the page stands. Pure.
 */
import type { ProfileId } from '@dmalab/contracts/lab';
import { isRule, type Diagnostic } from '@dmalab/contracts/report';
import type { Site } from '@dmalab/core/base/events';
import { count, verdictLook, type VerdictLook } from '../ui/verdict-mark.tsx';
import { activeRun, isStale, neverStarted, whyEmpty, type Chosen, type RunView, type WorkspaceState } from './state.ts';
import { summaryLook, summaryOf, titleOf, verdictOn, violations, type Checked } from './verdicts.ts';

export interface FoundLine {
  /** The rule, or the title of the check; '' when the sentence says all there is. */
  readonly rule: string;
  readonly first: Site | null;
  readonly second: Site | null;
  readonly step: number;
  readonly steps: number;
  /** What the rule rests on; '' for a failure that no rule is about. */
  readonly evidence: string;
  readonly source: string;
}

export interface Bar {
  readonly look: Pick<VerdictLook, 'icon' | 'tone' | 'word'>;
  readonly text: string;
  readonly violated: boolean;
  /** It is about a text that was changed since. */
  readonly stale: boolean;
  readonly found: FoundLine | null;
  /** What is spoken of; null when it is nothing that ran. */
  readonly about: Chosen | null;
  /** Where the run was started, when its first failure was opened elsewhere, and how it came out there. */
  readonly from: (Chosen & { readonly word: string }) | null;
  /** The run on the screen when it is not the one that fails. */
  readonly shown: string;
  /** A failure that one click opens. */
  readonly elsewhere: Checked | null;
}

/** Null before the first run. */
export function barOf(s: WorkspaceState): Bar | null {
  const run = activeRun(s);
  if (s.problem !== '') return plain('part', 'error', 'not done', s.problem);
  if (s.lab === null) return null;
  const here = summaryOf(s.verdicts, s.profile, s.lab);
  const exact = verdictOn(s.verdicts, s.profile, s.workload);
  const finding = run?.trace.index.finding ?? null;
  if (run !== null && finding !== null) return ofTrace(s, run, exact);
  if (here?.worst.message.verdict.kind === 'violated') return ofVerdict(s, run, exact?.message.verdict.kind === 'violated' ? exact : here.worst);
  if (here !== null) {
    const look = summaryLook(here, s.lab);
    const error = here.worst.message.verdict.kind === 'error' ? here.worst.message.verdict.message : '';
    return { ...EMPTY, look, text: error || stopped(look.words), stale: isStale(here.worst, s), about: error === '' ? { profile: s.profile, workload: '' } : null, elsewhere: violations(s.verdicts)[0] ?? null };
  }
  const [broken, ...more] = s.diagnostics.filter((d) => d.severity === 'error');
  if (s.busy === 'idle' && broken !== undefined) return plain('ink', 'error', 'error', `${broken.file}:${broken.line}: ${broken.message}${more.length > 0 ? ` And ${more.length} more.` : ''}`);
  if (s.busy !== 'idle') return plain('ink', 'none', WORDS[s.busy], s.progress === null ? BUSY[s.busy] : `${s.progress.profile}, “${titleOf(s.lab, s.progress.workload)}”: ${s.progress.phase}, ${count(s.progress.executions)} executions so far.`);
  if (run === null) return null;
  return plain('ink', neverStarted(run) ? 'error' : 'none', run.label, neverStarted(run) ? whyEmpty(run) : run.ended === null ? 'The run goes on.' : 'This run broke no rule. It is one schedule of many.');
}

/** The mark on a profile: what its workloads add up to, unless the run on the screen is all that is known, or fails itself. Null while nothing is known. */
export function markOf(s: WorkspaceState, profile: ProfileId): { readonly look: Bar['look']; readonly stale: boolean } | null {
  const run = activeRun(s);
  const fails = run !== null && run.profile === profile && run.trace.index.finding !== null;
  const summary = s.lab === null ? null : summaryOf(s.verdicts, profile, s.lab);
  if (fails && (summary === null || !isStale(run, s))) return { look: VIOLATED, stale: isStale(run, s) };
  return summary === null || s.lab === null ? null : { look: summaryLook(summary, s.lab), stale: isStale(summary.worst, s) };
}

const EMPTY = { violated: false, stale: false, found: null, about: null, from: null, shown: '', elsewhere: null } as const;
const WORDS = { starting: 'starting', running: 'running', checking: 'checking', replaying: 'replaying' } as const;
const BUSY = { starting: 'The run is being started.', running: 'The driver runs. The machine moves below.', checking: 'Other schedules are being tried.', replaying: 'The failing run is being replayed.' } as const;
const VIOLATED = { icon: 'no', tone: 'bad', word: 'violated' } as const;

function plain(tone: VerdictLook['tone'], icon: VerdictLook['icon'], word: string, text: string): Bar {
  return { ...EMPTY, look: { tone, icon, word }, text };
}

/** The run on the screen holds its finding itself. */
function ofTrace(s: WorkspaceState, run: RunView, exact: Checked | null): Bar {
  const { event, witness } = run.trace.index.finding!;
  const detail = event.detail as { readonly evidence?: unknown; readonly source?: unknown } | null;
  const text = (v: unknown): string => (typeof v === 'string' ? v : '');
  const graded = exact?.source === run.source ? exact.finding : null;
  return {
    ...EMPTY,
    look: VIOLATED,
    text: event.sentence,
    violated: true,
    stale: isStale(run, s),
    found: { rule: event.rule, first: event.firstSite, second: event.secondSite, step: witness, steps: run.trace.length, evidence: graded?.evidence ?? text(detail?.evidence), source: graded?.source ?? text(detail?.source) },
    about: run,
    from: cameFrom(s),
  };
}

/** A verdict says so; the run on the screen may be another one. */
function ofVerdict(s: WorkspaceState, run: RunView | null, verdict: Checked): Bar {
  const { message, finding } = verdict;
  const isShown = run !== null && run.token === message.token && run.profile === message.profile && run.workload === message.workload;
  const settled = s.busy !== 'replaying' && run !== null && run.ended !== null;
  return {
    ...EMPTY,
    look: VIOLATED,
    text: finding?.sentence ?? stopped(verdictLook(message.verdict).words),
    violated: true,
    stale: isStale(verdict, s),
    found: finding === null ? null : { rule: ruleWords(finding.rule, s), first: finding.first, second: finding.second, step: finding.step, steps: finding.steps, evidence: isRule(finding.rule) ? finding.evidence : '', source: finding.source },
    about: message,
    from: cameFrom(s),
    shown: !isShown && settled ? `${run.label}, which breaks no rule` : '',
    elsewhere: !isShown && settled ? verdict : null,
  };
}

function cameFrom(s: WorkspaceState): Bar['from'] {
  if (s.cameFrom === null) return null;
  const verdict = verdictOn(s.verdicts, s.cameFrom.profile, s.cameFrom.workload)?.message.verdict;
  return verdict === undefined ? null : { ...s.cameFrom, word: verdictLook(verdict).word };
}

/** An assertion is called as the lab calls its check; a breakdown of the driver needs no name beside its sentence. */
function ruleWords(rule: string, { lab }: WorkspaceState): string {
  if (isRule(rule)) return rule;
  const check = lab?.manifest.checks.find((c) => rule === `assert:${c.id}`);
  return check === undefined ? '' : `check “${check.title}”`;
}

const stopped = (words: string): string => (words.endsWith('.') ? words : `${words}.`);

/** `1 type error`, `2 type errors`: what was said about the text that ran, beside verdicts. First places first. */
export function remarks(diagnostics: readonly Diagnostic[]): { readonly words: string; readonly first: Diagnostic }[] {
  const of = (severity: Diagnostic['severity'], one: string, many: string): { words: string; first: Diagnostic }[] => {
    const all = diagnostics.filter((d) => d.severity === severity);
    const [first] = all;
    return first === undefined ? [] : [{ words: all.length === 1 ? `1 ${one}` : `${all.length} ${many}`, first }];
  };
  return [...of('warning', 'type error', 'type errors'), ...of('advice', 'piece of advice', 'pieces of advice')];
}
