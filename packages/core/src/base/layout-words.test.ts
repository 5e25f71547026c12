// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { flag, frame, layout, uint, wide } from './layout.ts';
import { wordView } from './layout-words.ts';

const Entry = layout({
  name: 'entry',
  spec: 'a test',
  bits: 128,
  fields: { present: flag(0, ''), whole: uint(63, 32, ''), root: frame(30, 12, ''), across: uint(70, 64, ''), tag: wide(120, 80, '') },
});

describe('a layout read from words', () => {
  const view = wordView(Entry);
  const words = new Uint32Array(6);
  it('gives what decode gives, wherever a field lies', () => {
    for (let seed = 1; seed < 200; seed += 1) {
      for (let i = 0; i < 4; i += 1) words[1 + i] = Math.imul(seed * 4 + i, 0x9e37_79b1);
      const raw = Array.from(words.subarray(1, 5)).reduceRight((value, word) => (value << 32n) | BigInt(word), 0n);
      const decoded = Entry.decode(raw);
      expect(view.get.present(words, 1)).toBe(decoded.present ? 1 : 0);
      expect(view.get.whole(words, 1)).toBe(decoded.whole);
      expect(view.get.root(words, 1)).toBe(Number(decoded.root / 4096n));
      expect(view.get.across(words, 1)).toBe(decoded.across);
      expect(view.get.tag(words, 1)).toBe(Number(decoded.tag));
      expect(view.hasStray(words, 1)).toBe(Entry.strayBits(raw) !== 0n);
    }
  });
  it('finds stray bits of one word', () => {
    expect(view.strayMask(0)).toBe(0x8000_0ffe);
    expect(view.hasStray(Uint32Array.of(0x7fff_f001, 0xffff_ffff, 0, 0), 0)).toBe(false);
    expect(view.hasStray(Uint32Array.of(2, 0, 0, 0), 0)).toBe(true);
  });
  it('refuses a field that no number holds exactly', () => {
    expect(() => wordView(layout({ name: 'x', spec: '', bits: 64, fields: { all: wide(63, 0, '') } }))).toThrow('x.all: 64 bits do not fit a number');
  });
});
