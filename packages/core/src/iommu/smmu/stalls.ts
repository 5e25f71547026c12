// SPDX-License-Identifier: Apache-2.0
/**
 * Transactions that wait for RESUME (IHI 0070, 3.12.2). Those that could not be
 * reported, because no tag was free or the event queue could not be written, have
 * a tag of our own and try again when that changes (7.2.1).
 */
interface Waiting {
  readonly source: number;
}

/** Tags above every STAG: such a transaction has not been reported. */
const UNREPORTED = 0x1_0000;

export class Stalls {
  readonly #limit: number;
  readonly #reported = new Map<number, Waiting>();
  readonly #unreported = new Map<number, Waiting>();
  #next = UNREPORTED;

  constructor(limit: number) {
    // A unit that can stall holds one transaction at least.
    this.#limit = Math.max(1, Math.min(UNREPORTED, limit));
  }

  /** Reported ones, by STAG. */
  get tags(): ReadonlyMap<number, Waiting> {
    return this.#reported;
  }

  /** The lowest STAG that is not in use; null: none is free. */
  free(): number | null {
    if (this.#reported.size >= this.#limit) return null;
    for (let tag = 0; ; tag += 1) if (!this.#reported.has(tag)) return tag;
  }

  report(tag: number, source: number): void {
    this.#reported.set(tag, { source });
  }

  /** Returns the tag of one that waits unreported. */
  hold(source: number): number {
    this.#next += 1;
    this.#unreported.set(this.#next, { source });
    return this.#next;
  }

  /** CMD_RESUME: whether such a transaction of that stream was there. */
  resume(tag: number, source: number): boolean {
    if (this.#reported.get(tag)?.source !== source) return false;
    this.#reported.delete(tag);
    return true;
  }

  /** Lets go of all transactions of a stream; null: of every stream. */
  end(source: number | null): readonly { readonly tag: number; readonly source: number }[] {
    const ended = [...this.#reported, ...this.#unreported].filter(([, waiting]) => source === null || waiting.source === source).map(([tag, waiting]) => ({ tag, source: waiting.source }));
    for (const { tag } of ended) {
      this.#reported.delete(tag);
      this.#unreported.delete(tag);
    }
    return ended;
  }

  /** The unreported one that has waited longest is let go, to try again. */
  retryOne(): { readonly tag: number; readonly source: number } | null {
    const oldest = this.#unreported.entries().next();
    if (oldest.done === true) return null;
    const [tag, { source }] = oldest.value;
    this.#unreported.delete(tag);
    return { tag, source };
  }
}
