// SPDX-License-Identifier: Apache-2.0
/** Condition flags N, Z, C, V as bits 3 to 0, the way both A64 and x86 compute them (x86 calls a borrow carry). */

const pack = (result: bigint, carry: boolean, overflow: boolean, bits: number): bigint => {
  const cut = BigInt.asUintN(bits, result);
  return (cut >> BigInt(bits - 1) ? 8n : 0n) | (cut === 0n ? 4n : 0n) | (carry ? 2n : 0n) | (overflow ? 1n : 0n);
};

export type FlagRule = (a: bigint, b: bigint, bits: number) => bigint;

export const addFlags: FlagRule = (a, b, bits) => {
  const [x, y] = [BigInt.asUintN(bits, a), BigInt.asUintN(bits, b)];
  const sum = x + y;
  return pack(sum, sum >> BigInt(bits) !== 0n, BigInt.asIntN(bits, x) + BigInt.asIntN(bits, y) !== BigInt.asIntN(bits, sum), bits);
};
/** `a - b`; carry means no borrow, as on Arm. */
export const subFlags: FlagRule = (a, b, bits) => {
  const [x, y] = [BigInt.asUintN(bits, a), BigInt.asUintN(bits, b)];
  const difference = x - y;
  return pack(difference, x >= y, BigInt.asIntN(bits, x) - BigInt.asIntN(bits, y) !== BigInt.asIntN(bits, difference), bits);
};
/** `a - b`; carry means borrow, as on x86. */
export const subFlagsBorrow: FlagRule = (a, b, bits) => subFlags(a, b, bits) ^ 2n;
/** Of a logical result: neither carry nor overflow. */
export const logicFlags = (result: bigint, bits: number): bigint => pack(result, false, false, bits);

const negative = (f: bigint): boolean => (f & 8n) !== 0n;
const zero = (f: bigint): boolean => (f & 4n) !== 0n;
const carry = (f: bigint): boolean => (f & 2n) !== 0n;
const overflow = (f: bigint): boolean => (f & 1n) !== 0n;
const less = (f: bigint): boolean => negative(f) !== overflow(f);

export type FlagTest = (flags: bigint) => boolean;

function withOpposites(pairs: readonly (readonly [is: readonly string[], not: readonly string[], test: FlagTest])[]): Record<string, FlagTest> {
  const out: Record<string, FlagTest> = {};
  for (const [is, not, test] of pairs) {
    for (const name of is) out[name] = test;
    for (const name of not) out[name] = (f) => !test(f);
  }
  return out;
}

export const A64_CONDITIONS = withOpposites([
  [['EQ'], ['NE'], zero],
  [['CS', 'HS'], ['CC', 'LO'], carry],
  [['MI'], ['PL'], negative],
  [['VS'], ['VC'], overflow],
  [['HI'], ['LS'], (f) => carry(f) && !zero(f)],
  [['LT'], ['GE'], less],
  [['LE'], ['GT'], (f) => zero(f) || less(f)],
  [['AL'], [], () => true],
]);

export const X86_CONDITIONS = withOpposites([
  [['e', 'z'], ['ne', 'nz'], zero],
  [['s'], ['ns'], negative],
  [['o'], ['no'], overflow],
  [['b', 'c', 'nae'], ['ae', 'nc', 'nb'], carry],
  [['be', 'na'], ['a', 'nbe'], (f) => carry(f) || zero(f)],
  [['l', 'nge'], ['ge', 'nl'], less],
  [['le', 'ng'], ['g', 'nle'], (f) => zero(f) || less(f)],
]);
