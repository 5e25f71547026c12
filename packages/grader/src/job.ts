// SPDX-License-Identifier: Apache-2.0
/** What a grading process is asked, and what it answers. Both are plain data: they cross a process boundary. */
import type { TraceEvent } from '@dmalab/core/base/events';
import type { ProfileId } from '@dmalab/contracts/lab';
import type { Diagnostic } from '@dmalab/contracts/report';
import type { LabBundle } from '@dmalab/engine/lab-bundle';

/** A submission after compilation: blanked code by path, the text as written, what the compiler said. */
export interface CompiledSource {
  readonly files: Readonly<Record<string, string>>;
  readonly original: Readonly<Record<string, string>>;
  readonly diagnostics: readonly Diagnostic[];
}

/** A public run: one traced execution, then (with `check`) the exploration of `profiles`. */
export interface RunJob {
  readonly kind: 'run';
  readonly lab: LabBundle;
  readonly source: CompiledSource;
  readonly profile: ProfileId;
  readonly workload: string;
  readonly token?: string | undefined;
  readonly check: boolean;
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
  | { readonly kind: 'progress'; readonly value: unknown }
  | { readonly kind: 'verdict'; readonly value: unknown }
  | { readonly kind: 'done'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly message: string };
