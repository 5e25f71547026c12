// SPDX-License-Identifier: Apache-2.0
/**
 * The tables. SQL migrations in `drizzle/` are generated from this file
 * (`pnpm exec drizzle-kit generate`) and reviewed as SQL. PostgreSQL 15 is the
 * oldest we support. Results and the audit log refuse changes by trigger.
 */
import { bigserial, boolean, index, integer, jsonb, pgTable, primaryKey, text, timestamp, uniqueIndex } from 'drizzle-orm/pg-core';
import type { Verdict } from '@dmalab/contracts/report';

const at = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });

export type Role = 'student' | 'staff' | 'owner';
export type SubmissionState = 'queued' | 'running' | 'done' | 'failed';
export interface RunVerdict {
  readonly profile: string;
  /** Absent in rows of servers that checked the chosen workload only. */
  readonly workload?: string;
  readonly verdict: Verdict;
  readonly token: string;
}

export const people = pgTable('people', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  role: text('role').$type<Role>().notNull(),
  createdAt: at('created_at').notNull().defaultNow(),
});

/** Secrets are kept as SHA-256 only: who reads the table cannot sign in. */
export const signInLinks = pgTable('sign_in_links', {
  tokenHash: text('token_hash').primaryKey(),
  personId: text('person_id').notNull().references(() => people.id),
  createdAt: at('created_at').notNull().defaultNow(),
  expiresAt: at('expires_at').notNull(),
  usedAt: at('used_at'),
});

export const sessions = pgTable(
  'sessions',
  {
    tokenHash: text('token_hash').primaryKey(),
    personId: text('person_id').notNull().references(() => people.id),
    createdAt: at('created_at').notNull().defaultNow(),
    expiresAt: at('expires_at').notNull(),
  },
  (t) => [index('sessions_expires_at').on(t.expiresAt)],
);

/** The text as typed last. `version` counts up; what a run or submission took is kept with it. */
export const drafts = pgTable(
  'drafts',
  {
    personId: text('person_id').notNull().references(() => people.id),
    lab: text('lab').notNull(),
    text: text('text').notNull(),
    version: integer('version').notNull(),
    savedAt: at('saved_at').notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.personId, t.lab] })],
);

/** A public run. Its events are not kept: the token replays them. */
export const runs = pgTable(
  'runs',
  {
    id: text('id').primaryKey(),
    personId: text('person_id').notNull().references(() => people.id),
    lab: text('lab').notNull(),
    profile: text('profile').notNull(),
    workload: text('workload').notNull(),
    text: text('text').notNull(),
    /** The token that was replayed; `''` for a plain run. */
    replayed: text('replayed').notNull(),
    /** A JSON list of `RunVerdict`; text, since jsonb refuses the NUL a student's message may hold. */
    verdicts: text('verdicts').notNull().default('[]'),
    /** How it ended; null while it goes on. */
    reason: text('reason'),
    startedAt: at('started_at').notNull().defaultNow(),
    endedAt: at('ended_at'),
  },
  (t) => [index('runs_person').on(t.personId, t.startedAt)],
);

export const submissions = pgTable(
  'submissions',
  {
    id: text('id').primaryKey(),
    personId: text('person_id').notNull().references(() => people.id),
    lab: text('lab').notNull(),
    /** Chosen by the client: sending the same submission twice makes one. */
    key: text('key').notNull(),
    text: text('text').notNull(),
    state: text('state').$type<SubmissionState>().notNull().default('queued'),
    /** Why it failed, for its person; only with state `failed`. */
    failure: text('failure'),
    createdAt: at('created_at').notNull().defaultNow(),
    startedAt: at('started_at'),
    finishedAt: at('finished_at'),
  },
  (t) => [uniqueIndex('submissions_key').on(t.personId, t.key), index('submissions_state').on(t.state, t.createdAt), index('submissions_person').on(t.personId, t.createdAt)],
);

/** Written once, with the state `done`, in one transaction. */
export const results = pgTable('results', {
  submissionId: text('submission_id').primaryKey().references(() => submissions.id),
  labHash: text('lab_hash').notNull(),
  engineHash: text('engine_hash').notNull(),
  gradable: boolean('gradable').notNull(),
  earned: integer('earned').notNull(),
  possible: integer('possible').notNull(),
  /** Canonical bytes of the full report. Never sent to a student. */
  staffReport: text('staff_report').notNull(),
  /** Canonical bytes of the projection a student may see. */
  studentReport: text('student_report').notNull(),
  createdAt: at('created_at').notNull().defaultNow(),
});

/** Who did what. Written in the transaction of the action. */
export const auditLog = pgTable('audit_log', {
  id: bigserial('id', { mode: 'number' }).primaryKey(),
  at: at('at').notNull().defaultNow(),
  personId: text('person_id').references(() => people.id),
  action: text('action').notNull(),
  detail: jsonb('detail').$type<Record<string, string | number | boolean | null>>().notNull(),
});
