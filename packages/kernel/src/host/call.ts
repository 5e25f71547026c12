// SPDX-License-Identifier: Apache-2.0
/** One call into the guest: what the op ABI keeps between two ops of it. */
import { MAX_TEXT } from '../abi.ts';
import type { Guest } from '../guest.ts';

const NOTHING: readonly [number, number] = [0, 0];
const MOST_LATCHED = 4;

export class GuestCall {
  readonly guest: Guest;
  /** Op ordinals of this call's loads, in order: what a dependency token counts. */
  readonly #loads: number[] = [];
  #latched: (readonly [number, number])[] = [];
  #result: readonly number[] = [];
  #text = '';
  readonly #mostText: number;

  constructor(guest: Guest, mostText = MAX_TEXT) {
    this.guest = guest;
    this.#mostText = mostText;
  }

  loaded(ordinal: number): void {
    this.#loads.push(ordinal);
  }

  /** Op ordinal behind a dependency token; 0 for none, and for a token the guest made up. */
  dependency(token: number): number {
    return token === 0 ? 0 : (this.#loads[token - 1] ?? 0);
  }

  latch(a: number, b: number): void {
    this.#latched.push([a, b]);
    if (this.#latched.length > MOST_LATCHED) this.#latched.shift();
  }

  /**
   * The pair latched `back` places before the last one (0: the last). Counted from the end: a guest that threw between a latch and its op,
   * and went on, has left an older one behind.
   */
  latched(back: number): readonly [number, number] {
    return this.#latched.at(-1 - back) ?? NOTHING;
  }

  /** What was latched and spelt belonged to the op that has just been done. */
  finishOp(): void {
    this.#latched = [];
    this.#text = '';
  }

  /** Keeps a result of several words and returns the first. */
  answer(...words: readonly number[]): number {
    this.#result = words.map((word) => word >>> 0);
    return this.#result[0] ?? 0;
  }

  part(index: number): number {
    return this.#result[index] ?? 0;
  }

  addText(a: number, b: number, count: number): void {
    const units = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16].slice(0, count);
    if (this.#text.length + units.length <= this.#mostText) this.#text += String.fromCharCode(...units);
  }

  takeText(): string {
    const text = this.#text;
    this.#text = '';
    return text;
  }
}
