// SPDX-License-Identifier: Apache-2.0
/** "Performance-monitoring …" and "IOMMU QoS ID": events, filters, overflow, and which ids go with which access. */
import { describe, expect, it } from 'vitest';
import { CounterEvent } from './counter-registers.ts';
import { IotinvalCommand } from './records.ts';
import { Capabilities, OFFSET } from './registers.ts';
import type { Request } from './request.ts';
import { EVERYTHING, System } from './system.test-support.ts';

const PAGE = 0x10n;
type Fields = Parameters<typeof CounterEvent.encode>[0];
const counter = (index: number): number => OFFSET.iohpmctr + 8 * (index - 1);
const selector = (index: number): number => OFFSET.iohpmevt + 8 * (index - 1);

/** Device 1: host, PSCID 5. Device 2: guest 7, one process with PSCID 6. Device 19: guest 7 without a first stage. */
function system(caches = true): System {
  const made = new System(caches ? {} : { caches: { devices: null, processes: null, translations: null, firstPointers: null, secondPointers: null } });
  const second = made.frames(4n);
  const first = made.frames();
  const directory = made.frames();
  made.map(first, 3, PAGE, 0x1100n);
  made.map(second, 3, 0x1100n, 0x9100n);
  for (let table = 0x20n; table < 0x40n; table += 1n) made.map(second, 3, table, table);
  made.process(directory, 3, { PSCID: 6, fsc_MODE: 8, fsc_PPN: first });
  const guest = { iohgatp_MODE: 8, iohgatp_PPN: second, GSCID: 7, EN_ATS: true };
  made.device(1, { fsc_MODE: 8, fsc_PPN: first, PSCID: 5, EN_ATS: true });
  made.device(2, { ...guest, PDTV: true, fsc_MODE: 1, fsc_PPN: directory });
  made.device(19, guest);
  return made;
}
function count(made: System, fields: Fields, what: () => void): bigint {
  made.unit.writeRegister(selector(1), 8, CounterEvent.encode(fields));
  made.unit.writeRegister(counter(1), 8, 0n);
  what();
  return made.unit.readRegister(counter(1), 8);
}
const nested: Partial<Request> = { processId: 3 };

describe('a performance counter', () => {
  it.each([
    [1, 'untranslated requests', 3n],
    [2, 'translated requests', 1n],
    [3, 'ATS requests', 2n],
    [4, 'misses of the IOTLB', 3n],
    [5, 'walks of the device directory', 4n],
    [6, 'walks of the process directory', 1n],
    [7, 'walks of the first stage', 2n],
    // Table of the process directory 1, tables of the first stage 3, the page 1; the guest's own page 1.
    [8, 'walks of the second stage', 6n],
    [0, 'nothing', 0n],
  ])('of event %i counts %s', (eventID, _, events) => {
    const made = system();
    const counted = count(made, { eventID }, () => {
      made.ask(1, PAGE);
      made.ask(1, PAGE, { type: 'ats' });
      made.ask(1, PAGE, { type: 'translated' });
      made.ask(2, PAGE, nested);
      made.ask(2, PAGE, { ...nested, type: 'ats' });
      made.ask(19, 0x1100n);
      made.ask(20, PAGE, { type: 'untranslated', write: true, processId: null });
    });
    // The device that is not there is an untranslated request and a walk too.
    expect(counted).toBe(eventID === 1 ? events + 1n : events);
  });

  it('counts each request as a miss where there is no IOTLB', () => {
    const made = system(false);
    expect(count(made, { eventID: 4 }, () => [0, 1, 2].map(() => made.ask(1, PAGE)))).toBe(3n);
  });

  it.each([
    ['any', { eventID: 1 }, 4n],
    ['a device', { eventID: 1, DV_GSCV: true, DID_GSCID: 2 }, 2n],
    ['a process', { eventID: 1, PV_PSCV: true, PID_PSCID: 3 }, 1n],
    ['both', { eventID: 1, DV_GSCV: true, DID_GSCID: 1, PV_PSCV: true, PID_PSCID: 3 }, 0n],
    ['devices 16 to 31', { eventID: 1, DMASK: true, DV_GSCV: true, DID_GSCID: 0x17 }, 1n],
    ['devices 0 to 3', { eventID: 1, DMASK: true, DV_GSCV: true, DID_GSCID: 1 }, 3n],
    ['all ones, which masks everything', { eventID: 1, DMASK: true, DV_GSCV: true, DID_GSCID: 0xff_ffff }, 4n],
    ['DMASK without DV', { eventID: 1, DMASK: true, DID_GSCID: 0x17 }, 4n],
    ['IDT, which requests do not have', { eventID: 1, IDT: true }, 0n],
    ['IDT, which directory walks do not have', { eventID: 5, IDT: true }, 0n],
    ['any', { eventID: 4, IDT: true }, 4n],
    ['a GSCID', { eventID: 4, IDT: true, DV_GSCV: true, DID_GSCID: 7 }, 3n],
    ['GSCIDs 4 to 7', { eventID: 4, IDT: true, DMASK: true, DV_GSCV: true, DID_GSCID: 5 }, 3n],
    ['GSCID 0, which the host is not', { eventID: 4, IDT: true, DV_GSCV: true, DID_GSCID: 0 }, 0n],
    ['a PSCID', { eventID: 4, IDT: true, PV_PSCV: true, PID_PSCID: 5 }, 1n],
    ['PSCID 0, which no first stage is not', { eventID: 4, IDT: true, PV_PSCV: true, PID_PSCID: 0 }, 0n],
    ['both', { eventID: 4, IDT: true, DV_GSCV: true, DID_GSCID: 7, PV_PSCV: true, PID_PSCID: 6 }, 1n],
    ['a PSCID', { eventID: 7, IDT: true, PV_PSCV: true, PID_PSCID: 6 }, 1n],
    // One of them fails: the second request of the device, without a process.
    ['a device', { eventID: 8, DV_GSCV: true, DID_GSCID: 2 }, 6n],
    ['a PSCID, which only the page table of the process has', { eventID: 8, IDT: true, PV_PSCV: true, PID_PSCID: 6 }, 4n],
  ] as const)('filters by %s: %o', (_, fields, events) => {
    const made = system();
    expect(count(made, fields, () => {
      made.ask(1, PAGE);
      made.ask(2, PAGE, nested);
      made.ask(2, PAGE);
      made.ask(19, 0x1100n);
    })).toBe(events);
  });

  it('overflows once into OF, iocountovf and an interrupt, until OF is cleared', () => {
    const made = system();
    const { unit } = made;
    const set = (value: bigint): void => unit.writeRegister(counter(3), 8, value);
    unit.writeRegister(selector(3), 8, CounterEvent.encode({ eventID: 1 }));
    set((1n << 64n) - 1n);
    made.ask(1, PAGE);
    expect([unit.readRegister(counter(3), 8), unit.readRegister(OFFSET.iocountovf, 4), unit.readRegister(OFFSET.ipsr, 4)]).toEqual([0n, 8n, 4n]);
    expect(CounterEvent.decode(unit.readRegister(selector(3), 8))).toMatchObject({ OF: true, eventID: 1 });
    unit.writeRegister(OFFSET.ipsr, 4, 4n);
    set((1n << 64n) - 1n);
    made.ask(1, PAGE);
    expect([unit.readRegister(counter(3), 8), unit.readRegister(OFFSET.ipsr, 4)]).toEqual([0n, 0n]);
    unit.writeRegister(selector(3), 8, CounterEvent.encode({ eventID: 1 }));
    set((1n << 64n) - 1n);
    made.ask(1, PAGE);
    expect(unit.readRegister(OFFSET.ipsr, 4)).toBe(4n);
  });

  it('stands still while inhibited, and keeps its value when the event changes', () => {
    const made = system();
    const { unit } = made;
    expect(count(made, { eventID: 1 }, () => {
      made.ask(1, PAGE);
      unit.writeRegister(OFFSET.iocountinh, 4, 2n);
      made.ask(1, PAGE);
      unit.writeRegister(OFFSET.iocountinh, 4, 0n);
      unit.writeRegister(selector(1), 8, 0n);
      made.ask(1, PAGE);
    })).toBe(1n);
  });

  it('is there as often as was built in, reads and writes by halves, and takes no event that is none', () => {
    const { unit } = new System({ counters: 2 });
    for (const index of [1, 2, 3, 31]) {
      unit.writeRegister(counter(index), 8, 0x1234_5678_9abc_def0n);
      unit.writeRegister(selector(index), 8, (1n << 64n) - 1n);
    }
    expect([1, 2, 3, 31].map((index) => unit.readRegister(counter(index), 8))).toEqual([0x1234_5678_9abc_def0n, 0x1234_5678_9abc_def0n, 0n, 0n]);
    expect([1, 2, 3, 31].map((index) => unit.readRegister(selector(index), 8))).toEqual([0xffff_ffff_ffff_8000n, 0xffff_ffff_ffff_8000n, 0n, 0n]);
    unit.writeRegister(counter(2) + 4, 4, 0x55n);
    expect([unit.readRegister(counter(2), 4), unit.readRegister(counter(2) + 4, 4)]).toEqual([0x9abc_def0n, 0x55n]);
    unit.writeRegister(OFFSET.iocountinh, 4, 0xffff_ffffn);
    expect(unit.readRegister(OFFSET.iocountinh, 4)).toBe(7n);
    unit.writeRegister(OFFSET.iocountovf, 4, 0xffff_ffffn);
    expect(unit.readRegister(OFFSET.iocountovf, 4)).toBe(6n);
    const without = new System({ capabilities: EVERYTHING & ~(1n << 30n) }).unit;
    for (const offset of [OFFSET.iocountinh, OFFSET.iohpmcycles, counter(1), selector(1)]) {
      without.writeRegister(offset, 4, 7n);
      expect(without.readRegister(offset, 4)).toBe(0n);
    }
  });

  it('of cycles has 63 bits, and runs when it is told that time went by', () => {
    const { unit } = new System();
    unit.writeRegister(OFFSET.iohpmcycles, 8, (1n << 63n) - 2n);
    unit.counters?.elapse(1);
    expect([unit.readRegister(OFFSET.iohpmcycles, 8), unit.readRegister(OFFSET.ipsr, 4)]).toEqual([(1n << 63n) - 1n, 0n]);
    unit.counters?.elapse(3);
    expect([unit.readRegister(OFFSET.iohpmcycles, 8), unit.readRegister(OFFSET.ipsr, 4), unit.readRegister(OFFSET.iocountovf, 4)]).toEqual([(1n << 63n) | 2n, 4n, 1n]);
    unit.writeRegister(OFFSET.iocountinh, 4, 1n);
    unit.counters?.elapse(3);
    expect(unit.readRegister(OFFSET.iohpmcycles, 8)).toBe((1n << 63n) | 2n);
  });
});

describe('QoS ids', () => {
  it('are those of the unit for the device directory, queues and messages, and those of the device for everything below', () => {
    const made = new System();
    const [first, directory] = [made.frames(), made.frames()];
    made.map(first, 3, PAGE, 0x2000n);
    made.process(directory, 1, { PSCID: 1, fsc_MODE: 8, fsc_PPN: first });
    made.device(1, { PDTV: true, fsc_MODE: 1, fsc_PPN: directory, RCID: 0x123, MCID: 0xabc });
    made.unit.writeRegister(OFFSET.iommu_qosid, 4, 0xffff_ffffn);
    expect(made.unit.readRegister(OFFSET.iommu_qosid, 4)).toBe(0x0fff_0fffn);
    made.unit.writeRegister(OFFSET.iommu_qosid, 4, 0x456_0789n);
    const seen = new Map<string, string>();
    made.unit.bus.watch = ({ what, rcid, mcid }) => seen.set(what, `${rcid.toString(16)} ${mcid.toString(16)}`);
    expect(made.ask(1, PAGE, { processId: 1 })).toMatchObject({ kind: 'translated', qos: { rcid: 0x123, mcid: 0xabc } });
    made.ask(1, 0x99n, { processId: 1 });
    made.command(IotinvalCommand.encode({ opcode: 1 }));
    expect(Object.fromEntries(seen)).toEqual({
      'device context': '789 456',
      'process context': '123 abc',
      'first-stage table, level 2': '123 abc',
      'first-stage table, level 1': '123 abc',
      'first-stage table, level 0': '123 abc',
      'fault queue': '789 456',
      'command queue': '789 456',
    });
    made.unit.writeRegister(OFFSET.ddtp, 8, 0n);
    made.unit.writeRegister(OFFSET.ddtp, 8, 1n);
    expect(made.ask(1, PAGE)).toMatchObject({ kind: 'translated', qos: { rcid: 0x789, mcid: 0x456 } });
  });

  it('are not there without the capability', () => {
    const made = new System({ capabilities: EVERYTHING & ~(1n << 41n) });
    made.unit.writeRegister(OFFSET.iommu_qosid, 4, 5n);
    expect(made.unit.readRegister(OFFSET.iommu_qosid, 4)).toBe(0n);
    made.unit.writeRegister(OFFSET.ddtp, 8, 0n);
    made.unit.writeRegister(OFFSET.ddtp, 8, 1n);
    expect(made.ask(1, PAGE)).toMatchObject({ kind: 'translated', qos: null });
  });
});

describe('a unit with only one of the two', () => {
  const without = (gone: object, options: object = {}): System => new System({ capabilities: Capabilities.encode({ ...Capabilities.decode(EVERYTHING), ...gone }), ...options });
  const host = (made: System, fields: object = {}): void => {
    const first = made.frames();
    made.map(first, 3, PAGE, 0x1100n);
    made.device(1, { fsc_MODE: 8, fsc_PPN: first, PSCID: 5, ...fields });
  };
  it('counts without QoS ids', () => {
    for (const [eventID, events] of [[1, 2n], [4, 1n], [7, 1n]] as const) {
      const made = without({ QOSID: false });
      host(made);
      expect(count(made, { eventID }, () => expect([made.reach(1, PAGE), made.reach(1, PAGE)]).toEqual([0x1100n, 0x1100n]))).toBe(events);
    }
  });
  it('labels its accesses without counting them', () => {
    const made = without({ HPM: false });
    host(made, { RCID: 0x123, MCID: 0xabc });
    made.unit.writeRegister(OFFSET.iommu_qosid, 4, 0x0bb_00aan);
    const seen: string[] = [];
    made.unit.bus.watch = ({ what, rcid, mcid }) => void seen.push(`${what}: ${rcid.toString(16)} ${mcid.toString(16)}`);
    expect(made.reach(1, PAGE)).toBe(0x1100n);
    expect(seen).toEqual(['device context: aa bb', ...[2, 1, 0].map((level) => `first-stage table, level ${level}: 123 abc`)]);
  });
});
