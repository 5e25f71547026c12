// SPDX-License-Identifier: Apache-2.0
/**
 * One execution as a graph under construction: events, where each read took
 * its value, the coherence order of every cell, and three acyclicity
 * conditions kept at every step: everyone's order (`all`), the CPUs' order
 * (`cpu`, only for tables with CPU-only edges), and per-cell coherence. Every
 * change can be undone, newest first.
 *
 * Conditions (native-ordering, model B): acyclic(ordered-before ∪ external
 * reads-from ∪ coherence ∪ from-reads), coherence per location, atomicity.
 * With CPU-only edges there is one more: a store reaches CPUs no later than
 * devices, so both orders, joined at each store and at each read of what a
 * device wrote, must be acyclic together.
 */
import type { Op, Place, Value } from '../../base/port.ts';
import type { AccessClass } from '../rules.ts';
import type { Layered, StoreRecord } from '../views.ts';
import { forEachBit, NO_BITS, oneBit, unionBits, type Bits } from './bits.ts';
import type { Cell, Cells } from './cells.ts';
import { Reach, type Reachability, type ReachMark } from './reach.ts';

export interface GraphEvent {
  /** Node of the ordered-before graphs; the same number in both. */
  readonly node: number;
  /** Index of the agent. */
  readonly agent: number;
  readonly cpu: boolean;
  /** Ordinal of the op it belongs to, from 1. */
  readonly ordinal: number;
  /** `accept`: an MMIO write left its CPU; its `write` is the arrival. `maintain`: of the cache line at its place. */
  readonly kind: 'read' | 'write' | 'accept' | 'maintain';
  readonly access: AccessClass;
  readonly op: Op;
  readonly place: Place;
  readonly value: Value;
  /** Counts the agent's writes from 0; -1 for others. */
  readonly writeIndex: number;
  readonly parts: StorePart[];
  readonly reads: ReadPart[];
  /** What forwarding and acquires need of a write. */
  readonly record: StoreRecord<Bits> | null;
}

/** A write in one cell's coherence order. */
export interface StorePart {
  readonly event: GraphEvent;
  readonly cell: number;
  readonly value: Value;
  readonly node: number;
  readers: readonly ReadPart[];
}

/** A write of an agent that has not run yet, which a read already took its value from. */
export interface Prophecy {
  readonly agent: number;
  readonly writeIndex: number;
  readonly place: Place;
  readonly value: Value;
  readonly readers: ReadPart[];
  /** Node that stands for what the write publishes; -1 if nobody needs it. */
  readonly publication: number;
  /** Of the knowledge it rests on. */
  readonly generation: number;
}

/** `null`: the initial content. */
export type ReadSource = StorePart | Prophecy | null;

export interface ReadPart {
  readonly event: GraphEvent;
  readonly cell: number;
  readonly node: number;
  source: ReadSource;
  /** What it found, where it read the content from before the execution and a cache line makes that ambiguous. */
  readonly initial?: Value;
  /** Took a message of a channel: order of arrival, no order before later messages. */
  readonly channel: boolean;
  /** Generation of the knowledge its source was prophesied from; 0 if it was there. */
  readonly prophesied: number;
}

/** Something that must hold between two places of a coherence order. `check` is asked after every change of the cell. */
export interface Constraint {
  readonly check: () => boolean;
}

export interface CellState {
  readonly cell: Cell;
  /** Writes after the initial content, oldest first. */
  readonly order: StorePart[];
  initialReaders: readonly ReadPart[];
  readonly constraints: Constraint[];
}

/** A CPU's MMIO write on its way: it leaves its CPU, and arrives. Writes to one device arrive in the order in which they left, whoever sent them. */
export interface Post {
  readonly accept: GraphEvent;
  readonly arrival: GraphEvent;
}

export const isPart = (source: ReadSource): source is StorePart => source !== null && 'event' in source;

export interface Mark {
  readonly all: ReachMark;
  readonly cpu: ReachMark;
  readonly both: ReachMark;
  readonly coherence: ReachMark;
  readonly steps: number;
  readonly events: number;
}

/**
 * How an event shows in the joined order: at one moment for everybody (what devices do, MMIO), or at one for CPUs and one for
 * everybody; of a `store` the first comes first.
 */
export type Moments = 'one' | 'two' | 'store';

export class Execution {
  readonly all: Reachability;
  readonly cpu: Reachability;
  /** Both orders joined; tables with CPU-only edges. */
  readonly #both: Reachability;
  /** By node: where it is in the joined order, for CPUs and for everyone. */
  readonly #forCpus: number[] = [];
  readonly #forAll: number[] = [];
  readonly coherence: Reachability;
  readonly events: GraphEvent[] = [];
  readonly prophecies = new Map<string, Prophecy>();
  /** By device, in the order in which they leave. */
  readonly posts = new Map<string, Post[]>();
  readonly cells: Cells;
  readonly layered: boolean;
  readonly #states: (CellState | undefined)[] = [];
  readonly #undo: (() => void)[] = [];

  constructor(cells: Cells, layered: boolean, reachability = (): Reachability => new Reach()) {
    this.cells = cells;
    this.layered = layered;
    this.all = reachability();
    this.cpu = reachability();
    this.#both = reachability();
    this.coherence = reachability();
  }

  state(cell: Cell): CellState {
    return (this.#states[cell.index] ??= { cell, order: [], initialReaders: [], constraints: [] });
  }

  /** All cells touched so far, by index. */
  states(): CellState[] {
    return this.#states.filter((s) => s !== undefined);
  }

  mark(): Mark {
    return { all: this.all.mark(), cpu: this.cpu.mark(), both: this.#both.mark(), coherence: this.coherence.mark(), steps: this.#undo.length, events: this.events.length };
  }

  undo(mark: Mark): void {
    for (let i = this.#undo.length - 1; i >= mark.steps; i -= 1) this.#undo[i]?.();
    this.#undo.length = mark.steps;
    this.all.undo(mark.all);
    this.cpu.undo(mark.cpu);
    this.#both.undo(mark.both);
    if (this.layered) this.#forCpus.length = this.#forAll.length = mark.all.size;
    this.coherence.undo(mark.coherence);
    this.events.length = mark.events;
  }

  /** Registers how to take a change back. */
  onUndo(action: () => void): void {
    this.#undo.push(action);
  }

  /** A node behind `before`. */
  node(before: Layered<Bits>, moments: Moments): number {
    const node = this.all.add(before.all);
    if (!this.layered) return node;
    this.cpu.add(before.cpu);
    let cpus = this.#moved(before.cpu, this.#forCpus);
    const everyone = this.#moved(before.all, this.#forAll);
    // What a device did is seen by CPUs as by everyone.
    forEachBit(before.all, (x) => {
      const moment = this.#forAll[x];
      if (moment !== undefined && moment === this.#forCpus[x]) cpus = unionBits(cpus, oneBit(moment));
    });
    if (moments === 'one') {
      const moment = this.#both.add(unionBits(cpus, everyone));
      this.#forCpus.push(moment);
      this.#forAll.push(moment);
    } else {
      const first = this.#both.add(cpus);
      this.#forCpus.push(first);
      this.#forAll.push(this.#both.add(moments === 'store' ? unionBits(everyone, oneBit(first)) : everyone));
    }
    return node;
  }

  /** Number of a node's moment in the joined order. */
  moment(node: number, layer: 'cpu' | 'all'): number {
    return (layer === 'cpu' ? this.#forCpus : this.#forAll)[node] ?? -1;
  }

  /** Moments that come before a node's, in the joined order. */
  momentsBefore(node: number, layer: 'cpu' | 'all'): Bits {
    return this.#both.ancestors(this.moment(node, layer));
  }

  #moved(nodes: Bits, to: readonly number[]): Bits {
    let moments = NO_BITS;
    forEachBit(nodes, (x) => {
      const moment = to[x];
      if (moment !== undefined) moments = unionBits(moments, oneBit(moment));
    });
    return moments;
  }

  /** x → y in everyone's order, by node. */
  allEdge(x: number, y: number): boolean {
    return this.all.edge(x, y) && (!this.layered || this.#both.edge(this.#forAll[x] ?? 0, this.#forAll[y] ?? 0));
  }

  /** One moment comes before another. */
  follows(x: GraphEvent, layerOfX: 'cpu' | 'all', y: GraphEvent, layerOfY: 'cpu' | 'all'): boolean {
    return this.layered ? this.#both.edge(this.moment(x.node, layerOfX), this.moment(y.node, layerOfY)) : this.all.edge(x.node, y.node);
  }

  /** What a store publishes comes before the node that stands for it. */
  publish(published: Layered<Bits>, node: number): boolean {
    if (!this.all.edges(published.all, node)) return false;
    if (!this.layered) return true;
    const cpu = unionBits(published.cpu, published.all);
    return this.cpu.edges(cpu, node) && this.#both.edges(this.#moved(published.all, this.#forAll), this.#forAll[node] ?? 0) && this.#both.edges(this.#moved(cpu, this.#forCpus), this.#forCpus[node] ?? 0);
  }

  /** The view of one event: a device's is in everyone's order only. */
  view(node: number, cpu: boolean): Layered<Bits> {
    const one = oneBit(node);
    return { all: one, cpu: this.layered && cpu ? one : NO_BITS };
  }

  /** x → y for everyone, and for the CPUs if both are events of CPUs. */
  edge(x: GraphEvent, y: GraphEvent): boolean {
    return this.allEdge(x.node, y.node) && this.cpuEdge(x, y);
  }

  /** x → y in the CPUs' order only: what coherence gives when a device's write lies between. */
  cpuEdge(x: GraphEvent, y: GraphEvent): boolean {
    return !this.layered || !x.cpu || !y.cpu || (this.cpu.edge(x.node, y.node) && this.#both.edge(this.#forCpus[x.node] ?? 0, this.#forCpus[y.node] ?? 0));
  }

  /** Position in coherence order: -1 the initial content, `undefined` not placed yet. */
  position(state: CellState, source: ReadSource): number | undefined {
    if (source === null) return -1;
    if (!isPart(source)) return undefined;
    const at = state.order.indexOf(source);
    return at < 0 ? undefined : at;
  }

  postsTo(device: string): Post[] {
    let posts = this.posts.get(device);
    if (posts === undefined) this.posts.set(device, (posts = []));
    return posts;
  }

  /** Puts a posted write at `slot` of its device's queue. */
  post(device: string, post: Post, slot: number): boolean {
    const posts = this.postsTo(device);
    const [previous, next] = [posts[slot - 1], posts[slot]];
    posts.splice(slot, 0, post);
    this.#undo.push(() => posts.splice(slot, 1));
    const inOrder = (x: Post | undefined, y: Post | undefined): boolean => x === undefined || y === undefined || (this.edge(x.accept, y.accept) && this.edge(x.arrival, y.arrival));
    return inOrder(previous, post) && inOrder(post, next);
  }

  /** Puts a write at `slot`; its readers, known by prophecy, come with it. */
  insert(state: CellState, part: StorePart, slot: number): boolean {
    const { order } = state;
    const previous = slot > 0 ? order[slot - 1] : undefined;
    const next = order[slot];
    order.splice(slot, 0, part);
    this.#undo.push(() => order.splice(slot, 1));
    if (previous !== undefined && !(this.coherence.edge(previous.node, part.node) && this.edge(previous.event, part.event))) return false;
    if (next !== undefined && !(this.coherence.edge(part.node, next.node) && this.edge(part.event, next.event))) return false;
    for (const reader of previous === undefined ? state.initialReaders : previous.readers) if (!this.#fromRead(reader, part)) return false;
    for (const reader of part.readers) if (next !== undefined && !this.#fromRead(reader, next)) return false;
    if (this.layered && !this.#cpuNeighbours(state, part, slot)) return false;
    return this.satisfied(state);
  }

  /** Ties a read to where its value came from. */
  attach(state: CellState, read: ReadPart): boolean {
    const { source } = read;
    if (source !== null && !isPart(source)) {
      source.readers.push(read);
      this.#undo.push(() => source.readers.pop());
      return true;
    }
    if (source !== null && !(this.coherence.edge(source.node, read.node) && this.#readsFrom(source, read))) return false;
    if (read.channel) return this.satisfied(state);
    if (source === null) {
      const before = state.initialReaders;
      state.initialReaders = [...before, read];
      this.#undo.push(() => (state.initialReaders = before));
    } else {
      const before = source.readers;
      source.readers = [...before, read];
      this.#undo.push(() => (source.readers = before));
    }
    const at = source === null ? -1 : state.order.indexOf(source);
    const next = state.order[at + 1];
    if (next !== undefined && !this.#fromRead(read, next)) return false;
    if (this.layered && next !== undefined && !next.event.cpu) {
      const later = state.order.slice(at + 1).find((p) => p.event.cpu);
      if (later !== undefined && !this.cpuEdge(read.event, later.event)) return false;
    }
    return true;
  }

  /** Ties a read of a cache line to where its value came from, by whatever way: which moments lie between is for lines.ts to say. */
  attachThrough(read: ReadPart): boolean {
    return read.source === null || (isPart(read.source) && this.#readsFrom(read.source, read));
  }

  /** A prophesied write has come: its readers become readers of `part`. Channel readers stay outside its reader list. */
  fulfil(part: StorePart, readers: readonly ReadPart[]): boolean {
    for (const read of readers) {
      const before = read.source;
      read.source = part;
      this.#undo.push(() => (read.source = before));
      if (!this.coherence.edge(part.node, read.node) || !this.#readsFrom(part, read)) return false;
    }
    part.readers = readers.filter((r) => !r.channel);
    return true;
  }

  constrain(state: CellState, constraint: Constraint): boolean {
    state.constraints.push(constraint);
    this.#undo.push(() => state.constraints.pop());
    return constraint.check();
  }

  satisfied(state: CellState): boolean {
    for (const c of state.constraints) if (!c.check()) return false;
    return true;
  }

  #readsFrom(source: StorePart, read: ReadPart): boolean {
    if (source.event.agent === read.event.agent) return true;
    if (!this.edge(source.event, read.event)) return false;
    // A CPU has what a device wrote when it reads it.
    return !this.layered || source.event.cpu || this.#both.edge(this.#forAll[source.event.node] ?? 0, this.#forCpus[read.event.node] ?? 0);
  }

  #fromRead(read: ReadPart, write: StorePart): boolean {
    return this.coherence.edge(read.node, write.node) && this.edge(read.event, write.event);
  }

  /** The CPUs' order skips device writes, so its edges go from CPU write to CPU write. */
  #cpuNeighbours(state: CellState, part: StorePart, slot: number): boolean {
    const { order } = state;
    const nextCpu = order.slice(slot + 1).find((p) => p.event.cpu);
    if (!part.event.cpu) {
      for (const reader of part.readers) if (nextCpu !== undefined && !this.cpuEdge(reader.event, nextCpu.event)) return false;
      return true;
    }
    if (nextCpu !== undefined) {
      if (!this.cpuEdge(part.event, nextCpu.event)) return false;
      for (const reader of part.readers) if (!this.cpuEdge(reader.event, nextCpu.event)) return false;
    }
    for (let i = slot - 1; i >= -1; i -= 1) {
      const earlier = order[i];
      for (const reader of earlier === undefined ? state.initialReaders : earlier.readers) if (!this.cpuEdge(reader.event, part.event)) return false;
      if (earlier?.event.cpu === true) return this.cpuEdge(earlier.event, part.event);
    }
    return true;
  }
}
