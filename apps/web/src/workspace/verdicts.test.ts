// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Finding, Verdict } from '@dmalab/contracts/report';
import { barOf, remarks } from './bar.ts';
import { INITIAL, type WorkspaceState } from './state.ts';
import { summaryLook, summaryOf, withVerdict, type Checked } from './verdicts.ts';

const workload = (title: string, profiles?: ('strict' | 'arm64')[]) => ({ title, buffers: {}, contexts: { task: [{ call: 'f', args: [] }] as [{ call: string; args: [] }] }, devices: {}, faults: [], profiles });
const lab = { workloads: { out: workload('Out'), in: workload('In'), odd: workload('Odd', ['strict']) } };
const complete = (executions: number): Verdict => ({ kind: 'complete', executions, engine: 'graph', within: `${executions} of the graph form` });
const violated: Verdict = { kind: 'violated', executions: 4, engine: 'graph' };
const checked = (profile: 'arm64' | 'strict', id: string, verdict: Verdict, finding: Finding | null = null): Checked => ({ message: { profile, workload: id, verdict, token: '', diagnostics: [], finding }, finding, source: 'text', blanked: '' });
const look = (list: readonly Checked[], profile: 'arm64' | 'strict') => summaryLook(summaryOf(list, profile, lab)!, lab);

describe('the verdict on a profile', () => {
  it('is complete only when every workload for that profile is, and adds up what was tried', () => {
    expect(look([checked('arm64', 'out', complete(11))], 'arm64')).toMatchObject({ word: '1 of 2 workloads checked', tone: 'ink' });
    expect(look([checked('arm64', 'out', complete(11)), checked('arm64', 'in', complete(9))], 'arm64')).toMatchObject({ word: 'complete', words: 'complete: 20 executions, 2 workloads' });
    expect(look([checked('strict', 'out', complete(11)), checked('strict', 'in', complete(9))], 'strict').word).toBe('2 of 3 workloads checked');
  });

  it('is violated as soon as one workload is, which is named', () => {
    expect(look([checked('arm64', 'out', complete(11)), checked('arm64', 'in', violated)], 'arm64')).toMatchObject({ word: 'violated', words: 'violated at execution 4 of “In”' });
  });

  it('is no better than its weakest workload', () => {
    const bounded: Verdict = { kind: 'bounded', k: 1, executions: 30, engine: 'operational', within: '' };
    expect(look([checked('arm64', 'out', complete(11)), checked('arm64', 'in', bounded)], 'arm64')).toMatchObject({ word: 'bounded(1)', words: 'bounded(1): no violation in 41 executions, 2 workloads. Longer schedules were not tried' });
  });

  it('is the newer one when a question is answered again', () => {
    const list = withVerdict([checked('arm64', 'out', violated)], checked('arm64', 'out', complete(3)));
    expect(list.map((c) => c.message.verdict.kind)).toEqual(['complete']);
  });
});

describe('the verdict bar', () => {
  const finding: Finding = { rule: 'assert:sent', sentence: 'Frame 1 was never sent.', first: null, second: null, step: 9, steps: 9, missing: '', evidence: 'our choice', source: 'the lab says so', token: '', diagram: [] };
  const state = (verdicts: readonly Checked[]): WorkspaceState => ({ ...INITIAL, lab: { ...lab, manifest: { checks: [{ id: 'sent', title: 'Every frame is sent' }] } } as unknown as WorkspaceState['lab'], text: 'text', profile: 'arm64', workload: 'out', verdicts });

  it('calls an assertion by the title of its check, and claims no evidence for it', () => {
    expect(barOf(state([checked('arm64', 'out', violated, finding)]))).toMatchObject({ violated: true, text: 'Frame 1 was never sent.', found: { rule: 'check “Every frame is sent”', evidence: '' } });
    expect(barOf(state([checked('arm64', 'out', violated, { ...finding, rule: 'RT1' })]))?.found).toMatchObject({ rule: '', evidence: '' });
    expect(barOf(state([checked('arm64', 'out', violated, { ...finding, rule: 'XB2' })]))?.found).toMatchObject({ rule: 'XB2', evidence: 'our choice' });
  });

  it('names a failure of another workload of the same profile before anything good', () => {
    expect(barOf(state([checked('arm64', 'out', complete(3)), checked('arm64', 'in', violated, finding)]))).toMatchObject({ violated: true, about: { workload: 'in' } });
  });

  it('says nothing before the first run', () => {
    expect(barOf(state([]))).toBeNull();
  });

  it('counts type errors and says where the first one is', () => {
    const at = (line: number, severity: 'warning' | 'advice') => ({ file: 'driver.ts', line, column: 1, severity, code: '', message: `of line ${line}` });
    expect(remarks([at(26, 'warning')])).toMatchObject([{ words: '1 type error', first: { line: 26 } }]);
    expect(remarks([at(30, 'advice'), at(26, 'warning'), at(27, 'warning')])).toMatchObject([{ words: '2 type errors', first: { line: 26 } }, { words: '1 piece of advice', first: { line: 30 } }]);
    expect(remarks([])).toEqual([]);
  });
});
