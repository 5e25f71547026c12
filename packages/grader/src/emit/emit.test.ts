// SPDX-License-Identifier: Apache-2.0
import { Report } from '@dmalab/contracts/report';
import { expect, it } from 'vitest';
import { junit } from './junit.ts';
import { reportText } from './text.ts';

const finding = {
  rule: 'XB2',
  sentence: 'The NIC took slot 1 with length 0: its own bit reached memory before its length did, and no barrier orders the two.',
  first: { file: 'driver.ts', line: 15, column: 3 },
  second: { file: 'driver.ts', line: 18, column: 3 },
  step: 21,
  steps: 23,
  missing: 'dma_wmb',
  evidence: 'cited section' as const,
  source: 'memory-barriers.txt',
  token: 'd1.abc',
  diagram: ['CPU 0 ──①──②──', 'a < b & "c"\u0007'],
};
const run = { workload: 'two-frames', title: 'Two frames <1>', visibility: 'public' as const, profile: 'arm64' as const, failed: ['whole-frames'], fuel: 1000, loadStoreReordering: false, others: [] };
const report = Report.parse({
  schema: 'dmalab/report/v1',
  audience: 'staff',
  lab: { id: 'coherent-is-not-ordered', title: 'Coherent is not ordered', hash: 'l' },
  engine: { hash: 'e' },
  submission: { hash: 's', files: ['driver.ts'] },
  gradable: true,
  withoutHidden: false,
  diagnostics: [],
  points: { earned: 70, possible: 100 },
  checks: [
    { id: 'whole-frames', title: 'Only whole frames are sent', points: 30, earned: 0, status: 'failed', detail: 'two-frames on arm64', hint: 'Look at\nthe two lines.' },
    { id: 'all-sent', title: 'Every frame is sent', points: 70, earned: 70, status: 'passed', detail: '', hint: null },
  ],
  runs: [
    { ...run, verdict: { kind: 'violated', executions: 3, engine: 'graph' }, finding },
    { ...run, workload: 'three-frames', verdict: { kind: 'violated', executions: 5, engine: 'graph' }, finding: { ...finding, token: 'd1.def' } },
    { ...run, profile: 'x86-64', failed: [], verdict: { kind: 'complete', executions: 5, engine: 'graph', within: 'ring of 2' }, finding: null },
  ],
  hidden: null,
});
const options = { submission: 'mine.ts', lab: '06', color: false };

it('the text gives the sentence before the rule, both halves, the missing primitive and the command that shows it again', () => {
  const text = reportText(report, options);
  expect(text).toContain('Coherent is not ordered: 70 of 100 points');
  expect(text.indexOf(finding.sentence)).toBeLessThan(text.indexOf('XB2'));
  expect(text).toContain('① driver.ts:15:3 · ② driver.ts:18:3 · step 21 of 23 · missing: dma_wmb()');
  expect(text).toContain('npx dmalab replay d1.abc 06 --submission mine.ts');
  expect(text).toContain('complete: 5 executions, ring of 2');
});

it('the same two lines broken in the same way are drawn once, and each run keeps its own token', () => {
  const text = reportText(report, options);
  expect(text.split(finding.sentence)).toHaveLength(2);
  expect(text).toContain('d1.def');
});

it('what did not compile is not graded, and says that it costs nothing', () => {
  const text = reportText({ ...report, gradable: false, diagnostics: [{ file: 'driver.ts', line: 3, column: 7, severity: 'error', code: 'syntax', message: 'expected ";"' }] }, options);
  expect(text).toContain('costs no attempt');
  expect(text).toContain('driver.ts:3:7: error: expected ";"');
});

it('JUnit counts what it holds, escapes what XML forbids, and names the line', () => {
  const xml = junit(report);
  expect(xml).toContain('<testsuites name="coherent-is-not-ordered" tests="5" failures="3" errors="0" skipped="0">');
  expect(xml.match(/<testcase /g)).toHaveLength(5);
  expect(xml).toContain('name="Two frames &lt;1&gt;" file="driver.ts" line="18"');
  expect(xml).toContain('a &lt; b &amp; "c"�');
  expect(xml).not.toContain('\u0007');
});

it('JUnit of a driver that did not compile has one error and no failure', () => {
  const xml = junit({ ...report, gradable: false, runs: [], diagnostics: [{ file: 'driver.ts', line: 3, column: 7, severity: 'error', code: 'syntax', message: 'expected ";"' }] });
  expect(xml).toContain('tests="1" failures="0" errors="1"');
  expect(xml).toContain('file="driver.ts" line="3"');
});
