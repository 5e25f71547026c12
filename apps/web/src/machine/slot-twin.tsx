// SPDX-License-Identifier: Apache-2.0
/** The machine picture as one table: for each field what waits in a CPU, what is in memory, what the device has read. */
import type { ReactNode } from 'react';
import { fieldAddress } from '@dmalab/core/base/placed-layout';
import type { MachineState } from '@dmalab/core/base/state';
import type { Trace } from '../run/trace.ts';
import { ringView, rings } from './view.ts';

export function SlotTwin({ trace, state, step }: { readonly trace: Trace; readonly state: MachineState; readonly step: number }): ReactNode {
  const { names, index } = trace;
  const pending = [...state.cpus.values()].flatMap((c) => c.pending.map((p) => ({ ...p, cpu: c.id })));
  const all = rings(state, index);
  return (
    <>
      {all.length === 0 && <p className="empty">No structure that a device reads has been declared yet.</p>}
      {all.map((layout) => {
        const view = ringView(layout, state, index, step);
        return (
          <table key={layout.address} className="regs">
            <caption>
              {layout.name} after step {step}
            </caption>
            <thead>
              <tr>
                <th scope="col">field</th>
                <th scope="col">waiting in a CPU</th>
                <th scope="col">in memory</th>
                <th scope="col">{names.agent(view.device)} has read</th>
                <th scope="col">whose</th>
              </tr>
            </thead>
            <tbody>
              {view.rows.flatMap((row) =>
                layout.fields.map((f, i) => {
                  const at = fieldAddress(layout, row.index, f);
                  const waits = pending.filter((p) => p.address === at).map((p) => `${names.value(at, p.value)} (${names.agent(p.cpu)}, step ${p.store})`);
                  const seen = row.seen[i]!;
                  return (
                    <tr key={`${row.index}-${f.name}`} aria-current={row.current ? 'step' : undefined}>
                      <th scope="row">
                        {f.name}[{row.index}]
                      </th>
                      <td className="mono">{waits.length === 0 ? '–' : waits.join(', ')}</td>
                      <td className="mono">{row.memory[i]!.text}</td>
                      <td className={`mono ${seen.wrong ? 'v-bad' : ''}`}>
                        {seen.text}
                        {seen.known && seen.step > 0 && ` at ${seen.step}`}
                        {seen.wrong && ', wrong'}
                      </td>
                      <td>{row.owner === null ? '–' : row.owner === 'device' ? names.agent(view.device) : 'CPU'}</td>
                    </tr>
                  );
                }),
              )}
            </tbody>
          </table>
        );
      })}
    </>
  );
}
