// SPDX-License-Identifier: Apache-2.0
/**
 * Student code behind a memo tree. A call is a pure function of its arguments
 * and the answers it gets, so what it did under answers seen before is known:
 * a walk down the tree, without entering the sandbox. A new answer runs the
 * call once more from the snapshot, with the recorded prefix, and goes on live.
 */
import type { Guest, GuestOutcome } from '@dmalab/kernel/guest';
import type { Site } from '@dmalab/core/base/events';
import { Sandbox } from '@dmalab/sandbox/sandbox';

interface OpNode {
  readonly code: number;
  readonly a: number;
  readonly b: number;
  readonly site: Site | null;
  readonly next: Map<number, Slot>;
}
/** A place in the tree: what follows one prefix of answers, once known. */
interface Slot {
  op: OpNode | undefined;
  end: GuestOutcome | undefined;
}

export interface MemoLimits {
  /** Fuel of one call. */
  readonly fuel: number;
  /** Nodes kept; beyond, the tree is forgotten and grows anew. Affects speed only. */
  readonly nodes: number;
}

export const MEMO_LIMITS: MemoLimits = { fuel: 5_000_000, nodes: 400_000 };

/** One program: its instances (one a nesting level, from one snapshot) and its tree. */
export class GuestMemo {
  readonly #sandboxes: Sandbox[];
  readonly #busy = new Set<Sandbox>();
  readonly #limits: MemoLimits;
  readonly #sites: boolean;
  #roots = new Map<string, Slot>();
  #nodes = 0;
  #site: Site | null = null;
  /** Calls that entered the sandbox. */
  entered = 0;

  /**
   * @param loaded a sandbox that has loaded the program
   * @param sites  whether to record where each op stands (slower; for replays that people look at)
   */
  constructor(loaded: Sandbox, sites = false, limits: MemoLimits = MEMO_LIMITS) {
    this.#sandboxes = [loaded];
    this.#sites = sites;
    this.#limits = limits;
  }

  /** A guest of any CPU and level; all share the tree. */
  guest(): Guest {
    const call: Guest['call'] = (entry, args, perform) => this.#call(entry, args, perform);
    return this.#sites ? { call, site: () => this.#site } : { call };
  }

  #call(entry: string, args: readonly (number | bigint)[], perform: (code: number, a: number, b: number) => number): GuestOutcome {
    if (this.#nodes > this.#limits.nodes && this.#busy.size === 0) {
      this.#roots = new Map();
      this.#nodes = 0;
    }
    const key = `${entry}(${args.map((arg) => (typeof arg === 'bigint' ? `${arg}n` : arg)).join(',')})`;
    let slot = this.#roots.get(key);
    if (slot === undefined) {
      slot = { op: undefined, end: undefined };
      this.#roots.set(key, slot);
    }
    const start = slot;
    const answers: number[] = [];
    while (slot.op !== undefined) {
      const { op }: { op: OpNode } = slot as { op: OpNode }; // just tested
      this.#site = op.site;
      const answer = perform(op.code, op.a, op.b) >>> 0;
      answers.push(answer);
      slot = this.#follow(op, answer);
    }
    return slot.end ?? this.#live(entry, args, perform, start, answers);
  }

  #live(entry: string, args: readonly (number | bigint)[], perform: (code: number, a: number, b: number) => number, start: Slot, known: readonly number[]): GuestOutcome {
    const sandbox = this.#take();
    this.entered += 1;
    let slot = start;
    let at = 0;
    try {
      const outcome = sandbox.call(
        entry,
        args,
        (code, a, b) => {
          const replayed = at < known.length;
          if (slot.op === undefined) {
            slot.op = { code, a, b, site: this.#sites ? (sandbox.currentStack()[0] ?? null) : null, next: new Map() };
            this.#nodes += 1;
          } else if (slot.op.code !== code || slot.op.a !== a || slot.op.b !== b) throw new MemoFault(`${entry} did something else under the same answers`);
          const { op }: { op: OpNode } = slot as { op: OpNode }; // just set
          this.#site = op.site;
          const answer = replayed ? known[at]! : perform(code, a, b) >>> 0;
          at += 1;
          slot = this.#follow(op, answer);
          return answer;
        },
        this.#limits.fuel,
      );
      slot.end = outcome;
      return outcome;
    } finally {
      this.#busy.delete(sandbox);
    }
  }

  #follow(op: OpNode, answer: number): Slot {
    let slot = op.next.get(answer);
    if (slot === undefined) {
      slot = { op: undefined, end: undefined };
      op.next.set(answer, slot);
    }
    return slot;
  }

  #take(): Sandbox {
    let free = this.#sandboxes.find((sandbox) => !this.#busy.has(sandbox));
    if (free === undefined) {
      free = this.#sandboxes[0]!.fork();
      this.#sandboxes.push(free);
    }
    this.#busy.add(free);
    return free;
  }
}

/** The sandbox was not deterministic: our fault, never a verdict. */
export class MemoFault extends Error {
  override readonly name = 'MemoFault';
}
