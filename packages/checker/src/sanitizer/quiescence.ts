// SPDX-License-Identifier: Apache-2.0
/** XQ1: nothing can happen any more, and something was still to be done. XC1: because the compiler read once what a loop waits for. */
import { HOISTED, type EventOf, type Site } from '@dmalab/core/base/events';
import { fieldAddress } from '@dmalab/core/base/placed-layout';
import { NO_HALF, whereText, type Findings, type Half } from './finding.ts';
import type { Messages } from './messages.ts';
import type { Names } from './names.ts';

interface Open {
  readonly id: number;
  readonly context: string;
  readonly name: string;
  readonly site: Site | null;
}

export class QuiescenceRules {
  readonly #messages: Messages;
  readonly #names: Names;
  readonly #findings: Findings;
  readonly #open = new Map<string, Open[]>();
  readonly #waits = new Map<string, { readonly id: number; readonly on: string }>();
  /** Each agent's last load: what a loop that hangs has read. */
  readonly #loads = new Map<string, EventOf<'load'>>();
  readonly #doorbells: { readonly id: number; readonly device: string; readonly register: string; readonly site: Site | null }[] = [];

  constructor(messages: Messages, names: Names, findings: Findings) {
    this.#messages = messages;
    this.#names = names;
    this.#findings = findings;
  }

  call(event: EventOf<'call'>): void {
    const list = this.#open.get(event.agent);
    const open: Open = { id: event.id, context: event.context, name: event.name, site: event.site };
    if (list === undefined) this.#open.set(event.agent, [open]);
    else list.push(open);
  }
  returned(event: EventOf<'return'>): void {
    const list = this.#open.get(event.agent);
    const at = list?.findLastIndex((o) => o.name === event.name && o.context === event.context) ?? -1;
    if (at !== -1) list?.splice(at);
  }
  block(event: EventOf<'block'>): void {
    this.#waits.set(event.agent, { id: event.id, on: event.on });
  }
  loaded(event: EventOf<'load'>): void {
    this.#loads.set(event.agent, event);
  }
  doorbell(event: EventOf<'mmio-write'>): void {
    this.#doorbells.push({ id: event.id, device: event.device, register: event.register, site: event.site });
  }

  end(event: EventOf<'end'>): void {
    if (event.reason !== 'quiescent') return;
    for (const layout of this.#names.layouts) {
      if (layout.own?.work !== true) continue;
      const own = layout.own;
      const field = layout.fields.find((f) => f.name === own.field);
      if (field === undefined) continue;
      const left: { index: number; half: Half }[] = [];
      for (let index = 0; index < layout.count; index += 1) {
        const found = this.#messages.deviceValue(fieldAddress(layout, index, field), field.size);
        if (found !== undefined && (found.value & BigInt(own.mask)) !== 0n) left.push({ index, half: { id: found.last.id, site: found.last.site } });
      }
      const last = left.toSorted((a, b) => a.half.id - b.half.id).at(-1);
      if (last === undefined) continue;
      const device = this.#names.agent(layout.owner);
      const bell = this.#doorbells.findLast((d) => d.device === layout.owner && d.id > last.half.id);
      const what = left.length === 1 ? `Slot ${last.index} stayed with ${device}` : `Slots ${left.map((l) => l.index).join(', ')} stayed with ${device}`;
      const why = bell === undefined ? 'No doorbell followed the last frame.' : 'The doorbell that followed did not find it.';
      this.#findings.add('XQ1', `${layout.owner} ${layout.name}`, event.id, { what, why }, { first: last.half, second: bell === undefined ? { id: event.id, site: null } : { id: bell.id, site: bell.site }, missing: bell === undefined ? 'writel' : '' });
    }
    for (const [agent, list] of [...this.#open].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const open = list[0];
      if (open === undefined) continue;
      const wait = this.#waits.get(agent);
      const on = wait === undefined || wait.id < open.id ? '' : wait.on;
      if (on.includes(HOISTED)) this.#hoisted(agent, event.id);
      this.#findings.add(
        'XQ1', `${agent} ${open.name}`, event.id,
        { what: `${this.#names.agent(agent)} never came back from ${open.name}`, why: on === '' ? 'Nothing woke it.' : `It waits for ${on}.` },
        { first: { id: open.id, site: open.site }, second: wait === undefined ? NO_HALF : { id: wait.id, site: null } },
      );
    }
  }

  #hoisted(agent: string, id: number): void {
    const load = this.#loads.get(agent);
    if (load === undefined) return;
    const address = Number(load.address);
    const write = this.#messages.at(address, load.size).filter((m) => m.agent !== agent && m.id > load.from).at(-1);
    const never = write === undefined ? 'then reads nothing else, ever' : `never saw what ${this.#names.agent(write.agent)} wrote at ${whereText(write)}`;
    this.#findings.add(
      'XC1', load.site === null ? `${agent} ${load.name}` : whereText(load), id,
      { agent: this.#names.agent(agent), place: this.#names.place(address, load.name), never },
      { first: { id: load.id, site: load.site }, second: write ?? { id, site: null }, missing: 'READ_ONCE' },
    );
  }
}
