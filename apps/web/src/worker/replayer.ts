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
  /** Replayed as it is, or branched from; '' for the plain run. */
  readonly token: string;
  /** A branch: these instead of the token's own deviations. */
  readonly deviations?: readonly Deviation[] | undefined;
}
export interface ReplayResult {
  readonly reason: string;
  /** Token of the run that came out; '' when it could not be made. */
  readonly token: string;
  /** What of the token could not be followed; empty when the replay was exact. */
  readonly notes: readonly string[];
}
export interface Replayer {
  /** Whether the browser's engine is the server's: only then do both replay a token to the same run. */
  matches(engine: string): Promise<boolean>;
  /** @throws Error with a sentence that says why a token cannot be replayed */
  replay(job: ReplayJob, onEvents: (batch: readonly TraceEvent[]) => void): Promise<ReplayResult>;
}
