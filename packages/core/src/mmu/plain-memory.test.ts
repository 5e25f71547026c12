// SPDX-License-Identifier: Apache-2.0
/** Memory in blocks of one array: nothing is lost or mixed up as it grows, and it is read in place only while nothing could refuse. */
import { describe, expect, it } from 'vitest';
import { PlainMemory } from './plain-memory.ts';

const FRAMES = [0, 1, 15, 16, 17, 0x8_0000, 0x8_000f, 0x8_0010, 2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 32, 2 ** 32 + 16, 2 ** 35, 2 ** 44 - 1, 2 ** 52 - 1];
const addressOf = (frame: number, offset = 0): bigint => (BigInt(frame) << 12n) + BigInt(offset);
const wordOf = (memory: PlainMemory, frame: number, offset: number): bigint => {
  expect(memory.load(frame, offset, 8)).toBe('ok');
  return (BigInt(memory.data[1] ?? 0) << 32n) | BigInt(memory.data[0] ?? 0);
};

describe('plain memory', () => {
  it.each([['everything', []], ['ranges', [[0n, 1n << 64n] as const]]])('keeps frames apart, wherever they lie and however many there are (%s)', (_, ranges) => {
    const memory = new PlainMemory(ranges);
    const frames = [...FRAMES, ...Array.from({ length: 300 }, (_item, i) => 0x100 + 7 * i)];
    frames.forEach((frame, i) => {
      memory.poke(addressOf(frame, 8), BigInt(i + 1));
      memory.poke(addressOf(frame, 0xff8), BigInt(i + 1) << 32n);
    });
    for (const again of [0, 1]) {
      frames.forEach((frame, i) => {
        expect([wordOf(memory, frame, 8), wordOf(memory, frame, 0xff8), wordOf(memory, frame, 0)], `frame ${frame}, round ${again}`).toEqual([BigInt(i + 1), BigInt(i + 1) << 32n, 0n]);
        expect(memory.peek(addressOf(frame, 8))).toBe(BigInt(i + 1));
        const at = memory.flat?.wordsOf(frame) ?? -1;
        if (at >= 0) expect([memory.words[at + 2], memory.words[at + 1023]]).toEqual([i + 1, i + 1]);
      });
    }
    memory.load(0x107, 0, 8);
    if (memory.flat !== null) expect([memory.flat.wordsOf(0x107) > 0, memory.flat.wordsOf(2 ** 31)]).toEqual([true, -1]);
  });

  it('reads zeros where nobody wrote, and makes nothing of it', () => {
    const memory = new PlainMemory();
    memory.poke(0n, 1n);
    for (const frame of FRAMES.slice(1)) {
      expect(wordOf(memory, frame, 0)).toBe(0n);
      expect(memory.peek(addressOf(frame))).toBe(0n);
    }
    expect(wordOf(memory, 0, 0)).toBe(1n);
    expect(memory.flat?.wordsOf(0x5555)).toBe(-1);
  });

  it('shows a store and an exchange at once, in place and by access', () => {
    const memory = new PlainMemory();
    memory.poke(addressOf(5), 0x1_0000_0002n);
    expect(wordOf(memory, 5, 0)).toBe(0x1_0000_0002n);
    const at = memory.flat?.wordsOf(5) ?? -1;
    memory.data[0] = 7;
    memory.data[1] = 8;
    expect(memory.store(5, 0, 8)).toBe('ok');
    expect([memory.words[at], memory.words[at + 1]]).toEqual([7, 8]);
    expect(memory.exchange(5, 0, 8, 7, 9, 1, 1)).toBe('changed');
    expect(memory.exchange(5, 0, 8, 7, 8, 1, 2)).toBe('ok');
    expect([memory.words[at], memory.words[at + 1], memory.data[0], memory.data[1]]).toEqual([1, 2, 7, 8]);
  });

  it('is not read in place while a list is kept, ranges hold or bytes are damaged', () => {
    const memory = new PlainMemory();
    expect(memory.flat).toBe(memory);
    memory.log = [];
    expect(memory.flat).toBeNull();
    memory.load(3, 16, 8);
    expect(memory.log).toEqual([{ kind: 'read', address: 0x3010n, bytes: 8, status: 'ok' }]);
    memory.log = null;
    expect(memory.flat).toBe(memory);
    memory.damage([0x3010n], []);
    expect([memory.flat, memory.load(3, 16, 8), memory.load(3, 24, 8)]).toEqual([null, 'denied', 'ok']);
    memory.log = [];
    memory.damage([], [0x3010n]);
    memory.log = null;
    expect([memory.flat, memory.load(3, 16, 8)]).toEqual([null, 'corrupt']);
    memory.damage([], []);
    expect(memory.flat).toBe(memory);
    expect(new PlainMemory([[0n, 0x1000n]]).flat).toBeNull();
  });
});
