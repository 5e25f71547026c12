// SPDX-License-Identifier: Apache-2.0
/** The machine after the current step: who acts, what waits, what memory holds, what the device has read. */
import { lazy, Suspense, useState, type ReactNode } from 'react';
import type { MachineState } from '@dmalab/core/base/state';
import type { Trace } from '../run/trace.ts';
import { TabbedPane } from '../ui/tabs.tsx';
import { useMachine, useRun, useWorkspace } from '../workspace/context.tsx';
import { whyEmpty } from '../workspace/state.ts';
import { BellPicture, bellState, CpuCard, DeviceCard } from './cards.tsx';
import { Circle, circleOf } from './circle.tsx';
import { CacheLines } from './lines.tsx';
import { Lent } from './lent.tsx';
import { Registers } from './registers.tsx';
import { ProfileVerdicts } from './profile-verdicts.tsx';
import { RingTable } from './ring-table.tsx';
import { SlotTwin } from './slot-twin.tsx';
import { ringView, rings } from './view.ts';

/** Knows every structure of every front end: fetched when a machine has an IOMMU. */
const IommuPanel = lazy(async () => ({ default: (await import('./iommu-panel.tsx')).IommuPanel }));

export function MachinePane({ verdicts = true }: { readonly verdicts?: boolean }): ReactNode {
  const [tab, setTab] = useState('ring');
  const [table, setTable] = useState(false);
  const { run, trace, step } = useRun();
  const state = useMachine();
  const none = <p className="empty">{whyEmpty(run)}</p>;
  const workspace = useWorkspace();
  const ready = trace !== null && state !== null;
  const iommu = {
    id: 'iommu',
    label: 'IOMMU',
    panel: (
      <div className="mach" tabIndex={0} role="region" aria-label="IOMMU">
        {ready && (
          <Suspense fallback={<p className="empty">The view is being loaded.</p>}>
            <IommuPanel trace={trace} state={state} onSeek={(s) => workspace.seek(s)} />
          </Suspense>
        )}
      </div>
    ),
  };
  const tabs = [
    { id: 'ring', label: 'Ring', panel: <div className="mach" tabIndex={0} role="region" aria-label="Machine after this step">{ready ? table ? <SlotTwin trace={trace} state={state} step={step} /> : <RingPanel trace={trace} state={state} step={step} /> : none}</div> },
    { id: 'cache', label: 'Cache', panel: <div className="mach" tabIndex={0} role="region" aria-label="Cache">{ready ? <CacheLines state={state} names={trace.names} step={step} table={table} /> : none}</div> },
    { id: 'registers', label: 'Registers', panel: <div className="mach" tabIndex={0} role="region" aria-label="Registers"><Registers state={state} names={trace?.names ?? null} /></div> },
    ...(ready && state.units.size > 0 ? [iommu] : []),
  ];
  return (
    <TabbedPane
      name="Machine"
      title="Machine"
      tabs={tabs}
      value={tab}
      onChange={setTab}
      aside={
        ready && tab !== 'registers' && tab !== 'iommu' ? (
          <button type="button" className="tab" aria-pressed={table} data-twin="machine" onClick={() => setTable(!table)}>
            {table ? 'As a picture' : 'As a table'}
          </button>
        ) : undefined
      }
      foot={verdicts ? <ProfileVerdicts /> : undefined}
    />
  );
}

function RingPanel({ trace, state, step }: { readonly trace: Trace; readonly state: MachineState; readonly step: number }): ReactNode {
  const workspace = useWorkspace();
  const { names, index } = trace;
  const finding = index.finding;
  const witness = finding !== null && step >= finding.witness ? index.at(finding.witness) : undefined;
  const circle = circleOf(index, names, step);
  const seek = (s: number): void => workspace.seek(s);
  const cpus = [...state.cpus.values()];
  const devices = [...state.devices.values()];
  const all = rings(state, index);
  return (
    <>
      <div className="duo">
        <div className="stack">
          {cpus.map((c) => (
            <CpuCard key={c.id} cpu={c} names={names} />
          ))}
        </div>
        <BellPicture bell={bellState(state, index, step)} />
        <div className="stack">
          {devices.map((d) => (
            <DeviceCard key={d.id} device={d} names={names} finding={witness?.kind === 'load' && (witness.agent === d.id || witness.agent.startsWith(`${d.id}.`)) ? `${names.place(witness.address, witness.name)} = ${names.value(witness.address, witness.value)}` : ''} />
          ))}
        </div>
      </div>
      <Links ordered={state.machine?.profile.startsWith('x86') === true} />
      {all.map((l) => (
        <RingTable key={l.address} view={ringView(l, state, index, step)} names={names} coherent={state.machine?.coherent ?? true} onSeek={seek} />
      ))}
      <Lent state={state} names={names} />
      {circle !== null && <Circle steps={circle} names={names} />}
    </>
  );
}

/** x86-64 drains stores in the order they were issued; every other profile here may drain them in any order. */
function Links({ ordered }: { readonly ordered: boolean }): ReactNode {
  return (
    <div className="links">
      <span>
        <svg width="12" height="34" aria-hidden="true">
          <path d="M6 2V25" stroke="var(--mem)" strokeWidth="1.5" />
          <path d="M2 24h8l-4 8z" fill="var(--mem)" />
        </svg>
        {ordered ? 'drains in order' : 'drains in any order'}
      </span>
      <i />
      <span>
        <svg width="12" height="34" aria-hidden="true">
          <path d="M6 33V10" stroke="var(--mem)" strokeWidth="1.5" />
          <path d="M2 11h8l-4-8z" fill="var(--mem)" />
        </svg>
        reads field by field
      </span>
    </div>
  );
}
