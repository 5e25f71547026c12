// SPDX-License-Identifier: Apache-2.0
/** Halves against bigints. */
import { describe, expect, it } from 'vitest';
import { addressOf, bitsOf, frameOf, hex, highIn, highOf, lowIn, lowOf, swapBytes, wordOf } from './word.ts';

const WORDS = [0n, 1n, 0x8000_0000n, 0xffff_ffffn, 0x1_0000_0000n, 0x1234_5678_9abc_def0n, 0xfedc_ba98_7654_3210n, 0x8000_0000_0000_0000n, 0xffff_ffff_ffff_ffffn, 0x5555_aaaa_3333_ccccn];

describe('halves of a word', () => {
  it('are taken and joined', () => {
    for (const word of WORDS) {
      expect(lowOf(word)).toBe(Number(word % 0x1_0000_0000n));
      expect(highOf(word)).toBe(Number(word / 0x1_0000_0000n));
      expect(wordOf(lowOf(word), highOf(word))).toBe(word);
      expect(wordOf(lowOf(word) | 0, highOf(word) | 0)).toBe(word);
    }
  });

  it('give any field of up to 32 bits', () => {
    for (const word of WORDS) {
      for (let shift = 0; shift < 64; shift += 1) {
        for (const width of [1, 2, 9, 10, 11, 12, 13, 31, 32]) {
          if (shift + width > 64 || (shift > 0 && shift < 32 && width === 32)) continue;
          const expected = Number((word >> BigInt(shift)) % (1n << BigInt(width)));
          expect([shift, width, bitsOf(lowOf(word), highOf(word), shift, width)]).toEqual([shift, width, expected]);
          expect([shift, width, bitsOf(lowOf(word) | 0, highOf(word) | 0, shift, width)]).toEqual([shift, width, expected]);
        }
      }
    }
  });

  it('are frame and offset of an address', () => {
    for (const word of WORDS) {
      const frame = Number(word >> 12n);
      const offset = Number(word & 0xfffn);
      expect(frameOf(lowOf(word), highOf(word))).toBe(frame);
      expect(lowIn(frame, offset) >>> 0).toBe(lowOf(word));
      expect(highIn(frame)).toBe(highOf(word));
      expect(addressOf(frame, offset)).toBe(word);
    }
    for (const frame of [0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xf_ffff_ffff_ffff]) {
      expect(wordOf(lowIn(frame, 0x123), highIn(frame))).toBe(addressOf(frame, 0x123));
      expect(addressOf(frame, 0x123)).toBe(BigInt(frame) * 4096n + 0x123n);
    }
  });

  it('turn round, byte by byte', () => {
    expect(swapBytes(0x1234_5678)).toBe(0x7856_3412);
    expect(swapBytes(0xf0e0_d0c0 | 0)).toBe(0xc0d0_e0f0);
    expect(hex(swapBytes(0xff))).toBe('0xff000000');
  });
});
