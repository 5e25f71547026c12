// SPDX-License-Identifier: Apache-2.0
/** What can happen next, in the order in which it is offered: agents, held stores, held posts. */
import type { StepOption, StoreName } from '../base/choice.ts';
import type { Store } from '../ordering/operational/memory.ts';
import type { AgentRun } from './agent-run.ts';
import type { Memory } from './memory-system.ts';

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

  constructor(runs: readonly AgentRun[], memory: Memory) {
    this.#runs = runs;
    this.#memory = memory;
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
      found.push({ agent: run, happen: () => undefined, label: () => `${run.id} goes on`, about: { kind: 'agent', agent: run.id } });
    }
    for (const store of this.#memory.heldStores()) {
      found.push({ agent: null, happen: () => this.#memory.release(store, true), label: () => this.#memory.describe(store), about: { kind: 'store', store: this.#name(store) } });
      if (!this.#memory.core.oneStep(store) && store.c === 0) found.push({ agent: null, happen: () => this.#memory.release(store, false), label: () => `${this.#memory.describe(store)} of the CPUs only`, about: { kind: 'store', store: this.#name(store), cpusOnly: true } });
    }
    for (const post of this.#memory.heldPosts()) found.push({ agent: null, happen: () => this.#memory.releasePost(post), label: () => `${post.key} arrives at ${post.store.owner}`, about: { kind: 'post', store: this.#name(post.store) } });
    return found;
  }

  #name(store: Store): StoreName {
    return { agent: this.#runs[store.agent]?.id ?? '', number: store.number };
  }
}
