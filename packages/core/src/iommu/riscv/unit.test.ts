// SPDX-License-Identifier: Apache-2.0
/** What the vectors do not cover: ids at the edges of a level, misuse of the register page, reasons of faults. */
import { describe, expect, it } from 'vitest';
import { PlainMemory } from '../../mmu/plain-memory.ts';
import { TYPICAL } from './features.ts';
import { interruptFileNumber, isInterruptFile } from './msi.ts';
import { OFFSET } from './registers.ts';
import type { Request } from './request.ts';
import { DeviceContext, DirectoryEntry } from './structures.ts';
import { PageTableEntry } from '../../mmu/formats/riscv-entries.ts';
import { RiscvIommu } from './unit.ts';

const CAPABILITIES = 0xdf2_87ee_8e10n;
const outside = { send: () => undefined, order: () => undefined, invalidated: () => undefined };

function unit(memory = new PlainMemory()): RiscvIommu {
  return new RiscvIommu(memory, { ...TYPICAL, capabilities: CAPABILITIES }, outside);
}

const read = (deviceId: number, address: bigint): Request => ({ deviceId, processId: null, type: 'untranslated', write: false, execute: false, privileged: false, noWrite: false, cxl: false, address });

/** Writes a structure of up to eight words. */
function put(memory: PlainMemory, address: bigint, raw: bigint, bytes: number): void {
  for (let i = 0; i < bytes / 8; i += 1) memory.poke(address + BigInt(8 * i), (raw >> BigInt(64 * i)) & 0xffff_ffff_ffff_ffffn);
}

describe('a device id', () => {
  it.each([
    [2, 0x3f, 0x40],
    [3, 0x7fff, 0x8000],
    [3, 0x7fff, 0x80_0000],
    [2, 0x3f, 0x80_0000],
  ])('with mode %i may be %i and not %i, whatever its highest bit', (mode, fits, tooWide) => {
    const iommu = unit();
    iommu.writeRegister(OFFSET.ddtp, 8, BigInt(mode) | (0x80000n << 10n));
    expect(iommu.translate(read(fits, 0n))).toMatchObject({ kind: 'refused', fault: { cause: 258 } });
    expect(iommu.translate(read(tooWide, 0n))).toMatchObject({ kind: 'refused', fault: { cause: 260, why: { rule: { field: 'device_id' } } } });
  });
});

describe('a fault gives its reason', () => {
  const memory = new PlainMemory();
  const iommu = unit(memory);
  put(memory, 0x8000_0000n + 5n * 64n, DeviceContext.encode({ V: true, fsc_MODE: 8, fsc_PPN: 0x90000n }), 64);
  memory.poke(0x9000_0000n, DirectoryEntry.encode({ V: true, PPN: 0x90001n }));
  memory.poke(0x9000_1000n, DirectoryEntry.encode({ V: true, PPN: 0x90002n }));
  memory.poke(0x9000_2008n, PageTableEntry.encode({ V: true, R: true, U: true, PPN: 0x1234n, RSW60T59B: 1 }));
  iommu.writeRegister(OFFSET.ddtp, 8, 2n | (0x80000n << 10n));

  it('by table, level, entry, field, bits and rule', () => {
    expect(iommu.translate(read(5, 0x1abcn))).toMatchObject({
      kind: 'refused',
      fault: { cause: 13, why: { table: 'first-stage table', level: 0, entry: 0x9000_2008n, rule: { field: 'reserved', bits: '60:54', section: 'RISC-V Privileged ISA, "Sv39 page table entry"' } } },
    });
    expect(iommu.translate(read(5, 0x3000n))).toMatchObject({ fault: { cause: 13, why: { level: 0, entry: 0x9000_2018n, rule: { field: 'V', bits: '0' } } } });
    expect(iommu.translate(read(5, 1n << 38n))).toMatchObject({ fault: { cause: 13, why: { level: null, entry: null, rule: { field: 'address', bits: '63:38' } } } });
  });

  it('and the smallest repair, one rule after another, until the address translates', () => {
    const reasons: string[] = [];
    for (let edits = 0; edits < 5; edits += 1) {
      const answer = iommu.translate(read(5, 0x1abcn));
      if (answer.kind !== 'refused') break;
      const { entry, rule } = answer.fault.why;
      reasons.push(rule.field);
      if (entry === null || rule.repair === undefined) throw new Error(`no repair for ${rule.text}`);
      memory.poke(entry, (memory.peek(entry) & ~(rule.repair.clear ?? 0n)) | (rule.repair.set ?? 0n));
    }
    expect(reasons).toEqual(['reserved', 'A D']);
    expect(iommu.translate(read(5, 0x1abcn))).toMatchObject({ kind: 'translated', address: 0x123_4abcn, span: 12 });
  });
});

describe('the register page', () => {
  it('reads 0 and ignores writes where an access is misaligned, too long or nowhere', () => {
    const iommu = unit();
    for (const [offset, size] of [[2, 4], [12, 8], [8, 8], [32, 8], [628, 4], [1024, 8], [4096, 8], [-8, 8]] as const) {
      iommu.writeRegister(offset, size, 0xffff_ffff_ffff_ffffn);
      expect(iommu.readRegister(offset, size)).toBe(0n);
    }
    expect(iommu.readRegister(OFFSET.cqt, 4)).toBe(0n);
  });
});

describe('interrupt files', () => {
  it('are numbered by the bits that the mask selects', () => {
    expect(interruptFileNumber(0b1010_0110, 0b1110_0010)).toBe(0b1011);
    expect(interruptFileNumber(2 ** 51 + 1, 2 ** 51 + 1)).toBe(3);
  });
  it('are recognised above 32 bits, and in ranges', () => {
    const table = { root: 0, mask: 0xf, pattern: 2 ** 40 + 0x100 };
    expect(isInterruptFile(table, 2 ** 40 + 0x105, 64)).toBe(true);
    expect(isInterruptFile(table, 0x105, 64)).toBe(false);
    expect(isInterruptFile(table, 0x105, 41)).toBe(true);
    expect(isInterruptFile(table, 2 ** 40 + 0x1f5, 64)).toBe(false);
    expect(isInterruptFile(table, 2 ** 40 + 0x1f5, 64, 8)).toBe(true);
    expect(isInterruptFile(table, 2 ** 40 + 2 ** 39, 64, 40)).toBe(true);
    expect(isInterruptFile(table, 2 ** 41 + 0x105, 64, 40)).toBe(false);
    expect(isInterruptFile(table, 2 ** 31 + 2 ** 40 + 0x105, 64, 31)).toBe(false);
    expect(isInterruptFile(table, 2 ** 30 + 2 ** 40 + 0x105, 64, 31)).toBe(true);
    // 50 bits of guest address are 38 of a frame number: bit 40 of the pattern is above, bit 37 is not.
    expect(isInterruptFile(table, 0x105, 50)).toBe(true);
    expect(isInterruptFile({ ...table, pattern: 2 ** 37 + 0x100 }, 0x105, 50)).toBe(false);
    expect(isInterruptFile({ ...table, pattern: 2 ** 37 + 0x100 }, 2 ** 37 + 0x105, 50)).toBe(true);
  });
});
