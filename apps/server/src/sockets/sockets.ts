// SPDX-License-Identifier: Apache-2.0
/**
 * The live half of the server: drafts, public runs, submissions. Every message
 * is declared in `contracts/wire`, parsed before anything looks at it, and
 * answered; what is not declared or does not parse is refused and logged.
 */
import type { IncomingMessage, Server as HttpServer } from 'node:http';
import { Server, type Socket } from 'socket.io';
import * as parser from 'socket.io-msgpack-parser';
import type { SubmissionView } from '@dmalab/contracts/api';
import { type AckValues } from '@dmalab/contracts/api';
import { type Ack, ClientMessages, type ServerMessages } from '@dmalab/contracts/wire';
import { isSameOrigin, readCookie } from '../auth/cookie.ts';
import type { People, Person } from '../auth/people.ts';
import { hashOf } from '../auth/secret.ts';
import type { Log } from '../log.ts';
import { reasonOf } from '../problem.ts';
import { malformed, Refusal } from '../refusal.ts';
import type { Send, Watcher } from '../runs/run-log.ts';

/** Largest message, bytes: a driver of 256 Ki characters in any script. */
const MESSAGE_BYTES = 1 << 20;
/** Refusals on one connection before it is closed. */
const PATIENCE = 100;

/** One client's connection, as handlers see it. */
export interface Client {
  readonly person: Person;
  readonly send: Send;
  /** False once the connection is gone. */
  readonly connected: () => boolean;
  /** This connection's place in each run it watches. */
  readonly watching: Map<string, { watcher: Watcher; leave: () => void }>;
}
export type Handlers = { readonly [K in keyof ClientMessages]: (client: Client, message: ClientMessages[K]) => Promise<AckValues[K]> | AckValues[K] };

export interface Sockets {
  /** Tells every page of a person where a submission stands. */
  tell(personId: string, view: SubmissionView): void;
  /** Closes the connections of a session that has ended. */
  signOut(session: string): void;
  close(): Promise<void>;
}

export function openSockets(o: { server: HttpServer; people: People; cookie: string; handlers: Handlers; log: Log }): Sockets {
  const io = new Server(o.server, {
    parser,
    maxHttpBufferSize: MESSAGE_BYTES,
    serveClient: false,
    pingInterval: 10_000,
    pingTimeout: 10_000,
    allowRequest: (request: IncomingMessage, answer) => answer(null, isSameOrigin(request)),
  });
  io.use((socket, next) => {
    const secret = readCookie(socket.request, o.cookie);
    const found = secret === undefined ? Promise.resolve(undefined) : o.people.bySession(secret);
    found.then(
      (person) => {
        if (person === undefined) return next(new Error('sign in first'));
        socket.data.person = person;
        void socket.join(sessionRoom(secret ?? ''));
        next();
      },
      (thrown: unknown) => {
        o.log.error({ error: reasonOf(thrown) }, 'a session could not be looked up');
        next(new Error('the store does not answer; try again'));
      },
    );
  });
  io.on('connection', (socket) => serve(socket, o.handlers, o.log));
  return {
    tell: (personId, { submission, state, position, report }) => {
      const message: ServerMessages['submission:state'] = { submission, state, position, report };
      io.to(room(personId)).emit('submission:state', message);
    },
    signOut: (session) => io.in(sessionRoom(session)).disconnectSockets(true),
    close: () => new Promise((resolve) => void io.close(() => resolve())),
  };
}

function room(personId: string): string {
  return `person:${personId}`;
}

function sessionRoom(secret: string): string {
  return `session:${hashOf(secret)}`;
}

function serve(socket: Socket, handlers: Handlers, log: Log): void {
  const person = socket.data.person as Person; // set by the check above
  const client: Client = { person, send: (kind, message) => void socket.emit(kind, message), connected: () => socket.connected, watching: new Map() };
  void socket.join(room(person.id));
  let refusals = 0;

  socket.onAny((kind: unknown, ...args: unknown[]) => {
    const answer = args.at(-1);
    const reply = (ack: Ack): void => void (typeof answer === 'function' && answer(ack));
    answerTo(client, handlers, kind, args[0])
      .then((value) => reply({ ok: true, value }))
      .catch((thrown: unknown) => {
        if (!(thrown instanceof Refusal)) {
          log.error({ person: person.id, kind, error: reasonOf(thrown) }, 'a message could not be served');
          return reply({ ok: false, error: 'the server could not do this; it is our fault, and it is logged' });
        }
        log.warn({ person: person.id, kind: String(kind).slice(0, 64), reason: thrown.message, expected: thrown.expected }, 'a message was refused');
        reply({ ok: false, ...thrown.toJSON() });
        refusals += 1;
        if (refusals >= PATIENCE) socket.disconnect(true);
      });
  });
  socket.on('disconnect', (reason, details) => {
    for (const { leave } of client.watching.values()) leave();
    if (reason !== 'client namespace disconnect' && reason !== 'server shutting down') log.info({ person: person.id, reason, details: details instanceof Error ? reasonOf(details) : undefined }, 'a connection was closed');
  });
  // Emitted for what the parser cannot read; the connection is closed with it.
  socket.on('error', (error) => log.warn({ person: person.id, error: reasonOf(error) }, 'a message was refused: it is not one of ours'));
}

async function answerTo(client: Client, handlers: Handlers, kind: unknown, message: unknown): Promise<unknown> {
  if (typeof kind !== 'string' || !Object.hasOwn(ClientMessages, kind)) throw new Refusal(400, 'there is no such message', Object.keys(ClientMessages).join(', '));
  const known = kind as keyof ClientMessages; // checked above
  const parsed = ClientMessages[known].safeParse(message);
  if (!parsed.success) throw malformed(known, parsed.error);
  const handle = handlers[known] as (client: Client, message: unknown) => unknown; // the parser of the same key made its input
  return await handle(client, parsed.data);
}
