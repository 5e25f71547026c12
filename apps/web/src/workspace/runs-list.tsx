// SPDX-License-Identifier: Apache-2.0
/** The small tree of runs: public ones, the failing ones that verdicts named, and the branches somebody took. */
import { useEffect, useRef, type ReactNode } from 'react';
import { Icon } from '../ui/icons.tsx';
import { useWorkspace, useWs } from './context.tsx';
import { shownFinding, type ShownFinding } from './shown-finding.ts';
import { neverStarted, type RunView } from './state.ts';
import { titleOf } from './verdicts.ts';

export function RunsList(): ReactNode {
  const workspace = useWorkspace();
  const lab = useWs((s) => s.lab);
  const runs = useWs((s) => s.runs);
  const active = useWs((s) => s.active);
  const verdicts = useWs((s) => s.verdicts);
  useWs((s) => s.grown);
  const box = useRef<HTMLElement>(null);
  useEffect(() => {
    const current = box.current?.querySelector<HTMLElement>('[aria-current="true"]');
    // Not scrollIntoView: that would move the page on screens that scroll as a whole.
    if (box.current !== null && current != null) box.current.scrollTop = Math.max(0, current.offsetTop - box.current.offsetTop - box.current.clientHeight / 2);
  }, [active, runs.length]);
  if (runs.length < 2 || lab === null) return null;
  const depth = (id: number): number => {
    const parent = runs.find((r) => r.id === id)?.parent;
    return parent == null ? 0 : 1 + depth(parent);
  };
  const several = Object.keys(lab.workloads).length > 1;
  return (
    <nav className="branches" aria-label="Runs" ref={box}>
      <h3>Runs</h3>
      {runs.map((r) => (
        <button key={r.id} type="button" aria-current={r.id === active ? 'true' : undefined} style={{ paddingLeft: 4 + 12 * Math.min(depth(r.id), 4) }} onClick={() => workspace.runs.select(r.id)}>
          <Mark run={r} failed={shownFinding(r, verdicts) !== null} />
          <span className="what">
            {r.label}, {r.profile}
            {several && <small>{titleOf(lab, r.workload)}</small>}
          </span>
          <span className="eyebrow">{outcome(r, shownFinding(r, verdicts))}</span>
        </button>
      ))}
    </nav>
  );
}

function Mark({ run, failed }: { readonly run: RunView; readonly failed: boolean }): ReactNode {
  return (
    <span className={failed ? 'v-bad' : 'v-ink'}>
      <Icon name={failed ? 'no' : neverStarted(run) ? 'error' : 'none'} />
    </span>
  );
}

function outcome(run: RunView, found: ShownFinding | null): string {
  if (neverStarted(run)) return 'did not start';
  if (run.ended === null) return 'runs';
  return found?.word ?? `${run.trace.length} steps`;
}
