// SPDX-License-Identifier: Apache-2.0
/** Settings of a server, from the environment. A wrong one is a sentence that names the variable and what was expected. */
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { StartProblem } from './problem.ts';

/** Root of the installation. `src` and `dist` are equally deep in it. */
const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

/** How often one person may do what costs something: `burst` at once, `perMinute` in the long run. */
export interface Allowance {
  readonly burst: number;
  readonly perMinute: number;
}

export interface Config {
  /** 0 takes any free port. */
  readonly port: number;
  readonly host: string;
  /** Absolute. Holds the embedded store, its secret and the log. */
  readonly dataDir: string;
  /** An external PostgreSQL; undefined: the embedded one. */
  readonly databaseUrl: string | undefined;
  /** Folders that hold one folder a lab. */
  readonly labDirs: readonly string[];
  /** The built web app. */
  readonly webDir: string;
  /** Grader processes kept ready. */
  readonly graders: number;
  /** Address in printed links, when it is not `http://localhost:PORT`. */
  readonly publicUrl: string | undefined;
  /** Whether the session cookie is sent over https only. */
  readonly secureCookies: boolean;
  /** Whether warnings go to stderr as well as to the log. */
  readonly logToStderr: boolean;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly allow: { readonly drafts: Allowance; readonly runs: Allowance; readonly submissions: Allowance };
  /** HTTP requests a minute from one address. */
  readonly requestsPerMinute: number;
}

const count = (low: number, high: number) => z.string().regex(/^\d+$/, `expected an integer from ${low} to ${high}`).transform(Number).pipe(z.number().min(low).max(high));

/** An empty variable counts as one that is not set. */
const Environment = z.object({
  PORT: count(0, 65_535).default(8080),
  HOST: z.string().default('127.0.0.1'),
  DATA_DIR: z.string().default('.dmalab'),
  DATABASE_URL: z.string().regex(/^postgres(ql)?:\/\//, 'expected postgresql://user:password@host:port/database').optional(),
  LABS_DIR: z.string().default(join(root, 'labs')),
  GRADERS: count(1, 64).default(2),
  PUBLIC_URL: z.url({ protocol: /^https?$/, error: 'expected http:// or https:// and a host' }).optional(),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  SUBMISSIONS_PER_MINUTE: count(1, 6_000).default(20),
});

const ARGUMENTS: Readonly<Record<string, keyof z.input<typeof Environment>>> = { '--port': 'PORT', '--host': 'HOST', '--data': 'DATA_DIR', '--labs': 'LABS_DIR' };

/** `--port 9000` and friends, as the variables they stand for. @throws StartProblem */
export function readArguments(args: readonly string[]): Record<string, string> {
  const out: Record<string, string> = {};
  for (let at = 0; at < args.length; at += 1) {
    const [flag = '', inline] = (args[at] ?? '').split(/=(.*)/s);
    const name = ARGUMENTS[flag];
    const value = inline ?? args[(at += 1)];
    if (name === undefined || value === undefined) throw new StartProblem(`${name === undefined ? `there is no option ${flag}` : `${flag} needs a value`}. Expected ${Object.keys(ARGUMENTS).join(', ')}, each with a value.`);
    out[name] = value;
  }
  return out;
}

export function readConfig(env: Readonly<Record<string, string | undefined>>, cwd = process.cwd()): Config {
  const parsed = Environment.safeParse(Object.fromEntries(Object.entries(env).filter(([, value]) => value !== '')));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const name = String(issue?.path[0]);
    throw new StartProblem(`${name} is ${JSON.stringify(env[name])}: ${issue?.message}. Correct it or unset it, and start again.`);
  }
  const e = parsed.data;
  return {
    port: e.PORT,
    host: e.HOST,
    dataDir: resolve(cwd, e.DATA_DIR),
    databaseUrl: e.DATABASE_URL,
    labDirs: e.LABS_DIR.split(process.platform === 'win32' ? ';' : ':').filter((part) => part !== '').map((part) => resolve(cwd, part)),
    webDir: join(root, 'apps', 'web', 'dist'),
    graders: e.GRADERS,
    publicUrl: e.PUBLIC_URL?.replace(/\/+$/, ''),
    secureCookies: e.PUBLIC_URL?.startsWith('https:') ?? false,
    logToStderr: true,
    logLevel: e.LOG_LEVEL,
    allow: {
      drafts: { burst: 60, perMinute: 600 },
      runs: { burst: 30, perMinute: 60 },
      submissions: { burst: Math.max(30, e.SUBMISSIONS_PER_MINUTE), perMinute: e.SUBMISSIONS_PER_MINUTE },
    },
    requestsPerMinute: 1_200,
  };
}
