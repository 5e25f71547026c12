// SPDX-License-Identifier: Apache-2.0
import { problemText } from '@dmalab/contracts/read';
import { describe, expect, it } from 'vitest';
import { isPublic, loadLab, parseHints, publicPart, requireLab, withoutItems, workloadItems, type LabBundle } from './lab-bundle.ts';

const manifest = `id: demo
title: Demo
summary: A demonstration.
teaches: [nothing]
machine: { devices: [{ id: nic0, kind: ring-nic }] }
contexts: [{ name: task, cpu: 0 }]
driver: { file: driver.ts, entry: [probe, send], given: [nic.ts] }
profiles: [arm64, strict]
budget: { executions: 5k, fuel: 200M }
checks:
  - { id: whole, title: Only whole frames, rules: [XB2], points: 60 }
  - { id: sent, title: All sent, assert: allFramesSent(nic0), points: 40 }
expect:
  starter: { fails: [whole] }
  variants/wrong: { fails: [whole] }
`;
const workload = `title: One frame
buffers: { a: { size: 8, coherent: true } }
contexts:
  task:
    - { call: send, args: [{ drvdata: nic0 }, { dma: a }, 8] }
    - { call: send, args: [{ drvdata: nic0 }, { dma: a }, 8] }
devices: { nic0: [{ receive: { size: 4 } }] }
faults: [{ at: kmalloc, nth: 2 }]
`;
const files: Record<string, string> = {
  'lab.yaml': manifest,
  'README.md': '# Demo',
  'hints.md': '# Hints\n\n## XB2, XB3\nLook.\n\n## other\nThink.\n',
  'given/nic.ts': 'export const OWN = 1;',
  'starter/driver.ts': 'let x: number;',
  'solution/driver.ts': 'export {};',
  'variants/wrong/driver.ts': 'export {};',
  'workloads/public/one.yaml': workload,
  'workloads/hidden/two.yaml': workload.replace('One frame', 'Secret frame'),
};
const blank = (code: string): { code: string; diagnostics: [] } => ({ code: code.replace(': number', '        '), diagnostics: [] });
const load = (changes: Record<string, string | undefined> = {}): ReturnType<typeof loadLab> => loadLab(Object.fromEntries(Object.entries({ ...files, ...changes }).filter((e): e is [string, string] => e[1] !== undefined)), blank, '07-demo');
const problems = (changes: Record<string, string | undefined>): string[] => {
  const result = load(changes);
  return result.ok ? [] : result.problems.map(problemText);
};
const bundle = (changes = {}): LabBundle => requireLab(load(changes));

describe('a lab folder', () => {
  it('becomes plain data', () => {
    const lab = bundle();
    expect(lab).toMatchObject({ number: '07', hints: { XB2: 'Look.', XB3: 'Look.', other: 'Think.' }, given: { 'nic.ts': { text: 'export const OWN = 1;' } } });
    expect(Object.keys(lab.drivers)).toEqual(['solution', 'starter', 'variants/wrong']);
    expect(lab.drivers['starter']!['driver.ts']).toEqual({ text: 'let x: number;', code: 'let x        ;' });
    expect([lab.publicWorkloads[0]!.id, lab.hiddenWorkloads[0]!.id]).toEqual(['one', 'two']);
    expect(structuredClone(lab)).toEqual(lab);
  });
  it('hands students no hidden part, and a hash that does not depend on it', () => {
    const one = publicPart(bundle());
    const other = publicPart(bundle({ 'workloads/hidden/three.yaml': workload, 'solution/driver.ts': 'export const a = 1;', 'lab.yaml': manifest.replace('  variants/wrong: { fails: [whole] }\n', '') }));
    expect(one).toEqual(other);
    expect(JSON.stringify(one)).not.toMatch(/Secret|wrong|solution/);
    expect(bundle().hash).not.toBe(bundle({ 'workloads/hidden/three.yaml': workload }).hash);
    expect(bundle().publicHash).not.toBe(bundle({ 'README.md': '# Other' }).publicHash);
  });
  it('keeps apart what may reach students', () => {
    expect(['README.md', 'given/a.ts', 'workloads/public/a.yaml', 'lab.yaml'].every(isPublic)).toBe(true);
    expect(['solution/driver.ts', 'workloads/hidden/a.yaml', 'variants/a/driver.ts', 'wheats/a/driver.ts', 'notes.md'].some(isPublic)).toBe(false);
  });
});

describe('a broken lab names file, key and what was expected', () => {
  it.each([
    ['no manifest', { 'lab.yaml': undefined }, 'lab.yaml: a lab folder needs this file'],
    ['no text', { 'README.md': undefined }, 'README.md: a lab needs its text'],
    ['no starter', { 'starter/driver.ts': undefined }, 'starter/driver.ts: a lab needs what students start from'],
    ['no given module', { 'given/nic.ts': undefined }, 'lab.yaml:7:58: driver.given[0]: expected the file given/nic.ts'],
    ['an unknown assertion', { 'lab.yaml': manifest.replace('allFramesSent(nic0)', 'allSent(nic0)') }, 'lab.yaml:12:34: checks[1].assert: there is no assertion allSent; expected one of allFramesSent'],
    ['an assertion about no device', { 'lab.yaml': manifest.replace('allFramesSent(nic0)', 'allFramesSent(nic1)') }, 'there is no device nic1; expected one of nic0'],
    ['two checks of one name', { 'lab.yaml': manifest.replace('id: sent', 'id: whole') }, 'checks[1].id: two checks are called whole'],
    ['an expectation of nobody', { 'lab.yaml': manifest.replace('variants/wrong', 'variants/wrnog') }, 'lab.yaml:15:3: expect.variants/wrnog: there is no folder variants/wrnog; expected one of solution, starter, variants/wrong'],
    ['an expectation about no check', { 'lab.yaml': manifest.replace('{ fails: [whole] }\n  var', '{ fails: [hole] }\n  var') }, 'expect.starter.fails[0]: there is no check hole; expected one of whole, sent'],
    ['a call that is no entry', { 'workloads/public/one.yaml': workload.replace('call: send', 'call: xmit') }, 'workloads/public/one.yaml:5:9: contexts.task[0].call: driver.entry does not list xmit'],
    ['a buffer that is not there', { 'workloads/public/one.yaml': workload.replace('{ dma: a }', '{ dma: b }') }, 'there is no buffer b; expected one of a'],
    ['a bus address of ordinary memory', { 'workloads/public/one.yaml': workload.replace('coherent: true', 'coherent: false') }, 'buffer a has no DMA address'],
    ['a hidden workload that is broken', { 'workloads/hidden/two.yaml': 'title: x\n' }, 'workloads/hidden/two.yaml:1:1: contexts: this key is missing'],
    ['a driver that replaces a given module', { 'variants/wrong/nic.ts': '' }, 'variants/wrong/nic.ts: a given module cannot be replaced'],
  ])('%s', (_, changes, message) => {
    expect(problems(changes).join('\n')).toContain(message);
  });
});

it('each item of a workload can be dropped', () => {
  const { workload: w } = bundle().publicWorkloads[0]!;
  expect(workloadItems(w)).toEqual(['task[0]', 'task[1]', 'nic0[0]', 'faults[0]']);
  const less = withoutItems(w, ['task[0]', 'nic0[0]', 'faults[0]']);
  expect([less.contexts['task']!.length, less.devices['nic0']!.length, less.faults.length]).toEqual([1, 0, 0]);
});

it('hints are found by failure class', () => {
  expect(parseHints('## A\nfirst\nline\n\n## B, C\nsecond\n')).toEqual({ A: 'first\nline', B: 'second', C: 'second' });
});
