// SPDX-License-Identifier: Apache-2.0
/**
 * Positions in a litmus text, and the one error its readers throw. Every
 * message says where, what stood there, and what was expected.
 */

export interface Position {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
}

/** The text is not a litmus test we can read. `message` opens with `line:column:`. */
export class LitmusError extends Error {
  override readonly name = 'LitmusError';
  readonly position: Position;
  readonly expected: string;
  constructor(position: Position, problem: string, expected: string) {
    super(`${position.line}:${position.column}: ${problem}${expected === '' ? '' : `; expected ${expected}`}`);
    this.position = position;
    this.expected = expected;
  }
}

/** A text whose comments have become blanks, so that offsets are still those of the file. */
export class Source {
  readonly text: string;
  readonly #lineStarts: number[] = [0];

  constructor(text: string) {
    for (let i = 0; i < text.length; i += 1) if (text[i] === '\n') this.#lineStarts.push(i + 1);
    this.text = this.#blankComments(text);
  }

  position(offset: number): Position {
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.#lineStarts[low] ?? 0) + 1 };
  }

  fail(offset: number, problem: string, expected = ''): never {
    throw new LitmusError(this.position(offset), problem, expected);
  }

  /** `(* … *)` nests; quoted strings are left alone. */
  #blankComments(text: string): string {
    const out: string[] = [];
    let depth = 0;
    let opened = 0;
    let quoted = false;
    for (let i = 0; i < text.length; i += 1) {
      const two = text.slice(i, i + 2);
      if (depth === 0 && text[i] === '"') quoted = !quoted;
      if (text[i] === '\n') quoted = quoted && depth > 0;
      if (!quoted && two === '(*') {
        if (depth === 0) opened = i;
        depth += 1;
        out.push('  ');
        i += 1;
      } else if (depth > 0 && two === '*)') {
        depth -= 1;
        out.push('  ');
        i += 1;
      } else {
        out.push(depth > 0 && text[i] !== '\n' ? ' ' : (text[i] ?? ''));
      }
    }
    if (depth > 0) this.fail(opened, 'this comment is never closed', '"*)"');
    return out.join('');
  }
}

const TOKEN = /\s*(?:(0[xX][0-9a-fA-F]+|\d+)|([A-Za-z_%$][A-Za-z0-9_.%$]*)|(\/\\|\\\/|=>|==|<>|!=|[-+~(){}[\];,:=&*#|!@<>]))/y;

export interface Token {
  readonly kind: 'number' | 'word' | 'mark' | 'end';
  readonly text: string;
  readonly offset: number;
}

/** Reads words, numbers and marks from one stretch of a source. */
export class Tokens {
  readonly source: Source;
  readonly #end: number;
  #at: number;
  #ahead: Token | null = null;

  constructor(source: Source, start: number, end: number) {
    this.source = source;
    this.#at = start;
    this.#end = end;
  }

  peek(): Token {
    this.#ahead ??= this.#scan();
    return this.#ahead;
  }

  next(): Token {
    const token = this.peek();
    this.#ahead = null;
    return token;
  }

  is(text: string): boolean {
    const token = this.peek();
    return token.kind !== 'end' && token.text === text;
  }

  /** Takes `text` if it comes next. */
  take(text: string): boolean {
    if (!this.is(text)) return false;
    this.next();
    return true;
  }

  want(text: string): Token {
    if (!this.is(text)) this.unexpected(`"${text}"`);
    return this.next();
  }

  word(expected: string): Token {
    if (this.peek().kind !== 'word') this.unexpected(expected);
    return this.next();
  }

  integer(expected = 'a number'): bigint {
    const negative = this.take('-');
    if (!negative) this.take('+');
    if (this.peek().kind !== 'number') this.unexpected(expected);
    const value = BigInt(this.next().text);
    return negative ? -value : value;
  }

  get atEnd(): boolean {
    return this.peek().kind === 'end';
  }

  unexpected(expected: string): never {
    const token = this.peek();
    return this.source.fail(token.offset, token.kind === 'end' ? 'the text ends here' : `found "${token.text}"`, expected);
  }

  #scan(): Token {
    TOKEN.lastIndex = this.#at;
    const rest = this.source.text.slice(this.#at, this.#end);
    const blank = rest.length - rest.trimStart().length;
    if (blank === rest.length) return { kind: 'end', text: '', offset: this.#end };
    const found = TOKEN.exec(this.source.text);
    if (found === null || TOKEN.lastIndex > this.#end) {
      const offset = this.#at + blank;
      return this.source.fail(offset, `"${this.source.text[offset] ?? ''}" means nothing here`, 'a name, a number or a sign');
    }
    const text = found[1] ?? found[2] ?? found[3] ?? '';
    this.#at = TOKEN.lastIndex;
    return { kind: found[1] !== undefined ? 'number' : found[2] !== undefined ? 'word' : 'mark', text, offset: TOKEN.lastIndex - text.length };
  }
}
