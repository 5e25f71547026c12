// SPDX-License-Identifier: Apache-2.0
/** What an operational machine is made of and what its run gives back. */
import type { Json, Observer } from '../base/events.ts';
import type { Agent } from '../base/port.ts';
import type { Deviation, Strategy } from '../base/choice.ts';
import type { RegisterTable } from '../devices/registers.ts';
import type { InitialState } from '../memory/initial.ts';
import type { CoreProfile } from './profile.ts';

/** Where a device's interrupt goes. */
export interface InterruptRoute {
  readonly device: string;
  /** The device's own numbering, from 0. */
  readonly vector: number;
  /** Agent id of the CPU that takes it. */
  readonly cpu: string;
  /** What the CPU calls it; ops `interrupt` and `idle` answer this plus one. */
  readonly number: number;
  /** Default `msi`. */
  readonly kind?: 'msi' | 'intx';
}

export interface Limits {
  /** Most operations of all agents together. */
  readonly steps: number;
  /** Most trace events. */
  readonly events: number;
}

/** Content of the trace's first event. Left out: the trace has none (it goes on from another one). */
export interface Header {
  readonly workload: string;
  /** By agent id. Devices that are named and do not run are told of all the same. */
  readonly names: Readonly<Record<string, string>>;
  readonly description: Json;
}

/**
 * Which cache lines may move by themselves (non-coherent profiles only). `shared`: those a device has touched or the kernel has
 * maintained, and only in ways that can do harm; `all`: any line, for small programs with complete outcome sets.
 */
export type LineFreedom = 'none' | 'shared' | 'all';

export interface MachineOptions {
  readonly profile: CoreProfile;
  /** In declaration order: the plain run goes through them in this order, again and again. */
  readonly agents: readonly Agent[];
  readonly initial: InitialState;
  readonly strategy: Strategy;
  readonly observers: readonly Observer[];
  readonly limits: Limits;
  /** Events carry the questions that were open right before them. */
  readonly withChoices?: boolean;
  readonly interrupts?: readonly InterruptRoute[];
  /** By device id, for names in events. */
  readonly registers?: ReadonlyMap<string, RegisterTable>;
  readonly header?: Header;
  /** Where ids and cycles go on from, when another run came first. */
  readonly after?: { readonly event: number; readonly cycle: number };
  /** Default `shared`. */
  readonly lines?: LineFreedom;
}

export type EndReason = 'quiescent' | 'budget' | 'error' | 'stopped';

export interface RunResult {
  readonly reason: EndReason;
  readonly text: string;
  readonly deviations: Deviation[];
  /** Operations performed. */
  readonly steps: number;
  readonly cycles: number;
  /** Id of the last event. */
  readonly events: number;
  /** Agents that did not come to their end, with what they wait for. CPUs among them mean that something hangs; devices wait by nature. */
  readonly waiting: readonly { readonly agent: string; readonly on: string }[];
}
