// SPDX-License-Identifier: Apache-2.0
/** The session cookie, for HTTP requests and socket handshakes alike. */
import type { IncomingMessage } from 'node:http';
import { SESSION_DAYS } from './people.ts';

/** Cookies ignore the port, so two servers on one host need two names. */
export function cookieName(port: number): string {
  return `dmalab_session_${port}`;
}

export function readCookie(request: Pick<IncomingMessage, 'headers'>, name: string): string | undefined {
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const at = part.indexOf('=');
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
  }
  return undefined;
}

/** `Set-Cookie`; an empty secret removes it. */
export function writeCookie(name: string, secret: string, secure: boolean): string {
  const age = secret === '' ? 0 : SESSION_DAYS * 86_400;
  return `${name}=${secret}; Path=/; Max-Age=${age}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
}

/**
 * Whether a request comes from our own page. Browsers name the page's origin
 * on every socket handshake and every request that changes something; other
 * programs name none, and carry no cookie that they did not get here.
 */
export function isSameOrigin(request: Pick<IncomingMessage, 'headers'>): boolean {
  const { origin, host } = request.headers;
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}
