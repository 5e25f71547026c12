// SPDX-License-Identifier: Apache-2.0
/** On a phone: the sentence, the lines of the finding, time running down, the slot; transport and live sentence stay at the bottom. */
import { Dialog } from 'radix-ui';
import { useState, type ReactNode } from 'react';
import { findingLines } from '../editor/finding-lines.ts';
import { CodeLines } from '../editor/highlight.tsx';
import { LabText } from '../text/text-pane.tsx';
import { Choices } from '../timeline/choices.tsx';
import { Diagram } from '../timeline/diagram.tsx';
import { useLiveSentence } from '../timeline/live-line.tsx';
import { Scrubber } from '../timeline/scrubber.tsx';
import { StepButton } from '../timeline/transport.tsx';
import { TwinTable } from '../timeline/twin-table.tsx';
import { ShapeIcon } from '../ui/glyphs.tsx';
import { Icon } from '../ui/icons.tsx';
import { ringView, rings } from '../machine/view.ts';
import { openAnswers } from './branch.ts';
import { Console } from './console.tsx';
import { useMachine, useRun, useWorkspace, useWs } from './context.tsx';
import { copyLink } from './permalink.ts';
import { ProfileSwitch } from './profile-switch.tsx';
import { HomeLink, NetLine, ThemeButton } from './top-bar.tsx';
import { shownFinding } from './shown-finding.ts';
import { whyEmpty } from './state.ts';
import { VerdictBar } from './verdict-bar.tsx';

/** Lines shown around each half. */
const AROUND = 3;

export function Phone(): ReactNode {
  const workspace = useWorkspace();
  const lab = useWs((s) => s.lab);
  const busy = useWs((s) => s.busy);
  const [table, setTable] = useState(false);
  const [text, setText] = useState(false);
  if (lab === null) return null;
  return (
    <div className="app phone">
      <header className="top">
        <HomeLink word={false} />
        <h1 style={{ fontSize: 15, fontWeight: 600, whiteSpace: 'nowrap', overflow: 'hidden', textOverflow: 'ellipsis' }}>
          {lab.number} {lab.manifest.title}
        </h1>
        <span className="grow" />
        <button type="button" className="btn icon quiet" aria-label="Run" disabled={busy !== 'idle'} onClick={() => void workspace.runs.run()}>
          <Icon name="run" />
        </button>
        <button type="button" className="btn icon quiet" aria-label="Copy link" onClick={() => void copyLink(workspace)}>
          <Icon name="link" />
        </button>
        <ThemeButton />
      </header>
      <section aria-label="Profile">
        <ProfileSwitch />
      </section>
      <NetLine />
      <VerdictBar />
      <main>
        <Lines />
        <div className="sec">
          <h2>Timeline</h2>
          <span className="eyebrow">time runs down</span>
          <span className="grow" />
          <button type="button" className="tab" aria-pressed={table} data-twin="timeline" onClick={() => setTable(!table)}>
            {table ? 'As a picture' : 'As a table'}
          </button>
        </div>
        <div className="cell">{table ? <TwinTable /> : <Diagram tall />}</div>
        <Slot />
        <Console tabbed />
        <div className="sec">
          <h2>Text</h2>
          <span className="grow" />
          <button type="button" className="tab" aria-expanded={text} onClick={() => setText(!text)}>
            {text ? 'Hide' : 'Read'}
          </button>
        </div>
        {text && <LabText />}
      </main>
      <BottomBar />
    </div>
  );
}

function Lines(): ReactNode {
  const lab = useWs((s) => s.lab);
  const text = useWs((s) => s.text);
  const { run } = useRun();
  const f = shownFinding(run, useWs((s) => s.verdicts));
  if (lab === null) return null;
  const file = lab.manifest.driver.file;
  const source = run?.source ?? text;
  const lines = findingLines(f?.first ?? null, f?.second ?? null, f?.missing ?? '', file);
  const at = lines.halves.map((h) => h.line);
  const from = at.length === 0 ? 1 : Math.min(...at) - AROUND;
  const to = at.length === 0 ? source.split('\n').length : Math.max(...at) + AROUND;
  return <CodeLines text={source} from={from} to={to} finding={lines} name={at.length === 0 ? file : `${file}, lines ${Math.max(1, from)} to ${to}`} />;
}

/** The slot the finding (or the step) is about, both views. */
function Slot(): ReactNode {
  const state = useMachine();
  const { trace, step } = useRun();
  if (state === null || trace === null) return null;
  const views = rings(state, trace.index).map((l) => ringView(l, state, trace.index, step));
  const found = views.flatMap((v) => v.rows.map((row) => ({ v, row }))).find(({ row }) => row.seen.some((c) => c.wrong) || row.current) ?? null;
  if (found === null) return null;
  const { v, row } = found;
  return (
    <>
      <div className="sec">
        <h2>
          Slot {row.index} at this step
        </h2>
      </div>
      <div className="twocol">
        {(['memory', 'seen'] as const).map((side) => (
          <div key={side}>
            <b>
              <ShapeIcon shape={side === 'memory' ? 'mem' : 'dev'} />
              {side === 'memory' ? 'in memory' : `${trace.names.agent(v.device)} has read`}
            </b>
            {v.layout.fields.map((f, i) => (
              <div key={f.name}>
                <code>
                  {f.name} = {row[side][i]!.text}
                </code>{' '}
                {side === 'seen' && row[side][i]!.wrong && <span className="v-bad">wrong</span>}
              </div>
            ))}
          </div>
        ))}
      </div>
    </>
  );
}

function BottomBar(): ReactNode {
  const workspace = useWorkspace();
  const { run, trace, step } = useRun();
  const { text } = useLiveSentence();
  const open = openAnswers(trace?.event(step)).length;
  return (
    <div className="bar" role="region" aria-label="Transport">
      <p className="now" aria-live="polite">
        <b>{step === 0 ? '' : step}</b>
        {step === 0 ? whyEmpty(run) : ` · ${text}.`}
      </p>
      <div className="row">
        <StepButton icon="back" label="Step back" onClick={() => workspace.stepBy(-1)} />
        <Scrubber />
        <StepButton icon="forward" label="Step" onClick={() => workspace.stepBy(1)} />
        <Dialog.Root>
          <Dialog.Trigger className="btn" style={{ padding: '0 12px' }}>
            {open === 1 ? '1 choice' : `${open} choices`}
          </Dialog.Trigger>
          <Dialog.Portal>
            <Dialog.Overlay className="dialog-veil" />
            <Dialog.Content className="sheet" aria-describedby={undefined}>
              <Dialog.Title className="vh">Open choices</Dialog.Title>
              <Choices />
              <Dialog.Close className="btn" style={{ margin: 12, alignSelf: 'flex-end' }}>
                Close
              </Dialog.Close>
            </Dialog.Content>
          </Dialog.Portal>
        </Dialog.Root>
      </div>
    </div>
  );
}
