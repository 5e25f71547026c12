// SPDX-License-Identifier: Apache-2.0
/**
 * Recognises a program that waits by reading the same thing again and again.
 * Such a loop must block until there is another value to read (decision 9):
 * spinning would cost steps without end, and nothing would be learnt from it.
 *
 * Told of loads, of cpu_relax and of barriers; anything else the program does
 * (a store, an allocation, a call that returns) begins anew. A loop that waits
 * for one of *several* places is left alone: it spins into its step budget.
 */
import type { Value } from '@dmalab/core/base/port';

/** `once`: READ_ONCE, an acquire, a register. `plain`: a load that the compiler may hoist. */
export type LoadKind = 'once' | 'plain';

interface Seen {
  readonly value: Value;
  /** How often it was read again with the same value. */
  readonly repeats: number;
  /** cpu_relax came right after it. */
  readonly relaxed: boolean;
}

/** Read again so often, a place is waited for. Straight code reads a place that often only if it means to. */
const REPEATS: Readonly<Record<LoadKind, number>> = { once: 3, plain: 15 };

export interface Wait {
  /** What has been read so far: wait for anything else. */
  readonly last: Value;
  /** The compiler may have hoisted the load out of the loop: then nothing else is ever read. */
  readonly hoisted: boolean;
}

export class WaitLoop {
  #seen = new Map<string, Seen>();
  #once = new Set<string>();
  #last: string | null = null;
  #barrier = false;

  /**
   * Asked before a load: whether it should wait.
   * @param shared whether somebody else may write the place; a plain load of private data is never what a loop waits for, unless it reads nothing else
   */
  wait(key: string, kind: LoadKind, shared: boolean): Wait | null {
    const seen = this.#seen.get(key);
    if (seen === undefined) return null;
    if (kind === 'once' ? this.#once.size > 1 : this.#once.size > 0 || (!shared && this.#seen.size > 1)) return null;
    if (!seen.relaxed && seen.repeats < REPEATS[kind]) return null;
    return { last: seen.value, hoisted: kind === 'plain' && !seen.relaxed && !this.#barrier };
  }

  /** Told after each load. */
  loaded(key: string, kind: LoadKind, value: Value): void {
    const seen = this.#seen.get(key);
    if (seen !== undefined && seen.value !== value) this.reset();
    this.#seen.set(key, { value, repeats: seen?.value === value ? seen.repeats + 1 : 0, relaxed: false });
    if (kind === 'once') this.#once.add(key);
    this.#last = key;
  }

  relax(): void {
    const seen = this.#last === null ? undefined : this.#seen.get(this.#last);
    if (seen !== undefined && this.#last !== null) this.#seen.set(this.#last, { ...seen, relaxed: true });
    this.#barrier = true;
  }

  /** A barrier keeps loads where they are, but does not end a loop. */
  barrier(): void {
    this.#barrier = true;
  }

  reset(): void {
    if (this.#seen.size > 0) {
      this.#seen = new Map();
      this.#once = new Set();
    }
    this.#last = null;
    this.#barrier = false;
  }
}
