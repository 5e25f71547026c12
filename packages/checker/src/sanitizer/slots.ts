// SPDX-License-Identifier: Apache-2.0
/**
 * XB2 and XB3 where the driver's own order is wrong, not the machine's:
 * a slot that is filled after it was handed over, and a slot that is read
 * before it is known to be back. No barrier helps either.
 */
import type { EventOf } from '@dmalab/core/base/events';
import { fieldAddress, fieldAt } from '@dmalab/core/base/placed-layout';
import type { PlacedLayout } from '@dmalab/core/base/state';
import { whereText, type Findings } from './finding.ts';
import type { Message, Messages } from './messages.ts';
import type { Names } from './names.ts';

interface EarlyLoad {
  readonly load: EventOf<'load'>;
  readonly write: Message;
  readonly flag: EventOf<'load'>;
  readonly slot: string;
  readonly index: number;
}

export class SlotRules {
  readonly #messages: Messages;
  readonly #names: Names;
  readonly #findings: Findings;
  /** The CPUs' newest data loads, by agent and address. */
  readonly #loads = new Map<string, Map<number, EventOf<'load'>>>();
  readonly #early = new Map<string, EarlyLoad[]>();
  readonly #isDevice: (agent: string) => boolean;

  constructor(messages: Messages, names: Names, findings: Findings, isDevice: (agent: string) => boolean) {
    this.#messages = messages;
    this.#names = names;
    this.#findings = findings;
    this.#isDevice = isDevice;
  }

  /** The device says where its ring lies only once it has been started: what was stored before is judged now. */
  layout(layout: PlacedLayout, step: number): void {
    if (layout.own === null) return;
    for (const message of this.#messages.at(layout.address, layout.stride * layout.count)) if (!this.#isDevice(message.agent)) this.stored(message, step);
  }

  /** A CPU store was issued. */
  stored(message: Message, step = message.id): void {
    const at = this.#slot(message.address);
    if (at === null) return;
    const { layout, index, flags } = at;
    if (overlaps(message, flags.address, flags.size)) {
      this.#settle(message.agent, `${layout.address}:${index}`);
      return;
    }
    const owner = this.#messages.at(flags.address, flags.size).filter((m) => m.id < message.id).at(-1);
    if (owner === undefined || owner.agent !== message.agent || (part(owner, flags.address, flags.size) & BigInt(flags.mask)) === 0n) return;
    const given = { id: owner.id, site: owner.site };
    const late = { id: message.id, site: message.site };
    this.#findings.add(
      'XB2', `after ${late.site === null ? layout.name : whereText(late)}`, step,
      { agent: this.#names.agent(message.agent), place: this.#names.place(message.address, message.name), slot: String(index), device: this.#names.agent(layout.owner), where: whereText(given) },
      { first: given, second: late, variant: 'after', detail: { side: 'driver', slot: index } },
    );
  }

  /** A CPU read something. */
  loaded(event: EventOf<'load'>): void {
    const address = Number(event.address);
    const at = this.#slot(address);
    if (at === null) {
      // The ring may not be known yet; its place tells later.
      this.#remember(event, address);
      return;
    }
    const key = `${at.layout.address}:${at.index}`;
    if (address !== at.flags.address) {
      const list = this.#early.get(event.agent);
      if (list !== undefined) this.#early.set(event.agent, list.filter((e) => Number(e.load.address) !== address));
      this.#remember(event, address);
      return;
    }
    this.#judge(event, at, key);
  }

  /** A function or handler of the CPU ended: what it read early it has used. */
  returned(agent: string): void {
    this.#settle(agent, null);
  }

  #judge(flag: EventOf<'load'>, at: SlotPlace, slot: string): void {
    const signal = this.#messages.of(flag.from);
    if (signal === undefined || !this.#isDevice(signal.agent) || (BigInt(flag.value) & BigInt(at.flags.mask)) !== 0n) return;
    const since = this.#messages.at(at.flags.address, at.flags.size).filter((m) => m.agent === flag.agent && m.id < flag.id).at(-1)?.id ?? 0;
    const loads = this.#loads.get(flag.agent);
    if (loads === undefined) return;
    for (const field of at.layout.fields) {
      const address = fieldAddress(at.layout, at.index, field);
      const load = loads.get(address);
      if (load === undefined || load.id < since || load.id > flag.id) continue;
      const write = this.#messages.at(address, load.size).find((m) => m.agent === signal.agent && m.id < signal.id && m.cpuAt > load.from && m.id > since);
      if (write === undefined) continue;
      const list = this.#early.get(flag.agent) ?? [];
      list.push({ load, write, flag, slot, index: at.index });
      this.#early.set(flag.agent, list);
    }
  }

  #settle(agent: string, slot: string | null): void {
    const list = this.#early.get(agent);
    if (list === undefined || list.length === 0) return;
    this.#early.set(agent, list.filter((e) => slot !== null && e.slot !== slot));
    for (const { load, write, flag, index, slot: here } of list) {
      if (slot !== null && here !== slot) continue;
      const first = { id: load.id, site: load.site };
      const address = Number(load.address);
      this.#findings.add(
        'XB3', `before ${load.site === null ? 'load' : whereText(first)}`, flag.id,
        {
          agent: this.#names.agent(agent), place: this.#names.place(address, load.name), slot: String(index), old: this.#names.value(address, load.size, load.value),
          device: this.#names.agent(write.agent), new: this.#names.value(write.address, write.size, write.value),
        },
        { first, second: { id: flag.id, site: flag.site }, variant: 'before', detail: { side: 'driver', slot: index, written: write.id } },
      );
    }
  }

  #remember(event: EventOf<'load'>, address: number): void {
    let loads = this.#loads.get(event.agent);
    if (loads === undefined) this.#loads.set(event.agent, (loads = new Map<number, EventOf<'load'>>()));
    loads.set(address, event);
  }

  #slot(address: number): SlotPlace | null {
    const at = fieldAt(this.#names.layouts, address);
    if (at === null || at.layout.own === null) return null;
    const own = at.layout.own;
    const field = at.layout.fields.find((f) => f.name === own.field);
    if (field === undefined) return null;
    return { layout: at.layout, index: at.index, flags: { address: fieldAddress(at.layout, at.index, field), size: field.size, mask: own.mask } };
  }
}

interface SlotPlace {
  readonly layout: PlacedLayout;
  readonly index: number;
  readonly flags: { readonly address: number; readonly size: number; readonly mask: number };
}

const overlaps = (m: Message, address: number, size: number): boolean => m.address < address + size && address < m.address + m.size;

/** The bytes of a message that lie in a range, as a number there. */
function part(m: Message, address: number, size: number): bigint {
  const shift = address - m.address;
  const raw = shift >= 0 ? BigInt(m.value) >> BigInt(8 * shift) : BigInt(m.value) << BigInt(-8 * shift);
  return raw & ((1n << BigInt(8 * size)) - 1n);
}
