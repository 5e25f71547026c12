// SPDX-License-Identifier: Apache-2.0
/**
 * The naive enumerator, part 4: cache lines that devices do not see. Given who
 * reads from whom and what is ordered before what, is there one order of all
 * moments in which lines that move by themselves at any time give these values?
 * Tries every order and, between any two moments, every prefetch, eviction
 * and write-back of every line.
 */
import { lineOf } from './models.ts';
import { closure, type Relation } from './relation.ts';
import type { NaiveEvent } from './runs.ts';

/** A read of a byte (or unit) and the write it takes it from; -1 is the initial content. */
export interface Taken {
  readonly r: number;
  readonly byte: string;
  readonly from: number;
}
interface Line {
  state: 'absent' | 'clean' | 'dirty';
  /** By unit: who wrote what the CPUs' side holds, and what memory holds. */
  readonly cache: Record<string, number>;
  readonly memory: Record<string, number>;
  /** By unit: the write or the fill that put it there. */
  readonly version: Record<string, string>;
  /** Counts what changed anything: two fills in between are alike. */
  epoch: number;
}
/** What a load of a CPU was like at one of its moments. */
interface Look {
  readonly version: string;
  /** The last store of a CPU to the unit so far, -1 for none; and the newest of its own that had not left. */
  readonly stored: number;
  readonly waiting: number;
}
interface State {
  done: Set<number>;
  lines: Map<number, Line>;
  /** By unit: the CPUs' last store. */
  stored: Record<string, number>;
  /** By `event/unit`. */
  forCpus: Map<string, Look>;
  forAll: Map<string, Look>;
}

/** Lines that an event belongs to, if its line is one the CPUs' side holds. */
export function heldLines(events: readonly NaiveEvent[]): Set<number> {
  const lines = new Set<number>();
  for (const e of events) if (e.kind === 'C' && e.line !== undefined) lines.add(e.line);
    else if (e.cpu && inRam(e) && !e.uncached) lines.add(lineOfEvent(e));
  for (const e of events) if (e.cpu && inRam(e) && e.uncached && lines.has(lineOfEvent(e))) throw new RangeError('one line is used through the cache and past it');
  return lines;
}
const inRam = (e: NaiveEvent): boolean => (e.kind === 'R' || e.kind === 'W') && !e.mmio && e.bytes[0]?.at.startsWith('ram') === true;
export const lineOfEvent = (e: NaiveEvent): number => (e.kind === 'C' ? (e.line ?? -1) : inRam(e) ? lineOf(Number(e.bytes[0]?.at.split(':')[1])) : -1);

/**
 * @param order  what comes before what, by moment
 * @param moment of an event for the CPUs and for everyone; the same where it has one only
 */
export function linesRight(events: readonly NaiveEvent[], lines: ReadonlySet<number>, taken: readonly Taken[], order: Relation, moment: (event: number) => { readonly cpu: number; readonly all: number }): boolean {
  const ours = events.flatMap((e, i) => (lines.has(lineOfEvent(e)) ? [i] : []));
  const steps = ours.flatMap((i) => {
    const { cpu, all } = moment(i);
    return cpu === all ? [{ event: i, node: all, cpu: true, all: true }] : [{ event: i, node: cpu, cpu: true, all: false }, { event: i, node: all, cpu: false, all: true }];
  });
  const before = closure(order);
  const at = (i: number): NaiveEvent => events[i] as NaiveEvent; // i is an index of events
  const units = [...new Set(ours.flatMap((i) => at(i).bytes.map((b) => b.at)))];
  const unitsOf = (line: number): string[] => units.filter((u) => lineOf(Number(u.split(':')[1])) === line);
  const sourceOf = (r: number, unit: string): number => taken.find((x) => x.r === r && x.byte === unit)?.from ?? -1;
  const dead = new Set<string>();

  const copy = (s: State): State => ({ done: new Set(s.done), lines: new Map([...s.lines].map(([k, l]) => [k, { ...l, cache: { ...l.cache }, memory: { ...l.memory }, version: { ...l.version } }])), stored: { ...s.stored }, forCpus: new Map(s.forCpus), forAll: new Map(s.forAll) });
  const keyOf = (s: State): string => JSON.stringify([[...s.done].sort((a, b) => a - b), [...s.lines], [...s.forCpus], [...s.forAll]]);
  /** The newest own store to the unit that is before `i` in program order and has not left. */
  const waiting = (s: State, i: number, unit: string): number => {
    const own = ours.filter((w) => at(w).kind === 'W' && at(w).agent === at(i).agent && at(w).index < at(i).index && at(w).bytes.some((b) => b.at === unit) && !s.done.has(moment(w).all));
    return own.length === 0 ? -1 : own.reduce((a, b) => (at(a).index > at(b).index ? a : b));
  };

  const load = (s: State, line: Line, i: number, step: { readonly cpu: boolean; readonly all: boolean }): boolean => {
    for (const { at: unit } of at(i).bytes) {
      const from = sourceOf(i, unit);
      const look: Look = { version: line.state === 'absent' ? '' : (line.version[unit] ?? ''), stored: s.stored[unit] ?? -1, waiting: waiting(s, i, unit) };
      if (step.all) {
        const version = look.waiting >= 0 ? `s${look.waiting}` : look.version;
        if (look.waiting >= 0 ? from !== look.waiting : line.state === 'absent' || line.cache[unit] !== from) return false;
        const cpu = s.forCpus.get(`${i}/${unit}`);
        if (cpu !== undefined && !step.cpu && cpu.version !== version && `s${cpu.waiting}` !== version && `s${cpu.stored}` !== version) return false;
        for (const other of ours) {
          const seen = s.forAll.get(`${other}/${unit}`);
          if (seen === undefined || at(other).agent !== at(i).agent || at(other).index < at(i).index || seen.version === version) continue;
          // It was performed before this older load, and may be newer only by an own store in between.
          const store = seen.version.startsWith('s') ? Number(seen.version.slice(1)) : -1;
          if (store < 0 || at(store).agent !== at(i).agent || at(store).index < at(i).index) return false;
        }
        s.forAll.set(`${i}/${unit}`, { ...look, version });
      }
      if (step.cpu) {
        const all = s.forAll.get(`${i}/${unit}`);
        if (!step.all && all !== undefined) {
          const store = all.version.startsWith('s') ? Number(all.version.slice(1)) : -1;
          if (store >= 0 ? look.stored !== store && look.waiting !== store : look.stored !== all.stored) return false;
        }
        s.forCpus.set(`${i}/${unit}`, look);
      }
    }
    return true;
  };

  /** Performs one moment; `false`: it does not fit. */
  const perform = (s: State, step: (typeof steps)[number]): boolean => {
    const { event: i } = step;
    const e = at(i);
    const line = s.lines.get(lineOfEvent(e));
    if (line === undefined) return false;
    if (e.kind === 'C') {
      if (e.operation !== 'invalidate') writeBack(line);
      if (e.operation !== 'clean') {
        if (line.state === 'dirty') line.epoch += 1;
        line.state = 'absent';
      }
    } else if (e.cpu && e.kind === 'R') {
      if (!load(s, line, i, step)) return false;
    } else if (e.cpu) {
      if (line.state === 'absent') return false;
      for (const { at: unit } of e.bytes) {
        if (e.pair >= 0) {
          const read = events.findIndex((x) => x.agent === e.agent && x.index === e.pair);
          if (s.forAll.get(`${read}/${unit}`)?.version !== line.version[unit]) return false;
        }
        line.cache[unit] = i;
        line.version[unit] = `s${i}`;
        s.stored[unit] = i;
      }
      line.state = 'dirty';
      line.epoch += 1;
    } else if (e.kind === 'R') {
      if (e.bytes.some((b) => line.memory[b.at] !== sourceOf(i, b.at))) return false;
    } else {
      for (const { at: unit } of e.bytes) line.memory[unit] = i;
      line.epoch += 1;
    }
    s.done.add(step.node);
    return true;
  };
  const writeBack = (line: Line): void => {
    if (line.state !== 'dirty') return;
    Object.assign(line.memory, line.cache);
    line.state = 'clean';
    line.epoch += 1;
  };

  const visit = (s: State): boolean => {
    if (steps.every((step) => s.done.has(step.node))) return true;
    const key = keyOf(s);
    if (dead.has(key)) return false;
    dead.add(key);
    for (const step of steps) {
      if (s.done.has(step.node) || steps.some((other) => other !== step && !s.done.has(other.node) && before[other.node]?.[step.node] === true)) continue;
      const next = copy(s);
      if (perform(next, step) && visit(next)) return true;
    }
    for (const [number, line] of s.lines) {
      const next = copy(s);
      const moved = next.lines.get(number);
      if (moved === undefined) continue;
      if (line.state === 'absent') {
        moved.state = 'clean';
        for (const unit of unitsOf(number)) {
          moved.cache[unit] = moved.memory[unit] ?? -1;
          moved.version[unit] = `f${line.epoch}`;
        }
      } else if (line.state === 'clean') moved.state = 'absent';
      else writeBack(moved);
      if (visit(next)) return true;
    }
    return false;
  };
  const empty = (line: number): Line => ({ state: 'absent', cache: {}, memory: Object.fromEntries(unitsOf(line).map((u) => [u, -1])), version: {}, epoch: 0 });
  return visit({ done: new Set(), lines: new Map([...lines].map((line) => [line, empty(line)])), stored: {}, forCpus: new Map(), forAll: new Map() });
}
