// SPDX-License-Identifier: Apache-2.0
/**
 * Follows a list of deviations and is plain everywhere else. Deviations are
 * found by (agent, kind, key, ordinal), so an edit elsewhere in the driver does
 * not disturb them; those whose question never came up are reported.
 */
import type { Choice, Deviation, Strategy } from '@dmalab/core/base/choice';

/** A choice that was asked, in the order of asking. */
export interface Asked {
  readonly agent: string;
  readonly kind: Choice['kind'];
  readonly key: string;
  readonly ordinal: number;
  readonly width: number;
  readonly answer: number;
}

export class Replay implements Strategy {
  /** Every choice asked so far; empty unless recording. */
  readonly asked: Asked[] = [];
  readonly #wanted = new Map<string, Deviation>();
  readonly #met = new Set<string>();
  readonly #tooLarge: { readonly deviation: Deviation; readonly width: number }[] = [];
  readonly #record: boolean;

  constructor(deviations: readonly Deviation[], record = false) {
    for (const deviation of deviations) this.#wanted.set(name(deviation), deviation);
    this.#record = record;
  }

  pick(choice: Choice): number {
    let answer = 0;
    if (this.#wanted.size > 0) {
      const id = name(choice);
      const deviation = this.#wanted.get(id);
      if (deviation !== undefined) {
        this.#met.add(id);
        if (deviation.answer < choice.width) answer = deviation.answer;
        else this.#tooLarge.push({ deviation, width: choice.width });
      }
    }
    if (this.#record) this.asked.push({ agent: choice.agent, kind: choice.kind, key: choice.key, ordinal: choice.ordinal, width: choice.width, answer });
    return answer;
  }

  advance(): boolean {
    return false;
  }

  /** What could not be followed, one sentence each; empty when the replay was exact. */
  problems(): string[] {
    const gone = [...this.#wanted.entries()].filter(([id]) => !this.#met.has(id)).map(([, d]) => `${describe(d)} is gone: the run no longer asks it`);
    const narrow = this.#tooLarge.map(({ deviation, width }) => `${describe(deviation)} wants answer ${deviation.answer}, but there are only ${width}`);
    return [...gone, ...narrow];
  }
}

/** One text for one question of one execution. */
export function name(choice: { readonly agent: string; readonly kind: string; readonly key: string; readonly ordinal: number }): string {
  return `${choice.agent}\u0000${choice.kind}\u0000${choice.key}\u0000${choice.ordinal}`;
}

function describe(d: Deviation): string {
  return `the ${d.kind} choice of ${d.agent} at ${d.key}${d.ordinal > 0 ? ` (number ${d.ordinal + 1})` : ''}`;
}
