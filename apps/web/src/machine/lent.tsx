// SPDX-License-Identifier: Apache-2.0
/** Buffers that are lent to devices now, and who may touch them. */
import type { ReactNode } from 'react';
import type { MachineState } from '@dmalab/core/base/state';
import { ShapeIcon } from '../ui/glyphs.tsx';
import { hex, type Names } from '../trace/names.ts';

export function Lent({ state, names }: { readonly state: MachineState; readonly names: Names }): ReactNode {
  const mappings = [...state.mappings.values()];
  if (mappings.length === 0) return null;
  return (
    <div className="blk mem">
      <h3>
        <ShapeIcon shape="mem" />
        Lent to devices<small>{mappings.length} mapped</small>
      </h3>
      <div className="scroll-x">
        <table className="ring">
          <caption className="vh">Mapped buffers</caption>
          <thead>
            <tr>
              <th scope="col">bus address</th>
              <th scope="col">bytes</th>
              <th scope="col">direction</th>
              <th scope="col">whose</th>
              <th scope="col">since</th>
            </tr>
          </thead>
          <tbody>
            {mappings.map((m) => (
              <tr key={`${m.device}-${m.dma}`}>
                <th scope="row">{hex(m.dma)}</th>
                <td>{m.size}</td>
                <td>{m.direction}</td>
                <td>
                  <span className={`whose ${m.owner === 'device' ? 'dev' : 'cpu'}`}>
                    <ShapeIcon shape={m.owner === 'device' ? 'dev' : 'cpu'} />
                    {m.owner === 'device' ? names.agent(m.device) : 'CPU'}
                  </span>
                </td>
                <td>
                  step {m.since}
                  {m.site !== null && `, line ${m.site.line}`}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}
