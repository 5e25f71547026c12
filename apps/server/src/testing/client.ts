// SPDX-License-Identifier: Apache-2.0
/** For tests: a browser reduced to what the server sees of one. Real HTTP, a real socket. */
import { io, type Socket } from 'socket.io-client';
import * as parser from 'socket.io-msgpack-parser';
import { AckValues } from '@dmalab/contracts/api';
import { type Ack, ServerMessages } from '@dmalab/contracts/wire';

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
  json<T = Record<string, unknown>>(): T;
}

export class TestClient {
  readonly #url: string;
  cookie = '';

  constructor(url: string) {
    this.#url = url;
  }

  static async signedIn(url: string, signInUrl: string): Promise<TestClient> {
    const client = new TestClient(url);
    const answer = await client.request('GET', new URL(signInUrl).pathname + new URL(signInUrl).search);
    client.cookie = (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    return client;
  }

  async request(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const raw = typeof body === 'string';
    const response = await fetch(this.#url + path, {
      method,
      redirect: 'manual',
      headers: { ...(this.cookie === '' ? {} : { cookie: this.cookie }), ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: raw ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, text, headers: response.headers, json: <T>() => JSON.parse(text) as T };
  }

  get(path: string): Promise<Answer> {
    return this.request('GET', path);
  }

  async connect(headers: Record<string, string> = {}): Promise<TestSocket> {
    const socket = io(this.#url, { parser, transports: ['websocket'], reconnection: false, extraHeaders: { cookie: this.cookie, ...headers }, forceNew: true });
    await new Promise<void>((resolve, reject) => {
      socket.on('connect', () => resolve());
      socket.on('connect_error', reject);
    });
    return new TestSocket(socket);
  }
}

export type Heard = { [K in keyof ServerMessages]: { readonly kind: K; readonly message: ServerMessages[K] } }[keyof ServerMessages];

export class TestSocket {
  readonly socket: Socket;
  /** Every message from the server, in order. */
  readonly heard: Heard[] = [];
  #wake: (() => void)[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    socket.onAny((kind: keyof ServerMessages, message: unknown) => {
      this.heard.push({ kind, message: ServerMessages[kind].parse(message) } as Heard); // the parser of the same kind
      for (const wake of this.#wake.splice(0)) wake();
    });
  }

  ask(kind: string, message: unknown): Promise<Ack> {
    return this.socket.timeout(10_000).emitWithAck(kind, message);
  }

  /** The value of an accepted message. */
  async done<K extends keyof AckValues>(kind: K, message: unknown): Promise<AckValues[K]> {
    const ack = await this.ask(kind, message);
    if (!ack.ok) throw new Error(`${kind} was refused: ${ack.error}`);
    return AckValues[kind].parse(ack.value) as AckValues[K];
  }

  /** Everything heard of one kind, so far. */
  all<K extends keyof ServerMessages>(kind: K): ServerMessages[K][] {
    return this.heard.filter((h) => h.kind === kind).map((h) => h.message as ServerMessages[K]);
  }

  /** The first message of a kind that satisfies `test`, past or to come. */
  async hear<K extends keyof ServerMessages>(kind: K, test: (message: ServerMessages[K]) => boolean = () => true, patienceMs = 15_000): Promise<ServerMessages[K]> {
    for (const until = Date.now() + patienceMs; Date.now() < until; ) {
      const found = this.all(kind).find((message) => test(message));
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 200);
        this.#wake.push(() => (clearTimeout(timer), resolve()));
      });
    }
    throw new Error(`no ${kind} was heard; heard ${this.heard.map((h) => h.kind).join(', ') || 'nothing'}`);
  }

  close(): void {
    this.socket.disconnect();
  }
}
