// SPDX-License-Identifier: Apache-2.0
/**
 * The report: one canonical JSON, the only thing the grader writes. Emitters
 * are pure functions of it. No wall times; integers only; keys sorted when written.
 */
import { z } from 'zod';
import { ProfileId } from './lab.ts';

export const Site = z.strictObject({ file: z.string(), line: z.number().int(), column: z.number().int() });

export const Verdict = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('violated'), executions: z.number().int(), engine: z.string() }),
  z.strictObject({ kind: z.literal('complete'), executions: z.number().int(), engine: z.string(), within: z.string() }),
  z.strictObject({ kind: z.literal('bounded'), k: z.number().int(), executions: z.number().int(), engine: z.string(), within: z.string() }),
  z.strictObject({ kind: z.literal('sampled'), n: z.number().int(), engine: z.string() }),
  z.strictObject({ kind: z.literal('error'), message: z.string(), whose: z.enum(['student', 'author', 'ours']) }),
]);
export type Verdict = z.infer<typeof Verdict>;

export const Finding = z.strictObject({
  rule: z.string(),
  sentence: z.string(),
  first: Site.nullable(),
  second: Site.nullable(),
  step: z.number().int(),
  steps: z.number().int(),
  /** The primitive that would order the two halves; '' when none would. */
  missing: z.string(),
  evidence: z.enum(['oracle', 'cited section', 'our choice']),
  source: z.string(),
  token: z.string(),
  /** The minimal interleaving as lines of text (space-time diagram). */
  diagram: z.array(z.string()),
});
export type Finding = z.infer<typeof Finding>;

/** A rule of the sanitizer, which rests on evidence; not an assertion of the lab (`assert:ID`) and not a driver that broke down (`RT1`). */
export function isRule(id: string): boolean {
  return /^(?!RT)[A-Z]{2}\d+[a-z]?$/.test(id);
}

export const Run = z.strictObject({
  workload: z.string(),
  title: z.string(),
  visibility: z.enum(['public', 'hidden']),
  profile: ProfileId,
  verdict: Verdict,
  finding: Finding.nullable(),
  /** Further failures of other kinds, each with an execution of its own. */
  others: z.array(Finding).default([]),
  /** Checks this run failed, by id; `sanitizer` is the implicit one. */
  failed: z.array(z.string()),
  fuel: z.number().int(),
  loadStoreReordering: z.boolean(),
});
export type Run = z.infer<typeof Run>;

export const CheckResult = z.strictObject({
  id: z.string(),
  title: z.string(),
  points: z.number().int(),
  /** Below zero only for the implicit check `sanitizer`, which has no points and costs some. */
  earned: z.number().int(),
  status: z.enum(['passed', 'failed', 'error']),
  detail: z.string(),
  hint: z.string().nullable(),
});
export type CheckResult = z.infer<typeof CheckResult>;

export const Diagnostic = z.strictObject({ file: z.string(), line: z.number().int(), column: z.number().int(), severity: z.enum(['error', 'warning', 'advice']), code: z.string(), message: z.string() });
export type Diagnostic = z.infer<typeof Diagnostic>;

export const Report = z.strictObject({
  schema: z.literal('dmalab/report/v1'),
  audience: z.enum(['staff', 'student']),
  lab: z.strictObject({ id: z.string(), title: z.string(), hash: z.string() }),
  engine: z.strictObject({ hash: z.string() }),
  submission: z.strictObject({ hash: z.string(), files: z.array(z.string()) }),
  /** False: the attempt is not consumed (it did not compile, or the fault was ours). */
  gradable: z.boolean(),
  /** True when the hidden workloads were not there to be run. */
  withoutHidden: z.boolean(),
  diagnostics: z.array(Diagnostic),
  points: z.strictObject({ earned: z.number().int(), possible: z.number().int() }),
  checks: z.array(CheckResult),
  runs: z.array(Run),
  /** Student audience: the class of each hidden verdict only, without name or place. */
  hidden: z.strictObject({ passed: z.boolean(), classes: z.array(z.string()) }).nullable(),
});
export type Report = z.infer<typeof Report>;
