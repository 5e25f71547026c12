// SPDX-License-Identifier: Apache-2.0
/** What is searched, for both searches of the graph form: agents under their rules, and the memory they share. */
import type { Op, Value } from '../../base/port.ts';
import { DEVICE } from '../tables/device.ts';
import { CompiledTable } from '../views.ts';
import type { GraphRoute } from './accesses.ts';
import { Actor } from './actor.ts';
import { Cells } from './cells.ts';
import { Execution } from './execution.ts';
import type { GraphOptions } from './explore.ts';

export class Program {
  readonly cells: Cells;
  /** By agent: the lines it takes. */
  readonly routes: readonly (readonly GraphRoute[])[];
  readonly publishes: boolean;
  readonly #o: GraphOptions;
  readonly #cpu: CompiledTable;
  readonly #device: CompiledTable;

  constructor(options: GraphOptions) {
    this.#o = options;
    this.#cpu = new CompiledTable(options.table);
    this.#device = new CompiledTable(options.deviceTable ?? DEVICE);
    this.publishes = this.#cpu.publishes;
    this.cells = new Cells(options.initial, options.endian ?? 'little', options.lineSize ?? 0);
    this.routes = options.agents.map((agent) => (options.interrupts ?? []).filter((route) => route.cpu === agent.id));
  }

  /** Nothing has happened yet. */
  execution(): Execution {
    return new Execution(this.cells, this.#cpu.layered, this.#o.reachability);
  }

  actors(perform: (actor: Actor, op: Op) => Value | null): Actor[] {
    return this.#o.agents.map((agent, i) => new Actor(i, agent, agent.kind === 'cpu' ? this.#cpu : this.#device, perform));
  }
}
