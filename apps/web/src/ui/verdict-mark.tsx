// SPDX-License-Identifier: Apache-2.0
/** A verdict's shape, colour class and exact words. The word always stands with the shape. */
import type { ReactNode } from 'react';
import type { Verdict } from '@dmalab/contracts/report';
import { Icon, type IconName } from './icons.tsx';

export interface VerdictLook {
  readonly icon: IconName;
  readonly tone: 'bad' | 'good' | 'part' | 'ink';
  /** Exactly `violated`, `complete`, `bounded(k)`, `sampled(n)` or `error`. */
  readonly word: string;
  /** With its counts: `complete: 5 executions, ring of 2`. */
  readonly words: string;
}

/** Groups by a thin space from 10 000 on: `4 000`. */
export function count(n: number): string {
  return n.toString().replace(/\B(?=(\d{3})+$)/g, ' ');
}
const executions = (n: number): string => `${count(n)} execution${n === 1 ? '' : 's'}`;
const within = (text: string): string => (text === '' ? '' : `, ${text}`);

export function verdictLook(v: Verdict): VerdictLook {
  switch (v.kind) {
    case 'violated':
      return { icon: 'no', tone: 'bad', word: 'violated', words: `violated at execution ${count(v.executions)}` };
    case 'complete':
      return { icon: 'ok', tone: 'good', word: 'complete', words: `complete: ${executions(v.executions)}${within(v.within)}` };
    case 'bounded':
      return { icon: 'part', tone: 'part', word: `bounded(${v.k})`, words: `bounded(${v.k}): no violation in ${executions(v.executions)}${within(v.within)}. Longer schedules were not tried` };
    case 'sampled':
      return { icon: 'none', tone: 'ink', word: `sampled(${count(v.n)})`, words: `sampled(${count(v.n)}): no violation seen. This proves nothing about the rest` };
    case 'error':
      return { icon: 'error', tone: 'ink', word: 'error', words: `error: ${v.message}` };
  }
}

export function VerdictMark({ look, stale = false }: { readonly look: Pick<VerdictLook, 'icon' | 'tone'> | null; readonly stale?: boolean | undefined }): ReactNode {
  const { tone, icon } = look === null || stale ? ({ tone: 'ink', icon: 'none' } as const) : look;
  return (
    <span className={`v-${tone}`}>
      <Icon name={icon} />
    </span>
  );
}
