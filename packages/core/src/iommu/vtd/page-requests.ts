// SPDX-License-Identifier: Apache-2.0
/**
 * The page request queue: the unit appends at PQT, software takes at PQH. One
 * place stays free. When it is full, PRS.PRO is set, and until software clears
 * it requests are answered with success, so that devices ask again.
 */
import type { Bus } from '../bus.ts';
import type { PageRequestMessage, UnitMessage } from '../unit.ts';
import type { EventMessage } from './events.ts';
import { PageRequestEntry } from './queues.ts';
import { PageQueueAddress, PageQueueHead, PageQueueTail } from './registers.ts';

const ENTRY = 32;
const ALL = (1n << 64n) - 1n;

export class PageRequestQueue {
  /** PRS_REG. */
  pending = false;
  overflow = false;
  #address = 0n;
  #head = 0;
  #tail = 0;
  readonly #bus: Bus;
  readonly #event: EventMessage;

  constructor(bus: Bus, event: EventMessage) {
    this.#bus = bus;
    this.#event = event;
  }

  get address(): bigint {
    return this.#address;
  }
  set address(value: bigint) {
    const { PQS, PQA } = PageQueueAddress.decode(value);
    this.#address = PageQueueAddress.encode({ PQS, PQA });
  }

  get head(): bigint {
    return BigInt(this.#head);
  }
  set head(value: bigint) {
    this.#head = PageQueueHead.decode(value).PQH * ENTRY;
  }

  get tail(): bigint {
    return BigInt(this.#tail);
  }
  set tail(value: bigint) {
    this.#tail = PageQueueTail.decode(value).PQT * ENTRY;
  }

  /** A 1 clears. */
  writeStatus(pending: boolean, overflow: boolean): void {
    if (pending) this.pending = false;
    if (overflow) this.overflow = false;
    if (!this.pending && !this.overflow) this.#event.settle();
  }

  add(request: PageRequestMessage): 'queued' | 'full' | 'unwritten' {
    if (this.overflow) return 'full';
    const { PQS, PQA } = PageQueueAddress.decode(this.#address);
    const size = 4096 * 2 ** PQS;
    const next = (this.#tail + ENTRY) % size;
    if (next === this.#head) {
      this.#announce(() => (this.overflow = true));
      return 'full';
    }
    const raw = PageRequestEntry.encode({
      type: 1,
      PASID_P: request.pasid !== null,
      RID: request.source,
      PASID: request.pasid ?? 0,
      EXE: request.pasid !== null && request.execute,
      PRIV: request.pasid !== null && request.privileged,
      R: request.read,
      W: request.write,
      LPIG: request.last,
      PRGI: request.group,
      ADDR: request.address >> 12n,
    });
    const status = this.#bus.storeWords('page request queue', Number(PQA) + Math.floor(this.#tail / 4096), this.#tail % 4096, ENTRY, false, [raw & ALL, (raw >> 64n) & ALL, 0n, 0n]);
    if (status !== 'ok') return 'unwritten';
    this.#tail = next;
    this.#announce(() => (this.pending = true));
    return 'queued';
  }

  /** "Page Request Event": none is due while an earlier cause is still there. */
  #announce(set: () => void): void {
    const quiet = !this.pending && !this.overflow;
    set();
    if (quiet) this.#event.raise();
  }
}

/** What the unit itself answers to a group; null where nothing is due: before the last, and to a stop marker. */
export function ownAnswer(request: PageRequestMessage, code: 'success' | 'invalid' | 'failure'): UnitMessage | null {
  if (!request.last || (request.pasid !== null && !request.read && !request.write)) return null;
  return { kind: 'page-response', source: request.source, pasid: request.pasid, group: request.group, code };
}
