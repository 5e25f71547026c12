// SPDX-License-Identifier: Apache-2.0
/** What every command shares: where labs are, how to speak, which exit code means what. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Stable exit codes. The verdict is in the report; these say whether there is one. */
export const EXIT = {
  done: 0,
  /** `--strict` and below full marks; a lab check or an oracle comparison that disagrees. */
  below: 1,
  usage: 2,
  labInvalid: 3,
  notCompiled: 4,
  exhausted: 5,
  internal: 70,
} as const;

/** The clone this command line belongs to. */
export const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
export const labsFolder = process.env['DMALAB_LABS'] ?? join(root, 'labs');

/** Ends the command with one sentence and a code. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly code: number;
  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }
}

/** The text of a file that somebody named. */
export async function readInput(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const why = code === 'ENOENT' || code === 'ENOTDIR' ? 'no such file' : code === 'EISDIR' ? 'this is a folder; expected a file' : code === 'EACCES' ? 'this file may not be read' : 'this file cannot be read';
    throw new CommandError(`${file}: ${why}`, EXIT.usage);
  }
}

export const wantsColor = (): boolean => process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined;

/** Progress on standard error: one line rewritten on a terminal, silent elsewhere. */
export function progressLine(): { show(text: string): void; clear(): void } {
  if (process.stderr.isTTY !== true) return { show: () => undefined, clear: () => undefined };
  return {
    show: (text) => void process.stderr.write(`\r\u001b[2K${text.slice(0, 100)}`),
    clear: () => void process.stderr.write('\r\u001b[2K'),
  };
}

/** A bar of twenty cells, for work whose end is known. */
export function bar(done: number, of: number): string {
  const filled = of === 0 ? 20 : Math.round((20 * done) / of);
  return `${'█'.repeat(filled)}${'░'.repeat(20 - filled)} ${done}/${of}`;
}
