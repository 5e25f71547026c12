// SPDX-License-Identifier: Apache-2.0
/**
 * What a device is to the rest of the machine: one or more engines (agents),
 * a table of registers, and what it has done. A device reaches memory through
 * a `DmaPort` only, so that every byte is checked and every mistake is seen.
 */
import type { Json } from '../base/events.ts';
import type { Agent, Port } from '../base/port.ts';
import { DmaPort, type DmaPath } from '../pcie/dma-port.ts';
import type { RegisterTable } from './registers.ts';

/** As a lab's machine description has it. */
export interface DeviceSpec {
  readonly id: string;
  readonly kind: string;
  readonly options: Readonly<Record<string, number | string | boolean>>;
}

/** Something that happens to a device from outside, in a workload: a frame arrives on the wire. */
export interface Arrival {
  /** Bytes. */
  readonly size: number;
  /** For `fillBytes('random', …)`. */
  readonly seed: number;
}

export interface DeviceContext {
  /** Where RAM lies, in bytes: DMA outside it aborts. */
  readonly ram: { readonly base: number; readonly size: number };
  /** Frames the wire delivers, in order. */
  readonly receive?: readonly Arrival[];
  /** How the device's engines enter the fabric, made anew by every run; absent: no unit, bus addresses are physical. */
  readonly path?: (port: Port) => DmaPath;
  /** The accesses of one transfer may be done in another order, a choice each time; absent: they are not. */
  readonly relaxedOrdering?: boolean;
}
/** What of it an engine's port is made from. */
export type DmaContext = Pick<DeviceContext, 'ram' | 'path' | 'relaxedOrdering'>;

/** The way to memory of an engine that has this port. */
export function dmaPort(port: Port, context: DmaContext): DmaPort {
  const dma = new DmaPort(port, context.ram, context.path?.(port) ?? null);
  return context.relaxedOrdering === true ? dma.as({ relaxed: true }) : dma;
}

export interface Device {
  readonly id: string;
  readonly kind: string;
  /** What people call it: `NIC`, `copy engine`. */
  readonly title: string;
  /** Its engines; the first bears the device's id, others `id.name`. */
  readonly agents: readonly Agent[];
  readonly registers: RegisterTable;
  /** Size of its register window, bytes. */
  readonly mmioSize: number;
  /** How many interrupt vectors it can raise, from 0. */
  readonly vectors: number;
  /** What it did in the run that was made last; rebuilt by every run. */
  result(): Json;
}
