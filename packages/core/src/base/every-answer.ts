// SPDX-License-Identifier: Apache-2.0
/** Depth-first through every sequence of answers: each run asks the questions its earlier answers lead to, and `advance` moves to the next sequence. */
export class EveryAnswer {
  readonly #answers: number[] = [];
  readonly #widths: number[] = [];
  #at = 0;

  /** An index below `width`; the first run answers 0 everywhere. */
  choose(width: number): number {
    if (width < 2) return 0;
    const known = this.#answers[this.#at];
    if (known === undefined) {
      this.#answers.push(0);
      this.#widths.push(width);
    }
    this.#at += 1;
    return known ?? 0;
  }

  /** Call after each run. `false`: there is no other sequence, and the next run is the first again. */
  advance(): boolean {
    this.#at = 0;
    while (this.#answers.length > 0) {
      const last = this.#answers.length - 1;
      const next = (this.#answers[last] ?? 0) + 1;
      if (next < (this.#widths[last] ?? 0)) {
        this.#answers[last] = next;
        return true;
      }
      this.#answers.pop();
      this.#widths.pop();
    }
    return false;
  }
}
