// SPDX-License-Identifier: Apache-2.0
/**
 * Two runs beside each other, aligned by event id: where they part, and which events only one of them has. Told by the
 * words of the table twin, so picture and table cannot disagree. Pure.
 */
import type { Trace } from '../run/trace.ts';
import type { Columns } from './layout.ts';
import type { Column, TimelineModel } from './model.ts';
import type { Item, Scene } from './scene.ts';
import { twinRows, type TwinRow } from './twin.ts';

export interface DifferentRow {
  readonly run: 0 | 1;
  readonly row: TwinRow;
}
export interface Comparison {
  /** The first step at which the runs do different things; 0 when they do the same throughout. */
  readonly parts: number;
  /** Steps of each run that the other has no counterpart for. */
  readonly alone: readonly [ReadonlySet<number>, ReadonlySet<number>];
  /** The same as rows, by step, the first run's before the second's. */
  readonly rows: readonly DifferentRow[];
}

/** Above this many pairs of events, counterparts are looked for at the same step only. */
const MOST_PAIRS = 4_000_000;

export function compareTraces(a: Trace, b: Trace): Comparison {
  const rows = [twinRows(a.index, a.names), twinRows(b.index, b.names)] as const;
  const keys = rows.map((of) => of.map(keyOf)) as [string[], string[]];
  const length = Math.max(keys[0].length, keys[1].length);
  let same = 0;
  while (same < length && keys[0][same] === keys[1][same]) same += 1;
  if (same === length) return { parts: 0, alone: [new Set(), new Set()], rows: [] };
  const shared = counterparts(keys[0].slice(same), keys[1].slice(same));
  const alone = ([0, 1] as const).map((run) => new Set(rows[run].slice(same).flatMap((row, i) => (shared[run].has(i) ? [] : [row.step])))) as [Set<number>, Set<number>];
  const different = ([0, 1] as const).flatMap((run) => rows[run].filter((row) => alone[run].has(row.step)).map((row): DifferentRow => ({ run, row })));
  return { parts: same + 1, alone, rows: different.sort((x, y) => x.row.step - y.row.step || x.run - y.run) };
}

/** What an event does, whatever its number and whatever caused it. */
function keyOf(row: TwinRow): string {
  return JSON.stringify([row.agent, row.event, row.where, row.value, row.source]);
}

/** Indices in each list of a longest common subsequence. */
function counterparts(a: readonly string[], b: readonly string[]): [Set<number>, Set<number>] {
  const shared: [Set<number>, Set<number>] = [new Set(), new Set()];
  const pair = (i: number, j: number): void => void (shared[0].add(i), shared[1].add(j));
  if (a.length * b.length > MOST_PAIRS) {
    a.forEach((key, i) => key === b[i] && pair(i, i));
    return shared;
  }
  const width = b.length + 1;
  const longest = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) longest[i * width + j] = a[i] === b[j] ? longest[(i + 1) * width + j + 1]! + 1 : Math.max(longest[(i + 1) * width + j]!, longest[i * width + j + 1]!);
  }
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) pair(i++, j++);
    else if (longest[(i + 1) * width + j]! >= longest[i * width + j + 1]!) i += 1;
    else j += 1;
  }
  return shared;
}

/** One row of columns for both: a column begins wherever one of the runs begins one, so that a step stands at one place. */
export function sharedColumns(a: TimelineModel, b: TimelineModel, parts: number): Pick<TimelineModel, 'columns' | 'keep'> {
  const last = Math.max(a.columns.at(-1)?.last ?? 0, b.columns.at(-1)?.last ?? 0);
  const starts = [...new Set([...a.columns, ...b.columns].map((c) => c.first))].sort((x, y) => x - y);
  const marked = new Set([...a.columns, ...b.columns].map((c) => c.step));
  const columns = starts.map((first, i): Column => {
    const end = (starts[i + 1] ?? last + 1) - 1;
    let step = first;
    for (let s = first; s <= end; s += 1) if (marked.has(s)) step = s;
    return { step, first, last: end };
  });
  return { columns, keep: new Set([...a.keep, ...b.keep, ...(parts > 0 ? [parts - 1, parts] : [])]) };
}

/** The drawing of one of the two, with the events it has alone in a box, and the line where they part. */
export function withDifferences(scene: Scene, columns: Columns, parts: number, alone: ReadonlySet<number>): Scene {
  if (parts === 0) return scene;
  const outlines = scene.items.flatMap((item): Item[] => (item.kind === 'mark' || item.kind === 'octagon') && alone.has(item.step) ? [{ kind: 'outline', box: { x: item.x - 11, y: item.y - 11, w: 22, h: 22 }, step: item.step }] : []);
  const x = columns.x(parts) - columns.cell / 2;
  return { ...scene, items: [{ kind: 'lane', x1: x, y1: 0, x2: x, y2: scene.height, tone: 'ink', width: 2 }, ...outlines, ...scene.items] };
}

/** One sentence: how far they go together, and what each does then. */
export function partingWords(a: Trace, b: Trace, parts: number, labels: readonly [string, string]): string {
  if (parts === 0) return 'Both runs do the same, step for step.';
  const does = (trace: Trace): string => trace.sentence(parts) || 'it has ended';
  return `${parts === 1 ? 'The runs part at once' : `Up to step ${parts - 1} both runs do the same`}. Step ${parts} of ${labels[0]}: ${does(a)}. Of ${labels[1]}: ${does(b)}.`;
}
