// SPDX-License-Identifier: Apache-2.0
/** Places in the driver, as buttons that show them in the editor; plain words where there is no editor. */
import { createContext, Fragment, useContext, type ReactNode } from 'react';

/** A place that can be shown: `Site`s and diagnostics both are. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

const Context = createContext<((place: Place) => void) | null>(null);
export const PlaceProvider = Context.Provider;

export function SiteLink({ site, title }: { readonly site: Place; readonly title?: string | undefined }): ReactNode {
  const show = useContext(Context);
  const words = `${site.file}:${site.line}`;
  if (show === null) return <span title={title}>{words}</span>;
  return (
    <button type="button" className="site" title={title} onClick={() => show(site)}>
      {words}
    </button>
  );
}

const PLACE = /\b([\w-]+\.ts):(\d+)(?::\d+)?/g;

/** A sentence whose places (`driver.ts:12`) can be clicked. */
export function WithPlaces({ text }: { readonly text: string }): ReactNode {
  const parts: ReactNode[] = [];
  let at = 0;
  for (const m of text.matchAll(PLACE)) {
    parts.push(text.slice(at, m.index), <SiteLink site={{ file: m[1]!, line: Number(m[2]) }} />);
    at = m.index + m[0].length;
  }
  parts.push(text.slice(at));
  return parts.map((part, i) => <Fragment key={i}>{part}</Fragment>);
}
