// SPDX-License-Identifier: Apache-2.0
/** Two runs, one below the other, on one row of steps; or the table of what only one of them does. */
import { useMemo, useState, type ReactNode } from 'react';
import { useRun, useWorkspace, useWs } from '../workspace/context.tsx';
import { comparedRun, type RunView } from '../workspace/state.ts';
import { ShapeIcon } from '../ui/glyphs.tsx';
import { compareTraces, partingWords, sharedColumns, withDifferences, type Comparison } from './compare.ts';
import { DRAW_ALL } from './diagram.tsx';
import { foldWords, type Fold } from './fold.ts';
import { layoutWide, placeColumns } from './layout.ts';
import { SceneSvg } from './scene-svg.tsx';
import { useFollow, useOpenFold, useRoom } from './use-diagram.ts';

const nameOf = (run: RunView): string => `${run.label}, ${run.profile}`;

/** Chooses the run to compare with; absent while there is none. */
export function CompareWith(): ReactNode {
  const workspace = useWorkspace();
  const { run, trace } = useRun();
  const others = useWs((s) => s.runs).filter((r) => r.id !== run?.id && r.ended !== null && r.trace.length > 0);
  const compared = useWs(comparedRun);
  if (trace === null || trace.length === 0 || others.length === 0) return null;
  return (
    <label>
      <span className="vh">Compare with</span>
      <select className="btn compare" value={compared?.id ?? 0} onChange={(e) => workspace.compare(Number(e.target.value))}>
        <option value={0}>{compared === null ? 'Compare with …' : 'Do not compare'}</option>
        {others.map((r) => (
          <option key={r.id} value={r.id}>
            {nameOf(r)}
          </option>
        ))}
      </select>
    </label>
  );
}

export function CompareView({ other, table }: { readonly other: RunView; readonly table: boolean }): ReactNode {
  const { run, trace, grown } = useRun();
  const comparison = useMemo(() => (trace === null ? null : compareTraces(trace, other.trace)), [trace, other, grown]);
  if (run === null || comparison === null) return null;
  return (
    <>
      <p className="parting">{partingWords(run.trace, other.trace, comparison.parts, [nameOf(run), nameOf(other)])}</p>
      {table ? <Differences runs={[run, other]} comparison={comparison} /> : <Pictures runs={[run, other]} comparison={comparison} />}
    </>
  );
}

interface Both {
  readonly runs: readonly [RunView, RunView];
  readonly comparison: Comparison;
}

function Pictures({ runs, comparison }: Both): ReactNode {
  const workspace = useWorkspace();
  const { step } = useRun();
  const open = useWs((s) => s.open);
  const { box, width } = useRoom();
  const [scroll, setScroll] = useState(0);
  const inner = Math.max(320, width - 24);
  const models = [runs[0].trace.model, runs[1].trace.model] as const;
  const shared = useMemo(() => sharedColumns(models[0], models[1], comparison.parts), [models[0], models[1], comparison]);
  const columns = useMemo(() => placeColumns({ ...models[0], ...shared }, { width: inner, open }), [models[0], shared, inner, open]);
  useOpenFold(columns, shared.columns, step);
  useFollow(box, columns, step);
  const many = columns.slots.length > DRAW_ALL;
  const window = many ? { from: scroll - 200, to: scroll + width + 200 } : undefined;
  const scenes = useMemo(() => {
    if (width === 0) return [];
    return runs.map(({ trace }, i) => {
      const words = (f: Fold): readonly [string, string] => foldWords(f, trace.index, (id) => trace.names.agent(id));
      return withDifferences(layoutWide(trace.model, { width: inner, step, open, foldWords: words, columns, window }), columns, comparison.parts, comparison.alone[i]!);
    });
  }, [runs[0], runs[1], comparison, columns, inner, step, open, width, window?.from]);
  return (
    <div className="st" ref={box} tabIndex={0} role="region" aria-label="Two space-time diagrams" onScroll={(e) => many && setScroll(e.currentTarget.scrollLeft)}>
      {scenes.map((scene, i) => (
        <figure key={runs[i]!.id} className="compared">
          <figcaption>
            <b>{nameOf(runs[i]!)}</b> · {runs[i]!.trace.length} steps · {comparison.alone[i]!.size} of its own
          </figcaption>
          <SceneSvg scene={scene} second={i > 0} name={`Space-time diagram of ${nameOf(runs[i]!)}, ${runs[i]!.trace.length} steps, at step ${step}. ${comparison.alone[i]!.size} events are its own; the table lists them.`} onSeek={(s) => workspace.seek(s)} onUnfold={(a, b) => workspace.unfold(a, b)} />
        </figure>
      ))}
    </div>
  );
}

function Differences({ runs, comparison }: Both): ReactNode {
  const workspace = useWorkspace();
  const { step } = useRun();
  return (
    <div className="twin" tabIndex={0} role="region" aria-label="Differences as a table">
      <table className="tt">
        <caption>
          <b>{comparison.rows.length} events that only one run has.</b> What both do is left out, whatever its number.
        </caption>
        <thead>
          <tr>
            {['step', 'run', 'agent', 'event', 'where', 'value', 'source', 'note'].map((h) => (
              <th key={h} scope="col">
                {h}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {comparison.rows.map(({ run, row }) => (
            <tr key={`${run}.${row.step}`} className={row.step === step ? 'cur' : undefined} aria-current={row.step === step && run === 0 ? 'step' : undefined}>
              <th scope="row">
                <button type="button" aria-label={`step ${row.step}`} onClick={() => workspace.seek(row.step)}>
                  {row.step}
                </button>
              </th>
              <td>{nameOf(runs[run])}</td>
              <td>
                <span className="ag">
                  <ShapeIcon shape={runs[run].trace.names.shape(row.lane)} />
                  {row.agent}
                </span>
              </td>
              <td>{row.event}</td>
              <td className="mono">{row.where}</td>
              <td className="mono">{row.value}</td>
              <td className="mono">{row.source}</td>
              <td className={/^finding/.test(row.note) ? 'v-bad' : undefined}>{row.note}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
