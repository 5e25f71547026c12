// SPDX-License-Identifier: Apache-2.0
/**
 * x86: `X86_64` in AT&T order (`movl $1,(x)`), `X86` in Intel order
 * (`MOV [x],$1`). One table; the front ends differ in operand order and
 * register names only. A memory operand of `xchg` is locked, as on the machine.
 */
import type { Size } from '@dmalab/core/base/port';
import { combine, type Thread, type Word } from '../thread.ts';
import { fail, parseNumber, pieces, plus, read, splitMnemonic, sum, type Assembler, type Cell, type Context, type Operand, type Piece, type RegisterName, type Run, type Slots } from './assembler.ts';
import { X86_CONDITIONS } from './flags.ts';
import { X86_TABLE, type X86Place } from './x86-table.ts';

const LEGACY = ['a', 'b', 'c', 'd'] as const;

/** Slots: rax rbx rcx rdx rsi rdi rbp rsp r8…r15, then the flags. */
const INDEX = new Map<string, { slot: number; bits: 8 | 16 | 32 | 64 }>();
LEGACY.forEach((letter, slot) => {
  INDEX.set(`r${letter}x`, { slot, bits: 64 }).set(`e${letter}x`, { slot, bits: 32 }).set(`${letter}x`, { slot, bits: 16 }).set(`${letter}l`, { slot, bits: 8 });
});
['si', 'di', 'bp', 'sp'].forEach((name, i) => {
  INDEX.set(`r${name}`, { slot: 4 + i, bits: 64 }).set(`e${name}`, { slot: 4 + i, bits: 32 }).set(name, { slot: 4 + i, bits: 16 }).set(`${name}l`, { slot: 4 + i, bits: 8 });
});
for (let n = 8; n < 16; n += 1) INDEX.set(`r${n}`, { slot: n, bits: 64 }).set(`r${n}d`, { slot: n, bits: 32 }).set(`r${n}w`, { slot: n, bits: 16 }).set(`r${n}b`, { slot: n, bits: 8 });
const WIDE = new Map([...INDEX].filter(([, r]) => r.bits === 64).map(([name, r]) => [r.slot, name]));

const registers = (wide: boolean) => (text: string, slots: Slots): RegisterName | null => {
  const name = text.replace(/^%/, '').toLowerCase();
  const found = INDEX.get(name);
  if (found !== undefined && (wide || found.bits < 64)) {
    const full = WIDE.get(found.slot) ?? name;
    return { name: wide ? full : `E${full.slice(1).toUpperCase()}`, slot: found.slot, bits: found.bits };
  }
  return /^%[A-Za-z_]\w*$/.test(text) && wide ? { name: text, slot: slots.symbolic(text), bits: 32 } : null;
};

function operand(cell: Cell, piece: Piece, context: Context, wide: boolean): Operand {
  const { text, offset } = piece;
  const found = registers(wide)(text, context.slots);
  if (found !== null && (!wide || text.startsWith('%'))) return { kind: 'register', slot: found.slot, bits: found.bits, text, offset };
  const number = parseNumber(text.replace(/^\$/, ''));
  if (number !== null && (!wide || text.startsWith('$'))) return { kind: 'immediate', value: number, text, offset };
  if (/^\$[A-Za-z_]\w*$/.test(text)) return { kind: 'immediate', value: context.address(text.slice(1)), text, offset };
  if (wide && /^%\ws:/i.test(text)) return operand(cell, { text: text.slice(4), offset: offset + 4 }, context, wide); // flat segments
  const indexed = wide ? /^([-+]?\w*)\(\s*(%\w+)\s*,\s*(%\w+)\s*(?:,\s*(\w+)\s*)?\)$/.exec(text) : null;
  if (indexed !== null) return { kind: 'memory', address: scaled(cell, offset, indexed, context), exact: false, text, offset };
  const memory = (wide ? /^([-+]?\w*)\(([%\w]+)\)$/ : /^\[([%\w]+)\]$/).exec(text);
  if (memory === null) return { kind: 'word', text, offset };
  const [by, inner] = wide ? [memory[1] ?? '', memory[2] ?? ''] : ['', memory[1] ?? ''];
  const shift = by === '' ? 0n : parseNumber(by);
  if (shift === null) return fail(cell, offset, `"${text}" is not an address`, 'NUMBER(%REGISTER) or (LOCATION)');
  const base = registers(wide)(inner, context.slots);
  if (base !== null && (!wide || inner.startsWith('%'))) return { kind: 'memory', address: (t) => plus(read(t, base.slot, base.bits), shift), exact: shift === 0n, text, offset };
  const word: Word = { value: context.address(inner) + shift, dep: [], pick: [] };
  return { kind: 'memory', address: () => word, exact: true, text, offset };
}

/** `NUMBER(BASE,INDEX,SCALE)`. An index is as wide as it is written. */
function scaled(cell: Cell, offset: number, [text = '', by = '', baseName = '', indexName = '', scaleText = '1']: RegExpExecArray, context: Context): (t: Thread) => Word {
  const [base, index] = [registers(true)(baseName, context.slots), registers(true)(indexName, context.slots)];
  const [shift, scale] = [by === '' ? 0n : parseNumber(by), parseNumber(scaleText)];
  // A scale of 0 is what disassemblers print for no-operations.
  if (base === null || index === null || shift === null || scale === null || ![0n, 1n, 2n, 4n, 8n].includes(scale)) return fail(cell, offset, `"${text}" is not an address`, 'NUMBER(%BASE,%INDEX,1|2|4|8)');
  return (t) => {
    const by = read(t, index.slot, index.bits);
    return plus(sum(read(t, base.slot, 64), { ...by, value: by.value * scale }), shift);
  };
}

/** A register or memory operand of `bits`, ready to be read and written. */
function place(o: Operand | undefined, bits: number): X86Place | null {
  if (o === undefined || o.kind === 'word') return null;
  const size = (bits / 8) as Size; // bits is 8, 16, 32 or 64
  if (o.kind === 'immediate') return { kind: 'immediate', read: () => ({ value: BigInt.asUintN(bits, o.value), dep: [], pick: [] }) };
  if (o.kind === 'memory') return { kind: 'memory', size, address: o.address, read: (t) => t.load(o.address(t), size, 'plain'), write: (t, w, order = 'plain') => t.store(o.address(t), size, w, order) };
  return { kind: 'register', bits: o.bits, read: (t) => read(t, o.slot, bits), write: (t, w) => writeRegister(t, o.slot, bits, w) };
}

/** 32-bit writes clear the upper half; narrower ones keep the rest. */
function writeRegister(t: Thread, slot: number, bits: number, word: Word): void {
  if (bits >= 32) return t.set(slot, { ...word, value: BigInt.asUintN(bits, word.value) });
  const old = t.get(slot);
  const mask = (1n << BigInt(bits)) - 1n;
  t.set(slot, combine((old.value & ~mask) | (word.value & mask), old, word));
}

const SUFFIX: Record<string, number> = { b: 8, w: 16, l: 32, q: 64 };

function assembler(wide: boolean): Assembler['assemble'] {
  return (cell, context) => {
    let { mnemonic, rest, restOffset } = splitMnemonic(cell);
    let locked = false;
    if (mnemonic.toLowerCase() === 'lock') {
      locked = true;
      const lead = rest.length - rest.trimStart().length;
      const inner = splitMnemonic({ source: cell.source, text: rest.trimStart(), offset: restOffset + lead });
      ({ mnemonic, rest, restOffset } = inner);
    }
    const name = mnemonic.toLowerCase();
    const branch = name === 'jmp' ? () => true : name.startsWith('j') ? X86_CONDITIONS[name.slice(1)] : undefined;
    if (branch !== undefined) {
      const label = pieces(rest, restOffset)[0];
      if (label === undefined || !/^\w+$/.test(label.text)) return fail(cell, cell.offset, `"${cell.text.trim()}": no label`, `${mnemonic} LABEL`);
      const run: Run = name === 'jmp' ? (t) => t.jump(label.text) : (t) => t.branch(branch(t.get(FLAGS).value), t.get(FLAGS), label.text);
      return { run, target: { label: label.text, offset: label.offset } };
    }
    const suffix = X86_TABLE.has(name) ? undefined : SUFFIX[name.slice(-1)];
    const row = X86_TABLE.get(name) ?? (suffix === undefined ? undefined : X86_TABLE.get(name.slice(0, -1)));
    if (row === undefined) return fail(cell, restOffset - mnemonic.length, `"${mnemonic}" is not an x86 instruction this assembler knows`, 'one of those in docs/litmus.md');
    const written = pieces(rest, restOffset).map((p) => operand(cell, p, context, wide));
    const bits = suffix ?? written.reduce((n, o) => (o.kind === 'register' ? o.bits : n), 0) ?? 32;
    const operands = (wide ? written : [...written].reverse()).map((o) => place(o, bits === 0 ? 32 : bits));
    const counts = typeof row.operands === 'number' ? [row.operands] : row.operands;
    if (!counts.includes(operands.length) || operands.includes(null)) return fail(cell, cell.offset, `"${cell.text.trim()}": wrong operands for ${mnemonic}`, `${counts.join(' or ')} (register, number or memory)`);
    if (locked && row.lockable !== true) return fail(cell, cell.offset, `${mnemonic} cannot be locked`, 'inc, dec, not, neg, add, sub, and, or, xor, xadd, xchg or cmpxchg');
    const run = row.make(operands.filter((o) => o !== null), locked, bits === 0 ? 32 : bits);
    if (run === null) return fail(cell, cell.offset, `"${cell.text.trim()}": no such form of ${mnemonic}`, row.forms);
    return { run, target: null };
  };
}

/** Where N, Z, C, V live. */
export const FLAGS = 16;

export const x86_64: Assembler = { arch: 'X86_64', pointerSize: 8, fixedSlots: 17, register: registers(true), assemble: assembler(true), mnemonics: () => [...X86_TABLE.keys()] };
export const x86: Assembler = { arch: 'X86', pointerSize: 4, fixedSlots: 17, register: registers(false), assemble: assembler(false), mnemonics: () => [...X86_TABLE.keys()] };
