// SPDX-License-Identifier: Apache-2.0
/** One track for the whole run; it never folds. A native range underneath takes pointer and keyboard; its value text is the step's sentence. */
import { useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent, type ReactNode } from 'react';
import { Bad, Barrier, Bell, Fault, Fork } from '../ui/glyphs.tsx';
import { useRun, useWorkspace } from '../workspace/context.tsx';
import { scrubMarks, sparse } from './marks.ts';

const EDGE = 10;
const TICKS = 160;

export function Scrubber({ touch = false }: { readonly touch?: boolean }): ReactNode {
  const workspace = useWorkspace();
  const { trace, step, grown } = useRun();
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(400);
  useLayoutEffect(() => {
    const el = box.current;
    if (el === null) return;
    const observer = new ResizeObserver(() => setWidth(el.clientWidth));
    observer.observe(el);
    setWidth(el.clientWidth);
    return () => observer.disconnect();
  }, []);
  const last = Math.max(1, trace?.length ?? 1);
  const x = (n: number): number => EDGE + (last === 1 ? 0 : (n - 1) / (last - 1)) * (width - 2 * EDGE);
  const marks = useMemo(() => (trace === null ? [] : sparse(scrubMarks(trace.index), x, 9)), [trace, grown, width]);
  const every = Math.ceil(last / TICKS);
  const ticks = useMemo(() => Array.from({ length: Math.floor((last - 1) / every) + 1 }, (_, i) => 1 + i * every), [last, every]);
  const key = (e: KeyboardEvent): void => {
    if (!e.shiftKey || (e.key !== 'ArrowLeft' && e.key !== 'ArrowRight')) return;
    e.preventDefault();
    workspace.stepBy(e.key === 'ArrowRight' ? 10 : -10);
  };
  const at = x(Math.max(1, step));
  return (
    <div className="scrub" ref={box} style={touch ? { height: 44 } : undefined}>
      <input type="range" min={1} max={last} step={1} value={Math.max(1, step)} disabled={trace === null || trace.length === 0} aria-label="Step" aria-valuetext={trace === null || step === 0 ? 'no run yet' : `Step ${step}: ${trace.sentence(step)}`} onChange={(e) => workspace.seek(Number(e.target.value))} onKeyDown={key} />
      <svg aria-hidden="true" viewBox={`0 0 ${width} 34`}>
        <path d={`M${EDGE} 20H${width - EDGE}`} stroke="var(--rule)" strokeWidth={2} />
        <path d={`M${EDGE} 20H${at}`} stroke="var(--ink)" strokeWidth={2} />
        {ticks.map((n) => (
          <path key={n} d={`M${x(n)} 17v6`} stroke="var(--rule)" />
        ))}
        {marks.map((m) => {
          const mx = x(m.step);
          switch (m.kind) {
            case 'finding':
              return <Bad key={m.step} x={mx} y={7} r={7} />;
            case 'choice':
              return <Fork key={m.step} x={mx} y={8} />;
            case 'bell':
              return <Bell key={m.step} x={mx} y={8} r={4} />;
            case 'barrier':
              return <Barrier key={m.step} x={mx} y={8} r={2} />;
            case 'fault':
              return <Fault key={m.step} x={mx} y={8} r={5} />;
          }
        })}
        <path d={`M${at} 13V34`} stroke="var(--now)" strokeWidth={2} />
        <path d={`M${at - 6} 34h12v-7l-6-6-6 6Z`} fill="var(--now)" />
      </svg>
    </div>
  );
}
