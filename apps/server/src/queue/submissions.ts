// SPDX-License-Identifier: Apache-2.0
/**
 * Submissions from the click to the immutable result. The row is committed
 * first and is the truth; its job follows and is added again at start (and
 * now and then) when it is missing. A result is written once, with the state.
 */
import { randomUUID } from 'node:crypto';
import { and, asc, desc, eq, inArray, sql } from 'drizzle-orm';
import { Report } from '@dmalab/contracts/report';
import type { SubmissionView } from '@dmalab/contracts/api';
import type { Log } from '../log.ts';
import { reasonOf } from '../problem.ts';
import { auditLog, results, submissions } from '../store/schema.ts';
import type { Database } from '../store/store.ts';
import type { JobQueue, QueueWork } from './queue.ts';

export interface Graded {
  readonly staff: Report;
  /** The projection a student may see. */
  readonly student: Report;
  /** Canonical bytes of both, as kept. */
  readonly bytes: { readonly staff: string; readonly student: string };
}
/** Grades one text. A throw is our fault and is tried again. */
export type Grade = (lab: string, text: string) => Promise<Graded>;

export interface SubmissionInput {
  readonly lab: string;
  readonly text: string;
  readonly key: string;
}

const RECONCILE_MS = 15_000;
/** How often those who wait hear where they are, milliseconds. */
const TELL_MS = 1_000;

export class Submissions implements QueueWork {
  readonly #db: Database;
  readonly #grade: Grade;
  readonly #changed: (personId: string, view: SubmissionView) => void;
  readonly #log: Log;
  #queue: JobQueue | undefined;
  #timer: NodeJS.Timeout | undefined;
  #telling: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(o: { db: Database; grade: Grade; changed: (personId: string, view: SubmissionView) => void; log: Log }) {
    this.#db = o.db;
    this.#grade = o.grade;
    this.#changed = o.changed;
    this.#log = o.log;
  }

  /** Takes the queue into use: first what an earlier server left undone. */
  async start(queue: JobQueue): Promise<void> {
    this.#queue = queue;
    await this.reconcile();
    this.#timer = setInterval(() => this.#reconcileNow(), RECONCILE_MS);
    this.#timer.unref();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    clearTimeout(this.#telling);
  }

  /** @returns the submission of this key: a new one, or the one the same click made before */
  async create(personId: string, input: SubmissionInput): Promise<SubmissionView> {
    const id = randomUUID();
    const made = await this.#db.transaction(async (tx) => {
      const [row] = await tx.insert(submissions).values({ id, personId, ...input }).onConflictDoNothing().returning();
      if (row !== undefined) await tx.insert(auditLog).values({ personId, action: 'submission.created', detail: { submission: id, lab: input.lab } });
      return row;
    });
    if (made === undefined) {
      const [before] = await this.#db.select({ id: submissions.id }).from(submissions).where(and(eq(submissions.personId, personId), eq(submissions.key, input.key)));
      return this.#require(personId, before?.id ?? id);
    }
    // Committed. Should adding the job fail, reconciling adds it.
    await this.#queue?.add(id).catch((error: unknown) => {
      this.#log.warn({ submission: id, error: reasonOf(error) }, 'the job will be added later');
      setTimeout(() => this.#reconcileNow(), 1_000).unref();
    });
    return this.#require(personId, id);
  }

  async read(personId: string, id: string): Promise<SubmissionView | undefined> {
    return (await this.#views(and(eq(submissions.personId, personId), eq(submissions.id, id)), 1))[0];
  }

  /** Newest first. */
  list(personId: string, lab?: string, limit = 50): Promise<SubmissionView[]> {
    return this.#views(and(eq(submissions.personId, personId), lab === undefined ? undefined : eq(submissions.lab, lab)), limit);
  }

  /** Newest student report of a lab. */
  async newestReport(personId: string, lab: string): Promise<Report | null> {
    const [row] = await this.#db
      .select({ report: results.studentReport })
      .from(results)
      .innerJoin(submissions, eq(submissions.id, results.submissionId))
      .where(and(eq(submissions.personId, personId), eq(submissions.lab, lab)))
      .orderBy(desc(submissions.createdAt))
      .limit(1);
    return row === undefined ? null : Report.parse(JSON.parse(row.report));
  }

  /** Best points of each lab this person submitted a gradable text to. */
  async best(personId: string): Promise<Map<string, { earned: number; possible: number }>> {
    const rows = await this.#db
      .select({ lab: submissions.lab, earned: sql<number>`max(${results.earned})::int`, possible: sql<number>`max(${results.possible})::int` })
      .from(results)
      .innerJoin(submissions, eq(submissions.id, results.submissionId))
      .where(and(eq(submissions.personId, personId), eq(results.gradable, true)))
      .groupBy(submissions.lab);
    return new Map(rows.map((row) => [row.lab, row]));
  }

  /** Labs this person has submitted anything to. */
  async triedLabs(personId: string): Promise<Set<string>> {
    const rows = await this.#db.selectDistinct({ lab: submissions.lab }).from(submissions).where(eq(submissions.personId, personId));
    return new Set(rows.map((row) => row.lab));
  }

  /** Adds the job of every unfinished submission that has none. */
  async reconcile(): Promise<void> {
    const open = await this.#db.select({ id: submissions.id }).from(submissions).where(inArray(submissions.state, ['queued', 'running'])).orderBy(asc(submissions.createdAt));
    for (const { id } of open) {
      if (this.#closed || this.#queue === undefined) return;
      if (!(await this.#queue.has(id))) await this.#queue.add(id);
    }
  }

  #reconcileNow(): void {
    this.reconcile().catch((error: unknown) => this.#log.warn({ error: reasonOf(error) }, 'submissions could not be reconciled'));
  }

  async process(id: string): Promise<void> {
    const [row] = await this.#db.update(submissions).set({ state: 'running', startedAt: sql`now()` }).where(and(eq(submissions.id, id), inArray(submissions.state, ['queued', 'running']))).returning();
    if (row === undefined) return; // done by someone else
    await this.#tell(row.personId, id);
    this.#tellWaiting();
    const graded = await this.#grade(row.lab, row.text);
    if (this.#closed) return;
    await this.#db.transaction(async (tx) => {
      const { staff, bytes } = graded;
      const [kept] = await tx
        .insert(results)
        .values({ submissionId: id, labHash: staff.lab.hash, engineHash: staff.engine.hash, gradable: staff.gradable, earned: staff.points.earned, possible: staff.points.possible, staffReport: bytes.staff, studentReport: bytes.student })
        .onConflictDoNothing()
        .returning({ id: results.submissionId });
      await tx.update(submissions).set({ state: 'done', finishedAt: sql`now()` }).where(eq(submissions.id, id));
      if (kept !== undefined) await tx.insert(auditLog).values({ personId: row.personId, action: 'submission.graded', detail: { submission: id, earned: staff.points.earned, possible: staff.points.possible } });
    });
    await this.#tell(row.personId, id);
  }

  async giveUp(id: string, why: string): Promise<void> {
    if (this.#closed) return;
    const row = await this.#db.transaction(async (tx) => {
      const [failed] = await tx.update(submissions).set({ state: 'failed', failure: why.replaceAll('\0', ''), finishedAt: sql`now()` }).where(and(eq(submissions.id, id), inArray(submissions.state, ['queued', 'running']))).returning();
      if (failed !== undefined) await tx.insert(auditLog).values({ personId: failed.personId, action: 'submission.failed', detail: { submission: id } });
      return failed;
    });
    if (row !== undefined) await this.#tell(row.personId, id);
  }

  async #tell(personId: string, id: string): Promise<void> {
    this.#changed(personId, await this.#require(personId, id));
  }

  /** Whoever waits has moved up: told together, at most once a second. */
  #tellWaiting(): void {
    if (this.#telling !== undefined) return;
    this.#telling = setTimeout(() => {
      this.#telling = undefined;
      this.#db
        .select()
        .from(submissions)
        .where(eq(submissions.state, 'queued'))
        .orderBy(asc(submissions.createdAt), asc(submissions.id))
        .limit(1_000)
        .then((waiting) => {
          for (const [at, row] of waiting.entries()) this.#changed(row.personId, { submission: row.id, lab: row.lab, state: 'queued', position: at + 1, at: row.createdAt.toISOString(), report: null });
        })
        .catch((error: unknown) => this.#log.warn({ error: reasonOf(error) }, 'positions could not be told'));
    }, TELL_MS);
    this.#telling.unref();
  }

  async #require(personId: string, id: string): Promise<SubmissionView> {
    const view = await this.read(personId, id);
    if (view === undefined) throw new Error(`submission ${id} is gone`);
    return view;
  }

  async #views(where: ReturnType<typeof and>, limit: number): Promise<SubmissionView[]> {
    const before = sql<number>`(select count(*)::int from ${submissions} as other where other.state = 'queued' and (other.created_at, other.id) < (${submissions.createdAt}, ${submissions.id}))`;
    const rows = await this.#db
      .select({ id: submissions.id, lab: submissions.lab, state: submissions.state, at: submissions.createdAt, before, report: results.studentReport })
      .from(submissions)
      .leftJoin(results, eq(results.submissionId, submissions.id))
      .where(where)
      .orderBy(desc(submissions.createdAt))
      .limit(limit);
    return rows.map((row) => ({
      submission: row.id,
      lab: row.lab,
      state: row.state,
      position: row.state === 'queued' ? row.before + 1 : null,
      at: row.at.toISOString(),
      report: row.report === null ? null : Report.parse(JSON.parse(row.report)),
    }));
  }
}
