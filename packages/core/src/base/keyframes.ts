// SPDX-License-Identifier: Apache-2.0
/**
 * A trace that can be sought: a copy of the state every 1 024 events, so that
 * any step is at most that many events from one. Costs of a seek do not grow
 * with the trace.
 */
import type { TraceEvent } from './events.ts';
import { apply, cloneState, createState } from './reducer.ts';
import type { MachineState } from './state.ts';

export const KEYFRAME_EVERY = 1024;

export class Keyframes {
  readonly #events: TraceEvent[] = [];
  /** `#frames[i]` is the state at step `i * KEYFRAME_EVERY`. Never folded into. */
  readonly #frames: MachineState[] = [createState()];
  #head = createState();

  /** Events so far; ids are 1 … length. */
  get length(): number {
    return this.#events.length;
  }
  get events(): readonly TraceEvent[] {
    return this.#events;
  }

  /** @throws RangeError on a gap: a batch was lost */
  append(events: readonly TraceEvent[]): void {
    for (const event of events) {
      if (event.id !== this.#events.length + 1) throw new RangeError(`event ${event.id} after event ${this.#events.length}`);
      this.#events.push(event);
      apply(this.#head, event);
      if (event.id % KEYFRAME_EVERY === 0) this.#frames.push(cloneState(this.#head));
    }
  }

  event(step: number): TraceEvent | undefined {
    return this.#events[step - 1];
  }

  /** The state after event `step`, clamped to the trace; a copy that nobody else touches. */
  seek(step: number): MachineState {
    const to = Math.max(0, Math.min(Math.trunc(step), this.#events.length));
    if (to === this.#events.length) return cloneState(this.#head);
    const frame = this.#frames[Math.floor(to / KEYFRAME_EVERY)];
    if (frame === undefined) throw new RangeError(`no keyframe for step ${to}`);
    const state = cloneState(frame);
    for (let i = state.step; i < to; i += 1) {
      const event = this.#events[i];
      if (event !== undefined) apply(state, event);
    }
    return state;
  }
}
