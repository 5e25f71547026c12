// SPDX-License-Identifier: Apache-2.0
/** The timeline: transport, scrubber, picture or table, and the live line. */
import { useState, type KeyboardEvent, type ReactNode } from 'react';
import { useWs } from '../workspace/context.tsx';
import { comparedRun } from '../workspace/state.ts';
import { CompareView, CompareWith } from './compare-view.tsx';
import { Diagram } from './diagram.tsx';
import { LiveLine } from './live-line.tsx';
import { Scrubber } from './scrubber.tsx';
import { Transport } from './transport.tsx';
import { TwinTable } from './twin-table.tsx';

export function TimelinePane(): ReactNode {
  const [table, setTable] = useState(false);
  const other = useWs(comparedRun);
  const key = (e: KeyboardEvent): void => {
    if (e.key.toLowerCase() !== 't' || e.ctrlKey || e.metaKey || e.altKey || e.target instanceof HTMLSelectElement) return;
    e.preventDefault();
    setTable(!table);
  };
  return (
    <section className="pane full timeline-pane" aria-label="Timeline" data-pane="Timeline" onKeyDown={key}>
      <div className="head">
        <h2>Timeline</h2>
        <Transport />
        <Scrubber />
        <CompareWith />
        <button type="button" className="tab" aria-pressed={table} data-twin="timeline" onClick={() => setTable(!table)}>
          {table ? 'As a picture' : 'As a table'}
        </button>
      </div>
      {other !== null ? <CompareView other={other} table={table} /> : table ? <TwinTable /> : <Diagram />}
      <LiveLine />
    </section>
  );
}
