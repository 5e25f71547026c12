// SPDX-License-Identifier: Apache-2.0
/** What a grading process is asked, and what it answers. Both are plain data: they cross a process boundary. */
import type { TraceEvent } from '@dmalab/core/base/events';
import type { CompiledSource, GradeProgress, RunJob as EngineRunJob, RunProgress, RunVerdict } from '@dmalab/engine/engine';
import type { LabBundle } from '@dmalab/engine/lab-bundle';

export type { CompiledSource } from '@dmalab/engine/engine';

/** A public run: one traced execution, then (with `check`) the exploration of the lab's profiles. */
export interface RunJob extends EngineRunJob {
  readonly kind: 'run';
}
export interface GradeJob {
  readonly kind: 'grade';
  readonly lab: LabBundle;
  readonly source: CompiledSource;
  readonly audience: 'staff' | 'student';
}
export interface CompileJob {
  readonly kind: 'compile';
  readonly files: Readonly<Record<string, string>>;
  /** Read-only modules of the lab the files may import. */
  readonly given: Readonly<Record<string, string>>;
  readonly types: boolean;
}
export type Job = RunJob | GradeJob | CompileJob;

/** From the process, in order; `done` or `failed` is the last. */
export type Answer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'events'; readonly events: readonly TraceEvent[] }
  | { readonly kind: 'progress'; readonly value: RunProgress }
  | { readonly kind: 'grading'; readonly value: GradeProgress }
  | { readonly kind: 'verdict'; readonly value: RunVerdict }
  | { readonly kind: 'done'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly message: string };
