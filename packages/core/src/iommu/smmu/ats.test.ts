// SPDX-License-Identifier: Apache-2.0
/** ATS: answers to translation requests and what is recorded of them, translated requests, page requests. IHI 0070, 3.9, 8, 13.6, 13.7. */
import { describe, expect, it } from 'vitest';
import type { DmaAnswer, DmaRequest, PageRequestMessage } from '../unit.ts';
import { EVENTS } from './events.ts';
import type { SmmuFeatures } from './features.ts';
import { PageRequestRecord } from './records.ts';
import { ADDRESS, AT, FULL, PAGE, REACHED, STREAM, System, type Cd, type Ste, type SystemOptions } from './system.test-support.ts';

const FULL_ATS: Ste = { EATS: 1, S1CDMax: 2, S1DSS: 2 };
const SPLIT: Ste = { ...FULL_ATS, EATS: 2, Config: 7 };
const UR = 'unsupported-request';
const CA = 'completer-abort';
const HERE = `0x${REACHED.toString(16)}`;
const ask = (over: Partial<DmaRequest> = {}): Partial<DmaRequest> => ({ type: 'ats', noWrite: false, ...over });
const checks = (s: System): void => s.write('CR0', 0x1fn);
const recordsAts = (s: System): void => {
  s.write('CR0', 0xen);
  s.write('CR2', 0xan);
  s.write('CR0', 0xfn);
};

/** `rwx p`: what was granted; otherwise the outcome. */
function granted(answer: DmaAnswer): string {
  if (answer.kind !== 'memory' || answer.ats === null) return answer.kind === 'refused' ? answer.status : answer.kind;
  const { read, write, execute, privileged } = answer.ats;
  return `${read ? 'r' : '-'}${write ? 'w' : '-'}${execute ? 'x' : '-'}${privileged ? ' p' : ''}`;
}

describe('a translation request where ATS is off (3.9.1.2)', () => {
  it.each<[string, SystemOptions, ((s: System) => void) | null, number[]]>([
    ['the unit is off', { ste: FULL_ATS }, (s) => s.write('CR0', 0xen), [EVENTS.badAtsRequest]],
    ['the stream aborts: silently', { ste: { ...FULL_ATS, Config: 0 } }, null, []],
    ['the stream is bypassed', { ste: { ...FULL_ATS, Config: 4 } }, null, [EVENTS.badAtsRequest]],
    ['EATS is 0', { ste: { ...FULL_ATS, EATS: 0 } }, null, [EVENTS.badAtsRequest]],
    ['EATS is 2 without ATSCHK', { ste: SPLIT }, null, [EVENTS.badAtsRequest]],
    ['EATS is 3', { ste: { ...FULL_ATS, EATS: 3 } }, null, [EVENTS.badAtsRequest]],
    ['the unit has no ATS', { ste: FULL_ATS, features: { ...FULL, ats: false } }, null, [EVENTS.badAtsRequest]],
  ])('%s: unsupported request', (_, options, prepare, events) => {
    const system = new System(options);
    prepare?.(system);
    expect([system.outcome(ask()), system.events().map(({ id }) => id)]).toEqual([UR, events]);
  });
});

describe('a translation request that meets an error of configuration (3.9.1.2)', () => {
  const rows: [string, SystemOptions, Partial<DmaRequest>, ((s: System) => void) | null, number][] = [
    ['C_BAD_STREAMID', {}, { source: 0x100 }, null, EVENTS.badStream],
    ['F_STE_FETCH', {}, {}, (s) => s.memory.damage([AT.entry], []), EVENTS.steFetch],
    ['C_BAD_STE', { ste: { ...FULL_ATS, V: false } }, {}, null, EVENTS.badSte],
    ['C_BAD_SUBSTREAMID', {}, { pasid: 9 }, null, EVENTS.badSubstream],
    ['F_STREAM_DISABLED', { ste: { ...FULL_ATS, S1DSS: 0 } }, {}, null, EVENTS.streamDisabled],
    ['F_CD_FETCH', {}, {}, (s) => s.memory.damage([AT.contexts], []), EVENTS.cdFetch],
    ['F_WALK_EABT', {}, {}, (s) => s.memory.damage([s.first[0]], []), EVENTS.walkAbort],
    ['C_BAD_CD', { cd: { V: false } }, {}, null, EVENTS.badCd],
  ];
  it.each(rows)('%s: completer abort, silently', (_, options, over, prepare) => {
    const system = new System({ ste: FULL_ATS, ...options });
    prepare?.(system);
    expect([system.outcome(ask(over)), system.events()]).toEqual([CA, []]);
  });
  it.each(rows)('%s: recorded with REC_CFG_ATS', (_, options, over, prepare, event) => {
    const system = new System({ ste: FULL_ATS, ...options });
    recordsAts(system);
    prepare?.(system);
    expect([system.outcome(ask(over)), system.events().map(({ id }) => id)]).toEqual([CA, [event]]);
  });
  it('C_BAD_STREAMID needs RECINVSID as well', () => {
    const system = new System();
    system.write('CR0', 0xen);
    system.write('CR2', 8n);
    system.write('CR0', 0xfn);
    expect([system.outcome(ask({ source: 0x100 })), system.events()]).toEqual([CA, []]);
  });
  it('REC_CFG_ATS is there only where the unit has it (6.3.12)', () => {
    const system = new System({ features: { ...FULL, recordsAts: false } });
    recordsAts(system);
    expect(system.read('CR2')).toBe(2n);
  });
});

describe('a translation request that meets a fault of translation (3.9.1.2)', () => {
  it.each<[string, Ste, Cd, (s: System) => void]>([
    ['F_TRANSLATION', {}, {}, (s) => s.map(ADDRESS, 0n)],
    ['F_ADDR_SIZE', {}, {}, (s) => s.map(ADDRESS, (1n << 45n) | 0x443n)],
    ['F_ACCESS', {}, {}, (s) => s.map(ADDRESS, PAGE | 0x43n)],
    ['F_PERMISSION, nothing at all', {}, {}, (s) => s.map(ADDRESS, PAGE | 0x403n)],
    ['a fault of stage 2', { Config: 7 }, {}, (s) => s.map(ADDRESS, (1n << 31n) | 0x443n)],
    ['a fault of stage 2 for a table', { Config: 7 }, { TTB0: (1n << 31n) / 16n }, () => undefined],
    ['a fault of stage 2 for a context descriptor', { Config: 7, S1ContextPtr: (1n << 31n) / 64n }, {}, () => undefined],
    ['a fault that would stall', {}, { S: true }, (s) => s.map(ADDRESS, 0n)],
    ['a fault that would end in zeros', {}, { A: false }, (s) => s.map(ADDRESS, 0n)],
  ])('%s: success with R = W = 0, silently', (_, ste, cd, prepare) => {
    const system = new System({ ste: { ...FULL_ATS, ...ste }, cd });
    recordsAts(system);
    prepare(system);
    expect([system.outcome(ask()), system.events()]).toEqual(['denied', []]);
  });
});

describe('what is granted (13.7)', () => {
  const user = { pasid: 1 } as const;
  const privileged = { pasid: 1, privileged: true } as const;
  const UXN = 1n << 54n;
  it.each<[string, bigint, Partial<DmaRequest>, Ste, string]>([
    ['read and write, a page for both', 0x40n, user, {}, 'rw-'],
    ['read alone is asked (NW): a page that is dirty may be granted for writing', 0x40n, { ...user, noWrite: true }, {}, 'rw-'],
    ['read-only', 0xc0n, user, {}, 'r--'],
    ['not for users', 0n, user, {}, 'denied'],
    ['the same, privileged', 0n, privileged, {}, 'rw- p'],
    ['execute, where it may be', 0xc0n, { ...user, execute: true }, {}, 'r-x'],
    ['execute, where it may not be', 0xc0n | UXN, { ...user, execute: true }, {}, 'r--'],
    ['execute is not granted unasked', 0xc0n, user, {}, 'r--'],
    ['execute alone cannot be expressed', 0n, { ...user, execute: true }, {}, 'denied'],
    ['but can where every read is a fetch', 0n, { ...user, execute: true }, { INSTCFG: 3 }, 'r-x'],
    ['reads as fetches need X', 0xc0n | UXN, user, { INSTCFG: 3 }, 'denied'],
    ['fetches as reads need R', 0xc0n | UXN, { ...user, execute: true }, { INSTCFG: 2 }, 'r-x'],
    ['without PASID: unprivileged data, whatever it says', 0n, { privileged: true, execute: true }, {}, 'denied'],
    ['the stream makes it a user; the answer keeps the privilege asked', 0xc0n, privileged, { PRIVCFG: 2 }, 'r-- p'],
    ['the stream makes it privileged', 0n, user, { PRIVCFG: 3 }, 'rw-'],
    ['both stages, stage 2 read-only', 0x40n, user, { Config: 7 }, 'r--'],
  ])('%s', (_, page, over, ste, expected) => {
    const system = new System({ ste: { ...FULL_ATS, ...ste } });
    system.map(ADDRESS, PAGE | 0x403n | page);
    if (ste.Config === 7) system.memory.poke(AT.second, 0x77dn);
    expect(granted(system.serve(ask(over)))).toBe(expected);
  });
  it('an address, its size, and never the global bit', () => {
    const system = new System({ ste: FULL_ATS });
    system.memory.poke(system.first[1], 0x80_0000n | 0x441n);
    expect(system.serve(ask())).toMatchObject({ kind: 'memory', address: 0x80_0000n | (ADDRESS & 0x1f_ffffn), span: 21, ticket: 0, ats: { global: false, noSnoop: false, untranslatedOnly: false } });
  });
  it('a bypassed stage 1 alone is passed on, for reading and writing (13.6.4)', () => {
    const system = new System({ ste: { ...FULL_ATS, S1DSS: 1 } });
    expect([granted(system.serve(ask())), system.outcome(ask())]).toEqual(['rw-', `0x${ADDRESS.toString(16)}`]);
  });
  it('a bypassed stage 1 before stage 2 grants what stage 2 does', () => {
    const system = new System({ ste: { ...FULL_ATS, S1DSS: 1, Config: 7 } });
    system.memory.poke(AT.second, 0x77dn);
    expect(granted(system.serve(ask()))).toBe('r--');
  });
});

describe('marks for a translation request (3.13.7)', () => {
  const clean = PAGE | 0x4c3n | (1n << 51n);
  const after = (page: bigint, cd: Cd, over: Partial<DmaRequest>, ste: Ste = {}): [string, bigint] => {
    const system = new System({ ste: { ...FULL_ATS, ...ste }, cd });
    system.map(ADDRESS, page);
    return [granted(system.serve(ask(over))), system.memory.peek(system.first[2])];
  };
  const both: Cd = { HA: true, HD: true };
  it.each<[string, bigint, Cd, Partial<DmaRequest>, string, bigint]>([
    ['a write is wanted of a clean page: dirty', clean, both, {}, 'rw-', clean & ~0x80n],
    ['reading alone is wanted: it stays clean', clean, both, { noWrite: true }, 'r--', clean],
    ['a clean page without updates is read-only', clean, {}, {}, 'r--', clean],
    ['AF is set', PAGE | 0x43n, { HA: true }, { noWrite: true }, 'rw-', PAGE | 0x443n],
    ['AF is not set where nothing is granted', PAGE | 0x3n, { HA: true }, {}, 'denied', PAGE | 0x3n],
    ['AF without updates: nothing is granted', PAGE | 0x43n, {}, {}, 'denied', PAGE | 0x43n],
  ])('%s', (_, page, cd, over, expected, left) => expect(after(page, cd, over)).toEqual([expected, left]));
  it('a stage 1 that is read-only dirties neither stage', () => {
    const system = new System({ ste: { ...FULL_ATS, Config: 7, S2HA: true, S2HD: true } });
    system.map(ADDRESS, PAGE | 0x4c3n);
    const second = 0x77dn | (1n << 51n);
    system.memory.poke(AT.second, second);
    expect([granted(system.serve(ask())), system.memory.peek(AT.second)]).toEqual(['r--', second]);
  });
});

describe('a translated request (3.9.1.3)', () => {
  const here = { type: 'translated', write: true, address: REACHED } as const;
  it.each<[string, SystemOptions, ((s: System) => void) | null, string, number[]]>([
    ['passes without ATSCHK, whatever the stream says', { ste: { V: false } }, null, HERE, []],
    ['passes with ATSCHK where the stream has ATS', { ste: FULL_ATS }, checks, HERE, []],
    ['the unit is off', { ste: FULL_ATS }, (s) => s.write('CR0', 0xen), UR, [EVENTS.translationForbidden]],
    ['the stream aborts: silently', { ste: { ...FULL_ATS, Config: 0 } }, checks, UR, []],
    ['the stream is bypassed', { ste: { ...FULL_ATS, Config: 4 } }, checks, UR, [EVENTS.translationForbidden]],
    ['EATS is 0', { ste: { ...FULL_ATS, EATS: 0 } }, checks, UR, [EVENTS.translationForbidden]],
    ['C_BAD_STE: silently', { ste: { V: false } }, checks, UR, []],
    ['C_BAD_STE, with REC_CFG_ATS', { ste: { V: false } }, (s) => { recordsAts(s); checks(s); }, UR, [EVENTS.badSte]],
    ['F_STE_FETCH: silently', { ste: FULL_ATS }, (s) => { s.memory.damage([AT.entry], []); checks(s); }, UR, []],
  ])('%s', (_, options, prepare, outcome, events) => {
    const system = new System(options);
    prepare?.(system);
    expect([system.outcome(here), system.events().map(({ id }) => id)]).toEqual([outcome, events]);
  });
  it('C_BAD_STREAMID is recorded with REC_CFG_ATS, whatever RECINVSID says', () => {
    const system = new System();
    system.write('CR0', 0xen);
    system.write('CR2', 8n);
    system.write('CR0', 0x1fn);
    expect([system.outcome({ ...here, source: 0x100 }), system.events().map(({ id }) => id)]).toEqual([UR, [EVENTS.badStream]]);
  });
  it('beyond the output size aborts without an event (3.9.1.1)', () => {
    const system = new System({ ste: FULL_ATS });
    expect([system.outcome({ ...here, address: 1n << 44n }), system.events()]).toEqual([UR, []]);
  });
});

describe('split stages (13.6.3)', () => {
  const split = (over: SystemOptions = {}): System => {
    const system = new System({ ste: SPLIT, ...over });
    checks(system);
    system.memory.poke(AT.second, 0x4000_07fdn);
    system.map(ADDRESS, PAGE | 0x443n);
    return system;
  };
  /** Stage 2 that maps the tables onto themselves and guest page 7 elsewhere. */
  function elsewhere(permission = 0xc0n): System {
    const system = split();
    system.memory.poke(AT.second, 0x12_1003n);
    system.memory.poke(0x12_1000n, 0x12_2003n);
    for (let i = 0n; i < 512n; i += 1n) system.memory.poke(0x12_2000n + 8n * i, (i << 12n) | 0x7ffn);
    system.memory.poke(0x12_2000n + 7n * 8n, 0x9000n | 0x73fn | permission);
    return system;
  }
  it('a request is answered with the guest address, and the permissions of both stages', () => {
    const system = elsewhere(0x40n);
    const answer = system.serve(ask());
    expect([granted(answer), answer.kind === 'memory' ? answer.address : null]).toEqual(['r--', REACHED]);
  });
  it('a translated request goes through stage 2', () => {
    const system = elsewhere();
    expect(system.outcome({ type: 'translated', address: REACHED })).toBe('0x9678');
  });
  it.each<[string, Partial<DmaRequest>, object]>([
    ['whose faults are recorded as of others', { address: 0x20_0000n }, { id: EVENTS.translation, S2: true, class: 2, address: 0x20_0000n, ipa: 0x20_0000n }],
    ['which permits what stage 2 does', { address: REACHED, write: true }, { id: EVENTS.permission, S2: true }],
    ['as unprivileged data without substream', { address: 0x20_0000n, pasid: 1, privileged: true, execute: true }, { SSV: false, PnU: false, InD: false }],
    ['if it fits: a stage-1 event otherwise', { address: 1n << 44n }, { id: EVENTS.addressSize, S2: false, class: 2 }],
  ])('%s', (_, over, event) => {
    const system = elsewhere(0x40n);
    expect([system.outcome({ type: 'translated', ...over }), system.events()]).toMatchObject([UR, [event]]);
  });
  it('without ATSCHK there is none: translated requests are not looked at', () => {
    const system = elsewhere();
    system.write('CR0', 0xfn);
    expect(system.outcome({ type: 'translated', address: REACHED })).toBe(HERE);
  });
});

describe('page requests (8)', () => {
  const page = (over: Partial<PageRequestMessage> = {}): PageRequestMessage => ({ source: STREAM, pasid: null, privileged: false, execute: false, read: true, write: false, last: true, group: 5, address: 0x1234_5000n, ...over });
  const marker = page({ pasid: 3, read: false });
  const records = (system: System): ReturnType<typeof PageRequestRecord.decode>[] => {
    const count = Number(system.read('PRIQ_PROD') & 7n);
    return Array.from({ length: Math.min(4, count) }, (_, i) => PageRequestRecord.decode(system.memory.peek(AT.pages + BigInt(i) * 16n) | (system.memory.peek(AT.pages + BigInt(i) * 16n + 8n) << 64n)));
  };
  const filled = (options: SystemOptions = {}, prepare?: (s: System) => void): System => {
    const system = new System(options);
    prepare?.(system);
    for (let i = 0; i < 4; i += 1) system.unit.page(page({ last: false }));
    return system;
  };

  it('are written down with every field', () => {
    const system = new System();
    system.unit.page(page({ pasid: 0xf_ffff, privileged: true, execute: true, write: true, group: 0x1ff }));
    system.unit.page(page({ pasid: null, privileged: true, execute: true, last: false }));
    system.unit.page(marker);
    const plain = { stream: STREAM, substream: 0, priv: false, exec: false, read: true, write: false, last: true, SSV: false, group: 5, address: 0x1_2345n };
    expect(records(system)).toEqual([
      { ...plain, substream: 0xf_ffff, SSV: true, priv: true, exec: true, write: true, group: 0x1ff },
      { ...plain, last: false },
      { ...plain, substream: 3, SSV: true, read: false },
    ]);
    expect([system.messages, system.wires]).toEqual([[], ['priq']]);
  });
  it('interrupt when the queue was empty, or with LO at the last of a group', () => {
    const system = new System();
    system.write('IRQ_CTRL', 0n);
    system.write('PRIQ_IRQ_CFG2', 1n << 31n);
    system.write('IRQ_CTRL', 2n);
    system.unit.page(page({ last: false }));
    expect(system.wires).toEqual([]);
    system.unit.page(page());
    system.unit.page(page());
    expect(system.wires).toEqual(['priq', 'priq']);
  });
  it.each<[string, SystemOptions, (s: System) => void]>([
    ['the queue is off', {}, (s) => s.write('CR0', 0xdn)],
    ['translation is off', {}, (s) => s.write('CR0', 0xen)],
    ['the unit has no page requests', { features: { ...FULL, pri: false } }, () => undefined],
    ['an abort is not acknowledged', {}, (s) => { s.memory.damage([AT.pages], []); s.unit.page(marker); s.memory.damage([], []); }],
  ])('fail while %s: without PASID, and not for a stop marker', (_, options, prepare) => {
    const system = new System(options);
    prepare(system);
    system.unit.page(page({ pasid: 7, group: 9 }));
    system.unit.page(marker);
    expect([system.messages, records(system)]).toEqual([[{ kind: 'page-response', source: STREAM, pasid: null, group: 9, code: 'failure' }], []]);
  });
  it('fail when they cannot be written: PRIQ_ABT_ERR', () => {
    const system = new System();
    system.memory.damage([AT.pages], []);
    system.unit.page(page());
    expect([system.messages, system.active, system.wires]).toMatchObject([[{ code: 'failure' }], 8n, ['gerror']]);
  });

  const RESPONSES: [string, SystemOptions, PageRequestMessage, object[]][] = [
    ['no PASID', {}, page(), [{ code: 'success', pasid: null, group: 5 }]],
    ['a PASID, PPAR clear', {}, page({ pasid: 7 }), [{ code: 'success', pasid: null }]],
    ['a PASID, PPAR set', { ste: { PPAR: true } }, page({ pasid: 7 }), [{ code: 'success', pasid: 7 }]],
    ['a PASID, PPAR clear, a unit that always sends it (IDR3.PPS)', { features: { ...FULL, responsesWithPasid: true } satisfies SmmuFeatures }, page({ pasid: 7 }), [{ code: 'success', pasid: 7 }]],
    ['a PASID, an illegal stream', { ste: { V: false, PPAR: true } }, page({ pasid: 7 }), [{ code: 'failure', pasid: null }]],
    ['a PASID, a stream beyond the table', {}, page({ pasid: 7, source: 0x100 }), [{ code: 'failure', pasid: null, source: 0x100 }]],
    ['a PASID, a stream that aborts', { ste: { Config: 0, PPAR: true } }, page({ pasid: 7 }), [{ code: 'success', pasid: 7 }]],
    ['not the last of a group', {}, page({ last: false }), []],
    ['a stop marker', {}, marker, []],
  ];
  it.each(RESPONSES)('that overflow the queue are answered for it: %s (8.1)', (_, options, request, responses) => {
    const system = filled(options);
    system.unit.page(request);
    expect([system.messages, system.read('PRIQ_PROD'), system.events()]).toMatchObject([responses, 0x8000_0004n, []]);
  });
  it('record what is wrong with the stream only with REC_CFG_ATS (8.1)', () => {
    const system = filled({ ste: { V: false } }, recordsAts);
    system.unit.page(page({ pasid: 7 }));
    expect(system.events()).toMatchObject([{ id: EVENTS.badSte, stream: STREAM }]);
  });
  it('C_BAD_STREAMID only with RECINVSID as well', () => {
    const both = filled({}, recordsAts);
    both.unit.page(page({ pasid: 7, source: 0x100 }));
    const one = filled({}, (s) => {
      s.write('CR0', 0xen);
      s.write('CR2', 8n);
      s.write('CR0', 0xfn);
    });
    one.unit.page(page({ pasid: 7, source: 0x100 }));
    expect([both.events(), one.events()]).toMatchObject([[{ id: EVENTS.badStream, stream: 0x100, SSV: false, substream: 0 }], []]);
  });
  it('stay out until the overflow is acknowledged, though there is room', () => {
    const system = filled();
    system.unit.page(page());
    system.write('PRIQ_CONS', 4n);
    system.unit.page(page());
    expect([system.messages.length, system.read('PRIQ_PROD')]).toEqual([2, 0x8000_0004n]);
    system.write('PRIQ_CONS', 0x8000_0004n);
    system.unit.page(page());
    expect([system.messages.length, system.read('PRIQ_PROD')]).toEqual([2, 0x8000_0005n]);
  });
  it('are taken whatever ATSCHK and EATS say (8.2)', () => {
    const system = new System({ ste: { EATS: 0 } });
    checks(system);
    system.unit.page(page());
    expect(records(system).length).toBe(1);
  });
});
