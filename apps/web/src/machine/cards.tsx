// SPDX-License-Identifier: Apache-2.0
/** Who acts: CPUs with the stores that wait, devices with what they say about themselves, and the doorbell between them. */
import type { ReactNode } from 'react';
import type { CpuState, DeviceState, MachineState } from '@dmalab/core/base/state';
import { Bell } from '../ui/glyphs.tsx';
import { ShapeIcon } from '../ui/glyphs.tsx';
import type { TraceIndex } from '../trace/index-trace.ts';
import { plainValue, type Names } from '../trace/names.ts';
import { deviceFacts, deviceWord } from './view.ts';

export function CpuCard({ cpu, names }: { readonly cpu: CpuState; readonly names: Names }): ReactNode {
  const handler = cpu.handlers.at(-1);
  const doing = handler !== undefined ? `in ${handler.handler}` : cpu.blockedOn !== null ? `waits for ${cpu.blockedOn}` : (cpu.frames.at(-1)?.name ?? '');
  return (
    <div className="blk cpu">
      <h3>
        <ShapeIcon shape="cpu" />
        {names.agent(cpu.id)}
        {doing !== '' && <small className="doing">{doing}</small>}
        <small>pending stores: {cpu.pending.length}</small>
      </h3>
      <ul className="pend" tabIndex={0} aria-label={`Pending stores of ${names.agent(cpu.id)}`}>
        {cpu.pending.length === 0 && <li className="none">Nothing waits. Every store has reached memory.</li>}
        {cpu.pending.map((p) => (
          <li key={p.store}>
            <span className="swatch" aria-hidden="true" />
            <span>
              {names.place(p.address, p.name)} = {names.value(p.address, p.value)}
            </span>
            <small>
              at {p.store}
              {p.site !== null && `, line ${p.site.line}`}
              {p.atCpus && ', CPUs see it'}
            </small>
          </li>
        ))}
      </ul>
    </div>
  );
}

export function DeviceCard({ device, names, finding }: { readonly device: DeviceState; readonly names: Names; readonly finding: string }): ReactNode {
  const facts = deviceFacts(device);
  return (
    <div className="blk dev">
      <h3>
        <ShapeIcon shape="dev" />
        {names.agent(device.id)}
        <small>{device.blockedOn === null ? deviceWord(device) : `waits for ${device.blockedOn}`}</small>
      </h3>
      <dl className="devs" tabIndex={0} aria-label={`What ${names.agent(device.id)} does`}>
        {finding !== '' && <Row name="took" value={finding} wrong />}
        {facts.map((f) => (
          <Row key={f.name} name={f.name} value={f.value} />
        ))}
        {facts.length === 0 && finding === '' && <Row name="so far" value="nothing yet" />}
      </dl>
    </div>
  );
}

function Row({ name, value, wrong = false }: { readonly name: string; readonly value: string; readonly wrong?: boolean }): ReactNode {
  // Short facts stand two in a row, so that the card shows them all.
  const look = wrong ? 'long wrong' : value.length > 7 ? 'long' : undefined;
  return (
    <>
      <dt className={look}>{name}</dt>
      <dd className={look}>{value}</dd>
    </>
  );
}

export interface BellState {
  readonly word: string;
  readonly value: string;
  readonly position: 'none' | 'way' | 'there';
}

/** The newest MMIO write towards a device: not rung, on its way, arrived. */
export function bellState(state: MachineState, index: TraceIndex, step: number): BellState {
  const post = state.posts.at(-1);
  if (post !== undefined) return { word: 'on its way', value: `${post.register} = ${plainValue(post.value)}`, position: 'way' };
  for (let s = step; s >= 1; s -= 1) {
    const e = index.at(s);
    if (e?.kind === 'mmio-arrive') return { word: `arrived, step ${e.id}`, value: `${e.register} = ${plainValue(e.value)}`, position: 'there' };
  }
  return { word: 'not rung', value: '', position: 'none' };
}

export function BellPicture({ bell }: { readonly bell: BellState }): ReactNode {
  const x = bell.position === 'there' ? 87 : 49;
  const label = bell.value.length > 18 ? `${bell.value.slice(0, 17)}…` : bell.value;
  return (
    <svg viewBox="0 0 108 100" width="108" height="100" role="img" aria-label={`Posted write: ${bell.value === '' ? '' : `${bell.value}, `}${bell.word}`}>
      <text x="54" y="30" fontSize="11" textAnchor="middle" style={{ fill: 'var(--ink-2)' }}>
        {label === '' ? 'posted writes' : label.toLowerCase()}
      </text>
      <path d="M4 46H98" stroke="var(--mmio)" strokeWidth="2" strokeDasharray="7 3 2 3" />
      <path d="M97 41.5l8 4.5-8 4.5z" fill="var(--mmio)" />
      {bell.position !== 'none' && (
        <>
          <rect x={x - 9} y="37" width="18" height="18" fill="var(--mmio-wash)" stroke="var(--mmio)" strokeWidth="1.5" />
          <Bell x={x} y={46} r={4} />
        </>
      )}
      <text x="54" y="70" fontSize="11" textAnchor="middle" style={{ fill: 'var(--ink-2)' }}>
        {bell.word}
      </text>
    </svg>
  );
}
