// SPDX-License-Identifier: Apache-2.0
/**
 * Proves a lab: the starter fails for the stated reason, the solution and
 * every other right way pass, and every wrong way is caught by a hidden
 * workload for the check that the lab says it breaks. Pure: whoever calls
 * says how a driver is graded.
 */
import type { LabManifest } from '@dmalab/contracts/lab';
import type { Report, Run } from '@dmalab/contracts/report';
import type { LabBundle } from './lab-bundle.ts';

export type DriverKind = 'starter' | 'solution' | 'wheat' | 'variant';

/** One driver of the lab, graded in full. */
export interface CheckedDriver {
  /** Its folder: `variants/no-dma-wmb`. */
  readonly name: string;
  readonly kind: DriverKind;
  readonly ok: boolean;
  readonly points: { readonly earned: number; readonly possible: number };
  /** Checks that lost points. */
  readonly failed: readonly string[];
  /** Checks that the lab says it fails. */
  readonly named: readonly string[];
  /** What differs from what the lab expects, one sentence each. */
  readonly problems: readonly string[];
  /** A row of the kill matrix. */
  readonly cells: readonly Cell[];
}

export interface Cell {
  readonly workload: string;
  readonly visibility: 'public' | 'hidden';
  readonly profile: string;
  /** `complete`, `bounded(2)` … */
  readonly verdict: string;
  /** Checks this run failed. */
  readonly failed: readonly string[];
  /** Rules it found broken. */
  readonly rules: readonly string[];
  readonly executions: number;
  readonly fuel: number;
}

export interface LabCheckResult {
  readonly lab: { readonly id: string; readonly title: string; readonly hash: string };
  readonly ok: boolean;
  /** Of the lab as a whole. */
  readonly problems: readonly string[];
  readonly drivers: readonly CheckedDriver[];
  /** Largest fuel of one run of a right driver, and what one run may use. */
  readonly fuel: { readonly most: number; readonly budget: number };
}

export function checkLab(lab: LabBundle, grade: (name: string) => Report, onProgress?: (name: string, done: number, of: number) => void): LabCheckResult {
  const names = Object.keys(lab.drivers).sort((a, b) => order(a) - order(b) || (a < b ? -1 : 1));
  const problems = wholeLab(lab, names);
  let most = 0;
  const drivers = names.map((name, i) => {
    onProgress?.(name, i, names.length);
    const report = grade(name);
    const driver = judge(name, report, lab);
    if (driver.kind === 'solution' || driver.kind === 'wheat') most = Math.max(most, ...driver.cells.map((cell) => cell.fuel));
    return driver;
  });
  onProgress?.('', names.length, names.length);
  const budget = lab.manifest.budget.fuel;
  if (most > budget / 2) problems.push(`a right driver takes ${most} fuel in one run; expected at most ${Math.floor(budget / 2)}, half the budget, so that slower right drivers fit too`);
  return {
    lab: { id: lab.manifest.id, title: lab.manifest.title, hash: lab.hash },
    ok: problems.length === 0 && drivers.every((driver) => driver.ok),
    problems,
    drivers,
    fuel: { most, budget },
  };
}

export function driverKind(name: string): DriverKind {
  if (name === 'starter' || name === 'solution') return name;
  return name.startsWith('wheats/') ? 'wheat' : 'variant';
}

/** `bounded(2)`, as people write verdicts. */
export function verdictText(verdict: Run['verdict']): string {
  switch (verdict.kind) {
    case 'bounded':
      return `bounded(${verdict.k})`;
    case 'sampled':
      return `sampled(${verdict.n})`;
    case 'violated':
    case 'complete':
    case 'error':
      return verdict.kind;
  }
}

function judge(name: string, report: Report, lab: LabBundle): CheckedDriver {
  const kind = driverKind(name);
  const expected = lab.manifest.expect[name];
  const failed = report.checks.filter((check) => check.status !== 'passed').map((check) => check.id);
  const problems: string[] = [];
  if (!report.gradable) problems.push(`${name} does not compile: ${report.diagnostics.filter((d) => d.severity === 'error').map((d) => `${d.file}:${d.line}:${d.column}: ${d.message}`)[0] ?? 'no reason given'}`);
  else {
    for (const run of report.runs) if (run.verdict.kind === 'error') problems.push(`${name}: ${run.workload} on ${run.profile} could not be judged: ${run.verdict.message}`);
    if (kind === 'starter') problems.push(...starterProblems(failed, expected));
    if (kind === 'solution' || kind === 'wheat') problems.push(...rightProblems(name, kind, report, lab));
    if (kind === 'variant') problems.push(...variantProblems(name, report, failed, expected, lab));
    if (expected?.points !== undefined) {
      const percent = Math.round((100 * report.points.earned) / report.points.possible);
      if (percent !== expected.points) problems.push(`${name} scores ${percent} %; the lab expects ${expected.points} %`);
    }
    if (expected?.verdict !== undefined) {
      const other = report.runs.find((run) => run.verdict.kind !== expected.verdict);
      if (kind === 'variant' || kind === 'starter' ? report.runs.every((run) => run.verdict.kind !== expected.verdict) : other) problems.push(`${name}: ${other?.workload} on ${other?.profile} ends ${other === undefined ? '' : verdictText(other.verdict)}; the lab expects ${expected.verdict}`);
    }
  }
  const cells = report.runs.map((run): Cell => ({
    workload: run.workload,
    visibility: run.visibility,
    profile: run.profile,
    verdict: verdictText(run.verdict),
    failed: run.failed,
    rules: [run.finding, ...run.others].flatMap((finding) => (finding === null ? [] : [finding.rule])),
    executions: 'executions' in run.verdict ? run.verdict.executions : run.verdict.kind === 'sampled' ? run.verdict.n : 0,
    fuel: run.fuel,
  }));
  return { name, kind, ok: problems.length === 0, points: report.points, failed, named: expected?.fails ?? [], problems, cells };
}

function starterProblems(failed: readonly string[], expected: LabManifest['expect'][string] | undefined): string[] {
  if (failed.length === 0) return ['the starter passes every check: there is nothing to do in this lab'];
  if (expected?.fails === undefined) return ['expect.starter.fails is missing; expected the checks that the starter fails'];
  return expected.fails.filter((id) => !failed.includes(id)).map((id) => `the starter should fail ${id}; it fails ${failed.join(', ')}`);
}

function rightProblems(name: string, kind: DriverKind, report: Report, lab: LabBundle): string[] {
  const cost = new Set(lab.manifest.checks.filter((check) => check.cost).map((check) => check.id));
  return report.checks
    .filter((check) => check.status !== 'passed' && (kind === 'solution' || !cost.has(check.id)))
    .map((check) => `${name} is right and should pass ${check.id}: ${check.detail}`);
}

function variantProblems(name: string, report: Report, failed: readonly string[], expected: LabManifest['expect'][string] | undefined, lab: LabBundle): string[] {
  if (expected?.equivalent !== undefined) return failed.length > 0 ? [`${name} is signed off as equivalent, but it fails ${failed.join(', ')}`] : [];
  if (expected?.fails === undefined || expected.fails.length === 0) return [`${name} is not in expect; expected the check that it breaks, or "equivalent" with a reason`];
  const problems: string[] = [];
  for (const id of expected.fails) {
    if (!failed.includes(id)) problems.push(`${name} survives: it should fail ${id} and fails ${failed.length > 0 ? `only ${failed.join(', ')}` : 'nothing'}`);
    else if (lab.hiddenWorkloads.length > 0 && !report.runs.some((run) => run.visibility === 'hidden' && run.failed.includes(id))) problems.push(`${name} fails ${id} on public workloads only; expected a hidden one that catches it`);
  }
  return problems;
}

function wholeLab(lab: LabBundle, names: readonly string[]): string[] {
  const problems: string[] = [];
  if (!names.includes('solution')) problems.push('there is no solution/: nothing shows that the lab can be solved');
  if (!names.some((name) => name.startsWith('variants/'))) problems.push('there is no variants/: nothing shows that a wrong driver is caught');
  if (lab.hiddenWorkloads.length === 0) problems.push('there is no workloads/hidden/: students see every question before they answer');
  const used = new Set([...lab.publicWorkloads, ...lab.hiddenWorkloads].flatMap((file) => lab.manifest.checks.filter((check) => file.workload.checks?.includes(check.id) ?? true).map((check) => check.id)));
  for (const check of lab.manifest.checks) if (!used.has(check.id)) problems.push(`no workload looks at the check ${check.id}`);
  const publicText = [lab.text, lab.hintsText, ...Object.values(lab.given).map((file) => file.text), ...Object.values(lab.drivers['starter'] ?? {}).map((file) => file.text), ...lab.publicWorkloads.map((file) => JSON.stringify(file.workload))].join('\n');
  for (const file of lab.hiddenWorkloads) {
    if (lab.publicWorkloads.some((open) => open.id === file.id)) problems.push(`a public and a hidden workload are both called ${file.id}`);
    if (lab.publicWorkloads.some((open) => open.hash === file.hash)) problems.push(`the hidden workload ${file.id} is the same as a public one`);
    for (const word of [`hidden/${file.id}`, file.workload.title]) if (publicText.includes(word)) problems.push(`the public files speak of the hidden workload ${file.id}: "${word}"`);
  }
  return problems;
}

function order(name: string): number {
  return ['starter', 'solution', 'wheat', 'variant'].indexOf(driverKind(name));
}
