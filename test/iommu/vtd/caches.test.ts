// SPDX-License-Identifier: Apache-2.0
/**
 * What a unit with caches remembers, what each invalidation makes it forget, and
 * the orders in which software must ask. Everything here is stale on purpose:
 * "Caching Translation Information", "Invalidation of Translation Caches".
 */
import { describe, expect, it } from 'vitest';
import type { UnitMessage } from '@dmalab/core/iommu/unit';
import * as queues from '@dmalab/core/iommu/vtd/queues';
import { ContextCommand, GlobalCommand, InvalidateAddress, IotlbInvalidate, OFFSET, RootTableAddress } from '@dmalab/core/iommu/vtd/registers';
import { ContextEntry, FirstStageEntry, PasidEntry, SecondStageEntry } from '@dmalab/core/iommu/vtd/structures';
import { ADDRESS, ask, bare, CACHES, DOMAIN, FIRST, MOVED, OTHER, PASID, REACHED, remap, ROOT, SECOND, SOURCE, STATUS, Submitter, system, toggle, type Stages, type System, type SystemOptions } from './system.ts';

const context = (over: Parameters<typeof queues.ContextCacheDescriptor.encode>[0]): bigint => queues.ContextCacheDescriptor.encode({ type: 1, ...over });
const iotlb = (over: Parameters<typeof queues.IotlbDescriptor.encode>[0]): bigint => queues.IotlbDescriptor.encode({ type: 2, ...over });
const pasidIotlb = (over: Parameters<typeof queues.PasidIotlbDescriptor.encode>[0]): bigint => queues.PasidIotlbDescriptor.encode({ type: 6, DID: DOMAIN, PASID, ...over });
const pasidCache = (over: Parameters<typeof queues.PasidCacheDescriptor.encode>[0]): bigint => queues.PasidCacheDescriptor.encode({ type: 7, DID: DOMAIN, PASID, ...over });

const cached = (stages: Stages, options: SystemOptions = {}): System => system(stages, { caches: CACHES, ...options });
const bytesOf = (stages: Stages): 16 | 32 => (stages.startsWith('legacy') ? 16 : 32);
const PAGE_OF_ADDRESS = ADDRESS >> 12n;

/** Leaf of the stage that devices see. */
const leafOf = (s: System, stages: Stages): bigint => (stages === 'second' || stages === 'legacy' ? s.second : s.first)[3] ?? 0n;
function move(s: System, stages: Stages): void {
  const leaf = leafOf(s, stages);
  s.memory.poke(leaf, (s.memory.peek(leaf) & ~(0xff_ffff_ffffn << 12n)) | (OTHER << 12n));
}

describe('the IOTLB', () => {
  it.each(['first', 'second', 'nested', 'legacy'] as const)('answers without reading memory, and is stale when the table changes: %s', (stages) => {
    const s = cached(stages);
    expect(ask(s, bare(stages))).toBe(REACHED);
    move(s, stages);
    s.memory.log = [];
    expect([ask(s, bare(stages)), s.memory.log.length]).toEqual([REACHED, 0]);
  });

  it.each(['first', 'second', 'nested', 'legacy'] as const)('answers writes as well, once the page is dirty where that is kept: %s', (stages) => {
    const s = cached(stages);
    ask(s, { ...bare(stages), write: true });
    s.memory.log = [];
    expect([ask(s, { ...bare(stages), write: true }), ask(s, bare(stages)), s.memory.log.length]).toEqual([REACHED, REACHED, 0]);
  });

  it('of a unit without caches is never stale', () => {
    const s = system('first');
    ask(s);
    move(s, 'first');
    expect(ask(s)).toBe(MOVED);
  });

  type Row = readonly [what: string, stages: Stages, descriptor: bigint, forgets: boolean];
  const ROWS: readonly Row[] = [
    ['everything', 'first', iotlb({ G: 1 }), true],
    ['everything', 'legacy', iotlb({ G: 1 }), true],
    ['its domain', 'first', iotlb({ G: 2, DID: DOMAIN }), true],
    ['its domain', 'second', iotlb({ G: 2, DID: DOMAIN }), true],
    ['another domain', 'second', iotlb({ G: 2, DID: DOMAIN + 1 }), false],
    ['its page', 'legacy', iotlb({ G: 3, DID: DOMAIN, ADDR: PAGE_OF_ADDRESS }), true],
    ['its page', 'second', iotlb({ G: 3, DID: DOMAIN, ADDR: PAGE_OF_ADDRESS }), true],
    ['its page, leaves only', 'second', iotlb({ G: 3, DID: DOMAIN, ADDR: PAGE_OF_ADDRESS, IH: true }), true],
    ['the next page', 'second', iotlb({ G: 3, DID: DOMAIN, ADDR: PAGE_OF_ADDRESS + 1n }), false],
    ['a range with its page', 'second', iotlb({ G: 3, DID: DOMAIN, ADDR: (PAGE_OF_ADDRESS >> 4n) << 4n, AM: 4 }), true],
    ['the range before', 'second', iotlb({ G: 3, DID: DOMAIN, ADDR: ((PAGE_OF_ADDRESS >> 4n) << 4n) - 16n, AM: 4 }), false],
    ['its page in another domain', 'second', iotlb({ G: 3, DID: DOMAIN + 1, ADDR: PAGE_OF_ADDRESS }), false],
    ['a page of the domain, first stage alone', 'first', iotlb({ G: 3, DID: DOMAIN, ADDR: PAGE_OF_ADDRESS }), false],
    ['any page of the domain, nested', 'nested', iotlb({ G: 3, DID: DOMAIN, ADDR: 5n }), true],
    ['any page of another domain, nested', 'nested', iotlb({ G: 3, DID: DOMAIN + 1, ADDR: 5n }), false],
    ['the PASID', 'first', pasidIotlb({ G: 2 }), true],
    ['the PASID', 'nested', pasidIotlb({ G: 2 }), true],
    ['the PASID, second stage', 'second', pasidIotlb({ G: 2 }), false],
    ['another PASID', 'first', pasidIotlb({ G: 2, PASID: PASID + 1 }), false],
    ['the PASID in another domain', 'first', pasidIotlb({ G: 2, DID: DOMAIN + 1 }), false],
    ['the page of the PASID', 'first', pasidIotlb({ G: 3, ADDR: PAGE_OF_ADDRESS }), true],
    ['the page of the PASID', 'nested', pasidIotlb({ G: 3, ADDR: PAGE_OF_ADDRESS, IH: true }), true],
    ['the next page of the PASID', 'first', pasidIotlb({ G: 3, ADDR: PAGE_OF_ADDRESS + 1n }), false],
    ['a range of the PASID', 'first', pasidIotlb({ G: 3, ADDR: (PAGE_OF_ADDRESS >> 9n) << 9n, AM: 9 }), true],
    ['the page of another PASID', 'first', pasidIotlb({ G: 3, PASID: 4, ADDR: PAGE_OF_ADDRESS }), false],
    ['contexts only', 'first', context({ G: 1 }), false],
    ['PASID entries only', 'first', pasidCache({ G: 3 }), false],
  ];
  it.each(ROWS)('%s (%s)', (_, stages, descriptor, forgets) => {
    const s = cached(stages);
    ask(s, bare(stages));
    move(s, stages);
    new Submitter(s, bytesOf(stages)).submit(descriptor);
    expect(ask(s, bare(stages))).toBe(forgets ? MOVED : REACHED);
  });

  it('keeps global pages of a PASID until they are named', () => {
    const s = cached('first');
    toggle(s.memory, s.first[3], 0x100n);
    ask(s);
    move(s, 'first');
    const queue = new Submitter(s);
    queue.submit(pasidIotlb({ G: 2 }));
    expect(ask(s)).toBe(REACHED);
    queue.submit(pasidIotlb({ G: 3, ADDR: PAGE_OF_ADDRESS }));
    expect(ask(s)).toBe(MOVED);
  });

  it('forgets a large page when any page of it is named', () => {
    const s = cached('first');
    s.memory.poke(s.first[2] ?? 0n, FirstStageEntry.encode({ P: true, RW: true, US: true, PS: true, address: 0x200n }));
    expect(ask(s)).toBe((0x200n << 12n) | (ADDRESS & 0x1f_ffffn));
    s.memory.poke(s.first[2] ?? 0n, FirstStageEntry.encode({ P: true, RW: true, US: true, PS: true, address: 0x400n }));
    expect(ask(s, { address: ADDRESS + 0x1000n })).toBe((0x200n << 12n) | ((ADDRESS + 0x1000n) & 0x1f_ffffn));
    new Submitter(s).submit(pasidIotlb({ G: 3, ADDR: PAGE_OF_ADDRESS ^ 1n }));
    expect(ask(s)).toBe((0x400n << 12n) | (ADDRESS & 0x1f_ffffn));
  });

  it('never permits what no walk has permitted: less permission stays stale, more is found out', () => {
    const s = cached('first');
    toggle(s.memory, s.first[3], 2n);
    expect([ask(s), ask(s, { write: true })]).toEqual([REACHED, '85']);
    toggle(s.memory, s.first[3], 2n);
    expect([ask(s, { write: true }), ask(s)]).toEqual([REACHED, REACHED]);
    toggle(s.memory, s.first[3], 2n);
    expect(ask(s, { write: true })).toBe(REACHED);
  });

  it('does not write a clean page without making it dirty', () => {
    for (const [stages, entry, bit, leaf] of [['first', {}, 0x40n, 'first'], ['second', { SSADE: true }, 0x200n, 'second']] as const) {
      const s = cached(stages, { entry });
      ask(s);
      expect(s.memory.peek(s[leaf][3] ?? 0n) & bit).toBe(0n);
      ask(s, { write: true });
      expect(s.memory.peek(s[leaf][3] ?? 0n) & bit).toBe(bit);
    }
  });

  it('tells user and supervisor apart', () => {
    const s = cached('first', { entry: { SRE: true } });
    toggle(s.memory, s.first[3], 4n);
    expect([ask(s, { privileged: true }), ask(s), ask(s, { privileged: true })]).toEqual([REACHED, '81', REACHED]);
  });

  it('tells executing apart', () => {
    const s = cached('first', { entry: { SRE: true, ERE: true, NXE: true, SMEP: true } });
    expect([ask(s), ask(s, { execute: true }), ask(s, { execute: true, privileged: true })]).toEqual([REACHED, REACHED, '82']);
    const forbidden = cached('first', { entry: { ERE: true, NXE: true } });
    toggle(forbidden.memory, forbidden.first[0], 1n << 63n);
    expect([ask(forbidden), ask(forbidden, { execute: true })]).toEqual([REACHED, '82']);
  });

  it('knows addresses by domain: two devices of one domain share them, though their tables differ', () => {
    const s = cached('legacy');
    ask(s, { pasid: null });
    s.memory.put(s.context + 16n, ContextEntry.encode({ P: true, TT: 1, AW: 2, SSPTPTR: 0x90n, DID: DOMAIN }), 2);
    expect(ask(s, { pasid: null, sourceId: SOURCE + 1 })).toBe(REACHED);
    s.memory.put(s.context + 32n, ContextEntry.encode({ P: true, TT: 1, AW: 2, SSPTPTR: 0x90n, DID: DOMAIN + 1 }), 2);
    expect(ask(s, { pasid: null, sourceId: SOURCE + 2 })).toBe('06');
  });

  it('can be looked at, and loses entries when it is told that they lapsed', () => {
    const s = cached('first');
    ask(s);
    expect(s.unit.caches.map(({ name, entries }) => [name, entries.length])).toHaveLength(4);
    expect(s.unit.caches.map((cache) => [cache.name, cache.entries().length])).toEqual([['context cache', 1], ['PASID cache', 1], ['IOTLB', 1], ['paging-structure cache', 3]]);
    move(s, 'first');
    expect(ask(s)).toBe(REACHED);
    s.unit.lapses = (cache) => cache === 'IOTLB';
    expect(ask(s)).toBe(MOVED);
  });
});

describe('tables above the leaves', () => {
  const elsewhere = (s: System, stages: 'first' | 'second'): void => {
    const table = 0x80n;
    const index = (PAGE_OF_ADDRESS & 0x1ffn) * 8n;
    s.memory.poke((table << 12n) + index, stages === 'first' ? FirstStageEntry.encode({ P: true, RW: true, US: true, address: OTHER }) : SecondStageEntry.encode({ R: true, W: true, address: OTHER }));
    const parent = s[stages][2] ?? 0n;
    s.memory.poke(parent, (s.memory.peek(parent) & ~(0xff_ffff_ffffn << 12n)) | (table << 12n));
  };
  it.each([
    ['first', 'with its leaf', pasidIotlb({ G: 3, ADDR: PAGE_OF_ADDRESS }), MOVED],
    ['first', 'not where only leaves changed', pasidIotlb({ G: 3, ADDR: PAGE_OF_ADDRESS, IH: true }), REACHED],
    ['first', 'with the PASID', pasidIotlb({ G: 2 }), MOVED],
    ['second', 'with its leaf', iotlb({ G: 3, DID: DOMAIN, ADDR: PAGE_OF_ADDRESS }), MOVED],
    ['second', 'not where only leaves changed', iotlb({ G: 3, DID: DOMAIN, ADDR: PAGE_OF_ADDRESS, IH: true }), REACHED],
    ['second', 'with the domain', iotlb({ G: 2, DID: DOMAIN }), MOVED],
    ['second', 'with everything', iotlb({ G: 1 }), MOVED],
  ] as const)('are forgotten (%s stage): %s', (stages, _, descriptor, expected) => {
    const s = cached(stages);
    ask(s);
    elsewhere(s, stages);
    new Submitter(s).submit(descriptor);
    expect(ask(s)).toBe(expected);
  });

  it('save reads of later walks nearby', () => {
    const s = cached('first');
    ask(s);
    s.memory.log = [];
    expect(ask(s, { address: ADDRESS ^ 0x1000n })).toBe('71');
    expect(s.memory.log.map(({ address }) => address)).toEqual([(s.first[3] ?? 0n) ^ 8n]);
  });

  it('of a nested walk stay where they are until the second stage is invalidated', () => {
    const s = cached('nested');
    ask(s);
    // A table of the guest moves to other host memory, where its entry leads to another last table.
    const [copy, last] = [0x600n, 0x81n];
    s.memory.poke((copy << 12n) | ((s.first[2] ?? 0n) & 0xfffn), FirstStageEntry.encode({ P: true, RW: true, US: true, address: last }));
    s.memory.poke((last << 12n) | ((s.first[3] ?? 0n) & 0xfffn), FirstStageEntry.encode({ P: true, RW: true, US: true, address: OTHER }));
    for (let i = 0n; i < 0x200n; i += 1n) s.memory.poke(((SECOND + 4n) << 12n) + i * 8n, SecondStageEntry.encode({ R: true, W: true, address: i === FIRST + 2n ? copy : i }));
    s.memory.poke(s.second[2] ?? 0n, SecondStageEntry.encode({ R: true, W: true, address: SECOND + 4n }));
    expect(ask(s)).toBe(REACHED);
    const queue = new Submitter(s);
    queue.submit(pasidIotlb({ G: 3, ADDR: PAGE_OF_ADDRESS, IH: true }));
    expect(ask(s)).toBe(REACHED);
    queue.submit(iotlb({ G: 3, DID: DOMAIN, ADDR: 0n, AM: 9 }));
    expect(ask(s)).toBe(MOVED);
  });
});

describe('the context cache', () => {
  type Row = readonly [what: string, stages: 'first' | 'legacy', descriptor: bigint, forgets: boolean];
  const ROWS: readonly Row[] = [
    ['everything', 'legacy', context({ G: 1 }), true],
    ['everything', 'first', context({ G: 1 }), true],
    ['its domain', 'legacy', context({ G: 2, DID: DOMAIN }), true],
    ['another domain', 'legacy', context({ G: 2, DID: DOMAIN + 1 }), false],
    ['some domain: scalable contexts have none', 'first', context({ G: 2, DID: 77 }), true],
    ['the device', 'legacy', context({ G: 3, DID: DOMAIN, SID: SOURCE }), true],
    ['another device', 'legacy', context({ G: 3, DID: DOMAIN, SID: SOURCE + 1 }), false],
    ['another function, mask 1', 'legacy', context({ G: 3, SID: SOURCE + 4, FM: 1 }), true],
    ['another function, too little mask', 'legacy', context({ G: 3, SID: SOURCE + 2, FM: 1 }), false],
    ['another function, mask 2', 'legacy', context({ G: 3, SID: SOURCE + 6, FM: 2 }), true],
    ['another function, mask 3', 'legacy', context({ G: 3, SID: SOURCE + 7, FM: 3 }), true],
    ['another device, mask 3', 'legacy', context({ G: 3, SID: SOURCE + 8, FM: 3 }), false],
    ['translations only', 'legacy', iotlb({ G: 1 }), false],
  ];
  it.each(ROWS)('%s (%s)', (_, stages, descriptor, forgets) => {
    const s = cached(stages, { caches: { ...CACHES, iotlb: null, paging: null, pasid: null } });
    ask(s, bare(stages));
    s.memory.poke(s.context, 0n);
    expect(ask(s, bare(stages))).toBe(REACHED);
    new Submitter(s, bytesOf(stages)).submit(descriptor);
    expect(ask(s, bare(stages))).toBe(forgets ? (stages === 'legacy' ? '02' : '41') : REACHED);
  });

  it('survives a new root table unless the unit sees to it (CAP.ESRTPS)', () => {
    for (const ESRTPS of [false, true]) {
      const s = cached('first', { cap: { ESRTPS } });
      ask(s);
      s.unit.writeRegister(OFFSET.RTADDR, 8, RootTableAddress.encode({ TTM: 1, RTA: ROOT + 0x100n }));
      s.unit.writeRegister(OFFSET.GCMD, 4, GlobalCommand.encode({ SRTP: true, TE: true, QIE: true }));
      expect(ask(s)).toBe(ESRTPS ? '39' : REACHED);
    }
  });
});

describe('the PASID cache', () => {
  it.each([
    ['everything', pasidCache({ G: 3, DID: 0, PASID: 0 }), true],
    ['every PASID of the domain', pasidCache({ G: 0, PASID: 0 }), true],
    ['every PASID of another domain', pasidCache({ G: 0, DID: DOMAIN + 1 }), false],
    ['the PASID', pasidCache({ G: 1 }), true],
    ['another PASID', pasidCache({ G: 1, PASID: 7 }), false],
    ['the PASID in another domain', pasidCache({ G: 1, DID: DOMAIN + 1 }), false],
    ['contexts only', context({ G: 1 }), false],
    ['translations only', iotlb({ G: 1 }), false],
  ])('%s', (_, descriptor, forgets) => {
    const s = cached('first', { caches: { ...CACHES, iotlb: null, paging: null } });
    ask(s);
    s.memory.poke(s.pasid, 0n);
    expect(ask(s)).toBe(REACHED);
    new Submitter(s).submit(descriptor);
    expect(ask(s)).toBe(forgets ? '59' : REACHED);
  });
});

describe('caching mode', () => {
  const without = (s: System, what: 'context' | 'pasid' | 'leaf'): (() => void) => {
    const at = what === 'leaf' ? (s.first[3] ?? 0n) : s[what];
    const word = s.memory.peek(at);
    s.memory.poke(at, 0n);
    return () => s.memory.poke(at, word);
  };
  it.each([
    ['context', '41', context({ G: 1 }), context({ G: 3, SID: SOURCE })],
    ['pasid', '59', pasidCache({ G: 3 }), pasidCache({ G: 0, DID: 0 })],
    ['leaf', '71', pasidIotlb({ G: 3, ADDR: PAGE_OF_ADDRESS }), pasidIotlb({ G: 2 })],
  ] as const)('keeps what is not present: %s', (what, reason, one, all) => {
    for (const descriptor of [one, all]) {
      for (const CM of [false, true]) {
        const s = cached('first', { cap: { CM } });
        const restore = without(s, what);
        expect(ask(s)).toBe(reason);
        restore();
        expect([CM, ask(s)]).toEqual([CM, CM ? reason : REACHED]);
        new Submitter(s).submit(descriptor);
        expect(ask(s)).toBe(REACHED);
      }
    }
  });

  it('keeps it under domain 0, which software leaves alone', () => {
    const s = cached('first', { cap: { CM: true } });
    const restore = without(s, 'pasid');
    ask(s);
    restore();
    const queue = new Submitter(s);
    queue.submit(pasidCache({ G: 0 }));
    expect(ask(s)).toBe('59');
    queue.submit(pasidCache({ G: 0, DID: 0 }));
    expect(ask(s)).toBe(REACHED);
  });

  it('keeps no failed access', () => {
    const s = cached('first', { cap: { CM: true } });
    s.memory.damage([s.first[3] ?? 0n], []);
    expect(ask(s)).toBe('70');
    s.memory.damage([s.context], []);
    expect(ask(s, { sourceId: SOURCE })).not.toBe('40');
    s.memory.damage([], []);
    expect(ask(s)).toBe(REACHED);
  });
});

describe('write buffers (CAP.RWBF)', () => {
  /** Software's stores reach memory when the unit is told to flush. */
  function buffered(RWBF: boolean): { s: System; store: (address: bigint, word: bigint) => void } {
    const waiting: (readonly [bigint, bigint])[] = [];
    const s = system('first', { cap: { RWBF }, outside: { flushWriteBuffers: () => waiting.splice(0).forEach(([address, word]) => s.memory.poke(address, word)) } });
    return { s, store: (address, word) => (RWBF ? waiting.push([address, word]) : s.memory.poke(address, word)) };
  }
  it('hold a table entry back until GCMD.WBF', () => {
    const { s, store } = buffered(true);
    store(s.first[3] ?? 0n, FirstStageEntry.encode({ P: true, RW: true, US: true, address: OTHER }));
    expect(ask(s)).toBe(REACHED);
    s.unit.writeRegister(OFFSET.GCMD, 4, GlobalCommand.encode({ WBF: true, TE: true, QIE: true }));
    expect([ask(s), s.unit.readRegister(OFFSET.GSTS, 4) & (1n << 27n)]).toEqual([MOVED, 0n]);
  });
  it('are not there on other units', () => {
    const { s, store } = buffered(false);
    store(s.first[3] ?? 0n, FirstStageEntry.encode({ P: true, RW: true, US: true, address: OTHER }));
    expect(ask(s)).toBe(MOVED);
  });
});

describe('registers of legacy mode', () => {
  it('invalidate contexts: what was done is in CAIG', () => {
    const s = cached('legacy', { caches: { ...CACHES, iotlb: null, paging: null } });
    ask(s, { pasid: null });
    s.memory.poke(s.context, 0n);
    s.unit.writeRegister(OFFSET.CCMD, 8, ContextCommand.encode({ ICC: true, CIRG: 3, SID: SOURCE + 1 }));
    expect(ask(s, { pasid: null })).toBe(REACHED);
    s.unit.writeRegister(OFFSET.CCMD, 4, BigInt(DOMAIN));
    expect(ask(s, { pasid: null })).toBe(REACHED);
    s.unit.writeRegister(OFFSET.CCMD + 4, 4, ContextCommand.encode({ ICC: true, CIRG: 2 }) >> 32n);
    expect([ask(s, { pasid: null }), ContextCommand.decode(s.unit.readRegister(OFFSET.CCMD, 8))]).toMatchObject(['02', { ICC: false, CAIG: 2 }]);
  });

  it('invalidate translations, and IVT stays until accesses have landed', () => {
    const s = cached('legacy');
    const answer = s.unit.serve({ source: SOURCE, pasid: null, type: 'untranslated', write: true, execute: false, privileged: false, noWrite: false, address: ADDRESS });
    remap({ ...s, first: s.second });
    const at = 0x50 * 16;
    s.unit.writeRegister(at, 8, InvalidateAddress.encode({ ADDR: PAGE_OF_ADDRESS }));
    s.unit.writeRegister(at + 8, 8, IotlbInvalidate.encode({ IVT: true, IIRG: 3, DID: DOMAIN, DW: true }));
    expect([ask(s, { pasid: null }), IotlbInvalidate.decode(s.unit.readRegister(at + 8, 8))]).toMatchObject([MOVED, { IVT: true, IAIG: 3 }]);
    s.unit.landed(answer.kind === 'memory' ? answer.ticket : 0);
    expect(IotlbInvalidate.decode(s.unit.readRegister(at + 8, 8)).IVT).toBe(false);
  });

  it.each([
    ['another domain', 2, DOMAIN + 1, {}, false, 2],
    ['the domain', 2, DOMAIN, {}, true, 2],
    ['everything', 1, 0, {}, true, 1],
    ['nothing', 0, DOMAIN, {}, false, 0],
    ['pages of a unit that cannot', 3, DOMAIN, { cap: { PSI: false } }, true, 2],
    ['more pages than it can', 3, DOMAIN, { cap: { MAMV: 4 } }, false, 0],
  ] as const)('say what was done: %s', (_, IIRG, DID, options, forgets, IAIG) => {
    const s = cached('legacy', options);
    ask(s, { pasid: null });
    move(s, 'legacy');
    s.unit.writeRegister(0x500, 8, InvalidateAddress.encode({ ADDR: (PAGE_OF_ADDRESS >> 5n) << 5n, AM: 5 }));
    s.unit.writeRegister(0x508, 8, IotlbInvalidate.encode({ IVT: true, IIRG, DID }));
    expect([ask(s, { pasid: null }), IotlbInvalidate.decode(s.unit.readRegister(0x508, 8)).IAIG]).toEqual([forgets ? MOVED : REACHED, IAIG]);
  });

  it('do nothing in scalable mode', () => {
    const s = cached('first');
    ask(s);
    move(s, 'first');
    s.unit.writeRegister(0x508, 8, IotlbInvalidate.encode({ IVT: true, IIRG: 1 }));
    s.unit.writeRegister(OFFSET.CCMD, 8, ContextCommand.encode({ ICC: true, CIRG: 1 }));
    expect([ask(s), IotlbInvalidate.decode(s.unit.readRegister(0x508, 8)).IAIG, ContextCommand.decode(s.unit.readRegister(OFFSET.CCMD, 8)).CAIG]).toEqual([REACHED, 0, 0]);
  });
});

/** A device that keeps what it was told, and forgets it when the unit says so. */
class Tlb {
  #known: bigint | null = null;
  readonly #s: System;
  constructor(s: System) {
    this.#s = s;
  }
  use(): bigint | null {
    if (this.#known === null) {
      const answer = this.#s.unit.serve({ source: SOURCE, pasid: PASID, type: 'ats', write: false, execute: false, privileged: false, noWrite: false, address: ADDRESS });
      if (answer.kind === 'memory') this.#known = answer.address;
    }
    return this.#known;
  }
  take(message: UnitMessage | undefined): void {
    if (message?.kind !== 'invalidate') return;
    this.#known = null;
    this.#s.unit.invalidated(SOURCE, message.tag);
  }
}

describe('the orders that software must keep', () => {
  const wait = queues.WaitDescriptor.encode({ type: 5, SW: true, STDATA: 1, STADDR: (STATUS << 12n) >> 2n });
  const deviceTlb = queues.PasidDeviceTlbDescriptor.encode({ type: 8, SID: SOURCE, PASID, S: true, ADDR: (1n << 51n) - 1n });

  describe('a PASID entry changes: PASID cache, then PASID-based IOTLB, then device TLB', () => {
    const OTHER_ROOT = 0x90n;
    const steps: Readonly<Record<string, bigint>> = { 'PASID cache': pasidCache({ G: 1 }), IOTLB: pasidIotlb({ G: 2 }), 'device TLB': deviceTlb };
    function after(names: readonly string[]): bigint | null {
      const s = cached('first');
      const tlb = new Tlb(s);
      tlb.use();
      for (let i = 0n; i < 4n; i += 1n) {
        const from = s.first[Number(i)] ?? 0n;
        s.memory.poke(((OTHER_ROOT + i) << 12n) | (from & 0xfffn), FirstStageEntry.encode({ P: true, RW: true, US: true, address: i === 3n ? OTHER : OTHER_ROOT + i + 1n }));
      }
      s.memory.put(s.pasid, PasidEntry.encode({ P: true, AW: 2, PGTT: 1, FSPTPTR: OTHER_ROOT, DID: DOMAIN }), 8);
      const queue = new Submitter(s);
      for (const name of names) {
        queue.submit(steps[name] ?? 0n);
        tlb.take(s.messages.pop());
        // The device goes on all the while, and whatever is asked refills what was forgotten.
        tlb.use();
        ask(s);
      }
      queue.submit(wait);
      return tlb.use();
    }
    it('in this order works', () => expect(after(['PASID cache', 'IOTLB', 'device TLB'])).toBe(MOVED));
    it.each([
      ['without the PASID cache', ['IOTLB', 'device TLB']],
      ['without the IOTLB', ['PASID cache', 'device TLB']],
      ['without the device TLB', ['PASID cache', 'IOTLB']],
      ['with the IOTLB first', ['IOTLB', 'PASID cache', 'device TLB']],
      ['with the device TLB first', ['device TLB', 'PASID cache', 'IOTLB']],
    ])('%s it does not', (_, names) => expect(after(names)).toBe(REACHED));
  });

  describe('one mapping goes: IOTLB, then device TLB', () => {
    const steps: Readonly<Record<string, bigint>> = { IOTLB: pasidIotlb({ G: 3, ADDR: PAGE_OF_ADDRESS, IH: true }), 'device TLB': queues.PasidDeviceTlbDescriptor.encode({ type: 8, SID: SOURCE, PASID, ADDR: PAGE_OF_ADDRESS }) };
    function after(names: readonly string[]): bigint | null {
      const s = cached('first');
      const tlb = new Tlb(s);
      tlb.use();
      s.memory.poke(s.first[3] ?? 0n, 0n);
      const queue = new Submitter(s);
      for (const name of names) {
        queue.submit(steps[name] ?? 0n, wait);
        tlb.take(s.messages.pop());
        queue.run();
        tlb.use();
      }
      return tlb.use();
    }
    it('in this order works', () => expect(after(['IOTLB', 'device TLB'])).toBeNull());
    it('the other way round the device refills from what is stale', () => expect(after(['device TLB', 'IOTLB'])).toBe(REACHED));
    it('without the IOTLB, too', () => expect(after(['device TLB'])).toBe(REACHED));
    it('and without the device TLB it was never told', () => expect(after(['IOTLB'])).toBe(REACHED));
  });

  describe('a context entry changes: context cache, PASID cache, IOTLB', () => {
    const steps: Readonly<Record<string, bigint>> = { context: context({ G: 3, SID: SOURCE }), 'PASID cache': pasidCache({ G: 0 }), IOTLB: iotlb({ G: 2, DID: DOMAIN }) };
    function after(names: readonly string[]): bigint | string {
      const s = cached('first');
      ask(s);
      // The context leads to another directory, whose PASID entry has other tables.
      const [directory, table] = [0xa00n, 0xa08n];
      for (let i = 0n; i < 4n; i += 1n) s.memory.poke(((0x90n + i) << 12n) | ((s.first[Number(i)] ?? 0n) & 0xfffn), FirstStageEntry.encode({ P: true, RW: true, US: true, address: i === 3n ? OTHER : 0x91n + i }));
      s.memory.poke((directory << 12n) + BigInt(PASID >> 6) * 8n, (table << 12n) | 1n);
      s.memory.put((table << 12n) + BigInt(PASID & 63) * 64n, PasidEntry.encode({ P: true, PGTT: 1, FSPTPTR: 0x90n, DID: DOMAIN }), 8);
      s.memory.poke(s.context, (s.memory.peek(s.context) & 0xfffn) | (directory << 12n));
      const queue = new Submitter(s);
      for (const name of names) {
        queue.submit(steps[name] ?? 0n);
        ask(s);
      }
      queue.submit(wait);
      return ask(s);
    }
    it('in this order works', () => expect(after(['context', 'PASID cache', 'IOTLB'])).toBe(MOVED));
    it.each([
      ['without the context cache', ['PASID cache', 'IOTLB']],
      ['without the PASID cache', ['context', 'IOTLB']],
      ['without the IOTLB', ['context', 'PASID cache']],
      ['the other way round', ['IOTLB', 'PASID cache', 'context']],
    ])('%s it does not', (_, names) => expect(after(names)).toBe(REACHED));
  });

  it('a page may be used for something else only when the wait is done: a write may still be on its way', () => {
    const s = cached('first');
    const answer = s.unit.serve({ source: SOURCE, pasid: PASID, type: 'untranslated', write: true, execute: false, privileged: false, noWrite: false, address: ADDRESS });
    s.memory.poke(s.first[3] ?? 0n, 0n);
    const queue = new Submitter(s);
    queue.submit(pasidIotlb({ G: 3, ADDR: PAGE_OF_ADDRESS }), wait);
    expect([ask(s), s.memory.peek(STATUS << 12n)]).toEqual(['71', 0n]);
    s.unit.landed(answer.kind === 'memory' ? answer.ticket : 0);
    queue.run();
    expect(s.memory.peek(STATUS << 12n)).toBe(1n);
  });
});
