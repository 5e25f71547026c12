// SPDX-License-Identifier: Apache-2.0
/** The unit as the recorded answers know it: streams, ranges of both roots, privilege, APTable, access flags. */
import { describe, expect, it } from 'vitest';
import { PlainMemory } from '../../mmu/plain-memory.ts';
import { EVENTS } from './events.ts';
import { smmuFeatures, type SmmuFeatures } from './features.ts';
import { Event } from './records.ts';
import { ContextDescriptor, StreamTableDescriptor, StreamTableEntry } from './structures.ts';
import type { SmmuRequest } from './translate.ts';
import { SmmuUnit } from './unit.ts';

/** Both stages, three granules, 44 bits out, two-level streams; no substreams, no stalls, nothing marked by hardware. */
const FEATURES = smmuFeatures(0xd44_101b, 0x273_0010, 0x74);
const STREAM = 0x28;
const ADDRESS = 0x1234_5678n;
const PAGE = 0x7000n;

type Ste = Parameters<typeof StreamTableEntry.encode>[0];
type Cd = Parameters<typeof ContextDescriptor.encode>[0];

interface System {
  readonly memory: PlainMemory;
  readonly unit: SmmuUnit;
  readonly first: readonly bigint[];
}

/** Stage 1 over 39 bits of 4 KiB pages; stage 2, where there is one, maps the first GiB onto itself. */
function system(ste: Ste = {}, cd: Cd = {}, features: SmmuFeatures = FEATURES): System {
  const memory = new PlainMemory([[0n, 1n << 30n]]);
  memory.put(0x10_0000n + BigInt(STREAM) * 64n, StreamTableEntry.encode({ V: true, Config: 5, S1ContextPtr: 0x11_0000n / 64n, S2AA64: true, S2T0SZ: 25, S2SL0: 1, S2PS: 4, S2R: true, S2TTB: 0x12_0000n / 16n, ...ste }), 8);
  memory.put(0x11_0000n, ContextDescriptor.encode({ V: true, AA64: true, A: true, R: true, T0SZ: 25, T1SZ: 25, TG1: 2, EPD1: true, IPS: 4, TTB0: 0x13_0000n / 16n, TTB1: 0x13_0000n / 16n, ...cd }), 8);
  memory.poke(0x12_0000n, 0x7fdn);
  const first = [0x13_0000n + ((ADDRESS >> 30n) & 0x1ffn) * 8n, 0x13_1000n + ((ADDRESS >> 21n) & 0x1ffn) * 8n, 0x13_2000n + ((ADDRESS >> 12n) & 0x1ffn) * 8n];
  memory.poke(first[0] ?? 0n, 0x13_1003n);
  memory.poke(first[1] ?? 0n, 0x13_2003n);
  memory.poke(first[2] ?? 0n, PAGE | 0x443n);
  const unit = new SmmuUnit(memory, { features, spans: 'exact' });
  unit.registers = { cr0: 13, gbpa: 0, tableBase: 0x10_0000n, tableConfig: 8 };
  return { memory, unit, first };
}

const request = (over: Partial<SmmuRequest> = {}): SmmuRequest => ({ streamId: STREAM, write: false, privileged: false, address: ADDRESS, ...over });
const eventOf = (s: System, over: Partial<SmmuRequest> = {}): number => {
  const answer = s.unit.translate(request(over));
  return answer.kind === 'refused' ? answer.fault.event : 0;
};
const REACHED = PAGE | (ADDRESS & 0xfffn);

describe('a stream', () => {
  it('translates by stage 1, by stage 2 or by both', () => {
    expect(system().unit.translate(request())).toMatchObject({ kind: 'translated', address: REACHED, span: 12 });
    expect(system({ Config: 6 }).unit.translate(request())).toMatchObject({ address: ADDRESS, span: 30 });
    expect(system({ Config: 7 }).unit.translate(request())).toMatchObject({ address: REACHED, span: 12 });
  });
  it('passes, aborts without a word, or is decided by GBPA while the unit is off', () => {
    expect(system({ Config: 4 }).unit.translate(request())).toMatchObject({ address: ADDRESS });
    expect(system({ Config: 0 }).unit.translate(request())).toEqual({ kind: 'aborted' });
    const { unit } = system();
    unit.registers = { ...unit.registers, cr0: 12, gbpa: 1 << 20 };
    expect(unit.translate(request())).toEqual({ kind: 'aborted' });
    unit.registers = { ...unit.registers, gbpa: 0 };
    expect(unit.translate(request())).toMatchObject({ address: ADDRESS });
  });
  it('may stand in a table of two levels, as far as its span goes', () => {
    const s = system();
    const table = (span: number): void => s.memory.poke(0x20_0000n, StreamTableDescriptor.encode({ Span: span, L2Ptr: 0x10_0000n / 64n }));
    s.unit.registers = { ...s.unit.registers, tableBase: 0x20_0000n, tableConfig: 8 | (6 << 6) | (1 << 16) };
    table(7);
    expect(eventOf(s)).toBe(0);
    for (const span of [0, 1, 6]) {
      table(span);
      expect(eventOf(s)).toBe(EVENTS.badStream);
    }
    expect(eventOf(s, { streamId: 0x1000 })).toBe(EVENTS.badStream);
  });
});

describe('stage 1', () => {
  it('walks the upper range for addresses that begin with ones', () => {
    const upper = (((1n << 64n) - 1n) ^ ((1n << 39n) - 1n)) | ADDRESS;
    expect(system({}, { EPD1: false }).unit.translate(request({ address: upper }))).toMatchObject({ address: REACHED });
    expect(eventOf(system(), { address: upper })).toBe(EVENTS.translation);
    expect(eventOf(system({}, { EPD0: true }))).toBe(EVENTS.translation);
    expect(eventOf(system({}, { EPD1: false }), { address: upper ^ (1n << 60n) })).toBe(EVENTS.translation);
    expect(eventOf(system({}, { EPD1: false, TBI1: true }), { address: upper ^ (1n << 60n) })).toBe(0);
    expect(eventOf(system({}, { TBI0: true }), { address: ADDRESS | (0x7fn << 56n) })).toBe(0);
  });
  it('asks AP[1] of users, AP[2] of writes, and the tables above for both', () => {
    const change = (at: 0 | 1 | 2, bits: bigint, over: Partial<SmmuRequest>): number => {
      const s = system();
      s.memory.poke(s.first[at] ?? 0n, s.memory.peek(s.first[at] ?? 0n) ^ bits);
      return eventOf(s, over);
    };
    expect(change(2, 0x40n, {})).toBe(EVENTS.permission);
    expect(change(2, 0x40n, { privileged: true })).toBe(0);
    expect(change(2, 0x80n, { write: true })).toBe(EVENTS.permission);
    expect(change(1, 1n << 61n, {})).toBe(EVENTS.permission);
    expect(change(1, 1n << 61n, { privileged: true })).toBe(0);
    expect(change(0, 1n << 62n, { write: true })).toBe(EVENTS.permission);
    expect(change(2, 0x400n, {})).toBe(EVENTS.access);
    expect(change(1, 1n << 43n, {})).toBe(EVENTS.walkAbort);
    expect(change(1, 1n << 45n, {})).toBe(EVENTS.addressSize);
    expect(change(2, 1n << 45n, {})).toBe(EVENTS.addressSize);
  });
  it('has its access flags set by hardware where HA says so, through a stage 2 that permits it', () => {
    const updates: SmmuFeatures = { ...FEATURES, setsAccessFlag: true };
    for (const config of [5, 7]) {
      const s = system({ Config: config }, { HA: true }, updates);
      s.memory.poke(s.first[2] ?? 0n, PAGE | 0x43n);
      expect(eventOf(s)).toBe(0);
      expect(s.memory.peek(s.first[2] ?? 0n)).toBe(PAGE | 0x443n);
    }
    const s = system({ Config: 7 }, { HA: true }, updates);
    s.memory.poke(s.first[2] ?? 0n, PAGE | 0x43n);
    s.memory.poke(0x12_0000n, 0x77dn);
    expect(eventOf(s)).toBe(EVENTS.permission);
    expect(s.memory.peek(s.first[2] ?? 0n)).toBe(PAGE | 0x43n);
  });
});

describe('events', () => {
  it('of stage 2 name what was being read and its guest address', () => {
    const s = system({ Config: 7 });
    s.memory.poke(0x12_0000n, 0n);
    const answer = s.unit.translate(request({ write: true }));
    expect(answer.kind === 'refused' && answer.record !== null ? Event.decode(answer.record) : null).toMatchObject({ id: EVENTS.translation, stream: STREAM, S2: true, class: 0, RnW: false, address: ADDRESS, ipa: 0x11_0000n });
  });
  it('are not recorded where CD.R, S2R or the event queue say so', () => {
    const quiet = system({}, { R: false });
    expect(quiet.unit.translate(request({ address: 0n }))).toMatchObject({ kind: 'refused', record: null });
    expect(system({ Config: 6, S2R: false }).unit.translate(request({ address: 1n << 38n }))).toMatchObject({ kind: 'refused', record: null });
    const off = system({ V: false });
    off.unit.registers = { ...off.unit.registers, cr0: 1 };
    expect(off.unit.translate(request())).toMatchObject({ kind: 'refused', record: null });
  });
  it('tell structures that cannot be fetched', () => {
    expect(eventOf(system({ S1ContextPtr: (1n << 40n) / 64n }))).toBe(EVENTS.cdFetch);
    const s = system();
    s.unit.registers = { ...s.unit.registers, tableBase: 1n << 40n };
    expect(eventOf(s)).toBe(EVENTS.steFetch);
  });
});
