// SPDX-License-Identifier: Apache-2.0
/** Which machine: a radio group whose labels carry each profile's verdict. A mark of an earlier text becomes the dotted ring. */
import { RadioGroup } from 'radix-ui';
import type { ReactNode } from 'react';
import type { ProfileId } from '@dmalab/contracts/lab';
import { VerdictMark } from '../ui/verdict-mark.tsx';
import { markOf } from './bar.ts';
import { useWorkspace, useWs } from './context.tsx';

export function ProfileSwitch(): ReactNode {
  const workspace = useWorkspace();
  const state = useWs((s) => s);
  const { lab, profile } = state;
  if (lab === null) return null;
  return (
    <RadioGroup.Root className="profiles" aria-label="Profile" orientation="horizontal" value={profile} onValueChange={(p) => workspace.setProfile(p as ProfileId)}>
      {lab.manifest.profiles.map((p) => {
        const mark = markOf(state, p);
        const word = mark === null ? 'no verdict yet' : `${mark.look.word}${mark.stale ? ', of an earlier text' : ''}`;
        return (
          <RadioGroup.Item key={p} value={p} aria-label={`${p}: ${word}`} title={word}>
            <VerdictMark look={mark?.look ?? null} stale={mark?.stale} />
            {p}
          </RadioGroup.Item>
        );
      })}
    </RadioGroup.Root>
  );
}
