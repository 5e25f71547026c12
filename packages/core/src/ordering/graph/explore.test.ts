// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { mailbox, type Agent, type Op, type Place, type Port } from '../../base/port.ts';
import { EMPTY_STATE } from '../../memory/initial.ts';
import { without, type RuleTable } from '../rules.ts';
import { ARMV8 } from '../tables/armv8.ts';
import { STRICT } from '../tables/strict.ts';
import { X86_TSO } from '../tables/x86-tso.ts';
import { exploreGraph, type GraphOptions, type GraphStats } from './explore.ts';
import { exploreScheduled } from './schedule.ts';

const ram = (address: number, size: 1 | 2 | 4 | 8 = 4): Place => ({ space: 'ram', owner: '', address, size });
const store = (address: number, value: number, size: 1 | 2 | 4 | 8 = 4): Op => ({ kind: 'store', place: ram(address, size), value: size === 8 ? BigInt(value) : value, order: 'plain' });
const load = (address: number, size: 1 | 2 | 4 | 8 = 4): Op => ({ kind: 'load', place: ram(address, size), order: 'plain' });
const fence = (name: string): Op => ({ kind: 'fence', fence: name });

/** An agent that performs these ops; `seen` gets the values of its loads. */
function straight(id: string, ops: readonly Op[], kind: Agent['kind'] = 'cpu'): Agent & { readonly seen: unknown[] } {
  const seen: unknown[] = [];
  return {
    id,
    kind,
    seen,
    run(port: Port) {
      seen.length = 0;
      for (const op of ops) {
        const answer = port.op(op);
        if (op.kind === 'load' || op.kind === 'rmw') seen.push(answer);
      }
    },
  };
}

function outcomes(agents: readonly (Agent & { readonly seen: unknown[] })[], table: RuleTable, more: Partial<GraphOptions> = {}): { stats: GraphStats; outcomes: string[] } {
  const found = new Set<string>();
  const stats = exploreGraph({ table, agents, initial: EMPTY_STATE, loadStore: 'free', limits: { executions: 100_000, events: 1000 }, onLeaf: () => void found.add(agents.map((a) => a.seen.join(',')).filter((s) => s !== '').join(' | ')), ...more });
  expect(stats.complete).toBe(true);
  return { stats, outcomes: [...found].sort() };
}

describe('a device and a CPU see one store buffer differently', () => {
  const writer = (): ReturnType<typeof straight> => straight('cpu0', [store(0x100, 1), fence('smp_wmb'), store(0x200, 1)]);
  it('under STRICT, smp_wmb orders for CPUs', () => {
    const found = outcomes([writer(), straight('cpu1', [load(0x200), fence('smp_rmb'), load(0x100)])], STRICT);
    expect(found.outcomes).toEqual(['0,0', '0,1', '1,1']);
  });
  it('and not for devices, in the same program', () => {
    const found = outcomes([writer(), straight('cpu1', [load(0x200), fence('smp_rmb'), load(0x100)]), straight('nic0', [load(0x200), load(0x100)], 'device')], STRICT);
    expect(found.outcomes.some((o) => o.endsWith('| 1,0'))).toBe(true);
    expect(found.outcomes.some((o) => o.startsWith('1,0'))).toBe(false);
  });
  it('dma_wmb orders for both', () => {
    const found = outcomes([straight('cpu0', [store(0x100, 1), fence('dma_wmb'), store(0x200, 1)]), straight('nic0', [load(0x200), load(0x100)], 'device')], STRICT);
    expect(found.outcomes).toEqual(['0,0', '0,1', '1,1']);
  });
});

describe('accesses of different sizes', () => {
  it('a wide load sees two narrow stores one by one, never out of their order on x86', () => {
    const found = outcomes([straight('cpu0', [store(0x100, 1), store(0x104, 2)]), straight('cpu1', [load(0x100, 8)])], X86_TSO);
    expect(found.outcomes).toEqual(['0', '1', String((2n << 32n) | 1n)]);
  });
  it('and in any order on Arm', () => {
    const found = outcomes([straight('cpu0', [store(0x100, 1), store(0x104, 2)]), straight('cpu1', [load(0x100, 8)])], ARMV8);
    expect(found.outcomes).toEqual(['0', '1', String(2n << 32n), String((2n << 32n) | 1n)].sort());
  });
  it('one aligned wide store is never seen by halves', () => {
    const found = outcomes([straight('cpu0', [store(0x100, 0x0101, 2)]), straight('cpu1', [load(0x100, 2)])], ARMV8);
    expect(found.outcomes).toEqual(['0', '257']);
  });
  it('each execution is reported once, though cells are cut while the search runs', () => {
    const keys: string[] = [];
    outcomes([straight('cpu0', [store(0x100, 1, 8), store(0x104, 2)]), straight('cpu1', [load(0x100, 8), load(0x106, 2)])], ARMV8, { onLeaf: (leaf) => void keys.push(leaf.key()) });
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe('load→store reordering', () => {
  const lb = (): ReturnType<typeof straight>[] => [straight('cpu0', [load(0x100), store(0x200, 1)]), straight('cpu1', [load(0x200), store(0x100, 1)])];
  it('is found where loads are free', () => {
    expect(outcomes(lb(), ARMV8).outcomes).toContain('1 | 1');
  });
  it('is not where they are kept, which the two searches agree on', () => {
    const kept = outcomes(lb(), ARMV8, { loadStore: 'kept', search: 'schedule' });
    expect(kept.outcomes).toEqual(['0 | 0', '0 | 1', '1 | 0']);
    expect(outcomes(lb(), ARMV8, { loadStore: 'kept', search: 'prophecy' })).toMatchObject({ outcomes: kept.outcomes, stats: { leaves: kept.stats.leaves } });
  });
});

it('without its acquire row, Arm lets a reader pass the flag', () => {
  const released: Op = { kind: 'store', place: ram(0x200), value: 1, order: 'release' };
  const acquired: Op = { kind: 'load', place: ram(0x200), order: 'acquire' };
  const agents = [straight('cpu0', [store(0x100, 1), released]), straight('cpu1', [acquired, load(0x100)])];
  expect(outcomes(agents, ARMV8).outcomes).not.toContain('1,0');
  expect(outcomes(agents, without(ARMV8, 'arm.acquire')).outcomes).toContain('1,0');
});

it('a search that is cut short says so', () => {
  const agents = [straight('cpu0', [store(0x100, 1)]), straight('cpu1', [load(0x100)])];
  expect(exploreGraph({ table: ARMV8, agents, initial: EMPTY_STATE, loadStore: 'free', limits: { executions: 1, events: 100 }, onLeaf: () => undefined })).toMatchObject({ complete: false, why: 'more than 1 executions' });
});

it('a handler that looks at part of what was written gets every execution all the same, once', () => {
  const found: string[] = [];
  const { stats } = outcomes([straight('cpu0', [store(0x100, 0x0102)]), straight('cpu1', [store(0x100, 0x0304)])], ARMV8, { onLeaf: (leaf) => void found.push(`${String(leaf.final(ram(0x101, 1)))}${String(leaf.final(ram(0x100, 1)))}`) });
  expect(found.sort()).toEqual(['12', '34']);
  expect(stats.leaves).toBe(2);
});

it('an agent that takes messages has no graph form, and the search says so', () => {
  const unit: Agent = { id: 'iommu0', kind: 'device', registerWrites: 'mailbox', run: (port) => void port.op({ kind: 'await', place: mailbox('iommu0'), order: 'relaxed', until: (v) => v !== 0, next: true }) };
  for (const explore of [exploreGraph, exploreScheduled]) {
    const stats = explore({ table: X86_TSO, agents: [straight('cpu0', [store(0x100, 1)]), unit], initial: EMPTY_STATE, loadStore: 'kept', limits: { executions: 100, events: 100 }, onLeaf: () => undefined });
    expect(stats).toMatchObject({ complete: false, why: 'messages to a remapping unit are explored by the operational form only' });
  }
});
