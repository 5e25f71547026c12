// SPDX-License-Identifier: Apache-2.0
/** The tab "as C": what the driver calls, as Linux declares it, beside the lines that call it. */
import { useDeferredValue, useMemo, type ReactNode } from 'react';
import { Paint } from '../editor/highlight.tsx';
import { SiteLink } from '../ui/site-link.tsx';
import { useWs } from '../workspace/context.tsx';
import { callsInC } from './as-c.ts';
import { parseDeclarations } from './declarations.ts';

export function CallsInC(): ReactNode {
  const lab = useWs((s) => s.lab);
  const text = useDeferredValue(useWs((s) => s.text));
  const declarations = useMemo(() => (lab?.types ?? []).flatMap((t) => parseDeclarations(t.path, t.text)), [lab]);
  const calls = useMemo(() => callsInC(text, declarations), [text, declarations]);
  if (lab === null) return null;
  const { file } = lab.manifest.driver;
  return (
    <div className="prose in-c" tabIndex={0} role="region" aria-label={`What ${file} calls, as C`}>
      <p>
        What {file} calls, as Linux declares it. Names, arguments and results are the same here; a structure&apos;s field is read with <code>p-&gt;len</code> there and <code>p.load(&apos;len&apos;)</code> here.
      </p>
      {calls.length === 0 && <p className="empty">It calls nothing of the kernel yet.</p>}
      <dl>
        {calls.map((c) => (
          <div key={`${c.module}/${c.name}`}>
            <dt>
              <Paint line={c.prototype} />
            </dt>
            <dd>
              {c.module} ·{' '}
              {c.lines.length === 0
                ? 'imported, not called'
                : c.lines.map((line, i) => (
                    <span key={line}>
                      {i > 0 && ', '}
                      <SiteLink site={{ file, line }} />
                    </span>
                  ))}
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
