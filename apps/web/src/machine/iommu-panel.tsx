// SPDX-License-Identifier: Apache-2.0
/** The remapping units of a run at this step: the walk with each entry bit by bit, the last answer, and the caches. */
import { useState, type ReactNode } from 'react';
import type { MachineState } from '@dmalab/core/base/state';
import { RegisterView } from '../bits/register-view.tsx';
import type { Trace } from '../run/trace.ts';
import { kindOf, unitView, type UnitView } from './iommu-view.ts';

export interface IommuPanelProps {
  readonly trace: Trace;
  readonly state: MachineState;
  readonly onSeek: (step: number) => void;
}

export function IommuPanel({ trace, state, onSeek }: IommuPanelProps): ReactNode {
  return [...state.units.values()].map((unit) => <Unit key={unit.id} name={trace.names.agent(unit.id)} view={unitView(unit, kindOf(trace.index.events, unit.id))} onSeek={onSeek} />);
}

function Unit({ name, view, onSeek }: { readonly name: string; readonly view: UnitView; readonly onSeek: (step: number) => void }): ReactNode {
  const [chosen, choose] = useState<number | null>(null);
  const at = view.accesses.find(({ step }) => step === chosen) ?? view.accesses.at(-1);
  return (
    <section className="blk" aria-label={name}>
      <h3>
        {name}
        <small>{view.answer === '' ? 'has answered nothing yet' : `step ${view.answered}: ${view.answer}`}</small>
      </h3>
      {view.accesses.length === 0 ? (
        <p className="empty">No table was read{view.answer === '' ? ' yet' : ' for the last answer'}.</p>
      ) : (
        <table className="regs">
          <caption>{view.walks ? 'The walk so far' : 'The walk behind that answer'}</caption>
          <thead>
            <tr>
              <th scope="col">step</th>
              <th scope="col">what</th>
              <th scope="col">at</th>
              <th scope="col">value</th>
            </tr>
          </thead>
          <tbody>
            {view.accesses.map((access) => (
              <tr key={access.step} aria-current={access === at ? 'true' : undefined}>
                <th scope="row">
                  <button type="button" className="site" onClick={() => onSeek(access.step)}>
                    {access.step}
                  </button>
                </th>
                <td>
                  <button type="button" className="site" aria-pressed={access === at} onClick={() => choose(access.step)}>
                    {access.access === 'read' ? '' : `${access.access}: `}
                    {access.what}
                  </button>
                </td>
                <td className="mono">{access.at}</td>
                <td className="mono">{access.value}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {at !== undefined && at.layout !== null && (
        <div className="bits-of">
          <h4>
            {at.layout.name} <small>at {at.at}</small>
          </h4>
          <RegisterView key={at.layout.name} layout={at.layout} raw={at.raw} />
        </div>
      )}
      {view.caches.map(({ name: cache, lines }) => (
        <table key={cache} className="regs">
          <caption>
            {cache}: {lines.length === 0 ? 'empty' : lines.length === 1 ? 'one entry' : `${lines.length} entries`}
          </caption>
          {lines.length > 0 && (
            <>
              <thead>
                <tr>
                  <th scope="col">slot</th>
                  <th scope="col">covers</th>
                  <th scope="col">entry</th>
                </tr>
              </thead>
              <tbody>
                {lines.map((line) => (
                  <tr key={line.slot}>
                    <th scope="row">{line.slot}</th>
                    <td className="mono">{line.covers}</td>
                    <td>{line.entry}</td>
                  </tr>
                ))}
              </tbody>
            </>
          )}
        </table>
      ))}
    </section>
  );
}
