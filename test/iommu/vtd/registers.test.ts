// SPDX-License-Identifier: Apache-2.0
/** What software reads and writes. "Register Descriptions". */
import { describe, expect, it } from 'vitest';
import { PlainMemory } from '@dmalab/core/mmu/plain-memory';
import type { DmaRequest } from '@dmalab/core/iommu/unit';
import { Capability, ExtendedCapability } from '@dmalab/core/iommu/vtd/capabilities';
import { FaultStatus, GlobalCommand, GlobalStatus, OFFSET, RootTableAddress } from '@dmalab/core/iommu/vtd/registers';
import { FaultRecording } from '@dmalab/core/iommu/vtd/structures';
import { VtdUnit } from '@dmalab/core/iommu/vtd/unit';
import { ADDRESS, CAP, ECAP, PASID, REACHED, request, ROOT, SOURCE, system, toggle } from './system.ts';

const EVERYTHING = { ...ECAP, IR: true, EIM: true };
const reset = (ecap: Parameters<typeof ExtendedCapability.encode>[0] = EVERYTHING, cap: Parameters<typeof Capability.encode>[0] = { ...CAP, PLMR: true, PHMR: true }): VtdUnit =>
  new VtdUnit(new PlainMemory(), { capability: Capability.encode(cap), extended: ExtendedCapability.encode(ecap), hostBits: 46 });
const dma = (over: Partial<DmaRequest> = {}): DmaRequest => ({ source: SOURCE, pasid: null, type: 'untranslated', write: false, execute: false, privileged: false, noWrite: false, address: ADDRESS, ...over });
const ONES = (1n << 64n) - 1n;
const REFUSED = { kind: 'refused', status: 'unsupported-request' };

describe('values', () => {
  /** After reset, and after software has written all ones. */
  it.each([
    ['VER', OFFSET.VER, 4, 0x50n, 0x50n],
    ['CAP', OFFSET.CAP, 8, Capability.encode({ ...CAP, PLMR: true, PHMR: true }), Capability.encode({ ...CAP, PLMR: true, PHMR: true })],
    ['ECAP', OFFSET.ECAP, 8, ExtendedCapability.encode(EVERYTHING), ExtendedCapability.encode(EVERYTHING)],
    ['GSTS', OFFSET.GSTS, 4, 0n, 0n],
    ['GCMD', OFFSET.GCMD, 4, 0n, 0n],
    ['RTADDR', OFFSET.RTADDR, 8, 0n, 0xffff_ffff_ffff_fc00n],
    ['FSTS', OFFSET.FSTS, 4, 0n, 0n],
    ['FECTL', OFFSET.FECTL, 4, 0x8000_0000n, 0x8000_0000n],
    ['FEDATA', OFFSET.FEDATA, 4, 0n, 0xffff_ffffn],
    ['FEADDR', OFFSET.FEADDR, 4, 0n, 0xffff_fffcn],
    ['FEUADDR', OFFSET.FEUADDR, 4, 0n, 0xffff_ffffn],
    ['PLMBASE', OFFSET.PLMBASE, 4, 0n, 0xffe0_0000n],
    ['PLMLIMIT', OFFSET.PLMLIMIT, 4, 0n, 0xffe0_0000n],
    ['PHMBASE', OFFSET.PHMBASE, 8, 0n, 0xffff_ffff_ffe0_0000n],
    ['PHMLIMIT', OFFSET.PHMLIMIT, 8, 0n, 0xffff_ffff_ffe0_0000n],
    ['PMEN', OFFSET.PMEN, 4, 0n, 0x8000_0001n],
    ['IQH', OFFSET.IQH, 8, 0n, 0n],
    ['IQT', OFFSET.IQT, 8, 0n, 0x7_fff0n],
    ['IQA', OFFSET.IQA, 8, 0n, 0xffff_ffff_ffff_f807n],
    ['ICS', OFFSET.ICS, 4, 0n, 0n],
    ['IECTL', OFFSET.IECTL, 4, 0x8000_0000n, 0x8000_0000n],
    ['IEDATA', OFFSET.IEDATA, 4, 0n, 0xffff_ffffn],
    ['IEADDR', OFFSET.IEADDR, 4, 0n, 0xffff_fffcn],
    ['IEUADDR', OFFSET.IEUADDR, 4, 0n, 0xffff_ffffn],
    ['IQERCD', OFFSET.IQERCD, 8, 0n, 0n],
    ['IRTA', OFFSET.IRTA, 8, 0n, 0xffff_ffff_ffff_f80fn],
    ['PQH', OFFSET.PQH, 8, 0n, 0x7_ffe0n],
    ['PQT', OFFSET.PQT, 8, 0n, 0x7_ffe0n],
    ['PQA', OFFSET.PQA, 8, 0n, 0xffff_ffff_ffff_f007n],
    ['PRS', OFFSET.PRS, 4, 0n, 0n],
    ['PECTL', OFFSET.PECTL, 4, 0x8000_0000n, 0x8000_0000n],
    ['PEDATA', OFFSET.PEDATA, 4, 0n, 0xffff_ffffn],
    ['PEADDR', OFFSET.PEADDR, 4, 0n, 0xffff_fffcn],
    ['PEUADDR', OFFSET.PEUADDR, 4, 0n, 0xffff_ffffn],
    ['IVA', 0x500, 8, 0n, 0xffff_ffff_ffff_f07fn],
    ['FRCD 0 low', 0x400, 8, 0n, 0n],
    ['FRCD 0 high', 0x408, 8, 0n, 0n],
    ['FRCD 1 high', 0x418, 8, 0n, 0n],
    ['nothing', 0x420, 8, 0n, 0n],
  ] as const)('%s', (_, offset, size, after, ones) => {
    const unit = reset();
    expect(unit.readRegister(offset, size)).toBe(after);
    if (offset === OFFSET.GCMD) return;
    unit.writeRegister(offset, size, size === 4 ? 0xffff_ffffn : ONES);
    expect(unit.readRegister(offset, size)).toBe(ones);
  });

  it('of 64 bits can be written and read by halves, those of 32 two at a time', () => {
    const unit = reset();
    unit.writeRegister(OFFSET.RTADDR, 4, 0x1234_5400n);
    unit.writeRegister(OFFSET.RTADDR + 4, 4, 0x77n);
    expect([unit.readRegister(OFFSET.RTADDR, 8), unit.readRegister(OFFSET.RTADDR, 4), unit.readRegister(OFFSET.RTADDR + 4, 4)]).toEqual([0x77_1234_5400n, 0x1234_5400n, 0x77n]);
    unit.writeRegister(OFFSET.FEADDR, 8, 0x9_fee0_0000n);
    expect([unit.readRegister(OFFSET.FEADDR, 8), unit.readRegister(OFFSET.FEUADDR, 4)]).toEqual([0x9_fee0_0000n, 9n]);
  });

  it('that are not aligned read 0 and take nothing', () => {
    const unit = reset();
    unit.writeRegister(OFFSET.RTADDR + 4, 8, ONES);
    unit.writeRegister(OFFSET.FEDATA + 2, 4, ONES);
    expect([unit.readRegister(OFFSET.RTADDR, 8), unit.readRegister(OFFSET.FEDATA, 4), unit.readRegister(OFFSET.CAP + 4, 8), unit.readRegister(OFFSET.CAP + 2, 4)]).toEqual([0n, 0n, 0n, 0n]);
  });

  it('of features that are missing do not exist', () => {
    const unit = reset({ IRO: 0x50 }, { ...CAP, PLMR: false, PHMR: false });
    for (const offset of [OFFSET.PMEN, OFFSET.PLMBASE, OFFSET.IQA, OFFSET.IECTL, OFFSET.IRTA, OFFSET.PQA, OFFSET.PECTL]) {
      unit.writeRegister(offset, 4, 0xffff_ffffn);
      expect([offset, unit.readRegister(offset, 4)]).toEqual([offset, 0n]);
    }
    unit.writeRegister(OFFSET.RTADDR, 8, RootTableAddress.encode({ TTM: 1, RTA: ROOT }));
    unit.writeRegister(OFFSET.GCMD, 4, GlobalCommand.encode({ QIE: true, IRE: true, CFI: true }));
    expect([unit.readRegister(OFFSET.RTADDR, 8), unit.readRegister(OFFSET.GSTS, 4)]).toEqual([ROOT << 12n, 0n]);
  });
});

describe('commands', () => {
  it('show in GSTS: each state as it is written, each table when it is taken', () => {
    const unit = reset();
    const status = (): unknown => Object.entries(GlobalStatus.decode(unit.readRegister(OFFSET.GSTS, 4))).filter(([, set]) => set).map(([name]) => name);
    const command = (fields: Parameters<typeof GlobalCommand.encode>[0]): unknown => {
      unit.writeRegister(OFFSET.GCMD, 4, GlobalCommand.encode(fields));
      return status();
    };
    expect(command({ SRTP: true })).toEqual(['RTPS']);
    expect(command({ TE: true })).toEqual(['RTPS', 'TES']);
    expect(command({ TE: true, QIE: true })).toEqual(['QIES', 'RTPS', 'TES']);
    expect(command({ TE: true, QIE: true, WBF: true, SFL: true, EAFL: true })).toEqual(['QIES', 'RTPS', 'TES']);
    expect(command({ QIE: true, SIRTP: true, IRE: true, CFI: true })).toEqual(['CFIS', 'IRTPS', 'IRES', 'QIES', 'RTPS']);
    expect(command({})).toEqual(['IRTPS', 'RTPS']);
  });

  it('take the root table only with SRTP', () => {
    const s = system('first');
    s.unit.writeRegister(OFFSET.RTADDR, 8, RootTableAddress.encode({ TTM: 1, RTA: ROOT + 0x100n }));
    s.unit.writeRegister(OFFSET.GCMD, 4, GlobalCommand.encode({ TE: true }));
    expect(s.unit.serve(dma())).toMatchObject({ kind: 'memory', address: REACHED });
    s.unit.writeRegister(OFFSET.GCMD, 4, GlobalCommand.encode({ TE: true, SRTP: true }));
    expect(s.unit.serve(dma())).toEqual(REFUSED);
  });
});

describe('with translation off', () => {
  const off = (): VtdUnit => {
    const { unit } = system('first', { cap: { PLMR: true, PHMR: true } });
    unit.writeRegister(OFFSET.GCMD, 4, 0n);
    return unit;
  };
  it('addresses are physical; what only translation knows is refused, and nothing is recorded', () => {
    const unit = off();
    expect(unit.serve(dma())).toMatchObject({ kind: 'memory', address: ADDRESS, ats: null });
    expect(unit.serve(dma({ pasid: PASID }))).toEqual(REFUSED);
    expect(unit.serve(dma({ type: 'ats' }))).toEqual(REFUSED);
    expect(unit.serve(dma({ type: 'translated' }))).toEqual(REFUSED);
    expect(unit.serve(dma({ write: true, address: 0xfee0_0010n }))).toEqual({ kind: 'interrupt', address: 0xfee0_0010n });
    expect(unit.serve(dma({ address: 0xfee0_0010n }))).toEqual(REFUSED);
    expect(unit.readRegister(OFFSET.FSTS, 4)).toBe(0n);
  });

  it('protected regions are closed while PMEN.EPM is set, to the end of the last 2 MiB', () => {
    const unit = off();
    unit.writeRegister(OFFSET.PLMBASE, 4, 0x40_0000n);
    unit.writeRegister(OFFSET.PLMLIMIT, 4, 0x60_0000n);
    unit.writeRegister(OFFSET.PHMBASE, 8, 0x20_0000_0000n);
    unit.writeRegister(OFFSET.PHMLIMIT, 8, 0x20_0000_0000n);
    const open = (address: bigint): boolean => unit.serve(dma({ address })).kind === 'memory';
    expect([0x40_0000n, 0x20_0000_0000n].map(open)).toEqual([true, true]);
    unit.writeRegister(OFFSET.PMEN, 4, 0x8000_0000n);
    expect([0x3f_ffffn, 0x40_0000n, 0x7f_ffffn, 0x80_0000n, 0x1f_ffff_ffffn, 0x20_0000_0000n, 0x20_001f_ffffn, 0x20_0020_0000n].map(open)).toEqual([true, false, false, true, true, false, false, true]);
    unit.writeRegister(OFFSET.PMEN, 4, 0n);
    expect(open(0x40_0000n)).toBe(true);
  });
});

describe('fault recording', () => {
  const supervisor = request({ privileged: true });
  it('names source, PASID, privilege and kind', () => {
    for (const [over, fields] of [
      [{ privileged: true, write: true }, { FR: 0x5d, PRIV: true, EXE: false, T1: false, T2: false }],
      [{ privileged: true, execute: true }, { FR: 0x5d, PRIV: true, EXE: true, T1: true, T2: false }],
      [{ privileged: true, type: 'ats' }, { FR: 0x5d, AT: 1, T1: true }],
    ] as const) {
      const s = system('first');
      s.unit.translate(request(over));
      const [low, high] = [s.unit.readRegister(0x400, 8), s.unit.readRegister(0x408, 8)];
      expect(FaultRecording.decode((high << 64n) | low)).toMatchObject({ FI: ADDRESS >> 12n, SID: SOURCE, PP: true, PV: PASID, F: true, AT: 0, ...fields });
    }
    const s = system('first');
    toggle(s.memory, s.pasid, 1n);
    s.unit.translate(request({ pasid: null, privileged: true, execute: true }));
    expect(FaultRecording.decode(s.unit.records[0] ?? 0n)).toMatchObject({ PP: false, PV: 0, PRIV: false, EXE: false, FR: 0x59 });
  });

  it('takes the registers in turn, overflows, and goes on when software has cleared both', () => {
    const s = system('first');
    const status = (): ReturnType<typeof FaultStatus.decode> => FaultStatus.decode(s.unit.readRegister(OFFSET.FSTS, 4));
    s.unit.translate(supervisor);
    expect(status()).toMatchObject({ PPF: true, PFO: false, FRI: 0 });
    s.unit.translate(supervisor);
    s.unit.translate(supervisor);
    expect(status()).toMatchObject({ PPF: true, PFO: true, FRI: 0 });
    s.unit.writeRegister(0x40c, 4, 0x8000_0000n);
    expect([s.unit.readRegister(0x408, 8), s.unit.readRegister(0x400, 8), s.unit.translate(supervisor)]).toMatchObject([0n, 0n, { recorded: false }]);
    s.unit.writeRegister(OFFSET.FSTS, 4, FaultStatus.encode({ PFO: true }));
    expect([status().PFO, s.unit.translate(supervisor)]).toMatchObject([false, { recorded: true }]);
    expect(s.unit.records.map((record) => record !== 0n)).toEqual([true, true]);
  });

  it('FRI names the first of those that pend', () => {
    const s = system('first');
    s.unit.translate(supervisor);
    s.unit.writeRegister(0x408, 8, 1n << 63n);
    s.unit.translate(supervisor);
    expect(FaultStatus.decode(s.unit.readRegister(OFFSET.FSTS, 4))).toMatchObject({ PPF: true, FRI: 1 });
  });

  it('clears a register by its F bit and by nothing else', () => {
    const s = system('first');
    s.unit.translate(supervisor);
    s.unit.writeRegister(0x400, 8, ONES);
    s.unit.writeRegister(0x408, 4, 0xffff_ffffn);
    s.unit.writeRegister(0x408, 8, ONES >> 1n);
    expect(s.unit.readRegister(0x408, 8) >> 63n).toBe(1n);
    s.unit.writeRegister(0x408, 8, 1n << 63n);
    expect(s.unit.readRegister(0x408, 8)).toBe(0n);
  });

  it('interrupts at the first fault, and not at the second', () => {
    const s = system('first');
    s.unit.writeRegister(OFFSET.FEDATA, 4, 5n);
    s.unit.writeRegister(OFFSET.FEADDR, 4, 0xfee0_0000n);
    s.unit.writeRegister(OFFSET.FECTL, 4, 0n);
    s.unit.translate(supervisor);
    expect(s.memory.peek(0xfee0_0000n)).toBe(5n);
    s.memory.poke(0xfee0_0000n, 0n);
    s.unit.translate(supervisor);
    s.unit.translate(supervisor);
    expect(s.memory.peek(0xfee0_0000n)).toBe(0n);
  });
});
