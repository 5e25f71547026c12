// SPDX-License-Identifier: Apache-2.0
/** The lab's text, its hints, the kernel API, and the checks with their points. */
import { useMemo, useState, type ReactNode } from 'react';
import { TabbedPane } from '../ui/tabs.tsx';
import { useWs } from '../workspace/context.tsx';
import { ApiPanel } from './api-panel.tsx';
import { Checks } from './checks.tsx';
import { renderMarkdown } from './markdown.ts';

function Prose({ text, children }: { readonly text: string; readonly children?: ReactNode }): ReactNode {
  const html = useMemo(() => renderMarkdown(text), [text]);
  return (
    <article className="prose" tabIndex={0} aria-label="Lab text">
      <div dangerouslySetInnerHTML={{ __html: html }} />
      {children}
    </article>
  );
}

export function LabText(): ReactNode {
  const lab = useWs((s) => s.lab);
  if (lab === null) return null;
  return (
    <Prose text={/^#\s/m.test(lab.text) ? lab.text : `# ${lab.manifest.title}\n\n${lab.text}`}>
      <Checks />
    </Prose>
  );
}

export function TextPane(): ReactNode {
  const lab = useWs((s) => s.lab);
  const [tab, setTab] = useState('text');
  if (lab === null) return null;
  const tabs = [
    { id: 'text', label: 'Text', panel: <LabText /> },
    ...(lab.hints === '' ? [] : [{ id: 'hints', label: 'Hints', panel: <Prose text={lab.hints} /> }]),
    { id: 'api', label: 'API', panel: <ApiPanel /> },
  ];
  return <TabbedPane name="Lab text" className="text" tabs={tabs} value={tab} onChange={setTab} />;
}
