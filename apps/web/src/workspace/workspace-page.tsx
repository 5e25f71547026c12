// SPDX-License-Identifier: Apache-2.0
/** The workspace: opens a lab and lays its panes out for the screen there is. */
import { useCallback, useEffect, useMemo, useState, type ReactNode } from 'react';
import type { Backend } from '../net/backend.ts';
import type { LabLink } from '../router.ts';
import type { Replayer } from '../worker/replayer.ts';
import type { Reveal } from '../editor/code-editor.tsx';
import { KeySheet } from '../keys/key-sheet.tsx';
import { Palette } from '../keys/palette.tsx';
import { useKeys, type Sheet } from '../keys/use-keys.ts';
import { useWs, WorkspaceProvider } from './context.tsx';
import { Workspace } from './controller.ts';
import { Desk } from './desk.tsx';
import { Phone } from './phone.tsx';
import { SubmitDialog } from './submit-dialog.tsx';
import { PlaceProvider, type Place } from '../ui/site-link.tsx';
import { HomeLink } from './top-bar.tsx';
import { useLayout } from './use-layout.ts';

export interface WorkspacePageProps {
  readonly backend: Backend;
  readonly replayer: Replayer;
  readonly id: string;
  readonly link: LabLink;
}

export function WorkspacePage({ backend, replayer, id, link }: WorkspacePageProps): ReactNode {
  const workspace = useMemo(() => new Workspace(backend, replayer), [backend, replayer, id]);
  useEffect(() => {
    void workspace.open(id, link);
    return () => workspace.close();
    // A link is read once, when its lab is opened; later changes of the address come from here.
  }, [workspace, id]);
  return (
    <WorkspaceProvider value={workspace}>
      <Opened workspace={workspace} />
    </WorkspaceProvider>
  );
}

function Opened({ workspace }: { readonly workspace: Workspace }): ReactNode {
  const lab = useWs((s) => s.lab);
  const error = useWs((s) => s.loadError);
  const { layout, low } = useLayout();
  const [sheet, setSheet] = useState<Sheet | null>(null);
  const [reveal, setReveal] = useState<Reveal | null>(null);
  useKeys(workspace, setSheet);
  const show = useCallback((place: Place) => setReveal((r) => ({ file: place.file, line: place.line, nth: (r?.nth ?? 0) + 1 })), []);
  useEffect(() => {
    if (lab !== null) document.title = `${lab.number} ${lab.manifest.title} · dmalab`;
  }, [lab]);
  if (lab === null) {
    return (
      <>
        <header className="top">
          <HomeLink />
        </header>
        <main className="empty">
          <h1 className="vh">dmalab</h1>
          <p role={error === '' ? 'status' : 'alert'}>{error === '' ? 'The lab is being opened.' : error}</p>
        </main>
      </>
    );
  }
  return (
    <PlaceProvider value={layout === 'phone' ? null : show}>
      {layout === 'phone' ? <Phone /> : <Desk layout={layout} low={low} reveal={reveal} />}
      <SubmitDialog />
      <KeySheet open={sheet === 'keys'} onOpenChange={(open) => setSheet(open ? 'keys' : null)} />
      <Palette open={sheet === 'commands'} onOpenChange={(open) => setSheet(open ? 'commands' : null)} show={setSheet} />
    </PlaceProvider>
  );
}
