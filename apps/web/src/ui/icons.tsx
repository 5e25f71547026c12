// SPDX-License-Identifier: Apache-2.0
/** Icons of controls and verdicts. A word or a label always stands with them. */
import type { ReactNode } from 'react';

const PATHS = {
  ok: (
    <>
      <circle cx="7" cy="7" r="6" fill="none" stroke="currentColor" strokeWidth="1.5" />
      <path d="M4 7.2l2.2 2.2L10 5" fill="none" stroke="currentColor" strokeWidth="1.6" />
    </>
  ),
  no: (
    <>
      <path d="M4.5 1h5L13 4.5v5L9.5 13h-5L1 9.5v-5Z" fill="none" stroke="currentColor" strokeWidth="1.5" />
      <path d="M4.7 4.7l4.6 4.6M9.3 4.7L4.7 9.3" stroke="currentColor" strokeWidth="1.6" />
    </>
  ),
  part: (
    <>
      <circle cx="7" cy="7" r="6" fill="none" stroke="currentColor" strokeWidth="1.5" />
      <path d="M7 1a6 6 0 0 1 0 12Z" fill="currentColor" />
    </>
  ),
  none: <circle cx="7" cy="7" r="6" fill="none" stroke="currentColor" strokeWidth="1.5" strokeDasharray="2.4 2.3" />,
  error: (
    <>
      <rect x="1.5" y="1.5" width="11" height="11" fill="none" stroke="currentColor" strokeWidth="1.5" />
      <path d="M7 4v4M7 9.6v1.4" stroke="currentColor" strokeWidth="1.7" />
    </>
  ),
  warn: <path d="M7 1.5L13 12.5H1ZM7 5.5v3.6M7 10.3v1" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinejoin="round" />,
  first: <path d="M3 2v10M12 2L6 7l6 5Z" fill="currentColor" stroke="currentColor" strokeWidth="1.5" />,
  back: <path d="M10 2L4 7l6 5Z" fill="currentColor" />,
  forward: <path d="M4 2l6 5-6 5Z" fill="currentColor" />,
  last: <path d="M11 2v10M2 2l6 5-6 5Z" fill="currentColor" stroke="currentColor" strokeWidth="1.5" />,
  run: <path d="M3.5 2l8 5-8 5Z" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinejoin="round" />,
  link: <path d="M6 8.5a3 3 0 0 0 4.2 0l1.6-1.6a3 3 0 0 0-4.2-4.2L7 3.3M8 5.5a3 3 0 0 0-4.2 0L2.2 7.1a3 3 0 0 0 4.2 4.2l.6-.6" fill="none" stroke="currentColor" strokeWidth="1.4" />,
  theme: (
    <>
      <circle cx="7" cy="7" r="5.5" fill="none" stroke="currentColor" strokeWidth="1.4" />
      <path d="M7 1.5a5.5 5.5 0 0 1 0 11Z" fill="currentColor" />
    </>
  ),
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }): ReactNode {
  return (
    <svg className="ico" viewBox="0 0 14 14" aria-hidden="true">
      {PATHS[name]}
    </svg>
  );
}

export function BrandMark(): ReactNode {
  return (
    <svg width="20" height="16" viewBox="0 0 20 16" aria-hidden="true">
      <path d="M1 3h18M1 13h18" stroke="var(--ink)" strokeWidth="1.6" />
      <path d="M4 3L15 13M9 3L10 13" stroke="var(--ink)" strokeWidth="1.4" />
      <rect x="2" y="1" width="4" height="4" fill="var(--ink)" />
      <circle cx="15" cy="13" r="2.4" fill="var(--ink)" />
    </svg>
  );
}
