// SPDX-License-Identifier: Apache-2.0
/** The space-time diagram in its box: measures the room, keeps the current step in view, draws only the window that is seen. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import type { Trace } from '../run/trace.ts';
import { useRun, useWorkspace, useWs } from '../workspace/context.tsx';
import { whyEmpty } from '../workspace/state.ts';
import { foldWords, type Fold } from './fold.ts';
import { GUTTER, layoutWide, placeColumns } from './layout.ts';
import { layoutTall } from './layout-tall.ts';
import { SceneSvg } from './scene-svg.tsx';

/** Above this many columns only the visible window is drawn. */
const DRAW_ALL = 400;
/** How much of a long fold opens when the step walks into it. */
const CHUNK = 12;

export function Diagram({ tall = false }: { readonly tall?: boolean }): ReactNode {
  const workspace = useWorkspace();
  const { run, trace, step, grown } = useRun();
  const open = useWs((s) => s.open);
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [scroll, setScroll] = useState(0);
  useLayoutEffect(() => {
    const el = box.current;
    if (el === null) return;
    const observer = new ResizeObserver(() => setWidth(el.clientWidth));
    observer.observe(el);
    setWidth(el.clientWidth);
    return () => observer.disconnect();
  }, []);
  const model = useMemo(() => (trace === null || trace.length === 0 ? null : trace.model), [trace, grown]);
  const inner = Math.max(320, width - (tall ? 0 : 24));
  const columns = useMemo(() => (model === null || tall ? null : placeColumns(model, { width: inner, open })), [model, inner, open, tall]);
  // A step inside a fold opens the fold around it.
  useEffect(() => {
    if (columns?.folded(step) !== true || model === null) return;
    const at = model.columns.findIndex((c) => step >= c.first && step <= c.last);
    const slot = columns.slots.find((s): s is Fold => s.kind === 'fold' && step >= s.first && step <= s.last);
    if (slot === undefined) return;
    const near = slot.columns.length <= 2 * CHUNK ? slot.columns : model.columns.slice(Math.max(0, at - CHUNK / 2), at + CHUNK).filter((c) => c.first >= slot.first && c.last <= slot.last);
    workspace.unfold(near[0]!.first, near.at(-1)!.last);
  }, [columns, model, step, workspace]);
  useEffect(() => {
    const el = box.current;
    if (el === null || columns === null) return;
    const x = columns.x(step);
    if (Number.isNaN(x)) return;
    const margin = columns.cell * 1.5;
    if (x - margin < el.scrollLeft + GUTTER) el.scrollLeft = Math.max(0, x - margin - columns.cell - GUTTER);
    else if (x + margin > el.scrollLeft + el.clientWidth) el.scrollLeft = x + margin + columns.cell - el.clientWidth;
  }, [columns, step]);
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
