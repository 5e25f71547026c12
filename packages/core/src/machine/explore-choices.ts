// SPDX-License-Identifier: Apache-2.0
/**
 * Every execution of a small program on the operational machine, by depth-first
 * search over all its choices. Exponential; for programs of a handful of operations.
 */
import type { Choice, Strategy } from '../base/choice.ts';

export class EveryChoice implements Strategy {
  readonly #answers: number[] = [];
  readonly #widths: number[] = [];
  #at = 0;

  pick(choice: Choice): number {
    const known = this.#answers[this.#at];
    if (known === undefined) {
      this.#answers.push(0);
      this.#widths.push(choice.width);
    }
    this.#at += 1;
    return known ?? 0;
  }

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
