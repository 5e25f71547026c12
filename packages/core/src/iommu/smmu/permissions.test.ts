// SPDX-License-Identifier: Apache-2.0
/**
 * What a page permits, against a second reading of the tables of DDI 0487, "Memory access
 * control", written down row by row; and marks made by hardware (IHI 0070, 3.13).
 */
import { describe, expect, it } from 'vitest';
import { permits, PERMITS, type StageOptions } from '../../mmu/formats/armv8.ts';
import { EVENTS } from './events.ts';
import { ADDRESS, AT, FULL, mend, PAGE, REACHED, System, type Cd, type Ste } from './system.test-support.ts';

const HERE = `0x${REACHED.toString(16)}`;
const UR = 'unsupported-request';
const FIRST: StageOptions = { stage: 1, granule: 12, inputBits: 39, outputBits: 44, levels: 3, upper: false, ignoresAccessFlag: false, setsAccessFlag: false };
const SECOND: StageOptions = { ...FIRST, stage: 2 };
const text = (bits: number): string => `${(bits & PERMITS.read) !== 0 ? 'r' : '-'}${(bits & PERMITS.write) !== 0 ? 'w' : '-'}${(bits & PERMITS.execute) !== 0 ? 'x' : '-'}${(bits & PERMITS.clean) !== 0 ? 'c' : ''}`;
const high = (bit: number): number => 1 << (bit - 32);

describe('stage 1 permits (privileged, user)', () => {
  const U = 0x40;
  const RO = 0x80;
  const UXN = high(54);
  const PXN = high(53);
  const DBM = high(51);
  const AP0 = high(61);
  const AP1 = high(62);
  it.each<[string, number, number, number, Partial<StageOptions>, string, string]>([
    // AP[2:1], no XN: a page that users may write is not executed by the privileged.
    ['AP 00', 0, 0, 0, {}, 'rwx', '--x'],
    ['AP 01', U, 0, 0, {}, 'rw-', 'rwx'],
    ['AP 10', RO, 0, 0, {}, 'r-x', '--x'],
    ['AP 11', U | RO, 0, 0, {}, 'r-x', 'r-x'],
    ['UXN', U | RO, UXN, 0, {}, 'r-x', 'r--'],
    ['PXN', U | RO, PXN, 0, {}, 'r--', 'r-x'],
    ['both', RO, UXN | PXN, 0, {}, 'r--', '---'],
    ['APTable[0] above', U, 0, AP0, {}, 'rwx', '--x'],
    ['APTable[1] above', U, 0, AP1, {}, 'r-x', 'r-x'],
    ['UXNTable above', U | RO, 0, high(60), {}, 'r-x', 'r--'],
    ['PXNTable above', U | RO, 0, high(59), {}, 'r--', 'r-x'],
    ['all of them above, ignored (HAD)', U, 0, AP0 | AP1 | high(60) | high(59), { flat: true }, 'rw-', 'rwx'],
    ['WXN, AP 00', 0, 0, 0, { writeExecuteNever: true }, 'rw-', '--x'],
    ['WXN, AP 01', U, 0, 0, { writeExecuteNever: true }, 'rw-', 'rw-'],
    ['WXN, AP 10', RO, 0, 0, { writeExecuteNever: true }, 'r-x', '--x'],
    ['WXN, AP 01 under APTable[1]', U, 0, AP1, { writeExecuteNever: true }, 'r-x', 'r-x'],
    ['PAN, AP 00', 0, 0, 0, { privilegedAccessNever: true }, 'rwx', '--x'],
    ['PAN, AP 01', U, 0, 0, { privilegedAccessNever: true }, '---', 'rwx'],
    ['PAN, AP 11', U | RO, 0, 0, { privilegedAccessNever: true }, '--x', 'r-x'],
    ['PAN, AP 01 under APTable[0]', U, 0, AP0, { privilegedAccessNever: true }, 'rwx', '--x'],
    ['DBM without updates', U | RO, DBM, 0, {}, 'r-x', 'r-x'],
    ['DBM, clean', U | RO, DBM, 0, { setsDirty: true }, 'rw-c', 'rwxc'],
    ['DBM, dirty', U, DBM, 0, { setsDirty: true }, 'rw-', 'rwx'],
    ['DBM, clean, WXN', U | RO, DBM, 0, { setsDirty: true, writeExecuteNever: true }, 'rw-c', 'rw-c'],
    ['DBM, clean, under APTable[1]', U | RO, DBM, AP1, { setsDirty: true }, 'r-x', 'r-x'],
    ['DBM, clean, not for users', RO, DBM, 0, { setsDirty: true }, 'rwxc', '--x'],
    ['one privilege, AP 00', 0, 0, 0, { oneLevel: true }, 'rwx', 'rwx'],
    ['one privilege, AP 10, APTable[0] and PXN do not count', RO, PXN, AP0 | high(59), { oneLevel: true }, 'r-x', 'r-x'],
    ['one privilege, XN', 0, UXN, 0, { oneLevel: true }, 'rw-', 'rw-'],
    ['one privilege, XNTable', 0, 0, high(60), { oneLevel: true }, 'rw-', 'rw-'],
    ['one privilege, WXN', 0, 0, 0, { oneLevel: true, writeExecuteNever: true }, 'rw-', 'rw-'],
  ])('%s', (_, low, top, above, options, privileged, user) => {
    const all = { ...FIRST, ...options };
    expect([text(permits(all, low, top, above, true)), text(permits(all, low, top, above, false))]).toEqual([privileged, user]);
  });
});

describe('stage 2 permits (privileged, user)', () => {
  it.each<[string, number, number, Partial<StageOptions>, string, string]>([
    ['S2AP 00', 0, 0, {}, '--x', '--x'],
    ['S2AP 01', 0x40, 0, {}, 'r-x', 'r-x'],
    ['S2AP 10', 0x80, 0, {}, '-wx', '-wx'],
    ['S2AP 11', 0xc0, 0, {}, 'rwx', 'rwx'],
    ['XN 01 where one bit counts', 0x40, high(53), {}, 'r-x', 'r-x'],
    ['XN 10', 0x40, high(54), {}, 'r--', 'r--'],
    ['XN 11 where one bit counts', 0x40, high(54) | high(53), {}, 'r--', 'r--'],
    ['XNX, XN 00', 0x40, 0, { executeByPrivilege: true }, 'r-x', 'r-x'],
    ['XNX, XN 01', 0x40, high(53), { executeByPrivilege: true }, 'r--', 'r-x'],
    ['XNX, XN 10', 0x40, high(54), { executeByPrivilege: true }, 'r--', 'r--'],
    ['XNX, XN 11', 0x40, high(54) | high(53), { executeByPrivilege: true }, 'r-x', 'r--'],
    ['DBM, clean', 0x40, high(51), { setsDirty: true }, 'rwxc', 'rwxc'],
    ['DBM without updates', 0x40, high(51), {}, 'r-x', 'r-x'],
  ])('%s', (_, low, top, options, privileged, user) => {
    const all = { ...SECOND, ...options };
    expect([text(permits(all, low, top, 0, true)), text(permits(all, low, top, 0, false))]).toEqual([privileged, user]);
  });
});

/** Who asks, and for what. */
const KINDS = { read: { write: false, execute: false }, write: { write: true, execute: false }, fetch: { write: false, execute: true } } as const;
const USER = { pasid: 1, privileged: false } as const;
const PRIVILEGED = { pasid: 1, privileged: true } as const;

describe('a request is let through by what its page permits', () => {
  const meets = (page: bigint, ste: Ste, cd: Cd, who: typeof USER | typeof PRIVILEGED): string =>
    (['read', 'write', 'fetch'] as const).map((kind) => {
      const system = new System({ ste: { S1CDMax: 2, ...ste }, cd });
      system.map(ADDRESS, PAGE | 0x403n | page);
      const outcome = system.outcome({ ...who, ...KINDS[kind] });
      const event = system.events()[0]?.id;
      return outcome === HERE ? kind.slice(0, 1) : event === EVENTS.permission ? '-' : '?';
    }).join('');
  it.each<[string, bigint, Ste, Cd, string, string]>([
    ['AP 01', 0x40n, {}, {}, 'rw-', 'rwf'],
    ['AP 00', 0n, {}, {}, 'rwf', '--f'],
    ['AP 11, UXN', 0xc0n | (1n << 54n), {}, {}, 'r-f', 'r--'],
    ['WXN', 0x40n, {}, { WXN: true }, 'rw-', 'rw-'],
    ['PAN', 0xc0n, {}, { PAN: true }, '--f', 'r-f'],
    ['the stream makes it privileged', 0n, { PRIVCFG: 3 }, {}, 'rwf', 'rwf'],
    ['the stream makes it a user', 0n, { PRIVCFG: 2 }, {}, '--f', '--f'],
    ['PRIVCFG 1 is as 0', 0n, { PRIVCFG: 1 }, {}, 'rwf', '--f'],
    ['the stream makes reads fetches, writes stay data', 0xc0n | (1n << 54n), { INSTCFG: 3 }, {}, 'r-f', '---'],
    ['the stream makes fetches data', 0xc0n | (1n << 54n), { INSTCFG: 2 }, {}, 'r-f', 'r-f'],
    ['both stages', 0x40n, { Config: 7 }, {}, 'rw-', 'rwf'],
  ])('%s', (_, page, ste, cd, privileged, user) => expect([meets(page, ste, cd, PRIVILEGED), meets(page, ste, cd, USER)]).toEqual([privileged, user]));

  it('overrides need a unit that has them (5.2, PRIVCFG)', () => {
    const system = new System({ ste: { PRIVCFG: 3 }, features: { ...FULL, overridesPermissions: false } });
    system.map(ADDRESS, PAGE | 0x403n);
    expect(system.outcome()).toBe(UR);
  });
  it('a request without PASID is unprivileged data, whatever it says (13.7)', () => {
    const system = new System();
    system.map(ADDRESS, PAGE | 0x403n);
    expect(system.outcome({ privileged: true })).toBe(UR);
    system.map(ADDRESS, PAGE | 0x443n | (1n << 54n));
    expect(system.outcome({ execute: true })).toBe(HERE);
  });
});

describe('a permission fault names the descriptor and the bit, and its edit lets the request through', () => {
  const table = (bit: bigint, step: 0 | 1 = 0) => (s: System) => s.memory.poke(s.first[step], s.memory.peek(s.first[step]) | (1n << bit));
  const page = (bits: bigint) => (s: System) => s.map(ADDRESS, PAGE | 0x403n | bits);
  const second = (bits: bigint) => (s: System) => s.memory.poke(AT.second, 0x43dn | bits);
  it.each<[string, string, 'root' | 'middle' | 'leaf' | 'second', (s: System) => void, typeof USER | typeof PRIVILEGED, keyof typeof KINDS, Ste?, Cd?]>([
    ['AP[2]', '7', 'leaf', page(0xc0n), USER, 'write'],
    ['APTable[1]', '62', 'root', table(62n), USER, 'write'],
    ['AP[1]', '6', 'leaf', page(0n), USER, 'read'],
    ['APTable[0]', '61', 'root', table(61n), USER, 'read'],
    ['APTable[1]', '62', 'middle', table(62n, 1), USER, 'write'],
    ['UXNTable', '60', 'middle', (s) => { table(60n, 1)(s); table(59n)(s); }, USER, 'fetch'],
    ['AP[1]', '6', 'leaf', page(0x40n), PRIVILEGED, 'read', {}, { PAN: true }],
    ['UXN', '54', 'leaf', page(0xc0n | (1n << 54n)), USER, 'fetch'],
    ['PXN', '53', 'leaf', page(0xc0n | (1n << 53n)), PRIVILEGED, 'fetch'],
    ['UXNTable', '60', 'root', table(60n), USER, 'fetch'],
    ['PXNTable', '59', 'root', (s) => { page(0xc0n)(s); table(59n)(s); }, PRIVILEGED, 'fetch'],
    ['AP[2] DBM', '51, 7', 'leaf', page(0x40n), PRIVILEGED, 'fetch'],
    ['AP[2] DBM', '51, 7', 'leaf', page(0x40n), USER, 'fetch', {}, { WXN: true }],
    ['S2AP[0]', '6', 'second', second(0x80n), USER, 'read', { Config: 6 }],
    ['S2AP[1]', '7', 'second', second(0x40n), USER, 'write', { Config: 6 }],
    ['XN', '54:53', 'second', second(0xc0n | (1n << 54n)), USER, 'fetch', { Config: 6 }],
  ])('%s (%s) of the %s', (field, bits, where, prepare, who, kind, ste = {}, cd = {}) => {
    const system = new System({ ste: { S1CDMax: 2, S1DSS: 2, ...ste }, cd });
    prepare(system);
    const { write, execute } = KINDS[kind];
    const ask = (): ReturnType<System['unit']['translate']> => system.unit.translate({ streamId: 0x28, substream: ste.Config === 6 ? null : 1, write, execute, privileged: who.privileged, address: ADDRESS });
    const answer = ask();
    if (answer.kind !== 'refused') throw new Error(answer.kind);
    const { entry, rule } = answer.fault.why;
    expect([answer.fault.event, rule.field, rule.bits, entry]).toEqual([EVENTS.permission, field, bits, { root: system.first[0], middle: system.first[1], leaf: system.first[2], second: AT.second }[where]]);
    mend(system.memory, entry ?? 0n, rule.repair ?? {});
    expect(ask().kind).toBe('translated');
  });
});

describe('a translation fault on the word of a context descriptor, or of a table that lies badly, has its edit, too', () => {
  const upper = BigInt.asUintN(64, (-1n << 39n) | ADDRESS);
  it.each<[string, string, bigint, Ste, Cd, bigint, number, ((s: System) => void)?]>([
    ['EPD0', '14', ADDRESS, {}, { EPD0: true }, AT.contexts, EVENTS.translation],
    ['EPD1', '30', upper, {}, {}, AT.contexts, EVENTS.translation],
    ['E0PD0', '66', ADDRESS, {}, { E0PD0: true }, AT.contexts, EVENTS.translation],
    ['E0PD1', '130', upper, {}, { EPD1: false, E0PD1: true }, AT.contexts, EVENTS.translation],
    ['MemAttr', '5:2', ADDRESS, { Config: 7, S2PTW: true }, {}, AT.second, EVENTS.permission, (s) => s.memory.poke(AT.second, 0x7c1n)],
    ['MemAttr', '5:2', ADDRESS, { Config: 7, S2PTW: true, S2FWB: true }, {}, AT.second, EVENTS.permission, (s) => s.memory.poke(AT.second, 0x7e1n)],
  ])('%s (%s)', (field, bits, address, ste, cd, entry, event, prepare) => {
    const system = new System({ ste, cd });
    prepare?.(system);
    const ask = (): ReturnType<System['unit']['translate']> => system.unit.translate({ streamId: 0x28, write: false, privileged: false, address });
    const answer = ask();
    if (answer.kind !== 'refused') throw new Error(answer.kind);
    expect(answer.fault).toMatchObject({ event, why: { entry, rule: { field, bits } } });
    mend(system.memory, entry, answer.fault.why.rule.repair ?? {});
    expect(ask().kind).toBe('translated');
  });
  it('device memory is told by MemAttr[3:2], with FWB by MemAttr[2] alone (5.2, S2FWB)', () => {
    const meets = (attributes: bigint, forced: boolean): boolean => {
      const system = new System({ ste: { Config: 7, S2PTW: true, S2FWB: forced } });
      system.memory.poke(AT.second, 0x7c1n | (attributes << 2n));
      return system.outcome() === HERE;
    };
    const all = Array.from({ length: 16 }, (_, i) => BigInt(i));
    expect([all.filter((i) => !meets(i, false)), all.filter((i) => !meets(i, true))]).toEqual([[0n, 1n, 2n, 3n], [0n, 1n, 2n, 3n, 8n, 9n, 10n, 11n]]);
  });
  it('S2FWB counts only where it is built in (IDR3.FWB)', () => {
    const system = new System({ ste: { Config: 7, S2PTW: true, S2FWB: true }, features: { ...FULL, forcedWriteBack: false } });
    system.memory.poke(AT.second, 0x7e1n);
    expect(system.outcome()).toBe(HERE);
  });
  it('tables need no execute permission in stage 2', () => {
    const system = new System({ ste: { Config: 7 }, cd: { HA: true } });
    system.map(ADDRESS, PAGE | 0x43n);
    system.memory.poke(AT.second, 0x7fdn | (1n << 54n));
    expect(system.outcome()).toBe(HERE);
  });
});

describe('the tables of a nested walk', () => {
  it('have names by stage and level, as Arm counts them', () => {
    const system = new System({ ste: { Config: 7, S2T0SZ: 20, S2SL0: 2, S2TTB: 0x15_0000n / 16n }, cd: { T0SZ: 20, TTB0: 0x14_0000n / 16n } });
    system.memory.poke(0x14_0000n, AT.first | 3n);
    // Stage 2 maps the first 2 MiB onto itself, by pages.
    for (const [from, to] of [[0x15_0000n, 0x16_0000n], [0x16_0000n, 0x17_0000n], [0x17_0000n, 0x18_0000n]] as const) system.memory.poke(from, to | 3n);
    for (let page = 0n; page < 512n; page += 1n) system.memory.poke(0x18_0000n + 8n * page, (page << 12n) | 0x7ffn);
    const seen: string[] = [];
    system.unit.bus.watch = ({ what }) => void seen.push(what);
    expect(system.outcome()).toBe(HERE);
    const second = [0, 1, 2, 3].map((level) => `stage-2 table, level ${level}`);
    expect(seen.slice(-24)).toEqual([...[0, 1, 2, 3].flatMap((level) => [...second, `stage-1 table, level ${level}`]), ...second]);
  });
});

describe('hardware marks pages (3.13)', () => {
  const updates: Cd = { HA: true, HD: true };
  const clean = PAGE | 0x4c3n | (1n << 51n);
  const leaf = (system: System): bigint => system.memory.peek(system.first[2]);

  it('a write makes a clean page dirty: AP[2] is cleared, atomically', () => {
    const system = new System({ cd: updates });
    system.map(ADDRESS, clean);
    const writes: string[] = [];
    system.unit.bus.watch = ({ kind, words }) => kind !== 'read' && writes.push(`${kind} ${words.map(String).join()}`);
    expect([system.outcome(), leaf(system)]).toEqual([HERE, clean]);
    expect([system.outcome({ write: true }), leaf(system)]).toEqual([HERE, clean & ~0x80n]);
    expect(writes).toEqual([`atomic ${clean}`, `write ${clean & ~0x80n}`]);
  });
  it('and sets AF in the same step', () => {
    const system = new System({ cd: updates });
    system.map(ADDRESS, clean & ~0x400n);
    expect([system.outcome({ write: true }), leaf(system)]).toEqual([HERE, clean & ~0x80n]);
  });
  it.each<[string, Cd, bigint]>([
    ['HD clear', { HA: true }, clean],
    ['HD without HA: reserved, as neither (5.4, HA)', { HD: true }, clean],
    ['DBM clear', updates, clean & ~(1n << 51n)],
  ])('not with %s', (_, cd, page) => {
    const system = new System({ cd });
    system.map(ADDRESS, page);
    expect([system.outcome({ write: true }), leaf(system), system.events()]).toMatchObject([UR, page, [{ id: EVENTS.permission }]]);
  });
  it('not a page out of reach for another reason (3.13.3.1)', () => {
    const system = new System({ cd: updates });
    system.map(ADDRESS, clean & ~0x40n);
    expect([system.outcome({ write: true }), leaf(system)]).toEqual([UR, clean & ~0x40n]);
    system.map(ADDRESS, clean);
    system.memory.poke(system.first[1], system.memory.peek(system.first[1]) | (1n << 62n));
    expect([system.outcome({ write: true }), leaf(system)]).toEqual([UR, clean]);
  });
  it('AFFD counts only where hardware does not set AF (5.4, AFFD)', () => {
    const system = new System({ cd: { AFFD: true } });
    system.map(ADDRESS, PAGE | 0x43n);
    expect([system.outcome(), leaf(system)]).toEqual([HERE, PAGE | 0x43n]);
    system.cd({ AFFD: true, HA: true });
    expect([system.outcome(), leaf(system)]).toEqual([HERE, PAGE | 0x443n]);
  });
  it('stage 2 too: S2AP[1] is set; marking a stage-1 table is a write through it', () => {
    const system = new System({ ste: { Config: 7, S2HA: true, S2HD: true }, cd: { HA: true } });
    system.map(ADDRESS, PAGE | 0x43n);
    const before = 0x37dn & ~0x80n;
    system.memory.poke(AT.second, before | (1n << 51n));
    expect(system.outcome()).toBe(HERE);
    expect([leaf(system), system.memory.peek(AT.second)]).toEqual([PAGE | 0x443n, before | 0x480n | (1n << 51n)]);
  });
  it('reading a context descriptor sets AF in stage 2, never the dirty state (3.13.3.1)', () => {
    const system = new System({ ste: { Config: 7, S2HA: true, S2HD: true }, cd: { V: false } });
    const before = 0x37dn & ~0x80n | (1n << 51n);
    system.memory.poke(AT.second, before);
    expect([system.outcome({ write: true }), system.memory.peek(AT.second)]).toEqual([UR, before | 0x400n]);
  });
  it('a big-endian table is marked in its own order', () => {
    const swapped = (word: bigint): bigint => BigInt.asUintN(64, [0n, 8n, 16n, 24n, 32n, 40n, 48n, 56n].reduce((out, shift) => (out << 8n) | ((word >> shift) & 0xffn), 0n));
    const system = new System({ cd: { ENDI: true, HA: true } });
    for (const at of system.first) system.memory.poke(at, swapped(system.memory.peek(at) & ~(at === system.first[2] ? 0x400n : 0n)));
    expect([system.outcome(), swapped(leaf(system))]).toEqual([HERE, PAGE | 0x443n]);
  });
});

describe('roots', () => {
  it.each([
    [28, 0x13_0200n],
    [31, 0x13_0040n],
    [32, 0x13_0fe0n],
  ])('of less than a frame lie where TTB0 says, aligned to their size: T0SZ %i at %s (5.4, TTB0)', (size, root) => {
    const system = new System({ cd: { T0SZ: size, TTB0: (root + 0x10n) / 16n } });
    system.memory.poke(root + ((ADDRESS >> 30n) & 0x1ffn) * 8n, 0x13_1003n);
    expect(system.outcome()).toBe(HERE);
  });
  it('of two tables in stage 2 are aligned to both (5.2, S2TTB)', () => {
    const system = new System({ ste: { Config: 6, S2T0SZ: 24, S2TTB: 0x19_0010n / 16n } });
    system.memory.poke(0x19_1000n, 0x7fdn);
    expect(system.outcome({ address: (1n << 39n) | ADDRESS })).toBe(`0x${ADDRESS.toString(16)}`);
  });
  it('addresses of 52 bits come from bits 15:12 with 64 KiB granules (DDI 0487, FEAT_LPA)', () => {
    const features = { ...FULL, outputBits: 52 };
    const system = new System({ features, cd: { TG0: 1, T0SZ: 22, IPS: 6, TTB0: 0x20_0000n / 16n } });
    const frame = 0x5_1234_5677_0000n;
    // 42 bits: 13 of level 2, 13 of level 3.
    system.memory.poke(0x20_0000n + ((ADDRESS >> 29n) & 0x1fffn) * 8n, 0x21_0003n);
    system.memory.poke(0x21_0000n + ((ADDRESS >> 16n) & 0x1fffn) * 8n, (frame & 0xffff_ffff_ffffn) | (5n << 12n) | 0x443n);
    expect(system.outcome()).toBe(`0x${(frame | (ADDRESS & 0xffffn)).toString(16)}`);
    system.cd({ TG0: 1, T0SZ: 22, IPS: 5, TTB0: 0x20_0000n / 16n });
    expect([system.outcome(), system.events()]).toMatchObject([UR, [{ id: EVENTS.addressSize }]]);
  });
});
