// SPDX-License-Identifier: Apache-2.0
/** What the unit remembers after the step. Translations say whether the tables still say the same. */
import type { ReactNode } from 'react';
import type { ToldCache, ToldLine } from '@dmalab/litmus/iommu/tell';
import { grouped } from '../bits/bit-rows.ts';
import { Icon } from '../ui/icons.tsx';
import type { Walk } from './walk.ts';

export function Caches({ walk: { actual } }: { readonly walk: Walk }): ReactNode {
  const { caches } = actual;
  if (caches === undefined) return null;
  return (
    <section className="pane" aria-label="Caches" data-pane="Caches">
      <div className="head">
        <h2>Caches</h2>
        <span className="eyebrow">after this step; an entry lives until it is invalidated or makes room</span>
      </div>
      <div className="body">
        {caches.toReversed().map((cache) => (
          <Cache key={cache.name} cache={cache} />
        ))}
      </div>
    </section>
  );
}

function Cache({ cache: { name, slots, lines } }: { readonly cache: ToldCache }): ReactNode {
  const translations = lines.some(({ goesTo }) => goesTo !== '');
  const heads = ['slot', ...(translations ? ['state', 'of', 'address', 'goes to', 'may'] : ['of', 'for']), 'filled'];
  return (
    <div className="tlb-box" tabIndex={0} role="region" aria-label={name}>
      <table className="fields tlb">
        <caption>
          <b>{name}</b>, {lines.length} of {slots} filled
        </caption>
        {lines.length > 0 && (
          <>
            <thead>
              <tr>
                {heads.map((head) => (
                  <th key={head} scope="col">
                    {head}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {lines.map((line) => (
                <tr key={line.slot} className={line.agrees === false ? 'stale' : undefined}>
                  <th scope="row">{line.slot}</th>
                  {translations && <State line={line} />}
                  <td>{grouped(line.owner)}</td>
                  <td className="mono">{grouped(line.covers)}</td>
                  {translations && <td className="mono">{grouped(line.goesTo)}</td>}
                  {translations && <td>{line.may}</td>}
                  <td>step {line.filled}</td>
                </tr>
              ))}
            </tbody>
          </>
        )}
      </table>
    </div>
  );
}

function State({ line: { agrees } }: { readonly line: ToldLine }): ReactNode {
  if (agrees === null) return <td>not compared</td>;
  return (
    <td className={agrees ? 'v-good' : 'v-bad'}>
      <Icon name={agrees ? 'ok' : 'no'} /> {agrees ? 'agrees with the tables' : 'stale: the tables say otherwise'}
    </td>
  );
}
