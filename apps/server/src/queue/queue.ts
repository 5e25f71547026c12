// SPDX-License-Identifier: Apache-2.0
/**
 * The queue of submissions: bullmq on the same PostgreSQL as everything else.
 * A job holds the id of its submission and nothing more. A worker that dies
 * loses its lock after a few seconds, and another takes the job over.
 */
import { createRequire } from 'node:module';
import type { ConnectionOptions, Queue, Worker } from 'bullmq';
import type pg from 'pg';
import type { Log } from '../log.ts';
import { reasonOf } from '../problem.ts';

// The ES module build cannot load its PostgreSQL driver (it looks for `require`), so this takes the other one.
const bullmq = createRequire(import.meta.url)('bullmq') as typeof import('bullmq');

const NAME = 'submissions';
const TRIES = 3;
/** After this long without a sign of life a worker's job is taken over, milliseconds. */
const LOCK_MS = 4_000;

export interface JobQueue {
  /** Adds the job of a submission. Adding it again is harmless. */
  add(submission: string): Promise<void>;
  /** Whether a job of this submission waits or runs. */
  has(submission: string): Promise<boolean>;
  close(): Promise<void>;
}

export interface QueueWork {
  /** Grades. A throw is tried again. */
  process(submission: string): Promise<void>;
  /** Tried as often as it may be, in vain. */
  giveUp(submission: string, why: string): Promise<void>;
}

export async function openQueue(connection: pg.PoolConfig, work: QueueWork, concurrency: number, log: Log): Promise<JobQueue> {
  // bullmq reads pg's settings but types Redis' only.
  const settings = { connection: { ...connection, max: 4, schema: 'queue', migrate: true } as unknown as ConnectionOptions };
  const queue: Queue = new bullmq.Queue(NAME, settings, bullmq.createPostgresBackend as never);
  queue.on('error', (error) => log.warn({ error: reasonOf(error) }, 'queue'));
  await queue.waitUntilReady();
  const worker: Worker = new bullmq.Worker(
    NAME,
    async (job) => {
      await work.process(String(job.id));
    },
    { ...settings, concurrency, lockDuration: LOCK_MS, stalledInterval: LOCK_MS / 2, maxStalledCount: 10, runRetryDelay: 500 },
    bullmq.createPostgresBackend as never,
  );
  worker.on('error', (error) => log.warn({ error: reasonOf(error) }, 'queue worker'));
  worker.on('failed', (job, error) => {
    log.warn({ submission: job?.id, error: reasonOf(error) }, 'a submission could not be graded');
    if (job?.id !== undefined && job.attemptsMade >= TRIES) work.giveUp(job.id, reasonOf(error)).catch((thrown: unknown) => log.error({ submission: job.id, error: reasonOf(thrown) }, 'a failure could not be recorded'));
  });
  await worker.waitUntilReady();
  return {
    add: async (submission) => void (await queue.add('grade', {}, { jobId: submission, attempts: TRIES, backoff: { type: 'fixed', delay: 1_000 }, removeOnComplete: true, removeOnFail: true })),
    has: async (submission) => (await queue.getJob(submission)) !== undefined,
    // Jobs under way are not waited for: their lock runs out and whoever is next takes them over.
    close: async () => {
      await worker.close(true);
      await queue.close();
    },
  };
}
