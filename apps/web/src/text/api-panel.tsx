// SPDX-License-Identifier: Apache-2.0
/** The kernel API as its own declarations document it: the same text the editor shows on hover. */
import { useMemo, useState, type ReactNode } from 'react';
import { useWs } from '../workspace/context.tsx';
import { docMarkdown, parseDeclarations } from './declarations.ts';
import { renderWrapped } from './markdown.ts';

/** Prototypes wrap here: a hundred listings that each take the focus would be in the way. */
function Doc({ text }: { readonly text: string }): ReactNode {
  const html = useMemo(() => renderWrapped(docMarkdown(text)).replaceAll('<pre tabindex="0">', '<pre>'), [text]);
  return <div dangerouslySetInnerHTML={{ __html: html }} />;
}

export function ApiPanel(): ReactNode {
  const types = useWs((s) => s.lab?.types);
  const [find, setFind] = useState('');
  const entries = useMemo(() => (types ?? []).flatMap((t) => parseDeclarations(t.path, t.text)), [types]);
  const wanted = find.trim().toLowerCase();
  const shown = entries.filter((e) => wanted === '' || e.name.toLowerCase().includes(wanted) || e.module.includes(wanted));
  return (
    <div className="prose api" tabIndex={0} role="region" aria-label="Kernel API">
      <label className="vh" htmlFor="api-find">
        Find a function
      </label>
      <input id="api-find" className="api-find" type="search" placeholder="Find a function" value={find} onChange={(e) => setFind(e.target.value)} />
      {shown.length === 0 && <p className="empty">No declaration has that name.</p>}
      <dl>
        {shown.map((e) => (
          <div key={`${e.module}/${e.name}/${e.signature}`}>
            <dt>{e.signature}</dt>
            <dd>
              {e.module !== '' && <code>from &apos;{e.module}&apos;</code>}
              <Doc text={e.doc} />
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
