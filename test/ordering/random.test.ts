// SPDX-License-Identifier: Apache-2.0
/**
 * Random programs: every form gives the same outcomes as an enumerator that
 * shares no code with them, and a weaker model allows what a stronger one does.
 * `DMALAB_LONG=1` runs many more; `DMALAB_SEED` starts elsewhere.
 */
import { describe, expect, it } from 'vitest';
import { byGraph, byMachine, byNaive, byOperational, byTraces, guided, sampled, type Found, type ModelName, SC } from './forms.ts';
import { TooManyRuns } from '../naive/runs.ts';
import { mini } from './mini.ts';
import { randomProgram, type Family } from './random-programs.ts';
import { LINE_PROFILES } from './rule-rows.lines.ts';

const LONG = process.env['DMALAB_LONG'] === '1';
const FIRST = Number(process.env['DMALAB_SEED'] ?? 0);
const MODELS: readonly ModelName[] = ['x86', 'arm', 'riscv', 'strict'];
const FAMILIES: Record<string, Family> = {
  'plain accesses': {},
  atomics: { atomics: true },
  'mixed sizes': { sizes: true },
  'mixed sizes and atomics': { sizes: true, atomics: true },
  MMIO: { mmio: true },
  interrupts: { interrupts: true },
  'MMIO and interrupts': { mmio: true, interrupts: true },
  'MMIO, mixed sizes and atomics': { mmio: true, sizes: true, atomics: true },
};
/** Runs of the machine over every choice; programs with more are led and sampled instead. */
const RUNS = LONG ? 20_000 : 1_500;
/** The same without orders that make no difference. */
const TRACES = LONG ? 20_000 : 300;

/** How often each pair of forms was compared: a form that is never small enough would go unnoticed. */
const comparisons = new Map<string, number>();
const count = (what: string): void => void comparisons.set(what, (comparisons.get(what) ?? 0) + 1);

/** `null`: too large for this form. */
function within(find: () => Found): Found | null {
  try {
    const found = find();
    if (found.why === '') return found;
    if (!found.why.startsWith('more than')) throw new Error(found.why);
    return null;
  } catch (error) {
    if (error instanceof TooManyRuns || (error instanceof RangeError && error.message.includes('too much'))) return null;
    throw error;
  }
}

describe('random programs have the same outcomes in every form', () => {
  for (const [name, family] of Object.entries(FAMILIES)) {
    for (const model of MODELS) {
      it(`${name} on ${model}`, () => {
        const programs = LONG ? 200 : 3;
        let compared = 0;
        for (let seed = FIRST; seed < FIRST + programs; seed += 1) {
          const text = randomProgram(model, family, seed);
          const program = mini(text);
          const same = (what: string, a: Found | null, b: Found | null): void => {
            if (a === null || b === null) return;
            compared += 1;
            count(what);
            expect({ what, seed, text, outcomes: a.outcomes }).toEqual({ what, seed, text, outcomes: b.outcomes });
          };
          const free = within(() => byGraph(program, model));
          const kept = within(() => byGraph(program, model, { loadStore: 'kept' }));
          same('graph, naive', free, within(() => byNaive(program, model)));
          same('graph, naive; loads kept before stores', kept, within(() => byNaive(program, model, { loadStore: 'kept' })));
          if (!text.includes('dev')) {
            const explored = within(() => byOperational(program, model, { limit: 50_000 }));
            same('graph, operational', free, explored);
            same('graph, operational; loads kept before stores', kept, within(() => byOperational(program, model, { loadStore: 'kept', limit: 50_000 })));
          }
          const machine = within(() => byMachine(program, model, { limit: RUNS }));
          if (machine !== null) same('graph, machine', kept, machine);
          else if (kept !== null) {
            count('graph, machine led and sampled');
            expect({ seed, text, outcomes: guided(program, model) }).toEqual({ seed, text, outcomes: kept.outcomes });
            expect({ seed, text, strange: sampled(program, model, 200, seed).filter((o) => !kept.outcomes.includes(o)) }).toEqual({ seed, text, strange: [] });
          }
          const traces = within(() => byTraces(program, model, { limit: TRACES }));
          if (traces !== null) same('graph, machine without idle orders', kept, traces);
          if (free !== null && kept !== null) expect({ seed, text, strange: kept.outcomes.filter((o) => !free.outcomes.includes(o)) }).toEqual({ seed, text, strange: [] });
        }
        expect(compared).toBeGreaterThanOrEqual(2 * programs);
      }, LONG ? 3_600_000 : 60_000);
    }
  }

  it('and every pair of forms was compared many times', () => {
    const pairs = ['graph, naive', 'graph, naive; loads kept before stores', 'graph, operational', 'graph, operational; loads kept before stores', 'graph, machine', 'graph, machine led and sampled', 'graph, machine without idle orders'];
    expect(pairs.filter((pair) => (comparisons.get(pair) ?? 0) < 10)).toEqual([]);
  });
});

const LINES: Record<string, Family> = {
  'cache maintenance': { maintenance: true },
  'cache maintenance and MMIO': { maintenance: true, mmio: true },
  'cache maintenance and mixed sizes': { maintenance: true, sizes: true },
  'cache maintenance, MMIO and interrupts': { maintenance: true, mmio: true, interrupts: true },
};

describe('random programs over cache lines that the device does not see have the same outcomes in every form', () => {
  for (const [name, family] of Object.entries(LINES)) {
    for (const model of MODELS) {
      it(`${name} on ${model}`, () => {
        const programs = LONG ? 300 : 6;
        for (let seed = FIRST; seed < FIRST + programs; seed += 1) {
          const text = randomProgram(model, family, seed);
          const program = mini(text);
          const profile = LINE_PROFILES[model];
          const { outcomes } = byNaive(program, model, { memory: false, loadStore: 'kept', lines: true });
          const graph = byGraph(program, model, { memory: false, loadStore: 'kept', lines: true });
          expect({ seed, text, why: graph.why, outcomes: graph.outcomes }).toEqual({ seed, text, why: '', outcomes });
          expect({ seed, text, outcomes: guided(program, model, { memory: false, profile }) }).toEqual({ seed, text, outcomes });
          const machine = within(() => byMachine(program, model, { memory: false, profile, limit: RUNS }));
          if (machine !== null) {
            count('lines: graph, machine');
            expect({ seed, text, outcomes: machine.outcomes }).toEqual({ seed, text, outcomes });
          }
          const traces = within(() => byTraces(program, model, { memory: false, profile, limit: TRACES }));
          if (traces !== null) {
            count('lines: graph, machine without idle orders');
            expect({ seed, text, outcomes: traces.outcomes }).toEqual({ seed, text, outcomes });
          }
          if (machine === null) expect({ seed, text, strange: sampled(program, model, 100, seed, profile).filter((o) => !outcomes.includes(o)) }).toEqual({ seed, text, strange: [] });
        }
      }, LONG ? 3_600_000 : 60_000);
    }
  }

  it('and the machine went through every choice of many of them', () => {
    for (const which of ['lines: graph, machine', 'lines: graph, machine without idle orders']) expect(comparisons.get(which) ?? 0).toBeGreaterThanOrEqual(10);
  });
});

describe('where one device reads past the caches, CPUs and the other devices see what they saw', () => {
  // Then everybody else goes through lines, devices too; see `Agent.snoops`.
  const walker = { id: 'walker', kind: 'device' as const, snoops: false, run: () => undefined, registers: new Map<string, number>() };
  it.each(['plain accesses', 'atomics', 'mixed sizes', 'MMIO'])('%s', (name) => {
    let compared = 0;
    for (const model of ['arm', 'strict'] as const) {
      for (let seed = FIRST; seed < FIRST + (LONG ? 200 : 5); seed += 1) {
        const text = randomProgram(model, FAMILIES[name] ?? {}, seed);
        const program = mini(text);
        const graph = within(() => byGraph(program, model, { loadStore: 'kept' }));
        const lines = within(() => byTraces({ ...program, agents: [...program.agents, walker] }, model, { limit: TRACES }));
        if (graph === null || lines === null) continue;
        compared += 1;
        expect({ seed, text, outcomes: lines.outcomes }).toEqual({ seed, text, outcomes: graph.outcomes });
      }
    }
    expect(compared).toBeGreaterThanOrEqual(4);
  });
});

describe('a weaker model allows what a stronger one does', () => {
  const chains: readonly (readonly (ModelName | 'sc')[])[] = [['sc', 'x86', 'arm', 'strict'], ['x86', 'riscv', 'strict']];
  it.each([['plain', {}], ['mixed sizes', { sizes: true }], ['a device', { mmio: true }]] satisfies [string, Family][])('on programs of loads and stores: %s', (_, extra) => {
    let differ = 0;
    for (let seed = FIRST; seed < FIRST + (LONG ? 500 : 25); seed += 1) {
      const text = randomProgram('x86', { ...extra, bare: true }, seed);
      const program = mini(text);
      for (const chain of chains) {
        for (let i = 1; i < chain.length; i += 1) {
          const [stronger, weaker] = [chain[i - 1], chain[i]].map((m) => (m === undefined || m === 'sc' ? byGraph(program, 'x86', { table: SC }) : byGraph(program, m)).outcomes);
          if (stronger === undefined || weaker === undefined) throw new Error('no such model');
          expect({ seed, text, chain, strange: stronger.filter((o) => !weaker.includes(o)) }).toEqual({ seed, text, chain, strange: [] });
          if (stronger.length < weaker.length) differ += 1;
        }
      }
    }
    expect(differ).toBeGreaterThan(1);
  });
});
