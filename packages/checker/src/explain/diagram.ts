// SPDX-License-Identifier: Apache-2.0
/**
 * The space-time diagram in text. Time runs right, one column an event that
 * matters; lanes are CPUs, their waiting stores, memory, devices. The two halves
 * of a finding are ① and ②, the missing edge is named above them, ✗ is
 * where it showed. Runs of steps that do not matter fold into ⋯ and are told
 * below. A trace too wide for one band goes on in another.
 */
import type { Site, TraceEvent } from '@dmalab/core/base/events';
import { agentText, placeText } from '@dmalab/core/base/format';
import { apply, createState } from '@dmalab/core/base/reducer';
import { sentence } from '@dmalab/core/base/sentence';
import type { MachineState } from '@dmalab/core/base/state';
import { MEMORY, markOf, type Mark } from './marks.ts';

/** What of a finding the picture needs; a sanitizer's finding is one. */
export interface DrawnFinding {
  readonly rule: string;
  readonly sentence: string;
  readonly first: number;
  readonly second: number;
  readonly firstSite?: Site | null;
  readonly secondSite?: Site | null;
  /** Event at which it showed. */
  readonly step: number;
  readonly missing: string;
  readonly detail?: unknown;
}

interface Column {
  /** Events in it; more than one when folded. */
  readonly marks: readonly Mark[];
  readonly folded: boolean;
  readonly text: string;
  /** `21`, `3–15`. */
  readonly steps: string;
  /** Lanes it writes into; none: all of them (a fold). */
  readonly lanes: readonly string[];
}

const LABEL_WIDTH = 9;
/** Columns keep at least this distance; a label may run on under its neighbour when that one is in another lane. */
const STEP = 4;
/** Shorter runs are not worth a fold, unless space is short. */
const FOLD_FROM = 3;
const OLD = '□old ';

export function spaceTime(events: readonly TraceEvent[], finding?: DrawnFinding | null, options: { readonly width?: number } = {}): string[] {
  const width = Math.max(60, options.width ?? 100);
  const state = createState();
  for (const event of events) apply(state, event);
  const scene = new Scene(events, finding ?? null, state);
  const columns = scene.columns(width - LABEL_WIDTH);
  if (columns.length === 0) return [];
  const lines: string[] = [];
  for (const band of bands(columns, width - LABEL_WIDTH)) lines.push(...(lines.length > 0 ? [''] : []), ...scene.band(band));
  return [...lines, '', ...scene.notes(columns, width)];
}

class Scene {
  readonly #byId: ReadonlyMap<number, TraceEvent>;
  readonly #marks: readonly Mark[];
  readonly #finding: DrawnFinding | null;
  readonly #state: MachineState;
  readonly #shown: ReadonlySet<number>;
  readonly #drainOf = new Map<number, number>();
  /** Where the finding showed. */
  readonly #bad: number;

  constructor(events: readonly TraceEvent[], finding: DrawnFinding | null, state: MachineState) {
    this.#byId = new Map(events.map((e) => [e.id, e]));
    this.#finding = finding;
    this.#state = state;
    for (const e of events) if (e.kind === 'drain' && e.reach !== 'cpu') this.#drainOf.set(e.store, e.id);
    this.#bad = finding === null ? 0 : (numberOf(finding.detail, 'read') ?? finding.step);
    this.#shown = this.#essential(events);
    const last = finding === null ? Infinity : Math.max(...this.#shown);
    this.#marks = events.flatMap((e) => markOf(e, state) ?? []).filter((m) => m.id <= last);
  }

  /** Never folded: the halves, what they became, how the observer learnt, where it showed, and each deviation from the plain run. */
  #essential(events: readonly TraceEvent[]): Set<number> {
    const ids = new Set<number>();
    const add = (id: number | undefined): void => {
      if (id !== undefined && id > 0) ids.add(id);
    };
    const finding = this.#finding;
    if (finding !== null) {
      for (const id of [finding.first, finding.second, this.#bad, numberOf(finding.detail, 'learnt'), numberOf(finding.detail, 'written')]) add(id);
      for (const id of [...ids]) {
        add(this.#drainOf.get(id));
        const event = this.#byId.get(id);
        if (event?.kind === 'load') add(event.from);
        if (event?.kind === 'mmio-take') add(event.write);
        if (event?.kind === 'mmio-arrive') add(event.write);
      }
    }
    for (const e of events) {
      if (e.choices?.some((c) => c.taken !== 0) === true) add(e.id);
      if (finding === null && (e.kind === 'mmio-write' || e.kind === 'irq-enter' || e.kind === 'finding')) add(e.id);
    }
    return ids;
  }

  /** Folds until the columns fit, nearest the start first; what cannot fold stays. */
  columns(space: number): Column[] {
    const runs: { marks: Mark[]; keep: boolean; fold: boolean }[] = [];
    for (const mark of this.#marks) {
      const keep = this.#shown.has(mark.id);
      const last = runs.at(-1);
      if (keep || last === undefined || last.keep) runs.push({ marks: [mark], keep, fold: false });
      else last.marks.push(mark);
    }
    for (const run of runs) run.fold = !run.keep && run.marks.length >= FOLD_FROM;
    const build = (): Column[] => runs.flatMap((run) => (run.fold ? [this.#folded(run.marks)] : run.marks.map((m) => this.#column(m))));
    for (const run of runs) {
      if (positions(build()).end <= space) break;
      if (!run.keep) run.fold = true;
    }
    return build();
  }

  #column(mark: Mark): Column {
    const half = this.#half(mark.id);
    const text = `${half}${mark.id === this.#bad ? '✗' : mark.glyph}${mark.label}`;
    return { marks: [mark], folded: false, text, steps: String(mark.id), lanes: mark.id === this.#bad && this.#readsOld() ? [mark.lane, MEMORY] : [mark.lane] };
  }
  #folded(marks: readonly Mark[]): Column {
    return { marks, folded: true, text: '⋯', steps: stepsText(marks), lanes: [] };
  }

  #half(id: number): string {
    return id === 0 || this.#finding === null ? '' : id === this.#finding.first ? '①' : id === this.#finding.second ? '②' : '';
  }

  band(columns: readonly Column[]): string[] {
    const { x, end: size } = positions(columns);
    const row = (fill: string): string[] => Array.from({ length: size }, () => fill);
    const lines: string[] = [];
    const push = (label: string, cells: readonly string[]): void => {
      lines.push(`${label.padEnd(LABEL_WIDTH)}${cells.join('')}`.trimEnd());
    };

    const steps = row(' ');
    columns.forEach((c, i) => write(steps, x[i] ?? 0, c.steps));
    push('step', steps);
    const edge = this.#edge(columns, x, row(' '));
    for (const cells of edge) push('', cells);

    for (const lane of this.#lanes()) {
      const cells = row('─');
      columns.forEach((c, i) => {
        const here = x[i] ?? 0;
        if (c.folded) write(cells, here, '⋯'.repeat(c.steps.length));
        else if (c.marks[0]?.lane === lane) write(cells, here, `${c.text} `);
        else if (c.lanes.includes(lane)) write(cells, here, OLD);
      });
      push(lane === MEMORY ? 'memory' : agentText(this.#state, lane), cells);
      if (this.#state.cpus.has(lane)) for (const [label, waiting] of this.#waiting(lane, columns, x, row)) push(label, waiting);
    }
    return lines;
  }

  #lanes(): string[] {
    const used = new Set(this.#marks.map((m) => m.lane));
    const cpus = [...this.#state.cpus.keys()].filter((id) => used.has(id)).sort();
    const devices = [...this.#state.devices.keys()].filter((id) => used.has(id)).sort();
    return [...cpus, MEMORY, ...devices];
  }

  /** The finding is a value that memory still held. */
  #readsOld(): boolean {
    return this.#byId.get(this.#bad)?.kind === 'load';
  }

  /** The arc from one half to the other, and its name. */
  #edge(columns: readonly Column[], x: readonly number[], cells: string[]): string[][] {
    const finding = this.#finding;
    if (finding === null || finding.missing === '') return [];
    const find = (id: number): number => columns.findIndex((c) => !c.folded && c.marks[0]?.id === id);
    const from = find(finding.first);
    const to = find(finding.second);
    if (from === -1 || to === -1) return [];
    const a = Math.min(x[from] ?? 0, x[to] ?? 0);
    const b = Math.max(x[from] ?? 0, x[to] ?? 0);
    const name = `no edge: ${finding.missing}() is missing`;
    const arc = [...cells];
    for (let i = a; i <= b && i < arc.length; i += 1) arc[i] = i === a ? '╭' : i === b ? '╮' : '╌';
    const label = Array.from({ length: Math.max(cells.length, a + name.length) }, () => ' ');
    write(label, a, name);
    return [label, arc];
  }

  /** A bar for each store that stays in its CPU past the next column. */
  #waiting(cpu: string, columns: readonly Column[], x: readonly number[], row: (fill: string) => string[]): [string, string[]][] {
    const rows = new Map<string, string[]>();
    columns.forEach((column, i) => {
      const store = column.folded ? undefined : this.#byId.get(column.marks[0]?.id ?? 0);
      // Of a failing run only the stores that matter: others wait, too, and say nothing.
      if (store?.kind !== 'store' || store.agent !== cpu || (this.#finding !== null && !this.#shown.has(store.id))) return;
      const drain = this.#drainOf.get(store.id);
      const to = drain === undefined ? columns.length : columns.findIndex((c) => c.marks.some((m) => m.id === drain));
      const end = to === -1 ? columns.length : to;
      if (end <= i + 1) return;
      const name = placeText(this.#state, Number(store.address), store.name);
      const cells = rows.get(name) ?? row(' ');
      const start = x[i] ?? 0;
      const stop = end === columns.length ? cells.length : (x[end] ?? cells.length);
      for (let c = start; c < stop; c += 1) cells[c] = '▒';
      const words = ` ${name} waits `;
      if (stop - start > words.length + 3) write(cells, start + 2, words);
      write(cells, stop - 1, end === columns.length ? '▷' : '▒');
      if (end < columns.length && stop < cells.length) cells[stop] = '╯';
      rows.set(name, cells);
    });
    return [...rows].map(([, cells], i) => [i === 0 ? ' waiting' : '', cells]);
  }

  notes(columns: readonly Column[], width: number): string[] {
    const lines: string[] = [];
    const add = (head: string, text: string): void => {
      lines.push(...wrap(head, text, width));
    };
    const finding = this.#finding;
    const tell = (id: number, site: Site | null | undefined): string => {
      const event = this.#byId.get(id);
      const where = site === null || site === undefined ? '' : `${site.file}:${site.line}  `;
      return `step ${id}  ${where}${event === undefined ? '' : sentence(event, this.#state)}`;
    };
    if (finding !== null) {
      if (finding.first > 0) add('①', tell(finding.first, finding.firstSite));
      if (finding.second > 0) add('②', tell(finding.second, finding.secondSite));
      if (this.#bad !== finding.first && this.#bad !== finding.second && this.#marks.some((m) => m.id === this.#bad)) add('✗', tell(this.#bad, null));
      const late = this.#drainOf.get(finding.first);
      if (late !== undefined && late > this.#bad) add(' ', `step ${late}  ${sentence(this.#byId.get(late) ?? neverEvent(), this.#state).replace(/\.$/, '')}: too late.`);
    }
    for (const column of columns) if (column.folded) add('⋯', `${column.marks.length === 1 ? 'step' : 'steps'} ${stepsText(column.marks)}  ${countText(column.marks)}`);
    return lines;
  }
}

function neverEvent(): TraceEvent {
  throw new RangeError('a drain without its event');
}

/** Cuts columns into bands that fit. */
function bands(columns: readonly Column[], space: number): Column[][] {
  const result: Column[][] = [];
  let band: Column[] = [];
  for (const column of columns) {
    if (band.length > 0 && positions([...band, column]).end > space) {
      result.push(band);
      band = [];
    }
    band.push(column);
  }
  if (band.length > 0) result.push(band);
  return result;
}

/** Where each column begins, and how wide they are together. */
function positions(columns: readonly Column[]): { readonly x: readonly number[]; readonly end: number } {
  const x: number[] = [];
  /** First free cell of each lane; of the header; of everything. */
  const free = new Map<string, number>();
  let header = 0;
  /** What a fold covers, it covers in every lane. */
  let folds = 0;
  let end = 0;
  columns.forEach((column, i) => {
    const before = i === 0 ? 0 : (x[i - 1] ?? 0) + STEP;
    const lanes = column.folded ? end : Math.max(0, ...column.lanes.map((lane) => free.get(lane) ?? 0));
    const here = Math.max(before, header, lanes, folds);
    x.push(here);
    header = here + column.steps.length + 1;
    if (column.folded) folds = here + column.steps.length + 2;
    column.lanes.forEach((lane, j) => free.set(lane, here + (j === 0 ? column.text.length : OLD.length) + 1));
    end = Math.max(end, header, here + (column.folded ? column.steps.length + 2 : Math.max(column.text.length, column.lanes.length > 1 ? OLD.length : 0) + 1));
  });
  return { x, end };
}

function stepsText(marks: readonly Mark[]): string {
  const first = marks[0]?.id ?? 0;
  const last = marks.at(-1)?.id ?? first;
  return first === last ? String(first) : `${first}–${last}`;
}

function countText(marks: readonly Mark[]): string {
  const counts = new Map<string, number>();
  for (const { noun } of marks) counts.set(noun, (counts.get(noun) ?? 0) + 1);
  return `${[...counts].map(([noun, n]) => (n === 1 ? `1 ${singular(noun)}` : `${n} ${noun}`)).join(', ')}.`;
}

const SINGULAR: Readonly<Record<string, string>> = {
  stores: 'store', 'stores that reach memory': 'store that reaches memory', reads: 'read', writes: 'write', atomics: 'atomic', barriers: 'barrier', 'register writes': 'register write',
  'register writes that arrive': 'register write that arrives', 'register reads': 'register read', 'wake-ups': 'wake-up', 'interrupts raised': 'interrupt raised', 'interrupts taken': 'interrupt taken',
  'line fills': 'line fill', 'lines written back': 'line written back', 'lines dropped': 'line dropped', 'DMA calls': 'DMA call',
};
const singular = (noun: string): string => SINGULAR[noun] ?? noun;

function write(cells: string[], at: number, text: string): void {
  for (let i = 0; i < text.length && at + i < cells.length; i += 1) cells[at + i] = text.charAt(i);
}

function wrap(head: string, text: string, width: number): string[] {
  const lines: string[] = [];
  let line = `${head.padEnd(2)}`;
  for (const word of text.split(' ')) {
    if (line.length + word.length + 1 > width && line.trim() !== '') {
      lines.push(line.trimEnd());
      line = '   ';
    }
    line += ` ${word}`;
  }
  lines.push(line.trimEnd());
  return lines;
}

function numberOf(detail: unknown, key: string): number | undefined {
  if (typeof detail !== 'object' || detail === null) return undefined;
  const value: unknown = (detail as Readonly<Record<string, unknown>>)[key];
  return typeof value === 'number' ? value : undefined;
}
