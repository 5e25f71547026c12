// SPDX-License-Identifier: Apache-2.0
/** Headers and limits every answer goes through. */
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { rateLimit } from 'express-rate-limit';
import helmet from 'helmet';
import { isSameOrigin } from '../auth/cookie.ts';
import { Refusal } from '../refusal.ts';

/**
 * The policy Monaco and the simulator's workers run under: no foreign source,
 * no eval; WebAssembly is compiled, workers come from our files or blobs,
 * Monaco writes styles. Over plain http nothing may be upgraded to https.
 */
export function securityHeaders(https: boolean): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        baseUri: ["'none'"],
        connectSrc: ["'self'"],
        fontSrc: ["'self'", 'data:'],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
        imgSrc: ["'self'", 'data:'],
        objectSrc: ["'none'"],
        scriptSrc: ["'self'", "'wasm-unsafe-eval'"],
        scriptSrcAttr: ["'none'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        workerSrc: ["'self'", 'blob:'],
        ...(https ? { upgradeInsecureRequests: [] } : {}),
      },
    },
    strictTransportSecurity: https,
    referrerPolicy: { policy: 'no-referrer' }, // sign-in links are secrets
  });
}

export function requestLimit(perMinute: number): RequestHandler {
  return rateLimit({ windowMs: 60_000, limit: perMinute, standardHeaders: 'draft-8', legacyHeaders: false, validate: { trustProxy: false }, handler: (_request, response) => void response.status(429).json({ error: 'too many requests from this address; try again in a minute' }) });
}

/** What changes something must come from our own page, as JSON. */
export function ownPagesOnly(request: Request, _response: Response, next: NextFunction): void {
  if (request.method === 'GET' || request.method === 'HEAD' || request.method === 'OPTIONS') return next();
  if (!isSameOrigin(request)) throw new Refusal(403, 'this request comes from another site', 'the origin of this server');
  const length = request.headers['content-length'];
  if ((length !== undefined && length !== '0') || request.headers['transfer-encoding'] !== undefined) {
    if (request.is('application/json') === false) throw new Refusal(415, 'the body is not JSON', 'content-type: application/json');
  }
  next();
}
