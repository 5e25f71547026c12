// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, it } from 'vitest';
import { CacheLines, PARTIAL_LINE } from './lines.ts';

const LINE = 64;
/** 256 bytes of DRAM; tags are words. */
let bytes: Uint8Array;
let tags: string[];
let cache: CacheLines<string>;
const device = (address: number, value: number): void => {
  bytes[address] = value;
  tags[address] = 'device';
};
const cpu = (address: number, value: number): void => {
  cache.fill(cache.lineOf(address));
  cache.write(address, value, 'cpu');
};

beforeEach(() => {
  bytes = new Uint8Array(256);
  tags = Array.from({ length: 256 }, () => 'initial');
  cache = new CacheLines(LINE, {
    byte: (a) => bytes[a] ?? 0,
    tag: (a) => tags[a] ?? '',
    write: (a, byte, tag) => {
      bytes[a] = byte;
      tags[a] = tag;
    },
  });
});

describe('a line over DRAM', () => {
  it('keeps what the CPU wrote from the device until it is cleaned', () => {
    cpu(8, 7);
    expect([bytes[8], cache.state(0)]).toEqual([0, 'dirty']);
    expect(cache.clean(0)).toEqual({ line: 0, wroteBack: true, dropped: false, lostDirty: false });
    expect([bytes[8], tags[8], cache.state(0)]).toEqual([7, 'cpu', 'clean']);
  });

  it('keeps what the device wrote from the CPU while an older copy is present', () => {
    cache.fill(0);
    device(8, 9);
    expect([cache.byte(8), cache.tag(8)]).toEqual([0, 'initial']);
    cache.drop(0);
    cache.fill(0);
    expect([cache.byte(8), cache.tag(8)]).toEqual([9, 'device']);
  });

  it('is written back whole: a byte the CPU never touched overwrites the device', () => {
    cpu(0, 1);
    device(63, 9);
    cache.evict(0);
    expect([bytes[0], bytes[63], tags[63]]).toEqual([1, 0, 'initial']);
  });

  it('is written back by an eviction only when dirty', () => {
    cache.fill(0);
    device(8, 9);
    expect(cache.evict(0)).toEqual({ line: 0, wroteBack: false, dropped: true, lostDirty: false });
    expect(bytes[8]).toBe(9);
  });

  it('loses what was dirty when it is dropped, and says so', () => {
    cpu(8, 7);
    expect(cache.drop(0)).toEqual({ line: 0, wroteBack: false, dropped: true, lostDirty: true });
    expect(bytes[8]).toBe(0);
  });

  it('is not filled twice, so a hit never refreshes', () => {
    expect(cache.fill(0)).toBe(true);
    device(0, 5);
    expect(cache.fill(0)).toBe(false);
    expect(cache.byte(0)).toBe(0);
  });

  it('says which of its bytes the CPU changed', () => {
    cpu(66, 1);
    cpu(70, 1);
    expect(cache.dirtyBytes(64)).toEqual([66, 70]);
    cache.clean(64);
    expect(cache.dirtyBytes(64)).toEqual([]);
  });
});

describe('an invalidate of a range that shares its last line with a neighbour', () => {
  const buffer = [32, 64] as const; // bytes 32..95: the second half of line 0, the first half of line 64
  beforeEach(() => {
    cpu(100, 7); // the neighbour, in line 64
    device(80, 9); // the device fills the buffer behind the cache's back
  });

  it('puts the neighbour\'s whole line over the device\'s data on arm64', () => {
    const effects = cache.invalidateRange(...buffer, PARTIAL_LINE.arm64);
    expect(effects[1]).toEqual({ line: 64, wroteBack: true, dropped: true, lostDirty: false });
    expect([bytes[100], bytes[80]]).toEqual([7, 0]);
  });

  it('loses the neighbour\'s data on riscv64', () => {
    const effects = cache.invalidateRange(...buffer, PARTIAL_LINE.riscv64);
    expect(effects[1]).toEqual({ line: 64, wroteBack: false, dropped: true, lostDirty: true });
    expect([bytes[100], bytes[80]]).toEqual([0, 9]);
  });

  it('drops a line it covers whole on either', () => {
    cpu(130, 1);
    expect(cache.invalidateLine(128, 128, 64, 'write-back')).toMatchObject({ lostDirty: true, wroteBack: false });
  });
});

it('touches every line of a range and no other', () => {
  expect(cache.linesOf(60, 8)).toEqual([0, 64]);
  expect(cache.linesOf(64, 64)).toEqual([64]);
  expect(cache.linesOf(64, 0)).toEqual([]);
});
it('refuses a line size that is no power of two', () => {
  expect(() => new CacheLines(48, { byte: () => 0, tag: () => '', write: () => undefined })).toThrow('48');
});
