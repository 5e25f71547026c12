// SPDX-License-Identifier: Apache-2.0
/**
 * The dmalab server: `node dist/main.js`, or `startServer` from a test. It
 * starts the store, reads the labs, prints one link, and serves until it is
 * told to stop. It never runs student code; graders do, in processes of their own.
 */
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type EngineFacts, engineFacts } from '@dmalab/grader/engine-facts';
import { readLab } from '@dmalab/grader/lab-folder';
import { GraderPool } from '@dmalab/grader/pool';
import { cookieName } from './auth/cookie.ts';
import { People } from './auth/people.ts';
import { type Config, readArguments, readConfig } from './config.ts';
import { Drafts } from './drafts/drafts.ts';
import { createApp } from './http/app.ts';
import { bind } from './http/listen.ts';
import { Catalogue, type ReadLab } from './labs/catalogue.ts';
import { type Log, openLog } from './log.ts';
import { reasonOf, StartProblem } from './problem.ts';
import { gradeWith } from './queue/grade.ts';
import { openQueue } from './queue/queue.ts';
import { Submissions } from './queue/submissions.ts';
import { Runs } from './runs/runs.ts';
import { handlers, type Services } from './sockets/handlers.ts';
import { openSockets, type Sockets } from './sockets/sockets.ts';
import { takeDataFolder } from './store/lock.ts';
import { openStore } from './store/store.ts';

export type Graders = Pick<GraderPool, 'compile' | 'run' | 'grade' | 'close' | 'wall'>;

export interface ServerOptions {
  /** Settings other than those of the environment. */
  readonly config?: Partial<Config>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Parts a host may bring itself. */
  readonly graders?: Graders;
  readonly readLab?: ReadLab;
  readonly facts?: EngineFacts;
}

export interface RunningServer {
  readonly url: string;
  /** Signs its reader in, once. */
  readonly signInUrl: string;
  /** Labs that could not be read, for whoever started this. */
  readonly broken: Catalogue['broken'];
  close(): Promise<void>;
}

/** @throws StartProblem with one sentence that says what to do */
export async function startServer(options: ServerOptions = {}): Promise<RunningServer> {
  const config: Config = { ...readConfig(options.env ?? process.env), ...options.config };
  // What has been started, to be stopped in reverse.
  const started: (() => Promise<void> | void)[] = [];
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= (async () => {
      for (const stop of started.reverse()) await stop();
    })();
    return closing;
  };
  try {
    const folder = await takeDataFolder(config.dataDir);
    started.push(() => folder.release());
    const log = openLog(config);
    const door = await bind(config.host, config.port);
    started.push(() => door.close());

    const graders = options.graders ?? new GraderPool({ size: config.graders });
    started.push(() => graders.close());
    for (const layer of graders.wall.missing) log.warn({ layer }, 'the wall around graders lacks a layer');
    // Loading the compiler takes a while: let it be done before the first student asks.
    graders.compile({ 'driver.ts': 'export {};\n' }, {}).catch((error: unknown) => log.info({ error: reasonOf(error) }, 'the compiler was not warmed up'));
    const opening = openStore(config, log);
    const [catalogue, facts, store] = await Promise.all([Catalogue.read(config.labDirs, options.readLab ?? readLab, log), options.facts ?? engineFacts(), opening]).catch(async (thrown: unknown) => {
      await opening.then((store) => store.close()).catch(() => undefined);
      throw thrown;
    });
    started.push(() => store.close());

    const url = config.publicUrl ?? `http://${['127.0.0.1', '::1', '0.0.0.0', '::'].includes(config.host) ? 'localhost' : config.host}:${door.port}`;
    const signInUrl = await serve({ config, log, door, graders, catalogue, facts, store, url, started });
    folder.announce(url);
    log.info({ url, labs: catalogue.labs.size }, 'ready');
    return { url, signInUrl, broken: catalogue.broken, close };
  } catch (thrown) {
    await close().catch(() => undefined);
    throw thrown;
  }
}

interface Parts {
  readonly config: Config;
  readonly log: Log;
  readonly door: Awaited<ReturnType<typeof bind>>;
  readonly graders: Graders;
  readonly catalogue: Catalogue;
  readonly facts: EngineFacts;
  readonly store: Awaited<ReturnType<typeof openStore>>;
  readonly url: string;
  readonly started: (() => Promise<void> | void)[];
}

/** Puts the services together and opens the door. @returns the sign-in link */
async function serve({ config, log, door, graders, catalogue, facts, store, url, started }: Parts): Promise<string> {
  const people = new People(store.db);
  const drafts = new Drafts(store.db);
  const runs = new Runs({ db: store.db, pool: graders, log });
  started.push(() => runs.close());
  if (config.databaseUrl === undefined) await runs.closeLeftovers(); // the store is ours alone

  let sockets: Sockets | undefined;
  const submissions = new Submissions({ db: store.db, grade: gradeWith(graders, catalogue), changed: (person, view) => sockets?.tell(person, view), log });
  const services: Services = { catalogue, drafts, runs, submissions, pool: graders };
  // One process stays free for people who wait at their screens.
  const queue = await openQueue(store.connection, submissions, Math.max(1, config.graders - 1), log);
  started.push(() => queue.close());
  await submissions.start(queue);
  started.push(() => submissions.close());

  const cookie = cookieName(door.port);
  sockets = openSockets({ server: door.server, people, cookie, handlers: handlers(services, config.allow), log });
  const opened = sockets;
  started.push(() => opened.close());
  door.open(createApp({ ...services, people, cookie, signedOut: (session) => opened.signOut(session), secure: config.secureCookies, engineHash: facts.hash, types: [...facts.types], config, store, log }));
  return `${url}/sign-in?token=${await people.createLink(await people.owner())}`;
}

async function main(): Promise<void> {
  let server: RunningServer | undefined;
  let stopping = false;
  const stop = (): void => {
    if (stopping) return; // a terminal and a parent may both tell us
    stopping = true;
    setTimeout(() => process.exit(1), 15_000).unref();
    Promise.resolve(server?.close()).then(
      () => process.exit(0),
      (thrown: unknown) => {
        process.stderr.write(`dmalab did not stop properly: ${reasonOf(thrown)}\n`);
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => (server === undefined ? (stopping = true) : stop()));
  try {
    server = await startServer({ env: { ...process.env, ...readArguments(process.argv.slice(2)) } });
  } catch (thrown) {
    process.stderr.write(`${thrown instanceof StartProblem ? thrown.message : `dmalab cannot start, and it is our fault: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`}\n`);
    process.exit(1);
  }
  if (stopping) {
    stopping = false;
    return stop();
  }
  for (const { folder, problem } of server.broken) process.stderr.write(`${folder} is left out:\n${problem.replace(/^/gm, '  ')}\n`);
  process.stdout.write(`\ndmalab is ready. Open this link to sign in; it works once:\n\n  ${server.signInUrl}\n\nStop with Ctrl-C.\n`);
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) await main();
