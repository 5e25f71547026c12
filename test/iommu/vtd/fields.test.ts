// SPDX-License-Identifier: Apache-2.0
/** Every reserved bit of every structure and descriptor, one at a time, and every bit that the texts call ignored. */
import { describe, expect, it } from 'vitest';
import type { AnyLayout } from '@dmalab/core/base/layout';
import * as queues from '@dmalab/core/iommu/vtd/queues';
import { FaultStatus, InvalidationQueueError, OFFSET } from '@dmalab/core/iommu/vtd/registers';
import { ContextEntry, FirstStageEntry, PasidDirectoryEntry, PasidEntry, RootEntry, ScalableContextEntry, ScalableRootEntry, SecondStageEntry } from '@dmalab/core/iommu/vtd/structures';
import { applyRepair } from '../repair.ts';
import { ADDRESS, ask, bare, FIRST, request, SECOND, SOURCE, STATUS, Submitter, system, toggle, type Stages, type System, type SystemOptions } from './system.ts';

const bitsSet = (mask: bigint): number[] => Array.from({ length: mask.toString(2).length }, (_, i) => i).filter((i) => ((mask >> BigInt(i)) & 1n) === 1n);
const strayOf = (of: AnyLayout): number[] => bitsSet(of.strayBits((1n << BigInt(of.bits)) - 1n));
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
/** Address bits above the 46 of the host, in the word that starts at the bit. */
const aboveHost = (word = 0): number[] => range(word + 46, word + 63);
const flip = (s: System, at: bigint | undefined, bit: number): void => toggle(s.memory, (at ?? 0n) + BigInt(8 * Math.floor(bit / 64)), 1n << BigInt(bit % 64));

interface Row {
  readonly name: string;
  readonly section: string;
  readonly stages: Stages;
  readonly at: (s: System) => bigint | undefined;
  readonly bits: readonly number[];
  readonly reason: string;
  readonly options?: SystemOptions;
  readonly before?: (s: System) => void;
}

const large = (level: number, of: 'first' | 'second') => (s: System): void => {
  const at = s[of].at(3 - level) ?? 0n;
  s.memory.poke(at, of === 'first' ? FirstStageEntry.encode({ P: true, RW: true, US: true, PS: true, address: 0n }) : SecondStageEntry.encode({ R: true, W: true, PS: true, address: 0n }));
};

const RESERVED: readonly Row[] = [
  { name: RootEntry.name, section: 'Root Entry', stages: 'legacy', at: (s) => s.root, bits: [...strayOf(RootEntry), ...aboveHost()], reason: '0a' },
  { name: ContextEntry.name, section: 'Context Entry', stages: 'legacy', at: (s) => s.context, bits: [...strayOf(ContextEntry), ...aboveHost()], reason: '0b' },
  { name: ScalableRootEntry.name, section: 'Scalable-Mode Root Entry', stages: 'first', at: (s) => s.root, bits: [...strayOf(ScalableRootEntry), ...aboveHost()], reason: '3a' },
  { name: ScalableContextEntry.name, section: 'Scalable-Mode Context Entry', stages: 'first', at: (s) => s.context, bits: [...strayOf(ScalableContextEntry), ...aboveHost()], reason: '42' },
  { name: PasidDirectoryEntry.name, section: 'Scalable-Mode PASID Directory Entry', stages: 'first', at: (s) => s.directory, bits: strayOf(PasidDirectoryEntry), reason: '52' },
  { name: `${PasidDirectoryEntry.name}, pointer above the host`, section: 'Scalable-Mode PASID Directory Entry', stages: 'first', at: (s) => s.directory, bits: aboveHost(), reason: '58' },
  { name: PasidEntry.name, section: 'Scalable-Mode PASID Table Entry', stages: 'first', at: (s) => s.pasid, bits: strayOf(PasidEntry), reason: '5a' },
  { name: `${PasidEntry.name}, what ECAP lacks`, section: 'Scalable-Mode PASID Table Entry', stages: 'first', at: (s) => s.pasid, bits: [9, 129, 133, 134], reason: '5a', options: { ecap: { SSADS: false, ERS: false } } },
  ...[0, 1, 2, 3].map((i): Row => ({ name: `${FirstStageEntry.name}, level ${3 - i}`, section: 'First-Stage Paging Entries', stages: 'first', at: (s) => s.first[i], bits: range(46, 51), reason: '72' })),
  ...[1, 2].map((level): Row => ({ name: `large page of the first stage, level ${level}`, section: 'First-Stage Paging Entries', stages: 'first', at: (s) => s.first[3 - level], bits: range(13, 11 + 9 * level), reason: '72', before: large(level, 'first') })),
  ...[0, 1, 2, 3].map((i): Row => ({ name: `${SecondStageEntry.name}, level ${3 - i}`, section: 'Second-Stage Paging Entries', stages: 'second', at: (s) => s.second[i], bits: [11, ...range(46, 51), 62], reason: '7a', options: { ecap: { DT: false } } })),
  ...[1, 2].map((level): Row => ({ name: `large page of the second stage, level ${level}`, section: 'Second-Stage Paging Entries', stages: 'second', at: (s) => s.second[3 - level], bits: range(12, 11 + 9 * level), reason: '7a', before: large(level, 'second') })),
  ...[0, 1, 2, 3].map((i): Row => ({ name: `${SecondStageEntry.name} in legacy mode, level ${3 - i}`, section: 'Second-Stage Paging Entries', stages: 'legacy', at: (s) => s.second[i], bits: [11, ...range(46, 51)], reason: '0c' })),
];

const IGNORED: readonly Omit<Row, 'reason'>[] = [
  { name: ContextEntry.name, section: 'Context Entry', stages: 'legacy', at: (s) => s.context, bits: range(67, 70) },
  { name: `${PasidEntry.name}, what ECAP lacks`, section: 'Scalable-Mode PASID Table Entry', stages: 'first', at: (s) => s.pasid, bits: [87, 88, 128, 132, 135], options: { ecap: { SMPWC: false, SC: false, SRS: false, EAFS: false } } },
  ...[0, 1, 2].map((i) => ({ name: `${FirstStageEntry.name}, level ${3 - i}`, section: 'First-Stage Paging Entries', stages: 'first' as const, at: (s: System) => s.first[i], bits: [3, 4, 6, 8, 9, 10, 11, ...range(52, 63)] })),
  { name: `${FirstStageEntry.name}, level 0`, section: 'First-Stage Paging Entries', stages: 'first', at: (s) => s.first[3], bits: [3, 4, 6, 7, 8, 9, 10, 11, ...range(52, 63)] },
  ...[0, 1, 2, 3].map((i) => ({ name: `${SecondStageEntry.name}, level ${3 - i}`, section: 'Second-Stage Paging Entries', stages: 'second' as const, at: (s: System) => s.second[i], bits: [2, 3, 4, 5, 6, 8, 9, 10, ...range(52, 61), 63] })),
];

describe('a reserved bit is a fault', () => {
  it.each(RESERVED.map((row) => [`${row.name} ("${row.section}")`, row] as const))('%s', (_, { stages, at, bits, reason, options, before }) => {
    expect(bits.length).toBeGreaterThan(0);
    for (const bit of bits) {
      const s = system(stages, options);
      before?.(s);
      expect([bit, typeof ask(s, bare(stages))]).toEqual([bit, 'bigint']);
      flip(s, at(s), bit);
      expect([bit, ask(s, bare(stages))]).toEqual([bit, reason]);
    }
  });
});

describe('an ignored bit is nothing', () => {
  it.each(IGNORED.map((row) => [`${row.name} ("${row.section}")`, row] as const))('%s', (_, { stages, at, bits, options }) => {
    for (const bit of bits) {
      const s = system(stages, options);
      const reached = ask(s, bare(stages));
      flip(s, at(s), bit);
      expect([bit, ask(s, bare(stages))]).toEqual([bit, reached]);
      expect(typeof reached).toBe('bigint');
    }
  });
});

/** A good one of each type; `bits` that may be set. */
const DESCRIPTORS: readonly (readonly [type: number, layout: AnyLayout, good: bigint])[] = [
  [1, queues.ContextCacheDescriptor, queues.ContextCacheDescriptor.encode({ type: 1, G: 3, DID: 9, SID: SOURCE, FM: 1 })],
  [2, queues.IotlbDescriptor, queues.IotlbDescriptor.encode({ type: 2, G: 3, DID: 9, DW: true, DR: true, AM: 3, IH: true, ADDR: ADDRESS >> 12n })],
  [3, queues.DeviceTlbDescriptor, queues.DeviceTlbDescriptor.encode({ type: 3, SID: SOURCE, MIP: 31, PFSIDLow: 15, PFSIDHigh: 4095, ADDR: ADDRESS >> 12n })],
  [4, queues.InterruptCacheDescriptor, queues.InterruptCacheDescriptor.encode({ type: 4, G: true, IM: 31, IIDX: 65535 })],
  [5, queues.WaitDescriptor, queues.WaitDescriptor.encode({ type: 5, SW: true, FN: true, PD: true, STDATA: 1, STADDR: (STATUS << 12n) >> 2n })],
  [6, queues.PasidIotlbDescriptor, queues.PasidIotlbDescriptor.encode({ type: 6, G: 3, DID: 9, PASID: 0xf_ffff, AM: 18, IH: true, ADDR: ADDRESS >> 12n })],
  [7, queues.PasidCacheDescriptor, queues.PasidCacheDescriptor.encode({ type: 7, G: 1, DID: 0xffff, PASID: 0xf_ffff })],
  [8, queues.PasidDeviceTlbDescriptor, queues.PasidDeviceTlbDescriptor.encode({ type: 8, MIP: 31, PFSIDLow: 15, PFSIDHigh: 4095, SID: SOURCE, PASID: 5, G: true, S: true, ADDR: ADDRESS >> 12n })],
  [9, queues.PageGroupResponseDescriptor, queues.PageGroupResponseDescriptor.encode({ type: 9, PASID_P: true, PDP: true, code: 1, RID: SOURCE, PASID: 5, LPIG: true, PRGI: 511, privateLow: 1n, privateHigh: 1n })],
];
const everything: SystemOptions = { ecap: { IR: true } };
const MODES = [
  ['legacy mode, 16 bytes', 'legacy', 16],
  ['scalable mode, 32 bytes', 'first', 32],
] as const;

function error(s: System): number {
  const { IQE } = FaultStatus.decode(s.unit.readRegister(OFFSET.FSTS, 4));
  return IQE ? InvalidationQueueError.decode(s.unit.readRegister(OFFSET.IQERCD, 8)).IQEI : 0;
}

describe.each(MODES)('descriptors in %s', (_, stages, bytes) => {
  const known = DESCRIPTORS.filter(([type]) => bytes === 32 || type !== 9);

  it.each(known)('type %i: a good one is taken', (type, layout, good) => {
    expect(layout.strayBits(good)).toBe(0n);
    const s = system(stages, everything);
    new Submitter(s, bytes).submit(good);
    expect([type, error(s), s.unit.readRegister(OFFSET.IQH, 8)]).toEqual([type, 0, BigInt(bytes)]);
  });

  it.each(known)('type %i: every reserved bit stops the queue at it ("Invalidation Queue Error Record", 4)', (type, layout, good) => {
    const bits = [...strayOf(layout), ...(bytes === 32 ? range(layout.bits, 255) : [])];
    for (const bit of bits) {
      const s = system(stages, everything);
      new Submitter(s, bytes).submit(good | (1n << BigInt(bit)));
      expect([type, bit, error(s), s.unit.readRegister(OFFSET.IQH, 8)]).toEqual([type, bit, 4, 0n]);
      expect(s.messages).toEqual([]);
    }
  });
});

describe('types that are not there', () => {
  it('stop the queue ("Invalidation Queue Error Record", 3)', () => {
    for (const type of [0, 10, 11, 12, 13, 14, 15]) {
      const s = system('first', everything);
      new Submitter(s).submit(BigInt(type));
      expect([type, error(s)]).toEqual([type, 3]);
    }
    for (const high of [1, 2, 4, 7]) {
      const s = system('first', everything);
      new Submitter(s).submit(queues.ContextCacheDescriptor.encode({ type: 1, typeHigh: high, G: 1 }));
      expect([high, error(s)]).toEqual([high, 3]);
    }
  });

  it('nor are those whose feature is missing', () => {
    for (const [type, ecap] of [[3, { DT: false }], [4, { IR: false }], [8, { DT: false }], [9, { PRS: false }]] as const) {
      const s = system('first', { ecap });
      new Submitter(s).submit(DESCRIPTORS.find(([of]) => of === type)?.[2] ?? 0n);
      expect([type, error(s)]).toEqual([type, 3]);
    }
    for (const type of [6, 7, 8]) {
      const s = system('legacy', { ecap: { SMTS: false } });
      new Submitter(s, 16).submit(DESCRIPTORS.find(([of]) => of === type)?.[2] ?? 0n);
      expect([type, error(s)]).toEqual([type, 3]);
    }
  });
});

describe('values that are reserved', () => {
  it.each([
    ['context cache, granularity 0', queues.ContextCacheDescriptor.encode({ type: 1 })],
    ['IOTLB, granularity 0', queues.IotlbDescriptor.encode({ type: 2 })],
    ['IOTLB, more pages than CAP.MAMV', queues.IotlbDescriptor.encode({ type: 2, G: 3, AM: 19 })],
    ['PASID-based IOTLB, granularity 0', queues.PasidIotlbDescriptor.encode({ type: 6 })],
    ['PASID-based IOTLB, granularity 1', queues.PasidIotlbDescriptor.encode({ type: 6, G: 1 })],
    ['PASID-based IOTLB, more pages than CAP.MAMV', queues.PasidIotlbDescriptor.encode({ type: 6, G: 3, AM: 19 })],
    ['PASID cache, granularity 2', queues.PasidCacheDescriptor.encode({ type: 7, G: 2 })],
    ...range(2, 14).map((code) => [`page group response, code ${code}`, queues.PageGroupResponseDescriptor.encode({ type: 9, code, LPIG: true })] as const),
    ['private data that is not announced', queues.PageGroupResponseDescriptor.encode({ type: 9, LPIG: true, privateLow: 1n })],
  ] as const)('%s', (_, raw) => {
    const s = system('first');
    new Submitter(s).submit(raw);
    expect([error(s), s.messages]).toEqual([4, []]);
  });

  it('a drain of page requests needs ECAP.PDS', () => {
    const s = system('first', { ecap: { PDS: false } });
    new Submitter(s).submit(queues.WaitDescriptor.encode({ type: 5, PD: true }));
    expect(error(s)).toBe(4);
  });
});

describe('edges', () => {
  const copyPage = (s: System, from: bigint, to: bigint): void => {
    for (let at = 0n; at < 4096n; at += 8n) s.memory.poke((to << 12n) + at, s.memory.peek((from << 12n) + at));
  };
  /** The highest frame of the host, and the one behind it: 46 bits of address. */
  const [LAST, BEHIND] = [(1n << 34n) - 1n, 1n << 34n];
  const ROWS: readonly (readonly [what: string, stages: Stages, move: (s: System, frame: bigint) => void, reason: string])[] = [
    ['legacy context table', 'legacy', (s, frame) => (copyPage(s, 0x11n, frame), s.memory.poke(s.root, (frame << 12n) | 1n)), '0a'],
    ['legacy second stage', 'legacy', (s, frame) => (copyPage(s, SECOND, frame), s.memory.poke(s.context, (frame << 12n) | 5n)), '0b'],
    ['context table', 'first', (s, frame) => (copyPage(s, 0x11n, frame), s.memory.poke(s.root, (frame << 12n) | 1n)), '3a'],
    ['second-stage table', 'second', (s, frame) => (copyPage(s, SECOND + 1n, frame), s.memory.poke(s.second[0] ?? 0n, (frame << 12n) | 3n)), '7a'],
    ['first-stage table', 'first', (s, frame) => (copyPage(s, FIRST + 1n, frame), s.memory.poke(s.first[0] ?? 0n, (frame << 12n) | 7n)), '72'],
    ['PASID table', 'first', (s, frame) => (copyPage(s, 0x13n, frame), s.memory.poke(s.directory, (frame << 12n) | 1n)), '58'],
  ];
  it.each(ROWS.map((row) => [row[0], row] as const))('the last frame of the host is one, the next is none: %s', (_, [, stages, move, reason]) => {
    const s = system(stages);
    const reached = ask(s, bare(stages));
    move(s, LAST);
    expect(ask(s, bare(stages))).toBe(reached);
    move(s, BEHIND);
    expect(ask(s, bare(stages))).toBe(reason);
  });

  it('PASIDs end where the directory does: PDTS + 13 bits', () => {
    for (const PDTS of [0, 3, 7]) {
      const s = system('pass');
      const limit = 2 ** (PDTS + 13);
      s.memory.poke(s.context, (s.memory.peek(s.context) & ~0xe00n) | BigInt(PDTS << 9));
      expect([PDTS, ask(s, { pasid: limit - 1 })]).toEqual([PDTS, '51']);
      if (limit < 1 << 20) expect([PDTS, ask(s, { pasid: limit })]).toEqual([PDTS, '46']);
      s.memory.poke(s.context + 8n, BigInt(limit - 1));
      expect([PDTS, ask(s, { pasid: null })]).toEqual([PDTS, '51']);
      if (limit < 1 << 20) {
        s.memory.poke(s.context + 8n, BigInt(limit));
        expect([PDTS, ask(s, { pasid: null })]).toEqual([PDTS, '48']);
      }
    }
  });

  it('page requests end there as well', () => {
    for (const [pasid, tail] of [[8191, 32n], [8192, 0n]] as const) {
      const s = system('pass');
      s.memory.poke(s.context, s.memory.peek(s.context) & ~0xe00n);
      s.unit.writeRegister(OFFSET.PQA, 8, 0x6_8000n);
      s.unit.page({ source: SOURCE, pasid, privileged: false, execute: false, read: true, write: false, last: false, group: 0, address: 0n });
      expect(s.unit.readRegister(OFFSET.PQT, 8)).toBe(tail);
    }
  });

  it('three, four and five levels of the second stage hold 39, 48 and 57 bits', () => {
    for (const [AW, bits] of [[1, 39], [2, 48], [3, 57]] as const) {
      for (const stages of ['second', 'legacy'] as const) {
        const s = system(stages, { entry: { AW } });
        if (stages === 'legacy') s.memory.poke(s.context + 8n, BigInt(AW) | (9n << 8n));
        // Every level: the first and the last address lie behind the same table, which is its own.
        for (const index of [0n, 0x1ffn]) s.memory.poke((SECOND << 12n) + index * 8n, (SECOND << 12n) | 3n);
        const top = (1n << BigInt(bits)) - 1n;
        expect([AW, ask(s, { ...bare(stages), address: top }), ask(s, { ...bare(stages), address: 0n })]).toEqual([AW, (SECOND << 12n) | 0xfffn, SECOND << 12n]);
        expect([AW, ask(s, { ...bare(stages), address: top + 1n })]).toEqual([AW, stages === 'legacy' ? '04' : '83']);
      }
    }
  });

  it('canonical addresses of four and five levels: the highest of the lower half, the lowest of the upper half', () => {
    for (const [levels, bits] of [[4, 48n], [5, 57n]] as const) {
      const s = system('first', { levels });
      for (const index of [0n, 0xffn, 0x100n, 0x1ffn]) s.memory.poke((FIRST << 12n) + index * 8n, (FIRST << 12n) | 7n);
      const half = 1n << (bits - 1n);
      const upper = (1n << 64n) - half;
      expect([ask(s, { address: half - 1n }), ask(s, { address: half }), ask(s, { address: upper - 1n }), ask(s, { address: upper })].map((of) => (typeof of === 'bigint' ? 'reached' : of))).toEqual(['reached', '80', '80', 'reached']);
    }
  });

  it('a context table pointer above the host is mended where it is, in either half', () => {
    const s = system('first');
    s.memory.poke(s.root + 8n, (0x11n << 12n) | (1n << 50n) | 1n);
    const answer = s.unit.translate({ ...request(), sourceId: SOURCE | 0x80 });
    expect(answer).toMatchObject({ kind: 'refused', fault: { reason: 0x3a, why: { entry: s.root } } });
    if (answer.kind === 'refused') applyRepair(s.memory, answer.fault.why.entry ?? 0n, answer.fault.why.rule.repair ?? {});
    expect(s.memory.peek(s.root + 8n)).toBe((0x11n << 12n) | 1n);
    expect(ask(s, { sourceId: SOURCE | 0x80 })).toBe(0x77_7abcn);
  });
});

it('an entry put together by its layout is what software writes', () => {
  const s = system('first');
  s.memory.put(s.pasid, PasidEntry.encode({ P: true, PGTT: 4 }), 8);
  expect(ask(s)).toBe(ADDRESS);
});
