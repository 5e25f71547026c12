// SPDX-License-Identifier: Apache-2.0
/** How findings name agents and places: as the code does, with the ring's own words where a ring lies there. */
import { addressText, fieldText } from '@dmalab/core/base/format';
import type { EventOf, Json } from '@dmalab/core/base/events';
import { elementText, fieldAt, placedLayout, type FieldAt } from '@dmalab/core/base/placed-layout';
import type { Value } from '@dmalab/core/base/port';
import { deviceOf } from '@dmalab/core/base/reducer';
import type { PlacedLayout } from '@dmalab/core/base/state';

/** What a ring's fields are called in a sentence. */
const FIELD_WORDS: Readonly<Record<string, string>> = { len: 'length', addr: 'address', flags: 'own bit' };

export class Names {
  readonly layouts: PlacedLayout[] = [];
  readonly #agents = new Map<string, string>();

  machine(agents: Json): void {
    if (!Array.isArray(agents)) return;
    for (const agent of agents as readonly Json[]) {
      if (typeof agent !== 'object' || agent === null || Array.isArray(agent)) continue;
      const { id, name } = agent as Readonly<Record<string, Json>>;
      if (typeof id === 'string' && typeof name === 'string' && name !== id) this.#agents.set(id, name);
    }
  }

  layout(event: EventOf<'layout'>): void {
    const placed = placedLayout(event);
    if (placed === null) return;
    const there = this.layouts.findIndex((l) => l.address === placed.address);
    if (there === -1) this.layouts.push(placed);
    else if (placed.own !== null || this.layouts[there]?.own === null) this.layouts[there] = placed;
  }

  /** `CPU 0`, `the NIC`. */
  agent(id: string): string {
    const device = deviceOf(id);
    const name = this.#agents.get(id) ?? this.#agents.get(device);
    if (name === undefined) {
      const cpu = /^cpu(\d+)$/.exec(id);
      return cpu === null ? device : `CPU ${cpu[1] ?? ''}`;
    }
    // A name that ends in a number is a proper name.
    return /\d$/.test(name) ? name : `the ${name}`;
  }

  /** `len[1]`. */
  place(address: number, name: string): string {
    const at = fieldAt(this.layouts, address);
    if (at !== null && at.layout.own !== null) return elementText(at);
    if (name !== '') return name;
    return at === null ? addressText(address) : elementText(at);
  }

  value(address: number, size: number, value: Value): string {
    const at = fieldAt(this.layouts, address);
    if (at !== null && at.field.size === size) return fieldText(at.field, value);
    return value < 0x1_0000 ? String(value) : addressText(value);
  }

  /** The field of an element with an own bit, if one lies there. */
  slot(address: number): FieldAt | null {
    const at = fieldAt(this.layouts, address);
    return at !== null && at.layout.own !== null ? at : null;
  }

  /** `length`, `own bit`: the field's part in a sentence about its slot. */
  word(at: FieldAt): string {
    return at.field.name === at.layout.own?.field ? 'own bit' : (FIELD_WORDS[at.field.name] ?? at.field.name);
  }
}
