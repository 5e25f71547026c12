// SPDX-License-Identifier: Apache-2.0
/** What the driver and the devices said, up to the current step and not a line further. */
import { useEffect, useRef, type ReactNode } from 'react';
import type { MachineState } from '@dmalab/core/base/state';
import { deviceOf } from '@dmalab/core/base/reducer';
import { useMachine, useRun } from './context.tsx';

export function consoleLines(state: MachineState | null): { readonly step: number; readonly level: string; readonly text: string }[] {
  return (state?.console ?? []).map((l) => ({ step: l.step, level: l.level, text: l.agent.startsWith('cpu') ? l.text : `${deviceOf(l.agent)}: ${l.text}` }));
}

export function Console({ tabbed = false }: { readonly tabbed?: boolean }): ReactNode {
  const lines = consoleLines(useMachine());
  const { trace } = useRun();
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  }, [lines.length]);
  return (
    <div ref={box} className={`console ${tabbed ? 'tabbed' : ''}`} role="log" aria-label="Console, up to this step" tabIndex={0}>
      {lines.length === 0 ? (
        <div className="none">{trace === null ? 'No run yet. What the driver prints appears here.' : 'Nothing was printed up to this step.'}</div>
      ) : (
        lines.map((l, i) => (
          <div key={i} className={l.level === 'err' || l.level === 'warn' ? l.level : ''}>
            {`[${String(l.step).padStart(5)}] ${l.text}`}
          </div>
        ))
      )}
    </div>
  );
}
