// SPDX-License-Identifier: Apache-2.0
/**
 * One way to write a JSON value: keys sorted by code unit, no spaces to spare,
 * integers only. Same value, same bytes, on every engine.
 */

export type CanonicalValue = null | boolean | number | string | readonly CanonicalValue[] | { readonly [key: string]: CanonicalValue | undefined };

/** The bytes that are compared and hashed. `indent` > 0 gives the same order, spread over lines for people. */
export function canonicalJson(value: unknown, indent = 0): string {
  return write(value, indent, '', 'value');
}

function write(value: unknown, indent: number, margin: string, path: string): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${path} is ${value}; canonical JSON holds safe integers only`);
    return String(value === 0 ? 0 : value);
  }
  const inner = indent > 0 ? margin + ' '.repeat(indent) : '';
  const open = indent > 0 ? `\n${inner}` : '';
  const close = indent > 0 ? `\n${margin}` : '';
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]';
    return `[${open}${value.map((item, i) => write(item, indent, inner, `${path}[${i}]`)).join(`,${open}`)}${close}]`;
  }
  if (typeof value === 'object') {
    const entries = Object.entries(value).filter(([, v]) => v !== undefined);
    if (entries.length === 0) return '{}';
    entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    const colon = indent > 0 ? ': ' : ':';
    return `{${open}${entries.map(([k, v]) => `${JSON.stringify(k)}${colon}${write(v, indent, inner, `${path}.${k}`)}`).join(`,${open}`)}${close}}`;
  }
  throw new TypeError(`${path} is a ${typeof value}; canonical JSON holds null, booleans, integers, strings, arrays and objects`);
}
