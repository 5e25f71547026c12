// SPDX-License-Identifier: Apache-2.0
/** The timeline as a real table. Moving through the rows moves the picture; long traces are drawn by windows of rows. */
import { useEffect, useMemo, useRef, useState, type KeyboardEvent, type ReactNode } from 'react';
import { ShapeIcon } from '../ui/glyphs.tsx';
import { useRun, useWorkspace, useWs } from '../workspace/context.tsx';
import { whyEmpty } from '../workspace/state.ts';
import { titleOf } from '../workspace/verdicts.ts';
import { twinCsv, twinRows, type TwinRow } from './twin.ts';

const WINDOW = 300;

export function TwinTable(): ReactNode {
  const workspace = useWorkspace();
  const { run, trace, step, grown } = useRun();
  const lab = useWs((s) => s.lab);
  const [show, setShow] = useState('all');
  const body = useRef<HTMLTableSectionElement>(null);
  const rows = useMemo(() => (trace === null ? [] : twinRows(trace.index, trace.names)), [trace, grown]);
  const lanes = useMemo(() => [...new Map(rows.map((r) => [r.lane, r.agent])).entries()], [rows]);
  const chosen = rows.filter((r) => show === 'all' || (show === 'matter' ? r.matters : r.lane === show));
  const at = Math.max(0, chosen.findIndex((r) => r.step >= step));
  const from = Math.max(0, Math.min(at - WINDOW / 2, chosen.length - WINDOW));
  const visible = chosen.slice(from, from + WINDOW);
  useEffect(() => {
    body.current?.querySelector('[aria-current="step"]')?.scrollIntoView({ block: 'nearest' });
  }, [step]);
  if (trace === null || run === null || trace.length === 0) return <p className="empty">{whyEmpty(run)}</p>;
  const matter = rows.filter((r) => r.matters).length;
  const move = (e: KeyboardEvent): void => {
    const by = e.key === 'ArrowDown' ? 1 : e.key === 'ArrowUp' ? -1 : 0;
    const next = chosen[at + by];
    if (by === 0 || next === undefined) return;
    e.preventDefault();
    workspace.seek(next.step);
    requestAnimationFrame(() => body.current?.querySelector<HTMLElement>('[aria-current="step"] button')?.focus());
  };
  return (
    <>
      <div className="twin-bar">
        <label>
          Show{' '}
          <select className="btn" value={show} onChange={(e) => setShow(e.target.value)}>
            <option value="all">all {rows.length} events</option>
            {matter > 0 && <option value="matter">the {matter} that matter</option>}
            {lanes.map(([id, name]) => (
              <option key={id} value={id}>
                {name} only
              </option>
            ))}
          </select>
        </label>
        <button type="button" className="btn" onClick={() => download(twinCsv(chosen), `${run.label.replace(/\s+/g, '-')}.csv`)}>
          Download CSV
        </button>
      </div>
      <div className="twin" tabIndex={0} role="region" aria-label="Timeline as a table" onKeyDown={move}>
        <table className="tt">
          <caption>
            <b>
              {run.profile}, workload “{lab === null ? run.workload : titleOf(lab, run.workload)}”, {run.label}:
            </b>{' '}
            {rows.length} events{trace.failingStep > 0 ? `, step ${trace.failingStep} is the finding` : ''}. A row here is a mark there; moving through the rows moves the picture.
          </caption>
          <thead>
            <tr>
              {['step', 'agent', 'event', 'where', 'value', 'waiting after it', 'because of', 'source', 'note'].map((h) => (
                <th key={h} scope="col">
                  {h}
                </th>
              ))}
            </tr>
          </thead>
          <tbody ref={body}>
            {visible.map((r) => (
              <Row key={r.step} row={r} step={step} shape={trace.names.shape(r.lane)} onSeek={(s) => workspace.seek(s)} />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Row({ row, step, shape, onSeek }: { readonly row: TwinRow; readonly step: number; readonly shape: 'cpu' | 'mem' | 'dev' | 'iommu'; readonly onSeek: (step: number) => void }): ReactNode {
  const current = row.step === step;
  const classes = [current ? 'cur' : '', row.matters ? 'race' : '', row.step > step ? 'later' : ''].filter((c) => c !== '').join(' ');
  return (
    <tr className={classes === '' ? undefined : classes} aria-current={current ? 'step' : undefined} onClick={() => onSeek(row.step)}>
      <th scope="row">
        <button type="button" tabIndex={current ? 0 : -1} aria-label={`step ${row.step}`} onClick={() => onSeek(row.step)}>
          {row.step}
        </button>
      </th>
      <td>
        <span className="ag">
          <ShapeIcon shape={shape} />
          {row.agent}
        </span>
      </td>
      <td>{row.event}</td>
      <td className="mono">{row.where}</td>
      <td className="mono">{row.value}</td>
      <td className="mono">{row.waiting}</td>
      <td>{row.because}</td>
      <td className="mono">{row.source}</td>
      <td className={/^finding/.test(row.note) ? 'v-bad' : undefined}>{row.note}</td>
    </tr>
  );
}

function download(text: string, name: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  const a = document.createElement('a');
  a.href = url;
  a.download = name;
  a.click();
  URL.revokeObjectURL(url);
}
