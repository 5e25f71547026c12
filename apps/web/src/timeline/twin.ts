// SPDX-License-Identifier: Apache-2.0
/** The table twin of the timeline: a row here is a step there, from the same index. Pure. */
import type { TraceEvent } from '@dmalab/core/base/events';
import { siteOf, siteText, type TraceIndex } from '../trace/index-trace.ts';
import { hex, plainValue, type Names } from '../trace/names.ts';
import { causesOf } from '../trace/words.ts';
import { isOrdering } from '../editor/finding-lines.ts';
import { plainWords } from '../workspace/branch.ts';
import { laneOf, MEMORY } from './model.ts';

export interface TwinRow {
  readonly step: number;
  /** Lane the mark stands on. */
  readonly lane: string;
  readonly agent: string;
  readonly event: string;
  readonly where: string;
  readonly value: string;
  /** Stores that wait after this step, all CPUs. */
  readonly waiting: string;
  readonly because: string;
  readonly source: string;
  readonly note: string;
  /** Belongs to the finding or to a deviation. */
  readonly matters: boolean;
}

export function twinRows(index: TraceIndex, names: Names): TwinRow[] {
  const waiting = new Map<number, string>();
  const f = index.finding;
  const drains = f === null ? [] : [f.late, index.drainOf(f.first), index.drainOf(f.second)];
  return index.events.map((e): TwinRow => {
    if (e.kind === 'store') waiting.set(e.id, names.place(e.address, e.name));
    if (e.kind === 'drain' && e.reach !== 'cpu') waiting.delete(e.store);
    const lane = laneOf(e);
    const note = noteOf(e, index, names);
    const causes = [...new Set(causesOf(e))].filter((c) => c < e.id).sort((a, b) => a - b);
    return {
      step: e.id,
      lane,
      agent: names.agent(lane === MEMORY && e.kind !== 'drain' && e.kind !== 'line-writeback' ? e.agent : lane),
      event: verb(e),
      where: where(e, names, index),
      value: value(e, names),
      waiting: waiting.size === 0 ? 'nothing' : waiting.size > 4 ? `${waiting.size} stores` : [...waiting.values()].join(', '),
      because: causes.length === 0 ? '–' : causes.join(', '),
      source: siteText(siteOf(e)),
      note,
      matters: index.deviates(e.id) || (f !== null && [f.first, f.second, f.witness, f.event.id, ...drains].includes(e.id)),
    };
  });
}

const VERBS: Record<TraceEvent['kind'], string> = {
  machine: 'starts', layout: 'declares', call: 'calls', return: 'returns', store: 'stores', drain: 'receives', load: 'reads', write: 'writes by DMA', rmw: 'changes at once', fence: 'passes a barrier',
  'mmio-write': 'posts', 'mmio-arrive': 'post arrives', 'mmio-read': 'reads a register', 'mmio-take': 'looks at a register', register: 'sets a register', 'irq-raise': 'raises interrupt', 'irq-enter': 'takes interrupt', 'irq-exit': 'leaves interrupt',
  message: 'sends', 'message-take': 'takes a message', translate: 'translates', walk: 'walks', 'iommu-cache': 'remembers', 'iommu-message': 'tells',
  'line-fill': 'fills a line', 'line-writeback': 'line written back', 'line-drop': 'drops a line', maintain: 'maintains a line', 'maintain-done': 'maintenance done', alloc: 'allocates', free: 'frees', map: 'maps', unmap: 'unmaps', sync: 'syncs', 'map-check': 'checks a mapping',
  device: 'goes on', log: 'prints', block: 'waits', wake: 'goes on', finding: 'finding', end: 'ends',
};

function verb(e: TraceEvent): string {
  if (e.kind === 'load' && !e.agent.startsWith('cpu')) return 'reads by DMA';
  if (e.kind === 'mmio-write' && /doorbell|tail/i.test(e.register)) return 'rings doorbell';
  if (e.kind === 'mmio-arrive' && /doorbell|tail/i.test(e.register)) return 'doorbell arrives';
  return VERBS[e.kind];
}

function where(e: TraceEvent, names: Names, index: TraceIndex): string {
  switch (e.kind) {
    case 'store': case 'load': case 'write': case 'rmw':
      return names.place(e.address, e.name);
    case 'drain':
      return names.place(e.address, index.nameOf(e.store));
    case 'mmio-write': case 'mmio-arrive': case 'mmio-read': case 'mmio-take': case 'register':
      return e.register;
    case 'line-fill': case 'line-writeback': case 'line-drop': case 'maintain':
      return hex(e.line);
    case 'alloc': case 'free': case 'layout':
      return hex(e.address);
    case 'map': case 'unmap': case 'sync': case 'map-check':
      return hex(e.dma);
    case 'call': case 'return': case 'fence':
      return e.name;
    case 'irq-raise': case 'irq-exit':
      return `vector ${e.vector}`;
    case 'irq-enter':
      return e.handler;
    case 'block':
      return e.on;
    default:
      return '–';
  }
}

function value(e: TraceEvent, names: Names): string {
  switch (e.kind) {
    case 'store': case 'drain': case 'load': case 'write': case 'rmw':
      return names.value(e.address, e.value);
    case 'mmio-write': case 'mmio-arrive': case 'mmio-read': case 'mmio-take': case 'register':
      return plainValue(e.value);
    case 'alloc': case 'free': case 'map': case 'unmap': case 'sync':
      return `${e.size} B`;
    case 'fence':
      return e.instructions === '' ? 'compiler only' : e.instructions;
    case 'device': case 'log':
      return e.text === '' ? '–' : e.text;
    case 'maintain':
      return e.operation;
    default:
      return '–';
  }
}

function noteOf(e: TraceEvent, index: TraceIndex, names: Names): string {
  const notes: string[] = [];
  const f = index.finding;
  if (f !== null) {
    if (e.id === f.first) notes.push('half 1 of the finding');
    if (e.id === f.second) notes.push(f.event.missing === '' ? 'half 2' : !isOrdering(f.event.missing) ? `half 2; ${f.event.missing}() is missing before it` : `half 2; nothing orders it after ${f.first}`);
    if (e.id === f.witness) notes.push(f.old ? 'finding: old value' : 'finding shows here');
    if (e.id === f.event.id && e.id !== f.witness) notes.push(`finding ${f.event.rule}`);
    if (e.id === f.late) notes.push('too late');
  }
  if (e.kind === 'drain') {
    const ahead = index.overtaken(e.id);
    if (ahead !== null) notes.push(`overtakes ${names.place(ahead.address, ahead.name)} of step ${ahead.id}`);
  }
  if (e.kind === 'load' && e.stale && !(e.id === f?.witness && f.old)) notes.push('old value');
  if (e.kind === 'load' && e.forwarded) notes.push('own waiting store');
  if (e.kind === 'line-drop' && e.lostDirty) notes.push('what it alone held is lost');
  for (const c of e.choices ?? []) if (c.taken !== 0) notes.push(`choice: ${plainWords(c.options[c.taken] ?? c.key)}`);
  return notes.join('; ');
}

/** The rows as comma-separated values, for a spreadsheet. */
export function twinCsv(rows: readonly TwinRow[]): string {
  const quote = (s: string): string => (/[",\n]/.test(s) ? `"${s.replace(/"/g, '""')}"` : s);
  const head = ['step', 'agent', 'event', 'where', 'value', 'waiting after it', 'because of', 'source', 'note'];
  return [head, ...rows.map((r) => [`${r.step}`, r.agent, r.event, r.where, r.value, r.waiting, r.because, r.source, r.note])].map((line) => line.map(quote).join(',')).join('\n');
}
