// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { OpenChoice, TraceEvent } from '@dmalab/core/base/events';
import { branchDeviations, branchLabel, openAnswers, plainWords } from './branch.ts';

const choice = (key: string, taken: number, width = 3): OpenChoice => ({ agent: 'machine', kind: 'step', key, ordinal: 0, taken, options: Array.from({ length: width }, (_, i) => `${key}${i}`) });
const event = (id: number, ...choices: OpenChoice[]): TraceEvent => ({ id, agent: 'cpu0', cycle: 0, causes: [], kind: 'block', on: '', choices });
const run = [event(1, choice('a', 0)), event(2, choice('b', 2), choice('c', 1)), event(3), event(4, choice('d', 1))];
const keys = (list: readonly { key: string; answer: number }[]): string[] => list.map((d) => d.key + d.answer);

describe('a branch', () => {
  it('keeps the past, takes the other answer, drops the future', () => {
    expect(keys(branchDeviations(run, 2, 1, 2))).toEqual(['b2', 'c2']);
  });

  it('keeps only the questions before its own of the same step', () => {
    expect(keys(branchDeviations(run, 2, 0, 1))).toEqual(['b1']);
  });

  it('back to the plain answer is a shorter list, not an answer 0', () => {
    expect(keys(branchDeviations(run, 2, 0, 0))).toEqual([]);
    expect(keys(branchDeviations(run, 4, 0, 0))).toEqual(['b2', 'c1']);
  });

  it('that takes what was taken is the run up to there', () => {
    expect(keys(branchDeviations(run, 4, 0, 1))).toEqual(['b2', 'c1', 'd1']);
  });

  it('is called by its run, step and answer', () => {
    expect(branchLabel('run 1', 17, 1)).toBe('run 1.17b');
    expect(branchLabel('run 1 failing', 21, 2)).toBe('run 1.21c');
  });
});

it('open answers show the taken one first', () => {
  expect(openAnswers(run[1]).map((a) => [a.text, a.taken])).toEqual([
    ['b2', true], ['b0', false], ['b1', false], ['c1', true], ['c0', false], ['c2', false],
  ]);
  expect(openAnswers(run[2])).toEqual([]);
});

it('labels are told without the call that made them', () => {
  expect(plainWords('the store to task/nic_xmit#2/addr[1] reaches memory')).toBe('the store to addr[1] reaches memory');
  expect(plainWords('nic0 goes on')).toBe('nic0 goes on');
});
