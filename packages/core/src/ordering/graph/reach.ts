// SPDX-License-Identifier: Apache-2.0
/**
 * An acyclic graph that grows and shrinks. Each node knows its ancestors as a
 * bit set, so that "would this edge close a cycle?" is one bit test, and an
 * edge that is implied already costs nothing. Undo restores the sets an edge
 * replaced; sets are never changed in place.
 */
import { addInto, hasBit, maskOf, NO_BITS, oneBit, removeFrom, unionBits, WORD_BITS, wordOf, type Bits } from './bits.ts';

/** A point to go back to. */
export interface ReachMark {
  readonly size: number;
  readonly changes: number;
}

/** What the graph form asks of an order. Another implementation serves to measure this one against. */
export interface Reachability {
  readonly size: number;
  ancestors(node: number): Bits;
  /** A new node behind every member of `before`. It has no successor yet, so no cycle can arise. */
  add(before: Bits): number;
  /** Adds x → y. False: that would close a cycle, and nothing was changed. */
  edge(x: number, y: number): boolean;
  /** Adds an edge from every member of `before` to a node that may have successors. */
  edges(before: Bits, y: number): boolean;
  reaches(x: number, y: number): boolean;
  mark(): ReachMark;
  undo(mark: ReachMark): void;
}

export class Reach implements Reachability {
  readonly #ancestors: Bits[] = [];
  readonly #changedNode: number[] = [];
  readonly #changedSet: Bits[] = [];

  get size(): number {
    return this.#ancestors.length;
  }

  ancestors(node: number): Bits {
    return this.#ancestors[node] ?? NO_BITS;
  }

  add(before: Bits): number {
    this.#ancestors.push(this.#closure(before));
    return this.#ancestors.length - 1;
  }

  edge(x: number, y: number): boolean {
    const above = this.#ancestors[x] ?? NO_BITS;
    if (x === y || hasBit(above, y)) return false;
    if (hasBit(this.#ancestors[y] ?? NO_BITS, x)) return true;
    const gained = unionBits(above, oneBit(x));
    this.#gain(y, gained);
    const word = wordOf(y);
    const mask = maskOf(y);
    for (let z = 0; z < this.#ancestors.length; z += 1) {
      const set = this.#ancestors[z] ?? NO_BITS;
      if (word < set.length && ((set[word] ?? 0) & mask) !== 0) this.#gain(z, gained);
    }
    return true;
  }

  edges(before: Bits, y: number): boolean {
    for (let word = before.length - 1; word >= 0; word -= 1) {
      let rest = before[word] ?? 0;
      while (rest !== 0) {
        const top = 31 - Math.clz32(rest);
        rest &= ~(1 << top);
        if (!this.edge(word * WORD_BITS + top, y)) return false;
      }
    }
    return true;
  }

  reaches(x: number, y: number): boolean {
    return hasBit(this.#ancestors[y] ?? NO_BITS, x);
  }

  mark(): ReachMark {
    return { size: this.#ancestors.length, changes: this.#changedNode.length };
  }

  undo(mark: ReachMark): void {
    for (let i = this.#changedNode.length - 1; i >= mark.changes; i -= 1) {
      const node = this.#changedNode[i] ?? 0;
      if (node < mark.size) this.#ancestors[node] = this.#changedSet[i] ?? NO_BITS;
    }
    this.#changedNode.length = mark.changes;
    this.#changedSet.length = mark.changes;
    this.#ancestors.length = mark.size;
  }

  #gain(node: number, gained: Bits): void {
    const before = this.#ancestors[node] ?? NO_BITS;
    const after = unionBits(before, gained);
    if (after === before) return;
    this.#changedNode.push(node);
    this.#changedSet.push(before);
    this.#ancestors[node] = after;
  }

  /** Members of `before` and all their ancestors. A member that another one covers is skipped. */
  #closure(before: Bits): Bits {
    if (before.length === 0) return NO_BITS;
    const rest = before.slice();
    const all = before.slice();
    for (let word = rest.length - 1; word >= 0; word -= 1) {
      for (;;) {
        const left = rest[word] ?? 0;
        if (left === 0) break;
        const top = 31 - Math.clz32(left);
        rest[word] = left & ~(1 << top);
        const above = this.#ancestors[word * WORD_BITS + top] ?? NO_BITS;
        addInto(all, above);
        removeFrom(rest, above);
      }
    }
    return all;
  }
}
