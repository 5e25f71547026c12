// SPDX-License-Identifier: Apache-2.0
/**
 * VT-d where no outside answers exist: PASIDs, nested translation, supervisor
 * and execute requests, five levels, recording. One row a rule: a system that
 * translates, one thing changed, the reason. Sections are in the rules.
 */
import { describe, expect, it } from 'vitest';
import { PlainMemory } from '../../mmu/plain-memory.ts';
import { Capability, ExtendedCapability } from './capabilities.ts';
import type { VtdRequest } from './contexts.ts';
import { REASONS } from './reasons.ts';
import { FaultRecording, FirstStageEntry, PasidDirectoryEntry, PasidEntry, ScalableContextEntry, ScalableRootEntry, SecondStageEntry } from './structures.ts';
import { VtdUnit } from './unit.ts';

const ALL_ECAP = { PT: true, SMTS: true, SRS: true, ERS: true, NEST: true, SSTS: true, FSTS: true, PASID: true, SSADS: true, EAFS: true, PSS: 19 } as const;
const cap = (five = true): bigint => Capability.encode({ SAGAW: 0b1110, MGAW: 56, SSLPS: 3, FS1GP: true, FS5LP: five, NFR: 1 });
const SOURCE = 0x0128;
const PASID = 0x12345;
const ADDRESS = 0x12_3456_7abcn;

/** Where things lie. */
const ROOT = 0x10n;
const CONTEXTS = 0x11n;
const DIRECTORY = 0x400n;
const PASIDS = 0x13n;
const FIRST = 0x20n;
const SECOND = 0x40n;
const PAGE = 0x777n;

interface System {
  readonly memory: PlainMemory;
  readonly unit: VtdUnit;
  /** Addresses of first- and second-stage entries on the way, root first. */
  readonly first: readonly bigint[];
  readonly second: readonly bigint[];
  readonly context: bigint;
  readonly directory: bigint;
  readonly pasid: bigint;
}

type Pasid = Parameters<typeof PasidEntry.encode>[0];

function put(memory: PlainMemory, address: bigint, raw: bigint, words: number): void {
  for (let i = 0n; i < BigInt(words); i += 1n) memory.poke(address + 8n * i, (raw >> (64n * i)) & ((1n << 64n) - 1n));
}

/** A device with one PASID whose address ADDRESS reaches PAGE; nested: every guest frame is its own host frame. */
function system(stages: 'first' | 'second' | 'nested' | 'pass', entry: Pasid = {}, options: { levels?: 4 | 5; ecap?: Parameters<typeof ExtendedCapability.encode>[0]; five?: boolean } = {}): System {
  const memory = new PlainMemory();
  const levels = options.levels ?? 4;
  put(memory, (ROOT << 12n) + 16n, ScalableRootEntry.encode({ LP: true, LCTP: CONTEXTS }), 2);
  const context = (CONTEXTS << 12n) + BigInt(SOURCE & 0x7f) * 32n;
  put(memory, context, ScalableContextEntry.encode({ P: true, DTE: true, PASIDE: true, PDTS: 7, PASIDDIRPTR: DIRECTORY, RID_PASID: PASID }), 4);
  const directory = (DIRECTORY << 12n) + BigInt(PASID >> 6) * 8n;
  memory.poke(directory, PasidDirectoryEntry.encode({ P: true, SMPTBLPTR: PASIDS }));
  const pasid = (PASIDS << 12n) + BigInt(PASID & 63) * 64n;
  const kinds = { first: 1, second: 2, nested: 3, pass: 4 } as const;
  put(memory, pasid, PasidEntry.encode({ P: true, AW: 2, PGTT: kinds[stages], SSPTPTR: SECOND, FSPTPTR: FIRST, FSPM: levels - 4, DID: 9, ...entry }), 8);
  const first: bigint[] = [];
  for (let level = levels - 1; level >= 0; level -= 1) {
    const at = ((FIRST + BigInt(levels - 1 - level)) << 12n) + ((ADDRESS >> BigInt(12 + 9 * level)) & 0x1ffn) * 8n;
    first.push(at);
    memory.poke(at, FirstStageEntry.encode({ P: true, RW: true, US: true, address: level === 0 ? PAGE : FIRST + BigInt(levels - level) }));
  }
  const second: bigint[] = [];
  const guest = stages === 'nested' ? 0n : ADDRESS;
  for (let level = 3; level >= 1; level -= 1) {
    const at = ((SECOND + BigInt(3 - level)) << 12n) + ((guest >> BigInt(12 + 9 * level)) & 0x1ffn) * 8n;
    second.push(at);
    memory.poke(at, SecondStageEntry.encode({ R: true, W: true, address: level === 1 && stages === 'nested' ? 0n : SECOND + BigInt(4 - level), PS: level === 1 && stages === 'nested' }));
  }
  if (stages === 'nested') for (let i = 0n; i < 8n; i += 1n) memory.poke(((SECOND + 2n) << 12n) + i * 8n, SecondStageEntry.encode({ R: true, W: true, PS: true, address: i << 9n }));
  else {
    const at = ((SECOND + 3n) << 12n) + ((guest >> 12n) & 0x1ffn) * 8n;
    second.push(at);
    memory.poke(at, SecondStageEntry.encode({ R: true, W: true, address: PAGE }));
  }
  const unit = new VtdUnit(memory, { capability: cap(options.five), extended: ExtendedCapability.encode(options.ecap ?? ALL_ECAP), hostBits: 46 });
  unit.rootTable = (ROOT << 12n) | (1n << 10n);
  return { memory, unit, first, second, context, directory, pasid };
}

const request = (over: Partial<VtdRequest> = {}): VtdRequest => ({ sourceId: SOURCE, pasid: PASID, type: 'untranslated', write: false, execute: false, privileged: false, address: ADDRESS, ...over });
const toggle = (memory: PlainMemory, address: bigint | undefined, bits: bigint): void => memory.poke(address ?? 0n, memory.peek(address ?? 0n) ^ bits);
const reasonOf = (s: System, over: Partial<VtdRequest> = {}): number => {
  const answer = s.unit.translate(request(over));
  return answer.kind === 'refused' ? answer.fault.reason : 0;
};
const REACHED = (PAGE << 12n) | 0xabcn;

describe('a request with PASID', () => {
  it.each(['first', 'second', 'nested'] as const)('translates through the %s stage', (stages) => {
    expect(system(stages).unit.translate(request())).toMatchObject({ kind: 'translated', address: REACHED, span: 12 });
    expect(system(stages).unit.translate(request({ write: true }))).toMatchObject({ address: REACHED });
  });
  it('passes where it is told to, and five levels are one more', () => {
    expect(system('pass').unit.translate(request())).toMatchObject({ address: ADDRESS });
    expect(system('first', {}, { levels: 5 }).unit.translate(request())).toMatchObject({ address: REACHED });
  });
  it('and one without uses RID_PASID', () => {
    expect(system('first').unit.translate(request({ pasid: null }))).toMatchObject({ address: REACHED });
  });
});

const present = 1n;
type Row = readonly [reason: number, what: string, stages: 'first' | 'second' | 'nested' | 'pass', change: (s: System) => void, over?: Partial<VtdRequest>];

/** One thing wrong, and the reason for it. */
const ROWS: readonly Row[] = [
  [0x30, 'reserved mode', 'first', (s) => (s.unit.rootTable ^= 3n << 10n)],
  [0x31, 'legacy mode', 'first', (s) => (s.unit.rootTable &= ~(3n << 10n))],
  [0x39, 'root entry absent', 'first', (s) => toggle(s.memory, (ROOT << 12n) + 16n, present)],
  [0x3a, 'reserved bit in the root entry', 'first', (s) => toggle(s.memory, (ROOT << 12n) + 16n, 2n)],
  [0x41, 'context entry absent', 'first', (s) => toggle(s.memory, s.context, present)],
  [0x42, 'reserved bit in the context entry', 'first', (s) => toggle(s.memory, s.context, 0x20n)],
  [0x44, 'translation request without DTE', 'first', (s) => toggle(s.memory, s.context, 4n), { type: 'ats' }],
  [0x45, 'PASID without PASIDE', 'first', (s) => toggle(s.memory, s.context, 8n)],
  [0x46, 'PASID beyond the directory', 'first', (s) => toggle(s.memory, s.context, 7n << 9n)],
  [0x48, 'RID_PASID beyond the directory', 'first', (s) => toggle(s.memory, s.context, 7n << 9n), { pasid: null }],
  [0x51, 'directory entry absent', 'first', (s) => toggle(s.memory, s.directory, present)],
  [0x52, 'reserved bit in the directory entry', 'first', (s) => toggle(s.memory, s.directory, 0x10n)],
  [0x59, 'table entry absent', 'first', (s) => toggle(s.memory, s.pasid, present)],
  [0x5a, 'reserved bit in the table entry', 'first', (s) => toggle(s.memory, s.pasid + 8n, 1n << 40n)],
  [0x5b, 'unknown kind of translation', 'first', (s) => toggle(s.memory, s.pasid, 7n << 6n)],
  [0x5b, 'unknown depth of the first stage', 'first', (s) => toggle(s.memory, s.pasid + 16n, 2n << 2n)],
  [0x5b, 'unknown depth of the second stage', 'second', (s) => toggle(s.memory, s.pasid, 4n << 2n)],
  [0x5c, 'execution without ERE', 'first', () => undefined, { execute: true }],
  [0x5d, 'supervisor without SRE', 'first', () => undefined, { privileged: true }],
  [0x70, 'first-stage table outside memory', 'first', (s) => toggle(s.memory, s.first[1], 1n << 45n)],
  [0x71, 'first-stage entry absent', 'first', (s) => toggle(s.memory, s.first[2], present)],
  [0x72, 'large page where none exists', 'first', (s) => toggle(s.memory, s.first[0], 0x80n)],
  [0x73, 'first-stage root outside memory', 'first', (s) => toggle(s.memory, s.pasid + 16n, 1n << 50n)],
  [0x74, 'guest table beyond the second stage', 'nested', (s) => {
    toggle(s.memory, s.first[0], 1n << 45n);
    toggle(s.memory, s.pasid, 3n << 2n);
    s.memory.poke(SECOND << 12n, SecondStageEntry.encode({ R: true, W: true, PS: true, address: 0n }));
  }],
  [0x75, 'second stage of the first-stage root absent', 'nested', (s) => toggle(s.memory, (SECOND + 2n) << 12n, 3n)],
  [0x75, 'second stage of the first-stage root unreadable', 'nested', (s) => toggle(s.memory, (SECOND + 2n) << 12n, 1n)],
  [0x76, 'second stage of a lower table absent', 'nested', (s) => s.memory.poke(s.first[0] ?? 0n, FirstStageEntry.encode({ P: true, RW: true, US: true, address: 0x30_0000n }))],
  [0x77, 'second stage of a table not writable', 'nested', (s) => toggle(s.memory, (SECOND + 2n) << 12n, 2n)],
  [0x78, 'second-stage table outside memory', 'second', (s) => toggle(s.memory, s.second[1], 1n << 45n)],
  [0x79, 'second-stage entry absent', 'second', (s) => toggle(s.memory, s.second[2], 3n)],
  [0x7a, 'snoop bit without snoop control', 'second', (s) => toggle(s.memory, s.second[3], 0x800n)],
  [0x7b, 'second-stage root outside memory', 'second', (s) => toggle(s.memory, s.pasid, 1n << 50n)],
  [0x80, 'not canonical', 'first', () => undefined, { address: ADDRESS | (1n << 60n) }],
  [0x81, 'user request, supervisor page', 'first', (s) => toggle(s.memory, s.first[3], 4n)],
  [0x83, 'beyond the width', 'second', () => undefined, { address: ADDRESS | (1n << 50n) }],
  [0x85, 'write, first stage read-only', 'first', (s) => toggle(s.memory, s.first[1], 2n), { write: true }],
  [0x85, 'write, second stage read-only', 'second', (s) => toggle(s.memory, s.second[0], 2n), { write: true }],
  [0x86, 'read, second stage write-only', 'second', (s) => toggle(s.memory, s.second[3], 1n)],
  [0x87, 'read of the interrupt range', 'pass', () => undefined, { pasid: null, address: 0xfee0_0000n }],
];

describe('every reason has its cause', () => {
  const outside = new Set([0x70, 0x73, 0x78, 0x7b]);
  it.each(ROWS)('%i: %s (%s)', (reason, _, stages, change, over) => {
    const s = system(stages);
    change(s);
    const unit = outside.has(reason) ? new VtdUnit(withLimit(s.memory), { capability: cap(), extended: ExtendedCapability.encode(ALL_ECAP), hostBits: 46 }) : s.unit;
    if (unit !== s.unit) unit.rootTable = s.unit.rootTable;
    expect(reasonOf({ ...s, unit }, over).toString(16)).toBe(reason.toString(16));
    expect(REASONS[reason]).toBeDefined();
  });

  it('guest addresses beyond the second stage are told apart (84)', () => {
    const s = system('nested', { AW: 1 });
    toggle(s.memory, s.first[3], 1n << 45n);
    put(s.memory, SECOND << 12n, SecondStageEntry.encode({ R: true, W: true, PS: true, address: 0n }), 1);
    expect(reasonOf(s)).toBe(0x84);
  });
});

/** The same memory, but nothing above 1 TiB. */
function withLimit(of: PlainMemory): PlainMemory {
  const limited = new PlainMemory([[0n, 1n << 40n]]);
  for (let frame = 0n; frame < 0x410n; frame += 1n) for (let at = 0n; at < 4096n; at += 8n) {
    const word = of.peek((frame << 12n) + at);
    if (word !== 0n) limited.poke((frame << 12n) + at, word);
  }
  return limited;
}

describe('supervisors', () => {
  const supervisor = { privileged: true };
  it('reach supervisor pages with SRE, and write read-only ones unless WPE', () => {
    const s = system('first', { SRE: true });
    toggle(s.memory, s.first[3], 4n | 2n);
    expect(reasonOf(s, { ...supervisor, write: true })).toBe(0);
    const protectedOne = system('first', { SRE: true, WPE: true });
    toggle(protectedOne.memory, protectedOne.first[3], 2n);
    expect(reasonOf(protectedOne, { ...supervisor, write: true })).toBe(0x85);
    expect(reasonOf(protectedOne, supervisor)).toBe(0);
  });
  it('never execute user pages with SMEP; nobody executes what XD forbids once NXE is set', () => {
    expect(reasonOf(system('first', { SRE: true, ERE: true }), { ...supervisor, execute: true })).toBe(0);
    expect(reasonOf(system('first', { SRE: true, ERE: true, SMEP: true }), { ...supervisor, execute: true })).toBe(0x82);
    for (const [entry, reason] of [[{ ERE: true }, 0], [{ ERE: true, NXE: true }, 0x82]] as const) {
      const s = system('first', entry);
      toggle(s.memory, s.first[3], 1n << 63n);
      expect(reasonOf(s, { execute: true })).toBe(reason);
    }
  });
  it('a request without PASID is one of a supervisor where RID_PRIV says so', () => {
    const s = system('first');
    toggle(s.memory, s.context + 8n, 1n << 20n);
    expect(reasonOf(s, { pasid: null })).toBe(0x5d);
  });
});

describe('accessed and dirty bits', () => {
  it('are set in every entry passed, D in the leaf on a write, EA where EAFE asks', () => {
    const s = system('first', { EAFE: true });
    s.unit.translate(request({ write: true }));
    expect(s.first.map((at) => s.memory.peek(at) & 0x460n)).toEqual([0x420n, 0x420n, 0x420n, 0x460n]);
  });
  it('of the second stage are set with SSADE only', () => {
    for (const [entry, marks] of [[{}, [0n, 0n, 0n, 0n]], [{ SSADE: true }, [0x100n, 0x100n, 0x100n, 0x300n]]] as const) {
      const s = system('second', entry);
      s.unit.translate(request({ write: true }));
      expect(s.second.map((at) => s.memory.peek(at) & 0x300n)).toEqual(marks);
    }
  });
});

describe('recording', () => {
  it('names source, PASID, privilege and kind', () => {
    const s = system('first');
    s.unit.translate(request({ privileged: true, write: true }));
    expect(FaultRecording.decode(s.unit.records[0] ?? 0n)).toMatchObject({ FI: ADDRESS >> 12n, SID: SOURCE, PP: true, PV: PASID, PRIV: true, FR: 0x5d, T1: false, F: true, AT: 0 });
  });
  it('stops when the registers are full, until software clears them', () => {
    const s = system('first');
    for (let i = 0; i < 3; i += 1) s.unit.translate(request({ privileged: true }));
    expect(s.unit.records.map((record) => record !== 0n)).toEqual([true, true]);
    expect(s.unit.overflow).toBe(true);
    s.unit.clearRecord(0);
    s.unit.overflow = false;
    expect(s.unit.translate(request({ privileged: true }))).toMatchObject({ recorded: true });
  });
  it('is silenced by FPD for qualified faults below it, at each place', () => {
    for (const place of ['context', 'directory', 'pasid'] as const) {
      const s = system('first');
      toggle(s.memory, s[place], 2n);
      expect(s.unit.translate(request({ privileged: true }))).toMatchObject({ kind: 'refused', recorded: false });
    }
    const s = system('first');
    toggle(s.memory, s.context, 2n);
    toggle(s.memory, (ROOT << 12n) + 16n, 2n);
    expect(s.unit.translate(request())).toMatchObject({ kind: 'refused', recorded: true });
  });
});

describe('interrupts', () => {
  it('are writes to their range without PASID; with one they are memory, where no translation may lead', () => {
    expect(system('pass').unit.translate(request({ pasid: null, write: true, address: 0xfee0_1000n }))).toEqual({ kind: 'interrupt', address: 0xfee0_1000n });
    expect(system('pass').unit.translate(request({ write: true, address: 0xfee0_1000n }))).toMatchObject({ kind: 'refused', fault: { reason: 0x87 } });
  });
});
