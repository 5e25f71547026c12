// SPDX-License-Identifier: Apache-2.0
/**
 * Be the scheduler: the questions that were open at a step, and the list of deviations that keeps the past and takes
 * another answer. Pure; an execution is a function of its answers, so this list is the whole branch.
 */
import type { Deviation } from '@dmalab/core/base/choice';
import type { OpenChoice, TraceEvent } from '@dmalab/core/base/events';

export interface OpenAnswer {
  /** Index of the question in the event's list, and of the answer in its options. */
  readonly question: number;
  readonly answer: number;
  readonly taken: boolean;
  readonly text: string;
  readonly choice: OpenChoice;
}

/** The answers that were open right before a step, the taken one of each question first. */
export function openAnswers(event: TraceEvent | undefined, nameOf: (agent: string) => string = (id) => id): OpenAnswer[] {
  return (event?.choices ?? []).flatMap((choice, question) => {
    const all = choice.options.map((text, answer) => ({ question, answer, taken: answer === choice.taken, text: plainWords(text, nameOf), choice }));
    return [...all.filter((a) => a.taken), ...all.filter((a) => !a.taken)];
  });
}

/** Everything up to the question as it was, the question answered anew, nothing after it. */
export function branchDeviations(events: readonly TraceEvent[], step: number, question: number, answer: number): Deviation[] {
  const list: Deviation[] = [];
  for (const e of events) {
    if (e.id > step) break;
    for (const [i, c] of (e.choices ?? []).entries()) {
      const here = e.id === step && i === question;
      if (e.id === step && i > question) break;
      const taken = here ? answer : c.taken;
      if (taken !== 0) list.push({ agent: c.agent, kind: c.kind as Deviation['kind'], key: c.key, ordinal: c.ordinal, answer: taken });
    }
  }
  return list;
}

/** `run 1` branched at step 17 with the second answer: `run 1.17b`. A branch of a branch adds to it. */
export function branchLabel(parent: string, step: number, answer: number): string {
  return `${parent.replace(/ failing$/, '')}.${step}${String.fromCharCode(97 + Math.min(answer, 25))}`;
}

/** Labels name places by the call that made them (`task/nic_xmit#2/addr[1]`), which tokens need; people need the place. */
export function plainWords(label: string, nameOf: (agent: string) => string = (id) => id): string {
  return label.replace(/(?:[\w.-]+\/)*[\w.-]+#\d+\//g, '').replace(/^[a-z]+\d+\b(\.\w+)?/, (id) => nameOf(id));
}
