// SPDX-License-Identifier: Apache-2.0
/** Saying no: what was wrong, and what was expected, as both HTTP and sockets answer it. */
import type { z } from 'zod';

export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly expected: string | undefined;

  /** @param status of an HTTP answer */
  constructor(status: number, message: string, expected?: string) {
    super(message);
    this.status = status;
    this.expected = expected;
  }

  toJSON(): { error: string; expected?: string } {
    return this.expected === undefined ? { error: this.message } : { error: this.message, expected: this.expected };
  }
}

/** The first thing wrong with a message, by its place in it. */
export function malformed(what: string, error: z.ZodError): Refusal {
  const [issue] = error.issues;
  const path = issue === undefined || issue.path.length === 0 ? '' : ` at ${issue.path.map(String).join('.')}`;
  return new Refusal(400, `${what} is malformed${path}: ${issue?.message ?? 'expected another shape'}`);
}

export function tooOften(seconds: number): Refusal {
  return new Refusal(429, `too often; try again in ${seconds} s`);
}
