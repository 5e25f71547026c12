// SPDX-License-Identifier: Apache-2.0
/**
 * What the kernel asks of whoever runs student code. A guest is one instance:
 * each CPU has one for its contexts and one for its interrupt handlers. A call
 * starts from the snapshot, so it is a pure function of entry, arguments and
 * the answers of `perform`.
 */
import type { Site } from '@dmalab/core/base/events';

/** All of these are the student's doing; faults of ours are thrown. */
export type GuestFailure =
  | { readonly kind: 'threw'; readonly name: string; readonly message: string; /** It wrote to what a module had built while it was loaded. */ readonly frozen?: true; readonly site: Site | null; readonly stack: readonly Site[] }
  | { readonly kind: 'out-of-fuel' | 'out-of-memory' | 'stack-overflow'; readonly site: Site | null; readonly stack: readonly Site[] };

/** `value`: booleans are 0 and 1, nothing and anything else is null. */
export type GuestOutcome = { readonly fuel: number } & ({ readonly kind: 'returned'; readonly value: number | bigint | null } | GuestFailure);

export interface Guest {
  /**
   * Calls an export of the program's entry module (`invoke` or `describe`).
   * `perform(code, a, b)` takes and returns unsigned 32-bit numbers; what it throws passes through unchanged.
   */
  call(entry: string, args: readonly (number | bigint)[], perform: (code: number, a: number, b: number) => number): GuestOutcome;
  /** Where student code stands, innermost first; valid inside `perform`. Absent where positions are not recorded (exploration). */
  readonly site?: () => Site | null;
}
