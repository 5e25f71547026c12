// SPDX-License-Identifier: Apache-2.0
/**
 * Says which loop a program counter belongs to. QuickJS writes line numbers
 * for calls and property accesses only, so `while (true) i++;` has none. But a
 * loop is a backward jump, and the n-th target of one in a function's code is
 * the n-th loop in its source.
 */
import { lineColumn, loops, offsetOf } from './lexer.ts';
import type { Site } from './result.ts';
import type { Vm } from './vm.ts';

/** `opcode_info`: {name, size u8, pops u8, pushes u8, format u8} by opcode; from `firstShort` on, an opcode's entry is `shortShift` further. */
const OPCODES = { table: 0x109b50, stride: 8, size: 4, format: 7, firstShort: 185, shortShift: 19 } as const;
/** Operand formats that hold a jump target, relative to the operand. */
const FORMAT = { label8: 9, label16: 12, label: 23 } as const;

export interface FunctionCode {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Address and length of the instructions. */
  readonly start: number;
  readonly length: number;
  /** Source text as UTF-8; length 0 for a module. */
  readonly source: string;
  /** Functions defined directly inside. */
  readonly inner: readonly FunctionCode[];
}

/** Throws when this build is not the one the table above describes. */
export function checkOpcodes(vm: Vm): void {
  const nameOf = (i: number): string => vm.cString(vm.u32(OPCODES.table + OPCODES.stride * i));
  if (nameOf(0) !== 'invalid' || nameOf(106) !== 'goto' || nameOf(242 + OPCODES.shortShift) !== 'goto8') throw new RangeError('sandbox: the opcode table is not where it should be');
}

/**
 * @param pc address at which the function was stopped
 * @param around what the line table says about an address: the last position before it, and the next one
 * @returns the innermost loop around it, null when there is none
 */
export function loopSite(vm: Vm, code: FunctionCode, moduleSource: string, pc: number, around: (pc: number) => readonly [Site, Site | null]): Site | null {
  const jumps = backwardJumps(vm, code);
  const headers = [...jumps.keys()].sort((a, b) => a - b);
  const index = headers.findLastIndex((header) => header <= pc && pc <= (jumps.get(header) ?? 0));
  if (index < 0) return null;
  const [from, to] = span(code, moduleSource);
  const inner = code.inner.map((f) => span(f, moduleSource));
  const own = loops(moduleSource.slice(from, to))
    .map((at) => at + from)
    .filter((at) => !inner.some(([start, end]) => at >= start && at < end));
  const at = own.length === headers.length ? own[index] : likeliest(own, index, own.length - headers.length, moduleSource, around(headers[index] ?? pc));
  return at === undefined ? null : { file: code.file, ...lineColumn(moduleSource, at) };
}

/** A loop that never gets round to its start leaves no jump, and destructuring leaves one of its own: then the neighbours in the line table decide. */
function likeliest(own: readonly number[], index: number, missing: number, source: string, [before, after]: readonly [Site, Site | null]): number | undefined {
  const from = offsetOf(source, before.line, before.column);
  const to = after === null ? source.length : offsetOf(source, after.line, after.column);
  const possible = missing < 0 ? own : own.slice(index, index + missing + 1);
  return possible.findLast((at) => at >= from && at < to) ?? possible.at(-1);
}

function span(code: FunctionCode, moduleSource: string): [number, number] {
  if (code.source === '') return [0, moduleSource.length];
  // The recorded position is that of a token at or just before the text.
  const near = offsetOf(moduleSource, code.line, code.column);
  const after = moduleSource.indexOf(code.source, near);
  const at = after >= 0 ? after : Math.max(moduleSource.lastIndexOf(code.source, near), 0);
  return [at, at + code.source.length];
}

/** Loop headers, each with the last jump back to it. */
function backwardJumps(vm: Vm, code: FunctionCode): Map<number, number> {
  const jumps = new Map<number, number>();
  const end = code.start + code.length;
  for (let at = code.start; at < end; ) {
    const opcode = vm.bytes[at] ?? 0;
    const entry = OPCODES.table + OPCODES.stride * (opcode >= OPCODES.firstShort ? opcode + OPCODES.shortShift : opcode);
    const size = vm.bytes[entry + OPCODES.size] ?? 0;
    const format = vm.bytes[entry + OPCODES.format];
    if (size === 0) throw new RangeError(`sandbox: opcode ${opcode} has no size`);
    const operand = at + 1;
    let target = end;
    if (format === FORMAT.label8) target = operand + vm.view.getInt8(operand);
    if (format === FORMAT.label16) target = operand + vm.view.getInt16(operand, true);
    if (format === FORMAT.label) target = operand + vm.view.getInt32(operand, true);
    if (target <= at) jumps.set(target, at + size);
    at += size;
  }
  return jumps;
}
