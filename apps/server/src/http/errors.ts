// SPDX-License-Identifier: Apache-2.0
/** The last handler: every refusal is `{ error, expected? }`; what is our fault is logged and says no more than that. */
import type { ErrorRequestHandler, RequestHandler } from 'express';
import type { Log } from '../log.ts';
import { reasonOf } from '../problem.ts';
import { Refusal } from '../refusal.ts';

export const noSuchRoute: RequestHandler = (request) => {
  throw new Refusal(404, `there is no ${request.method} ${request.originalUrl.split("?")[0]}`);
};

export function answerErrors(log: Log): ErrorRequestHandler {
  return (thrown: unknown, request, response, next) => {
    if (response.headersSent) return next(thrown);
    const refusal = thrown instanceof Refusal ? thrown : parserRefusal(thrown);
    if (refusal === undefined) {
      log.error({ method: request.method, path: request.path, error: reasonOf(thrown), stack: thrown instanceof Error ? thrown.stack : undefined }, 'a request could not be served');
      response.status(500).json({ error: 'the server could not do this; it is our fault, and it is logged' });
      return;
    }
    log[refusal.status === 404 || refusal.status === 401 ? 'info' : 'warn']({ method: request.method, path: request.path, reason: refusal.message, expected: refusal.expected }, 'a request was refused');
    response.status(refusal.status).json(refusal.toJSON());
  };
}

/** What Express itself refuses: bad JSON, a body that is too large, a broken URL. */
function parserRefusal(thrown: unknown): Refusal | undefined {
  if (!(thrown instanceof Error) || !('status' in thrown) || typeof thrown.status !== 'number' || thrown.status < 400 || thrown.status >= 500) return undefined;
  const type = 'type' in thrown ? thrown.type : undefined;
  if (type === 'entity.parse.failed') return new Refusal(400, 'the body is not JSON', 'a JSON object');
  if (type === 'entity.too.large') return new Refusal(413, 'the body is too large', 'at most 1 MiB');
  if (thrown instanceof URIError) return new Refusal(400, 'the address is malformed');
  return new Refusal(thrown.status, 'the request is malformed');
}
