// SPDX-License-Identifier: Apache-2.0
/** The verdict on each profile, over all public workloads; the workloads that fail are named, and open with a click. */
import type { ReactNode } from 'react';
import type { ProfileId } from '@dmalab/contracts/lab';
import { count, VerdictMark } from '../ui/verdict-mark.tsx';
import { useWorkspace, useWs } from '../workspace/context.tsx';
import { isStale } from '../workspace/state.ts';
import { summaryLook, summaryOf, titleOf, violations } from '../workspace/verdicts.ts';

export function ProfileVerdicts(): ReactNode {
  const lab = useWs((s) => s.lab);
  const verdicts = useWs((s) => s.verdicts);
  if (lab === null || verdicts.length === 0) return null;
  return (
    <ul className="three" aria-label="Verdict on each profile" tabIndex={0}>
      {lab.manifest.profiles.map((p) => (
        <Row key={p} profile={p} />
      ))}
    </ul>
  );
}

function Row({ profile }: { readonly profile: ProfileId }): ReactNode {
  const workspace = useWorkspace();
  const lab = useWs((s) => s.lab);
  const verdicts = useWs((s) => s.verdicts);
  const text = useWs((s) => s.text);
  const progress = useWs((s) => (s.progress?.profile === profile ? s.progress : null));
  if (lab === null) return null;
  const summary = summaryOf(verdicts, profile, lab);
  const look = summary === null ? null : summaryLook(summary, lab);
  const stale = summary !== null && isStale(summary.worst, { text });
  const failing = summary === null || summary.of < 2 ? [] : violations(summary.all);
  return (
    <li>
      <VerdictMark look={look} stale={stale} />
      <b>{profile}</b>
      <span className={stale ? 'stale' : undefined}>
        {failing.length === 0
          ? (look?.words ?? 'no verdict yet')
          : failing.map(({ message: { workload, verdict } }, i) => (
              <span key={workload}>
                {i === 0 ? 'violated: ' : ', '}
                <button type="button" className="site" onClick={() => workspace.look(profile, workload)}>
                  {titleOf(lab, workload)}
                </button>
                {verdict.kind === 'violated' && ` at execution ${count(verdict.executions)}`}
              </span>
            ))}
        {progress !== null && ` · being checked: ${titleOf(lab, progress.workload)}, ${count(progress.executions)} executions`}
        {stale && ' (of an earlier text)'}
      </span>
    </li>
  );
}
