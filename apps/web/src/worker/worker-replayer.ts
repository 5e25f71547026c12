// SPDX-License-Identifier: Apache-2.0
/** The page's side of the engine's worker. The worker starts on first use and is started afresh if it dies or hangs. */
import type { TraceEvent } from '@dmalab/core/base/events';
import type { FromWorker, ToWorker } from './protocol.ts';
import type { Replayer, ReplayJob, ReplayResult } from './replayer.ts';

/** A public run ends within its budgets; this only catches a worker that is gone. */
const GONE_MS = 60_000;

interface Waiting {
  readonly onEvents: (batch: readonly TraceEvent[]) => void;
  readonly resolve: (value: never) => void;
  readonly reject: (reason: Error) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

export class WorkerReplayer implements Replayer {
  #worker: Worker | null = null;
  #next = 1;
  readonly #waiting = new Map<number, Waiting>();
  #hash: Promise<string> | null = null;

  async matches(engine: string): Promise<boolean> {
    this.#hash ??= this.#ask<string>((id) => ({ kind: 'hash', id }), () => undefined).catch(() => '');
    return (await this.#hash) === engine;
  }

  replay(job: ReplayJob, onEvents: (batch: readonly TraceEvent[]) => void): Promise<ReplayResult> {
    return this.#ask<ReplayResult>((id) => ({ kind: 'replay', id, job }), onEvents);
  }

  #ask<T>(message: (id: number) => ToWorker, onEvents: Waiting['onEvents']): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const id = this.#next++;
      const timer = setTimeout(() => this.#fail('The browser\'s engine did not answer.'), GONE_MS);
      this.#waiting.set(id, { onEvents, resolve: resolve as (value: never) => void, reject, timer });
      this.#start().postMessage(message(id));
    });
  }

  #start(): Worker {
    if (this.#worker !== null) return this.#worker;
    const worker = new Worker(new URL('./engine.worker.ts', import.meta.url), { type: 'module', name: 'dmalab engine' });
    worker.onmessage = (e: MessageEvent<FromWorker>) => this.#take(e.data);
    worker.onerror = (e) => this.#fail(`The browser's engine could not be started${e.message === undefined ? '' : `: ${e.message}`}.`);
    this.#worker = worker;
    return worker;
  }

  #take(message: FromWorker): void {
    const waiting = this.#waiting.get(message.id);
    if (waiting === undefined) return;
    if (message.kind === 'events') return waiting.onEvents(message.events);
    clearTimeout(waiting.timer);
    this.#waiting.delete(message.id);
    if (message.kind === 'failed') waiting.reject(new Error(message.message));
    else waiting.resolve((message.kind === 'hash' ? message.hash : message.result) as never);
  }

  #fail(why: string): void {
    this.#worker?.terminate();
    this.#worker = null;
    for (const w of this.#waiting.values()) {
      clearTimeout(w.timer);
      w.reject(new Error(why));
    }
    this.#waiting.clear();
  }
}
