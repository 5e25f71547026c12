// SPDX-License-Identifier: Apache-2.0
/**
 * Cache lines that devices do not see, in the graph form. A read of such a line
 * chooses whose value it takes, from either copy; which fills and write-backs
 * brought it there is decided here: is there an order of all moments on the
 * lines, with lines moving by themselves, in which every read has its value?
 * Moves are looked for where the operational machine asks for them, so the
 * answer is also a plan for it.
 */
import type { Value } from '../../base/port.ts';
import { hasBit } from './bits.ts';
import { CPU_COPY, type Cell, type Cells } from './cells.ts';
import { isPart, type Execution, type GraphEvent, type ReadPart } from './execution.ts';

/** A line right before an access, when nothing moves any more by itself. `behind`: clean, and memory has other content. */
export type LineState = 'absent' | 'clean' | 'behind' | 'dirty';

export interface LineOrder {
  /** Moments of accesses of lines, as they come. */
  readonly order: readonly { readonly event: GraphEvent; readonly layer: 'cpu' | 'all' }[];
  /** By access: its line as it found it. */
  readonly found: ReadonlyMap<GraphEvent, LineState>;
  /** A line went back over what a device had written since it was fetched. */
  readonly overwrites: boolean;
}

/** Who put a byte there; of the initial content, what it is. */
type Tag = GraphEvent | { readonly initial: Value };
interface Line {
  readonly state: 'absent' | 'clean' | 'dirty';
  readonly cpus: readonly Tag[];
  readonly memory: readonly Tag[];
  /** By unit: the store or the fill that put it into the CPUs' copy. */
  readonly version: readonly string[];
  /** The CPUs' last store by unit. */
  readonly stored: readonly (GraphEvent | null)[];
  /** Counts what changed anything. */
  readonly epoch: number;
  /** A device has written since the line was fetched. */
  readonly passed: boolean;
}
interface Look {
  readonly version: string;
  readonly stored: GraphEvent | null;
  readonly waiting: GraphEvent | null;
}
interface Step {
  readonly event: GraphEvent;
  readonly at: number;
  /** Moment for the CPUs, for everyone, or both. */
  readonly cpu: boolean;
  readonly all: boolean;
  /** Steps that come before, by index. */
  readonly before: number[];
  readonly line: number;
}
interface State {
  readonly done: readonly boolean[];
  readonly left: number;
  readonly lines: readonly Line[];
  /** By read and unit. */
  readonly forCpus: ReadonlyMap<ReadPart, Look>;
  readonly forAll: ReadonlyMap<ReadPart, Look>;
  readonly key: string;
}

/** States looked at, in one question and in all of one exploration: where orders multiply beyond that, another form is quicker. */
const MOST_STATES = 5_000;
const MOST_STATES_TOGETHER = 40_000;
/** The same for a question whose answer is not needed. */
const FEW_STATES = 300;
export class TooManyOrders extends Error {}

export function lineOf(cells: Cells, event: GraphEvent): number {
  const { lines } = cells;
  if (lines === null || event.place.space !== 'ram') return -1;
  const line = lines.lineOf(event.place.address);
  return lines.held(line) ? line : -1;
}

/**
 * @param prefer what a dirty line does that may do either
 * @returns `null` when the reads cannot all have their values
 */
export function orderLines(x: Execution, prefer: 'stay' | 'overwrite'): LineOrder | null {
  return new Search(x, null, null, prefer, MOST_STATES).run();
}

/**
 * Whether the reads of one unit of a line could have their values, if the stores to its other units came whenever it suited. `false` is
 * certain; `true` is not.
 */
export function unitPossible(x: Execution, cell: Cell): boolean {
  return new Search(x, cell, null, 'stay', MOST_STATES).run() !== null;
}

/** Whether the reads of a line could have their values. `false` is certain; `true` may mean that it takes too long to find out. */
export function linePossible(x: Execution, line: number): boolean {
  try {
    return new Search(x, null, line, 'stay', FEW_STATES).run() !== null;
  } catch (error) {
    if (error instanceof TooManyOrders) return true;
    throw error;
  }
}

class Search {
  readonly #x: Execution;
  readonly #overwrite: boolean;
  /** Stores to units that are not looked at may make a line dirty at any time. */
  #soiled = false;
  readonly #steps: Step[] = [];
  readonly #lines: { readonly line: number; readonly cells: readonly Cell[]; readonly memory: readonly Cell[] }[] = [];
  readonly #dead = new Set<string>();
  readonly #unit = new Map<number, number>();
  readonly #trace: { readonly event: GraphEvent; readonly layer: 'cpu' | 'all'; readonly found: LineState }[] = [];
  #overwrites = 0;
  #visited = 0;
  readonly #most: number;

  constructor(x: Execution, only: Cell | null, line: number | null, prefer: 'stay' | 'overwrite', most: number) {
    this.#x = x;
    this.#most = most;
    this.#overwrite = prefer === 'overwrite';
    const numbers: number[] = [];
    const units = only === null ? null : [only.index, x.cells.twin(only)?.index ?? -1];
    const one = line ?? (only === null ? null : (x.cells.lines?.lineOf(only.address) ?? null));
    for (const event of x.events) {
      const line = lineOf(x.cells, event);
      if (line < 0 || (one !== null && line !== one)) continue;
      if (units !== null) {
        if (event.kind === 'write' && !event.parts.some((part) => units.includes(part.cell))) {
          this.#soiled ||= event.cpu;
          continue;
        }
        if (event.kind === 'read' && !event.reads.some((read) => units.includes(read.cell))) continue;
      }
      let at = numbers.indexOf(line);
      if (at < 0) at = numbers.push(line) - 1;
      const moments = x.layered && x.moment(event.node, 'cpu') !== x.moment(event.node, 'all') ? [{ cpu: true, all: false }, { cpu: false, all: true }] : [{ cpu: true, all: true }];
      for (const moment of moments) this.#steps.push({ event, at: this.#steps.length, ...moment, before: [], line: at });
    }
    for (const step of this.#steps) {
      const above = x.layered ? x.momentsBefore(step.event.node, step.all ? 'all' : 'cpu') : x.all.ancestors(step.event.node);
      for (const other of this.#steps) if (other !== step && hasBit(above, x.layered ? x.moment(other.event.node, other.all ? 'all' : 'cpu') : other.event.node)) step.before.push(other.at);
    }
    for (const line of numbers) {
      const all = x.cells.ofLine(line).filter((cell) => units === null || units.includes(cell.index));
      const memory = all.filter((cell) => cell.region !== CPU_COPY);
      const cells = memory.flatMap((cell) => x.cells.twin(cell) ?? []);
      memory.forEach((cell, i) => this.#unit.set(cell.index, i));
      cells.forEach((cell, i) => this.#unit.set(cell.index, i));
      this.#lines.push({ line, cells, memory });
    }
  }

  run(): LineOrder | null {
    const lines = this.#lines.map(({ line, cells, memory }): Line => {
      const left = this.#x.cells.lines?.left(line) ?? null;
      return {
        state: left === null ? 'absent' : left.dirty ? 'dirty' : 'clean', // of a unit alone, too: what else the line holds is not looked at
        cpus: cells.map((cell) => ({ initial: this.#x.cells.initial(cell) })),
        memory: memory.map((cell) => ({ initial: this.#x.cells.initial(cell) })),
        version: cells.map(() => (left === null ? '' : 'f')),
        stored: cells.map(() => null),
        epoch: 0,
        passed: false,
      };
    });
    if (!this.#visit({ done: this.#steps.map(() => false), left: this.#steps.length, lines, forCpus: new Map(), forAll: new Map(), key: '' })) return null;
    return { order: this.#trace, found: new Map(this.#trace.flatMap((t) => (t.layer === 'all' ? [[t.event, t.found]] : []))), overwrites: this.#overwrites > 0 };
  }

  #visit(s: State): boolean {
    if (s.left === 0) return true;
    const key = s.key + s.done.map((d) => (d ? '1' : '0')).join('') + s.lines.map((l) => `${l.state}${l.epoch}${l.version.join()}/${l.memory.map(named).join()}/${l.cpus.map(named).join()}`).join('|');
    if (this.#dead.has(key)) return false;
    if ((this.#visited += 1) > this.#most || (this.#x.cells.lines?.spend() ?? 0) > MOST_STATES_TOGETHER) throw new TooManyOrders('cache lines move in too many ways');
    const ready = this.#steps.filter((step) => s.done[step.at] !== true && step.before.every((b) => s.done[b] === true));
    // A read that has its value now, with nothing moved and no older load of its CPU left on the line, may as well have it now.
    for (const step of ready) {
      const line = s.lines[step.line];
      if (step.event.kind !== 'read' || line === undefined || (step.event.cpu && (line.state === 'absent' || !step.all || this.#olderLeft(s, step)))) continue;
      const next = this.#perform(s, step, line);
      if (next !== null) {
        if (this.#take(step, this.#seen(line), false, next)) return true;
        this.#dead.add(key);
        return false;
      }
    }
    for (const step of ready) {
      const line = s.lines[step.line];
      if (line === undefined) continue;
      for (const { moved, overwrites } of [...this.#moves(step, line), ...(this.#soiled && line.state === 'clean' ? this.#moves(step, { ...line, state: 'dirty' }) : [])]) {
        const filled = step.event.cpu && step.event.kind !== 'maintain' && moved.state === 'absent' ? fill(moved) : moved;
        const next = this.#perform(s, step, filled);
        if (next !== null && this.#take(step, this.#seen(moved), overwrites, next)) return true;
      }
    }
    this.#dead.add(key);
    return false;
  }

  #take(step: Step, found: LineState, overwrites: boolean, next: State): boolean {
    const before = this.#overwrites;
    this.#trace.push({ event: step.event, layer: step.all ? 'all' : 'cpu', found });
    if (overwrites) this.#overwrites += 1;
    if (this.#visit(next)) return true;
    this.#trace.pop();
    this.#overwrites = before;
    return false;
  }

  #olderLeft(s: State, { event, line }: Step): boolean {
    return this.#steps.some((o) => o.line === line && s.done[o.at] !== true && o.event !== event && o.event.agent === event.agent && o.event.kind === 'read' && (o.event.ordinal < event.ordinal || (o.event.ordinal === event.ordinal && o.event.node < event.node)));
  }

  #seen(line: Line): LineState {
    return line.state === 'clean' && behind(line) ? 'behind' : line.state;
  }

  /** What the line may do by itself right before an access: as the operational machine asks. */
  #moves({ event }: Step, line: Line): { moved: Line; overwrites: boolean }[] {
    const stays = { moved: line, overwrites: false };
    const deviceWrites = event.kind === 'write' && !event.cpu;
    const load = event.kind === 'read' && event.cpu;
    if (line.state === 'dirty') {
      if (load) return [stays];
      const evicted = drop(writeBack(line));
      const goes = (deviceWrites ? [evicted, fill(evicted)] : [evicted]).map((moved) => ({ moved, overwrites: line.passed }));
      return this.#overwrite && line.passed ? [...goes, stays] : [stays, ...goes];
    }
    if (line.state === 'clean') {
      if (event.kind === 'maintain' || (event.kind === 'read' && !event.cpu) || !behind(line)) return [stays];
      const dropped = drop(line);
      return [stays, ...(deviceWrites ? [dropped, fill(dropped)] : [dropped]).map((moved) => ({ moved, overwrites: false }))];
    }
    return deviceWrites ? [stays, { moved: fill(line), overwrites: false }] : [stays];
  }

  #perform(s: State, step: Step, line: Line): State | null {
    const { event } = step;
    let { forCpus, forAll, key } = s;
    let after = line;
    if (event.kind === 'maintain') {
      const operation = event.op.kind === 'maintain' ? event.op.operation : 'clean';
      if (operation !== 'invalidate') after = writeBack(after);
      if (operation !== 'clean') after = drop(after.state === 'dirty' ? { ...after, epoch: after.epoch + 1 } : after);
    } else if (event.kind === 'write') {
      const units = event.parts.map((part) => this.#unit.get(part.cell) ?? -1);
      const put = <T>(list: readonly T[], value: T): T[] => list.map((old, i) => (units.includes(i) ? value : old));
      after = event.cpu
        ? { ...after, state: 'dirty', cpus: put(after.cpus, event), version: put(after.version, `s${event.node}`), stored: put(after.stored, event), epoch: after.epoch + 1 }
        : { ...after, memory: put(after.memory, event), epoch: after.epoch + 1, passed: after.state !== 'absent' };
    } else {
      for (const read of event.reads) {
        const unit = this.#unit.get(read.cell);
        if (unit === undefined) continue;
        if (!event.cpu) {
          if (!this.#is(after.memory[unit], read)) return null;
          continue;
        }
        const looks = this.#load(s, step, read, unit, after);
        if (looks === null) return null;
        if (step.all) forAll = new Map(forAll).set(read, looks);
        if (step.cpu) forCpus = new Map(forCpus).set(read, looks);
        key += `${step.at}:${looks.version};`;
      }
    }
    const done = [...s.done];
    done[step.at] = true;
    return { done, left: s.left - 1, lines: after === s.lines[step.line] ? s.lines : s.lines.map((l, i) => (i === step.line ? after : l)), forCpus, forAll, key };
  }

  #is(tag: Tag | undefined, read: ReadPart): boolean {
    if (tag === undefined) return false;
    if (read.source !== null) return isPart(read.source) && tag === read.source.event;
    return 'initial' in tag && tag.initial === (read.initial ?? 0);
  }

  /** One moment of a CPU's load of one unit; `null`: it would not have its value, or go back behind a younger load. */
  #load(s: State, step: Step, read: ReadPart, unit: number, line: Line): Look | null {
    const { event } = step;
    const waiting = this.#waiting(s, event, unit, step.line);
    const present = line.state === 'absent' ? '' : (line.version[unit] ?? '');
    const look: Look = { version: step.all && waiting !== null ? `s${waiting.node}` : present, stored: line.stored[unit] ?? null, waiting };
    const name = (store: GraphEvent | null): string => (store === null ? '' : `s${store.node}`);
    if (step.all) {
      if (waiting !== null ? read.source === null || !isPart(read.source) || read.source.event !== waiting : line.state === 'absent' || !this.#is(line.cpus[unit], read)) return null;
      const cpu = s.forCpus.get(read);
      if (cpu !== undefined && !step.cpu && cpu.version !== look.version && name(cpu.waiting) !== look.version && name(cpu.stored) !== look.version) return null;
      for (const [other, seen] of s.forAll) {
        const mine = other.event;
        if (mine.agent !== event.agent || (this.#unit.get(other.cell) ?? -1) !== unit || this.#lineIndex(mine) !== step.line || mine.ordinal < event.ordinal || seen.version === look.version) continue;
        // It was performed before this older load, and may be newer only by an own store in between.
        const store = this.#steps.find((o) => `s${o.event.node}` === seen.version)?.event;
        if (store === undefined || store.agent !== event.agent || store.ordinal < event.ordinal) return null;
      }
    }
    if (step.cpu && !step.all) {
      const all = s.forAll.get(read);
      if (all !== undefined && (all.version.startsWith('s') ? name(look.stored) !== all.version && name(look.waiting) !== all.version : look.stored !== all.stored)) return null;
    }
    return look;
  }

  #lineIndex(event: GraphEvent): number {
    const line = lineOf(this.#x.cells, event);
    return this.#lines.findIndex((l) => l.line === line);
  }

  /** The newest own store to the unit before the load that has not left. */
  #waiting(s: State, load: GraphEvent, unit: number, line: number): GraphEvent | null {
    let found: GraphEvent | null = null;
    for (const o of this.#steps) {
      const { event } = o;
      if (o.line === line && event.kind === 'write' && event.agent === load.agent && event.ordinal < load.ordinal && s.done[o.at] !== true && event.parts.some((p) => this.#unit.get(p.cell) === unit) && (found === null || found.ordinal < event.ordinal)) found = event;
    }
    return found;
  }
}

const named = (tag: Tag): string => ('initial' in tag ? `=${tag.initial}` : String(tag.node));
const behind = (line: Line): boolean => line.cpus.some((tag, i) => tag !== line.memory[i]);
const writeBack = (line: Line): Line => (line.state === 'dirty' ? { ...line, state: 'clean', memory: line.cpus, epoch: line.epoch + 1, passed: false } : line);
const drop = (line: Line): Line => (line.state === 'absent' ? line : { ...line, state: 'absent', passed: false });
const fill = (line: Line): Line => ({ ...line, state: 'clean', cpus: line.memory, version: line.version.map(() => `f${line.epoch}`), passed: false });

