// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { findModuleState, topLevelDeclarations } from './top-level.ts';

const names = (source: string): string[] => topLevelDeclarations(source).map((d) => `${d.keyword} ${d.name}`);

describe('what stands at the top level', () => {
  it('functions, exported or not, whatever their kind', () => {
    expect(names('export function a() {}\nfunction b() { function inner() {} }\nasync function c() {}\nfunction* d() {}\nexport default function e() {}')).toEqual(['function a', 'function b', 'function c', 'function d', 'function e']);
  });

  it('a function expression declares nothing', () => {
    expect(names('const f = function g() {};\ncall(function h() {});\nconst k = [function l() {}];\nconst m =\n  function n() {};')).toEqual(['const f', 'const k', 'const m']);
  });

  it('a function after a statement without a semicolon', () => {
    expect(names('const a = 1\nfunction b() {}\nfoo()\nfunction c() {}')).toEqual(['const a', 'function b', 'function c']);
  });

  it('several names in one declaration, and none from their values', () => {
    expect(names('let a = { b: 1, c: [2, 3] }, d, e = f(g, h);\nconst { x, y } = z;\nvar v')).toEqual(['let a', 'let d', 'let e', 'const x', 'var v']);
  });

  it('nothing inside strings, templates, comments or regular expressions', () => {
    expect(names('const a = "let x"; // let y\n/* var z\nlet w */ const b = `let ${(() => { let q; return `}let`; })()} let`;\nconst c = /let [}\\]/]+ "/.test(s); const d = 4 / 2; let e;')).toEqual(['const a', 'const b', 'const c', 'const d', 'let e']);
  });

  it('a loop counter and a local are not module state', () => {
    expect(findModuleState('for (let i = 0; i < 4; i += 1) { let j; }\nfunction f() { var k; }\n{ let l; }\nconst m = 1;')).toEqual([]);
  });
});

describe('module state', () => {
  it('is reported at its own line and column', () => {
    expect(findModuleState('import { x } from "y";\n\n  let count = 0;\nexport var last, first;')).toMatchObject([
      { line: 3, column: 3, name: 'count' },
      { line: 4, column: 8, name: 'last' },
      { line: 4, column: 8, name: 'first' },
    ]);
  });

  it('says where shared state belongs', () => {
    expect(findModuleState('let count = 0;')[0]?.message).toContain('dev_set_drvdata');
  });

  it('source that is not even JavaScript gives some answer', () => {
    for (const source of ['let', 'let {', '`${', '/*', '"', '/', '}}}} let a', 'function', 'let a =', '`${`${`', '\u0000let b']) expect(() => findModuleState(source)).not.toThrow();
  });
});
