// SPDX-License-Identifier: Apache-2.0
/** The rules of PCIe chapter 10 (ATS, page requests, PASID), each on a function before a unit that is only a map. */
import { describe, expect, it } from 'vitest';
import type { AtsGrant } from '../iommu/unit.ts';
import { Atc, type AtcOptions } from './atc.ts';
import { DmaPort } from './dma-port.ts';
import { Endpoint, type FunctionControl } from './endpoint.ts';
import { Fabric } from './fabric.ts';
import { PageHandler, type PageHandlerOptions, type ScriptedProcess } from './page-handler.ts';
import { PageMapUnit } from './page-map.test-support.ts';
import { PageRequests } from './page-requests.ts';
import { StraightPort } from './straight-port.test-support.ts';

const RAM = { base: 0x1_0000, size: 0x10_0000 };
const SOURCE = 0x100;
const PAGE = 0x4000_0000n;
const ON: FunctionControl = { busMaster: true, relaxedOrdering: true, ats: true, pasid: true, executePermission: true, privilegedMode: true, pasidBits: 20 };

function bench(options: { control?: Partial<FunctionControl>; atc?: AtcOptions; allocation?: number; pasidRequired?: boolean } = {}) {
  const fabric = new Fabric();
  const unit = new PageMapUnit(fabric);
  fabric.attach(unit);
  const atc = new Atc(options.atc);
  const pages = new PageRequests({ capacity: 8, responsePasidRequired: options.pasidRequired ?? true });
  pages.allocation = options.allocation ?? 4;
  pages.enabled = true;
  const endpoint = new Endpoint({ source: SOURCE, link: fabric.link(SOURCE), control: { ...ON, ...options.control }, atc, pages });
  const port = new StraightPort(RAM.base, RAM.size);
  const dma = new DmaPort(port, RAM, { bus: endpoint, source: SOURCE });
  const handle = (processes: readonly ScriptedProcess[], how?: PageHandlerOptions): PageHandler => {
    const handler = new PageHandler(unit, processes, how);
    fabric.software = () => handler.run();
    return handler;
  };
  const sent = (): string[] => unit.requests.map(({ type }) => type);
  return { fabric, unit, atc, pages, endpoint, port, dma, handle, sent };
}

const read = (dma: DmaPort, address = PAGE) => dma.tryLoad(address, 4, 'x');

describe('a function with ATS', () => {
  it('asks once, and then sends translated requests', () => {
    const { unit, dma, sent } = bench();
    unit.map(null, PAGE, 0x2_0000n);
    read(dma);
    read(dma, PAGE + 8n);
    expect(sent()).toEqual(['ats', 'translated', 'translated']);
    expect(unit.requests.map((r) => r.address)).toEqual([PAGE, 0x2_0000n, 0x2_0008n]);
  });

  it('never puts a PASID on a translated request', () => {
    const { unit, dma } = bench();
    unit.map(9, PAGE, 0x2_0000n);
    read(dma.as({ pasid: 9, privileged: true }));
    expect(unit.requests.map(({ type, pasid, privileged }) => ({ type, pasid, privileged }))).toEqual([
      { type: 'ats', pasid: 9, privileged: true },
      { type: 'translated', pasid: null, privileged: false },
    ]);
  });

  it('without the enable bit sends untranslated requests only', () => {
    const { unit, dma, sent } = bench({ control: { ats: false } });
    unit.map(null, PAGE, 0x2_0000n);
    expect(read(dma).fault).toBeNull();
    expect(sent()).toEqual(['untranslated']);
  });

  it('sends what is to go untranslated as it is, without asking', () => {
    const { unit, dma, atc, sent } = bench();
    unit.map(null, PAGE, 0x2_0000n);
    expect(dma.as({ untranslated: true }).tryStore(PAGE, 4, 1, 'x').fault).toBeNull();
    expect([sent(), atc.cache.entries()]).toEqual([['untranslated'], []]);
  });

  it.each([
    ['no bus mastering', { busMaster: false }, { pasid: null }],
    ['no PASID enabled', { pasid: false }, { pasid: 5 }],
    ['a PASID wider than the width', { pasidBits: 4 }, { pasid: 16 }],
  ])('%s: the request never leaves', (_, control, attributes) => {
    const { unit, dma, sent } = bench({ control });
    unit.map(attributes.pasid, PAGE, 0x2_0000n);
    expect(read(dma.as(attributes)).fault?.status).toBe('unsupported-request');
    expect(sent()).toEqual([]);
  });

  it.each([
    [{ executePermission: false }, { execute: false, privileged: true }],
    [{ privilegedMode: false }, { execute: true, privileged: false }],
  ])('with %o the prefix says %o', (control, expected) => {
    const { unit, dma } = bench({ control });
    unit.map(5, PAGE, 0x2_0000n, { execute: true });
    read(dma.as({ pasid: 5, execute: true, privileged: true }));
    expect(unit.requests[0]).toMatchObject(expected);
  });

  it('reads with NW, and asks again before it writes', () => {
    const { unit, dma, sent } = bench();
    unit.map(null, PAGE, 0x2_0000n);
    read(dma);
    expect(dma.tryStore(PAGE, 4, 1, 'x').fault).toBeNull();
    read(dma);
    expect(sent()).toEqual(['ats', 'translated', 'ats', 'translated', 'translated']);
    expect(unit.requests.map((r) => r.noWrite)).toEqual([true, true, false, false, true]);
  });

  it('a completion without R and W is not kept', () => {
    const { unit, dma, atc } = bench();
    unit.map(null, PAGE, 0x2_0000n, { read: false, write: false });
    expect(read(dma).fault).toEqual({ address: PAGE, write: false, status: 'page', posted: false });
    expect(atc.cache.entries()).toEqual([]);
  });

  it('U: keeps the answer, and sends untranslated requests', () => {
    const { unit, dma, sent } = bench();
    unit.map(null, PAGE, 0x2_0000n, { untranslatedOnly: true });
    read(dma);
    read(dma);
    expect(sent()).toEqual(['ats', 'untranslated', 'untranslated']);
  });

  it('a range is one entry; below the smallest translation unit nothing is kept', () => {
    const { unit, dma, atc, sent } = bench();
    atc.stu = 3;
    unit.map(null, 0x4000_0000n, 0x4_0000n, {}, 16);
    unit.map(null, 0x5000_0000n, 0x6_0000n, {}, 14);
    dma.tryRead(0x4000_4000n, 4, 'x');
    dma.tryRead(0x4000_c000n, 4, 'x');
    dma.tryRead(0x5000_0000n, 4, 'x');
    expect(sent()).toEqual(['ats', 'translated', 'translated', 'ats', 'untranslated']);
    expect(unit.requests[2]?.address).toBe(0x4_c000n);
    expect(atc.cache.entries()).toMatchObject([{ first: 0x4_0000, span: 4 }]);
  });

  it('privileged and other accesses have entries of their own', () => {
    const { unit, dma, sent } = bench();
    unit.map(5, PAGE, 0x2_0000n);
    read(dma.as({ pasid: 5 }));
    read(dma.as({ pasid: 5, privileged: true }));
    expect(sent()).toEqual(['ats', 'translated', 'ats', 'translated']);
  });

  it('a completion that speaks of the other mode gives nothing', () => {
    const { unit, dma } = bench();
    unit.map(5, PAGE, 0x2_0000n);
    const serve = unit.serve.bind(unit);
    unit.serve = (request) => {
      const answer = serve(request);
      return answer.kind === 'memory' && answer.ats !== null ? { ...answer, ats: { ...answer.ats, privileged: false } } : answer;
    };
    expect(read(dma.as({ pasid: 5, privileged: true })).fault?.status).toBe('page');
    expect(read(dma.as({ pasid: 5 })).fault).toBeNull();
  });

  it('the widest PASID that the function has is sent', () => {
    const { unit, dma } = bench({ control: { pasidBits: 4 } });
    unit.map(15, PAGE, 0x2_0000n);
    expect(read(dma.as({ pasid: 15 })).fault).toBeNull();
  });

  it('without Enable Relaxed Ordering the order of an access is no choice', () => {
    for (const relaxedOrdering of [true, false]) {
      const { unit, dma, port } = bench({ control: { relaxedOrdering } });
      unit.map(null, PAGE, 0x2_0000n);
      port.answers.set('x/order', 1);
      dma.as({ relaxed: true }).tryWrite(PAGE, new Uint8Array(16), 'x');
      expect(port.log).toEqual(relaxedOrdering ? ['store 0x20008 8', 'store 0x20000 8'] : ['store 0x20000 8', 'store 0x20008 8']);
    }
  });

  it('fetching needs Exe and R', () => {
    const { unit, dma } = bench();
    unit.map(5, PAGE, 0x2_0000n, { execute: true, read: false });
    unit.map(5, PAGE + 0x1000n, 0x2_1000n, { execute: true });
    unit.map(5, PAGE + 0x2000n, 0x2_2000n);
    const code = dma.as({ pasid: 5, execute: true });
    expect([0n, 0x1000n, 0x2000n].map((at) => read(code, PAGE + at).fault?.status ?? 'ok')).toEqual(['page', 'ok', 'page']);
  });
});

describe('invalidation', () => {
  it('until it comes the old translation is used, however stale', () => {
    const { unit, endpoint, dma } = bench();
    unit.map(null, PAGE, 0x2_0000n);
    dma.tryStore(PAGE, 4, 1, 'x');
    unit.unmap(null, PAGE);
    expect(dma.tryStore(PAGE, 4, 2, 'x').fault).toBeNull();
    const tag = unit.invalidate(SOURCE, null, PAGE);
    endpoint.serve();
    expect(unit.completed).toEqual([tag]);
    expect(dma.tryStore(PAGE, 4, 3, 'x').fault?.status).toBe('page');
  });

  it('is complete only after the accesses that used the entry', () => {
    const { unit, endpoint } = bench();
    unit.map(null, PAGE, 0x2_0000n);
    unit.map(null, PAGE + 0x1000n, 0x2_1000n);
    const request = { source: SOURCE, pasid: null, type: 'untranslated', write: true, execute: false, privileged: false, noWrite: false, address: PAGE } as const;
    const late = endpoint.translate(request, 'report');
    const other = endpoint.translate({ ...request, address: PAGE + 0x1000n }, 'report');
    const tag = unit.invalidate(SOURCE, null, PAGE);
    endpoint.serve();
    expect(unit.completed).toEqual([]);
    if (other.kind === 'memory') endpoint.landed(other.ticket);
    expect(unit.completed).toEqual([]);
    if (late.kind === 'memory') endpoint.landed(late.ticket);
    expect(unit.completed).toEqual([tag]);
    expect(unit.inFlight.through(unit.inFlight.now)).toBe(true);
  });

  it('makes the answer stale that it crosses', () => {
    const { unit, endpoint, dma, atc, sent } = bench();
    unit.map(null, PAGE, 0x2_0000n);
    const serve = unit.serve.bind(unit);
    let crossed = false;
    unit.serve = (request) => {
      const answer = serve(request);
      if (!crossed && request.type === 'ats') {
        crossed = true;
        unit.map(null, PAGE, 0x3_0000n);
        unit.invalidate(SOURCE, null, PAGE);
      }
      return answer;
    };
    read(dma);
    expect(sent()).toEqual(['ats', 'ats', 'translated']);
    expect(unit.requests[2]?.address).toBe(0x3_0000n);
    expect(atc.cache.entries()).toMatchObject([{ entry: { frame: 0x30 } }]);
    endpoint.serve();
    expect(unit.completed.length).toBe(1);
  });

  it.each<[string, AtcOptions, { pasid: number | null; span?: number; global?: boolean; address?: bigint }, string[]]>([
    ['of one page', {}, { pasid: 5 }, ['none', '5 next', '6', 'global']],
    ['of two pages', {}, { pasid: 5, span: 13 }, ['none', '6', 'global']],
    ['of everything of a PASID', {}, { pasid: 5, span: 64 }, ['none', '6', 'global']],
    ['of all PASIDs', {}, { pasid: 5, global: true }, ['none', '5 next']],
    ['of all PASIDs, where the function knows no such thing', { globalInvalidate: false }, { pasid: 5, global: true }, ['none', '5 next', '6', 'global']],
    ['without PASID, which takes every entry with one', {}, { pasid: null }, []],
    ['without PASID, of another page', {}, { pasid: null, address: PAGE + 0x8000n }, ['none']],
    ['without PASID, where entries with one stay', { withoutPasid: 'untagged' }, { pasid: null }, ['5', '5 next', '6', 'global']],
    ['of another page', {}, { pasid: 5, address: PAGE + 0x8000n }, ['none', '5', '5 next', '6', 'global']],
  ])('%s', (_, options, { pasid, span, global, address }, left) => {
    const { unit, endpoint, dma, atc } = bench({ atc: options });
    const names = new Map([['none', 0x20], ['5', 0x21], ['5 next', 0x22], ['6', 0x23], ['global', 0x24]]);
    unit.map(null, PAGE, 0x2_0000n);
    unit.map(5, PAGE, 0x2_1000n);
    unit.map(5, PAGE + 0x1000n, 0x2_2000n);
    unit.map(6, PAGE, 0x2_3000n);
    unit.map(7, PAGE, 0x2_4000n, { global: true });
    // The global one last: it would answer for the others.
    for (const [own, at] of [[null, PAGE], [5, PAGE], [5, PAGE + 0x1000n], [6, PAGE], [7, PAGE]] as const) read(dma.as({ pasid: own }), at);
    unit.invalidate(SOURCE, pasid, address ?? PAGE, span ?? 12, global ?? false);
    endpoint.serve();
    const frames = atc.cache.entries().map(({ entry }) => (entry as { frame: number }).frame);
    expect([...names].filter(([, frame]) => frames.includes(frame)).map(([name]) => name)).toEqual(left);
  });

  it('with a PASID, makes the answer stale that it crosses; with another one, it does not', () => {
    for (const [told, expected] of [[5, ['ats', 'ats', 'translated']], [6, ['ats', 'translated']]] as const) {
      const { unit, dma, sent } = bench();
      unit.map(5, PAGE, 0x2_0000n);
      const serve = unit.serve.bind(unit);
      let crossed = false;
      unit.serve = (request) => {
        const answer = serve(request);
        if (!crossed) unit.invalidate(SOURCE, told, PAGE);
        crossed = true;
        return answer;
      };
      read(dma.as({ pasid: 5 }));
      expect(sent()).toEqual(expected);
    }
  });

  it.each<[string, { at: bigint; span: number }, { at: bigint; span: number }, boolean]>([
    ['of a page within a larger range', { at: 0x4000_0000n, span: 16 }, { at: 0x4000_5000n, span: 12 }, true],
    ['of a larger range around a page', { at: 0x4000_5000n, span: 12 }, { at: 0x4000_0000n, span: 16 }, true],
    ['of the range before', { at: 0x4001_0000n, span: 16 }, { at: 0x4000_0000n, span: 16 }, false],
    ['of the range behind', { at: 0x4001_0000n, span: 16 }, { at: 0x4002_0000n, span: 16 }, false],
    ['of an address that is not the first of its range', { at: 0x4000_1000n, span: 12 }, { at: 0x4000_5000n, span: 16 }, true],
    ['of everything', { at: 0xffff_ffff_ffff_f000n, span: 12 }, { at: 0n, span: 64 }, true],
  ])('%s', (_, mapped, told, taken) => {
    const { unit, endpoint, dma, atc } = bench();
    unit.map(null, mapped.at, 0x4_0000n, {}, mapped.span);
    read(dma, mapped.at);
    unit.invalidate(SOURCE, null, told.at, told.span);
    endpoint.serve();
    expect(atc.cache.entries().length).toBe(taken ? 0 : 1);
  });

  it('with a smallest unit, takes no less than that', () => {
    const { unit, endpoint, dma, atc } = bench();
    atc.stu = 2;
    unit.map(null, PAGE, 0x4_0000n, {}, 14);
    read(dma);
    unit.invalidate(SOURCE, null, PAGE + 0x3000n, 12);
    endpoint.serve();
    expect(atc.cache.entries()).toEqual([]);
  });

  it('without PASID privilege means nothing: one entry, and one question that it makes stale', () => {
    const { unit, dma, sent } = bench();
    unit.map(null, PAGE, 0x2_0000n);
    const serve = unit.serve.bind(unit);
    let crossed = false;
    unit.serve = (request) => {
      const answer = serve(request);
      if (!crossed && request.type === 'ats') unit.invalidate(SOURCE, null, PAGE);
      crossed = true;
      return answer;
    };
    read(dma.as({ privileged: true }));
    read(dma);
    expect(sent()).toEqual(['ats', 'ats', 'translated', 'translated']);
  });

  it('a translation request says neither that it writes nor where in the page', () => {
    const { unit, dma } = bench();
    unit.map(null, PAGE, 0x2_0000n);
    dma.tryStore(PAGE + 0x123cn - 0x1000n, 4, 1, 'x');
    expect(unit.requests[0]).toMatchObject({ type: 'ats', write: false, noWrite: false, address: PAGE });
  });

  it('those that wait for room are taken in the order in which they came', () => {
    const { unit, endpoint } = bench({ atc: { queueDepth: 1 } });
    unit.map(null, PAGE, 0x2_0000n);
    const request = { source: SOURCE, pasid: null, type: 'untranslated', write: false, execute: false, privileged: false, noWrite: true, address: PAGE } as const;
    const held = endpoint.translate(request, 'report');
    const tags = [PAGE, PAGE + 0x1000n, PAGE + 0x2000n, PAGE + 0x3000n].map((address) => unit.invalidate(SOURCE, null, address));
    endpoint.serve();
    if (held.kind === 'memory') endpoint.landed(held.ticket);
    tags.push(unit.invalidate(SOURCE, null, PAGE));
    endpoint.serve();
    expect(unit.completed).toEqual(tags);
  });

  it('an access that was not cached holds nothing up, and lands once', () => {
    const { unit, endpoint } = bench({ control: { ats: false } });
    unit.map(null, PAGE, 0x2_0000n);
    const answer = endpoint.translate({ source: SOURCE, pasid: null, type: 'untranslated', write: false, execute: false, privileged: false, noWrite: true, address: PAGE }, 'report');
    const tag = unit.invalidate(SOURCE, null, PAGE);
    endpoint.serve();
    expect(unit.completed).toEqual([tag]);
    expect(unit.inFlight.through(unit.inFlight.now)).toBe(false);
    if (answer.kind === 'memory') endpoint.landed(answer.ticket);
    endpoint.landed(answer.kind === 'memory' ? answer.ticket : 0);
    expect(unit.inFlight.through(unit.inFlight.now)).toBe(true);
  });

  it('a global translation serves every PASID', () => {
    const { unit, dma, sent } = bench();
    unit.map(7, PAGE, 0x2_0000n, { global: true });
    read(dma.as({ pasid: 7 }));
    expect(read(dma.as({ pasid: 8 })).fault).toBeNull();
    expect(sent()).toEqual(['ats', 'translated', 'translated']);
  });

  it('more than the queue takes wait upstream', () => {
    const { unit, endpoint, atc } = bench({ atc: { queueDepth: 1 } });
    unit.map(null, PAGE, 0x2_0000n);
    const held = endpoint.translate({ source: SOURCE, pasid: null, type: 'untranslated', write: false, execute: false, privileged: false, noWrite: true, address: PAGE }, 'report');
    const tags = [unit.invalidate(SOURCE, null, PAGE), unit.invalidate(SOURCE, null, PAGE + 0x1000n)];
    endpoint.serve();
    expect([atc.waiting, unit.completed]).toEqual([1, []]);
    if (held.kind === 'memory') endpoint.landed(held.ticket);
    expect(unit.completed).toEqual(tags);
  });

  it('switching ATS off forgets everything', () => {
    const { unit, endpoint, dma, atc } = bench();
    unit.map(null, PAGE, 0x2_0000n);
    read(dma);
    endpoint.forget();
    expect(atc.cache.entries()).toEqual([]);
  });
});

/** A process that has some pages, and maps one when it is asked for. */
const processOf = (unit: PageMapUnit, pasid: number, has: Readonly<Record<string, Partial<AtsGrant>>>): ScriptedProcess => ({
  pasid,
  fault: ({ address, write }) => {
    const grant = has[`0x${address.toString(16)}`];
    if (grant === undefined || (write && grant.write === false)) return false;
    unit.map(pasid, address, 0x2_0000n, grant);
    return true;
  },
});

describe('page requests', () => {
  it('block on fault: the page is asked for, made present, and the access goes on', () => {
    const { unit, dma, handle, sent } = bench();
    const handler = handle([processOf(unit, 5, { '0x40000000': {} })]);
    const blocking = dma.as({ pasid: 5, onFault: 'request' });
    expect(blocking.tryStore(PAGE + 8n, 4, 7, 'x').fault).toBeNull();
    expect(sent()).toEqual(['ats', 'ats', 'translated']);
    expect(handler.handled).toEqual([{ source: SOURCE, pasid: 5, group: 0, code: 'success', pages: 1 }]);
  });

  it('or the fault is reported, and nobody is asked', () => {
    const { unit, dma, handle } = bench();
    const handler = handle([processOf(unit, 5, { '0x40000000': {} })]);
    expect(read(dma.as({ pasid: 5 })).fault?.status).toBe('page');
    expect(handler.handled).toEqual([]);
  });

  it('`invalid`: the access ends in a fault, the function goes on', () => {
    const { unit, dma, handle, pages } = bench();
    handle([processOf(unit, 5, { '0x40001000': {} })]);
    const blocking = dma.as({ pasid: 5, onFault: 'request' });
    expect(read(blocking).fault?.status).toBe('page');
    expect(read(blocking, PAGE + 0x1000n).fault).toBeNull();
    expect([pages.responseFailure, pages.enabled]).toEqual([false, true]);
  });

  it('`failure`: the interface stops, and stays so until software has looked', () => {
    const { unit, dma, handle, pages } = bench();
    const handler = handle([processOf(unit, 5, { '0x40000000': {} })], { fails: () => true });
    const blocking = dma.as({ pasid: 5, onFault: 'request' });
    read(blocking);
    expect(read(blocking, PAGE + 0x1000n).fault?.status).toBe('page');
    expect(handler.handled.length).toBe(1);
    expect([pages.responseFailure, pages.enabled, pages.stopped]).toEqual([true, false, true]);
  });

  it('success is a promise that may be broken: the access asks again, a limited number of times', () => {
    const { dma, handle } = bench();
    const handler = handle([{ pasid: 5, fault: () => true }]);
    expect(read(dma.as({ pasid: 5, onFault: 'request' })).fault?.status).toBe('page');
    expect(handler.handled.length).toBe(8);
  });

  it('a process that is gone has no pages', () => {
    const { unit, dma, handle } = bench();
    const handler = handle([processOf(unit, 5, { '0x40000000': {} })]);
    handler.exit(5);
    expect(read(dma.as({ pasid: 5, onFault: 'request' })).fault?.status).toBe('page');
    expect(handler.handled).toMatchObject([{ code: 'invalid' }]);
  });

  it('more pages than allocated: it waits for a response, then asks', () => {
    const { unit, dma, handle, pages } = bench({ allocation: 1 });
    for (const message of pages.ask(SOURCE, 5, false, [want(PAGE + 0x1000n)])?.messages ?? []) unit.page(message);
    const handler = handle([processOf(unit, 5, { '0x40000000': {}, '0x40001000': {} })]);
    expect(read(dma.as({ pasid: 5, onFault: 'request' })).fault).toBeNull();
    expect(handler.handled.map(({ group }) => group)).toEqual([0, 1]);
  });

  it('with nothing allocated, or the interface off, the fault is reported', () => {
    for (const prepare of [(pages: PageRequests) => (pages.allocation = 0), (pages: PageRequests) => (pages.enabled = false)]) {
      const { unit, dma, handle, pages } = bench();
      prepare(pages);
      const handler = handle([processOf(unit, 5, { '0x40000000': {} })]);
      expect(read(dma.as({ pasid: 5, onFault: 'request' })).fault?.status).toBe('page');
      expect(handler.handled).toEqual([]);
    }
  });

  it('a request carries mode and execution only with a PASID', () => {
    const { pages } = bench();
    const code = { address: 0x1000n, read: true, write: false, execute: true };
    expect([5, null].map((pasid) => pages.ask(SOURCE, pasid, true, [code])?.messages[0]).map((message) => [message?.privileged, message?.execute])).toEqual([[true, true], [false, false]]);
    expect(pages.ask(SOURCE, 5, false, [code])?.messages[0]?.privileged).toBe(false);
  });

  it('nobody answers: the access is given up instead of waiting for ever', () => {
    const { dma } = bench();
    expect(read(dma.as({ pasid: 5, onFault: 'request' })).fault?.status).toBe('page');
  });
});

const want = (address: bigint) => ({ address, read: true, write: false, execute: false });

describe('page request groups', () => {
  it('the last request of a group carries L, and one response frees the index', () => {
    const { pages } = bench();
    const asked = pages.ask(SOURCE, 5, false, [want(0x1234n), want(0x2000n)]);
    expect(asked?.messages.map(({ address, last, group }) => ({ address, last, group }))).toEqual([
      { address: 0x1000n, last: false, group: 0 },
      { address: 0x2000n, last: true, group: 0 },
    ]);
    expect(pages.outstanding).toBe(2);
    expect(pages.answered({ kind: 'page-response', source: SOURCE, pasid: 5, group: 0, code: 'success' })).toBe(asked?.group);
    expect(pages.outstanding).toBe(0);
    expect(asked?.group.outcome).toBe('success');
  });

  it('never more are outstanding than allocated, nor than the function can have', () => {
    const { pages } = bench({ allocation: 3 });
    expect(pages.ask(SOURCE, 5, false, [want(0n), want(0x1000n)])).not.toBeNull();
    expect(pages.ask(SOURCE, 5, false, [want(0n), want(0x1000n)])).toBeNull();
    expect(pages.ask(SOURCE, 5, false, [want(0n)])).not.toBeNull();
    pages.allocation = 100;
    expect(pages.room).toBe(5);
    pages.allocation = 1;
    expect(pages.room).toBe(0);
    expect(() => pages.ask(SOURCE, 5, false, [])).toThrow(RangeError);
  });

  it('the 512 indexes are used in turn', () => {
    const pages = new PageRequests({ capacity: 1000 });
    pages.allocation = 1000;
    pages.enabled = true;
    for (let i = 0; i < 512; i += 1) expect(pages.ask(SOURCE, null, false, [want(0n)])?.group.index).toBe(i);
    expect(pages.ask(SOURCE, null, false, [want(0n)])).toBeNull();
    pages.answered({ kind: 'page-response', source: SOURCE, pasid: null, group: 7, code: 'success' });
    expect(pages.ask(SOURCE, null, false, [want(0n)])?.group.index).toBe(7);
  });

  it.each([
    ['an index that is not open', true, 5, 3, true],
    ['no PASID where one is required', true, null, 0, true],
    ['another PASID', true, 6, 0, true],
    ['a PASID where none may be', false, 5, 0, true],
    ['none where none may be', false, null, 0, false],
    ['the PASID where it is required', true, 5, 0, false],
  ])('a response with %s', (_, pasidRequired, pasid, group, unexpected) => {
    const { pages } = bench({ pasidRequired });
    pages.ask(SOURCE, 5, false, [want(0n)]);
    expect(pages.answered({ kind: 'page-response', source: SOURCE, pasid, group, code: 'success' }) === null).toBe(unexpected);
    expect(pages.unexpectedIndex).toBe(unexpected);
    expect(pages.outstanding).toBe(unexpected ? 1 : 0);
  });

  it('switched off, open groups come to their end, then it is stopped; reset forgets them at once', () => {
    const { pages } = bench();
    pages.ask(SOURCE, 5, false, [want(0n)]);
    pages.reset();
    expect(pages.outstanding).toBe(1);
    pages.enabled = false;
    expect([pages.stopped, pages.ask(SOURCE, 5, false, [want(0n)])]).toEqual([false, null]);
    pages.answered({ kind: 'page-response', source: SOURCE, pasid: 5, group: 0, code: 'success' });
    expect(pages.stopped).toBe(true);
    pages.enabled = true;
    pages.ask(SOURCE, 5, false, [want(0n)]);
    pages.enabled = false;
    pages.reset();
    expect(pages.stopped).toBe(true);
  });
});

describe('stopping a PASID', () => {
  it('by waiting: every group is answered before it is over', () => {
    const { unit, endpoint, pages, handle } = bench();
    const handler = handle([processOf(unit, 5, { '0x40000000': {} })]);
    for (const message of pages.ask(SOURCE, 5, false, [want(PAGE)])?.messages ?? []) unit.page(message);
    expect(endpoint.stopPasid(5, 'wait')).toBe(true);
    expect([handler.handled.length, pages.pending(5)]).toEqual([1, 0]);
  });

  it('by waiting for a response that never comes: that is told', () => {
    const { endpoint, pages } = bench();
    pages.ask(SOURCE, 5, false, [want(PAGE)]);
    expect([endpoint.stopPasid(5, 'wait'), endpoint.stopPasid(6, 'wait')]).toEqual([false, true]);
  });

  it('by a marker: it comes behind the requests, and what is answered later means nothing', () => {
    const { unit, endpoint, pages, handle } = bench();
    const handler = handle([processOf(unit, 5, { '0x40000000': {} })], { holds: true });
    for (const message of pages.ask(SOURCE, 5, false, [want(PAGE)])?.messages ?? []) unit.page(message);
    expect(pages.stopMarker(SOURCE, 5)).toEqual({ source: SOURCE, pasid: 5, privileged: false, execute: false, read: false, write: false, last: true, group: 0, address: 0n });
    expect(endpoint.stopPasid(5, 'marker')).toBe(true);
    expect(pages.pending(5)).toBe(0);
    handler.run();
    expect(handler.markers).toEqual([{ source: SOURCE, pasid: 5 }]);
    // The index stays taken until its response has come.
    expect(pages.outstanding).toBe(1);
    handler.release();
    endpoint.serve();
    expect([pages.outstanding, pages.unexpectedIndex]).toEqual([0, false]);
  });
});

it('a stalled access waits for its own decision, and takes what comes before', () => {
  const { fabric, unit, endpoint } = bench();
  fabric.send({ kind: 'resume', source: SOURCE, tag: 1, action: 'zero' });
  const tag = unit.invalidate(SOURCE, null, PAGE);
  fabric.send({ kind: 'resume', source: SOURCE, tag: 2, action: 'retry' });
  expect(endpoint.resumed(2)).toBe('retry');
  expect(endpoint.resumed(1)).toBe('zero');
  endpoint.serve();
  expect(unit.completed).toEqual([tag]);
  expect(endpoint.resumed(1)).toBe('abort');
});
