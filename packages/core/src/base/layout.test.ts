// SPDX-License-Identifier: Apache-2.0
import { describe, expect, expectTypeOf, it } from 'vitest';
import { choice, flag, frame, layout, uint, wide } from './layout.ts';

const Entry = layout({
  name: 'entry',
  spec: 'a test',
  bits: 64,
  fields: {
    present: flag(0, 'Clear: faults.'),
    stages: choice(8, 6, 'Which walks run.', { first: 1, second: 2, nested: 3 }),
    root: frame(43, 12, 'Root.'),
    domain: uint(63, 48, 'Tag.'),
  },
});

describe('a layout', () => {
  it('decodes what it encoded, by name and type', () => {
    const raw = Entry.encode({ present: true, stages: 'nested', root: 0x8010_4000n, domain: 7 });
    expect(raw).toBe((7n << 48n) | 0x8010_4000n | (3n << 6n) | 1n);
    const decoded = Entry.decode(raw);
    expect(decoded).toEqual({ present: true, stages: 'nested', root: 0x8010_4000n, domain: 7 });
    expectTypeOf(decoded.stages).toEqualTypeOf<'first' | 'second' | 'nested' | 'reserved'>();
    expectTypeOf(decoded.root).toEqualTypeOf<bigint>();
  });

  it('leaves out what is left out', () => {
    expect(Entry.encode({ domain: 1 })).toBe(1n << 48n);
  });

  it('calls a value that no name has reserved', () => {
    expect(Entry.decode(7n << 6n).stages).toBe('reserved');
    expect(Entry.decode(0n).stages).toBe('reserved');
  });

  it('finds bits that no field owns, in place', () => {
    expect(Entry.strayBits((1n << 1n) | (1n << 44n) | 1n)).toBe((1n << 1n) | (1n << 44n));
    expect(Entry.strayBits(Entry.encode({ present: true, root: 0xffff_f000n }))).toBe(0n);
  });

  it('shows its rows for people', () => {
    expect(Entry.rows(Entry.encode({ stages: 'first', root: 0x1000n }))).toEqual([
      { name: 'present', bits: '0', value: '0', doc: 'Clear: faults.' },
      { name: 'stages', bits: '8:6', value: 'first', doc: 'Which walks run.' },
      { name: 'root', bits: '43:12', value: '0x1000', doc: 'Root.' },
      { name: 'domain', bits: '63:48', value: '0', doc: 'Tag.' },
    ]);
  });

  it('refuses values that do not fit and names that do not exist', () => {
    expect(() => Entry.encode({ domain: 0x1_0000 })).toThrow('entry.domain: 65536 does not fit in 16 bits');
    expect(() => Entry.encode({ root: 0x1001n })).toThrow('entry.root: 0x1001 is no frame address');
    // @ts-expect-error no such name
    expect(() => Entry.encode({ stages: 'third' })).toThrow('expected one of first, second, nested, got third');
    // @ts-expect-error no such field
    expect(() => Entry.encode({ absent: true })).toThrow('no field "absent"');
  });
});

describe('a layout that is wrong is rejected when it is declared', () => {
  const declare = (fields: Parameters<typeof layout>[0]['fields'], bits = 32) => () => layout({ name: 'x', spec: '', bits, fields });
  it.each([
    ['overlap', declare({ a: uint(7, 0, ''), b: flag(7, '') }), 'x.b: bits 7 overlap another field'],
    ['outside', declare({ a: uint(32, 30, '') }), 'x.a: bit 32 is outside 32 bits'],
    ['upside down', declare({ a: uint(0, 3, '') }), 'x.a: bits 0:3 are no range'],
    ['a choice that does not fit', declare({ a: choice(1, 0, '', { big: 4 }) }), 'x.a: big = 4 does not fit in 2 bits'],
    ['two names for one value', declare({ a: choice(1, 0, '', { one: 1, uno: 1 }) }), 'x.a: two names share a value'],
    ['a number that needs a bigint', declare({ a: uint(39, 0, '') }, 64), 'x.a: 40 bits need `wide`'],
    ['half a byte', declare({}, 12), 'x: 12 bits is not a whole number of bytes'],
  ])('%s', (_, make, message) => expect(make).toThrow(message));
});

describe('in memory', () => {
  const fields = { len: uint(15, 0, ''), addr: wide(63, 16, '') };
  it('a little-endian structure has its lowest byte first', () => {
    const little = layout({ name: 'l', spec: '', bits: 64, fields });
    expect([...little.toBytes(little.encode({ len: 0x0102, addr: 0x30405n }))]).toEqual([2, 1, 5, 4, 3, 0, 0, 0]);
    expect(little.place('addr')).toEqual({ offset: 2, size: 6 });
  });
  it('a big-endian one has each word reversed, words at rising addresses', () => {
    const big = layout({ name: 'b', spec: '', bits: 64, endian: 'big', wordBits: 32, fields: { low: uint(31, 0, ''), len: uint(47, 32, ''), high: uint(63, 48, '') } });
    const raw = big.encode({ low: 0x0102_0304, len: 0x0506, high: 0x0708 });
    expect([...big.toBytes(raw)]).toEqual([1, 2, 3, 4, 7, 8, 5, 6]);
    expect(big.fromBytes(big.toBytes(raw))).toBe(raw);
    expect(big.place('len')).toEqual({ offset: 6, size: 2 });
    expect(big.place('low')).toEqual({ offset: 0, size: 4 });
  });
});
