// SPDX-License-Identifier: Apache-2.0
/** Reads herd's litmus text: header, metadata, initial state, program, condition. Source: herdtools7 7.58, `lib/` grammars and `doc/`. */
import { aarch64 } from './asm/aarch64.ts';
import { Slots, type Assembler, type Context } from './asm/assembler.ts';
import { riscv } from './asm/riscv.ts';
import { x86, x86_64 } from './asm/x86.ts';
import { compareRefs, parseProposition, parseRef, refKey, refsOf, showProposition } from './condition.ts';
import { parseInit } from './init.ts';
import { MemoryMap } from './memory-map.ts';
import { parseProgram } from './program.ts';
import { Source, Tokens } from './source.ts';
import { ARCHES, type Arch, type LitmusTest, type Proposition, type Quantifier, type Ref } from './test.ts';

export const ASSEMBLERS: Record<Arch, Assembler> = { AArch64: aarch64, RISCV: riscv, X86_64: x86_64, X86: x86 };

/** @throws LitmusError naming line, column and what was expected */
export function parseLitmus(text: string): LitmusTest {
  const source = new Source(text.replace(/\r\n?/g, (m) => (m === '\r\n' ? ' \n' : '\n')));
  const { arch, name, doc, metadata, open } = parseHeader(source);
  const assembler = ASSEMBLERS[arch];
  const slots = new Slots(assembler.fixedSlots);
  const memory = new MemoryMap();
  const context: Context = { slots, address: (location) => memory.address(location) };

  const close = matchingBrace(source, open);
  const registers = parseInit(new Tokens(source, open + 1, close), assembler, context, memory);
  const tail = findTail(source, close + 1);
  const threads = parseProgram(source, close + 1, tail, assembler, context, registers);
  const tokens = new Tokens(source, tail, endOfTest(source, tail));
  const slotNames = new Map<string, number>();
  const resolve = (register: string): string | null => {
    const found = assembler.register(register, slots);
    if (found === null) return null;
    slotNames.set(found.name, found.slot);
    return found.name;
  };
  const final = parseFinal(tokens, resolve);
  const observed = new Map<string, Ref>();
  for (const ref of [...final.locations, ...refsOf(final.condition)]) observed.set(refKey(ref), ref);
  for (const ref of [...observed.values(), ...(final.filter === null ? [] : refsOf(final.filter))]) {
    if (ref.kind === 'memory') memory.address(ref.name);
    else if (!threads.some((t) => t.index === ref.thread)) source.fail(tail, `the condition names thread ${ref.thread}, which the program has not`, threads.map((t) => `P${t.index}`).join(', '));
  }
  for (const scalar of scalarsOf(final.condition)) memory.address(scalar);
  return {
    arch, name, doc, metadata, threads,
    memory: memory.locations(assembler.pointerSize),
    observed: [...observed.values()].sort(compareRefs),
    filter: final.filter,
    quantifier: final.quantifier,
    condition: final.condition,
    conditionText: final.text,
    slotOf: (register) => slotNames.get(register) ?? -1,
  };
}

function parseHeader(source: Source): { arch: Arch; name: string; doc: string; metadata: [string, string][]; open: number } {
  const text = source.text;
  const head = /^\s*([A-Za-z0-9_]+)[ \t]+([A-Za-z0-9_/.+\-[\]]+)/.exec(text);
  if (head === null) return source.fail(text.length - text.trimStart().length, 'this is no litmus header', `"ARCH NAME" with ARCH one of ${ARCHES.join(', ')}`);
  const arch = ARCHES.find((a) => a === head[1]);
  if (arch === undefined) return source.fail(head[0].indexOf(head[1] ?? ''), `architecture "${head[1]}" is not known`, ARCHES.join(', '));
  const open = text.indexOf('{');
  if (open < 0) return source.fail(text.length, 'there is no initial state', '"{"');
  let rest = text.slice(head[0].length, open);
  const doc = /^\s*(?:\([^)]*\))?\s*"([^"]*)"/.exec(rest);
  if (doc !== null) rest = rest.slice(doc[0].length);
  const metadata: [string, string][] = [];
  let at = open - rest.length;
  for (const line of rest.split('\n')) {
    const pair = /^\s*([A-Za-z_][\w ()-]*?)\s*=(.*)$/.exec(line);
    if (pair !== null) metadata.push([pair[1] ?? '', (pair[2] ?? '').trim()]);
    else if (!/^\s*(?:\([^)]*\))?\s*;?\s*("[^"]*")?\s*$/.test(line)) source.fail(at + (line.length - line.trimStart().length), `"${line.trim()}" stands before the initial state`, 'KEY=VALUE or "{"');
    at += line.length + 1;
  }
  return { arch, name: head[2] === '--' ? '' : (head[2] ?? ''), doc: doc?.[1] ?? '', metadata, open };
}

function matchingBrace(source: Source, open: number): number {
  let depth = 0;
  for (let i = open; i < source.text.length; i += 1) {
    if (source.text[i] === '{') depth += 1;
    else if (source.text[i] === '}' && --depth === 0) return i;
  }
  return source.fail(open, 'the initial state is never closed', '"}"');
}

/** Where the program ends: the first of these words outside an identifier. */
const TAIL = /(?<![\w.])(?:locations|filter|exists|forall|final|observed|~\s*exists|cases)(?![\w.])/g;
function findTail(source: Source, from: number): number {
  TAIL.lastIndex = from;
  const found = TAIL.exec(source.text);
  return found === null ? source.fail(source.text.length, 'there is no condition', '"exists", "~exists", "forall" or "locations"') : found.index;
}
function endOfTest(source: Source, from: number): number {
  const end = source.text.indexOf('<<', from);
  return end < 0 ? source.text.length : end;
}

interface Final {
  readonly locations: readonly Ref[];
  readonly filter: Proposition | null;
  readonly quantifier: Quantifier;
  readonly condition: Proposition;
  readonly text: string;
}

function parseFinal(tokens: Tokens, resolve: (name: string) => string | null): Final {
  const locations: Ref[] = [];
  let filter: Proposition | null = null;
  for (;;) {
    if (tokens.take('locations')) {
      tokens.want('[');
      while (!tokens.take(']')) {
        if (tokens.take(';')) continue;
        if (tokens.is('fault')) tokens.source.fail(tokens.peek().offset, 'faults are not modelled', 'a register or a location');
        locations.push(parseRef(tokens, resolve));
        while (tokens.peek().kind === 'word' || tokens.is('*')) tokens.next(); // a printing type
      }
    } else if (tokens.take('filter')) {
      filter = parseProposition(tokens, resolve);
    } else break;
  }
  const quantifier = parseQuantifier(tokens);
  if (quantifier === 'observe') return { locations, filter, quantifier, condition: { kind: 'true' }, text: 'forall (true)' };
  const condition = parseProposition(tokens, resolve);
  tokens.take(';');
  if (!tokens.atEnd && !tokens.is('with')) tokens.unexpected('the end of the test');
  return { locations, filter, quantifier, condition, text: `${quantifier} (${showProposition(condition)})` };
}

function parseQuantifier(tokens: Tokens): Quantifier {
  if (tokens.atEnd) return 'observe';
  if (tokens.take('exists') || tokens.take('final')) return 'exists';
  if (tokens.take('forall')) return 'forall';
  if (tokens.take('~') || tokens.take('not')) {
    tokens.want('exists');
    return '~exists';
  }
  return tokens.unexpected('"exists", "~exists" or "forall"');
}

/** Names of locations whose addresses a proposition compares with. */
function scalarsOf(p: Proposition): string[] {
  switch (p.kind) {
    case 'true':
    case 'false':
      return [];
    case 'not':
      return scalarsOf(p.of);
    case 'and':
    case 'or':
    case 'implies':
      return [...scalarsOf(p.left), ...scalarsOf(p.right)];
    case 'compare':
      return p.right.kind === 'address' ? [p.right.name] : [];
    case 'array':
      return p.values.flatMap((v) => (v.kind === 'address' ? [v.name] : []));
  }
}
