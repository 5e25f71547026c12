// SPDX-License-Identifier: Apache-2.0
/**
 * Loads, stores and atomics in the graph form: which ways there are to perform
 * one, and what each does to the execution. A way is a function that performs
 * it and returns the answer (`null`: waits for ever), or `undefined` when the graph would have a cycle.
 */
import { MAILBOX, Suspend, type AccessOrder, type Op, type OpenLines, type Place, type Value } from '../../base/port.ts';
import type { AccessClass, Via } from '../rules.ts';
import type { Access, Layered, Operand, StoreRecord } from '../views.ts';
import type { Actor } from './actor.ts';
import { hasBit, NO_BITS, oneBit, type Bits } from './bits.ts';
import { CPU_COPY, type Cell } from './cells.ts';
import { isPart, type CellState, type Execution, type GraphEvent, type Prophecy, type ReadPart, type ReadSource, type StorePart } from './execution.ts';
import type { Knowledge, KnownWrite } from './knowledge.ts';
import { linePossible, unitPossible } from './lines.ts';

export type Way = () => Value | null | undefined;
type LoadOp = Extract<Op, { kind: 'load' }>;
type StoreOp = Extract<Op, { kind: 'store' }>;
type RmwOp = Extract<Op, { kind: 'rmw' }>;
type AwaitOp = Extract<Op, { kind: 'await' }>;
type MaintainOp = Extract<Op, { kind: 'maintain' }>;
type ReadOp = LoadOp | RmwOp | AwaitOp;

/** Not this form's: the reason, for people. */
export class NotInGraph extends Suspend {}

/** Where a device's interrupt goes; see `InterruptRoute` of the machine. */
export interface GraphRoute {
  readonly device: string;
  readonly vector: number;
  /** Agent id of the CPU that takes it. */
  readonly cpu: string;
  /** `interrupt` and `idle` answer this plus one. */
  readonly number: number;
  readonly kind?: 'msi' | 'intx';
}

interface Candidate {
  readonly source: ReadSource | KnownWrite;
  readonly value: Value;
}
const isKnown = (s: ReadSource | KnownWrite): s is KnownWrite => s !== null && 'generation' in s;

/** Whether the parts that are foreseen of one write are of one value of it. */
function oneWrite(chosen: readonly Candidate[]): boolean {
  const known = chosen.map((c) => c.source).filter(isKnown);
  return known.every((x, i) => known.slice(0, i).every((y) => x === y || x.agent !== y.agent || x.writeIndex !== y.writeIndex));
}

/** A piece is one indivisible event; an access that is too large or unaligned is several. */
function pieces(place: Place, indivisible: number): readonly Place[] {
  if (place.space !== 'ram' || (place.size <= indivisible && place.address % place.size === 0)) return [place];
  return Array.from({ length: place.size }, (_, i): Place => ({ ...place, address: place.address + i, size: 1 }));
}

export class Accesses {
  readonly #x: Execution;
  readonly #knowledge: Knowledge;
  readonly #later: (agent: number) => boolean;
  readonly #keepLoadStore: boolean;
  readonly #publishes: boolean;
  /** When set, only ways that read from this write: it has just come for somebody who waits for it. */
  must: StorePart | null = null;
  /** Told each cell that is read, and by whom. */
  readonly onRead: (cell: Cell, actor: Actor) => void;
  /** Whether whatever is still to come to lines comes after what this agent does now, so that a read without an order will not get one. */
  readonly #settled: (actor: Actor) => boolean;

  constructor(o: { settled?: (actor: Actor) => boolean; execution: Execution; knowledge: Knowledge; later: (agent: number) => boolean; keepLoadStore: boolean; publishes: boolean; onRead: (cell: Cell, actor: Actor) => void }) {
    this.#x = o.execution;
    this.#knowledge = o.knowledge;
    this.#later = o.later;
    this.#keepLoadStore = o.keepLoadStore;
    this.#publishes = o.publishes;
    this.onRead = o.onRead;
    this.#settled = o.settled ?? (() => false);
  }

  maintain(actor: Actor, op: MaintainOp): Way[] {
    return [() => {
      const { views } = actor;
      let place = actor.places.get(lineIndex(op.line))?.view ?? views.none;
      for (const cell of this.#x.cells.ofLine(op.line)) if (cell.region === CPU_COPY) place = views.join(place, actor.places.get(cell.index)?.view ?? views.none);
      const request: Access<Bits> = { class: 'm', via: 'plain', order: 'plain', addr: views.noOperand, data: views.noOperand, partner: views.none, place, channel: '', from: null, partial: false, released: views.none };
      const before = this.#keepLoadStore ? views.join(views.before(request), actor.reads) : views.before(request);
      const node = this.#x.node(before, 'one');
      this.#x.events.push({ node, agent: actor.index, cpu: true, ordinal: actor.ordinal, kind: 'maintain', access: 'm', op, place: { space: 'ram', owner: CPU_COPY, address: op.line, size: 8 }, value: 0, writeIndex: -1, parts: [], reads: [], record: null });
      const view = this.#x.view(node, true);
      views.after(request, view);
      actor.touch(this.#x, lineIndex(op.line), view, -1);
      return 0;
    }];
  }

  load(actor: Actor, op: LoadOp): Way[] {
    return this.#reads(actor, op, () => true).map((chosen) => () => {
      const via: Via = op.exclusive === true ? 'exclusive' : 'plain';
      const done = this.#read(actor, op, via, op.order, chosen, false);
      if (done === undefined) return undefined;
      actor.operands[actor.ordinal - 1] = done.result;
      if (op.exclusive === true) actor.monitor = { address: op.place.address, size: op.place.size, reads: done.reads, view: done.view };
      return done.value;
    });
  }

  await(actor: Actor, op: AwaitOp): Way[] {
    if (op.place.address === MAILBOX) throw new NotInGraph('messages to a remapping unit are explored by the operational form only');
    if (op.next === true) return this.#takes(actor, op);
    return this.#reads(actor, op, op.until).map((chosen) => () => {
      const done = this.#read(actor, op, 'plain', op.order, chosen, false);
      if (done === undefined) return undefined;
      actor.operands[actor.ordinal - 1] = done.result;
      return done.value;
    });
  }

  store(actor: Actor, op: StoreOp): Way[] {
    const data = actor.operand(op.dataDep, op.dataPick);
    const none = actor.views.none;
    if (op.exclusive !== true) {
      const slots = this.#slots(actor, op.place);
      const queue = op.place.space === 'mmio' && actor.cpu ? this.#queueSlots(actor, op, data) : [0];
      return slots.flatMap((chosen) => queue.map((at) => () => (this.#write(actor, op, op.value, { via: 'plain', order: op.order, data, partner: none, slots: chosen, queue: at, pair: [] }) === undefined ? undefined : 0)));
    }
    const monitor = actor.monitor;
    const ways: Way[] = [];
    if (monitor !== null && monitor.address === op.place.address && monitor.size === op.place.size) {
      for (const slots of this.#slots(actor, op.place)) {
        ways.push(() => {
          actor.monitor = null;
          const result = this.#write(actor, op, op.value, { via: 'exclusive', order: op.order, data, partner: monitor.view, slots, queue: 0, pair: monitor.reads });
          if (result === undefined) return undefined;
          actor.operands[actor.ordinal - 1] = result;
          return 0;
        });
      }
    }
    ways.push(() => {
      actor.monitor = null;
      return 1;
    });
    return ways;
  }

  rmw(actor: Actor, op: RmwOp): Way[] {
    const via: Via = op.discard === true ? 'noreturn' : 'atomic';
    const ways: Way[] = [];
    for (const chosen of this.#reads(actor, op, () => true)) {
      const old = this.#valueOf(op.place, chosen);
      const value = op.modify(old);
      for (const slots of value === undefined ? [null] : this.#slotsBehind(actor, op.place, chosen)) {
        ways.push(() => {
          const read = this.#read(actor, op, via, op.order, chosen, false);
          if (read === undefined) return undefined;
          let { result } = read;
          if (value !== undefined && slots !== null) {
            const operand = actor.operand(op.dataDep, op.dataPick);
            const data = op.compares === true ? actor.views.joinOperands(operand, { v: actor.views.none, pick: actor.operand(undefined, op.comparePick).pick }) : operand;
            const written = this.#write(actor, op, value, { via, order: op.order, data, partner: read.view, slots, queue: 0, pair: read.reads });
            if (written === undefined) return undefined;
            result = actor.views.joinOperands(result, written);
          }
          actor.operands[actor.ordinal - 1] = result;
          return old;
        });
      }
    }
    return ways;
  }

  /** Whether a wait that gave up is right: nothing it waits for is left at the end. */
  blockedRightly(actor: Actor, op: AwaitOp): boolean {
    const cells = this.#x.cells.of(op.place);
    if (op.next !== true) return !op.until(this.finalValue(op.place));
    const cell = cells[0];
    if (cell === undefined) return true;
    const state = this.#x.state(cell);
    const from = actor.taken.get(cell.index);
    const after = from === undefined ? -2 : (this.#x.position(state, from.source) ?? state.order.length);
    return (after >= -1 || !op.until(this.#x.cells.join(op.place, cells, [this.#x.cells.initial(cell)]))) && state.order.slice(Math.max(after + 1, 0)).every((p) => !op.until(this.#x.cells.join(op.place, cells, [p.value])));
  }

  /** What a place holds once everything has landed. */
  finalValue(place: Place): Value {
    const cells = this.#x.cells.of(place);
    return this.#x.cells.join(place, cells, cells.map((cell) => {
      const { order } = this.#x.state(cell);
      const last = order[order.length - 1];
      return last === undefined ? this.#x.cells.initial(cell) : last.value;
    }));
  }

  // --- reading

  #cellsOf(actor: Actor, place: Place): readonly Cell[] {
    return pieces(place, actor.compiled.table.singleCopyBytes).flatMap((p) => this.#x.cells.of(p));
  }

  /** Every choice of a source for each cell, newest first. */
  #reads(actor: Actor, op: ReadOp, wanted: (value: Value) => boolean): (readonly Candidate[])[] {
    const cells = this.#cellsOf(actor, op.place);
    let choices: (readonly Candidate[])[] = [[]];
    for (const cell of cells) {
      this.onRead(cell, actor);
      const candidates = this.#candidates(cell);
      choices = choices.length === 1 && choices[0]?.length === 0 ? candidates.map((c) => [c]) : choices.flatMap((chosen) => candidates.map((c) => [...chosen, c]));
    }
    const { must } = this;
    return choices.filter((chosen) => oneWrite(chosen) && (must === null || chosen.some((c) => c.source === must)) && wanted(this.#valueOf(op.place, chosen)));
  }

  #candidates(cell: Cell): Candidate[] {
    const { order } = this.#x.state(cell);
    const out: Candidate[] = [];
    for (let i = order.length - 1; i >= 0; i -= 1) {
      const source = order[i];
      if (source !== undefined) out.push({ source, value: source.value });
    }
    out.push({ source: null, value: this.#x.cells.initial(cell) });
    const twin = this.#x.cells.twin(cell);
    if (twin !== null) {
      // A fill or a write-back may have brought it.
      for (const source of this.#x.state(twin).order) out.push({ source, value: source.value });
      const initial = this.#x.cells.initial(twin);
      if (initial !== this.#x.cells.initial(cell)) out.push({ source: null, value: initial });
    }
    for (const known of this.#knowledge.of(cell)) {
      if (!this.#later(known.agent)) continue;
      const made = this.#x.prophecies.get(`${known.agent}/${known.writeIndex}`);
      if (made !== undefined && !sameWrite(made, known.place, known.value)) continue;
      out.push({ source: known, value: this.#x.cells.part(known.place, known.value, cell) });
    }
    return out;
  }

  #valueOf(place: Place, chosen: readonly Candidate[]): Value {
    const cells = this.#x.cells.of(place);
    return this.#x.cells.join(place, cells, chosen.map((c) => c.value));
  }

  #prophecy(known: KnownWrite): Prophecy {
    const key = `${known.agent}/${known.writeIndex}`;
    const made = this.#x.prophecies.get(key);
    if (made !== undefined) return made;
    const publication = this.#publishes || known.place.space === 'irq' ? this.#x.node({ all: NO_BITS, cpu: NO_BITS }, known.place.space === 'irq' ? 'one' : 'two') : -1;
    const prophecy: Prophecy = { agent: known.agent, writeIndex: known.writeIndex, place: known.place, value: known.value, readers: [], publication, generation: known.generation };
    this.#x.prophecies.set(key, prophecy);
    this.#x.onUndo(() => this.#x.prophecies.delete(key));
    return prophecy;
  }

  #read(actor: Actor, op: ReadOp, via: Via, order: AccessOrder, chosen: readonly Candidate[], channel: boolean): { value: Value; view: Layered<Bits>; result: Operand<Bits>; reads: ReadPart[] } | undefined {
    const { views } = actor;
    const none = views.none;
    const addr = actor.operand(op.addressDep, op.addressPick);
    const access: AccessClass = op.place.space === 'mmio' ? 'i' : 'r';
    const device = op.place.space === 'mmio' ? op.place.owner : '';
    const value = this.#valueOf(op.place, chosen);
    let view = none;
    let result = views.noOperand;
    const reads: ReadPart[] = [];
    let at = 0;
    for (const piece of pieces(op.place, actor.compiled.table.singleCopyBytes)) {
      const cells = this.#x.cells.of(piece);
      const sources = cells.map((_, i): ReadSource => {
        const source = chosen[at + i]?.source ?? null;
        return isKnown(source) ? this.#prophecy(source) : source;
      });
      at += cells.length;
      const own = actor.compiled.table.forwarding ? ownSuppliers(actor, sources) : [];
      const plain: Access<Bits> = { class: access, via, order, addr, data: views.noOperand, partner: none, place: this.#place(actor, cells), lines: this.#maintained(actor, cells[0]), channel: device, from: null, partial: false, released: this.#released(actor, sources) };
      const requests = own.length === 0 ? [plain] : own.map((store): Access<Bits> => ({ ...plain, from: store.record, partial: !covers(store.place, piece) }));
      let before = none;
      for (const request of requests) before = views.join(before, views.before(request));
      // Register transactions and atomics have a moment, and loads are not passed by it.
      if (this.#keepLoadStore && actor.cpu && (access === 'i' || op.kind === 'rmw')) before = views.join(before, actor.reads);
      // It pushes what its CPU posted to the device, and with that whatever was posted before.
      const mine = access === 'i' && actor.cpu ? this.#x.postsTo(device).filter((post) => post.accept.agent === actor.index) : [];
      const pushed = mine.findLast((post) => !isStreaming(post.accept.op));
      if (pushed !== undefined) before = views.join(before, this.#x.view(pushed.arrival.node, true));
      const node = this.#x.node(before, actor.cpu && access === 'r' ? 'two' : 'one');
      const event: GraphEvent = { node, agent: actor.index, cpu: actor.cpu, ordinal: actor.ordinal, kind: 'read', access, op, place: piece, value, writeIndex: -1, parts: [], reads: [], record: null };
      this.#x.events.push(event);
      // A streaming write is pushed if it has left.
      for (const post of mine) if (isStreaming(post.accept.op) && this.#x.all.reaches(post.accept.node, node) && !this.#x.edge(post.arrival, event)) return undefined;
      for (let i = 0; i < cells.length; i += 1) {
        const cell = cells[i];
        if (cell === undefined) continue;
        const previous = channel ? undefined : actor.places.get(cell.index);
        const source = sources[i] ?? null;
        const prophesied = source === null || isPart(source) ? 0 : source.generation;
        if (this.#x.cells.twin(cell) !== null) {
          if (!this.#readThrough(actor, event, cell, source, chosen[at - cells.length + i]?.value ?? 0, reads)) return undefined;
          continue;
        }
        const read: ReadPart = { event, cell: cell.index, node: this.#x.coherence.add(previous === undefined ? NO_BITS : oneBit(previous.node)), source, channel, prophesied };
        event.reads.push(read);
        reads.push(read);
        if (!this.#x.attach(this.#x.state(cell), read)) return undefined;
        if (!channel) actor.touch(this.#x, cell.index, this.#x.view(node, actor.cpu), read.node);
      }
      if (cells.some((cell) => this.#x.cells.twin(cell) !== null) && this.#settled(actor) && !(cells.every((cell) => unitPossible(this.#x, cell)) && linePossible(this.#x, this.#x.cells.lines?.lineOf(op.place.address) ?? 0))) return undefined;
      for (const request of requests) result = views.joinOperands(result, views.after(request, this.#x.view(node, actor.cpu)).result);
      view = views.join(view, this.#x.view(node, actor.cpu));
    }
    actor.reads = views.join(actor.reads, view);
    return { value, view, result, reads };
  }

  /** A unit of a cache line that two copies exist of: only who wrote it is chosen here. */
  #readThrough(actor: Actor, event: GraphEvent, cell: Cell, source: ReadSource, initial: Value, reads: ReadPart[]): boolean {
    const previous = actor.places.get(cell.index);
    const read: ReadPart = { event, cell: cell.index, node: this.#x.coherence.add(previous === undefined ? NO_BITS : oneBit(previous.node)), source, channel: false, prophesied: 0, ...(source === null ? { initial } : {}) };
    event.reads.push(read);
    reads.push(read);
    if (!this.#x.attachThrough(read)) return false;
    if (actor.cpu) {
      // It is forwarded from the newest own store, or that has left.
      const own = this.#x.state(cell).order.filter((part) => part.event.agent === actor.index);
      for (const part of own) if (part !== source && own.every((other) => other.event.ordinal <= part.event.ordinal) && !this.#x.edge(part.event, event)) return false;
    }
    actor.touch(this.#x, cell.index, this.#x.view(event.node, actor.cpu), read.node);
    return true;
  }

  /** The next message of a channel that satisfies, none twice. */
  #takes(actor: Actor, op: AwaitOp): Way[] {
    const cells = this.#x.cells.of(op.place);
    const cell = cells[0];
    if (cell === undefined || cells.length !== 1) throw new NotInGraph('a channel is read in parts');
    const state = this.#x.state(cell);
    const from = actor.taken.get(cell.index);
    return this.#reads(actor, op, op.until).filter(([c]) => from === undefined || c?.source !== null).map((chosen) => () => {
      const done = this.#read(actor, op, 'plain', op.order, chosen, true);
      const read = done?.reads[0];
      if (done === undefined || read === undefined) return undefined;
      const start = (): number | undefined => (from === undefined ? -2 : this.#x.position(state, from.source));
      const check = (): boolean => {
        const [a, b] = [start(), this.#x.position(state, read.source)];
        if (a === undefined || b === undefined) return true;
        if (b <= a) return false;
        for (let i = a + 1; i < b; i += 1) {
          const between = i < 0 ? this.#x.cells.initial(cell) : (state.order[i]?.value ?? 0);
          if (op.until(this.#x.cells.join(op.place, cells, [between]))) return false;
        }
        return true;
      };
      if (!this.#x.constrain(state, { check })) return undefined;
      actor.take(this.#x, cell.index, read);
      actor.operands[actor.ordinal - 1] = done.result;
      return done.value;
    });
  }

  /**
   * Taking an interrupt: which pending message is the newest one of it. Earlier messages of the line that were not taken are merged
   * into it; loads before it are performed before it. What follows is ordered behind the message as the table says.
   */
  interrupt(actor: Actor, op: Op, routes: readonly GraphRoute[]): Way[] {
    const ways: Way[] = [];
    for (const route of routes) {
      const place: Place = { space: 'irq', owner: route.device, address: route.vector, size: 4 };
      const cell = this.#x.cells.of(place)[0];
      if (cell === undefined) continue;
      this.onRead(cell, actor);
      const state = this.#x.state(cell);
      const last = actor.taken.get(cell.index)?.source ?? null;
      for (const { source } of this.#candidates(cell).reverse()) {
        if (source === null || (this.must !== null && source !== this.must) || !this.#isLater(state, source, last)) continue;
        ways.push(() => this.#take(actor, op, place, cell, source, route));
      }
    }
    return ways;
  }

  #isLater(state: CellState, source: ReadSource | KnownWrite, last: ReadSource): boolean {
    if (source === null) return false;
    if (last === null) return true;
    const index = (s: StorePart | Prophecy | KnownWrite): number => ('event' in s ? s.event.writeIndex : s.writeIndex);
    const agent = (s: StorePart | Prophecy | KnownWrite): number => ('event' in s ? s.event.agent : s.agent);
    if (agent(source) === agent(last)) return index(source) > index(last);
    const [a, b] = [isKnown(source) ? undefined : this.#x.position(state, source), this.#x.position(state, last)];
    return a === undefined || b === undefined || a > b;
  }

  #take(actor: Actor, op: Op, place: Place, cell: Cell, from: StorePart | Prophecy | KnownWrite, route: GraphRoute): Value | undefined {
    const source = isKnown(from) ? this.#prophecy(from) : from;
    const node = this.#x.node(actor.reads, 'two');
    const event: GraphEvent = { node, agent: actor.index, cpu: actor.cpu, ordinal: actor.ordinal, kind: 'read', access: 'r', op, place, value: 1, writeIndex: -1, parts: [], reads: [], record: null };
    this.#x.events.push(event);
    const previous = actor.places.get(cell.index);
    const read: ReadPart = { event, cell: cell.index, node: this.#x.coherence.add(previous === undefined ? NO_BITS : oneBit(previous.node)), source, channel: false, prophesied: isPart(source) ? 0 : source.generation };
    event.reads.push(read);
    if (!this.#x.attach(this.#x.state(cell), read)) return undefined;
    const message = isPart(source) ? source.event.node : source.publication;
    actor.touch(this.#x, cell.index, this.#x.view(node, true), read.node);
    actor.take(this.#x, cell.index, read);
    actor.views.interrupt(route.kind ?? 'msi', this.#x.view(message, false));
    return route.number + 1;
  }

  /**
   * At the end: messages of a line were taken in order, and none is left on a line that the CPU still listens to; one that was not
   * taken alone was taken with a later one. Which of several lines comes first is left open.
   */
  interruptsRight(actor: Actor, routes: readonly GraphRoute[]): boolean {
    const forced = routesLeft(actor, routes);
    for (const route of routes) {
      const place: Place = { space: 'irq', owner: route.device, address: route.vector, size: 4 };
      const cell = this.#x.cells.of(place)[0];
      if (cell === undefined) continue;
      const { order } = this.#x.state(cell);
      let position = -1;
      for (const event of this.#x.events) {
        const source = event.agent === actor.index ? (event.reads.find((r) => r.cell === cell.index)?.source ?? null) : null;
        if (source === null || !isPart(source)) continue;
        const at = order.indexOf(source);
        if (at <= position) return false;
        position = at;
      }
      if (position !== order.length - 1 && forced.includes(route)) return false;
    }
    return true;
  }

  #released(actor: Actor, sources: readonly ReadSource[]): Layered<Bits> {
    let released = actor.views.none;
    if (!actor.compiled.publishes) return released;
    for (const source of sources) {
      if (source === null) continue;
      if (isPart(source)) released = actor.views.join(released, source.event.record?.published ?? actor.views.none);
      else if (source.publication >= 0) released = actor.views.join(released, { all: oneBit(source.publication), cpu: oneBit(source.publication) });
    }
    return released;
  }

  #place(actor: Actor, cells: readonly Cell[]): Layered<Bits> {
    let view = actor.views.none;
    for (const cell of cells) {
      view = actor.views.join(view, actor.places.get(cell.index)?.view ?? actor.views.none);
      view = actor.views.join(view, this.#maintained(actor, cell));
    }
    return view;
  }

  /** Own maintenance of the line that a cell lies in. */
  #maintained(actor: Actor, cell: Cell | undefined): Layered<Bits> {
    if (cell?.region !== CPU_COPY) return actor.views.none;
    return actor.places.get(lineIndex(this.#x.cells.lines?.lineOf(cell.address) ?? 0))?.view ?? actor.views.none;
  }

  // --- writing

  /** Every choice of a coherence place for each cell, newest first. */
  #slots(actor: Actor, place: Place): (readonly number[])[] {
    let choices: (readonly number[])[] = [[]];
    for (const cell of this.#cellsOf(actor, place)) {
      const length = this.#x.state(cell).order.length;
      choices = choices.flatMap((chosen) => Array.from({ length: length + 1 }, (_, i) => [...chosen, length - i]));
    }
    return choices;
  }

  /** Every place in its device's queue, newest first, but none before a write that it is ordered behind directly. */
  #queueSlots(actor: Actor, op: StoreOp, data: Operand<Bits>): number[] {
    const { views } = actor;
    const before = views.before({ class: 'o', via: 'plain', order: op.order, addr: actor.operand(op.addressDep, op.addressPick), data, partner: views.none, place: this.#place(actor, this.#cellsOf(actor, op.place)), channel: op.place.owner, from: null, partial: false, released: views.none });
    const posts = this.#x.postsTo(op.place.owner);
    const last = posts.findLastIndex((post) => hasBit(before.all, post.accept.node));
    return Array.from({ length: posts.length - last }, (_, i) => posts.length - i);
  }

  /** For an atomic: right behind what it read, or anywhere if that has no place yet. */
  #slotsBehind(actor: Actor, place: Place, chosen: readonly Candidate[]): (readonly number[])[] {
    let choices: (readonly number[])[] = [[]];
    this.#cellsOf(actor, place).forEach((cell, i) => {
      const state = this.#x.state(cell);
      const source = chosen[i]?.source ?? null;
      const at = isKnown(source) ? undefined : this.#x.position(state, source);
      const slots = at === undefined ? Array.from({ length: state.order.length + 1 }, (_, k) => state.order.length - k) : [at + 1];
      choices = choices.flatMap((c) => slots.map((s) => [...c, s]));
    });
    return choices;
  }

  #write(actor: Actor, op: StoreOp | RmwOp, value: Value, o: { via: Via; order: AccessOrder; data: Operand<Bits>; partner: Layered<Bits>; slots: readonly number[]; queue: number; pair: readonly ReadPart[] }): Operand<Bits> | undefined {
    const { views } = actor;
    const mmio = op.place.space === 'mmio';
    const addr = actor.operand(op.addressDep, op.addressPick);
    let result = views.noOperand;
    let at = 0;
    let piecesDone = 0;
    for (const piece of pieces(op.place, actor.compiled.table.singleCopyBytes)) {
      const cells = this.#x.cells.of(piece);
      const pieceValue = piece.size === op.place.size ? value : this.#byte(op.place, value, piece);
      const request: Access<Bits> = { class: mmio ? 'o' : 'w', via: o.via, order: o.order, addr, data: o.data, partner: o.partner, place: this.#place(actor, cells), channel: mmio ? op.place.owner : '', from: null, partial: false, released: views.none };
      let before = views.before(request);
      if (this.#keepLoadStore) before = views.join(before, actor.reads);
      let node = this.#x.node(before, actor.cpu && !mmio && (this.#x.cells.lines === null || op.place.uncached === true) ? 'store' : 'one');
      const view = this.#x.view(node, actor.cpu);
      const after = views.after(request, view);
      result = views.joinOperands(result, after.result);
      const record: StoreRecord<Bits> = { via: o.via, addr, data: o.data, event: view, partner: o.partner, published: after.published };
      const writeIndex = actor.writes;
      let event: GraphEvent;
      const base = { agent: actor.index, cpu: actor.cpu, ordinal: actor.ordinal, access: request.class, op, place: piece, value: pieceValue, reads: [], record };
      if (mmio && actor.cpu) {
        const accept: GraphEvent = { ...base, node, kind: 'accept', writeIndex: -1, parts: [] };
        this.#x.events.push(accept);
        node = this.#x.node(view, 'one');
        const arrival: GraphEvent = { ...base, node, kind: 'write', writeIndex, parts: [] };
        if (!this.#x.post(op.place.owner, { accept, arrival }, o.queue + piecesDone)) return undefined;
        event = arrival;
      } else event = { ...base, node, kind: 'write', writeIndex, parts: [] };
      piecesDone += 1;
      this.#x.events.push(event);
      actor.writes += 1;
      const readers = this.#fulfil(actor, event, after.published);
      if (readers === undefined) return undefined;
      for (let i = 0; i < cells.length; i += 1) {
        const cell = cells[i];
        if (cell === undefined) continue;
        if (!this.#place1(actor, event, cell, o.slots[at + i] ?? 0, readers, view, o.pair)) return undefined;
      }
      at += cells.length;
    }
    return result;
  }

  #place1(actor: Actor, event: GraphEvent, cell: Cell, slot: number, readers: readonly ReadPart[], view: Layered<Bits>, pair: readonly ReadPart[]): boolean {
    const state = this.#x.state(cell);
    const previous = actor.places.get(cell.index);
    const part: StorePart = { event, cell: cell.index, value: this.#x.cells.part(event.place, event.value, cell), node: this.#x.coherence.add(previous === undefined ? NO_BITS : oneBit(previous.node)), readers: [] };
    event.parts.push(part);
    if (!this.#x.fulfil(part, readers.filter((r) => r.cell === cell.index))) return false;
    if (!this.#x.insert(state, part, slot)) return false;
    actor.touch(this.#x, cell.index, view, part.node);
    const read = pair.find((r) => r.cell === cell.index);
    if (read === undefined) return true;
    return this.#x.constrain(state, {
      check: () => {
        const [i, j] = [this.#x.position(state, read.source), state.order.indexOf(part)];
        if (i === undefined) return true;
        if (i >= j) return false;
        for (let k = i + 1; k < j; k += 1) if (state.order[k]?.event.agent !== event.agent) return false;
        return true;
      },
    });
  }

  /** Readers that prophesied this write; `undefined` if they prophesied another. */
  #fulfil(actor: Actor, event: GraphEvent, published: Layered<Bits>): readonly ReadPart[] | undefined {
    const key = `${actor.index}/${event.writeIndex}`;
    const prophecy = this.#x.prophecies.get(key);
    if (prophecy === undefined) return [];
    if (!sameWrite(prophecy, event.place, event.value)) return undefined;
    this.#x.prophecies.delete(key);
    this.#x.onUndo(() => this.#x.prophecies.set(key, prophecy));
    if (event.place.space === 'irq') return this.#x.allEdge(event.node, prophecy.publication) ? prophecy.readers : undefined;
    if (prophecy.publication >= 0 && !this.#x.publish(published, prophecy.publication)) return undefined;
    return prophecy.readers;
  }

  #byte(place: Place, value: Value, piece: Place): Value {
    return Number(this.#x.cells.part(place, value, { index: -1, region: '', address: piece.address, size: piece.size }));
  }
}

/** Where an agent's maintenance of a line is kept among its places. */
const lineIndex = (line: number): number => -1 - line;

const isStreaming = (op: Op): boolean => op.kind === 'store' && op.order === 'streaming';

const sameWrite = (p: { readonly place: Place; readonly value: Value }, place: Place, value: Value): boolean =>
  p.place.address === place.address && p.place.size === place.size && p.place.space === place.space && p.place.owner === place.owner && p.value === value;

const covers = (store: Place, place: Place): boolean => store.address <= place.address && place.address + place.size <= store.address + store.size;

/** The own stores a read takes bytes from. */
function ownSuppliers(actor: Actor, sources: readonly ReadSource[]): GraphEvent[] {
  const found: GraphEvent[] = [];
  for (const source of sources) if (source !== null && isPart(source) && source.event.agent === actor.index && !found.includes(source.event)) found.push(source.event);
  return found;
}

/** Routes of the lines that an operation lets through. */
export function routesOf(op: OpenLines, routes: readonly GraphRoute[]): readonly GraphRoute[] {
  const { lines } = op;
  return lines === undefined ? routes : routes.filter((route) => lines.includes(route.number));
}

/** Where a CPU would have taken any message: it waits for ever, or waited until nothing was left to happen. */
export function routesLeft(actor: Actor, routes: readonly GraphRoute[]): readonly GraphRoute[] {
  const { blocked, settled } = actor;
  if (blocked !== null) return blocked.kind === 'idle' || (blocked.kind === 'await' && blocked.interruptible === true) ? routesOf(blocked, routes) : [];
  return settled?.kind === 'idle' ? routesOf(settled, routes) : [];
}
