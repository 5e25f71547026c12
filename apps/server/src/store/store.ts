// SPDX-License-Identifier: Apache-2.0
/** The store: a pool on the embedded or an external PostgreSQL, with the tables brought up to date. */
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import { migrate } from 'drizzle-orm/node-postgres/migrator';
import pg from 'pg';
import type { Config } from '../config.ts';
import type { Log } from '../log.ts';
import { codeOf, reasonOf, StartProblem } from '../problem.ts';
import { startCluster } from './embedded/cluster.ts';
import * as schema from './schema.ts';

export type Database = NodePgDatabase<typeof schema>;

export interface Store {
  readonly db: Database;
  /** How others (the queue) connect to the same PostgreSQL. */
  readonly connection: pg.PoolConfig;
  /** Resolves when the store answers; rejects with its reason. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

const migrations = fileURLToPath(new URL('../../drizzle', import.meta.url));
/** Serialises migrations of servers that start at once on one database. */
const MIGRATION_LOCK = 0x646d616c;
/** How long an external database may take to answer at start, milliseconds. */
const PATIENCE_MS = 15_000;

/** @throws StartProblem when there is no store to be had */
export async function openStore(config: Pick<Config, 'dataDir' | 'databaseUrl'>, log: Log, patienceMs = PATIENCE_MS): Promise<Store> {
  const cluster = config.databaseUrl === undefined ? await startCluster(config.dataDir, log) : undefined;
  const connection: pg.PoolConfig = { ...(cluster === undefined ? { connectionString: config.databaseUrl } : { ...cluster.address, port: 5432 }), connectionTimeoutMillis: 10_000, application_name: 'dmalab' };
  // Migrations name `public`; a schema called like the user must not come before it.
  const pool = new pg.Pool({ ...connection, max: 12, options: '-c search_path=public' });
  // An idle connection that drops (the store restarts) is replaced at the next query.
  pool.on('error', (error) => log.warn({ error: reasonOf(error) }, 'a connection to the store was lost'));
  const close = async (): Promise<void> => {
    await pool.end();
    await cluster?.stop();
  };
  try {
    await reach(pool, cluster === undefined, patienceMs);
    await bringUpToDate(pool);
  } catch (thrown) {
    await close().catch(() => undefined);
    throw thrown instanceof StartProblem ? thrown : new StartProblem(`the store's tables cannot be brought up to date: ${reasonOf(thrown)}. ${cluster === undefined ? 'Check that DATABASE_URL names a PostgreSQL 15 or newer whose user may create tables' : 'Move the data folder aside to start afresh'}.`);
  }
  return { db: drizzle(pool, { schema }), connection, ping: async () => void (await pool.query('select 1')), close };
}

async function reach(pool: pg.Pool, external: boolean, patienceMs: number): Promise<void> {
  for (const until = Date.now() + patienceMs; ; await delay(500)) {
    try {
      await pool.query('select 1');
      return;
    } catch (thrown) {
      const retriable = ['ECONNREFUSED', 'ENOENT', 'EAI_AGAIN', '57P03'].includes(codeOf(thrown));
      if (retriable && Date.now() < until) continue;
      throw new StartProblem(external ? `the database of DATABASE_URL cannot be reached: ${reasonOf(thrown)}. Start it, correct DATABASE_URL, or unset it to use the embedded store.` : `the embedded store does not answer: ${reasonOf(thrown)}. See server.log in the data folder.`);
    }
  }
}

async function bringUpToDate(pool: pg.Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await migrate(drizzle(client), { migrationsFolder: migrations, migrationsSchema: 'drizzle', migrationsTable: 'migrations' });
    await client.query('select pg_advisory_unlock($1)', [MIGRATION_LOCK]);
  } finally {
    client.release();
  }
}
