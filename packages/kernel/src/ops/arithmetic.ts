// SPDX-License-Identifier: Apache-2.0
/** Functions that touch nothing but their arguments: byte order, bits, powers of two. They never leave the guest. */
import type { Constant, ModuleName, Row } from './row.ts';

const SIZES = [16, 32, 64] as const;
const ORDERS = [
  { prefix: 'le', words: 'little-endian' },
  { prefix: 'be', words: 'big-endian' },
] as const;

function pure(module: ModuleName, name: string, c: string, ts: string, text: string, params: Record<string, string>, returns: string, source: string, guest: string, differs = 'none'): Row {
  return { name, module, c, ts: [ts], doc: { text, params, returns, context: 'any', source, differs }, guest };
}

export const BYTEORDER_ROWS: readonly Row[] = ORDERS.flatMap(({ prefix, words }) =>
  SIZES.flatMap((bits): Row[] => {
    const cpu = `u${bits}`;
    const other = `${prefix}${bits}`;
    const body = `k.swapTo("${prefix}", ${bits},`;
    return [
      pure('linux/byteorder', `cpu_to_${other}`, `__${other} cpu_to_${other}(${cpu} x)`, `(x: ${cpu}): ${other}`, `Turns a number into its ${words} form, as a device reads it.`, { x: 'number in the CPU\'s own byte order' }, `the same number, ${words}`, 'Linux Documentation/core-api/unaligned-memory-access.rst; include/linux/byteorder/generic.h', `function cpu_to_${other}(x) { return ${body} x, "cpu_to_${other}"); }`),
      pure('linux/byteorder', `${other}_to_cpu`, `${cpu} ${other}_to_cpu(__${other} x)`, `(x: ${other}): ${cpu}`, `Turns a ${words} value, as a device wrote it, into a number.`, { x: `${words} value` }, 'the number in the CPU\'s own byte order', 'Linux include/linux/byteorder/generic.h', `function ${other}_to_cpu(x) { return ${body} x, "${other}_to_cpu"); }`),
    ];
  }),
);

export const KERNEL_ROWS: readonly Row[] = [
  pure('linux/kernel', 'lower_32_bits', 'u32 lower_32_bits(u64 n)', '(n: u64): u32', 'The low half of a 64-bit value: for a pair of 32-bit registers.', { n: '64-bit value' }, 'bits 31 to 0', 'Linux include/linux/wordpart.h', 'function lower_32_bits(n) { return k.lowHalf(k.wideValue(n, "lower_32_bits")); }'),
  pure('linux/kernel', 'upper_32_bits', 'u32 upper_32_bits(u64 n)', '(n: u64): u32', 'The high half of a 64-bit value.', { n: '64-bit value' }, 'bits 63 to 32', 'Linux include/linux/wordpart.h', 'function upper_32_bits(n) { return k.highHalf(k.wideValue(n, "upper_32_bits")); }'),
  pure('linux/kernel', 'ALIGN', 'ALIGN(x, a)', '(x: number, a: number): number', 'Rounds up to a multiple of a power of two.', { x: 'number', a: 'power of two' }, 'the next multiple, `x` itself when it is one', 'Linux include/linux/align.h', 'function ALIGN(x, a) { k.need(k.isPower(a), "ALIGN: expected a power of two"); return Math.ceil(x / a) * a; }'),
  pure('linux/kernel', 'DIV_ROUND_UP', 'DIV_ROUND_UP(n, d)', '(n: number, d: number): number', 'Divides and rounds up.', { n: 'dividend, not negative', d: 'divisor, above 0' }, 'the quotient', 'Linux include/linux/math.h', 'function DIV_ROUND_UP(n, d) { k.need(d > 0, "DIV_ROUND_UP: expected a divisor above 0"); return Math.ceil(n / d); }'),
  pure('linux/kernel', 'min', 'min(x, y)', '(x: number, y: number): number', 'The smaller of two numbers.', { x: 'number', y: 'number' }, 'the smaller one', 'Linux include/linux/minmax.h', 'function min(x, y) { return x < y ? x : y; }'),
  pure('linux/kernel', 'max', 'max(x, y)', '(x: number, y: number): number', 'The larger of two numbers.', { x: 'number', y: 'number' }, 'the larger one', 'Linux include/linux/minmax.h', 'function max(x, y) { return x > y ? x : y; }'),
];

export const BITS_ROWS: readonly Row[] = [
  pure('linux/bits', 'BIT', 'BIT(nr)', '(nr: number): u32', 'A word with one bit set.', { nr: 'bit, 0 to 31' }, '2^nr', 'Linux include/vdso/bits.h', 'function BIT(nr) { k.need(Number.isInteger(nr) && nr >= 0 && nr < 32, "BIT: expected a bit from 0 to 31; BIT_ULL goes to 63"); return 2 ** nr; }', 'a 32-bit value; unsigned long on Linux'),
  pure('linux/bits', 'BIT_ULL', 'BIT_ULL(nr)', '(nr: number): u64', 'A 64-bit word with one bit set.', { nr: 'bit, 0 to 63' }, '2^nr', 'Linux include/linux/bits.h', 'function BIT_ULL(nr) { k.need(Number.isInteger(nr) && nr >= 0 && nr < 64, "BIT_ULL: expected a bit from 0 to 63"); return 1n << BigInt(nr); }'),
  pure('linux/bits', 'GENMASK', 'GENMASK(h, l)', '(h: number, l: number): u32', 'A word with the bits from `l` to `h` set.', { h: 'highest bit', l: 'lowest bit' }, 'the mask', 'Linux include/linux/bits.h', 'function GENMASK(h, l) { k.need(Number.isInteger(h) && Number.isInteger(l) && l >= 0 && h >= l && h < 32, "GENMASK: expected 31 >= h >= l >= 0"); return 2 ** (h + 1) - 2 ** l; }', 'a 32-bit value; unsigned long on Linux'),
];

export const LOG2_ROWS: readonly Row[] = [
  pure('linux/log2', 'ilog2', 'ilog2(n)', '(n: number): number', 'The highest bit that is set.', { n: 'number, 1 to 2^32 - 1' }, 'its position', 'Linux include/linux/log2.h', 'function ilog2(n) { k.need(k.u32(n, "ilog2") > 0, "ilog2: expected a number above 0"); return 31 - Math.clz32(n); }'),
  pure('linux/log2', 'is_power_of_2', 'bool is_power_of_2(unsigned long n)', '(n: number): boolean', 'Says whether exactly one bit is set.', { n: 'number, 0 to 2^32 - 1' }, 'true for 1, 2, 4 …', 'Linux include/linux/log2.h', 'function is_power_of_2(n) { return k.isPower(k.u32(n, "is_power_of_2")); }'),
  pure('linux/log2', 'roundup_pow_of_two', 'roundup_pow_of_two(n)', '(n: number): number', 'The next power of two, `n` itself when it is one.', { n: 'number, 1 to 2^31' }, 'the power of two', 'Linux include/linux/log2.h', 'function roundup_pow_of_two(n) { k.need(k.u32(n, "roundup_pow_of_two") > 0, "roundup_pow_of_two: expected a number above 0"); return n === 1 ? 1 : 2 ** (32 - Math.clz32(n - 1)); }'),
];

/** include/uapi/asm-generic/errno-base.h and errno.h. Functions return them negated. */
export const ERRNO: readonly (readonly [name: string, value: number, doc: string])[] = [
  ['EPERM', 1, 'Operation not permitted.'],
  ['ENOENT', 2, 'No such file or directory.'],
  ['EIO', 5, 'I/O error.'],
  ['ENXIO', 6, 'No such device or address.'],
  ['EAGAIN', 11, 'Try again.'],
  ['ENOMEM', 12, 'Out of memory.'],
  ['EFAULT', 14, 'Bad address.'],
  ['EBUSY', 16, 'Device or resource busy.'],
  ['EEXIST', 17, 'It exists already.'],
  ['ENODEV', 19, 'No such device.'],
  ['EINVAL', 22, 'Invalid argument.'],
  ['ENOSPC', 28, 'No space left on device.'],
  ['ERANGE', 34, 'Result does not fit.'],
  ['ENODATA', 61, 'No data available.'],
  ['EPROTO', 71, 'Protocol error.'],
  ['EOVERFLOW', 75, 'Value too large.'],
  ['EMSGSIZE', 90, 'Message too long.'],
  ['EOPNOTSUPP', 95, 'Operation not supported.'],
  ['ENOBUFS', 105, 'No buffer space available.'],
  ['ETIMEDOUT', 110, 'Timed out.'],
];

export const ARITHMETIC_CONSTANTS: readonly Constant[] = [
  ...ERRNO.map(([name, value, doc]): Constant => ({ name, module: 'linux/errno', value, doc: `${doc} Return it negated: \`return -${name}\`.` })),
  { name: 'PAGE_SIZE', module: 'linux/kernel', value: 4096, doc: 'Bytes of a page.' },
];
