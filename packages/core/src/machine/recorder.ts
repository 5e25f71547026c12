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
    // The fields are a fresh object of the caller's: they become the event, nothing is copied. They belong to the kind by the
    // signature; a union over all kinds cannot be built from them without saying so.
    const event = fields as unknown as { -readonly [K in keyof TraceEvent]: TraceEvent[K] };
    event.id = this.last;
    event.agent = agent;
    event.cycle = this.cycle;
    event.causes = causes.every((id) => id > 0) ? causes : causes.filter((id) => id > 0);
    event.kind = kind;
    if (choices.length > 0) event.choices = choices;
    for (const observer of this.#observers) observer.event(event as TraceEvent);
    const { last } = this;
    for (const observer of this.#observers) {
      for (const fields of observer.additions?.() ?? []) this.emit('finding', 'machine', [fields.first, fields.second], fields);
    }
    return last;
  }
}
