// SPDX-License-Identifier: Apache-2.0
/**
 * Which entries each invalidation takes, field by field, on entries that real
 * requests have left: "IOMMU Page-Table cache invalidation commands", "IOMMU
 * directory cache invalidation commands", "IOMMU Extensions", "Caching in-memory
 * data structures".
 */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Pointer, Translation } from './caches.ts';
import { IodirCommand, IotinvalCommand } from './records.ts';
import { Capabilities } from './registers.ts';
import { EVERYTHING, ROOMY, System } from './system.test-support.ts';

const VMA = { opcode: 1, func3: 0 };
const GVMA = { opcode: 1, func3: 1 };
type Operands = Parameters<typeof IotinvalCommand.encode>[0];

/** Devices: 1, 2 of the host with PSCID 1, 2; 3, 4 of guest 7 with PSCID 1, 2; 5 of guest 8; 6 of guest 7 without a first stage. */
const PAGE = 0x10n;
const OTHER = 0x11n;
const GLOBAL = 0x12n;
/** 2 MiB by one entry of the first stage; guests have it in pages of 4 KiB. */
const LARGE = 0x200n;
/** A page whose guest frame lies in 2 MiB of the second stage. */
const INSIDE = 0x13n;

function system(caches = ROOMY, capabilities = EVERYTHING): System {
  const made = new System({ caches, capabilities });
  const second = made.frames(4n);
  const first = made.frames();
  made.map(first, 3, PAGE, 0x1100n);
  made.map(first, 3, OTHER, 0x1101n);
  made.map(first, 3, GLOBAL, 0x1102n, { G: true });
  made.map(first, 3, LARGE, 0x1200n, {}, 1);
  made.map(first, 3, INSIDE, 0x1401n);
  for (const guest of [0x1100n, 0x1101n, 0x1102n, 0x1200n, 0x1201n]) made.map(second, 3, guest, guest + 0x8000n);
  made.map(second, 3, 0x1400n, 0x9400n, {}, 1);
  for (let table = 0x20n; table < 0x60n; table += 1n) made.map(second, 3, table, table);
  const stage = { fsc_MODE: 8, fsc_PPN: first };
  const guest = (GSCID: number): object => ({ iohgatp_MODE: 8, iohgatp_PPN: second, GSCID });
  made.device(1, { ...stage, PSCID: 1 });
  made.device(2, { ...stage, PSCID: 2 });
  made.device(3, { ...stage, ...guest(7), PSCID: 1 });
  made.device(4, { ...stage, ...guest(7), PSCID: 2 });
  made.device(5, { ...stage, ...guest(8), PSCID: 1 });
  made.device(6, guest(7));
  return made;
}

/** `h1 10`: the host's PSCID 1, frame 0x10. `g7.1 10`: the guest's. `g7 1100`: guest frames. A * stands for all PSCIDs. */
const NAMES = ['h1 10', 'h1 11', 'h* 12', 'h1 200', 'h2 10', 'g7.1 10', 'g7.1 11', 'g7.* 12', 'g7.1 13', 'g7.1 200', 'g7.2 10', 'g8.1 10', 'g7 1100', 'g7 1400'];
function fill(made: System): void {
  for (const [device, frames] of [[1, [PAGE, OTHER, GLOBAL, LARGE]], [2, [PAGE]], [3, [PAGE, OTHER, GLOBAL, INSIDE, LARGE]], [4, [PAGE]], [5, [PAGE]], [6, [0x1100n, 0x1400n]]] as const) {
    for (const frame of frames) expect(made.ask(device, frame).kind).toBe('translated');
  }
}
function name({ first, entry }: { readonly first: number; readonly entry: unknown }): string {
  const { owner, global } = entry as Translation | Pointer;
  const process = owner.pscid < 0 ? '' : global ? '*' : String(owner.pscid);
  return `${owner.gscid < 0 ? `h${process}` : process === '' ? `g${owner.gscid}` : `g${owner.gscid}.${process}`} ${first.toString(16)}`;
}
const held = (made: System, cache = 'IOTLB'): string[] => made.lines(cache).map(name).sort();

describe('the IOTLB', () => {
  let made: System;
  beforeEach(() => {
    made = system();
    fill(made);
  });

  it('files what was walked by GSCID, PSCID and range, alike where nothing counts or labels the accesses', () => {
    const plain = system(ROOMY, Capabilities.encode({ ...Capabilities.decode(EVERYTHING), HPM: false, QOSID: false }));
    fill(plain);
    expect(plain.lines('IOTLB')).toEqual(made.lines('IOTLB'));
    expect(held(plain)).toEqual([...NAMES].sort());
    const spans = Object.fromEntries(plain.lines('IOTLB').map((line) => [name(line), line.span]));
    expect(spans).toMatchObject({ 'h1 10': 0, 'h1 200': 9, 'g7.1 200': 0, 'g7.1 13': 0, 'g7 1400': 9 });
  });

  it.each([
    ['reads, those of a page that may only be read', { R: true, W: false, X: false }, {}],
    ['fetches, those of a page that may only be executed', { R: false, W: false, X: true }, { execute: true }],
    ['writes, those of a dirty page', {}, { write: true }],
  ] as const)('serves again %s', (_, page, access) => {
    const [root, directory] = [made.frames(), made.frames()];
    const leaf = made.map(root, 3, PAGE, 0x2000n, page);
    made.process(directory, 1, { PSCID: 30, fsc_MODE: 8, fsc_PPN: root });
    made.device(7, { PDTV: true, fsc_MODE: 1, fsc_PPN: directory });
    const ask = (): bigint | string => made.reach(7, PAGE, { processId: 1, ...access });
    expect(ask()).toBe(0x2000n);
    made.memory.poke(leaf, 0n);
    // With its contexts at hand, and after a request of another device.
    expect([ask(), made.reach(1, PAGE), ask()]).toEqual([0x2000n, 0x1100n, 0x2000n]);
  });

  it("serves again what is the host's with PSCID 0, which is an address space like any other", () => {
    const root = made.frames();
    const leaf = made.map(root, 3, PAGE, 0x2000n);
    made.device(7, { fsc_MODE: 8, fsc_PPN: root, PSCID: 0 });
    expect(made.reach(7, PAGE)).toBe(0x2000n);
    made.memory.poke(leaf, 0n);
    expect([made.reach(7, PAGE), made.reach(1, PAGE), made.reach(7, PAGE)]).toEqual([0x2000n, 0x1100n, 0x2000n]);
  });

  it('serves global entries to other processes of the same address spaces, and to nobody else', () => {
    made.unit.bus.watch = (event) => {
      if (event.what.includes('stage')) throw new Error(`${event.what} was read`);
    };
    expect(made.reach(2, GLOBAL)).toBe(0x1102n);
    expect(made.reach(4, GLOBAL)).toBe(0x9102n);
    expect(() => made.reach(5, GLOBAL)).toThrow('second-stage table, level 2 was read');
    expect(() => made.reach(2, OTHER)).toThrow('first-stage table, level 2 was read');
  });

  const host = NAMES.filter((entry) => entry.startsWith('h'));
  const guest7 = NAMES.filter((entry) => entry.startsWith('g7'));
  const guests = NAMES.filter((entry) => entry.startsWith('g'));
  it.each([
    // IOTINVAL.VMA operands and operations, GV AV PSCV from 000 to 111.
    ['VMA', {}, host],
    ['VMA', { PSCV: true, PSCID: 1 }, ['h1 10', 'h1 11', 'h1 200']],
    ['VMA', { PSCV: true, PSCID: 3 }, []],
    ['VMA', { AV: true, ADDR: PAGE }, ['h1 10', 'h2 10']],
    ['VMA', { AV: true, ADDR: GLOBAL }, ['h* 12']],
    ['VMA', { AV: true, ADDR: LARGE + 0x1ffn }, ['h1 200']],
    ['VMA', { AV: true, ADDR: LARGE + 0x200n }, []],
    ['VMA', { AV: true, ADDR: PAGE, PSCV: true, PSCID: 1 }, ['h1 10']],
    ['VMA', { AV: true, ADDR: GLOBAL, PSCV: true, PSCID: 1 }, []],
    ['VMA', { GV: true, GSCID: 7 }, guest7],
    ['VMA', { GV: true, GSCID: 9 }, []],
    ['VMA', { GV: true, GSCID: 7, PSCV: true, PSCID: 1 }, ['g7.1 10', 'g7.1 11', 'g7.1 13', 'g7.1 200']],
    // Only entries that contain a first-stage leaf: the guest's own addresses are none.
    ['VMA', { GV: true, GSCID: 7, AV: true, ADDR: PAGE }, ['g7.1 10', 'g7.2 10']],
    ['VMA', { GV: true, GSCID: 7, AV: true, ADDR: 0x1100n }, []],
    // The leaf maps 2 MiB although the entry covers 4 KiB.
    ['VMA', { GV: true, GSCID: 7, AV: true, ADDR: LARGE + 0x77n }, ['g7.1 200']],
    ['VMA', { GV: true, GSCID: 7, AV: true, ADDR: GLOBAL }, ['g7.* 12']],
    ['VMA', { GV: true, GSCID: 7, AV: true, ADDR: PAGE, PSCV: true, PSCID: 2 }, ['g7.2 10']],
    ['VMA', { GV: true, GSCID: 7, AV: true, ADDR: GLOBAL, PSCV: true, PSCID: 1 }, []],
    ['VMA', { GSCID: 7, PSCID: 2, ADDR: PAGE }, host],
    // IOTINVAL.GVMA: the address is a guest's, and the host is never touched.
    ['GVMA', {}, guests],
    ['GVMA', { AV: true, ADDR: 0x1100n }, guests],
    ['GVMA', { GV: true, GSCID: 7 }, guest7],
    ['GVMA', { GV: true, GSCID: 8 }, ['g8.1 10']],
    ['GVMA', { GV: true, GSCID: 7, AV: true, ADDR: 0x1100n }, ['g7.1 10', 'g7.2 10', 'g7 1100']],
    ['GVMA', { GV: true, GSCID: 7, AV: true, ADDR: 0x1102n }, ['g7.* 12']],
    ['GVMA', { GV: true, GSCID: 7, AV: true, ADDR: PAGE }, []],
    // One leaf of the second stage for both: 0x1401 through the first, and the 2 MiB themselves.
    ['GVMA', { GV: true, GSCID: 7, AV: true, ADDR: 0x15ffn }, ['g7.1 13', 'g7 1400']],
    ['GVMA', { GV: true, GSCID: 7, AV: true, ADDR: 0x1201n }, []],
    // Address Range Invalidation Extension: two pages, four, everything.
    ['VMA', { AV: true, S: true, ADDR: 0x10n }, ['h1 10', 'h1 11', 'h2 10']],
    ['VMA', { AV: true, S: true, ADDR: 0x11n }, ['h1 10', 'h1 11', 'h* 12', 'h2 10']],
    ['VMA', { AV: true, S: true, ADDR: 0x12n, PSCV: true, PSCID: 1 }, []],
    ['VMA', { AV: true, S: true, ADDR: (1n << 51n) - 1n }, host],
    ['VMA', { AV: true, S: true, ADDR: (1n << 52n) - 1n }, host],
    ['VMA', { S: true, ADDR: 0x10n }, host],
    ['GVMA', { GV: true, GSCID: 7, AV: true, S: true, ADDR: 0x1100n }, ['g7.1 10', 'g7.1 11', 'g7.2 10', 'g7 1100']],
    ['GVMA', { AV: true, S: true, ADDR: 0x10n }, guests],
  ] as const)('IOTINVAL.%s %o takes %j', (command, operands: Operands, gone) => {
    made.command(IotinvalCommand.encode({ ...(command === 'VMA' ? VMA : GVMA), ...operands }));
    expect(made.unit.commandQueue.control).toBe(0x1_0001);
    expect(NAMES.filter((entry) => !held(made).includes(entry)).sort()).toEqual([...gone].sort());
    // "The IOTINVAL command has no effect on the IOMMU directory caches."
    expect(made.lines('device contexts')).toHaveLength(6);
  });

  it('is left alone by changes of ddtp and by directory invalidations', () => {
    made.unit.writeRegister(16, 8, 0n);
    made.unit.writeRegister(16, 8, 2n | (0x10n << 10n));
    made.command(IodirCommand.encode({ opcode: 3, func3: 0 }));
    expect(held(made)).toEqual([...NAMES].sort());
  });
});

describe('a cached translation', () => {
  it('serves no write before D is set, and then does', () => {
    const made = system();
    const root = made.frames();
    const entry = made.map(root, 3, PAGE, 0x2000n, { D: false });
    made.device(7, { fsc_MODE: 8, fsc_PPN: root, PSCID: 9, SADE: true });
    expect(made.reach(7, PAGE)).toBe(0x2000n);
    expect(made.memory.peek(entry) & 0x80n).toBe(0n);
    expect(made.reach(7, PAGE, { write: true })).toBe(0x2000n);
    expect(made.memory.peek(entry) & 0x80n).toBe(0x80n);
    made.memory.poke(entry, 0n);
    expect(made.reach(7, PAGE, { write: true })).toBe(0x2000n);
  });

  it('serves an ATS request that may write only when D is set in both stages', () => {
    const made = system();
    const root = made.frames();
    const entry = made.map(root, 3, PAGE, 0x2000n, { D: false });
    made.device(7, { fsc_MODE: 8, fsc_PPN: root, PSCID: 9, SADE: true, EN_ATS: true });
    expect(made.ask(7, PAGE, { type: 'ats', noWrite: true })).toMatchObject({ ats: { read: true, write: false } });
    made.memory.poke(entry, made.memory.peek(entry) & ~0x40n);
    expect(made.ask(7, PAGE, { type: 'ats', noWrite: true })).toMatchObject({ ats: { read: true, write: false } });
    expect(made.memory.peek(entry) & 0xc0n).toBe(0n);
    expect(made.ask(7, PAGE, { type: 'ats' })).toMatchObject({ ats: { read: true, write: true } });
    expect(made.memory.peek(entry) & 0xc0n).toBe(0xc0n);
    made.memory.poke(entry, 0n);
    expect(made.ask(7, PAGE, { type: 'ats' })).toMatchObject({ ats: { read: true, write: true } });
  });

  it.each([
    ['a write', { W: false }, { write: true }, 15],
    ['execution', { X: false }, { execute: true }, 12],
    ['a read', { R: false, W: false }, {}, 13],
  ] as const)('that lacks what %s needs is walked for again: more is permitted at once, what stays forbidden faults with its reason', (_, without, request, cause) => {
    const made = system();
    const root = made.frames();
    const entry = made.map(root, 3, PAGE, 0x2000n, without);
    made.device(7, { fsc_MODE: 8, fsc_PPN: root, PSCID: 9 });
    expect(made.ask(7, PAGE, cause === 13 ? { execute: true } : {}).kind).toBe('translated');
    expect(made.reach(7, PAGE, request)).toBe(`cause ${cause}`);
    made.map(root, 3, PAGE, 0x2000n);
    expect(made.reach(7, PAGE, request)).toBe(0x2000n);
    made.memory.poke(entry, 0n);
    expect(made.reach(7, PAGE, request)).toBe(0x2000n);
  });

  it('keeps users and supervisors apart', () => {
    const made = system();
    const root = made.frames();
    const entries = [made.map(root, 3, PAGE, 0x2000n), made.map(root, 3, OTHER, 0x2001n, { U: false })];
    const directory = made.frames();
    made.process(directory, 1, { ENS: true, PSCID: 9, fsc_MODE: 8, fsc_PPN: root });
    made.process(directory, 2, { ENS: true, SUM: true, PSCID: 9, fsc_MODE: 8, fsc_PPN: root });
    made.device(7, { PDTV: true, fsc_MODE: 1, fsc_PPN: directory });
    const as = (processId: number, privileged: boolean, frame: bigint, execute = false): bigint | string => made.reach(7, frame, { processId, privileged, execute });
    expect([as(1, false, PAGE), as(1, true, OTHER)]).toEqual([0x2000n, 0x2001n]);
    expect([as(1, true, PAGE), as(1, false, OTHER), as(2, true, PAGE, true)]).toEqual(['cause 13', 'cause 13', 'cause 12']);
    expect([as(1, false, PAGE), as(1, true, OTHER)]).toEqual([0x2000n, 0x2001n]);
    for (const entry of entries) made.memory.poke(entry, 0n);
    expect([as(2, true, PAGE), as(1, true, OTHER, true)]).toEqual([0x2000n, 0x2001n]);
  });

  it('of a message goes with the second stage, and is never executed', () => {
    const made = system();
    const table = made.frames();
    made.put((table << 12n) + 16n * 5n, 7n | (0x3000n << 10n), 2);
    const second = made.frames(4n);
    made.device(7, { iohgatp_MODE: 8, iohgatp_PPN: second, GSCID: 3, msiptp_MODE: 1, msiptp_PPN: table, msi_addr_mask: 0xfn, msi_addr_pattern: 0x700n });
    expect(made.reach(7, 0x705n, { write: true })).toBe(0x3000n);
    made.put((table << 12n) + 16n * 5n, 0n, 2);
    expect(made.ask(7, 0x705n, { write: true })).toMatchObject({ kind: 'translated', isMsi: true, span: 12, address: 0x300_0000n });
    expect(made.reach(7, 0x705n, { execute: true })).toBe('cause 262');
    made.put((table << 12n) + 16n * 5n, 7n | (0x3000n << 10n), 2);
    expect(made.reach(7, 0x705n, { write: true })).toBe(0x3000n);
    made.command(IotinvalCommand.encode({ ...VMA, GV: true, GSCID: 3, AV: true, ADDR: 0x705n }));
    made.put((table << 12n) + 16n * 5n, 0n, 2);
    expect(made.reach(7, 0x705n, { write: true })).toBe(0x3000n);
    made.command(IotinvalCommand.encode({ ...GVMA, GV: true, GSCID: 3, AV: true, ADDR: 0x705n }));
    expect(made.reach(7, 0x705n, { write: true })).toBe('cause 262');
  });

  it('with guest addresses for ATS serves translated requests by a translation of its own', () => {
    const made = system();
    made.device(3, { fsc_MODE: 8, fsc_PPN: made.frames(), PSCID: 1 });
    const second = made.frames(4n);
    made.map(second, 3, 0x1100n, 0x9100n);
    const root = made.frames();
    made.map(root, 3, PAGE, 0x1100n);
    for (let table = 0x20n; table < 0x70n; table += 1n) made.map(second, 3, table, table);
    made.device(7, { fsc_MODE: 8, fsc_PPN: root, PSCID: 1, iohgatp_MODE: 8, iohgatp_PPN: second, GSCID: 5, EN_ATS: true, T2GPA: true });
    expect(made.reach(7, PAGE, { type: 'ats' })).toBe(0x1100n);
    // The second identical request must not get the physical address.
    expect(made.reach(7, PAGE, { type: 'ats' })).toBe(0x1100n);
    expect(made.reach(7, PAGE)).toBe(0x9100n);
    expect(made.reach(7, 0x1100n, { type: 'translated' })).toBe(0x9100n);
    expect(held(made)).toEqual(['g5 1100', 'g5.1 10']);
  });
});

describe('the directory caches', () => {
  function directories(): System {
    const made = new System();
    const root = made.frames();
    made.map(root, 3, PAGE, 0x2000n);
    for (const id of [1, 2]) {
      const directory = made.frames();
      for (const process of [1, 2]) made.process(directory, process, { PSCID: process, fsc_MODE: 8, fsc_PPN: root });
      made.device(id, { PDTV: true, fsc_MODE: 1, fsc_PPN: directory });
      for (const processId of [1, 2]) expect(made.reach(id, PAGE, { processId })).toBe(0x2000n);
    }
    return made;
  }
  const contexts = (made: System): string[] => [...made.lines('device contexts').map(({ first }) => `d${first}`), ...made.lines('process contexts').map(({ tag, first }) => `d${tag}p${first}`)].sort();
  const ALL = ['d1', 'd1p1', 'd1p2', 'd2', 'd2p1', 'd2p2'];

  it.each([
    [{ func3: 0 }, ALL],
    [{ func3: 0, DID: 1 }, ALL],
    [{ func3: 0, DV: true, DID: 1 }, ['d1', 'd1p1', 'd1p2']],
    [{ func3: 0, DV: true, DID: 3 }, []],
    [{ func3: 1, DV: true, DID: 2, PID: 1 }, ['d2p1']],
    [{ func3: 1, DV: true, DID: 2, PID: 3 }, []],
  ] as const)('IODIR %o takes %j', (operands, gone) => {
    const made = directories();
    expect(contexts(made)).toEqual(ALL);
    made.command(IodirCommand.encode({ opcode: 3, ...operands }));
    expect(made.unit.commandQueue.control).toBe(0x1_0001);
    expect(ALL.filter((entry) => !contexts(made).includes(entry))).toEqual(gone);
    expect(made.lines('IOTLB')).toHaveLength(2);
  });

  it('hold no context that is not valid or not allowed', () => {
    const made = new System();
    made.device(1, { V: false });
    made.device(2, { GADE: true, fsc_MODE: 3 });
    expect([made.reach(1, PAGE), made.reach(2, PAGE)]).toEqual(['cause 258', 'cause 259']);
    const directory = made.frames();
    made.process(directory, 1, { V: false });
    made.process(directory, 2, { fsc_MODE: 3 });
    made.device(3, { PDTV: true, fsc_MODE: 1, fsc_PPN: directory });
    expect([made.reach(3, PAGE, { processId: 1 }), made.reach(3, PAGE, { processId: 2 })]).toEqual(['cause 266', 'cause 267']);
    expect(contexts(made)).toEqual(['d3']);
  });
});

describe('the contexts of the last request serve the next', () => {
  const directory = (made: System): { readonly table: bigint; readonly root: bigint } => {
    const root = made.frames();
    made.map(root, 3, PAGE, 0x2000n);
    const table = made.frames();
    made.process(table, 1, { PSCID: 1, fsc_MODE: 8, fsc_PPN: root });
    made.process(table, 2, { ENS: true, PSCID: 2, fsc_MODE: 8, fsc_PPN: made.frames() });
    made.device(1, { PDTV: true, fsc_MODE: 1, fsc_PPN: table });
    made.device(2, { fsc_MODE: 8, fsc_PPN: made.frames(), PSCID: 3 });
    return { table, root };
  };

  it('but not those of another device or process, or a request that needs more', () => {
    const made = new System();
    directory(made);
    const ask = (device: number, processId: number | null, more: object = {}): bigint | string => made.reach(device, PAGE, { processId, ...more });
    expect([ask(1, 1), ask(1, 1), ask(1, 2), ask(1, 1), ask(2, null), ask(1, 1)]).toEqual([0x2000n, 0x2000n, 'cause 13', 0x2000n, 'cause 13', 0x2000n]);
    expect([ask(1, 1, { privileged: true }), ask(1, 1, { type: 'ats' }), ask(1, 1, { type: 'translated' }), ask(1, null), ask(1, 1)]).toEqual(['cause 260', 'cause 260', 'cause 260', PAGE, 0x2000n]);
  });

  it('until an invalidation, an eviction, a lapse or another ddtp', () => {
    const made = new System({ caches: { ...ROOMY, devices: { sets: 1, ways: 1, policy: 'lru' }, translations: null } });
    const { table, root } = directory(made);
    const ask = (): bigint | string => made.reach(1, PAGE, { processId: 1 });
    const forget = (): void => made.process(table, 1, { V: false });
    const restore = (): void => made.process(table, 1, { PSCID: 1, fsc_MODE: 8, fsc_PPN: root });
    expect(ask()).toBe(0x2000n);
    forget();
    expect(ask()).toBe(0x2000n);
    made.command(IodirCommand.encode({ opcode: 3, func3: 1, DV: true, DID: 1, PID: 2 }));
    expect(ask()).toBe(0x2000n);
    made.command(IodirCommand.encode({ opcode: 3, func3: 1, DV: true, DID: 1, PID: 1 }));
    expect(ask()).toBe('cause 266');
    restore();
    made.device(1, { V: false });
    expect(ask()).toBe(0x2000n);
    made.reach(2, PAGE);
    expect(ask()).toBe('cause 258');
    made.device(2, { V: false });
    const asked: string[] = [];
    made.unit.lapses = (cache) => asked.push(cache) > 0;
    expect(made.reach(2, PAGE)).toBe('cause 258');
    expect(asked).toEqual(['device contexts']);
    made.unit.lapses = null;
    made.unit.writeRegister(16, 8, 0n);
    expect(made.reach(2, PAGE)).toBe('cause 256');
  });
});

describe('contexts that nothing keeps', () => {
  const { devices, processes } = ROOMY;
  it.each([
    ['no cache has', { devices: null, processes: null }, ['device context', 'process context']],
    ['no cache of devices has', { devices: null, processes }, ['device context']],
    ['no cache of processes has', { devices, processes: null }, ['process context']],
    ['both caches have', { devices, processes }, []],
  ] as const)('are read for each request, where %s them', (_, sizes, read) => {
    const made = new System({ caches: { ...ROOMY, ...sizes } });
    const directory = made.frames();
    const root = made.frames();
    made.map(root, 3, PAGE, 0x2000n);
    made.process(directory, 1, { PSCID: 1, fsc_MODE: 8, fsc_PPN: root });
    made.device(1, { PDTV: true, fsc_MODE: 1, fsc_PPN: directory });
    expect(made.reach(1, PAGE, { processId: 1 })).toBe(0x2000n);
    const seen: string[] = [];
    made.unit.bus.watch = ({ what }) => void seen.push(what);
    for (let i = 0; i < 2; i += 1) expect(made.reach(1, PAGE, { processId: 1 })).toBe(0x2000n);
    expect(seen).toEqual([...read, ...read]);
  });

  it.each([
    ['device contexts', ['device contexts']],
    ['process contexts', ['process contexts']],
    ['IOTLB', ['IOTLB']],
  ] as const)('or where only %s may lapse, which is then asked each time', (name, each) => {
    const made = new System();
    const directory = made.frames();
    const root = made.frames();
    made.map(root, 3, PAGE, 0x2000n);
    made.process(directory, 1, { PSCID: 1, fsc_MODE: 8, fsc_PPN: root });
    made.device(1, { PDTV: true, fsc_MODE: 1, fsc_PPN: directory });
    made.reach(1, PAGE, { processId: 1 });
    const asked: string[] = [];
    const cache = made.unit.caches.find((one) => one.name === name);
    if (cache === undefined) throw new Error(`no cache of ${name}`);
    cache.lapses = (of) => asked.push(of) < 0;
    for (let i = 0; i < 3; i += 1) expect(made.reach(1, PAGE, { processId: 1 })).toBe(0x2000n);
    expect(asked).toEqual([...each, ...each, ...each]);
  });
});

describe('a request after one of the same device', () => {
  function large(): System {
    const made = new System();
    const root = made.frames();
    made.map(root, 3, LARGE, 0x1200n, {}, 1);
    made.device(1, { fsc_MODE: 8, fsc_PPN: root, PSCID: 1 });
    expect(made.reach(1, LARGE)).toBe(0x1200n);
    return made;
  }

  it('finds its own page in a large entry', () => {
    const made = large();
    expect([made.reach(1, LARGE + 0x77n), made.reach(1, LARGE + 0x1ffn), made.reach(1, LARGE)]).toEqual([0x1277n, 0x13ffn, 0x1200n]);
  });

  it('is refused as soon as ddtp is Off, or the context was invalidated', () => {
    const off = large();
    off.unit.writeRegister(16, 8, 0n);
    expect(off.reach(1, LARGE)).toBe('cause 256');
    const invalid = large();
    invalid.device(1, { V: false });
    expect(invalid.reach(1, LARGE)).toBe(0x1200n);
    invalid.command(IodirCommand.encode({ opcode: 3, func3: 0, DV: true, DID: 1 }));
    expect(invalid.reach(1, LARGE)).toBe('cause 258');
  });

  it('asks once at each hit of each cache whether it lapsed', () => {
    const made = large();
    const asked: string[] = [];
    made.unit.lapses = (cache) => asked.push(cache) < 0;
    for (const frame of [LARGE, LARGE + 1n]) expect(made.reach(1, frame)).toBe(0x1200n + frame - LARGE);
    expect(asked).toEqual(['device contexts', 'IOTLB', 'device contexts', 'IOTLB']);
    made.unit.lapses = null;
    made.reach(1, LARGE);
    const translations = made.unit.caches.find(({ name: cache }) => cache === 'IOTLB');
    if (translations === undefined) throw new Error('no IOTLB');
    asked.length = 0;
    translations.lapses = (cache) => asked.push(cache) < 0;
    made.reach(1, LARGE);
    made.reach(1, LARGE + 1n);
    expect(asked).toEqual(['IOTLB', 'IOTLB']);
  });
});

describe('cached pointers', () => {
  const ROOM = { sets: 4, ways: 16, policy: 'lru' } as const;
  const pointing = (): System => system({ ...ROOMY, translations: null, firstPointers: ROOM, secondPointers: ROOM });

  it('let a walk begin at the last of them', () => {
    const made = pointing();
    const reads: string[] = [];
    made.ask(1, PAGE);
    made.unit.bus.watch = (event) => reads.push(event.what);
    expect(made.reach(1, OTHER)).toBe(0x1101n);
    expect(reads).toEqual(['first-stage table, level 0']);
    reads.length = 0;
    made.ask(6, 0x1100n);
    expect(made.reach(6, 0x1101n)).toBe(0x9101n);
    expect(reads.slice(-1)).toEqual(['second-stage table, level 0']);
    expect(reads.filter((what) => what.includes('level 0'))).toHaveLength(2);
  });

  it.each([
    ['VMA', { AV: true, ADDR: PAGE }, true, true],
    ['VMA', { AV: true, NL: true, ADDR: PAGE }, false, true],
    ['VMA', { AV: true, NL: true, ADDR: PAGE, PSCV: true, PSCID: 2 }, true, true],
    ['VMA', { AV: true, NL: true, S: true, ADDR: 0x40n << 18n }, true, true],
    ['VMA', {}, false, true],
    ['VMA', { GV: true, GSCID: 7 }, true, true],
    ['GVMA', { GV: true, GSCID: 7, AV: true, ADDR: 0x1100n }, true, true],
    ['GVMA', { GV: true, GSCID: 7, AV: true, NL: true, ADDR: 0x1100n }, true, false],
    ['GVMA', { GV: true, GSCID: 8, AV: true, NL: true, ADDR: 0x1100n }, true, true],
    ['GVMA', { GV: true, GSCID: 7, NL: true }, true, false],
    ['GVMA', {}, true, false],
  ] as const)('after IOTINVAL.%s %o: those of the host stay %s, those of the guest %s', (command, operands: Operands, host, guest) => {
    const made = pointing();
    made.ask(1, PAGE);
    made.ask(6, 0x1100n);
    const before = { first: held(made, 'first-stage pointers'), second: held(made, 'second-stage pointers') };
    expect([before.first.length, before.second.length]).toEqual([2, 2]);
    made.command(IotinvalCommand.encode({ ...(command === 'VMA' ? VMA : GVMA), ...operands }));
    expect(held(made, 'first-stage pointers')).toEqual(host ? before.first : []);
    expect(held(made, 'second-stage pointers')).toEqual(guest ? before.second : []);
  });

  it('that are global belong to every process, with all that lies below them', () => {
    const made = pointing();
    const root = made.frames();
    const entry = made.map(root, 3, PAGE, 0x2000n);
    made.memory.poke(root << 12n, made.memory.peek(root << 12n) | 0x20n);
    made.device(7, { fsc_MODE: 8, fsc_PPN: root, PSCID: 20 });
    made.device(8, { fsc_MODE: 8, fsc_PPN: made.frames(), PSCID: 21 });
    expect(made.reach(7, PAGE)).toBe(0x2000n);
    expect(made.reach(8, PAGE)).toBe(0x2000n);
    made.memory.poke(entry, 0n);
    expect(made.reach(8, PAGE)).toBe('cause 13');
    made.command(IotinvalCommand.encode({ ...VMA, PSCV: true, PSCID: 20 }));
    expect(held(made, 'first-stage pointers')).toHaveLength(2);
  });
});
