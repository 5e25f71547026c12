// SPDX-License-Identifier: Apache-2.0
/** The loop of the walker, by itself: where it reads, what it passes on, where it ends. The format says the least that a format can. */
import { describe, expect, it } from 'vitest';
import { ACCESSES, READS, WRITES, DIRTIES, type Access, type Rule, type TableFormat } from './format.ts';
import { Walker, type Tables, type WalkEnd } from './walk.ts';
import { addressOf, highOf, lowOf } from './word.ts';

const rule = (text: string): Rule => ({ field: 'x', bits: '-', text, section: 'none' });
const [WIDE, INVALID, FORBIDDEN, FLAWED, UNMARKED] = ['wide', 'invalid', 'forbidden', 'flawed', 'unmarked'].map(rule) as [Rule, Rule, Rule, Rule, Rule];
const READ = ACCESSES[READS] as Access;
const WRITE = ACCESSES[WRITES | DIRTIES] as Access;

/** Bits of an entry: 0 valid, 1 leaf, 2 forbids, 3 flawed, 4 marked; the frame above bit 12, 52 bits of address. */
function format(over: Partial<TableFormat> = {}): TableFormat {
  return {
    name: 'test',
    spec: 'none',
    levels: 3,
    entryBytes: 8,
    shift: [12, 21, 30],
    width: [9, 9, 9],
    inputBits: 39,
    above: 'zero',
    tooWide: WIDE,
    sort: (low) => ((low & 1) === 0 ? INVALID : (low & 2) !== 0 ? 'leaf' : 'pointer'),
    target: (low, high) => (high & 0xf_ffff) * 0x10_0000 + (low >>> 12),
    span: (_low, _high, level) => 12 + 9 * level,
    pointers: 'pass',
    flaw: (low) => ((low & 8) !== 0 ? FLAWED : null),
    refuses: (low, _high, _access, above) => ((low & 4) !== 0 || above < 0 ? FORBIDDEN : null),
    marks: (low, _high, access) => (access.write ? 0x10 & ~low : 0),
    unmarked: UNMARKED,
    ...over,
  };
}

/** Hands out one entry after another, and notes where they were read. */
function tables(entries: readonly (bigint | WalkEnd)[], marked: readonly (WalkEnd | 'changed')[] = []): Tables & { readonly reads: string[]; readonly marks: number[] } {
  const left = [...entries];
  const answers = [...marked];
  const out = {
    reads: [] as string[],
    marks: [] as number[],
    load(walker: Walker, frame: number, offset: number, bytes: number): WalkEnd {
      out.reads.push(`0x${addressOf(frame, offset).toString(16)}/${bytes}`);
      const entry = left.shift() ?? 'unreached';
      if (typeof entry === 'string') return entry;
      walker.low = lowOf(entry) | 0;
      walker.high = highOf(entry) | 0;
      walker.entryFrame = frame;
      walker.entryOffset = offset;
      return 'reached';
    },
    mark(walker: Walker, bits: number): WalkEnd | 'changed' {
      out.marks.push(bits);
      const answer = answers.shift() ?? 'reached';
      if (answer === 'reached') walker.low |= bits;
      return answer;
    },
  };
  return out;
}

function walk(of: TableFormat, address: bigint, through: Tables, access: Access = READ, updates = true): { readonly end: WalkEnd; readonly walker: Walker } {
  const walker = new Walker();
  return { end: walker.walk(of, 0x500, lowOf(address), highOf(address), access, updates, through), walker };
}

const ADDRESS = (5n << 30n) | (6n << 21n) | (7n << 12n) | 0xabcn;
const pointer = (frame: bigint): bigint => (frame << 12n) | 1n;
const leaf = (frame: bigint): bigint => (frame << 12n) | 3n;

describe('a walk', () => {
  it('reads the entry of each level, and reaches the frame of the leaf', () => {
    const through = tables([pointer(0x600n), pointer(0x9_0000_0700n), leaf(0x8_1234_5678n)]);
    const { end, walker } = walk(format(), ADDRESS, through);
    expect([end, walker.frame, walker.span, walker.level, walker.rule]).toEqual(['reached', 0x8_1234_5678, 12, 0, null]);
    expect(through.reads).toEqual(['0x500028/8', '0x600030/8', '0x900000700038/8']);
    expect([walker.tableFrame, walker.tableOffset]).toEqual([0x9_0000_0700, 0x38]);
  });

  it('adds the frame of the address within a large page', () => {
    for (const [entries, level, base] of [[[pointer(0x600n), leaf(0x7fff_fe00n)], 1, 0x7fff_fe00n], [[pointer(0x600n), leaf(0x8000_0200n)], 1, 0x8000_0200n], [[leaf(0x4_0000n)], 2, 0x4_0000n], [[leaf(0xf_0000_0000n)], 2, 0xf_0000_0000n]] as const) {
      const { end, walker } = walk(format(), ADDRESS, tables(entries));
      const within = (ADDRESS >> 12n) & ((1n << BigInt(9 * level)) - 1n);
      expect([end, walker.level, walker.span, BigInt(walker.frame)]).toEqual(['reached', level, 12 + 9 * level, base + within]);
    }
  });

  it('cuts what lies in the entry below the size of a large page', () => {
    expect(walk(format(), ADDRESS, tables([pointer(0x600n), leaf(0x1234_57ffn)])).walker.frame).toBe(0x1234_5607);
    expect(walk(format(), ADDRESS, tables([pointer(0x600n), leaf(0x9234_57ffn)])).walker.frame).toBe(0x9234_5607);
  });

  it('maps more than 2^20 frames by one leaf', () => {
    const wide = format({ levels: 4, shift: [12, 21, 30, 39], width: [9, 9, 9, 9], inputBits: 48 });
    const address = (1n << 39n) | (0x12_3456n << 15n);
    for (const base of [0x800_0000n, 0x8_0800_0000n]) expect(BigInt(walk(wide, address, tables([leaf(base)])).walker.frame)).toBe(base + ((address >> 12n) & 0x7ff_ffffn));
  });

  it('reaches beyond one frame into a root of several', () => {
    const root = format({ width: [9, 9, 11], inputBits: 41 });
    const through = tables([leaf(0x4_0000n)]);
    walk(root, 0x7ffn << 30n, through);
    expect(through.reads).toEqual(['0x503ff8/8']);
    const small = tables([leaf(0x4_0000n)]);
    walk(format({ entryBytes: 4, levels: 2, shift: [12, 22], width: [10, 12], inputBits: 34, span: () => 22 }), 0xfffn << 22n, small);
    expect(small.reads).toEqual(['0x503ffc/4']);
  });

  it('gives a format the high bits of the pointers it passed, and the walker keeps them', () => {
    const { end, walker } = walk(format(), ADDRESS, tables([pointer(0x600n) | (1n << 63n), pointer(0x700n) | 0x20n, leaf(0x800n)]));
    expect([end, walker.rule, walker.inherited & 0xfff, walker.inheritedHigh]).toEqual(['refused', FORBIDDEN, 0x21, -0x8000_0000]);
    const next = walker.walk(format(), 0x500, lowOf(ADDRESS), highOf(ADDRESS), READ, true, tables([pointer(0x600n), pointer(0x700n), leaf(0x800n)]));
    expect([next, walker.rule, walker.inheritedHigh]).toEqual(['reached', null, 0]);
  });
});

describe('an inheritance', () => {
  it('is empty where a root maps', () => {
    const { walker } = walk(format(), ADDRESS, tables([leaf(0x4_0000n)]));
    expect([walker.inherited, walker.inheritedHigh]).toEqual([0, 0]);
  });
});

describe('an address too wide is refused before anything is read', () => {
  const refused = (of: TableFormat, address: bigint): boolean => {
    const through = tables([leaf(0n)]);
    const { end, walker } = walk(of, address, through);
    expect(through.reads.length).toBe(end === 'refused' ? 0 : 1);
    if (end === 'refused') expect([walker.rule, walker.level]).toEqual([WIDE, of.levels]);
    return end === 'refused';
  };

  it.each([30, 31, 32, 33, 34, 39, 41, 48, 57, 63])('%s bits, zero above', (bits) => {
    const of = format({ inputBits: bits });
    expect(refused(of, (1n << BigInt(bits)) - 1n)).toBe(false);
    for (let at = bits; at < 64; at += 1) expect(refused(of, 1n << BigInt(at))).toBe(true);
  });

  it.each([39, 48, 57])('%s bits, the highest repeated', (bits) => {
    const of = format({ inputBits: bits, above: 'sign' });
    const sign = 1n << BigInt(bits - 1);
    const ones = (1n << 64n) - sign;
    expect(refused(of, sign - 1n)).toBe(false);
    expect(refused(of, ones)).toBe(false);
    expect(refused(of, ones | 0x1234n)).toBe(false);
    for (let at = bits - 1; at < 64; at += 1) {
      expect(refused(of, 1n << BigInt(at))).toBe(true);
      expect(refused(of, ones ^ (1n << BigInt(at)))).toBe(true);
    }
  });

  it('32 bits have no sign to repeat, and 64 none left', () => {
    expect(refused(format({ inputBits: 32, above: 'sign' }), 0xffff_ffffn)).toBe(false);
    expect(refused(format({ inputBits: 32, above: 'sign' }), 0x1_0000_0000n)).toBe(true);
    expect(refused(format({ inputBits: 32, above: 'sign' }), 0xffff_ffff_8000_0000n)).toBe(true);
    expect(refused(format({ inputBits: 64 }), (1n << 64n) - 1n)).toBe(false);
    expect(refused(format({ inputBits: 64, above: 'sign' }), 1n << 63n)).toBe(false);
  });
});

describe('a walk ends', () => {
  it.each(['denied', 'corrupt', 'unreached'] as const)('where a table is %s', (how) => {
    const { end, walker } = walk(format(), ADDRESS, tables([pointer(0x600n), how]));
    expect([end, walker.level, walker.rule]).toEqual([how, 1, null]);
  });

  it.each([
    ['an entry that is none', 0n, INVALID],
    ['what permission forbids', leaf(0x800n) | 4n, FORBIDDEN],
    ['what permission forbids, before what else is wrong', leaf(0x800n) | 0xcn, FORBIDDEN],
    ['what else is wrong', leaf(0x800n) | 8n, FLAWED],
  ])('at %s', (_, entry, broken) => {
    const { end, walker } = walk(format(), ADDRESS, tables([pointer(0x600n), pointer(0x700n), entry]));
    expect([end, walker.level, walker.rule]).toEqual(['refused', 0, broken]);
  });

  it('in a pointer, where pointers are checked like leaves', () => {
    const checked = format({ pointers: 'check' });
    for (const [bad, broken] of [[4n, FORBIDDEN], [8n, FLAWED]] as const) {
      expect(walk(format(), ADDRESS, tables([pointer(0x600n) | bad, pointer(0x700n), leaf(0x800n)])).end).toBe('reached');
      const { end, walker } = walk(checked, ADDRESS, tables([pointer(0x600n), pointer(0x700n) | bad, leaf(0x800n)]));
      expect([end, walker.level, walker.rule]).toEqual(['refused', 1, broken]);
    }
    const { walker } = walk(checked, ADDRESS, tables([pointer(0x600n) | (1n << 62n), pointer(0x700n) | 0x20n, leaf(0x800n)]));
    expect([walker.inherited & 0xfff, walker.inheritedHigh, walker.frame]).toEqual([0x21, 0x4000_0000, 0x800]);
  });
});

describe('marks', () => {
  const three = [pointer(0x600n), pointer(0x700n), leaf(0x800n)];

  it('are set in the leaf, and in pointers where they are checked', () => {
    const plain = tables(three);
    expect(walk(format(), ADDRESS, plain, WRITE).end).toBe('reached');
    expect(plain.marks).toEqual([0x10]);
    const checked = tables(three);
    expect(walk(format({ pointers: 'check' }), ADDRESS, checked, WRITE).end).toBe('reached');
    expect(checked.marks).toEqual([0x10, 0x10, 0x10]);
  });

  it('end the walk where they may not be set', () => {
    const through = tables(three);
    const { end, walker } = walk(format(), ADDRESS, through, WRITE, false);
    expect([end, walker.rule, through.marks]).toEqual(['refused', UNMARKED, []]);
    expect(walk(format(), ADDRESS, tables([pointer(0x600n), pointer(0x700n), leaf(0x800n) | 0x10n]), WRITE, false).end).toBe('reached');
    expect(walk(format(), ADDRESS, tables(three), READ, false).end).toBe('reached');
  });

  it('read the same entry again when it was changed, and the same level', () => {
    const through = tables([...three, leaf(0x900n)], ['changed', 'reached']);
    const { end, walker } = walk(format(), ADDRESS, through, WRITE);
    expect([end, walker.frame, walker.level]).toEqual(['reached', 0x900, 0]);
    expect(through.reads.slice(2)).toEqual([through.reads[2], through.reads[2]]);
  });

  it.each(['denied', 'corrupt', 'unreached'] as const)('that are %s end it', (how) => {
    expect(walk(format(), ADDRESS, tables(three, [how]), WRITE).end).toBe(how);
  });
});
