// SPDX-License-Identifier: Apache-2.0
/** A number cut where the tables cut it: each part in binary, as an index, and which bits it is. */
import type { ReactNode } from 'react';
import { address } from '../bits/bit-rows.ts';
import { splitOf, type Walk } from './walk.ts';

export function Split({ walk }: { readonly walk: Walk }): ReactNode {
  const split = splitOf(walk);
  if (split === null) return null;
  const { of, number, parts } = split;
  const lowest = Math.min(...parts.map(({ low }) => low));
  const offset = lowest > 0 && /address/.test(of) ? number & ((1n << BigInt(lowest)) - 1n) : null;
  return (
    <figure className="cut">
      <figcaption>
        {of} <code>{address(number)}</code>
      </figcaption>
      <ol>
        {parts.map(({ high, low, value, here, ...part }) => (
          <li key={high} className={here ? 'here' : undefined} aria-current={here ? 'true' : undefined}>
            <small>{'level' in part ? `level ${String(part.level)}` : 'index'}</small>
            <code>{value.toString(2).padStart(high - low + 1, '0')}</code>
            <b>{value}</b>
            <small className="range">
              {high}:{low}
            </small>
          </li>
        ))}
        {offset !== null && (
          <li className="offset">
            <small>offset</small>
            <code>{offset.toString(2).padStart(lowest, '0')}</code>
            <b>{address(offset)}</b>
            <small className="range">{lowest - 1}:0</small>
          </li>
        )}
      </ol>
    </figure>
  );
}
