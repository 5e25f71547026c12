// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { blank } from './transpile.ts';
import { typecheck } from './typecheck.ts';

const DECLARATIONS = [
  { path: 'types/linux.d.ts', text: `declare module 'linux/byteorder' { export type le32 = number & { readonly __le32: unique symbol }; export function cpu_to_le32(x: number): le32; export function put(x: le32): void; }` },
];

describe('blanking', () => {
  it('keeps every line and column', () => {
    const source = `import { op, type Ptr } from 'ops';\nexport function f<T extends number>(x: T, y?: string): T {\n  const z = x as unknown as number; return (z! satisfies number) as T;\n}\ninterface Gone { a: 1 }\n`;
    const { code, diagnostics } = blank(source, 'driver.ts');
    expect(diagnostics).toEqual([]);
    expect(code.length).toBe(source.length);
    expect(code.split('\n').map((l) => l.length)).toEqual(source.split('\n').map((l) => l.length));
    expect(code).not.toMatch(/interface|number|Ptr/);
    expect(code.indexOf('return')).toBe(source.indexOf('return'));
  });

  it('reports syntax errors at their place', () => {
    expect(blank('export function f() {\n  let x = ;\n}', 'driver.ts').diagnostics).toEqual([{ line: 2, column: 11, code: 'TS1109', message: 'Expression expected.' }]);
  });

  it.each([
    ['enum E { A }', 1, /as const/],
    ['namespace N { export const a = 1 }', 1, /module/],
    ['class C { constructor(private x: number) {} }', 23, /assign it in the constructor/],
    ['const x = <number>y;', 11, /as T/],
    ['import fs = require("fs");', 1, /import … from/],
  ])('says what to write instead of %s', (source, column, advice) => {
    const [first] = blank(`\n${source}`, 'driver.ts').diagnostics;
    expect(first).toMatchObject({ line: 2, column, code: 'erasable' });
    expect(first?.message).toMatch(advice);
  });

  it('lets types be what they are: declare, type-only namespaces and abstract members', () => {
    expect(blank('declare enum E { A }\ndeclare const x: number;\nabstract class A { abstract m(): void; declare y: number }', 'driver.ts').diagnostics).toEqual([]);
  });
});

describe('type checking', () => {
  const check = (text: string): ReturnType<typeof typecheck> => typecheck({ files: { 'driver.ts': text }, declarations: DECLARATIONS });

  it('accepts what fits', () => {
    expect(check(`import { cpu_to_le32, put } from 'linux/byteorder';\nexport const f = (): void => put(cpu_to_le32(1));`)).toEqual([]);
  });

  it('reports a host number where a little-endian one belongs, at its place', () => {
    const [found, ...more] = check(`import { put } from 'linux/byteorder';\n\n  put(1);`);
    expect(more).toEqual([]);
    expect(found).toMatchObject({ file: 'driver.ts', line: 3, column: 7, code: 'TS2345' });
  });

  it('reports numbers mixed with 64-bit values, and knows no DOM and no Node', () => {
    expect(check('export const x = 1n + 1;').map((d) => d.code)).toEqual(['TS2365']);
    expect(check('document.title; process.exit(); setTimeout(() => {}, 1);').map((d) => d.code)).toEqual(['TS2584', 'TS2591', 'TS2304']);
  });

  it('sees modules given beside the file, and reports only on the files', () => {
    const input = { given: { 'ring.ts': 'export const N: number = "4";' }, declarations: DECLARATIONS };
    expect(typecheck({ files: { 'driver.ts': `import { N } from './ring.ts';\nexport const f = (): string => N;` }, ...input })).toMatchObject([{ file: 'driver.ts', line: 2, code: 'TS2322' }]);
  });

  it('answers a small edit at once', () => {
    check('export const a = 1;');
    const from = performance.now();
    for (let i = 0; i < 5; i += 1) check(`export const a: number = ${i};`);
    // 100 ms is the bar on a quiet machine; this one may be busy.
    expect((performance.now() - from) / 5).toBeLessThan(300);
  });
});
