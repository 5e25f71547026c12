// SPDX-License-Identifier: Apache-2.0
import type { Strategy } from '@dmalab/core/base/choice';
import { describe, expect, it } from 'vitest';
import { type Execution, explore, type System } from './explore.ts';

/** A toy system: `width` binary questions; `judge` turns the answers into failures. */
function toy(width: number, judge: (answers: string) => readonly string[], options: Partial<System> = {}): System & { runs: string[] } {
  const runs: string[] = [];
  return {
    runs,
    execute(strategy: Strategy): Execution {
      const deviations = [];
      let answers = '';
      for (let i = 0; i < width; i += 1) {
        const choice = { agent: 'cpu0', kind: 'drain', key: `q${i}`, ordinal: 0 } as const;
        const answer = strategy.pick({ ...choice, width: 2, label: String });
        if (answer > 0) deviations.push({ ...choice, answer });
        answers += String(answer);
      }
      runs.push(answers);
      return { failures: judge(answers).map((id) => ({ id, sentence: id })), deviations, steps: width, fuel: 10, error: null };
    },
    ...options,
  };
}
const budget = { executions: 1000, fuel: 1e9, bound: 2 };
/** Every assignment of `width` binary answers, as the graph form would enumerate executions. */
function everything(width: number): NonNullable<System['graph']> {
  return (limits, onLeaf) => {
    let leaves = 0;
    for (let n = 0; n < 2 ** width; n += 1) {
      if (leaves >= limits.leaves) return { leaves, dead: 0, complete: false, why: 'too many leaves' };
      let i = 0;
      leaves += 1;
      if (onLeaf({ pick: () => (n >> i++) & 1, advance: () => false }) === 'stop') return { leaves, dead: 0, complete: false, why: 'stopped' };
    }
    return { leaves, dead: 0, complete: true, why: '' };
  };
}

describe('exploration', () => {
  it('without a graph form is bounded, and says by what', () => {
    const result = explore(toy(5, () => []), budget);
    expect(result).toMatchObject({ outcome: { kind: 'bounded', k: 2 }, executions: 1 + 5 + 10, engine: 'operational' });
  });

  it('with one is complete', () => {
    expect(explore(toy(5, () => [], { graph: everything(5) }), budget)).toMatchObject({ outcome: { kind: 'complete', within: 'every schedule this profile allows' }, engine: 'operational, graph' });
  });

  it('without a graph form finds the smallest failure first', () => {
    const result = explore(toy(5, (a) => (a === '00100' ? ['XB2'] : a === '01001' ? ['XB3'] : [])), budget);
    expect(result.found.map((f) => [f.failure.id, f.deviations.length, f.engine])).toEqual([
      ['XB2', 1, 'operational'],
      ['XB3', 2, 'operational'],
    ]);
    expect([result.executions, result.fuel]).toEqual([1 + 3, 40]);
  });

  it('finds every failure, and counts up to the first', () => {
    const judge = (a: string): string[] => (a === '00100' ? ['XB2'] : a === '01001' ? ['XB3'] : a === '11111' ? ['XO4'] : []);
    const result = explore(toy(5, judge, { graph: everything(5) }), budget);
    expect(result.outcome).toEqual({ kind: 'violated' });
    expect(result.found.map((f) => [f.failure.id, f.deviations.length, f.execution > result.executions])).toEqual([
      ['XB2', 1, false],
      ['XB3', 2, true],
      ['XO4', 5, true],
    ]);
    // The plain run, and five executions of the graph form: 00000, 10000, 01000, 11000, 00100.
    expect([result.executions, result.fuel]).toEqual([6, 60]);
  });

  it('falls back to a bounded verdict when the graph form gives up, and names the reason', () => {
    const result = explore(toy(5, () => [], { graph: () => ({ leaves: 3, dead: 0, complete: false, why: 'a mixed-size access' }) }), budget);
    expect(result.outcome).toEqual({ kind: 'bounded', k: 2, within: 'every execution with at most 2 deviations from the plain run; a mixed-size access' });
  });

  it('samples when not even single deviations fit the budget, and never runs beyond it', () => {
    const system = toy(100, () => []);
    expect(explore(system, { ...budget, executions: 30 }).outcome).toEqual({ kind: 'sampled', n: 30 });
    expect(system.runs.length).toBe(30);
    expect(explore(toy(100, () => []), { ...budget, fuel: 100 }).executions).toBe(10);
  });

  it('an execution that cannot be judged is an error, never a pass', () => {
    const broken: System = { execute: () => ({ failures: [], deviations: [], steps: 0, fuel: 0, error: { whose: 'ours', message: 'no answer' } }) };
    expect(explore(broken, budget).outcome).toEqual({ kind: 'error', whose: 'ours', message: 'no answer' });
  });

  it('does not even try what is said to change nothing', () => {
    const system = toy(5, () => [], { skip: (choice) => choice.key !== 'q2' });
    explore(system, budget);
    expect(system.runs).toEqual(['00000', '00100']);
  });
});
