// SPDX-License-Identifier: Apache-2.0
/** Why the server cannot start, as one sentence that says what to do. Anything else that escapes is a fault of ours. */
export class StartProblem extends Error {
  override readonly name = 'StartProblem';
}

/** The sentence of any thrown value. */
export function reasonOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.message === '') return thrown.errors.map(reasonOf).join('; ');
  // A failed query quotes itself and its parameters; why it failed is its cause.
  if (thrown instanceof Error && thrown.cause instanceof Error && thrown.message.startsWith('Failed query')) return reasonOf(thrown.cause);
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The system's error code (`EACCES` …), `''` when there is none. */
export function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : '';
}
