// SPDX-License-Identifier: Apache-2.0
/**
 * Registers as data. A register is a location of the device's MMIO space:
 * CPU writes arrive there as messages, the device looks at them and sets its
 * own; nothing else knows what they mean.
 */
import type { AnyLayout } from '../base/layout.ts';
import type { Place, Port, Value } from '../base/port.ts';

export interface Register {
  /** Bytes from the start of the device's window; a multiple of 4. */
  readonly offset: number;
  /** As the CPU sees it: a store to an `ro` register and a load of a `wo` one mean nothing and are a driver's mistake. */
  readonly access: 'rw' | 'ro' | 'wo';
  readonly doc: string;
  /** Content before anyone writes; 0 when left out. */
  readonly reset?: number;
  /** Its fields, where it has any. */
  readonly layout?: AnyLayout;
  /** 8: a word that is stored whole (the words of a portal). Everything else is 32 bits wide, 64-bit values being two registers. */
  readonly bytes?: 8;
}
/** A declared register's content, by its layout. */
type FieldsOf<R> = R extends { readonly layout: { decode(raw: bigint): infer D } } ? D : never;
export type RegisterTable = Readonly<Record<string, Register>>;

/** What a doorbell holds before it was ever rung; no slot number. */
export const NEVER_RUNG = 0xffff_ffff;

/** Checks a table as it loads: aligned, inside the window, no two at one offset. */
export function registerTable<const T extends RegisterTable>(windowSize: number, table: T): T {
  const seen = new Set<number>();
  for (const [name, { offset, bytes = 4, layout }] of Object.entries<Register>(table)) {
    if (!Number.isInteger(offset) || offset < 0 || offset % bytes !== 0 || offset + bytes > windowSize) throw new RangeError(`register ${name}: offset 0x${offset.toString(16)} is not a word of a window of 0x${windowSize.toString(16)} bytes`);
    if (layout !== undefined && layout.bytes !== bytes) throw new RangeError(`register ${name}: ${layout.name} has ${layout.bytes} bytes, the register ${bytes}`);
    for (let at = offset; at < offset + bytes; at += 4) {
      if (seen.has(at)) throw new RangeError(`register ${name}: another register lies at offset 0x${offset.toString(16)}`);
      seen.add(at);
    }
  }
  return table;
}

/** The register at an offset, with its name; `undefined` where there is none. */
export function registerAt(table: RegisterTable, offset: number): ({ readonly name: string } & Register) | undefined {
  for (const [name, register] of Object.entries(table)) if (register.offset === offset) return { name, ...register };
  return undefined;
}

/** Contents at power-on, as the machine's initial state takes them. */
export function resetContents(table: RegisterTable): readonly { readonly offset: number; readonly value: number }[] {
  return Object.values(table).map(({ offset, reset }) => ({ offset, value: reset ?? 0 }));
}

/** The device's own side of its registers. */
export class RegisterBank<T extends RegisterTable> {
  readonly #port: Port;
  readonly #owner: string;
  readonly #table: T;
  /** Channels of which the first content was taken. */
  readonly #begun = new Set<string>();

  constructor(port: Port, owner: string, table: T) {
    this.#port = port;
    this.#owner = owner;
    this.#table = table;
  }

  read(name: keyof T & string): number {
    return asNumber(this.#port.op({ kind: 'load', place: this.#place(name), order: 'relaxed', name }));
  }

  set(name: keyof T & string, value: number): void {
    this.#port.op({ kind: 'store', place: this.#place(name), value, order: 'relaxed', name });
  }

  /** Sleeps until the doorbell is rung; each ring wakes once, and what was rung before the first call counts. */
  awaitRing(name: keyof T & string): number {
    return asNumber(this.#port.op({ kind: 'await', place: this.#place(name), order: 'relaxed', until: (value) => asNumber(value) !== NEVER_RUNG, next: true, name }));
  }

  /** A register's fields. */
  fields<N extends keyof T & string>(name: N): FieldsOf<T[N]> {
    const fields = this.#table[name]?.layout;
    if (fields === undefined) throw new RangeError(`register "${name}" has no fields`);
    // The type is inferred from the same table.
    return fields.decode(BigInt(this.read(name))) as FieldsOf<T[N]>;
  }

  /** Two registers as one value, low half first. */
  pair(low: keyof T & string, high: keyof T & string): bigint {
    const half = BigInt(this.read(low));
    return (BigInt(this.read(high)) << 32n) | half;
  }

  /** Sleeps until the content, whoever writes it, is as asked. */
  awaitContent(name: keyof T & string, until: (value: number) => boolean): number {
    return asNumber(this.#port.op({ kind: 'await', place: this.#place(name), order: 'relaxed', until: (value) => until(asNumber(value)), name }));
  }

  /** The next store to a register in the order of their arrival, none twice. The first call answers with the content before the run: at power-on, or what a driver stored while devices were not running yet. */
  next(name: keyof T & string): Value {
    return this.#port.op({ kind: 'await', place: this.#place(name), order: 'relaxed', until: () => true, next: true, name });
  }

  /** The next store to a register that is 0 at power-on. */
  nextFromZero(name: keyof T & string): number {
    const first = !this.#begun.has(name);
    this.#begun.add(name);
    const value = asNumber(this.next(name));
    return first && value === 0 ? asNumber(this.next(name)) : value;
  }

  #place(name: keyof T & string): Place {
    const register = this.#table[name];
    if (register === undefined) throw new RangeError(`no register "${name}"`);
    return { space: 'mmio', owner: this.#owner, address: register.offset, size: register.bytes ?? 4 };
  }
}

function asNumber(value: Value): number {
  return Number(value);
}
