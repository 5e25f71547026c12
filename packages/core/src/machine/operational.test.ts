// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { plain } from '../base/choice.ts';
import type { TraceEvent } from '../base/events.ts';
import type { AccessOrder, Agent, Place, Port } from '../base/port.ts';
import { EMPTY_STATE } from '../memory/initial.ts';
import { EveryChoice } from './explore-choices.ts';
import { OperationalMachine } from './operational.ts';
import type { LineFreedom, MachineOptions } from './options.ts';
import { CORE_PROFILES, type CoreProfileId } from './profile.ts';

const X = 0x1000;
const Y = 0x2000;
const ram = (address: number, size: 1 | 2 | 4 | 8 = 4): Place => ({ space: 'ram', owner: '', address, size });
const load = (port: Port, address: number, order: AccessOrder = 'relaxed'): number => Number(port.op({ kind: 'load', place: ram(address), order, name: `r${address}` }));
const store = (port: Port, address: number, value: number, order: AccessOrder = 'relaxed'): void => void port.op({ kind: 'store', place: ram(address), value, order, name: `w${address}` });
const fence = (port: Port, name: string): void => void port.op({ kind: 'fence', fence: name });

type Program = (port: Port, out: (name: string, value: number) => void) => void;
interface Spec {
  readonly cpus: readonly Program[];
  readonly devices?: readonly Program[];
}

function build(profile: CoreProfileId, { cpus, devices = [] }: Spec, more: Partial<MachineOptions>): { machine: OperationalMachine; outcome: () => string } {
  const seen = new Map<string, number>();
  const agentOf = (id: string, kind: Agent['kind'], program: Program): Agent => ({ id, kind, run: (port) => program(port, (name, value) => seen.set(name, value)) });
  const agents = [...cpus.map((p, i) => agentOf(`cpu${i}`, 'cpu', p)), ...devices.map((p, i) => agentOf(`dev${i}`, 'device', p))];
  const machine = new OperationalMachine({ profile: CORE_PROFILES[profile], agents, initial: EMPTY_STATE, strategy: plain, observers: [], limits: { steps: 1000, events: 1000 }, ...more });
  return { machine, outcome: () => [...seen].sort(([a], [b]) => (a < b ? -1 : 1)).map(([n, v]) => `${n}=${v}`).join(' ') };
}

function outcomes(profile: CoreProfileId, spec: Spec, lines: LineFreedom = 'all'): string[] {
  const strategy = new EveryChoice();
  const found = new Set<string>();
  do {
    const { machine, outcome } = build(profile, spec, { strategy, lines });
    const { reason } = machine.run();
    expect(reason).toBe('quiescent');
    found.add(outcome());
  } while (strategy.advance());
  return [...found].sort();
}

const SB = (name: string | null): Spec => ({
  cpus: [
    (p, out) => {
      store(p, X, 1);
      if (name !== null) fence(p, name);
      out('a', load(p, Y));
    },
    (p, out) => {
      store(p, Y, 1);
      if (name !== null) fence(p, name);
      out('b', load(p, X));
    },
  ],
});
const MP = (writer: string | null, reader: string | null, who: 'cpus' | 'devices' = 'cpus'): Spec => {
  const first: Program = (p) => {
    store(p, X, 1);
    if (writer !== null) fence(p, writer);
    store(p, Y, 1);
  };
  const second: Program = (p, out) => {
    out('f', load(p, Y));
    if (reader !== null) fence(p, reader);
    out('d', load(p, X));
  };
  return who === 'cpus' ? { cpus: [first, second] } : { cpus: [first], devices: [second] };
};
const ALL = ['0', '1'].flatMap((a) => ['0', '1'].map((b) => [a, b] as const));
const pairs = (x: string, y: string, but?: string): string[] => ALL.map(([a, b]) => `${x}=${a} ${y}=${b}`).filter((s) => s !== but);

describe('two CPUs', () => {
  it('each may miss the other\'s store, unless a full barrier lies between', () => {
    for (const profile of ['x86-64', 'arm64', 'strict'] as const) expect(outcomes(profile, SB(null))).toEqual(pairs('a', 'b'));
    expect(outcomes('x86-64', SB('mfence'))).toEqual(pairs('a', 'b', 'a=0 b=0'));
    expect(outcomes('arm64', SB('dmb.ish'))).toEqual(pairs('a', 'b', 'a=0 b=0'));
    expect(outcomes('strict', SB('smp_mb'))).toEqual(pairs('a', 'b', 'a=0 b=0'));
    expect(outcomes('strict', SB('mb'))).toEqual(pairs('a', 'b', 'a=0 b=0'));
    expect(outcomes('arm64', SB('dmb.ishst'))).toEqual(pairs('a', 'b'));
    expect(outcomes('arm64', SB('dsb.st'))).toEqual(pairs('a', 'b', 'a=0 b=0'));
  });

  it('a message may overtake its data except on x86', () => {
    expect(outcomes('x86-64', MP(null, null))).toEqual(pairs('d', 'f', 'd=0 f=1'));
    expect(outcomes('arm64', MP(null, null))).toEqual(pairs('d', 'f'));
    expect(outcomes('arm64', MP('dmb.ishst', null))).toEqual(pairs('d', 'f'));
    expect(outcomes('arm64', MP(null, 'dmb.ishld'))).toEqual(pairs('d', 'f'));
    expect(outcomes('arm64', MP('dmb.ishst', 'dmb.ishld'))).toEqual(pairs('d', 'f', 'd=0 f=1'));
    expect(outcomes('strict', MP('smp_wmb', 'smp_rmb'))).toEqual(pairs('d', 'f', 'd=0 f=1'));
    expect(outcomes('strict', MP('dma_wmb', 'dma_rmb'))).toEqual(pairs('d', 'f', 'd=0 f=1'));
  });
});

describe('a CPU and a device', () => {
  it('smp_wmb orders nothing for a device on STRICT, dma_wmb does', () => {
    expect(outcomes('strict', MP('smp_wmb', null, 'devices'))).toEqual(pairs('d', 'f'));
    expect(outcomes('strict', MP('dma_wmb', null, 'devices'))).toEqual(pairs('d', 'f', 'd=0 f=1'));
    expect(outcomes('arm64', MP('dmb.ishst', null, 'devices'))).toEqual(pairs('d', 'f', 'd=0 f=1'));
    expect(outcomes('x86-64', MP(null, null, 'devices'))).toEqual(pairs('d', 'f', 'd=0 f=1'));
  });

  it('in one STRICT program the device may see flag without data, the second CPU may not', () => {
    const reader = (f: string, d: string): Program => (p, out) => {
      out(f, load(p, Y));
      if (f === 'cf') fence(p, 'smp_rmb');
      out(d, load(p, X));
    };
    const found = outcomes('strict', {
      cpus: [
        (p) => {
          store(p, X, 1);
          fence(p, 'smp_wmb');
          store(p, Y, 1);
        },
        reader('cf', 'cd'),
      ],
      devices: [reader('df', 'dd')],
    });
    expect(found.some((o) => o.includes('df=1') && o.includes('dd=0'))).toBe(true);
    expect(found.some((o) => o.includes('cf=1') && o.includes('cd=0'))).toBe(false);
  });
});

describe('a plain run', () => {
  it('keeps each agent going, and traces what it does', () => {
    const events: TraceEvent[] = [];
    const { machine, outcome } = build('arm64', MP(null, null), { observers: [{ event: (e) => events.push(e) }] });
    expect(machine.run()).toMatchObject({ reason: 'quiescent', deviations: [], steps: 4 });
    expect(outcome()).toBe('d=1 f=1');
    expect(events.map((e) => `${e.id} ${e.agent} ${e.kind}`)).toEqual(['1 cpu0 store', '2 cpu0 drain', '3 cpu0 store', '4 cpu0 drain', '5 cpu1 load', '6 cpu1 load', '7 machine end']);
    expect(events[4]).toMatchObject({ from: 4, value: 1, stale: false });
  });
});
