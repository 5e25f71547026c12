// SPDX-License-Identifier: Apache-2.0
/**
 * Folding. When a step would be narrower than `MIN_STEP`, runs of at least `MIN_RUN` columns that no kept step
 * belongs to fold into one, nearest the start first, until the rest fits; what still does not fit scrolls.
 * A fold that was opened (by hand, or because the current step lies in it) stays open.
 */
import type { TraceIndex } from '../trace/index-trace.ts';
import type { Column, TimelineModel } from './model.ts';

/** Narrowest step, CSS px. */
export const MIN_STEP = 60;
/** Widest step, so that a short trace is not torn apart. */
export const MAX_STEP = 120;
/** Width of a folded run. */
export const FOLD_WIDTH = 84;
/** Shortest run that may fold. */
export const MIN_RUN = 3;

export interface Fold {
  readonly kind: 'fold';
  readonly first: number;
  readonly last: number;
  readonly columns: readonly Column[];
}
export interface Shown {
  readonly kind: 'step';
  readonly column: Column;
}
export type Slot = Fold | Shown;

/** @param width room for columns, CSS px. @param open steps whose fold must stay open. */
export function foldColumns(model: Pick<TimelineModel, 'columns' | 'keep'>, width: number, open: ReadonlySet<number>, minStep = MIN_STEP, foldWidth = FOLD_WIDTH): Slot[] {
  const { columns, keep } = model;
  const folded = new Map<number, number>(); // index of a fold's first column → number of columns
  let hidden = 0;
  const fits = (): boolean => (columns.length - hidden) * minStep + folded.size * foldWidth <= width;
  for (const [start, length] of freeRuns(columns, keep, open)) {
    if (fits()) break;
    // The smallest fold of this run that is enough, or the whole run.
    const over = (columns.length - hidden) * minStep + (folded.size + 1) * foldWidth - width;
    const n = Math.min(length, Math.max(MIN_RUN, Math.ceil(over / minStep)));
    if (n * minStep <= foldWidth) continue;
    folded.set(start, n);
    hidden += n;
  }
  const slots: Slot[] = [];
  for (let i = 0; i < columns.length; i += 1) {
    const n = folded.get(i) ?? 0;
    const column = columns[i]!;
    if (n === 0) slots.push({ kind: 'step', column });
    else {
      const inside = columns.slice(i, i + n);
      slots.push({ kind: 'fold', first: column.first, last: inside.at(-1)!.last, columns: inside });
      i += n - 1;
    }
  }
  return slots;
}

/** Maximal runs of columns that may fold: [index, length]. */
function* freeRuns(columns: readonly Column[], keep: ReadonlySet<number>, open: ReadonlySet<number>): Generator<[number, number]> {
  const held = (c: Column): boolean => {
    for (let s = c.first; s <= c.last; s += 1) if (keep.has(s) || open.has(s)) return true;
    return false;
  };
  let start = -1;
  for (let i = 0; i <= columns.length; i += 1) {
    const free = i < columns.length && !held(columns[i]!);
    if (free && start < 0) start = i;
    if (!free && start >= 0) {
      if (i - start >= MIN_RUN) yield [start, i - start];
      start = -1;
    }
  }
}

/** Two short lines that say what a fold holds: `nic_xmit, probe` / `in order`. */
export function foldWords(fold: Fold, index: TraceIndex, agentName: (id: string) => string): [string, string] {
  let words = known.get(fold);
  if (words === undefined) known.set(fold, (words = sayFold(fold, index, agentName)));
  return words;
}
/** A fold may hold most of a long trace; it is read once. */
const known = new WeakMap<Fold, [string, string]>();

function sayFold(fold: Fold, index: TraceIndex, agentName: (id: string) => string): [string, string] {
  const calls: string[] = [];
  const agents = new Set<string>();
  let overtaking = false;
  let stores = 0;
  for (let s = fold.first; s <= fold.last; s += 1) {
    const e = index.at(s);
    if (e === undefined) continue;
    if (e.kind === 'call' && !calls.includes(e.name)) calls.push(e.name);
    if (e.kind === 'store') stores += 1;
    if (e.kind === 'drain' && index.overtaken(e.id) !== null) overtaking = true;
    if (e.agent !== 'machine' && e.agent !== 'memory') agents.add(agentName(e.agent));
  }
  const what = calls.length > 0 ? calls.slice(0, 2).join(', ') : [...agents].join(', ');
  return [what, stores > 0 && !overtaking ? 'in order' : `${fold.last - fold.first + 1} steps`];
}
