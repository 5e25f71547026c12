// SPDX-License-Identifier: Apache-2.0
/**
 * The naive enumerator, part 1: what each agent may do if every byte it reads
 * could hold any value that was ever written there. Shares no code with the
 * two forms; an agent is run over a port that answers from a script.
 */
import { Suspend, type AccessOrder, type Agent, type Deps, type Op, type Place, type Port, type Value } from '@dmalab/core/base/port';

export interface NaiveEvent {
  readonly agent: number;
  readonly cpu: boolean;
  /** Position in program order. */
  readonly index: number;
  readonly ordinal: number;
  /** `I`: an interrupt was taken; its byte is the line's. `C`: maintenance of a cache line. */
  readonly kind: 'R' | 'W' | 'F' | 'I' | 'C';
  readonly mmio: boolean;
  /** Past the cache lines. */
  readonly uncached: boolean;
  readonly order: AccessOrder;
  readonly exclusive: boolean;
  /** Half of an atomic instruction. */
  readonly atomic: boolean;
  readonly noReturn: boolean;
  /** Bytes (or units that no access splits, see `Cut`), by global name, and what each holds. */
  readonly bytes: readonly { readonly at: string; readonly value: Value }[];
  readonly fence: string;
  /** Of an `I`. */
  readonly interrupt?: 'msi' | 'intx';
  /** Of a `C`: first byte of the line. */
  readonly line?: number;
  readonly operation?: 'clean' | 'invalidate' | 'clean+invalidate';
  /** Ordinals of answers the address and the value were computed from, and merely picked by. */
  readonly addr: readonly number[];
  readonly addrPick: readonly number[];
  readonly data: readonly number[];
  readonly dataPick: readonly number[];
  /** Answers tested by branches before this event. */
  readonly ctrl: readonly number[];
  readonly ctrlPick: readonly number[];
  /** Index of the read of the same atomic, or of the exclusive pair; -1 for none. */
  readonly pair: number;
}

export interface NaiveRun {
  readonly events: readonly NaiveEvent[];
  /** False: it waits for a value that nobody was known to write. */
  readonly ended: boolean;
  readonly registers: unknown;
  /** Lines of which nothing may be left: it waited for them until nothing could happen any more. */
  readonly drained: readonly string[];
}

/** The parts of a place that may hold values of different writes; by default its bytes. */
export type Cut = (place: Place) => readonly Unit[];
export interface Unit {
  readonly offset: number;
  readonly size: number;
}
export const bytewise: Cut = (place) => Array.from({ length: place.size }, (_, offset) => ({ offset, size: 1 }));
export type Values = (at: string) => readonly Value[];

/** Where interrupts go. */
export interface NaiveRoute {
  readonly device: string;
  readonly vector: number;
  readonly cpu: string;
  readonly number: number;
  readonly kind?: 'msi' | 'intx';
}

const list = (deps: Deps | undefined): readonly number[] => (deps === undefined || deps === 0 ? [] : typeof deps === 'number' ? [deps] : deps);

class Script implements Port {
  ordinal = 0;
  readonly events: NaiveEvent[] = [];
  /** Index taken and width at each fork, this time. */
  readonly path: { taken: number; width: number }[] = [];
  readonly #prefix: readonly number[];
  readonly #agent: number;
  readonly #cpu: boolean;
  readonly #values: Values;
  readonly #cut: Cut;
  readonly #routes: readonly NaiveRoute[];
  #ctrl: number[] = [];
  #ctrlPick: number[] = [];
  #monitor: { at: string; index: number } | null = null;
  /** Set by an `idle` that got nothing. */
  drained: readonly string[] = [];

  constructor(agent: number, cpu: boolean, prefix: readonly number[], values: Values, routes: readonly NaiveRoute[], cut: Cut) {
    this.#cut = cut;
    this.#routes = routes;
    this.#agent = agent;
    this.#cpu = cpu;
    this.#prefix = prefix;
    this.#values = values;
  }

  #fork(width: number): number {
    const taken = this.#prefix[this.path.length] ?? 0;
    this.path.push({ taken, width });
    return taken;
  }

  #event(kind: NaiveEvent['kind'], op: Op, more: Partial<NaiveEvent>): NaiveEvent {
    const event: NaiveEvent = {
      agent: this.#agent, cpu: this.#cpu, index: this.events.length, ordinal: this.ordinal, kind, mmio: 'place' in op && op.place.space === 'mmio', uncached: 'place' in op && op.place.uncached === true, order: 'order' in op ? op.order : 'plain',
      exclusive: false, atomic: false, noReturn: false, bytes: [], fence: '', addr: 'addressDep' in op ? list(op.addressDep) : [], addrPick: 'addressPick' in op ? list(op.addressPick) : [],
      data: [], dataPick: [], ctrl: [...this.#ctrl], ctrlPick: [...this.#ctrlPick], pair: -1, ...more,
    };
    this.events.push(event);
    return event;
  }

  #units(place: Place): readonly (Unit & { readonly at: string })[] {
    const units = place.space === 'irq' ? [{ offset: 0, size: 1 }] : this.#cut(place);
    return units.map((u) => ({ ...u, at: `${place.space}${place.owner}:${place.address + u.offset}` }));
  }

  #guess(place: Place): { at: string; value: Value }[] {
    return this.#units(place).map(({ at }) => {
      const values = this.#values(at);
      return { at, value: values[values.length === 1 ? 0 : this.#fork(values.length)] ?? 0 };
    });
  }

  #join(place: Place, bytes: readonly { readonly value: Value }[]): Value {
    return join(this.#units(place), bytes.map((b) => b.value), place.size);
  }

  #split(place: Place, value: Value): { at: string; value: Value }[] {
    return this.#units(place).map(({ at, offset, size }) => ({ at, value: sized(BigInt(value) >> BigInt(8 * offset), size) }));
  }

  op(op: Op): Value {
    this.ordinal += 1;
    switch (op.kind) {
      case 'fence':
        this.#event('F', op, { fence: op.fence });
        return 0;
      case 'branch':
        this.#ctrl = [...this.#ctrl, ...list(op.dep)];
        this.#ctrlPick = [...this.#ctrlPick, ...list(op.pick)];
        return 0;
      case 'load': {
        const bytes = this.#guess(op.place);
        const event = this.#event('R', op, { bytes, exclusive: op.exclusive === true });
        if (op.exclusive === true) this.#monitor = { at: bytes.map((b) => b.at).join(), index: event.index };
        return this.#join(op.place, bytes);
      }
      case 'await': {
        const bytes = this.#guess(op.place);
        const value = this.#join(op.place, bytes);
        if (!op.until(value)) throw new Suspend();
        this.#event('R', op, { bytes });
        return value;
      }
      case 'store': {
        const bytes = this.#split(op.place, op.value);
        const dependencies = { data: list(op.dataDep), dataPick: list(op.dataPick) };
        if (op.exclusive !== true) {
          this.#event('W', op, { bytes, ...dependencies });
          return 0;
        }
        const monitor = this.#monitor;
        this.#monitor = null;
        if (monitor === null || monitor.at !== bytes.map((b) => b.at).join() || this.#fork(2) === 1) return 1;
        this.#event('W', op, { bytes, exclusive: true, pair: monitor.index, ...dependencies });
        return 0;
      }
      case 'rmw': {
        const bytes = this.#guess(op.place);
        const old = this.#join(op.place, bytes);
        const noReturn = op.discard === true;
        const read = this.#event('R', op, { bytes, atomic: true, noReturn });
        const value = op.modify(old);
        if (value !== undefined) this.#event('W', op, { bytes: this.#split(op.place, value), atomic: true, noReturn, pair: read.index, data: list(op.dataDep), dataPick: [...list(op.dataPick), ...list(op.comparePick)] });
        return old;
      }
      case 'choose':
        return this.#fork(op.width);
      case 'interrupt':
      case 'idle': {
        const routes = this.#routes.filter((r) => op.lines?.includes(r.number) ?? true);
        const route = routes[this.#fork(routes.length + 1) - 1];
        const line = (r: NaiveRoute): string => `irq${r.device}:${r.vector}`;
        if (route === undefined) {
          if (op.kind === 'idle') this.drained = routes.map(line);
          return 0;
        }
        this.#event('I', op, { bytes: [{ at: line(route), value: 1 }], interrupt: route.kind ?? 'msi' });
        return route.number + 1;
      }
      case 'maintain':
        this.#event('C', op, { line: op.line, operation: op.operation });
        return 0;
    }
  }
}

/** As memory and registers hold it: a number up to four bytes, a bigint above. */
const sized = (value: bigint, size: number): Value => (size <= 4 ? Number(BigInt.asUintN(8 * size, value)) : BigInt.asUintN(8 * size, value));

export function join(units: readonly Unit[], values: readonly Value[], size: number): Value {
  let raw = 0n;
  units.forEach((u, i) => (raw |= BigInt(values[i] ?? 0) << BigInt(8 * u.offset)));
  return sized(raw, size);
}

/** One agent alone has more runs than allowed. */
export class TooManyRuns extends Error {
  override readonly name = 'TooManyRuns';
}

/** All runs of one agent, those that come to a halt included, given what each byte may hold. `registers`: read after each run. */
export function runsOf(agent: Agent, index: number, values: Values, registers: () => unknown, limit: number, routes: readonly NaiveRoute[] = [], cut: Cut = bytewise): NaiveRun[] {
  const mine = routes.filter((r) => r.cpu === agent.id);
  const runs: NaiveRun[] = [];
  let prefix: number[] = [];
  for (;;) {
    const script = new Script(index, agent.kind === 'cpu', prefix, values, mine, cut);
    let ended = true;
    try {
      agent.run(script);
    } catch (error) {
      if (!(error instanceof Suspend)) throw error;
      ended = false;
    }
    runs.push({ events: script.events, ended, registers: registers(), drained: script.drained });
    if (runs.length > limit) throw new TooManyRuns(`more than ${limit} runs of one agent`);
    let last = script.path.length - 1;
    while (last >= 0 && (script.path[last]?.taken ?? 0) + 1 >= (script.path[last]?.width ?? 0)) last -= 1;
    if (last < 0) return runs;
    prefix = script.path.slice(0, last + 1).map((p, i) => (i === last ? p.taken + 1 : p.taken));
  }
}

/** What every byte may hold, to a fixpoint or as far as `rounds` writes can feed one another. */
export function allRuns(agents: readonly Agent[], initial: (at: string) => Value, registers: (agent: number) => unknown, rounds: number, routes: readonly NaiveRoute[] = [], cut: Cut = bytewise, limit = 20_000): NaiveRun[][] {
  const known = new Map<string, Value[]>();
  const values = (at: string): readonly Value[] => {
    let found = known.get(at);
    if (found === undefined) known.set(at, (found = [initial(at)]));
    return found;
  };
  for (let round = 0; ; round += 1) {
    const runs = agents.map((a, i) => runsOf(a, i, values, () => registers(i), limit, routes, cut));
    let grew = false;
    for (const run of runs.flat()) {
      for (const event of run.events) {
        if (event.kind !== 'W') continue;
        for (const { at, value } of event.bytes) {
          values(at);
          const found = known.get(at) ?? [];
          if (!found.includes(value)) {
            found.push(value);
            grew = true;
          }
        }
      }
    }
    if (!grew || round >= rounds) return runs.map((of) => of.filter((run) => run.ended));
  }
}
