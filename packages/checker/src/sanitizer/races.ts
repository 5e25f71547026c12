// SPDX-License-Identifier: Apache-2.0
/**
 * XC2: a CPU reads with a plain load what another agent may be writing. The
 * compiler may tear the load, repeat it or hoist it, so what it gives is
 * nothing to build on, whatever value came out this time. Plain stores of an
 * aligned word are taken to be whole, as the kernel's own race detector takes them
 * (Linux lib/Kconfig.kcsan, KCSAN_ASSUME_PLAIN_WRITES_ATOMIC).
 *
 * Two accesses meet when nothing the one had learnt could have told it of the
 * other. Who reads what another wrote, takes a doorbell or an interrupt, learns
 * all that the other had done up to there. That is more than barriers
 * promise, so no ordered pair is ever accused; where a barrier is missing, the XB rules
 * speak. Judged on STRICT only: a profile's compiler is not modelled.
 */
import type { EventOf, Site } from '@dmalab/core/base/events';
import { fieldAt } from '@dmalab/core/base/placed-layout';
import { whereText, type Findings } from './finding.ts';
import type { Messages } from './messages.ts';
import type { Names } from './names.ts';

/** Agent → id of the last of its events that is known. Never changed. */
type Clock = ReadonlyMap<string, number>;
const NOTHING: Clock = new Map();

/** Something others can learn from: who did it, when, and what he knew. */
interface Mark {
  readonly agent: string;
  readonly place: number;
  readonly clock: Clock;
}

interface Access {
  readonly agent: string;
  readonly id: number;
  readonly address: number;
  readonly size: number;
  readonly writes: boolean;
  /** A load that the compiler may treat as it likes. */
  readonly plain: boolean;
  readonly name: string;
  readonly site: Site | null;
}

const GRANULE = 8;

export class RaceRules {
  readonly #messages: Messages;
  readonly #names: Names;
  readonly #findings: Findings;
  #on = false;
  readonly #clocks = new Map<string, Clock>();
  readonly #marks = new Map<number, Mark>();
  /** By granule: the last access of each kind of each agent. */
  readonly #accesses = new Map<number, Access[]>();
  readonly #races: { readonly load: Access; readonly write: Access }[] = [];

  constructor(messages: Messages, names: Names, findings: Findings) {
    this.#messages = messages;
    this.#names = names;
    this.#findings = findings;
  }

  /** On a non-coherent machine the rules of lines and of ownership speak. */
  machine(profile: string, coherent: boolean): void {
    this.#on = coherent && /^strict(-|$)/.test(profile);
  }

  stored(event: EventOf<'store'>): void {
    if (!this.#on) return;
    this.#access(event, true, false, event.site);
    this.#mark(event.id, event.agent, event.id);
  }
  written(event: EventOf<'write'>): void {
    if (!this.#on) return;
    this.#access(event, true, false, null);
    this.#mark(event.id, event.agent, event.id);
  }
  loaded(event: EventOf<'load'>, byDevice: boolean): void {
    if (!this.#on) return;
    this.#access(event, false, !byDevice && event.order === 'plain', event.site);
    this.#learn(event.agent, this.#marks.get(this.#messages.of(event.from)?.id ?? 0));
  }
  updated(event: EventOf<'rmw'>): void {
    if (!this.#on) return;
    this.#learn(event.agent, this.#marks.get(this.#messages.of(event.from)?.id ?? 0));
    this.#access(event, true, false, event.site);
    this.#mark(event.id, event.agent, event.id);
  }
  /** A register was written or set, or an interrupt raised: `place` is where that stands in its agent's program. */
  told(id: number, agent: string, place: number): void {
    if (this.#on) this.#mark(id, agent, place);
  }
  /** A posted write arrived: whoever reads it learns from who sent it. */
  arrived(event: EventOf<'mmio-arrive'>): void {
    const mark = this.#marks.get(event.write);
    if (mark !== undefined) this.#marks.set(event.id, mark);
  }
  learnt(agent: string, from: number): void {
    if (this.#on) this.#learn(agent, this.#marks.get(from));
  }

  /** Told last: a rule that says more about an execution goes first. */
  end(id: number): void {
    if (this.#findings.list.length > 0) return;
    for (const { load, write } of this.#races) {
      const place = this.#names.place(load.address, load.name || write.name);
      this.#findings.add(
        'XC2', load.site === null ? `${load.agent} ${place}` : whereText(load), id,
        { agent: this.#names.agent(load.agent), place, other: this.#names.agent(write.agent), write: whereText(write) },
        { first: write.id < load.id ? write : load, second: write.id < load.id ? load : write, missing: 'READ_ONCE', detail: { address: load.address, size: load.size, load: load.id, write: write.id } },
      );
    }
  }

  #access(event: EventOf<'store'> | EventOf<'write'> | EventOf<'load'> | EventOf<'rmw'>, writes: boolean, plain: boolean, site: Site | null): void {
    const { agent, size } = event;
    const address = Number(event.address);
    const access: Access = { agent, id: event.id, address, size, writes, plain, name: event.name, site };
    const clock = this.#clocks.get(agent) ?? NOTHING;
    for (let g = Math.floor(address / GRANULE); g * GRANULE < address + size; g += 1) {
      const list = this.#accesses.get(g);
      if (list === undefined) {
        this.#accesses.set(g, [access]);
        continue;
      }
      let same = -1;
      list.forEach((other, i) => {
        if (other.agent === agent) {
          if (other.address === address && other.size === size && other.writes === writes && other.plain === plain) same = i;
        } else if (((writes && other.plain) || (plain && other.writes)) && other.address < address + size && address < other.address + other.size && other.id > (clock.get(other.agent) ?? 0) && this.#judged(address)) {
          this.#races.push(writes ? { load: other, write: access } : { load: access, write: other });
        }
      });
      if (same === -1) list.push(access);
      else list[same] = access;
    }
  }

  /** What a slot holds besides its own field is judged by the rules of hand-over. */
  #judged(address: number): boolean {
    const at = fieldAt(this.#names.layouts, address);
    return at === null || at.layout.own === null || at.field.name === at.layout.own.field;
  }

  #mark(id: number, agent: string, place: number): void {
    this.#marks.set(id, { agent, place, clock: this.#clocks.get(agent) ?? NOTHING });
  }

  #learn(agent: string, mark: Mark | undefined): void {
    if (mark === undefined || mark.agent === agent) return;
    const known = this.#clocks.get(agent) ?? NOTHING;
    const clock = new Map(known);
    for (const [other, place] of mark.clock) if (other !== agent && place > (clock.get(other) ?? 0)) clock.set(other, place);
    if (mark.place > (clock.get(mark.agent) ?? 0)) clock.set(mark.agent, mark.place);
    this.#clocks.set(agent, clock);
  }
}
