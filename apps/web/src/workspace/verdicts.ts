// SPDX-License-Identifier: Apache-2.0
/**
 * What the verdicts of a checked run add up to: a run gives one for each public workload and profile, people first ask
 * for one a profile. Pure.
 */
import type { LabView } from '@dmalab/contracts/api';
import type { ProfileId } from '@dmalab/contracts/lab';
import type { Finding, Verdict } from '@dmalab/contracts/report';
import type { VerdictMessage } from '../net/backend.ts';
import { count, verdictLook, type VerdictLook } from '../ui/verdict-mark.tsx';

/** The verdict on one workload under one profile, with the text it is about. */
export interface Checked {
  readonly message: VerdictMessage;
  readonly finding: Finding | null;
  readonly source: string;
  readonly blanked: string;
}

export interface ProfileSummary {
  readonly profile: ProfileId;
  /** Never empty; in the order in which they were found. */
  readonly all: readonly Checked[];
  /** The one that counts most against the driver; the earliest of equals. */
  readonly worst: Checked;
  /** Workloads that this profile is to be checked with. */
  readonly of: number;
}

const RANK: Record<Verdict['kind'], number> = { violated: 0, error: 1, sampled: 2, bounded: 3, complete: 4 };

/** Adds a verdict; the same question answered again replaces the older answer. */
export function withVerdict(list: readonly Checked[], verdict: Checked): readonly Checked[] {
  const { profile, workload } = verdict.message;
  return [...list.filter((c) => c.message.profile !== profile || c.message.workload !== workload), verdict];
}

export function verdictOn(list: readonly Checked[], profile: ProfileId, workload: string): Checked | null {
  return list.find((c) => c.message.profile === profile && c.message.workload === workload) ?? null;
}

/** Null while nothing is known about the profile. */
export function summaryOf(list: readonly Checked[], profile: ProfileId, lab: Pick<LabView, 'workloads'>): ProfileSummary | null {
  const all = list.filter((c) => c.message.profile === profile);
  const [worst] = [...all].sort((a, b) => RANK[a.message.verdict.kind] - RANK[b.message.verdict.kind]);
  if (worst === undefined) return null;
  const wanted = Object.entries(lab.workloads).filter(([id, w]) => (w.profiles?.includes(profile) ?? true) || all.some((c) => c.message.workload === id));
  return { profile, all, worst, of: Math.max(all.length, wanted.length) };
}

export function violations(list: readonly Checked[]): readonly Checked[] {
  return list.filter((c) => c.message.verdict.kind === 'violated');
}

export function titleOf(lab: Pick<LabView, 'workloads'>, workload: string): string {
  return lab.workloads[workload]?.title ?? workload;
}

/** One verdict for a profile, in the words of a single one: every count is the sum over its workloads. */
export function summaryLook({ all, worst, of }: ProfileSummary, lab: Pick<LabView, 'workloads'>): VerdictLook {
  const { verdict, workload } = worst.message;
  const look = verdictLook(verdict);
  if (verdict.kind === 'violated') return { ...look, words: of < 2 ? look.words : `${look.words} of “${titleOf(lab, workload)}”` };
  if (verdict.kind === 'error') return look;
  if (all.length < of) return { icon: 'none', tone: 'ink', word: `${all.length} of ${of} workloads checked`, words: `${all.length} of ${of} workloads checked, no violation so far` };
  if (of < 2) return look;
  const executions = all.reduce((sum, { message: { verdict: v } }) => sum + ('executions' in v ? v.executions : v.kind === 'sampled' ? v.n : 0), 0);
  return { ...look, words: `${look.word}: ${verdict.kind === 'complete' ? '' : 'no violation in '}${count(executions)} executions, ${of} workloads${tail(verdict.kind)}` };
}

function tail(kind: 'complete' | 'bounded' | 'sampled'): string {
  return kind === 'complete' ? '' : kind === 'bounded' ? '. Longer schedules were not tried' : '. This proves nothing about the rest';
}
