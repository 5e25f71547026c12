// SPDX-License-Identifier: Apache-2.0
/**
 * One server per data folder. The lock is a listening unix socket (a named
 * pipe on Windows): it vanishes with its process, however that ends, and says
 * where the other server is.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeOf, reasonOf, StartProblem } from '../problem.ts';

export interface DataFolder {
  readonly path: string;
  /** Tells a second server where this one can be found. */
  announce(url: string): void;
  release(): Promise<void>;
}

/** Makes the data folder, checks that it can be written, and takes its lock. @throws StartProblem */
export async function takeDataFolder(path: string): Promise<DataFolder> {
  try {
    mkdirSync(path, { recursive: true });
    const probe = join(path, `.probe-${process.pid}`);
    writeFileSync(probe, '');
    rmSync(probe);
  } catch (thrown) {
    throw new StartProblem(`the data folder ${path} cannot be written (${codeOf(thrown) || reasonOf(thrown)}). Make it writable, or set DATA_DIR to a folder that is.`);
  }
  const at = lockPath(path);
  let url = '';
  for (let attempt = 0; ; attempt += 1) {
    const server = createServer((socket) => socket.on('error', () => undefined).end(url));
    const code = await listen(server, at);
    if (code === '') return { path, announce: (u) => void (url = u), release: () => new Promise((resolve) => server.close(() => resolve())) };
    const other = await ask(at);
    if (other !== undefined) throw new StartProblem(`a server is already using the data folder ${path}${other === '' ? '' : ` (${other})`}. Stop it first, or set DATA_DIR to another folder.`);
    if (code !== 'EADDRINUSE' || attempt === 3) throw new StartProblem(`the lock ${at} cannot be taken (${code}). Set DATA_DIR to another folder.`);
    rmSync(at, { force: true }); // its process is gone
  }
}

function lockPath(folder: string): string {
  const inside = join(realpathSync(folder), 'server.lock');
  if (process.platform !== 'win32' && Buffer.byteLength(inside) <= 100) return inside;
  const name = `dmalab-${createHash('sha256').update(inside).digest('hex').slice(0, 16)}`;
  return process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name}.lock`);
}

/** `''` on success, else the error's code. */
function listen(server: Server, at: string): Promise<string> {
  return new Promise((resolve) => {
    server.once('error', (error) => resolve(codeOf(error) || 'unknown'));
    server.listen(at, () => {
      server.unref();
      resolve('');
    });
  });
}

/** What the holder of the lock says; undefined when nobody holds it. */
function ask(at: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    let said = '';
    const socket = connect(at);
    socket.setTimeout(2_000, () => socket.destroy());
    socket.on('connect', () => (said = ''));
    socket.on('data', (bytes) => (said += bytes.toString()));
    socket.on('error', () => resolve(undefined));
    socket.on('close', () => resolve(said));
  });
}
