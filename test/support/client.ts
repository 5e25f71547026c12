// SPDX-License-Identifier: Apache-2.0
/** For whole-system tests: a signed-in client of the server without a page: requests, and a socket that remembers what it heard. */
import { AckValues } from '@dmalab/contracts/api';
import { Ack, ServerMessages } from '@dmalab/contracts/wire';
import { io, type Socket } from 'socket.io-client';
import * as parser from 'socket.io-msgpack-parser';

export interface Session {
  readonly cookie: string;
  get(path: string): Promise<unknown>;
  post(path: string): Promise<unknown>;
  /** @param url another way to the same server */
  connect(url?: string): Promise<HearingSocket>;
}

export async function signIn(url: string, signInUrl: string): Promise<Session> {
  const response = await fetch(signInUrl, { redirect: 'manual' });
  const cookie = (response.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  if (cookie === '') throw new Error(`the link did not sign in: ${response.status}`);
  const ask = async (method: string, path: string): Promise<unknown> => (await fetch(url + path, { method, headers: { cookie, 'content-type': 'application/json' }, ...(method === 'POST' ? { body: '{}' } : {}) })).json();
  return { cookie, get: (path) => ask('GET', path), post: (path) => ask('POST', path), connect: (to = url) => HearingSocket.open(to, cookie) };
}

type Heard = { [K in keyof ServerMessages]: { readonly kind: K; readonly message: ServerMessages[K] } }[keyof ServerMessages];

export class HearingSocket {
  readonly #socket: Socket;
  readonly #heard: Heard[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.onAny((kind: keyof ServerMessages, message: unknown) => {
      this.#heard.push({ kind, message: ServerMessages[kind].parse(message) } as Heard); // the parser of the same kind
    });
  }

  static async open(url: string, cookie: string): Promise<HearingSocket> {
    const socket = io(url, { parser, transports: ['websocket'], reconnection: false, forceNew: true, extraHeaders: { cookie } });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', () => resolve());
      socket.once('connect_error', reject);
    });
    return new HearingSocket(socket);
  }

  get connected(): boolean {
    return this.#socket.connected;
  }

  /** The value of a message that the server accepts. */
  async done<K extends keyof AckValues>(kind: K, message: unknown): Promise<AckValues[K]> {
    const ack = Ack.parse(await this.#socket.timeout(30_000).emitWithAck(kind, message));
    if (!ack.ok) throw new Error(`${kind} was refused: ${ack.error}`);
    return AckValues[kind].parse(ack.value) as AckValues[K]; // the parser of the same kind
  }

  /** Everything heard of one kind, so far. */
  all<K extends keyof ServerMessages>(kind: K): ServerMessages[K][] {
    return this.#heard.filter((h) => h.kind === kind).map((h) => h.message as ServerMessages[K]); // filtered by its kind
  }

  close(): void {
    this.#socket.disconnect();
  }
}
