// SPDX-License-Identifier: Apache-2.0
/** Everything the workspace shows, in one store. Traces are mutable objects inside it; `grown` counts their growth. */
import type { LabView } from '@dmalab/contracts/api';
import type { ProfileId } from '@dmalab/contracts/lab';
import type { Diagnostic, Finding, Report } from '@dmalab/contracts/report';
import { createStore } from 'zustand/vanilla';
import type { Connection, ProgressMessage, VerdictMessage } from '../net/backend.ts';
import type { Trace } from '../run/trace.ts';

/** A run that can be looked at: a public run, the run a finding's token shows, or a branch somebody took. */
export interface RunView {
  readonly id: number;
  /** `run 1`, `run 1 failing`, `run 1.17b`. */
  readonly label: string;
  readonly parent: number | null;
  readonly profile: ProfileId;
  readonly workload: string;
  readonly token: string;
  /** The source as written when it was run, and as executed. */
  readonly source: string;
  readonly blanked: string;
  readonly trace: Trace;
  /** Why it ended; null while it runs. */
  readonly ended: string | null;
}

export interface ProfileVerdict {
  readonly message: VerdictMessage;
  readonly finding: Finding | null;
  readonly source: string;
  readonly blanked: string;
  readonly workload: string;
}

export type DraftState = 'saved' | 'typing' | 'saving' | 'kept here' | 'refused';
export interface SubmissionState {
  readonly state: 'asking' | 'sending' | 'queued' | 'running' | 'done' | 'failed';
  readonly position: number | null;
  readonly report: Report | null;
  readonly error: string;
}

export interface WorkspaceState {
  readonly lab: LabView | null;
  readonly loadError: string;
  readonly connection: Connection;
  readonly text: string;
  readonly draft: DraftState;
  readonly draftError: string;
  readonly profile: ProfileId;
  readonly workload: string;
  readonly verdicts: Partial<Record<ProfileId, ProfileVerdict>>;
  readonly diagnostics: readonly Diagnostic[];
  readonly runs: readonly RunView[];
  readonly active: number;
  /** The one step all panes follow; 0 before the first event. */
  readonly step: number;
  /** The step goes along with the newest event until somebody seeks. */
  readonly following: boolean;
  readonly busy: 'idle' | 'starting' | 'running' | 'checking' | 'replaying';
  readonly progress: ProgressMessage | null;
  readonly problem: string;
  readonly submission: SubmissionState | null;
  readonly report: Report | null;
  readonly playing: boolean;
  readonly breakpoints: readonly number[];
  /** Grows with every change inside a trace. */
  readonly grown: number;
  /** Steps of folds that were opened. */
  readonly open: ReadonlySet<number>;
}

export const INITIAL: WorkspaceState = {
  lab: null,
  loadError: '',
  connection: 'connecting',
  text: '',
  draft: 'saved',
  draftError: '',
  profile: 'strict',
  workload: '',
  verdicts: {},
  diagnostics: [],
  runs: [],
  active: 0,
  step: 0,
  following: true,
  busy: 'idle',
  progress: null,
  problem: '',
  submission: null,
  report: null,
  playing: false,
  breakpoints: [],
  grown: 0,
  open: new Set(),
};

export function createWorkspaceStore() {
  return createStore<WorkspaceState>()(() => INITIAL);
}
export type WorkspaceStore = ReturnType<typeof createWorkspaceStore>;

export function activeRun(s: WorkspaceState): RunView | null {
  return s.runs.find((r) => r.id === s.active) ?? null;
}

/** The verdict on the profile that is looked at. */
export function activeVerdict(s: WorkspaceState): ProfileVerdict | null {
  return s.verdicts[s.profile] ?? null;
}

export function isStale(v: ProfileVerdict, s: WorkspaceState): boolean {
  return v.source !== s.text;
}
