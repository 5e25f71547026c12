// SPDX-License-Identifier: Apache-2.0
import type { Deviation } from '@dmalab/core/base/choice';
import { describe, expect, it } from 'vitest';
import { decodeToken, encodeToken, originDifferences, TOKEN_LIMIT, type Token } from './token.ts';

const held: Deviation = { agent: 'cpu0', kind: 'drain', key: 'task/nic_xmit#1/len', ordinal: 0, answer: 1 };
const stale: Deviation = { agent: 'cpu0', kind: 'read', key: 'nic_irq#0/len', ordinal: 2, answer: 1 };
const token: Token = { engine: '0123456789ab', lab: 'a'.repeat(12), code: 'b'.repeat(12), workload: 'c'.repeat(12), profile: 'arm64', deviations: [held, stale], without: ['task[1]'] };

describe('a token', () => {
  it('gives back what went in, whatever the order it went in', () => {
    const text = encodeToken({ ...token, deviations: [stale, held] });
    expect(text).toMatch(/^d1\.[A-Za-z0-9_-]+$/);
    expect(text).toBe(encodeToken(token));
    expect(decodeToken(text)).toEqual({ ok: true, token: { ...token, deviations: [stale, held].sort((a, b) => (a.kind < b.kind ? 1 : -1)) } });
  });

  it('of a minimised run is short, and keys beyond ASCII survive', () => {
    const odd = { ...token, deviations: [{ ...held, key: 'größe ①' }] };
    expect(encodeToken(odd).length).toBeLessThan(300);
    expect(decodeToken(encodeToken(odd))).toEqual({ ok: true, token: odd });
  });

  it('longer than a link may be is refused', () => {
    const many = Array.from({ length: 400 }, (_, ordinal) => ({ ...held, ordinal }));
    expect(() => encodeToken({ ...token, deviations: many })).toThrow(`at most ${TOKEN_LIMIT} fit`);
  });
});

describe('a token that cannot be read says why', () => {
  const text = encodeToken(token);
  const error = (bad: string): string => {
    const result = decodeToken(bad);
    return result.ok ? 'it was read' : result.error;
  };
  it('no prefix', () => expect(error(text.slice(3))).toContain('starts with "d1."'));
  it('a later version', () => expect(error(`d2.${text.slice(3)}`)).toContain('version d2'));
  it('a strange character', () => expect(error(`${text.slice(0, 20)}+${text.slice(21)}`)).toContain('character 21 is "+"'));
  it('every cut and every changed character', () => {
    for (let length = 3; length < text.length; length += 1) expect(error(text.slice(0, length))).toMatch(/cut off/);
    for (let at = 3; at < text.length; at += 1) {
      const other = text[at] === 'A' ? 'B' : 'A';
      expect(error(text.slice(0, at) + other + text.slice(at + 1))).not.toBe('it was read');
    }
  });
});

it('what does not fit any more is named', () => {
  expect(originDifferences(token, token)).toEqual([]);
  expect(originDifferences(token, { ...token, code: 'd'.repeat(12), lab: 'e'.repeat(12) })).toEqual(['another version of the lab', 'other driver code']);
});
