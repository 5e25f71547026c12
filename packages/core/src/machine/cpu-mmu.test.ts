// SPDX-License-Identifier: Apache-2.0
/**
 * Two CPUs and a page table under the memory model: what one of them maps and
 * unmaps, and what the other one's MMU makes of it. Every execution is
 * explored; the lists of outcomes are complete.
 */
import { describe, expect, it } from 'vitest';
import type { Agent, Place, Port, Size, Value } from '../base/port.ts';
import { AgentTablePort } from '../iommu/table-port.ts';
import { initialState } from '../memory/initial.ts';
import { RISCV } from '../mmu/cpu-invalidate.ts';
import { riscvPaging } from '../mmu/cpu-paging.ts';
import { riscvStyle } from '../mmu/cpu-tables.ts';
import { CpuMmu } from '../mmu/cpu.ts';
import { EveryTrace } from './explore-traces.ts';
import { OperationalMachine } from './operational.ts';
import { CORE_PROFILES, type CoreProfileId } from './profile.ts';

const RAM = { base: 0x1_0000, size: 0x10_0000 };
/** Root of a three-level table: its second entry maps 1 GiB from address 0, so that 0x4000_0000 + x is x. */
const ROOT = 0x3_0000;
const ENTRY = ROOT + 8;
const PAGE = 0x5_0000;
const VIRTUAL = 0x4000_0000n + BigInt(PAGE);
const READY = 0x6_0000;
const SHOOT = 0x6_0040;
const DONE = 0x6_0080;
const LEAF = riscvStyle().leaf(0, 2, { user: true, write: true, accessed: true, dirty: true });

const ram = (address: number, size: Size): Place => ({ space: 'ram', owner: '', address, size });

class Cpu {
  readonly #port: Port;
  readonly mmu: CpuMmu;
  constructor(port: Port) {
    this.#port = port;
    this.mmu = new CpuMmu(new AgentTablePort(port, RAM, () => false), riscvPaging(), { root: ROOT >> 12, asid: 1 }, { tlb: { sets: 1, ways: 2, policy: 'lru' } });
  }
  store(address: number, value: Value, order: 'relaxed' | 'release' = 'relaxed'): void {
    this.#port.op({ kind: 'store', place: ram(address, typeof value === 'bigint' ? 8 : 4), value, order, name: `w${address.toString(16)}` });
  }
  load(address: number, order: 'relaxed' | 'acquire' = 'relaxed'): Value {
    return this.#port.op({ kind: 'load', place: ram(address, 4), order, name: `r${address.toString(16)}` });
  }
  await(address: number): void {
    this.#port.op({ kind: 'await', place: ram(address, 4), order: 'acquire', until: (v) => v === 1, name: `a${address.toString(16)}` });
  }
  fence(name: string): void {
    this.#port.op({ kind: 'fence', fence: name });
  }
  /** Reads the page by its virtual address. */
  look(): string {
    const found = this.mmu.translate({ address: VIRTUAL, kind: 'read', user: true });
    return found.kind === 'fault' ? `cause ${found.code}` : String(this.load(Number(found.address)));
  }
}

function outcomes(profile: CoreProfileId, mapped: boolean, first: (cpu: Cpu) => void, second: (cpu: Cpu, out: (text: string) => void) => void): string[] {
  const found = new Set<string>();
  const strategy = new EveryTrace();
  const memory: [number, bigint][] = [[PAGE, 7n], ...(mapped ? [[ENTRY, LEAF] as [number, bigint]] : [])];
  do {
    let said: string[] = [];
    const agents: Agent[] = [
      { id: 'cpu0', kind: 'cpu', run: (port) => first(new Cpu(port)) },
      {
        id: 'cpu1',
        kind: 'cpu',
        run(port) {
          said = [];
          second(new Cpu(port), (text) => said.push(text));
        },
      },
    ];
    const machine = new OperationalMachine({
      profile: CORE_PROFILES[profile],
      agents,
      initial: initialState({ ram: memory.map(([address, raw]) => ({ address, bytes: Array.from({ length: 8 }, (_, i) => Number((raw >> BigInt(8 * i)) & 0xffn)) })), registers: [] }),
      strategy,
      observers: [],
      limits: { steps: 1000, events: 1000 },
    });
    const result = machine.run();
    if (result.reason === 'stopped') continue;
    expect(result).toMatchObject({ reason: 'quiescent', waiting: [] });
    found.add(said.join(' '));
  } while (strategy.advance());
  return [...found].sort();
}

describe('mapping a page, then saying so', () => {
  const map = (profile: CoreProfileId, fence: string | null): string[] =>
    outcomes(
      profile,
      false,
      (cpu) => {
        cpu.store(ENTRY, LEAF);
        if (fence !== null) cpu.fence(fence);
        cpu.store(READY, 1);
      },
      (cpu, out) => {
        cpu.await(READY);
        out(cpu.look());
      },
    );

  it.each([['arm64', 'dmb.ishst'], ['riscv64', 'fence.w.w']] as const)('on %s the other walker may still find nothing, unless %s lies between', (profile, fence) => {
    expect(map(profile, null)).toEqual(['7', 'cause 13']);
    expect(map(profile, fence)).toEqual(['7']);
  });

  it('on x86-64 stores leave in order', () => {
    expect(map('x86-64', null)).toEqual(['7']);
  });
});

describe('unmapping a page and giving it away', () => {
  const give = (steps: { readonly waits?: boolean; readonly invalidates?: boolean; readonly clears?: boolean }): string[] =>
    outcomes(
      'riscv64',
      true,
      (cpu) => {
        cpu.await(READY);
        if (steps.clears !== false) cpu.store(ENTRY, 0n);
        cpu.fence('fence.rw.rw');
        cpu.store(SHOOT, 1, 'release');
        if (steps.waits !== false) cpu.await(DONE);
        cpu.store(PAGE, 666);
      },
      (cpu, out) => {
        // It has used the page, so its TLB knows it.
        cpu.look();
        cpu.store(READY, 1, 'release');
        const asked = cpu.load(SHOOT, 'acquire') === 1;
        if (!asked) out(cpu.look());
        cpu.await(SHOOT);
        if (steps.invalidates !== false) cpu.mmu.invalidate(RISCV.sfenceVma(VIRTUAL, 1));
        cpu.store(DONE, 1, 'release');
        out(cpu.look());
      },
    );

  it('entry, shootdown, wait: nobody sees the next owner', () => {
    expect(give({})).toEqual(['7 cause 13', 'cause 13']);
  });

  it.each([
    ['the wait', { waits: false }],
    ['the other CPU\'s invalidation', { invalidates: false }],
    ['clearing the entry', { clears: false }],
  ] as const)('without %s somebody does', (_, steps) => {
    expect(give(steps).some((outcome) => outcome.includes('666'))).toBe(true);
  });
});
