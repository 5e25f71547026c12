// SPDX-License-Identifier: Apache-2.0
/**
 * Reads a YAML (or JSON) file against a schema. Whatever is wrong is told with
 * file, line, key and what was expected: authors fix labs from these lines.
 */
import { LineCounter, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';

export interface Problem {
  readonly file: string;
  /** From 1; 0 when the file as a whole is meant. */
  readonly line: number;
  readonly column: number;
  /** Dotted path of the key, '' for the whole file. */
  readonly key: string;
  readonly message: string;
}

export type ReadResult<T> = { readonly ok: true; readonly value: T; readonly at: (path: readonly (string | number)[]) => { line: number; column: number } } | { readonly ok: false; readonly problems: readonly Problem[] };

/** `file:line:column: key: message`, as compilers write it. */
export function problemText(problem: Problem): string {
  const place = problem.line > 0 ? `${problem.file}:${problem.line}:${problem.column}` : problem.file;
  return `${place}: ${problem.key === '' ? '' : `${problem.key}: `}${problem.message}`;
}

export function readYaml<S extends z.ZodType>(file: string, text: string, schema: S): ReadResult<z.output<S>> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, maxAliasCount: 0, version: '1.2' } as Parameters<typeof parseDocument>[1]);
  if (document.errors.length > 0) {
    const problems = document.errors.map((error): Problem => {
      const { line, col } = lines.linePos(error.pos[0]);
      return { file, line, column: col, key: '', message: error.message.split('\n')[0]!.replace(/ at line \d+, column \d+:?$/, '') };
    });
    return { ok: false, problems };
  }
  const at = (path: readonly (string | number)[]): { line: number; column: number } => position(document, lines, path);
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 0 });
  } catch {
    return { ok: false, problems: [{ file, line: 1, column: 1, key: '', message: 'aliases (*name) are not allowed in these files' }] };
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return { ok: true, value: parsed.data, at };
  return { ok: false, problems: parsed.error.issues.flatMap((issue) => problemsOf(issue, value, [])).map(({ path, message }): Problem => ({ file, ...at(path), key: keyText(path), message })) };
}

/** `checks[2].points` */
export function keyText(path: readonly (string | number)[]): string {
  return path.reduce<string>((text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`), '');
}

interface Issue {
  readonly code?: string | undefined;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[];
  readonly errors?: readonly (readonly Issue[])[];
  readonly expected?: string;
  readonly values?: readonly unknown[];
}

function problemsOf(raw: unknown, root: unknown, prefix: readonly (string | number)[]): { path: (string | number)[]; message: string }[] {
  const issue = raw as Issue;
  const path = [...prefix, ...issue.path.map((part) => (typeof part === 'number' ? part : String(part)))];
  const found = describe(valueAt(root, path));
  if (issue.code === 'unrecognized_keys') return (issue.keys ?? []).map((key) => ({ path: [...path, key], message: 'there is no such key here; keys that are not known are errors, so that a misspelt one cannot go unseen' }));
  if (issue.code === 'invalid_union') {
    const branches = (issue.errors ?? []).map((branch) => branch.flatMap((inner) => problemsOf(inner, root, path)));
    const deepest = branches.filter((branch) => branch.some((p) => p.path.length > path.length))[0];
    if (deepest) return deepest;
    const wants = [...new Set(branches.flat().map((p) => p.message.replace(/; found .*$/, '').replace(/^expected /, '')))];
    return [{ path, message: `expected ${wants.join(', or ')}; found ${found}` }];
  }
  if (found === 'nothing') return [{ path, message: `this key is missing${issue.expected ? `; expected ${article(issue.expected)}` : ''}` }];
  if (issue.code === 'invalid_type') return [{ path, message: `expected ${article(issue.expected ?? 'another type')}; found ${found}` }];
  if (issue.code === 'invalid_value' && issue.values) return [{ path, message: `expected one of ${issue.values.map(String).join(', ')}; found ${found}` }];
  return [{ path, message: `${issue.message.startsWith('expected') ? issue.message : issue.message.replace(/^./, (c) => c.toLowerCase())}; found ${found}` }];
}

function article(type: string): string {
  const words: Record<string, string> = { string: 'a text', number: 'a number', int: 'a whole number', boolean: 'true or false', array: 'a list', object: 'a map of keys', record: 'a map of keys' };
  return words[type] ?? type;
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'an empty value';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return 'a map of keys';
  return JSON.stringify(value);
}

function valueAt(root: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((value, part) => (value !== null && typeof value === 'object' ? (value as Record<string | number, unknown>)[part] : undefined), root);
}

/** Where the key at `path` stands; the nearest parent that exists when it is missing. */
function position(document: Document, lines: LineCounter, path: readonly (string | number)[]): { line: number; column: number } {
  for (let length = path.length; length > 0; length -= 1) {
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const last = path[length - 1]!;
    const items = (parent as { items?: readonly unknown[] } | null)?.items;
    if (!items) continue;
    const node = typeof last === 'number' ? items[last] : items.find((pair) => String((pair as { key?: { value?: unknown } }).key?.value) === last);
    const range = (node as { key?: { range?: number[] }; range?: number[] } | undefined)?.key?.range ?? (node as { range?: number[] } | undefined)?.range;
    if (range) {
      const { line, col } = lines.linePos(range[0]!);
      return { line, column: col };
    }
  }
  return { line: 1, column: 1 };
}
