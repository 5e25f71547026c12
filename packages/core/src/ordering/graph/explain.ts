// SPDX-License-Identifier: Apache-2.0
/**
 * Why an execution is forbidden: every ordering edge of a graph with the rule
 * that makes it, and a shortest cycle among them. Runs each agent once more
 * over the answers of a leaf that was found without the rules.
 */
import type { Agent, Deps, Op, Port, Value } from '../../base/port.ts';
import type { Row, RuleTable, SetName, Via } from '../rules.ts';
import { CompiledTable, ThreadViews, type Access, type Layered, type Operand, type StoreRecord } from '../views.ts';
import { EVENT_SETS } from './actor.ts';
import { forEachBit, NO_BITS, oneBit, unionBits, type Bits } from './bits.ts';
import { isPart, type GraphEvent } from './execution.ts';
import type { Leaf } from './leaf.ts';

/** What put an earlier event where a later access had to wait for it: a fence, an acquire, a branch. */
export interface Cause {
  readonly row: Row;
  readonly op: Op;
}

export interface Edge {
  readonly from: GraphEvent;
  readonly to: GraphEvent;
  /** A row of the table, and the op in between whose own row made it bind; or how the two touch one location. */
  readonly why: { readonly kind: 'rule'; readonly row: Row; readonly through: Cause | null } | { readonly kind: 'reads-from' | 'coherence' | 'from-read' };
}

/** All edges of a leaf under `table`: the rules' and those of communication. */
export function edgesOf(leaf: Leaf, agents: readonly Agent[], table: RuleTable): Edge[] {
  const edges: Edge[] = [];
  const compiled = new CompiledTable(table);
  const byNode = new Map(leaf.events.map((e) => [e.node, e]));
  const records = new Map<GraphEvent, StoreRecord<Bits>>();
  agents.forEach((agent, index) => {
    const tracer = new Tracer(leaf, index, new ThreadViews(compiled, EVENT_SETS), records, (row, view, to, causes) => {
      forEachBit(view.all, (node) => {
        const from = byNode.get(node);
        if (from !== undefined && from !== to) edges.push({ from, to, why: { kind: 'rule', row, through: causes?.get(node) ?? null } });
      });
    });
    try {
      agent.run(tracer);
    } catch (error) {
      if (error !== END) throw error;
    }
  });
  for (const state of leaf.cells) {
    const writes = state.order;
    writes.forEach((write, i) => {
      const next = writes[i + 1];
      if (next !== undefined && next.event !== write.event) edges.push({ from: write.event, to: next.event, why: { kind: 'coherence' } });
      for (const reader of write.readers) if (reader.event.agent !== write.event.agent) edges.push({ from: write.event, to: reader.event, why: { kind: 'reads-from' } });
      for (const reader of write.readers) if (next !== undefined) edges.push({ from: reader.event, to: next.event, why: { kind: 'from-read' } });
    });
    const first = writes[0];
    if (first !== undefined) for (const reader of state.initialReaders) edges.push({ from: reader.event, to: first.event, why: { kind: 'from-read' } });
  }
  return edges;
}

/** A cycle with as few edges as possible; `null` if there is none. */
export function shortestCycle(edges: readonly Edge[]): Edge[] | null {
  const out = new Map<GraphEvent, Edge[]>();
  for (const edge of edges) {
    const list = out.get(edge.from);
    if (list === undefined) out.set(edge.from, [edge]);
    else list.push(edge);
  }
  let best: Edge[] | null = null;
  for (const start of out.keys()) {
    const arrivedBy = new Map<GraphEvent, Edge>();
    const queue: GraphEvent[] = [start];
    let closed: Edge | null = null;
    for (let at = queue.shift(); at !== undefined && closed === null; at = queue.shift()) {
      for (const edge of out.get(at) ?? []) {
        if (edge.to === start) {
          closed = edge;
          break;
        }
        if (arrivedBy.has(edge.to)) continue;
        arrivedBy.set(edge.to, edge);
        queue.push(edge.to);
      }
    }
    if (closed === null) continue;
    const cycle: Edge[] = [closed];
    for (let edge = arrivedBy.get(closed.from); edge !== undefined && cycle[0]?.from !== start; edge = arrivedBy.get(edge.from)) cycle.unshift(edge);
    if (best === null || cycle.length < best.length) best = cycle;
  }
  return best;
}

/** `causes`: of the set the row took the view from. */
type Tell = (row: Row, view: Layered<Bits>, to: GraphEvent, causes: ReadonlyMap<number, Cause> | undefined) => void;

const END = new Error('the recorded answers end here');

/** Plays the answers back and asks the table, access by access, what must come before. */
class Tracer implements Port {
  ordinal = 0;
  readonly #leaf: Leaf;
  readonly #agent: number;
  readonly #views: ThreadViews<Bits>;
  readonly #records: Map<GraphEvent, StoreRecord<Bits>>;
  readonly #tell: Tell;
  /** By set and node: what put the node there first. */
  readonly #causes = new Map<SetName, Map<number, Cause>>();
  readonly #operands: Operand<Bits>[] = [];
  readonly #places = new Map<number, Layered<Bits>>();
  #monitor: Layered<Bits>;

  constructor(leaf: Leaf, agent: number, views: ThreadViews<Bits>, records: Map<GraphEvent, StoreRecord<Bits>>, tell: Tell) {
    this.#leaf = leaf;
    this.#agent = agent;
    this.#views = views;
    this.#records = records;
    this.#tell = tell;
    this.#monitor = views.none;
  }

  op(op: Op): Value {
    const answer = this.#leaf.answers(this.#agent)[this.ordinal];
    if (answer === undefined || answer === null) throw END;
    this.ordinal += 1;
    if (op.kind === 'fence') this.#views.fence(op.fence, this.#noting(op));
    else if (op.kind === 'branch') this.#views.branch(this.#operand(op.dep, op.pick), this.#noting(op));
    else if (op.kind === 'load' || op.kind === 'store' || op.kind === 'rmw' || op.kind === 'await') this.#accesses(op);
    return answer;
  }

  #accesses(op: Extract<Op, { kind: 'load' | 'store' | 'rmw' | 'await' }>): void {
    const { none } = this.#views;
    const exclusive = (op.kind === 'load' || op.kind === 'store') && op.exclusive === true;
    const via: Via = op.kind === 'rmw' ? (op.discard === true ? 'noreturn' : 'atomic') : exclusive ? 'exclusive' : 'plain';
    let partner = op.kind === 'store' && exclusive ? this.#monitor : none;
    let result = this.#views.noOperand;
    for (const event of this.#leaf.events) {
      if (event.agent !== this.#agent || event.ordinal !== this.ordinal || (event.kind === 'write' && event.place.space === 'mmio' && event.cpu)) continue;
      const view: Layered<Bits> = { all: oneBit(event.node), cpu: NO_BITS };
      const isWrite = event.kind !== 'read';
      const compare = op.kind === 'rmw' && op.compares === true ? this.#operand(undefined, op.comparePick) : this.#views.noOperand;
      const data = isWrite && op.kind !== 'load' && op.kind !== 'await' ? this.#views.joinOperands(this.#operand(op.dataDep, op.dataPick), { v: none, pick: compare.pick }) : this.#views.noOperand;
      const own = isWrite ? [] : event.reads.flatMap((r) => (r.source !== null && isPart(r.source) && r.source.event.agent === this.#agent ? [r.source.event] : []));
      const base: Access<Bits> = { class: event.access, via, order: op.order, addr: this.#operand(op.addressDep, op.addressPick), data, partner: isWrite ? partner : none, place: this.#place(event), channel: event.place.space === 'mmio' ? event.place.owner : '', from: null, partial: false, released: none };
      const requests = own.length === 0 ? [base] : own.map((store): Access<Bits> => ({ ...base, from: this.#records.get(store) ?? null, partial: store.place.address > event.place.address || store.place.address + store.place.size < event.place.address + event.place.size }));
      for (const request of requests) this.#views.before(request, (row, before, from) => this.#tell(row, { all: unionBits(before.all, before.cpu), cpu: NO_BITS }, event, from === null ? undefined : this.#causes.get(from)));
      let published = this.#views.none;
      for (const request of requests) {
        const after = this.#views.after(request, view, this.#noting(op));
        result = this.#views.joinOperands(result, after.result);
        published = after.published;
      }
      this.#touch(event, view);
      if (isWrite) this.#records.set(event, { via, addr: base.addr, data, event: view, partner: base.partner, published });
      else partner = this.#views.join(partner, view);
    }
    if (op.kind === 'load' && exclusive) this.#monitor = partner;
    this.#operands[this.ordinal - 1] = result;
  }

  #noting(op: Op): (row: Row, into: SetName, view: Layered<Bits>) => void {
    return (row, into, view) => {
      let known = this.#causes.get(into);
      if (known === undefined) this.#causes.set(into, (known = new Map()));
      const causes = known;
      forEachBit(unionBits(view.all, view.cpu), (node) => {
        if (!causes.has(node)) causes.set(node, { row, op });
      });
    };
  }

  #cells(event: GraphEvent): number[] {
    return [...event.parts.map((p) => p.cell), ...event.reads.map((r) => r.cell)];
  }
  #place(event: GraphEvent): Layered<Bits> {
    let view = this.#views.none;
    for (const cell of this.#cells(event)) view = this.#views.join(view, this.#places.get(cell) ?? this.#views.none);
    return view;
  }
  #touch(event: GraphEvent, view: Layered<Bits>): void {
    for (const cell of this.#cells(event)) this.#places.set(cell, this.#views.join(this.#places.get(cell) ?? this.#views.none, view));
  }

  #operand(deps: Deps | undefined, picks: Deps | undefined): Operand<Bits> {
    const { none, noOperand } = this.#views;
    const list = (d: Deps | undefined): readonly number[] => (d === undefined || d === 0 ? [] : typeof d === 'number' ? [d] : d);
    let operand = noOperand;
    for (const d of list(deps)) operand = this.#views.joinOperands(operand, this.#operands[d - 1] ?? noOperand);
    for (const d of list(picks)) {
      const picked = this.#operands[d - 1] ?? noOperand;
      operand = this.#views.joinOperands(operand, { v: none, pick: this.#views.join(picked.v, picked.pick) });
    }
    return operand;
  }
}
