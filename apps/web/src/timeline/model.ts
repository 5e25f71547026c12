// SPDX-License-Identifier: Apache-2.0
/**
 * What the space-time diagram draws, before any geometry: a column for each step, marks on lanes, bars for stores
 * that wait, arrows between steps. The picture and its table twin are both made from this, so they cannot disagree.
 */
import type { TraceEvent } from '@dmalab/core/base/events';
import { deviceOf } from '@dmalab/core/base/reducer';
import { isOrdering } from '../editor/finding-lines.ts';
import type { TraceIndex } from '../trace/index-trace.ts';
import type { Names } from '../trace/names.ts';
import { labelsOf } from './labels.ts';

export type Shape = 'cpu' | 'mem' | 'dev' | 'iommu' | 'bell' | 'barrier' | 'fault' | 'tick';
export interface Lane {
  readonly id: string;
  readonly kind: 'cpu' | 'mem' | 'iommu' | 'dev';
  readonly name: string;
  /** Rows for stores that wait, below a CPU: one a field. */
  readonly rows: readonly string[];
}
export interface Mark {
  readonly step: number;
  readonly lane: string;
  readonly shape: Shape;
  readonly filled: boolean;
  /** Longest first; a label gives way by falling back to the next, then to nothing. */
  readonly labels: readonly string[];
  readonly mono: boolean;
  /** One of the two halves of the finding. */
  readonly half: 1 | 2 | null;
  /** The step the finding shows at. */
  readonly witness: boolean;
}
export interface Bar {
  readonly store: number;
  /** Step of the drain; 0 while there is none. */
  readonly drain: number;
  readonly lane: string;
  readonly row: string;
  /** `len = 1514`, for the words in the bar. */
  readonly text: string;
  readonly half: 1 | 2 | null;
}
/** `late` is the only arrow that points from a reader to what it missed. */
export type ArrowKind = 'drain' | 'write' | 'read' | 'old' | 'post' | 'irq' | 'late' | 'missing';
export interface Arrow {
  readonly kind: ArrowKind;
  readonly from: number;
  readonly to: number;
  readonly fromLane: string;
  readonly toLane: string;
  /** Between the two halves of the finding. */
  readonly racing: boolean;
  /** Words beside it; for a drain, the waiting row it leaves, '' when the store did not wait. */
  readonly text: string;
}
/** A column: the step that has a mark, and bookkeeping steps (log, finding, layout …) that came with it. */
export interface Column {
  readonly step: number;
  readonly first: number;
  readonly last: number;
}
export interface TimelineModel {
  readonly lanes: readonly Lane[];
  readonly columns: readonly Column[];
  /** By step. */
  readonly marks: readonly Mark[];
  /** By the step of their store. */
  readonly bars: readonly Bar[];
  /** By the step they reach. */
  readonly arrows: readonly Arrow[];
  /** Lanes that carry the arc of a missing edge, and need room for it. */
  readonly arcLanes: ReadonlySet<string>;
  /** Steps that never fold. */
  readonly keep: ReadonlySet<number>;
  readonly missing: { readonly first: number; readonly second: number; readonly name: string } | null;
  readonly witness: number;
  /** The step from which the finding is known; the picture shows it only from its witness on. */
  readonly findingStep: number;
}

/** Steps without a mark of their own. They belong to the column of the step before them. */
const QUIET: ReadonlySet<TraceEvent['kind']> = new Set(['machine', 'layout', 'finding', 'end', 'log', 'return', 'block', 'wake', 'map-check', 'maintain-done', 'register', 'alloc', 'free', 'message', 'message-take', 'walk', 'iommu-cache']);

export const MEMORY = 'memory';

export function buildModel(index: TraceIndex, names: Names): TimelineModel {
  const finding = index.finding;
  const witness = finding?.witness ?? 0;
  const half = (step: number): Mark['half'] => (finding === null ? null : step === finding.first ? 1 : step === finding.second ? 2 : null);
  const marks: Mark[] = [];
  const bars: Bar[] = [];
  const arrows: Arrow[] = [];
  const columns: { step: number; first: number; last: number }[] = [];
  const rows = new Map<string, string[]>();

  for (const e of index.events) {
    const last = columns.at(-1);
    const quiet = QUIET.has(e.kind) || (e.kind === 'device' && e.text === '');
    if (quiet && half(e.id) === null && e.id !== witness) {
      if (last === undefined) columns.push({ step: e.id, first: e.id, last: e.id });
      else last.last = e.id;
      continue;
    }
    // Bookkeeping before the first mark (machine, layout) shares its column.
    const opening = columns.length === 1 && marks.length === 0 && last !== undefined;
    if (opening) Object.assign(last, { step: e.id, last: e.id });
    else columns.push({ step: e.id, first: e.id, last: e.id });
    marks.push(markOf(e, names, index, half(e.id), e.id === witness));
    addArrows(arrows, e, index, names, half);
    if (e.kind === 'store') addBar(bars, rows, e, index, names, half(e.id));
  }
  if (finding !== null) addFinding(arrows, finding, index, laneOf);
  arrows.sort((a, b) => a.to - b.to);

  const lanes = buildLanes(names, index, rows);
  const missing = finding !== null && finding.first > 0 && finding.second > 0 && finding.event.missing !== '' ? { first: finding.first, second: finding.second, name: finding.event.missing } : null;
  const arcLanes = new Set(arrows.filter((a) => a.kind === 'missing').map((a) => a.fromLane));
  return { lanes, columns, marks, bars, arrows, arcLanes, keep: keepSet(index, marks, arrows), missing, witness, findingStep: finding?.event.id ?? 0 };
}

/** The lane an event's mark stands on. */
export function laneOf(e: TraceEvent): string {
  if (e.kind === 'drain' || e.kind === 'line-writeback') return MEMORY;
  return e.agent === 'machine' ? MEMORY : deviceOf(e.agent);
}

function markOf(e: TraceEvent, names: Names, index: TraceIndex, half: Mark['half'], witness: boolean): Mark {
  const lane = laneOf(e);
  const agentShape: Shape = lane === MEMORY ? 'mem' : names.shape(lane);
  const { labels, mono } = labelsOf(e, names, index);
  const base = { step: e.id, lane, labels, mono, half, witness };
  switch (e.kind) {
    case 'mmio-write':
    case 'mmio-arrive':
    case 'mmio-read':
    case 'irq-raise':
    case 'irq-enter':
      return { ...base, shape: 'bell', filled: e.kind === 'mmio-write' || e.kind === 'irq-raise' };
    case 'fence':
    case 'maintain':
      return { ...base, shape: 'barrier', filled: true };
    case 'call':
    case 'irq-exit':
      return { ...base, shape: 'tick', filled: false };
    case 'map':
      return { ...base, shape: e.error ? 'fault' : agentShape, filled: !e.error };
    case 'line-drop':
      return { ...base, shape: e.lostDirty ? 'fault' : agentShape, filled: false };
    case 'store':
    case 'drain':
    case 'write':
    case 'rmw':
    case 'device':
    case 'unmap':
    case 'sync':
    case 'line-writeback':
      return { ...base, shape: agentShape, filled: true };
    default:
      return { ...base, shape: agentShape, filled: false };
  }
}

/** A store that drains in the very next step waits for nothing that could be seen. */
function hasBar(e: TraceEvent, index: TraceIndex, half: Mark['half']): boolean {
  return index.waits(e.id) || half === 1 || half === 2;
}

function addBar(bars: Bar[], rows: Map<string, string[]>, e: TraceEvent & { kind: 'store' }, index: TraceIndex, names: Names, half: Mark['half']): void {
  if (!hasBar(e, index, half)) return;
  const drain = index.drainOf(e.id);
  const row = names.short(e.address, e.name);
  const list = rows.get(e.agent) ?? [];
  if (!list.includes(row)) list.push(row);
  rows.set(e.agent, list);
  bars.push({ store: e.id, drain, lane: e.agent, row, text: `${row} = ${names.value(e.address, e.value)}`, half });
}

function addArrows(arrows: Arrow[], e: TraceEvent, index: TraceIndex, names: Names, half: (step: number) => Mark['half']): void {
  const lane = laneOf(e);
  const arrow = (kind: ArrowKind, from: number, to: number, fromLane: string, toLane: string, racing = false, text = ''): void => {
    arrows.push({ kind, from, to, fromLane, toLane, racing, text });
  };
  if (e.kind === 'drain') {
    const store = index.at(e.store);
    if (store?.kind === 'store') arrow('drain', e.store, e.id, store.agent, MEMORY, false, hasBar(store, index, half(store.id)) ? names.short(store.address, store.name) : '');
  } else if (e.kind === 'load' || (e.kind === 'rmw' && e.from > 0)) {
    if (e.kind === 'load' && (e.stale || (index.finding?.witness === e.id && index.finding.old))) arrow('old', e.id, e.id, MEMORY, lane);
    else if (e.from > 0 && !(e.kind === 'load' && e.forwarded)) arrow('read', e.from, e.id, MEMORY, lane, isRacing(e.from, index));
  }
  if (e.kind === 'write' || e.kind === 'rmw') arrow('write', e.id, e.id, lane, MEMORY);
  if (e.kind === 'line-writeback') arrow('write', e.id, e.id, e.agent, MEMORY);
  if (e.kind === 'mmio-arrive' && e.write > 0) arrow('post', e.write, e.id, deviceOf(index.at(e.write)?.agent ?? lane), lane);
  if (e.kind === 'irq-enter' && e.raise > 0) arrow('irq', e.raise, e.id, deviceOf(index.at(e.raise)?.agent ?? lane), lane);
}

/** Whether a value came from half 2 of the finding: the one that arrived in time. */
function isRacing(from: number, index: TraceIndex): boolean {
  const second = index.finding?.second ?? 0;
  return second > 0 && (from === second || index.drainOf(second) === from);
}

function addFinding(arrows: Arrow[], f: NonNullable<TraceIndex['finding']>, index: TraceIndex, lane: (e: TraceEvent) => string): void {
  const witness = index.at(f.witness);
  const late = index.at(f.late);
  if (witness !== undefined && late !== undefined) arrows.push({ kind: 'late', from: f.witness, to: f.late, fromLane: lane(witness), toLane: MEMORY, racing: true, text: 'too late' });
  const first = index.at(f.first);
  const second = index.at(f.second);
  if (first !== undefined && second !== undefined && f.event.missing !== '' && f.first < f.second) {
    arrows.push({ kind: 'missing', from: f.first, to: f.second, fromLane: lane(first), toLane: lane(second), racing: true, text: isOrdering(f.event.missing) ? `no edge: ${f.event.missing}() is missing` : `${f.event.missing}() is missing` });
  }
}

/** Fixed order: CPUs with their waiting rows, memory, IOMMU, devices. */
function buildLanes(names: Names, index: TraceIndex, rows: ReadonlyMap<string, string[]>): Lane[] {
  const seen = new Set<string>();
  for (const e of index.events) if (!QUIET.has(e.kind)) seen.add(laneOf(e));
  const declared = [...new Set(names.agents.map((a) => deviceOf(a.id)))];
  const ids = [...declared, ...[...seen].filter((id) => !declared.includes(id) && id !== MEMORY).sort()];
  const of = (kind: 'cpu' | 'iommu' | 'dev'): Lane[] => ids.filter((id) => names.shape(id) === kind).map((id) => ({ id, kind, name: names.agent(id), rows: rows.get(id) ?? [] }));
  return [...of('cpu'), { id: MEMORY, kind: 'mem', name: 'memory', rows: [] }, ...of('iommu'), ...of('dev')];
}

/** Never folded: the racing pair, its drains and reader, deviations, and a message whose other end is kept. */
function keepSet(index: TraceIndex, marks: readonly Mark[], arrows: readonly Arrow[]): Set<number> {
  const keep = new Set<number>();
  for (const m of marks) if (m.half !== null || m.witness) keep.add(m.step);
  const f = index.finding;
  if (f !== null) for (const s of [f.witness, f.late, index.drainOf(f.first), index.drainOf(f.second)]) if (s > 0) keep.add(s);
  for (const a of arrows) if (a.racing) keep.add(a.from).add(a.to);
  for (const e of index.events) if (index.deviates(e.id)) keep.add(e.id);
  for (const a of arrows) if ((a.kind === 'post' || a.kind === 'irq') && (keep.has(a.from) || keep.has(a.to))) keep.add(a.from).add(a.to);
  return keep;
}
