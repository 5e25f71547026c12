// SPDX-License-Identifier: Apache-2.0
/** The two observers of a run: the sanitizer, whose findings become events of the trace, and the tracer, which keeps the trace. */
import type { EventFields, Observer, TraceEvent } from '@dmalab/core/base/events';
import { findingFields, type SanitizerFinding } from '@dmalab/checker/sanitizer/finding';
import { Sanitizer } from '@dmalab/checker/sanitizer/sanitizer';

/** Always on: then an execution has the same step numbers whether anybody keeps its trace or not. */
export class SanitizerObserver implements Observer {
  readonly findings: SanitizerFinding[] = [];
  readonly #sanitizer: Sanitizer;
  #untold: EventFields<'finding'>[] = [];

  constructor() {
    this.#sanitizer = new Sanitizer({
      onFinding: (finding) => {
        this.findings.push(finding);
        this.#untold.push(findingFields(finding));
      },
    });
  }

  event(event: TraceEvent): void {
    if (event.kind !== 'finding') this.#sanitizer.event(event);
  }

  additions(): readonly EventFields<'finding'>[] {
    if (this.#untold.length === 0) return NOTHING;
    const told = this.#untold;
    this.#untold = [];
    return told;
  }
}
const NOTHING: readonly EventFields<'finding'>[] = [];

/** Hands a trace on, in order. Findings made at the end come before the `end` event, which stays the last. */
export class Tracer implements Observer {
  readonly #emit: (event: TraceEvent) => void;
  #end: TraceEvent | null = null;

  constructor(emit: (event: TraceEvent) => void) {
    this.#emit = emit;
  }

  event(event: TraceEvent): void {
    if (this.#end !== null) {
      const { id } = this.#end;
      this.#end = { ...this.#end, id: event.id };
      this.#emit({ ...event, id });
    } else if (event.kind === 'end') this.#end = event;
    else this.#emit(event);
  }

  finish(): void {
    if (this.#end !== null) this.#emit(this.#end);
    this.#end = null;
  }
}
