// SPDX-License-Identifier: Apache-2.0
/** The graph form against herd7's complete outcome sets: every test of every file, both directions. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compareAll, compareCase, describeComparison, readOracle } from '@dmalab/litmus/oracle';

const read = (name: string): ReturnType<typeof readOracle> => readOracle(readFileSync(new URL(`../oracle/litmus/${name}.jsonl`, import.meta.url), 'utf8'));

describe('the graph form gives the same outcomes as herd7', () => {
  it.each([
    ['x86_64', 874],
    ['riscv', 951],
    ['aarch64', 1240],
  ])('on all of %s', (file, tests) => {
    const problems: string[] = [];
    const summary = compareAll(read(file), (c) => {
      if (c.kind !== 'agrees') problems.push(describeComparison(c));
    });
    expect(problems).toEqual([]);
    expect(summary).toMatchObject({ agree: tests, disagree: 0, notRun: 0 });
  });

  it.each([
    ['x86_64', 563],
    ['riscv', 647],
  ])('with as many executions as herd counts, on %s', (file, counted) => {
    let compared = 0;
    for (const c of read(file)) {
      const comparison = compareCase(c);
      if (!('text' in c) || c.executions === null || comparison.kind !== 'agrees') continue;
      compared += 1;
      expect([c.name, comparison.executions]).toEqual([c.name, c.executions]);
    }
    expect(compared).toBe(counted);
  });
});

describe('the comparison can fail', () => {
  const [first] = read('x86_64');
  it('on a state that is not there and on one that is missing', () => {
    if (first === undefined || !('text' in first)) throw new Error('no case');
    expect(compareCase({ ...first, states: first.states.slice(1) })).toMatchObject({ kind: 'disagrees', extra: [first.states[0]], missing: [] });
    expect(compareCase({ ...first, states: [...first.states, '1:rax=7;1:rbx=0;[x]=1;[y]=1'] })).toMatchObject({ kind: 'disagrees', missing: ['1:rax=7;1:rbx=0;[x]=1;[y]=1'], extra: [] });
  });
  it('and says what it could not run', () => {
    expect(compareCase(readOracle('{"name":"n","text":"PPC n\\n{}\\nP0;\\nexists (x=1)","states":[]}')[0] ?? { line: 0, name: '', why: '' })).toMatchObject({ kind: 'not-run', why: expect.stringMatching(/^1:1: architecture "PPC" is not known; expected AArch64/) });
    expect(readOracle('{"vector":1}\nnot json')).toMatchObject([{ why: expect.stringContaining('the keys "text" (a string) and "states" (a list)') }, { why: expect.stringContaining('not JSON') }]);
  });
});
