// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, it } from 'vitest';
import type { EventFields, EventKind, Json, TraceEvent } from './events.ts';
import { fieldAt } from './placed-layout.ts';
import { KEYFRAME_EVERY, Keyframes } from './keyframes.ts';
import { apply, cloneState, createState } from './reducer.ts';
import { sentence } from './sentence.ts';
import type { MachineState } from './state.ts';

const RING = 0x8000_0000n;
const site = { file: 'driver.ts', line: 15, column: 3 };
const ring: Json = {
  count: 4, stride: 16, owner: 'nic0', own: { field: 'flags', mask: 0x8000, work: true },
  fields: [
    { name: 'addr', offset: 0, size: 8, endian: 'little', format: 'address' },
    { name: 'len', offset: 8, size: 2, endian: 'little', format: 'decimal' },
    { name: 'flags', offset: 10, size: 2, endian: 'little', format: 'flags', flags: { OWN: 0x8000, DONE: 0x4000 } },
  ],
};

let events: TraceEvent[];
let state: MachineState;
function emit<K extends EventKind>(agent: string, kind: K, fields: EventFields<K>): number {
  // The event is assembled from the kind and its own fields; TypeScript cannot see that the union holds.
  const event = { id: events.length + 1, agent, cycle: events.length, causes: [], kind, ...fields } as unknown as TraceEvent;
  events.push(event);
  apply(state, event);
  return event.id;
}
const start = (coherent = true): void => {
  events = [];
  state = createState();
  emit('machine', 'machine', { profile: 'arm64', workload: 'two-frames', agents: [{ id: 'cpu0', kind: 'cpu', name: 'CPU 0' }, { id: 'nic0', kind: 'device', name: 'NIC' }], lineSize: 64, coherent, description: null });
};
const store = (address: bigint, size: number, value: number | bigint, name = ''): number => emit('cpu0', 'store', { address, size, value, order: 'plain', name, site });
const drain = (from: number, reach = 'all'): number => {
  const s = events[from - 1];
  if (s?.kind !== 'store') throw new Error('not a store');
  return emit('cpu0', 'drain', { store: from, address: s.address, size: s.size, value: s.value, reach });
};
const read = (agent: string, address: bigint, size: number, value: number | bigint, from: number, name = '', stale = false): number =>
  emit(agent, 'load', { address, size, value, order: 'plain', name, from, forwarded: false, stale, site: null });
const words = (): string => {
  const event = events.at(-1);
  return event === undefined ? '' : sentence(event, state);
};

beforeEach(() => start());

describe('memory and what waits before it', () => {
  it('a store waits in its CPU until it drains; memory holds the old value meanwhile', () => {
    read('nic0', RING + 8n, 2, 7, 0);
    const s = store(RING + 8n, 2, 1514, 'len[0]');
    expect(state.cpus.get('cpu0')?.pending).toEqual([{ store: s, address: 0x8000_0008, size: 2, value: 1514, name: 'len[0]', site, atCpus: false }]);
    expect(state.memory.read(0x8000_0008, 2)).toEqual({ value: 7, by: 0 });
    const d = drain(s);
    expect(state.cpus.get('cpu0')?.pending).toEqual([]);
    expect(state.memory.read(0x8000_0008, 2)).toEqual({ value: 1514, by: d });
  });

  it('a store that reached the CPUs only still waits for the devices', () => {
    const s = store(RING, 8, 5n);
    drain(s, 'cpu');
    expect(state.cpus.get('cpu0')?.pending[0]?.atCpus).toBe(true);
    expect(state.memory.read(Number(RING), 8)).toBeNull();
    drain(s);
    expect(state.memory.read(Number(RING), 8)?.value).toBe(5n);
  });

  it('bytes are bytes: a wide value is read by halves, and halves make a wide one', () => {
    emit('nic0', 'write', { address: RING, size: 8, value: 0x1122_3344_5566_7788n, name: '' });
    expect(state.memory.read(Number(RING) + 4, 4)?.value).toBe(0x1122_3344);
    const w = emit('nic0', 'write', { address: RING, size: 4, value: 0xaabb_ccdd, name: '' });
    expect(state.memory.read(Number(RING), 8)).toEqual({ value: 0x1122_3344_aabb_ccddn, by: w });
  });

  it('each device remembers what it has read, and when', () => {
    emit('nic0', 'layout', { name: 'ring', address: RING, layout: ring });
    const r = read('nic0', RING + 0x18n, 2, 0, 0, 'len[1]', true);
    expect(state.devices.get('nic0')?.seen.get(0x8000_0018)).toMatchObject({ value: 0, step: r, stale: true });
    expect(fieldAt(state.layouts, 0x8000_0018)).toMatchObject({ index: 1, field: { name: 'len' } });
  });

  it('a device\'s view of its ring is not replaced by a driver\'s view of the same bytes', () => {
    emit('nic0', 'layout', { name: 'ring', address: RING, layout: ring });
    emit('cpu0', 'layout', { name: 'desc', address: RING, layout: { count: 1, fields: [{ name: 'x', offset: 0, size: 4 }] } });
    expect(state.layouts.map((l) => l.name)).toEqual(['ring']);
  });
});

describe('lines of a non-coherent profile', () => {
  beforeEach(() => start(false));
  it('keep a drained store from the device until they are written back', () => {
    emit('nic0', 'write', { address: RING, size: 4, value: 1, name: '' });
    emit('cpu0', 'line-fill', { line: RING, why: 'store' });
    const s = drain(store(RING, 4, 2));
    expect(state.lines.get(Number(RING))).toMatchObject({ dirty: true, why: 'store' });
    expect(state.memory.read(Number(RING), 4)?.value).toBe(1);
    emit('cpu0', 'line-writeback', { line: RING, why: 'maintenance' });
    expect(state.memory.read(Number(RING), 4)).toEqual({ value: 2, by: s });
    expect(state.lines.get(Number(RING))?.dirty).toBe(false);
  });
  it('a store that finds no line goes to memory (uncached)', () => {
    drain(store(RING, 4, 2));
    expect(state.memory.read(Number(RING), 4)?.value).toBe(2);
  });
  it('a written-back line takes its stale bytes along', () => {
    emit('nic0', 'write', { address: RING + 8n, size: 4, value: 1, name: '' });
    emit('cpu0', 'line-fill', { line: RING, why: 'store' });
    emit('nic0', 'write', { address: RING + 8n, size: 4, value: 9, name: '' });
    emit('cpu0', 'line-writeback', { line: RING, why: 'eviction' });
    expect(state.memory.read(Number(RING) + 8, 4)?.value).toBe(1);
  });
});

describe('everything else that can be seen', () => {
  it('doorbells are on their way until they arrive', () => {
    const w = emit('cpu0', 'mmio-write', { device: 'nic0', register: 'DOORBELL', offset: 28, size: 4, value: 1, order: 'plain', issued: 0, site });
    expect(state.posts).toEqual([{ write: w, cpu: 'cpu0', device: 'nic0', register: 'DOORBELL', value: 1 }]);
    const a = emit('nic0', 'mmio-arrive', { write: w, register: 'DOORBELL', value: 1 });
    expect([state.posts, state.devices.get('nic0')?.registers.get('DOORBELL')]).toEqual([[], { value: 1, step: a }]);
  });
  it('interrupts are pending, then run', () => {
    const raise = emit('nic0', 'irq-raise', { vector: 0, cpu: 'cpu0', wire: 'msi' });
    expect(state.interrupts).toHaveLength(1);
    emit('cpu0', 'irq-enter', { vector: 0, raise, handler: 'nic_irq' });
    expect([state.interrupts.length, state.cpus.get('cpu0')?.handlers[0]?.handler]).toEqual([0, 'nic_irq']);
    emit('cpu0', 'irq-exit', { vector: 0, value: 1 });
    expect(state.cpus.get('cpu0')?.handlers).toEqual([]);
  });
  it('mappings change hands by sync and end by unmap', () => {
    emit('cpu0', 'map', { device: 'nic0', address: 0x1000n, dma: 0x1000n, size: 64, direction: 'DMA_TO_DEVICE', error: false, site });
    emit('cpu0', 'sync', { device: 'nic0', dma: 0x1010n, size: 16, direction: 'DMA_TO_DEVICE', for: 'cpu', site });
    expect([...state.mappings.values()]).toMatchObject([{ owner: 'cpu', checked: false }]);
    emit('cpu0', 'map-check', { device: 'nic0', dma: 0x1000n, site });
    expect([...state.mappings.values()]).toMatchObject([{ checked: true }]);
    emit('cpu0', 'unmap', { device: 'nic0', dma: 0x1000n, size: 64, direction: 'DMA_TO_DEVICE', site });
    expect(state.mappings.size).toBe(0);
  });
  it('devices patch their own facts; engines belong to their device', () => {
    emit('nic0', 'device', { patch: { state: 'running', frames: 1 }, text: 'sent 60 bytes from slot 0' });
    emit('nic0.rx', 'device', { patch: { frames: 2 }, text: '' });
    expect(state.devices.get('nic0')?.facts).toEqual({ state: 'running', frames: 2 });
    expect(state.console).toEqual([{ step: 2, agent: 'nic0', level: 'info', text: 'sent 60 bytes from slot 0' }]);
  });
  it('a function that returned is no longer where the CPU is', () => {
    emit('cpu0', 'call', { context: 'task', name: 'nic_xmit', args: [1], site: null });
    emit('cpu0', 'call', { context: 'task', name: 'inner', args: [], site: null });
    emit('cpu0', 'return', { context: 'task', name: 'inner', value: 0 });
    expect(state.cpus.get('cpu0')?.frames.map((f) => f.name)).toEqual(['nic_xmit']);
  });
});

describe('sentences', () => {
  it('name things as the code does', () => {
    emit('nic0', 'layout', { name: 'ring', address: RING, layout: ring });
    const len = store(RING + 0x18n, 2, 1514, 'len[1]');
    expect(words()).toBe('CPU 0 stores len[1] = 1514. It waits.');
    const flags = store(RING + 0x1an, 2, 0x8000, 'flags[1]');
    const f = drain(flags);
    expect(words()).toBe('flags[1] = OWN reaches memory, ahead of len[1].');
    read('nic0', RING + 0x1an, 2, 0x8000, f);
    expect(words()).toBe('NIC reads flags[1]: OWN.');
    read('nic0', RING + 0x18n, 2, 0, 0, 'len[1]', true);
    expect(words()).toBe('NIC reads len[1]: 0, an old value.');
    drain(len);
    expect(words()).toBe('len[1] = 1514 reaches memory.');
    read('nic0', RING + 0x10n, 8, 0x8010_4800n, 0);
    expect(words()).toBe('NIC reads addr[1]: 0x8010_4800.');
    emit('cpu0', 'fence', { name: 'smp_wmb', instructions: '', site });
    expect(words()).toBe('CPU 0 passes smp_wmb(), which is no instruction here.');
  });
  it('are the same before and after the event', () => {
    const a = store(RING, 4, 1, 'a');
    store(RING + 4n, 4, 1, 'b');
    const before = cloneState(state);
    drain(a + 1);
    const event = events.at(-1);
    if (event === undefined) throw new Error('no event');
    expect(sentence(event, before)).toBe(sentence(event, state));
  });
});

describe('seeking', () => {
  /** A long trace with the usual traffic; the state stays as large as a ring. */
  function trace(length: number): TraceEvent[] {
    start();
    while (events.length < length) {
      const slot = BigInt(events.length % 64) * 16n;
      const s = store(RING + slot + 8n, 2, events.length % 1500, `len[${slot / 16n}]`);
      const d = drain(s);
      read('nic0', RING + slot + 8n, 2, events.length % 1500, d);
      emit('nic0', 'write', { address: RING + slot + 10n, size: 2, value: 0x4000, name: '' });
    }
    return events.slice(0, length);
  }
  const plainState = (s: MachineState): unknown => ({ ...s, memory: Array.from({ length: 1024 }, (_, i) => s.memory.byteAt(Number(RING) + i)) });

  it('gives the state that folding from the start gives, at any step, in any order', () => {
    const all = trace(5 * KEYFRAME_EVERY + 17);
    const frames = new Keyframes();
    frames.append(all.slice(0, 3000));
    frames.append(all.slice(3000));
    for (const step of [0, 1, KEYFRAME_EVERY - 1, KEYFRAME_EVERY, KEYFRAME_EVERY + 1, 3001, 17, all.length, 2 * KEYFRAME_EVERY]) {
      const folded = createState();
      for (const event of all.slice(0, step)) apply(folded, event);
      expect(plainState(frames.seek(step)), `step ${step}`).toEqual(plainState(folded));
    }
  });

  it('hands out copies: folding into one changes no other', () => {
    const all = trace(2000);
    const frames = new Keyframes();
    frames.append(all);
    const one = frames.seek(1500);
    const before = plainState(frames.seek(1500));
    for (const event of all.slice(1500)) apply(one, event);
    expect(plainState(frames.seek(1500))).toEqual(before);
  });

  it('refuses a gap', () => {
    const all = trace(10);
    const frames = new Keyframes();
    frames.append(all.slice(0, 4));
    expect(() => frames.append(all.slice(5))).toThrow('event 6 after event 4');
  });

  it('costs at most twice as much in a trace ten times as long', { retry: 2 }, () => {
    const prepare = (length: number): (() => number) => {
      const frames = new Keyframes();
      frames.append(trace(length));
      const steps = Array.from({ length: 150 }, (_, i) => Math.floor(((i * 0.618_034) % 1) * length));
      return () => {
        const from = performance.now();
        for (const step of steps) frames.seek(step);
        return performance.now() - from;
      };
    };
    const short = prepare(10_000);
    const long = prepare(100_000);
    // In turns, so that a busy moment of the machine meets both; the best of each is compared.
    const rounds = Array.from({ length: 12 }, () => [short(), long()] as const).slice(2);
    const small = Math.min(...rounds.map(([a]) => a));
    const large = Math.min(...rounds.map(([, b]) => b));
    expect(large / small).toBeLessThan(2);
  });
});
