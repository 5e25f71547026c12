// SPDX-License-Identifier: Apache-2.0
/** Running a public workload in the browser itself: for seeking, branching and what-if. The engine's worker is one implementation. */
import type { LabView } from '@dmalab/contracts/api';
import type { ProfileId } from '@dmalab/contracts/lab';
import type { Deviation } from '@dmalab/core/base/choice';
import type { TraceEvent } from '@dmalab/core/base/events';

export interface ReplayJob {
  readonly lab: LabView;
  /** The driver with its types blanked, as the server or the source itself gave it. */
  readonly blanked: string;
  readonly profile: ProfileId;
  readonly workload: string;
  /** What differs from the plain run: a token, or the list itself. */
  readonly from: { readonly token: string } | { readonly deviations: readonly Deviation[] };
}
export interface ReplayResult {
  readonly reason: string;
  /** Token of the run that came out; '' when it could not be made. */
  readonly token: string;
}
export interface Replayer {
  /** Whether the browser's engine is the server's: only then do both replay a token to the same run. */
  matches(engine: string): Promise<boolean>;
  /** @throws Error with a sentence that says why a token cannot be replayed */
  replay(job: ReplayJob, onEvents: (batch: readonly TraceEvent[]) => void): Promise<ReplayResult>;
}
