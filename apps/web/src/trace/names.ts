// SPDX-License-Identifier: Apache-2.0
/**
 * Names for addresses and agents, from the trace's own `machine` and `layout` events: an address inside a declared
 * structure is called `len[1]`, anything else by the name its access carries, or by its hexadecimal number.
 */
import type { TraceEvent } from '@dmalab/core/base/events';
import { apply, createState, deviceOf } from '@dmalab/core/base/reducer';
import type { AgentInfo, LayoutField, PlacedLayout } from '@dmalab/core/base/state';

export interface Spot {
  readonly layout: PlacedLayout;
  readonly index: number;
  readonly field: LayoutField;
  /** `len[1]`, or `len` of a structure that is not an array. */
  readonly label: string;
}

export type AgentShape = 'cpu' | 'mem' | 'dev' | 'iommu';

export class Names {
  readonly agents: readonly AgentInfo[];
  readonly layouts: readonly PlacedLayout[];
  readonly #byId = new Map<string, AgentInfo>();

  constructor(agents: readonly AgentInfo[], layouts: readonly PlacedLayout[]) {
    this.agents = agents;
    this.layouts = layouts;
    for (const a of agents) this.#byId.set(a.id, a);
  }

  static from(events: Iterable<TraceEvent>): Names {
    const state = createState();
    for (const e of events) if (e.kind === 'machine' || e.kind === 'layout') apply(state, e);
    return new Names(state.machine?.agents ?? [], state.layouts);
  }

  /** What people call an agent: `CPU 0`, `nic0`; an engine of a device by its device. */
  agent(id: string): string {
    if (id === 'memory') return 'memory';
    if (id === 'machine') return 'the machine';
    return (this.#byId.get(id) ?? this.#byId.get(deviceOf(id)))?.name ?? id;
  }

  shape(id: string): AgentShape {
    const kind = (this.#byId.get(id) ?? this.#byId.get(deviceOf(id)))?.kind;
    if (kind !== undefined) return kind === 'device' ? 'dev' : kind;
    return id.startsWith('cpu') ? 'cpu' : id === 'memory' || id === 'machine' ? 'mem' : 'dev';
  }

  /** The newest declared structure that holds the address, if its byte belongs to a field. */
  spot(address: number | bigint): Spot | null {
    const at = Number(address);
    for (let i = this.layouts.length - 1; i >= 0; i -= 1) {
      const layout = this.layouts[i]!;
      const inside = at - layout.address;
      if (inside < 0 || inside >= layout.count * layout.stride) continue;
      const index = Math.floor(inside / layout.stride);
      const offset = inside % layout.stride;
      const field = layout.fields.find((f) => offset >= f.offset && offset < f.offset + f.size);
      if (field === undefined) continue;
      const part = offset === field.offset ? '' : `+${offset - field.offset}`;
      return { layout, index, field, label: `${field.name}${layout.count > 1 ? `[${index}]` : ''}${part}` };
    }
    return null;
  }

  /** What an access touches: `len[1]`, the access's own name, or the address. */
  place(address: number | bigint, name = ''): string {
    return this.spot(address)?.label ?? (name === '' ? hex(address) : name);
  }

  /** The field without its index, for rows and narrow labels. */
  short(address: number | bigint, name = ''): string {
    const spot = this.spot(address);
    if (spot !== null) return spot.field.name;
    return /([A-Za-z_]\w*)(\[\d+\])?$/.exec(name)?.[1] ?? hex(address);
  }

  /** A value as the field it lies in is read: flags by name, addresses in hexadecimal, everything else decimal. */
  value(address: number | bigint, value: number | bigint): string {
    const spot = this.spot(address);
    return spot === null ? plainValue(value) : fieldValue(spot.field, value);
  }
}

/** Hexadecimal, grouped by four from the right: `0x8010_4800`. */
export function hex(value: number | bigint): string {
  const digits = BigInt(value).toString(16);
  const groups: string[] = [];
  for (let end = digits.length; end > 0; end -= 4) groups.unshift(digits.slice(Math.max(0, end - 4), end));
  return `0x${groups.join('_')}`;
}

export function plainValue(value: number | bigint): string {
  return BigInt(value) >= 0x1_0000n ? hex(value) : value.toString();
}

export function fieldValue(field: LayoutField, value: number | bigint): string {
  if (field.format === 'decimal') return value.toString();
  if (field.format !== 'flags') return hex(value);
  let rest = Number(value);
  const names: string[] = [];
  for (const [name, mask] of Object.entries(field.flags)) {
    if (mask === 0 || (rest & mask) >>> 0 !== mask >>> 0) continue;
    names.push(name);
    rest = (rest & ~mask) >>> 0;
  }
  if (rest !== 0) names.push(hex(rest));
  return names.length === 0 ? '0' : names.join('|');
}
