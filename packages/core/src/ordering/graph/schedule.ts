// SPDX-License-Identifier: Apache-2.0
/**
 * Enumerates graphs where loads stay before later stores. Then every execution
 * can be built in an order in which each read finds its write made (program
 * order and reads-from have no cycle), so nothing is prophesied: a read takes
 * one of the writes that are there, or waits for one that is still to come and
 * lets the other agents run. When a write comes, each read that waits for its
 * cell takes it or goes on waiting. Whatever the choices, who runs next is
 * fixed, so each execution is built exactly once.
 *
 * A read may wait only for writes known to be possible. Those are learnt; when
 * one turns up that a read was not allowed to wait for, the search starts over.
 */
import { Abandon, AgentFault, Suspend, type Op, type OpenLines, type Place, type Value } from '../../base/port.ts';
import type { Layered, ThreadViews } from '../views.ts';
import { Accesses, NotInGraph, routesOf, type GraphRoute, type Way } from './accesses.ts';
import { Dead, DEAD, type Actor, type Monitor } from './actor.ts';
import type { Bits } from './bits.ts';
import { Split } from './cells.ts';
import type { Execution, Mark, StorePart } from './execution.ts';
import { Knowledge } from './knowledge.ts';
import { Leaf } from './leaf.ts';
import { reaching } from './reaching.ts';
import { orderLines, TooManyOrders, type LineOrder } from './lines.ts';
import { Program } from './program.ts';
import type { GraphOptions, GraphStats } from './explore.ts';

interface Wait {
  readonly op: Op;
  readonly ordinal: number;
  readonly cells: readonly number[];
}
type Status = 'ready' | 'waiting' | 'done';

/** One agent as it was at a choice. Its answers are a prefix of what it has now, or had since. */
interface Snapshot {
  readonly views: ThreadViews<Bits>;
  readonly writes: number;
  readonly monitor: Monitor | null;
  readonly reads: Layered<Bits>;
  readonly answers: number;
  readonly status: Status;
  readonly wait: Wait | null;
  readonly fault: AgentFault | null;
}

/** A write that came while somebody waited for its cell. */
interface Arrival {
  readonly part: StorePart;
  readonly agent: number;
  readonly ordinal: number;
}

interface Point {
  readonly mark: Mark;
  readonly agents: readonly Snapshot[];
  readonly arrivals: readonly Arrival[];
  readonly current: number;
  readonly agent: number;
  readonly ordinal: number;
  readonly op: Op;
  readonly ways: readonly Way[];
  next: number;
}

class Waiting extends Suspend {}
const WAITING = new Waiting('waits for a write');
class Stop extends Error {}

export function exploreScheduled(options: GraphOptions): GraphStats {
  return new Scheduled(options).run();
}

class Scheduled {
  readonly #o: GraphOptions;
  readonly #program: Program;
  readonly #seen = new Set<string>();
  #leaves = 0;
  #dead = 0;
  #visited = 0;
  #passes = 0;
  #longest = 0;
  #incomplete = '';

  /** By agent and cell: the last write it was ever seen to make there, by number. */
  #mayWrite: Map<number, number>[];
  /** Agents that were not allowed to wait for a cell. */
  #denied = new Map<number, Set<number>>();
  #learnt = false;
  /** `cell/agent`: assumed never to write there. */
  #assumed = new Set<string>();

  #execution: Execution;
  #actors: readonly Actor[] = [];
  #status: Status[] = [];
  #waits: (Wait | null)[] = [];
  #accesses: Accesses | null = null;
  #arrivals: Arrival[] = [];
  #current = 0;
  #trail: Point[] = [];
  /** Whose views are part of a snapshot, and must be copied before they change. */
  #shared: boolean[] = [];

  constructor(options: GraphOptions) {
    this.#o = options;
    this.#program = new Program(options);
    this.#mayWrite = options.agents.map(() => new Map<number, number>());
    this.#execution = this.#program.execution();
  }

  run(): GraphStats {
    try {
      for (;;) {
        try {
          if (!this.#pass()) break;
        } catch (error) {
          if (!(error instanceof Split)) throw error;
          // Cells have other numbers now.
          this.#mayWrite = this.#mayWrite.map(() => new Map<number, number>());
        }
        this.#denied = new Map();
        this.#assumed = new Set();
        this.#dead = 0;
      }
    } catch (error) {
      if (error instanceof NotInGraph || error instanceof TooManyOrders) this.#incomplete = error.message;
      else if (!(error instanceof Stop)) throw error;
    }
    return { leaves: this.#leaves, dead: this.#dead, passes: this.#passes, events: this.#longest, complete: this.#incomplete === '', why: this.#incomplete };
  }

  /** One search. @returns whether it has to start over */
  #pass(): boolean {
    this.#passes += 1;
    this.#learnt = false;
    this.#execution = this.#program.execution();
    this.#actors = this.#program.actors((actor, op) => this.#perform(actor, op));
    this.#status = this.#actors.map(() => 'ready' as const);
    this.#waits = this.#actors.map(() => null);
    this.#shared = this.#actors.map(() => false);
    this.#accesses = new Accesses({ settled: (actor) => this.#settled(actor.index), execution: this.#execution, knowledge: new Knowledge(), later: () => false, keepLoadStore: true, publishes: false, onRead: () => undefined });
    this.#arrivals = [];
    this.#trail = [];
    this.#current = 0;
    for (;;) {
      const alive = this.#advance();
      this.#visited += 1;
      if (alive) this.#leaf();
      else this.#dead += 1;
      if (this.#learnt) return true;
      if (this.#visited >= this.#o.limits.executions) {
        this.#incomplete ||= `more than ${this.#o.limits.executions} executions`;
        throw new Stop();
      }
      if (!this.#backtrack()) return false;
    }
  }

  /** Runs agents until nothing can happen. `false`: the branch is given up. */
  #advance(): boolean {
    try {
      for (;;) {
        this.#deliver();
        if (this.#status[this.#current] !== 'ready') {
          const next = this.#status.indexOf('ready');
          if (next < 0) {
            if (this.#settle()) continue;
            return this.#waits.every((wait) => wait === null || wait.op.kind === 'await');
          }
          this.#current = next;
        }
        this.#resume(this.#current);
      }
    } catch (error) {
      if (error instanceof Dead) return false;
      throw error;
    }
  }

  #resume(index: number): void {
    const actor = this.#actor(index);
    actor.replayed = actor.answers.length;
    actor.ordinal = 0;
    try {
      actor.agent.run(actor);
      this.#status[index] = 'done';
    } catch (error) {
      if (error instanceof Waiting) return;
      if (error instanceof AgentFault) {
        actor.fault = error;
        this.#status[index] = 'done';
      } else if (error instanceof Abandon) {
        this.#incomplete ||= error.message;
        throw DEAD;
      } else throw error;
    }
  }

  /** Nothing else can happen: a CPU that idles comes to its end. */
  #settle(): boolean {
    const idle = this.#waits.findIndex((wait) => wait?.op.kind === 'idle');
    const wait = this.#waits[idle];
    if (wait === undefined || wait === null) return false;
    this.#actor(idle).answers[wait.ordinal - 1] = 0;
    this.#status[idle] = 'ready';
    this.#waits[idle] = null;
    return true;
  }

  #actor(index: number): Actor {
    const actor = this.#actors[index];
    if (actor === undefined) throw new RangeError(`no agent ${index}`);
    return actor;
  }

  #leaf(): void {
    const accesses = this.#accesses;
    if (accesses === null) return;
    for (const actor of this.#actors) {
      const wait = this.#waits[actor.index] ?? null;
      actor.blocked = wait === null ? null : wait.op;
      if (wait !== null && wait.op.kind === 'await') {
        actor.ordinal = wait.ordinal;
        if (!accesses.blockedRightly(actor, wait.op)) {
          this.#dead += 1;
          return;
        }
      }
    }
    const mark = this.#execution.mark();
    const right = this.#actors.every((actor) => accesses.interruptsRight(actor, this.#program.routes[actor.index] ?? []));
    const lines = right ? (this.#program.cells.lines === null ? undefined : orderLines(this.#execution, 'stay')) : null;
    if (lines === null) this.#dead += 1;
    else {
      const complete = this.#execution.mark();
      this.#report(accesses, lines, '');
      // What a line does to memory that nobody reads any more is judged all the same.
      if (lines !== undefined && !lines.overwrites) {
        this.#execution.undo(complete);
        const other = orderLines(this.#execution, 'overwrite');
        if (other?.overwrites === true) this.#report(accesses, other, ' over');
      }
    }
    this.#execution.undo(mark);
  }

  #report(accesses: Accesses, lines: LineOrder | undefined, more: string): void {
    if (lines !== undefined) this.#keep(lines);
    this.#longest = Math.max(this.#longest, this.#execution.events.length);
    const leaf = new Leaf(this.#execution, this.#actors, accesses, lines);
    const key = leaf.key() + more;
    // It may have been found before the search started over, or by a read whose parts came one by one.
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#leaves += 1;
    if (this.#o.onLeaf(leaf) === 'stop') {
      this.#incomplete ||= 'stopped';
      throw new Stop();
    }
  }

  /** The order in which accesses came to the lines, as edges. */
  #keep({ order }: LineOrder): void {
    order.forEach(({ event, layer }, i) => {
      const before = order[i - 1];
      if (before !== undefined) this.#execution.follows(before.event, before.layer, event, layer);
    });
  }

  /**
   * Whether all that is still to come comes after what an agent does now: every other agent is at its end or waits for a write of one
   * of those, and loads stay before later stores.
   */
  #settled(current: number): boolean {
    const behind = new Set([current]);
    for (let grew = true; grew; ) {
      grew = false;
      this.#waits.forEach((wait, agent) => {
        if (wait === null || behind.has(agent)) return;
        const writers = this.#actors.filter((other) => other.index !== agent && this.#status[other.index] !== 'done' && wait.cells.some((cell) => this.#mayWrite[other.index]?.has(cell) === true));
        if (writers.some((other) => !behind.has(other.index))) return;
        for (const cell of wait.cells) for (const other of this.#actors) if (!behind.has(other.index) && other.index !== agent && this.#status[other.index] !== 'done') this.#assumed.add(`${cell}/${other.index}`);
        behind.add(agent);
        grew = true;
      });
    }
    return this.#status.every((status, agent) => status === 'done' || behind.has(agent));
  }

  // --- choices

  #snapshot(): Snapshot[] {
    return this.#actors.map((actor, i) => {
      this.#shared[i] = true;
      return { views: actor.views, writes: actor.writes, monitor: actor.monitor, reads: actor.reads, answers: actor.answers.length, status: this.#status[i] ?? 'done', wait: this.#waits[i] ?? null, fault: actor.fault };
    });
  }

  #restore(agents: readonly Snapshot[]): void {
    agents.forEach((saved, i) => {
      const actor = this.#actor(i);
      actor.views = saved.views;
      this.#shared[i] = true;
      actor.writes = saved.writes;
      actor.monitor = saved.monitor;
      actor.reads = saved.reads;
      actor.answers.length = saved.answers;
      actor.operands.length = Math.min(actor.operands.length, saved.answers);
      actor.fault = saved.fault;
      this.#status[i] = saved.status;
      this.#waits[i] = saved.wait;
    });
  }

  /** Views of an agent that is about to change them. */
  #own(actor: Actor): void {
    if (this.#shared[actor.index] !== true) return;
    actor.views = actor.views.clone();
    this.#shared[actor.index] = false;
  }

  /** Takes the first way that is consistent. `null`: the agent waits. */
  #choose(actor: Actor, ordinal: number, op: Op, ways: readonly Way[]): Value | null {
    const mark = this.#execution.mark();
    if (ways.length === 1) {
      this.#own(actor);
      const answer = ways[0]?.();
      if (answer === undefined) throw DEAD;
      this.#commit(actor, ordinal, op, answer, mark.events);
      return answer;
    }
    const point: Point = { mark, agents: this.#snapshot(), arrivals: [...this.#arrivals], current: this.#current, agent: actor.index, ordinal, op, ways, next: 0 };
    const answer = this.#tryWays(point);
    if (answer === undefined) throw DEAD;
    if (point.next < ways.length) this.#trail.push(point);
    return answer;
  }

  #tryWays(point: Point): Value | null | undefined {
    const actor = this.#actor(point.agent);
    while (point.next < point.ways.length) {
      const way = point.ways[point.next];
      point.next += 1;
      actor.ordinal = point.ordinal;
      this.#own(actor);
      const answer = way?.();
      if (answer !== undefined) {
        this.#commit(actor, point.ordinal, point.op, answer, point.mark.events);
        return answer;
      }
      this.#execution.undo(point.mark);
      this.#restore(point.agents);
    }
    return undefined;
  }

  #backtrack(): boolean {
    for (;;) {
      const point = this.#trail[this.#trail.length - 1];
      if (point === undefined) return false;
      this.#execution.undo(point.mark);
      this.#restore(point.agents);
      this.#arrivals = [...point.arrivals];
      this.#current = point.current;
      const answer = this.#tryWays(point);
      if (point.next >= point.ways.length) this.#trail.pop();
      if (answer !== undefined) return true;
    }
  }

  /** An operation has its answer, or its agent waits; who waits for what it wrote is asked later. */
  #commit(actor: Actor, ordinal: number, op: Op, answer: Value | null, eventsBefore: number): void {
    if (answer === null) {
      if (this.#waits[actor.index] === null) this.#waits[actor.index] = { op, ordinal, cells: this.#cellsOf(actor, op) };
      this.#status[actor.index] = 'waiting';
      return;
    }
    actor.answers[ordinal - 1] = answer;
    this.#status[actor.index] = 'ready';
    this.#waits[actor.index] = null;
    for (let i = eventsBefore; i < this.#execution.events.length; i += 1) {
      const event = this.#execution.events[i];
      for (const part of event?.parts ?? []) {
        this.#learn(actor.index, part.cell, part.event.writeIndex);
        this.#waits.forEach((wait, agent) => {
          if (wait !== null && agent !== actor.index && wait.cells.includes(part.cell)) this.#arrivals.push({ part, agent, ordinal: wait.ordinal });
        });
      }
    }
  }

  #learn(agent: number, cell: number, writeIndex: number): void {
    const known = this.#mayWrite[agent];
    if (known === undefined || (known.get(cell) ?? -1) >= writeIndex) return;
    if (!known.has(cell) && this.#assumed.has(`${cell}/${agent}`)) this.#learnt = true;
    known.set(cell, writeIndex);
    for (const denied of this.#denied.get(cell) ?? []) if (denied !== agent) this.#learnt = true;
  }

  /** A write that is impossible here (another agent won the atomic) may be possible had somebody waited. */
  #attempts(actor: Actor, op: Op): void {
    this.#cellsOf(actor, op).forEach((cell, i) => this.#learn(actor.index, cell, actor.writes + i));
  }

  /** Offers writes that came to those who waited for them. */
  #deliver(): void {
    for (let arrival = this.#arrivals.shift(); arrival !== undefined; arrival = this.#arrivals.shift()) {
      const wait = this.#waits[arrival.agent];
      if (wait === undefined || wait === null || wait.ordinal !== arrival.ordinal || this.#accesses === null) continue;
      const actor = this.#actor(arrival.agent);
      actor.ordinal = wait.ordinal;
      this.#accesses.must = arrival.part;
      const taking = this.#waysToRead(actor, wait.op, this.#accesses);
      this.#accesses.must = null;
      if (taking.length > 0) this.#choose(actor, wait.ordinal, wait.op, [() => null, ...taking]);
    }
  }

  // --- operations

  #perform(actor: Actor, asked: Op): Value {
    this.#deliver();
    const accesses = this.#accesses;
    if (accesses === null) throw DEAD;
    const op = reaching(this.#program.cells, actor.cpu, asked);
    if (this.#execution.events.length > this.#o.limits.events) {
      this.#incomplete ||= `an execution of more than ${this.#o.limits.events} events`;
      throw DEAD;
    }
    this.#own(actor);
    switch (op.kind) {
      case 'fence':
        actor.views.fence(op.fence);
        return 0;
      case 'branch':
        actor.views.branch(actor.operand(op.dep, op.pick));
        return 0;
      case 'maintain':
        if (this.#program.cells.lines === null) return 0;
        return this.#answered(this.#choose(actor, actor.ordinal, op, accesses.maintain(actor, op)));
      case 'store':
        this.#attempts(actor, op);
        return this.#answered(this.#choose(actor, actor.ordinal, op, accesses.store(actor, op)));
      case 'choose':
        return this.#answered(this.#choose(actor, actor.ordinal, op, Array.from({ length: op.width }, (_, i) => () => i)));
      case 'interrupt':
        if (this.#routesOf(actor, op).length === 0) return 0;
        return this.#answered(this.#choose(actor, actor.ordinal, op, [() => 0, ...this.#waysToRead(actor, op, accesses), ...this.#later(actor, op)]));
      case 'rmw':
        this.#attempts(actor, op);
        return this.#answered(this.#choose(actor, actor.ordinal, op, [...this.#waysToRead(actor, op, accesses), ...this.#later(actor, op)]));
      case 'load':
        return this.#answered(this.#choose(actor, actor.ordinal, op, [...this.#waysToRead(actor, op, accesses), ...this.#later(actor, op)]));
      case 'await':
      case 'idle':
        return this.#answered(this.#choose(actor, actor.ordinal, op, [...this.#waysToRead(actor, op, accesses), () => null]));
    }
  }

  #answered(answer: Value | null): Value {
    if (answer === null) throw WAITING;
    return answer;
  }

  #waysToRead(actor: Actor, op: Op, accesses: Accesses): Way[] {
    switch (op.kind) {
      case 'load':
        return accesses.load(actor, op);
      case 'rmw':
        return accesses.rmw(actor, op);
      case 'await':
        return accesses.await(actor, op);
      case 'interrupt':
      case 'idle':
        return accesses.interrupt(actor, op, this.#routesOf(actor, op));
      default:
        return [];
    }
  }

  #routesOf(actor: Actor, op: OpenLines): readonly GraphRoute[] {
    return routesOf(op, this.#program.routes[actor.index] ?? []);
  }

  #cellsOf(actor: Actor, op: Op): number[] {
    if (op.kind === 'interrupt' || op.kind === 'idle') return this.#routesOf(actor, op).flatMap((r) => this.#program.cells.of({ space: 'irq', owner: r.device, address: r.vector, size: 4 }).map((c) => c.index));
    if (!('place' in op)) return [];
    const place: Place = op.place;
    return this.#program.cells.of(place).flatMap((c) => {
      // A write to either copy of a line may be what a read waits for.
      const twin = op.kind === 'store' ? null : this.#program.cells.twin(c);
      return twin === null ? [c.index] : [c.index, twin.index];
    });
  }

  /** Waiting for a write that is still to come, where one may be. */
  #later(actor: Actor, op: Op): Way[] {
    const cells = this.#cellsOf(actor, op);
    for (const cell of cells) {
      if (this.#actors.some((other) => other !== actor && this.#status[other.index] !== 'done' && (this.#mayWrite[other.index]?.get(cell) ?? -1) >= other.writes)) return [() => null];
    }
    for (const cell of cells) {
      const denied = this.#denied.get(cell);
      if (denied === undefined) this.#denied.set(cell, new Set([actor.index]));
      else denied.add(actor.index);
    }
    return [];
  }
}
