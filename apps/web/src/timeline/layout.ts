// SPDX-License-Identifier: Apache-2.0
/**
 * The wide space-time diagram: time runs right, one lane a row. Pure: model + step + width → shapes. Lanes and rows
 * come from the whole trace, so nothing moves while stepping.
 */
import { foldColumns, FOLD_WIDTH, MAX_STEP, MIN_STEP, type Slot } from './fold.ts';
import type { Arrow, Bar, Lane, Mark, TimelineModel } from './model.ts';
import { MEMORY } from './model.ts';
import { LabelField, textWidth, type Item, type Scene, type TextItem, type Tone } from './scene.ts';

/** Room for lane names at the left. */
export const GUTTER = 112;
const AXIS = 15;
const TOP = 24;
const RIGHT = 26;

export interface LayoutOptions {
  readonly width: number;
  readonly step: number;
  readonly open: ReadonlySet<number>;
  readonly foldWords: (fold: Slot & { kind: 'fold' }) => readonly [string, string];
  /** Draw only columns that reach into this range of x; all when absent. */
  readonly window?: { readonly from: number; readonly to: number } | undefined;
  /** Columns placed before, when only the step changed. */
  readonly columns?: Columns;
}

export interface Rows {
  readonly lane: ReadonlyMap<string, number>;
  /** `cpu0/len` → y of the waiting row. */
  readonly row: ReadonlyMap<string, number>;
  readonly height: number;
}

/** Where lanes and waiting rows stand. A CPU lane that carries the missing edge gets room for its arc. */
export function placeLanes(lanes: readonly Lane[], arcLanes: ReadonlySet<string>): Rows {
  const lane = new Map<string, number>();
  const row = new Map<string, number>();
  let y = TOP;
  for (const l of lanes) {
    if (l.kind === 'cpu') {
      y += arcLanes.has(l.id) ? 56 : 34;
      lane.set(l.id, y);
      l.rows.forEach((r, i) => row.set(`${l.id}/${r}`, y + 24 + 16 * i));
      y += l.rows.length > 0 ? 24 + 16 * (l.rows.length - 1) : 10;
    } else {
      y += l.kind === 'mem' ? 34 : arcLanes.has(l.id) ? 74 : 60;
      lane.set(l.id, y);
    }
  }
  return { lane, row, height: y + 32 };
}

export interface Columns {
  readonly slots: readonly Slot[];
  /** Width of one step. */
  readonly cell: number;
  /** Total width of the drawing. */
  readonly width: number;
  /** Left edge of a slot. */
  readonly left: readonly number[];
  /** Middle of the slot that holds a step; NaN for a step that does not exist yet. */
  x(step: number): number;
  folded(step: number): boolean;
}

export function placeColumns(model: TimelineModel, o: Pick<LayoutOptions, 'width' | 'open'>): Columns {
  const room = o.width - GUTTER - RIGHT;
  const slots = foldColumns(model, room, o.open);
  const folds = slots.filter((s) => s.kind === 'fold').length;
  const steps = slots.length - folds;
  const cell = Math.min(MAX_STEP, Math.max(MIN_STEP, steps === 0 ? MAX_STEP : (room - folds * FOLD_WIDTH) / steps));
  const left: number[] = [];
  const slotOf = new Int32Array((model.columns.at(-1)?.last ?? 0) + 1).fill(-1);
  let x = GUTTER;
  slots.forEach((s, i) => {
    left.push(x);
    const [a, b] = s.kind === 'fold' ? [s.first, s.last] : [s.column.first, s.column.last];
    slotOf.fill(i, a, b + 1);
    x += s.kind === 'fold' ? FOLD_WIDTH : cell;
  });
  const middle = (step: number): number => {
    const i = slotOf[step] ?? -1;
    if (i < 0) return NaN;
    return left[i]! + (slots[i]!.kind === 'fold' ? FOLD_WIDTH - 10 : cell) / 2;
  };
  return { slots, cell, width: Math.max(o.width, x + RIGHT), left, x: middle, folded: (step) => slots[slotOf[step] ?? -1]?.kind === 'fold' };
}

export function layoutWide(model: TimelineModel, o: LayoutOptions): Scene {
  const rows = placeLanes(model.lanes, model.arcLanes);
  const cols = o.columns ?? placeColumns(model, o);
  const lane = (id: string): number => rows.lane.get(id) ?? rows.lane.get(MEMORY) ?? TOP;
  const range = stepRange(cols, o.window);
  const view: View = { model: narrow(model, cols, range), cols, rows, step: o.step, lane, range, findingShown: model.witness > 0 && o.step >= model.witness };
  const items: Item[] = [];
  const field = new LabelField({ x: GUTTER, y: -Infinity, w: cols.width - GUTTER, h: Infinity });
  const H = rows.height;

  drawBand(items, view, H);
  const names: Item[] = [];
  drawLanes(items, names, model.lanes, rows, cols);
  drawAxis(items, view, o, H);
  drawBars(items, field, view);
  for (const a of view.model.arrows) drawArrow(items, a, view);
  drawMarks(items, field, view);
  if (view.findingShown) drawFinding(items, field, view);
  reserveFolds(field, view, H);
  reserveArrows(field, items, view);
  drawLabels(field, view);
  return { width: cols.width, height: H, items: [...items, ...field.placed], gutter: { width: GUTTER, items: names } };
}

/** What every drawing step reads. */
interface View {
  /** The model, narrowed to what can be seen. */
  readonly model: TimelineModel;
  readonly cols: Columns;
  readonly rows: Rows;
  readonly step: number;
  readonly range: readonly [number, number];
  readonly findingShown: boolean;
  lane(id: string): number;
}

/** Steps whose columns reach into the window. */
function stepRange(cols: Columns, window: LayoutOptions['window']): readonly [number, number] {
  if (window === undefined) return [0, Infinity];
  let first = Infinity;
  let last = 0;
  cols.slots.forEach((s, i) => {
    const x = cols.left[i]!;
    if (x + cols.cell < window.from - cols.cell || x > window.to + cols.cell) return;
    const [a, b] = s.kind === 'fold' ? [s.first, s.last] : [s.column.first, s.column.last];
    first = Math.min(first, a);
    last = Math.max(last, b);
  });
  return [first, last];
}

/** The part of the model that is drawn: what stands on, leaves or reaches a shown step, and bars that pass. Costs what is shown, not what the trace holds. */
function narrow(model: TimelineModel, cols: Columns, [first, last]: readonly [number, number]): TimelineModel {
  const marks: Mark[] = [];
  const arrows = new Set<Arrow>();
  const runs = shownSteps(cols, first, last);
  for (const [a, b] of runs) {
    marks.push(...between(model.marks, (m) => m.step, a, b));
    for (const arrow of between(model.arrows, (k) => k.to, a, b)) arrows.add(arrow);
    for (const arrow of between(byFrom(model), (k) => k.from, a, b)) arrows.add(arrow);
  }
  const begin = runs[0]?.[0] ?? 0;
  const end = runs.at(-1)?.[1] ?? 0;
  return { ...model, marks, bars: barsIn(model, begin, end), arrows: [...arrows] };
}

/** Runs of steps that are neither folded nor out of the window. */
function shownSteps(cols: Columns, first: number, last: number): [number, number][] {
  const runs: [number, number][] = [];
  for (const s of cols.slots) {
    if (s.kind === 'fold' || s.column.last < first || s.column.first > last) continue;
    const run = runs.at(-1);
    if (run !== undefined && run[1] === s.column.first - 1) run[1] = s.column.last;
    else runs.push([s.column.first, s.column.last]);
  }
  return runs;
}

/** Entries whose key lies in [first, last], of a list sorted by that key. */
function between<T>(list: readonly T[], key: (t: T) => number, first: number, last: number): readonly T[] {
  const lower = (of: number): number => {
    let lo = 0;
    let hi = list.length;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (key(list[mid]!) < of) lo = mid + 1;
      else hi = mid;
    }
    return lo;
  };
  return list.slice(lower(first), lower(last + 1));
}

/** A bar longer than this is looked at wherever the window is. */
const LONG_BAR = 256;
const longBars = new WeakMap<TimelineModel, readonly Bar[]>();

/** Bars that reach into the shown steps: short ones by their store, long and open ones one by one. */
function barsIn(model: TimelineModel, first: number, last: number): Bar[] {
  let long = longBars.get(model);
  if (long === undefined) longBars.set(model, (long = model.bars.filter((b) => b.drain === 0 || b.drain - b.store > LONG_BAR)));
  const reaches = (b: Bar): boolean => b.store <= last && (b.drain === 0 || b.drain >= first);
  const near = between(model.bars, (b) => b.store, first - LONG_BAR, last);
  return [...new Set([...near, ...long])].filter(reaches);
}

const sortedByFrom = new WeakMap<TimelineModel, readonly Arrow[]>();
function byFrom(model: TimelineModel): readonly Arrow[] {
  let list = sortedByFrom.get(model);
  if (list === undefined) sortedByFrom.set(model, (list = [...model.arrows].sort((a, b) => a.from - b.from)));
  return list;
}

function columnOf(model: TimelineModel, step: number): { first: number; last: number; step: number } | undefined {
  let lo = 0;
  let hi = model.columns.length - 1;
  while (lo <= hi) {
    const mid = (lo + hi) >> 1;
    const c = model.columns[mid]!;
    if (step < c.first) hi = mid - 1;
    else if (step > c.last) lo = mid + 1;
    else return c;
  }
  return undefined;
}

function drawBand(items: Item[], { model, cols, step }: View, H: number): void {
  const x = cols.x(step);
  if (Number.isNaN(x) || columnOf(model, step) === undefined) return;
  const w = cols.folded(step) ? FOLD_WIDTH - 10 : cols.cell;
  const box = { x: x - w / 2, y: 0, w, h: H };
  if (!cols.folded(step)) items.push({ kind: 'rect', box, fill: 'select', role: 'current' });
  items.push({ kind: 'bracket', box, open: 'down' });
}

export const LANE_TONE: Record<Lane['kind'], Tone> = { cpu: 'cpu', mem: 'mem', iommu: 'iommu', dev: 'dev' };

const frame = (x: number, y: number, text: string, more: Partial<TextItem> = {}): TextItem => ({ kind: 'text', x, y, text, size: 11, anchor: 'middle', tone: 'ink-2', mono: false, weight: 400, halo: '', role: 'frame', step: 0, ...more });

function drawLanes(items: Item[], names: Item[], lanes: readonly Lane[], rows: Rows, cols: Columns): void {
  for (const l of lanes) {
    const y = rows.lane.get(l.id)!;
    const tone = LANE_TONE[l.kind];
    items.push({ kind: 'lane', x1: GUTTER, y1: y, x2: cols.width - 8, y2: y, tone, width: l.kind === 'mem' ? 3 : 1 });
    names.push({ kind: 'mark', shape: l.kind, x: 13, y, r: 5, filled: l.kind === 'mem', future: false, tone, step: 0, inner: null });
    names.push(frame(26, y + 4, l.name, { anchor: 'start', size: 12.5, weight: 600, tone: 'ink' }));
    l.rows.forEach((r) => names.push(frame(GUTTER - 10, rows.row.get(`${l.id}/${r}`)! + 4, rowName(r), { anchor: 'end', mono: true })));
    const widest = Math.max(0, ...l.rows.map((r) => textWidth(rowName(r), 11, true)));
    const middle = l.rows[Math.floor((l.rows.length - 1) / 2)];
    if (middle !== undefined && widest < 38) names.push(frame(26, rows.row.get(`${l.id}/${middle}`)! + 4, 'waiting', { anchor: 'start', tone: 'ink-3' }));
  }
}

/** A bare address is told by its end, a long name by its beginning. */
function rowName(row: string): string {
  return row.startsWith('0x') && row.length > 8 ? `…${row.slice(-4)}` : row.length > 9 ? `${row.slice(0, 8)}…` : row;
}

function drawAxis(items: Item[], { cols, range }: View, o: LayoutOptions, H: number): void {
  cols.slots.forEach((s, i) => {
    const x = cols.left[i]!;
    if ((s.kind === 'fold' ? s.last : s.column.last) < range[0] || (s.kind === 'fold' ? s.first : s.column.first) > range[1]) return;
    if (s.kind === 'fold') {
      const holds = o.step >= s.first && o.step <= s.last;
      const [what, how] = o.foldWords(s);
      items.push({ kind: 'rect', box: { x, y: TOP, w: FOLD_WIDTH - 10, h: H - 26 }, fill: 'sunk', role: 'fold' });
      items.push({ kind: 'torn', x: x + FOLD_WIDTH - 10, y: TOP, height: 0, along: 'y', length: H - 2 - TOP });
      if (!holds) items.push(frame(x + (FOLD_WIDTH - 10) / 2, AXIS, s.first === s.last ? `${s.first}` : `${s.first} – ${s.last}`));
      // At the foot, where no bar, arc or arrow of another step can run across.
      items.push(frame(x + 6, H - 19, foldText(what), { anchor: 'start' }), frame(x + 6, H - 6, foldText(how), { anchor: 'start' }));
      items.push({ kind: 'fold', box: { x, y: 0, w: FOLD_WIDTH - 6, h: H }, first: s.first, last: s.last, label: `steps ${s.first} to ${s.last}: ${what}, ${how}` });
      if (holds) currentNumber(items, x + (FOLD_WIDTH - 10) / 2, o.step);
      return;
    }
    const c = s.column;
    const mid = x + cols.cell / 2;
    if (o.step >= c.first && o.step <= c.last) currentNumber(items, mid, o.step);
    else items.push(frame(mid, AXIS, `${c.step}`, { tone: c.step > o.step ? 'ink-3' : 'ink-2', step: c.step }));
    items.push({ kind: 'target', box: { x, y: 0, w: cols.cell, h: H }, step: c.step });
  });
}

/** As much of a fold's words as stand inside it. */
function foldText(words: string): string {
  const room = FOLD_WIDTH - 10 - 8;
  let fit = words;
  while (textWidth(fit, 11, false) > room) fit = `${fit.replace(/…$/, '').slice(0, -1)}…`;
  return fit;
}

function currentNumber(items: Item[], x: number, step: number): void {
  const w = Math.max(26, textWidth(`${step}`, 11.5, false) + 12);
  items.push({ kind: 'rect', box: { x: x - w / 2, y: 3, w, h: 17 }, fill: 'ink', role: 'number' });
  items.push(frame(x, AXIS, `${step}`, { size: 11.5, weight: 700, tone: 'paper', step }));
}

function drawBars(items: Item[], field: LabelField, { model, rows, cols, step, lane, findingShown }: View): void {
  for (const b of model.bars) {
    if (b.store > step) continue;
    const open = b.drain === 0 || b.drain > step;
    if (cols.folded(b.store) && !open && cols.folded(b.drain)) continue;
    const y = rows.row.get(`${b.lane}/${b.row}`)!;
    const x1 = cols.x(b.store);
    const here = Number.isNaN(cols.x(step)) ? cols.width - 14 : cols.x(step);
    const x2 = open ? Math.max(x1, here + cols.cell / 2 - 6) : cols.x(b.drain);
    if (!cols.folded(b.store)) items.push({ kind: 'stem', x1, y1: lane(b.lane) + 6, x2: x1, y2: y, tone: 'cpu' });
    items.push({ kind: 'bar', box: { x: x1, y: y - 5.5, w: Math.max(4, x2 - x1), h: 11 }, open, along: 'x', store: b.store });
    if (b.half === 1 && open && findingShown) {
      const text = `${b.text} still waits`;
      const w = textWidth(text, 11, false) + 14;
      if (x2 - x1 > w + 30) {
        const mid = (x1 + x2) / 2;
        items.push({ kind: 'rect', box: { x: mid - w / 2, y: y - 7.5, w, h: 15 }, fill: 'pane', role: 'gap' });
        field.place([frame(mid, y + 3.8, text, { weight: 600, tone: 'cpu', role: 'finding', step: b.store })]);
      }
    }
  }
}

const round = (n: number): number => Math.round(n * 100) / 100;

function drawArrow(items: Item[], a: Arrow, { cols, rows, step, lane, findingShown }: View): void {
  if (a.kind === 'late' || a.kind === 'missing') {
    if (!findingShown) return;
  } else if (a.to > step) return;
  if (cols.folded(a.to)) return;
  const x2 = cols.x(a.to);
  const hidden = cols.folded(a.from);
  const x1 = hidden ? x2 : cols.x(a.from);
  const y1 = lane(a.fromLane);
  const y2 = lane(a.toLane);
  const down = y2 > y1 ? 1 : -1;
  const push = (path: string, start: [number, number], end: [number, number], tone: Tone, width: number, dash: '' | 'missing' | 'post' = ''): void => {
    items.push({ kind: 'arrow', arrow: a.kind, path, from: a.from, to: a.to, start, end, tone, width, dash });
  };
  switch (a.kind) {
    case 'drain': {
      const row = rows.row.get(`${a.fromLane}/${a.text}`);
      const top = row === undefined ? y1 + 6 : row + 5.5;
      push(`M${round(x2)} ${top}V${y2 - 8}`, [x2, top], [x2, y2 - 8], 'mem', 1.5);
      return;
    }
    case 'write':
      push(`M${round(x2)} ${y1 + 7 * down}V${y2 - 5 * down}`, [x2, y1], [x2, y2], 'mem', 1.5);
      return;
    case 'old': {
      push(`M${round(x2)} ${y1 + 4 * down}V${y2 - 12 * down}`, [x2, y1], [x2, y2], 'bad', 2, 'missing');
      return;
    }
    case 'read': {
      const w = a.racing ? 1.75 : hidden ? 1.4 : 0.8;
      const s: [number, number] = [hidden ? x2 : x1 + 3, y1 + 7 * down];
      const e: [number, number] = [hidden ? x2 : x2 - 6, y2 - 8 * down];
      push(`M${round(s[0])} ${s[1]}L${round(e[0])} ${e[1]}`, s, e, 'mem', w);
      return;
    }
    case 'post':
    case 'irq': {
      if (hidden) return;
      const s: [number, number] = [x1 + 6, y1 + 4 * down];
      const e: [number, number] = [x2 - 5, y2 - 9 * down];
      push(`M${round(s[0])} ${s[1]}L${round(e[0])} ${e[1]}`, s, e, 'mmio', 2, 'post');
      return;
    }
    case 'late': {
      if (hidden) return;
      const s: [number, number] = [x1 + 11, y1 - 5];
      const e: [number, number] = [x2, y2 + 9];
      push(`M${round(s[0])} ${s[1]}C${round(x2 - 12)} ${y1 - 12} ${round(x2)} ${y1 - 20} ${round(e[0])} ${e[1]}`, s, e, 'bad', 1.5, 'missing');
      return;
    }
    case 'missing': {
      if (hidden || cols.folded(a.from)) return;
      const s: [number, number] = [x1, y1 - 24];
      const e: [number, number] = [x2, y1 - 25];
      push(`M${round(s[0])} ${s[1]}C${round(x1 + 4)} ${y1 - 38} ${round(x2 - 4)} ${y1 - 38} ${round(e[0])} ${e[1]}`, s, e, 'bad', 2, 'missing');
    }
  }
}

function drawMarks(items: Item[], field: LabelField, { model, cols, step, lane, findingShown }: View): void {
  for (const m of model.marks) {
    if (cols.folded(m.step)) continue;
    const x = cols.x(m.step);
    const y = lane(m.lane);
    const future = m.step > step;
    if (m.witness && findingShown) items.push({ kind: 'octagon', x, y, r: 9, step: m.step });
    else items.push(markItem(m, x, y, future, model));
    field.reserve({ x: x - 6, y: y - 6, w: 12, h: 12 });
  }
}

export function markItem(m: Mark, x: number, y: number, future: boolean, model: TimelineModel): Item {
  const kind = model.lanes.find((l) => l.id === m.lane)?.kind ?? 'mem';
  const bell = m.shape === 'bell';
  const shape = bell ? kind : m.shape;
  const tone: Tone = LANE_TONE[kind];
  return { kind: 'mark', shape, x, y, r: shape === 'mem' || bell ? 6 : 5, filled: m.filled && !bell && !future, future, tone, step: m.step, inner: bell ? 'bell' : null };
}

function drawFinding(items: Item[], field: LabelField, { model, cols, lane, step }: View): void {
  for (const m of model.marks) {
    if (m.half === null || cols.folded(m.step)) continue;
    const x = cols.x(m.step) - 11;
    const y = lane(m.lane) + 11;
    items.push({ kind: 'half', x, y, n: m.half });
    field.reserve({ x: x - 8, y: y - 8, w: 16, h: 16 });
  }
  for (const a of model.arrows) {
    if (cols.folded(a.to) || cols.folded(a.from)) continue;
    const x1 = cols.x(a.from);
    const x2 = cols.x(a.to);
    if (a.kind === 'missing') field.place([(x1 + x2) / 2, x1, x2].map((x) => frame(x, lane(a.fromLane) - 40, a.text, { size: 12, weight: 650, tone: 'bad', role: 'finding', step: a.from, halo: 'pane' })));
    if (a.kind === 'late') field.place([frame(x2 + 8, lane(a.fromLane) - 11, a.text, { anchor: 'start', weight: 600, tone: 'bad', role: 'finding', step: a.to }), frame(x2, lane(a.fromLane) - 11, a.text, { weight: 600, tone: 'bad', role: 'finding', step: a.to })]);
    if (a.kind === 'old' && a.to <= step) {
      items.push({ kind: 'old', x: x2, y: lane(MEMORY) });
      const value = model.marks.find((m) => m.step === a.to)?.labels.at(-1)?.replace(/^.*→/, '') ?? '';
      field.place([`old ${value}`, 'old'].map((t) => frame(x2, lane(MEMORY) - 12, t, { weight: 600, tone: 'bad', halo: 'select', role: 'finding', step: a.to })));
    }
  }
}

/** What a fold says is its own; no label of a step beside it runs into it. */
function reserveFolds(field: LabelField, { cols, range }: View, H: number): void {
  cols.slots.forEach((s, i) => {
    if (s.kind === 'fold' && s.last >= range[0] && s.first <= range[1]) field.reserve({ x: cols.left[i]!, y: TOP, w: FOLD_WIDTH - 10, h: H }, true);
  });
}

/** Least free room between two labels. */
const LABEL_GAP = 6;
/** Where the labels of the memory lane stand, from the lane upward. */
const MEMORY_LABELS = { from: 21, to: 6 } as const;

/** Arrows that come from above cross the labels of the memory lane, and nothing else that can be read. */
function reserveArrows(field: LabelField, items: readonly Item[], { lane }: View): void {
  const top = lane(MEMORY) - MEMORY_LABELS.from;
  const bottom = lane(MEMORY) - MEMORY_LABELS.to;
  const parts = 3;
  for (const a of items) {
    if (a.kind !== 'arrow' || a.arrow === 'late' || a.arrow === 'missing') continue;
    const [[x1, y1], [x2, y2]] = [a.start, a.end];
    if (Math.min(y1, y2) >= bottom || Math.max(y1, y2) <= top) continue;
    const at = (y: number): number => x1 + ((x2 - x1) * (Math.max(Math.min(y1, y2), Math.min(Math.max(y1, y2), y)) - y1)) / (y2 - y1);
    for (let i = 0; i < parts; i += 1) {
      const [from, to] = [top + ((bottom - top) * i) / parts, top + ((bottom - top) * (i + 1)) / parts];
      const [left, right] = [Math.min(at(from), at(to)), Math.max(at(from), at(to))];
      field.reserve({ x: left - 1, y: from, w: right - left + 2, h: to - from }, true);
    }
  }
}

function drawLabels(field: LabelField, { model, cols, step, lane, findingShown }: View): void {
  // Bookkeeping steps stand in the column of the mark before them.
  const current = columnOf(model, step)?.step ?? 0;
  const weight = (m: Mark): number => (m.step === current ? 0 : m.half !== null || m.witness ? 1 : model.keep.has(m.step) ? 2 : 3);
  const marks = model.marks.filter((k) => !cols.folded(k.step)).sort((a, b) => weight(a) - weight(b) || a.step - b.step);
  const draw = (m: Mark): void => {
    const x = cols.x(m.step);
    const y = lane(m.lane);
    const kind = model.lanes.find((l) => l.id === m.lane)?.kind ?? 'mem';
    const bad = m.witness && findingShown;
    const more = { mono: m.mono, role: 'label' as const, step: m.step, tone: (bad ? 'bad' : m.step > step ? 'ink-3' : 'ink') as Tone, weight: bad ? 700 : 400, halo: (m.step === current ? 'select' : '') as TextItem['halo'] };
    const at = (text: string): TextItem[] =>
      kind === 'cpu' ? [frame(x, y - 12, text, more)] : kind === 'mem' ? [frame(x + 8, y - 9, text, { ...more, anchor: 'start' }), frame(x - 8, y - 9, text, { ...more, anchor: 'end' })] : [frame(x, y + 21, text, more)];
    field.place(m.labels.filter((t) => t !== '').flatMap(at), LABEL_GAP);
  };
  for (const m of marks) if (m.step === current) draw(m);
  // The edges of the current step: its own label may cross them, the others give way.
  const x = cols.x(step);
  if (!Number.isNaN(x) && !cols.folded(step)) for (const edge of [x - cols.cell / 2, x + cols.cell / 2]) field.reserve({ x: edge - 0.5, y: 0, w: 1, h: Infinity }, true);
  for (const m of marks) if (m.step !== current) draw(m);
}
