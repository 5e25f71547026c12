// SPDX-License-Identifier: Apache-2.0
/**
 * Interprets a rule table over any view algebra. A form asks for the pre-view
 * of an access, performs it its own way, and hands back the view of the event.
 *
 * A view has two layers: `all` edges bind everyone, `cpu` edges CPUs only.
 * Joining under reach `all` keeps the layers; under reach `cpu` everything
 * lands in the `cpu` layer. Tables without `cpu` rows leave that layer empty.
 */
import type { AccessOrder } from '../base/port.ts';
import { OPERANDS, SETS, type AccessClass, type AccessTrigger, type Row, type RuleTable, type SetName, type Source, type Target, type Via } from './rules.ts';

/** What a form supplies. `join` must be pure; `empty` its neutral element. */
export interface ViewAlgebra<V> {
  readonly empty: V;
  join(a: V, b: V): V;
}

export interface Layered<V> {
  readonly all: V;
  readonly cpu: V;
}

/** A register's provenance: what its value depends on, and what merely selected it. */
export interface Operand<V> {
  readonly v: Layered<V>;
  readonly pick: Layered<V>;
}

/** What later reads may need to know of a store. */
export interface StoreRecord<V> {
  readonly via: Via;
  readonly addr: Operand<V>;
  readonly data: Operand<V>;
  readonly event: Layered<V>;
  readonly partner: Layered<V>;
  readonly published: Layered<V>;
}

export interface Access<V> {
  readonly class: AccessClass;
  readonly via: Via;
  readonly order: AccessOrder;
  readonly addr: Operand<V>;
  readonly data: Operand<V>;
  /** Event view of the read of this pair; empty when there is none. */
  readonly partner: Layered<V>;
  /** Own earlier overlapping accesses. A form that keeps coherence by other means gives `empty`. */
  readonly place: Layered<V>;
  /** Own maintenance of the line that a read looks at. */
  readonly lines?: Layered<V>;
  /** Device of an MMIO access, else ''. */
  readonly channel: string;
  /** Own store a read is forwarded from. */
  readonly from: StoreRecord<V> | null;
  /** That store covers only some of the bytes. */
  readonly partial: boolean;
  /** `published` of the store that was read. Known only after the read; used by `after`. */
  readonly released: Layered<V>;
}

const SET_COUNT = SETS.length;
const CHANNEL = SET_COUNT + OPERANDS.indexOf('channel');
const CLASSES: readonly AccessClass[] = ['r', 'w', 'i', 'o', 'm'];
const VIAS: readonly Via[] = ['plain', 'exclusive', 'atomic', 'noreturn'];
const ORDERS: readonly AccessOrder[] = ['plain', 'relaxed', 'acquire', 'acquirePC', 'release', 'releasePC', 'acq_rel', 'full', 'streaming'];
const EVENT = SET_COUNT + OPERANDS.indexOf('event');
const W_NEW = SETS.indexOf('wNew');
function codeOf(source: Source | Target): number {
  const set = (SETS as readonly string[]).indexOf(source);
  return set >= 0 ? set : SET_COUNT + (OPERANDS as readonly string[]).indexOf(source);
}

/** One compiled step: source code, target code (unused for before/result/publish), whether it reaches CPUs only, and its row. */
interface Step {
  readonly source: number;
  readonly target: number;
  readonly cpuOnly: boolean;
  readonly row: Row;
}
interface Plan {
  readonly before: readonly Step[];
  readonly join: readonly Step[];
  readonly result: readonly Step[];
  readonly resultPick: readonly Step[];
  readonly publish: readonly Step[];
}

/** A rule table with its dispatch resolved; shared by all agents that use it. */
export class CompiledTable {
  readonly table: RuleTable;
  /** Some row reaches CPUs only. */
  readonly layered: boolean;
  /** Some row publishes or takes over what was released. */
  readonly publishes: boolean;
  /** By access, as a number: this is asked several times an operation. */
  readonly #plans: (Plan | undefined)[] = [];
  readonly #fences = new Map<string, Plan>();
  readonly #rows: readonly Row[];
  readonly branch: Plan;
  readonly msi: Plan;
  readonly intx: Plan;

  constructor(table: RuleTable) {
    this.table = table;
    this.#rows = table.rows.filter((row) => row.when === undefined || table.switches[row.when[0]] === row.when[1]);
    this.layered = this.#rows.some((row) => row.reach === 'cpu');
    this.publishes = this.#rows.some((row) => row.publish !== undefined);
    this.branch = planOf(this.#rows.filter((row) => 'branch' in row.on));
    this.msi = planOf(this.#rows.filter((row) => 'interrupt' in row.on && row.on.interrupt === 'msi'));
    this.intx = planOf(this.#rows.filter((row) => 'interrupt' in row.on && row.on.interrupt === 'intx'));
  }

  plan(cls: AccessClass, via: Via, order: AccessOrder, fromVia: Via | null, partial: boolean): Plan {
    const key = (((CLASSES.indexOf(cls) * 5 + VIAS.indexOf(via)) * ORDERS.length + ORDERS.indexOf(order)) * 5 + (fromVia === null ? 4 : VIAS.indexOf(fromVia))) * 2 + (partial ? 1 : 0);
    let plan = this.#plans[key];
    if (plan === undefined) {
      plan = planOf(this.#rows.filter((row) => 'access' in row.on && matches(row.on, cls, via, order, fromVia, partial)));
      this.#plans[key] = plan;
    }
    return plan;
  }

  /** @throws RangeError for a fence the table does not know. */
  fence(name: string): Plan {
    let plan = this.#fences.get(name);
    if (plan === undefined) {
      const rows = this.#rows.filter((row) => ('fence' in row.on && row.on.fence.includes(name)) || ('pred' in row.on && fenceHas(name, row.on.pred, row.on.succ)));
      if (rows.length === 0 && !this.knowsFence(name)) throw new RangeError(`${this.table.id} has no fence "${name}"`);
      plan = planOf(rows);
      this.#fences.set(name, plan);
    }
    return plan;
  }

  /** Whether `fence` would accept the name, rows switched off included. */
  knowsFence(name: string): boolean {
    return this.table.idleFences.includes(name) || this.table.rows.some((row) => 'fence' in row.on && row.on.fence.includes(name)) || (this.table.rows.some((row) => 'pred' in row.on) && /^fence\.[iorw]+\.[iorw]+$/.test(name));
  }
}

function matches(on: AccessTrigger, cls: AccessClass, via: Via, order: AccessOrder, fromVia: Via | null, partial: boolean): boolean {
  if (!on.access.includes(cls)) return false;
  if (on.via !== undefined && !on.via.includes(via)) return false;
  if (on.order !== undefined && !on.order.includes(order)) return false;
  if (on.forwarded === true && fromVia === null) return false;
  if (on.partial !== undefined && on.partial !== partial) return false;
  if (on.fromVia !== undefined && (fromVia === null || !on.fromVia.includes(fromVia))) return false;
  return true;
}

/** `fence.rw.ow` contains pred `r` and succ `o`. */
function fenceHas(name: string, pred: AccessClass, succ: AccessClass): boolean {
  const parts = /^fence\.([iorw]+)\.([iorw]+)$/.exec(name);
  return parts !== null && (parts[1] ?? '').includes(pred) && (parts[2] ?? '').includes(succ);
}

function planOf(rows: readonly Row[]): Plan {
  const plan = { before: [] as Step[], join: [] as Step[], result: [] as Step[], resultPick: [] as Step[], publish: [] as Step[] };
  for (const row of rows) {
    const cpuOnly = row.reach === 'cpu';
    for (const source of row.before ?? []) plan.before.push({ source: codeOf(source), target: -1, cpuOnly, row });
    for (const [source, target] of row.join ?? []) plan.join.push({ source: codeOf(source), target: codeOf(target), cpuOnly, row });
    for (const source of row.result ?? []) plan.result.push({ source: codeOf(source), target: -1, cpuOnly, row });
    for (const source of row.resultPick ?? []) plan.resultPick.push({ source: codeOf(source), target: -1, cpuOnly, row });
    for (const source of row.publish ?? []) plan.publish.push({ source: codeOf(source), target: -1, cpuOnly, row });
  }
  return plan;
}

/** What an access leaves behind. */
export interface AccessResult<V> {
  /** View of the returned value (load, atomic) or status (store-exclusive). */
  readonly result: Operand<V>;
  /** For a store: what an acquire that reads it takes over. */
  readonly published: Layered<V>;
}

export type ExplainJoin<V> = (row: Row, into: SetName, view: Layered<V>) => void;

/** The sets of one agent. */
export class ThreadViews<V> {
  readonly compiled: CompiledTable;
  readonly none: Layered<V>;
  readonly noOperand: Operand<V>;
  readonly #algebra: ViewAlgebra<V>;
  readonly #sets: Layered<V>[];
  readonly #channels = new Map<string, Layered<V>>();

  constructor(compiled: CompiledTable, algebra: ViewAlgebra<V>) {
    this.compiled = compiled;
    this.#algebra = algebra;
    this.none = { all: algebra.empty, cpu: algebra.empty };
    this.noOperand = { v: this.none, pick: this.none };
    this.#sets = SETS.map(() => this.none);
  }

  set(name: (typeof SETS)[number]): Layered<V> {
    return this.#sets[SETS.indexOf(name)] ?? this.none;
  }

  /** Replaces every view by `f` of it, e.g. to forget resolved tokens. */
  map(f: (view: V) => V): void {
    const layer = (l: Layered<V>): Layered<V> => (l === this.none ? l : { all: f(l.all), cpu: f(l.cpu) });
    for (let i = 0; i < SET_COUNT; i += 1) this.#sets[i] = layer(this.#sets[i] ?? this.none);
    for (const [key, value] of this.#channels) this.#channels.set(key, layer(value));
  }

  /** A copy that shares nothing mutable. */
  clone(): ThreadViews<V> {
    const copy = new ThreadViews(this.compiled, this.#algebra);
    for (let i = 0; i < SET_COUNT; i += 1) copy.#sets[i] = this.#sets[i] ?? this.none;
    for (const [key, value] of this.#channels) copy.#channels.set(key, value);
    return copy;
  }

  join(a: Layered<V>, b: Layered<V>): Layered<V> {
    if (a === this.none) return b;
    if (b === this.none || a === b) return a;
    return { all: this.#algebra.join(a.all, b.all), cpu: this.#algebra.join(a.cpu, b.cpu) };
  }

  joinOperands(a: Operand<V>, b: Operand<V>): Operand<V> {
    if (a === this.noOperand) return b;
    if (b === this.noOperand) return a;
    return { v: this.join(a.v, b.v), pick: this.join(a.pick, b.pick) };
  }

  /** Everything that must precede the access. `explain` is told each row that contributed something, and the set it took it from. */
  before(access: Access<V>, explain?: (row: Row, view: Layered<V>, from: SetName | null) => void): Layered<V> {
    let pre = this.none;
    for (const step of this.#plan(access).before) {
      const view = this.#read(step, access, this.none);
      if (view === this.none) continue;
      if (explain !== undefined) explain(step.row, view, SETS[step.source] ?? null);
      pre = this.join(pre, view);
    }
    return pre;
  }

  /** Whether every later RAM write comes after this read whatever else happens. */
  holdsBackWrites(access: Pick<Access<V>, 'class' | 'via' | 'order'>): boolean {
    return this.compiled.plan(access.class, access.via, access.order, null, false).join.some((step) => step.source === EVENT && step.target === W_NEW && !step.cpuOnly);
  }

  /** Updates the sets once the access was performed as `event`. `explain`, here and below, is told what each row adds to which set. */
  after(access: Access<V>, event: Layered<V>, explain?: ExplainJoin<V>): AccessResult<V> {
    const plan = this.#plan(access);
    let result = this.none;
    let picked = this.none;
    let published = this.none;
    for (const step of plan.resultPick) picked = this.join(picked, this.#read(step, access, event));
    for (const step of plan.result) result = this.join(result, this.#read(step, access, event));
    for (const step of plan.publish) published = this.join(published, this.#read(step, access, event));
    this.#apply(plan.join, access, event, explain);
    return { result: result === this.none && picked === this.none ? this.noOperand : { v: result, pick: picked }, published };
  }

  /** @throws RangeError for a fence the table does not know. */
  fence(name: string, explain?: ExplainJoin<V>): void {
    this.#apply(this.compiled.fence(name).join, null, this.none, explain);
  }

  branch(operand: Operand<V>, explain?: ExplainJoin<V>): void {
    this.#apply(this.compiled.branch.join, { ...this.#blank(), data: operand }, this.none, explain);
  }

  interrupt(kind: 'msi' | 'intx', message: Layered<V>): void {
    this.#apply(this.compiled[kind].join, null, message);
  }

  #plan(access: Access<V>): Plan {
    return this.compiled.plan(access.class, access.via, access.order, access.from === null ? null : access.from.via, access.partial);
  }

  #blank(): Access<V> {
    return { class: 'r', via: 'plain', order: 'plain', addr: this.noOperand, data: this.noOperand, partner: this.none, place: this.none, channel: '', from: null, partial: false, released: this.none };
  }

  #apply(steps: readonly Step[], access: Access<V> | null, event: Layered<V>, explain?: ExplainJoin<V>): void {
    for (const step of steps) {
      const view = this.#read(step, access, event);
      if (view === this.none) continue;
      const into = SETS[step.target];
      if (explain !== undefined && into !== undefined) explain(step.row, into, view);
      if (step.target === CHANNEL) {
        const channel = access === null ? '' : access.channel;
        this.#channels.set(channel, this.join(this.#channels.get(channel) ?? this.none, view));
      } else {
        this.#sets[step.target] = this.join(this.#sets[step.target] ?? this.none, view);
      }
    }
  }

  #read(step: Step, access: Access<V> | null, event: Layered<V>): Layered<V> {
    const view = step.source < SET_COUNT ? (this.#sets[step.source] ?? this.none) : this.#operand(step.source - SET_COUNT, access, event);
    if (!step.cpuOnly || view === this.none) return view;
    return { all: this.#algebra.empty, cpu: this.#algebra.join(view.all, view.cpu) };
  }

  #operand(index: number, access: Access<V> | null, event: Layered<V>): Layered<V> {
    const name = OPERANDS[index];
    if (name === 'event') return event;
    if (access === null || name === undefined) return this.none;
    switch (name) {
      case 'partner': return access.partner;
      case 'addr': return access.addr.v;
      case 'addrPick': return access.addr.pick;
      case 'data': return access.data.v;
      case 'dataPick': return access.data.pick;
      case 'place': return access.place;
      case 'lines': return access.lines ?? this.none;
      case 'channel': return this.#channels.get(access.channel) ?? this.none;
      case 'from.addr': return access.from?.addr.v ?? this.none;
      case 'from.data': return access.from?.data.v ?? this.none;
      case 'from.dataPick': return access.from?.data.pick ?? this.none;
      case 'from.event': return access.from?.event ?? this.none;
      case 'from.partner': return access.from?.partner ?? this.none;
      case 'released': return access.released;
    }
  }
}
