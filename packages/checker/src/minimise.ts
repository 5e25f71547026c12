// SPDX-License-Identifier: Apache-2.0
/**
 * Makes a failing execution 1-minimal: no deviation, no workload item and no
 * fault can be dropped while the same rule still fails.
 */
import type { Deviation } from '@dmalab/core/base/choice';

export interface Candidate {
  readonly deviations: readonly Deviation[];
  /** Workload items left out: calls, device items, faults. */
  readonly without: readonly string[];
}

export interface MinimiseOptions {
  /**
   * Runs a candidate. Returns the deviations that really took place when the
   * same rule fails, `undefined` when it does not.
   */
  readonly attempt: (candidate: Candidate) => readonly Deviation[] | undefined;
  /** Every workload item that may be dropped, largest first. */
  readonly items: readonly string[];
  /** Most attempts. */
  readonly limit: number;
}

export interface Minimised extends Candidate {
  readonly attempts: number;
  /** False when the limit was reached before 1-minimality was shown. */
  readonly minimal: boolean;
}

export function minimise(start: Candidate, options: MinimiseOptions): Minimised {
  let best = start;
  let attempts = 0;
  const exhausted = (): boolean => attempts >= options.limit;
  const tryOne = (candidate: Candidate): boolean => {
    attempts += 1;
    const real = options.attempt(candidate);
    if (real === undefined || real.length > candidate.deviations.length) return false;
    best = { deviations: real, without: candidate.without };
    return true;
  };

  // Long lists come from linearised graph leaves: halves first, as in delta debugging.
  for (let size = best.deviations.length >> 1; size >= 2; size >>= 1) {
    for (let at = 0; at < best.deviations.length && !exhausted(); ) {
      const deviations = [...best.deviations.slice(0, at), ...best.deviations.slice(at + size)];
      if (!tryOne({ deviations, without: best.without })) at += size;
    }
  }

  // One by one until a whole round drops nothing: dropping one may make another droppable.
  for (let changed = true; changed && !exhausted(); ) {
    changed = false;
    for (let at = best.deviations.length - 1; at >= 0 && !exhausted(); at -= 1) {
      if (at >= best.deviations.length) continue;
      if (tryOne({ deviations: best.deviations.filter((_, i) => i !== at), without: best.without })) changed = true;
    }
    for (const item of options.items) {
      if (exhausted()) break;
      if (best.without.includes(item)) continue;
      if (tryOne({ deviations: best.deviations, without: [...best.without, item] })) changed = true;
    }
  }
  return { ...best, attempts, minimal: !exhausted() };
}
