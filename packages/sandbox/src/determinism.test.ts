// SPDX-License-Identifier: Apache-2.0
/** Same program, same answers: same fuel, same bytes, however often and after whatever. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { makeSandboxWasm, sandboxModule } from './node.ts';
import { type Handler, Sandbox } from './sandbox.ts';
import { PROGRAM, runAll } from './testing/program.ts';

const none: Handler = () => 0;

describe('the build', () => {
  it('gives the same bytes every time, and a module that engines accept', () => {
    const [a, b] = [makeSandboxWasm(), makeSandboxWasm()];
    expect(createHash('sha256').update(a).digest('hex')).toBe(createHash('sha256').update(b).digest('hex'));
    expect(WebAssembly.validate(new Uint8Array(a))).toBe(true);
  });
});

describe('runs', () => {
  it('cost the same fuel and leave the same heap in fresh, used and forked sandboxes', () => {
    const first = runAll(sandboxModule());
    expect(first.length).toBeGreaterThan(5);
    expect(runAll(sandboxModule())).toEqual(first);
  });

  it('are not marked by what ran before: traps, throws, exhaustion, memory growth', () => {
    const sandbox = Sandbox.create(sandboxModule());
    sandbox.load(PROGRAM, 'driver.ts');
    const observe = (s: Sandbox) => {
      let hash = '';
      const result = s.call('busy', [20], (code, a) => { if (code === 9) hash = s.heapHash(); return a; }, 5_000_000);
      return { result, hash };
    };
    const clean = observe(sandbox);
    expect(clean.hash).toMatch(/^[0-9a-f]{16}$/);
    const disturbances: readonly (() => unknown)[] = [
      () => sandbox.call('spin', [], none, 100_000),
      () => sandbox.call('native', [], none, 100_000),
      () => sandbox.call('hoard', [], none, 100_000_000),
      () => sandbox.call('deep', [], none, 5_000_000),
      () => expect(() => sandbox.call('busy', [5], () => { throw new Error('out'); }, 5_000_000)).toThrow('out'),
      () => sandbox.call('busy', [50], none, 777),
    ];
    for (const disturb of disturbances) {
      disturb();
      expect(sandbox.heapHash()).toBe(sandbox.snapshotHash());
      expect(observe(sandbox)).toEqual(clean);
      expect(observe(sandbox.fork())).toEqual(clean);
    }
  });

  it('stop at the same place for every budget, and use what they say', () => {
    const sandbox = Sandbox.create(sandboxModule());
    sandbox.load(PROGRAM, 'driver.ts');
    const full = sandbox.call('busy', [10], (_c, a) => a, 5_000_000);
    expect(full.kind).toBe('returned');
    expect(sandbox.call('busy', [10], (_c, a) => a, full.fuel)).toEqual(full);
    expect(sandbox.call('busy', [10], (_c, a) => a, full.fuel - 1)).toMatchObject({ kind: 'out-of-fuel', fuel: full.fuel - 1 });
  });

  it('50 traps, one after the other, leave no trace', () => {
    const sandbox = Sandbox.create(sandboxModule());
    sandbox.load(PROGRAM, 'driver.ts');
    const expected = sandbox.call('busy', [3], (_c, a) => a, 1_000_000);
    for (let i = 0; i < 50; i += 1) expect(sandbox.call('native', [], none, 1000 + i)).toMatchObject({ kind: 'out-of-fuel', fuel: 1000 + i });
    expect(sandbox.heapHash()).toBe(sandbox.snapshotHash());
    expect(sandbox.call('busy', [3], (_c, a) => a, 1_000_000)).toEqual(expected);
  });
});

describe('speed', () => {
  it('a host call costs little more than the interpreter, a reset less than a copy through JavaScript would', () => {
    const sandbox = Sandbox.create(sandboxModule());
    sandbox.load(PROGRAM, 'driver.ts');
    const time = (body: () => void): number => {
      body();
      const from = performance.now();
      body();
      return performance.now() - from;
    };
    const ops = 200_000;
    const perOp = time(() => sandbox.call('ops', [ops], (_c, a) => a, 1_000_000_000)) / ops;
    const perTurn = time(() => sandbox.call('turns', [ops], none, 1_000_000_000)) / ops;
    expect(perOp / perTurn).toBeLessThan(12);
    const perReset = time(() => { for (let i = 0; i < 200; i += 1) sandbox.call('nothing', [], none, 100_000); }) / 200;
    const perFork = time(() => { for (let i = 0; i < 5; i += 1) sandbox.fork(); }) / 5;
    expect(perFork / perReset).toBeGreaterThan(5);
  });
});
