// SPDX-License-Identifier: Apache-2.0
/**
 * A hardware structure, declared once: decode, encode, the check of reserved
 * bits and the register view all come from one table of fields. Fields that
 * overlap or do not fit are rejected when the module loads, so a slip cannot
 * reach a test.
 *
 * Raw values are bigints of the structure's width, bit 0 lowest; `toBytes` and
 * `fromBytes` know how they lie in memory. For loaders, views and tests; hot paths read the words they need.
 */

interface FieldBase<Kind extends string> {
  readonly kind: Kind;
  /** Highest bit, inclusive. */
  readonly high: number;
  readonly low: number;
  readonly doc: string;
}
export type FlagField = FieldBase<'flag'>;
export type UintField = FieldBase<'uint'>;
export type WideField = FieldBase<'wide'>;
export type FrameField = FieldBase<'frame'>;
export interface ChoiceField<Names extends string> extends FieldBase<'choice'> {
  readonly values: Readonly<Record<Names, number>>;
}
export type Field = FlagField | UintField | WideField | FrameField | ChoiceField<string>;

/** One bit. */
export function flag(bit: number, doc: string): FlagField {
  return { kind: 'flag', high: bit, low: bit, doc };
}
/** A number of at most 32 bits. */
export function uint(high: number, low: number, doc: string): UintField {
  return { kind: 'uint', high, low, doc };
}
/** A number of more than 32 bits, as a bigint. */
export function wide(high: number, low: number, doc: string): WideField {
  return { kind: 'wide', high, low, doc };
}
/** A 4096-byte frame: the field holds bits 12 and up of the address, the value is the address in bytes. */
export function frame(high: number, low: number, doc: string): FrameField {
  return { kind: 'frame', high, low, doc };
}
/** One of several named values; what the specification leaves out decodes as `'reserved'`. */
export function choice<const Names extends string>(high: number, low: number, doc: string, values: Readonly<Record<Names, number>>): ChoiceField<Names> {
  return { kind: 'choice', high, low, doc, values };
}

type Decoded<F> = F extends FlagField ? boolean : F extends UintField ? number : F extends WideField | FrameField ? bigint : F extends ChoiceField<infer N> ? N | 'reserved' : never;
type Encoded<F> = F extends ChoiceField<infer N> ? N : Decoded<F>;

export interface LayoutSpec<Fields extends Readonly<Record<string, Field>>> {
  readonly name: string;
  /** Where the structure is defined. */
  readonly spec: string;
  /** Width; a multiple of 8. */
  readonly bits: number;
  /** Byte order of its words in memory; little when left out. */
  readonly endian?: 'little' | 'big';
  /** Size in bits of the words that `endian` applies to; the whole structure when left out. Words lie at rising addresses. */
  readonly wordBits?: number;
  readonly fields: Fields;
}

/** One line of a register view. */
export interface LayoutRow {
  readonly name: string;
  /** `79:64`, or `0` for one bit. */
  readonly bits: string;
  readonly value: string;
  readonly doc: string;
}

export interface Layout<Fields extends Readonly<Record<string, Field>>> {
  readonly name: string;
  readonly spec: string;
  readonly bits: number;
  /** Size in memory. */
  readonly bytes: number;
  readonly fields: Fields;
  /** Fields that are left out are 0. @throws RangeError when a value does not fit */
  encode(values: { readonly [K in keyof Fields]?: Encoded<Fields[K]> }): bigint;
  decode(raw: bigint): { readonly [K in keyof Fields]: Decoded<Fields[K]> };
  /** Bits that are set though no field owns them, in place: what hardware calls a reserved-field fault. */
  strayBits(raw: bigint): bigint;
  rows(raw: bigint): readonly LayoutRow[];
  toBytes(raw: bigint): Uint8Array;
  fromBytes(bytes: Uint8Array): bigint;
  /** Byte offset and size of a field that fills whole bytes; a field of a few bits gives the byte or bytes that hold it. */
  place(field: keyof Fields & string): { readonly offset: number; readonly size: number };
}

/** Any declared structure, whatever its fields. */
export type AnyLayout = Layout<Readonly<Record<string, Field>>>;

export function layout<const Fields extends Readonly<Record<string, Field>>>(spec: LayoutSpec<Fields>): Layout<Fields> {
  const { name, bits } = spec;
  const endian = spec.endian ?? 'little';
  const wordBits = spec.wordBits ?? bits;
  const entries: readonly (readonly [string, Field])[] = Object.entries(spec.fields);
  if (bits <= 0 || bits % 8 !== 0) throw new RangeError(`${name}: ${bits} bits is not a whole number of bytes`);
  if (wordBits <= 0 || wordBits % 8 !== 0 || bits % wordBits !== 0) throw new RangeError(`${name}: words of ${wordBits} bits do not fill ${bits} bits`);
  const owned = checkFields(name, bits, entries);
  const size = bits / 8;
  const byteOf = (index: number): number => byteShift(index, wordBits / 8, endian);

  return {
    name,
    spec: spec.spec,
    bits,
    bytes: size,
    fields: spec.fields,
    encode(values) {
      let raw = 0n;
      for (const key of Object.keys(values)) if (!Object.hasOwn(spec.fields, key)) throw new RangeError(`${name} has no field "${key}"`);
      for (const [key, field] of entries) {
        const value = values[key];
        if (value !== undefined) raw |= encodeField(`${name}.${key}`, field, value) << BigInt(field.low);
      }
      return raw;
    },
    decode(raw) {
      const values: Record<string, unknown> = {};
      for (const [key, field] of entries) values[key] = decodeField(field, bitsOf(raw, field));
      // The record was filled from the same table that the type is inferred from.
      return values as { readonly [K in keyof Fields]: Decoded<Fields[K]> };
    },
    strayBits: (raw) => raw & ~owned & mask(bits),
    rows: (raw) => entries.map(([key, field]) => ({ name: key, bits: rangeText(field), value: valueText(field, bitsOf(raw, field)), doc: field.doc })),
    toBytes(raw) {
      const bytes = new Uint8Array(size);
      for (let i = 0; i < size; i += 1) bytes[i] = Number((raw >> BigInt(8 * byteOf(i))) & 0xffn);
      return bytes;
    },
    fromBytes(bytes) {
      if (bytes.length !== size) throw new RangeError(`${name}: expected ${size} bytes, got ${bytes.length}`);
      let raw = 0n;
      for (let i = 0; i < size; i += 1) raw |= BigInt(bytes[i] ?? 0) << BigInt(8 * byteOf(i));
      return raw;
    },
    place(key) {
      const field = spec.fields[key];
      if (field === undefined) throw new RangeError(`${name} has no field "${key}"`);
      const first = Math.floor(field.low / 8);
      const last = Math.floor(field.high / 8);
      const offset = endian === 'little' ? first : Math.min(byteOf(first), byteOf(last));
      return { offset, size: last - first + 1 };
    },
  };
}

/** Which byte of the raw value lies at byte `index` in memory; the map is its own inverse. */
function byteShift(index: number, wordBytes: number, endian: 'little' | 'big'): number {
  if (endian === 'little') return index;
  const word = Math.floor(index / wordBytes) * wordBytes;
  return word + (wordBytes - 1 - (index - word));
}

function checkFields(name: string, bits: number, entries: readonly (readonly [string, Field])[]): bigint {
  let owned = 0n;
  for (const [key, field] of entries) {
    const width = field.high - field.low + 1;
    if (!Number.isInteger(field.low) || !Number.isInteger(field.high) || field.low < 0 || width < 1) throw new RangeError(`${name}.${key}: bits ${rangeText(field)} are no range`);
    if (field.high >= bits) throw new RangeError(`${name}.${key}: bit ${field.high} is outside ${bits} bits`);
    if (field.kind === 'uint' && width > 32) throw new RangeError(`${name}.${key}: ${width} bits need \`wide\``);
    if (field.kind === 'wide' && width <= 32) throw new RangeError(`${name}.${key}: ${width} bits fit \`uint\``);
    if (field.kind === 'choice') {
      for (const [value, code] of Object.entries(field.values)) if (!Number.isInteger(code) || code < 0 || code >= 2 ** width) throw new RangeError(`${name}.${key}: ${value} = ${code} does not fit in ${width} bits`);
      if (new Set(Object.values(field.values)).size !== Object.keys(field.values).length) throw new RangeError(`${name}.${key}: two names share a value`);
    }
    const here = mask(width) << BigInt(field.low);
    if ((owned & here) !== 0n) throw new RangeError(`${name}.${key}: bits ${rangeText(field)} overlap another field`);
    owned |= here;
  }
  return owned;
}

function encodeField(where: string, field: Field, value: unknown): bigint {
  const width = field.high - field.low + 1;
  switch (field.kind) {
    case 'flag':
      if (typeof value !== 'boolean') throw new RangeError(`${where}: expected a boolean`);
      return value ? 1n : 0n;
    case 'uint':
      if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value >= 2 ** width) throw new RangeError(`${where}: ${String(value)} does not fit in ${width} bits`);
      return BigInt(value);
    case 'wide':
      if (typeof value !== 'bigint' || value < 0n || value > mask(width)) throw new RangeError(`${where}: ${hex(value)} does not fit in ${width} bits`);
      return value;
    case 'frame':
      if (typeof value !== 'bigint' || value < 0n || (value & 0xfffn) !== 0n || value >> 12n > mask(width)) throw new RangeError(`${where}: ${hex(value)} is no frame address of ${width} + 12 bits`);
      return value >> 12n;
    case 'choice': {
      const code = typeof value === 'string' && Object.hasOwn(field.values, value) ? field.values[value] : undefined;
      if (code === undefined) throw new RangeError(`${where}: expected one of ${Object.keys(field.values).join(', ')}, got ${String(value)}`);
      return BigInt(code);
    }
  }
}

function decodeField(field: Field, bits: bigint): boolean | number | bigint | string {
  switch (field.kind) {
    case 'flag':
      return bits === 1n;
    case 'uint':
      return Number(bits);
    case 'wide':
      return bits;
    case 'frame':
      return bits << 12n;
    case 'choice':
      return Object.entries(field.values).find(([, code]) => BigInt(code) === bits)?.[0] ?? 'reserved';
  }
}

function valueText(field: Field, bits: bigint): string {
  const value = decodeField(field, bits);
  switch (field.kind) {
    case 'flag':
      return value === true ? '1' : '0';
    case 'uint':
      return String(value);
    case 'wide':
    case 'frame':
      return hex(value);
    case 'choice':
      return value === 'reserved' ? `${bits} (reserved)` : String(value);
  }
}

const mask = (width: number): bigint => (1n << BigInt(width)) - 1n;
const bitsOf = (raw: bigint, field: Field): bigint => (raw >> BigInt(field.low)) & mask(field.high - field.low + 1);
const rangeText = (field: Field): string => (field.high === field.low ? String(field.low) : `${field.high}:${field.low}`);
const hex = (value: unknown): string => (typeof value === 'bigint' && value >= 0n ? `0x${value.toString(16)}` : String(value));
