// SPDX-License-Identifier: Apache-2.0
import { Sandbox } from '@dmalab/sandbox/sandbox';
import { sandboxModule } from '@dmalab/sandbox/node';
import { describe, expect, it } from 'vitest';
import { GuestMemo } from './guest-memo.ts';

const source = `import { op } from "sandbox:op";
export function f(n) { let sum = 0; for (let i = 0; i < n; i += 1) sum += op(1, i, sum); return sum; }
export function outer(n) { return op(2, n, 0) + op(3, n, 0); }
export function bad() { op(4, 0, 0); throw new RangeError("no"); }
`;
function memo(sites = false): GuestMemo {
  const sandbox = Sandbox.create(sandboxModule());
  const loaded = sandbox.load([{ name: 'm.ts', source, trusted: true }], 'm.ts');
  if (!loaded.ok) throw new Error(loaded.error.kind);
  return new GuestMemo(sandbox, sites);
}

describe('the memo tree', () => {
  it('enters the sandbox once for answers it knows', () => {
    const m = memo();
    const guest = m.guest();
    const run = (answers: number[]): unknown => guest.call('f', [3], (_code, a) => answers[a]!);
    const first = run([1, 2, 3]);
    expect(first).toMatchObject({ kind: 'returned', value: 6 });
    expect(run([1, 2, 3])).toEqual(first);
    expect(m.entered).toBe(1);
    expect(run([1, 2, 9])).toMatchObject({ value: 12 });
    expect(m.entered).toBe(2);
  });

  it('asks every op on every call, in order', () => {
    const guest = memo().guest();
    for (let round = 0; round < 2; round += 1) {
      const seen: number[][] = [];
      guest.call('f', [3], (...op) => (seen.push(op), 2));
      expect(seen).toEqual([[1, 0, 0], [1, 1, 2], [1, 2, 4]]);
    }
  });

  it('gives the fuel of a straight run, suspended or not', () => {
    const straight = memo().guest().call('f', [4], () => 1).fuel;
    const guest = memo().guest();
    for (let stop = 0; stop < 4; stop += 1) {
      let n = 0;
      expect(() => guest.call('f', [4], () => { if (n === stop) throw new Error('suspended'); n += 1; return 1; })).toThrow('suspended');
    }
    expect(guest.call('f', [4], () => 1).fuel).toBe(straight);
  });

  it('lets a handler call in while a call is under way', () => {
    const guest = memo().guest();
    const outcome = guest.call('outer', [5], (code, n) => {
      if (code !== 2) return n;
      const inner = guest.call('outer', [7], () => 1);
      return inner.kind === 'returned' ? Number(inner.value) : 0;
    });
    expect(outcome).toMatchObject({ kind: 'returned', value: 7 });
  });

  it('remembers failures, too', () => {
    const m = memo();
    const first = m.guest().call('bad', [], () => 0);
    expect(first).toMatchObject({ kind: 'threw', name: 'RangeError', message: 'no' });
    expect(m.guest().call('bad', [], () => 0)).toEqual(first);
    expect(m.entered).toBe(1);
  });
});
