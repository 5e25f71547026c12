// SPDX-License-Identifier: Apache-2.0
/** Marks of the scrubber: findings, choices off the plain run, barriers, doorbells, faults. F8 walks along them. */
import type { TraceIndex } from '../trace/index-trace.ts';

export interface ScrubMark {
  readonly step: number;
  readonly kind: 'finding' | 'choice' | 'barrier' | 'bell' | 'fault';
}

export function scrubMarks(index: TraceIndex): ScrubMark[] {
  const marks: ScrubMark[] = [];
  for (const e of index.events) {
    if (e.id === index.finding?.witness || (e.kind === 'finding' && e.id !== index.finding?.event.id)) marks.push({ step: e.id, kind: 'finding' });
    else if (index.deviates(e.id)) marks.push({ step: e.id, kind: 'choice' });
    else if (e.kind === 'mmio-write') marks.push({ step: e.id, kind: 'bell' });
    else if (e.kind === 'fence') marks.push({ step: e.id, kind: 'barrier' });
    else if ((e.kind === 'map' && e.error) || (e.kind === 'line-drop' && e.lostDirty)) marks.push({ step: e.id, kind: 'fault' });
  }
  return marks;
}

/** The next mark after a step (or before it, with -1); 0 when there is none. */
export function nextMark(marks: readonly ScrubMark[], step: number, direction: 1 | -1): number {
  const steps = marks.map((m) => m.step);
  return direction === 1 ? (steps.find((s) => s > step) ?? 0) : (steps.findLast((s) => s < step) ?? 0);
}

/** Keeps marks that can be told apart: findings and choices first, at least `gap` px between two. */
export function sparse(marks: readonly ScrubMark[], x: (step: number) => number, gap: number): ScrubMark[] {
  const weight = { finding: 0, choice: 1, fault: 2, bell: 3, barrier: 4 } as const;
  const kept: ScrubMark[] = [];
  const taken: number[] = [];
  for (const m of [...marks].sort((a, b) => weight[a.kind] - weight[b.kind] || a.step - b.step)) {
    const at = x(m.step);
    if (taken.some((t) => Math.abs(t - at) < gap)) continue;
    taken.push(at);
    kept.push(m);
  }
  return kept.sort((a, b) => a.step - b.step);
}
