// SPDX-License-Identifier: Apache-2.0
/**
 * Chance has one door. Whatever could go more than one way asks here, so an
 * execution is a pure function of its answers and the answers replay it.
 * Answer 0 is always the plain one (keep the running agent, newest value,
 * drain at once, no eviction, success), so a replay token lists deviations only.
 */

/**
 * - `step`     which open transition happens next (an agent goes on, a store drains, a post arrives, a line is evicted …)
 * - `read`     which message a load returns; 0 is the newest
 * - `drain`    whether a store drains at once (0) or is held until something forces it (1)
 * - `deliver`  whether a posted MMIO write arrives at once (0) or stays in flight (1)
 * - `irq`      which pending interrupt is taken before this operation (0: the first that came; the last answer: none yet)
 * - `fault`    whether an operation that may fail does (0: it succeeds)
 * - `device`   what the device's specification leaves to it (prefetch a descriptor, relaxed order)
 * - `order`    graph form only: the coherence position of a store
 */
export type ChoiceKind = 'step' | 'read' | 'drain' | 'deliver' | 'irq' | 'fault' | 'device' | 'order';

export interface StoreName {
  /** Agent that issued it. */
  readonly agent: string;
  /** Counts RAM stores, MMIO writes and maintenance of a CPU, or writes of a device, in program order from 0. */
  readonly number: number;
}

/** What a question is about, for a strategy that steers a known execution. Tokens and people never see it. */
export type Subject =
  /** By answer: what would happen. */
  | { readonly kind: 'step'; readonly options: readonly StepOption[] }
  /** By answer: the value and the stores its bytes come from (none: initial content, or own stores that have not left); `null` goes on waiting. */
  | { readonly kind: 'read'; readonly op: number; readonly options: readonly ({ readonly value: number | bigint; readonly stores: readonly StoreName[] } | null)[] }
  | { readonly kind: 'drain' | 'deliver'; readonly store: StoreName }
  /** By answer: the number of the interrupt that is taken; none for an answer beyond them. */
  | { readonly kind: 'irq'; readonly op: number; readonly numbers: readonly number[] }
  /** A line may move by itself right before an access; `behind`: it is clean and memory has other content. */
  | { readonly kind: 'line'; readonly line: number; readonly before: { readonly agent: string; readonly op: number } | StoreName; readonly state: 'absent' | 'behind' | 'dirty' }
  /** `op`: ordinal of the operation that asks, in its agent's run. */
  | { readonly kind: 'op'; readonly op: number };
export type StepOption =
  /** `next`: what it is about to do, by its ordinal in its run; null while it has not begun. */
  | { readonly kind: 'agent'; readonly agent: string; readonly next: { readonly op: number; readonly effect: Effect } | null }
  | { readonly kind: 'store' | 'post'; readonly store: StoreName; /** It goes to the CPUs only. */ readonly cpusOnly?: true; readonly effect: Effect }
  | { readonly kind: 'line' };

/**
 * What a step changes for others, or takes from them; for strategies that leave out orders which make no difference. `none`: nothing, either way.
 * `read`: it may find what was written to its place before. `poll`: it sees whether a message is there. `write`: it gets a place in the order of all
 * writes. `place`: what it is at, or the mailbox it is for; absent: anything.
 */
export interface Effect {
  readonly kind: 'none' | 'read' | 'poll' | 'write';
  readonly place?: { readonly space: string; readonly owner: string; readonly address: number; readonly size: number };
}

/** How far a machine has come, for the same strategies. */
export interface Progress {
  /** Operations an agent has performed. */
  readonly performed: (agent: string) => number;
  /** `cpu`: only CPUs see it; `all`: everyone does, or an MMIO write has left its CPU. */
  readonly stage: (store: StoreName) => 'unissued' | 'waiting' | 'cpu' | 'all';
  /** An MMIO write has left its CPU and not arrived. */
  readonly flying: (store: StoreName) => boolean;
}

export interface Choice {
  /** Id of the agent the choice belongs to; `machine` for `step`. */
  readonly agent: string;
  readonly kind: ChoiceKind;
  /** Names the call or object that asks, stable under edits elsewhere: `nic_xmit#1/len`. No hidden data. */
  readonly key: string;
  /** How often this (agent, kind, key) has asked before in this execution, from 0. */
  readonly ordinal: number;
  /** Number of answers, at least 2; a question with one answer is not asked. */
  readonly width: number;
  /** What the answers mean, for people; called only when someone looks. */
  readonly label: (answer: number) => string;
  readonly about?: () => Subject;
  readonly progress?: Progress;
}

/** Decides every choice. Lives across executions, so that it can be systematic. */
export interface Strategy {
  /**
   * It asks what agents will do next (`StepOption`), so those that have not begun are run up to their first operation beforehand. It is
   * shown steps without an alternative too, and answers 0 there.
   */
  readonly looksAhead?: boolean;
  /** An index below `choice.width`; 0 is what an uneventful run does. */
  pick(choice: Choice): number;
  /** Called after each execution. `false`: nothing is left to explore. */
  advance(): boolean;
}

/** One answer that was not 0. Sorted lists of these are replay tokens. */
export interface Deviation {
  readonly agent: string;
  readonly kind: ChoiceKind;
  readonly key: string;
  readonly ordinal: number;
  readonly answer: number;
}

/** The strategy of a plain run. */
export const plain: Strategy = { pick: () => 0, advance: () => false };
