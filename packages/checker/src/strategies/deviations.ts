// SPDX-License-Identifier: Apache-2.0
/**
 * Systematic search by number of deviations from the plain run: first none,
 * then every single one, then every pair … so that the first failure found is
 * a small one. Each set of deviations is tried once: a set is extended only by
 * choices asked after its last member.
 */
import type { ChoiceKind, Deviation } from '@dmalab/core/base/choice';
import { type Asked, name } from './replay.ts';

/** A set of deviations still to be run. */
interface Node {
  readonly deviations: readonly Deviation[];
}

/** What a student most likely forgot comes first; the order of kinds inside a level decides nothing else. */
const FIRST: Record<ChoiceKind, number> = { drain: 0, deliver: 1, read: 2, irq: 3, device: 4, fault: 5, step: 6, order: 7 };

export class DeviationSearch {
  /** Size of the sets that are being run. */
  level = 0;
  /** Sets larger than this are not tried. */
  readonly bound: number;
  #now: Node[] = [{ deviations: [] }];
  #next: Node[] = [];
  #at = 0;
  readonly #skip: (choice: Asked, answer: number) => boolean;
  readonly #room: number;

  /**
   * @param bound largest number of deviations in one execution
   * @param room  most sets kept for the next level; a level with more is cut and never counts as completed
   * @param skip  whether a deviation provably changes nothing that anyone can see
   */
  constructor(bound: number, room: number, skip: (choice: Asked, answer: number) => boolean = () => false) {
    this.bound = bound;
    this.#room = room;
    this.#skip = skip;
  }

  /** Largest level of which every set has been taken; -1 before the plain run. */
  completed = -1;
  #cut = false;
  #nextCut = false;

  /** The next set to run, or `undefined` when every set up to the bound has been. */
  take(): readonly Deviation[] | undefined {
    if (this.#at === this.#now.length) {
      if (!this.#cut) this.completed = this.level;
      if (this.#next.length === 0) {
        if (!this.#cut) this.completed = this.bound; // no larger set exists
        return undefined;
      }
      this.#cut ||= this.#nextCut;
      this.#now = this.#next.sort((a, b) => FIRST[last(a).kind] - FIRST[last(b).kind]);
      this.#next = [];
      this.#at = 0;
      this.level += 1;
    }
    const node = this.#now[this.#at];
    this.#at += 1;
    return node?.deviations;
  }

  /** Tells what the run of `deviations` asked, so that it can be extended. */
  report(deviations: readonly Deviation[], asked: readonly Asked[]): void {
    if (deviations.length >= this.bound) return;
    let from = 0;
    const newest = deviations.at(-1);
    if (newest !== undefined) {
      const id = name(newest);
      from = asked.findIndex((choice) => name(choice) === id) + 1;
      if (from === 0) return; // the run never came to its last deviation: it equals a smaller set
    }
    for (let i = from; i < asked.length; i += 1) {
      const choice = asked[i]!;
      for (let answer = 1; answer < choice.width; answer += 1) {
        if (this.#skip(choice, answer)) continue;
        if (this.#next.length >= this.#room) {
          this.#nextCut = true;
          return;
        }
        const { agent, kind, key, ordinal } = choice;
        this.#next.push({ deviations: [...deviations, { agent, kind, key, ordinal, answer }] });
      }
    }
  }
}

function last(node: Node): Deviation {
  return node.deviations[node.deviations.length - 1]!;
}
