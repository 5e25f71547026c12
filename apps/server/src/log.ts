// SPDX-License-Identifier: Apache-2.0
/** The log: everything to `server.log` in the data folder, warnings and worse to stderr as well. Secrets never reach it. */
import { join } from 'node:path';
import { pino, multistream, destination, type Logger } from 'pino';
import type { Config } from './config.ts';

export type Log = Logger;

export function openLog(config: Pick<Config, 'dataDir' | 'logLevel' | 'logToStderr'>): Log {
  if (config.logLevel === 'silent') return pino({ level: 'silent' });
  const streams = [
    { level: config.logLevel, stream: destination({ dest: join(config.dataDir, 'server.log'), sync: true, mkdir: true }) },
    ...(config.logToStderr ? [{ level: 'warn' as const, stream: process.stderr }] : []),
  ];
  return pino({ level: config.logLevel, base: null, redact: ['*.text', '*.token', '*.password', 'text', 'token', 'password'] }, multistream(streams));
}
