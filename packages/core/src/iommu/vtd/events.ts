// SPDX-License-Identifier: Apache-2.0
/**
 * One of the unit's own interrupts: control, data and address registers, and
 * the message, which is a store of four bytes. While it is masked it pends;
 * it is not repeated while its cause is still there.
 */
import type { Bus } from '../bus.ts';
import { EventAddress, EventControl } from './registers.ts';

export class EventMessage {
  data = 0;
  #address = 0;
  upperAddress = 0;
  /** After reset every event is masked. */
  #masked = true;
  #pending = false;
  readonly #bus: Bus;
  readonly #what: string;

  /** @param what names the store for whoever watches the bus */
  constructor(bus: Bus, what: string) {
    this.#bus = bus;
    this.#what = what;
  }

  get control(): number {
    return Number(EventControl.encode({ IM: this.#masked, IP: this.#pending }));
  }

  /** The mask is software's; an interrupt that waited for it goes out now. */
  set control(value: number) {
    this.#masked = EventControl.decode(BigInt(value)).IM;
    this.#deliver();
  }

  get address(): number {
    return this.#address;
  }

  set address(value: number) {
    this.#address = Number(EventAddress.encode(EventAddress.decode(BigInt(value))));
  }

  /** The cause is there now and was not before. */
  raise(): void {
    this.#pending = true;
    this.#deliver();
  }

  /** Software has taken the cause away: what has not gone out is not due any more. */
  settle(): void {
    this.#pending = false;
  }

  #deliver(): void {
    if (this.#masked || !this.#pending) return;
    this.#pending = false;
    this.#bus.storeWords(this.#what, this.upperAddress * 0x10_0000 + (this.#address >>> 12), this.#address & 0xfff, 4, false, [BigInt(this.data)]);
  }
}
