// SPDX-License-Identifier: Apache-2.0
/** One path of the litmus explorer, from the start to an end or to a dead end. See explore.ts. */
import { Abandon, Suspend, type Agent, type Deps, type Op, type Place, type Port, type Size, type Value } from '../../base/port.ts';
import { History, type Candidate, type Message, type Token, overlaps } from '../../memory/history.ts';
import { PAGE_BYTES } from '../../memory/initial.ts';
import type { CompiledTable, Operand } from '../views.ts';
import type { OperationalOptions, Search } from './explore.ts';
import { AgentMemory, OperationalMemory, type AccessSpec, type Prophesied, type Store, type Supplier, type View } from './memory.ts';
import { type TimeView, START, bounds, openTokens } from './time-view.ts';

type OpOf<K extends Op['kind']> = Extract<Op, { readonly kind: K }>;

/** This path cannot be completed. */
class Dead extends Suspend {}
/** The agent has done what it was run for. */
class Enough extends Suspend {}
const DEAD = new Dead();
const ENOUGH = new Enough();

/** What a prophecy takes over with what it reads; it has the times of that. */
interface Publication extends Token {
  of: View | null;
}
/** Nothing was handed over: before every message. */
const AT_FIRST = 0.5;

/** A read of what another agent's write will show. As a token it gets the time of the message that redeems it. */
interface Prophecy extends Prophesied, Token {
  readonly size: Size;
  readonly value: Value;
  readonly published: View | null;
  readonly reader: Runner;
  /** Stores the reader had issued before. */
  readonly after: number;
  /** A later store of the reader has become visible since. */
  justified: boolean;
  readonly pre: View;
  message: Message<View> | null;
  /** What it took its bytes from, oldest first, once redeemed. */
  parts: readonly Message<View>[];
  /** Later reads of its agent that share bytes with it and were made: it may not come to be newer there. */
  readonly later: { readonly place: { readonly address: number; readonly size: number }; readonly parts: readonly Message<View>[] }[];
  readonly publication: Publication | null;
  /** It takes over what is published: exactly if it has a publication. */
  readonly acquires: boolean;
}

/** Nobody may write to these bytes until the tokens have times. */
interface Guard {
  readonly tokens: readonly Token[];
  readonly ranges: readonly { readonly address: number; readonly size: number }[];
}

/** One way to perform a read. */
interface Reading {
  readonly value: Value;
  readonly pre: View;
  /** What it took its bytes from: messages, or a prophecy. */
  readonly parts: readonly Message<View>[];
  /** All messages whose bytes it shows, own ones included. */
  readonly all: readonly Message<View>[];
  readonly prophecy: Prophecy | null;
  readonly own: readonly Store[];
  readonly guard: Guard | null;
  /** Last in coherence order, so that an atomic may write behind it. */
  readonly newest: boolean;
}

class Runner implements Port {
  readonly agent: Agent;
  readonly memory: AgentMemory;
  readonly answers: Value[] = [];
  readonly results: (Operand<TimeView> | undefined)[] = [];
  ordinal = 0;
  done = false;
  /** What it has read so far. */
  reads: View;
  monitor: { readonly place: Place; readonly sources: readonly Supplier[]; readonly event: View } | null = null;
  readonly #perform: (runner: Runner, op: Op) => Value;

  constructor(agent: Agent, memory: AgentMemory, perform: (runner: Runner, op: Op) => Value) {
    this.agent = agent;
    this.memory = memory;
    this.reads = memory.views.none;
    this.#perform = perform;
  }

  op(op: Op): Value {
    const at = this.ordinal;
    if (at >= this.answers.length) this.answers.push(this.#perform(this, op));
    this.ordinal = at + 1;
    // One entry for each operation performed.
    return this.answers[at] as Value;
  }
}

export class Path {
  readonly #o: OperationalOptions;
  readonly #x: Search;
  readonly #runners: readonly Runner[];
  readonly #core: OperationalMemory;
  readonly #ram: History<View>;
  #prophecies: Prophecy[] = [];
  #guards: Guard[] = [];
  readonly #publications: Publication[] = [];
  /** Nothing gets a time any more; what is left are reads. */
  #final = false;
  /** Something got its time: the agent that runs stops before its next operation. */
  #enough = false;

  constructor(options: OperationalOptions, cpu: CompiledTable, device: CompiledTable, search: Search) {
    this.#o = options;
    this.#x = search;
    this.#runners = options.agents.map((agent, i) => new Runner(agent, new AgentMemory(i, agent.kind === 'device', agent.kind === 'device' ? device : cpu), (runner, op) => this.#perform(runner, op)));
    this.#core = new OperationalMemory(this.#runners.map((r) => r.memory), cpu.layered && options.agents.some((agent) => agent.kind === 'device'), options.loadStore === 'kept');
    this.#ram = new History<View>((address) => options.initial.ram.get(Math.floor(address / PAGE_BYTES))?.[address % PAGE_BYTES] ?? 0, options.endian ?? 'little');
  }

  /** @returns whether it came to a consistent end */
  run(): boolean {
    try {
      while (this.#step());
      this.#final = true;
      for (const runner of this.#runners) if (!runner.done) this.#resume(runner);
      if (this.#prophecies.some((p) => p.c === 0)) return false;
    } catch (error) {
      if (error instanceof Dead) return false;
      if (!(error instanceof Abandon)) throw error;
      this.#x.gaveUp(error.message);
      return false;
    }
    this.#o.onOutcome((place) => this.#finalValue(place), (address) => this.#largestWrite(address));
    return true;
  }

  /** Something gets the next time. @returns false when nothing more is to */
  #step(): boolean {
    const steps: (() => void)[] = [];
    let waiting = false;
    for (const runner of this.#runners) {
      for (const store of runner.memory.pending) {
        waiting = true;
        if (this.#canDrain(store)) steps.push(() => this.#drain(runner, store));
        else if (this.#core.canReachAll(store)) steps.push(() => this.#reachAll(runner, store));
      }
      if (!runner.done) steps.push(() => this.#runToNext(runner));
    }
    // Last, nothing: if it is wrong an agent will want to store, and the path is dead.
    const width = steps.length + (waiting ? 0 : 1);
    if (width === 0) throw DEAD;
    const step = steps[this.#x.choose(width)];
    step?.();
    return step !== undefined;
  }

  /** Runs an agent until it has issued the store that gets the next time. */
  #runToNext(runner: Runner): void {
    this.#enough = false;
    this.#resume(runner);
    if (!this.#enough) throw DEAD;
  }

  #resume(runner: Runner): void {
    runner.ordinal = 0;
    try {
      runner.agent.run(runner);
      runner.done = true;
    } catch (error) {
      if (!(error instanceof Enough)) throw error;
    }
  }

  #perform(runner: Runner, op: Op): Value {
    if ('place' in op && op.place.space === 'ram' && op.place.address % op.place.size !== 0) throw new Abandon('an unaligned access tears into bytes, which the graph form alone does');
    if (this.#enough && !this.#final) throw ENOUGH;
    switch (op.kind) {
      case 'load':
      case 'await': return this.#load(runner, op);
      case 'store': return this.#store(runner, op);
      case 'rmw': return this.#rmw(runner, op);
      case 'fence':
        runner.memory.views.fence(op.fence);
        return 0;
      case 'branch':
        runner.memory.views.branch(this.#operand(runner, op.dep, op.pick));
        return 0;
      case 'choose': return this.#x.choose(op.width);
      case 'interrupt':
      case 'idle': return 0;
      case 'maintain': throw new RangeError('the litmus explorer knows no caches');
    }
  }

  #load(runner: Runner, op: OpOf<'load'> | OpOf<'await'>): Value {
    const exclusive = op.kind === 'load' && op.exclusive === true;
    const spec = runner.memory.spec('r', op.order, { via: exclusive ? 'exclusive' : 'plain', addr: this.#operand(runner, op.addressDep, op.addressPick) });
    let ways = this.#readings(runner, spec, op.place, runner.memory.views.none);
    if (op.kind === 'await') ways = ways.filter((way) => op.until(way.value));
    const way = ways[this.#x.choose(ways.length)];
    if (way === undefined) throw DEAD;
    const done = this.#read(runner, spec, op.place, way);
    runner.results[runner.ordinal + 1] = done.result;
    if (exclusive) {
      runner.monitor = { place: op.place, sources: suppliersOf(way), event: done.event };
    }
    return way.value;
  }

  /** Every way to perform a read now. `behind`: what it comes after besides what its order says. */
  #readings(runner: Runner, spec: AccessSpec, place: Place, behind: View): Reading[] {
    const { memory } = runner;
    const before = (own: readonly Store[]): View => memory.views.join(behind, this.#core.beforeRead(memory, spec, own, place.address, place.size));
    if (place.space !== 'ram') throw new RangeError(`the litmus explorer knows no ${place.space} space`);
    const ways: Reading[] = [];
    const own = this.#core.ownPending(memory, this.#ram, place.address, place.size);
    const newestOwn = newestCovering(own, place);
    // What was read here before is still to come, so nothing that is there already may be read, but for an own store after it.
    const early = this.#before(runner, place, newestOwn).some((p) => within(p, place));
    if (!early) {
      const pre = before(own);
      const open = openTokens(pre, 'all');
      if (open.length === 0 || this.#o.loadStore === 'free') {
        const candidates = this.#core.candidates(memory, this.#ram, place.address, place.size, pre, own);
        for (const candidate of candidates) {
          // Behind something without a time only what is newest will do, and stays so.
          if (open.length > 0 && candidate !== candidates[0]) break;
          // An own store that has its time already could have been read before it had: as if forwarded.
          const mine = candidate.parts.filter((part): part is Store => part.agent === memory.index && 'record' in part);
          ways.push(this.#reading(place, candidate, mine.length === 0 ? pre : before([...mine, ...own]), [...mine, ...own], open, candidate === candidates[0]));
        }
        ways.push(...this.#olderAround(runner, before, place, own, open));
      }
    }
    if (this.#final || memory.device || memory.views.holdsBackWrites(spec)) return ways;
    for (const value of this.#x.prophecies(place, memory.index)) {
      const pre = memory.views.join(before([]), before(own));
      // What it takes over matters to an acquire only, and then whether there is anything.
      const takesOver = memory.views.compiled.publishes && spec.order !== 'plain' && spec.order !== 'relaxed';
      for (const publication of takesOver ? [null, { c: 0, a: 0, of: null } satisfies Publication] : [null]) {
        const published: View | null = publication === null ? null : { all: { c: 0, a: 0, tokens: [publication] }, cpu: START };
        const prophecy: Prophecy = { c: 0, a: 0, published, history: this.#ram, address: place.address, size: place.size, value, reader: runner, after: memory.stores, justified: false, pre, message: null, parts: [], later: [], publication, acquires: takesOver, get token() { return this; } };
        ways.push({ value, pre, parts: [], all: [], prophecy, own: [], guard: null, newest: true });
      }
    }
    return ways;
  }

  /** `own`: what it is forwarded from, stores included that have their time. */
  #reading(place: Place, { value, parts }: Candidate<View>, pre: View, own: readonly Store[], open: readonly Token[], newest: boolean): Reading {
    const ranges = open.length === 0 ? [] : uncovered(place, own);
    return {
      value,
      pre,
      parts: parts.filter((part) => !own.includes(part as Store)),
      all: parts,
      prophecy: null,
      own,
      guard: ranges.length > 0 ? { tokens: open, ranges } : null,
      newest,
    };
  }

  /** Forwarded in part from own stores that have their times by now, the other bytes as they were before that. */
  #olderAround(runner: Runner, before: (own: readonly Store[]) => View, place: Place, pending: readonly Store[], open: readonly Token[]): Reading[] {
    const { memory } = runner;
    const mine = this.#ram.overlapping(place.address, place.size).filter((m): m is Store => m.agent === memory.index && 'record' in m);
    /** It shows on some byte that its agent has seen nothing newer on, and on none other. */
    const shows = (m: Store): boolean => {
      const bytes = bytesOf(m, place).filter((at) => mine.findLast((own) => within({ address: at, size: 1 }, own)) === m);
      return bytes.length > 0 && bytes.every((at) => this.#ram.lastSeen(memory.index, { address: at, size: 1 }) <= m.c);
    };
    const past = mine.filter(shows);
    if (past.length === 0 || open.length > 0) return [];
    const own = [...past, ...pending];
    if (own.length < 2 && uncovered(place, own).length === 0) return [];
    const pre = before(own);
    // It must have been made before anybody overwrote them.
    const until = Math.min(...past.flatMap((store) => this.#ram.overlapping(store.address, store.size).filter((m) => m.c > store.c && m.agent !== memory.index).map((m) => m.c)));
    if (bounds(pre).c >= until) return [];
    const ways = this.#core.candidates(memory, this.#ram, place.address, place.size, pre, own).filter((candidate) => candidate.time < until);
    return ways.map((candidate) => ({ ...this.#reading(place, candidate, pre, own, open, false), all: [...past, ...candidate.parts] }));
  }

  #read(runner: Runner, spec: AccessSpec, place: Place, way: Reading): ReturnType<OperationalMemory['afterRead']> {
    const { memory } = runner;
    if (way.prophecy !== null) {
      this.#prophecies.push(way.prophecy);
      memory.prophesied.push(way.prophecy);
      if (way.prophecy.publication !== null) this.#publications.push(way.prophecy.publication);
    } else for (const prophecy of this.#before(runner, place, newestCovering(way.own, place))) prophecy.later.push({ place, parts: [...way.all, ...way.own] });
    if (way.guard !== null) this.#guards.push(way.guard);
    this.#core.saw(memory, this.#ram, place.address, place.size, way.all, way.own);
    const done = this.#core.afterRead(memory, spec, way.pre, way.prophecy === null ? way.parts : [way.prophecy], way.own, place.address, place.size);
    runner.reads = memory.views.join(runner.reads, done.event);
    return done;
  }

  #store(runner: Runner, op: OpOf<'store'>): Value {
    const { place, value, order } = op;
    const { memory } = runner;
    if (place.space !== 'ram') throw new RangeError(`the litmus explorer knows no ${place.space} space`);
    const { monitor } = runner;
    const exclusive = op.exclusive === true;
    if (exclusive) {
      runner.monitor = null;
      const possible = !this.#final && monitor !== null && this.#mayFollow(runner, place, monitor);
      if (!possible || this.#x.choose(2) === 1) return 1;
    } else if (this.#final) throw DEAD;
    const spec = memory.spec('w', order, { via: exclusive ? 'exclusive' : 'plain', addr: this.#operand(runner, op.addressDep, op.addressPick), data: this.#operand(runner, op.dataDep, op.dataPick), partner: exclusive && monitor !== null ? monitor.event : memory.views.none });
    if (memory.device) {
      if (this.#guarded(place) || this.#core.reachesFirst(this.#ram, place) !== null || this.#core.lockedBy(memory, this.#ram, place.address, place.size) !== null) throw DEAD;
      const { message } = this.#core.writeNow(memory, spec, this.#ram, place.address, place.size, value);
      this.#written(message);
      this.#enough = true;
      return 0;
    }
    const { store, done } = this.#core.issue(memory, spec, { kind: 'ram', history: this.#ram, address: place.address, size: place.size, value, locks: exclusive, lockedFrom: monitor?.sources ?? [] });
    if (exclusive) runner.results[runner.ordinal + 1] = done.result;
    this.#maybeNow(runner, store);
    return 0;
  }

  /** Whether a store-exclusive may be done: nobody else wrote since what was read. */
  #mayFollow(runner: Runner, place: Place, monitor: NonNullable<Runner['monitor']>): boolean {
    if (monitor.place.address !== place.address || monitor.place.size !== place.size) return false;
    const sources = monitor.sources.flatMap((source): readonly Supplier[] => ('message' in source && (source as Prophecy).message !== null ? (source as Prophecy).parts : [source]));
    if (this.#core.othersSince(runner.memory, this.#ram, place.address, place.size, sources)) return false;
    return this.#core.lockedBy(runner.memory, this.#ram, place.address, place.size) === null;
  }

  #rmw(runner: Runner, op: OpOf<'rmw'>): Value {
    const { place, order } = op;
    const { memory } = runner;
    const via = op.discard === true ? 'noreturn' : 'atomic';
    const addr = this.#operand(runner, op.addressDep, op.addressPick);
    const readSpec = memory.spec('r', order, { via, addr });
    const locked = this.#core.lockedBy(memory, this.#ram, place.address, place.size) !== null;
    // An atomic has a moment, and loads before it are not passed by it.
    const behind = this.#o.loadStore === 'kept' ? runner.reads : memory.views.none;
    const ways = this.#readings(runner, readSpec, place, behind).filter((way) => op.modify(way.value) === undefined || (!this.#final && way.newest && (way.prophecy !== null || way.own.length > 0 || !locked)));
    const way = ways[this.#x.choose(ways.length)];
    if (way === undefined) throw DEAD;
    const value = op.modify(way.value);
    // Until the write is there the lock keeps others out, so a read that is followed by one needs no guard.
    const read = this.#read(runner, readSpec, place, value === undefined ? way : { ...way, guard: null });
    if (value === undefined) {
      runner.results[runner.ordinal + 1] = read.result;
      return way.value;
    }
    const operand = this.#operand(runner, op.dataDep, op.dataPick);
    const data = op.compares === true ? memory.views.joinOperands(operand, { v: memory.views.none, pick: this.#operand(runner, undefined, op.comparePick).pick }) : operand;
    const spec = memory.spec('w', order, { via, addr, data, partner: read.event });
    if (memory.device) {
      if (locked || this.#guarded(place) || this.#core.reachesFirst(this.#ram, place) !== null) throw DEAD;
      const { message } = this.#core.writeNow(memory, spec, this.#ram, place.address, place.size, value);
      this.#written(message);
      this.#enough = true;
      return way.value;
    }
    const { store, done } = this.#core.issue(memory, spec, { kind: 'ram', history: this.#ram, address: place.address, size: place.size, value, locks: true, lockedFrom: suppliersOf(way) });
    runner.results[runner.ordinal + 1] = memory.views.joinOperands(read.result, done.result);
    this.#maybeNow(runner, store);
    return way.value;
  }

  /** A store that could get the next time does, or the agent goes on to issue another. */
  #maybeNow(runner: Runner, store: Store): void {
    if (!this.#canDrain(store) || this.#x.choose(2) === 1) return;
    this.#drain(runner, store);
    this.#enough = true;
  }

  #canDrain(store: Store): boolean {
    return this.#core.canDrain(store) && !this.#guarded(store) && !store.lockedFrom.some((source) => source.c === 0);
  }

  #guarded(place: { readonly address: number; readonly size: number }): boolean {
    if (this.#guards.length === 0) return false;
    this.#guards = this.#guards.filter((guard) => guard.tokens.some((token) => token.c === 0 || token.a === 0));
    return this.#guards.some((guard) => guard.ranges.some((range) => overlaps(range, place)));
  }

  #drain(runner: Runner, store: Store): void {
    this.#core.drain(runner.memory, store, false);
    for (const prophecy of this.#prophecies) if (prophecy.reader === runner && prophecy.c === 0 && store.number >= prophecy.after) prophecy.justified = true;
    this.#written(store);
  }

  #reachAll(runner: Runner, store: Store): void {
    this.#core.reachAll(runner.memory, store);
    for (const prophecy of this.#prophecies) if (prophecy.message === store) prophecy.a = store.a;
    this.#publish();
  }

  #written(message: Message<View>): void {
    this.#x.learn(message, (place) => this.#shows(place, message));
    this.#redeem(message);
    this.#publish();
  }

  /** What agents other than the writer may read from a place now: memory, and above it any of their own first stores that wait. */
  #shows(place: Place, message: Message<View>): Set<Value> {
    const values = new Set<Value>();
    for (const { memory } of this.#runners) {
      if (memory.index === message.agent) continue;
      const own = this.#core.ownPending(memory, this.#ram, place.address, place.size);
      for (let count = 0; count <= own.length; count += 1) {
        const above = own.slice(0, count);
        if (hides(above, place, message)) break;
        values.add(this.#core.newestWay(memory, this.#ram, place.address, place.size, above).value);
      }
    }
    return values;
  }

  /** Prophecies of what this write shows come true, each if it may and by choice: another write that shows the same may be meant. */
  #redeem(message: Message<View>): void {
    for (const prophecy of this.#prophecies) {
      if (prophecy.c !== 0 || prophecy.reader.memory.index === message.agent || !overlaps(prophecy, message) || !prophecy.justified) continue;
      const { reader } = prophecy;
      const { memory } = reader;
      const earlier = this.#prophecies.slice(0, this.#prophecies.indexOf(prophecy)).filter((other) => other.reader === reader && other.c === 0 && overlaps(other, prophecy));
      if (earlier.some((other) => within(other, prophecy))) continue;
      const own = this.#core.ownPending(memory, this.#ram, prophecy.address, prophecy.size).filter((store) => store.number < prophecy.after);
      if (hides(own, prophecy, message)) continue;
      const way = this.#core.newestWay(memory, this.#ram, prophecy.address, prophecy.size, own);
      const parts = [...way.parts, ...own];
      const takesOver = way.parts.some((part) => part.published !== null);
      if (prophecy.acquires && takesOver !== (prophecy.publication !== null)) continue;
      if (way.value !== prophecy.value || prophecy.later.some((later) => this.#isNewer(prophecy, parts, later)) || this.#x.choose(2) === 1) continue;
      prophecy.c = message.c;
      prophecy.a = message.a;
      prophecy.message = message;
      prophecy.parts = parts;
      for (const other of earlier) other.later.push({ place: prophecy, parts });
      this.#ram.saw(memory.index, memory.device, prophecy.address, prophecy.size, way.parts);
      if (prophecy.publication !== null) prophecy.publication.of = way.parts.reduce((all, part) => memory.views.join(all, part.published ?? memory.views.none), memory.views.none);
      const open = openTokens(prophecy.pre, 'all');
      if (open.length > 0) this.#guards.push({ tokens: open, ranges: uncovered(prophecy, own) });
    }
  }

  /** Reads of the agent that are still to come, share bytes with a place, and no own store after them hides there. */
  #before({ memory }: Runner, place: Place, newestOwn: number): Prophecy[] {
    // Prophecies are the only reads this explorer leaves open.
    return (memory.prophesied as Prophecy[]).filter((p) => p.c === 0 && overlaps(p, place) && p.after > newestOwn);
  }

  /** Whether a prophecy, taking these parts, is newer on some byte than a read made after it. */
  #isNewer(prophecy: Prophecy, parts: readonly Message<View>[], later: Prophecy['later'][number]): boolean {
    for (const at of bytesOf(prophecy, later.place)) {
      const [mine, its] = [parts, later.parts].map((list) => list.findLast((m) => within({ address: at, size: 1 }, m)));
      if (mine === its || mine === undefined || its?.c === 0) continue;
      const order = this.#ram.overlapping(at, 1);
      const place = order.findIndex((m) => m === mine);
      if (place < 0 || place > order.findIndex((m) => m === its)) return true;
    }
    return false;
  }

  /** What was handed over with what prophecies read has its times once all of it has. */
  #publish(): void {
    for (const publication of this.#publications) {
      const { of } = publication;
      if (of === null || publication.a !== 0 || openTokens(of, 'cpu').length > 0) continue;
      const { c, a } = bounds(of);
      publication.c = Math.max(c, AT_FIRST);
      if (openTokens(of, 'all').length === 0) publication.a = Math.max(a, AT_FIRST);
    }
  }

  #finalValue(place: Place): Value {
    const [way] = this.#ram.candidates(place.address, place.size, -1, false, this.#core.now, this.#core.now, []);
    return way?.value ?? 0;
  }

  #largestWrite(address: number): number {
    let size = 0;
    for (const message of this.#ram.overlapping(address, 1)) if (message.address === address) size = Math.max(size, message.size);
    return size;
  }

  #operand(runner: Runner, deps: Deps | undefined, picks?: Deps): Operand<TimeView> {
    const { views } = runner.memory;
    let operand = views.noOperand;
    for (const dep of list(deps)) operand = views.joinOperands(operand, runner.results[dep] ?? views.noOperand);
    for (const pick of list(picks)) {
      const known = runner.results[pick];
      if (known !== undefined) operand = views.joinOperands(operand, { v: views.none, pick: views.join(known.v, known.pick) });
    }
    return operand;
  }
}

function list(deps: Deps | undefined): readonly number[] {
  return deps === undefined || deps === 0 ? [] : typeof deps === 'number' ? [deps] : deps;
}

/** What a read takes its bytes from, oldest first. */
function suppliersOf(way: Reading): readonly Supplier[] {
  return way.prophecy === null ? [...way.parts, ...way.own] : [way.prophecy];
}

interface Range {
  readonly address: number;
  readonly size: number;
}

/** Whether a range lies inside another. */
const within = (range: Range, other: Range): boolean => other.address <= range.address && range.address + range.size <= other.address + other.size;

/** Bytes that two ranges share. */
function bytesOf(a: Range, b: Range): number[] {
  const from = Math.max(a.address, b.address);
  return Array.from({ length: Math.max(0, Math.min(a.address + a.size, b.address + b.size) - from) }, (_, i) => from + i);
}

/** Number of the newest of some own stores that covers a whole place; -1 for none. */
function newestCovering(own: readonly Store[], place: Range): number {
  return own.reduce((newest, store) => (within(place, store) ? store.number : newest), -1);
}

/** Whether own stores leave nothing to be seen of a message in a place. */
function hides(own: readonly Store[], place: Range, message: Range): boolean {
  return bytesOf(place, message).every((at) => own.some((store) => within({ address: at, size: 1 }, store)));
}

/** Bytes of a place that no own store covers, one range each. */
function uncovered(place: Range, own: readonly Store[]): { address: number; size: number }[] {
  const ranges: { address: number; size: number }[] = [];
  for (let address = place.address; address < place.address + place.size; address += 1) if (!own.some((store) => store.address <= address && address < store.address + store.size)) ranges.push({ address, size: 1 });
  return ranges;
}
