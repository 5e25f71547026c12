// SPDX-License-Identifier: Apache-2.0
/**
 * The same table of fields as `layout`, read where it lies: fields come out of
 * an array of 32-bit words as plain numbers, without a bigint on the way. For
 * paths that run once for every access of a device.
 *
 * Word `at` is the structure's lowest; a field of more than 53 bits has no
 * exact number and is refused when the view is made.
 */
import type { Field, Layout } from './layout.ts';

/** Reads one field of the structure that starts at word `at`. A flag is 0 or 1, a frame its frame number. */
export type FieldReader = (words: Uint32Array, at: number) => number;

export interface WordView<Fields extends Readonly<Record<string, Field>>> {
  readonly get: { readonly [K in keyof Fields]: FieldReader };
  /** Whether a bit is set that no field owns. */
  hasStray(words: Uint32Array, at: number): boolean;
  /** The same for one 32-bit word of the structure, for entries that are at hand as two halves. */
  strayMask(word: number): number;
}

export function wordView<Fields extends Readonly<Record<string, Field>>>(of: Layout<Fields>): WordView<Fields> {
  const count = Math.ceil(of.bits / 32);
  const stray = of.strayBits((1n << BigInt(of.bits)) - 1n);
  const masks = Array.from({ length: count }, (_, i) => Number((stray >> BigInt(32 * i)) & 0xffff_ffffn));
  const get: Record<string, FieldReader> = {};
  for (const [name, field] of Object.entries(of.fields)) get[name] = reader(`${of.name}.${name}`, field);
  return {
    // The record was filled from the table that the type is inferred from.
    get: get as { readonly [K in keyof Fields]: FieldReader },
    hasStray(words, at) {
      for (let i = 0; i < count; i += 1) if (((words[at + i] ?? 0) & (masks[i] ?? 0)) !== 0) return true;
      return false;
    },
    strayMask: (word) => masks[word] ?? 0,
  };
}

function reader(where: string, field: Field): FieldReader {
  const width = field.high - field.low + 1;
  if (width > 53) throw new RangeError(`${where}: ${width} bits do not fit a number`);
  const first = Math.floor(field.low / 32);
  const shift = field.low % 32;
  const inFirst = Math.min(width, 32 - shift);
  const lowMask = inFirst === 32 ? 0xffff_ffff : 2 ** inFirst - 1;
  if (inFirst === width) return (words, at) => (((words[at + first] ?? 0) >>> shift) & lowMask) >>> 0;
  const rest = width - inFirst;
  const inSecond = Math.min(rest, 32);
  const midMask = inSecond === 32 ? 0xffff_ffff : 2 ** inSecond - 1;
  const midScale = 2 ** inFirst;
  if (inSecond === rest) return (words, at) => ((words[at + first] ?? 0) >>> shift) + ((((words[at + first + 1] ?? 0) & midMask) >>> 0) * midScale);
  const topMask = 2 ** (rest - 32) - 1;
  const topScale = 2 ** (inFirst + 32);
  return (words, at) => ((words[at + first] ?? 0) >>> shift) + (words[at + first + 1] ?? 0) * midScale + ((words[at + first + 2] ?? 0) & topMask) * topScale;
}
