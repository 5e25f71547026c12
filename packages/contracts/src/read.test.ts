// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { LabManifest, Workload } from './lab.ts';
import { problemText, readYaml } from './read.ts';

const lab = `id: demo
title: Demo
summary: A demonstration.
teaches: [nothing]
machine: { devices: [{ id: nic0, kind: ring-nic }] }
contexts: [{ name: task, cpu: 0 }]
driver: { file: driver.ts, entry: [probe, send] }
profiles: [arm64]
budget: { executions: 5k, fuel: 200M }
checks:
  - { id: whole, title: Only whole frames, rules: [XB2], points: 60 }
  - id: sent
    title: All sent
    assert: allFramesSent(nic0)
    points: 40
expect:
  starter: { fails: [whole] }
`;
const problems = (text: string): string[] => {
  const result = readYaml('lab.yaml', text, LabManifest);
  return result.ok ? [] : result.problems.map(problemText);
};

describe('a lab manifest', () => {
  it('is read, counts with their units', () => {
    const result = readYaml('lab.yaml', lab, LabManifest);
    expect(result.ok && result.value.budget).toMatchObject({ executions: 5000, fuel: 200_000_000 });
    expect(result.ok && result.at(['checks', 1, 'points'])).toEqual({ line: 15, column: 5 });
  });
  it('may be JSON', () => {
    const value = readYaml('lab.yaml', lab, LabManifest);
    expect(value.ok && readYaml('lab.json', JSON.stringify({ ...value.value, budget: { executions: 1, fuel: 1 } }, null, 1), LabManifest).ok).toBe(true);
  });
});

describe('a broken manifest names file, key and what was expected', () => {
  it('a misspelt key', () => {
    expect(problems(lab.replace('    points: 40', '    point: 40')).sort()).toEqual([
      'lab.yaml:12:5: checks[1].points: this key is missing; expected a number',
      'lab.yaml:15:5: checks[1].point: there is no such key here; keys that are not known are errors, so that a misspelt one cannot go unseen',
    ]);
  });
  it('a wrong type', () => expect(problems(lab.replace('points: 60', 'points: many'))).toEqual(['lab.yaml:11:58: checks[0].points: expected a number; found "many"']));
  it('an unknown profile', () => expect(problems(lab.replace('[arm64]', '[arm64, arm46]'))[0]).toMatch(/^lab.yaml:8:19: profiles\[1\]: expected one of x86-64, .*; found "arm46"$/));
  it('a rule that is none', () => expect(problems(lab.replace('[XB2]', '[xb2]'))).toEqual(['lab.yaml:11:52: checks[0].rules[0]: expected a rule id such as XB2 or DD08; found "xb2"']));
  it('two ways to check at once', () => expect(problems(lab.replace('rules: [XB2]', 'rules: [XB2], noLeaks: true'))[0]).toContain('checks[0]: expected exactly one of rules, assert, cost, noLeaks'));
  it('a count', () => expect(problems(lab.replace('200M', '200X'))[0]).toMatch(/^lab.yaml:9:\d+: budget.fuel: expected .*an integer, or one with k, M, G.*; found "200X"$/));
  it('no YAML at all', () => expect(problems('id: [1\ntitle: x')[0]).toMatch(/^lab.yaml:\d+:\d+: /));
  it('the same key twice', () => expect(problems(`${lab}id: other\n`)[0]).toMatch(/^lab.yaml:18:1: .*unique/));
  it('aliases', () => expect(problems(lab.replace('title: Demo', 'title: &t Demo').replace('summary: A demonstration.', 'summary: *t'))[0]).toMatch(/alias/i));
});

it('a workload may hold 64-bit literals, and says what an argument can be', () => {
  const good = 'title: One\ncontexts:\n  task:\n    - { call: send, args: [1, { u64: "0x10" }, { buffer: a }] }\n';
  expect(readYaml('w.yaml', good, Workload).ok).toBe(true);
  const bad = readYaml('w.yaml', good.replace('{ buffer: a }', 'true'), Workload);
  expect(bad.ok ? '' : problemText(bad.problems[0]!)).toMatch(/^w.yaml:4:\d+: contexts.task\[0\].args\[2\]: expected .*; found true$/);
});
