// SPDX-License-Identifier: Apache-2.0
/**
 * One agent inside the graph form: its rule sets, what its answers depend on,
 * and the port it runs over. Answers of choices made before are replayed;
 * everything after them is found anew.
 */
import { type AgentFault, Suspend, type Agent, type Deps, type Op, type Port, type Value } from '../../base/port.ts';
import { ThreadViews, type CompiledTable, type Layered, type Operand } from '../views.ts';
import { NO_BITS, oneBit, unionBits, type Bits } from './bits.ts';
import type { Execution, ReadPart } from './execution.ts';

export const EVENT_SETS = { empty: NO_BITS, join: unionBits };

/** No way on from here; one object, since thousands are thrown. */
export class Dead extends Suspend {}
/** The agent waits for something that never comes. */
export class Blocked extends Suspend {}
export const DEAD = new Dead('no consistent continuation');
export const BLOCKED = new Blocked('waits for ever');

export interface Monitor {
  readonly address: number;
  readonly size: number;
  readonly reads: readonly ReadPart[];
  readonly view: Layered<Bits>;
}

/** What must be put back when a choice of this agent is changed. */
export interface ActorState {
  readonly views: ThreadViews<Bits>;
  readonly writes: number;
  readonly monitor: Monitor | null;
  readonly reads: Layered<Bits>;
}

export class Actor implements Port {
  readonly index: number;
  readonly agent: Agent;
  readonly cpu: boolean;
  readonly compiled: CompiledTable;
  views: ThreadViews<Bits>;
  /** By ordinal - 1: what the answer carries. */
  readonly operands: (Operand<Bits> | undefined)[] = [];
  /** `null`: the op waits for ever. */
  readonly answers: (Value | null)[] = [];
  writes = 0;
  monitor: Monitor | null = null;
  /** Own reads, for a machine that keeps loads before later stores. */
  reads: Layered<Bits>;
  /** Own accesses of a cell, and the newest of them in its coherence graph. */
  readonly places = new Map<number, { readonly view: Layered<Bits>; readonly node: number }>();
  /** Newest message taken from each channel, by cell. */
  readonly taken = new Map<number, ReadPart>();
  blocked: Op | null = null;
  /** The `idle` that nothing ended. */
  settled: Op | null = null;
  fault: AgentFault | null = null;
  ordinal = 0;
  replayed = 0;
  readonly #perform: (actor: Actor, op: Op) => Value | null;

  constructor(index: number, agent: Agent, compiled: CompiledTable, perform: (actor: Actor, op: Op) => Value | null) {
    this.index = index;
    this.agent = agent;
    this.cpu = agent.kind === 'cpu';
    this.compiled = compiled;
    this.views = new ThreadViews(compiled, EVENT_SETS);
    this.reads = this.views.none;
    this.#perform = perform;
  }

  op(op: Op): Value {
    this.ordinal += 1;
    if (this.ordinal === 1) this.settled = null;
    let answer: Value | null;
    if (this.ordinal <= this.replayed) answer = this.answers[this.ordinal - 1] ?? null;
    else {
      answer = this.#perform(this, op);
      this.answers[this.ordinal - 1] = answer;
    }
    if (answer === null) {
      this.blocked = op;
      throw BLOCKED;
    }
    if (op.kind === 'idle' && answer === 0) this.settled = op;
    return answer;
  }

  /** Before its first op. What it left in the maps is gone already, by undo. */
  reset(): void {
    this.views = new ThreadViews(this.compiled, EVENT_SETS);
    this.reads = this.views.none;
    this.writes = 0;
    this.monitor = null;
    this.blocked = null;
    this.fault = null;
    this.answers.length = 0;
    this.operands.length = 0;
    this.ordinal = 0;
    this.replayed = 0;
  }

  save(): ActorState {
    return { views: this.views.clone(), writes: this.writes, monitor: this.monitor, reads: this.reads };
  }

  restore(state: ActorState, ordinal: number): void {
    this.views = state.views.clone();
    this.writes = state.writes;
    this.monitor = state.monitor;
    this.reads = state.reads;
    this.blocked = null;
    this.fault = null;
    this.answers.length = ordinal - 1;
    this.operands.length = ordinal - 1;
    this.ordinal = ordinal;
    this.replayed = 0;
  }

  /** What values computed from these answers carry. */
  operand(deps: Deps | undefined, picks: Deps | undefined): Operand<Bits> {
    if (deps === undefined && picks === undefined) return this.views.noOperand;
    let operand = this.views.noOperand;
    for (const d of list(deps)) operand = this.views.joinOperands(operand, this.operands[d - 1] ?? this.views.noOperand);
    for (const d of list(picks)) {
      const picked = this.operands[d - 1];
      if (picked !== undefined) operand = this.views.joinOperands(operand, { v: this.views.none, pick: this.views.join(picked.v, picked.pick) });
    }
    return operand;
  }

  /** Records that this agent accessed a cell. */
  touch(execution: Execution, cell: number, view: Layered<Bits>, node: number): void {
    const before = this.places.get(cell);
    this.places.set(cell, { view: before === undefined ? view : this.views.join(before.view, view), node });
    execution.onUndo(() => (before === undefined ? this.places.delete(cell) : this.places.set(cell, before)));
  }

  take(execution: Execution, cell: number, read: ReadPart): void {
    const before = this.taken.get(cell);
    this.taken.set(cell, read);
    execution.onUndo(() => (before === undefined ? this.taken.delete(cell) : this.taken.set(cell, before)));
  }

  /** `before`, plus one node. */
  after(view: Layered<Bits>, node: number): Layered<Bits> {
    const one = oneBit(node);
    return { all: unionBits(view.all, one), cpu: this.cpu ? unionBits(view.cpu, one) : view.cpu };
  }
}

function list(deps: Deps | undefined): readonly number[] {
  return deps === undefined || deps === 0 ? [] : typeof deps === 'number' ? [deps] : deps;
}
