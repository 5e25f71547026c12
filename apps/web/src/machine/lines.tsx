// SPDX-License-Identifier: Apache-2.0
/** Cache lines of a non-coherent machine: absent, clean, dirty, stale, always with the word. */
import type { ReactNode } from 'react';
import type { MachineState } from '@dmalab/core/base/state';
import { hex, type Names } from '../trace/names.ts';
import { lineViews } from './view.ts';

export function CacheLines({ state, names, step, table }: { readonly state: MachineState; readonly names: Names; readonly step: number; readonly table: boolean }): ReactNode {
  if (state.machine?.coherent === true) {
    return <p className="empty">On {state.machine.profile} every device looks into the CPUs' caches, so no line can hide anything from it. What is missing here is order, not coherence.</p>;
  }
  const lines = lineViews(state, names, step);
  if (lines.length === 0) return <p className="empty">No line is held, and nothing is lent to a device yet.</p>;
  if (table) {
    return (
      <table className="regs">
        <caption>Cache lines after step {step}</caption>
        <thead>
          <tr>
            <th scope="col">line</th>
            <th scope="col">state</th>
            <th scope="col">holds</th>
            <th scope="col">since</th>
          </tr>
        </thead>
        <tbody>
          {lines.map((l) => (
            <tr key={l.line}>
              <th scope="row">{hex(l.line)}</th>
              <td>{l.state}</td>
              <td>{l.holds === '' ? '–' : l.holds}</td>
              <td>{l.why === '' ? '–' : l.why}</td>
            </tr>
          ))}
        </tbody>
      </table>
    );
  }
  return (
    <div className="blk mem">
      <h3>
        Lines of {state.machine?.lineSize ?? 64} bytes<small>over memory that devices read directly</small>
      </h3>
      <div className="lines" role="list" aria-label="Cache lines">
        {lines.map((l) => (
          <span key={l.line} role="listitem" className={`line ${l.state} ${l.changed ? 'chg' : ''}`} title={[l.holds, l.why].filter((t) => t !== '').join(' · ')}>
            {hex(l.line)} <b>{l.state}</b>
          </span>
        ))}
      </div>
    </div>
  );
}
