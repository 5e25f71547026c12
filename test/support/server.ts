// SPDX-License-Identifier: Apache-2.0
/** For whole-system tests: the built server as people start it, on a free port, with a store of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { built, root, temporaryFolder } from './repo.ts';

export interface ServerProcess {
  readonly url: string;
  /** Signs in once. */
  readonly signInUrl: string;
  readonly dataDir: string;
  /** Stops it as Ctrl-C does, and removes what it kept. */
  close(): Promise<void>;
}

const START_MS = 60_000;

/** @param env settings other than the defaults: `GRADERS`, `LABS_DIR` */
export async function startServer(env: Readonly<Record<string, string>> = {}): Promise<ServerProcess> {
  const main = built('apps', 'server', 'dist', 'main.js');
  built('apps', 'web', 'dist', 'index.html');
  const folder = temporaryFolder();
  const dataDir = join(folder.path, 'data');
  const child = spawn(process.execPath, [main], { cwd: root, env: { PATH: process.env['PATH'], PORT: '0', DATA_DIR: dataDir, LOG_LEVEL: 'warn', ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const signInUrl = await printedLink(child).catch((error: unknown) => {
    child.kill('SIGKILL');
    folder.remove();
    throw error;
  });
  return {
    url: new URL(signInUrl).origin,
    signInUrl,
    dataDir,
    close: async () => {
      child.kill('SIGTERM');
      await ended;
      folder.remove();
    },
  };
}

function printedLink(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let out = '';
    let problems = '';
    const late = setTimeout(() => reject(new Error(`the server printed no link within ${START_MS / 1000} s; it said: ${problems || 'nothing'}`)), START_MS);
    child.stdout?.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      const link = /http:\/\/\S+\/sign-in\?token=\S+/.exec(out)?.[0];
      if (link === undefined) return;
      clearTimeout(late);
      resolve(link);
    });
    child.stderr?.on('data', (chunk: Buffer) => (problems += chunk.toString()));
    child.once('close', (code) => {
      clearTimeout(late);
      reject(new Error(`the server ended with ${code}: ${problems.trim()}`));
    });
  });
}
