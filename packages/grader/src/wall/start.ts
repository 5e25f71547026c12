// SPDX-License-Identifier: Apache-2.0
/** Starts a Node process behind the wall, handing the filter over as an open file. */
import type { ChildProcessByStdio, spawn as Spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { Wall } from './wall.ts';

export type WalledProcess = ChildProcessByStdio<Writable, Readable, Readable>;

/** `args` are Node's: a script and its arguments. The caller owns the process and must end it. */
export function startBehind(wall: Wall, args: readonly string[], spawn: typeof Spawn): WalledProcess {
  const { file, args: all, filter } = wall.command(args);
  if (filter === undefined) return spawn(file, all, { stdio: ['pipe', 'pipe', 'pipe'], env: {} }) as WalledProcess;
  const folder = mkdtempSync(join(tmpdir(), 'dmalab-wall-'));
  const path = join(folder, 'filter');
  writeFileSync(path, filter);
  const descriptor = openSync(path, 'r');
  try {
    return spawn(file, all, { stdio: ['pipe', 'pipe', 'pipe', descriptor], env: {} }) as unknown as WalledProcess;
  } finally {
    closeSync(descriptor);
    rmSync(folder, { recursive: true });
  }
}
