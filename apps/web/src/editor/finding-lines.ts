// SPDX-License-Identifier: Apache-2.0
/** Where the finding lies in the text: its two halves, and the line between them that says what is missing. Pure. */
import type { Site } from '@dmalab/core/base/events';

export interface HalfLine {
  readonly line: number;
  readonly half: 'one' | 'two' | 'both';
}
export interface FindingLines {
  readonly halves: readonly HalfLine[];
  /** Shown after this line; null when nothing is missing, or the halves lie on one line. */
  readonly gap: { readonly after: number; readonly text: string } | null;
}

export function findingLines(first: Site | null, second: Site | null, missing: string, file: string): FindingLines {
  const a = first?.file === file ? first.line : 0;
  const b = second?.file === file ? second.line : 0;
  const halves: HalfLine[] = a > 0 && a === b ? [{ line: a, half: 'both' }] : [...(a > 0 ? [{ line: a, half: 'one' as const }] : []), ...(b > 0 ? [{ line: b, half: 'two' as const }] : [])];
  if (a === 0 || b === 0 || missing === '') return { halves, gap: null };
  if (!isOrdering(missing)) return { halves, gap: { after: Math.min(a, b), text: a === b ? `${missing}() is missing here` : `no ${missing}() between ${Math.min(a, b)} and ${Math.max(a, b)}` } };
  if (a === b) return { halves, gap: { after: a, text: `nothing orders the two accesses of line ${a}` } };
  return { halves, gap: { after: Math.min(a, b), text: `nothing orders ${a} before ${b}` } };
}

/** Whether a primitive orders accesses (a barrier), or does something else that was left out (a sync, a check). */
export function isOrdering(primitive: string): boolean {
  return /(^|_)[rw]?mb$|barrier|acquire|release/.test(primitive);
}
