// SPDX-License-Identifier: Apache-2.0
/** The sensor: which bytes it writes and which it leaves, its errors, torn samples, and lines that it shares with the CPU. */
import { describe, expect, it } from 'vitest';
import { SensorErrors, SensorStatus, type SensorError } from '../devices/sensor/registers.ts';
import { sampleBytes } from '../devices/sensor/sensor.ts';
import { bench, outcomes, PageBus, RAM, randomNumbers, type BenchOptions, type BenchResult, type Cpu } from './device-bench.test-support.ts';

const AT = 0x2_0000;

function begin(cpu: Cpu, base: bigint | number, count: number, size = 2, stride = size): void {
  cpu.pair('BASE_LO', 'BASE_HI', BigInt(base));
  cpu.reg('SAMPLE_BYTES', size);
  cpu.reg('STRIDE', stride);
  cpu.reg('START', count);
}
const over = (cpu: Cpu, bursts = 1): void => void cpu.ready('STATUS', (v) => v >>> 16 === bursts && (v & 1) === 0);
const take = (base: bigint | number, count: number, size = 2, stride = size, o: BenchOptions = {}): BenchResult => bench('sensor', (cpu) => { begin(cpu, base, count, size, stride); over(cpu); }, o);
const filled = { memory: [{ address: AT, bytes: new Uint8Array(64).fill(0xee) }] };

describe('short writes', () => {
  it.each([[1, 1, AT], [1, 5, AT + 3], [2, 2, AT], [2, 7, AT + 1], [4, 4, AT + 2], [4, 11, AT]])('samples of %i bytes every %i, from 0x%s: exactly those bytes', (size, stride, base) => {
    const run = take(base, 4, size, stride, filled);
    const expected = new Uint8Array(64).fill(0xee);
    for (let i = 0; i < 4; i += 1) expected.set(sampleBytes(i, size), base - AT + i * stride);
    expect(run.read(AT, 64)).toEqual([...expected]);
    expect(run.device.result()).toEqual({ bursts: [{ base: `0x${base.toString(16)}`, taken: 4, error: 'ok' }] });
  });
  it('an aligned sample is one write, another one is several', () => {
    const writes = (base: number): number[] => take(base, 1).events.flatMap((e) => (e.kind === 'write' ? [e.size] : []));
    expect([writes(AT), writes(AT + 1)]).toEqual([[2], [1, 1]]);
  });
  it('samples go on counting, and are never 0', () => {
    expect(sampleBytes(254, 2)).toEqual(Uint8Array.of(255, 0));
    expect(sampleBytes(255, 2)).toEqual(Uint8Array.of(1, 0));
    expect(sampleBytes(256, 4)).toEqual(Uint8Array.of(2, 1, 0, 0));
    const run = bench('sensor', (cpu) => { begin(cpu, AT, 2, 1); over(cpu); begin(cpu, AT + 2, 2, 1); over(cpu, 2); });
    expect(run.read(AT, 4)).toEqual([1, 2, 3, 4]);
    expect(run.register('TOTAL')).toBe(4);
  });
  it('nothing is a burst, too', () => expect(take(AT, 0).register('STATUS') >>> 16).toBe(1));
});

describe('every error', () => {
  const cases: readonly [SensorError, string, [bigint | number, number, number, number], number, BenchOptions][] = [
    ['ok', 'a burst', [AT, 3, 2, 2], 3, {}],
    ['badSize', '3 bytes', [AT, 3, 3, 4], 0, {}],
    ['badSize', 'a stride below the size', [AT, 3, 4, 2], 0, {}],
    ['badCount', 'more than the limit', [AT, 6, 2, 2], 0, { options: { maxSamples: 5 } }],
    ['fault', 'the end of memory', [RAM.base + RAM.size - 5, 3, 2, 2], 2, {}],
    ['fault', 'a page that is not there', [0x4ffen, 3, 2, 2], 1, { bus: new PageBus().map(null, 0x4000n, AT) }],
    ['fault', 'an address beyond all', [(1n << 64n) - 1n, 1, 1, 1], 0, {}],
  ];
  it.each(cases)('%s: %s', (error, _, [base, count, size, stride], taken, o) => {
    const run = take(base, count, size, stride, o);
    expect(SensorStatus.decode(BigInt(run.register('STATUS')))).toEqual({ busy: false, error: SensorErrors[error].code, finished: 1 });
    expect(run.register('TAKEN')).toBe(taken);
    expect(run.events.filter((e) => e.kind === 'irq-raise')).toHaveLength(1);
  });
  it('are all in that table', () => expect(new Set(cases.map(([error]) => error))).toEqual(new Set(Object.keys(SensorErrors))));
  it('any registers end in a status', () => {
    for (let seed = 1; seed <= 100; seed += 1) {
      const numbers = randomNumbers(seed);
      const draw = (n: number): number => numbers.next().value % n;
      const base = draw(2) === 0 ? BigInt(AT + draw(100)) : (BigInt(draw(2 ** 32)) << 32n) | BigInt(draw(2 ** 32));
      const { error } = SensorStatus.decode(BigInt(take(base, draw(20) === 0 ? draw(2 ** 31) : draw(8), draw(6), draw(10), { trace: false }).register('STATUS')));
      expect(error).toBeLessThan(Object.keys(SensorErrors).length);
    }
  });
});

it('a sample that is not aligned can be seen torn, one that is cannot', () => {
  // One load that covers the sample: it cannot be blamed on the CPU.
  const seen = (base: number): string[] => outcomes('sensor', (cpu) => {
    cpu.explore();
    begin(cpu, base, 1);
    cpu.say(cpu.load(AT, 4).toString(16));
  }, 2, { memory: [{ address: AT, bytes: Uint8Array.of(9, 9, 9, 9) }], kinds: ['step'] });
  expect(seen(AT + 1)).toEqual(['9000109', '9090109', '9090909']);
  expect(seen(AT + 2)).toEqual(['10909', '9090909']);
});

describe('lines, on a machine whose devices do not look into caches', () => {
  /** What is read of the sample, and of the word of the CPU's next to it, in the end. */
  const run = (profile: 'arm64-nc' | 'riscv64-nc', neighbour: number, steps: { readonly clean: boolean; readonly invalidate: boolean }): string[] => outcomes('sensor', (cpu) => {
    cpu.load(AT, 4);
    if (steps.clean) cpu.maintain('clean', AT);
    cpu.fence(profile === 'arm64-nc' ? 'dsb.sy' : 'fence.iorw.iorw');
    cpu.explore();
    begin(cpu, AT, 1);
    cpu.store(neighbour, 4, 0x77);
    over(cpu);
    if (steps.invalidate) cpu.maintain('invalidate', AT);
    cpu.fence(profile === 'arm64-nc' ? 'dsb.sy' : 'fence.iorw.iorw');
    cpu.say(`sample ${cpu.load(AT, 2)} neighbour ${cpu.load(neighbour, 4)}`);
  }, 1, { profile, lines: 'all', kinds: ['step'] });
  const right = `sample 1 neighbour ${0x77}`;

  it('a line of its own, cleaned before and invalidated after, is always right', () => {
    expect(run('arm64-nc', AT + 64, { clean: true, invalidate: true })).toEqual([right]);
    expect(run('riscv64-nc', AT + 64, { clean: true, invalidate: true })).toEqual([right]);
  });
  it('not invalidated, the old sample may be read', () => {
    expect(run('arm64-nc', AT + 64, { clean: true, invalidate: false })).toContain(`sample 0 neighbour ${0x77}`);
  });
  it('in a line with the CPU\'s data one of the two is lost, and which depends on the machine', () => {
    expect(run('arm64-nc', AT + 8, { clean: true, invalidate: true })).not.toEqual([right]);
    expect(run('riscv64-nc', AT + 8, { clean: true, invalidate: true })).not.toEqual([right]);
    expect(run('riscv64-nc', AT + 8, { clean: true, invalidate: true })).toContain('sample 1 neighbour 0');
  });
});
