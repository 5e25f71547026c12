// SPDX-License-Identifier: Apache-2.0
/** A function with PASID, ATS and page requests before real units: from the capability registers to the bytes in memory. */
import { describe, expect, it } from 'vitest';
import { PageTables } from '@dmalab/core/mmu/cpu-tables';
import { DmaPort } from '@dmalab/core/pcie/dma-port';
import { endpointOf, PcieFunction } from '@dmalab/core/pcie/function';
import { PageHandler, type PageHandlerOptions } from '@dmalab/core/pcie/page-handler';
import { StraightPort } from '@dmalab/core/pcie/straight-port.test-support';
import { sendMessage } from '@dmalab/core/pcie/interrupts';
import { BENCHES, PASID, RAM, SOURCE, vtdBench, type SvaBench } from './sva.ts';

const BUFFER = 0x40_0000n;

function system(bench: SvaBench, how: PageHandlerOptions = {}) {
  const tables = new PageTables(bench.memory, bench.style, bench.frames);
  bench.bind(tables.root);
  const fn = new PcieFunction({ vendorId: 1, deviceId: 2, classCode: 3, ats: { queueDepth: 4 }, pri: { capacity: 8 }, pasid: { bits: 20, privileged: true } });
  const { ats, pri, pasid } = fn.places;
  // As Linux: bus mastering, PASID, ATS, then page requests.
  fn.config.write(4, 2, 4);
  fn.config.write((pasid ?? 0) + 6, 2, 1);
  fn.config.write((ats ?? 0) + 6, 2, 0x8000);
  fn.config.write((pri ?? 0) + 12, 4, 4);
  fn.config.write((pri ?? 0) + 4, 2, 1);
  const endpoint = endpointOf(fn, SOURCE, bench.fabric.link(SOURCE));
  const ram = new StraightPort(RAM.base, RAM.size);
  const dma = new DmaPort(ram, RAM, { bus: endpoint, source: SOURCE }).as({ pasid: PASID, onFault: 'request' });
  /** The process: its pages appear at frames from 0x800, in the order in which they are touched. */
  let next = 0x800;
  const valid = (address: bigint): boolean => address >= BUFFER && address < BUFFER + 0x4000n;
  const fault = (address: bigint, write: boolean): boolean => {
    if (!valid(address)) return false;
    const changes = bench.style.target(tables.entry(address)?.word ?? 0n, 0) !== null;
    tables.map(address, next, { user: true, write, accessed: true, dirty: write });
    next += 1;
    // A unit may go on refusing what an entry did not permit when it was read; nothing is remembered of one that was not there.
    if (changes) bench.invalidateUnit(address);
    return true;
  };
  const handler = new PageHandler(bench, [{ pasid: PASID, fault: ({ address, write }) => fault(address, write) }], how);
  bench.fabric.software = () => handler.run();
  /** munmap: the table, then the unit, then the function. */
  const unmap = (address: bigint): void => {
    tables.unmap(address);
    bench.invalidateUnit(address);
    bench.invalidateFunction(address);
  };
  return { fn, endpoint, ram, dma, tables, handler, fault, unmap };
}

const waiting = (bench: SvaBench): boolean => bench.unit.step() === 'waiting';

describe.each(BENCHES.map((make) => [make().name, make] as const))('%s', (_, make) => {
  it('a copy into pages that nobody has touched: they are asked for one by one, and the bytes arrive', () => {
    const bench = make();
    const { dma, handler, ram, tables } = system(bench);
    const bytes = Uint8Array.from({ length: 0x2100 }, (_x, i) => i & 0xff);
    expect(dma.tryWrite(BUFFER + 0xff0n, bytes, 'x')).toEqual({ written: 0x2100, fault: null });
    expect(handler.handled.map(({ code, pasid }) => `${code} ${String(pasid)}`)).toEqual(['success 5', 'success 5', 'success 5', 'success 5']);
    expect([...ram.bytes.subarray(0x80_0ff0, 0x80_1010)]).toEqual([...bytes.subarray(0, 0x20)]);
    expect(bench.style.target(tables.entry(BUFFER)?.word ?? 0n, 0)?.frame).toBe(0x800);
    expect([...dma.tryRead(BUFFER + 0xff0n, 0x2100, 'x').bytes]).toEqual([...bytes]);
  });

  it('past the end of the mapping: what came before is done, and the fault names the first byte beyond', () => {
    const { dma, handler } = system(make());
    expect(dma.tryWrite(BUFFER + 0x3f00n, new Uint8Array(0x200), 'x')).toEqual({ written: 0x100, fault: { address: BUFFER + 0x4000n, write: true, status: 'page', posted: false } });
    expect(handler.handled.map(({ code }) => code)).toEqual(['success', 'invalid']);
  });

  it('a page read before it is written is asked for twice', () => {
    const { dma, handler } = system(make());
    dma.tryLoad(BUFFER, 4, 'x');
    expect(dma.tryStore(BUFFER, 4, 7, 'x').fault).toBeNull();
    expect(handler.handled.length).toBe(2);
  });

  it('the function keeps a translation until it is told; the unit alone is not enough', () => {
    const bench = make();
    const { dma, tables, endpoint, handler } = system(bench);
    dma.tryStore(BUFFER, 4, 1, 'x');
    tables.unmap(BUFFER);
    bench.invalidateUnit(BUFFER);
    expect(dma.as({ onFault: 'report' }).tryStore(BUFFER, 4, 2, 'x').fault).toBeNull();
    bench.invalidateFunction(BUFFER);
    endpoint.serve();
    expect(dma.as({ onFault: 'report' }).tryStore(BUFFER, 4, 3, 'x').fault?.status).toBe('page');
    expect(handler.handled.length).toBe(1);
  });

  it('telling the function before the unit lets it refill with what is stale', () => {
    const bench = make();
    const { dma, tables, endpoint } = system(bench);
    dma.tryStore(BUFFER, 4, 1, 'x');
    tables.unmap(BUFFER);
    bench.invalidateFunction(BUFFER);
    endpoint.serve();
    expect(dma.as({ onFault: 'report' }).tryStore(BUFFER, 4, 2, 'x').fault).toBeNull();
    bench.invalidateUnit(BUFFER);
    expect(dma.as({ onFault: 'report' }).tryStore(BUFFER, 4, 3, 'x').fault).toBeNull();
  });

  it('an invalidation of the function is complete only when accesses with the old translation have arrived', () => {
    const bench = make();
    const { endpoint, unmap, dma } = system(bench);
    dma.tryStore(BUFFER, 4, 1, 'x');
    const late = endpoint.translate({ source: SOURCE, pasid: PASID, type: 'untranslated', write: true, execute: false, privileged: false, noWrite: false, address: BUFFER }, 'report');
    unmap(BUFFER);
    endpoint.serve();
    expect(endpoint.atc.waiting).toBe(1);
    if (late.kind === 'memory') endpoint.landed(late.ticket);
    expect(endpoint.atc.waiting).toBe(0);
    bench.fabric.settle();
    expect(waiting(bench)).toBe(false);
  });

  it('`failure` stops the function\'s page requests', () => {
    const bench = make();
    const { dma, fn } = system(bench, { fails: () => true });
    expect(dma.tryStore(BUFFER, 4, 1, 'x').fault?.status).toBe('page');
    expect([fn.pri, fn.config.read((fn.places.pri ?? 0) + 6, 2)]).toEqual([false, 0x8101]);
  });

  it('a stop marker goes through the unit\'s queue behind the requests', () => {
    const bench = make();
    const { endpoint, handler, fn } = system(bench, { holds: true });
    const asked = fn.pages?.ask(SOURCE, PASID, false, [{ address: BUFFER, read: true, write: false, execute: false }, { address: BUFFER + 0x1000n, read: true, write: false, execute: false }]);
    for (const message of asked?.messages ?? []) bench.unit.page(message);
    endpoint.stopPasid(PASID, 'marker');
    handler.run();
    expect(handler.markers).toEqual([{ source: SOURCE, pasid: PASID }]);
    handler.release();
    endpoint.serve();
    expect([fn.pages?.outstanding, asked?.group.outcome, handler.handled.map(({ pages }) => pages)]).toEqual([0, 'success', [2]]);
  });
});

it('VT-d: an interrupt message of a function with ATS goes untranslated, and is no memory access', () => {
  const bench = vtdBench();
  const { dma, ram } = system(bench);
  expect(sendMessage(dma, { address: 0xfee0_1000n, data: 0x41 }, 'msi')).toBeNull();
  expect(bench.fabric.messages).toEqual([{ address: 0xfee0_1000n, value: 0x41 }]);
  expect(ram.log).toEqual([]);
});
