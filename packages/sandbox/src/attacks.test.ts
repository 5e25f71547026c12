// SPDX-License-Identifier: Apache-2.0
/** Everything a hostile or unlucky driver may do: each is contained, named, and leaves nothing behind. */
import { describe, expect, it } from 'vitest';
import { sandboxModule } from './node.ts';
import { GLOBALS } from './realm.ts';
import type { CallResult, GuestModule } from './result.ts';
import { type Handler, Sandbox } from './sandbox.ts';

const FUEL = 3_000_000;
const none: Handler = () => 0;
const OPS: GuestModule = { name: 'ops', source: `export { op, lo, hi, u64 } from 'sandbox:op';`, trusted: true };
const HEALTHY = `\nexport function healthy(n) { const seen = []; for (let i = 0; i < n; i++) seen.push(op(1, i, 0)); return seen.reduce((a, b) => a + b, 0) + Object.keys({ a: 1 }).length; }\n`;

function driver(source: string): Sandbox {
  const sandbox = Sandbox.create(sandboxModule());
  const loaded = sandbox.load([OPS, { name: 'driver.ts', source: `import { op, lo, hi, u64 } from 'ops';${source}${HEALTHY}` }], 'driver.ts');
  expect(loaded).toMatchObject({ ok: true });
  return sandbox;
}

const health = (sandbox: Sandbox): CallResult => sandbox.call('healthy', [5], (_code, a) => a * 2, FUEL);

/** Runs `attack`, twice, and demands that the next run cannot tell. */
function contained(source: string): CallResult {
  const sandbox = driver(source);
  const before = health(sandbox);
  expect(before).toMatchObject({ kind: 'returned', value: 21 });
  const first = sandbox.call('attack', [], none, FUEL);
  expect(sandbox.heapHash()).toBe(sandbox.snapshotHash());
  expect(health(sandbox)).toEqual(before);
  expect(sandbox.call('attack', [], none, FUEL)).toEqual(first);
  expect(sandbox.fork().call('attack', [], none, FUEL)).toEqual(first);
  expect(health(sandbox)).toEqual(before);
  return first;
}

describe('time', () => {
  const outOfFuel = (line: number) => ({ kind: 'out-of-fuel', fuel: FUEL, site: { file: 'driver.ts', line } });

  it.each<[string, string, number]>([
    ['an endless loop', 'export function attack() {\n  for (;;);\n}', 2],
    ['an endless loop after a finished one', 'export function attack() {\n  for (let i = 0; i < 9; i++);\n  do {} while (false);\n  while (true) {}\n}', 4],
    ['catching the interruption and looping again', 'export function attack() {\n  for (;;) try { for (;;); } catch { for (;;); } finally { for (;;); }\n}', 2],
    ['recursion that catches its overflow and recurses', 'export function attack() {\n  try { attack(); } catch { }\n  attack();\n}', 3],
    ['exponential recursion', 'const fib = (n) => n < 2 ? n : fib(n - 1) + fib(n - 2);\nexport function attack() {\n  return fib(60);\n}', 1],
    ['join over an array-like of 2^32', 'export function attack() {\n  const like = { length: 2 ** 32 };\n  return Array.prototype.join.call(like).length;\n}', 3],
    ['a sparse sort', 'export function attack() {\n  const a = [];\n  a.length = 2 ** 32 - 1;\n  a.sort();\n}', 4],
    ['a quadratic substring search', 'export function attack() {\n  const hay = "a".repeat(300_000);\n  return hay.indexOf("a".repeat(150_000) + "b");\n}', 3],
    ['typed arrays copied in place', 'export function attack() {\n  const a = new Uint8Array(4_000_000);\n  for (;;) a.set(a.subarray(1));\n}', 3],
    ['an inconsistent comparator that never stops', 'export function attack() {\n  [3, 2, 1].sort(() => {\n    while (true) {}\n  });\n}', 3],
    ['a catastrophic regular expression', 'export function attack() {\n  return /(a+)+$/.test("a".repeat(60) + "b") ? 1 : 0;\n}', 2],
    ['a getter that loops', 'export function attack() {\n  return { get x() { for (;;); } }.x;\n}', 2],
    ['a proxy trap that loops', 'export function attack() {\n  return new Proxy({}, { get() { for (;;); } }).x;\n}', 2],
    ['a generator that never ends', 'function* all() {\n  for (let i = 0; ; i++) yield i;\n}\nexport function attack() { for (const x of all()); }', 2],
    ['big powers', 'export function attack() {\n  let x = 3n;\n  for (;;) x = x * x;\n}', 3],
    ['a top-level loop in a nested function', 'const spin = () => {\n  let i = 0;\n  while (i >= 0) i = (i + 1) & 255;\n};\nexport function attack() {\n  spin();\n}', 3],
  ])('%s', (_name, source, line) => {
    const result = contained(source);
    if (result.kind !== 'out-of-memory') expect(result).toMatchObject(outOfFuel(line));
    else expect(result.site).toMatchObject({ line });
  });

  it('an endless loop while modules are evaluated', () => {
    const sandbox = Sandbox.create(sandboxModule(), { loadFuel: FUEL });
    expect(sandbox.load([{ name: 'driver.ts', source: 'let i = 0;\nfor (;;) i++;' }], 'driver.ts')).toMatchObject({ ok: false, fuel: FUEL, error: { kind: 'out-of-fuel', site: { line: 2, column: 1 } } });
    expect(sandbox.load([{ name: 'driver.ts', source: 'export function f() { return 1; }' }], 'driver.ts')).toMatchObject({ ok: true, functions: ['f'] });
    expect(sandbox.call('f', [], none, FUEL)).toMatchObject({ value: 1 });
  });

  it('an endless chain of promise jobs while modules are evaluated', () => {
    const sandbox = Sandbox.create(sandboxModule(), { loadFuel: FUEL });
    const source = 'const again = () => Promise.resolve().then(again);\nagain();';
    expect(sandbox.load([{ name: 'driver.ts', source }], 'driver.ts')).toMatchObject({ ok: false, error: { kind: 'out-of-fuel' } });
  });
});

describe('memory', () => {
  it.each<[string, string, number]>([
    ['a list that only grows', 'export function attack() {\n  const all = [];\n  for (;;) all.push({ all });\n}', 3],
    ['a linked list', 'export function attack() {\n  let head = null;\n  for (;;) head = { next: head };\n}', 3],
    ['a string that doubles', 'export function attack() {\n  let s = "x";\n  for (;;) s = s + s;\n}', 3],
    ['a buffer of a terabyte', 'export function attack() {\n  return new ArrayBuffer(2 ** 40);\n}', 2],
    ['many buffers', 'export function attack() {\n  const all = [];\n  for (;;) all.push(new Uint8Array(100_000));\n}', 3],
    ['keys without end', 'export function attack() {\n  const o = {};\n  for (let i = 0; ; i++) o["k" + i] = i;\n}', 3],
  ])('%s', (_name, source, line) => {
    const sandbox = driver(source);
    const before = health(sandbox);
    const result = sandbox.call('attack', [], none, 100_000_000);
    expect(['out-of-memory', 'threw']).toContain(result.kind);
    expect(result).toMatchObject({ site: { file: 'driver.ts', line } });
    if (result.kind === 'threw') expect(result.name).toBe('RangeError');
    expect(sandbox.heapHash()).toBe(sandbox.snapshotHash());
    expect(health(sandbox)).toEqual(before);
    expect(sandbox.call('attack', [], none, 100_000_000)).toEqual(result);
  });

  it('catching out-of-memory and trying again for ever ends with the fuel', () => {
    const result = contained('export function attack() {\n  const keep = [];\n  for (;;) try { for (;;) keep.push(new Uint8Array(65536)); } catch { keep.pop(); }\n}');
    expect(result).toMatchObject({ kind: 'out-of-fuel', site: { line: 3 } });
  });

  it('a huge source text is refused, not swallowed', () => {
    const sandbox = Sandbox.create(sandboxModule());
    const result = sandbox.load([{ name: 'driver.ts', source: `export const x = [${'1,'.repeat(4_000_000)}];` }], 'driver.ts');
    expect(result.ok).toBe(false);
    // Larger than all of linear memory.
    expect(sandbox.load([{ name: 'driver.ts', source: `// ${'x'.repeat(40_000_000)}` }], 'driver.ts')).toMatchObject({ ok: false, error: { kind: 'out-of-memory' } });
    expect(sandbox.load([{ name: 'driver.ts', source: 'export function f() { return 1; }' }], 'driver.ts')).toMatchObject({ ok: true });
  });
});

describe('stack', () => {
  it.each<[string, string, number]>([
    ['plain recursion', 'export function attack() {\n  return 1 + attack();\n}', 2],
    ['recursion through a comparator', 'export function attack() {\n  return [1, 2].sort(() => attack() | 0)[0];\n}', 2],
    ['recursion through a getter', 'const o = {\n  get x() { return this.x + 1; } };\nexport function attack() { return o.x; }', 2],
    ['recursion through a proxy', 'const p = new Proxy({}, { get(t, k, r) {\n  return r[k] + 1; } });\nexport function attack() { return p.x; }', 2],
    ['recursion through toString', 'const o = {\n  toString() { return `${this}`; } };\nexport function attack() { return +`${o}`; }', 2],
    ['100 000 brackets', 'export function attack() {\n  return JSON.parse("[".repeat(100_000)).length;\n}', 2],
  ])('%s', (_name, source, line) => {
    const result = contained(source);
    expect(['stack-overflow', 'threw']).toContain(result.kind);
    expect(result).toMatchObject({ site: { file: 'driver.ts', line } });
  });

  it('four sandboxes inside each other, each at its deepest, fit into the host stack', () => {
    const source = `
const proxy = new Proxy({}, { get(t, k, r) { try { return r[k]; } catch (e) { op(1, 0, 0); throw e; } } });
export function viaProxy() { return proxy.x; }
export function viaReviver() { try { JSON.parse('[[[[1]]]]', () => viaReviver()); } catch (e) { op(1, 0, 0); throw e; } }
export function viaComparator() { try { return [1, 2].sort(() => viaComparator())[0]; } catch (e) { op(1, 0, 0); throw e; } }
export function viaBound() { const again = deep.bind(null); function deep() { try { return Reflect.apply(again, null, []); } catch (e) { op(1, 0, 0); throw e; } } return again(); }
export function viaBrackets() { try { JSON.parse('['.repeat(9999)); } catch { op(1, 0, 0); } return 0; }`;
    const first = driver(source);
    const nested = [first, first.fork(), first.fork(), first.fork()];
    for (const name of ['viaProxy', 'viaReviver', 'viaComparator', 'viaBound', 'viaBrackets']) {
      let deepest = 0;
      const run = (level: number): CallResult | undefined =>
        nested[level]?.call(name, [], () => {
          if (deepest === level) {
            deepest = level + 1;
            run(level + 1);
          }
          return 0;
        }, FUEL);
      expect(run(0)).toBeDefined();
      expect(deepest).toBe(nested.length);
    }
  });

  it('60 000 spread arguments, and 50 000 nested groups in a regular expression', () => {
    expect(contained('export function attack() {\n  return Math.max(...new Array(60_000).fill(1));\n}').kind).not.toBe('out-of-fuel');
    expect(contained('export function attack() {\n  return new RegExp("(".repeat(50_000) + ")".repeat(50_000)).test("") ? 1 : 0;\n}').kind).not.toBe('returned');
  });

  it('a source nested deeper than the parser goes', () => {
    const sandbox = Sandbox.create(sandboxModule());
    const result = sandbox.load([{ name: 'driver.ts', source: `export const x = ${'['.repeat(50_000)}${']'.repeat(50_000)};` }], 'driver.ts');
    expect(result).toMatchObject({ ok: false });
  });
});

describe('boundary', () => {
  it.each([
    ['a symbol', 'Symbol()'],
    ['a bigint', '1n'],
    ['an object', '({})'],
    ['NaN', 'NaN'],
    ['a fraction', '1.5'],
    ['too much', '2 ** 32'],
    ['nothing', ''],
    ['a string', '"1"'],
    ['an object whose valueOf would call back', '({ valueOf() { return op(1, 2, 3); } })'],
  ])('op does not take %s, and converts nothing', (_name, operand) => {
    const sandbox = driver(`export function attack() {\n  return op(1, 2, ${operand});\n}`);
    let calls = 0;
    const result = sandbox.call('attack', [], () => (calls += 1), FUEL);
    expect(result).toMatchObject({ kind: 'threw', name: 'TypeError', site: { line: 2 } });
    expect(calls).toBe(0);
  });

  it('lo, hi and u64 take their own kinds only', () => {
    for (const expression of ['lo(1)', 'hi("1")', 'lo()', 'hi({})', 'u64(1n, 2)', 'u64(1)', 'u64(0.5, 0)', 'lo(Symbol())']) {
      expect(contained(`export function attack() { return ${expression}; }`)).toMatchObject({ kind: 'threw', name: 'TypeError' });
    }
  });

  it.each([
    ['a number', 'throw 42', 'the value 42 was thrown'],
    ['a string', 'throw "boom"', 'the string "boom" was thrown'],
    ['undefined', 'throw undefined', 'undefined was thrown'],
    ['a symbol', 'throw Symbol("s")', 'a symbol was thrown'],
    ['a bigint', 'throw 1n', 'a bigint was thrown'],
    ['an object with getters that loop', 'throw { get message() { for (;;); }, get stack() { for (;;); }, toString() { for (;;); } }', 'an object that is no Error was thrown'],
    ['a proxy whose traps call the host', 'throw new Proxy(new Error("x"), { get() { return op(666, 0, 0); }, getPrototypeOf() { return op(666, 0, 0); }, getOwnPropertyDescriptor() { return op(666, 0, 0); } })', 'an object that is no Error was thrown'],
    ['a function', 'throw () => op(666, 0, 0)', 'an object that is no Error was thrown'],
  ])('throwing %s runs no guest code in the host', (_name, statement, message) => {
    const sandbox = driver(`export function attack() {\n  ${statement};\n}`);
    const result = sandbox.call('attack', [], (code) => expect.fail(`op ${code} was called`), FUEL);
    expect(result).toMatchObject({ kind: 'threw', site: { line: 2, column: 3 } });
    expect((result as { message: string }).message).toContain(message);
  });

  it('an Error dressed up to run code is described without running it', () => {
    const sandbox = driver(`
      class Odd extends Error { get stack() { return op(666, 0, 0); } get name() { return op(666, 0, 0); } }
      export function attack() { const e = new Odd("real"); Object.defineProperty(e, "message", { get() { return op(666, 0, 0); } }); throw e; }
      export function behind() { const e = new Error("m"); Object.setPrototypeOf(e, new Proxy({}, { get() { return op(666, 0, 0); }, getOwnPropertyDescriptor() { return op(666, 0, 0); } })); throw e; }`);
    const handler: Handler = (code) => expect.fail(`op ${code} was called`);
    expect(sandbox.call('attack', [], handler, FUEL)).toMatchObject({ kind: 'threw', site: { line: 2 } });
    expect(sandbox.call('behind', [], handler, FUEL)).toMatchObject({ kind: 'threw', message: 'm', site: { line: 4 } });
  });

  it.each([
    ['a promise', 'async function attack() { return 1; }', /returned a promise/],
    ['a thenable', 'function attack() { return { then() { op(666, 0, 0); } }; }', /returned an object/],
    ['a proxy', 'function attack() { return new Proxy({}, { get() { return op(666, 0, 0); } }); }', /returned an object/],
    ['a function', 'function attack() { return attack; }', /returned a function/],
    ['a string', 'function attack() { return "1"; }', /returned a string/],
    ['a symbol', 'function attack() { return Symbol.iterator; }', /returned a symbol/],
    ['nothing, but promise callbacks', 'function attack() { Promise.resolve().then(() => op(666, 0, 0)); }', /left promise callbacks/],
  ])('an entry point that returns %s says so', (_name, source, message) => {
    const result = driver(`export ${source}`).call('attack', [], (code) => expect.fail(`op ${code} was called`), FUEL);
    expect(result).toMatchObject({ kind: 'threw', name: 'TypeError' });
    expect((result as { message: string }).message).toMatch(message);
  });

  it('what a handler throws comes out of the call, unseen by the guest, and the next call is well', () => {
    const sandbox = driver('export function attack() { try { op(1, 0, 0); } catch { op(2, 0, 0); } finally { op(3, 0, 0); } return 1; }');
    const codes: number[] = [];
    class Stop extends Error {}
    const stopping: Handler = (code) => {
      codes.push(code);
      throw new Stop();
    };
    for (let i = 0; i < 50; i += 1) expect(() => sandbox.call('attack', [], stopping, FUEL)).toThrow(Stop);
    expect(codes).toEqual(new Array(50).fill(1));
    expect(sandbox.heapHash()).toBe(sandbox.snapshotHash());
    expect(health(sandbox)).toMatchObject({ value: 21 });
  });

  it('a handler may throw into the guest, which may catch it', () => {
    const sandbox = driver('export function attack() {\n  try { op(1, 0, 0); } catch (e) { return e instanceof TypeError ? e.message.length : 0; }\n}\nexport function uncaught() {\n  return op(1, 0, 0);\n}');
    const refuse: Handler = () => (sandbox.throwIntoGuest('TypeError', '100% wrong'), 5);
    expect(sandbox.call('attack', [], refuse, FUEL)).toMatchObject({ value: '100% wrong'.length });
    expect(sandbox.call('uncaught', [], refuse, FUEL)).toMatchObject({ kind: 'threw', message: '100% wrong', site: { line: 5, column: 10 } });
  });

  it('a handler may call a fork, but not the sandbox it is in', () => {
    const sandbox = driver('export function attack() { return op(1, 0, 0) + op(2, 0, 0); }');
    const other = sandbox.fork();
    const result = sandbox.call('attack', [], (code) => (other.call('healthy', [code], none, FUEL) as { value: number }).value, FUEL);
    expect(result).toMatchObject({ value: 2 });
    expect(() => sandbox.call('attack', [], () => (sandbox.call('healthy', [1], none, FUEL), 0), FUEL)).toThrow(/inside a call/);
    expect(health(sandbox)).toMatchObject({ value: 21 });
  });

  it('op cannot be imported by driver code, only through trusted modules', () => {
    const sandbox = Sandbox.create(sandboxModule());
    expect(sandbox.load([OPS, { name: 'driver.ts', source: "\n\nimport { op } from 'sandbox:op';" }], 'driver.ts')).toMatchObject({ ok: false, error: { kind: 'import', site: { line: 3, column: 20 }, message: 'cannot import "sandbox:op": only ops can be imported' } });
  });

  it('op is refused while modules are evaluated', () => {
    const sandbox = Sandbox.create(sandboxModule());
    expect(sandbox.load([OPS, { name: 'driver.ts', source: "import { op } from 'ops';\nexport const x =\n  op(1, 2, 3);" }], 'driver.ts')).toMatchObject({ ok: false, error: { kind: 'threw', site: { line: 3, column: 3 } } });
  });
});

describe('pollution', () => {
  it.each([
    ['Array.prototype', 'Array.prototype.push = () => 0'],
    ['Function.prototype.call', 'Function.prototype.call = () => 0'],
    ['Symbol.iterator', 'Array.prototype[Symbol.iterator] = function* () {}'],
    ['a global', 'globalThis.leak = 1'],
    ['the module', 'shared.count++'],
    ['an array of the module', 'list.push(1)'],
    ['a Map of the module', 'map.set(1, 2)'],
    ['a Set of the module', 'set.add(1)'],
    ['bytes of the module', 'bytes.set([1])'],
    ['an object behind a closure', 'hidden(1)'],
    ['a class field', 'Counter.n = 5'],
    ['Object.prototype', 'Object.prototype.toString = () => "x"'],
    ['an iterator prototype', 'Object.getPrototypeOf([][Symbol.iterator]()).next = () => ({ done: true })'],
    ['a generator prototype', 'Object.getPrototypeOf(function* () {}).prototype.next = 1'],
    ['Math', 'Math.max = () => 0'],
  ])('%s cannot be written: it throws at the line that tries', (_name, statement) => {
    const source = `
const shared = { count: 0 }; const list = []; const map = new Map(); const set = new Set(); const bytes = new Uint8Array(4);
const hidden = (() => { const inner = { x: 0 }; return (x) => { inner.x = x; }; })();
class Counter { static n = 0; }
export function attack() {
  ${statement};
}`;
    const result = contained(source);
    expect(result).toMatchObject({ kind: 'threw', name: 'TypeError', frozen: true });
    if (!statement.startsWith('hidden') && !statement.includes('map.set(') && !statement.includes('.add(')) expect(result).toMatchObject({ site: { line: 6 } });
  });

  it('an indexed write to bytes of the module throws nothing (typed arrays cannot be frozen), but writes nothing either', () => {
    expect(contained('const bytes = new Uint8Array(4);\nexport function attack() { bytes[0] = 1; return bytes[0]; }')).toMatchObject({ kind: 'returned', value: 0 });
  });

  it('objects made during a call can be changed, errors can be named, Maps filled', () => {
    expect(
      contained(`
class Mine extends Error { constructor(m) { super(m); this.name = 'Mine'; this.extra = 1; } }
const make = () => ({ x: 1 });
export function attack() {
  const m = new Map([[1, 2]]); m.set(3, 4); m.delete(1);
  const s = new Set(); s.add(1);
  const w = new WeakMap(); w.set(m, 1);
  const o = make(); o.x = 5; o.y = 6; o.toString = () => 'o';
  const b = new Uint8Array(4); b[0] = 7;
  const e = new Mine('q');
  return m.size + s.size + o.x + o.y + b[0] + e.name.length + (o + '').length + w.get(m);
}`),
    ).toMatchObject({ kind: 'returned', value: 1 + 1 + 5 + 6 + 7 + 4 + 1 + 1 });
  });

  it('what trusted modules build stays theirs to change, from the same start each time', () => {
    const sandbox = Sandbox.create(sandboxModule());
    const modules = [
      { name: 'counter', source: 'const state = { n: 0 }; export const next = () => ++state.n;', trusted: true },
      { name: 'driver.ts', source: "import { next } from 'counter';\nexport const f = () => next() + next();" },
    ];
    expect(sandbox.load(modules, 'driver.ts')).toMatchObject({ ok: true });
    for (let i = 0; i < 3; i += 1) expect(sandbox.call('f', [], none, FUEL)).toMatchObject({ value: 3 });
  });

  it('a closure kept for later is gone in the next run', () => {
    const sandbox = driver('let kept = null;\nexport function attack() { kept = () => op(9, 0, 0); }\nexport function look() { return kept === null ? 0 : 1; }');
    sandbox.call('attack', [], none, FUEL);
    expect(sandbox.call('look', [], none, FUEL)).toMatchObject({ value: 0 });
  });
});

describe('information', () => {
  it.each([
    ['import("fs")', 'await import("fs")'],
    ['import() of a hidden file', 'await import("../workloads/hidden/a.yaml")'],
    ['import() of a known module', 'await import("ops")'],
  ])('%s fails while loading', (_name, source) => {
    const sandbox = Sandbox.create(sandboxModule());
    expect(sandbox.load([OPS, { name: 'driver.ts', source }], 'driver.ts')).toMatchObject({ ok: false, error: { kind: 'threw' } });
    expect(sandbox.load([OPS, { name: 'driver.ts', source: source.replace('await ', '') }], 'driver.ts')).toMatchObject({ ok: false, error: { kind: 'threw' } });
  });

  it.each(['Date', 'performance', 'WeakRef', 'FinalizationRegistry', 'SharedArrayBuffer', 'Atomics', 'eval', 'console', 'setTimeout', 'queueMicrotask', 'WebAssembly', 'process', 'require', 'std', 'os', '__sandbox'])('there is no %s', (name) => {
    expect(contained(`export function attack() { return typeof ${name} === 'undefined' && !('${name}' in globalThis) ? 1 : 0; }`)).toMatchObject({ value: 1 });
  });

  it('the globals are those on the list, and no others', () => {
    const sandbox = driver('export function attack() { for (const k of Reflect.ownKeys(globalThis)) { for (const c of String(k)) op(1, c.codePointAt(0), 0); op(1, 32, 0); } }');
    let text = '';
    sandbox.call('attack', [], (_code, character) => ((text += String.fromCodePoint(character)), 0), FUEL);
    expect(text.trim().split(' ').sort()).toEqual([...GLOBALS, 'Symbol(Symbol.toStringTag)'].filter((g) => text.includes(g)).sort());
    expect(GLOBALS.filter((g) => !text.includes(g))).toEqual([]);
  });

  it('Math.random refuses', () => {
    expect(contained('export function attack() { return Math.random(); }')).toMatchObject({ kind: 'threw', message: 'Math.random is not available: a run must be repeatable' });
  });

  it('nothing that can be reached makes code from strings', () => {
    const sandbox = driver(`
export function attack() {
  const seen = new Set(); const queue = [globalThis, op, function* () {}, async function () {}, async function* () {}, async () => {}];
  let made = 0;
  while (queue.length > 0) {
    const value = queue.pop();
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) continue;
    seen.add(value);
    if (typeof value === 'function') {
      try { if (value('return 7')() === 7) made++; } catch {}
      try { if (new value('return 7')() === 7) made++; } catch {}
      try { if (value.constructor('return 7')() === 7) made++; } catch {}
    }
    for (const key of Reflect.ownKeys(value)) { try { queue.push(value[key]); } catch {} const d = Reflect.getOwnPropertyDescriptor(value, key); if (d) queue.push(d.get, d.set); }
    queue.push(Object.getPrototypeOf(value));
  }
  op(seen.size, made, 0);
}`);
    const seen: number[] = [];
    sandbox.call('attack', [], (...args) => (seen.push(...args), 0), 20_000_000);
    expect(seen[0]).toBeGreaterThan(500);
    expect(seen[1]).toBe(0);
  });

  it('stacks hold module names only', () => {
    const sandbox = driver('export function attack() { try { null.x; } catch (e) { for (const c of e.stack) op(c.codePointAt(0), 0, 0); } }');
    let text = '';
    sandbox.call('attack', [], (code) => ((text += String.fromCodePoint(code)), 0), FUEL);
    expect(text).toMatch(/^ {4}at attack \(driver\.ts:1:\d+\)\n$/);
  });
});
