// SPDX-License-Identifier: Apache-2.0
/**
 * What the pictures ask of a whole trace: where a store drains, what it overtakes, which steps the finding is made of.
 * Built once a trace and extended as batches arrive; the state at a step is the reducer's business, not this one's.
 */
import type { EventOf, Site, TraceEvent } from '@dmalab/core/base/events';

export interface FindingParts {
  readonly event: EventOf<'finding'>;
  /** Step at which it shows: the access that took the wrong value, or the finding event itself. */
  readonly witness: number;
  readonly first: number;
  readonly second: number;
  /** The witness is a load that took an old value. */
  readonly old: boolean;
  /** Drain of half 1 after the witness: the value that came too late; 0 if there is none. */
  readonly late: number;
}

export class TraceIndex {
  readonly events: TraceEvent[] = [];
  readonly #drainOf = new Map<number, number>();
  /** Waiting stores an agent had when a drain happened: drain id → oldest store overtaken. */
  readonly #overtaken = new Map<number, number>();
  readonly #waiting = new Map<string, number[]>();
  #finding: FindingParts | null = null;

  constructor(events: Iterable<TraceEvent> = []) {
    this.push(events);
  }

  push(batch: Iterable<TraceEvent>): void {
    for (const e of batch) {
      this.events.push(e);
      if (e.kind === 'store') this.#list(e.agent).push(e.id);
      if (e.kind === 'drain' && e.reach !== 'cpu') this.#drained(e);
      if (e.kind === 'finding' && this.#finding === null) this.#finding = this.#parts(e);
    }
    if (this.#finding !== null && this.#finding.late === 0) this.#finding = { ...this.#finding, late: this.#lateDrain(this.#finding) };
  }

  get length(): number {
    return this.events.length;
  }

  /** The event of a step, steps counting from 1. */
  at(step: number): TraceEvent | undefined {
    return this.events[step - 1];
  }

  get finding(): FindingParts | null {
    return this.#finding;
  }

  /** The step at which a store reaches everyone; 0 while it has not. */
  drainOf(store: number): number {
    return this.#drainOf.get(store) ?? 0;
  }

  /** Whether a store waits: its drain is not the very next step. */
  waits(store: number): boolean {
    return this.drainOf(store) !== store + 1;
  }

  nameOf(store: number): string {
    const e = this.at(store);
    return e?.kind === 'store' ? e.name : '';
  }

  /** The oldest store of the same agent that a drain goes ahead of. */
  overtaken(drain: number): EventOf<'store'> | null {
    const id = this.#overtaken.get(drain);
    const e = id === undefined ? undefined : this.at(id);
    return e?.kind === 'store' ? e : null;
  }

  late(drain: number): boolean {
    return this.#finding !== null && this.#finding.late === drain;
  }

  /** Steps at which something other than the plain answer was taken. */
  deviates(step: number): boolean {
    return this.at(step)?.choices?.some((c) => c.taken !== 0) ?? false;
  }

  #list(agent: string): number[] {
    let list = this.#waiting.get(agent);
    if (list === undefined) this.#waiting.set(agent, (list = []));
    return list;
  }

  #drained(e: EventOf<'drain'>): void {
    this.#drainOf.set(e.store, e.id);
    const store = this.at(e.store);
    if (store === undefined) return;
    const list = this.#list(store.agent);
    const at = list.indexOf(e.store);
    if (at < 0) return;
    const oldest = list[0];
    if (at > 0 && oldest !== undefined) this.#overtaken.set(e.id, oldest);
    list.splice(at, 1);
  }

  #parts(event: EventOf<'finding'>): FindingParts {
    // The sanitizer says at which step it saw it, and which load it judged; without that, the step before the finding.
    const { step, read } = told(event);
    const witness = step > 0 ? step : Math.max(1, event.id - 1);
    const load = this.at(witness);
    return { event, witness, first: event.first, second: event.second, old: load?.kind === 'load' && (load.stale || read === witness), late: 0 };
  }

  #lateDrain(f: FindingParts): number {
    const drain = this.drainOf(f.first);
    return drain > f.witness ? drain : 0;
  }
}

/** `detail.step`: where it was seen; `detail.about.read`: the load that an ordering rule judged. 0 where there is none. */
function told(event: EventOf<'finding'>): { readonly step: number; readonly read: number } {
  const detail = event.detail as { readonly step?: unknown; readonly about?: { readonly read?: unknown } | null } | null;
  const number = (v: unknown): number => (typeof v === 'number' && v > 0 && v < event.id ? v : 0);
  return { step: number(detail?.step), read: number(detail?.about?.read) };
}

/** `driver.ts:15`, or `–` where no source line is known. */
export function siteText(site: Site | null | undefined): string {
  return site == null ? '–' : `${site.file}:${site.line}`;
}

export function siteOf(e: TraceEvent): Site | null {
  return 'site' in e ? e.site : null;
}
