// SPDX-License-Identifier: Apache-2.0
/** The narrow space-time diagram: time runs down, one lane a column. Same model, same marks, same words as the wide one. */
import { foldColumns, type Slot } from './fold.ts';
import { LANE_TONE, markItem, type LayoutOptions } from './layout.ts';
import { MEMORY, type Arrow, type Mark, type TimelineModel } from './model.ts';
import { LabelField, type Item, type Scene, type TextItem, type Tone } from './scene.ts';

/** Height of one step. */
const ROW = 34;
/** Height of a folded run. */
const FOLD = 30;
const HEAD = 26;
const NUMBER = 12;
const BAR_GAP = 14;
/** Steps shown before folding begins. */
const VISIBLE = 16;

interface Tall {
  readonly model: TimelineModel;
  readonly width: number;
  readonly step: number;
  readonly findingShown: boolean;
  readonly x: ReadonlyMap<string, number>;
  readonly barX: ReadonlyMap<string, number>;
  y(step: number): number;
  folded(step: number): boolean;
}

export function layoutTall(model: TimelineModel, o: LayoutOptions): Scene {
  const slots = foldColumns(model, VISIBLE * ROW, o.open, ROW, FOLD);
  const { x, barX } = placeLanes(model, o.width);
  const top: number[] = [];
  const slotOf = new Int32Array((model.columns.at(-1)?.last ?? 0) + 1).fill(-1);
  let y = HEAD + 6;
  slots.forEach((s, i) => {
    top.push(y);
    slotOf.fill(i, s.kind === 'fold' ? s.first : s.column.first, (s.kind === 'fold' ? s.last : s.column.last) + 1);
    y += s.kind === 'fold' ? FOLD : ROW;
  });
  const height = y + 8;
  const t: Tall = {
    model,
    width: o.width,
    step: o.step,
    findingShown: model.witness > 0 && o.step >= model.witness,
    x,
    barX,
    y: (step) => {
      const i = slotOf[step] ?? -1;
      return i < 0 ? NaN : top[i]! + (slots[i]!.kind === 'fold' ? FOLD : ROW) / 2;
    },
    folded: (step) => slots[slotOf[step] ?? -1]?.kind === 'fold',
  };
  const items: Item[] = [];
  const field = new LabelField({ x: 26, y: 0, w: o.width - 26, h: height });
  drawCurrent(items, t);
  drawLanes(items, t, height);
  slots.forEach((s, i) => s.kind === 'step' && drawSlot(items, t, s, top[i]!, o));
  drawBars(items, t);
  for (const a of model.arrows) drawArrow(items, a, t);
  // A fold covers the bars that pass behind it, so that its words can be read.
  slots.forEach((s, i) => s.kind === 'fold' && drawSlot(items, t, s, top[i]!, o));
  drawMarks(items, field, t);
  drawFinding(items, field, t);
  drawLabels(field, t);
  return { width: o.width, height, items: [...items, ...field.placed], gutter: null };
}

const text = (x: number, y: number, s: string, more: Partial<TextItem> = {}): TextItem => ({ kind: 'text', x, y, text: s, size: 12, anchor: 'start', tone: 'ink', mono: false, weight: 400, halo: '', role: 'frame', step: 0, ...more });

/** CPUs at the left with their bars beside them, memory in the middle, devices at the right. */
function placeLanes(model: TimelineModel, width: number): { x: Map<string, number>; barX: Map<string, number> } {
  const x = new Map<string, number>();
  const barX = new Map<string, number>();
  let at = 48;
  for (const l of model.lanes.filter((k) => k.kind === 'cpu')) {
    x.set(l.id, at);
    l.rows.forEach((r, i) => barX.set(`${l.id}/${r}`, at + 24 + BAR_GAP * Math.min(i, 4)));
    at += 24 + BAR_GAP * Math.min(l.rows.length, 5) + 12;
  }
  x.set(MEMORY, Math.max(at + 12, width * 0.53));
  const right = model.lanes.filter((k) => k.kind === 'dev' || k.kind === 'iommu');
  right.forEach((l, i) => x.set(l.id, width - 86 - (right.length - 1 - i) * 74));
  return { x, barX };
}

function drawCurrent(items: Item[], t: Tall): void {
  const y = t.y(t.step);
  if (Number.isNaN(y)) return;
  const box = { x: 0, y: y - ROW / 2, w: t.width, h: ROW };
  items.push({ kind: 'rect', box, fill: 'select', role: 'current' }, { kind: 'bracket', box: { x: 1, y: box.y + 1, w: box.w - 2, h: ROW - 2 }, open: 'sides' });
}

function drawLanes(items: Item[], t: Tall, height: number): void {
  for (const l of t.model.lanes) {
    const x = t.x.get(l.id)!;
    items.push(text(x, 16, l.name, { size: 13, weight: 600, anchor: 'middle' }));
    items.push({ kind: 'lane', x1: x, y1: HEAD, x2: x, y2: height, tone: LANE_TONE[l.kind], width: l.kind === 'mem' ? 3 : 1 });
  }
}

function drawSlot(items: Item[], t: Tall, s: Slot, y: number, o: LayoutOptions): void {
  if (s.kind === 'step') {
    const c = s.column;
    const now = t.step >= c.first && t.step <= c.last;
    items.push(text(NUMBER, y + ROW / 2 + 4, `${now ? t.step : c.step}`, { size: 11, anchor: 'middle', tone: now ? 'ink' : 'ink-3', weight: now ? 700 : 400 }));
    items.push({ kind: 'target', box: { x: 0, y, w: t.width, h: ROW }, step: c.step });
    return;
  }
  const [what, how] = o.foldWords(s);
  items.push({ kind: 'rect', box: { x: 0, y: y + 3, w: t.width, h: FOLD - 6 }, fill: 'sunk', role: 'fold' });
  const words = `${s.first} – ${s.last}  ${what}, ${how}`;
  items.push(text(10, y + FOLD / 2 + 4, words.length > 46 ? `${words.slice(0, 45)}…` : words, { tone: 'ink-2' }), text(t.width - 10, y + FOLD / 2 + 4, 'unfold', { anchor: 'end' }));
  items.push({ kind: 'fold', box: { x: 0, y, w: t.width, h: FOLD }, first: s.first, last: s.last, label: `steps ${s.first} to ${s.last}: ${what}, ${how}` });
}

function drawBars(items: Item[], t: Tall): void {
  for (const b of t.model.bars) {
    const open = b.drain === 0 || b.drain > t.step;
    if (b.store > t.step || (t.folded(b.store) && !open && t.folded(b.drain))) continue;
    const x = t.barX.get(`${b.lane}/${b.row}`)!;
    const y1 = t.y(b.store);
    const y2 = open ? Math.max(y1, t.y(t.step) + ROW / 2 - 4) : t.y(b.drain);
    if (Number.isNaN(y1) || Number.isNaN(y2)) continue;
    if (!t.folded(b.store)) items.push({ kind: 'stem', x1: t.x.get(b.lane)!, y1, x2: x, y2: y1, tone: 'cpu' });
    items.push({ kind: 'bar', box: { x: x - 4.5, y: y1, w: 9, h: Math.max(4, y2 - y1) }, open, along: 'y', store: b.store });
  }
}

function drawArrow(items: Item[], a: Arrow, t: Tall): void {
  const finding = a.kind === 'late' || a.kind === 'missing';
  if (finding ? !t.findingShown : a.to > t.step) return;
  if (t.folded(a.to)) return;
  const hidden = t.folded(a.from);
  const y2 = t.y(a.to);
  const y1 = hidden ? y2 : t.y(a.from);
  const x1 = t.x.get(a.fromLane) ?? 0;
  const x2 = t.x.get(a.toLane) ?? 0;
  const right = x2 >= x1 ? 1 : -1;
  const push = (s: [number, number], e: [number, number], tone: Tone, width: number, dash: '' | 'missing' | 'post' = '', path = `M${s[0]} ${s[1]}L${e[0]} ${e[1]}`): void => {
    items.push({ kind: 'arrow', arrow: a.kind, path, from: a.from, to: a.to, start: s, end: e, tone, width, dash });
  };
  switch (a.kind) {
    case 'drain':
      push([(t.barX.get(`${a.fromLane}/${a.text}`) ?? x1) + 4.5, y2], [x2 - 9, y2], 'mem', 1.5);
      return;
    case 'write':
      push([x1 + 7 * right, y2], [x2 - 5 * right, y2], 'mem', 1.5);
      return;
    case 'old':
      push([x1 + 7 * right, y2], [x2 - 12 * right, y2], 'bad', 2, 'missing');
      return;
    case 'read':
      push([x1 + 6 * right, hidden ? y2 : y1 + 3], [x2 - 8 * right, hidden ? y2 : y2 - 3], 'mem', a.racing ? 1.75 : 1.2);
      return;
    case 'post':
    case 'irq':
      if (!hidden) push([x1 + 6 * right, y1 + 3], [x2 - 9 * right, y2 - 4], 'mmio', 2, 'post');
      return;
    case 'late':
      if (!hidden) push([x1 - 8, y1 + 8], [x2 + 6, y2 - 4], 'bad', 1.5, 'missing');
      return;
    case 'missing':
      if (!hidden) push([x1 - 7, y1], [x1 - 8, y2 - 1], 'bad', 2, 'missing', `M${x1 - 7} ${y1}C${x1 - 22} ${y1 + 6} ${x1 - 22} ${y2 - 8} ${x1 - 8} ${y2 - 1}`);
  }
}

function drawMarks(items: Item[], field: LabelField, t: Tall): void {
  for (const m of t.model.marks) {
    if (t.folded(m.step)) continue;
    const x = t.x.get(m.lane) ?? 0;
    const y = t.y(m.step);
    if (m.witness && t.findingShown) items.push({ kind: 'octagon', x, y, r: 9, step: m.step });
    else items.push(markItem(m, x, y, m.step > t.step, t.model));
    field.reserve({ x: x - 9, y: y - 7, w: 18, h: 14 });
  }
}

function drawFinding(items: Item[], field: LabelField, t: Tall): void {
  if (!t.findingShown) return;
  for (const a of t.model.arrows) {
    if (t.folded(a.to) || t.folded(a.from)) continue;
    const lane = t.x.get(a.fromLane) ?? 0;
    const words = (x: number, y: number, s: string, anchor: 'start' | 'end'): TextItem => text(x, y, s, { weight: 650, tone: 'bad', anchor, halo: 'pane', role: 'finding', step: a.to });
    // Between two rows, where no label of a mark stands.
    if (a.kind === 'missing') field.place([words(lane + 52, (t.y(a.from) + t.y(a.to)) / 2 + 4, a.text, 'start'), words(lane + 12, (t.y(a.from) + t.y(a.to)) / 2 + 4, a.text, 'start')]);
    if (a.kind === 'old' && a.to <= t.step) {
      items.push({ kind: 'old', x: t.x.get(MEMORY)!, y: t.y(a.to) });
      const value = t.model.marks.find((m) => m.step === a.to)?.labels.at(-1)?.replace(/^.*→/, '') ?? '';
      field.place([words(t.x.get(MEMORY)! - 12, t.y(a.to) + 4, `old ${value}`, 'end')]);
    }
    if (a.kind === 'late') field.place([words(t.x.get(MEMORY)! - 12, t.y(a.to) + 4, 'too late', 'end')]);
  }
}

function drawLabels(field: LabelField, t: Tall): void {
  const weight = (m: Mark): number => (m.step === t.step ? 0 : m.half !== null || m.witness ? 1 : 2);
  for (const m of t.model.marks.filter((k) => !t.folded(k.step)).sort((a, b) => weight(a) - weight(b) || a.step - b.step)) {
    const x = t.x.get(m.lane) ?? 0;
    const y = t.y(m.step);
    const bad = m.witness && t.findingShown;
    const now = t.step === m.step;
    // A label stands right of the bars that pass its row.
    const bars = t.model.bars.filter((b) => b.lane === m.lane && b.store <= Math.min(m.step, t.step) && (b.drain === 0 || b.drain >= m.step)).map((b) => t.barX.get(`${b.lane}/${b.row}`)! + 10);
    const at = Math.max(x + 12, ...bars);
    const more = { mono: m.mono, role: 'label' as const, step: m.step, halo: now ? ('select' as const) : ('pane' as const), tone: (bad ? 'bad' : m.step > t.step ? 'ink-3' : 'ink') as Tone, weight: bad ? 700 : 400 };
    field.place(m.labels.filter((s) => s !== '').map((s) => text(at, y + 4, s, more)));
  }
}
