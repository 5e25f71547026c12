// SPDX-License-Identifier: Apache-2.0
/**
 * What the machine pane shows, as plain rows: cards, rings with both views of memory, cache lines. Made from the
 * reducer's state alone, so cards, tables and their twins say the same.
 */
import type { Json, TraceEvent } from '@dmalab/core/base/events';
import { fieldAddress } from '@dmalab/core/base/placed-layout';
import type { DeviceState, LineState, MachineState, PlacedLayout } from '@dmalab/core/base/state';
import type { TraceIndex } from '../trace/index-trace.ts';
import { fieldValue, hex, plainValue, type Names } from '../trace/names.ts';

export interface Cell {
  readonly text: string;
  /** Step that put it there; 0 initial. */
  readonly step: number;
  readonly changed: boolean;
  readonly wrong: boolean;
  readonly known: boolean;
}
export interface SlotRow {
  readonly index: number;
  /** Who may touch it; null when the structure says nothing. */
  readonly owner: 'device' | 'cpu' | null;
  readonly current: boolean;
  readonly memory: readonly Cell[];
  readonly seen: readonly Cell[];
}
export interface RingView {
  readonly layout: PlacedLayout;
  readonly device: string;
  readonly rows: readonly SlotRow[];
}

/** Address the current event touches; -1 for none. */
export function touched(e: TraceEvent | undefined): number {
  return e !== undefined && 'address' in e ? Number(e.address) : -1;
}

/** Address and step of the value the finding is about; null before it shows. */
export function wrongPlace(index: TraceIndex, step: number): { address: number; step: number } | null {
  const f = index.finding;
  if (f === null || step < f.witness) return null;
  const at = touched(index.at(f.witness));
  const address = at >= 0 ? at : touched(index.at(f.first));
  return address < 0 ? null : { address, step: f.witness };
}

export function ringView(layout: PlacedLayout, state: MachineState, index: TraceIndex, step: number): RingView {
  const device = state.devices.get(layout.owner);
  const now = touched(index.at(step));
  const wrong = wrongPlace(index, step);
  const rows: SlotRow[] = [];
  for (let i = 0; i < layout.count; i += 1) {
    const start = layout.address + i * layout.stride;
    const inside = (a: number): boolean => a >= start && a < start + layout.stride;
    const memory = layout.fields.map((f): Cell => {
      const at = fieldAddress(layout, i, f);
      const cell = state.memory.read(at, f.size);
      return { text: fieldValue(f, cell?.value ?? 0), step: Math.max(0, cell?.by ?? 0), changed: cell !== null && cell.by === step, wrong: wrong?.address === at, known: true };
    });
    const seen = layout.fields.map((f): Cell => {
      const at = fieldAddress(layout, i, f);
      const s = device?.seen.get(at);
      return s === undefined ? { text: 'not read', step: 0, changed: false, wrong: false, known: false } : { text: fieldValue(f, s.value), step: s.step, changed: s.step === step, wrong: wrong !== null && wrong.address === at && s.step === wrong.step, known: true };
    });
    rows.push({ index: i, owner: slotOwner(layout, state, i), current: inside(now), memory, seen });
  }
  return { layout, device: layout.owner, rows };
}

function slotOwner(layout: PlacedLayout, state: MachineState, i: number): 'device' | 'cpu' | null {
  const { own } = layout;
  const field = own === null ? undefined : layout.fields.find((f) => f.name === own.field);
  if (own === null || field === undefined) return null;
  const cell = state.memory.read(fieldAddress(layout, i, field), field.size);
  return cell !== null && (Number(cell.value) & own.mask) !== 0 ? 'device' : 'cpu';
}

/** Structures that a device reads: the one the finding is about first, then those whose slots change hands. Fillers are left out. */
export function rings(state: MachineState, index: TraceIndex): readonly PlacedLayout[] {
  const wrong = wrongPlace(index, Infinity)?.address ?? -1;
  const weight = (l: PlacedLayout): number => (wrong >= l.address && wrong < l.address + l.count * l.stride ? 0 : l.own !== null ? 1 : 2);
  return state.layouts
    .filter((l) => l.owner !== '')
    .map((l) => ({ ...l, fields: l.fields.filter((f) => !/^(reserved|pad|_)/.test(f.name)) }))
    .sort((a, b) => weight(a) - weight(b) || a.address - b.address);
}

export interface LineView {
  readonly line: number;
  readonly state: 'absent' | 'clean' | 'dirty' | 'stale';
  readonly changed: boolean;
  readonly holds: string;
  readonly why: string;
}

/** Lines the CPUs hold, and absent ones under memory that is lent to devices, in order of address. */
export function lineViews(state: MachineState, names: Names, step: number): LineView[] {
  const size = state.machine?.lineSize ?? 64;
  const all = new Set<number>(state.lines.keys());
  const cover = (address: number, length: number): void => {
    for (let a = address - (address % size); a < address + length; a += size) all.add(a);
  };
  for (const m of state.mappings.values()) cover(m.address, Math.min(m.size, 32 * size));
  for (const l of state.layouts) if (l.owner === '') cover(l.address, Math.min(l.count * l.stride, 32 * size));
  return [...all]
    .sort((a, b) => a - b)
    .map((line) => {
      const held = state.lines.get(line);
      return { line, state: held === undefined ? 'absent' : held.dirty ? 'dirty' : isStale(held, state) ? 'stale' : 'clean', changed: held?.changed === step, holds: holder(state, names, line, size), why: held === undefined ? '' : `${held.why}, step ${held.changed}` };
    });
}

/** A clean line is stale once memory below it was written by somebody else. */
function isStale(line: LineState, state: MachineState): boolean {
  for (let i = 0; i < line.bytes.length; i += 1) {
    const by = state.memory.byAt(line.line + i);
    if (by > line.filled && by !== line.by[i] && state.memory.byteAt(line.line + i) !== line.bytes[i]) return true;
  }
  return false;
}

function holder(state: MachineState, names: Names, line: number, size: number): string {
  const found = new Set<string>();
  for (const l of state.layouts) if (l.address < line + size && l.address + l.count * l.stride > line) found.add(l.name);
  for (const m of state.mappings.values()) if (m.address < line + size && m.address + m.size > line) found.add(`lent to ${names.agent(m.device)}`);
  for (const a of state.allocations.values()) if (a.address < line + size && a.address + a.size > line) found.add(a.what);
  return [...found].slice(0, 2).join(', ');
}

export interface Fact {
  readonly name: string;
  readonly value: string;
  readonly wrong: boolean;
}

/** What a device says about itself, without its state (which stands in the card's head). Parts of parts are named by both. */
export function deviceFacts(device: DeviceState): Fact[] {
  return flatten('', device.facts).filter((f) => f.name !== 'state');
}

function flatten(prefix: string, facts: Readonly<Record<string, Json>>): Fact[] {
  return Object.entries(facts).flatMap(([key, v]): Fact[] => {
    const name = prefix === '' ? key : `${prefix} ${key}`;
    if (v === null) return [];
    if (typeof v === 'object') return Array.isArray(v) ? [{ name, value: v.map(String).join(', '), wrong: false }] : flatten(name, v as Readonly<Record<string, Json>>);
    return [{ name, value: typeof v === 'number' ? plainValue(v) : String(v).replace(/0x[0-9a-f]{5,}/g, (h) => hex(BigInt(h))), wrong: false }];
  });
}

export function deviceWord(device: DeviceState | undefined): string {
  const word = device?.facts['state'];
  return typeof word === 'string' ? word : 'idle';
}
