// SPDX-License-Identifier: Apache-2.0
/**
 * One run's events and everything derived from them: state at a step (keyframes), index, names, diagram model. A plain
 * mutable object outside React; a counter says that it grew, and pictures ask again.
 */
import type { TraceEvent } from '@dmalab/core/base/events';
import { Keyframes } from '@dmalab/core/base/keyframes';
import type { MachineState } from '@dmalab/core/base/state';
import { buildModel, type TimelineModel } from '../timeline/model.ts';
import { TraceIndex } from '../trace/index-trace.ts';
import { Names } from '../trace/names.ts';
import { sentence } from '../trace/words.ts';

export class Trace {
  readonly keyframes = new Keyframes();
  readonly index = new TraceIndex();
  #names: Names | null = null;
  #model: TimelineModel | null = null;
  #state: MachineState | null = null;

  constructor(events: readonly TraceEvent[] = []) {
    if (events.length > 0) this.append(events);
  }

  /** Takes the events that are new; earlier ones (sent again after a dropped connection) are skipped. @throws RangeError on a gap */
  append(batch: readonly TraceEvent[]): void {
    const fresh = batch.filter((e) => e.id > this.length);
    if (fresh.length === 0) return;
    this.keyframes.append(fresh);
    this.index.push(fresh);
    if (fresh.some((e) => e.kind === 'machine' || e.kind === 'layout')) this.#names = null;
    this.#model = null;
    this.#state = null;
  }

  get length(): number {
    return this.index.length;
  }

  get names(): Names {
    return (this.#names ??= Names.from(this.index.events));
  }

  get model(): TimelineModel {
    return (this.#model ??= buildModel(this.index, this.names));
  }

  event(step: number): TraceEvent | undefined {
    return this.index.at(step);
  }

  /** The machine after `step`. Not to be changed: the last answer is kept and shared. */
  at(step: number): MachineState {
    const to = Math.max(0, Math.min(step, this.length));
    if (this.#state === null || this.#state.step !== to) this.#state = this.keyframes.seek(to);
    return this.#state;
  }

  sentence(step: number): string {
    const e = this.event(step);
    return e === undefined ? '' : sentence(e, this.names, this.index);
  }

  /** The step a failed run opens at: where the finding shows; 0 without one. */
  get failingStep(): number {
    const f = this.index.finding;
    return f === null ? 0 : f.witness;
  }
}
