// SPDX-License-Identifier: Apache-2.0
/**
 * What the incremental order of the graph form is measured against: it keeps
 * the edges alone and looks at the whole graph, from scratch, after each
 * change. It has the same sets of bits, so that nothing else tells the two apart.
 */
import type { Reachability, ReachMark } from '@dmalab/core/ordering/graph/reach';
import { forEachBit, hasBit, NO_BITS, oneBit, unionBits, type Bits } from '@dmalab/core/ordering/graph/bits';

export class ScratchOrder implements Reachability {
  /** By node: what comes right before it. */
  readonly #before: Bits[] = [];
  readonly #changed: { readonly node: number; readonly before: Bits }[] = [];

  get size(): number {
    return this.#before.length;
  }

  ancestors(node: number): Bits {
    const found = new Set<number>();
    this.#collect(node, found);
    let set = NO_BITS;
    for (const x of found) set = unionBits(set, oneBit(x));
    return set;
  }

  add(before: Bits): number {
    this.#before.push(before);
    this.#acyclic();
    return this.#before.length - 1;
  }

  edge(x: number, y: number): boolean {
    const before = this.#before[y] ?? NO_BITS;
    if (x === y) return false;
    if (hasBit(before, x)) return true;
    this.#before[y] = unionBits(before, oneBit(x));
    if (!this.#acyclic()) {
      this.#before[y] = before;
      return false;
    }
    this.#changed.push({ node: y, before });
    return true;
  }

  edges(before: Bits, y: number): boolean {
    let free = true;
    forEachBit(before, (x) => (free &&= this.edge(x, y)));
    return free;
  }

  reaches(x: number, y: number): boolean {
    return hasBit(this.ancestors(y), x);
  }

  mark(): ReachMark {
    return { size: this.#before.length, changes: this.#changed.length };
  }

  undo(mark: ReachMark): void {
    for (let i = this.#changed.length - 1; i >= mark.changes; i -= 1) {
      const change = this.#changed[i];
      if (change !== undefined) this.#before[change.node] = change.before;
    }
    this.#changed.length = mark.changes;
    this.#before.length = mark.size;
  }

  /** Depth-first over every node: none may be reached again while it is open. */
  #acyclic(): boolean {
    const state = new Uint8Array(this.#before.length);
    const closes = (node: number): boolean => {
      if (state[node] === 2) return true;
      if (state[node] === 1) return false;
      state[node] = 1;
      let free = true;
      forEachBit(this.#before[node] ?? NO_BITS, (x) => (free &&= closes(x)));
      state[node] = 2;
      return free;
    };
    for (let node = 0; node < this.#before.length; node += 1) if (!closes(node)) return false;
    return true;
  }

  #collect(node: number, found: Set<number>): void {
    forEachBit(this.#before[node] ?? NO_BITS, (x) => {
      if (found.has(x)) return;
      found.add(x);
      this.#collect(x, found);
    });
  }
}
