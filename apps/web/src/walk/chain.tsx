// SPDX-License-Identifier: Apache-2.0
/** The walk as a chain of tables, read from the top down; and the same as a table. One of them is where one stands. */
import { useEffect, useRef, type KeyboardEvent, type ReactNode, type RefObject } from 'react';
import type { ToldAccess } from '@dmalab/litmus/iommu/tell';
import { address } from '../bits/bit-rows.ts';
import { Fault, IommuGlyph, Memory } from '../ui/glyphs.tsx';
import { ending, hotFields, indexText, shortIndex, type Walk } from './walk.ts';

export interface ChainProps {
  readonly walk: Walk;
  readonly seek: (at: number) => void;
}

/** Arrow keys, Home and End move through the walk, in the chain and in the table. */
function useMoves<E extends HTMLElement>({ walk, seek }: ChainProps): { readonly boxRef: RefObject<E | null>; readonly onKeyDown: (e: KeyboardEvent) => void } {
  const boxRef = useRef<E>(null);
  const last = walk.step.accesses.length;
  useEffect(() => {
    const row = boxRef.current?.querySelector<HTMLElement>('[aria-current="step"]');
    if (row !== null && row !== undefined) keepInView(row);
  }, [walk.at, walk.step]);
  const onKeyDown = (e: KeyboardEvent): void => {
    const to = { ArrowDown: walk.at + 1, ArrowUp: walk.at - 1, Home: 0, End: last }[e.key];
    if (to === undefined || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    seek(Math.max(0, Math.min(last, to)));
    requestAnimationFrame(() => boxRef.current?.querySelector<HTMLElement>('[aria-current="step"] button, button[aria-current="step"]')?.focus());
  };
  return { boxRef, onKeyDown };
}

/** Scrolls the box around it, never the page: the sentence on top stays where it is. */
function keepInView(row: HTMLElement): void {
  let box = row.parentElement;
  while (box !== null && !(box.scrollHeight > box.clientHeight + 1 && /auto|scroll/.test(getComputedStyle(box).overflowY))) box = box.parentElement;
  if (box === null || box === document.documentElement || box === document.body) return;
  const { top, bottom } = row.getBoundingClientRect();
  const around = box.getBoundingClientRect();
  if (top < around.top) box.scrollTop -= around.top - top + row.offsetHeight;
  else if (bottom > around.bottom) box.scrollTop += bottom - around.bottom + row.offsetHeight;
}

export function Chain({ walk, seek }: ChainProps): ReactNode {
  const { boxRef, onKeyDown } = useMoves<HTMLOListElement>({ walk, seek });
  const { step, at } = walk;
  const last = step.accesses.length;
  return (
    <ol className="walk" ref={boxRef} onKeyDown={onKeyDown}>
      {step.accesses.map((access, i) => (
        <li key={i} className={`${isBelow(walk, access) ? 'below' : ''} ${i === at ? 'sel' : ''}`}>
          <button type="button" aria-current={i === at ? 'step' : undefined} tabIndex={i === at ? 0 : -1} onClick={() => seek(i)}>
            <Mark access={access} blamed={i === walk.blamed} />
            <span className="what">
              {opensWalk(step.accesses, i) && <small>to find guest address {address(access.walk?.input ?? 0n)}</small>}
              <b>{access.what}</b> {access.index !== null && <code>{shortIndex(access.index)}</code>}
            </span>
            <code className="where">at {address(access.address)}</code>
            <Raw walk={walk} nth={i} />
          </button>
        </li>
      ))}
      <li className={`end ${at >= last ? 'sel' : ''}`}>
        <button type="button" aria-current={at >= last ? 'step' : undefined} tabIndex={at >= last ? 0 : -1} onClick={() => seek(last)}>
          <svg className="mark" viewBox="0 0 18 18" aria-hidden="true">
            {step.end?.fault ? <Fault x={9} y={9} r={7} /> : <Memory x={9} y={9} />}
          </svg>
          <span className="what">
            <b>{endWord(walk)}</b>
            {walk.remembered !== 'no' && <small>what a walk would have found</small>}
          </span>
          <code className="where">{step.end === null || step.end.fault !== null ? '' : step.end.text.replace(/0x[\da-f]+/g, (hex) => address(BigInt(hex)))}</code>
        </button>
      </li>
    </ol>
  );
}

function endWord({ step: { end } }: Walk): string {
  if (end === null) return 'done';
  if (end.fault !== null) return end.text;
  return end.address === null ? 'no access to memory' : 'memory';
}

/** A second-stage walk that only finds a table of the first. */
function isBelow(walk: Walk, { walk: of, index }: ToldAccess): boolean {
  return of?.stage === 'second' && index?.of === 'guest address' && walk.step.accesses.some((a) => a.walk?.stage === 'first' || a.what.startsWith('process'));
}

const opensWalk = (accesses: readonly ToldAccess[], i: number): boolean => accesses[i]?.index?.of === 'guest address' && accesses[i - 1]?.walk?.input !== accesses[i]?.walk?.input;

function Mark({ access, blamed }: { readonly access: ToldAccess; readonly blamed: boolean }): ReactNode {
  return (
    <svg className="mark" viewBox="0 0 18 18" aria-hidden="true">
      {blamed || access.status !== 'ok' ? <Fault x={9} y={9} r={7} /> : <IommuGlyph x={9} y={9} fill={access.kind === 'write' ? 'var(--iommu)' : undefined} />}
    </svg>
  );
}

function Raw({ walk, nth }: { readonly walk: Walk; readonly nth: number }): ReactNode {
  const access = walk.step.accesses[nth]!;
  const fault = nth === walk.blamed ? (walk.step.end?.fault ?? null) : null;
  return (
    <span className={`raw ${fault !== null || access.status !== 'ok' ? 'v-part' : ''}`}>
      {access.status !== 'ok' ? access.status : access.words.length === 1 ? <code>{address(access.words[0]!)}</code> : `${access.bytes} bytes`}
      {fault !== null && <b>{fault.name}</b>}
      {access.kind !== 'read' && <small>{access.kind === 'write' ? 'written' : 'read again'}</small>}
    </span>
  );
}

/** The same walk as a real table. */
export function ChainTable({ walk, seek }: ChainProps): ReactNode {
  const { boxRef, onKeyDown } = useMoves<HTMLDivElement>({ walk, seek });
  const { step, at } = walk;
  const last = step.accesses.length;
  const number = (i: number): ReactNode => (
    <th scope="row">
      <button type="button" tabIndex={i === at ? 0 : -1} aria-label={i === last ? 'the end' : `access ${i + 1}`} onClick={() => seek(i)}>
        {i === last ? 'end' : i + 1}
      </button>
    </th>
  );
  return (
    <div className="twin" ref={boxRef} tabIndex={0} role="region" aria-label="Walk as a table" onKeyDown={onKeyDown}>
      <table className="tt">
        <caption>
          <b>{step.title}:</b> {last} accesses.
        </caption>
        <thead>
          <tr>
            {['access', 'what', 'chosen by', 'at', 'value', 'leads on by', 'note'].map((h) => (
              <th key={h} scope="col">
                {h}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {step.accesses.map((access, i) => (
            <tr key={i} className={i === at ? 'cur' : undefined} aria-current={i === at ? 'step' : undefined} onClick={() => seek(i)}>
              {number(i)}
              <td>
                {access.kind === 'read' ? '' : `${access.kind}: `}
                {access.what}
              </td>
              <td className="mono">{access.index === null ? '' : indexText(access.index)}</td>
              <td className="mono">{address(access.address)}</td>
              <td className="mono">{access.words.map(address).join(' ')}</td>
              <td>{i === walk.blamed ? '' : hotFields(walk, i).join(', ')}</td>
              <td>{i === walk.blamed ? (step.end?.fault?.name ?? '') : access.status === 'ok' ? '' : access.status}</td>
            </tr>
          ))}
          <tr className={at >= last ? 'cur' : undefined} aria-current={at >= last ? 'step' : undefined} onClick={() => seek(last)}>
            {number(last)}
            <td colSpan={6}>{ending(step)}</td>
          </tr>
        </tbody>
      </table>
    </div>
  );
}

