// SPDX-License-Identifier: Apache-2.0
/** Panes on a desk: three columns, two, or one that scrolls. Dividers drag and take arrow keys; nothing shrinks below its least width. */
import { useEffect, useRef, type ReactNode } from 'react';
import { Group, Panel, Separator, usePanelRef } from 'react-resizable-panels';
import type { Reveal } from '../editor/code-editor.tsx';
import { EditorPane } from '../editor/editor-pane.tsx';
import { MachinePane } from '../machine/machine-pane.tsx';
import { TextPane } from '../text/text-pane.tsx';
import { Choices } from '../timeline/choices.tsx';
import { TimelinePane } from '../timeline/timeline-pane.tsx';
import { NetLine, TopBar } from './top-bar.tsx';
import type { Layout } from './use-layout.ts';
import { VerdictBar } from './verdict-bar.tsx';
import { useWs } from './context.tsx';
import { comparedRun } from './state.ts';

/** Height of the timeline's row: one diagram, or two that are compared. */
const LOWER = { one: '346px', two: '568px' } as const;

export interface DeskProps {
  readonly layout: Exclude<Layout, 'phone'>;
  readonly low: boolean;
  readonly reveal: Reveal | null;
}

export function Desk({ layout, low, reveal }: DeskProps): ReactNode {
  const title = useWs((s) => s.lab?.manifest.title ?? '');
  const lower = usePanelRef();
  useRoomForTwo(lower);
  if (layout === 'column') {
    return (
      <div className="app column">
        <TopBar />
        <NetLine />
        <VerdictBar />
        <main>
          <h1 className="vh">{title}</h1>
          <EditorPane withText consoleAsTab={false} reveal={reveal} />
          <MachinePane />
          <TimelinePane />
          <Choices />
        </main>
      </div>
    );
  }
  const wide = layout === 'wide';
  return (
    <div className="app">
      <a className="skip" href="#work">
        To the work
      </a>
      <TopBar />
      <div className="heads">
        <NetLine />
        <VerdictBar />
      </div>
      <main id="work" className="work">
        <h1 className="vh">{title}</h1>
        <Group orientation="vertical" className="split" id="rows">
          <Panel id="upper" minSize="240px">
            <Group orientation="horizontal" className="split" id={wide ? 'three' : 'two'}>
              {wide && (
                <>
                  <Panel id="text" defaultSize="21%" minSize="290px">
                    <TextPane />
                  </Panel>
                  <Separator className="handle" aria-label="Between text and editor" />
                </>
              )}
              <Panel id="editor" defaultSize={wide ? '38%' : '46%'} minSize="430px">
                <EditorPane withText={!wide} consoleAsTab={low} reveal={reveal} />
              </Panel>
              <Separator className="handle" aria-label="Between editor and machine" />
              <Panel id="machine" defaultSize={wide ? '41%' : '54%'} minSize="560px">
                <MachinePane />
              </Panel>
            </Group>
          </Panel>
          <Separator className="handle" aria-label="Above the timeline" />
          <Panel id="lower" panelRef={lower} defaultSize={LOWER.one} minSize="180px" groupResizeBehavior="preserve-pixel-size">
            <Group orientation="horizontal" className="split" id="low">
              <Panel id="timeline" minSize="430px">
                <TimelinePane />
              </Panel>
              <Separator className="handle" aria-label="Between timeline and choices" />
              <Panel id="choices" defaultSize={wide ? '300px' : '264px'} minSize="264px" groupResizeBehavior="preserve-pixel-size">
                <Choices />
              </Panel>
            </Group>
          </Panel>
        </Group>
      </main>
    </div>
  );
}

/** A comparison gets room for its second diagram, and gives it back. In between the divider is the reader's. */
function useRoomForTwo(lower: ReturnType<typeof usePanelRef>): void {
  const comparing = useWs((s) => comparedRun(s) !== null);
  const before = useRef(false);
  useEffect(() => {
    if (before.current !== comparing) lower.current?.resize(comparing ? LOWER.two : LOWER.one);
    before.current = comparing;
  }, [comparing, lower]);
}
