// SPDX-License-Identifier: Apache-2.0
/** Dice for generated tests: the same seed, the same throws (mulberry32). */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 32 random bits. */
  bits(): number {
    this.#state = (this.#state + 0x6d2b_79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** A number below `n`. */
  below(n: number): number {
    return Math.floor((this.bits() / 0x1_0000_0000) * n);
  }

  /** True in `percent` of all throws. */
  chance(percent: number): boolean {
    return this.below(10_000) < percent * 100;
  }

  word(): bigint {
    return (BigInt(this.bits()) << 32n) | BigInt(this.bits());
  }

  pick<T>(list: readonly T[]): T {
    const found = list[this.below(list.length)];
    if (found === undefined) throw new RangeError('nothing to pick from');
    return found;
  }
}
