// SPDX-License-Identifier: Apache-2.0
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { typeDeclarations } from './declare/declarations.ts';
import { kernelApiMarkdown } from './declare/reference.ts';
import { guestModules } from './guest/modules.ts';
import { BEHAVIOURS } from './host/behaviours.ts';
import { CONSTANTS, OPS, ROW_OF_CODE } from './ops.ts';

const modules = new Map(guestModules().map((module) => [module.name, module.source]));
const declarations = new Map(typeDeclarations().map((file) => [file.path, file.text]));
const page = kernelApiMarkdown();

describe('every row of the ops table', () => {
  it.each(OPS.map((row) => [row.name, row] as const))('%s has a code, a guest half, a host half, a declaration and a reference entry', (_name, row) => {
    const source = modules.get(row.module) ?? '';
    if (row.host === undefined) expect(row.code).toBe(0);
    else {
      expect(ROW_OF_CODE[row.code]).toBe(row);
      expect(BEHAVIOURS[row.host]).toBeTypeOf('function');
    }
    if (row.module === 'kernel/core') {
      expect(source).toContain(`const ${row.name} = ${row.code};`);
      expect(page).toContain(`* \`${row.name}\``);
      return;
    }
    expect(source).toMatch(new RegExp(`^export function ${row.name}\\(`, 'm'));
    expect(source).not.toContain('$code');
    expect(declarations.get(`${row.module}.d.ts`)).toMatch(new RegExp(`^  export function ${row.name}[(<]`, 'm'));
    expect(page).toContain(`### ${row.name}\n`);
  });

  it.each(OPS.map((row) => [row.name, row] as const))('%s says what a caller must know', (_name, row) => {
    const { doc } = row;
    for (const text of [row.c, doc.text, doc.context, doc.source, doc.differs]) expect(text).not.toBe('');
    expect(doc.text).toMatch(/^[A-Z].*\.$/s);
    // Each parameter of the first signature is described, and nothing else is.
    const parameters = row.ts[0] === undefined ? [] : parameterNames(row.ts[0]);
    const described = Object.keys(doc.params ?? {});
    expect(described.filter((name) => !parameters.includes(name) && row.ts.every((signature) => !parameterNames(signature).includes(name)))).toEqual([]);
    expect(parameters.filter((name) => !described.includes(name))).toEqual([]);
    if (row.ts[0] !== undefined && !/: void$/.test(row.ts[0])) expect(doc.returns, 'a result is described').toBeTruthy();
  });

  it('has a code of its own in eight bits', () => {
    const codes = OPS.filter((row) => row.code !== 0).map((row) => row.code);
    expect(new Set(codes).size).toBe(codes.length);
    expect(Math.max(...codes)).toBeLessThan(256);
  });

  it('and every host behaviour belongs to one', () => {
    const used = new Set(OPS.map((row) => row.host));
    expect(Object.keys(BEHAVIOURS).filter((key) => !used.has(key as keyof typeof BEHAVIOURS))).toEqual([]);
  });
});

it('constants are exported and declared with one value', () => {
  for (const constant of CONSTANTS) {
    const literal = typeof constant.value === 'bigint' ? `${constant.value}n` : String(constant.value);
    expect(modules.get(constant.module)).toContain(`export const ${constant.name} = ${literal};`);
    expect(declarations.get(`${constant.module}.d.ts`)).toMatch(new RegExp(`export const ${constant.name}: `));
  }
});

it('docs/kernel-api.md is what the table says (UPDATE_DOCS=1 writes it)', () => {
  const path = join(import.meta.dirname, '../../../docs/kernel-api.md');
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(path, page);
  expect(readFileSync(path, 'utf8')).toBe(page);
});

/** `(a: x, ...b: y): z` → a, b; type parameters in front are skipped. */
function parameterNames(signature: string): string[] {
  const open = signature.startsWith('<') ? closing(signature, 0, '<', '>') + 1 : 0;
  const list = signature.slice(open + 1, closing(signature, open, '(', ')'));
  const names: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i <= list.length; i += 1) {
    const c = list[i];
    if (c === '(' || c === '<' || c === '[') depth += 1;
    if (c === ')' || c === ']' || (c === '>' && list[i - 1] !== '=')) depth -= 1;
    if ((c === ',' && depth === 0) || i === list.length) {
      const name = /^\s*(?:\.\.\.)?(\w+)/.exec(list.slice(start, i))?.[1];
      if (name !== undefined) names.push(name);
      start = i + 1;
    }
  }
  return names;
}

function closing(text: string, from: number, open: string, close: string): number {
  let depth = 0;
  for (let i = from; i < text.length; i += 1) {
    if (text[i] === open) depth += 1;
    if (text[i] === close && !(close === '>' && text[i - 1] === '=')) depth -= 1;
    if (depth === 0) return i;
  }
  return text.length;
}
