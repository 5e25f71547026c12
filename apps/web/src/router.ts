// SPDX-License-Identifier: Apache-2.0
/** The addresses: the catalogue, a lab, a lab at one step of one run (a permalink), and the walk page, whose place is behind the `#`. */
import { useSyncExternalStore } from 'react';

export interface LabLink {
  readonly profile?: string;
  readonly workload?: string;
  readonly token?: string;
  readonly step?: number;
}
export type Route = { readonly page: 'catalogue' } | { readonly page: 'walk' } | { readonly page: 'lab'; readonly id: string; readonly link: LabLink } | { readonly page: 'missing'; readonly path: string };

export function parseRoute(path: string, search: string): Route {
  if (path === '/' || path === '') return { page: 'catalogue' };
  if (/^\/walk\/?$/.test(path)) return { page: 'walk' };
  const lab = /^\/labs\/([a-z][a-z0-9-]*)\/?$/.exec(path);
  if (lab === null) return { page: 'missing', path };
  const q = new URLSearchParams(search);
  const step = Number(q.get('step'));
  const text = (k: string): Record<string, string> => (q.get(k) === null ? {} : { [k]: q.get(k)! });
  return { page: 'lab', id: lab[1]!, link: { ...text('profile'), ...text('workload'), ...text('token'), ...(Number.isInteger(step) && step > 0 ? { step } : {}) } };
}

/** The theme is the reader's own business and never part of a link. */
export function labPath(id: string, link: LabLink = {}): string {
  const q = new URLSearchParams();
  if (link.profile !== undefined) q.set('profile', link.profile);
  if (link.workload !== undefined) q.set('workload', link.workload);
  if (link.token !== undefined && link.token !== '') q.set('token', link.token);
  if (link.step !== undefined && link.step > 0) q.set('step', `${link.step}`);
  const tail = q.toString();
  return `/labs/${id}${tail === '' ? '' : `?${tail}`}`;
}

const listeners = new Set<() => void>();
const tell = (): void => listeners.forEach((l) => l());

export function go(path: string): void {
  history.pushState(null, '', path);
  tell();
  scrollTo(0, 0);
}

export function useRoute(): Route {
  const href = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      addEventListener('popstate', listener);
      return () => {
        listeners.delete(listener);
        removeEventListener('popstate', listener);
      };
    },
    () => location.pathname + location.search,
  );
  const url = new URL(href, 'http://x');
  return parseRoute(url.pathname, url.search);
}
