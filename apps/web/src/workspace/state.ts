// SPDX-License-Identifier: Apache-2.0
/** Everything the workspace shows, in one store. Traces are mutable objects inside it; `grown` counts their growth. */
import type { LabView } from '@dmalab/contracts/api';
import type { ProfileId } from '@dmalab/contracts/lab';
import type { Diagnostic, Report } from '@dmalab/contracts/report';
import { createStore } from 'zustand/vanilla';
import type { Connection, ProgressMessage } from '../net/backend.ts';
import type { Trace } from '../run/trace.ts';
import type { Checked } from './verdicts.ts';

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
  /** The same in words. */
  readonly words: string;
}

/** What a person chose to run: where the page stood before a failure elsewhere was opened. */
export interface Chosen {
  readonly profile: ProfileId;
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
  /** Of the newest checked run, as they came. */
  readonly verdicts: readonly Checked[];
  /** Set while the page shows a failure that the run found elsewhere than where it was started. */
  readonly cameFrom: Chosen | null;
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
  /** The run that stands below the active one; 0 for none. */
  readonly compared: number;
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
  verdicts: [],
  cameFrom: null,
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
  compared: 0,
  open: new Set(),
};

export function createWorkspaceStore() {
  return createStore<WorkspaceState>()(() => INITIAL);
}
export type WorkspaceStore = ReturnType<typeof createWorkspaceStore>;

export function activeRun(s: WorkspaceState): RunView | null {
  return s.runs.find((r) => r.id === s.active) ?? null;
}

/** Whether the text has changed since. */
export function isStale(of: { readonly source: string }, s: Pick<WorkspaceState, 'text'>): boolean {
  return of.source !== s.text;
}

/** The run that is compared with the active one; null for none. */
export function comparedRun(s: WorkspaceState): RunView | null {
  return s.compared === s.active ? null : (s.runs.find((r) => r.id === s.compared && r.trace.length > 0) ?? null);
}

/** What empty panes say: why there is nothing to look at. */
export function whyEmpty(run: RunView | null): string {
  if (run === null) return 'No run yet. Run the driver to see the machine move.';
  if (run.ended === null) return run.token === '' ? 'The run is being started.' : 'The run is being replayed.';
  return `${run.label.charAt(0).toUpperCase()}${run.label.slice(1)} did not start, so there is nothing to see.${run.words === '' ? '' : ` ${run.words}`}`;
}

/** It ended without a single step: the driver did not compile or load, or the graders gave up. */
export function neverStarted(run: RunView): boolean {
  return run.ended !== null && run.trace.length === 0;
}
