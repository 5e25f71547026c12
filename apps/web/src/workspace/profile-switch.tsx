// SPDX-License-Identifier: Apache-2.0
/** Which machine: a radio group whose labels carry each profile's verdict. A mark of an earlier text becomes the dotted ring. */
import { RadioGroup } from 'radix-ui';
import type { ReactNode } from 'react';
import type { ProfileId } from '@dmalab/contracts/lab';
import { VerdictMark } from '../ui/verdict-mark.tsx';
import { useWorkspace, useWs } from './context.tsx';
import { isStale } from './state.ts';
import { summaryLook, summaryOf } from './verdicts.ts';

export function ProfileSwitch(): ReactNode {
  const workspace = useWorkspace();
  const lab = useWs((s) => s.lab);
  const profile = useWs((s) => s.profile);
  const verdicts = useWs((s) => s.verdicts);
  const text = useWs((s) => s.text);
  if (lab === null) return null;
  return (
    <RadioGroup.Root className="profiles" aria-label="Profile" orientation="horizontal" value={profile} onValueChange={(p) => workspace.setProfile(p as ProfileId)}>
      {lab.manifest.profiles.map((p) => {
        const summary = summaryOf(verdicts, p, lab);
        const look = summary === null ? null : summaryLook(summary, lab);
        const stale = summary !== null && isStale(summary.worst, { text });
        const word = look === null ? 'no verdict yet' : `${look.word}${stale ? ', of an earlier text' : ''}`;
        return (
          <RadioGroup.Item key={p} value={p} aria-label={`${p}: ${word}`} title={word}>
            <VerdictMark look={look} stale={stale} />
            {p}
          </RadioGroup.Item>
        );
      })}
    </RadioGroup.Root>
  );
}
