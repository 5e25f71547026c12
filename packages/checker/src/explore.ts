// SPDX-License-Identifier: Apache-2.0
/**
 * One workload under one profile, explored: the plain run, then the graph form
 * to the end. Where there is none, or it gives up: every small set of
 * deviations, the smallest first, then samples. Each execution is judged in the
 * operational form, where tracer and sanitizer live; the graph form only says
 * which executions there are.
 *
 * Exploration goes on after the first failure, because a driver may be wrong
 * in two places and each costs its own points; the counts reported with the
 * first failure are those up to it, whatever came later.
 */
import type { Deviation, Strategy } from '@dmalab/core/base/choice';
import { DeviationSearch } from './strategies/deviations.ts';
import { type Asked, Replay } from './strategies/replay.ts';
import { Sample } from './strategies/sample.ts';

/** Something an execution did wrong. `id` tells failures apart: a rule (`XB2`) or a check (`assert:all-sent`). */
export interface Failure {
  readonly id: string;
  readonly sentence: string;
}

/** What one run of the operational form gave. */
export interface Execution {
  /** What it is charged with: its first finding, or the assertions it failed. */
  readonly failures: readonly Failure[];
  /** The answers that were not 0, as the machine took them. */
  readonly deviations: readonly Deviation[];
  readonly steps: number;
  /** Of all calls of all contexts; a function of the answers. */
  readonly fuel: number;
  /** Set when the run could not be judged. */
  readonly error: { readonly whose: 'student' | 'author' | 'ours'; readonly message: string } | null;
}

export interface GraphOutcome {
  readonly leaves: number;
  readonly dead: number;
  readonly complete: boolean;
  /** Why it is not complete. */
  readonly why: string;
}

export interface System {
  execute(strategy: Strategy): Execution;
  /** Enumerates every execution as a guide for `execute`; absent when a component has no graph form. */
  readonly graph?: ((limits: { readonly leaves: number }, onLeaf: (guide: Strategy) => 'stop' | undefined) => GraphOutcome) | undefined;
  /** Whether a deviation provably changes nothing that anyone can see. */
  readonly skip?: ((choice: Asked, answer: number) => boolean) | undefined;
}

export interface Budget {
  /** Most executions judged. */
  readonly executions: number;
  /** Most fuel over all of them. */
  readonly fuel: number;
  /** Largest number of deviations in the bounded search. */
  readonly bound: number;
}

export type Outcome =
  | { readonly kind: 'violated' }
  | { readonly kind: 'complete'; readonly within: string }
  | { readonly kind: 'bounded'; readonly k: number; readonly within: string }
  | { readonly kind: 'sampled'; readonly n: number }
  | { readonly kind: 'error'; readonly whose: 'student' | 'author' | 'ours'; readonly message: string };

/** A failure and the first execution that showed it. */
export interface Found {
  readonly failure: Failure;
  readonly deviations: readonly Deviation[];
  /** Which execution it was, from 1. */
  readonly execution: number;
  /** Which form led to it. */
  readonly engine: 'operational' | 'graph';
}

export interface Exploration {
  readonly outcome: Outcome;
  /** Distinct failures in the order found. */
  readonly found: readonly Found[];
  /** Judged executions: up to the first failure if there is one, else all. */
  readonly executions: number;
  /** Fuel over the same executions. */
  readonly fuel: number;
  /** What was used: `operational`, or `operational, graph`. */
  readonly engine: string;
  readonly plain: Execution;
}

export interface Progress {
  readonly phase: 'plain' | 'deviations' | 'graph' | 'samples';
  readonly executions: number;
}

/** Executions judged after the first failure, in search of a second one. */
const AFTER_FAILURE = 40;
/** Sets of deviations kept for the next level. */
const ROOM = 200_000;

export function explore(system: System, budget: Budget, onProgress?: (progress: Progress) => void): Exploration {
  const walk = new Walk(system, budget, onProgress);
  return walk.run();
}

class Walk {
  readonly #system: System;
  readonly #budget: Budget;
  readonly #onProgress: ((progress: Progress) => void) | undefined;
  readonly #found = new Map<string, Found>();
  #executions = 0;
  #fuel = 0;
  /** Counts at the first failure. */
  #at: { executions: number; fuel: number } | undefined;
  #error: Execution['error'] = null;
  #phase: Progress['phase'] = 'plain';
  #engine = 'operational';

  constructor(system: System, budget: Budget, onProgress: ((progress: Progress) => void) | undefined) {
    this.#system = system;
    this.#budget = budget;
    this.#onProgress = onProgress;
  }

  run(): Exploration {
    const plainReplay = new Replay([], true);
    const plain = this.#judge(plainReplay, 'operational');
    if (this.#error !== null) return this.#result(this.#outcomeOfError(), plain);

    const graph = this.#system.graph;
    let why = '';
    if (graph) {
      this.#phase = 'graph';
      this.#engine = 'operational, graph';
      const outcome = graph({ leaves: this.#budget.executions }, (guide) => {
        if (this.#spent()) return 'stop';
        this.#judge(guide, 'graph');
        return this.#error === null ? undefined : 'stop';
      });
      if (this.#error !== null) return this.#result(this.#outcomeOfError(), plain);
      if (outcome.complete) return this.#result({ kind: 'complete', within: 'every schedule this profile allows' }, plain);
      why = outcome.why || 'the budget was used up';
    }

    this.#phase = 'deviations';
    const search = new DeviationSearch(this.#budget.bound, ROOM, this.#system.skip);
    search.take();
    search.report([], plainReplay.asked);
    for (let set = search.take(); set !== undefined && !this.#spent(); set = search.take()) {
      const replay = new Replay(set, true);
      this.#judge(replay, 'operational');
      if (this.#error !== null) return this.#result(this.#outcomeOfError(), plain);
      search.report(set, replay.asked);
    }
    if (search.completed >= 1) return this.#result({ kind: 'bounded', k: search.completed, within: [`every execution with at most ${search.completed} ${search.completed === 1 ? 'deviation' : 'deviations'} from the plain run`, why].filter(Boolean).join('; ') }, plain);

    this.#phase = 'samples';
    const sample = new Sample(1, plainReplay.asked.length, Math.max(this.#budget.bound, 1));
    while (!this.#spent()) {
      this.#judge(sample, 'operational');
      if (this.#error !== null) return this.#result(this.#outcomeOfError(), plain);
      sample.advance();
    }
    return this.#result({ kind: 'sampled', n: this.#executions }, plain);
  }

  #judge(strategy: Strategy, engine: Found['engine']): Execution {
    const execution = this.#system.execute(strategy);
    this.#executions += 1;
    this.#fuel += execution.fuel;
    this.#error = execution.error;
    for (const failure of execution.failures) {
      if (this.#found.has(failure.id)) continue;
      this.#at ??= { executions: this.#executions, fuel: this.#fuel };
      this.#found.set(failure.id, { failure, deviations: execution.deviations, execution: this.#executions, engine });
    }
    this.#onProgress?.({ phase: this.#phase, executions: this.#executions });
    return execution;
  }

  #spent(): boolean {
    if (this.#at !== undefined && this.#executions >= this.#at.executions + AFTER_FAILURE) return true;
    return this.#executions >= this.#budget.executions || this.#fuel >= this.#budget.fuel;
  }

  /** An execution that cannot be judged ends everything, unless a failure stands already: that one is true whatever follows. */
  #outcomeOfError(): Outcome {
    return { kind: 'error', ...this.#error! };
  }

  #result(outcome: Outcome, plain: Execution): Exploration {
    const found = [...this.#found.values()];
    const counts = this.#at ?? { executions: this.#executions, fuel: this.#fuel };
    const final: Outcome = found.length > 0 && !(outcome.kind === 'error' && outcome.whose === 'ours') ? { kind: 'violated' } : outcome;
    return { outcome: final, found, ...counts, engine: this.#engine, plain };
  }
}
