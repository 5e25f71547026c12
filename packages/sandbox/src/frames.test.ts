// SPDX-License-Identifier: Apache-2.0
/** The stack read from memory must be the one QuickJS writes into `Error.stack`. */
import { describe, expect, it } from 'vitest';
import { sandboxModule, sandboxWasm } from './node.ts';
import { loops, mended, tokens } from './lexer.ts';
import type { Site } from './result.ts';
import { type Handler, Sandbox } from './sandbox.ts';

/** `look` throws away an error right before it asks the host, from the same place. */
const OPS = {
  name: 'ops',
  trusted: true,
  source: `import { op } from 'sandbox:op';
export const look = () => { for (const c of new Error().stack) op(1, c.codePointAt(0), 0); op(2, 0, 0); return 1; };
export { op } from 'sandbox:op';`,
};

const PROGRAMS: readonly (readonly [string, string])[] = [
  ['calls', 'const g = (x) =>\n  look() + x;\nfunction h(y) { let z = y * 2; return g(z) + 1; }\nexport function f() {\n  let s = 0;\n  s += h(1); s += g(2);\n  return s;\n}'],
  ['methods and getters', 'const o = {\n  get v() { return look(); },\n  m(a) { return a + this.v; } };\nexport function f() { if (o.v) { return o.m(1); } }'],
  ['classes', 'class A { #p = look(); constructor(x) { this.x = x; } get p() { return this.#p; } static make() { return new A(1); } }\nclass B extends A { constructor() { super(2); look(); } }\nexport function f() { A.make();\n  return new B().p; }'],
  ['callbacks of natives', 'export function f() {\n  return [3, 1, 2].map((x) => x + look()).sort((a, b) => { look(); return a - b; }).reduce((a, b) => a + b);\n}'],
  ['generators and async', 'function* g() {\n  yield look();\n  yield* [1].map(() => look()); }\nasync function later() { look(); }\nexport function f() {\n  for (const x of g()) look();\n  later();\n}'],
  ['long functions and far lines', `export function f() {\n${'  let x = 1;\n'.replace('let x', 'var x').repeat(300)}  x = [${'1, '.repeat(200)}look()];\n${'\n'.repeat(40)}          look();\n}`],
  ['control flow', 'export function f() {\n  try { for (let i = 0; i < 2; i++) { switch (i) { case 0: look(); break; default: look(); } } throw new Error("x"); }\n  catch (e) { look(); } finally {\n   look(); }\n  do { look() } while (false);\n  return `${look()}` + (look() ? look() : 0);\n}'],
  ['text beyond ASCII', 'export function f() {\n  const é = "日本😀"; look(); return é.length + look();\n}'],
];

describe('the stack in memory', () => {
  it.each(PROGRAMS)('agrees with Error.stack: %s', (_name, program) => {
    const source = `import { look } from 'ops';\n${program}`;
    const sandbox = Sandbox.create(sandboxModule());
    expect(sandbox.load([OPS, { name: 'driver.ts', source }], 'driver.ts')).toMatchObject({ ok: true });
    let text = '';
    let compared = 0;
    const handler: Handler = (code, character) => {
      if (code === 1) text += String.fromCodePoint(character);
      if (code === 2) {
        const said: Site[] = [...text.matchAll(/\(driver\.ts:(\d+):(\d+)\)/g)].map(([, line, column]) => ({ file: 'driver.ts', line: Number(line), column: mended(source, Number(line), Number(column)) }));
        expect(sandbox.currentStack()).toEqual(said);
        expect(said.length).toBeGreaterThan(0);
        text = '';
        compared += 1;
      }
      return 1;
    };
    sandbox.call('f', [], handler, 20_000_000);
    expect(compared).toBeGreaterThan(1);
  });

  it('asking costs no fuel and changes nothing', () => {
    const sandbox = Sandbox.create(sandboxModule());
    sandbox.load([OPS, { name: 'driver.ts', source: "import { op } from 'ops';\nexport function f() { let s = 0; for (let i = 0; i < 9; i++) s += op(1, i, 0); return s; }" }], 'driver.ts');
    const run = (look: boolean) => {
      let hash = '';
      const result = sandbox.call('f', [], (_code, i) => { if (look) sandbox.currentStack(); if (i === 8) hash = sandbox.heapHash(); return i; }, 1_000_000);
      return { result, hash };
    };
    expect(run(true)).toEqual(run(false));
  });
});

it('a build of QuickJS with another opcode table does not boot', () => {
  const wasm = Uint8Array.from(sandboxWasm());
  const at = Buffer.from(wasm.buffer).indexOf('\0goto8\0', 0, 'latin1');
  expect(at).toBeGreaterThan(0);
  wasm[at + 5] = '9'.charCodeAt(0);
  expect(() => Sandbox.create(new WebAssembly.Module(wasm))).toThrow('the opcode table is not where it should be');
});

describe('the lexer', () => {
  it('knows strings, templates, comments, regular expressions and property names from keywords', () => {
    const source = 'const s = "for (;;)"; // while (1)\nconst t = `do ${(() => { for (;;) {} })()} while`; /* for (;;) */ const r = /for (a)\\/["]/g; x.for(1); const o = { do: 1, while: 2 };\nconst q = 4 / 2; for (const a of b) {}';
    expect(loops(source).map((at) => source.slice(at, at + 5))).toEqual(['for (', 'for (']);
    expect(tokens('a / b / c').map((t) => t.text)).toEqual(['a', '/', 'b', '/', 'c']);
  });

  it('tells the while that ends a do from the one that begins a loop', () => {
    const source = 'do { while (a) {} } while (b); while (c) {} do x(); while (d)';
    expect(loops(source).map((at) => source.slice(at, at + 9))).toEqual(['do { whil', 'while (a)', 'while (c)', 'do x(); w']);
  });
});
