// SPDX-License-Identifier: Apache-2.0
/** Fault configuration (A, R, S), stalled transactions, RESUME and STALL_TERM. IHI 0070, 3.12, 4.7, 5.5, 7.2.1. */
import { describe, expect, it } from 'vitest';
import type { DmaAnswer } from '../unit.ts';
import { ResumeCommand, StallTermCommand } from './commands-layout.ts';
import { EVENTS } from './events.ts';
import { ADDRESS, AT, FULL, PAGE, REACHED, STREAM, System, type Cd, type Ste } from './system.test-support.ts';

const HERE = `0x${REACHED.toString(16)}`;
const STALLS: Cd = { S: true };
const resume = (STAG: number, action: 'retry' | 'abort' | 'zero', SID = STREAM): bigint => ResumeCommand.encode({ opcode: 0x44, SID, STAG, Ac: action === 'retry', Ab: action === 'abort' });
const term = (SID = STREAM): bigint => StallTermCommand.encode({ opcode: 0x45, SID });
/** A stalling stream whose page is not there. */
function stalling(ste: Ste = {}, cd: Cd = STALLS): System {
  const system = new System({ ste, cd });
  system.map(ADDRESS, 0n);
  return system;
}
const tagOf = (answer: DmaAnswer): number => (answer.kind === 'stalled' ? answer.tag : -1);

describe('A, R and S of a stage-1 fault (5.5)', () => {
  it.each<[string, Cd, string, object[]]>([
    ['000: zeros, silent', { A: false, R: false }, 'zero', []],
    ['010: zeros, recorded', { A: false }, 'zero', [{ id: EVENTS.translation, stall: false }]],
    ['100: abort, silent', { R: false }, 'unsupported-request', []],
    ['110: abort, recorded', {}, 'unsupported-request', [{ id: EVENTS.translation, stall: false }]],
    ['001: stalls, recorded', { A: false, R: false, S: true }, 'stalled', [{ id: EVENTS.translation, stall: true }]],
    ['011: stalls, recorded', { A: false, S: true }, 'stalled', [{ id: EVENTS.translation, stall: true }]],
    ['101: stalls, recorded', { R: false, S: true }, 'stalled', [{ id: EVENTS.translation, stall: true }]],
    ['111: stalls, recorded', { S: true }, 'stalled', [{ id: EVENTS.translation, stall: true }]],
  ])('%s', (_, cd, outcome, events) => {
    const system = stalling({}, cd);
    expect([system.outcome(), system.events()]).toMatchObject([outcome, events]);
  });
});

describe('which faults stall (3.12)', () => {
  it.each<[string, Ste, (s: System) => void, number]>([
    ['F_TRANSLATION', {}, (s) => s.map(ADDRESS, 0n), EVENTS.translation],
    ['F_ADDR_SIZE', {}, (s) => s.map(ADDRESS, (1n << 45n) | 0x443n), EVENTS.addressSize],
    ['F_ACCESS', {}, (s) => s.map(ADDRESS, PAGE | 0x43n), EVENTS.access],
    ['F_PERMISSION', {}, (s) => s.map(ADDRESS, PAGE | 0x403n), EVENTS.permission],
    ['one of stage 2, for S2S', { Config: 6, S2S: true, S2R: false }, (s) => s.memory.poke(AT.second, 0n), EVENTS.translation],
    ['one of stage 2 for a context descriptor', { Config: 7, S2S: true }, (s) => s.memory.poke(AT.second, 0n), EVENTS.translation],
  ])('%s', (_, ste, prepare, event) => {
    const system = new System({ ste, cd: STALLS });
    prepare(system);
    expect([system.outcome(), system.events()]).toMatchObject(['stalled', [{ id: event, stall: true, STAG: 0 }]]);
  });
  it.each<[string, Ste, (s: System) => void, number]>([
    ['F_WALK_EABT', {}, (s) => s.memory.damage([s.first[0]], []), EVENTS.walkAbort],
    ['C_BAD_CD', {}, (s) => s.cd({ V: false }), EVENTS.badCd],
    ['F_CD_FETCH', {}, (s) => s.memory.damage([AT.contexts], []), EVENTS.cdFetch],
    ['C_BAD_SUBSTREAMID', {}, () => undefined, EVENTS.badSubstream],
    ['a fault of stage 2 without S2S', { Config: 7 }, (s) => s.memory.poke(AT.second, 0n), EVENTS.translation],
    ['an address too large for a bypassed stage 1', { Config: 6, S2S: true }, () => undefined, EVENTS.addressSize],
  ])('not %s', (_, ste, prepare, event) => {
    const system = new System({ ste, cd: STALLS });
    prepare(system);
    const over = event === EVENTS.badSubstream ? { pasid: 1 } : event === EVENTS.addressSize ? { address: 1n << 45n } : {};
    expect([system.outcome(over), system.events()]).toMatchObject(['unsupported-request', [{ id: event, stall: false }]]);
  });
});

describe('RESUME (4.7.1)', () => {
  it('retries: the transaction is as new, and meets what was mended', () => {
    const system = stalling();
    const tag = tagOf(system.serve());
    system.map(ADDRESS, PAGE | 0x443n);
    system.command(resume(tag, 'retry'));
    expect(system.messages).toEqual([{ kind: 'resume', source: STREAM, tag, action: 'retry' }]);
    expect(system.outcome()).toBe(HERE);
  });
  it.each(['abort', 'zero'] as const)('ends it with %s', (action) => {
    const system = stalling();
    system.command(resume(tagOf(system.serve()), action));
    expect(system.messages).toMatchObject([{ action }]);
  });
  it('ends it with an abort where there is nothing else (IDR0.TERM_MODEL)', () => {
    const system = new System({ cd: STALLS, features: { ...FULL, abortsOnly: true } });
    system.map(ADDRESS, 0n);
    system.command(resume(tagOf(system.serve()), 'zero'));
    expect(system.messages).toMatchObject([{ action: 'abort' }]);
  });
  it('a retried one may stall again, with a record of its own', () => {
    const system = stalling();
    system.command(resume(tagOf(system.serve()), 'retry'));
    expect([system.outcome(), system.events().length]).toEqual(['stalled', 2]);
  });
  it.each<[string, bigint]>([
    ['another stream', resume(0, 'retry', STREAM + 1)],
    ['another tag', resume(1, 'retry')],
  ])('with %s does nothing, and is no error', (_, command) => {
    const system = stalling();
    system.serve();
    system.command(command);
    expect([system.messages, system.active]).toEqual([[], 0n]);
  });
  it('twice does nothing the second time', () => {
    const system = stalling();
    const tag = tagOf(system.serve());
    system.command(resume(tag, 'abort'), resume(tag, 'abort'));
    expect(system.messages.length).toBe(1);
  });
  it('a tag is used again only when its transaction has gone on (3.12.2)', () => {
    const system = stalling();
    expect([tagOf(system.serve()), tagOf(system.serve())]).toEqual([0, 1]);
    system.command(resume(0, 'abort'));
    expect(tagOf(system.serve())).toBe(0);
  });
});

describe('STALL_TERM (4.7.2)', () => {
  it('ends all transactions of a stream, and no other, with an abort', () => {
    const system = stalling();
    system.ste({}, STREAM + 1);
    const other = tagOf(system.serve({ source: STREAM + 1 }));
    const tag = tagOf(system.serve());
    system.command(term());
    expect(system.messages).toEqual([{ kind: 'resume', source: STREAM, tag, action: 'abort' }]);
    system.command(resume(other, 'retry', STREAM + 1));
    expect(system.messages.length).toBe(2);
  });
  it('and so does switching translation off, for every stream (6.3.9.6)', () => {
    const system = stalling();
    system.ste({}, STREAM + 1);
    system.serve();
    system.serve({ source: STREAM + 1 });
    system.write('CR0', 0xen);
    expect(system.messages).toMatchObject([{ source: STREAM, action: 'abort' }, { source: STREAM + 1, action: 'abort' }]);
  });
});

describe('a transaction that cannot be reported waits and tries again (7.2.1)', () => {
  it('while no tag is free (IDR5.STALL_MAX)', () => {
    const system = stalling();
    const tags = [system.serve(), system.serve(), system.serve()].map(tagOf);
    expect(tags.slice(0, 2)).toEqual([0, 1]);
    expect(tags[2]).toBeGreaterThan(0xffff);
    expect(system.events().map(({ STAG }) => STAG)).toEqual([0, 1]);
    system.command(resume(1, 'abort'));
    expect(system.messages).toEqual([{ kind: 'resume', source: STREAM, tag: 1, action: 'abort' }, { kind: 'resume', source: STREAM, tag: tags[2], action: 'retry' }]);
    expect(tagOf(system.serve())).toBe(1);
  });
  it('while the event queue is full: nothing is lost, and that is no overflow (7.4)', () => {
    const system = new System({ ste: { S1CDMax: 2, S1DSS: 2 }, cd: {} });
    system.map(ADDRESS, 0n);
    system.cd(STALLS, 1);
    for (let i = 0; i < 4; i += 1) system.serve();
    const tag = tagOf(system.serve({ pasid: 1 }));
    expect([tag > 0xffff, system.read('EVENTQ_PROD'), system.messages]).toEqual([true, 4n, []]);
    system.events();
    expect(system.messages).toEqual([{ kind: 'resume', source: STREAM, tag, action: 'retry' }]);
    expect([tagOf(system.serve({ pasid: 1 })), system.events()]).toMatchObject([0, [{ stall: true, STAG: 0, substream: 1 }]]);
  });
  it('while the event queue is off', () => {
    const system = stalling();
    system.write('CR0', 0xbn);
    const tag = tagOf(system.serve());
    expect([tag > 0xffff, system.messages]).toEqual([true, []]);
    system.write('CR0', 0xfn);
    expect(system.messages).toEqual([{ kind: 'resume', source: STREAM, tag, action: 'retry' }]);
  });
  it('while an abort of the event queue is not acknowledged', () => {
    const system = stalling();
    system.memory.damage([AT.events], []);
    system.serve({ source: 0x100 });
    expect(system.active).toBe(4n);
    const tag = tagOf(system.serve());
    system.memory.damage([], []);
    system.acknowledge();
    expect(system.messages).toEqual([{ kind: 'resume', source: STREAM, tag, action: 'retry' }]);
  });
  it('STALL_TERM ends those, too', () => {
    const system = stalling();
    const tags = [system.serve(), system.serve(), system.serve()].map(tagOf);
    system.command(term());
    expect(system.messages.map((m) => (m.kind === 'resume' ? m.tag : -1))).toEqual(tags);
  });
});

it('a unit that never stalls says so by its tables, not by waiting', () => {
  const system = new System({ features: { ...FULL, stalls: 'never' } });
  system.map(ADDRESS, 0n);
  expect(system.outcome()).toBe('unsupported-request');
});
