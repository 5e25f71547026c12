// SPDX-License-Identifier: Apache-2.0
/** How often one person may do a thing: a bucket that refills with time. */
import type { Allowance } from '../config.ts';

export class Allowances {
  readonly #allowance: Allowance;
  readonly #now: () => number;
  readonly #buckets = new Map<string, { left: number; at: number }>();

  constructor(allowance: Allowance, now: () => number = Date.now) {
    this.#allowance = allowance;
    this.#now = now;
  }

  /** Takes one. @returns 0, or the seconds until there is one again */
  take(who: string): number {
    const { burst, perMinute } = this.#allowance;
    const now = this.#now();
    const bucket = this.#buckets.get(who) ?? { left: burst, at: now };
    bucket.left = Math.min(burst, bucket.left + ((now - bucket.at) / 60_000) * perMinute);
    bucket.at = now;
    this.#buckets.set(who, bucket);
    if (this.#buckets.size > 10_000) this.#forgetFull(now);
    if (bucket.left < 1) return Math.ceil(((1 - bucket.left) / perMinute) * 60);
    bucket.left -= 1;
    return 0;
  }

  #forgetFull(now: number): void {
    for (const [who, bucket] of this.#buckets) if (bucket.left + ((now - bucket.at) / 60_000) * this.#allowance.perMinute >= this.#allowance.burst) this.#buckets.delete(who);
  }
}
