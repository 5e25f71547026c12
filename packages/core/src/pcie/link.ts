// SPDX-License-Identifier: Apache-2.0
/**
 * One direction of a link, or a whole way through the fabric: packets go in
 * at one end and come out at the other, each as soon as the ordering rules let
 * it. Which of those that may come out comes next is a choice; 0 is the oldest.
 */
import { mayPass, type Ordered, type OrderingClass } from './ordering.ts';

/** Picks one of `width` packets; 0 is the one sent first. */
export type PickNext = (width: number) => number;

interface Travelling<T> {
  readonly packet: T;
  readonly ordered: Ordered;
}

export class Link<T> {
  readonly #orderedOf: (packet: T) => Ordered;
  readonly #travelling: Travelling<T>[] = [];
  /** Classes for which the other end has no room now. */
  readonly stuck = new Set<OrderingClass>();

  constructor(orderedOf: (packet: T) => Ordered) {
    this.#orderedOf = orderedOf;
  }

  send(packet: T): void {
    this.#travelling.push({ packet, ordered: this.#orderedOf(packet) });
  }

  /** Packets on their way, oldest first. */
  get travelling(): readonly T[] {
    return this.#travelling.map(({ packet }) => packet);
  }

  /** Those that may come out next, oldest first: every one before them they may pass, and there is room for them. */
  get next(): readonly T[] {
    return this.#free().map((i) => this.#at(i).packet);
  }

  /** Takes one of them out; null where there is none. */
  deliver(pick: PickNext): T | null {
    const free = this.#free();
    if (free.length === 0) return null;
    const answer = free.length === 1 ? 0 : pick(free.length);
    const index = free[answer];
    if (index === undefined) throw new RangeError(`no packet ${answer} of ${free.length}`);
    const { packet } = this.#at(index);
    this.#travelling.splice(index, 1);
    return packet;
  }

  #free(): number[] {
    const free: number[] = [];
    this.#travelling.forEach(({ ordered }, i) => {
      if (!this.stuck.has(ordered.class) && this.#travelling.slice(0, i).every((earlier) => mayPass(ordered, earlier.ordered))) free.push(i);
    });
    return free;
  }

  #at(index: number): Travelling<T> {
    const found = this.#travelling[index];
    if (found === undefined) throw new RangeError(`no packet ${index} on the way`);
    return found;
  }
}
