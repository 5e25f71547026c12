// SPDX-License-Identifier: Apache-2.0
/** What can happen next, in the order in which it is offered: agents, held stores, held posts. */
import type { Effect, StepOption, StoreName } from '../base/choice.ts';
import { MAILBOX } from '../base/port.ts';
import type { Store } from '../ordering/operational/memory.ts';
import type { AgentRun } from './agent-run.ts';
import type { Memory } from './memory-system.ts';
import type { Performer } from './perform.ts';

export interface Transition {
  /** The agent that goes on; `null`: memory does something by itself. */
  readonly agent: AgentRun | null;
  readonly happen: () => void;
  readonly label: () => string;
  readonly about: StepOption;
}

export class Transitions {
  readonly #runs: readonly AgentRun[];
  readonly #memory: Memory;
  readonly #performer: Performer;

  constructor(runs: readonly AgentRun[], memory: Memory, performer: Performer) {
    this.#runs = runs;
    this.#memory = memory;
    this.#performer = performer;
  }

  /**
   * @param running who would go on by itself and is left out; `null` when nobody runs
   * @param last    agents are offered from the one after it, in declaration order; absent: from the first
   */
  open(running: AgentRun | null, last?: AgentRun): Transition[] {
    const found: Transition[] = [];
    const count = this.#runs.length;
    const start = last === undefined ? 0 : last.memory.index + 1;
    for (let i = 0; i < count; i += 1) {
      const run = this.#runs[(start + i) % count];
      if (run === undefined || run === running || run.status === 'done') continue;
      if (run.status === 'blocked' && run.wait?.can() !== true) continue;
      found.push({ agent: run, happen: () => undefined, label: () => `${run.id} goes on`, about: this.aboutAgent(run) });
    }
    for (const store of this.#memory.heldStores()) {
      found.push({ agent: null, happen: () => this.#memory.release(store, true), label: () => this.#memory.describe(store), about: { kind: 'store', store: this.#name(store), effect: placed(store) } });
      if (!this.#memory.core.oneStep(store) && store.c === 0) found.push({ agent: null, happen: () => this.#memory.release(store, false), label: () => `${this.#memory.describe(store)} of the CPUs only`, about: { kind: 'store', store: this.#name(store), cpusOnly: true, effect: placed(store) } });
    }
    for (const post of this.#memory.heldPosts()) found.push({ agent: null, happen: () => this.#memory.releasePost(post), label: () => `${post.key} arrives at ${post.store.owner}`, about: { kind: 'post', store: this.#name(post.store), effect: { kind: 'write', place: this.#memory.registers.isServed(post.store.owner) ? { space: 'mmio', owner: post.store.owner, address: MAILBOX, size: 8 } : { space: 'mmio', owner: post.store.owner, address: post.store.address, size: post.store.size } } } });
    return found;
  }

  aboutAgent(run: AgentRun): StepOption {
    return { kind: 'agent', agent: run.id, next: run.upcoming === null ? null : { op: run.ordinal + 1, effect: this.#effect(run) } };
  }

  /** What the operation an agent is at does, where every store is held until it is picked. Where in doubt, it writes. */
  #effect(run: AgentRun): Effect {
    const op = run.upcoming;
    switch (op?.kind) {
      case 'fence':
      case 'branch':
      case 'choose':
        return NONE;
      case 'load':
      case 'await': {
        const { place } = op;
        if (op.kind === 'await' && op.next === true) return op.poll === true ? { kind: 'poll', place } : NONE;
        if (!run.isCpu && place.space === 'mmio') return NONE;
        // A load may have to drive out what its agent still holds, may move a line, and is an event of its own where stores go by two steps.
        if (place.space !== 'ram' || this.#memory.cached !== null || (op.kind === 'load' && op.exclusive === true)) return { kind: 'write', place };
        const first = this.#performer.foresee(run, op);
        return first === 'wait' ? NONE : { kind: first === 'force' || (run.isCpu && this.#memory.layered) ? 'write' : 'read', place };
      }
      case 'store':
        return run.isCpu && op.exclusive !== true && op.place.space !== 'irq' ? NONE : { kind: 'write', place: op.place };
      case 'maintain':
        return NONE;
      case 'rmw':
        return { kind: 'write', place: op.place };
      case 'interrupt':
      case 'idle':
      case undefined:
        return { kind: 'write' };
    }
  }

  #name(store: Store): StoreName {
    return { agent: this.#runs[store.agent]?.id ?? '', number: store.number };
  }
}

const NONE: Effect = { kind: 'none' };
const placed = (store: Store): Effect => ({ kind: 'write', place: { space: 'ram', owner: '', address: store.address, size: store.size } });
