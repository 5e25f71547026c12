// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { WaitLoop } from './wait-loop.ts';

/** Reads `key` until the loop says wait, at most `limit` times; how often it read. */
function spin(loop: WaitLoop, limit: number, body: () => void): number {
  for (let n = 0; n < limit; n += 1) {
    if (loop.wait('flag', 'once', true) !== null) return n;
    loop.loaded('flag', 'once', 0);
    body();
  }
  return limit;
}

it('a READ_ONCE loop waits after a few equal answers', () => {
  expect(spin(new WaitLoop(), 100, () => undefined)).toBe(4);
});

it('with cpu_relax it waits at once', () => {
  const loop = new WaitLoop();
  expect(spin(loop, 100, () => loop.relax())).toBe(1);
});

it('a store, or any other progress, is no waiting', () => {
  const loop = new WaitLoop();
  expect(spin(loop, 100, () => loop.reset())).toBe(100);
});

it('a barrier in the loop does not hide it', () => {
  const loop = new WaitLoop();
  expect(spin(loop, 100, () => loop.barrier())).toBe(4);
});

it('another value begins anew', () => {
  const loop = new WaitLoop();
  for (const value of [0, 0, 0, 1, 1, 1]) loop.loaded('flag', 'once', value);
  expect(loop.wait('flag', 'once', true)).toBeNull();
  loop.loaded('flag', 'once', 1);
  expect(loop.wait('flag', 'once', true)).toEqual({ last: 1, hoisted: false });
});

it('private fields read on the way to the flag are not waited for', () => {
  const loop = new WaitLoop();
  for (let i = 0; i < 20; i += 1) {
    expect(loop.wait('nic.ring', 'plain', false)).toBeNull();
    loop.loaded('nic.ring', 'plain', 1n);
    if (loop.wait('flag', 'once', true) !== null) break;
    loop.loaded('flag', 'once', 0);
    expect(i).toBeLessThan(5);
  }
});

it('a loop with two conditions is left alone: it could go on for either', () => {
  const loop = new WaitLoop();
  for (let i = 0; i < 50; i += 1) {
    for (const key of ['a', 'b']) {
      expect(loop.wait(key, 'once', true)).toBeNull();
      loop.loaded(key, 'once', 0);
    }
    loop.relax();
  }
});

it('a plain load in a bare loop may have been hoisted; not after cpu_relax or a barrier', () => {
  const bare = new WaitLoop();
  for (let i = 0; i < 16; i += 1) bare.loaded('flag', 'plain', 0);
  expect(bare.wait('flag', 'plain', true)).toEqual({ last: 0, hoisted: true });

  const fenced = new WaitLoop();
  for (let i = 0; i < 16; i += 1) {
    fenced.loaded('flag', 'plain', 0);
    fenced.barrier();
  }
  expect(fenced.wait('flag', 'plain', true)).toEqual({ last: 0, hoisted: false });

  const relaxed = new WaitLoop();
  relaxed.loaded('flag', 'plain', 0);
  relaxed.relax();
  expect(relaxed.wait('flag', 'plain', true)).toEqual({ last: 0, hoisted: false });
});

it('reading one field for each of many elements is no waiting', () => {
  const loop = new WaitLoop();
  for (let i = 0; i < 100; i += 1) {
    expect(loop.wait('nic.ring', 'plain', false)).toBeNull();
    loop.loaded('nic.ring', 'plain', 1n);
    expect(loop.wait(`flag${i}`, 'once', true)).toBeNull();
    loop.loaded(`flag${i}`, 'once', 0);
  }
});
