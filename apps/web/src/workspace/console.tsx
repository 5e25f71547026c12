// SPDX-License-Identifier: Apache-2.0
/** What the compiler said of the text that ran, then what the driver and the devices said, up to the current step and not a line further. */
import { useEffect, useRef, type ReactNode } from 'react';
import type { Diagnostic } from '@dmalab/contracts/report';
import type { MachineState } from '@dmalab/core/base/state';
import { deviceOf } from '@dmalab/core/base/reducer';
import { SiteLink } from '../ui/site-link.tsx';
import { useMachine, useRun, useWs } from './context.tsx';
import { neverStarted } from './state.ts';

const KIND: Record<Diagnostic['severity'], string> = { error: 'error', warning: 'type error', advice: 'advice' };

export function consoleLines(state: MachineState | null): { readonly step: number; readonly level: string; readonly text: string }[] {
  return (state?.console ?? []).map((l) => ({ step: l.step, level: l.level, text: l.agent.startsWith('cpu') ? l.text : `${deviceOf(l.agent)}: ${l.text}` }));
}

export function Console({ tabbed = false }: { readonly tabbed?: boolean }): ReactNode {
  const lines = consoleLines(useMachine());
  const { run } = useRun();
  const diagnostics = useWs((s) => s.diagnostics);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (box.current !== null) box.current.scrollTop = lines.length === 0 ? 0 : box.current.scrollHeight;
  }, [lines.length]);
  const nothing = run === null ? 'No run yet. What the driver prints appears here.' : neverStarted(run) ? 'The run did not start, so nothing was printed.' : 'Nothing was printed up to this step.';
  return (
    <div ref={box} className={`console ${tabbed ? 'tabbed' : ''}`} role="log" aria-label="Console, up to this step" tabIndex={0}>
      {diagnostics.map((d, i) => (
        <div key={`d${i}`} className="said" title={d.message} data-diagnostic={d.severity}>
          <SiteLink site={d} />: {KIND[d.severity]}: {d.message}
        </div>
      ))}
      {lines.length === 0 && (diagnostics.length === 0 || run !== null) && <div className="none">{nothing}</div>}
      {lines.map((l, i) => (
        <div key={i} className={l.level === 'err' || l.level === 'warn' ? l.level : ''}>
          {`[${String(l.step).padStart(5)}] ${l.text}`}
        </div>
      ))}
    </div>
  );
}
