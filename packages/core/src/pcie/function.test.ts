// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, it } from 'vitest';
import { ConfigSpace, configRegister } from './config-space.ts';
import { CAPABILITY, EXTENDED, Identity, MsixEntry } from './config-structures.ts';
import { DmaPort } from './dma-port.ts';
import { Fabric } from './fabric.ts';
import { endpointOf, PcieFunction, type FunctionDescription } from './function.ts';
import { PageMapUnit } from './page-map.test-support.ts';
import { StraightPort } from './straight-port.test-support.ts';

const WHOLE: FunctionDescription = {
  vendorId: 0x1af4,
  deviceId: 0x10d0,
  classCode: 0x12_00_00,
  bars: [{ size: 0x1000 }, { size: 2 ** 33, bits: 64, prefetchable: true }],
  msi: { vectors: 4, maskable: true },
  msix: { vectors: 9, bar: 0, table: 0x800, pending: 0xc00 },
  ats: { queueDepth: 32 },
  pri: { capacity: 64 },
  pasid: { bits: 20, privileged: true },
};

let fn: PcieFunction;
let ats: number;
let pri: number;
let pasid: number;
const make = (description: FunctionDescription = WHOLE): void => {
  fn = new PcieFunction(description);
  ats = fn.places.ats ?? -1;
  pri = fn.places.pri ?? -1;
  pasid = fn.places.pasid ?? -1;
};
beforeEach(() => {
  make();
});

/** As Linux does: control registers are words of 16 bits. */
const word = (offset: number): number => fn.config.read(offset, 2);
const set = (offset: number, value: number): void => {
  fn.config.write(offset, 2, value);
};

describe('configuration space', () => {
  it('the lists lead from capability to capability', () => {
    const listed: number[] = [];
    for (let at = fn.config.read(0x34, 1); at !== 0; at = fn.config.read(at + 1, 1)) listed.push(fn.config.read(at, 1));
    expect(listed).toEqual([CAPABILITY.msi, CAPABILITY.msix, CAPABILITY.pcie]);
    const extended: number[] = [];
    for (let at = 0x100; at !== 0; at = fn.config.read(at, 4) >>> 20) extended.push(fn.config.read(at, 2));
    expect(extended).toEqual([EXTENDED.ats, EXTENDED.pri, EXTENDED.pasid]);
  });

  it('a function without extended capabilities reads zero at 0x100', () => {
    make({ vendorId: 1, deviceId: 2, classCode: 3 });
    expect(fn.config.read(0x100, 4)).toBe(0);
    expect(fn.config.read(0x34, 1)).toBe(fn.places.pcie);
  });

  it('a BAR written with ones reads back as its size, and lies where it is put', () => {
    fn.config.write(0x10, 4, 0xffff_ffff);
    expect(fn.config.read(0x10, 4)).toBe(0xffff_f000);
    fn.config.write(0x14, 4, 0xffff_ffff);
    fn.config.write(0x18, 4, 0xffff_ffff);
    expect([fn.config.read(0x14, 4), fn.config.read(0x18, 4)]).toEqual([0xc, 0xffff_fffe]);
    fn.config.write(0x10, 4, 0xfe00_0000);
    expect(fn.bar(0)).toBeNull();
    set(4, 2);
    expect(fn.bar(0)).toBe(0xfe00_0000n);
    fn.config.write(0x18, 4, 6);
    expect(fn.bar(1)).toBe(6n << 32n);
  });

  it('bits without a writer stay, bits that are cleared by 1 are', () => {
    fn.config.write(0, 4, 0);
    expect(fn.config.read(0, 4)).toBe(0x10d0_1af4);
    fn.refused('unsupported-request');
    fn.refused('completer-abort');
    expect(word(6)).toBe(0x3010);
    set(6, 0x2000);
    expect(word(6)).toBe(0x1010);
    set(4, 0xffff);
    expect(word(6)).toBe(0x1010);
  });

  it('an access off its size is ours', () => {
    expect(() => fn.config.read(1, 2)).toThrow(RangeError);
    expect(() => {
      fn.config.write(0xffe, 4, 0);
    }).toThrow(RangeError);
  });

  it('the register view has every register with its fields', () => {
    set(ats + 6, 0x8002);
    const row = fn.config.rows().find(({ offset }) => offset === ats + 4);
    expect(row?.fields.filter(({ name }) => name === 'stu' || name === 'enable').map(({ name, bits, value }) => `${name} ${bits} ${value}`)).toEqual(['stu 20:16 2', 'enable 31 1']);
    expect(fn.config.rows().length).toBe(fn.config.registers.length);
  });

  it.each([
    [{ ...WHOLE, bars: [{ size: 24 }] }, 'power of two'],
    [{ ...WHOLE, bars: Array.from({ length: 7 }, () => ({ size: 16 })) }, 'six BARs'],
    [{ ...WHOLE, msi: { vectors: 3 } }, 'power of two'],
    [{ ...WHOLE, msix: { vectors: 0, bar: 0, table: 0, pending: 0 } }, '1 to 2048'],
    [{ ...WHOLE, pasid: { bits: 21 } }, '0 to 20'],
    [{ ...WHOLE, ats: { queueDepth: 33 } }, '1 to 32'],
  ])('a function that cannot be is refused: %#', (description, why) => {
    expect(() => new PcieFunction(description)).toThrow(why);
  });
});

describe('what is read of a capability (field, bits and meaning as in the section that its layout names)', () => {
  it.each<[string, () => number, number]>([
    ['ATS: a queue of 32 is coded 0; page aligned, global invalidate', () => word(ats + 4), 0x0060],
    ['page requests: stopped after reset, responses carry PASIDs', () => word(pri + 6), 0x8100],
    ['page requests: capacity', () => fn.config.read(pri + 8, 4), 64],
    ['PASID: privileged, not execute, 20 bits', () => word(pasid + 4), 0x1404],
    ['MSI: 4 vectors, 64 bits, maskable', () => word((fn.places.msi ?? 0) + 2), 0x0184],
    ['MSI-X: 9 vectors', () => word((fn.places.msix ?? 0) + 2), 8],
    ['MSI-X: table in BAR 0 at 0x800', () => fn.config.read((fn.places.msix ?? 0) + 4, 4), 0x800],
    ['device control after reset: relaxed ordering, no snoop, 512-byte reads, long tags', () => word(fn.places.pcie + 8), 0x2910],
  ])('%s', (_, value, expected) => {
    expect(value()).toBe(expected);
  });

  it('PASID features that the function lacks cannot be switched on', () => {
    set(pasid + 6, 7);
    expect(word(pasid + 6)).toBe(5);
    expect([fn.pasid, fn.executePermission, fn.privilegedMode]).toEqual([true, false, true]);
  });
});

describe('other registers', () => {
  it('say what the function is', () => {
    make({ ...WHOLE, classCode: 0x12_3456, revision: 7 });
    expect(fn.config.read(8, 4)).toBe(0x1234_5607);
    expect(fn.config.read(fn.places.pcie + 0x24, 4) & 0x20_0000).not.toBe(0);
    make({ ...WHOLE, pasid: undefined } as unknown as FunctionDescription);
    expect(fn.config.read(fn.places.pcie + 0x24, 4) & 0x20_0000).toBe(0);
  });

  it('switch AtomicOps, ID-based and Relaxed Ordering', () => {
    const { pcie } = fn.places;
    expect([fn.atomicRequester, fn.idoRequests, fn.relaxedOrdering]).toEqual([false, false, true]);
    set(pcie + 0x28, 0x140);
    set(pcie + 8, 0);
    expect([fn.atomicRequester, fn.idoRequests, fn.relaxedOrdering]).toEqual([true, true, false]);
    set(pcie + 0x28, 0x100);
    expect([fn.atomicRequester, fn.idoRequests]).toEqual([false, true]);
  });

  it('lie on words, one at each', () => {
    const register = configRegister('x', 0x40, Identity, {});
    for (const offset of [0x42, -4, 4096]) expect(() => new ConfigSpace([{ ...register, offset }])).toThrow(RangeError);
    expect(() => new ConfigSpace([register, register])).toThrow('another register');
    expect(() => new ConfigSpace([configRegister('x', 0x40, MsixEntry, {})])).toThrow(RangeError);
    for (const [offset, size] of [[-4, 4], [4096, 1], [2, 4]] as const) expect(() => fn.config.read(offset, size)).toThrow(RangeError);
  });
});

describe('the order of switching on', () => {
  it('PASID, then ATS, then page requests: no mistake', () => {
    set(4, 6);
    set(pasid + 6, 1);
    set(ats + 6, 0x8001);
    fn.config.write(pri + 12, 4, 32);
    set(pri + 4, 1);
    expect([fn.busMaster, fn.pasid, fn.ats, fn.pri, fn.atc?.stu, fn.pages?.room]).toEqual([true, true, true, true, 1, 32]);
    expect(fn.config.mistakes).toEqual([]);
    set(pri + 4, 0);
    set(ats + 6, 0);
    set(pasid + 6, 0);
    expect([fn.pasid, fn.ats, fn.pri]).toEqual([false, false, false]);
    expect(fn.config.mistakes).toEqual([]);
  });

  it.each<[string, () => void, () => unknown, unknown, string]>([
    ['PASID while ATS is on', () => { set(ats + 6, 0x8000); set(pasid + 6, 1); }, () => fn.pasid, false, 'PASID is switched on while ATS is on'],
    ['PASID off while ATS is on', () => { set(pasid + 6, 1); set(ats + 6, 0x8000); set(pasid + 6, 0); }, () => fn.pasid, true, 'PASID is switched off while ATS is on'],
    ['PASID permissions while ATS is on', () => { set(pasid + 6, 1); set(ats + 6, 0x8000); set(pasid + 6, 5); }, () => fn.privilegedMode, false, 'to other permissions while ATS is on'],
    ['the smallest unit while ATS is on', () => { set(ats + 6, 0x8001); set(ats + 6, 0x8002); }, () => fn.atc?.stu, 1, 'from 1 to 2 while ATS is on'],
    ['page requests before ATS', () => { fn.config.write(pri + 12, 4, 1); set(pri + 4, 1); }, () => fn.pri, false, 'while ATS is off'],
    ['ATS off before page requests', () => { set(ats + 6, 0x8000); fn.config.write(pri + 12, 4, 1); set(pri + 4, 1); set(ats + 6, 0); }, () => fn.ats, false, 'may still ask for pages'],
    ['page requests without allocation', () => { set(ats + 6, 0x8000); set(pri + 4, 1); }, () => fn.pri, true, 'allocation of 0'],
    ['the allocation while page requests are on', () => { set(ats + 6, 0x8000); fn.config.write(pri + 12, 4, 1); set(pri + 4, 1); fn.config.write(pri + 12, 4, 9); }, () => fn.config.read(pri + 12, 4), 1, 'allocation changes'],
    ['more than the capacity', () => { fn.config.write(pri + 12, 4, 65); }, () => fn.pages?.room, 64, '65 page requests are allocated'],
    ['a reset while page requests are on', () => { set(ats + 6, 0x8000); fn.config.write(pri + 12, 4, 1); set(pri + 4, 1); set(pri + 4, 3); }, () => fn.pri, true, 'reset while they are on'],
    ['MSI and MSI-X at once', () => { set((fn.places.msi ?? 0) + 2, 1); set((fn.places.msix ?? 0) + 2, 0x8000); }, () => fn.config.mistakes.length, 1, 'MSI and MSI-X are on at once'],
  ])('%s is a mistake', (_, act, read, expected, text) => {
    act();
    expect(read()).toBe(expected);
    expect(fn.config.mistakes.map((mistake) => mistake.text).join()).toContain(text);
    expect(fn.config.mistakes[0]?.section).toContain('PCIe 5.0');
  });

  it('page requests go on again only when stopped or reset', () => {
    set(ats + 6, 0x8000);
    fn.config.write(pri + 12, 4, 4);
    set(pri + 4, 1);
    fn.pages?.ask(1, null, false, [{ address: 0n, read: true, write: false, execute: false }]);
    set(pri + 4, 0);
    expect(word(pri + 6) & 0x100).toBe(0);
    set(pri + 4, 1);
    expect([fn.pri, fn.config.mistakes.length]).toEqual([false, 1]);
    set(pri + 4, 2);
    expect(word(pri + 6) & 0x100).toBe(0x100);
    expect(word(pri + 4)).toBe(0);
    set(pri + 4, 1);
    expect(fn.pri).toBe(true);
  });

  it('the status of page requests is what happened, until it is cleared', () => {
    set(ats + 6, 0x8000);
    fn.config.write(pri + 12, 4, 4);
    set(pri + 4, 1);
    fn.pages?.ask(1, 5, false, [{ address: 0n, read: true, write: false, execute: false }]);
    fn.pages?.answered({ kind: 'page-response', source: 1, pasid: 5, group: 9, code: 'success' });
    expect(word(pri + 6)).toBe(0x8002);
    fn.pages?.answered({ kind: 'page-response', source: 1, pasid: 5, group: 0, code: 'failure' });
    expect([word(pri + 4), word(pri + 6)]).toEqual([0, 0x8103]);
    set(pri + 6, 3);
    expect(word(pri + 6)).toBe(0x8100);
  });
});

const answerPage = (unit: PageMapUnit): void => {
  const asked = unit.next();
  if (asked !== null) unit.respond({ source: asked.source, pasid: asked.pasid, group: asked.group, code: 'success' });
};

describe('a function at work', () => {
  const RAM = { base: 0x1_0000, size: 0x2_0000 };
  const bench = () => {
    const fabric = new Fabric();
    const unit = new PageMapUnit(fabric);
    fabric.attach(unit);
    const endpoint = endpointOf(fn, 0x100, fabric.link(0x100));
    return { fabric, unit, endpoint, dma: new DmaPort(new StraightPort(RAM.base, RAM.size), RAM, { bus: endpoint, source: 0x100 }) };
  };

  it('says nothing before bus mastering is on', () => {
    const { unit, dma } = bench();
    unit.map(null, 0x5000n, 0x1_0000n);
    expect(dma.tryLoad(0x5000n, 4, 'x').fault?.status).toBe('unsupported-request');
    expect(unit.requests).toEqual([]);
    set(4, 4);
    expect(dma.tryLoad(0x5000n, 4, 'x').fault).toBeNull();
  });

  it('a refused read is remembered in the status register; a refused write, being posted, is not', () => {
    const { dma } = bench();
    set(4, 4);
    dma.tryStore(0x5000n, 4, 1, 'x');
    expect(word(6) & 0x3000).toBe(0);
    dma.tryLoad(0x5000n, 4, 'x');
    expect(word(6) & 0x3000).toBe(0x2000);
  });

  it('forgets its translations when ATS goes off, and everything on a reset', () => {
    const { unit, dma } = bench();
    set(4, 4);
    set(ats + 6, 0x8000);
    unit.map(null, 0x5000n, 0x1_0000n);
    dma.tryLoad(0x5000n, 4, 'x');
    expect(fn.atc?.cache.entries().length).toBe(1);
    set(ats + 6, 0);
    expect(fn.atc?.cache.entries()).toEqual([]);
    set(ats + 6, 0x8000);
    fn.config.write(pri + 12, 4, 4);
    set(fn.places.pcie + 8, 0x8000);
    expect(fn.pages?.allocation).toBe(0);
    expect([fn.ats, fn.busMaster, word(fn.places.pcie + 8)]).toEqual([false, false, 0x2910]);
  });

  it.each<[string, (bench: { unit: PageMapUnit }) => void, string | undefined, string[]]>([
    ['is reset: the access ends', () => { set(fn.places.pcie + 8, 0x8000); }, 'page', ['ats']],
    ['loses bus mastering: nothing more is sent', ({ unit }) => { set(4, 0); answerPage(unit); }, 'unsupported-request', ['ats']],
    ['loses ATS: the access goes untranslated', ({ unit }) => { set(ats + 6, 0); answerPage(unit); }, undefined, ['ats', 'untranslated']],
    ['is let alone', ({ unit }) => { answerPage(unit); }, undefined, ['ats', 'ats', 'translated']],
  ])('while a page is waited for, the function %s', (_, act, status, sent) => {
    const { unit, dma, fabric } = bench();
    set(4, 4);
    set(ats + 6, 0x8000);
    fn.config.write(pri + 12, 4, 4);
    set(pri + 4, 1);
    let acted = false;
    fabric.software = () => {
      if (acted) return false;
      acted = true;
      unit.map(null, 0x5000n, 0x1_0000n);
      act({ unit });
      return true;
    };
    expect(dma.as({ onFault: 'request' }).tryLoad(0x5000n, 4, 'x').fault?.status).toBe(status);
    expect(unit.requests.map(({ type }) => type)).toEqual(sent);
  });

  it('an MSI is written where the capability says, with the vector in the lowest bits', () => {
    const msi = fn.places.msi ?? 0;
    fn.config.write(msi + 4, 4, 0xfee0_0003);
    fn.config.write(msi + 12, 4, 0x47);
    expect(fn.msi(0)).toBeNull();
    set(4, 4);
    fn.config.write(msi + 8, 4, 5);
    set(msi + 2, 0x21);
    expect(fn.msi(1)?.address).toBe(0x5_fee0_0000n);
    fn.config.write(msi + 8, 4, 0);
    expect([fn.msi(1), fn.msi(3)]).toEqual([{ address: 0xfee0_0000n, data: 0x45 }, { address: 0xfee0_0000n, data: 0x47 }]);
    set(msi + 2, 0x01);
    expect(fn.msi(3)?.data).toBe(0x47);
    fn.config.write(msi + 16, 4, 1);
    expect([fn.msi(0), fn.config.read(msi + 20, 4)]).toEqual([null, 1]);
  });
});
