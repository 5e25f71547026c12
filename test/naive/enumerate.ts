// SPDX-License-Identifier: Apache-2.0
/**
 * The naive enumerator, part 2: every choice of reads-from and coherence over
 * every combination of runs, then the axioms. Exponential; for small programs.
 */
import type { Agent, Value } from '@dmalab/core/base/port';
import { heldLines, lineOfEvent, linesRight } from './lines.ts';
import type { Candidate, LocalOrder, Model } from './models.ts';
import { acyclic, closure, relation, union, type Relation } from './relation.ts';
import { allRuns, type Cut, type NaiveEvent, type NaiveRoute, type NaiveRun } from './runs.ts';

export interface NaiveOutcome {
  readonly registers: readonly unknown[];
  /** Last value of every byte (or unit) written. */
  readonly memory: ReadonlyMap<string, Value>;
}

export interface NaiveProgram {
  readonly agents: readonly Agent[];
  readonly initial: (at: string) => Value;
  /** What to remember of an agent after a run of it. */
  readonly registers: (agent: number) => unknown;
  readonly model: Model;
  readonly onOutcome: (outcome: NaiveOutcome) => void;
  /** How far written values may feed one another; default 8. */
  readonly rounds?: number;
  readonly routes?: readonly NaiveRoute[];
  /** Default: every byte by itself. */
  readonly cut?: Cut;
  /** CPUs reach RAM through cache lines that devices do not see. Final memory is not told then. */
  readonly lines?: boolean;
  /** Most runs of one agent, combinations of runs, and candidates checked; beyond it is `TooMuch`. Default: none. */
  readonly limit?: number;
}

/** The program is too large for this enumerator; nothing was concluded. */
export class TooMuch extends Error {
  override readonly name = 'TooMuch';
}

/** Calls `onOutcome` for every consistent candidate, possibly several times for one outcome. */
export function enumerate(program: NaiveProgram): void {
  const runs = allRuns(program.agents, program.initial, program.registers, program.rounds ?? 8, program.routes, program.cut, program.limit);
  const limit = program.limit ?? Infinity;
  if (runs.reduce((product, r) => product * r.length, 1) > limit) throw new TooMuch(`more than ${limit} combinations of runs`);
  const budget = { left: limit };
  const chosen: NaiveRun[] = [];
  const visit = (i: number): void => {
    const options = runs[i];
    if (options === undefined) return combination(program, chosen, budget);
    for (const run of options) {
      chosen[i] = run;
      visit(i + 1);
    }
  };
  visit(0);
}

function combination(program: NaiveProgram, runs: readonly NaiveRun[], budget: { left: number }): void {
  const events = runs.flatMap((r) => r.events);
  const at = (i: number): NaiveEvent => events[i] as NaiveEvent; // i is an index of events
  const n = events.length;
  const writes = events.flatMap((e, i) => (e.kind === 'W' ? [i] : []));
  const reads = events.flatMap((e, i) => (e.kind === 'R' || e.kind === 'I' ? [i] : []));
  const po = relation(n, (i, j) => at(i).agent === at(j).agent && at(i).index < at(j).index);
  const lines = program.lines === true ? heldLines(events) : new Set<number>();
  const held = (i: number): boolean => lines.has(lineOfEvent(at(i)));
  const overlap = (i: number, j: number): boolean => at(i).bytes.some((x) => at(j).bytes.some((y) => x.at === y.at));
  // What lines hold has no coherence order here: they are gone through step by step at the end.
  const share = (i: number, j: number): boolean => !held(i) && overlap(i, j);
  const sameBytes = relation(n, (i, j) => at(i).kind !== 'F' && at(j).kind !== 'F' && overlap(i, j));

  /** Each byte of each read, with what it may come from; -1 is the initial content. */
  const needs = reads.flatMap((r) => at(r).bytes.map(({ at: byte, value }) => ({ r, byte, from: [...(program.initial(byte) === value ? [-1] : []), ...writes.filter((w) => w !== r && at(w).bytes.some((b) => b.at === byte && b.value === value))] })));
  if (needs.some((x) => x.from.length === 0)) return;
  const orders = new Map<string, LocalOrder>();
  for (const co of coherences(writes, share, po)) {
    const position = new Map(co.map((w, i) => [w, i]));
    const before = (a: number, b: number): boolean => a !== b && (a === -1 || (b !== -1 && (position.get(a) ?? 0) < (position.get(b) ?? 0)));
    const pick: number[] = [];
    const visit = (k: number): void => {
      const need = needs[k];
      if (need === undefined && (budget.left -= 1) < 0) throw new TooMuch('more candidates than allowed');
      if (need === undefined) return check(program, { runs, events, po, sameBytes, needs, pick, before, co, share, held, lines, orders });
      for (const w of need.from) {
        pick[k] = w;
        visit(k + 1);
      }
    };
    visit(0);
  }
}

interface Shape {
  readonly runs: readonly NaiveRun[];
  readonly events: readonly NaiveEvent[];
  readonly po: Relation;
  readonly sameBytes: Relation;
  readonly needs: readonly { readonly r: number; readonly byte: string }[];
  readonly pick: readonly number[];
  readonly before: (a: number, b: number) => boolean;
  readonly co: readonly number[];
  readonly share: (i: number, j: number) => boolean;
  /** Whether cache lines decide what an event reads or where it writes. */
  readonly held: (i: number) => boolean;
  readonly lines: ReadonlySet<number>;
  /** Local order by what was read from where: it depends on nothing else. */
  readonly orders: Map<string, LocalOrder>;
}

function check(program: NaiveProgram, s: Shape): void {
  const { events } = s;
  const n = events.length;
  const at = (i: number): NaiveEvent => events[i] as NaiveEvent; // i is an index of events
  const has = (w: number, byte: string): boolean => at(w).bytes.some((b) => b.at === byte);
  const rf = relation(n, (w, r) => s.needs.some((x, k) => x.r === r && s.pick[k] === w));
  const fr = relation(n, (r, w) => at(w).kind === 'W' && !s.held(w) && s.needs.some((x, k) => x.r === r && has(w, x.byte) && s.before(s.pick[k] ?? -1, w)));
  const co = relation(n, (a, b) => at(a).kind === 'W' && at(b).kind === 'W' && s.share(a, b) && s.before(a, b));
  const bytes = [...new Set(events.flatMap((e, i) => (s.held(i) ? [] : e.bytes.map((b) => b.at))))];
  for (const byte of bytes) {
    const local = (r: Relation, keep: (i: number, j: number) => boolean): Relation => relation(n, (i, j) => r[i]?.[j] === true && has(i, byte) && has(j, byte) && keep(i, j));
    const rfHere = relation(n, (w, r) => s.needs.some((x, k) => x.r === r && x.byte === byte && s.pick[k] === w));
    const frHere = relation(n, (r, w) => at(w).kind === 'W' && has(w, byte) && s.needs.some((x, k) => x.r === r && x.byte === byte && s.before(s.pick[k] ?? -1, w)));
    if (!acyclic(union(local(s.po, () => true), rfHere, frHere, local(co, () => true)))) return;
  }
  const apart = (r: Relation): Relation => relation(n, (i, j) => r[i]?.[j] === true && at(i).agent !== at(j).agent);
  for (let w = 0; w < n; w += 1) {
    if (at(w).kind !== 'W' || at(w).pair < 0) continue;
    const r = events.findIndex((e) => e.agent === at(w).agent && e.index === at(w).pair);
    for (let other = 0; other < n; other += 1) if (at(other).agent !== at(w).agent && fr[r]?.[other] === true && co[other]?.[w] === true) return;
  }
  if (!interruptsRight(s, at)) return;
  const rfi = relation(n, (w, r) => rf[w]?.[r] === true && at(w).agent === at(r).agent);
  const key = rf.map((row, w) => row.map((x, r) => (x ? `${w}>${r} ` : '')).join('')).join('');
  let order = s.orders.get(key);
  if (order === undefined) s.orders.set(key, (order = program.model({ events, po: s.po, sameBytes: s.sameBytes, rf, rfi } satisfies Candidate)));
  const { lob, stay, cpuOnly, oneEventAtomics } = order;
  const taken = relation(n, (w, j) => at(j).kind !== 'F' && at(j).kind !== 'I' && events.some((e, i) => e.kind === 'I' && e.interrupt === 'msi' && rf[w]?.[i] === true && s.po[i]?.[j] === true));
  const readsFirst = relation(n, (i, j) => at(j).kind === 'I' && at(i).kind === 'R' && s.po[i]?.[j] === true);
  const layered = cpuOnly.some((row) => row.includes(true));
  const relations = (local: Relation): Relation[] => posted(events, s.po, union(local, taken, readsFirst), apart(rf), union(fr, co));
  const whole = oneEventAtomics ? relations(lob).map((r) => acyclic(merged(r, events))) : null;
  const consistent = relations(stay === undefined ? lob : union(lob, stay)).some((everyone, i) => {
    if (whole?.[i] === false || ((whole === null || stay !== undefined) && !acyclic(everyone))) return false;
    const total = layered ? moments(events, everyone, cpuOnly, union(apart(rf), taken), s.held) : everyone;
    if (layered && !acyclic(total)) return false;
    const moment = (i: number): { cpu: number; all: number } => ({ cpu: i, all: layered && twoMoments(at(i), s.held(i)) ? everyone.length + i : i });
    return s.lines.size === 0 || linesRight(events, s.lines, s.needs.map((x, k) => ({ ...x, from: s.pick[k] ?? -1 })), total, moment);
  });
  if (!consistent) return;
  const memory = new Map<string, Value>();
  for (const w of s.co) for (const b of at(w).bytes) memory.set(b.at, b.value);
  program.onOutcome({ registers: s.runs.map((r) => r.registers), memory });
}

/**
 * A CPU's MMIO write is two events: it leaves the CPU in its local order, and
 * arrives later, in the order in which writes to one device left, whoever sent
 * them; a read of the device by its CPU pushes what has left before. Arrivals
 * are numbered behind the events. One relation for each order of leaving.
 */
function* postedOrders(events: readonly NaiveEvent[], po: Relation, local: Relation, rf: Relation, visible: Relation): Generator<Relation> {
  const posts = events.flatMap((e, i) => (e.kind === 'W' && e.cpu && e.mmio ? [i] : []));
  if (posts.length === 0) {
    yield union(local, rf, visible);
    return;
  }
  const n = events.length;
  const device = (i: number): string => events[i]?.bytes[0]?.at.split(':')[0] ?? '';
  const arrival = (i: number): number => (posts.includes(i) ? n + posts.indexOf(i) : i);
  for (const order of permutations(posts)) {
    const edges = Array.from({ length: n + posts.length }, () => Array.from({ length: n + posts.length }, () => false));
    const edge = (i: number, j: number): void => void ((edges[i] ?? [])[j] = true);
    for (let i = 0; i < n; i += 1) {
      for (let j = 0; j < n; j += 1) {
        if (local[i]?.[j] === true) edge(i, j);
        if (rf[i]?.[j] === true || visible[i]?.[j] === true) edge(arrival(i), arrival(j));
      }
    }
    for (const w of posts) {
      edge(w, arrival(w));
      for (const later of order.slice(order.indexOf(w) + 1)) {
        if (device(later) !== device(w)) continue;
        edge(w, later);
        edge(arrival(w), arrival(later));
      }
    }
    const left = closure(edges);
    for (const w of posts) {
      events.forEach((e, j) => {
        if (po[w]?.[j] === true && e.kind === 'R' && e.mmio && device(j) === device(w) && (events[w]?.order !== 'streaming' || left[w]?.[j] === true)) edge(arrival(w), j);
      });
    }
    yield edges;
  }
}
const posted = (...about: Parameters<typeof postedOrders>): Relation[] => [...postedOrders(...about)];

function* permutations(items: readonly number[]): Generator<number[]> {
  if (items.length === 0) yield [];
  for (const item of items) for (const rest of permutations(items.filter((x) => x !== item))) yield [item, ...rest];
}

/**
 * Where CPUs agree on more than devices do, each RAM access of a CPU has two moments: one in the order of the CPUs, numbered as the
 * event, and one in everyone's, numbered behind all of them. A store comes to CPUs first; what a device made is seen when it is read.
 */
function moments(events: readonly NaiveEvent[], everyone: Relation, cpuOnly: Relation, seen: Relation, held: (i: number) => boolean): Relation {
  const n = everyone.length;
  const cpu = (i: number): boolean => events[i]?.cpu ?? true;
  const two = (i: number): boolean => events[i] !== undefined && twoMoments(events[i], held(i));
  const all = (i: number): number => (two(i) ? n + i : i);
  const edges = Array.from({ length: 2 * n }, () => Array.from({ length: 2 * n }, () => false));
  const edge = (i: number, j: number): void => void ((edges[i] ?? [])[j] = true);
  for (let i = 0; i < n; i += 1) {
    if (two(i) && events[i]?.kind === 'W') edge(i, all(i));
    for (let j = 0; j < n; j += 1) {
      if (everyone[i]?.[j] === true) {
        edge(all(i), all(j));
        if (cpu(i) && cpu(j)) edge(i, j);
      }
      if (cpuOnly[i]?.[j] === true && cpu(i) && cpu(j)) edge(i, j);
      if (seen[i]?.[j] === true && !cpu(i) && cpu(j)) edge(i, j);
    }
  }
  return edges;
}

/** A store into a cache line, and maintenance of it, come to all CPUs at once; devices look at memory. */
const twoMoments = (e: NaiveEvent, held: boolean): boolean => e.cpu && !e.mmio && e.kind !== 'C' && !(held && e.kind === 'W');

/** Messages of a line are taken in order, alone or with later ones, each once; none is left where a CPU waited to its end. */
function interruptsRight(s: Shape, at: (i: number) => NaiveEvent): boolean {
  const lines = new Set(s.events.flatMap((e) => (e.kind === 'W' && e.bytes[0]?.at.startsWith('irq') === true ? [e.bytes[0].at] : [])));
  for (const line of lines) {
    const messages = s.co.filter((w) => at(w).bytes[0]?.at === line);
    const taken = s.needs.flatMap((x, k) => (x.byte === line ? [messages.indexOf(s.pick[k] ?? -1)] : []));
    if (taken.some((m, i) => m <= (taken[i - 1] ?? -1))) return false;
    if (s.runs.some((run) => run.drained.includes(line)) && taken[taken.length - 1] !== messages.length - 1) return false;
  }
  return true;
}

/** Both halves of an atomic become one event: what orders either orders both. */
function merged(r: Relation, events: readonly NaiveEvent[]): Relation {
  const whole = events.map((e, i) => (e.kind === 'W' && e.atomic && e.pair >= 0 ? events.findIndex((x) => x.agent === e.agent && x.index === e.pair) : i));
  const place = (i: number): number => whole[i] ?? i;
  const out = r.map((row) => row.map(() => false));
  r.forEach((row, a) => row.forEach((x, b) => {
    if (x && place(a) !== place(b)) (out[place(a)] ?? [])[place(b)] = true;
  }));
  return out;
}

/** Total orders of all writes, one for each choice of order among those that share bytes; own writes to shared bytes stay in program order. */
function* coherences(writes: readonly number[], share: (i: number, j: number) => boolean, po: Relation): Generator<number[]> {
  const seen = new Set<string>();
  const order: number[] = [];
  const used = new Set<number>();
  function* visit(): Generator<number[]> {
    if (order.length === writes.length) {
      const key = order.flatMap((a, i) => order.slice(i + 1).filter((b) => share(a, b)).map((b) => `${a}<${b}`)).sort().join();
      if (seen.has(key)) return;
      seen.add(key);
      yield [...order];
      return;
    }
    for (const w of writes) {
      if (used.has(w) || writes.some((v) => !used.has(v) && v !== w && share(v, w) && po[v]?.[w] === true)) continue;
      // Writes that share nothing commute: keep them in one order.
      const last = order[order.length - 1];
      if (last !== undefined && last > w && !share(last, w)) continue;
      used.add(w);
      order.push(w);
      yield* visit();
      order.pop();
      used.delete(w);
    }
  }
  yield* visit();
}
