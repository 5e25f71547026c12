// SPDX-License-Identifier: Apache-2.0
/**
 * Every outcome of a litmus-sized program in the operational form, load→store
 * reordering included. Depth-first over the choices of one canonical schedule:
 * the only global choice is which write gets the next time; an agent runs just
 * far enough to issue it, and reads are made then.
 *
 * A load may return what its place will hold after a write of another agent
 * (a prophecy), if the place is known from an earlier pass to hold that. It is
 * redeemed by such a write, and only if a later store of the reader became
 * visible in between: otherwise the load could as well have waited. A load that is ordered behind
 * something without a time may read all the same; then nobody may write there
 * until that has its time (native-ordering §1a).
 */
import { EveryAnswer } from '../../base/every-answer.ts';
import type { Agent, Place, Value } from '../../base/port.ts';
import { overlaps, type Message } from '../../memory/history.ts';
import type { InitialState } from '../../memory/initial.ts';
import type { RuleTable } from '../rules.ts';
import { DEVICE } from '../tables/device.ts';
import { CompiledTable } from '../views.ts';
import { Path } from './path.ts';

export interface OperationalOptions {
  readonly table: RuleTable;
  readonly agents: readonly Agent[];
  readonly initial: InitialState;
  readonly endian?: 'little' | 'big';
  /** `kept`: no prophecies; a load is never passed by a later store of its agent. */
  readonly loadStore: 'kept' | 'free';
  readonly limits: { readonly executions: number; readonly passes?: number };
  /** All agents have come to their end; `final` reads memory. */
  readonly onOutcome: (final: (place: Place) => Value, largestWrite: (address: number) => number) => void;
}

export interface OperationalStats {
  readonly leaves: number;
  readonly dead: number;
  readonly passes: number;
  readonly complete: boolean;
  readonly why: string;
}

/** What one path asks of the search it belongs to. */
export interface Search {
  /** An index below `width`. */
  choose(width: number): number;
  gaveUp(why: string): void;
  /** What a place is known to hold after writes of agents other than `reader`. */
  prophecies(place: Place, reader: number): readonly Value[];
  /** `shows`: what another agent may read from a place that the store overlaps, now that it is there. */
  learn(store: Message, shows: (place: Place) => Iterable<Value>): void;
}

/** What places are known to hold: place, then value, with the agents whose write made it so. */
type Known = Map<string, Map<Value, Set<number>>>;

export function exploreOperational(options: OperationalOptions): OperationalStats {
  return new Exploration(options).run();
}

class Exploration implements Search {
  readonly #o: OperationalOptions;
  readonly #cpu: CompiledTable;
  readonly #device: CompiledTable;
  #known: Known = new Map();
  readonly #learnt: Known = new Map();
  readonly #stored = new Map<string, Place>();
  #news = false;
  /** Places that some load would prophesy about. */
  readonly #wanted = new Map<string, Place>();
  /** Some became known to be wanted in this pass, after writes that show there. */
  #wantedLate = false;
  #why = '';
  #leaves = 0;
  #dead = 0;
  #passes = 0;
  #visited = 0;
  readonly #answers = new EveryAnswer();

  constructor(options: OperationalOptions) {
    this.#o = options;
    this.#cpu = new CompiledTable(options.table);
    this.#device = new CompiledTable(DEVICE);
  }

  run(): OperationalStats {
    const limit = this.#o.limits.passes ?? 32;
    do {
      this.#passes += 1;
      this.#leaves = 0;
      this.#dead = 0;
      this.#wantedLate = false;
      do {
        if (new Path(this.#o, this.#cpu, this.#device, this).run()) this.#leaves += 1;
        else this.#dead += 1;
        this.#visited += 1;
        if (this.#visited >= this.#o.limits.executions) this.#why ||= `more than ${this.#o.limits.executions} executions`;
      } while (this.#why === '' && this.#answers.advance());
      this.#news = this.#wantedLate || [...this.#learnt].some(([key, values]) => this.#wanted.has(key) && [...values].some(([value, agents]) => agents.size > (this.#known.get(key)?.get(value)?.size ?? 0)));
      if (this.#passes >= limit && this.#news) this.#why ||= `values kept growing for ${limit} passes`;
      // What a pass may prophesy is fixed while it lasts, or its search would lose its way.
      this.#known = new Map([...this.#learnt].map(([key, values]) => [key, new Map([...values].map(([value, agents]) => [value, new Set(agents)]))]));
    } while (this.#news && this.#why === '');
    return { leaves: this.#leaves, dead: this.#dead, passes: this.#passes, complete: this.#why === '', why: this.#why };
  }

  choose(width: number): number {
    return this.#answers.choose(width);
  }

  gaveUp(why: string): void {
    this.#why ||= why;
  }

  prophecies(place: Place, reader: number): Value[] {
    if (this.#o.loadStore === 'kept') return [];
    const key = keyOf(place);
    if (!this.#wanted.has(key)) {
      this.#wanted.set(key, place);
      this.#wantedLate ||= [...this.#stored].some(([stored, at]) => stored !== key && overlaps(at, place));
    }
    const values = this.#known.get(key);
    return values === undefined ? [] : [...values].filter(([, agents]) => agents.size > 1 || !agents.has(reader)).map(([value]) => value);
  }

  learn(store: Message, shows: (place: Place) => Iterable<Value>): void {
    const key = keyOf(store);
    if (!this.#stored.has(key)) this.#stored.set(key, { space: 'ram', owner: '', address: store.address, size: store.size as Place['size'] }); // a store's size is an access's
    this.#note(key, store.value, store.agent);
    for (const [wanted, place] of this.#wanted) if (overlaps(place, store)) for (const value of shows(place)) this.#note(wanted, value, store.agent);
  }

  #note(key: string, value: Value, agent: number): void {
    let values = this.#learnt.get(key);
    if (values === undefined) this.#learnt.set(key, (values = new Map()));
    const agents = values.get(value);
    if (agents === undefined) values.set(value, new Set([agent]));
    else agents.add(agent);
  }
}

const keyOf = (place: { readonly address: number; readonly size: number }): string => `${place.address}/${place.size}`;
