// SPDX-License-Identifier: Apache-2.0
/** Builds trace events for observers. Without observers it builds nothing and every id is 0. */
import type { EventFields, EventKind, Observer, OpenChoice, TraceEvent } from '../base/events.ts';

export class Recorder {
  readonly on: boolean;
  /** Id of the last event. */
  last: number;
  cycle: number;
  readonly #observers: readonly Observer[];
  readonly #takeOpen: (() => readonly OpenChoice[]) | null;

  constructor(observers: readonly Observer[], after: { readonly event: number; readonly cycle: number }, takeOpen: (() => readonly OpenChoice[]) | null) {
    this.#observers = observers;
    this.#takeOpen = takeOpen;
    this.on = observers.length > 0;
    this.last = after.event;
    this.cycle = after.cycle;
  }

  /** @returns the event's id; 0 when nobody watches */
  emit<K extends EventKind>(kind: K, agent: string, causes: readonly number[], fields: EventFields<K>): number {
    if (!this.on) return 0;
    this.last += 1;
    const choices = this.#takeOpen === null ? [] : this.#takeOpen();
    const header = { id: this.last, agent, cycle: this.cycle, causes: causes.filter((id) => id > 0), kind };
    // The fields belong to the kind by the signature; a union over all kinds cannot be built from them without saying so.
    const event = (choices.length > 0 ? { ...header, choices, ...fields } : { ...header, ...fields }) as unknown as TraceEvent;
    const { last } = this;
    for (const observer of this.#observers) observer.event(event);
    for (const observer of this.#observers) {
      for (const fields of observer.additions?.() ?? []) this.emit('finding', 'machine', [fields.first, fields.second], fields);
    }
    return last;
  }
}
