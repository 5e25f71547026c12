// SPDX-License-Identifier: Apache-2.0
/**
 * Puts a graph leaf into one order, as a plan for the operational machine.
 * Writes, arrivals, register transactions and interrupts have a moment; loads
 * of RAM are performed as late as their agent's next such moment allows, and
 * read what the leaf says. With CPU-only edges a store has two moments.
 */
import { lineKey, type Action, type Answer, type Plan } from '../guide.ts';
import type { StoreName } from '../../base/choice.ts';
import type { Value } from '../../base/port.ts';
import { forEachBit, hasBit } from './bits.ts';
import { isPart, type Execution, type GraphEvent } from './execution.ts';
import { lineOf, type LineOrder, type LineState } from './lines.ts';

interface AgentAnswers {
  readonly id: string;
  readonly cpu: boolean;
  readonly answers: readonly (Value | null)[];
}

export function linearise(execution: Execution, agents: readonly AgentAnswers[], lines?: LineOrder): Plan {
  const names = storeNames(execution.events, agents);
  const answers = new Map<string, Answer[]>();
  for (const agent of agents) answers.set(agent.id, agent.answers.map((value): Answer => ({ value, sources: null })));
  for (const event of execution.events) {
    if (event.kind !== 'read') continue;
    const list = answers.get(agents[event.agent]?.id ?? '');
    const answer = list?.[event.ordinal - 1];
    if (list === undefined || answer === undefined) continue;
    const sources = [...(answer.sources ?? [])];
    for (const { source } of event.reads) {
      const name = source !== null && isPart(source) ? names.get(source.event) : undefined;
      if (name !== undefined && !sources.includes(name)) sources.push(name);
    }
    list[event.ordinal - 1] = { value: answer.value, sources };
  }
  const found = new Map<string, LineState>();
  for (const [event, state] of lines?.found ?? []) {
    const name = event.cpu ? names.get(event) : undefined;
    found.set(lineKey(lineOf(execution.cells, event), name ?? { agent: agents[event.agent]?.id ?? '', op: event.ordinal }), state);
  }
  return { actions: new Order(execution, agents, names).actions(), answers, lines: found };
}

/** Store numbers as the machine counts them: one an operation, interrupts left out. */
function storeNames(events: readonly GraphEvent[], agents: readonly AgentAnswers[]): Map<GraphEvent, StoreName> {
  const names = new Map<GraphEvent, StoreName>();
  const last = new Map<number, { ordinal: number; name: StoreName }>();
  for (const event of events) {
    if (event.kind === 'read' || event.place.space === 'irq') continue;
    const before = last.get(event.agent);
    if (before !== undefined && before.ordinal === event.ordinal) {
      names.set(event, before.name);
      continue;
    }
    const name: StoreName = { agent: agents[event.agent]?.id ?? '', number: before === undefined ? 0 : before.name.number + 1 };
    last.set(event.agent, { ordinal: event.ordinal, name });
    names.set(event, name);
  }
  return names;
}

class Order {
  readonly #execution: Execution;
  readonly #agents: readonly AgentAnswers[];
  readonly #names: ReadonlyMap<GraphEvent, StoreName>;
  readonly #byNode: ReadonlyMap<number, GraphEvent>;
  /** With CPU-only edges: what happens at each moment of the joined order. */
  readonly #byMoment = new Map<number, [GraphEvent, 'cpu' | 'all'][]>();
  /** By `keyOf`. */
  readonly #state = new Map<number, 'open' | 'done'>();
  readonly #actions: Action[] = [];
  /** What is being visited, as nodes; with CPU-only edges, as moments of the joined order. */
  readonly #open: number[] = [];

  constructor(execution: Execution, agents: readonly AgentAnswers[], names: ReadonlyMap<GraphEvent, StoreName>) {
    this.#execution = execution;
    this.#agents = agents;
    this.#names = names;
    this.#byNode = new Map(execution.events.map((e) => [e.node, e]));
    if (!execution.layered) return;
    for (const event of execution.events) {
      for (const layer of ['cpu', 'all'] as const) {
        const moment = execution.moment(event.node, layer);
        const known = this.#byMoment.get(moment);
        if (known === undefined) this.#byMoment.set(moment, [[event, layer]]);
        else known.push([event, layer]);
      }
    }
  }

  actions(): Action[] {
    for (const event of this.#execution.events) {
      if (this.#twoSteps(event)) this.#visit(event, 'cpu');
      this.#visit(event, 'all');
    }
    return this.#actions;
  }

  /** Events that are in the CPUs' order as well. */
  #twoSteps(event: GraphEvent): boolean {
    return this.#execution.layered && event.cpu && this.#execution.moment(event.node, 'cpu') !== this.#execution.moment(event.node, 'all');
  }

  #visit(event: GraphEvent, layer: 'cpu' | 'all'): void {
    const key = keyOf(event, layer);
    if (this.#state.has(key)) return;
    this.#state.set(key, 'open');
    this.#open.push(this.#execution.layered ? this.#execution.moment(event.node, layer) : event.node);
    for (const [earlier, at] of this.#before(event, layer)) this.#visit(earlier, at);
    if (event.kind === 'write' && layer === 'cpu') this.#loadsFirst(event);
    // A load is made once, so what orders it for CPUs comes with what orders it for everyone, where it can.
    if (event.kind === 'read' && layer === 'all' && this.#twoSteps(event)) this.#visitEarly(event, 'cpu');
    if (event.kind === 'write' && event.cpu && event.place.space === 'ram' && (layer === 'cpu' || !this.#execution.layered)) this.#forwardFirst(event, layer);
    this.#open.pop();
    this.#state.set(key, 'done');
    this.#emit(event, layer);
  }

  /** What must come before and has not been visited yet. */
  #before(event: GraphEvent, layer: 'cpu' | 'all'): [GraphEvent, 'cpu' | 'all'][] {
    const out: [GraphEvent, 'cpu' | 'all'][] = [];
    const add = (earlier: GraphEvent, at: 'cpu' | 'all'): void => {
      if (!this.#state.has(keyOf(earlier, at))) out.push([earlier, at]);
    };
    if (this.#execution.layered) {
      forEachBit(this.#execution.momentsBefore(event.node, layer), (moment) => {
        for (const [earlier, at] of this.#byMoment.get(moment) ?? []) if (earlier !== event) add(earlier, at);
      });
      if (layer === 'all' && this.#twoSteps(event) && (event.kind !== 'read' || this.#hasMoment(event))) add(event, 'cpu');
    } else {
      forEachBit(this.#execution.all.ancestors(event.node), (node) => {
        const earlier = this.#byNode.get(node);
        if (earlier !== undefined && earlier !== event) add(earlier, 'all');
      });
    }
    return out.sort(([x], [y]) => x.agent - y.agent || x.ordinal - y.ordinal || x.node - y.node);
  }

  /** The machine makes a load before its CPU issues a later store, when everyone has what must come before it. */
  #loadsFirst(store: GraphEvent): void {
    for (const event of this.#execution.events) if (event.kind === 'read' && event.agent === store.agent && event.ordinal < store.ordinal) this.#visitEarly(event, 'all');
  }

  /** Brings something forward, unless it is behind what is being visited. */
  #visitEarly(event: GraphEvent, layer: 'cpu' | 'all'): boolean {
    if (this.#state.has(keyOf(event, layer))) return true;
    const layers = layer === 'all' && this.#twoSteps(event) && this.#hasMoment(event) ? (['cpu', 'all'] as const) : [layer];
    for (const at of layers) {
      const above = this.#execution.layered ? this.#execution.momentsBefore(event.node, at) : this.#execution.all.ancestors(event.node);
      for (const open of this.#open) if (hasBit(above, open)) return false;
    }
    this.#visit(event, layer);
    return true;
  }

  /** A load that is forwarded from a waiting store is performed before that store leaves, if what comes before the load allows it. */
  #forwardFirst(store: GraphEvent, layer: 'cpu' | 'all'): void {
    let last: GraphEvent | null = null;
    for (const event of this.#execution.events) if (event.agent === store.agent && event.reads.some((r) => r.source !== null && isPart(r.source) && r.source.event === store) && event.ordinal > (last?.ordinal ?? 0)) last = event;
    if (last === null || last.op.kind === 'rmw') return;
    const needed: [GraphEvent, 'cpu' | 'all'][] = [];
    for (const event of this.#execution.events) {
      if (event.agent !== store.agent || event.ordinal > last.ordinal || event === store) continue;
      // Whatever must precede a load on the way is forced by performing it, for everyone, so it comes first here, too.
      if (event.kind === 'read') needed.push([event, layer], [event, 'all']);
      else if (this.#hasMoment(event)) needed.push([event, layer]);
      for (const { source } of event.reads) if (source !== null && isPart(source) && source.event.agent !== store.agent) needed.push([source.event, source.event.cpu ? layer : 'all']);
    }
    for (const [event, at] of needed) if (!this.#visitEarly(event, at)) return;
    if (needed.every(([event, at]) => this.#state.get(keyOf(event, at)) === 'done')) this.#actions.push({ kind: 'perform', agent: this.#agents[store.agent]?.id ?? '', op: last.ordinal });
  }

  /** Register transactions, taking an interrupt, and atomics that write nothing read what is newest when they are performed. */
  #hasMoment(event: GraphEvent): boolean {
    if (event.kind !== 'read') return event.op.kind === 'rmw';
    if (event.op.kind === 'rmw') return !this.#execution.events.some((e) => e.kind === 'write' && e.agent === event.agent && e.ordinal === event.ordinal);
    return event.place.space !== 'ram' && !event.reads.some((r) => r.channel);
  }

  /** Whether all that its agent does before a load of a cache line can be done by now; if not, the load is performed late, and reads what is old by then. */
  #comesInTurn(load: GraphEvent): boolean {
    const done = (event: GraphEvent, layer: 'cpu' | 'all'): boolean => this.#state.get(keyOf(event, layer)) === 'done';
    return this.#execution.events.every((event) => {
      if (event.agent !== load.agent || event.ordinal >= load.ordinal || event.kind !== 'read') return true;
      if (lineOf(this.#execution.cells, event) >= 0) return done(event, 'all') || done(event, 'cpu');
      if (this.#hasMoment(event)) return done(event, 'all');
      return event.reads.every(({ source }) => source === null || !isPart(source) || source.event.agent === load.agent || done(source.event, source.event.cpu && this.#twoSteps(source.event) ? 'cpu' : 'all'));
    });
  }

  #emit(event: GraphEvent, layer: 'cpu' | 'all'): void {
    const agent = this.#agents[event.agent]?.id ?? '';
    const store = this.#names.get(event);
    const perform: Action = { kind: 'perform', agent, op: event.ordinal };
    if (event.kind === 'read') {
      if (lineOf(this.#execution.cells, event) >= 0) {
        // At the first of its moments.
        if ((layer === 'cpu' || !this.#twoSteps(event) || this.#state.get(keyOf(event, 'cpu')) !== 'done') && this.#comesInTurn(event)) this.#actions.push(perform);
        return;
      }
      if (this.#hasMoment(event) && layer === (this.#twoSteps(event) && event.place.space === 'ram' ? 'cpu' : 'all')) this.#actions.push(perform);
      return;
    }
    if (store === undefined || !event.cpu) {
      this.#actions.push(perform);
      return;
    }
    if (event.place.space === 'mmio') {
      if (layer === 'all') this.#actions.push({ kind: event.kind === 'accept' ? 'drain' : 'arrive', store });
      return;
    }
    if (!this.#execution.layered) this.#actions.push({ kind: 'drain', store });
    else this.#actions.push({ kind: layer === 'cpu' ? 'drain' : 'reach', store });
  }
}

/** A number for each moment of each event. */
function keyOf(event: GraphEvent, layer: 'cpu' | 'all'): number {
  return 2 * event.node + (layer === 'cpu' ? 0 : 1);
}
