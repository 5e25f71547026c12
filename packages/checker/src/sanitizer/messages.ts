// SPDX-License-Identifier: Apache-2.0
/**
 * Every write of an execution as a message: who wrote it, when its agent
 * issued it, and when it became visible to CPUs and to devices. Event ids are
 * the only clock.
 */
import type { EventOf, Site } from '@dmalab/core/base/events';
import type { Value } from '@dmalab/core/base/port';

export interface Message {
  /** Issue: the `store`, `write` or `rmw` event. */
  readonly id: number;
  readonly agent: string;
  readonly address: number;
  readonly size: number;
  readonly value: Value;
  readonly name: string;
  readonly order: string;
  readonly site: Site | null;
  /** When CPUs could see it, and when devices could; Infinity while they cannot. */
  cpuAt: number;
  deviceAt: number;
}

const GRANULE = 8;

export class Messages {
  readonly #byEvent = new Map<number, Message>();
  readonly #byGranule = new Map<number, Message[]>();

  add(event: EventOf<'store'> | EventOf<'write'> | EventOf<'rmw'>): Message {
    const immediate = event.kind === 'store' ? Infinity : event.id;
    const message: Message = {
      id: event.id,
      agent: event.agent,
      address: Number(event.address),
      size: event.size,
      value: event.value,
      name: event.name,
      order: event.kind === 'write' ? '' : event.order,
      site: event.kind === 'write' ? null : event.site,
      cpuAt: immediate,
      deviceAt: immediate,
    };
    this.#byEvent.set(event.id, message);
    for (let g = Math.floor(message.address / GRANULE); g * GRANULE < message.address + message.size; g += 1) {
      const list = this.#byGranule.get(g);
      if (list === undefined) this.#byGranule.set(g, [message]);
      else list.push(message);
    }
    return message;
  }

  drained(event: EventOf<'drain'>): Message | undefined {
    const message = this.#byEvent.get(event.store);
    if (message === undefined) return undefined;
    if (message.cpuAt === Infinity) message.cpuAt = event.id;
    if (event.reach !== 'cpu') message.deviceAt = event.id;
    // A load names the drain that put its value there.
    this.#byEvent.set(event.id, message);
    return message;
  }

  /** The message that an event issued or made visible. */
  of(event: number): Message | undefined {
    return this.#byEvent.get(event);
  }

  /** Messages that overlap a range, in order of issue. */
  at(address: number, size: number): Message[] {
    const found: Message[] = [];
    for (let g = Math.floor(address / GRANULE); g * GRANULE < address + size; g += 1) {
      for (const m of this.#byGranule.get(g) ?? []) if (m.address < address + size && address < m.address + m.size && !found.includes(m)) found.push(m);
    }
    return found.sort((a, b) => a.id - b.id);
  }

  /** What devices find at an address now; `undefined` where nobody wrote. Little-endian. */
  deviceValue(address: number, size: number): { readonly value: bigint; readonly last: Message } | undefined {
    const seen = this.at(address, size).filter((m) => m.deviceAt !== Infinity).sort((a, b) => a.deviceAt - b.deviceAt);
    const last = seen.at(-1);
    if (last === undefined) return undefined;
    let value = 0n;
    for (const m of seen) {
      for (let i = 0; i < m.size; i += 1) {
        const at = m.address + i - address;
        if (at < 0 || at >= size) continue;
        const shift = BigInt(8 * at);
        value = (value & ~(0xffn << shift)) | (((BigInt(m.value) >> BigInt(8 * i)) & 0xffn) << shift);
      }
    }
    return { value, last };
  }
}
