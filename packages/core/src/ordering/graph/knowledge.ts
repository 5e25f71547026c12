// SPDX-License-Identifier: Apache-2.0
/**
 * Writes known from consistent executions that came to an end: what a read may prophesy
 * of an agent that has not run yet. Grown between passes only; noting values
 * any earlier lets `v → v+1` feed itself for ever.
 */
import type { Place, Value } from '../../base/port.ts';
import { regionOf, type Cell } from './cells.ts';
import type { GraphEvent } from './execution.ts';

export interface KnownWrite {
  readonly agent: number;
  readonly writeIndex: number;
  readonly place: Place;
  readonly value: Value;
  /** Pass of the first order before which it became known, from 1. */
  readonly generation: number;
}

const overlaps = (cell: Cell, known: KnownWrite): boolean =>
  cell.address < known.place.address + known.place.size && known.place.address < cell.address + cell.size && cell.region === regionOf(known.place);

export class Knowledge {
  readonly #known = new Map<string, KnownWrite>();
  #offered: readonly KnownWrite[] = [];
  #byCell = new Map<number, readonly KnownWrite[]>();
  #fresh: KnownWrite[] = [];
  /** Executions share their beginnings, so most events come again. */
  readonly #noted = new WeakSet<GraphEvent>();

  get size(): number {
    return this.#known.size;
  }

  /** What this pass may prophesy in a cell. */
  of(cell: Cell): readonly KnownWrite[] {
    let found = this.#byCell.get(cell.index);
    if (found === undefined) {
      found = this.#offered.filter((k) => overlaps(cell, k));
      this.#byCell.set(cell.index, found);
    }
    return found;
  }

  /** Whether reads may have prophesied this write in this pass. */
  offers(event: GraphEvent): boolean {
    const known = this.#known.get(keyOf(event));
    return known !== undefined && !this.#fresh.includes(known);
  }

  note(event: GraphEvent, generation: number): void {
    if (this.#noted.has(event)) return;
    this.#noted.add(event);
    const { place, value } = event;
    const key = keyOf(event);
    if (this.#known.has(key)) return;
    const known: KnownWrite = { agent: event.agent, writeIndex: event.writeIndex, place, value, generation };
    this.#known.set(key, known);
    this.#fresh.push(known);
  }

  /** Ends a pass; returns what it learnt. From here on it is offered. */
  publish(): readonly KnownWrite[] {
    const fresh = this.#fresh;
    this.#fresh = [];
    this.#offered = [...this.#known.values()];
    this.#byCell = new Map();
    return fresh;
  }
}

function keyOf({ agent, writeIndex, place, value }: GraphEvent): string {
  return `${agent}/${writeIndex}/${place.space}:${place.owner}/${place.address}+${place.size}/${value}`;
}
