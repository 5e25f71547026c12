// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { Trace } from '../run/trace.ts';
import { longRun, recordedRun } from '../testing/recorded-run.ts';
import { foldWords, MIN_STEP, type Fold } from './fold.ts';
import { GUTTER, layoutWide, placeColumns, placeLanes } from './layout.ts';
import { layoutTall } from './layout-tall.ts';
import { MEMORY } from './model.ts';
import { overlap, textBox, type Item, type Scene, type TextItem } from './scene.ts';

const failing = new Trace(recordedRun());
const long = new Trace(longRun(40));
const NONE: ReadonlySet<number> = new Set();

function draw(trace: Trace, step: number, width = 1200, tall = false, open = NONE): Scene {
  const words = (f: Fold): readonly [string, string] => foldWords(f, trace.index, (id) => trace.names.agent(id));
  return (tall ? layoutTall : layoutWide)(trace.model, { width, step, open, foldWords: words });
}
const of = <K extends Item['kind']>(scene: Scene, kind: K): (Item & { kind: K })[] => [...scene.items, ...(scene.gutter?.items ?? [])].filter((i): i is Item & { kind: K } => i.kind === kind);
const texts = (scene: Scene): TextItem[] => of(scene, 'text');

/** Every step of both runs, at widths from the narrowest desk to the widest, and the phone. */
const everyScene: readonly (readonly [string, Scene])[] = ([['failing', failing], ['long', long]] as const).flatMap(([name, trace]) =>
  Array.from({ length: trace.length }, (_, i) => i + 1)
    .filter((step) => trace === failing || step % 17 === 1)
    .flatMap((step) => [
      ...[780, 992, 1276, 2000].map((width) => [`${name}, step ${step}, ${width} px`, draw(trace, step, width)] as const),
      [`${name}, step ${step}, phone`, draw(trace, step, 366, true)] as const,
    ]),
);

describe('in every picture', () => {
  it('no label touches another', () => {
    for (const [name, scene] of everyScene) {
      const labels = texts(scene).filter((t) => t.role !== 'frame');
      labels.forEach((a, i) => {
        for (const b of labels.slice(i + 1)) expect(overlap(textBox(a), textBox(b)), `${name}: "${a.text}" and "${b.text}"`).toBe(false);
      });
    }
  });

  it('no label runs into a fold, over the edge of the current step, or across an arrow into memory', () => {
    for (const [name, scene] of everyScene) {
      if (name.endsWith('phone')) continue;
      const lines = of(scene, 'bracket').flatMap(({ box }) => [box.x, box.x + box.w].map((x) => ({ x: x - 0.5, y: box.y, w: 1, h: box.h })));
      const arrows = of(scene, 'arrow').filter((a) => a.start[0] === a.end[0] && a.dash === '').map((a) => ({ x: a.start[0] - 0.5, y: Math.min(a.start[1], a.end[1]), w: 1, h: Math.abs(a.end[1] - a.start[1]) }));
      const folds = of(scene, 'rect').filter((r) => r.role === 'fold').map((r) => r.box);
      const step = Number(/step (\d+)/.exec(name)![1]);
      const current = (name.startsWith('long') ? long : failing).model.columns.find((c) => c.first <= step && step <= c.last)!.step;
      for (const t of texts(scene).filter((k) => k.role === 'label')) {
        for (const b of [...folds, ...(t.step === current ? [] : lines), ...arrows]) expect(overlap(b, textBox(t)), `${name}: "${t.text}" of step ${t.step}`).toBe(false);
      }
    }
  });

  it('arrows point forward in time, and "too late" is the only one that leaves a reader', () => {
    for (const [name, scene] of everyScene) {
      for (const a of of(scene, 'arrow')) {
        expect(a.from, `${name}: ${a.arrow}`).toBeLessThanOrEqual(a.to);
        expect(Math.max(a.end[0] - a.start[0], a.end[1] - a.start[1]), `${name}: ${a.arrow} ${a.from}→${a.to}`).toBeGreaterThanOrEqual(a.arrow === 'late' || a.arrow === 'write' || a.arrow === 'missing' ? -1e9 : 0);
      }
    }
  });

  it('nothing that has not happened is drawn as if it had', () => {
    for (const [name, scene] of everyScene) {
      const step = Number(/step (\d+)/.exec(name)![1]);
      for (const m of of(scene, 'mark')) if (m.step > 0) expect(m.future, `${name}: mark of step ${m.step}`).toBe(m.step > step);
      for (const b of of(scene, 'bar')) expect(b.store, name).toBeLessThanOrEqual(step);
      for (const a of of(scene, 'arrow')) if (a.arrow !== 'late' && a.arrow !== 'missing') expect(a.to, `${name}: ${a.arrow}`).toBeLessThanOrEqual(step);
    }
  });
});

describe('lanes', () => {
  it('stand in a fixed order: CPUs, memory, devices', () => {
    const rows = placeLanes(failing.model.lanes, new Set());
    const y = ['cpu0', MEMORY, 'nic0'].map((l) => rows.lane.get(l)!);
    expect(y).toEqual([...y].sort((a, b) => a - b));
  });

  it('never move while stepping', () => {
    const at = (step: number): (readonly [number, number])[] => of(draw(failing, step), 'lane').map((l) => [l.y1, l.y2] as const);
    for (let s = 2; s <= failing.length; s += 1) expect(at(s)).toEqual(at(1));
  });
});

describe('columns', () => {
  it('are never narrower than a step may be', () => {
    for (const width of [500, 780, 992, 1276, 2400]) {
      for (const trace of [failing, long]) expect(placeColumns(trace.model, { width, open: NONE }).cell).toBeGreaterThanOrEqual(MIN_STEP);
    }
  });

  it('fill the room, and scroll only when even folding is not enough', () => {
    expect(placeColumns(failing.model, { width: 1276, open: NONE }).width).toBe(1276);
    const all = new Set(long.index.events.map((e) => e.id));
    expect(placeColumns(long.model, { width: 1276, open: all }).width).toBeGreaterThan(long.model.columns.length * MIN_STEP);
  });

  it('run from left to right in the order of steps, each step exactly once', () => {
    const cols = placeColumns(long.model, { width: 1276, open: NONE });
    const covered = cols.slots.flatMap((s) => (s.kind === 'fold' ? [[s.first, s.last]] : [[s.column.first, s.column.last]])) as [number, number][];
    let next = 1;
    for (const [a, b] of covered) {
      expect(a).toBe(next);
      next = b + 1;
    }
    expect(next).toBe(long.length + 1);
    expect([...cols.left]).toEqual([...cols.left].sort((a, b) => a - b));
    expect(cols.left[0]).toBe(GUTTER);
  });
});

describe('a waiting store', () => {
  const len1 = failing.index.finding!.first;

  it('is a bar from its store to its drain', () => {
    const scene = draw(failing, failing.length, 2400);
    const bar = of(scene, 'bar').find((b) => b.store === len1)!;
    const cols = placeColumns(failing.model, { width: 2400, open: NONE });
    expect(bar.box.x).toBeCloseTo(cols.x(len1), 5);
    expect(bar.box.x + bar.box.w).toBeCloseTo(cols.x(failing.index.drainOf(len1)), 5);
    expect(bar.open).toBe(false);
  });

  it('stays open at its end while it waits, and says so when it is half of the finding', () => {
    const scene = draw(failing, failing.index.finding!.witness, 1276);
    expect(of(scene, 'bar').find((b) => b.store === len1)!.open).toBe(true);
    expect(texts(scene).map((t) => t.text)).toContain('len = 1514 still waits');
  });
});

describe('the finding', () => {
  const { witness } = failing.index.finding!;
  const words = (step: number): string[] => texts(draw(failing, step, 1276)).map((t) => t.text);

  it('is drawn from the step it shows at: two halves, the missing edge, the old value, the octagon, too late', () => {
    const scene = draw(failing, witness, 1276);
    expect(of(scene, 'half').map((h) => h.n).sort()).toEqual([1, 2]);
    expect(of(scene, 'octagon').map((o) => o.step)).toEqual([witness]);
    expect(words(witness)).toEqual(expect.arrayContaining(['no edge: dma_wmb() is missing', 'old 0', 'too late']));
  });

  it('is not there one step earlier', () => {
    const scene = draw(failing, witness - 1, 1276);
    expect(of(scene, 'octagon')).toEqual([]);
    expect(of(scene, 'half')).toEqual([]);
    expect(words(witness - 1)).not.toContain('too late');
  });

  it('says the same on a phone', () => {
    const phone = texts(draw(failing, witness, 366, true)).map((t) => t.text);
    expect(phone).toEqual(expect.arrayContaining(['no edge: dma_wmb() is missing', 'old 0', 'too late']));
  });

  it('shows the value that came in time as the heaviest read arrow', () => {
    const reads = of(draw(failing, witness, 1276), 'arrow').filter((a) => a.arrow === 'read');
    const heaviest = reads.reduce((a, b) => (b.width > a.width ? b : a));
    expect(heaviest.from).toBe(failing.index.drainOf(failing.index.finding!.second));
  });
});

it('draws only what the window shows of a long open trace, and the same there as without a window', () => {
  const open = new Set(long.index.events.map((e) => e.id));
  const words = (f: Fold): readonly [string, string] => foldWords(f, long.index, (id) => long.names.agent(id));
  const o = { width: 1200, step: 200, open, foldWords: words };
  const all = layoutWide(long.model, o);
  const part = layoutWide(long.model, { ...o, window: { from: 6000, to: 7200 } });
  expect(part.items.length).toBeLessThan(all.items.length / 5);
  expect(part.width).toBe(all.width);
  const inside = (s: Scene): unknown[] => of(s, 'mark').filter((m) => m.x > 6100 && m.x < 7100);
  expect(inside(part)).toEqual(inside(all));
});
