// SPDX-License-Identifier: Apache-2.0
/** Typed reading of JSON lines. What is missing or of another type is a `FormatError` that says where. */

export class FormatError extends Error {}

export class Fields {
  readonly #where: string;
  readonly #values: ReadonlyMap<string, unknown>;

  constructor(value: unknown, where: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new FormatError(`${where}: expected an object`);
    this.#where = where;
    this.#values = new Map(Object.entries(value));
  }

  /** The object itself, to copy. */
  get raw(): Readonly<Record<string, unknown>> {
    return Object.fromEntries(this.#values);
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  text(key: string): string {
    const value = this.#values.get(key);
    return typeof value === 'string' ? value : this.#missing(key, 'a string');
  }

  number(key: string): number {
    const value = this.#values.get(key);
    if (typeof value !== 'number') return this.#missing(key, 'a number');
    return Number.isSafeInteger(value) && value >= 0 ? value : this.#missing(key, 'a whole number, 0 or more');
  }

  /** A number of so many bits. */
  id(key: string, bits: number): number {
    const value = this.number(key);
    within(BigInt(value), bits, `${this.#where}.${key}`);
    return value;
  }

  /** A number, or `otherwise` where there is none. */
  numberOr(key: string, otherwise: number): number {
    return this.has(key) ? this.number(key) : otherwise;
  }

  flag(key: string): boolean {
    return this.number(key) !== 0;
  }

  /** A hex string, of 64 bits. */
  word(key: string): bigint {
    return word64(this.#values.get(key), `${this.#where}.${key}`);
  }

  list(key: string): readonly unknown[] {
    const value = this.#values.get(key);
    return Array.isArray(value) ? value : this.#missing(key, 'a list');
  }

  listOrNone(key: string): readonly unknown[] {
    return this.has(key) ? this.list(key) : [];
  }

  words(key: string): readonly bigint[] {
    return this.listOrNone(key).map((value, i) => word64(value, `${this.#where}.${key}[${i}]`));
  }

  /** Lists of hex strings: `[["0x1000", "0x5"], …]`. */
  tuples(key: string): readonly (readonly bigint[])[] {
    return this.listOrNone(key).map((row, i) => (Array.isArray(row) ? row.map((value: unknown) => word64(value, `${this.#where}.${key}[${i}]`)) : this.#missing(key, 'a list of lists')));
  }

  object(key: string): Fields {
    return new Fields(this.#values.get(key), `${this.#where}.${key}`);
  }

  objects(key: string): readonly Fields[] {
    return this.list(key).map((value, i) => new Fields(value, `${this.#where}.${key}[${i}]`));
  }

  keys(): readonly string[] {
    return [...this.#values.keys()];
  }

  #missing(key: string, what: string): never {
    throw new FormatError(`${this.#where}.${key}: expected ${what}`);
  }
}

/** A hex string, or a small number. */
export function word(value: unknown, where: string): bigint {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  if (typeof value === 'string' && /^0x[0-9a-fA-F]+$/.test(value)) return BigInt(value);
  throw new FormatError(`${where}: expected a hex string`);
}

const word64 = (value: unknown, where: string): bigint => within(word(value, where), 64, where);

/** @throws FormatError when a value needs more bits */
export function within(value: bigint, bits: number, where: string): bigint {
  if (value >> BigInt(bits) !== 0n) throw new FormatError(`${where}: 0x${value.toString(16)} does not fit in ${bits} bits`);
  return value;
}
