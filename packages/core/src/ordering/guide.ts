// SPDX-License-Identifier: Apache-2.0
/**
 * A strategy that makes the operational machine go through one known
 * execution. It holds a plan: the order in which stores become visible, posted
 * writes arrive, and operations whose moment matters are performed. At each
 * question it looks how far the machine has come and answers towards the
 * first thing of the plan that has not happened yet.
 */
import type { Choice, Progress, StepOption, StoreName, Strategy } from '../base/choice.ts';
import type { Value } from '../base/port.ts';

export type Action =
  /** A CPU's store becomes visible to the CPUs; an MMIO write leaves its CPU. */
  | { readonly kind: 'drain'; readonly store: StoreName }
  /** A store that the CPUs see becomes visible to devices (tables with CPU-only edges). */
  | { readonly kind: 'reach'; readonly store: StoreName }
  /** A posted write arrives. */
  | { readonly kind: 'arrive'; readonly store: StoreName }
  /** An agent performs its operations up to this ordinal. */
  | { readonly kind: 'perform'; readonly agent: string; readonly op: number };

/** How an access of a cache line is told apart: stores and maintenance of CPUs by their number, the others by the operation. */
export const lineKey = (line: number, by: { readonly agent: string; readonly op: number } | StoreName): string => `${line}/${by.agent}/${'op' in by ? `op${by.op}` : by.number}`;

export interface Answer {
  readonly value: Value | null;
  /** Stores of others, or own ones that may have left, that a read takes its bytes from; `null` for operations that read nothing. */
  readonly sources: readonly StoreName[] | null;
}

export interface Plan {
  readonly actions: readonly Action[];
  /** By agent id, op by op. */
  readonly answers: ReadonlyMap<string, readonly Answer[]>;
  /** By `lineKey`: a cache line right before an access of it, when nothing moves any more by itself. `behind`: clean, and memory has other content. */
  readonly lines?: ReadonlyMap<string, 'absent' | 'clean' | 'behind' | 'dirty'>;
}

const same = (a: StoreName, b: StoreName): boolean => a.agent === b.agent && a.number === b.number;

export class Guide implements Strategy {
  /** A question had no answer that follows the plan: the machine went another way. */
  diverged = '';
  readonly plan: Plan;
  #at = 0;

  constructor(plan: Plan) {
    this.plan = plan;
  }

  /** One execution only. */
  advance(): boolean {
    return false;
  }

  pick(choice: Choice): number {
    const about = choice.about?.();
    const { progress } = choice;
    // Off the plan, answers of the plan mean nothing any more.
    if (about === undefined || progress === undefined || this.diverged !== '') return 0;
    const next = this.#next(progress);
    switch (about.kind) {
      case 'step':
        return this.#step(about.options, next, progress);
      case 'drain':
        if (next?.kind !== 'drain' || !same(next.store, about.store)) return 1;
        if (choice.width < 3) return 0;
        return this.#reachesAllWith(next.store) ? 0 : 2;
      case 'line': {
        const wanted = this.plan.lines?.get(lineKey(about.line, about.before));
        if (wanted === undefined) return 0;
        // Fetching too much does no harm: a load that is performed late may want what was there before, and a clean line goes as it came.
        return about.state === 'absent' ? 1 : Number(wanted !== about.state);
      }
      case 'deliver':
        return next?.kind === 'arrive' && same(next.store, about.store) ? 0 : 1;
      case 'read':
        return this.#read(choice.agent, about.op, about.options, progress);
      case 'irq': {
        const answer = Number(this.plan.answers.get(choice.agent)?.[about.op - 1]?.value ?? 0);
        const at = answer === 0 ? about.numbers.length : about.numbers.indexOf(answer - 1);
        return at >= 0 && at < choice.width ? at : this.#lost(`${choice.agent} cannot take ${answer === 0 ? 'no interrupt' : `interrupt ${answer - 1}`} at operation ${about.op}`);
      }
      case 'op': {
        const answer = this.plan.answers.get(choice.agent)?.[about.op - 1]?.value;
        if (answer === undefined || answer === null) return this.#lost(`${choice.agent} was not to come to operation ${about.op}`);
        return Number(answer) < choice.width ? Number(answer) : this.#lost(`${choice.agent} asks something else at operation ${about.op}`);
      }
    }
  }

  /** The first thing that has not happened. */
  #next(progress: Progress): Action | null {
    for (;;) {
      const action = this.plan.actions[this.#at];
      if (action === undefined) return null;
      if (!happened(action, progress)) return action;
      this.#at += 1;
    }
  }

  /** Whether nothing has to happen between a store's two steps. */
  #reachesAllWith(store: StoreName): boolean {
    const after = this.plan.actions[this.#at + 1];
    return after?.kind === 'reach' && same(after.store, store);
  }

  #step(options: readonly StepOption[], next: Action | null, progress: Progress): number {
    if (next === null) {
      const agent = options.findIndex((o) => o.kind === 'agent');
      return Math.max(agent, 0);
    }
    const agent = (id: string): number => {
      const found = options.findIndex((o) => o.kind === 'agent' && o.agent === id);
      return found >= 0 ? found : this.#lost(`${id} cannot go on`);
    };
    const store = (kind: 'store' | 'post', name: StoreName, cpusOnly = false): number => {
      const fitting = options.findIndex((o) => o.kind === kind && same(o.store, name) && (o.cpusOnly === true) === cpusOnly);
      const found = fitting >= 0 ? fitting : options.findIndex((o) => o.kind === kind && same(o.store, name));
      return found >= 0 ? found : this.#lost(`store ${name.number} of ${name.agent} cannot go`);
    };
    switch (next.kind) {
      case 'perform':
        return agent(next.agent);
      case 'drain':
        return progress.stage(next.store) === 'unissued' ? agent(next.store.agent) : store('store', next.store, !this.#reachesAllWith(next.store));
      case 'reach':
        return progress.stage(next.store) === 'unissued' ? agent(next.store.agent) : store('store', next.store);
      case 'arrive':
        return progress.flying(next.store) ? store('post', next.store) : progress.stage(next.store) === 'unissued' ? agent(next.store.agent) : store('store', next.store);
    }
  }

  #read(agent: string, op: number, options: readonly ({ readonly value: Value; readonly stores: readonly StoreName[] } | null)[], progress: Progress): number {
    const answer = this.plan.answers.get(agent)?.[op - 1];
    const wait = options.findIndex((o) => o === null);
    if (answer === undefined || answer.value === null) return wait >= 0 ? wait : 0;
    // Own stores that still wait are read without being named.
    const wanted = (answer.sources ?? []).filter((s) => s.agent !== agent || progress.stage(s) === 'all' || progress.stage(s) === 'cpu');
    const exact = options.findIndex((o) => o !== null && o.value === answer.value && o.stores.length === wanted.length && o.stores.every((s) => wanted.some((w) => same(s, w))));
    if (exact >= 0) return exact;
    const equal = options.findIndex((o) => o !== null && o.value === answer.value);
    if (equal >= 0) return equal;
    return wait >= 0 ? wait : this.#lost(`${agent} cannot read ${answer.value} at operation ${op}`);
  }

  #lost(why: string): number {
    if (this.diverged === '') this.diverged = `${why} (action ${this.#at} of the plan)`;
    return 0;
  }
}

function happened(action: Action, progress: Progress): boolean {
  switch (action.kind) {
    case 'perform':
      return progress.performed(action.agent) >= action.op;
    case 'drain':
      return progress.stage(action.store) === 'cpu' || progress.stage(action.store) === 'all';
    case 'reach':
      return progress.stage(action.store) === 'all';
    case 'arrive':
      return progress.stage(action.store) === 'all' && !progress.flying(action.store);
  }
}
