// SPDX-License-Identifier: Apache-2.0
/**
 * AArch64 (A64), case-insensitive. Registers and addressing here; the table
 * of mnemonics is in `aarch64-table.ts`. Source: Arm ARM DDI 0487, C6.
 */
import type { Thread, Word } from '../thread.ts';
import { describe, fail, fits, parseNumber, pieces, plus, read, splitMnemonic, sum, type Assembler, type Cell, type Context, type Operand, type Piece, type RegisterName, type Slots } from './assembler.ts';
import { AARCH64_TABLE } from './aarch64-table.ts';

const SP = 31;
/** N, Z, C, V as bits 3 to 0. */
export const FLAGS = 32;

function register(text: string, slots: Slots): RegisterName | null {
  const name = text.toUpperCase();
  if (name === 'XZR') return { name, slot: -1, bits: 64 };
  if (name === 'WZR') return { name, slot: -1, bits: 32 };
  if (name === 'SP') return { name, slot: SP, bits: 64 };
  const symbolic = /^([xXwW]?)%([A-Za-z_0-9]+)$/.exec(text);
  if (symbolic !== null) return { name: `%${symbolic[2]}`, slot: slots.symbolic(`%${symbolic[2]}`), bits: symbolic[1]?.toUpperCase() === 'W' ? 32 : 64 };
  const found = /^([XW])(\d|[12]\d|30)$/.exec(name);
  if (found === null) return null;
  return { name: `X${found[2]}`, slot: Number(found[2]), bits: found[1] === 'W' ? 32 : 64 };
}

/** An operand, and for `[Xn,#i]!` and `[Xn],#i` what the base becomes. */
export type A64Operand = Operand & { readonly writeBack?: { readonly slot: number; readonly by: bigint } };

function memory(cell: Cell, piece: Piece, post: bigint | null, slots: Slots): A64Operand {
  const found = /^\[(.*)\](!?)$/s.exec(piece.text);
  if (found === null) return fail(cell, piece.offset, `"${piece.text}" is not an address`, '[Xn], [Xn,#i], [Xn,#i]!, [Xn],#i, [Xn,Xm], [Xn,Xm,LSL #k] or [Xn,Wm,SXTW]');
  const parts = pieces(found[1] ?? '', piece.offset + 1);
  const base = parts[0] === undefined ? null : register(parts[0].text, slots);
  if (base === null || (base.bits !== 64 && !base.name.startsWith('%'))) return fail(cell, parts[0]?.offset ?? piece.offset, `"${parts[0]?.text ?? ''}" cannot be a base`, 'an X register');
  const pre = found[2] === '!';
  const head = { kind: 'memory', text: piece.text, offset: piece.offset } as const;
  if (parts.length === 1) {
    const address = (t: Thread): Word => read(t, base.slot, 64);
    return post === null ? { ...head, address, exact: true } : { ...head, address, exact: false, writeBack: { slot: base.slot, by: post } };
  }
  const second = parts[1];
  if (second === undefined || parts.length > 3) return fail(cell, piece.offset, 'too many parts in an address', 'at most three');
  const by = parseNumber(second.text);
  if (by !== null && parts.length === 2) {
    const address = (t: Thread): Word => plus(read(t, base.slot, 64), by);
    return { ...head, address, exact: by === 0n && !pre, ...(pre ? { writeBack: { slot: base.slot, by } } : {}) };
  }
  const index = register(second.text, slots);
  if (index === null) return fail(cell, second.offset, `"${second.text}" is neither a register nor a number`, 'Xm, Wm or #i');
  const extend = /^(LSL|SXTW|UXTW|SXTX)(?:\s*#?(\d+))?$/i.exec(parts[2]?.text ?? (index.bits === 64 ? 'LSL #0' : 'UXTW'));
  if (extend === null) return fail(cell, parts[2]?.offset ?? piece.offset, `"${parts[2]?.text ?? ''}" is no extension`, 'LSL #k, SXTW, UXTW or SXTX');
  const shift = BigInt(extend[2] ?? '0');
  const signExtend = extend[1]?.toUpperCase() === 'SXTW';
  const bits = signExtend || extend[1]?.toUpperCase() === 'UXTW' ? 32 : index.bits;
  const address = (t: Thread): Word => {
    const word = read(t, index.slot, bits);
    const value = signExtend ? BigInt.asIntN(32, word.value) : word.value;
    return sum(read(t, base.slot, 64), { ...word, value: value << shift });
  };
  return { ...head, address, exact: false };
}

function operands(cell: Cell, rest: string, offset: number, slots: Slots): A64Operand[] {
  const cut = pieces(rest, offset);
  const out: A64Operand[] = [];
  for (let i = 0; i < cut.length; i += 1) {
    const piece = cut[i];
    if (piece === undefined) break;
    const found = register(piece.text, slots);
    const number = parseNumber(piece.text);
    if (found !== null) out.push({ kind: 'register', slot: found.slot, bits: found.bits, text: piece.text, offset: piece.offset });
    else if (number !== null) out.push({ kind: 'immediate', value: number, text: piece.text, offset: piece.offset });
    else if (piece.text.startsWith('[')) {
      const next = cut[i + 1];
      const post = next === undefined || piece.text.endsWith('!') ? null : parseNumber(next.text);
      out.push(memory(cell, piece, post, slots));
      if (post !== null) i += 1;
    } else out.push({ kind: 'word', text: piece.text, offset: piece.offset });
  }
  return out;
}

function assemble(cell: Cell, context: Context): ReturnType<Assembler['assemble']> {
  const { mnemonic, rest, restOffset } = splitMnemonic(cell);
  const row = AARCH64_TABLE.get(mnemonic.toUpperCase());
  if (row === undefined) return fail(cell, cell.offset, `"${mnemonic}" is not an AArch64 instruction this assembler knows`, 'one of those in docs/litmus.md');
  const ops = operands(cell, rest, restOffset, context.slots);
  if (!row.shapes.some((s) => fits(s, ops))) return fail(cell, cell.offset, `"${cell.text.trim()}": wrong operands for ${mnemonic}`, `${mnemonic} ${describe(row.shapes)}`);
  if (row.plainAddress === true) for (const o of ops) if (o.kind === 'memory' && !o.exact) fail(cell, o.offset, `${mnemonic} takes no offset`, '[Xn]');
  const label = row.branch === true ? ops[ops.length - 1] : undefined;
  const run = row.make(ops);
  if (run === null) return fail(cell, cell.offset, `"${cell.text.trim()}": no such variant of ${mnemonic}`, row.variants ?? 'another operand');
  const moves = ops.find((o) => o.writeBack !== undefined)?.writeBack;
  const whole = moves === undefined ? run : (t: Thread): void => {
    const base = read(t, moves.slot, 64);
    run(t);
    t.set(moves.slot, plus(base, moves.by));
  };
  return { run: whole, target: label === undefined ? null : { label: label.text, offset: label.offset } };
}

export const aarch64: Assembler = { arch: 'AArch64', pointerSize: 8, fixedSlots: 33, register, assemble, mnemonics: () => [...AARCH64_TABLE.keys()] };
