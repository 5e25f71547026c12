// SPDX-License-Identifier: Apache-2.0
/**
 * Just enough of JavaScript's lexical grammar to find keywords that stand for
 * statements, not those in strings, comments, templates, regular expressions
 * or property names. For diagnostics: a wrong guess costs a column, no more.
 */

export interface Token {
  readonly text: string;
  /** UTF-16 offset in the source. */
  readonly at: number;
}

const BEFORE_REGEX = new Set(['return', 'typeof', 'case', 'in', 'of', 'delete', 'void', 'throw', 'new', 'else', 'do', 'instanceof', 'yield', 'await']);
const TOKEN = /[\p{ID_Start}$_#][\p{ID_Continue}$\u200c\u200d]*|\d[\w.]*|=>|\?\.|[^\s]/uy;
const SPACE = /(?:\s+|\/\/[^\n]*|\/\*[^]*?\*\/)+/y;
const STRING = /'(?:[^'\\\n]|\\[^])*'|"(?:[^"\\\n]|\\[^])*"/y;
const REGEX = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
const TEMPLATE = /(?:[^`\\$]|\\[^]|\$(?!\{))*/y;

export function tokens(source: string): Token[] {
  const out: Token[] = [];
  /** For each open brace, whether it is a template's `${`. */
  const braces: boolean[] = [];
  let at = 0;
  const skip = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    if (!pattern.test(source)) return false;
    at = pattern.lastIndex;
    return true;
  };
  const template = (): void => {
    skip(TEMPLATE);
    if (source[at] === '$') {
      at += 2;
      braces.push(true);
    } else at += 1;
  };

  while (at < source.length) {
    if (skip(SPACE)) continue;
    const start = at;
    const previous = out.at(-1)?.text ?? '';
    const character = source[at];
    if ((character === "'" || character === '"') && skip(STRING)) {
      out.push({ text: '""', at: start });
    } else if (character === '`') {
      at += 1;
      template();
      out.push({ text: '``', at: start });
    } else if (character === '}' && braces.at(-1) === true) {
      braces.pop();
      at += 1;
      template();
    } else if (character === '/' && (previous === '' || BEFORE_REGEX.has(previous) || /^[^\w$)\]}"`]$|^=>$/u.test(previous)) && skip(REGEX)) {
      out.push({ text: '//', at: start });
    } else {
      if (character === '{') braces.push(false);
      if (character === '}') braces.pop();
      if (!skip(TOKEN)) at += 1;
      out.push({ text: source.slice(start, at), at: start });
    }
  }
  return out;
}

/** Offsets of the loops in `source`, in order: `for`, `do`, and the `while` that does not end a `do`. */
export function loops(source: string): number[] {
  const found: number[] = [];
  const open: number[] = [];
  let depth = 0;
  const all = tokens(source);
  all.forEach(({ text, at }, i) => {
    const previous = all[i - 1]?.text ?? '';
    const next = all[i + 1]?.text ?? '';
    if (text === '{' || text === '(') depth += 1;
    if (text === '}' || text === ')') depth -= 1;
    if (previous === '.' || previous === '?.' || next === ':') return;
    if (text === 'for' && (next === '(' || next === 'await')) found.push(at);
    if (text === 'do') {
      found.push(at);
      open.push(depth);
    }
    if (text === 'while' && next === '(') {
      if (open.at(-1) === depth && (previous === '}' || previous === ';')) open.pop();
      else found.push(at);
    }
  });
  return found;
}

/** Offsets of `throw` statements: those that throw something at hand, or, when there are none, all. */
export function bareThrows(source: string): number[] {
  const all = tokens(source);
  const throws = all.map(({ text, at }, i) => ({ text, at, previous: all[i - 1]?.text, next: all[i + 1]?.text })).filter((t) => t.text === 'throw' && t.previous !== '.' && t.next !== ':');
  const bare = throws.filter((t) => t.next !== 'new');
  return (bare.length > 0 ? bare : throws).map(({ at }) => at);
}

/** Line and column, from 1, of an offset. */
export function lineColumn(source: string, offset: number): { line: number; column: number } {
  const before = source.slice(0, offset);
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') };
}

/** Offset of a line and column, both from 1. */
export function offsetOf(source: string, line: number, column: number): number {
  let at = 0;
  for (let i = 1; i < line; i += 1) {
    const next = source.indexOf('\n', at);
    if (next < 0) return source.length;
    at = next + 1;
  }
  return at + column - 1;
}

/** QuickJS counts columns in UTF-8 bytes, editors in UTF-16 units; this turns the former into the latter. */
export function mended(source: string, line: number, column: number): number {
  const start = offsetOf(source, line, 1);
  let bytes = column - 1;
  let at = start;
  while (bytes > 0 && at < source.length) {
    const point = source.codePointAt(at) ?? 0;
    bytes -= point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x1_0000 ? 3 : 4;
    at += point < 0x1_0000 ? 1 : 2;
  }
  return at - start + 1;
}
