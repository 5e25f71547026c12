// SPDX-License-Identifier: Apache-2.0
/**
 * Every execution of a small program on the operational machine, by depth-first
 * search over all its choices. Exponential; for programs of a handful of operations.
 */
import type { Choice, Strategy } from '../base/choice.ts';
import { EveryAnswer } from '../base/every-answer.ts';

export class EveryChoice implements Strategy {
  readonly #answers = new EveryAnswer();

  pick(choice: Choice): number {
    return this.#answers.choose(choice.width);
  }

  advance(): boolean {
    return this.#answers.advance();
  }
}
