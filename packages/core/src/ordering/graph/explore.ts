// SPDX-License-Identifier: Apache-2.0
/**
 * The graph form: every agent runs straight through, one after another; each
 * read chooses its source, each write its place in coherence order, and three
 * acyclicity conditions decide. One leaf is one execution, each exactly once.
 *
 * A read may take its value from an agent that has not run yet, if a write of
 * that value is known from a complete execution (a prophecy, which that agent
 * must then fulfil). What is known grows by passes until nothing is new; where
 * atomics compete, other orders of the agents are run to learn who may win.
 */
import { Abandon, AgentFault, type Agent, type Op, type Place, type Value } from '../../base/port.ts';
import type { InitialState } from '../../memory/initial.ts';
import type { RuleTable } from '../rules.ts';
import { Accesses, NotInGraph, routesLeft, routesOf, type GraphRoute, type Way } from './accesses.ts';
import { Blocked, Dead, DEAD, type Actor, type ActorState } from './actor.ts';
import { Split } from './cells.ts';
import type { Execution, Mark } from './execution.ts';
import { Knowledge } from './knowledge.ts';
import { Leaf } from './leaf.ts';
import { Program } from './program.ts';
import type { Reachability } from './reach.ts';
import { exploreScheduled } from './schedule.ts';

export interface GraphOptions {
  /** Rules of the CPUs. */
  readonly table: RuleTable;
  /** Rules of the devices. */
  readonly deviceTable?: RuleTable;
  /** In the order in which they run: those others read from first. */
  readonly agents: readonly Agent[];
  readonly initial: InitialState;
  readonly endian?: 'little' | 'big';
  /** Bytes of a cache line, where devices do not see them; absent or 0 where they do. Needs the scheduled search. */
  readonly lineSize?: number;
  /** `kept`: a load is never passed by a later store of its agent (what a plain run does). */
  readonly loadStore: 'kept' | 'free';
  /** Where interrupts go; a message on any other line reaches nobody. */
  readonly interrupts?: readonly GraphRoute[];
  /** `executions`: leaves and dead branches of all passes together. `events`: of one execution. */
  readonly limits: { readonly executions: number; readonly events: number; readonly passes?: number };
  readonly onLeaf: (leaf: Leaf) => void | 'stop';
  /** How orders are kept free of cycles; by default incrementally. For measuring that. */
  readonly reachability?: () => Reachability;
  /** How executions are found; by default as `loadStore` needs. `schedule` needs loads that are kept; see schedule.ts. */
  readonly search?: 'schedule' | 'prophecy';
}

export interface GraphStats {
  /** Executions, each reported once. */
  readonly leaves: number;
  /** Branches given up, in the passes that report. */
  readonly dead: number;
  readonly passes: number;
  /** Events of the longest execution. */
  readonly events: number;
  readonly complete: boolean;
  /** Why not complete; '' if it is. */
  readonly why: string;
}

interface ChoicePoint {
  readonly position: number;
  readonly ordinal: number;
  readonly mark: Mark;
  readonly saved: ActorState;
  readonly ways: readonly Way[];
  next: number;
}

class Stop extends Error {}

/** Explores all executions. Never throws for what the program does: an op that is not this form's makes it incomplete, with the reason. */
export function exploreGraph(options: GraphOptions): GraphStats {
  if ((options.search ?? (options.loadStore === 'kept' ? 'schedule' : 'prophecy')) === 'schedule') return exploreScheduled(options);
  return new Exploration(options).run();
}

class Exploration {
  readonly #o: GraphOptions;
  readonly #program: Program;
  #knowledge = new Knowledge();
  /** Leaves reported before cells were cut anew, so that none is reported twice. */
  #reported: Set<string> | null = null;
  #seen = new Set<string>();
  #leaves = 0;
  #dead = 0;
  #visited = 0;
  #passes = 0;
  #generation = 0;
  #events = 0;
  #competes = false;
  #incomplete = '';

  #execution: Execution;
  #actors: readonly Actor[] = [];
  #accesses: Accesses | null = null;
  #order: readonly number[] = [];
  #position = 0;
  #done: boolean[] = [];
  #trail: ChoicePoint[] = [];
  /** Cells by index: the agents that read them in any pass. */
  readonly #readers = new Map<number, Set<number>>();

  constructor(options: GraphOptions) {
    this.#o = options;
    this.#program = new Program(options);
    this.#execution = this.#program.execution();
  }

  run(): GraphStats {
    try {
      for (;;) {
        try {
          this.#rounds();
          break;
        } catch (error) {
          if (!(error instanceof Split)) throw error;
          this.#knowledge = new Knowledge();
          this.#readers.clear();
          this.#generation = 0;
          this.#reported = this.#leaves === 0 ? null : new Set(this.#seen);
        }
      }
    } catch (error) {
      if (error instanceof NotInGraph) this.#incomplete = error.message;
      else if (!(error instanceof Stop)) throw error;
    }
    return { leaves: this.#leaves, dead: this.#dead, passes: this.#passes, events: this.#events, complete: this.#incomplete === '', why: this.#incomplete };
  }

  #rounds(): void {
    const n = this.#o.agents.length;
    const first = Array.from({ length: n }, (_, i) => i);
    const limit = this.#o.limits.passes ?? 64;
    for (let round = 0; ; round += 1) {
      let news = this.#pass(first, true);
      if (this.#competes && n > 1) for (let turn = 1; turn < n; turn += 1) news = this.#pass([...first.slice(turn), ...first.slice(0, turn)], false) || news;
      if (!news) return;
      if (round >= limit) {
        this.#incomplete ||= `values kept growing for ${limit} rounds`;
        return;
      }
    }
  }

  /** One complete search with what is known now. @returns whether it learnt something that may matter */
  #pass(order: readonly number[], reports: boolean): boolean {
    this.#passes += 1;
    this.#order = order;
    if (reports) this.#generation += 1;
    this.#execution = this.#program.execution();
    this.#actors = this.#program.actors((actor, op) => this.#perform(actor, op));
    this.#done = this.#actors.map(() => false);
    this.#accesses = new Accesses({
      execution: this.#execution,
      knowledge: this.#knowledge,
      later: (agent) => !(this.#done[agent] ?? false) && agent !== this.#order[this.#position],
      keepLoadStore: this.#o.loadStore === 'kept',
      publishes: this.#program.publishes,
      onRead: (cell, actor) => {
        const readers = this.#readers.get(cell.index);
        if (readers === undefined) this.#readers.set(cell.index, new Set([actor.index]));
        else readers.add(actor.index);
      },
    });
    this.#trail = [];
    this.#start(0);
    for (;;) {
      const alive = this.#runAgent();
      if (alive && this.#position + 1 < order.length) {
        this.#start(this.#position + 1);
        continue;
      }
      this.#visited += 1;
      if (alive) this.#leaf(reports);
      else if (reports) this.#dead += 1;
      if (this.#visited >= this.#o.limits.executions) {
        this.#incomplete ||= `more than ${this.#o.limits.executions} executions`;
        throw new Stop();
      }
      if (!this.#backtrack()) break;
    }
    return this.#learn();
  }

  /** A new write matters if an agent that runs earlier reads its cell; where atomics compete, if any other agent does. */
  #learn(): boolean {
    let matters = false;
    for (const known of this.#knowledge.publish()) {
      for (const cell of this.#program.cells.of(known.place)) {
        for (const reader of this.#readers.get(cell.index) ?? []) if (reader < known.agent || (this.#competes && reader !== known.agent)) matters = true;
      }
    }
    return matters;
  }

  #start(position: number): void {
    this.#position = position;
    this.#order.forEach((agent, i) => (this.#done[agent] = i < position));
    this.#actor().reset();
  }

  #actor(): Actor {
    const actor = this.#actors[this.#order[this.#position] ?? -1];
    if (actor === undefined) throw new RangeError(`no agent at position ${this.#position}`);
    return actor;
  }

  /** Runs the agent whose turn it is to its end. */
  #runAgent(): boolean {
    const actor = this.#actor();
    try {
      actor.agent.run(actor);
    } catch (error) {
      if (error instanceof Dead) return false;
      if (error instanceof Abandon) {
        this.#incomplete ||= error.message;
        return false;
      }
      if (error instanceof AgentFault) actor.fault = error;
      else if (!(error instanceof Blocked)) throw error;
    }
    for (const prophecy of this.#execution.prophecies.values()) if (prophecy.agent === actor.index) return false;
    return true;
  }

  #leaf(reports: boolean): void {
    const accesses = this.#accesses;
    if (accesses === null) return;
    // An agent that waits wrongly, or an interrupt that nobody took, is the beginning of a complete execution: its writes are real.
    for (const event of this.#execution.events) if (event.writeIndex >= 0) this.#knowledge.note(event, this.#generation);
    for (const actor of this.#actors) {
      if (actor.blocked !== null && actor.blocked.kind === 'await' && !accesses.blockedRightly(actor, actor.blocked)) {
        if (reports) this.#dead += 1;
        return;
      }
    }
    const mark = this.#execution.mark();
    if (!this.#actors.every((actor) => accesses.interruptsRight(actor, this.#program.routes[actor.index] ?? []))) {
      this.#execution.undo(mark);
      if (reports) this.#dead += 1;
      return;
    }
    this.#consistent(reports, accesses);
    this.#execution.undo(mark);
  }

  #consistent(reports: boolean, accesses: Accesses): void {
    let generation = 0;
    for (const event of this.#execution.events) for (const read of event.reads) generation = Math.max(generation, read.prophesied);
    this.#events = Math.max(this.#events, this.#execution.events.length);
    // A leaf that rests on older knowledge only was reported by an earlier pass.
    if (!reports || generation !== this.#generation - 1) return;
    const leaf = new Leaf(this.#execution, this.#actors, accesses);
    const key = leaf.key();
    if (this.#reported?.has(key) === true) return;
    this.#seen.add(key);
    this.#leaves += 1;
    if (this.#handOut(leaf, key) === 'stop') {
      this.#incomplete ||= 'stopped';
      throw new Stop();
    }
  }

  /** A handler that looks at half a cell makes the cut finer: this leaf comes again then, and is new. */
  #handOut(leaf: Leaf, key: string): ReturnType<GraphOptions['onLeaf']> {
    try {
      return this.#o.onLeaf(leaf);
    } catch (error) {
      if (error instanceof Split) {
        this.#seen.delete(key);
        this.#leaves -= 1;
      }
      throw error;
    }
  }

  #backtrack(): boolean {
    for (;;) {
      const point = this.#trail[this.#trail.length - 1];
      if (point === undefined) return false;
      this.#execution.undo(point.mark);
      this.#position = point.position;
      this.#order.forEach((agent, i) => (this.#done[agent] = i < point.position));
      const actor = this.#actor();
      const way = point.ways[point.next];
      point.next += 1;
      if (point.next >= point.ways.length) this.#trail.pop();
      if (way === undefined) continue;
      actor.restore(point.saved, point.ordinal);
      const answer = way();
      if (answer === undefined) continue;
      actor.answers[point.ordinal - 1] = answer;
      actor.replayed = point.ordinal;
      actor.ordinal = 0;
      return true;
    }
  }

  #perform(actor: Actor, op: Op): Value | null {
    if (this.#execution.events.length > this.#o.limits.events) {
      this.#incomplete ||= `an execution of more than ${this.#o.limits.events} events`;
      throw DEAD;
    }
    const accesses = this.#accesses;
    if (accesses === null) throw DEAD;
    switch (op.kind) {
      case 'fence':
        actor.views.fence(op.fence);
        return 0;
      case 'branch':
        actor.views.branch(actor.operand(op.dep, op.pick));
        return 0;
      case 'load':
        return this.#choose(actor, accesses.load(actor, op));
      case 'store': {
        if (op.exclusive === true) this.#competes = true;
        const answer = this.#choose(actor, accesses.store(actor, op));
        if (op.place.space === 'irq' && this.#lost(op.place)) throw DEAD;
        return answer;
      }
      case 'rmw':
        this.#competes = true;
        return this.#choose(actor, accesses.rmw(actor, op));
      case 'await':
        return this.#await(actor, op, accesses);
      case 'choose':
        return this.#choose(actor, Array.from({ length: op.width }, (_, i) => () => i));
      case 'maintain':
        throw new NotInGraph('cache maintenance is explored by the operational form only');
      case 'interrupt':
      case 'idle': {
        // An interrupt that ends a wait is one taken right before it: CPUs ask there.
        const routes = routesOf(op, this.#program.routes[actor.index] ?? []);
        return routes.length === 0 ? 0 : this.#choose(actor, [() => 0, ...accesses.interrupt(actor, op, routes)]);
      }
    }
  }

  /** A message for a CPU that has run already and did not foresee it, nor a later one of the line. */
  #lost(place: Place): boolean {
    const cpu = this.#o.agents.findIndex((_, i) => (this.#program.routes[i] ?? []).some((r) => r.device === place.owner && r.vector === place.address));
    const actor = this.#actors[cpu];
    if (actor === undefined || this.#done[cpu] !== true) return false;
    if (!routesLeft(actor, this.#program.routes[cpu] ?? []).some((r) => r.device === place.owner && r.vector === place.address)) return false;
    const cell = this.#program.cells.of(place)[0];
    const newest = cell === undefined ? undefined : this.#execution.state(cell).order.at(-1);
    if (newest === undefined || newest.readers.length > 0 || !this.#knowledge.offers(newest.event)) return false;
    for (const prophecy of this.#execution.prophecies.values()) if (prophecy.place.space === 'irq' && prophecy.place.owner === place.owner && prophecy.place.address === place.address) return false;
    return true;
  }

  #await(actor: Actor, op: Extract<Op, { kind: 'await' }>, accesses: Accesses): Value | null {
    const ways = accesses.await(actor, op);
    const last = this.#position === this.#order.length - 1;
    if (!last || accesses.blockedRightly(actor, op)) ways.push(() => null);
    return this.#choose(actor, ways);
  }

  /** Takes the first way that is consistent; the rest is kept for later. */
  #choose(actor: Actor, ways: readonly Way[]): Value | null {
    if (ways.length === 1) {
      const answer = ways[0]?.();
      if (answer === undefined) throw DEAD;
      return answer;
    }
    const mark = this.#execution.mark();
    const saved = actor.save();
    for (let i = 0; i < ways.length; i += 1) {
      const answer = ways[i]?.();
      if (answer !== undefined) {
        if (i + 1 < ways.length) this.#trail.push({ position: this.#position, ordinal: actor.ordinal, mark, saved, ways, next: i + 1 });
        return answer;
      }
      this.#execution.undo(mark);
      actor.restore(saved, actor.ordinal);
    }
    throw DEAD;
  }
}
