// SPDX-License-Identifier: Apache-2.0
/** Signing in by a one-time link, and who is signed in. */
import { Router, type Request, type Response } from 'express';
import { rateLimit } from 'express-rate-limit';
import type { MeResponse } from '@dmalab/contracts/api';
import { z } from 'zod';
import { readCookie, writeCookie } from '../auth/cookie.ts';
import type { People, Person } from '../auth/people.ts';
import { Refusal } from '../refusal.ts';

export interface SignInOptions {
  readonly people: People;
  readonly cookie: string;
  readonly secure: boolean;
  /** Told when a session has ended. */
  readonly signedOut: (session: string) => void;
}

const Link = z.string().regex(/^[\w-]{20,100}$/);

/** Who asks; refuses when nobody is signed in. */
export type WhoAsks = (request: Request) => Promise<Person>;

export function whoAsks({ people, cookie }: SignInOptions): WhoAsks {
  return async (request) => {
    const secret = readCookie(request, cookie);
    const person = secret === undefined ? undefined : await people.bySession(secret);
    if (person === undefined) throw new Refusal(401, 'you are not signed in', 'open the sign-in link that the server printed when it started');
    return person;
  };
}

export function signIn(o: SignInOptions): Router {
  const router = Router();
  const who = whoAsks(o);
  const limit = rateLimit({ windowMs: 60_000, limit: 30, standardHeaders: 'draft-8', legacyHeaders: false, validate: { trustProxy: false }, handler: (_request, response) => page(response, 429, 'Too many attempts', 'Wait a minute, then open the link again.') });

  router.get('/sign-in', limit, async (request, response) => {
    // Browsers that fetch ahead would use the link up before anyone clicks.
    if (/prefetch|prerender/.test(String(request.headers['sec-purpose'] ?? request.headers['purpose'] ?? ''))) return void response.status(503).end();
    response.setHeader('Cache-Control', 'no-store');
    const link = Link.safeParse(request.query['token']);
    const secret = link.success ? await o.people.signIn(link.data) : undefined;
    if (secret !== undefined) {
      response.setHeader('Set-Cookie', writeCookie(o.cookie, secret, o.secure));
      return response.redirect(303, '/');
    }
    const known = await who(request).catch(() => undefined);
    if (known !== undefined) return response.redirect(303, '/');
    page(response, 403, 'This link does not sign you in', 'It was used already, or it is older than a day. Start the server again: it prints a new one.');
  });

  router.get('/api/me', async (request, response) => {
    const { name, role } = await who(request);
    response.json({ name, role } satisfies MeResponse);
  });

  /** A new link for the same person: to sign in with another browser. */
  router.post('/api/sign-in-links', limit, async (request, response) => {
    const person = await who(request);
    response.status(201).json({ path: `/sign-in?token=${await o.people.createLink(person)}` });
  });

  router.post('/api/sign-out', async (request, response) => {
    const secret = readCookie(request, o.cookie);
    if (secret !== undefined) {
      await o.people.signOut(secret);
      o.signedOut(secret);
    }
    response.setHeader('Set-Cookie', writeCookie(o.cookie, '', o.secure));
    response.status(204).end();
  });
  return router;
}

function page(response: Response, status: number, title: string, text: string): void {
  response.status(status).type('html').send(`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title} · dmalab</title><style>body{font:1rem/1.6 system-ui;max-width:40rem;margin:15vh auto;padding:0 1rem}</style><main><h1>${title}</h1><p>${text}</p></main></html>`);
}
