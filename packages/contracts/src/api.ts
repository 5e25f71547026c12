// SPDX-License-Identifier: Apache-2.0
/**
 * What the server answers over HTTP (JSON). Both ends parse with these, so a
 * field that is not declared here cannot leak: strict objects refuse it.
 * Nothing hidden (workload, name, count, expectation) has a place in them.
 */
import { z } from 'zod';
import { LabManifest, ProfileId, Workload } from './lab.ts';
import { Diagnostic, Report, Verdict } from './report.ts';

const text = z.string();

/** `GET /api/me`. */
export const MeResponse = z.strictObject({ name: text, role: z.enum(['student', 'staff', 'owner']) });
export type MeResponse = z.infer<typeof MeResponse>;

/** One row of the catalogue. `number` is the folder's (`06`), `''` if it has none. */
export const LabSummary = z.strictObject({
  id: text,
  number: text,
  title: text,
  summary: text,
  needs: z.array(text),
  teaches: z.array(text),
  minutes: z.number().int().nullable(),
  profiles: z.array(ProfileId),
  points: z.strictObject({ possible: z.number().int(), earned: z.number().int().nullable() }),
  /** Best result so far: `new` not begun, `tried` no points yet, `partial` some, `solved` all. */
  state: z.enum(['new', 'tried', 'partial', 'solved']),
});
export type LabSummary = z.infer<typeof LabSummary>;

/** A public run this person made, newest first. */
export const RunSummary = z.strictObject({ run: text, lab: text, profile: ProfileId, workload: text, verdict: Verdict, token: text, at: text });
export type RunSummary = z.infer<typeof RunSummary>;

/** `GET /api/labs`. */
export const LabsResponse = z.strictObject({ labs: z.array(LabSummary), runs: z.array(RunSummary) });
export type LabsResponse = z.infer<typeof LabsResponse>;

/** A module of the lab: the source people read and the code the engine takes (types blanked, same lines and columns). */
export const SourceFile = z.strictObject({ file: text, text, blanked: text });
export type SourceFile = z.infer<typeof SourceFile>;

/** `GET /api/labs/:id`: all a browser needs to show the lab and to run its public workloads itself. */
export const LabView = z.strictObject({
  number: text,
  /** The manifest with `expect` emptied. */
  manifest: LabManifest,
  /** Of the whole lab: goes into tokens. */
  hash: text,
  /** Hash of the server's engine; a browser with another one replays on the server. */
  engine: text,
  /** README.md and hints.md, Markdown; `hints` is `''` when there are none. */
  text,
  hints: text,
  starter: text,
  given: z.array(SourceFile),
  workloads: z.record(text, Workload),
  /** Type declarations of the kernel API, for the editor: `linux/io.d.ts` … */
  types: z.array(z.strictObject({ path: text, text })),
  draft: z.strictObject({ text, version: z.number().int().nonnegative() }).nullable(),
  /** Newest graded submission of this person. */
  report: Report.nullable(),
});
export type LabView = z.infer<typeof LabView>;

/** `GET /api/drafts/:lab`. */
export const DraftResponse = z.strictObject({ text, version: z.number().int().nonnegative() });
export type DraftResponse = z.infer<typeof DraftResponse>;

/** `GET /api/submissions` and `/api/submissions/:id`. */
export const SubmissionView = z.strictObject({
  submission: text,
  lab: text,
  state: z.enum(['queued', 'running', 'done', 'failed']),
  position: z.number().int().nullable(),
  at: text,
  report: Report.nullable(),
});
export type SubmissionView = z.infer<typeof SubmissionView>;
export const SubmissionsResponse = z.strictObject({ submissions: z.array(SubmissionView) });
export type SubmissionsResponse = z.infer<typeof SubmissionsResponse>;

/** Any refusal: what was wrong and, where it helps, what was expected. */
export const ErrorResponse = z.strictObject({ error: text, expected: text.optional() });
export type ErrorResponse = z.infer<typeof ErrorResponse>;

/** What the `value` of an acknowledgement holds, by client message. */
export const AckValues = {
  'draft:save': z.strictObject({ version: z.number().int().nonnegative() }),
  'source:blank': z.strictObject({ blanked: text, diagnostics: z.array(Diagnostic) }),
  /** `blanked` is what the run executes: the browser's worker replays the same bytes. */
  'run:start': z.strictObject({ run: text, blanked: text, diagnostics: z.array(Diagnostic) }),
  'run:join': z.strictObject({ run: text, ended: z.boolean() }),
  'run:credit': z.null(),
  'run:stop': z.null(),
  'submission:create': z.strictObject({ submission: text, position: z.number().int().nullable() }),
} as const;
export type AckValues = { [K in keyof typeof AckValues]: z.infer<(typeof AckValues)[K]> };
