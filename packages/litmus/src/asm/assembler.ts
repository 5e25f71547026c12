// SPDX-License-Identifier: Apache-2.0
/**
 * What the three assemblers share: register slots, symbols, operands cut at
 * commas, and shapes (`r,m` = register, memory) that give errors with places.
 * A mnemonic is a row of a table: its shapes, and what it does to a `Thread`.
 */
import type { Size } from '@dmalab/core/base/port';
import { LitmusError, type Source } from '../source.ts';
import type { Arch } from '../test.ts';
import { combine, ZERO, type Thread, type Word } from '../thread.ts';

export type Run = (thread: Thread) => void;

/** Names of registers to slots. Symbolic ones (`%x0`) get slots as they come. */
export class Slots {
  readonly #symbolic = new Map<string, number>();
  readonly #fixed: number;
  constructor(fixed: number) {
    this.#fixed = fixed;
  }
  symbolic(name: string): number {
    const known = this.#symbolic.get(name);
    if (known !== undefined) return known;
    const slot = this.#fixed + this.#symbolic.size;
    this.#symbolic.set(name, slot);
    return slot;
  }
  get count(): number {
    return this.#fixed + this.#symbolic.size;
  }
}

export interface Cell {
  readonly source: Source;
  readonly text: string;
  readonly offset: number;
}

export interface Context {
  readonly slots: Slots;
  /** Address of a memory location, made on first use. */
  readonly address: (name: string) => bigint;
}

export interface RegisterName {
  /** As conditions and states print it. */
  readonly name: string;
  /** -1: reads as zero, writes vanish. */
  readonly slot: number;
  readonly bits: 8 | 16 | 32 | 64;
}

export interface Assembler {
  readonly arch: Arch;
  readonly pointerSize: 4 | 8;
  /** Slots of the architecture's own registers and flags. */
  readonly fixedSlots: number;
  readonly register: (name: string, slots: Slots) => RegisterName | null;
  /** What one instruction does. Throws `LitmusError` for what it does not know. */
  readonly assemble: (cell: Cell, context: Context) => { run: Run; target: { label: string; offset: number } | null };
  readonly mnemonics: () => readonly string[];
}

export type Operand =
  | { readonly kind: 'register'; readonly slot: number; readonly bits: number; readonly text: string; readonly offset: number }
  | { readonly kind: 'immediate'; readonly value: bigint; readonly text: string; readonly offset: number }
  | { readonly kind: 'memory'; readonly address: (thread: Thread) => Word; readonly exact: boolean; readonly text: string; readonly offset: number }
  | { readonly kind: 'word'; readonly text: string; readonly offset: number };

export interface Piece {
  readonly text: string;
  readonly offset: number;
}

/** Cuts at commas outside brackets. */
export function pieces(text: string, offset: number): Piece[] {
  const out: Piece[] = [];
  let depth = 0;
  let start = 0;
  const push = (end: number): void => {
    const raw = text.slice(start, end);
    const lead = raw.length - raw.trimStart().length;
    out.push({ text: raw.trim(), offset: offset + start + lead });
    start = end + 1;
  };
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i];
    if (c === '[' || c === '(') depth += 1;
    else if (c === ']' || c === ')') depth -= 1;
    else if (c === ',' && depth === 0) push(i);
  }
  if (text.trim() !== '') push(text.length);
  return out;
}

export function splitMnemonic(cell: Cell): { mnemonic: string; rest: string; restOffset: number } {
  const space = /\s/.exec(cell.text);
  const end = space === null ? cell.text.length : space.index;
  return { mnemonic: cell.text.slice(0, end), rest: cell.text.slice(end), restOffset: cell.offset + end };
}

export function fail(cell: Cell, offset: number, problem: string, expected: string): never {
  throw new LitmusError(cell.source.position(offset), problem, expected);
}

const NAMES: Record<string, string> = { r: 'REGISTER', i: 'NUMBER', m: '[MEMORY]', l: 'LABEL', w: 'WORD', o: 'REGISTER or NUMBER' };

/** Whether operands have the shape, e.g. `r,r,o`. */
export function fits(shape: string, operands: readonly Operand[]): boolean {
  const want = shape === '' ? [] : shape.split(',');
  return want.length === operands.length && want.every((k, i) => matches(k, operands[i]));
}

function matches(kind: string, operand: Operand | undefined): boolean {
  if (operand === undefined) return false;
  switch (kind) {
    case 'r':
      return operand.kind === 'register';
    case 'i':
      return operand.kind === 'immediate';
    case 'o':
      return operand.kind === 'register' || operand.kind === 'immediate';
    case 'm':
      return operand.kind === 'memory';
    default:
      return operand.kind === 'word';
  }
}

export const describe = (shapes: readonly string[]): string => shapes.map((s) => (s === '' ? 'no operand' : s.split(',').map((k) => NAMES[k] ?? k).join(', '))).join(', or ');

/** An operand that is a register; shapes have been checked before. */
export function reg(operands: readonly Operand[], at: number): { slot: number; bits: number } {
  const o = operands[at];
  if (o?.kind !== 'register') throw new TypeError(`operand ${at} is not a register`);
  return o;
}
export function imm(operands: readonly Operand[], at: number): bigint {
  const o = operands[at];
  if (o?.kind !== 'immediate') throw new TypeError(`operand ${at} is not a number`);
  return o.value;
}
export function mem(operands: readonly Operand[], at: number): (thread: Thread) => Word {
  const o = operands[at];
  if (o?.kind !== 'memory') throw new TypeError(`operand ${at} is not a memory operand`);
  return o.address;
}
export const wordText = (operands: readonly Operand[], at: number): string => operands[at]?.text ?? '';

/** Reads a register or an immediate. */
export function source(operands: readonly Operand[], at: number): (thread: Thread) => Word {
  const o = operands[at];
  if (o?.kind === 'register') return (t) => read(t, o.slot, o.bits);
  if (o?.kind === 'immediate') {
    const word: Word = { ...ZERO, value: o.value };
    return () => word;
  }
  throw new TypeError(`operand ${at} is neither register nor number`);
}

export function read(thread: Thread, slot: number, bits: number): Word {
  if (slot < 0) return ZERO;
  const word = thread.get(slot);
  return bits === 64 ? word : { ...word, value: BigInt.asUintN(bits, word.value) };
}

export const sizeOf = (bits: number): Size => (bits === 64 ? 8 : bits === 32 ? 4 : bits === 16 ? 2 : 1);
export const bitsOf = (size: Size): number => size * 8;
export const signed = (value: bigint, bits: number): bigint => BigInt.asIntN(bits, value);

/** `base + offset`, provenance of the base alone. */
export const plus = (word: Word, offset: bigint): Word => (offset === 0n ? word : { ...word, value: BigInt.asUintN(64, word.value + offset) });
export const sum = (a: Word, b: Word): Word => combine(BigInt.asUintN(64, a.value + b.value), a, b);

const NUMBER = /^#?\s*([-+]?)\s*(0[xX][0-9a-fA-F]+|\d+)$/;
export function parseNumber(text: string): bigint | null {
  const found = NUMBER.exec(text.replace(/^#?\((.*)\)$/, '$1'));
  if (found === null) return null;
  const value = BigInt(found[2] ?? '0');
  return found[1] === '-' ? -value : value;
}
