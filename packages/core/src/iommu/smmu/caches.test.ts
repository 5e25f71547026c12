// SPDX-License-Identifier: Apache-2.0
/**
 * What is remembered stays until a command names it, and each command names what IHI 0070
 * says and nothing else: configuration structures one by one (4.3), translations by world,
 * VMID, ASID, address, range, level and granule (4.4).
 */
import { describe, expect, it } from 'vitest';
import { ConfigurationCommand, ConfigurationRangeCommand, PrefetchCommand, SyncCommand, TlbCommand } from './commands-layout.ts';
import { ContextDescriptor, ContextTableDescriptor, StreamTableDescriptor, StreamTableEntry } from './structures.ts';
import { ADDRESS, AT, CD, FULL, PAGE, REACHED, STE, STREAM, System, type Cd, type Ste } from './system.test-support.ts';

const GEOMETRY = { sets: 1, ways: 16, policy: 'lru' } as const;
const cached = (ste: Ste = {}, cd: Cd = {}): System => new System({ ste, cd, caches: GEOMETRY });
const HERE = `0x${REACHED.toString(16)}`;
const at = (page: bigint, address = ADDRESS): string => `0x${(page | (address & 0xfffn)).toString(16)}`;
const sync = SyncCommand.encode({ opcode: 0x46 });
type Tlbi = Parameters<typeof TlbCommand.encode>[0];
const tlbi = (opcode: number, fields: Tlbi = {}): bigint => TlbCommand.encode({ opcode, ...fields });
const cfgi = (opcode: number, fields: Parameters<typeof ConfigurationCommand.encode>[0] = {}): bigint => ConfigurationCommand.encode({ opcode, SID: STREAM, ...fields });

describe('what is remembered stays', () => {
  it('a translation, after the page was unmapped', () => {
    const system = cached();
    expect(system.outcome()).toBe(HERE);
    system.map(ADDRESS, 0n);
    expect(system.outcome()).toBe(HERE);
    system.command(tlbi(0x10, { VMID: 9 }));
    expect(system.outcome()).toBe('unsupported-request');
  });
  it('a permission, after more was permitted', () => {
    const system = cached();
    system.map(ADDRESS, PAGE | 0x4c3n);
    expect([system.outcome(), system.outcome({ write: true })]).toEqual([HERE, 'unsupported-request']);
    system.map(ADDRESS, PAGE | 0x443n);
    expect(system.outcome({ write: true })).toBe('unsupported-request');
    system.command(tlbi(0x12, { VMID: 9, ASID: 3, ADDR: ADDRESS >> 12n }));
    expect(system.outcome({ write: true })).toBe(HERE);
  });
  it('a fault is not remembered', () => {
    const system = cached();
    system.map(ADDRESS, 0n);
    expect(system.outcome()).toBe('unsupported-request');
    system.map(ADDRESS, PAGE | 0x443n);
    expect(system.outcome()).toBe(HERE);
  });
  it('an entry in any state, legal or not (5.2.1); one that could not be read is not', () => {
    const system = cached({ V: false });
    expect(system.outcome()).toBe('unsupported-request');
    system.ste({});
    expect(system.outcome()).toBe('unsupported-request');
    system.command(cfgi(0x03));
    expect(system.outcome()).toBe(HERE);

    const unread = cached();
    unread.memory.damage([AT.entry], []);
    expect(unread.outcome()).toBe('unsupported-request');
    unread.memory.damage([], []);
    expect(unread.outcome()).toBe(HERE);
  });
  it('a clean page is walked again for its first write, since it must be marked', () => {
    const system = cached({}, { HA: true, HD: true });
    system.map(ADDRESS, PAGE | 0x4c3n | (1n << 51n));
    expect([system.outcome(), system.outcome({ write: true })]).toEqual([HERE, HERE]);
    expect(system.memory.peek(system.first[2]) & 0x80n).toBe(0n);
  });
  describe.each([['one stage', {}], ['two', { Config: 7 }]] as const)('a block of 2 MiB, %s', (_, ste) => {
    const block = (entry: bigint, second = 0x7fdn): System => {
      const system = cached(ste);
      const [, level2] = system.first;
      system.memory.poke(level2, 0x2a40_0000n | entry);
      system.memory.poke(AT.second, second);
      return system;
    };
    const inside = [0x1234_5678n, 0x1220_0000n, 0x1220_3abcn, 0x123f_fff8n, 0x1220_1000n];
    const moved = (address: bigint): string => `0x${(0x2a40_0000n + (address & 0x1f_ffffn)).toString(16)}`;

    it.each(inside)('serves each page of it, filled by that of %i', (filling) => {
      const system = block(0x441n);
      expect(system.outcome({ address: filling })).toBe(moved(filling));
      system.memory.poke(system.first[1], 0n);
      expect(inside.map((address) => system.outcome({ address }))).toEqual(inside.map(moved));
    });
    it('whose stage 1 is read-only refuses writes, and names no guest page', () => {
      const system = block(0x4c1n);
      for (const address of inside) {
        expect([system.outcome({ address }), system.outcome({ address, write: true })]).toEqual([moved(address), 'unsupported-request']);
        expect(system.events()).toMatchObject([{ S2: false, ipa: 0n, address }]);
      }
    });
  });
  it('with stage 2 read-only, refuses writes and names the guest page of each', () => {
    const system = cached({ Config: 7 });
    system.memory.poke(system.first[1], 0x2a40_0000n | 0x441n);
    system.memory.poke(AT.second, 0x77dn);
    for (const address of [0x1234_5678n, 0x1220_3abcn, 0x123f_fff8n]) {
      expect([system.outcome({ address }), system.outcome({ address, write: true })]).toEqual([`0x${(0x2a40_0000n + (address & 0x1f_ffffn)).toString(16)}`, 'unsupported-request']);
      expect(system.events()).toMatchObject([{ S2: true, ipa: 0x2a40_0000n + (address & 0x1f_f000n), address }]);
    }
  });
  it('for all that stand in a block, unless it lapses', () => {
    const system = cached({ Config: 6 });
    expect(system.outcome()).toBe(`0x${ADDRESS.toString(16)}`);
    system.memory.poke(AT.second, 0n);
    expect(system.outcome({ address: 0x3fff_f000n })).toBe('0x3ffff000');
    system.unit.lapses = (name) => name === 'TLB';
    expect(system.outcome({ address: 0x3fff_f000n })).toBe('unsupported-request');
  });
  it('both ranges by themselves, and any top byte that is ignored', () => {
    const root = 0x15_0000n;
    const upper = BigInt.asUintN(64, (-1n << 39n) | ADDRESS);
    const system = cached({}, { EPD1: false, TTB1: root / 16n, TBI0: true });
    system.map(ADDRESS, 0x9000n | 0xc43n, root);
    const ask = (): string[] => [ADDRESS, upper, ADDRESS | (0x5an << 56n)].map((address) => system.outcome({ address }));
    expect([ask(), ask()]).toEqual([[HERE, at(0x9000n), HERE], [HERE, at(0x9000n), HERE]]);
    expect(system.unit.caches.at(-1)?.entries().length).toBe(2);
  });
  it('and can be looked at', () => {
    const system = cached();
    system.outcome();
    expect(system.unit.caches.map(({ name, entries }) => [name, entries.call(system.unit.caches.find((cache) => cache.name === name)).length])).toEqual([
      ['stream table, level 1', 0],
      ['stream table entries', 1],
      ['context descriptors, level 1', 0],
      ['context descriptors', 1],
      ['TLB', 1],
    ]);
    expect(new System().unit.caches).toEqual([]);
  });
});

describe('commands for configuration (4.3)', () => {
  const L1 = 0x16_0000n;
  const LEAF = 0x40_0000n;
  const TABLE = 0x17_0000n;
  /** Streams 0x28 and 0x68 in a two-level table, each with substreams 1 and 65 in two-level tables; everything is remembered, then breaks. */
  function broken(): System {
    const system = cached();
    const streams: Ste = { ...STE, S1CDMax: 8, S1Fmt: 1, S1ContextPtr: L1 / 64n };
    system.write('CR0', 0xen);
    system.unit.writeRegister(0x80, 8, TABLE);
    system.write('STRTAB_BASE_CFG', 8n | (6n << 6n) | (1n << 16n));
    system.write('CR0', 0xfn);
    for (const i of [0n, 1n]) {
      system.memory.poke(TABLE + 8n * i, StreamTableDescriptor.encode({ Span: 7, L2Ptr: (AT.streams + 0x1000n * i) / 64n }));
      system.memory.put(AT.streams + 0x1000n * i + BigInt(STREAM) * 64n, StreamTableEntry.encode(streams), 8);
      system.memory.poke(L1 + 8n * i, ContextTableDescriptor.encode({ V: true, L2Ptr: (LEAF >> 12n) + i }));
      system.memory.put(LEAF + 0x1000n * i + 64n, ContextDescriptor.encode(CD), 8);
    }
    for (const source of [0x28, 0x68]) for (const pasid of [1, 65]) expect(system.outcome({ source, pasid })).toBe(HERE);
    system.command(tlbi(0x30));
    system.map(ADDRESS, PAGE | 0x443n);
    return system;
  }
  /** Which of stream.substream still work when this structure is gone from memory. */
  const left = (system: System, breaks: (s: System) => void, command: bigint): string[] => {
    breaks(system);
    system.command(command, sync);
    return ['28.1', '28.65', '68.1', '68.65'].filter((name) => {
      const [source = '', pasid = ''] = name.split('.');
      return system.outcome({ source: Number.parseInt(source, 16), pasid: Number(pasid) }) === HERE;
    });
  };
  const ALL = ['28.1', '28.65', '68.1', '68.65'];
  const noEntries = (s: System): void => [0n, 1n].forEach((i) => s.memory.put(AT.streams + 0x1000n * i + BigInt(STREAM) * 64n, 0n, 8));
  const noTables = (s: System): void => [0n, 1n].forEach((i) => s.memory.poke(TABLE + 8n * i, 0n));
  const noContexts = (s: System): void => [0n, 1n].forEach((i) => s.memory.put(LEAF + 0x1000n * i + 64n, 0n, 8));
  const noContextTables = (s: System): void => [0n, 1n].forEach((i) => s.memory.poke(L1 + 8n * i, 0n));
  const range = (SID: number, RANGE: number): bigint => ConfigurationRangeCommand.encode({ opcode: 4, SID, RANGE });

  it.each<[string, (s: System) => void, bigint, string[]]>([
    ['CFGI_STE: the entry of its stream', noEntries, cfgi(3), ['68.1', '68.65']],
    ['CFGI_STE, leaf: the same', noEntries, cfgi(3, { Leaf: true }), ['68.1', '68.65']],
    ['CFGI_STE: the level-1 descriptor', noTables, cfgi(3), ['68.1', '68.65']],
    ['CFGI_STE, leaf: not the level-1 descriptor', noTables, cfgi(3, { Leaf: true }), ALL],
    ['CFGI_STE: all descriptors of its stream', noContexts, cfgi(3), ['68.1', '68.65']],
    ['CFGI_STE, leaf: those, too', noContextTables, cfgi(3, { Leaf: true }), ['68.1', '68.65']],
    ['CFGI_STE of another stream', noEntries, cfgi(3, { SID: 0x29 }), ALL],
    ['CFGI_STE_RANGE of two: bit 0 does not count', noEntries, range(0x29, 0), ['68.1', '68.65']],
    ['CFGI_STE_RANGE of 64', noEntries, range(0x40, 5), ['28.1', '28.65']],
    ['CFGI_STE_RANGE of 128', noContexts, range(0, 6), []],
    ['CFGI_STE_RANGE of 64: its level-1 descriptor', noTables, range(0x40, 5), ['28.1', '28.65']],
    ['CFGI_ALL', noEntries, range(0x1234, 31), []],
    ['CFGI_CD: one descriptor', noContexts, cfgi(5, { SSID: 1 }), ['28.65', '68.1', '68.65']],
    ['CFGI_CD: the level-1 descriptor on the way', noContextTables, cfgi(5, { SSID: 65 }), ['28.1', '68.1', '68.65']],
    ['CFGI_CD, leaf: not that', noContextTables, cfgi(5, { SSID: 65, Leaf: true }), ALL],
    ['CFGI_CD: not the stream', noEntries, cfgi(5, { SSID: 1 }), ALL],
    ['CFGI_CD_ALL: the descriptors of a stream', noContexts, cfgi(6), ['68.1', '68.65']],
    ['CFGI_CD_ALL: the level-1 descriptors, too', noContextTables, cfgi(6), ['68.1', '68.65']],
    ['CFGI_CD_ALL: not the stream', noEntries, cfgi(6), ALL],
    ['TLBI_NSNH_ALL: no configuration', noContexts, tlbi(0x30), ALL],
  ])('%s', (_, breaks, command, expected) => expect(left(broken(), breaks, command)).toEqual(expected));
});

describe('commands for translations (4.4)', () => {
  const OTHER = 0x29;
  const root = 0x15_0000n;
  /** Entries of several owners for ADDRESS; then all of memory is unmapped. Names are `world.vmid.asid`, `g` for global, `s2` for stage 2 alone. */
  function filled(): { system: System; ask: Record<string, () => boolean> } {
    const system = new System({ caches: { sets: 1, ways: 64, policy: 'lru' } });
    const who: Record<string, { ste: Ste; cd: Cd }> = {
      'el1.9.3': { ste: {}, cd: {} },
      'el1.9.4': { ste: {}, cd: { ASID: 4 } },
      'el1.9.g': { ste: {}, cd: { ASID: 5, TTB0: root / 16n } },
      'el1.8.3': { ste: { S2VMID: 8 }, cd: {} },
      'nested.8.6': { ste: { Config: 7, S2VMID: 8 }, cd: { ASID: 6 } },
      'el1.9.s2': { ste: { Config: 6 }, cd: {} },
      'el1.8.s2': { ste: { Config: 6, S2VMID: 8 }, cd: {} },
      'el2': { ste: { STRW: 2 }, cd: {} },
    };
    system.map(ADDRESS, PAGE | 0xc43n);
    system.map(ADDRESS, 0x9000n | 0x443n, root);
    const ask: Record<string, () => boolean> = {};
    Object.entries(who).forEach(([name, { ste, cd }], i) => {
      const stream = OTHER + i;
      const contexts = 0x18_0000n + BigInt(i) * 0x1000n;
      system.memory.put(contexts, ContextDescriptor.encode({ ...CD, ...cd }), 8);
      system.ste({ S1ContextPtr: contexts / 64n, ...ste }, stream);
      const first = system.outcome({ source: stream });
      expect(first, name).not.toBe('unsupported-request');
      // What is global is met by every ASID of its machine, so the page tells whose entry it was.
      ask[name] = () => system.outcome({ source: stream }) === first;
    });
    system.memory.poke(system.first[2], 0n);
    system.memory.poke(root + 0x2000n + ((ADDRESS >> 12n) & 0x1ffn) * 8n, 0n);
    system.memory.poke(AT.second, 0n);
    return { system, ask };
  }
  const ALL = ['el1.9.3', 'el1.9.4', 'el1.9.g', 'el1.8.3', 'nested.8.6', 'el1.9.s2', 'el1.8.s2', 'el2'];
  const without = (...gone: string[]): string[] => ALL.filter((name) => !gone.includes(name));
  const ADDR = ADDRESS >> 12n;

  it.each<[string, bigint, string[]]>([
    ['NH_ALL: stage 1 of a VMID', tlbi(0x10, { VMID: 9 }), without('el1.9.3', 'el1.9.4', 'el1.9.g')],
    ['NH_ASID: one ASID, not what is global', tlbi(0x11, { VMID: 9, ASID: 3 }), without('el1.9.3')],
    ['NH_ASID of a global one: nothing', tlbi(0x11, { VMID: 9, ASID: 5 }), ALL],
    ['NH_VA: one ASID, and what is global there', tlbi(0x12, { VMID: 9, ASID: 3, ADDR }), without('el1.9.3', 'el1.9.g')],
    ['NH_VA: another address', tlbi(0x12, { VMID: 9, ASID: 3, ADDR: ADDR + 1n }), ALL],
    ['NH_VAA: every ASID', tlbi(0x13, { VMID: 9, ADDR }), without('el1.9.3', 'el1.9.4', 'el1.9.g')],
    ['EL2_ALL: EL2', tlbi(0x20), without('el2')],
    ['EL2_VA: EL2, whatever the ASID', tlbi(0x22, { ASID: 77, ADDR }), without('el2')],
    ['EL2_VA: another address', tlbi(0x22, { ADDR: ADDR + 1n }), ALL],
    ['EL2_VAA: EL2', tlbi(0x23, { ADDR }), without('el2')],
    ['EL2_ASID: EL2 has none', tlbi(0x21, { ASID: 3 }), ALL],
    ['S12_VMALL: both stages of a VMID', tlbi(0x28, { VMID: 8 }), without('el1.8.3', 'nested.8.6', 'el1.8.s2')],
    ['S2_IPA: stage 2 alone, by guest address', tlbi(0x2a, { VMID: 9, ADDR }), without('el1.9.s2')],
    ['S2_IPA: any address in the block', tlbi(0x2a, { VMID: 9, ADDR: 5n }), without('el1.9.s2')],
    ['S2_IPA: another block', tlbi(0x2a, { VMID: 9, ADDR: 1n << 18n }), ALL],
    ['NSNH_ALL: all but EL2', tlbi(0x30), ['el2']],
    ['NH_VA with its level', tlbi(0x12, { VMID: 9, ASID: 3, ADDR, TG: 1, TTL: 3 }), without('el1.9.3', 'el1.9.g')],
    ['NH_VA with another level', tlbi(0x12, { VMID: 9, ASID: 3, ADDR, TG: 1, TTL: 2 }), ALL],
    ['NH_VA with another granule', tlbi(0x12, { VMID: 9, ASID: 3, ADDR, TG: 3, TTL: 3 }), ALL],
    ['S2_IPA with its level', tlbi(0x2a, { VMID: 8, ADDR, TG: 1, TTL: 1 }), without('el1.8.s2')],
    ['NH_VAA, a range that ends at the page', tlbi(0x13, { VMID: 8, ADDR: ADDR - 2n, TG: 1, NUM: 1 }), ALL],
    ['NH_VAA, a range that holds it', tlbi(0x13, { VMID: 8, ADDR: ADDR - 2n, TG: 1, NUM: 2 }), without('el1.8.3', 'nested.8.6')],
    ['NH_VAA, a range with a scale that ends at the page', tlbi(0x13, { VMID: 8, ADDR: ADDR - 8n, TG: 1, NUM: 1, SCALE: 2 }), ALL],
    ['NH_VAA, a range with a scale that holds it', tlbi(0x13, { VMID: 8, ADDR: ADDR - 7n, TG: 1, NUM: 1, SCALE: 2 }), without('el1.8.3', 'nested.8.6')],
    ['NH_VAA, a range that begins behind it', tlbi(0x13, { VMID: 8, ADDR: ADDR + 1n, TG: 1, NUM: 31 }), ALL],
    ['CFGI_CD: no translations', cfgi(5), ALL],
  ])('%s', (_, command, expected) => {
    const { system, ask } = filled();
    system.command(command, sync);
    expect(Object.keys(ask).filter((name) => ask[name]?.() === true)).toEqual(expected);
  });

  it('a page of stage 2 inside a block of stage 1 goes with any address of the block', () => {
    const system = cached({ Config: 7 });
    system.memory.poke(system.first[1], 0x80_0000n | 0x441n);
    system.memory.poke(AT.second, 0x12_1003n);
    system.memory.poke(0x12_1000n, 0x7fdn);
    system.memory.poke(0x12_1000n + 4n * 8n, 0x12_2003n);
    for (let i = 0n; i < 512n; i += 1n) system.memory.poke(0x12_2000n + 8n * i, 0x80_0000n | (i << 12n) | 0x7ffn);
    const where = at(0x80_0000n | (ADDRESS & 0x1f_f000n));
    expect(system.outcome()).toBe(where);
    system.memory.poke(system.first[1], 0n);
    system.command(tlbi(0x12, { VMID: 9, ASID: 3, ADDR: (ADDRESS >> 12n) + 0x200n }), sync);
    expect(system.outcome()).toBe(where);
    system.command(tlbi(0x12, { VMID: 9, ASID: 3, ADDR: (ADDRESS >> 21n) << 9n }), sync);
    expect(system.outcome()).toBe('unsupported-request');
  });
  it('with E2H commands of EL2 look at ASIDs (4.4.2.8)', () => {
    const system = cached({ STRW: 2 });
    system.write('CR0', 0xen);
    system.write('CR2', 3n);
    system.write('CR0', 0xfn);
    system.map(ADDRESS, PAGE | 0xc43n);
    system.outcome();
    system.map(ADDRESS, 0n);
    const still = (command: bigint): boolean => {
      system.command(command, sync);
      return system.outcome() === HERE;
    };
    expect([still(tlbi(0x22, { ASID: 4, ADDR: ADDRESS >> 12n })), still(tlbi(0x21, { ASID: 4 })), still(tlbi(0x21, { ASID: 3 }))]).toEqual([true, true, false]);
  });
  it('where there is no stage 2, VMIDs do not count (4.4.2)', () => {
    const system = new System({ features: { ...FULL, stage2: false }, caches: GEOMETRY });
    system.outcome();
    system.map(ADDRESS, 0n);
    system.command(tlbi(0x10, { VMID: 77 }), sync);
    expect(system.outcome()).toBe('unsupported-request');
  });
  it('global translations belong to a set of ASIDs: own ones do not meet shared ones (5.4, ASET)', () => {
    const system = cached({ S1CDMax: 2, S1DSS: 2 });
    system.cd({ ASET: true }, 1);
    system.outcome();
    system.map(ADDRESS, 0n);
    expect([system.outcome(), system.outcome({ pasid: 1 })]).toEqual([HERE, 'unsupported-request']);
    system.cd({ ASID: 44 }, 2);
    expect(system.outcome({ pasid: 2 })).toBe(HERE);
  });
});

describe('prefetch (4.2)', () => {
  const prefetch = (opcode: number, fields: Parameters<typeof PrefetchCommand.encode>[0] = {}): bigint => PrefetchCommand.encode({ opcode, SID: STREAM, ...fields });
  it('fills the caches and tells nothing', () => {
    const system = cached();
    system.command(prefetch(1));
    expect(system.unit.caches.map((cache) => cache.entries().length)).toEqual([0, 1, 0, 1, 0]);
    system.command(prefetch(2, { ADDR: ADDRESS >> 12n }));
    system.map(ADDRESS, 0n);
    expect(system.outcome()).toBe(HERE);
    system.command(prefetch(2, { ADDR: 1n << 30n }), prefetch(1, { SID: 0xffff }), prefetch(1, { SSV: true, SSID: 9 }));
    expect([system.events(), system.active]).toEqual([[], 0n]);
  });
  it('several pages, at a stride', () => {
    const system = cached({ Config: 6, S2T0SZ: 25 });
    system.memory.poke(AT.second + 8n, 0x4000_07fdn);
    system.command(prefetch(2, { ADDR: 0n, SIZE: 1, STRIDE: 18 }));
    expect(system.unit.caches.at(-1)?.entries().length).toBe(2);
  });
  it('nothing while the unit is off, and nothing without caches', () => {
    const system = cached();
    system.write('CR0', 0xen);
    system.command(prefetch(1));
    expect(system.unit.caches.every((cache) => cache.entries().length === 0)).toBe(true);
    expect(new System().command(prefetch(1))).toBe('idle');
  });
});
