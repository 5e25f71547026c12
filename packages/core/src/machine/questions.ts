// SPDX-License-Identifier: Apache-2.0
/** The one door to the strategy: numbers questions, keeps deviations, and what was open since the last event. */
import type { OpenChoice } from '../base/events.ts';
import type { ChoiceKind, Deviation, Progress, Strategy, Subject } from '../base/choice.ts';

export class Questions {
  readonly deviations: Deviation[] = [];
  /** For strategies that steer. */
  progress: Progress | undefined;
  readonly #strategy: Strategy;
  readonly #ordinals = new Map<string, number>();
  readonly #keep: boolean;
  #open: OpenChoice[] = [];

  constructor(strategy: Strategy, keep: boolean) {
    this.#strategy = strategy;
    this.#keep = keep;
  }

  /** @throws RangeError when the strategy answers out of range */
  ask(agent: string, kind: ChoiceKind, key: string, width: number, label: (answer: number) => string, about?: () => Subject): number {
    if (width < 2) {
      // No question, but a step that such a strategy keeps account of.
      if (this.#strategy.looksAhead === true && kind === 'step') this.#strategy.pick({ agent, kind, key, ordinal: 0, width, label, ...(about === undefined ? {} : { about }) });
      return 0;
    }
    const id = `${agent}\u0000${kind}\u0000${key}`;
    const ordinal = this.#ordinals.get(id) ?? 0;
    this.#ordinals.set(id, ordinal + 1);
    const answer = this.#strategy.pick({ agent, kind, key, ordinal, width, label, ...(about === undefined ? {} : { about }), ...(this.progress === undefined ? {} : { progress: this.progress }) });
    if (!Number.isInteger(answer) || answer < 0 || answer >= width) throw new RangeError(`answer ${answer} to the ${kind} choice of ${agent} at ${key}; expected 0 to ${width - 1}`);
    if (answer !== 0) this.deviations.push({ agent, kind, key, ordinal, answer });
    if (this.#keep) this.#open.push({ agent, kind, key, ordinal, taken: answer, options: Array.from({ length: width }, (_, i) => label(i)) });
    return answer;
  }

  /** The questions since this was called last. */
  takeOpen(): readonly OpenChoice[] {
    const open = this.#open;
    if (open.length > 0) this.#open = [];
    return open;
  }
}
