// SPDX-License-Identifier: Apache-2.0
/** Why the missing primitive would have helped: with it the steps would have to follow each other in a circle, which nothing can. */
import type { ReactNode } from 'react';
import type { TraceIndex } from '../trace/index-trace.ts';
import type { Names } from '../trace/names.ts';
import { ShapeIcon } from '../ui/glyphs.tsx';

export interface CircleSteps {
  readonly missing: string;
  readonly between: string;
  readonly first: string;
  readonly second: string;
  readonly readSecond: string;
  readonly readFirst: string;
  readonly agent: string;
}

/** The chain of a lost store–store order that a reader saw; null for a finding of another shape, or before it shows. */
export function circleOf(index: TraceIndex, names: Names, step: number): CircleSteps | null {
  const f = index.finding;
  if (f === null || step < f.witness || f.event.missing === '') return null;
  const first = index.at(f.first);
  const second = index.at(f.second);
  const witness = index.at(f.witness);
  if (first?.kind !== 'store' || second?.kind !== 'store' || witness?.kind !== 'load' || first.agent !== second.agent || witness.agent === first.agent) return null;
  const drain = index.drainOf(f.second);
  const reader = index.events.find((e) => e.kind === 'load' && e.from === drain && e.agent === witness.agent && e.id < witness.id);
  if (drain === 0 || reader?.kind !== 'load') return null;
  const a = names.short(first.address, first.name);
  const b = names.short(second.address, second.name);
  const lines = [first.site, second.site];
  return {
    missing: f.event.missing,
    between: lines[0] != null && lines[1] != null ? ` between lines ${lines[0].line} and ${lines[1].line}` : '',
    first: `${a} arrives`,
    second: `${b} arrives`,
    readSecond: `reads ${b}`,
    readFirst: `reads ${a} ${names.value(witness.address, witness.value)}`,
    agent: witness.agent,
  };
}

export function Circle({ steps, names }: { readonly steps: CircleSteps; readonly names: Names }): ReactNode {
  const shape = names.shape(steps.agent) === 'cpu' ? 'cpu' : 'dev';
  return (
    <>
      <p className="why">
        With <code>{steps.missing}()</code>
        {steps.between} the run would go in a circle, so it could not happen:
      </p>
      <ol className="circle">
        <li>
          <b className="half-n">1</b>
          {steps.first}
        </li>
        <li className="gapped">
          <span>{steps.missing}()</span>
        </li>
        <li>
          <b className="half-n">2</b>
          {steps.second}
        </li>
        <li>
          <ShapeIcon shape={shape} />
          {steps.readSecond}
        </li>
        <li>
          <ShapeIcon shape={shape} />
          {steps.readFirst}
        </li>
        <li>
          <b className="half-n">1</b>
        </li>
      </ol>
    </>
  );
}
