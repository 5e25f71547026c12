// SPDX-License-Identifier: Apache-2.0
/** The editor's tabs: the driver, the given modules, and on narrower screens the text and the console. */
import { lazy, Suspense, useEffect, useState, type ReactNode } from 'react';
import { Boundary } from '../ui/boundary.tsx';
import { TabbedPane, type TabSpec } from '../ui/tabs.tsx';
import { LabText } from '../text/text-pane.tsx';
import { ApiPanel } from '../text/api-panel.tsx';
import { CallsInC } from '../text/calls-in-c.tsx';
import { Console, consoleLines } from '../workspace/console.tsx';
import { useMachine, useWorkspace, useWs } from '../workspace/context.tsx';
import type { Reveal } from './code-editor.tsx';
import { CodeLines } from './highlight.tsx';

const CodeEditor = lazy(async () => ({ default: (await import('./code-editor.tsx')).CodeEditor }));
const NONE = { halves: [], gap: null } as const;

export interface EditorPaneProps {
  /** Text and API stand here as tabs when they have no column of their own. */
  readonly withText: boolean;
  /** The console is a tab with a count when the screen is low. */
  readonly consoleAsTab: boolean;
  readonly reveal: Reveal | null;
}

export function EditorPane({ withText, consoleAsTab, reveal }: EditorPaneProps): ReactNode {
  const lab = useWs((s) => s.lab);
  const [tab, setTab] = useState('driver');
  const said = useWs((s) => s.diagnostics.length);
  const lines = consoleLines(useMachine()).length + said;
  useEffect(() => {
    if (reveal !== null) setTab(lab?.given.some((g) => g.file === reveal.file) === true ? reveal.file : 'driver');
  }, [reveal, lab]);
  if (lab === null) return null;
  const file = lab.manifest.driver.file;
  const tabs: TabSpec[] = [
    ...(withText ? [{ id: 'text', label: 'Text', panel: <LabText /> }] : []),
    {
      id: 'driver',
      label: file,
      panel: (
        <Boundary what="The editor">
          <Suspense fallback={<p className="empty">The editor is being loaded.</p>}>
            <CodeEditor file={file} reveal={reveal} />
          </Suspense>
        </Boundary>
      ),
    },
    ...lab.given.map((g) => ({
      id: g.file,
      label: (
        <>
          {g.file} <span className="pill">read only</span>
        </>
      ),
      panel: <CodeLines text={g.text} from={1} to={Infinity} finding={NONE} name={`${g.file}, read only`} />,
    })),
    { id: 'c', label: 'as C', panel: <CallsInC /> },
    ...(withText ? [{ id: 'api', label: 'API', panel: <ApiPanel /> }] : []),
    ...(consoleAsTab
      ? [
          {
            id: 'console',
            label: (
              <>
                Console <span className="pill">{lines}</span>
              </>
            ),
            panel: <Console tabbed />,
          },
        ]
      : []),
  ];
  return <TabbedPane name="Editor" tabs={tabs} value={tab} onChange={setTab} aside={<DraftMark />} foot={consoleAsTab ? undefined : <Console />} />;
}

const WORDS = { saved: 'saved', typing: 'typing', saving: 'saving', 'kept here': 'kept in this browser', refused: 'not saved' } as const;

function DraftMark(): ReactNode {
  const workspace = useWorkspace();
  const draft = useWs((s) => s.draft);
  const error = useWs((s) => s.draftError);
  const changed = useWs((s) => s.lab !== null && s.text !== s.lab.starter);
  return (
    <>
      {changed && (
        <button type="button" className="tab" onClick={() => workspace.restart()} title="Puts the starter back. Undo brings your text back.">
          Start over
        </button>
      )}
      <span className="eyebrow" role="status" title={error} data-draft={draft}>
        {WORDS[draft]}
      </span>
    </>
  );
}
