// SPDX-License-Identifier: Apache-2.0
/** Immutable sets of small integers, 30 to a word so that every word stays a small integer. The graph form's views and ancestor sets. */

export type Bits = readonly number[];
export const NO_BITS: Bits = [];
const WIDTH = 30;

export function hasBit(set: Bits, bit: number): boolean {
  const word = (bit / WIDTH) | 0;
  return word < set.length && (((set[word] ?? 0) >>> (bit - word * WIDTH)) & 1) === 1;
}

export function oneBit(bit: number): Bits {
  const word = (bit / WIDTH) | 0;
  const set = new Array<number>(word + 1).fill(0);
  set[word] = 1 << (bit - word * WIDTH);
  return set;
}

/** The union; one of the operands itself when it holds the other. */
export function unionBits(a: Bits, b: Bits): Bits {
  if (a === b || b.length === 0) return a;
  if (a.length === 0) return b;
  const [long, short] = a.length >= b.length ? [a, b] : [b, a];
  let i = 0;
  while (i < short.length && ((short[i] ?? 0) & ~(long[i] ?? 0)) === 0) i += 1;
  if (i === short.length) return long;
  const out = long.slice();
  for (; i < short.length; i += 1) out[i] = (out[i] ?? 0) | (short[i] ?? 0);
  return out;
}

/** Calls `visit` for each member, rising. */
export function forEachBit(set: Bits, visit: (bit: number) => void): void {
  for (let word = 0; word < set.length; word += 1) {
    let rest = set[word] ?? 0;
    while (rest !== 0) {
      const low = rest & -rest;
      visit(word * WIDTH + (31 - Math.clz32(low)));
      rest ^= low;
    }
  }
}

export function addInto(target: number[], set: Bits): void {
  for (let i = 0; i < set.length; i += 1) target[i] = (target[i] ?? 0) | (set[i] ?? 0);
}
export function removeFrom(target: number[], set: Bits): void {
  const n = Math.min(target.length, set.length);
  for (let i = 0; i < n; i += 1) target[i] = (target[i] ?? 0) & ~(set[i] ?? 0);
}
export const wordOf = (bit: number): number => (bit / WIDTH) | 0;
export const maskOf = (bit: number): number => 1 << (bit % WIDTH);
export const WORD_BITS = WIDTH;
