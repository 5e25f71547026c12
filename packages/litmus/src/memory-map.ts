// SPDX-License-Identifier: Apache-2.0
/** Where the locations of a test lie, and how values that are addresses are shown by name. */
import type { MemoryLocation, Scalar } from './test.ts';
import type { Source } from './source.ts';

/** First address; no number that a test is likely to write. */
const BASE = 0x3c5a_9b00_0000;
/** Bytes between locations; a location is smaller. */
const STRIDE = 0x1000;

export interface CType {
  readonly size: 1 | 2 | 4 | 8;
  readonly signed: boolean;
}

interface Declared {
  name: string;
  type: CType | null;
  isArray: boolean;
  values: Scalar[];
  address: number;
}

const zero: Scalar = { kind: 'integer', value: 0n };

export class MemoryMap {
  readonly #declared = new Map<string, Declared>();

  /** The address of a location, which from now on exists. */
  address(name: string): bigint {
    return BigInt(this.#get(name).address);
  }

  declare(source: Source, offset: number, name: string, type: CType | null, count: number | null, values: readonly Scalar[]): void {
    const entry = this.#get(name);
    if (count !== null && count * (type?.size ?? 4) > STRIDE) source.fail(offset, `array "${name}" is too long`, `at most ${STRIDE} bytes`);
    if (type !== null) entry.type = type;
    if (count !== null) {
      entry.isArray = true;
      entry.values = Array.from({ length: count }, (_, i) => values[i] ?? zero);
    } else if (values[0] !== undefined) entry.values = [values[0]];
  }

  /** All locations by name. Untyped ones are 4 bytes, or a pointer where they hold one. */
  locations(pointerSize: 4 | 8): MemoryLocation[] {
    const out: MemoryLocation[] = [];
    for (const d of this.#declared.values()) {
      const holdsAddress = d.values.some((v) => v.kind === 'address');
      const type = d.type ?? { size: holdsAddress ? pointerSize : 4, signed: true };
      out.push({ name: d.name, size: holdsAddress && type.size < pointerSize ? pointerSize : type.size, signed: type.signed, typed: d.type !== null, isArray: d.isArray, values: d.values.length === 0 ? [zero] : d.values, address: d.address });
    }
    return out.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #get(name: string): Declared {
    let entry = this.#declared.get(name);
    if (entry === undefined) {
      entry = { name, type: null, isArray: false, values: [], address: BASE + this.#declared.size * STRIDE };
      this.#declared.set(name, entry);
    }
    return entry;
  }
}

const TYPES: Record<string, CType> = {
  char: { size: 1, signed: true }, int8_t: { size: 1, signed: true }, uint8_t: { size: 1, signed: false },
  short: { size: 2, signed: true }, int16_t: { size: 2, signed: true }, uint16_t: { size: 2, signed: false },
  int: { size: 4, signed: true }, int32_t: { size: 4, signed: true }, uint32_t: { size: 4, signed: false },
  long: { size: 8, signed: true }, int64_t: { size: 8, signed: true }, uint64_t: { size: 8, signed: false },
  intptr_t: { size: 8, signed: true }, uintptr_t: { size: 8, signed: false },
};
/** Words that may stand before a type and change nothing we model. */
export const QUALIFIERS = ['volatile', 'const', 'signed', '_Atomic', 'atomic'];
export const TYPE_NAMES = Object.keys(TYPES).join(', ');

/** `unsigned int`, `uint64_t`, `int *` … or null. `_Atomic(…)` is not read. */
export function cType(words: readonly string[], pointerSize: 4 | 8): CType | null {
  if (words.includes('*')) return { size: pointerSize, signed: false };
  const rest = words.filter((w) => !QUALIFIERS.includes(w));
  const unsigned = rest.includes('unsigned');
  const base = rest.filter((w) => w !== 'unsigned');
  const name = base.length === 0 ? 'int' : base.length === 1 ? base[0] : base.every((w) => w === 'long') ? 'long' : undefined;
  const type = name === undefined ? undefined : TYPES[name];
  return type === undefined ? null : unsigned ? { size: type.size, signed: false } : type;
}

/** The number a scalar stands for. */
export function scalarValue(scalar: Scalar, addresses: ReadonlyMap<string, number>): bigint {
  return scalar.kind === 'integer' ? scalar.value : BigInt(addresses.get(scalar.name) ?? 0) + scalar.offset;
}

/** Whether a value lies in one of a test's locations. */
export function isAddress(value: bigint, memory: readonly MemoryLocation[]): boolean {
  const raw = BigInt.asUintN(64, value);
  return raw >= BigInt(BASE) && raw < BigInt(BASE + memory.length * STRIDE);
}

/** Prints a value as herd does: the name of a location if it is an address, else a number of `bits` bits. */
export function showValue(value: bigint, bits: number, isSigned: boolean, memory: readonly MemoryLocation[]): string {
  const raw = BigInt.asUintN(64, value);
  if (isAddress(raw, memory)) {
    const at = memory.find((m) => raw >= BigInt(m.address) && raw < BigInt(m.address + STRIDE));
    if (at !== undefined) {
      const offset = raw - BigInt(at.address);
      if (offset === 0n) return at.name;
      return at.isArray && offset % BigInt(at.size) === 0n ? `${at.name}[${offset / BigInt(at.size)}]` : `${at.name}+${offset}`;
    }
  }
  return String(isSigned ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value));
}
