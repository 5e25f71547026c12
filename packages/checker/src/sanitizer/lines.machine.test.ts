// SPDX-License-Identifier: Apache-2.0
/** The cache-line rules on machines whose device does not snoop, by dice over evictions, prefetches and delays. */
import type { Strategy } from '@dmalab/core/base/choice';
import type { Agent, Port, Size, Value } from '@dmalab/core/base/port';
import { resetContents } from '@dmalab/core/devices/registers';
import { createDevice } from '@dmalab/core/devices/table';
import { OperationalMachine } from '@dmalab/core/machine/operational';
import { CORE_PROFILES } from '@dmalab/core/machine/profile';
import { initialState } from '@dmalab/core/memory/initial';
import { describe, expect, it } from 'vitest';
import { Sanitizer } from './sanitizer.ts';

const SOURCE = 0x3_0000;
const TARGET = 0x3_1000;
const RUNS = 120;
const PATIENCE = 400;
type Direction = 'DMA_TO_DEVICE' | 'DMA_FROM_DEVICE';

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

/** The calls of a driver as their instructions on arm64: clean or invalidate by line, then `dsb`. */
class Driver {
  readonly #port: Port;
  constructor(port: Port) {
    this.#port = port;
  }
  put(at: number, value: Value, size: Size = 4): void {
    this.#port.op({ kind: 'store', place: { space: 'ram', owner: '', address: at, size }, value, order: 'plain', name: `at${at.toString(16)}` });
  }
  get(at: number): void {
    this.#port.op({ kind: 'load', place: { space: 'ram', owner: '', address: at, size: 4 }, order: 'plain', name: `at${at.toString(16)}` });
  }
  maintain(operation: 'clean' | 'invalidate' | 'clean+invalidate', line: number): void {
    this.#port.op({ kind: 'maintain', operation, line });
    this.#port.op({ kind: 'fence', fence: 'dsb.sy', as: operation });
  }
  /** One line each. `clean` false: as if the kernel had not. */
  map(at: number, size: number, direction: Direction, clean = true): void {
    if (clean) this.maintain('clean', at - (at % 64));
    this.#port.note?.('map', { device: 'copy0', address: BigInt(at), dma: BigInt(at), size, direction, error: false, site: null });
    this.#port.note?.('map-check', { device: 'copy0', dma: BigInt(at), site: null });
  }
  unmap(at: number, size: number, direction: Direction, operation: 'invalidate' | 'clean+invalidate' | 'nothing' = 'invalidate'): void {
    this.#port.note?.('unmap', { device: 'copy0', dma: BigInt(at), size, direction, site: null });
    if (direction === 'DMA_FROM_DEVICE' && operation !== 'nothing') this.maintain(operation, at - (at % 64));
  }
  copy(length: number): void {
    this.#port.op({ kind: 'fence', fence: 'dmb.oshst', as: 'writel' });
    for (const [offset, value] of [[0, SOURCE], [4, TARGET], [8, length], [12, 1]] as const) this.#port.op({ kind: 'store', place: { space: 'mmio', owner: 'copy0', address: offset, size: 4 }, value, order: 'full' });
  }
  done(): void {
    this.#port.op({ kind: 'await', place: { space: 'mmio', owner: 'copy0', address: 16, size: 4 }, order: 'full', until: (v) => (Number(v) & 1) !== 0 });
    this.#port.op({ kind: 'fence', fence: 'dmb.oshld', as: 'readl' });
  }
}

function broken(program: (d: Driver) => void, wanted: readonly string[] = []): string[] {
  const rules = new Set<string>();
  for (let seed = 1; seed <= (wanted.length === 0 ? RUNS : PATIENCE); seed += 1) {
    if (wanted.length > 0 && wanted.every((rule) => rules.has(rule))) break;
    const device = createDevice({ id: 'copy0', kind: 'copy-engine', options: {} }, { ram: { base: 0x1_0000, size: 0x10_0000 } });
    const cpu: Agent = { id: 'cpu0', kind: 'cpu', run: (port) => program(new Driver(port)) };
    const sanitizer = new Sanitizer();
    const machine = new OperationalMachine({
      profile: CORE_PROFILES['arm64-nc'], agents: [cpu, ...device.agents], initial: initialState({ registers: resetContents(device.registers).map((r) => ({ owner: 'copy0', ...r })) }), strategy: dice(seed), observers: [sanitizer],
      limits: { steps: 3000, events: 20_000 }, registers: new Map([['copy0', device.registers]]), header: { workload: '', names: { copy0: 'copy engine' }, description: null }, lines: 'all',
    });
    expect(machine.run().reason).toBe('quiescent');
    for (const finding of sanitizer.findings) rules.add(finding.rule);
  }
  return [...rules].sort();
}

/** Fills 16 bytes, has them copied, reads the copy. */
function copying(o: { clean?: boolean; back?: 'invalidate' | 'nothing'; late?: boolean; neighbour?: 'arm64' | 'riscv64'; peek?: boolean }): (d: Driver) => void {
  return (d) => {
    if (o.late !== true) d.put(SOURCE, 7);
    d.map(SOURCE, 16, 'DMA_TO_DEVICE', o.clean ?? true);
    if (o.late === true) d.put(SOURCE, 7);
    d.get(TARGET);
    d.map(TARGET, 16, 'DMA_FROM_DEVICE');
    d.copy(16);
    if (o.neighbour !== undefined) d.put(TARGET + 32, 9);
    if (o.peek === true) d.get(TARGET);
    d.done();
    d.unmap(SOURCE, 16, 'DMA_TO_DEVICE');
    d.unmap(TARGET, 16, 'DMA_FROM_DEVICE', o.neighbour === 'arm64' ? 'clean+invalidate' : (o.back ?? 'invalidate'));
    d.get(TARGET);
  };
}

describe('a device that does not snoop', () => {
  it('accuses nobody who maps, copies and unmaps, whatever is evicted or prefetched', () => {
    expect(broken(copying({}))).toEqual([]);
  });
  it.each([
    ['memory that nobody cleaned', copying({ clean: false }), ['XO4']],
    ['a line that nobody dropped', copying({ back: 'nothing' }), ['XO5']],
    ['a store after the map', copying({ late: true }), ['XO1']],
    ['a look before the unmap', copying({ peek: true }), ['XO1']],
    ['a neighbour in the line, written back on arm64', copying({ neighbour: 'arm64' }), ['XO7']],
    ['a neighbour in the line, dropped on riscv64', copying({ neighbour: 'riscv64' }), ['XO7']],
  ] as const)('%s', (_, program, rules) => expect(broken(program, rules)).toEqual(rules));
});
