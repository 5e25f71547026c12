// SPDX-License-Identifier: Apache-2.0
/**
 * Operational memory: what each agent may do next, and what doing it changes.
 * It decides nothing: whoever drives it (the machine's scheduler, the litmus
 * explorer) picks among what is possible here.
 *
 * A CPU's store waits in its agent until its ordering tokens have times, then
 * drains: it gets a time and every CPU sees it. Under STRICT it reaches devices
 * by a second step. Loads are performed when they are asked for, and may
 * return any message that their pre-view allows; hence a load never comes after
 * a later store of its agent (the explorer adds prophecies for that).
 */
import { type History, type Message, type Token, overlaps } from '../../memory/history.ts';
import type { AccessOrder, Size, Value } from '../../base/port.ts';
import type { AccessClass, Via } from '../rules.ts';
import { type Access, type CompiledTable, type Layered, type Operand, type StoreRecord, ThreadViews } from '../views.ts';
import { HalfSeen } from './half-seen.ts';
import { type TimeView, START, TIME_VIEWS, at, bounds, join, ofToken, readyForAll, readyForCpus } from './time-view.ts';

export type View = Layered<TimeView>;

/** A store, MMIO write or maintenance operation from its issue on. */
export interface Store extends Message<View> {
  readonly kind: 'ram' | 'mmio' | 'maintain';
  /** Device of an MMIO write; '' otherwise. */
  readonly owner: string;
  /** Where it goes; `null` for MMIO (it arrives at the device) and maintenance. */
  readonly history: History<View> | null;
  readonly pre: View;
  readonly record: StoreRecord<TimeView>;
  /** Nobody else may write between what it read and itself. */
  readonly locks: boolean;
  /** What its pair's read took its bytes from, oldest first: it locks a byte for those who see that. Bytes from nowhere: at once. */
  readonly lockedFrom: readonly Supplier[];
  /** Number of this store within its agent, from 0. */
  readonly number: number;
  /** Trace event of the issue, 0 for none. */
  issued: number;
}

/** What a read takes bytes from. */
export type Supplier = Token & { readonly address: number; readonly size: number };

/** A read whose message is still to come. */
export interface Prophesied {
  readonly token: Token;
  readonly history: History<View>;
  readonly address: number;
  readonly size: number;
}

export interface AccessSpec {
  readonly class: AccessClass;
  readonly via: Via;
  readonly order: AccessOrder;
  readonly addr: Operand<TimeView>;
  readonly data: Operand<TimeView>;
  readonly partner: View;
  readonly channel: string;
  /** A read that is made at one time for everyone, and not passed by loads before it: of a register, of an atomic. */
  readonly moment?: boolean;
}

export interface Done {
  readonly event: View;
  readonly result: Operand<TimeView>;
}

/** One agent's side. */
export class AgentMemory {
  readonly index: number;
  readonly device: boolean;
  readonly views: ThreadViews<TimeView>;
  /** Issued and not yet seen by everyone, in program order. */
  readonly pending: Store[] = [];
  /** The last maintenance of each line, done or not. */
  readonly maintained = new Map<number, Store>();
  /** Reads of messages that do not exist yet (the litmus explorer only). */
  readonly prophesied: Prophesied[] = [];
  stores = 0;

  constructor(index: number, device: boolean, table: CompiledTable) {
    this.index = index;
    this.device = device;
    this.views = new ThreadViews(table, TIME_VIEWS);
  }

  /** The parts of an access that a driver of this memory may leave out. */
  spec(cls: AccessClass, order: AccessOrder, more: Partial<AccessSpec> = {}): AccessSpec {
    return { class: cls, via: 'plain', order, addr: this.views.noOperand, data: this.views.noOperand, partner: this.views.none, channel: '', ...more };
  }
}

export class OperationalMemory {
  /** The time given last. */
  now = 0;
  /** Stores here reach everyone by one step: cache lines, of which devices see only what is written back. */
  inLines: History<View> | null = null;
  readonly #layered: boolean;
  readonly #keeps: boolean;
  readonly #agents: readonly AgentMemory[];
  readonly #halfSeen = new HalfSeen();

  /**
   * @param layered whether a store reaches CPUs and devices by two steps
   * @param keeps   whether a load is never passed by a later store of its agent, for anybody: what the agent has read, everyone has
   *                before they have the store. Without two steps that comes by itself, because loads are made when they are asked for.
   */
  constructor(agents: readonly AgentMemory[], layered: boolean, keeps: boolean) {
    this.#agents = agents;
    this.#layered = layered;
    this.#keeps = layered && keeps;
  }

  /** Own stores that overlap and that the agent alone sees, in program order. */
  ownPending(agent: AgentMemory, history: History<View> | null, address: number, size: number): Store[] {
    const found: Store[] = [];
    for (const store of agent.pending) if (store.c === 0 && store.kind === 'ram' && store.history === history && overlaps(store, { address, size })) found.push(store);
    return found;
  }

  /** Must precede a read. `own`: what it is forwarded from; see `ownPending`. */
  beforeRead(agent: AgentMemory, spec: AccessSpec, own: readonly Store[], address: number, size: number): View {
    const { views } = agent;
    const lines = this.#lines(agent, address, size);
    let pre = spec.moment === true ? this.#kept(agent, views.none) : views.none;
    if (own.length === 0) return views.join(pre, views.before(access(spec, null, views.none, views.none, false, lines)));
    for (const store of suppliers(own, address, size)) {
      pre = views.join(pre, views.before(access(spec, store.record, views.none, views.none, !covers(store, address, size), lines)));
    }
    return pre;
  }

  /** Updates the agent once a read was performed. `parts`: the messages it took bytes from; `own` as for `beforeRead`. */
  afterRead(agent: AgentMemory, spec: AccessSpec, pre: View, parts: readonly (Token & { readonly published: View | null })[], own: readonly Store[], address = 0, size = 0): Done {
    const { views } = agent;
    let all = pre.all;
    let released = views.none;
    for (const message of parts) {
      all = join(all, ofToken(message));
      if (message.published !== null) released = views.join(released, message.published);
    }
    const event: View = all === START && pre.cpu === START ? views.none : { all, cpu: pre.cpu };
    if (own.length === 0) return { event, result: views.after(access(spec, null, views.none, released), event).result };
    let result = views.noOperand;
    for (const store of suppliers(own, address, size)) result = views.joinOperands(result, views.after(access(spec, store.record, views.none, released, !covers(store, address, size)), event).result);
    return { event, result };
  }

  /** What must precede a write, before it is issued. */
  beforeWrite(agent: AgentMemory, spec: AccessSpec, history: History<View> | null, address: number, size: number): View {
    return this.#kept(agent, agent.views.before(access(spec, null, this.#place(agent, { kind: 'ram', history, address, size }), agent.views.none)));
  }

  /** Updates the agent once a read was made that is a transaction at a device, now. */
  afterTransaction(agent: AgentMemory, spec: AccessSpec, pre: View): Done {
    const event: View = { all: join(pre.all, at(this.now)), cpu: pre.cpu };
    const { result } = agent.views.after(access(spec, null, agent.views.none, agent.views.none), event);
    return { event, result };
  }

  /** What is last in coherence order on these bytes, for atomics; `own`: below own stores that have not left. */
  newestWay(agent: AgentMemory, history: History<View>, address: number, size: Size, own: readonly Store[] = []): ReturnType<History<View>['candidates']>[number] {
    const [way] = history.candidates(address, size, agent.index, agent.device, this.now, this.now, own);
    if (way === undefined) throw new RangeError('no way to read memory');
    return way;
  }

  /** Everything of an own store, MMIO write or maintenance operation; it is pending from here on. */
  issue(agent: AgentMemory, spec: AccessSpec, o: { readonly kind: Store['kind']; readonly owner?: string; readonly history: History<View> | null; readonly address: number; readonly size: number; readonly value: Value; readonly locks?: boolean; readonly lockedFrom?: readonly Supplier[] }): { readonly store: Store; readonly done: Done } {
    const { views } = agent;
    const place = this.#place(agent, o);
    const asked = access(spec, null, place, views.none);
    const pre = this.#kept(agent, views.before(asked));
    // Written out, not spread: this is made once a store, millions of times.
    const record = { via: spec.via, addr: spec.addr, data: spec.data, event: views.none, partner: spec.partner, published: views.none };
    const store: Store = {
      kind: o.kind,
      owner: o.owner ?? '',
      history: o.history,
      address: o.address,
      size: o.size,
      value: o.value,
      locks: o.locks ?? false,
      lockedFrom: o.lockedFrom ?? NOTHING,
      c: 0,
      a: 0,
      agent: agent.index,
      device: agent.device,
      published: null,
      event: 0,
      issued: 0,
      pre,
      number: agent.stores,
      record,
    };
    agent.stores += 1;
    const event: View = { all: { c: 0, a: 0, tokens: [store] }, cpu: START };
    const { result, published } = views.after(asked, event);
    // The record names the store it belongs to, so it is completed after it.
    record.event = event;
    record.published = published;
    store.published = published === views.none ? null : published;
    agent.pending.push(store);
    if (store.kind === 'maintain') agent.maintained.set(store.address, store);
    return { store, done: { event, result } };
  }

  /** Whether a store can become visible to the CPUs now. MMIO writes leave, and maintenance is done, for everyone at once. */
  canDrain(store: Store): boolean {
    if (store.c !== 0) return false;
    if (!readyForCpus(store.pre)) return false;
    if (this.oneStep(store) && !readyForAll(store.pre)) return false;
    if (store.kind !== 'ram') return true;
    const agent = this.#agents[store.agent];
    return agent === undefined || this.lockedBy(agent, store.history, store.address, store.size) === null;
  }

  /** Whether it becomes visible to CPUs and devices at one time. */
  oneStep(store: { readonly kind: Store['kind']; readonly history: History<View> | null }): boolean {
    return !this.#layered || store.kind !== 'ram' || (this.inLines !== null && store.history === this.inLines);
  }

  /** Whether a store that the CPUs see can become visible to everyone now. */
  canReachAll(store: Store): boolean {
    if (store.c === 0 || store.a !== 0 || !readyForAll(store.pre)) return false;
    if (store.history === null) return true;
    if (this.reachesFirst(store.history, store) !== null) return false;
    for (const other of store.history.overlapping(store.address, store.size)) {
      if (other === store) return true;
      if (other.a === 0) return false;
    }
    return true;
  }

  /**
   * Gives a store its time. `everyone`: by both steps at once where the second is possible.
   * @returns whom it reached
   */
  drain(agent: AgentMemory, store: Store, everyone: boolean): 'cpu' | 'all' {
    this.now += 1;
    store.c = this.now;
    if (store.history !== null) {
      store.history.append(store);
      store.history.saw(agent.index, false, store.address, store.size, [store]);
    }
    if (this.oneStep(store) || (everyone && this.canReachAll(store))) {
      store.a = store.c;
      remove(agent.pending, store);
      return 'all';
    }
    return 'cpu';
  }

  /** A store that must reach everyone before this one, or a device's write there, does. */
  reachesFirst(history: History<View>, write: { readonly address: number; readonly size: number }): Message<View> | null {
    return this.#layered ? this.#halfSeen.first(history, write) : null;
  }

  /** A read was performed from these messages, besides own stores that hide what is below. */
  saw(agent: AgentMemory, history: History<View>, address: number, size: number, parts: readonly Message<View>[], own: readonly Store[]): void {
    history.saw(agent.index, agent.device, address, size, parts);
    if (this.#layered && !agent.device) this.#halfSeen.note(history, agent.index, { address, size }, parts, own);
  }

  reachAll(agent: AgentMemory, store: Store): void {
    this.now += 1;
    store.a = this.now;
    remove(agent.pending, store);
  }

  /** A device's write, at memory at once. */
  writeNow(agent: AgentMemory, spec: AccessSpec, history: History<View>, address: number, size: number, value: Value): { readonly message: Message<View>; readonly done: Done } {
    this.now += 1;
    const message: Message<View> = { address, size, value, agent: agent.index, device: true, c: this.now, a: this.now, published: null, event: 0 };
    if (this.#layered) history.insertBeforeHalfVisible(message);
    else history.append(message);
    history.saw(agent.index, true, address, size, [message]);
    const event: View = { all: at(this.now), cpu: START };
    const { result } = agent.views.after(access(spec, null, agent.views.none, agent.views.none), event);
    return { message, done: { event, result } };
  }

  /**
   * The write of another agent's atomic pair that these bytes must wait for: it has read and not written yet. A device's write waits
   * until everyone has it, or it would land between the two; but where what was read has not reached everyone either, it lands below both.
   */
  lockedBy(agent: AgentMemory, history: History<View> | null, address: number, size: number): Store | null {
    for (const other of this.#agents) {
      if (other === agent) continue;
      for (const store of other.pending) if (store.locks && (store.c === 0 || (agent.device && store.a === 0)) && store.history === history && locks(store, address, size, agent.device)) return store;
    }
    return null;
  }

  /** Whether somebody else wrote to a byte of what an exclusive read took from `sources`, oldest first, since that. */
  othersSince(agent: AgentMemory, history: History<View>, address: number, size: number, sources: readonly Supplier[]): boolean {
    const messages = history.overlapping(address, size);
    for (let at = address; at < address + size; at += 1) {
      const source = supplierOf(sources, at);
      if (source?.c === 0) continue; // from then on nobody else can
      const index = messages.findIndex((m) => m === source);
      const since = index >= 0 || source === undefined ? messages.slice(index + 1) : messages.filter((m) => m.c > source.c);
      if (since.some((m) => m.agent !== agent.index && m.address <= at && at < m.address + m.size)) return true;
    }
    return false;
  }

  /** The ways a read may be performed; at least one. */
  candidates(agent: AgentMemory, history: History<View>, address: number, size: Size, pre: View, own: readonly Store[]): ReturnType<History<View>['candidates']> {
    const { c, a } = bounds(pre);
    const ways = history.candidates(address, size, agent.index, agent.device, c, a, own);
    return this.#layered && !agent.device && ways.length > 1 ? ways.filter((way) => this.#halfSeen.possible(history, agent.index, { address, size }, way.parts, own)) : ways;
  }

  #kept(agent: AgentMemory, pre: View): View {
    return this.#keeps ? agent.views.join(pre, agent.views.set('rOld')) : pre;
  }

  #lines(agent: AgentMemory, address: number, size: number): View | undefined {
    let lines: View | undefined;
    for (const other of agent.maintained.values()) if (overlaps(other, { address, size })) lines = agent.views.join(lines ?? agent.views.none, { all: ofToken(other), cpu: START });
    return lines;
  }

  #place(agent: AgentMemory, o: { readonly kind: Store['kind']; readonly history: History<View> | null; readonly address: number; readonly size: number }): View {
    let place = agent.views.none;
    for (const other of agent.pending) if (conflicts(other, o)) place = agent.views.join(place, { all: ofToken(other), cpu: START });
    for (const read of agent.prophesied) if (read.token.c === 0 && o.kind === 'ram' && read.history === o.history && overlaps(read, o)) place = agent.views.join(place, { all: ofToken(read.token), cpu: START });
    return place;
  }
}

const covers = (store: Store, address: number, size: number): boolean => store.address <= address && address + size <= store.address + store.size;

function access(spec: AccessSpec, from: StoreRecord<TimeView> | null, place: View, released: View, partial = false, lines?: View): Access<TimeView> {
  return { class: spec.class, via: spec.via, order: spec.order, addr: spec.addr, data: spec.data, partner: spec.partner, place, channel: spec.channel, from, partial, released, lines };
}

const NOTHING: readonly Supplier[] = [];

function supplierOf(sources: readonly Supplier[], at: number): Supplier | undefined {
  return sources.findLast((source) => source.address <= at && at < source.address + source.size);
}

/** Whether the write of an atomic pair keeps a CPU, or a device, from these bytes. */
function locks(store: Store, address: number, size: number, device: boolean): boolean {
  for (let at = Math.max(address, store.address); at < Math.min(address + size, store.address + store.size); at += 1) {
    const source = supplierOf(store.lockedFrom, at);
    if (source === undefined || (device ? source.a : source.c) > 0) return true;
  }
  return false;
}

/** The newest own stores that still show on some byte of a load. */
function suppliers(own: readonly Store[], address: number, size: number): Store[] {
  const found: Store[] = [];
  for (let byte = address; byte < address + size; byte += 1) {
    for (let i = own.length - 1; i >= 0; i -= 1) {
      const store = own[i];
      if (store === undefined || byte < store.address || byte >= store.address + store.size) continue;
      if (!found.includes(store)) found.push(store);
      break;
    }
  }
  return found;
}

/** Same place, hence kept in program order: overlapping bytes, or maintenance of the line they lie in. */
function conflicts(earlier: Store, later: { readonly kind: Store['kind']; readonly history: History<View> | null; readonly address: number; readonly size: number }): boolean {
  if (earlier.kind === 'mmio' || later.kind === 'mmio') return false;
  if (earlier.kind === 'ram' && later.kind === 'ram' && earlier.history !== later.history) return false;
  return overlaps(earlier, later);
}

function remove(list: Store[], store: Store): void {
  const i = list.indexOf(store);
  if (i >= 0) list.splice(i, 1);
}
