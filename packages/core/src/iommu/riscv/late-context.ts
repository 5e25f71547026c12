// SPDX-License-Identifier: Apache-2.0
/**
 * Saves reading the same context twice over: what its words were taken to mean
 * last time. The words are fetched and compared each time, so this is no cache of
 * the unit, and nothing that it does can be seen.
 */
export class LateContext<C> {
  readonly #count: number;
  readonly #words: Uint32Array;
  #frame = -1;
  #offset = -1;
  /** What else the meaning depends on. */
  #around: object | null = null;
  #context: C | null = null;

  /** @param count 32-bit words of a context */
  constructor(count: number) {
    this.#count = count;
    this.#words = new Uint32Array(count);
  }

  find(words: Uint32Array, at: number, frame: number, offset: number, around: object): C | null {
    if (frame !== this.#frame || offset !== this.#offset || around !== this.#around) return null;
    for (let i = 0; i < this.#count; i += 1) if (words[at + i] !== this.#words[i]) return null;
    return this.#context;
  }

  keep(words: Uint32Array, at: number, frame: number, offset: number, around: object, context: C): void {
    for (let i = 0; i < this.#count; i += 1) this.#words[i] = words[at + i] ?? 0;
    this.#frame = frame;
    this.#offset = offset;
    this.#around = around;
    this.#context = context;
  }
}
