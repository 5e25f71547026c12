// SPDX-License-Identifier: Apache-2.0
/** The x86 mnemonics without their size letters. Operands come in AT&T order: source, then destination. Source: Intel SDM vol. 2. */
import type { AccessOrder, Size } from '@dmalab/core/base/port';
import { combine, constant, type Thread, type Word } from '../thread.ts';
import type { Run } from './assembler.ts';
import { addFlags, logicFlags, subFlagsBorrow, type FlagRule } from './flags.ts';

const FLAGS = 16;
const RAX = 0;

export type X86Place =
  | { readonly kind: 'immediate'; readonly read: (t: Thread) => Word }
  | { readonly kind: 'register'; readonly bits: number; readonly read: (t: Thread) => Word; readonly write: (t: Thread, word: Word) => void }
  | { readonly kind: 'memory'; readonly size: Size; readonly address: (t: Thread) => Word; readonly read: (t: Thread) => Word; readonly write: (t: Thread, word: Word, order?: AccessOrder) => void };

export interface X86Row {
  /** How many, or which numbers of them. */
  readonly operands: number | readonly number[];
  readonly lockable?: boolean;
  readonly forms: string;
  readonly make: (o: readonly X86Place[], locked: boolean, bits: number) => Run | null;
}
const table = new Map<string, X86Row>();
export const X86_TABLE: ReadonlyMap<string, X86Row> = table;

table.set('mov', {
  operands: 2,
  forms: 'register or number to register or memory, or memory to register',
  make: ([from, to]) => {
    if (from === undefined || to === undefined || to.kind === 'immediate' || (from.kind === 'memory' && to.kind === 'memory')) return null;
    return (t) => to.write(t, from.read(t));
  },
});
/** Non-temporal: leaves by the write-combining buffers. */
table.set('movnti', {
  operands: 2,
  forms: 'register to memory',
  make: ([from, to], _, bits) => (from?.kind === 'register' && to?.kind === 'memory' && bits >= 32 ? (t) => to.write(t, from.read(t), 'streaming') : null),
});
table.set('lea', {
  operands: 2,
  forms: 'memory to register',
  make: ([from, to]) => (from?.kind === 'memory' && to?.kind === 'register' ? (t) => to.write(t, from.address(t)) : null),
});

interface Arithmetic {
  readonly compute: (old: bigint, x: bigint) => bigint;
  readonly flags: FlagRule;
  readonly keepsCarry?: boolean;
}
const logic = (compute: (a: bigint, b: bigint) => bigint): Arithmetic => ({ compute, flags: (a, b, bits) => logicFlags(compute(a, b), bits) });
const ARITHMETIC: Record<string, Arithmetic> = {
  add: { compute: (old, x) => old + x, flags: addFlags },
  sub: { compute: (old, x) => old - x, flags: subFlagsBorrow },
  and: logic((a, b) => a & b),
  or: logic((a, b) => a | b),
  xor: logic((a, b) => a ^ b),
};
/** By an immediate or %cl, 5 bits of it, or 6 for 64-bit operands. A count of 0 leaves the flags. */
const shift = (compute: (value: bigint, by: bigint, bits: number) => bigint): X86Row => ({
  operands: [1, 2],
  forms: 'number or %cl, then register or memory; one operand is shifted by 1',
  make: (o, _, bits) => {
    const [from, to] = o.length === 1 ? [null, o[0]] : [o[0] ?? null, o[1]];
    if (to === undefined || to.kind === 'immediate' || from?.kind === 'memory') return null;
    return (t) => {
      const count = from === null ? ONE : from.read(t);
      const by = count.value & (bits === 64 ? 63n : 31n);
      const old = to.read(t);
      const value = BigInt.asUintN(bits, compute(BigInt.asUintN(bits, old.value), by, bits));
      to.write(t, combine(value, old, count));
      if (by !== 0n) t.set(FLAGS, combine(logicFlags(value, bits), old, count));
    };
  },
});
const ONE = constant(1n);
table.set('shl', shift((value, by) => value << by));
table.set('sal', shift((value, by) => value << by));
table.set('shr', shift((value, by) => value >> by));
table.set('sar', shift((value, by, bits) => BigInt.asIntN(bits, value) >> by));
const UNARY: Record<string, Arithmetic> = {
  inc: { compute: (old) => old + 1n, flags: (old, _, bits) => addFlags(old, 1n, bits), keepsCarry: true },
  dec: { compute: (old) => old - 1n, flags: (old, _, bits) => subFlagsBorrow(old, 1n, bits), keepsCarry: true },
  neg: { compute: (old) => -old, flags: (old, _, bits) => subFlagsBorrow(0n, old, bits) },
};

function setFlags(t: Thread, rule: Arithmetic, old: Word, x: Word, bits: number): void {
  const flags = rule.flags(old.value, x.value, bits);
  const before = t.get(FLAGS);
  t.set(FLAGS, rule.keepsCarry === true ? combine((flags & ~2n) | (before.value & 2n), combine(0n, old, x), before) : combine(flags, old, x));
}
/** In place: on memory one locked access, or a load and a store. */
function inPlace(rule: Arithmetic, to: X86Place | undefined, from: X86Place, locked: boolean, bits: number, flags: boolean): Run | null {
  if (to === undefined || to.kind === 'immediate' || (to.kind === 'memory' && from.kind === 'memory') || (locked && to.kind !== 'memory')) return null;
  if (to.kind === 'memory' && locked) {
    return (t) => {
      const x = from.read(t);
      const old = t.update(to.address(t), to.size, 'full', x, (value) => rule.compute(value, x.value), { fromOld: true });
      if (flags) setFlags(t, rule, old, x, bits);
    };
  }
  return (t) => {
    const x = from.read(t);
    const old = to.read(t);
    to.write(t, combine(BigInt.asUintN(bits, rule.compute(old.value, x.value)), old, x));
    if (flags) setFlags(t, rule, old, x, bits);
  };
}
const LOCK_FORMS = 'source to register or memory; lock needs memory';
for (const [name, rule] of Object.entries(ARITHMETIC)) table.set(name, { operands: 2, lockable: true, forms: LOCK_FORMS, make: ([from, to], locked, bits) => (from === undefined ? null : inPlace(rule, to, from, locked, bits, true)) });
const unary = (rule: Arithmetic, flags: boolean): X86Row => ({ operands: 1, lockable: true, forms: 'register or memory; lock needs memory', make: ([to], locked, bits) => inPlace(rule, to, { kind: 'immediate', read: () => ONE }, locked, bits, flags) });
for (const [name, rule] of Object.entries(UNARY)) table.set(name, unary(rule, true));
table.set('not', unary({ compute: (old) => ~old, flags: addFlags }, false));

for (const [name, rule] of [['cmp', subFlagsBorrow], ['test', (a: bigint, b: bigint, bits: number) => logicFlags(a & b, bits)]] as const) {
  table.set(name, {
    operands: 2,
    forms: 'two operands, at most one in memory',
    make: ([b, a], _, bits) => {
      if (a === undefined || b === undefined || (a.kind === 'memory' && b.kind === 'memory')) return null;
      return (t) => {
        const [x, y] = [a.read(t), b.read(t)];
        t.set(FLAGS, combine(rule(x.value, y.value, bits), x, y));
      };
    },
  });
}

function exchange(atomic: boolean): X86Row {
  return {
    operands: 2,
    lockable: atomic,
    forms: 'a register with a register or memory',
    make: ([a, b]) => {
      const [register, other] = a?.kind === 'register' ? [a, b] : [b, a];
      if (register?.kind !== 'register' || other === undefined || other.kind === 'immediate') return null;
      if (other.kind === 'memory' && atomic) {
        return (t) => {
          const x = register.read(t);
          register.write(t, t.update(other.address(t), other.size, 'full', x, () => x.value));
        };
      }
      return (t) => {
        const [x, y] = [register.read(t), other.read(t)];
        other.write(t, x);
        register.write(t, y);
      };
    },
  };
}
table.set('xchg', exchange(true));
/** herd's name for an exchange without the lock. */
table.set('uxch', exchange(false));
table.set('xadd', {
  operands: 2,
  lockable: true,
  forms: 'register to register or memory; lock needs memory',
  make: ([from, to], locked, bits) => {
    if (from?.kind !== 'register' || to === undefined || to.kind === 'immediate' || (locked && to.kind !== 'memory')) return null;
    const rule = { compute: (a: bigint, b: bigint) => a + b, flags: addFlags };
    return (t) => {
      const x = from.read(t);
      let old: Word;
      if (to.kind === 'memory' && locked) old = t.update(to.address(t), to.size, 'full', x, (value) => value + x.value, { fromOld: true });
      else {
        old = to.read(t);
        to.write(t, combine(BigInt.asUintN(bits, old.value + x.value), old, x));
      }
      setFlags(t, rule, old, x, bits);
      from.write(t, old);
    };
  },
});
/** herd writes `cmpxchgl (x),%reg`; the machine's own order is taken too. */
table.set('cmpxchg', {
  operands: 2,
  lockable: true,
  forms: 'memory and a register; lock needs memory',
  make: ([a, b], locked, bits) => {
    const [from, to] = a?.kind === 'register' ? [a, b] : [b, a];
    if (from?.kind !== 'register' || to === undefined || to.kind === 'immediate' || (locked && to.kind !== 'memory')) return null;
    return (t) => {
      const accumulator = t.get(RAX);
      const compare: Word = { ...accumulator, value: BigInt.asUintN(bits, accumulator.value) };
      const x = from.read(t);
      let old: Word;
      if (to.kind === 'memory' && locked) old = t.update(to.address(t), to.size, 'full', x, (value) => (value === compare.value ? x.value : undefined), { compare });
      else {
        old = to.read(t);
        if (old.value === compare.value) to.write(t, x);
      }
      t.set(FLAGS, combine(subFlagsBorrow(compare.value, old.value, bits), compare, old));
      const rest = bits >= 32 ? 0n : (accumulator.value >> BigInt(bits)) << BigInt(bits);
      if (old.value !== compare.value) t.set(RAX, combine(rest | old.value, old, accumulator));
    };
  },
});

for (const name of ['mfence', 'sfence', 'lfence']) table.set(name, { operands: 0, forms: 'no operand', make: () => (t) => t.fence(name) });
table.set('nop', { operands: [0, 1], forms: 'no operand, or one that is not looked at', make: () => () => undefined });
table.set('endbr64', { operands: 0, forms: 'no operand', make: () => () => undefined });
/** Between coherent observers a line written back or dropped holds what it held: nothing to see, and no fence either. */
for (const name of ['clflush', 'clflushopt', 'clwb']) table.set(name, { operands: 1, forms: 'memory', make: ([line]) => (line?.kind === 'memory' ? () => undefined : null) });
table.set('ret', { operands: 0, forms: 'no operand', make: () => (t) => t.stop() });
