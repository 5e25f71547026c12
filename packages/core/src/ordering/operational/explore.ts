// SPDX-License-Identifier: Apache-2.0
/**
 * Every outcome of a litmus-sized program in the operational form, load→store
 * reordering included. Depth-first over the choices of one canonical schedule:
 * the only global choice is which write gets the next time; an agent runs just
 * far enough to issue it, and reads are made then.
 *
 * A load may return a value that another agent will write (a prophecy), if
 * such a write is known from an earlier pass. It is redeemed by a write of that
 * value, and only if a later store of the reader became visible in between:
 * otherwise the load could as well have waited. A load that is ordered behind
 * something without a time may read all the same; then nobody may write there
 * until that has its time (native-ordering §1a).
 */
import type { Agent, Place, Value } from '../../base/port.ts';
import type { Message } from '../../memory/history.ts';
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
  /** Values that agents other than `reader` are known to write to a place. */
  prophecies(place: Place, reader: number): readonly Value[];
  learn(store: Message): void;
}

/** Values other agents are known to write: place, then value, with the agents. */
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
  #news = false;
  /** Places that some load would prophesy about. */
  readonly #wanted = new Set<string>();
  #why = '';
  #leaves = 0;
  #dead = 0;
  #passes = 0;
  #visited = 0;
  readonly #answers: number[] = [];
  readonly #widths: number[] = [];
  #at = 0;

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
      do {
        this.#at = 0;
        if (new Path(this.#o, this.#cpu, this.#device, this).run()) this.#leaves += 1;
        else this.#dead += 1;
        this.#visited += 1;
        if (this.#visited >= this.#o.limits.executions) this.#why ||= `more than ${this.#o.limits.executions} executions`;
      } while (this.#why === '' && this.#advance());
      this.#news = [...this.#learnt].some(([key, values]) => this.#wanted.has(key) && [...values].some(([value, agents]) => agents.size > (this.#known.get(key)?.get(value)?.size ?? 0)));
      if (this.#passes >= limit && this.#news) this.#why ||= `values kept growing for ${limit} passes`;
      // What a pass may prophesy is fixed while it lasts, or its search would lose its way.
      this.#known = new Map([...this.#learnt].map(([key, values]) => [key, new Map([...values].map(([value, agents]) => [value, new Set(agents)]))]));
    } while (this.#news && this.#why === '');
    return { leaves: this.#leaves, dead: this.#dead, passes: this.#passes, complete: this.#why === '', why: this.#why };
  }

  choose(width: number): number {
    if (width < 2) return 0;
    const known = this.#answers[this.#at];
    if (known === undefined) {
      this.#answers.push(0);
      this.#widths.push(width);
    }
    this.#at += 1;
    return known ?? 0;
  }

  gaveUp(why: string): void {
    this.#why ||= why;
  }

  prophecies(place: Place, reader: number): Value[] {
    if (this.#o.loadStore === 'kept') return [];
    const key = `${place.address}/${place.size}`;
    this.#wanted.add(key);
    const values = this.#known.get(key);
    return values === undefined ? [] : [...values].filter(([, agents]) => agents.size > 1 || !agents.has(reader)).map(([value]) => value);
  }

  learn(store: Message): void {
    const key = `${store.address}/${store.size}`;
    let values = this.#learnt.get(key);
    if (values === undefined) this.#learnt.set(key, (values = new Map()));
    let agents = values.get(store.value);
    if (agents === undefined) values.set(store.value, (agents = new Set()));
    if (agents.has(store.agent)) return;
    agents.add(store.agent);
  }

  #advance(): boolean {
    while (this.#answers.length > 0) {
      const last = this.#answers.length - 1;
      const next = (this.#answers[last] ?? 0) + 1;
      if (next < (this.#widths[last] ?? 0)) {
        this.#answers[last] = next;
        return true;
      }
      this.#answers.pop();
      this.#widths.pop();
    }
    return false;
  }
}
