// SPDX-License-Identifier: Apache-2.0
/** Messages between the page and the engine's worker. Plain data; bigints cross as they are. */
import type { TraceEvent } from '@dmalab/core/base/events';
import type { ReplayJob, ReplayResult } from './replayer.ts';

export type ToWorker = { readonly kind: 'hash'; readonly id: number } | { readonly kind: 'replay'; readonly id: number; readonly job: ReplayJob };
export type FromWorker =
  | { readonly kind: 'hash'; readonly id: number; readonly hash: string }
  | { readonly kind: 'events'; readonly id: number; readonly events: readonly TraceEvent[] }
  | { readonly kind: 'done'; readonly id: number; readonly result: ReplayResult }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string };
