// SPDX-License-Identifier: Apache-2.0
/**
 * One of the unit's own interrupts: control, data and address registers, and
 * the message, which is a store of four bytes. While it is masked it pends;
 * it is not repeated while its cause is still there.
 */
import type { Bus } from '../bus.ts';

const MASKED = 0x8000_0000;
const PENDING = 0x4000_0000;

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
    return (this.#masked ? MASKED : 0) + (this.#pending ? PENDING : 0);
  }

  /** The mask is software's; an interrupt that waited for it goes out now. */
  set control(value: number) {
    this.#masked = value >>> 31 === 1;
    this.#deliver();
  }

  get address(): number {
    return this.#address;
  }

  set address(value: number) {
    this.#address = (value & ~3) >>> 0;
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
