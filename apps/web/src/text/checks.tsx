// SPDX-License-Identifier: Apache-2.0
/** What is graded, and what the newest result gave. Before one: the points there are. */
import type { ReactNode } from 'react';
import { Icon } from '../ui/icons.tsx';
import { useWs } from '../workspace/context.tsx';

export function Checks(): ReactNode {
  const lab = useWs((s) => s.lab);
  const report = useWs((s) => s.report);
  if (lab === null) return null;
  const earned = new Map((report?.checks ?? []).map((c) => [c.id, c]));
  return (
    <>
      <h2>Checks</h2>
      <ul className="checks">
        {lab.manifest.checks.map((c) => {
          const r = earned.get(c.id);
          const [icon, tone, word] = r === undefined ? (['none', 'ink', 'not graded yet'] as const) : r.status === 'passed' ? (['ok', 'good', 'passed'] as const) : r.status === 'failed' ? (['no', 'bad', 'failed'] as const) : (['error', 'ink', 'error'] as const);
          return (
            <li key={c.id}>
              <span className={`v-${tone}`}>
                <Icon name={icon} />
                <span className="vh">{word}:</span>
              </span>
              <span>{c.title}</span>
              <span>
                {r === undefined ? '–' : r.earned} / {c.points}
              </span>
              {r?.hint != null && r.status === 'failed' && <small>{r.hint}</small>}
            </li>
          );
        })}
      </ul>
      {report !== null && (
        <p>
          Last submission: {report.points.earned} of {report.points.possible} points.
        </p>
      )}
    </>
  );
}
