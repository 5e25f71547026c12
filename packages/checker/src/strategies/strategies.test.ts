// SPDX-License-Identifier: Apache-2.0
import type { Choice, Deviation, Strategy } from '@dmalab/core/base/choice';
import { describe, expect, it } from 'vitest';
import { DeviationSearch } from './deviations.ts';
import { type Asked, name, Replay } from './replay.ts';
import { Sample } from './sample.ts';

const ask = (strategy: Strategy, key: string, width: number, ordinal = 0, kind: Choice['kind'] = 'drain'): number => strategy.pick({ agent: 'cpu0', kind, key, ordinal, width, label: String });
const deviation = (key: string, answer = 1): Deviation => ({ agent: 'cpu0', kind: 'drain', key, ordinal: 0, answer });

describe('replay', () => {
  it('answers what is listed and 0 elsewhere', () => {
    const replay = new Replay([deviation('len')]);
    expect([ask(replay, 'addr', 2), ask(replay, 'len', 2), ask(replay, 'len', 2, 1)]).toEqual([0, 1, 0]);
    expect(replay.problems()).toEqual([]);
  });

  it('says which call is gone', () => {
    const replay = new Replay([deviation('nic_xmit#1/len'), deviation('flags', 3)]);
    ask(replay, 'flags', 2);
    expect(replay.problems()).toEqual(['the drain choice of cpu0 at nic_xmit#1/len is gone: the run no longer asks it', 'the drain choice of cpu0 at flags wants answer 3, but there are only 2']);
  });
});

/** A system whose second choice exists only when the first deviates, and a third that always exists. */
function run(strategy: Replay): string {
  const a = ask(strategy, 'a', 3);
  const b = a > 0 ? ask(strategy, 'b', 2) : 0;
  const c = ask(strategy, 'c', 2);
  return `${a}${b}${c}`;
}

describe('search by number of deviations', () => {
  function outcomes(bound: number, skip?: (choice: Asked, answer: number) => boolean): { list: string[]; level: number } {
    const search = new DeviationSearch(bound, 1000, skip);
    const list: string[] = [];
    for (let set = search.take(); set !== undefined; set = search.take()) {
      const replay = new Replay(set, true);
      list.push(run(replay));
      search.report(set, replay.asked);
    }
    return { list, level: search.level };
  }

  it('visits every execution within the bound once, small ones first', () => {
    expect(outcomes(0).list).toEqual(['000']);
    expect(outcomes(1).list).toEqual(['000', '100', '200', '001']);
    const { list } = outcomes(3);
    expect(new Set(list).size).toBe(list.length);
    expect([...list].sort()).toEqual(['000', '001', '100', '101', '110', '111', '200', '201', '210', '211']);
    const deviations = list.map((o) => [...o].filter((d) => d !== '0').length);
    expect(deviations).toEqual([...deviations].sort());
  });

  it('leaves out what is said to change nothing', () => {
    expect(outcomes(3, (choice, answer) => choice.key === 'a' && answer === 2).list.some((o) => o.startsWith('2'))).toBe(false);
  });

  it('counts a level that had to be cut as not completed', () => {
    const search = new DeviationSearch(2, 2);
    let runs = 0;
    for (let set = search.take(); set !== undefined; set = search.take()) {
      const replay = new Replay(set, true);
      run(replay);
      search.report(set, replay.asked);
      runs += 1;
    }
    expect(search.completed).toBe(0);
    expect(runs).toBeGreaterThan(1);
  });

  it('completes the bound when no larger set exists', () => {
    const search = new DeviationSearch(8, 1000);
    for (let set = search.take(); set !== undefined; set = search.take()) {
      const replay = new Replay(set, true);
      run(replay);
      search.report(set, replay.asked);
    }
    expect(search.completed).toBe(8);
  });

  it('tells questions apart by agent, kind, key and ordinal', () => {
    const base = { agent: 'a', kind: 'read', key: 'k', ordinal: 0 };
    const names = [base, { ...base, agent: 'b' }, { ...base, kind: 'drain' }, { ...base, key: 'l' }, { ...base, ordinal: 1 }].map(name);
    expect(new Set(names).size).toBe(5);
  });
});

describe('sampling', () => {
  it('is a function of its seed, deviates at most `depth` times, and reaches every choice', () => {
    const runs = (seed: number): string[] => {
      const sample = new Sample(seed, 12, 2);
      return Array.from({ length: 300 }, () => {
        const answers = Array.from({ length: 12 }, (_, i) => ask(sample, `k${i}`, 3));
        sample.advance();
        return answers.join('');
      });
    };
    expect(runs(7)).toEqual(runs(7));
    expect(runs(7)).not.toEqual(runs(8));
    for (const answers of runs(7)) expect([...answers].filter((a) => a !== '0').length).toBeLessThanOrEqual(2);
    for (let i = 0; i < 12; i += 1) expect(runs(7).some((answers) => answers[i] === '2')).toBe(true);
  });
});
