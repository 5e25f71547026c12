// SPDX-License-Identifier: Apache-2.0
/** `dmalab serve`: what `npm start` starts, without the set-up. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { root } from './context.ts';

export function serveCommand(): Command {
  return new Command('serve')
    .description('start the lab server and print the address to open')
    .option('--port <number>', 'port to listen on (PORT)', port)
    .option('--data <folder>', 'where to keep the store (DATA_DIR)')
    .action(async (options: { port?: string; data?: string }) => {
      const env = { ...process.env, ...(options.port === undefined ? {} : { PORT: options.port }), ...(options.data === undefined ? {} : { DATA_DIR: options.data }) };
      const server = spawn(process.execPath, [join(root, 'apps', 'server', 'dist', 'main.js')], { env, stdio: 'inherit' });
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => server.kill(signal));
      process.exitCode = await new Promise<number>((resolve) => server.on('exit', (code, signal) => resolve(signal === null ? (code ?? 1) : 0)));
    });
}

function port(text: string): string {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) throw new InvalidArgumentError('expected a number from 0 to 65535');
  return text;
}
