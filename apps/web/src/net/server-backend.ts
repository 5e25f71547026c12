// SPDX-License-Identifier: Apache-2.0
/**
 * The real server: HTTP for what is read once, a socket for drafts, runs and submissions. Every answer is parsed by
 * the contract. A dropped socket reconnects by itself and joins its runs again at the first event it lacks.
 */
import { AckValues, ErrorResponse, LabsResponse, LabView, MeResponse } from '@dmalab/contracts/api';
import { BATCH_CREDIT, unpackEvents } from '@dmalab/contracts/pack';
import { Ack, ServerMessages, type ClientMessages } from '@dmalab/contracts/wire';
import { io, type Socket } from 'socket.io-client';
import * as msgpack from 'socket.io-msgpack-parser';
import { Refused, type Backend, type Connection, type RunRequest, type RunSink, type SubmissionMessage } from './backend.ts';

const ACK_MS = 10_000;

interface Watched {
  readonly sink: RunSink;
  /** Events received so far; the next batch starts after it. */
  have: number;
  /** Batches read since credit was last granted. */
  read: number;
  ended: boolean;
}

export class ServerBackend implements Backend {
  readonly #socket: Socket;
  readonly #runs = new Map<string, Watched>();
  /** Messages of runs whose acknowledgement is still on its way. */
  readonly #early = new Map<string, (() => void)[]>();
  readonly #submissions = new Map<string, (state: SubmissionMessage) => void>();
  readonly #listeners = new Set<(state: Connection) => void>();
  #state: Connection = 'connecting';

  constructor() {
    this.#socket = io({ parser: msgpack, transports: ['websocket', 'polling'], reconnectionDelayMax: 3_000 });
    this.#socket.on('connect', () => {
      this.#set('online');
      for (const [run, w] of this.#runs) if (!w.ended) void this.#join(run, w);
    });
    this.#socket.on('disconnect', () => this.#set('lost'));
    this.#socket.on('connect_error', () => this.#set(this.#state === 'online' ? 'lost' : this.#state === 'connecting' ? 'connecting' : 'lost'));
    this.#listen();
  }

  me(): Promise<MeResponse> {
    return get('/api/me', MeResponse);
  }
  labs(): Promise<LabsResponse> {
    return get('/api/labs', LabsResponse);
  }
  lab(id: string): Promise<LabView> {
    return get(`/api/labs/${encodeURIComponent(id)}`, LabView);
  }

  onConnection(listener: (state: Connection) => void): () => void {
    this.#listeners.add(listener);
    listener(this.#state);
    return () => this.#listeners.delete(listener);
  }

  saveDraft(message: ClientMessages['draft:save']): Promise<AckValues['draft:save']> {
    return this.#send('draft:save', message);
  }
  blank(message: ClientMessages['source:blank']): Promise<AckValues['source:blank']> {
    return this.#send('source:blank', message);
  }

  async run(request: RunRequest, sink: RunSink): Promise<void> {
    const value = await this.#send('run:start', request);
    const watched: Watched = { sink, have: 0, read: 0, ended: false };
    this.#runs.set(value.run, watched);
    const stop = (): void => {
      watched.ended = true;
      this.#runs.delete(value.run);
      void this.#send('run:stop', { run: value.run }).catch(() => undefined);
    };
    sink.started({ ...value, stop });
    for (const replay of this.#early.get(value.run) ?? []) replay();
    this.#early.delete(value.run);
  }

  async submit(message: ClientMessages['submission:create'], onState: (state: SubmissionMessage) => void): Promise<AckValues['submission:create']> {
    const value = await this.#send('submission:create', message);
    this.#submissions.set(value.submission, onState);
    for (const replay of this.#early.get(value.submission) ?? []) replay();
    this.#early.delete(value.submission);
    return value;
  }

  #set(state: Connection): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }

  async #send<K extends keyof ClientMessages & keyof AckValues>(name: K, message: ClientMessages[K]): Promise<AckValues[K]> {
    const raw: unknown = await this.#socket.timeout(ACK_MS).emitWithAck(name, message);
    const ack = Ack.parse(raw);
    if (!ack.ok) throw new Refused(ack.error, ack.expected);
    return AckValues[name].parse(ack.value) as AckValues[K];
  }

  async #join(run: string, w: Watched): Promise<void> {
    w.read = 0;
    try {
      await this.#send('run:join', { run, from: w.have + 1 });
    } catch (error) {
      if (!(error instanceof Refused)) return; // dropped again: the next connect joins
      w.ended = true;
      w.sink.end({ reason: 'lost', events: w.have, text: 'The server no longer holds this run. Run again to watch it.', notes: [], diagnostics: [] });
    }
  }

  #listen(): void {
    const on = <K extends keyof ServerMessages>(name: K, of: (m: ServerMessages[K]) => string, take: (m: ServerMessages[K], w: Watched) => void): void => {
      this.#socket.on(name as string, (raw: unknown) => {
        const message = understood(name, raw);
        if (message === null) return;
        const watched = this.#runs.get(of(message));
        if (watched !== undefined) take(message, watched);
        else this.#later(of(message), () => {
          const late = this.#runs.get(of(message));
          if (late !== undefined) take(message, late);
        });
      });
    };
    on('run:events', (m) => m.run, (m, w) => {
      if (m.from > w.have + 1) {
        void this.#join(m.run, w); // a batch was lost
        return;
      }
      w.sink.events(unpackEvents(m.events));
      w.have = Math.max(w.have, m.from + m.count - 1);
      w.read += 1;
      if (w.read >= BATCH_CREDIT / 2) {
        void this.#send('run:credit', { run: m.run, batches: w.read }).catch(() => undefined);
        w.read = 0;
      }
    });
    on('run:progress', (m) => m.run, (m, w) => w.sink.progress(m));
    on('run:verdict', (m) => m.run, (m, w) => w.sink.verdict(m));
    on('run:end', (m) => m.run, (m, w) => {
      w.ended = true;
      this.#runs.delete(m.run);
      w.sink.end(m);
    });
    this.#socket.on('submission:state', (raw: unknown) => {
      const message = understood('submission:state', raw);
      if (message === null) return;
      const take = (): void => this.#submissions.get(message.submission)?.(message);
      if (this.#submissions.has(message.submission)) take();
      else this.#later(message.submission, take);
    });
  }

  /** A message may overtake the acknowledgement that names its run; it waits for it, a few hundred at most. */
  #later(id: string, replay: () => void): void {
    const list = this.#early.get(id) ?? [];
    if (list.length < 512) list.push(replay);
    this.#early.set(id, list);
    if (this.#early.size > 16) this.#early.delete(this.#early.keys().next().value!);
  }
}

/** A message this page does not understand (an older page, a newer server) is dropped and said, never half read. */
function understood<K extends keyof ServerMessages>(name: K, raw: unknown): ServerMessages[K] | null {
  const parsed = ServerMessages[name].safeParse(raw);
  if (parsed.success) return parsed.data as ServerMessages[K];
  console.error(`${name}: not understood; reload the page`, parsed.error.issues);
  return null;
}

async function get<T>(path: string, schema: { parse(value: unknown): T }): Promise<T> {
  const response = await fetch(path, { headers: { accept: 'application/json' }, credentials: 'same-origin' });
  const body: unknown = await response.json().catch(() => null);
  if (response.ok) return schema.parse(body);
  const refusal = ErrorResponse.safeParse(body);
  throw new Refused(refusal.success ? refusal.data.error : `the server answered ${response.status}`, refusal.success ? refusal.data.expected : '');
}
