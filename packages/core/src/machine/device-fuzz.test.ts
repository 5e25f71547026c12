// SPDX-License-Identifier: Apache-2.0
/** Any stores to any registers over any memory, in any order of things: no device throws, and each comes to rest. */
import { expect, it } from 'vitest';
import type { Choice, Strategy } from '../base/choice.ts';
import type { Register } from '../devices/registers.ts';
import { DEVICES } from '../devices/table.ts';
import { bench, PageBus, randomNumbers } from './device-bench.test-support.ts';

const SEEDS = 40;
const DATA = 0x2_0000;

/** Mostly plain; one answer in eight is drawn. */
function dice(numbers: Iterator<number, never>): Strategy {
  return {
    pick: ({ width }: Choice) => (numbers.next().value % 8 === 0 ? numbers.next().value % width : 0),
    advance: () => false,
  };
}

it.each(Object.entries(DEVICES))('%s', (kind, { datasheet }) => {
  const registers = Object.entries<Register>(datasheet.registers);
  const doorbells = registers.filter(([, r]) => r.access === 'wo' && r.bytes === undefined);
  let rang = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const numbers = randomNumbers(seed);
    const draw = (n: number): number => numbers.next().value % n;
    const value = (): number => [0, 1, draw(4), draw(16), 0xffff_ffff, draw(2 ** 32), DATA + 16 * draw(64), DATA + 0x1000 * draw(3), 2 ** draw(32)][draw(9)] ?? 0;
    const bytes = Uint8Array.from({ length: 0x3000 }, () => (draw(3) === 0 ? draw(256) : draw(3)));
    const bus = new PageBus().map(null, BigInt(DATA), DATA).map(null, BigInt(DATA + 0x1000), DATA + 0x1000, false);
    const script: readonly (readonly [string, number | bigint])[] = Array.from({ length: 30 }, () => {
      const [name, register] = (draw(3) === 0 ? doorbells : registers)[draw(draw(3) === 0 ? 1 : Math.max(1, doorbells.length))] ?? registers[draw(registers.length)] ?? ['', undefined];
      return [name, register?.bytes === 8 ? (BigInt(value()) << 32n) | BigInt(value()) : value()] as const;
    }).concat(Array.from({ length: 20 }, () => {
      const [name, register] = registers[draw(registers.length)] ?? ['', undefined];
      return [name, register?.bytes === 8 ? BigInt(value()) : value()] as const;
    }));
    const run = bench(kind, (cpu) => {
      for (const [name, stored] of script) cpu.reg(name, stored);
      for (const [name] of doorbells) cpu.reg(name, 0);
    }, { memory: [{ address: DATA, bytes }], strategy: dice(randomNumbers(seed + 1000)), trace: false, steps: 200_000, ...(seed % 2 === 0 ? { bus } : {}), receive: [{ size: 20, seed }] });
    expect(run.hung, `seed ${seed}`).toBe(false);
    rang += script.filter(([name]) => doorbells.some(([d]) => d === name)).length;
  }
  expect(rang).toBeGreaterThan(SEEDS);
});
