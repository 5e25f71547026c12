// SPDX-License-Identifier: Apache-2.0
/**
 * Any declared structure, in memory or a register, bit by bit: set bits
 * outlined, reserved ones hatched, fields bracketed; and the same as a table.
 * A field is chosen by mouse or by the arrow keys in the table.
 */
import { useEffect, useId, useRef, useState, type KeyboardEvent, type ReactNode } from 'react';
import type { AnyLayout } from '@dmalab/core/base/layout';
import { address, bitRanges, bitRows, CELL, fieldLines, rowWidth, type BitRow, type Cell, type FieldLine } from './bit-rows.ts';

export interface RegisterViewProps {
  readonly layout: AnyLayout;
  readonly raw: bigint;
  /** Fields that matter where it is shown: a heavy bracket, and never folded away. */
  readonly hot?: readonly string[];
}

export function RegisterView({ layout, raw, hot = [] }: RegisterViewProps): ReactNode {
  const box = useRef<HTMLDivElement>(null);
  const perRow = useBitsPerRow(box, layout.bits);
  const [chosen, choose] = useState('');
  const stray = layout.strayBits(raw);
  const heavy = new Set([...hot, chosen]);
  return (
    <div className="register" ref={box}>
      {bitRows(layout, raw, perRow).map((row) => (
        <Bits key={row.high} row={row} raw={raw} heavy={heavy} choose={choose} />
      ))}
      <p className="bit-key">
        <span>outlined: 1</span>
        <span>hatched: reserved</span>
        {hot.length > 0 && <span>heavy bracket: {hot.join(', ')}</span>}
      </p>
      {stray !== 0n && (
        <p className="v-part" role="note">
          Reserved bits are set: {bitRanges(stray)}.
        </p>
      )}
      <FieldTable layout={layout} raw={raw} hot={hot} chosen={chosen} choose={choose} />
    </div>
  );
}

const HEIGHT = { ruler: 17, cell: 24, bracket: 8, line: 13 } as const;

function Bits({ row, raw, heavy, choose }: { readonly row: BitRow; readonly raw: bigint; readonly heavy: ReadonlySet<string>; readonly choose: (field: string) => void }): ReactNode {
  const hatch = useId();
  const width = rowWidth(row.cells.length);
  const top = HEIGHT.ruler;
  const below = top + HEIGHT.cell;
  const height = below + HEIGHT.bracket + row.lines * HEIGHT.line + 4;
  const value = (raw >> BigInt(row.low)) & ((1n << BigInt(row.cells.length)) - 1n);
  return (
    <svg className="bits" viewBox={`0 0 ${width} ${height}`} style={{ maxWidth: width }} role="img" aria-label={`Bits ${row.high} to ${row.low}: ${address(value)}. The table below has them by field.`}>
      <defs>
        <pattern id={hatch} width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect width="4" height="4" fill="var(--pane)" />
          <path d="M0 0V4" stroke="var(--rule)" strokeOpacity="0.4" strokeWidth="1.4" />
        </pattern>
      </defs>
      <text x="0" y={top + 16} fontSize="12" fontWeight="600">
        {row.name}
      </text>
      {row.cells.map(({ bit, x, one, field, ruler }) => (
        <g key={bit} onClick={field === null ? undefined : () => choose(field)}>
          {ruler && (
            <text x={x + CELL / 2} y={top - 5} fontSize="11" textAnchor="middle" className="faint">
              {bit % 64}
            </text>
          )}
          <rect x={x} y={top} width={CELL - 1} height={HEIGHT.cell} fill={field === null ? `url(#${hatch})` : heavy.has(field) ? 'var(--select)' : 'var(--iommu-wash)'} stroke={one ? (field === null ? 'var(--part)' : 'var(--iommu)') : 'none'} strokeWidth={one ? 1.4 : 0} />
        </g>
      ))}
      <Digits cells={row.cells.filter(({ one }) => one)} digit="1" y={top + 16} />
      <Digits cells={row.cells.filter(({ one }) => !one)} digit="0" y={top + 16} />
      {row.brackets.map(({ field, from, to, label, at, line }) => {
        const strong = heavy.has(field);
        const middle = (from + to) / 2;
        return (
          <g key={field} className={strong ? 'heavy' : 'named'} onClick={() => choose(field)}>
            <path d={`M${from + 0.5} ${below + 3}v4H${to - 0.5}v-4`} fill="none" strokeWidth={strong ? 2.5 : 1.4} />
            {label !== '' && (line > 0 || Math.abs(at - middle) > CELL) && <path d={`M${middle} ${below + 8}V${below + 10 + line * HEIGHT.line}`} fill="none" strokeWidth="0.9" />}
          </g>
        );
      })}
      {row.brackets.map(({ field, label, at, line }) =>
        label === '' ? null : (
          <text key={field} className={`label ${heavy.has(field) ? 'heavy' : 'named'}`} x={at} y={below + 18 + line * HEIGHT.line} fontSize="11" fontWeight={heavy.has(field) ? 700 : 500} textAnchor="middle" onClick={() => choose(field)}>
            {label}
          </text>
        ),
      )}
    </svg>
  );
}

/** All ones, or all zeros, of a row: one element, since there may be hundreds. */
function Digits({ cells, digit, y }: { readonly cells: readonly Cell[]; readonly digit: '0' | '1'; readonly y: number }): ReactNode {
  if (cells.length === 0) return null;
  return (
    <text className={`m digits ${digit === '1' ? 'one' : 'soft'}`} x={cells.map(({ x }) => x + CELL / 2 - 4).join(' ')} y={y} fontSize="12">
      {digit.repeat(cells.length)}
    </text>
  );
}

interface TableProps {
  readonly layout: AnyLayout;
  readonly raw: bigint;
  readonly hot: readonly string[];
  readonly chosen: string;
  readonly choose: (field: string) => void;
}

/** The twin. Fields that are 0 fold away, unless they are asked for or matter. */
function FieldTable({ layout, raw, hot, chosen, choose }: TableProps): ReactNode {
  const [all, setAll] = useState(false);
  const body = useRef<HTMLTableSectionElement>(null);
  const lines = fieldLines(layout, raw);
  const shown = lines.filter(({ name, zero }) => all || !zero || hot.includes(name) || name === chosen);
  const hidden = lines.length - shown.length;
  const words = layout.bits > 64;
  const at = Math.max(0, shown.findIndex(({ name }) => name === chosen));
  const move = (e: KeyboardEvent): void => {
    const by = e.key === 'ArrowDown' ? 1 : e.key === 'ArrowUp' ? -1 : 0;
    const next = shown[at + by];
    if (by === 0 || next === undefined) return;
    e.preventDefault();
    choose(next.name);
    requestAnimationFrame(() => body.current?.querySelector<HTMLElement>('[aria-pressed="true"]')?.focus());
  };
  const row = (line: FieldLine, i: number): ReactNode => (
    <tr key={line.name} className={hot.includes(line.name) || line.name === chosen ? 'hot' : undefined}>
      <th scope="row">
        <button type="button" tabIndex={i === at ? 0 : -1} aria-pressed={line.name === chosen} onClick={() => choose(line.name === chosen ? '' : line.name)}>
          {line.name}
        </button>
      </th>
      {words && <td className="mono">{line.word ?? ''}</td>}
      <td className="mono">{line.bits}</td>
      <td className="mono">{line.value}</td>
      <td>{line.doc}</td>
    </tr>
  );
  return (
    <>
      {shown.length > 0 && (
        <table className="fields" onKeyDown={move}>
          <caption className="vh">
            {layout.name}, {layout.bytes} bytes, by field
          </caption>
          <thead>
            <tr>
              <th scope="col">field</th>
              {words && <th scope="col">word</th>}
              <th scope="col">bits</th>
              <th scope="col">value</th>
              <th scope="col">what it does</th>
            </tr>
          </thead>
          <tbody ref={body}>{shown.map(row)}</tbody>
        </table>
      )}
      {(hidden > 0 || all) && (
        <p className="more">
          {hidden > 0 && `${hidden} ${shown.length === 0 ? '' : 'more '}${hidden === 1 ? 'field is' : 'fields are'} 0. `}
          <button type="button" className="site" onClick={() => setAll(!all)}>
            {all ? 'Hide those that are 0' : 'Show them'}
          </button>
        </p>
      )}
    </>
  );
}

/** As many bits a row as can be read: 64, 32 or 16. */
function useBitsPerRow(box: { readonly current: HTMLElement | null }, bits: number): number {
  const [width, setWidth] = useState(rowWidth(64));
  useEffect(() => {
    const { current } = box;
    if (current === null) return;
    const observer = new ResizeObserver(([entry]) => entry !== undefined && setWidth(entry.contentRect.width));
    observer.observe(current);
    return () => observer.disconnect();
  }, [box]);
  return [64, 32].find((n) => width >= 0.8 * rowWidth(Math.min(n, bits))) ?? 16;
}
