// SPDX-License-Identifier: Apache-2.0
/**
 * Findings become checks, checks become points. Pure: what the runs showed
 * goes in, the report comes out, and the student's view of it is a fixed
 * projection that knows nothing hidden but the class of the outcome.
 */
import type { Check, LabManifest, ProfileId } from '@dmalab/contracts/lab';
import type { CheckResult, Diagnostic, Finding, Report, Run, Verdict } from '@dmalab/contracts/report';
import type { LabBundle, WorkloadFile } from './lab-bundle.ts';

/** One failure an exploration found. `id`: a rule, or `assert:CHECK`. */
export interface RunFailure {
  readonly id: string;
  readonly finding: Finding;
}

/** What one workload under one profile showed. */
export interface RunEvidence {
  readonly file: WorkloadFile;
  readonly profile: ProfileId;
  readonly verdict: Verdict;
  readonly failures: readonly RunFailure[];
  /** Whether the plain run did the work: every assertion that looks at it held. Vacuous obedience earns nothing. */
  readonly plainWorks: boolean;
  /** Why not, in a sentence; '' when it works. */
  readonly plainProblem: string;
  /** Counts on the plain run. */
  readonly costs: Readonly<Record<string, number>>;
  readonly fuel: number;
  readonly loadStoreReordering: boolean;
}

export interface ReportInput {
  readonly lab: LabBundle;
  readonly engineHash: string;
  readonly submission: { readonly hash: string; readonly files: readonly string[] };
  readonly diagnostics: readonly Diagnostic[];
  readonly gradable: boolean;
  readonly runs: readonly RunEvidence[];
  /** The solution's counts on the same plain run; `undefined` when the solution is not at hand. */
  readonly solutionCosts: (workload: string, profile: ProfileId) => Readonly<Record<string, number>> | undefined;
}

/** Rules that a `noLeaks` check stands for. */
export const LEAK_RULES: readonly string[] = ['DD23', 'DD22', 'XL1'];
/** Part of all points that findings no check names cost: one in ten, rounded up. */
const SANITIZER_SHARE = 10;

/** A failure of the driver's own code (it threw, ran out of fuel …): nothing that run showed counts. */
export function isRuntimeFailure(id: string): boolean {
  return id.startsWith('RT');
}

/** The checks a run is looked at by. */
export function applicableChecks(manifest: LabManifest, file: WorkloadFile, profile: ProfileId): Check[] {
  return manifest.checks.filter((check) => (check.profiles?.includes(profile) ?? true) && (file.workload.checks?.includes(check.id) ?? true));
}

export function buildReport(input: ReportInput): Report {
  const { lab } = input;
  const judged = input.runs.map((run) => judge(run, input));
  const possible = lab.manifest.checks.reduce((sum, check) => sum + check.points, 0);
  const checks = input.gradable ? lab.manifest.checks.map((check) => summarise(check, judged, lab)) : lab.manifest.checks.map((check) => unjudged(check));
  if (input.gradable) checks.push(sanitizerCheck(judged, possible, lab));
  const earned = Math.max(0, checks.reduce((sum, check) => sum + check.earned, 0));
  return {
    schema: 'dmalab/report/v1',
    audience: 'staff',
    lab: { id: lab.manifest.id, title: lab.manifest.title, hash: lab.hash },
    engine: { hash: input.engineHash },
    submission: { hash: input.submission.hash, files: [...input.submission.files].sort() },
    gradable: input.gradable,
    withoutHidden: lab.hiddenWorkloads.length === 0,
    diagnostics: [...input.diagnostics],
    points: { earned, possible },
    checks,
    runs: judged.map(({ run, outcomes }) => runOf(run, outcomes)),
    hidden: null,
  };
}

/** The same report as students get it. Nothing of a hidden run is left but whether all passed and which classes of verdict there were. */
export function toStudent(report: Report, lab: LabBundle): Report {
  const publicRuns = report.runs.filter((run) => run.visibility === 'public');
  const hiddenRuns = report.runs.filter((run) => run.visibility === 'hidden');
  const failsIn = (runs: readonly Run[], id: string): boolean => runs.some((run) => run.failed.includes(id));
  const checks = report.checks.map((check): CheckResult => {
    if (check.status === 'passed' || !failsIn(hiddenRuns, check.id) || failsIn(publicRuns, check.id)) return check; // its detail is of a public run
    const manifestCheck = lab.manifest.checks.find((c) => c.id === check.id);
    return { ...check, detail: 'It holds on the public workloads and fails on a hidden one.', hint: hintFor(check.id, undefined, manifestCheck, lab) };
  });
  return {
    ...report,
    audience: 'student',
    lab: { ...report.lab, hash: lab.publicHash },
    withoutHidden: report.withoutHidden,
    checks,
    runs: publicRuns,
    hidden: report.withoutHidden ? null : { passed: hiddenRuns.every((run) => run.failed.length === 0), classes: [...new Set(hiddenRuns.map((run) => run.verdict.kind))].sort() },
  };
}

/** How one check came out of one run. */
interface CheckOutcome {
  readonly check: Check;
  readonly status: 'passed' | 'failed' | 'error';
  readonly detail: string;
  readonly rule: string | undefined;
}
interface Judged {
  readonly run: RunEvidence;
  readonly outcomes: readonly CheckOutcome[];
  /** Failures that no check of this run names. */
  readonly unnamed: readonly RunFailure[];
}

function judge(run: RunEvidence, input: ReportInput): Judged {
  const checks = applicableChecks(input.lab.manifest, run.file, run.profile);
  const outcomes = checks.map((check): CheckOutcome => ({ check, ...judgeCheck(check, run, input) }));
  const named = new Set(checks.flatMap((check) => namesOf(check)));
  const unnamed = run.failures.filter((failure) => !named.has(failure.id) && !isRuntimeFailure(failure.id));
  return { run, outcomes, unnamed };
}

function judgeCheck(check: Check, run: RunEvidence, input: ReportInput): Omit<CheckOutcome, 'check'> {
  const broken = run.failures.find((failure) => isRuntimeFailure(failure.id));
  if (broken) return { status: 'failed', detail: broken.finding.sentence, rule: broken.id };
  if (run.verdict.kind === 'error') return { status: run.verdict.whose === 'student' ? 'failed' : 'error', detail: run.verdict.message, rule: undefined };
  const names = namesOf(check);
  const failure = run.failures.find(({ id }) => names.includes(id));
  if (failure) return { status: 'failed', detail: failure.finding.sentence, rule: failure.id };
  if (!run.plainWorks) return { status: 'failed', detail: `Not shown: ${run.plainProblem}`, rule: undefined };
  if (check.cost) return judgeCost(check.cost, run, input);
  if (run.verdict.kind === 'sampled' && !input.lab.manifest.sampledPasses) return { status: 'error', detail: `sampled(${run.verdict.n}): no violation seen, which this lab does not accept as an answer.`, rule: undefined };
  return { status: 'passed', detail: '', rule: undefined };
}

function judgeCost(cost: NonNullable<Check['cost']>, run: RunEvidence, input: ReportInput): Omit<CheckOutcome, 'check'> {
  const mine = run.costs[cost.metric];
  const reference = input.solutionCosts(run.file.id, run.profile);
  if (mine === undefined) return { status: 'error', detail: `The engine counts no "${cost.metric}"; expected one of ${Object.keys(run.costs).sort().join(', ')}.`, rule: undefined };
  if (reference === undefined) return { status: 'error', detail: 'The solution is not at hand, so there is nothing to compare with.', rule: undefined };
  const allowed = (reference[cost.metric] ?? 0) + Number(/\d+$/.exec(cost.atMost)?.[0] ?? 0);
  if (mine <= allowed) return { status: 'passed', detail: '', rule: undefined };
  return { status: 'failed', detail: `The plain run takes ${mine} ${cost.metric}; ${allowed} are enough.`, rule: undefined };
}

/** Failure ids that fail a check. */
function namesOf(check: Check): string[] {
  if (check.rules) return [...check.rules];
  if (check.assert) return [`assert:${check.id}`];
  if (check.noLeaks) return [...LEAK_RULES];
  return [];
}

function summarise(check: Check, judged: readonly Judged[], lab: LabBundle): CheckResult {
  const looked = judged.flatMap(({ run, outcomes }) => outcomes.filter((o) => o.check.id === check.id).map((outcome) => ({ run, outcome })));
  if (looked.length === 0) return { id: check.id, title: check.title, points: check.points, earned: 0, status: 'error', detail: 'No run looked at this check.', hint: null };
  // A public run that shows it comes first: then students may see the same words as staff.
  const visible = looked.filter(({ run }) => run.file.visibility === 'public');
  const pick = (list: typeof looked): (typeof looked)[number] | undefined => list.find(({ outcome }) => outcome.status === 'failed') ?? list.find(({ outcome }) => outcome.status === 'error');
  const bad = pick(visible) ?? pick(looked);
  if (!bad) return { id: check.id, title: check.title, points: check.points, earned: check.points, status: 'passed', detail: '', hint: null };
  return {
    id: check.id,
    title: check.title,
    points: check.points,
    earned: 0,
    status: bad.outcome.status,
    detail: `${bad.run.file.id} on ${bad.run.profile}: ${bad.outcome.detail}`,
    hint: hintFor(check.id, bad.outcome.rule, check, lab),
  };
}

function sanitizerCheck(judged: readonly Judged[], possible: number, lab: LabBundle): CheckResult {
  const broken = judged.filter(({ unnamed }) => unnamed.length > 0);
  const bad = broken.find(({ run }) => run.file.visibility === 'public') ?? broken[0];
  const common = { id: 'sanitizer', title: 'No other rule of the DMA API is broken', points: 0 };
  if (!bad) return { ...common, earned: 0, status: 'passed', detail: '', hint: null };
  const first = bad.unnamed[0]!;
  return { ...common, earned: -Math.ceil(possible / SANITIZER_SHARE), status: 'failed', detail: `${bad.run.file.id} on ${bad.run.profile}: ${first.id}. ${first.finding.sentence}`, hint: hintFor('sanitizer', first.id, undefined, lab) };
}

function unjudged(check: Check): CheckResult {
  return { id: check.id, title: check.title, points: check.points, earned: 0, status: 'error', detail: 'Not judged: the driver did not compile.', hint: null };
}

/** A driver that broke down has not got as far as what a check asks about: only a hint on the breakdown helps. */
function hintFor(id: string, rule: string | undefined, check: Check | undefined, lab: LabBundle): string | null {
  if (rule !== undefined && isRuntimeFailure(rule)) return lab.hints[rule] ?? null;
  return (rule !== undefined ? lab.hints[rule] : undefined) ?? check?.hint ?? lab.hints[id] ?? lab.hints['other'] ?? null;
}

function runOf(run: RunEvidence, outcomes: readonly CheckOutcome[]): Run {
  const failed = outcomes.filter((o) => o.status !== 'passed').map((o) => o.check.id);
  const names = new Set(outcomes.flatMap((o) => namesOf(o.check)));
  if (run.failures.some((failure) => !names.has(failure.id) && !isRuntimeFailure(failure.id))) failed.push('sanitizer');
  return {
    workload: run.file.id,
    title: run.file.workload.title,
    visibility: run.file.visibility,
    profile: run.profile,
    verdict: run.verdict,
    finding: run.failures[0]?.finding ?? null,
    others: run.failures.slice(1).map((failure) => failure.finding),
    failed,
    fuel: run.fuel,
    loadStoreReordering: run.loadStoreReordering,
  };
}
