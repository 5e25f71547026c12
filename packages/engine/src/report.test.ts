// SPDX-License-Identifier: Apache-2.0
import { canonicalJson } from '@dmalab/contracts/canonical';
import { LabManifest, Workload } from '@dmalab/contracts/lab';
import { Report, type Finding, type Verdict } from '@dmalab/contracts/report';
import { describe, expect, it } from 'vitest';
import type { LabBundle, WorkloadFile } from './lab-bundle.ts';
import { buildReport, toStudent, type RunEvidence } from './report.ts';

const manifest = LabManifest.parse({
  id: 'demo',
  title: 'Demo',
  summary: 'A demonstration.',
  teaches: ['x'],
  machine: { devices: [{ id: 'nic0', kind: 'ring-nic' }] },
  contexts: [{ name: 'task', cpu: 0 }],
  driver: { file: 'driver.ts', entry: ['send'] },
  profiles: ['arm64', 'strict'],
  budget: { executions: 100, fuel: 1000 },
  checks: [
    { id: 'whole', title: 'Whole frames', rules: ['XB1', 'XB2'], points: 40, hint: 'What must come first?' },
    { id: 'read', title: 'Reads in order', rules: ['XB3'], points: 30 },
    { id: 'sent', title: 'All sent', assert: 'allFramesSent(nic0)', points: 20 },
    { id: 'cheap', title: 'Not everything', cost: { metric: 'barriers', atMost: 'solution + 1' }, points: 10, profiles: ['arm64'] },
  ],
  expect: {},
});
const file = (id: string, visibility: 'public' | 'hidden'): WorkloadFile => ({ id, visibility, hash: id, workload: Workload.parse({ title: `Title of ${id}`, contexts: { task: [{ call: 'send' }] } }) });
const lab: LabBundle = { manifest, number: '', text: '', hintsText: '', hints: { XB3: 'Read the bit first.', other: 'Look at the step.' }, given: {}, drivers: {}, publicWorkloads: [file('open', 'public')], hiddenWorkloads: [file('secret', 'hidden')], hash: 'full', publicHash: 'public' };
const finding = (rule: string): Finding => ({ rule, sentence: `Sentence of ${rule}.`, first: null, second: null, step: 1, steps: 2, missing: '', evidence: 'our choice', source: '', token: `token of ${rule}`, diagram: [] });
const complete: Verdict = { kind: 'complete', executions: 5, engine: 'operational, graph', within: '' };
const violated: Verdict = { kind: 'violated', executions: 2, engine: 'operational' };

function run(id: string, profile: 'arm64' | 'strict', failures: string[], extra: Partial<RunEvidence> = {}): RunEvidence {
  return {
    file: file(id, id === 'open' ? 'public' : 'hidden'),
    profile,
    verdict: failures.length > 0 ? violated : complete,
    failures: failures.map((rule) => ({ id: rule, finding: finding(rule) })),
    plainWorks: true,
    plainProblem: '',
    costs: { barriers: 2 },
    fuel: 10,
    loadStoreReordering: false,
    ...extra,
  };
}
const all = (...changes: RunEvidence[]): RunEvidence[] =>
  (['open', 'secret'] as const).flatMap((id) => (['arm64', 'strict'] as const).map((profile) => changes.find((c) => c.file.id === id && c.profile === profile) ?? run(id, profile, [])));
const report = (runs: RunEvidence[], costs: Record<string, number> = { barriers: 2 }): Report => buildReport({ lab, engineHash: 'e', submission: { hash: 's', files: ['driver.ts'] }, diagnostics: [], gradable: true, runs, solutionCosts: () => costs });
const points = (r: Report): string => r.checks.map((c) => `${c.id} ${c.earned}`).join(', ');

describe('points', () => {
  it('are full when every run is clean', () => {
    const clean = report(all());
    expect(clean.points).toEqual({ earned: 100, possible: 100 });
    expect(Report.parse(clean)).toEqual(clean);
  });
  it('are lost for the check that names the rule, and for it alone', () => {
    expect(points(report(all(run('secret', 'strict', ['XB2']))))).toBe('whole 0, read 30, sent 20, cheap 10, sanitizer 0');
  });
  it('are lost twice by a driver that is wrong twice', () => {
    expect(points(report(all(run('open', 'arm64', ['XB2', 'XB3']))))).toBe('whole 0, read 0, sent 20, cheap 10, sanitizer 0');
  });
  it('are lost for a failed assertion under the name of its check', () => {
    expect(points(report(all(run('open', 'arm64', ['assert:sent']))))).toBe('whole 40, read 30, sent 0, cheap 10, sanitizer 0');
  });
  it('are lost for rules that nobody thought of', () => {
    const r = report(all(run('open', 'arm64', ['DD02'])));
    expect(points(r)).toBe('whole 40, read 30, sent 20, cheap 10, sanitizer -10');
    expect(r.points.earned).toBe(90);
    expect(r.runs[0]!.failed).toEqual(['sanitizer']);
  });
  it('are not earned by a driver that does nothing', () => {
    const idle = (id: string, profile: 'arm64' | 'strict'): RunEvidence => run(id, profile, ['assert:sent'], { plainWorks: false, plainProblem: 'no frame was sent.', costs: { barriers: 0 } });
    expect(report([idle('open', 'arm64'), idle('open', 'strict')]).points.earned).toBe(0);
  });
  it('are not earned in a run whose code broke down, nor in one that was not judged', () => {
    expect(report(all(run('open', 'arm64', ['RT1']))).points.earned).toBe(0);
    const ours = report(all(run('open', 'arm64', [], { verdict: { kind: 'error', message: 'no answer', whose: 'ours' } })));
    expect(ours.points.earned).toBe(0);
    expect(ours.checks[0]).toMatchObject({ status: 'error' });
  });
  it('lost to a breakdown come with no hint about what the check asks', () => {
    const r = report(all(run('open', 'arm64', ['RT1'])));
    expect(r.checks[0]).toMatchObject({ id: 'whole', detail: 'open on arm64: Sentence of RT1.', hint: null });
  });
  it('for cost compare with the solution, on the profiles named', () => {
    expect(points(report(all(run('open', 'arm64', [], { costs: { barriers: 3 } }))))).toContain('cheap 10');
    expect(points(report(all(run('open', 'arm64', [], { costs: { barriers: 4 } }))))).toContain('cheap 0');
    expect(points(report(all(run('open', 'strict', [], { costs: { barriers: 99 } }))))).toContain('cheap 10');
  });
  it('for `sampled` depend on what the lab says', () => {
    expect(report(all(run('open', 'arm64', [], { verdict: { kind: 'sampled', n: 9, engine: 'operational' } }))).checks[0]).toMatchObject({ earned: 0, status: 'error' });
  });
  it('are all missing, not lost, when it did not compile', () => {
    const r = buildReport({ lab, engineHash: 'e', submission: { hash: 's', files: [] }, diagnostics: [], gradable: false, runs: [], solutionCosts: () => undefined });
    expect(r).toMatchObject({ gradable: false, points: { earned: 0, possible: 100 } });
    expect(r.checks.every((c) => c.status === 'error')).toBe(true);
  });
});

describe('what students see', () => {
  it('names nothing hidden', () => {
    const text = canonicalJson(toStudent(report(all(run('secret', 'strict', ['XB2']))), lab));
    for (const word of ['secret', 'token of', 'Sentence of', 'XB2', 'full']) expect(text).not.toContain(word);
    expect(JSON.parse(text)).toMatchObject({ audience: 'student', hidden: { passed: false, classes: ['complete', 'violated'] } });
  });
  it('is the same for two hidden suites of equal class, whatever broke where, how often, and however many there are', () => {
    const one = report(all(run('secret', 'strict', ['XB2'])));
    const other = report([...all(run('secret', 'arm64', ['XB1']), run('secret', 'strict', ['XB1', 'XB2'])), run('third', 'arm64', []), run('third', 'strict', [])]);
    expect(canonicalJson(one)).not.toBe(canonicalJson(other));
    expect(canonicalJson(toStudent(one, lab))).toBe(canonicalJson(toStudent(other, lab)));
  });
  it('keeps the words and the hint of a public failure, also when a hidden run fails first', () => {
    const r = toStudent(report(all(run('open', 'strict', ['XB3']), run('secret', 'arm64', ['XB3']))), lab);
    expect(r.checks[1]).toMatchObject({ detail: 'open on strict: Sentence of XB3.', hint: 'Read the bit first.' });
    expect(r.runs.map((x) => x.workload)).toEqual(['open', 'open']);
  });
});
