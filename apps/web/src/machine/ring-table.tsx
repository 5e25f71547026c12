// SPDX-License-Identifier: Apache-2.0
/** Both views of memory side by side: what lies there, and what the device has read of it. The lesson is the gap. */
import type { ReactNode } from 'react';
import { ShapeIcon } from '../ui/glyphs.tsx';
import { hex, type Names } from '../trace/names.ts';
import type { Cell, RingView, SlotRow } from './view.ts';

export interface RingTableProps {
  readonly view: RingView;
  readonly names: Names;
  readonly coherent: boolean;
  readonly onSeek: (step: number) => void;
}

export function RingTable({ view, names, coherent, onSeek }: RingTableProps): ReactNode {
  const { layout } = view;
  const n = layout.fields.length;
  const device = names.agent(view.device);
  return (
    <div className="blk mem">
      <h3>
        <ShapeIcon shape="mem" />
        {coherent ? 'Coherent memory' : 'Memory'}, {layout.name} of {layout.count}
        <small>
          <code>{hex(layout.address)}</code>, {layout.stride} bytes a slot
        </small>
      </h3>
      <div className="scroll-x" tabIndex={0} role="region" aria-label={`${layout.name}, both views`}>
        <table className="ring">
          <caption className="vh">
            {layout.name}: what is in memory, and what {device} has read of it
          </caption>
          <thead>
            <tr>
              <td colSpan={2} style={{ border: 0 }} />
              <th colSpan={n} scope="colgroup" className="group">
                in memory
              </th>
              <th colSpan={n} scope="colgroup" className="group edge">
                what {device} has read
              </th>
            </tr>
            <tr>
              <th scope="col">slot</th>
              <th scope="col">whose</th>
              {layout.fields.map((f) => (
                <th scope="col" key={`m-${f.name}`}>
                  {f.name}
                </th>
              ))}
              {layout.fields.map((f, i) => (
                <th scope="col" key={`s-${f.name}`} className={i === 0 ? 'edge' : undefined}>
                  {f.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {view.rows.map((row) => (
              <Row key={row.index} row={row} device={device} onSeek={onSeek} />
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

function Row({ row, device, onSeek }: { readonly row: SlotRow; readonly device: string; readonly onSeek: (step: number) => void }): ReactNode {
  return (
    <tr className={row.current ? 'hot' : undefined}>
      <th scope="row">
        {row.index}
        {row.current && <b aria-hidden="true"> ◂</b>}
      </th>
      <td>{row.owner !== null && <span className={`whose ${row.owner === 'device' ? 'dev' : 'cpu'}`}><ShapeIcon shape={row.owner === 'device' ? 'dev' : 'cpu'} />{row.owner === 'device' ? device : 'CPU'}</span>}</td>
      {row.memory.map((c, i) => (
        <Value key={i} cell={c} onSeek={onSeek} mark={false} />
      ))}
      {row.seen.map((c, i) => (
        <Value key={i} cell={c} onSeek={onSeek} mark edge={i === 0} />
      ))}
    </tr>
  );
}

/** A cell seeks to its last writer (or reader) on click; the scrubber and the table twin do the same by keyboard. */
function Value({ cell, mark, edge = false, onSeek }: { readonly cell: Cell; readonly mark: boolean; readonly edge?: boolean; readonly onSeek: (step: number) => void }): ReactNode {
  const classes = [cell.changed ? 'chg' : '', cell.wrong && !mark ? 'hit' : '', edge ? 'edge' : ''].filter((c) => c !== '').join(' ');
  return (
    <td className={classes === '' ? undefined : classes} onClick={() => cell.step > 0 && onSeek(cell.step)} title={cell.step > 0 ? `step ${cell.step}` : undefined}>
      {cell.known ? cell.text : <span className="not">{cell.text}</span>}
      {mark && cell.known && cell.step > 0 && <small> at {cell.step}</small>}
      {cell.wrong && <span className="vh">, the value the finding is about</span>}
    </td>
  );
}
