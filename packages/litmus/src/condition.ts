// SPDX-License-Identifier: Apache-2.0
/** Conditions over final states: reading them, the locations they name, their value, their text. Precedence, low to high: `\/`, `/\`, `=>`, `~` (herd's own). */
import type { Tokens } from './source.ts';
import type { Proposition, Ref, Scalar } from './test.ts';

/** Resolves a register as conditions write it; `null` if there is none of that name. */
export type RegisterResolver = (name: string) => string | null;

export function parseProposition(tokens: Tokens, register: RegisterResolver): Proposition {
  return parseOr(tokens, register);
}

function parseOr(tokens: Tokens, register: RegisterResolver): Proposition {
  let left = parseAnd(tokens, register);
  while (tokens.take('\\/')) left = { kind: 'or', left, right: parseAnd(tokens, register) };
  return left;
}
function parseAnd(tokens: Tokens, register: RegisterResolver): Proposition {
  let left = parseImplies(tokens, register);
  while (tokens.take('/\\')) left = { kind: 'and', left, right: parseImplies(tokens, register) };
  return left;
}
function parseImplies(tokens: Tokens, register: RegisterResolver): Proposition {
  const left = parseNot(tokens, register);
  return tokens.take('=>') ? { kind: 'implies', left, right: parseImplies(tokens, register) } : left;
}
function parseNot(tokens: Tokens, register: RegisterResolver): Proposition {
  if (tokens.take('~') || tokens.take('not')) return { kind: 'not', of: parseNot(tokens, register) };
  if (tokens.take('true')) return { kind: 'true' };
  if (tokens.take('false')) return { kind: 'false' };
  if (tokens.take('(')) {
    const inner = parseOr(tokens, register);
    tokens.want(')');
    return inner;
  }
  return parseAtom(tokens, register);
}

function parseAtom(tokens: Tokens, register: RegisterResolver): Proposition {
  if (tokens.is('fault')) tokens.source.fail(tokens.peek().offset, 'faults are not modelled', 'a register or a location');
  const left = parseRef(tokens, register);
  const equal = tokens.take('=') || tokens.take('==');
  if (!equal && !tokens.take('<>') && !tokens.take('!=')) tokens.unexpected('"=", "==", "<>" or "!="');
  if (left.kind === 'memory' && left.index === null && tokens.take('{')) {
    const values: Scalar[] = [];
    while (!tokens.take('}')) {
      values.push(parseScalar(tokens));
      tokens.take(',');
    }
    return { kind: 'array', name: left.name, equal, values };
  }
  return { kind: 'compare', left, equal, right: parseRight(tokens, register) };
}

/** `1`, `x`, `&x`, `x+4`, or a location: `1:X1`, `[y]`. */
function parseRight(tokens: Tokens, register: RegisterResolver): Scalar | Ref {
  if (tokens.is('[')) return parseRef(tokens, register);
  const scalar = parseScalar(tokens);
  if (!tokens.is(':')) return scalar;
  if (scalar.kind === 'integer') {
    tokens.next();
    return registerRef(tokens, register, Number(scalar.value));
  }
  const thread = /^P(\d+)$/.exec(scalar.name);
  if (thread === null) tokens.unexpected('a value');
  tokens.next();
  return registerRef(tokens, register, Number(thread?.[1]));
}

export function parseScalar(tokens: Tokens): Scalar {
  tokens.take('&');
  if (tokens.peek().kind !== 'word') return { kind: 'integer', value: tokens.integer('a number or the name of a location') };
  const name = tokens.next().text;
  if (name === 'label' || name === 'instr') tokens.source.fail(tokens.peek().offset, 'values that are code are not modelled', 'a number or the name of a location');
  if (tokens.take('+')) return { kind: 'address', name, offset: tokens.integer() };
  return { kind: 'address', name, offset: 0n };
}

/** `0:X1`, `P0:X1`, `x`, `[x]`, `a[2]`, `[a[2]]`, `*p`. */
export function parseRef(tokens: Tokens, register: RegisterResolver): Ref {
  if (tokens.peek().kind === 'number') {
    const thread = Number(tokens.integer());
    tokens.want(':');
    return registerRef(tokens, register, thread);
  }
  if (tokens.take('[')) {
    const inner = parseRef(tokens, register);
    tokens.want(']');
    return inner;
  }
  tokens.take('*');
  const word = tokens.word('a register (0:R), a location or a condition');
  const thread = /^P(\d+)$/.exec(word.text);
  if (thread !== null && tokens.take(':')) return registerRef(tokens, register, Number(thread[1]));
  if (tokens.take('[')) {
    const index = Number(tokens.integer('an index'));
    tokens.want(']');
    return { kind: 'memory', name: word.text, index };
  }
  return { kind: 'memory', name: word.text, index: null };
}

function registerRef(tokens: Tokens, register: RegisterResolver, thread: number): Ref {
  const word = tokens.word('a register');
  const name = register(word.text);
  if (name === null) return tokens.source.fail(word.offset, `"${word.text}" is not a register of this architecture`, 'a register');
  return { kind: 'register', thread, name };
}

/** Everything a proposition looks at. */
export function refsOf(p: Proposition): Ref[] {
  switch (p.kind) {
    case 'true':
    case 'false':
      return [];
    case 'not':
      return refsOf(p.of);
    case 'and':
    case 'or':
    case 'implies':
      return [...refsOf(p.left), ...refsOf(p.right)];
    case 'compare':
      return p.right.kind === 'register' || p.right.kind === 'memory' ? [p.left, p.right] : [p.left];
    case 'array':
      return [{ kind: 'memory', name: p.name, index: null }];
  }
}

/** What a final state says. Integers as they are shown; `null`: an array, asked for whole. */
export interface Valuation {
  readonly get: (ref: Ref) => bigint;
  readonly element: (name: string, index: number) => bigint;
  readonly scalar: (scalar: Scalar) => bigint;
}

export function holds(p: Proposition, state: Valuation): boolean {
  switch (p.kind) {
    case 'true':
      return true;
    case 'false':
      return false;
    case 'not':
      return !holds(p.of, state);
    case 'and':
      return holds(p.left, state) && holds(p.right, state);
    case 'or':
      return holds(p.left, state) || holds(p.right, state);
    case 'implies':
      return !holds(p.left, state) || holds(p.right, state);
    case 'compare': {
      const right = p.right.kind === 'register' || p.right.kind === 'memory' ? state.get(p.right) : state.scalar(p.right);
      return same(state.get(p.left), right) === p.equal;
    }
    case 'array':
      return p.values.every((v, i) => same(state.element(p.name, i), state.scalar(v))) === p.equal;
  }
}

/** A 32-bit register may be written -1 or 0xffffffff: equal as 64 bits, or as 32 when neither has more. */
function same(a: bigint, b: bigint): boolean {
  if (BigInt.asUintN(64, a) === BigInt.asUintN(64, b)) return true;
  const fits = (x: bigint): boolean => x >= -(1n << 31n) && x < 1n << 32n;
  return fits(a) && fits(b) && BigInt.asUintN(32, a) === BigInt.asUintN(32, b);
}

/** As herd prints a condition, which a reader takes for the same one: locations in brackets, numbers in decimal. */
export function showProposition(p: Proposition): string {
  return show(p, 0);
}
/** How tightly a connective binds. */
const BINDING = { or: 1, and: 2, implies: 3 } as const;
const SIGNS = { or: '\\/', and: '/\\', implies: '=>' } as const;
function show(p: Proposition, inside: number): string {
  switch (p.kind) {
    case 'true':
    case 'false':
      return p.kind;
    case 'not':
      return `not (${show(p.of, 0)})`;
    case 'and':
    case 'or':
    case 'implies': {
      const binding = BINDING[p.kind];
      // `=>` groups to the right, the others may be regrouped.
      const text = `${show(p.left, p.kind === 'implies' ? binding + 1 : binding)} ${SIGNS[p.kind]} ${show(p.right, binding)}`;
      return binding < inside ? `(${text})` : text;
    }
    case 'compare':
      return `${refKey(p.left)}${p.equal ? '=' : '<>'}${p.right.kind === 'register' || p.right.kind === 'memory' ? refKey(p.right) : showScalar(p.right)}`;
    case 'array':
      return `${p.name}${p.equal ? '=' : '<>'}{${p.values.map(showScalar).join(',')}}`;
  }
}
const showScalar = (s: Scalar): string => (s.kind === 'integer' ? String(s.value) : s.offset === 0n ? s.name : `${s.name}+${s.offset}`);

export const refKey = (ref: Ref): string => (ref.kind === 'register' ? `${ref.thread}:${ref.name}` : ref.index === null ? `[${ref.name}]` : `${ref.name}[${ref.index}]`);

/** Registers by thread, name and number, then memory by name: herd's order, and the oracle's. */
export function compareRefs(a: Ref, b: Ref): number {
  if (a.kind !== b.kind) return a.kind === 'register' ? -1 : 1;
  if (a.kind === 'register' && b.kind === 'register') {
    if (a.thread !== b.thread) return a.thread - b.thread;
    const [an, bn] = [splitNumber(a.name), splitNumber(b.name)];
    return an[0] < bn[0] ? -1 : an[0] > bn[0] ? 1 : an[1] - bn[1];
  }
  if (a.kind === 'memory' && b.kind === 'memory') return a.name < b.name ? -1 : a.name > b.name ? 1 : (a.index ?? -1) - (b.index ?? -1);
  return 0;
}
function splitNumber(name: string): [string, number] {
  const found = /^(.*?)(\d*)$/.exec(name);
  return [found?.[1] ?? name, found?.[2] ? Number(found[2]) : -1];
}
