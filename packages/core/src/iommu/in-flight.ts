// SPDX-License-Identifier: Apache-2.0
/**
 * Accesses that were translated and have not reached memory yet. An
 * invalidation is complete only when those that were translated before it are
 * through; later ones do not hold it up.
 */
export class InFlight {
  /** Tickets from 1, in the order in which they were given. */
  readonly #open = new Set<number>();
  #last = 0;

  /** The ticket of an access that leaves now. */
  open(): number {
    this.#last += 1;
    this.#open.add(this.#last);
    return this.#last;
  }

  /** Closing 0, or a ticket twice, is nothing. */
  close(ticket: number): void {
    this.#open.delete(ticket);
  }

  /** Names this moment for `through`. */
  get now(): number {
    return this.#last;
  }

  /** Whether every access that had left by then has arrived. */
  through(moment: number): boolean {
    const oldest = this.#open.values().next();
    return oldest.done === true || oldest.value > moment;
  }
}
