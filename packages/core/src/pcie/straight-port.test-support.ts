// SPDX-License-Identifier: Apache-2.0
/**
 * What tests of devices and of the fabric stand on: memory behind a port that
 * answers at once, in program order, with a list of what was done.
 */
import type { Op, Place, Port, Value } from '../base/port.ts';

/** Bytes of RAM; everything in one order. Not a form: it has no other agents, so it never blocks. */
export class StraightPort implements Port {
  readonly bytes: Uint8Array;
  readonly base: number;
  /** Every operation, as text: `load 0x1000 8`. */
  readonly log: string[] = [];
  /** The same operations, whole. */
  readonly ops: Op[] = [];
  /** Answers to `choose` by key; 0 for the others. */
  readonly answers = new Map<string, number>();
  ordinal = 0;

  constructor(base: number, size: number) {
    this.base = base;
    this.bytes = new Uint8Array(size);
  }

  op(op: Op): Value {
    this.ordinal += 1;
    this.ops.push(op);
    switch (op.kind) {
      case 'load':
        this.#note('load', op.place);
        return this.#get(op.place);
      case 'store':
        this.#note('store', op.place);
        this.#set(op.place, op.value);
        return 0;
      case 'rmw': {
        this.#note('rmw', op.place);
        const old = this.#get(op.place);
        const next = op.modify(old);
        if (next !== undefined) this.#set(op.place, next);
        return old;
      }
      case 'choose':
        return this.answers.get(op.key) ?? 0;
      case 'await': {
        const value = this.#get(op.place);
        if (!op.until(value)) throw new RangeError(`nobody will change 0x${op.place.address.toString(16)}`);
        return value;
      }
      case 'fence':
      case 'branch':
      case 'maintain':
      case 'interrupt':
      case 'idle':
        return 0;
    }
  }

  #note(kind: string, place: Place): void {
    this.log.push(`${kind} 0x${place.address.toString(16)} ${place.size}`);
  }

  #get(place: Place): Value {
    let raw = 0n;
    for (let i = place.size - 1; i >= 0; i -= 1) raw = (raw << 8n) | BigInt(this.bytes[this.#at(place) + i] ?? 0);
    return place.size === 8 ? raw : Number(raw);
  }

  #set(place: Place, value: Value): void {
    if (typeof value !== (place.size === 8 ? 'bigint' : 'number')) throw new RangeError(`a value of ${place.size} bytes that is a ${typeof value}`);
    const raw = BigInt(value);
    for (let i = 0; i < place.size; i += 1) this.bytes[this.#at(place) + i] = Number((raw >> BigInt(8 * i)) & 0xffn);
  }

  #at(place: Place): number {
    const at = place.address - this.base;
    if (place.space !== 'ram' || at < 0 || at + place.size > this.bytes.length || place.address % place.size !== 0) throw new RangeError(`no access of ${place.size} bytes at ${place.space} 0x${place.address.toString(16)}`);
    return at;
  }
}
