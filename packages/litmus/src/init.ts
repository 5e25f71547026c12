// SPDX-License-Identifier: Apache-2.0
/** The initial state: `x=1; int64_t p=&x; int a[4]={1,2}; 0:X1=x; uint64_t 0:X3;`. Everything else starts at 0. */
import type { Assembler, Context } from './asm/assembler.ts';
import { parseScalar } from './condition.ts';
import { cType, QUALIFIERS, TYPE_NAMES, type CType, type MemoryMap } from './memory-map.ts';
import type { Tokens } from './source.ts';
import type { Scalar } from './test.ts';

export interface InitialRegister {
  readonly thread: number;
  /** As conditions write it. */
  readonly name: string;
  readonly slot: number;
  /** How much of it conditions and states look at, where the test says. */
  readonly type: CType | null;
  readonly value: Scalar;
  readonly offset: number;
}

export function parseInit(tokens: Tokens, assembler: Assembler, context: Context, memory: MemoryMap): InitialRegister[] {
  const registers: InitialRegister[] = [];
  while (!tokens.atEnd) {
    if (tokens.take(';')) continue;
    parseItem(tokens, assembler, context, memory, registers);
    if (!tokens.atEnd && !tokens.is(';')) tokens.unexpected('";"');
  }
  return registers;
}

function parseItem(tokens: Tokens, assembler: Assembler, context: Context, memory: MemoryMap, registers: InitialRegister[]): void {
  const words: string[] = [];
  const typeOffset = tokens.peek().offset;
  for (;;) {
    const token = tokens.peek();
    if (token.kind === 'number') return parseRegister(tokens, Number(tokens.integer()), typeOf(words, typeOffset, tokens, assembler), assembler, context, registers);
    if (tokens.take('*')) {
      words.push('*');
      continue;
    }
    if (tokens.take('[')) {
      const name = tokens.word('a location').text;
      tokens.want(']');
      return parseLocation(tokens, name, words, typeOffset, assembler, memory);
    }
    const word = tokens.word('a location, a register (0:R) or a type');
    if (tokens.is(':')) {
      const thread = /^P(\d+)$/.exec(word.text);
      if (thread !== null) return parseRegister(tokens, Number(thread[1]), typeOf(words, typeOffset, tokens, assembler), assembler, context, registers);
      return tokens.source.fail(word.offset, `"${word.text}:" has no meaning here (memory tags are not modelled)`, 'a location, or a register as 0:R');
    }
    const next = tokens.peek();
    if (next.kind === 'word' || next.kind === 'number' || tokens.is('*')) {
      words.push(word.text);
      continue;
    }
    if (tokens.is('(')) tokens.source.fail(word.offset, `"${word.text}(…)" is not modelled`, 'a location or a register');
    return parseLocation(tokens, word.text, words, typeOffset, assembler, memory);
  }
}

/** The type before a register or a location, `null` if there is none. */
function typeOf(words: readonly string[], offset: number, tokens: Tokens, assembler: Assembler): CType | null {
  const type = words.every((w) => QUALIFIERS.includes(w)) ? null : cType(words, assembler.pointerSize);
  if (type === null && !words.every((w) => QUALIFIERS.includes(w))) tokens.source.fail(offset, `"${words.join(' ')}" is not a type this reader knows`, TYPE_NAMES);
  return type;
}

function parseRegister(tokens: Tokens, thread: number, type: CType | null, assembler: Assembler, context: Context, registers: InitialRegister[]): void {
  tokens.want(':');
  const word = tokens.word('a register');
  const register = assembler.register(word.text, context.slots);
  if (register === null) return tokens.source.fail(word.offset, `"${word.text}" is not a register of ${assembler.arch}`, 'a register');
  if (type === null || tokens.is('=')) tokens.want('=');
  else return void registers.push({ thread, name: register.name, slot: register.slot, type, value: { kind: 'integer', value: 0n }, offset: word.offset });
  registers.push({ thread, name: register.name, slot: register.slot, type, value: parseInitialValue(tokens, context), offset: word.offset });
}

function parseInitialValue(tokens: Tokens, context: Context): Scalar {
  const value = parseScalar(tokens);
  if (tokens.is(':') || tokens.is('(')) tokens.source.fail(tokens.peek().offset, 'code and page tables are not modelled', 'a number or the name of a location');
  if (value.kind !== 'address') return value;
  context.address(value.name);
  if (!tokens.take('[')) return value;
  tokens.source.fail(tokens.peek().offset, 'the address of an array element is not read', 'NAME or NAME+BYTES');
}

function parseLocation(tokens: Tokens, name: string, words: readonly string[], typeOffset: number, assembler: Assembler, memory: MemoryMap): void {
  const offset = tokens.peek().offset;
  const type = typeOf(words, typeOffset, tokens, assembler);
  let count: number | null = null;
  if (tokens.take('[')) {
    count = tokens.is(']') ? -1 : Number(tokens.integer('the number of elements'));
    tokens.want(']');
  }
  const values: Scalar[] = [];
  if (count !== null && type === null && !tokens.is('=')) tokens.source.fail(offset, `array "${name}" has no type`, `TYPE ${name}[${count === -1 ? 'N' : count}]`);
  if (tokens.take('=')) {
    if (count !== null && !tokens.is('{')) tokens.source.fail(tokens.peek().offset, `an element of "${name}" cannot be set alone`, 'the whole array: {…}');
    const value = (): Scalar => {
      const scalar = parseScalar(tokens);
      if (scalar.kind === 'address') memory.address(scalar.name);
      return scalar;
    };
    if (tokens.take('{')) {
      while (!tokens.take('}')) {
        values.push(value());
        tokens.take(',');
      }
      count ??= values.length;
    } else values.push(value());
  }
  if (count === -1) count = values.length;
  memory.declare(tokens.source, offset, name, type, count, values);
}
