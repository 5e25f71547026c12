// SPDX-License-Identifier: Apache-2.0
/**
 * What a public run has sent so far: packed event batches, the verdicts, the
 * end. Kept for a while after it ended, so that a client whose connection
 * dropped can go on where it was. Watchers pull with credit; a slow one holds
 * up nobody, since batches are kept once and shared.
 */
import type { TraceEvent } from '@dmalab/core/base/events';
import { BATCH_CREDIT, BATCH_EVENTS, BATCH_MS, packEvents, unpackEvents } from '@dmalab/contracts/pack';
import type { ServerMessages } from '@dmalab/contracts/wire';

export type Send = <K extends keyof ServerMessages>(kind: K, message: ServerMessages[K]) => void;

/** How a run ended, in the engine's words. */
export type RunEnd = Omit<ServerMessages['run:end'], 'run' | 'events'>;

interface Batch {
  readonly from: number;
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** One client's place in one run. */
export class Watcher {
  readonly send: Send;
  /** Id of the next event to send. */
  next: number;
  /** Number of verdicts sent. */
  verdicts = 0;
  ended = false;
  #credit = BATCH_CREDIT;

  constructor(from: number, send: Send) {
    this.next = from;
    this.send = send;
  }

  get credit(): number {
    return this.#credit;
  }

  grant(batches: number): void {
    this.#credit = Math.min(BATCH_CREDIT, this.#credit + batches);
  }

  spend(): void {
    this.#credit -= 1;
  }
}

export class RunLog {
  readonly id: string;
  readonly #batches: Batch[] = [];
  readonly #verdicts: ServerMessages['run:verdict'][] = [];
  readonly #watchers = new Set<Watcher>();
  #end: ServerMessages['run:end'] | undefined;
  /** Events that wait for their batch to fill. */
  #open: TraceEvent[] = [];
  #flush: NodeJS.Timeout | undefined;
  #events = 0;
  #bytes = 0;
  #progressAt = 0;

  constructor(id: string) {
    this.id = id;
  }

  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** Bytes held. */
  get size(): number {
    return this.#bytes;
  }

  get events(): number {
    return this.#events;
  }

  /** Events in id order, without gaps, from 1. */
  push(events: readonly TraceEvent[]): void {
    for (const event of events) {
      this.#events += 1;
      this.#open.push(event);
      if (this.#open.length === BATCH_EVENTS) this.#close();
    }
    if (this.#open.length > 0) this.#flush ??= setTimeout(() => this.#close(), BATCH_MS);
  }

  /** Progress is for the moment: at most four a second, never repeated. */
  progress(message: ServerMessages['run:progress'], now = Date.now()): void {
    if (now - this.#progressAt < 250) return;
    this.#progressAt = now;
    for (const watcher of this.#watchers) watcher.send('run:progress', message);
  }

  verdict(message: ServerMessages['run:verdict']): void {
    this.#verdicts.push(message);
    this.#close();
  }

  end(outcome: RunEnd): void {
    if (this.#end !== undefined) return;
    this.#close();
    this.#end = { run: this.id, events: this.#events, ...outcome };
    for (const watcher of this.#watchers) this.#pump(watcher);
  }

  /** Sends everything from event `from` on, as far as the watcher's credit goes. */
  watch(from: number, send: Send): Watcher {
    const watcher = new Watcher(from, send);
    this.#watchers.add(watcher);
    this.#pump(watcher);
    return watcher;
  }

  leave(watcher: Watcher): void {
    this.#watchers.delete(watcher);
  }

  credit(watcher: Watcher, batches: number): void {
    watcher.grant(batches);
    this.#pump(watcher);
  }

  #close(): void {
    clearTimeout(this.#flush);
    this.#flush = undefined;
    if (this.#open.length > 0) {
      const bytes = packEvents(this.#open);
      this.#batches.push({ from: this.#events - this.#open.length + 1, count: this.#open.length, bytes });
      this.#bytes += bytes.length;
      this.#open = [];
    }
    for (const watcher of this.#watchers) this.#pump(watcher);
  }

  #pump(watcher: Watcher): void {
    for (let at = this.#find(watcher.next); at < this.#batches.length; at += 1) {
      if (watcher.credit === 0) return;
      const batch = from(this.#batches[at] as Batch, watcher.next); // at is in range
      watcher.spend();
      watcher.next = batch.from + batch.count;
      // A Buffer goes out as MessagePack `bin`; any other view as an extension that the browser's decoder does not know.
      const events = Buffer.from(batch.bytes.buffer, batch.bytes.byteOffset, batch.bytes.byteLength);
      watcher.send('run:events', { run: this.id, from: batch.from, count: batch.count, events });
    }
    for (; watcher.verdicts < this.#verdicts.length; watcher.verdicts += 1) watcher.send('run:verdict', this.#verdicts[watcher.verdicts] as ServerMessages['run:verdict']);
    if (this.#end !== undefined && !watcher.ended) {
      watcher.ended = true;
      watcher.send('run:end', this.#end);
    }
  }

  /** Index of the batch that holds event `id`, or the number of batches. */
  #find(id: number): number {
    let low = 0;
    let high = this.#batches.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const batch = this.#batches[middle] as Batch;
      if (batch.from + batch.count <= id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The part of a batch from event `id` on: a client may resume in the middle of one. */
function from(batch: Batch, id: number): Batch {
  if (id <= batch.from) return batch;
  const rest = unpackEvents(batch.bytes).slice(id - batch.from);
  return { from: id, count: rest.length, bytes: packEvents(rest) };
}
