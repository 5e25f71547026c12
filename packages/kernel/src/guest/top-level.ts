// SPDX-License-Identifier: Apache-2.0
/**
 * Finds what stands at the top level of a module: functions, which become
 * callbacks by number, and `let` or `var`, which look shared but are not
 * (each call starts from the snapshot, and CPUs share simulated memory only).
 *
 * A scanner, not a parser: it knows strings, templates, comments, regular
 * expressions and brackets. Source with syntax errors gives some answer; the
 * engine that evaluates it gives the error.
 */

export interface Declaration {
  readonly keyword: 'function' | 'const' | 'class' | 'let' | 'var';
  readonly name: string;
  /** Of the keyword, both from 1; the column in UTF-16 units. */
  readonly line: number;
  readonly column: number;
}

interface Token {
  readonly text: string;
  readonly kind: 'word' | 'punctuation' | 'literal';
  readonly at: number;
  /** Brackets open before it. */
  readonly depth: number;
}

/** Words after which a `/` begins a regular expression. */
const BEFORE_REGEX = new Set(['return', 'typeof', 'case', 'in', 'of', 'delete', 'void', 'throw', 'new', 'else', 'do', 'instanceof', 'yield', 'await']);
const WORD = /[A-Za-z0-9_$\u0080-\uffff]/;

export function topLevelDeclarations(source: string): readonly Declaration[] {
  const tokens = [...scan(source)];
  const starts = lineStarts(source);
  const found: Declaration[] = [];
  tokens.forEach((token, index) => {
    if (token.depth !== 0 || token.kind !== 'word' || tokens[index - 1]?.text === '.') return;
    const add = (keyword: Declaration['keyword'], name: string): void => {
      found.push({ keyword, name, ...position(starts, token.at) });
    };
    switch (token.text) {
      case 'function': {
        const next = tokens[index + 1]?.text === '*' ? tokens[index + 2] : tokens[index + 1];
        const before = tokens[index - 1];
        const first = before?.text === 'async' ? tokens[index - 2] : before;
        // `const f = function g() {}` is an expression: g is not bound here.
        if (next?.kind === 'word' && (first === undefined || first.text === ';' || first.text === '}' || first.text === 'export' || first.text === 'default' || first.kind === 'literal')) add('function', next.text);
        else if (next?.kind === 'word' && first !== undefined && source.slice(first.at, token.at).includes('\n') && !/^[=(,:?&|+!~<>*%^-]$/.test(first.text)) add('function', next.text);
        return;
      }
      case 'const':
      case 'let':
      case 'var':
      case 'class': {
        for (const name of declaredNames(tokens, index, token.text === 'class')) add(token.text, name);
        return;
      }
      default:
    }
  });
  return found;
}

/** Names of `let a = 1, b`; a pattern counts as one, by its text's first name. */
function declaredNames(tokens: readonly Token[], keyword: number, single: boolean): string[] {
  const names: string[] = [];
  let expecting = true;
  for (let i = keyword + 1; i < tokens.length; i += 1) {
    const token = tokens[i];
    if (token === undefined) break;
    if (expecting) {
      if (token.kind === 'word') names.push(token.text);
      else if (token.text === '{' || token.text === '[') names.push(tokens.slice(i + 1).find((inner) => inner.kind === 'word')?.text ?? token.text);
      else break;
      expecting = false;
      if (single) break;
      continue;
    }
    if (token.depth !== 0) continue;
    if (token.text === ',') expecting = true;
    else if (token.text === ';') break;
    else if (token.kind === 'word' && ['const', 'let', 'var', 'function', 'class', 'export', 'import'].includes(token.text) && tokens[i - 1]?.text !== '=') break;
  }
  return names;
}

export interface ModuleState {
  readonly line: number;
  readonly column: number;
  readonly name: string;
  readonly message: string;
}

/** Module-level `let` and `var`: diagnostics, since what they hold is shared with nobody and lost after each call. */
export function findModuleState(blankedSource: string): readonly ModuleState[] {
  return topLevelDeclarations(blankedSource).flatMap((declaration) =>
    declaration.keyword === 'let' || declaration.keyword === 'var'
      ? [
          {
            line: declaration.line,
            column: declaration.column,
            name: declaration.name,
            message: `module-level "${declaration.keyword} ${declaration.name}" is not shared: each CPU and each interrupt handler has its own copy, and it is lost after every call. Keep shared state in memory: a field of the structure from kzalloc that dev_set_drvdata hangs on the device.`,
          },
        ]
      : [],
  );
}

function lineStarts(source: string): number[] {
  const starts = [0];
  for (let i = 0; i < source.length; i += 1) if (source[i] === '\n') starts.push(i + 1);
  return starts;
}

function position(starts: readonly number[], at: number): { line: number; column: number } {
  let line = 0;
  while (line + 1 < starts.length && (starts[line + 1] ?? 0) <= at) line += 1;
  return { line: line + 1, column: at - (starts[line] ?? 0) + 1 };
}

function* scan(source: string): Generator<Token> {
  let depth = 0;
  let previous: Token | null = null;
  /** Depths at which a `}` goes on with a template instead of closing a block. */
  const templates: number[] = [];
  const make = (kind: Token['kind'], from: number, to: number): Token => {
    previous = { kind, text: source.slice(from, to), at: from, depth };
    return previous;
  };
  let i = 0;
  while (i < source.length) {
    const c = source.charAt(i);
    const two = source.slice(i, i + 2);
    if (/\s/.test(c)) i += 1;
    else if (two === '//' || (i === 0 && two === '#!')) {
      const end = source.indexOf('\n', i);
      i = end < 0 ? source.length : end;
    } else if (two === '/*') {
      const end = source.indexOf('*/', i + 2);
      i = end < 0 ? source.length : end + 2;
    } else if (c === '"' || c === "'") {
      const end = quoted(source, i);
      yield make('literal', i, end);
      i = end;
    } else if (c === '`' || (c === '}' && templates.at(-1) === depth)) {
      if (c === '}') {
        templates.pop();
        depth -= 1;
      }
      const end = template(source, i + 1);
      yield make('literal', i, end);
      i = end;
      if (source.slice(end - 2, end) === '${') {
        depth += 1;
        templates.push(depth);
      }
    } else if (c === '/' && regexMayFollow(previous)) {
      const end = regex(source, i);
      yield make('literal', i, end);
      i = end;
    } else if (WORD.test(c)) {
      let end = i + 1;
      while (end < source.length && WORD.test(source.charAt(end))) end += 1;
      yield make(/^[0-9]/.test(c) ? 'literal' : 'word', i, end);
      i = end;
    } else {
      if (c === ')' || c === ']' || c === '}') depth = Math.max(0, depth - 1);
      yield make('punctuation', i, i + 1);
      if (c === '(' || c === '[' || c === '{') depth += 1;
      i += 1;
    }
  }
}

function regexMayFollow(previous: Token | null): boolean {
  if (previous === null) return true;
  if (previous.kind === 'literal') return false;
  if (previous.kind === 'word') return BEFORE_REGEX.has(previous.text);
  return previous.text !== ')' && previous.text !== ']';
}

function quoted(source: string, from: number): number {
  const quote = source.charAt(from);
  for (let i = from + 1; i < source.length; i += 1) {
    const c = source.charAt(i);
    if (c === '\\') i += 1;
    else if (c === quote) return i + 1;
    else if (c === '\n') return i;
  }
  return source.length;
}

/** From inside a template to just after its end, or after the next `${`. */
function template(source: string, from: number): number {
  for (let i = from; i < source.length; i += 1) {
    const c = source.charAt(i);
    if (c === '\\') i += 1;
    else if (c === '`') return i + 1;
    else if (c === '$' && source.charAt(i + 1) === '{') return i + 2;
  }
  return source.length;
}

function regex(source: string, from: number): number {
  let inClass = false;
  for (let i = from + 1; i < source.length; i += 1) {
    const c = source.charAt(i);
    if (c === '\n') return i;
    if (c === '\\') i += 1;
    else if (c === '[') inClass = true;
    else if (c === ']') inClass = false;
    else if (c === '/' && !inClass) {
      let end = i + 1;
      while (end < source.length && WORD.test(source.charAt(end))) end += 1;
      return end;
    }
  }
  return source.length;
}
