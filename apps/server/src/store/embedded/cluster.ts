// SPDX-License-Identifier: Apache-2.0
/**
 * One embedded PostgreSQL: made on first use, started and stopped with the
 * server. It listens on a unix socket in a private folder only. A server that
 * was killed leaves it running; the next start stops that one first.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../../log.ts';
import { codeOf, reasonOf, StartProblem } from '../../problem.ts';
import { installedBinaries } from './binaries.ts';
import { storeIdentity, type Identity } from './identity.ts';
import { choosePlace, type Place } from './place.ts';

export interface StoreAddress {
  /** Folder of the unix socket. */
  readonly host: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export interface Cluster {
  readonly address: StoreAddress;
  /** Process id of the running postmaster. */
  readonly pid: () => number | undefined;
  stop(): Promise<void>;
}

const START_MS = 60_000;
const SUPERUSER = 'dmalab';

/** Makes the cluster if need be, and starts it. @throws StartProblem */
export async function startCluster(dataDir: string, log: Log): Promise<Cluster> {
  const installed = installedBinaries();
  const user = storeIdentity(ownerOf(join(dataDir, 'store', 'cluster')));
  const place = choosePlace(dataDir, installed, user);
  if (!existsSync(join(place.cluster, 'PG_VERSION'))) await initialise(place, user);
  await stopLeftover(place, user, log);
  return Running.start(place, user, log);
}

function ownerOf(path: string): number | undefined {
  try {
    return statSync(path).uid;
  } catch {
    return undefined;
  }
}

/** Made beside its final name and renamed, so that a kill in the middle leaves no half cluster. */
async function initialise(place: Place, user: Identity | undefined): Promise<void> {
  for (const name of readdirSync(place.home)) if (name.startsWith('cluster.new')) rmSync(join(place.home, name), { recursive: true, force: true });
  const half = join(place.home, `cluster.new-${process.pid}`);
  const secret = secretFile(place);
  rmSync(secret, { force: true });
  writeFileSync(secret, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 });
  if (user !== undefined) chownSync(secret, user.uid, user.gid);
  const { code, output } = await finish(place.binaries.initdb, [`--pgdata=${half}`, `--username=${SUPERUSER}`, `--pwfile=${secret}`, '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C.UTF-8', '--no-instructions'], user);
  if (code !== 0) {
    rmSync(half, { recursive: true, force: true });
    throw cannotStart(`initdb ended with ${code}: ${lastLine(output)}`);
  }
  rmSync(place.cluster, { recursive: true, force: true });
  renameSync(half, place.cluster);
}

function secretFile(place: Place): string {
  return join(place.home, 'secret');
}

/** Stops the postmaster that a killed server left behind. The caller holds the data folder's lock, so nobody uses it. */
async function stopLeftover(place: Place, user: Identity | undefined, log: Log): Promise<void> {
  const file = join(place.cluster, 'postmaster.pid');
  if (!existsSync(file)) return;
  if (!mayBePostmaster(Number(readFileSync(file, 'utf8').split('\n')[0]), place)) {
    rmSync(file); // PostgreSQL would take whoever has that number now for its postmaster
    log.info('removed the lock of a store that is not running any more');
    return;
  }
  const { code, output } = await finish(place.binaries.pgCtl, ['stop', '-D', place.cluster, '-m', 'fast', '-w', '-t', '30'], user);
  if (code === 0) log.info('stopped a store that an earlier server had left running');
  // Not running: the file is stale, and PostgreSQL itself replaces it if the process id is no postmaster of this folder.
  else log.info({ output: lastLine(output) }, 'the store was not stopped properly last time; it recovers by itself');
}

/** False when the process is gone, dead but not waited for, or another program. Where the system does not say: true. */
function mayBePostmaster(pid: number, place: Place): boolean {
  if (process.platform !== 'linux') return true;
  try {
    if (/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) return false;
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(place.cluster);
  } catch (thrown) {
    return codeOf(thrown) !== 'ENOENT';
  }
}

class Running implements Cluster {
  readonly address: StoreAddress;
  readonly #place: Place;
  readonly #user: Identity | undefined;
  readonly #log: Log;
  #child: ChildProcess | undefined;
  #stopping = false;
  #restarts = 0;
  /** A server that ends without stopping the store (an uncaught error) takes it along. */
  readonly #onExit = (): void => void this.#child?.kill('SIGINT');

  private constructor(place: Place, user: Identity | undefined, log: Log) {
    this.#place = place;
    this.#user = user;
    this.#log = log;
    this.address = { host: place.socket, user: SUPERUSER, password: readSecret(place), database: 'postgres' };
  }

  static async start(place: Place, user: Identity | undefined, log: Log): Promise<Cluster> {
    const cluster = new Running(place, user, log);
    process.once('exit', cluster.#onExit);
    await cluster.#launch();
    return cluster;
  }

  pid(): number | undefined {
    return this.#child?.pid;
  }

  #launch(): Promise<void> {
    const settings = { listen_addresses: '', unix_socket_directories: this.#place.socket, unix_socket_permissions: '0700', max_connections: '50', log_destination: 'stderr', logging_collector: 'off', lc_messages: 'C' };
    const args = ['-D', this.#place.cluster, '-p', '5432', ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
    return new Promise((resolve, reject) => {
      // A process group of its own: Ctrl-C in the terminal must reach the server first.
      const child = spawn(this.#place.binaries.postgres, args, { ...asUser(this.#user), detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
      this.#child = child;
      let said = '';
      const timer = setTimeout(() => {
        child.kill('SIGINT');
        reject(cannotStart(`it was not ready after ${START_MS / 1000} s`));
      }, START_MS);
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said = (said + text).slice(-4096);
        if (said.includes('ready to accept connections')) {
          clearTimeout(timer);
          resolve();
        }
        this.#log.debug({ store: text.trimEnd() });
      });
      child.once('error', (error) => {
        clearTimeout(timer);
        reject(cannotStart(reasonOf(error), codeOf(error)));
      });
      child.once('exit', (code, signal) => {
        clearTimeout(timer);
        reject(cannotStart(lastLine(said) || `PostgreSQL ended with ${code ?? signal}`));
        if (this.#child === child) this.#child = undefined;
        if (!this.#stopping && said.includes('ready to accept connections')) this.#recover(`${code ?? signal}`);
      });
    });
  }

  /** The store died under a running server: start it again, a few times, then give up loudly. */
  #recover(how: string): void {
    this.#restarts += 1;
    this.#log.error({ how, attempt: this.#restarts }, 'the store stopped unexpectedly and is started again');
    if (this.#restarts > 5) return;
    setTimeout(() => {
      if (this.#stopping) return;
      stopLeftover(this.#place, this.#user, this.#log)
        .then(() => this.#launch())
        .catch((error: unknown) => this.#log.error({ error: reasonOf(error) }, 'the store could not be started again'));
    }, 200 * this.#restarts).unref();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    process.off('exit', this.#onExit);
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGINT'); // fast shutdown: clients are disconnected, everything committed is kept
    const hard = setTimeout(() => child.kill('SIGQUIT'), 10_000);
    await ended;
    clearTimeout(hard);
  }
}

function readSecret(place: Place): string {
  try {
    return readFileSync(secretFile(place), 'utf8').trim();
  } catch (thrown) {
    throw cannotStart(`its secret ${secretFile(place)} cannot be read (${codeOf(thrown)})`);
  }
}

function asUser(user: Identity | undefined): { uid?: number; gid?: number; cwd: string; env: NodeJS.ProcessEnv } {
  const env: NodeJS.ProcessEnv = { PATH: process.env['PATH'], LC_ALL: 'C', LANG: 'C', TZ: 'UTC' };
  return { ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }), cwd: '/', env };
}

function finish(program: string, args: readonly string[], user: Identity | undefined): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...asUser(user), stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (text: Buffer): void => void (output += text.toString());
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (error) => reject(user === undefined ? cannotStart(reasonOf(error), codeOf(error)) : cannotDrop(user, error)));
    child.once('close', (code) => resolve({ code: code ?? -1, output }));
  });
}

function lastLine(output: string): string {
  const lines = output.split('\n').map((line) => line.trim());
  return lines.findLast((line) => /error|fatal/i.test(line)) ?? lines.findLast((line) => line !== '') ?? '';
}

function cannotDrop(user: Identity, error: Error): StartProblem {
  return new StartProblem(`root could not run PostgreSQL as the user ${JSON.stringify(user.name)} (${codeOf(error) || reasonOf(error)}). Start dmalab as another user, or set DATABASE_URL.`);
}

function cannotStart(why: string, code = ''): StartProblem {
  const hint = code === 'ENOENT' || code === 'EACCES' ? 'Run npm start again so that the dependencies are installed, or set DATABASE_URL' : 'See server.log in the data folder, or set DATABASE_URL to a PostgreSQL of your own';
  return new StartProblem(`the embedded store cannot start: ${why}. ${hint}.`);
}
