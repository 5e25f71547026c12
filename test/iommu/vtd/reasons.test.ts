// SPDX-License-Identifier: Apache-2.0
/**
 * Every fault reason: a system that translates, one thing changed, the exact
 * reason, whether FPD silences it, and how a translation request ends. Where no
 * outside answers exist the row cites its condition in "Fault Conditions and
 * Remapping Hardware Behavior".
 */
import { describe, expect, it } from 'vitest';
import { FirstStageEntry, PasidEntry, SecondStageEntry } from '@dmalab/core/iommu/vtd/structures';
import { REASONS } from '@dmalab/core/iommu/vtd/reasons';
import type { VtdRequest } from '@dmalab/core/iommu/vtd/contexts';
import { applyRepair } from '../repair.ts';
import { ADDRESS, ask, bare, FIRST, PASID, request, ROOT, SECOND, system, toggle, type Stages, type System, type SystemOptions } from './system.ts';

type Row = readonly [reason: number, section: string, what: string, stages: Stages, change: (s: System) => void, over?: Partial<VtdRequest>, options?: SystemOptions];

const deny = (s: System, ...at: (bigint | undefined)[]): void => s.memory.damage(at.filter((a) => a !== undefined), []);
const corrupt = (s: System, ...at: (bigint | undefined)[]): void => s.memory.damage([], at.filter((a) => a !== undefined));
const nothing = (): void => undefined;
const supervisor = { privileged: true };
const writes = { write: true };

/** The second stage has three levels, and the entry leads to an address of 41 bits. */
function beyondThree(s: System, entry: bigint | undefined): void {
  s.memory.poke(SECOND << 12n, SecondStageEntry.encode({ R: true, W: true, address: SECOND + 2n }));
  s.memory.poke(entry ?? 0n, FirstStageEntry.encode({ P: true, RW: true, US: true, address: 1n << 28n }));
}

const ROWS: readonly Row[] = [
  [0x01, 'LRT.2', 'root entry absent', 'legacy', (s) => toggle(s.memory, s.root, 1n)],
  [0x02, 'LCT.2', 'context entry absent', 'legacy', (s) => toggle(s.memory, s.context, 1n)],
  [0x03, 'LCT.4', 'translation type 3', 'legacy', (s) => toggle(s.memory, s.context, 2n << 2n)],
  [0x03, 'LCT.4', 'device TLBs that do not exist', 'legacy', nothing, {}, { ecap: { DT: false } }],
  [0x03, 'LCT.4', 'pass-through that does not exist', 'legacy-pass', nothing, {}, { ecap: { PT: false } }],
  [0x03, 'LCT.4', 'a depth that does not exist', 'legacy', (s) => toggle(s.memory, s.context + 8n, 2n)],
  [0x04, 'LGN.1', 'address beyond the tables', 'legacy', nothing, { address: ADDRESS | (1n << 48n) }],
  [0x04, 'LGN.1', 'address beyond MGAW', 'legacy', nothing, { address: ADDRESS | (1n << 40n) }, { cap: { MGAW: 38 } }],
  [0x05, 'LGN.2', 'write without permission', 'legacy', (s) => toggle(s.memory, s.second[1], 2n), writes],
  [0x05, 'LGN.2', 'write where nothing is mapped', 'legacy', (s) => toggle(s.memory, s.second[3], 3n), writes],
  [0x06, 'LGN.3', 'read without permission', 'legacy', (s) => toggle(s.memory, s.second[1], 1n)],
  [0x06, 'LGN.3', 'read where nothing is mapped', 'legacy', (s) => toggle(s.memory, s.second[3], 3n)],
  [0x07, 'LSL.1', 'second-stage root unreadable', 'legacy', (s) => deny(s, s.second[0])],
  [0x07, 'LSL.1', 'second-stage entry corrupt', 'legacy', (s) => corrupt(s, s.second[2])],
  [0x08, 'LRT.1', 'root entry unreadable', 'legacy', (s) => deny(s, s.root)],
  [0x09, 'LCT.1', 'context entry unreadable', 'legacy', (s) => deny(s, s.context)],
  [0x0a, 'LRT.3', 'reserved bit in the root entry', 'legacy', (s) => toggle(s.memory, s.root, 2n)],
  [0x0b, 'LCT.3', 'reserved bit in the context entry', 'legacy', (s) => toggle(s.memory, s.context, 16n)],
  [0x0c, 'LSL.2', 'reserved bit in a second-stage entry', 'legacy', (s) => toggle(s.memory, s.second[3], 0x800n)],
  [0x0d, 'LCT.5', 'translated request of a device without TLB', 'legacy-pass', nothing, { type: 'translated' }],
  [0x0e, 'LGN.4', 'read of the interrupt range', 'legacy', nothing, { address: 0xfee0_0000n }],
  [0x0e, 'LGN.4', 'translation into the interrupt range', 'legacy', (s) => s.memory.poke(s.second[3] ?? 0n, SecondStageEntry.encode({ R: true, W: true, address: 0xfee00n }))],
  [0x30, 'RTA.1', 'reserved table mode', 'first', (s) => (s.unit.rootTable ^= 3n << 10n)],
  [0x30, 'RTA.1', 'abort mode that does not exist', 'first', (s) => (s.unit.rootTable |= 3n << 10n)],
  [0x30, 'RTA.1', 'scalable mode that does not exist', 'first', (s) => (s.unit.rootTable |= 1n << 10n), {}, { ecap: { SMTS: false } }],
  [0x31, 'RTA.2', 'PASID in legacy mode', 'legacy', nothing, { pasid: PASID }],
  [0x38, 'SRT.1', 'root entry unreadable', 'first', (s) => deny(s, s.root)],
  [0x39, 'SRT.2', 'root entry absent', 'first', (s) => toggle(s.memory, s.root, 1n)],
  [0x39, 'SRT.2', 'upper half of the root entry absent', 'first', nothing, { sourceId: 0x01a8 }],
  [0x3a, 'SRT.3', 'reserved bit in the root entry', 'first', (s) => toggle(s.memory, s.root, 2n)],
  [0x40, 'SCT.1', 'context entry unreadable', 'first', (s) => deny(s, s.context + 16n)],
  [0x41, 'SCT.2', 'context entry absent', 'first', (s) => toggle(s.memory, s.context, 1n)],
  [0x42, 'SCT.3', 'reserved bit in the context entry', 'first', (s) => toggle(s.memory, s.context, 0x20n)],
  [0x44, 'SCT.5', 'translated request without DTE', 'first', (s) => toggle(s.memory, s.context, 4n), { type: 'translated' }],
  [0x45, 'SCT.6', 'PASID without PASIDE', 'first', (s) => toggle(s.memory, s.context, 8n)],
  [0x46, 'SCT.7', 'PASID beyond the directory', 'first', (s) => toggle(s.memory, s.context, 7n << 9n)],
  [0x48, 'SCT.9', 'RID_PASID beyond the directory', 'first', (s) => toggle(s.memory, s.context, 7n << 9n), { pasid: null }],
  [0x50, 'SPD.1', 'directory unreadable', 'first', (s) => deny(s, s.directory)],
  [0x51, 'SPD.2', 'directory entry absent', 'first', (s) => toggle(s.memory, s.directory, 1n)],
  [0x52, 'SPD.3', 'reserved bit in the directory entry', 'first', (s) => toggle(s.memory, s.directory, 0x10n)],
  [0x58, 'SPT.1', 'PASID table unreadable', 'first', (s) => deny(s, s.pasid + 56n)],
  [0x59, 'SPT.2', 'table entry absent', 'first', (s) => toggle(s.memory, s.pasid, 1n)],
  [0x5a, 'SPT.3', 'reserved bit in the table entry', 'first', (s) => toggle(s.memory, s.pasid + 8n, 1n << 40n)],
  [0x5a, 'SPT.3', 'SSADE that does not exist', 'second', nothing, {}, { entry: { SSADE: true }, ecap: { SSADS: false } }],
  [0x5a, 'SPT.3', 'NXE that does not exist', 'first', nothing, {}, { entry: { NXE: true }, ecap: { ERS: false } }],
  [0x5b, 'SPT.4', 'unknown kind of translation', 'first', (s) => toggle(s.memory, s.pasid, 7n << 6n)],
  [0x5b, 'SPT.4', 'nested translation that does not exist', 'nested', nothing, {}, { ecap: { NEST: false } }],
  [0x5b, 'SPT.4', 'unknown depth of the first stage', 'first', (s) => toggle(s.memory, s.pasid + 16n, 2n << 2n)],
  [0x5b, 'SPT.4', 'five levels that do not exist', 'first', nothing, {}, { levels: 5, cap: { FS5LP: false } }],
  [0x5b, 'SPT.4', 'unknown depth of the second stage', 'second', (s) => toggle(s.memory, s.pasid, 4n << 2n)],
  [0x5c, 'SPT.5', 'execution without ERE', 'first', nothing, { execute: true }],
  [0x5d, 'SPT.6', 'supervisor without SRE', 'first', nothing, supervisor],
  [0x5d, 'SPT.6', 'RID_PRIV without SRE', 'first', (s) => toggle(s.memory, s.context + 8n, 1n << 20n), { pasid: null }],
  [0x70, 'SFS.1', 'first-stage entry unreadable', 'first', (s) => deny(s, s.first[1])],
  [0x71, 'SFS.2', 'first-stage entry absent', 'first', (s) => toggle(s.memory, s.first[2], 1n)],
  [0x71, 'SFS.2', 'first-stage entry absent behind a second stage', 'nested', (s) => toggle(s.memory, s.first[3], 1n)],
  [0x72, 'SFS.3', 'large page where none exists', 'first', (s) => toggle(s.memory, s.first[0], 0x80n)],
  [0x72, 'SFS.3', '1 GiB pages that do not exist', 'first', (s) => s.memory.poke(s.first[1] ?? 0n, FirstStageEntry.encode({ P: true, RW: true, US: true, PS: true, address: 0n })), {}, { cap: { FS1GP: false } }],
  [0x72, 'SFS.3', 'misaligned large page', 'first', (s) => s.memory.poke(s.first[2] ?? 0n, FirstStageEntry.encode({ P: true, RW: true, US: true, PS: true, address: 2n }))],
  [0x73, 'SFS.4', 'first-stage root unreadable', 'first', (s) => deny(s, s.first[0])],
  [0x73, 'SFS.4', 'first-stage root beyond the host', 'first', (s) => toggle(s.memory, s.pasid + 16n, 1n << 50n)],
  [0x74, 'SFS.5', 'first-stage table beyond the second stage', 'nested', (s) => beyondThree(s, s.first[0]), {}, { entry: { AW: 1 } }],
  [0x75, 'SFS.6', 'second stage of the first-stage root absent', 'nested', (s) => toggle(s.memory, s.second[2], 3n)],
  [0x75, 'SFS.6', 'second stage of the first-stage root unreadable', 'nested', (s) => toggle(s.memory, s.second[2], 1n)],
  [0x76, 'SFS.7', 'second stage of a lower table absent', 'nested', (s) => s.memory.poke(s.first[0] ?? 0n, FirstStageEntry.encode({ P: true, RW: true, US: true, address: 0x30_0000n }))],
  [0x76, 'SFS.7', 'second stage of a lower table write-only', 'nested', (s) => {
    s.memory.poke(((SECOND + 2n) << 12n) + 24n, SecondStageEntry.encode({ W: true, PS: true, address: 3n << 9n }));
    s.memory.poke(s.first[1] ?? 0n, FirstStageEntry.encode({ P: true, RW: true, US: true, address: 0x600n }));
  }],
  [0x77, 'SFS.8', 'accessed bit in a table that may not be written', 'nested', (s) => toggle(s.memory, s.second[2], 2n)],
  [0x78, 'SSS.1', 'second-stage entry unreadable', 'second', (s) => deny(s, s.second[1])],
  [0x78, 'SSS.1', 'on the way to a first-stage table', 'nested', (s) => deny(s, s.second[1])],
  [0x79, 'SSS.2', 'second-stage entry absent', 'second', (s) => toggle(s.memory, s.second[2], 3n)],
  [0x7a, 'SSS.3', 'SNP without snoop control', 'second', (s) => toggle(s.memory, s.second[3], 0x800n)],
  [0x7a, 'SSS.3', 'TM without device TLBs', 'second', (s) => toggle(s.memory, s.second[3], 1n << 62n), {}, { ecap: { DT: false } }],
  [0x7a, 'SSS.3', 'large pages that do not exist', 'second', (s) => toggle(s.memory, s.second[1], 0x80n), {}, { cap: { SSLPS: 1 } }],
  [0x7b, 'SSS.4', 'second-stage root unreadable', 'second', (s) => deny(s, s.second[0])],
  [0x7b, 'SSS.4', 'second-stage root beyond the host', 'second', (s) => toggle(s.memory, s.pasid, 1n << 50n)],
  [0x7c, 'SSS.5', 'second-stage marks without snooping', 'second', nothing, {}, { entry: { SSADE: true }, ecap: { SMPWC: true } }],
  [0x7d, 'SSS.6', 'second-stage entry cannot be changed', 'second', (s) => s.memory.unchangeable.add(s.second[2] ?? 0n), {}, { entry: { SSADE: true } }],
  [0x80, 'SGN.1', 'not canonical, four levels', 'first', nothing, { address: ADDRESS | (1n << 60n) }],
  [0x80, 'SGN.1', 'not canonical, five levels', 'first', nothing, { address: ADDRESS | (1n << 56n) }, { levels: 5 }],
  [0x81, 'SGN.2', 'user request, supervisor page', 'first', (s) => toggle(s.memory, s.first[3], 4n)],
  [0x81, 'SGN.2', 'user request, supervisor table', 'first', (s) => toggle(s.memory, s.first[0], 4n)],
  [0x82, 'SGN.3', 'XD', 'first', (s) => toggle(s.memory, s.first[1], 1n << 63n), { execute: true }, { entry: { ERE: true, NXE: true } }],
  [0x82, 'SGN.3', 'supervisor executes a user page', 'first', nothing, { execute: true, privileged: true }, { entry: { ERE: true, SRE: true, SMEP: true } }],
  [0x83, 'SGN.4', 'beyond the width', 'second', nothing, { address: ADDRESS | (1n << 50n) }],
  [0x84, 'SGN.5', 'guest page beyond the second stage', 'nested', (s) => beyondThree(s, s.first[3]), {}, { entry: { AW: 1 } }],
  [0x85, 'SGN.6', 'write, first stage read-only', 'first', (s) => toggle(s.memory, s.first[1], 2n), writes],
  [0x85, 'SGN.6', 'write, second stage read-only', 'second', (s) => toggle(s.memory, s.second[0], 2n), writes],
  [0x85, 'SGN.6', 'supervisor write to a read-only page with WPE', 'first', (s) => toggle(s.memory, s.first[3], 2n), { ...writes, ...supervisor }, { entry: { SRE: true, WPE: true } }],
  [0x86, 'SGN.7', 'read, second stage write-only', 'second', (s) => toggle(s.memory, s.second[3], 1n)],
  [0x86, 'SGN.7', 'execution of a page that cannot be read', 'second', (s) => toggle(s.memory, s.second[3], 1n), { execute: true }, { entry: { ERE: true } }],
  [0x87, 'SGN.8', 'read of the interrupt range', 'pass', nothing, { pasid: null, address: 0xfee0_0000n }],
  [0x87, 'SGN.8', 'translation into the interrupt range', 'first', (s) => s.memory.poke(s.first[3] ?? 0n, FirstStageEntry.encode({ P: true, RW: true, US: true, address: 0xfee01n }))],
  [0x87, 'SGN.8', 'a PASID passes through into the interrupt range', 'pass', nothing, { write: true, address: 0xfeef_fffcn }],
  [0x90, 'SFS.9', 'first-stage marks without snooping', 'first', nothing, {}, { ecap: { SMPWC: true } }],
  [0x91, 'SFS.10', 'first-stage entry cannot be changed', 'first', (s) => s.memory.unchangeable.add(s.first[2] ?? 0n)],
];

/** Reasons that the sources number and this unit does not have, and why. */
const ABSENT: Readonly<Record<number, string>> = {
  0x20: 'interrupts are not remapped', 0x21: 'interrupts are not remapped', 0x22: 'interrupts are not remapped', 0x23: 'interrupts are not remapped', 0x24: 'interrupts are not remapped',
  0x25: 'interrupts are not remapped', 0x26: 'interrupts are not remapped', 0x27: 'interrupts are not remapped', 0x28: 'interrupts are not remapped', 0x29: 'interrupts are not remapped',
  0x33: 'no source says what it means',
  0x43: 'no source says which programming is meant; what the fields can say wrongly has 42 and 44 to 48',
  0x88: 'no source says what it means', 0x89: 'no source says what it means',
};
/** Of page requests: in ats.test.ts. */
const OF_PAGE_REQUESTS = [0x32, 0x47];

const name = ([reason, section, what, stages]: Row): string => `${reason.toString(16).padStart(2, '0')} (${section}): ${what}, ${stages}`;
const rowsBy = ROWS.map((row) => [name(row), row] as const);

function prepared([, , , stages, change, over, options]: Row): { s: System; of: VtdRequest } {
  const s = system(stages, options);
  change(s);
  return { s, of: request({ ...bare(stages), ...over }) };
}

describe('every reason has its cause', () => {
  it.each(rowsBy)('%s', (_, row) => {
    const { s, of } = prepared(row);
    const answer = s.unit.translate(of);
    expect(answer).toMatchObject({ kind: 'refused', fault: { reason: row[0] }, recorded: true });
    if (answer.kind === 'refused') expect(answer.fault.why.rule.section).toMatch(/^Intel VT-d, "/);
  });

  it('and none is without: a row, or a reason why it cannot be', () => {
    const covered = new Set([...ROWS.map(([reason]) => reason), ...OF_PAGE_REQUESTS]);
    expect(Object.keys(REASONS).map(Number).filter((reason) => !covered.has(reason)).map((reason) => reason.toString(16))).toEqual([]);
    expect(Object.keys(ABSENT).filter((reason) => REASONS[Number(reason)] !== undefined)).toEqual([]);
    const numbered = [...range(0x01, 0x0e), ...range(0x20, 0x29), ...range(0x30, 0x33), ...range(0x38, 0x3a), ...range(0x40, 0x48), ...range(0x50, 0x52), ...range(0x58, 0x5d), ...range(0x70, 0x7d), ...range(0x80, 0x91)];
    const gaps = new Set(range(0x8a, 0x8f));
    expect(numbered.filter((reason) => !covered.has(reason) && ABSENT[reason] === undefined && !gaps.has(reason)).map((reason) => reason.toString(16))).toEqual([]);
  });
});

describe('FPD silences qualified faults and no others', () => {
  it.each(rowsBy)('%s', (_, row) => {
    const { s, of } = prepared(row);
    toggle(s.memory, s.context, 2n);
    expect(s.unit.translate(of)).toMatchObject({ kind: 'refused', fault: { reason: row[0] }, recorded: REASONS[row[0]]?.qualified === false });
  });

  it('wherever it stands: in the context, in the directory, in the PASID table', () => {
    for (const place of ['context', 'directory', 'pasid'] as const) {
      const s = system('first');
      toggle(s.memory, s[place], 2n);
      expect(s.unit.translate(request({ privileged: true }))).toMatchObject({ kind: 'refused', recorded: false });
    }
  });
});

describe('a translation request ends as the reason says', () => {
  const asked = ROWS.filter(([, , , , , over]) => over?.type === undefined && over?.execute !== true && over?.write !== true && over?.address !== 0xfee0_0000n);
  it.each(asked.map((row) => [name(row), row] as const))('%s', (_, row) => {
    const { s, of } = prepared(row);
    // What lacks one permission only is granted the other.
    const answer = s.unit.translate({ ...of, type: 'ats', noWrite: true });
    const end = REASONS[row[0]]?.ats;
    if (end === 'denied') expect(answer).toMatchObject({ kind: 'denied', fault: { reason: row[0] } });
    else expect(answer).toMatchObject({ kind: 'refused', status: end, recorded: true, fault: { reason: row[0] } });
    expect(s.unit.records.some((record) => record !== 0n)).toBe(end !== 'denied');
  });
});

describe('what is right goes through', () => {
  it.each(['first', 'second', 'nested', 'legacy'] as const)('%s', (stages) => {
    expect(ask(system(stages), bare(stages))).toBe(0x77_7abcn);
    expect(ask(system(stages), { ...bare(stages), write: true })).toBe(0x77_7abcn);
  });
  it('passes where it is told to, and five levels are one more', () => {
    expect(ask(system('pass'))).toBe(ADDRESS);
    expect(ask(system('legacy-pass'), { pasid: null })).toBe(ADDRESS);
    expect(ask(system('first', { levels: 5 }))).toBe(0x77_7abcn);
  });
  it('a request without PASID uses RID_PASID', () => {
    expect(ask(system('first'), { pasid: null })).toBe(0x77_7abcn);
  });
  it('the upper half of a bus has its own context table', () => {
    const s = system('first');
    const words = [0n, 8n, 16n, 24n].map((at) => s.memory.peek(s.context + at));
    words.forEach((word, i) => s.memory.poke((0x12n << 12n) + 0x28n * 32n + BigInt(8 * i), word));
    s.memory.poke(s.root + 8n, (0x12n << 12n) | 1n);
    expect(ask(s, { sourceId: 0x01a8 })).toBe(0x77_7abcn);
  });
});

describe('supervisors', () => {
  it('reach supervisor pages with SRE, and write read-only ones unless WPE', () => {
    const s = system('first', { entry: { SRE: true } });
    toggle(s.memory, s.first[3], 4n | 2n);
    expect(ask(s, { ...supervisor, write: true })).toBe(0x77_7abcn);
    const protectedOne = system('first', { entry: { SRE: true, WPE: true } });
    toggle(protectedOne.memory, protectedOne.first[3], 2n);
    expect(ask(protectedOne, { ...supervisor, write: true })).toBe('85');
    expect(ask(protectedOne, supervisor)).toBe(0x77_7abcn);
  });
  it('execute supervisor pages below user tables though SMEP is set: the whole path decides', () => {
    const s = system('first', { entry: { SRE: true, ERE: true, SMEP: true } });
    toggle(s.memory, s.first[3], 4n);
    expect(ask(s, { ...supervisor, execute: true })).toBe(0x77_7abcn);
  });
  it('execute what XD forbids until NXE is set', () => {
    const s = system('first', { entry: { ERE: true } });
    toggle(s.memory, s.first[3], 1n << 63n);
    expect(ask(s, { execute: true })).toBe(0x77_7abcn);
  });
});

describe('accessed and dirty bits', () => {
  it('stay clear in a page whose fetch SMEP forbids, as with every other right that is missing', () => {
    const s = system('first', { entry: { SRE: true, ERE: true, SMEP: true } });
    const [leaf] = s.first.slice(-1);
    const before = s.memory.peek(leaf ?? 0n);
    expect(before & 0x20n).toBe(0n);
    expect(ask(s, { ...supervisor, execute: true })).toBe('82');
    expect(s.memory.peek(leaf ?? 0n)).toBe(before);
    s.memory.poke(leaf ?? 0n, before | 0x20n);
    expect(ask(s, { ...supervisor, execute: true })).toBe('82');
  });
  it('are set in every entry passed, D in the leaf on a write, EA where EAFE asks and exists', () => {
    for (const [options, marks] of [
      [{ entry: { EAFE: true } }, [0x420n, 0x420n, 0x420n, 0x460n]],
      [{ entry: { EAFE: true }, ecap: { EAFS: false } }, [0x20n, 0x20n, 0x20n, 0x60n]],
    ] as const) {
      const s = system('first', options);
      s.unit.translate(request({ write: true }));
      expect(s.first.map((at) => s.memory.peek(at) & 0x460n)).toEqual(marks);
    }
  });
  it('that cannot be set are mended by setting them: the edit is named, one entry after the other', () => {
    for (const [stages, reason] of [['first', 0x90], ['first', 0x91], ['second', 0x7c], ['second', 0x7d]] as const) {
      const s = system(stages, { entry: { SSADE: true }, ecap: { SMPWC: reason === 0x90 || reason === 0x7c } });
      if (reason === 0x91 || reason === 0x7d) for (const at of s[stages]) s.memory.unchangeable.add(at);
      const mendedAt: (bigint | null)[] = [];
      for (let answer = s.unit.translate(request({ write: true })); answer.kind === 'refused'; answer = s.unit.translate(request({ write: true }))) {
        const { entry, rule } = answer.fault.why;
        expect(answer.fault.reason).toBe(reason);
        expect(mendedAt).not.toContain(entry);
        mendedAt.push(entry);
        applyRepair(s.memory, entry ?? 0n, rule.repair ?? {});
      }
      expect(mendedAt).toEqual(s[stages]);
    }
  });
  it('of the second stage are set with SSADE only', () => {
    for (const [entry, marks] of [[{}, [0n, 0n, 0n, 0n]], [{ SSADE: true }, [0x100n, 0x100n, 0x100n, 0x300n]]] as const) {
      const s = system('second', { entry });
      s.unit.translate(request({ write: true }));
      expect(s.second.map((at) => s.memory.peek(at) & 0x300n)).toEqual(marks);
    }
  });
  it('need no snooping walk where they are set already', () => {
    const s = system('first', { ecap: { SMPWC: true } });
    for (const at of s.first) toggle(s.memory, at, 0x60n);
    expect(ask(s, { write: true })).toBe(0x77_7abcn);
    expect(ask(system('first', { ecap: { SMPWC: true }, entry: { PWSNP: true } }), { write: true })).toBe(0x77_7abcn);
  });
  it('of a nested walk make the page of the table dirty, and only setting them does', () => {
    const s = system('nested', { entry: { SSADE: true } });
    s.unit.translate(request());
    expect(s.memory.peek(s.second[2] ?? 0n) & 0x300n).toBe(0x300n);
    const marked = system('nested', { entry: { SSADE: true } });
    for (const at of marked.first) toggle(marked.memory, at, 0x60n);
    marked.unit.translate(request({ write: true }));
    expect([marked.second[2] ?? 0n, (marked.second[2] ?? 0n) + 24n].map((at) => marked.memory.peek(at) & 0x300n)).toEqual([0x100n, 0x300n]);
  });
});

describe('each access has a name for whoever watches', () => {
  it.each([
    ['first', ['first-stage table, level 3', 'first-stage table, level 2', 'first-stage table, level 1', 'first-stage table, level 0']],
    ['second', ['second-stage table, level 3', 'second-stage table, level 2', 'second-stage table, level 1', 'second-stage table, level 0']],
  ] as const)('%s', (stages, names) => {
    const s = system(stages);
    const seen: string[] = [];
    s.unit.bus.watch = ({ kind, what }) => (kind === 'read' ? seen.push(what) : 0);
    s.unit.translate(request());
    expect(seen).toEqual(['scalable root entry', 'scalable context entry', 'PASID directory', 'PASID-table entry', ...names]);
  });
  it('of five levels, too', () => {
    const s = system('first', { levels: 5 });
    const seen: string[] = [];
    s.unit.bus.watch = ({ kind, what }) => (kind === 'read' ? seen.push(what) : 0);
    s.unit.translate(request());
    expect(seen.slice(4)).toEqual([4, 3, 2, 1, 0].map((level) => `first-stage table, level ${level}`));
  });
  it('of five levels of the second stage, and in legacy mode', () => {
    const s = system('second', { entry: { AW: 3, SSPTPTR: 0x80n } });
    s.memory.poke(0x80n << 12n, SecondStageEntry.encode({ R: true, W: true, address: SECOND }));
    const names = [4, 3, 2, 1, 0].map((level) => `second-stage table, level ${level}`);
    const seen: string[] = [];
    s.unit.bus.watch = ({ what }) => void seen.push(what);
    expect(ask(s)).toBe(0x77_7abcn);
    expect(seen.slice(4)).toEqual(names);
    const legacy = system('legacy');
    seen.length = 0;
    legacy.unit.bus.watch = ({ what }) => void seen.push(what);
    expect(ask(legacy, bare('legacy'))).toBe(0x77_7abcn);
    expect(seen).toEqual(['root entry', 'context entry', ...names.slice(1)]);
  });
});

describe('modes', () => {
  it('abort mode ends every request and records nothing', () => {
    const s = system('first', { ecap: { ADMS: true } });
    s.unit.rootTable |= 3n << 10n;
    expect(ask(s)).toBe('aborted');
    expect(s.unit.records.every((record) => record === 0n)).toBe(true);
  });
  it('a write without PASID into the interrupt range is a message', () => {
    expect(system('pass').unit.translate(request({ pasid: null, write: true, address: 0xfee0_1000n }))).toEqual({ kind: 'interrupt', address: 0xfee0_1000n });
  });
  it('pages snoop where PGSNP or SNP says so', () => {
    expect(system('first').unit.translate(request())).toMatchObject({ snoops: false });
    expect(system('first', { entry: { PGSNP: true } }).unit.translate(request())).toMatchObject({ snoops: true });
    const s = system('second', { ecap: { SC: true } });
    toggle(s.memory, s.second[3], 0x800n);
    expect(s.unit.translate(request())).toMatchObject({ snoops: true });
  });
  it('large pages of every level reach what lies in them', () => {
    for (const level of [1, 2]) {
      const s = system('first');
      const bits = BigInt(12 + 9 * level);
      s.memory.poke(s.first[3 - level] ?? 0n, FirstStageEntry.encode({ P: true, RW: true, US: true, PS: true, address: (5n << bits) >> 12n }));
      expect(s.unit.translate(request())).toMatchObject({ address: (5n << bits) | (ADDRESS & ((1n << bits) - 1n)), span: Number(bits) });
    }
  });
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

it('the tables lie where the rows say', () => {
  const s = system('first');
  expect(PasidEntry.decode([0, 1, 2, 3, 4, 5, 6, 7].reduce((raw, i) => raw | (s.memory.peek(s.pasid + BigInt(8 * i)) << BigInt(64 * i)), 0n))).toMatchObject({ P: true, FSPTPTR: FIRST, PGTT: 1 });
  expect(s.root).toBe((ROOT << 12n) + 16n);
  s.memory.put(s.pasid, 0n, 8);
  expect(ask(s)).toBe('59');
});
