// SPDX-License-Identifier: Apache-2.0
/**
 * RISC-V (RV64 with A and Zacas). `.aq`/`.rl` on AMOs, LR and SC are RCsc; on
 * plain loads and stores, a litmus-only extension, they are RCpc (riscv.cat).
 */
import type { AccessOrder, Size } from '@dmalab/core/base/port';
import { combine, type Thread, type Word } from '../thread.ts';
import { describe, fail, fits, imm, mem, parseNumber, pieces, plus, read, reg, source, splitMnemonic, wordText, type Assembler, type Cell, type Context, type Operand, type RegisterName, type Run, type Slots } from './assembler.ts';

const ABI = ['zero', 'ra', 'sp', 'gp', 'tp', 't0', 't1', 't2', 's0', 's1', 'a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7', 's2', 's3', 's4', 's5', 's6', 's7', 's8', 's9', 's10', 's11', 't3', 't4', 't5', 't6'];

function register(text: string, slots: Slots): RegisterName | null {
  if (text.startsWith('%')) return { name: text, slot: slots.symbolic(text), bits: 64 };
  const name = text.toLowerCase();
  const plain = /^x(\d|[12]\d|3[01])$/.exec(name);
  const index = plain !== null ? Number(plain[1]) : name === 'fp' ? 8 : ABI.indexOf(name);
  return index < 0 ? null : { name: `x${index}`, slot: index === 0 ? -1 : index, bits: 64 };
}

interface Row {
  readonly shapes: readonly string[];
  readonly make: (o: readonly Operand[]) => Run | null;
  readonly branch?: boolean;
  readonly plainAddress?: boolean;
  readonly variants?: string;
}
const table = new Map<string, Row>();

const put = (t: Thread, slot: number, word: Word): void => t.set(slot, word);
/** Registers hold 64 bits; `bits` wide results are sign-extended. */
const extend = (value: bigint, bits: number): bigint => BigInt.asUintN(64, BigInt.asIntN(bits, value));

const ANNOTATIONS = ['', '.aq', '.rl', '.aq.rl', '.aqrl'];
const orderOf = (annotation: string, orders: readonly [AccessOrder, AccessOrder, AccessOrder, AccessOrder]): AccessOrder => orders[annotation === '' ? 0 : annotation === '.aq' ? 1 : annotation === '.rl' ? 2 : 3] ?? 'plain';

for (const annotation of ANNOTATIONS) {
  const loadOrder = orderOf(annotation, ['plain', 'acquirePC', 'plain', 'acquirePC']);
  const storeOrder = orderOf(annotation, ['plain', 'plain', 'releasePC', 'releasePC']);
  for (const [name, size, isSigned] of [['lb', 1, true], ['lh', 2, true], ['lw', 4, true], ['ld', 8, true], ['lbu', 1, false], ['lhu', 2, false], ['lwu', 4, false]] as const) {
    if (annotation === '.rl') continue;
    table.set(name + annotation, {
      shapes: ['r,m'],
      make: (o) => {
        const to = reg(o, 0).slot;
        const at = mem(o, 1);
        return (t) => {
          const word = t.load(at(t), size, loadOrder);
          put(t, to, isSigned ? { ...word, value: extend(word.value, size * 8) } : word);
        };
      },
    });
  }
  for (const [name, size] of [['sb', 1], ['sh', 2], ['sw', 4], ['sd', 8]] as const) {
    if (annotation === '.aq') continue;
    table.set(name + annotation, {
      shapes: ['r,m'],
      make: (o) => {
        const from = reg(o, 0).slot;
        const at = mem(o, 1);
        return (t) => t.store(at(t), size, read(t, from, 64), storeOrder);
      },
    });
  }
  for (const [letter, size] of [['w', 4], ['d', 8]] as const) reserved(annotation, letter, size);
}

function reserved(annotation: string, letter: string, size: Size): void {
  const bits = size * 8;
  // herd 7.58 drops a release on LR alone and an acquire on SC alone; so does riscv.cat's reading of the manual.
  const lr = orderOf(annotation, ['plain', 'acquire', 'plain', 'acq_rel']);
  const sc = orderOf(annotation, ['plain', 'plain', 'release', 'acq_rel']);
  const amo = orderOf(annotation, ['plain', 'acquire', 'release', 'acq_rel']);
  table.set(`lr.${letter}${annotation}`, {
    shapes: ['r,m'],
    plainAddress: true,
    make: (o) => {
      const to = reg(o, 0).slot;
      const at = mem(o, 1);
      return (t) => {
        const word = t.load(at(t), size, lr, true);
        put(t, to, { ...word, value: extend(word.value, bits) });
      };
    },
  });
  table.set(`sc.${letter}${annotation}`, {
    shapes: ['r,r,m'],
    plainAddress: true,
    make: (o) => {
      const [status, from] = [reg(o, 0).slot, reg(o, 1).slot];
      const at = mem(o, 2);
      return (t) => put(t, status, t.storeExclusive(at(t), size, read(t, from, 64), sc));
    },
  });
  const less = (a: bigint, b: bigint): boolean => BigInt.asIntN(bits, a) < BigInt.asIntN(bits, b);
  const operations: Record<string, ((old: bigint, x: bigint) => bigint) | null> = {
    swap: null,
    add: (old, x) => old + x,
    and: (old, x) => old & x,
    or: (old, x) => old | x,
    xor: (old, x) => old ^ x,
    max: (old, x) => (less(old, x) ? x : old),
    min: (old, x) => (less(old, x) ? old : x),
    maxu: (old, x) => (old < x ? x : old),
    minu: (old, x) => (old < x ? old : x),
  };
  for (const [name, modify] of Object.entries(operations)) {
    table.set(`amo${name}.${letter}${annotation}`, {
      shapes: ['r,r,m'],
      plainAddress: true,
      make: (o) => {
        const [to, from] = [reg(o, 0).slot, reg(o, 1).slot];
        const at = mem(o, 2);
        return (t) => {
          const x = read(t, from, 64);
          const cut = BigInt.asUintN(bits, x.value);
          const word = t.update(at(t), size, amo, x, (old) => (modify === null ? cut : modify(old, cut)), { fromOld: modify !== null });
          put(t, to, { ...word, value: extend(word.value, bits) });
        };
      },
    });
  }
  table.set(`amocas.${letter}${annotation}`, {
    shapes: ['r,r,m'],
    plainAddress: true,
    make: (o) => {
      const [expected, from] = [reg(o, 0).slot, reg(o, 1).slot];
      const at = mem(o, 2);
      return (t) => {
        const compare = read(t, expected, 64);
        const x = read(t, from, 64);
        const cut = BigInt.asUintN(bits, compare.value);
        const word = t.update(at(t), size, amo, x, (old) => (old === cut ? x.value : undefined), { compare });
        put(t, expected, { ...word, value: extend(word.value, bits) });
      };
    },
  });
}

// --- arithmetic: register and immediate forms, and the 32-bit ones with a final w
const signedLess = (a: bigint, b: bigint): bigint => (BigInt.asIntN(64, a) < BigInt.asIntN(64, b) ? 1n : 0n);
const ARITHMETIC: Record<string, (a: bigint, b: bigint, bits: number) => bigint> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  sll: (a, b, bits) => a << (b & BigInt(bits - 1)),
  srl: (a, b, bits) => BigInt.asUintN(bits, a) >> (b & BigInt(bits - 1)),
  sra: (a, b, bits) => BigInt.asIntN(bits, a) >> (b & BigInt(bits - 1)),
  slt: (a, b) => signedLess(a, b),
  sltu: (a, b) => (BigInt.asUintN(64, a) < BigInt.asUintN(64, b) ? 1n : 0n),
};
function binary(name: string, shape: string, bits: number, compute: (a: bigint, b: bigint, bits: number) => bigint): void {
  table.set(name, {
    shapes: [shape],
    make: (o) => {
      const [to, a] = [reg(o, 0).slot, reg(o, 1).slot];
      const b = source(o, 2);
      return (t) => {
        const x = read(t, a, 64);
        const y = b(t);
        put(t, to, combine(extend(compute(x.value, y.value, bits), bits), x, y));
      };
    },
  });
}
for (const [name, compute] of Object.entries(ARITHMETIC)) {
  binary(name, 'r,r,r', 64, compute);
  const immediate = name === 'sltu' ? 'sltiu' : `${name}i`;
  if (name !== 'sub' && name !== 'mul') binary(immediate, 'r,r,i', 64, compute);
  if (['add', 'sub', 'sll', 'srl', 'sra', 'mul'].includes(name)) binary(`${name}w`, 'r,r,r', 32, compute);
  if (['add', 'sll', 'srl', 'sra'].includes(name)) binary(`${name}iw`, 'r,r,i', 32, compute);
}
const UNARY: Record<string, (x: bigint) => bigint> = {
  mv: (x) => x,
  not: (x) => ~x,
  neg: (x) => -x,
  seqz: (x) => (x === 0n ? 1n : 0n),
  snez: (x) => (x === 0n ? 0n : 1n),
  'sext.w': (x) => BigInt.asIntN(32, x),
};
for (const [name, compute] of Object.entries(UNARY)) {
  table.set(name, {
    shapes: ['r,r'],
    make: (o) => {
      const [to, from] = [reg(o, 0).slot, reg(o, 1).slot];
      return (t) => {
        const word = read(t, from, 64);
        put(t, to, { ...word, value: BigInt.asUintN(64, compute(word.value)) });
      };
    },
  });
}
const move = (scale: bigint): Row => ({
  shapes: ['r,i'],
  make: (o) => {
    const to = reg(o, 0).slot;
    const word: Word = { value: BigInt.asUintN(64, imm(o, 1) << scale), dep: [], pick: [] };
    return (t) => put(t, to, word);
  },
});
table.set('li', move(0n));
table.set('lui', move(12n));
table.set('la', {
  shapes: ['r,m'],
  make: (o) => {
    const to = reg(o, 0).slot;
    const at = mem(o, 1);
    return (t) => put(t, to, at(t));
  },
});

// --- branches
const BRANCHES: Record<string, (a: bigint, b: bigint) => boolean> = {
  beq: (a, b) => a === b,
  bne: (a, b) => a !== b,
  blt: (a, b) => signedLess(a, b) === 1n,
  bge: (a, b) => signedLess(a, b) === 0n,
  bltu: (a, b) => a < b,
  bgeu: (a, b) => a >= b,
  bgt: (a, b) => signedLess(b, a) === 1n,
  ble: (a, b) => signedLess(b, a) === 0n,
};
for (const [name, test] of Object.entries(BRANCHES)) {
  table.set(name, {
    shapes: ['r,r,w'],
    branch: true,
    make: (o) => {
      const [a, b] = [reg(o, 0).slot, reg(o, 1).slot];
      return (t) => {
        const [x, y] = [read(t, a, 64), read(t, b, 64)];
        t.branch(test(x.value, y.value), combine(0n, x, y), wordText(o, 2));
      };
    },
  });
  if (name.endsWith('u')) continue;
  table.set(`${name}z`, {
    shapes: ['r,w'],
    branch: true,
    make: (o) => {
      const a = reg(o, 0).slot;
      return (t) => {
        const x = read(t, a, 64);
        t.branch(test(x.value, 0n), x, wordText(o, 1));
      };
    },
  });
}
table.set('j', { shapes: ['w'], branch: true, make: (o) => (t) => t.jump(wordText(o, 0)) });
table.set('ret', { shapes: [''], make: () => (t) => t.stop() });
table.set('nop', { shapes: [''], make: () => () => undefined });

// --- fences
const SETS = /^(?=[iorw])i?o?r?w?$/;
table.set('fence', {
  shapes: ['', 'w,w'],
  variants: 'two sets of i, o, r, w in that order',
  make: (o) => {
    const [before, after] = o.length === 0 ? ['rw', 'rw'] : [wordText(o, 0), wordText(o, 1)];
    return SETS.test(before) && SETS.test(after) ? (t) => t.fence(`fence.${before}.${after}`) : null;
  },
});
for (const name of ['fence.tso', 'fence.i']) table.set(name, { shapes: [''], make: () => (t) => t.fence(name) });

function operand(cell: Cell, text: string, offset: number, context: Context, wantsMemory: boolean): Operand {
  const found = register(text, context.slots);
  if (found !== null) return { kind: 'register', slot: found.slot, bits: 64, text, offset };
  const number = parseNumber(text);
  if (number !== null) return { kind: 'immediate', value: number, text, offset };
  const memory = /^([-+]?\w*)\(\s*([%\w]+)\s*\)$/.exec(text);
  if (memory !== null) {
    const by = memory[1] === '' ? 0n : parseNumber(memory[1] ?? '');
    const base = register(memory[2] ?? '', context.slots);
    if (by === null || base === null) return fail(cell, offset, `"${text}" is not an address`, 'NUMBER(REGISTER)');
    return { kind: 'memory', address: (t) => plus(read(t, base.slot, 64), by), exact: by === 0n, text, offset };
  }
  if (wantsMemory && /^[A-Za-z_]\w*$/.test(text)) {
    const word: Word = { value: context.address(text), dep: [], pick: [] };
    return { kind: 'memory', address: () => word, exact: true, text, offset };
  }
  return { kind: 'word', text, offset };
}

function assemble(cell: Cell, context: Context): ReturnType<Assembler['assemble']> {
  const { mnemonic, rest, restOffset } = splitMnemonic(cell);
  const row = table.get(mnemonic.toLowerCase());
  if (row === undefined) return fail(cell, cell.offset, `"${mnemonic}" is not a RISC-V instruction this assembler knows`, 'one of those in docs/litmus.md');
  const wantsMemory = mnemonic.toLowerCase() === 'la';
  const ops = pieces(rest, restOffset).map((p) => operand(cell, p.text, p.offset, context, wantsMemory));
  if (!row.shapes.some((s) => fits(s, ops))) return fail(cell, cell.offset, `"${cell.text.trim()}": wrong operands for ${mnemonic}`, `${mnemonic} ${describe(row.shapes)}`);
  if (row.plainAddress === true) for (const o of ops) if (o.kind === 'memory' && !o.exact) fail(cell, o.offset, `${mnemonic} takes no offset`, '(REGISTER) or 0(REGISTER)');
  const run = row.make(ops);
  if (run === null) return fail(cell, cell.offset, `"${cell.text.trim()}": no such variant of ${mnemonic}`, row.variants ?? 'another operand');
  const label = row.branch === true ? ops[ops.length - 1] : undefined;
  return { run, target: label === undefined ? null : { label: label.text, offset: label.offset } };
}

export const riscv: Assembler = { arch: 'RISCV', pointerSize: 8, fixedSlots: 32, register, assemble, mnemonics: () => [...table.keys()] };
