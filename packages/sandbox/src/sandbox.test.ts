// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { sandboxModule } from './node.ts';
import { type Handler, Sandbox } from './sandbox.ts';

const FUEL = 5_000_000;
const none: Handler = () => 0;
const OPS = { name: 'ops', source: `export { op, lo, hi, u64 } from 'sandbox:op';`, trusted: true };

function driver(source: string): Sandbox {
  const sandbox = Sandbox.create(sandboxModule());
  const loaded = sandbox.load([OPS, { name: 'driver.ts', source }], 'driver.ts');
  expect(loaded).toMatchObject({ ok: true });
  return sandbox;
}

describe('calls', () => {
  it('pass numbers and 64-bit values both ways', () => {
    const sandbox = driver(`
      export const same = (x) => x;
      export const nothing = () => {};
      export const yes = () => true;`);
    for (const value of [0, 1, -1, 2 ** 31, 2 ** 32, -(2 ** 31), 0.5, -0, 0xffff_ffffn, 1n << 63n, (1n << 64n) - 1n, 0n, 7n]) {
      expect(sandbox.call('same', [value], none, FUEL)).toMatchObject({ kind: 'returned', value });
    }
    expect(sandbox.call('same', [-1n], none, FUEL)).toMatchObject({ value: (1n << 64n) - 1n });
    expect(sandbox.call('nothing', [], none, FUEL)).toMatchObject({ value: null });
    expect(sandbox.call('yes', [], none, FUEL)).toMatchObject({ value: 1 });
  });

  it('reach the host through op and bring its answer back', () => {
    const sandbox = driver(`
      import { op, lo, hi, u64 } from 'ops';
      export const ask = (a, b) => op(7, a, b);
      export const halves = (x) => u64(lo(x), hi(x));`);
    const asked: number[][] = [];
    const result = sandbox.call('ask', [-1, 4_294_967_295], (...args) => (asked.push(args), 0xffff_fff0), FUEL);
    expect(asked).toEqual([[7, 0xffff_ffff, 0xffff_ffff]]);
    expect(result).toMatchObject({ value: 0xffff_fff0 });
    for (const value of [0n, 1n, 0x1234_5678_9abc_def0n, (1n << 64n) - 1n, 1n << 63n]) expect(sandbox.call('halves', [value], none, FUEL)).toMatchObject({ value });
  });
});
