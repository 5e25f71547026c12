// SPDX-License-Identifier: Apache-2.0
/** One complete, consistent execution, as the explorer hands it out. Valid until the handler returns. */
import type { Op, Place, Value } from '../../base/port.ts';
import type { Accesses } from './accesses.ts';
import type { Actor } from './actor.ts';
import { Guide } from '../guide.ts';
import type { Bits } from './bits.ts';
import { linearise } from './linearise.ts';
import type { LineOrder } from './lines.ts';
import { isPart, type CellState, type Execution, type GraphEvent, type ReadSource } from './execution.ts';

export class Leaf {
  readonly #execution: Execution;
  readonly #actors: readonly Actor[];
  readonly #accesses: Accesses;
  readonly #lines: LineOrder | undefined;

  constructor(execution: Execution, actors: readonly Actor[], accesses: Accesses, lines?: LineOrder) {
    this.#execution = execution;
    this.#actors = actors;
    this.#accesses = accesses;
    this.#lines = lines;
  }

  /** In the order in which they were made: by agent, then program order. */
  get events(): readonly GraphEvent[] {
    return this.#execution.events;
  }

  get cells(): readonly CellState[] {
    return this.#execution.states();
  }

  /** What an agent was answered, op by op. */
  answers(agent: number): readonly (Value | null)[] {
    return this.#actors[agent]?.answers ?? [];
  }

  /** Agents that wait for something that never comes. */
  get blocked(): readonly { readonly agent: string; readonly op: Op }[] {
    return this.#actors.flatMap((a) => (a.blocked === null ? [] : [{ agent: a.agent.id, op: a.blocked }]));
  }

  /** Agents whose own program went wrong. */
  get faults(): readonly { readonly agent: string; readonly error: Error }[] {
    return this.#actors.flatMap((a) => (a.fault === null ? [] : [{ agent: a.agent.id, error: a.fault }]));
  }

  agentId(index: number): string {
    return this.#actors[index]?.agent.id ?? '';
  }

  /** What a place holds once everything has landed. */
  final(place: Place): Value {
    return this.#accesses.finalValue(place);
  }

  /** Writes to a region of memory that overlap `place`. */
  writes(place: Place): readonly GraphEvent[] {
    return this.events.filter((e) => e.kind === 'write' && e.place.space === place.space && e.place.owner === place.owner && e.place.address < place.address + place.size && place.address < e.place.address + e.place.size);
  }

  /** Nodes that must come before an event, in everyone's order. */
  ancestors(event: GraphEvent): Bits {
    return this.#execution.all.ancestors(event.node);
  }

  /** Makes the operational machine go through this execution. Stays valid after the handler returns. */
  linearise(): Guide {
    return new Guide(linearise(this.#execution, this.#actors.map((a) => ({ id: a.agent.id, cpu: a.cpu, answers: a.answers })), this.#lines));
  }

  /** Equal for equal executions, however memory was cut. */
  key(): string {
    let [a, b] = [0x811c9dc5, 0x1b873593];
    const mix = (n: number): void => {
      a = Math.imul(a ^ (n & 0xffff), 0x01000193);
      a = Math.imul(a ^ (n >>> 16), 0x01000193);
      b = Math.imul(b ^ n, 0x85ebca6b) ^ (b >>> 13);
      b = (b << 7) | (b >>> 25);
    };
    const source = (s: ReadSource): void => {
      if (s !== null && isPart(s)) {
        mix(s.event.agent + 1);
        mix(s.event.writeIndex);
      } else mix(-1);
    };
    for (const actor of this.#actors) {
      mix(-2);
      for (const answer of actor.answers) {
        mix(answer === null ? -3 : typeof answer === 'bigint' ? Number(BigInt.asIntN(32, answer)) : answer);
        if (typeof answer === 'bigint') mix(Number(BigInt.asIntN(32, answer >> 32n)));
      }
      // Agent by agent: which of them came first while this was built is no part of it.
      for (const event of this.events) {
        if (event.agent !== actor.index) continue;
        let previous: ReadSource | undefined;
        for (const read of event.reads) {
          if (previous !== undefined && sameSource(previous, read.source)) continue;
          previous = read.source;
          mix(event.ordinal);
          source(read.source);
        }
      }
    }
    for (const [, posts] of [...this.#execution.posts].sort(([a], [b]) => (a < b ? -1 : 1))) {
      mix(-5);
      for (const { arrival } of posts) {
        mix(arrival.agent);
        mix(arrival.writeIndex);
      }
    }
    let last = '';
    for (const state of [...this.cells].sort((x, y) => (x.cell.region < y.cell.region ? -1 : x.cell.region > y.cell.region ? 1 : x.cell.address - y.cell.address))) {
      if (state.order.length === 0) continue;
      const order = state.order.map((p) => `${p.event.agent}.${p.event.writeIndex}`).join(' ');
      if (order === last) continue;
      last = order;
      mix(-4);
      for (const p of state.order) source(p);
    }
    return `${(a >>> 0).toString(36)}.${(b >>> 0).toString(36)}`;
  }
}

function sameSource(a: ReadSource, b: ReadSource): boolean {
  if (a === null || b === null) return a === b;
  return isPart(a) && isPart(b) && a.event === b.event;
}
