// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { hashFiles, sha256, utf8 } from './hash.ts';

it('agrees with Node for every length around the block boundaries', () => {
  for (const length of [0, 1, 3, 55, 56, 57, 63, 64, 65, 119, 120, 1000]) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 37 + length) & 255);
    expect(sha256(bytes)).toBe(createHash('sha256').update(bytes).digest('hex'));
  }
});

it('text counts as UTF-8, lone surrogates included', () => {
  for (const text of ['abc', 'größe', '①②', '𝔘nicode', '\ud800x']) {
    expect(utf8(text)).toEqual(new Uint8Array(Buffer.from(text, 'utf8')));
    expect(sha256(text)).toBe(createHash('sha256').update(text, 'utf8').digest('hex'));
  }
});

it('moving a letter from one file to the next changes the hash, the order of files does not', () => {
  expect(hashFiles({ a: 'xy', b: 'z' })).not.toBe(hashFiles({ a: 'x', b: 'yz' }));
  expect(hashFiles({ a: 'x', b: 'y' })).toBe(hashFiles({ b: 'y', a: 'x' }));
});
