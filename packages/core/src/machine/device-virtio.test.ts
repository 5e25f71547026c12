// SPDX-License-Identifier: Apache-2.0
/** The virtio device: chains, indirect tables, both ways of keeping quiet, every mistake of a driver, and its three barriers. */
import { describe, expect, it } from 'vitest';
import { VIRTIO_QUEUE_MAX, VirtioErrors, VirtioFeatures0, VirtioFeatures1, VirtioStatus, type VirtioError } from '../devices/virtio/registers.ts';
import { availEventAt, passes, usedEventAt, VirtqDesc } from '../devices/virtio/structures.ts';
import { bench, outcomes, PageBus, RAM, randomNumbers, type BenchOptions, type BenchResult, type Cpu } from './device-bench.test-support.ts';

const DESC = 0x2_0000;
const AVAIL = 0x2_1000;
const USED = 0x2_2000;
const REQUEST = 0x3_0000;
const ANSWER = 0x3_8000;
const text = (s: string): Uint8Array => Uint8Array.from(s, (c) => c.charCodeAt(0));
const memory = [{ address: REQUEST, bytes: text('hello, world') }];
type Features = Parameters<typeof VirtioFeatures0.encode>[0];

function statusBits(...names: (keyof ReturnType<typeof VirtioStatus.decode>)[]): number {
  return Number(VirtioStatus.encode(Object.fromEntries(names.map((n) => [n, true]))));
}
const READY = statusBits('ACKNOWLEDGE', 'DRIVER', 'FEATURES_OK', 'DRIVER_OK');

/** As the datasheet says, up to DRIVER_OK. */
function start(cpu: Cpu, { num = 4, features = {}, at = [DESC, AVAIL, USED], ready = 1 }: { num?: number; features?: Features; at?: readonly [number, number, number]; ready?: number } = {}): void {
  cpu.reg('DRIVER_FEATURES_0', Number(VirtioFeatures0.encode(features)));
  cpu.reg('DRIVER_FEATURES_1', Number(VirtioFeatures1.encode({ VERSION_1: true })));
  cpu.reg('QUEUE_NUM', num);
  cpu.reg('QUEUE_DESC_LO', at[0]);
  cpu.reg('QUEUE_DRIVER_LO', at[1]);
  cpu.reg('QUEUE_DEVICE_LO', at[2]);
  cpu.reg('QUEUE_READY', ready);
  cpu.reg('STATUS', READY);
  cpu.ready('DEVICE_STATUS', (v) => v === READY);
}
function desc(cpu: Cpu, index: number, fields: Parameters<typeof VirtqDesc.encode>[0], table = DESC): void {
  const raw = VirtqDesc.encode(fields);
  cpu.store(table + 16 * index, 8, raw & 0xffff_ffff_ffff_ffffn);
  cpu.store(table + 16 * index + 8, 8, raw >> 64n);
}
/** A request of two buffers at descriptors 0 and 1. */
function pair(cpu: Cpu, length = 5, room = 16): void {
  desc(cpu, 0, { addr: BigInt(REQUEST), len: length, NEXT: true, next: 1 });
  desc(cpu, 1, { addr: BigInt(ANSWER), len: room, WRITE: true });
}
function offer(cpu: Cpu, heads: readonly number[], from = 0, num = 4): void {
  heads.forEach((head, i) => cpu.store(AVAIL + 4 + 2 * ((from + i) % num), 2, head));
  cpu.store(AVAIL + 2, 2, from + heads.length);
}
const kick = (cpu: Cpu): void => cpu.reg('QUEUE_NOTIFY', 0);
const finished = (cpu: Cpu, count: number): void => void cpu.until(USED + 2, 2, (v) => v === count);
const raised = ({ events }: BenchResult, vector = 0): number => events.filter((e) => e.kind === 'irq-raise' && e.vector === vector).length;

describe('the lifecycle', () => {
  it('features that were not offered are not accepted, nor is a driver without VERSION_1', () => {
    const refused = statusBits('ACKNOWLEDGE', 'DRIVER');
    for (const [low, high] of [[1, 1], [0, 0], [0, 3]] as const) {
      const { register } = bench('virtio', (cpu) => {
        cpu.reg('DRIVER_FEATURES_0', low);
        cpu.reg('DRIVER_FEATURES_1', high);
        cpu.reg('STATUS', READY);
        cpu.ready('DEVICE_STATUS', (v) => v === refused);
      });
      expect(register('EPOCH')).toBe(0);
    }
  });
  it('what a driver set up while the device was not running yet counts', () => {
    const registers = { DRIVER_FEATURES_1: 1, QUEUE_NUM: 4, QUEUE_READY: 1, QUEUE_DESC_LO: DESC, QUEUE_DRIVER_LO: AVAIL, QUEUE_DEVICE_LO: USED, STATUS: READY };
    expect(bench('virtio', (cpu) => { cpu.ready('DEVICE_STATUS', (v) => v === READY); pair(cpu); offer(cpu, [0]); kick(cpu); finished(cpu, 1); }, { memory, registers }).register('ERROR')).toBe(0);
  });
  it('a doorbell before DRIVER_OK does nothing', () => {
    expect(bench('virtio', (cpu) => { pair(cpu); offer(cpu, [0]); kick(cpu); }, { memory }).device.result()).toEqual({ answered: [] });
  });
  it('once a reset is acknowledged the queue is never touched again, whatever the order', () => {
    const said = outcomes('virtio', (cpu) => {
      start(cpu);
      pair(cpu, 1, 1);
      offer(cpu, [0]);
      cpu.explore();
      kick(cpu);
      cpu.reg('STATUS', 0);
      cpu.ready('DEVICE_STATUS', (v) => v === 0);
      cpu.store(USED + 2, 2, 0xaaaa);
      cpu.store(ANSWER, 1, 0x55);
      cpu.fence('mfence');
      // Anything the device did from here on would show.
      cpu.status('MAGIC');
      cpu.say(`${cpu.load(USED + 2, 2)} ${cpu.load(ANSWER, 1)}`);
    }, 2, { memory });
    expect(said).toEqual([`${0xaaaa} ${0x55}`]);
  });
  it('after a reset it begins anew, at index 0', () => {
    const { device } = bench('virtio', (cpu) => {
      start(cpu);
      pair(cpu);
      offer(cpu, [0]);
      kick(cpu);
      finished(cpu, 1);
      cpu.reg('STATUS', 0);
      cpu.ready('DEVICE_STATUS', (v) => v === 0);
      cpu.store(USED + 2, 2, 0);
      start(cpu);
      kick(cpu);
      finished(cpu, 1);
    }, { memory });
    expect(device.result()).toMatchObject({ answered: [{ head: 0 }, { head: 0 }] });
  });
});

describe('chains', () => {
  it('are answered in capitals, and returned with what was written', () => {
    const run = bench('virtio', (cpu) => {
      start(cpu);
      pair(cpu, 12);
      offer(cpu, [0]);
      kick(cpu);
      finished(cpu, 1);
    }, { memory });
    expect(String.fromCharCode(...run.read(ANSWER, 12))).toBe('HELLO, WORLD');
    expect([run.value(USED + 4, 4), run.value(USED + 8, 4)]).toEqual([0n, 12n]);
    expect(run.device.result()).toEqual({ answered: [{ head: 0, read: 12, written: 12, text: 'HELLO, WORLD' }] });
    expect(raised(run)).toBe(1);
  });
  it('may have many buffers, of any length and alignment; what has no room is left out', () => {
    const run = bench('virtio', (cpu) => {
      start(cpu);
      desc(cpu, 3, { addr: BigInt(REQUEST), len: 3, NEXT: true, next: 0 });
      desc(cpu, 0, { addr: BigInt(REQUEST + 3), len: 9, NEXT: true, next: 2 });
      desc(cpu, 2, { addr: BigInt(ANSWER + 1), len: 3, WRITE: true, NEXT: true, next: 1 });
      desc(cpu, 1, { addr: BigInt(ANSWER + 100), len: 5, WRITE: true });
      offer(cpu, [3]);
      kick(cpu);
      finished(cpu, 1);
    }, { memory });
    expect(String.fromCharCode(...run.read(ANSWER + 1, 3), ...run.read(ANSWER + 100, 6))).toBe('HELLO, W\0');
    expect([run.value(USED + 4, 4), run.value(USED + 8, 4)]).toEqual([3n, 8n]);
  });
  it('may lie in a table of their own', () => {
    const table = 0x2_4000;
    const run = bench('virtio', (cpu) => {
      start(cpu, { features: { INDIRECT_DESC: true } });
      // WRITE has no meaning in a descriptor that points to a table (2.7.5.3.2).
      desc(cpu, 2, { addr: BigInt(table), len: 32, INDIRECT: true, WRITE: true });
      desc(cpu, 0, { addr: BigInt(REQUEST), len: 5, NEXT: true, next: 1 }, table);
      desc(cpu, 1, { addr: BigInt(ANSWER), len: 5, WRITE: true }, table);
      offer(cpu, [2]);
      kick(cpu);
      finished(cpu, 1);
    }, { memory });
    expect(String.fromCharCode(...run.read(ANSWER, 5))).toBe('HELLO');
    expect(run.value(USED + 4, 4)).toBe(2n);
  });
  it('wrap around the rings, and the index around 16 bits', () => {
    const run = bench('virtio', (cpu) => {
      start(cpu, { num: 2 });
      pair(cpu);
      for (let i = 0; i < 5; i += 1) {
        offer(cpu, [0], i, 2);
        kick(cpu);
        finished(cpu, i + 1);
      }
    }, { memory });
    expect(run.device.result()).toMatchObject({ answered: Array.from({ length: 5 }, () => ({ head: 0 })) });
  });
  it('are taken while there are any, with one doorbell', () => {
    const run = bench('virtio', (cpu) => {
      start(cpu);
      pair(cpu);
      offer(cpu, [0, 0, 0]);
      kick(cpu);
      finished(cpu, 3);
    }, { memory });
    expect(run.text).toHaveLength(3);
  });
});

describe('keeping quiet', () => {
  it.each([[0, 1], [1, 0]])('with avail.flags %i there are %i interrupts', (flags, count) => {
    const run = bench('virtio', (cpu) => {
      start(cpu);
      pair(cpu);
      cpu.store(AVAIL, 2, flags);
      offer(cpu, [0]);
      kick(cpu);
      finished(cpu, 1);
    }, { memory });
    expect(raised(run)).toBe(count);
  });
  it.each([[0, 1], [1, 1], [2, 1], [3, 0], [0xffff, 0]])('with used_event %i and three chains there are %i interrupts', (event, count) => {
    const run = bench('virtio', (cpu) => {
      start(cpu, { features: { EVENT_IDX: true } });
      pair(cpu);
      cpu.store(AVAIL + usedEventAt(4), 2, event);
      offer(cpu, [0, 0, 0]);
      kick(cpu);
      finished(cpu, 3);
    }, { memory });
    expect(raised(run)).toBe(count);
  });
  it('it says where it sleeps: flags cleared, or avail_event at what it has taken', () => {
    const run = (features: Features): BenchResult => bench('virtio', (cpu) => { start(cpu, { features }); pair(cpu); offer(cpu, [0, 0]); kick(cpu); finished(cpu, 2); }, { memory });
    const flags = run({});
    expect(flags.events.flatMap((e) => (e.kind === 'write' && e.name === 'used.flags' ? [e.value] : []))).toEqual([1, 0]);
    expect(run({ EVENT_IDX: true }).value(USED + availEventAt(4), 2)).toBe(2n);
  });
  it('need_event is the standard\'s', () => {
    expect([passes(0, 1, 0), passes(1, 1, 0), passes(0xffff, 0, 0xffff), passes(0xfffe, 0, 0xffff), passes(5, 10, 5), passes(10, 10, 5), passes(4, 10, 5)]).toEqual([true, false, true, false, true, false, false]);
  });
});

describe('a driver\'s mistake stops the queue and has a name', () => {
  const cases: readonly [VirtioError, string, (cpu: Cpu) => void][] = [
    ['queueSize', 'no power of 2', (cpu) => start(cpu, { num: 3 })],
    ['queueSize', 'above the maximum', (cpu) => start(cpu, { num: 2 * VIRTIO_QUEUE_MAX })],
    ['queueSize', 'none', (cpu) => start(cpu, { num: 0 })],
    ['alignment', 'descriptors', (cpu) => start(cpu, { at: [DESC + 8, AVAIL, USED] })],
    ['alignment', 'driver ring', (cpu) => start(cpu, { at: [DESC, AVAIL + 1, USED] })],
    ['alignment', 'device ring', (cpu) => start(cpu, { at: [DESC, AVAIL, USED + 2] })],
    ['availIndex', 'more than the ring holds', (cpu) => { start(cpu); cpu.store(AVAIL + 2, 2, 5); }],
    ['head', 'outside the table', (cpu) => { start(cpu); offer(cpu, [4]); }],
    ['next', 'outside the table', (cpu) => { start(cpu); desc(cpu, 0, { addr: 0n, NEXT: true, next: 4 }); offer(cpu, [0]); }],
    ['loop', 'a descriptor that leads to itself', (cpu) => { start(cpu); desc(cpu, 0, { addr: BigInt(REQUEST), len: 1, NEXT: true, next: 0 }); offer(cpu, [0]); }],
    ['order', 'a buffer to read after one to write', (cpu) => { start(cpu); desc(cpu, 0, { addr: BigInt(ANSWER), len: 1, WRITE: true, NEXT: true, next: 1 }); desc(cpu, 1, { addr: BigInt(REQUEST), len: 1 }); offer(cpu, [0]); }],
    ['indirect', 'without the feature', (cpu) => { start(cpu); desc(cpu, 0, { addr: 0x2_4000n, len: 16, INDIRECT: true }); offer(cpu, [0]); }],
    ['indirect', 'with NEXT', (cpu) => { start(cpu, { features: { INDIRECT_DESC: true } }); desc(cpu, 0, { addr: 0x2_4000n, len: 16, INDIRECT: true, NEXT: true, next: 1 }); offer(cpu, [0]); }],
    ['indirect', 'empty', (cpu) => { start(cpu, { features: { INDIRECT_DESC: true } }); desc(cpu, 0, { addr: 0x2_4000n, len: 0, INDIRECT: true }); offer(cpu, [0]); }],
    ['indirect', 'of an odd length', (cpu) => { start(cpu, { features: { INDIRECT_DESC: true } }); desc(cpu, 0, { addr: 0x2_4000n, len: 24, INDIRECT: true }); offer(cpu, [0]); }],
    ['indirect', 'inside another', (cpu) => { start(cpu, { features: { INDIRECT_DESC: true } }); desc(cpu, 0, { addr: 0x2_4000n, len: 16, INDIRECT: true }); desc(cpu, 0, { addr: 0x2_4000n, len: 16, INDIRECT: true }, 0x2_4000); offer(cpu, [0]); }],
    ['tooLong', 'above the limit', (cpu) => { start(cpu); pair(cpu, 4000, 97); offer(cpu, [0]); }],
    ['queueFault', 'a ring that is no memory', (cpu) => start(cpu, { at: [DESC, 0x10, USED] })],
    ['bufferFault', 'a request that is no memory', (cpu) => { start(cpu); desc(cpu, 0, { addr: 1n << 50n, len: 4 }); offer(cpu, [0]); }],
    ['bufferFault', 'an answer that is no memory', (cpu) => { start(cpu); desc(cpu, 0, { addr: BigInt(REQUEST), len: 4, NEXT: true, next: 1 }); desc(cpu, 1, { addr: BigInt(RAM.base + RAM.size - 2), len: 4, WRITE: true }); offer(cpu, [0]); }],
    ['notReady', 'a doorbell before QUEUE_READY', (cpu) => start(cpu, { ready: 0 })],
  ];
  it.each(cases)('%s: %s', (error, _, mistake) => {
    const run = bench('virtio', (cpu) => { mistake(cpu); kick(cpu); cpu.ready('ERROR', (v) => v !== 0); kick(cpu); }, { memory });
    expect(run.register('ERROR')).toBe(VirtioErrors[error].code);
    expect(raised(run, 1)).toBe(1);
    expect(run.value(USED + 2, 2)).toBe(0n);
  });
  it('every code is in that table', () => {
    expect(new Set(cases.map(([error]) => error))).toEqual(new Set(Object.keys(VirtioErrors).filter((e) => e !== 'none')));
  });
  it('a reset heals it', () => {
    const run = bench('virtio', (cpu) => {
      start(cpu, { num: 3 });
      kick(cpu);
      cpu.ready('ERROR', (v) => v !== 0);
      cpu.reg('STATUS', 0);
      cpu.ready('DEVICE_STATUS', (v) => v === 0);
      start(cpu);
      pair(cpu);
      offer(cpu, [0]);
      kick(cpu);
      finished(cpu, 1);
    }, { memory });
    expect(run.register('ERROR')).toBe(0);
  });
});

it('behind a unit the queue and its buffers are bus addresses', () => {
  const bus = new PageBus().map(null, BigInt(DESC), DESC).map(null, BigInt(AVAIL), AVAIL).map(null, BigInt(USED), USED).map(null, 0x7_0000_0000n, REQUEST, false).map(null, 0x7_0000_1000n, ANSWER);
  const run = bench('virtio', (cpu) => {
    start(cpu);
    desc(cpu, 0, { addr: 0x7_0000_0000n, len: 5, NEXT: true, next: 1 });
    desc(cpu, 1, { addr: 0x7_0000_1004n, len: 5, WRITE: true });
    offer(cpu, [0]);
    kick(cpu);
    finished(cpu, 1);
  }, { memory, bus });
  expect(String.fromCharCode(...run.read(ANSWER + 4, 5))).toBe('HELLO');
});

it('any memory gives an error or an answer, and an end', () => {
  const seen = new Set<number>();
  for (let seed = 1; seed <= 200; seed += 1) {
    const numbers = randomNumbers(seed);
    const draw = (n: number): number => numbers.next().value % n;
    const table = Uint8Array.from({ length: 128 }, () => draw(256));
    // Nearly right is worse than noise: small indices, and buffers that exist.
    for (let i = 0; i < 8; i += 1) if (draw(4) !== 0) table.set(VirtqDesc.toBytes(VirtqDesc.encode({ addr: BigInt(REQUEST + draw(4096)), len: draw(40), NEXT: draw(2) === 0, WRITE: draw(2) === 0, INDIRECT: draw(8) === 0, next: draw(10) })), 16 * i);
    const avail = Uint8Array.from({ length: 24 }, (_, i) => (i === 3 ? 0 : draw(i === 2 ? 9 : 4)));
    for (let i = 0; i < 8; i += 1) avail[5 + 2 * i] = draw(20) === 0 ? 1 : 0;
    const { register } = bench('virtio', (cpu) => { start(cpu, { num: 8, features: { INDIRECT_DESC: draw(2) === 0, EVENT_IDX: draw(2) === 0 } }); kick(cpu); }, { memory: [...memory, { address: DESC, bytes: table }, { address: AVAIL, bytes: avail }], trace: false });
    seen.add(register('ERROR'));
  }
  expect(seen.size).toBeGreaterThan(5);
});

// The third, between the index and the flags, needs every execution: device-graph.test.ts.
describe('two of the three barriers', () => {
  const arm = { profile: 'arm64', memory } as const satisfies BenchOptions;
  it('descriptor before index: without dma_wmb the device may follow an old descriptor', () => {
    const old = [{ address: DESC, bytes: VirtqDesc.toBytes(VirtqDesc.encode({ addr: 1n << 50n, len: 1 })) }];
    const run = (fence: string | null): string[] => outcomes('virtio', (cpu) => {
      start(cpu, { num: 2 });
      desc(cpu, 1, { addr: 0n, len: 0 });
      offer(cpu, [1], 0, 2);
      cpu.fence('dmb.oshst');
      cpu.explore();
      kick(cpu);
      // It is awake from here on and needs no doorbell to see the next index.
      cpu.store(DESC, 8, BigInt(REQUEST));
      if (fence !== null) cpu.fence(fence);
      cpu.store(AVAIL + 2, 2, 2);
      cpu.fence('dmb.oshst');
      kick(cpu);
      finished(cpu, 2);
      cpu.say('answered');
    }, 2, { ...arm, mayHang: true, memory: old, kinds: ['step', 'drain'] });
    expect(run(null)).toEqual(['answered', 'hangs']);
    expect(run('dmb.oshst')).toEqual(['answered']);
  });
  it('used index before its element: without dma_rmb the driver may read an old length', () => {
    const run = (fence: string | null): string[] => outcomes('virtio', (cpu) => {
      start(cpu);
      pair(cpu, 5, 5);
      offer(cpu, [0]);
      cpu.fence('dmb.oshst');
      cpu.explore();
      kick(cpu);
      cpu.until(USED + 2, 2, (v) => v === 1);
      if (fence !== null) cpu.fence(fence);
      cpu.say(`length ${cpu.load(USED + 8, 4)}`);
    }, 1, arm);
    expect(run(null)).toEqual(['length 0', 'length 5']);
    expect(run('dmb.oshld')).toEqual(['length 5']);
  });
});
