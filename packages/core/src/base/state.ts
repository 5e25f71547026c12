// SPDX-License-Identifier: Apache-2.0
/**
 * What a machine looks like at one step of its trace: the shape that the one
 * reducer fills and every picture, table and explanation reads. Addresses are
 * plain numbers (bytes); steps are event ids.
 */
import type { EventOf, Json, OpenChoice, Site } from './events.ts';
import type { MemoryImage } from './image.ts';
import type { Value } from './port.ts';

export interface AgentInfo {
  readonly id: string;
  readonly kind: 'cpu' | 'device' | 'iommu';
  /** `CPU 0`, `NIC`. */
  readonly name: string;
}

export interface MachineFacts {
  readonly profile: string;
  readonly workload: string;
  readonly agents: readonly AgentInfo[];
  readonly lineSize: number;
  readonly coherent: boolean;
  readonly description: Json;
}

/** A function of the driver that has not returned. */
export interface Frame {
  readonly context: string;
  readonly name: string;
  readonly args: Json;
  readonly since: number;
  readonly site: Site | null;
}

/** A store that its own CPU sees and others do not: a bar in the picture. */
export interface PendingStore {
  /** The `store` event. */
  readonly store: number;
  readonly address: number;
  readonly size: number;
  readonly value: Value;
  readonly name: string;
  readonly site: Site | null;
  /** Already at the CPUs, not yet at the devices (STRICT). */
  readonly atCpus: boolean;
}

/** What an agent has read from a place last. */
export interface Seen {
  readonly address: number;
  readonly size: number;
  readonly value: Value;
  readonly name: string;
  readonly step: number;
  /** Event that put the value there; 0 = initial. */
  readonly from: number;
  /** A newer value existed. */
  readonly stale: boolean;
}

export interface CpuState {
  readonly id: string;
  frames: Frame[];
  /** Where the driver is, as far as the trace says. */
  site: Site | null;
  pending: PendingStore[];
  readonly seen: Map<number, Seen>;
  /** Interrupt handlers that run now, innermost last. */
  handlers: { readonly vector: number; readonly handler: string; readonly since: number }[];
  /** What it waits for; null while it can go on. */
  blockedOn: string | null;
}

export interface RegisterState {
  readonly value: Value;
  readonly step: number;
}

export interface DeviceState {
  readonly id: string;
  /** The device's own words about itself: every patch so far, merged. */
  facts: Readonly<Record<string, Json>>;
  /** What it has read from memory. */
  readonly seen: Map<number, Seen>;
  readonly registers: Map<string, RegisterState>;
  lastText: string;
  blockedOn: string | null;
}

/** One access of a remapping unit to a table or a queue. */
export interface UnitAccess {
  /** `device context`, `first-stage table, level 2`. */
  readonly what: string;
  /** `read`, `write` or `atomic`. */
  readonly access: string;
  readonly address: number;
  readonly size: number;
  /** 64-bit words, hex. */
  readonly words: readonly string[];
  /** `ok`, `denied` or `corrupt`. */
  readonly status: string;
  readonly step: number;
}

/** A request that a unit has answered, with the walk that led to the answer. */
export interface Translation {
  readonly source: number;
  readonly pasid: number | null;
  readonly type: string;
  readonly write: boolean;
  readonly dma: bigint;
  readonly outcome: string;
  readonly address: bigint;
  readonly span: number;
  readonly walk: readonly UnitAccess[];
  readonly step: number;
}

/** A remapping unit, beside what it is as a device. */
export interface UnitState {
  readonly id: string;
  /** What each of its caches holds: [{set, way, tag, first, span, entry}]. */
  readonly caches: Map<string, readonly Json[]>;
  /** Its accesses since it answered last. */
  walk: readonly UnitAccess[];
  last: Translation | null;
}

/** A posted MMIO write on its way. */
export interface Post {
  /** The `mmio-write` event. */
  readonly write: number;
  readonly cpu: string;
  readonly device: string;
  readonly register: string;
  readonly value: Value;
}

export interface PendingInterrupt {
  /** The `irq-raise` event. */
  readonly raise: number;
  readonly device: string;
  readonly vector: number;
  readonly cpu: string;
}

/** A line that the CPUs hold over DRAM (non-coherent profiles). */
export interface LineState {
  readonly line: number;
  readonly filled: number;
  readonly changed: number;
  readonly why: string;
  readonly dirty: boolean;
  /** Its bytes, and who put each there. */
  readonly bytes: Uint8Array;
  readonly by: Int32Array;
  readonly dirtyBytes: Uint8Array;
}

export interface Mapping {
  readonly device: string;
  readonly address: number;
  readonly dma: number;
  readonly size: number;
  readonly direction: string;
  readonly since: number;
  readonly site: Site | null;
  readonly checked: boolean;
  /** Who may touch it now. */
  readonly owner: 'device' | 'cpu';
}

export interface Allocation {
  readonly what: string;
  readonly address: number;
  readonly dma: number;
  readonly size: number;
  readonly since: number;
  readonly site: Site | null;
}

export interface LayoutField {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly endian: 'little' | 'big';
  readonly format: 'decimal' | 'hex' | 'address' | 'flags';
  readonly flags: Readonly<Record<string, number>>;
}

/** A typed structure that lies in memory: how to draw a ring. */
export interface PlacedLayout {
  readonly name: string;
  readonly address: number;
  readonly count: number;
  /** Bytes from one element to the next. */
  readonly stride: number;
  readonly fields: readonly LayoutField[];
  /** Device that reads it; '' when none does. */
  readonly owner: string;
  /** Which bits of which field give an element to the owner, and whether one it holds is work. */
  readonly own: { readonly field: string; readonly mask: number; readonly work: boolean } | null;
  readonly since: number;
}

export interface ConsoleLine {
  readonly step: number;
  readonly agent: string;
  readonly level: string;
  readonly text: string;
}

export interface MachineState {
  /** Id of the last event folded in; 0 before the first. */
  step: number;
  cycle: number;
  machine: MachineFacts | null;
  readonly cpus: Map<string, CpuState>;
  readonly devices: Map<string, DeviceState>;
  readonly units: Map<string, UnitState>;
  /** What devices read: RAM (DRAM below the lines on a non-coherent profile). */
  readonly memory: MemoryImage;
  /** Lines over it, by address of the first byte; empty on a coherent profile. */
  readonly lines: Map<number, LineState>;
  posts: Post[];
  interrupts: PendingInterrupt[];
  readonly mappings: Map<string, Mapping>;
  readonly allocations: Map<number, Allocation>;
  layouts: PlacedLayout[];
  /** How the accesses named the place they touched last, by address. */
  readonly names: Map<number, string>;
  console: ConsoleLine[];
  findings: EventOf<'finding'>[];
  /** Questions that were open before the last event. */
  choices: readonly OpenChoice[];
  end: { readonly reason: string; readonly text: string } | null;
}
