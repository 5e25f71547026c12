// SPDX-License-Identifier: Apache-2.0
/** Three ways to the same outcomes: the oracle, the graph form, and an enumerator that shares code with neither form. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readOracle, type OracleCase } from '@dmalab/litmus/oracle';
import { parseLitmus } from '@dmalab/litmus/parse';
import { prepare } from '@dmalab/litmus/run';
import type { Arch, LitmusTest } from '@dmalab/litmus/test';
import type { Word } from '@dmalab/litmus/thread';
import { enumerate, TooMuch } from './enumerate.ts';
import { AARCH64, RISCV, X86, type Model } from './models.ts';
import { TooManyRuns } from './runs.ts';

const NAIVE: Record<Arch, Model> = { AArch64: AARCH64, RISCV, X86_64: X86, X86 };

function naiveStates(test: LitmusTest, limit: number): string[] {
  const prepared = prepare(test);
  const found = new Set<string>();
  // Locations are far apart and each is accessed whole: one unit a location.
  const initial = (at: string): number => {
    const address = Number(at.split(':')[1]);
    return [3, 2, 1, 0].reduce((value, i) => value * 256 + (prepared.initial.ram.get(Math.floor(address / 4096))?.[(address + i) % 4096] ?? 0), 0);
  };
  enumerate({
    agents: prepared.agents,
    limit,
    initial,
    cut: (place) => [{ offset: 0, size: place.size }],
    registers: (i) => [...(prepared.agents[i]?.finished() ?? [])],
    model: NAIVE[test.arch],
    onOutcome: ({ registers, memory }) => {
      const state = prepared.state(
        (place) => memory.get(`ram:${place.address}`) ?? initial(`ram:${place.address}`),
        () => 0,
        (thread) => registers[thread] as Word[], // what `registers` above gave
      );
      found.add(state.key);
    },
  });
  return [...found].sort();
}

const cases = (name: string): OracleCase[] => readOracle(readFileSync(new URL(`../oracle/litmus/${name}.jsonl`, import.meta.url), 'utf8')).filter((c) => 'text' in c);
const LIMIT = 1500;

/** `null`: too large for an enumerator that tries everything. */
function tryNaive(test: LitmusTest): string[] | null {
  try {
    return naiveStates(test, LIMIT);
  } catch (error) {
    if (error instanceof TooMuch || error instanceof TooManyRuns) return null;
    throw error;
  }
}

describe('the naive enumerator agrees with the oracle', () => {
  it.each(['x86_64', 'riscv', 'aarch64'])('on a slice of %s', (file) => {
    let compared = 0;
    cases(file).forEach((c, i) => {
      // Pointers are wider than this front end's units.
      if (i % 17 !== 0 || c.nshIsWeak || c.text.includes('int64_t')) return;
      const states = tryNaive(parseLitmus(c.text));
      if (states === null) return;
      compared += 1;
      expect([c.name, states]).toEqual([c.name, [...c.states].sort()]);
    });
    expect(compared).toBeGreaterThan(20);
  });
});
