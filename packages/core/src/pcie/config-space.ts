// SPDX-License-Identifier: Apache-2.0
/**
 * Configuration space as a file of declared registers: 4096 bytes, accesses of
 * 1, 2 or 4 bytes, bits that can be written, bits that writing 1 clears. What
 * a write means is the owner's; a write against the order that the
 * specification asks for is kept as a mistake, with a sentence.
 */
import type { Field, Layout, LayoutRow } from '../base/layout.ts';

type AnyFields = Readonly<Record<string, Field>>;

/** A register of 32 bits, or of 128 for none. */
export interface ConfigRegister<Fields extends AnyFields = AnyFields> {
  readonly group: string;
  readonly offset: number;
  readonly layout: Layout<Fields>;
  readonly initial: number;
  /** Bits that software writes, and bits that it clears by writing 1. */
  readonly writable: number;
  readonly clears: number;
}

/** A write that no sensible driver makes: what it was, and why not. */
export interface ConfigMistake {
  readonly register: string;
  readonly offset: number;
  readonly text: string;
  readonly section: string;
}

/** A register in the register view. */
export interface ConfigRow {
  readonly group: string;
  readonly name: string;
  readonly offset: number;
  readonly value: number;
  readonly fields: readonly LayoutRow[];
}

export interface ConfigOwner {
  /** Called with every word that changes by a write; what it returns is kept. */
  written?(offset: number, value: number, old: number): number;
  /** Bits that are the device's own: called at every read. */
  current?(offset: number, value: number): number;
}

const SIZE = 4096;

export class ConfigSpace {
  readonly registers: readonly ConfigRegister[];
  readonly mistakes: ConfigMistake[] = [];
  readonly #owner: ConfigOwner;
  readonly #byOffset = new Map<number, ConfigRegister>();
  readonly #values = new Map<number, number>();

  /** @throws RangeError for a register off its word, or two at one offset */
  constructor(registers: readonly ConfigRegister[], owner: ConfigOwner = {}) {
    this.registers = [...registers].sort((a, b) => a.offset - b.offset);
    this.#owner = owner;
    for (const register of registers) {
      const { offset, layout } = register;
      if (layout.bits !== 32 || offset % 4 !== 0 || offset < 0 || offset >= SIZE) throw new RangeError(`${layout.name}: no word of configuration space at 0x${offset.toString(16)}`);
      if (this.#byOffset.has(offset)) throw new RangeError(`${layout.name}: another register lies at 0x${offset.toString(16)}`);
      this.#byOffset.set(offset, register);
    }
    this.reset();
  }

  /** Everything as after power-on. */
  reset(): void {
    for (const { offset, initial } of this.registers) this.#values.set(offset, initial >>> 0);
  }

  /** @throws RangeError for an access that is misaligned or outside */
  read(offset: number, size: 1 | 2 | 4): number {
    check(offset, size);
    const word = this.word(offset & ~3);
    const shifted = word >>> (8 * (offset & 3));
    return size === 4 ? shifted : shifted & (size === 2 ? 0xffff : 0xff);
  }

  /** @throws RangeError for an access that is misaligned or outside */
  write(offset: number, size: 1 | 2 | 4, value: number): void {
    check(offset, size);
    const at = offset & ~3;
    const register = this.#byOffset.get(at);
    if (register === undefined) return;
    const shift = 8 * (offset & 3);
    const reached = size === 4 ? -1 : (size === 2 ? 0xffff : 0xff) << shift;
    const bits = value << shift;
    const old = this.word(at);
    const kept = old & ~(register.writable & reached) & ~(register.clears & reached & bits);
    const next = (kept | (bits & register.writable & reached)) >>> 0;
    this.#values.set(at, (this.#owner.written?.(at, next, old) ?? next) >>> 0);
  }

  /** A whole word as software reads it; 0 where there is none. */
  word(offset: number): number {
    const value = this.#values.get(offset) ?? 0;
    return (this.#owner.current?.(offset, value) ?? value) >>> 0;
  }

  /** Sets a word as the device does, past every mask. */
  set(offset: number, value: number): void {
    this.#values.set(offset, value >>> 0);
  }

  mistake(offset: number, text: string, section: string): void {
    this.mistakes.push({ register: this.#byOffset.get(offset)?.layout.name ?? '', offset, text, section });
  }

  rows(): readonly ConfigRow[] {
    return this.registers.map(({ group, offset, layout }) => {
      const value = this.word(offset);
      return { group, name: layout.name, offset, value, fields: layout.rows(BigInt(value)) };
    });
  }
}

/** Declares a register: which fields software writes and which it clears by writing 1. `bits` writes further bits that are no whole field. */
export function configRegister<const Fields extends AnyFields>(group: string, offset: number, of: Layout<Fields>, initial: Parameters<Layout<Fields>['encode']>[0], access: { readonly writes?: readonly (keyof Fields)[]; readonly clears?: readonly (keyof Fields)[]; readonly bits?: number } = {}): ConfigRegister {
  const mask = (names: readonly (keyof Fields)[]): number => names.reduce((all, name) => all | maskOf(of.fields[name]), 0);
  // The layout's own types are checked here; the space reads words.
  return { group, offset, layout: of as unknown as Layout<AnyFields>, initial: Number(of.encode(initial)), writable: (mask(access.writes ?? []) | (access.bits ?? 0)) >>> 0, clears: mask(access.clears ?? []) >>> 0 };
}

const maskOf = (field: Field | undefined): number => (field === undefined ? 0 : Number(((1n << BigInt(field.high - field.low + 1)) - 1n) << BigInt(field.low)));

function check(offset: number, size: number): void {
  if (offset % size !== 0 || offset < 0 || offset + size > SIZE) throw new RangeError(`no access of ${size} bytes at 0x${offset.toString(16)} of configuration space`);
}
