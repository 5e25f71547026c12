// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { EntryCache, overlaps } from './cache.ts';

const small = (policy: 'lru' | 'fifo' = 'lru'): EntryCache<string> => new EntryCache('iotlb', { sets: 1, ways: 2, policy });

describe('a cache of entries', () => {
  it('finds an entry for every frame it covers, and for no other tag', () => {
    const cache = small();
    cache.put(7, 0x1_0000_0000 + 0x234, 9, 'large');
    expect(cache.find(7, 0x1_0000_0000 + 0x200)).toBe('large');
    expect(cache.find(7, 0x1_0000_0000 + 0x3ff)).toBe('large');
    expect(cache.find(7, 0x1_0000_0000 + 0x400)).toBeNull();
    expect(cache.find(8, 0x1_0000_0000 + 0x200)).toBeNull();
  });

  it.each([
    ['lru', 'a'],
    ['fifo', 'b'],
  ] as const)('%s evicts by its policy', (policy, kept) => {
    const cache = small(policy);
    cache.put(1, 1, 0, 'a');
    cache.put(1, 2, 0, 'b');
    cache.find(1, 1);
    cache.put(1, 3, 0, 'c');
    expect(cache.entries().map((line) => line.entry).sort()).toEqual([kept, 'c'].sort());
  });

  it('replaces the entry for the same frames', () => {
    const cache = small();
    cache.put(1, 1, 0, 'old');
    cache.put(1, 1, 0, 'new');
    expect(cache.entries().map((line) => line.entry)).toEqual(['new']);
  });

  it('asks at each hit whether the entry has lapsed', () => {
    const cache = small();
    const asked: string[] = [];
    cache.lapses = (name, line) => asked.push(`${name} ${line.first}`) === 2;
    cache.put(1, 5, 0, 'a');
    expect([cache.find(1, 5), cache.find(1, 5), cache.find(1, 5)]).toEqual(['a', null, null]);
    expect(asked).toEqual(['iotlb 5', 'iotlb 5']);
  });

  it('drops what matches', () => {
    const cache = small();
    cache.put(1, 0x200, 9, 'a');
    cache.put(1, 0x400, 0, 'b');
    cache.drop((line) => overlaps(line, 0x3ff, 0));
    expect(cache.entries().map((line) => line.entry)).toEqual(['b']);
  });

  it('refuses a size that is none', () => {
    expect(() => new EntryCache('iotlb', { sets: 3, ways: 1, policy: 'lru' })).toThrow('iotlb: 3 sets of 1 ways; expected a power of two and at least one');
  });
});
