// SPDX-License-Identifier: Apache-2.0
/**
 * The sanitizer on the real machine, by dice: correct drivers are never
 * accused, whatever the schedule; wrong ones are found, and for the right rule.
 */
import type { Strategy } from '@dmalab/core/base/choice';
import type { AccessOrder, Agent, Port, Size, Value } from '@dmalab/core/base/port';
import { createDevice } from '@dmalab/core/devices/table';
import { resetContents } from '@dmalab/core/devices/registers';
import { DONE, OWN } from '@dmalab/core/devices/ring-nic/descriptor';
import { OperationalMachine } from '@dmalab/core/machine/operational';
import { CORE_PROFILES, type CoreProfileId } from '@dmalab/core/machine/profile';
import { initialState } from '@dmalab/core/memory/initial';
import { describe, expect, it } from 'vitest';
import { Sanitizer } from './sanitizer.ts';

const RING = 0x2_0000;
const RX = 0x2_1000;
const FRAME = 0x3_0000;
/** Schedules a correct driver goes through, and the most that a wrong one may survive. */
const RUNS = 60;
const PATIENCE = 400;

function dice(seed: number): Strategy {
  let state = Math.imul(seed, 0x9e37_79b1) | 1;
  return {
    pick(choice) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) % choice.width;
    },
    advance: () => false,
  };
}

/** What the primitives of a profile are; `''` is no instruction. */
const LOWERED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'x86-64': { wmb: 'sfence', dma_wmb: '', dma_rmb: '', smp_wmb: '', smp_rmb: '' },
  arm64: { wmb: 'dsb.st', dma_wmb: 'dmb.oshst', dma_rmb: 'dmb.oshld', smp_wmb: 'dmb.ishst', smp_rmb: 'dmb.ishld' },
  strict: { wmb: 'wmb', dma_wmb: 'dma_wmb', dma_rmb: 'dma_rmb', smp_wmb: 'smp_wmb', smp_rmb: 'smp_rmb' },
};

class Driver {
  readonly #port: Port;
  readonly #profile: string;
  constructor(port: Port, profile: string) {
    this.#port = port;
    this.#profile = profile;
  }
  put(at: number, size: Size, value: Value, order: AccessOrder = 'plain'): void {
    this.#port.op({ kind: 'store', place: { space: 'ram', owner: '', address: at, size }, value, order });
  }
  get(at: number, size: Size, order: AccessOrder = 'plain'): number {
    return Number(this.#port.op({ kind: 'load', place: { space: 'ram', owner: '', address: at, size }, order }));
  }
  until(at: number, bits: number, none = false): void {
    this.#port.op({ kind: 'await', place: { space: 'ram', owner: '', address: at, size: 2 }, order: 'relaxed', until: (v) => ((Number(v) & bits) !== 0) !== none });
  }
  barrier(name: string): void {
    const fence = LOWERED[this.#profile]?.[name] ?? '';
    this.#port.op({ kind: 'fence', fence: fence === '' ? 'compiler' : fence, as: name });
  }
  writel(offset: number, value: number, relaxed = false): void {
    if (!relaxed && this.#profile === 'arm64') this.#port.op({ kind: 'fence', fence: 'dmb.oshst', as: 'writel' });
    this.#port.op({ kind: 'store', place: { space: 'mmio', owner: 'nic0', address: offset, size: 4 }, value, order: relaxed ? 'relaxed' : 'full' });
  }
  start(): void {
    for (const [offset, value] of [[0x10, RING], [0x18, 2], [0x30, RX], [0x38, 2], [0x00, 3]] as const) this.writel(offset, value);
  }
}

/** Rules that some schedule breaks, sorted; stops once the rules that are looked for are among them. */
function broken(profile: CoreProfileId, program: (d: Driver) => void, receive = 0, wanted: readonly string[] = []): string[] {
  const rules = new Set<string>();
  for (let seed = 1; seed <= (wanted.length === 0 ? RUNS : PATIENCE); seed += 1) {
    if (wanted.length > 0 && wanted.every((rule) => rules.has(rule))) break;
    const device = createDevice({ id: 'nic0', kind: 'ring-nic', options: {} }, { ram: { base: 0x1_0000, size: 0x10_0000 }, receive: Array.from({ length: receive }, (_, i) => ({ size: 8 + i, seed: i + 1 })) });
    const cpu: Agent = { id: 'cpu0', kind: 'cpu', run: (port) => program(new Driver(port, profile)) };
    const sanitizer = new Sanitizer();
    const initial = initialState({ registers: resetContents(device.registers).map((r) => ({ owner: 'nic0', ...r })) });
    const machine = new OperationalMachine({
      profile: CORE_PROFILES[profile], agents: [cpu, ...device.agents], initial, strategy: dice(seed), observers: [sanitizer], limits: { steps: 3000, events: 20_000 },
      registers: new Map([['nic0', device.registers]]), header: { workload: '', names: { cpu0: 'CPU 0', nic0: 'NIC' }, description: null },
    });
    expect(machine.run().reason).toBe('quiescent');
    for (const finding of sanitizer.findings) rules.add(finding.rule);
  }
  return [...rules].sort();
}

interface Sending {
  readonly before?: string;
  readonly between?: string;
  readonly release?: boolean;
  readonly bell?: 'writel' | 'relaxed' | 'wmb, relaxed' | 'none';
  readonly ownFirst?: boolean;
}
/** Three frames through a ring of two. */
const send = (o: Sending) => (d: Driver): void => {
  d.start();
  for (let i = 0; i < 3; i += 1) {
    const slot = RING + 16 * (i % 2);
    d.until(slot + 10, OWN, true);
    if (o.ownFirst === true) d.put(slot + 10, 2, OWN, 'relaxed');
    if (o.before !== undefined) d.barrier(o.before);
    d.put(slot, 8, BigInt(FRAME));
    d.put(slot + 8, 2, 8 + i);
    if (o.between !== undefined) d.barrier(o.between);
    if (o.ownFirst !== true) d.put(slot + 10, 2, OWN, o.release === true ? 'release' : 'relaxed');
    if (o.bell === 'wmb, relaxed') d.barrier('wmb');
    if (o.bell !== 'none') d.writel(0x1c, i % 2, o.bell !== undefined && o.bell !== 'writel');
  }
};

/** Three frames from a ring of two. `early`: the length is read before the flag. */
const receiveAll = (o: { between?: string; before?: string; early?: boolean }) => (d: Driver): void => {
  d.start();
  const give = (slot: number): void => {
    d.put(slot, 8, BigInt(FRAME + slot));
    d.put(slot + 8, 2, 64);
    d.barrier('dma_wmb');
    d.put(slot + 10, 2, OWN, 'relaxed');
    d.writel(0x3c, 0);
  };
  give(RX);
  give(RX + 16);
  for (let i = 0; i < 3; i += 1) {
    const slot = RX + 16 * (i % 2);
    if (o.early === true) d.get(slot + 8, 2);
    if (o.before !== undefined) d.barrier(o.before);
    d.until(slot + 10, DONE);
    if (o.between !== undefined) d.barrier(o.between);
    if (o.early !== true) d.get(slot + 8, 2);
    d.put(slot + 10, 2, 0, 'relaxed');
    give(slot);
  }
};

describe('a correct driver is never accused', () => {
  for (const profile of ['x86-64', 'arm64', 'strict'] as const) {
    it(`sending on ${profile}`, () => {
      expect(broken(profile, send({ between: 'dma_wmb' }))).toEqual([]);
      expect(broken(profile, send({ between: 'dma_wmb', bell: 'wmb, relaxed' }))).toEqual([]);
      expect(broken(profile, send({ between: 'wmb' }))).toEqual([]);
    });
    it(`receiving on ${profile}`, () => {
      expect(broken(profile, receiveAll({ between: 'dma_rmb' }), 3)).toEqual([]);
    });
  }
  it('nor one that is only wrong elsewhere: x86-64 keeps stores in order, arm64 takes smp_wmb for a device', () => {
    expect(broken('x86-64', send({}))).toEqual([]);
    expect(broken('arm64', send({ between: 'smp_wmb' }))).toEqual([]);
    expect(broken('arm64', send({ release: true }))).toEqual([]);
  });
});

describe('a wrong driver is found, and for the right reason', () => {
  it.each([
    ['no barrier before the own bit', 'arm64', send({}), ['XB2']],
    ['no barrier before the own bit', 'strict', send({}), ['XB2']],
    ['a barrier before the fields', 'strict', send({ before: 'dma_wmb' }), ['XB2']],
    ['an SMP barrier', 'strict', send({ between: 'smp_wmb' }), ['XB2', 'XB5']],
    ['a release', 'strict', send({ release: true }), ['XB2', 'XB5']],
    ['the own bit first', 'x86-64', send({ ownFirst: true }), ['XB2']],
    ['a relaxed doorbell', 'arm64', send({ between: 'dma_wmb', bell: 'relaxed' }), ['XB1']],
    ['a relaxed doorbell', 'strict', send({ between: 'dma_wmb', bell: 'relaxed' }), ['XB1']],
  ] as const)('%s on %s', (_, profile, program, rules) => expect(broken(profile, program, 0, rules)).toEqual(rules));

  it.each([
    ['no barrier after the done bit', 'arm64', receiveAll({}), ['XB3']],
    ['a barrier before the test', 'strict', receiveAll({ before: 'dma_rmb' }), ['XB3']],
    ['an SMP barrier', 'strict', receiveAll({ between: 'smp_rmb' }), ['XB3', 'XB5']],
    ['a write barrier', 'arm64', receiveAll({ between: 'dma_wmb' }), ['XB3']],
    ['the length before the flag', 'x86-64', receiveAll({ early: true }), ['XB3']],
  ] as const)('%s on %s', (_, profile, program, rules) => expect(broken(profile, program, 3, rules)).toEqual(rules));
});
