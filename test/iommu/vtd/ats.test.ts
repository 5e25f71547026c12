// SPDX-License-Identifier: Apache-2.0
/** Translation requests, translated requests and page requests. "Device-TLB and PCIe ATS", "Page Requests". */
import { describe, expect, it } from 'vitest';
import type { AtsGrant, DmaRequest, PageRequestMessage } from '@dmalab/core/iommu/unit';
import { PageRequestEntry } from '@dmalab/core/iommu/vtd/queues';
import { OFFSET, PageQueueAddress } from '@dmalab/core/iommu/vtd/registers';
import { FaultRecording, FirstStageEntry, SecondStageEntry } from '@dmalab/core/iommu/vtd/structures';
import { ADDRESS, CACHES, OTHER, PAGES, PASID, REACHED, SOURCE, system, toggle, type Stages, type System, type SystemOptions } from './system.ts';

const dma = (over: Partial<DmaRequest> = {}): DmaRequest => ({ source: SOURCE, pasid: PASID, type: 'ats', write: false, execute: false, privileged: false, noWrite: false, address: ADDRESS, ...over });
const GRANT: AtsGrant = { read: true, write: true, execute: false, privileged: false, global: false, untranslatedOnly: false, noSnoop: false };

function grant(s: System, over: Partial<DmaRequest> = {}): AtsGrant | string {
  const answer = s.unit.serve(dma(over));
  return answer.kind === 'memory' && answer.ats !== null ? answer.ats : answer.kind;
}

describe('a translation request', () => {
  type Row = readonly [what: string, stages: Stages, over: Partial<DmaRequest>, expected: Partial<AtsGrant>, change?: (s: System) => void, options?: SystemOptions];
  const ROWS: readonly Row[] = [
    ['is granted reading and writing', 'first', {}, {}],
    ['through the second stage, too', 'second', {}, {}],
    ['and nested', 'nested', {}, {}],
    ['and passing through', 'pass', {}, {}],
    ['and in legacy mode', 'legacy', { pasid: null }, {}],
    ['of a read-only page: reading', 'first', {}, { write: false }, (s) => toggle(s.memory, s.first[3], 2n)],
    ['of a write-only page: writing', 'second', {}, { read: false }, (s) => toggle(s.memory, s.second[3], 1n)],
    ['that will not write: reading', 'first', { noWrite: true }, { write: false }],
    ['that will not write, of a unit that does not know the flag: both', 'first', { noWrite: true }, {}, undefined, { ecap: { NWFS: false } }],
    ['to execute: that as well', 'first', { execute: true }, { execute: true }, undefined, { entry: { ERE: true } }],
    ['to execute what XD forbids: the rest', 'first', { execute: true }, { execute: false }, (s) => toggle(s.memory, s.first[3], 1n << 63n), { entry: { ERE: true, NXE: true } }],
    ['not to execute: not that', 'first', {}, { execute: false }, undefined, { entry: { ERE: true } }],
    ['of a supervisor: for supervisors', 'first', { privileged: true }, { privileged: true }, (s) => toggle(s.memory, s.first[3], 4n), { entry: { SRE: true } }],
    ['of a supervisor, read-only without WPE: both', 'first', { privileged: true }, { privileged: true }, (s) => toggle(s.memory, s.first[3], 2n), { entry: { SRE: true } }],
    ['of a supervisor, read-only with WPE: reading', 'first', { privileged: true }, { privileged: true, write: false }, (s) => toggle(s.memory, s.first[3], 2n), { entry: { SRE: true, WPE: true } }],
    ['of a global page: global', 'first', {}, { global: true }, (s) => toggle(s.memory, s.first[3], 0x100n)],
    ['of a global page without PASID: not', 'first', { pasid: null }, {}, (s) => toggle(s.memory, s.first[3], 0x100n)],
    ['of a page that snoops: so it says', 'first', {}, { noSnoop: true }, undefined, { entry: { PGSNP: true } }],
    ['of a page whose second stage snoops: so it says', 'second', {}, { noSnoop: true }, (s) => toggle(s.memory, s.second[3], 0x800n), { ecap: { SC: true } }],
    ['of the interrupt range without PASID: to write, untranslated', 'first', { pasid: null, address: 0xfee0_0000n }, { read: false, untranslatedOnly: true }],
  ];
  it.each(ROWS.map((row) => [row[0], row] as const))('%s', (_, [, stages, over, expected, change, options]) => {
    for (const caches of [undefined, CACHES]) {
      const s = system(stages, { ...options, ...(caches === undefined ? {} : { caches }) });
      change?.(s);
      for (let i = 0; i < 2; i += 1) expect(grant(s, over)).toEqual({ ...GRANT, ...expected });
      expect(s.unit.records.every((record) => record === 0n)).toBe(true);
    }
  });

  it('says how far alike its surroundings translate', () => {
    const s = system('first');
    s.memory.poke(s.first[2] ?? 0n, FirstStageEntry.encode({ P: true, RW: true, US: true, PS: true, address: 0x400n }));
    expect(s.unit.serve(dma())).toMatchObject({ span: 21, ticket: 0 });
    const nested = system('nested');
    nested.memory.poke(nested.first[2] ?? 0n, FirstStageEntry.encode({ P: true, RW: true, US: true, PS: true, address: 0x400n }));
    nested.memory.poke((nested.second[2] ?? 0n) + 16n, SecondStageEntry.encode({ R: true, W: true, address: 0x44n }));
    nested.memory.poke((0x44n << 12n) | (((ADDRESS >> 12n) & 0x1ffn) * 8n), SecondStageEntry.encode({ R: true, W: true, address: OTHER }));
    expect(nested.unit.serve(dma())).toMatchObject({ span: 12, address: (OTHER << 12n) | (ADDRESS & 0xfffn) });
  });

  it('makes the page dirty when writing is granted, and not otherwise', () => {
    for (const [over, change, dirty] of [[{}, 0n, 0x40n], [{ noWrite: true }, 0n, 0n], [{}, 2n, 0n]] as const) {
      const s = system('first');
      toggle(s.memory, s.first[3], change);
      s.unit.serve(dma(over));
      expect(s.memory.peek(s.first[3] ?? 0n) & 0x60n).toBe(0x20n | dirty);
    }
  });

  it('without permission succeeds with nothing, and nothing is recorded', () => {
    const s = system('first');
    toggle(s.memory, s.first[3], 1n);
    expect([s.unit.serve(dma()), s.unit.records[0]]).toEqual([{ kind: 'denied' }, 0n]);
  });

  it('to a broken table ends in an abort, to a broken context unsupported; both are recorded', () => {
    const s = system('first');
    toggle(s.memory, s.first[1], 1n << 50n);
    expect(s.unit.serve(dma())).toEqual({ kind: 'refused', status: 'completer-abort' });
    expect(FaultRecording.decode(s.unit.records[0] ?? 0n)).toMatchObject({ FR: 0x72, AT: 1 });
    const t = system('first');
    toggle(t.memory, t.context, 4n);
    expect(t.unit.serve(dma())).toEqual({ kind: 'refused', status: 'unsupported-request' });
    expect(FaultRecording.decode(t.unit.records[0] ?? 0n)).toMatchObject({ FR: 0x44, AT: 1 });
  });
});

describe('a translated request', () => {
  it('is taken as it is, without a look at the tables below the context', () => {
    for (const stages of ['first', 'legacy'] as const) {
      const s = system(stages);
      s.memory.log = [];
      const answer = s.unit.serve(dma({ type: 'translated', pasid: null, write: true, address: 0x1234_5678n }));
      expect(answer).toMatchObject({ kind: 'memory', address: 0x1234_5678n, ats: null });
      expect([answer.kind === 'memory' && answer.ticket > 0, s.memory.log.length]).toEqual([true, 2]);
    }
  });
  it('of a device without DTE is refused and recorded; into the interrupt range it is refused', () => {
    const s = system('first');
    expect(s.unit.serve(dma({ type: 'translated', pasid: null, address: 0xfee0_0000n, write: true }))).toEqual({ kind: 'refused', status: 'unsupported-request' });
    expect(s.unit.records[0]).toBe(0n);
    toggle(s.memory, s.context, 4n);
    expect(s.unit.serve(dma({ type: 'translated', pasid: null }))).toEqual({ kind: 'refused', status: 'unsupported-request' });
    expect(FaultRecording.decode(s.unit.records[0] ?? 0n)).toMatchObject({ FR: 0x44, AT: 2, PP: false });
  });
});

const ask = (over: Partial<PageRequestMessage> = {}): PageRequestMessage => ({ source: SOURCE, pasid: PASID, privileged: false, execute: false, read: true, write: false, last: true, group: 300, address: ADDRESS & ~0xfffn, ...over });
const entry = (s: System, index: bigint): ReturnType<typeof PageRequestEntry.decode> => PageRequestEntry.decode([0n, 1n, 2n, 3n].reduce((raw, i) => raw | (s.memory.peek((PAGES << 12n) + 32n * index + 8n * i) << (64n * i)), 0n));
const tail = (s: System): bigint => s.unit.readRegister(OFFSET.PQT, 8);

function withQueue(stages: Stages = 'first', options: SystemOptions = {}): System {
  const s = system(stages, options);
  s.unit.writeRegister(OFFSET.PQA, 8, PageQueueAddress.encode({ PQA: PAGES }));
  return s;
}

describe('a page request', () => {
  it.each([
    ['of a process', {}, { PASID_P: true, PASID, R: true, W: false, LPIG: true }],
    ['that writes', { read: false, write: true }, { R: false, W: true }],
    ['that is not the last', { last: false }, { LPIG: false }],
    ['of a supervisor that executes', { privileged: true, execute: true }, { PRIV: true, EXE: true }],
    ['without PASID: neither privilege nor execution', { pasid: null, privileged: true, execute: true }, { PASID_P: false, PASID: 0, PRIV: false, EXE: false }],
    ['of group 0', { group: 0 }, { PRGI: 0 }],
    ['at the top', { address: 0xffff_ffff_ffff_f000n }, { ADDR: 0xf_ffff_ffff_ffffn }],
    ['a stop marker', { read: false, write: false }, { R: false, W: false, LPIG: true }],
  ] as const)('lies in the queue, field by field: %s', (_, over, fields) => {
    const s = withQueue();
    s.unit.page(ask(over));
    const common = { type: 1, RID: SOURCE, PRGI: 300, ADDR: ADDRESS >> 12n, privateLow: 0n, privateHigh: 0n };
    expect(entry(s, 0n)).toMatchObject({ ...common, ...fields });
    expect([tail(s), s.unit.readRegister(OFFSET.PRS, 4), s.messages]).toEqual([32n, 1n, []]);
  });

  it('interrupts when it is the first to wait', () => {
    const s = withQueue();
    s.unit.writeRegister(OFFSET.PEDATA, 4, 0x99n);
    s.unit.writeRegister(OFFSET.PEADDR, 4, 0xfee0_0000n);
    s.unit.writeRegister(OFFSET.PECTL, 4, 0n);
    s.unit.page(ask());
    expect(s.memory.peek(0xfee0_0000n)).toBe(0x99n);
    s.memory.poke(0xfee0_0000n, 0n);
    s.unit.page(ask());
    expect([s.memory.peek(0xfee0_0000n), tail(s)]).toEqual([0n, 64n]);
    s.unit.writeRegister(OFFSET.PRS, 4, 1n);
    s.unit.page(ask());
    expect(s.memory.peek(0xfee0_0000n)).toBe(0x99n);
  });

  it('that finds the queue full sets PRO; from then on the unit answers groups itself until software clears it', () => {
    const s = withQueue();
    for (let i = 0; i < 127; i += 1) s.unit.page(ask({ last: false }));
    expect([tail(s), s.unit.readRegister(OFFSET.PRS, 4)]).toEqual([127n * 32n, 1n]);
    s.unit.page(ask({ last: false }));
    expect([tail(s), s.unit.readRegister(OFFSET.PRS, 4), s.messages]).toEqual([127n * 32n, 3n, []]);
    s.unit.writeRegister(OFFSET.PQH, 8, 64n);
    s.unit.page(ask());
    expect([tail(s), s.messages]).toEqual([127n * 32n, [{ kind: 'page-response', source: SOURCE, pasid: PASID, group: 300, code: 'success' }]]);
    s.unit.page(ask({ read: false }));
    expect(s.messages).toHaveLength(1);
    s.unit.writeRegister(OFFSET.PRS, 4, 2n);
    s.unit.page(ask({ group: 5 }));
    expect([tail(s), entry(s, 127n).PRGI]).toEqual([0n, 5]);
    s.unit.page(ask({ group: 6 }));
    expect([tail(s), entry(s, 0n).PRGI]).toEqual([32n, 6]);
  });

  it('fills as many pages as PQS says', () => {
    const s = system('first');
    s.unit.writeRegister(OFFSET.PQA, 8, PageQueueAddress.encode({ PQA: PAGES, PQS: 1 }));
    for (let i = 0; i < 256; i += 1) s.unit.page(ask({ group: i, last: false }));
    expect([tail(s), entry(s, 254n).PRGI, s.unit.readRegister(OFFSET.PRS, 4)]).toEqual([255n * 32n, 254, 3n]);
  });

  type Row = readonly [reason: number, what: string, code: 'invalid' | 'failure', change: (s: System) => void, over?: Partial<PageRequestMessage>, qualified?: boolean];
  const ROWS: readonly Row[] = [
    [0x30, 'reserved table mode', 'failure', (s) => (s.unit.rootTable |= 3n << 10n), {}, false],
    [0x38, 'root entry unreadable', 'failure', (s) => s.memory.damage([s.root], []), {}, false],
    [0x39, 'root entry absent', 'failure', (s) => toggle(s.memory, s.root, 1n), {}, false],
    [0x40, 'context entry unreadable', 'failure', (s) => s.memory.damage([s.context], []), {}, false],
    [0x41, 'context entry absent', 'failure', (s) => toggle(s.memory, s.context, 1n)],
    [0x42, 'reserved bit in the context entry', 'failure', (s) => toggle(s.memory, s.context, 0x20n)],
    [0x45, 'PASID without PASIDE', 'invalid', (s) => toggle(s.memory, s.context, 8n)],
    [0x46, 'PASID beyond the directory', 'invalid', (s) => toggle(s.memory, s.context, 7n << 9n)],
    [0x47, 'no PRE (SCT.8)', 'invalid', (s) => toggle(s.memory, s.context, 16n)],
  ];
  it.each(ROWS.map((row) => [row[0], row[1], row] as const))('%i: %s is recorded and answered', (reason, _, [, , code, change, over = {}, qualified = true]) => {
    for (const silent of [false, true]) {
      const s = withQueue();
      change(s);
      if (silent) toggle(s.memory, s.context, 2n);
      s.unit.page(ask({ ...over, write: true }));
      const record = s.unit.records[0] ?? 0n;
      if (silent && qualified) expect(record).toBe(0n);
      else expect(FaultRecording.decode(record)).toMatchObject({ FR: reason, F: true, SID: SOURCE, PP: true, PV: PASID, T1: false, T2: true, AT: 0, FI: ADDRESS >> 12n });
      expect([tail(s), s.messages]).toEqual([0n, [{ kind: 'page-response', source: SOURCE, pasid: PASID, group: 300, code }]]);
    }
  });

  it('50 (RTA.3): in legacy mode there are none', () => {
    const s = withQueue('legacy');
    s.unit.page(ask({ pasid: null }));
    expect(FaultRecording.decode(s.unit.records[0] ?? 0n)).toMatchObject({ FR: 0x32, T1: false, T2: true });
    expect(s.messages).toMatchObject([{ code: 'invalid', pasid: null }]);
  });

  it('is answered with failure where there is no queue to put it, translation is off, or the root table aborts', () => {
    for (const change of [
      (s: System): void => s.memory.damage([PAGES << 12n], []),
      (s: System): void => s.unit.writeRegister(OFFSET.GCMD, 4, 0n),
    ]) {
      const s = withQueue();
      change(s);
      s.unit.page(ask());
      expect([tail(s), s.messages, s.unit.records[0]]).toEqual([0n, [{ kind: 'page-response', source: SOURCE, pasid: PASID, group: 300, code: 'failure' }], 0n]);
    }
    const s = withQueue('first', { ecap: { PRS: false } });
    s.unit.page(ask());
    expect([s.messages, s.unit.readRegister(OFFSET.PQT, 8)]).toMatchObject([[{ code: 'failure' }], 0n]);
    const t = withQueue('first', { ecap: { ADMS: true } });
    t.unit.rootTable |= 3n << 10n;
    t.unit.page(ask());
    expect([t.messages, t.unit.records[0]]).toMatchObject([[{ code: 'failure' }], 0n]);
  });

  it('makes the unit forget what it knows of the page, and of no other', () => {
    for (const [page, expected] of [[ADDRESS, (OTHER << 12n) | (ADDRESS & 0xfffn)], [ADDRESS ^ 0x1000n, REACHED]] as const) {
      const s = withQueue('first', { caches: CACHES });
      s.unit.serve(dma({ type: 'untranslated' }));
      s.memory.poke(s.first[3] ?? 0n, FirstStageEntry.encode({ P: true, RW: true, US: true, address: OTHER }));
      s.unit.page(ask({ address: page & ~0xfffn }));
      expect(s.unit.serve(dma({ type: 'untranslated' }))).toMatchObject({ address: expected });
    }
  });
});
