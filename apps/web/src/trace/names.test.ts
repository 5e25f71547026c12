// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { recordedRun, RING, OWN } from '../testing/recorded-run.ts';
import { hex, Names, plainValue } from './names.ts';

const names = Names.from(recordedRun());

describe('addresses', () => {
  it('are written in groups of four', () => {
    expect(hex(0x8010_4800n)).toBe('0x8010_4800');
    expect(hex(0)).toBe('0x0');
    expect(hex(0x1_2345)).toBe('0x1_2345');
    expect(plainValue(1514)).toBe('1514');
    expect(plainValue(0x8010_0000n)).toBe('0x8010_0000');
  });

  it('inside a declared structure are called as the code calls them', () => {
    expect(names.place(RING + 24n)).toBe('len[1]');
    expect(names.short(RING + 26n)).toBe('flags');
  });

  it('in the middle of a field say where', () => {
    expect(names.place(RING + 4n)).toBe('addr[0]+4');
  });

  it('outside take the name of the access, then the number', () => {
    expect(names.place(0x9000_0000n, 'next')).toBe('next');
    expect(names.place(0x9000_0000n)).toBe('0x9000_0000');
    expect(names.place(RING + 12n)).toBe('0x8000_000c');
  });
});

it('values are read as their field declares them', () => {
  expect(names.value(RING + 10n, OWN)).toBe('OWN');
  expect(names.value(RING + 10n, OWN | 1)).toBe('OWN|0x1');
  expect(names.value(RING + 10n, 0)).toBe('0');
  expect(names.value(RING + 8n, 1514)).toBe('1514');
  expect(names.value(RING, 0x8010_4000n)).toBe('0x8010_4000');
});
