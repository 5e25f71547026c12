// SPDX-License-Identifier: Apache-2.0
/** The 32-bit device: its ring in both byte orders, its mask, every error, and addresses that it cannot say. */
import { describe, expect, it } from 'vitest';
import { LegacyErrors, LegacyStatus, type LegacyError } from '../devices/legacy32/registers.ts';
import { LegacyDescriptor, LegacyDescriptorBig } from '../devices/legacy32/structures.ts';
import { crc32 } from '../base/checksum.ts';
import { fillBytes } from '../base/fill.ts';
import { bench, outcomes, PageBus, randomNumbers, RAM, type BenchOptions, type BenchResult, type Cpu } from './device-bench.test-support.ts';

const RING = 0x2_0000;
const DATA = 0x3_0000;
const text = Uint8Array.from({ length: 40 }, (_, i) => 200 - i);
const memory = [{ address: DATA, bytes: text }];
type Fields = Parameters<typeof LegacyDescriptor.encode>[0];

function put(cpu: Cpu, slot: number, fields: Fields, layout = LegacyDescriptor): void {
  const bytes = layout.toBytes(layout.encode({ own: true, ...fields }));
  cpu.put(RING + 8 * slot, bytes);
}
function start(cpu: Cpu, ring = RING): void {
  cpu.reg('RING', ring);
  cpu.reg('CONTROL', 1);
}
const ring = (cpu: Cpu): void => cpu.reg('DOORBELL', 1);
const run = (fields: Fields, o: BenchOptions = {}): BenchResult => bench('legacy32', (cpu) => { start(cpu); put(cpu, 0, { last: true, ...fields }); ring(cpu); }, { memory, ...o });
const descriptor = (r: BenchResult, slot = 0, layout = LegacyDescriptor): ReturnType<typeof LegacyDescriptor.decode> => layout.decode(layout.fromBytes(Uint8Array.from(r.read(RING + 8 * slot, 8))));

describe('the ring', () => {
  it('a buffer is read, and its descriptor handed back', () => {
    const r = run({ address: DATA, length: 40 });
    expect(r.device.result()).toEqual({ handled: [{ slot: 0, address: '0x30000', length: 40, toMemory: false, checksum: crc32(text), error: 'none' }] });
    expect(descriptor(r)).toEqual({ address: DATA, length: 40, toMemory: false, last: true, error: false, done: true, own: false });
    expect(r.events.filter((e) => e.kind === 'irq-raise')).toHaveLength(1);
  });
  it('a buffer is filled', () => {
    const r = run({ address: DATA + 3, length: 9, toMemory: true });
    expect(r.read(DATA + 3, 9)).toEqual([...fillBytes('count', 9, 1)]);
  });
  it('goes on by itself, and begins anew after the last one', () => {
    const r = bench('legacy32', (cpu) => {
      start(cpu);
      for (let slot = 0; slot < 3; slot += 1) put(cpu, slot, { address: DATA, length: slot + 1, last: slot === 2 });
      ring(cpu);
      cpu.until(RING + 16 + 4, 4, (v) => v >>> 31 === 0);
      put(cpu, 0, { address: DATA, length: 9 });
      ring(cpu);
    }, { memory });
    expect((r.device.result() as { handled: { slot: number; length: number }[] }).handled.map((h) => [h.slot, h.length])).toEqual([[0, 1], [1, 2], [2, 3], [0, 9]]);
  });
  it('without a last one it begins anew after `slots`', () => {
    const r = bench('legacy32', (cpu) => { start(cpu); for (let slot = 0; slot < 2; slot += 1) put(cpu, slot, { address: DATA, length: 1 }); ring(cpu); }, { memory, options: { slots: 2 } });
    expect(r.register('SLOT')).toBe(0);
  });
  it('looks at the own bit first, and at the address only then', () => {
    const names = bench('legacy32', (cpu) => { start(cpu); put(cpu, 0, { address: DATA, length: 4 }); ring(cpu); }, { memory }).events.flatMap((e) => (e.agent === 'dev0' && (e.kind === 'load' || e.kind === 'write') ? [e.name] : []));
    expect(names).toEqual(['status[0]', 'address[0]', 'buffer[0]+0', 'status[0]', 'status[1]']);
  });
  it('does nothing while it is not enabled, and nothing more once it was disabled and is idle', () => {
    expect(bench('legacy32', (cpu) => { put(cpu, 0, { address: DATA, length: 4 }); ring(cpu); }, { memory }).device.result()).toEqual({ handled: [] });
    const said = outcomes('legacy32', (cpu) => {
      start(cpu);
      put(cpu, 0, { address: DATA, length: 2, toMemory: true, last: true });
      cpu.explore();
      ring(cpu);
      cpu.reg('CONTROL', 0);
      cpu.reg('DOORBELL', 2);
      if ((cpu.status('STATUS') & 1) === 1) cpu.ready('STATUS', (v) => (v & 1) === 0);
      cpu.say('idle');
    }, 2, { kinds: ['step'] });
    expect(said).toEqual(['idle']);
  });
});

describe('byte order', () => {
  it('big-endian descriptors are big-endian, whatever the registers are', () => {
    const r = bench('legacy32', (cpu) => { start(cpu); put(cpu, 0, { address: DATA, length: 40, last: true }, LegacyDescriptorBig); ring(cpu); }, { memory, options: { bigEndian: true } });
    expect(r.device.result()).toMatchObject({ handled: [{ checksum: crc32(text) }] });
    expect(descriptor(r, 0, LegacyDescriptorBig)).toMatchObject({ done: true, own: false, length: 40 });
    expect(r.read(RING, 4)).toEqual([0, 3, 0, 0]);
  });
  it('one that was not swapped has its own bit elsewhere', () => {
    expect(run({ address: DATA, length: 40 }, { options: { bigEndian: true } }).device.result()).toEqual({ handled: [] });
  });
});

describe('addresses', () => {
  it('more than 32 bits cannot be said', () => {
    expect(() => LegacyDescriptor.encode({ address: 2 ** 32 })).toThrow('does not fit in 32 bits');
  });
  it('cut off, they are somewhere else', () => {
    const high = 0x7_0003_0000n;
    const bus = new PageBus().map(null, BigInt(RING), RING).map(null, high, DATA).map(null, BigInt(DATA), DATA + 0x1000);
    const r = run({ address: Number(high & 0xffff_ffffn), length: 4, toMemory: true }, { bus });
    expect(r.read(DATA, 4)).toEqual([...text.subarray(0, 4)]);
    expect(r.read(DATA + 0x1000, 4)).toEqual([...fillBytes('count', 4, 1)]);
  });
  it.each([[24, 0xff_fffc, 4, 'fault'], [24, 0xff_fffc, 5, 'mask'], [24, 0x100_0000, 1, 'mask'], [32, 0xffff_fffc, 4, 'fault'], [32, 0xffff_fffc, 5, 'mask'], [16, 0x3_0000, 1, 'mask']] as const)('with %i address lines, 0x%s and %i bytes: %s', (maskBits, address, length, error) => {
    expect(run({ address, length }, { options: { maskBits } }).device.result()).toMatchObject({ handled: [{ error }] });
  });
  it('a bounce buffer is what the driver of such a device gets: the bytes are there after the copy back', () => {
    // The page of the device's address is the low one; the driver copies between the two, as swiotlb does.
    const r = bench('legacy32', (cpu) => {
      start(cpu);
      put(cpu, 0, { address: 0x8000, length: 4, toMemory: true, last: true });
      cpu.say(String(cpu.load(DATA, 4)));
      ring(cpu);
      cpu.until(RING + 4, 4, (v) => v >>> 31 === 0);
      cpu.store(DATA, 4, cpu.load(DATA + 0x1000, 4));
      cpu.say(String(cpu.load(DATA, 4)));
    }, { bus: new PageBus().map(null, BigInt(RING), RING).map(null, 0x8000n, DATA + 0x1000) });
    expect(r.said).toEqual(['0', String(0x0403_0201 + 0)]);
  });
});

describe('every error', () => {
  const cases: readonly [LegacyError, string, Fields][] = [
    ['none', 'a buffer', { address: DATA, length: 1 }],
    ['badLength', 'nothing', { address: DATA, length: 0 }],
    ['mask', 'over the end', { address: 0xffff_ffff, length: 2 }],
    ['fault', 'no memory to read', { address: 0x10, length: 4 }],
    ['fault', 'memory that ends', { address: RAM.base + RAM.size - 2, length: 4, toMemory: true }],
  ];
  it.each(cases)('%s: %s', (error, _, fields) => {
    const r = run(fields);
    expect(descriptor(r)).toMatchObject({ done: true, own: false, error: error !== 'none' });
    expect(LegacyStatus.decode(BigInt(r.register('STATUS')))).toEqual({ busy: false, badRing: false, error: LegacyErrors[error].code });
    expect(r.device.result()).toMatchObject({ handled: [{ error }] });
  });
  it.each([['no multiple of 8', RING + 4], ['no memory', 0x8], ['memory that ends in the middle', RAM.base + RAM.size]])('badRing: %s', (_, base) => {
    const r = bench('legacy32', (cpu) => { start(cpu, base); ring(cpu); });
    expect(LegacyStatus.decode(BigInt(r.register('STATUS')))).toEqual({ busy: false, badRing: true, error: LegacyErrors.badRing.code });
  });
  it('a bad ring is healed by another one', () => {
    const r = bench('legacy32', (cpu) => { start(cpu, 0x8); ring(cpu); cpu.ready('STATUS', (v) => (v & 2) === 2); put(cpu, 0, { address: DATA, length: 4, last: true }); start(cpu); ring(cpu); }, { memory });
    expect(LegacyStatus.decode(BigInt(r.register('STATUS')))).toMatchObject({ badRing: false, error: 0 });
  });
  it('all codes are there', () => expect(new Set([...cases.map(([e]) => e), 'badRing'])).toEqual(new Set(Object.keys(LegacyErrors))));
  it('any ring comes to an end', () => {
    for (let seed = 1; seed <= 150; seed += 1) {
      const numbers = randomNumbers(seed);
      const bytes = Uint8Array.from({ length: 64 }, () => numbers.next().value & 0xff);
      // Short buffers, most of them where memory is.
      for (let i = 0; i < 8; i += 1) { bytes[8 * i + 5] = 0; if ((bytes[8 * i + 2] ?? 0) < 200) { bytes[8 * i + 2] = 3; bytes[8 * i + 3] = 0; } }
      const r = bench('legacy32', (cpu) => { start(cpu); ring(cpu); }, { memory: [{ address: RING, bytes }], options: { slots: 8, bigEndian: seed % 4 === 0 }, trace: false });
      expect(r.register('STATUS') & 1, `seed ${seed}`).toBe(0);
    }
  });
});

it('the address is in memory before the own bit: without dma_wmb an old one may be used', () => {
  const driver = (fence: string | null): string[] => outcomes('legacy32', (cpu) => {
    start(cpu);
    cpu.fence('dmb.osh');
    cpu.explore();
    ring(cpu);
    cpu.store(RING, 4, DATA);
    if (fence !== null) cpu.fence(fence);
    cpu.store(RING + 4, 4, Number(LegacyDescriptor.encode({ own: true, last: true, length: 1 }) >> 32n));
    cpu.fence('dmb.oshst');
    cpu.reg('DOORBELL', 2);
    const status = cpu.until(RING + 4, 4, (v) => v >>> 31 === 0);
    cpu.say((status & 0x2000_0000) === 0 ? 'read' : 'an old address');
  }, 2, { profile: 'arm64', memory, kinds: ['step', 'drain'] });
  expect(driver(null)).toEqual(['an old address', 'read']);
  expect(driver('dmb.oshst')).toEqual(['read']);
});
