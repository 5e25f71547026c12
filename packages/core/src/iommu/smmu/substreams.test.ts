// SPDX-License-Identifier: Apache-2.0
/** Substreams: S1CDMax, S1DSS, linear and two-level tables of context descriptors. IHI 0070, 5.2, 5.3; rows say what became of a request. */
import { describe, expect, it } from 'vitest';
import { EVENTS } from './events.ts';
import { ADDRESS, AT, CD, mend, PAGE, REACHED, System, type Ste } from './system.test-support.ts';
import { ContextDescriptor, ContextTableDescriptor } from './structures.ts';

const reached = (page: bigint): string => `0x${(page | (ADDRESS & 0xfffn)).toString(16)}`;
const HERE = `0x${REACHED.toString(16)}`;
const SAME = `0x${ADDRESS.toString(16)}`;
const UR = 'unsupported-request';

/** Outcome and event of a request with a substream, or without (null). */
const meets = (ste: Ste, pasid: number | null): [string, number | null] => {
  const system = new System({ ste });
  return [system.outcome({ pasid }), system.events()[0]?.id ?? null];
};

describe('S1DSS decides about requests without substream (5.2)', () => {
  it.each<[string, Ste, number | null, string, number | null]>([
    ['no table: the one descriptor', { S1CDMax: 0, S1DSS: 0 }, null, HERE, null],
    ['no table: a substream is refused', { S1CDMax: 0 }, 0, UR, EVENTS.badSubstream],
    ['0: terminated', { S1CDMax: 2, S1DSS: 0 }, null, UR, EVENTS.streamDisabled],
    ['0: substream 0 is one like others', { S1CDMax: 2, S1DSS: 0 }, 0, HERE, null],
    ['1: stage 1 is bypassed', { S1CDMax: 2, S1DSS: 1 }, null, SAME, null],
    ['1: stage 2 is not', { S1CDMax: 2, S1DSS: 1, Config: 7 }, null, SAME, null],
    ['1: substream 0 is one like others', { S1CDMax: 2, S1DSS: 1 }, 0, HERE, null],
    ['2: descriptor 0', { S1CDMax: 2, S1DSS: 2 }, null, HERE, null],
    ['2: substream 0 is taken', { S1CDMax: 2, S1DSS: 2 }, 0, UR, EVENTS.streamDisabled],
    ['2: substream 1 is there', { S1CDMax: 2, S1DSS: 2 }, 1, HERE, null],
    ['3: as 0', { S1CDMax: 2, S1DSS: 3 }, null, UR, EVENTS.streamDisabled],
    ['3: substream 0 is one like others', { S1CDMax: 2, S1DSS: 3 }, 0, HERE, null],
    ['the last of the table', { S1CDMax: 2 }, 3, HERE, null],
    ['the first beyond it', { S1CDMax: 2 }, 4, UR, EVENTS.badSubstream],
    ['stage 2 alone has none', { Config: 6 }, 0, UR, EVENTS.badSubstream],
    ['a bypassed stream has none', { Config: 4 }, 0, UR, EVENTS.badSubstream],
    ['an aborting stream says nothing', { Config: 0 }, 0, UR, null],
  ])('%s', (_, ste, pasid, outcome, event) => expect(meets(ste, pasid)).toEqual([outcome, event]));

  it('while the unit is off substreams do not matter (6.3.9.6)', () => {
    const system = new System();
    system.write('CR0', 0xen);
    expect(system.outcome({ pasid: 7 })).toBe(SAME);
  });
  it('a bypassed stage 1 reads no descriptor (5.2, S1DSS 1)', () => {
    const system = new System({ ste: { S1CDMax: 2, S1DSS: 1 }, cd: { V: false } });
    expect(system.outcome()).toBe(SAME);
  });
});

describe('the fault names the entry of the stream, and its edit lets the request go on', () => {
  it.each<[string, string, Ste, Parameters<System['unit']['translate']>[0]['substream'], 'untranslated' | 'ats']>([
    ['S1DSS', '65:64', { S1CDMax: 2, S1DSS: 0 }, null, 'untranslated'],
    ['S1DSS', '65:64', { S1CDMax: 2, S1DSS: 3 }, null, 'untranslated'],
    ['S1DSS', '65:64', { S1CDMax: 2, S1DSS: 2 }, 0, 'untranslated'],
    ['EATS', '93:92', { EATS: 0 }, null, 'ats'],
    ['EATS', '93:92', { EATS: 3 }, null, 'ats'],
  ])('%s (%s)', (field, bits, ste, substream, type) => {
    const system = new System({ ste });
    const ask = (): ReturnType<System['unit']['translate']> => system.unit.translate({ streamId: 0x28, substream: substream ?? null, type, write: false, privileged: false, address: ADDRESS });
    const answer = ask();
    if (answer.kind !== 'refused') throw new Error(answer.kind);
    expect(answer.fault.why).toMatchObject({ table: 'stream table', entry: AT.entry, rule: { field, bits } });
    mend(system.memory, AT.entry, answer.fault.why.rule.repair ?? {});
    expect(ask().kind).toBe('translated');
  });
  it('where there is no way to mend it, that is said', () => {
    const bypass = new System({ ste: { Config: 4 } }).unit.translate({ streamId: 0x28, type: 'ats', write: false, privileged: false, address: ADDRESS });
    const wide = new System().unit.translate({ streamId: 0x28, substream: 9, write: false, privileged: false, address: ADDRESS });
    for (const answer of [bypass, wide]) expect(answer).toMatchObject({ kind: 'refused', fault: { why: { table: 'stream table', entry: AT.entry, rule: { beyondRepair: expect.any(String) } } } });
    const off = new System();
    off.write('CR0', 0xen);
    expect(off.unit.translate({ streamId: 0x28, type: 'ats', write: false, privileged: false, address: ADDRESS })).toMatchObject({ fault: { why: { table: 'request', entry: null } } });
  });
  it('what is passed on unchanged counts for a page', () => {
    const passed = (ste: Ste): unknown => new System({ ste }).unit.translate({ streamId: 0x28, write: false, privileged: false, address: ADDRESS });
    for (const ste of [{ Config: 4 }, { S1CDMax: 2, S1DSS: 1 }]) expect(passed(ste)).toEqual({ kind: 'translated', address: ADDRESS, span: 12, ats: null });
  });
});

describe('each substream has its own tables', () => {
  const second = 0x15_0000n;
  it('in a linear table', () => {
    const system = new System({ ste: { S1CDMax: 2, S1DSS: 2 } });
    system.cd({ TTB0: second / 16n, ASID: 4 }, 3);
    system.map(ADDRESS, 0x9000n | 0x443n, second);
    expect([system.outcome(), system.outcome({ pasid: 2 }), system.outcome({ pasid: 3 })]).toEqual([HERE, HERE, reached(0x9000n)]);
  });

  const L1 = 0x16_0000n;
  /** A descriptor for `substream` in a leaf table of 2^`bits`, reached through its level-1 entry. */
  function twoLevel(fmt: 1 | 2, max: number, substream: number, config = 5): System {
    const bits = fmt === 1 ? 6 : 10;
    const leaf = 0x40_0000n;
    const system = new System({ ste: { Config: config, S1CDMax: max, S1Fmt: fmt, S1ContextPtr: L1 / 64n } });
    system.memory.poke(L1 + BigInt(substream >>> bits) * 8n, ContextTableDescriptor.encode({ V: true, L2Ptr: leaf >> 12n }));
    system.memory.put(leaf + BigInt(substream % 2 ** bits) * 64n, ContextDescriptor.encode(CD), 8);
    return system;
  }
  it.each<[string, 1 | 2, number, number]>([
    ['4 KiB, the first of 64', 1, 8, 0],
    ['4 KiB, the last of the first 64', 1, 8, 63],
    ['4 KiB, the first of the second 64', 1, 8, 64],
    ['4 KiB, the last', 1, 14, 0x3fff],
    ['4 KiB, a table with no more than one leaf', 1, 6, 63],
    ['4 KiB, a table smaller than a leaf', 1, 2, 3],
    ['64 KiB, the first', 2, 12, 0],
    ['64 KiB, the last of the first 1024', 2, 12, 1023],
    ['64 KiB, the first of the second 1024', 2, 12, 1024],
    ['64 KiB, the last of all', 2, 20, 0xf_ffff],
    ['64 KiB, a table with no more than one leaf', 2, 10, 1023],
  ])('two levels, %s', (_, fmt, max, substream) => {
    expect(twoLevel(fmt, max, substream).outcome({ pasid: substream })).toBe(HERE);
    expect(twoLevel(fmt, max, substream, 7).outcome({ pasid: substream })).toBe(HERE);
  });

  it('a level-1 descriptor that is not valid refuses its substreams (5.3.1)', () => {
    const system = twoLevel(1, 8, 64);
    expect([system.outcome({ pasid: 5 }), system.events()]).toMatchObject([UR, [{ id: EVENTS.badSubstream, substream: 5 }]]);
  });
  it('and so does one whose table lies too far away (3.4.3)', () => {
    const system = twoLevel(1, 8, 64);
    system.memory.poke(L1 + 8n, ContextTableDescriptor.encode({ V: true, L2Ptr: 1n << 32n }));
    expect([system.outcome({ pasid: 64 }), system.events()]).toMatchObject([UR, [{ id: EVENTS.badSubstream, substream: 64 }]]);
  });
  it('one that cannot be read is F_CD_FETCH (7.3.10)', () => {
    const system = twoLevel(1, 8, 64);
    system.memory.damage([L1 + 8n], []);
    expect([system.outcome({ pasid: 64 }), system.events()]).toMatchObject([UR, [{ id: EVENTS.cdFetch, ipa: L1 + 8n }]]);
  });
  it('address bits below the size of a table count as zero (5.2, S1Fmt)', () => {
    const linear = new System({ ste: { S1CDMax: 2, S1ContextPtr: (AT.contexts + 64n) / 64n } });
    linear.cd({ V: false }, 1);
    expect([linear.outcome({ pasid: 0 }), linear.outcome({ pasid: 1 })]).toEqual([HERE, UR]);
    const two = twoLevel(1, 12, 64);
    two.ste({ S1CDMax: 12, S1Fmt: 1, S1ContextPtr: (L1 + 64n) / 64n });
    expect(two.outcome({ pasid: 64 })).toBe(HERE);
  });
});

describe('worlds (5.2, STRW)', () => {
  it('one descriptor that two streams share is read as each says (5.4.1)', () => {
    const system = new System({ cd: { S: true } });
    system.ste({ S1STALLD: true }, 0x29);
    expect([system.outcome(), system.outcome({ source: 0x29 }), system.outcome()]).toEqual([HERE, UR, HERE]);
    expect(system.events()).toMatchObject([{ id: EVENTS.badCd, stream: 0x29 }]);
  });
  it('EL2 has one range and one privilege', () => {
    const system = new System({ ste: { STRW: 2 }, cd: { EPD1: false } });
    system.map(ADDRESS, PAGE | 0x403n);
    expect(system.outcome()).toBe(HERE);
    expect([system.outcome({ address: BigInt.asUintN(64, -1n) }), system.events()]).toMatchObject([UR, [{ id: EVENTS.translation }]]);
  });
  it('EL2 with E2H has two of each', () => {
    const system = new System({ ste: { STRW: 2 }, cd: { EPD1: false } });
    expect(system.outcome()).toBe(HERE);
    system.write('CR0', 0xen);
    system.write('CR2', 3n);
    system.write('CR0', 0xfn);
    const upper = BigInt.asUintN(64, (-1n << 39n) | ADDRESS);
    expect(system.outcome({ address: upper })).toBe(HERE);
    system.map(ADDRESS, PAGE | 0x403n);
    expect(system.outcome({ address: upper })).toBe(UR);
  });
});
