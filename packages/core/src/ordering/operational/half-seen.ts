// SPDX-License-Identifier: Apache-2.0
/**
 * STRICT where accesses have several sizes. A CPU's load may show a store that
 * devices do not have yet beside older bytes. In everyone's order that load is
 * behind the store and before whatever overwrites those bytes; so the store
 * reaches everyone before that does.
 */
import { type History, type Message, overlaps } from '../../memory/history.ts';

interface Range {
  readonly address: number;
  readonly size: number;
}

/** A byte of a load beside those that a half visible store gave it. */
interface Beside {
  readonly store: Message;
  readonly history: unknown;
  readonly at: number;
  /** What gave it; absent: initial content. */
  readonly source: Message | undefined;
}

export class HalfSeen {
  #beside: Beside[] = [];

  /** Whether a load of these parts has a place in everyone's order. `own`: stores of its agent that hide what is below. */
  possible<P>(history: History<P>, agent: number, range: Range, parts: readonly Message<P>[], own: readonly Range[]): boolean {
    for (const { store, at, source } of besides(history, agent, range, parts, own)) {
      const messages = history.overlapping(at, 1);
      for (const later of messages.slice(messages.findIndex((m) => m === source) + 1)) if (later.a > 0 && (store.a === 0 || later.a < store.a)) return false;
    }
    return true;
  }

  /** Remembers a load that was performed. */
  note<P>(history: History<P>, agent: number, range: Range, parts: readonly Message<P>[], own: readonly Range[]): void {
    for (const beside of besides(history, agent, range, parts, own)) if (beside.store.a === 0) this.#beside.push(beside);
  }

  /** A store that must reach everyone before this one does; before a device's write, which is not in the history yet. */
  first<P>(history: History<P>, write: Range | Message<P>): Message<P> | null {
    if (this.#beside.length === 0) return null;
    this.#beside = this.#beside.filter((b) => b.store.a === 0);
    for (const { store, history: there, at, source } of this.#beside) {
      if (there !== history || store === write || source === write || !overlaps(write, { address: at, size: 1 })) continue;
      const messages = history.overlapping(at, 1);
      const place = messages.findIndex((m) => m === write);
      const overwrites = place >= 0 ? place > messages.findIndex((m) => m === source) : source === undefined || source.a > 0;
      // It is one of this history's.
      if (overwrites) return store as Message<P>;
    }
    return null;
  }
}

function besides<P>(history: History<P>, agent: number, range: Range, parts: readonly Message<P>[], own: readonly Range[]): Beside[] {
  const covers = (r: Range, at: number): boolean => r.address <= at && at < r.address + r.size;
  const found: Beside[] = [];
  for (const store of parts) {
    if (store.agent === agent || store.a === store.c) continue;
    for (let at = range.address; at < range.address + range.size; at += 1) {
      if (own.some((o) => covers(o, at))) continue;
      const source = parts.findLast((part) => covers(part, at));
      if (source !== store) found.push({ store, history, at, source });
    }
  }
  return found;
}
