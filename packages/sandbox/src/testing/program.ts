// SPDX-License-Identifier: Apache-2.0
/** Test support: one program that exercises the engine broadly, and its fingerprint. Runs in Node and in a browser, which must agree. */
import type { GuestModule } from '../result.ts';
import { type Handler, Sandbox } from '../sandbox.ts';

const OPS: GuestModule = { name: 'ops', trusted: true, source: `export { op, lo, hi, u64 } from 'sandbox:op';` };

export const PROGRAM: readonly GuestModule[] = [
  OPS,
  {
    name: 'driver.ts',
    source: `import { op, lo, hi, u64 } from 'ops';
class Ring {
  #head = 0;
  constructor(size) { this.size = size; this.slots = new Array(size).fill(null); }
  push(x) { this.slots[this.#head++ % this.size] = x; return this.#head; }
}
export function busy(n) {
  const ring = new Ring(8); const map = new Map(); let sum = 0n; let text = '';
  for (let i = 0; i < n; i++) {
    const answer = op(1, i, n);
    ring.push({ answer, half: u64(answer, i) });
    map.set('k' + (i % 5), (map.get('k' + (i % 5)) ?? 0) + answer);
    sum = BigInt.asUintN(64, sum * 6364136223846793005n + u64(answer, lo(sum)));
    text += String.fromCharCode(97 + (i % 26)) + (i / 7).toFixed(3);
    if (i % 4 === 3) ring.slots.sort((a, b) => (a?.answer ?? 0) - (b?.answer ?? 0));
  }
  const parsed = JSON.parse(JSON.stringify({ text, words: text.match(/[a-f]+/g), sum: sum.toString(16), floats: [0.1 + 0.2, Math.sin(n), 1e21 / 3, -0] }));
  op(9, parsed.text.length, hi(sum));
  return sum ^ BigInt(parsed.words?.length ?? 0);
}
export function mathematics() { let x = 0.5; for (let i = 1; i < 300; i++) x = Math.sin(x * i) + Math.pow(x, 3) - Math.atan2(x, i) + Math.exp(-x * x); return x; }
export function ops(n) { let s = 0; for (let i = 0; i < n; i++) s = op(1, i, s); return s; }
export function turns(n) { let s = 0; for (let i = 0; i < n; i++) s = (s + i) | 0; return s; }
export function nothing() {}
export function spin() { for (;;); }
export function native() { return Array.prototype.join.call({ length: 2 ** 32 }).length; }
export function hoard() { const all = []; for (;;) all.push(new Uint8Array(10_000)); }
export function deep() { return 1 + deep(); }
export function thrown() { null.x; }
export function regex() { return /^(a|aa)+$/.test('a'.repeat(22) + 'b') ? 1 : 0; }
export function unstable() { return [5, 3, 9, 1, 7, 2].sort(() => 1).reduce((a, b) => a * 10 + b, 0); }
`,
  },
];

/** Results, fuel and heap fingerprints of the whole program, as text. */
export function runAll(module: WebAssembly.Module): string[] {
  const sandbox = Sandbox.create(module);
  const loaded = sandbox.load(PROGRAM, 'driver.ts');
  const lines = [`load ${loaded.fuel} ${sandbox.snapshotHash()}`];
  const handler: Handler = (code, a, b) => {
    if (code === 9) lines.push(`heap ${sandbox.heapHash()}`);
    return Math.imul(a + 1, 0x9e3779b9) ^ b;
  };
  for (const [name, ...args] of [['busy', 7], ['busy', 60], ['mathematics'], ['ops', 500], ['spin'], ['native'], ['hoard'], ['deep'], ['thrown'], ['regex'], ['unstable']] as const) {
    const result = sandbox.call(name, args, handler, 3_000_000);
    lines.push(`${name} ${JSON.stringify(result, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))} ${sandbox.heapHash()}`);
  }
  return lines;
}
