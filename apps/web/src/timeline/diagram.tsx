// SPDX-License-Identifier: Apache-2.0
/** The space-time diagram in its box: measures the room, keeps the current step in view, draws only the window that is seen. */
import { useMemo, useState, type ReactNode } from 'react';
import type { Trace } from '../run/trace.ts';
import { useRun, useWorkspace, useWs } from '../workspace/context.tsx';
import { whyEmpty } from '../workspace/state.ts';
import { foldWords, type Fold } from './fold.ts';
import { layoutWide, placeColumns } from './layout.ts';
import { layoutTall } from './layout-tall.ts';
import { SceneSvg } from './scene-svg.tsx';
import { useFollow, useOpenFold, useRoom } from './use-diagram.ts';

/** Above this many columns only the visible window is drawn. */
export const DRAW_ALL = 400;

export function Diagram({ tall = false }: { readonly tall?: boolean }): ReactNode {
  const workspace = useWorkspace();
  const { run, trace, step, grown } = useRun();
  const open = useWs((s) => s.open);
  const { box, width } = useRoom();
  const [scroll, setScroll] = useState(0);
  const model = useMemo(() => (trace === null || trace.length === 0 ? null : trace.model), [trace, grown]);
  const inner = Math.max(320, width - (tall ? 0 : 24));
  const columns = useMemo(() => (model === null || tall ? null : placeColumns(model, { width: inner, open })), [model, inner, open, tall]);
  useOpenFold(columns, model?.columns ?? null, step);
  useFollow(box, columns, step);
  const many = (columns?.slots.length ?? 0) > DRAW_ALL;
  const scene = useMemo(() => {
    if (model === null || trace === null || width === 0) return null;
    const words = (f: Fold): readonly [string, string] => foldWords(f, trace.index, (id) => trace.names.agent(id));
    if (tall) return layoutTall(model, { width: inner, step, open, foldWords: words });
    return layoutWide(model, { width: inner, step, open, foldWords: words, columns: columns!, window: many ? { from: scroll - 200, to: scroll + width + 200 } : undefined });
  }, [model, trace, width, inner, step, open, columns, many, scroll, tall]);
  return (
    <div className="st" ref={box} style={tall ? { padding: 0 } : undefined} tabIndex={0} role="region" aria-label="Space-time diagram" onScroll={(e) => many && setScroll(e.currentTarget.scrollLeft)}>
      {scene === null || trace === null ? <p className="empty">{whyEmpty(run)}</p> : <SceneSvg scene={scene} name={pictureName(trace, step)} onSeek={(s) => workspace.seek(s)} onUnfold={(a, b) => workspace.unfold(a, b)} />}
    </div>
  );
}

/** One sentence: what the picture shows now. */
function pictureName(trace: Trace, step: number): string {
  const agents = trace.names.agents.map((a) => a.name).join(', ');
  return `Space-time diagram of ${trace.length} steps of ${agents} and memory, at step ${step}: ${trace.sentence(step)}. The table holds the same events.`;
}
