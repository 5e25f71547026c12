// SPDX-License-Identifier: Apache-2.0
/**
 * A declared structure as rows of bits: cells from the highest bit down, and
 * below them a bracket a field, with its name where there is room. Pure; the
 * numbers are units of the drawing.
 */
import type { AnyLayout, Field } from '@dmalab/core/base/layout';

export interface Cell {
  readonly bit: number;
  readonly x: number;
  readonly one: boolean;
  /** The field it belongs to; null: reserved. */
  readonly field: string | null;
  /** Stands above the cell: every eighth bit, and the ends of the row. */
  readonly ruler: boolean;
}

export interface Bracket {
  readonly field: string;
  readonly from: number;
  readonly to: number;
  /** Name, with the value where it fits; '' where neither does: the table has both. */
  readonly label: string;
  /** Where the label stands, and how many lines below the bracket. */
  readonly at: number;
  readonly line: number;
}

export interface BitRow {
  /** `word 0`, `0, 63:32`; '' for a structure of one row. */
  readonly name: string;
  readonly high: number;
  readonly low: number;
  readonly cells: readonly Cell[];
  readonly brackets: readonly Bracket[];
  /** Lines of labels below the brackets. */
  readonly lines: number;
}

export const CELL = 15;
/** Between groups of eight bits. */
const GAP = 3;
/** Left of the first cell, for the row's name. */
const MARGIN = 62;
const MOST_LINES = 4;

const offset = (index: number): number => MARGIN + index * CELL + Math.floor(index / 8) * GAP;
export const rowWidth = (bits: number): number => offset(bits - 1) + CELL;

/** Of 11 px type, with room to spare. */
export const labelWidth = (text: string): number => Array.from(text, (c) => (/[A-Z]/.test(c) ? 7.7 : 6.4)).reduce((sum, w) => sum + w, 0);

/** Rows of at most `perRow` bits, a power of two. Words without a field or a set bit are left out. */
export function bitRows(layout: AnyLayout, raw: bigint, perRow: number): readonly BitRow[] {
  const wordBits = Math.min(64, layout.bits);
  const width = Math.min(wordBits, perRow);
  const fields = Object.entries(layout.fields);
  const values = new Map(layout.rows(raw).map((row) => [row.name, row.value]));
  const rows: BitRow[] = [];
  for (let word = 0; word < layout.bits / wordBits; word += 1) {
    const bottom = word * wordBits;
    if (!matters(fields, raw, bottom, wordBits)) continue;
    for (let high = bottom + wordBits - 1; high > bottom; high -= width) rows.push(row(fields, values, raw, high, high - width + 1, nameOf(layout.bits, wordBits, width, word, high - bottom)));
  }
  return rows;
}

function matters(fields: readonly (readonly [string, Field])[], raw: bigint, bottom: number, bits: number): boolean {
  return fields.some(([, field]) => field.low < bottom + bits && field.high >= bottom) || ((raw >> BigInt(bottom)) & ((1n << BigInt(bits)) - 1n)) !== 0n;
}

function nameOf(bits: number, wordBits: number, width: number, word: number, high: number): string {
  const range = width === wordBits ? '' : `${high}:${high - width + 1}`;
  if (bits === wordBits) return range;
  return range === '' ? `word ${word}` : `${word}, ${range}`;
}

function row(fields: readonly (readonly [string, Field])[], values: ReadonlyMap<string, string>, raw: bigint, high: number, low: number, name: string): BitRow {
  const here = fields.filter(([, field]) => field.low <= high && field.high >= low).sort(([, a], [, b]) => b.high - a.high);
  const cells = Array.from({ length: high - low + 1 }, (_, i): Cell => {
    const bit = high - i;
    const field = here.find(([, f]) => bit <= f.high && bit >= f.low)?.[0] ?? null;
    return { bit, x: offset(i), one: ((raw >> BigInt(bit)) & 1n) === 1n, field, ruler: bit % 8 === 7 || i === 0 || bit === low };
  });
  const ends = new Array<number>(MOST_LINES).fill(0);
  const brackets = here.map(([field, { high: top, low: bottom }]): Bracket => {
    const from = offset(high - Math.min(top, high));
    const to = offset(high - Math.max(bottom, low)) + CELL - 1;
    const middle = (from + to) / 2;
    const long = `${field} = ${values.get(field) ?? ''}`;
    const label = top === bottom || labelWidth(long) > to - from ? field : long;
    // A label keeps clear of those before it and of both edges; it goes down a line, or away.
    const half = labelWidth(label) / 2 + 2;
    const at = Math.min(Math.max(middle, MARGIN - 8 + half), rowWidth(high - low + 1) - half);
    const line = ends.findIndex((end) => at - half >= end);
    if (line < 0) return { field, from, to, label: '', at, line: 0 };
    ends[line] = at + half;
    return { field, from, to, label, at, line };
  });
  return { name, high, low, cells, brackets, lines: Math.max(0, ...brackets.map(({ label, line }) => (label === '' ? 0 : line + 1))) };
}

/** What stands in the table below the bits. */
export interface FieldLine {
  readonly name: string;
  /** Of the structure, by 64-bit words; null for a structure of one word. */
  readonly word: number | null;
  /** In that word; across words, in the structure. */
  readonly bits: string;
  readonly value: string;
  readonly doc: string;
  readonly zero: boolean;
}

export function fieldLines(layout: AnyLayout, raw: bigint): readonly FieldLine[] {
  const several = layout.bits > 64;
  return layout.rows(raw).map(({ name, bits, value, doc }) => {
    const { high, low } = layout.fields[name] ?? { high: 0, low: 0 };
    const word = Math.floor(low / 64);
    const inOne = several && Math.floor(high / 64) === word;
    const range = high === low ? `${high - 64 * word}` : `${high - 64 * word}:${low - 64 * word}`;
    const zero = ((raw >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n)) === 0n;
    return { name, word: inOne ? word : null, bits: inOne ? range : bits, value: grouped(value), doc, zero };
  });
}

/** `9`, `63:54, 9:1`: ranges of set bits, highest first. */
export function bitRanges(mask: bigint): string {
  const out: string[] = [];
  for (let bit = mask.toString(2).length - 1; bit >= 0; bit -= 1) {
    const has = (at: number): boolean => at >= 0 && ((mask >> BigInt(at)) & 1n) === 1n;
    if (!has(bit)) continue;
    let low = bit;
    while (has(low - 1)) low -= 1;
    out.push(low === bit ? `${bit}` : `${bit}:${low}`);
    bit = low;
  }
  return out.join(', ');
}

/** Hex numbers by four digits: `0x1_2345_6000`. */
export const grouped = (text: string): string => text.replace(/0x([0-9a-f]{5,})/g, (_, digits: string) => `0x${digits.replace(/\B(?=(?:.{4})+$)/g, '_')}`);
export const address = (value: bigint | number): string => grouped(`0x${value.toString(16)}`);
