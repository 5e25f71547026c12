// SPDX-License-Identifier: Apache-2.0
/**
 * Random executions after Burckhardt's PCT ("A randomized scheduler with
 * probabilistic guarantees of finding bugs", ASPLOS 2010), adapted to choice
 * points: of the about `length` choices of a run, `depth` chosen at random
 * deviate. A bug that needs d deviations is hit with probability at least
 * 1/(length · width)^d a run. The seed is part of the name: same seed, same runs.
 */
import type { Choice, Strategy } from '@dmalab/core/base/choice';

export class Sample implements Strategy {
  #state: number;
  #length: number;
  readonly #depth: number;
  #asked = 0;
  #points = new Set<number>();

  /**
   * @param seed   any integer
   * @param length number of choices of a plain run
   * @param depth  most deviations in one run, at least 1
   */
  constructor(seed: number, length: number, depth: number) {
    this.#state = (seed | 0) ^ 0x9e3779b9;
    this.#length = Math.max(length, 1);
    this.#depth = depth;
    this.#draw();
  }

  pick(choice: Choice): number {
    const deviates = this.#points.has(this.#asked);
    this.#asked += 1;
    return deviates ? 1 + this.#below(choice.width - 1) : 0;
  }

  /** Prepares another run; there is always one. */
  advance(): boolean {
    this.#length = Math.max(this.#length, this.#asked);
    this.#asked = 0;
    this.#draw();
    return true;
  }

  #draw(): void {
    const count = 1 + this.#below(this.#depth);
    this.#points = new Set();
    for (let i = 0; i < count; i += 1) this.#points.add(this.#below(this.#length));
  }

  /** A whole number from 0 up to, not including, `n`: xorshift32 (Marsaglia 2003). */
  #below(n: number): number {
    let x = this.#state || 1;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % n;
  }
}
