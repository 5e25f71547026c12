// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { flag, layout, uint, wide } from '@dmalab/core/base/layout';
import { PasidEntry } from '@dmalab/core/iommu/vtd/structures';
import { address, bitRanges, bitRows, fieldLines, labelWidth, rowWidth } from './bit-rows.ts';

const raw = PasidEntry.encode({ P: true, PGTT: 1, DID: 7, PWSNP: true, PGSNP: true, FSPTPTR: 0x12_3456n });
const Small = layout({ name: 'small', spec: '', bits: 32, fields: { low: uint(3, 0, ''), one: flag(4, ''), top: uint(31, 24, '') } });

describe('the rows of bits', () => {
  it('leave out words that hold nothing', () => {
    expect(bitRows(PasidEntry, raw, 64).map(({ name }) => name)).toEqual(['word 0', 'word 1', 'word 2']);
    expect(bitRows(PasidEntry, raw | (1n << 500n), 64).map(({ name }) => name)).toEqual(['word 0', 'word 1', 'word 2', 'word 7']);
  });

  it.each([64, 32, 16])('of %i show every bit of their words once, highest first, with its field', (perRow) => {
    const cells = bitRows(PasidEntry, raw, perRow).flatMap((row) => row.cells);
    expect(new Set(cells.map(({ bit }) => bit)).size).toBe(192);
    expect(cells.reduce((value, { bit, one }) => (one ? value | (1n << BigInt(bit)) : value), 0n)).toBe(raw);
    for (const { bit, field } of cells) {
      const owner = Object.entries(PasidEntry.fields).find(([, f]) => bit <= f.high && bit >= f.low)?.[0] ?? null;
      expect({ bit, field }).toEqual({ bit, field: owner });
    }
  });

  it.each([64, 32, 16])('of %i have a bracket a field, above exactly its bits, and labels that neither overlap nor leave the drawing', (perRow) => {
    for (const row of [...bitRows(PasidEntry, raw, perRow), ...bitRows(Small, 0xff00_0013n, perRow)]) {
      for (const { field, from, to } of row.brackets) {
        const own = row.cells.filter((cell) => cell.field === field);
        expect([from, to]).toEqual([own[0]!.x, own.at(-1)!.x + 14]);
      }
      for (let line = 0; line < row.lines; line += 1) {
        const spans = row.brackets.filter((b) => b.label !== '' && b.line === line).map(({ at, label }) => [at - labelWidth(label) / 2, at + labelWidth(label) / 2] as const);
        for (const [left, right] of spans) expect(left >= 0 && right <= rowWidth(row.cells.length)).toBe(true);
        for (let i = 1; i < spans.length; i += 1) expect(spans[i]![0]).toBeGreaterThanOrEqual(spans[i - 1]![1]);
      }
    }
  });

  it('name a field with its value where there is room', () => {
    const labels = bitRows(PasidEntry, raw, 64).flatMap((row) => row.brackets.map(({ label }) => label));
    expect(labels).toContain('FSPTPTR = 0x123456');
    expect(labels).toContain('PGTT');
    expect(bitRows(Small, 5n, 64)[0]?.name).toBe('');
  });
});

it('the table has each field with its word, its bits there and its value', () => {
  const lines = fieldLines(PasidEntry, raw);
  expect(lines.map(({ name }) => name)).toEqual(Object.keys(PasidEntry.fields));
  expect(lines.find(({ name }) => name === 'FSPTPTR')).toMatchObject({ word: 2, bits: '63:12', value: '0x12_3456', zero: false });
  expect(lines.find(({ name }) => name === 'DID')).toMatchObject({ word: 1, bits: '15:0', value: '7', zero: false });
  expect(lines.find(({ name }) => name === 'SRE')).toMatchObject({ word: 2, bits: '0', value: '0', zero: true });
  expect(fieldLines(Small, 0x10n)[1]).toMatchObject({ word: null, bits: '4', value: '1' });
  const across = layout({ name: 'across', spec: '', bits: 128, fields: { wide: wide(99, 50, '') } });
  expect(fieldLines(across, 1n << 50n)[0]).toMatchObject({ word: null, bits: '99:50' });
});

it('addresses are grouped by four digits, ranges of bits named from the top', () => {
  expect([address(0xfffn), address(0x1_2345_6000n), address(0x8010_4800)]).toEqual(['0xfff', '0x1_2345_6000', '0x8010_4800']);
  expect([bitRanges(0n), bitRanges(1n), bitRanges(0xffc0_0000_0000_03fen)]).toEqual(['', '0', '63:54, 9:1']);
});
