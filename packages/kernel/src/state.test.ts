// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { addBuffer, allocCoherent, arenaBounds, BOOT_ARENA, copyState, createKernelState, isForeign, kmalloc, release, type Allocation, type KernelState } from './state.ts';

const ram = { base: 0x8000_0000, size: 4 << 20 };
const fresh = (): KernelState => createKernelState(ram, ['cpu0', 'cpu1']);

/** A fixed sequence, so that a failure repeats. */
function* numbers(seed: number): Generator<number> {
  let x = seed;
  for (;;) {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0;
    yield x >>> 8;
  }
}

describe('arenas', () => {
  it('lie in RAM and never meet', () => {
    const ranges = [...arenaBounds(ram, ['cpu0', 'cpu1', 'cpu2']).values()].flatMap((b) => [b.coherent, b.kmalloc]).sort(([a], [b]) => a - b);
    ranges.forEach(([from, to], i) => {
      expect(from).toBeGreaterThanOrEqual(ram.base);
      expect(to).toBeLessThanOrEqual(ram.base + ram.size);
      expect(from).toBeLessThan(to);
      expect(ranges[i + 1]?.[0] ?? Infinity).toBeGreaterThanOrEqual(to);
    });
  });

  it('an address of another CPU\'s arena is foreign, one of probe\'s is not', () => {
    const state = fresh();
    const theirs = kmalloc(state, 'cpu1', 64, 8);
    const boot = kmalloc(state, BOOT_ARENA, 64, 8);
    expect(isForeign(state, theirs?.allocation.address ?? 0, 'cpu0')).toBe(true);
    expect(isForeign(state, theirs?.allocation.address ?? 0, 'cpu1')).toBe(false);
    expect(isForeign(state, boot?.allocation.address ?? 0, 'cpu0')).toBe(false);
  });
});

describe('allocators', () => {
  it.each([8, 64, 128])('live objects never overlap, whatever is allocated and freed (granule %i)', (granule) => {
    const state = fresh();
    const random = numbers(granule);
    const live: Allocation[] = [];
    for (let i = 0; i < 3000; i += 1) {
      const dice = random.next().value ?? 0;
      if (dice % 3 === 0 && live.length > 0) {
        const [gone] = live.splice(dice % live.length, 1);
        if (gone !== undefined) release(state, gone, 'cpu0');
        continue;
      }
      const taken = dice % 7 === 0 ? allocCoherent(state, 'cpu0', 1 + (dice % 9000), 0) : kmalloc(state, 'cpu0', 1 + (dice % 3000), granule);
      if (taken === null) continue;
      const { address, room, size, what } = taken.allocation;
      expect(room).toBeGreaterThanOrEqual(size);
      expect(address % (what === 'coherent' ? room : granule)).toBe(0);
      expect(live.filter((other) => address < other.address + other.room && other.address < address + room)).toEqual([]);
      live.push(taken.allocation);
    }
    expect(state.live.size).toBe(live.length);
  });

  it('memory freed last is handed out first, and is known to have been used', () => {
    const state = fresh();
    const a = kmalloc(state, 'cpu0', 100, 8);
    const b = kmalloc(state, 'cpu0', 100, 8);
    if (a === null || b === null) throw new Error('no memory');
    expect(a.used).toBe(false);
    release(state, a.allocation, 'cpu0');
    release(state, b.allocation, 'cpu0');
    expect(kmalloc(state, 'cpu0', 120, 8)).toMatchObject({ used: true, allocation: { address: b.allocation.address } });
    expect(kmalloc(state, 'cpu0', 101, 8)).toMatchObject({ used: true, allocation: { address: a.allocation.address } });
  });

  it('another CPU that frees an object does not hand it out', () => {
    const state = fresh();
    const a = kmalloc(state, 'cpu1', 64, 8);
    if (a === null) throw new Error('no memory');
    release(state, a.allocation, 'cpu0');
    expect(kmalloc(state, 'cpu0', 64, 8)?.allocation.address).not.toBe(a.allocation.address);
  });

  it('a power of two is aligned to itself, as Linux guarantees', () => {
    const state = fresh();
    kmalloc(state, 'cpu0', 24, 8);
    for (const size of [64, 256, 1024, 4096]) expect((kmalloc(state, 'cpu0', size, 8)?.allocation.address ?? 1) % size).toBe(0);
  });

  it('a full arena answers null, and gives memory again once some is freed', () => {
    const state = fresh();
    const taken: Allocation[] = [];
    for (let next = allocCoherent(state, 'cpu0', 65_536, 0); next !== null; next = allocCoherent(state, 'cpu0', 65_536, 0)) taken.push(next.allocation);
    expect(taken.length).toBeGreaterThan(2);
    const [first] = taken;
    if (first === undefined) throw new Error('unreachable');
    release(state, first, 'cpu0');
    expect(allocCoherent(state, 'cpu0', 60_000, 0)?.allocation.address).toBe(first.address);
  });

  it('coherent memory is aligned to its size in pages, rounded up to a power of two', () => {
    const state = fresh();
    allocCoherent(state, 'cpu0', 1, 0);
    expect((allocCoherent(state, 'cpu0', 3 * 4096, 0)?.allocation.address ?? 1) % (4 * 4096)).toBe(0);
  });
});

it('a copy does not feel what the other does', () => {
  const state = fresh();
  addBuffer(state, 'tx', 100, 8);
  const first = kmalloc(state, 'cpu0', 64, 8);
  if (first === null) throw new Error('no memory');
  release(state, first.allocation, 'cpu0');
  const before = JSON.stringify([...state.live], null, 1);
  const copy = copyState(state);
  const a = kmalloc(copy, 'cpu0', 64, 8);
  kmalloc(copy, 'cpu0', 64, 8);
  copy.irqs.push({ irq: 32, handler: 0, name: 'x', shared: false, device: { low: 0, high: 0, type: 0 } });
  expect(JSON.stringify([...state.live], null, 1)).toBe(before);
  expect(state.irqs).toEqual([]);
  expect(kmalloc(state, 'cpu0', 64, 8)?.allocation.address).toBe(a?.allocation.address);
});
