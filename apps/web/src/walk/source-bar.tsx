// SPDX-License-Identifier: Apache-2.0
/** Which system and which request: an example, or a vector that somebody brings. Nothing of it leaves the browser. */
import { useId, useState, type ReactNode } from 'react';
import { EXAMPLES } from '@dmalab/litmus/iommu/examples/all';
import type { Telling } from '@dmalab/litmus/iommu/tell';
import type { Place } from './link.ts';
import { vectorName, vectorsIn } from './walk.ts';

const OWN = 'own';

export interface SourceBarProps {
  readonly place: Place;
  /** Changes when a place was opened from outside: what was typed before is then forgotten. */
  readonly opened: number;
  readonly telling: Telling | null;
  readonly move: (to: Partial<Place>) => void;
}

export function SourceBar({ place, opened, telling, move }: SourceBarProps): ReactNode {
  const [bringing, setBringing] = useState(false);
  const own = bringing || place.source.kind === 'own';
  const steps = telling?.steps ?? [];
  const at = telling === null ? 0 : telling.steps[place.step] === undefined ? 0 : place.step;
  return (
    <div className="sources">
      <label>
        <span className="eyebrow">System</span>
        <select
          className="btn"
          value={own ? OWN : place.source.kind === 'example' ? place.source.id : OWN}
          onChange={(e) => {
            setBringing(e.target.value === OWN);
            if (e.target.value !== OWN) move({ source: { kind: 'example', id: e.target.value }, edits: [], step: EXAMPLES.find(({ id }) => id === e.target.value)?.opens ?? 0, at: null });
          }}
        >
          {EXAMPLES.map(({ id, title }) => (
            <option key={id} value={id}>
              {title}
            </option>
          ))}
          <option value={OWN}>Your own…</option>
        </select>
      </label>
      {steps.length > 1 && (
        <label>
          <span className="eyebrow">Step</span>
          <select className="btn" value={at} onChange={(e) => move({ step: Number(e.target.value), at: null })}>
            {steps.map(({ title }, i) => (
              <option key={i} value={i}>
                {i}: {title}
              </option>
            ))}
          </select>
        </label>
      )}
      {own && <Bring key={opened} kept={place.source.kind === 'own' ? place.source.text : ''} move={move} />}
    </div>
  );
}

function Bring({ kept, move }: { readonly kept: string; readonly move: (to: Partial<Place>) => void }): ReactNode {
  const [text, setText] = useState(kept);
  const [which, setWhich] = useState(0);
  const help = useId();
  const vectors = vectorsIn(text);
  const tell = (row: string | undefined): void => move({ source: { kind: 'own', text: row ?? '' }, edits: [], step: 0, at: null });
  const read = async (file: File | undefined): Promise<void> => {
    if (file === undefined) return;
    const all = await file.text();
    setText(all);
    setWhich(0);
    tell(vectorsIn(all)[0]);
  };
  return (
    <form
      className="bring"
      onSubmit={(e) => {
        e.preventDefault();
        tell(vectors[which] ?? vectors[0]);
      }}
    >
      <label>
        <span className="eyebrow">A machine file, or vectors, one JSON object a line</span>
        <textarea rows={5} spellCheck={false} value={text.length > 200_000 ? '' : text} placeholder={text.length > 200_000 ? `${vectors.length} vectors were read from the file.` : ''} onChange={(e) => setText(e.target.value)} aria-describedby={help} />
      </label>
      <p id={help} className="eyebrow">
        What <code>npx dmalab walk</code> takes, of the RISC-V IOMMU, of VT-d and of the SMMUv3. It stays in this browser.
      </p>
      <div className="row">
        {vectors.length > 1 && (
          <label>
            <span className="eyebrow">Vector</span>
            <select
              className="btn"
              value={which}
              onChange={(e) => {
                setWhich(Number(e.target.value));
                tell(vectors[Number(e.target.value)]);
              }}
            >
              {vectors.map((row, i) => (
                <option key={i} value={i}>
                  {vectorName(row, i)}
                </option>
              ))}
            </select>
          </label>
        )}
        <label>
          <span className="eyebrow">or a file</span>
          <input className="btn" type="file" accept=".jsonl,.json" onChange={(e) => void read(e.target.files?.[0])} />
        </label>
        <button type="submit" className="btn main" disabled={text.trim() === ''}>
          Walk
        </button>
      </div>
    </form>
  );
}
