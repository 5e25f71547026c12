// SPDX-License-Identifier: Apache-2.0
/**
 * Where the store's files lie. Normally in the data folder. When root drops to
 * another user that cannot enter that folder (a checkout under /root), the
 * programs and the data go to a place that user can enter, and a note in the
 * data folder says where.
 */
import { createHash } from 'node:crypto';
import { chownSync, cpSync, existsSync, lstatSync, mkdirSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { codeOf, reasonOf, StartProblem } from '../../problem.ts';
import { binariesIn, type Binaries } from './binaries.ts';
import type { Identity } from './identity.ts';

/** Longest path of a unix socket, bytes, on every system we know. */
const SOCKET_PATH_LIMIT = 100;
const SOCKET_NAME = '/.s.PGSQL.5432.lock';

export interface Place {
  readonly binaries: Binaries;
  /** Parent of the cluster and its socket; belongs to the store's user, mode 0700. */
  readonly home: string;
  readonly cluster: string;
  /** Folder of the unix socket. */
  readonly socket: string;
}

/** Whether `user` may pass through every folder down to `path` (and read it, for a folder with mode r-x). */
export function canEnter(path: string, user: Identity): boolean {
  for (let at = realpathSync(path); ; at = dirname(at)) {
    const { mode, uid, gid } = statSync(at);
    const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0;
    if (((mode >> shift) & 1) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

export function choosePlace(dataDir: string, installed: Binaries, user: Identity | undefined): Place {
  const home = user === undefined || canEnter(dataDir, user) ? ownFolder(join(dataDir, 'store'), user) : ownFolder(join(sharedRoot(), `store-${digest(realpathSync(dataDir))}`), user);
  if (dirname(home) !== dataDir) writeFileSync(join(dataDir, 'store-is-elsewhere.txt'), `The store's user cannot enter this folder, so the store is in ${home}\n`);
  const binaries = user === undefined || canEnter(join(installed.native, 'bin'), user) ? installed : copiedBinaries(installed);
  return { binaries, home, cluster: join(home, 'cluster'), socket: socketFolder(home, user) };
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

/** A folder below the system's own that root may write and others may enter. */
function sharedRoot(): string {
  const problems: string[] = [];
  for (const base of ['/var/lib', tmpdir()]) {
    const folder = join(base, 'dmalab');
    try {
      mkdirSync(folder, { recursive: true, mode: 0o755 });
      // Somebody else's folder, or a link, could lead the store anywhere.
      const stat = lstatSync(folder);
      if (stat.isDirectory() && stat.uid === process.getuid?.()) return folder;
      problems.push(`${folder} belongs to someone else`);
    } catch (thrown) {
      problems.push(reasonOf(thrown));
    }
  }
  throw new StartProblem(`the store's user cannot enter the data folder, and no other folder can be made (${problems.join('; ')}). Set DATA_DIR to a folder that every user may enter, such as /var/lib/dmalab-data.`);
}

/** Sixty megabytes, once per version: copied aside and renamed, so that half a copy is never used. */
function copiedBinaries(installed: Binaries): Binaries {
  const target = join(sharedRoot(), `postgresql-${digest(installed.native)}`);
  if (!existsSync(target)) {
    const half = `${target}.${process.pid}`;
    cpSync(installed.native, half, { recursive: true, verbatimSymlinks: true });
    try {
      renameSync(half, target);
    } catch (thrown) {
      rmSync(half, { recursive: true, force: true });
      if (!existsSync(target)) throw thrown;
    }
  }
  return binariesIn(target);
}

function ownFolder(path: string, user: Identity | undefined): string {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    if (user !== undefined) chownSync(path, user.uid, user.gid);
    return path;
  } catch (thrown) {
    throw new StartProblem(`the store's folder ${path} cannot be made (${codeOf(thrown) || reasonOf(thrown)}). Make it writable, or set DATA_DIR to a folder that is.`);
  }
}

/** Socket paths are short; a deep data folder gets its socket in the temporary folder. */
function socketFolder(home: string, user: Identity | undefined): string {
  const inside = join(home, 'socket');
  if (Buffer.byteLength(inside + SOCKET_NAME) <= SOCKET_PATH_LIMIT) return ownFolder(inside, user);
  const short = join(tmpdir(), `dmalab-${process.getuid?.() ?? 0}-${digest(home)}`);
  mkdirSync(short, { recursive: true, mode: 0o700 });
  const stat = lstatSync(short);
  if (!stat.isDirectory() || (stat.uid !== process.getuid?.() && stat.uid !== user?.uid)) throw new StartProblem(`${short} belongs to someone else. Remove it, or set DATA_DIR to a folder with a shorter path.`);
  return ownFolder(short, user);
}
