// SPDX-License-Identifier: Apache-2.0
/**
 * Switching a device of several engines on and off. The controller counts in an
 * epoch register, odd while the device is on; an engine says it is busy before
 * it looks at the epoch, and the controller looks at busy after it has changed
 * it. So when a device says it is off, none of its engines touches memory any
 * more, and rings may be freed.
 */
import type { RegisterBank, RegisterTable } from './registers.ts';

/** An engine's side. */
export class Gate<T extends RegisterTable> {
  readonly #bank: RegisterBank<T>;
  readonly #epoch: keyof T & string;
  readonly #busy: keyof T & string;

  constructor(bank: RegisterBank<T>, epoch: keyof T & string, busy: keyof T & string) {
    this.#bank = bank;
    this.#epoch = epoch;
    this.#busy = busy;
  }

  /** @returns the epoch, or null when the device is off and the engine must sleep on */
  enter(): number | null {
    this.#bank.set(this.#busy, 1);
    const epoch = this.#bank.read(this.#epoch);
    if (epoch % 2 === 1) return epoch;
    this.leave();
    return null;
  }

  /** Whether the device is on as it was when the engine entered. */
  isOpen(epoch: number): boolean {
    return this.#bank.read(this.#epoch) === epoch;
  }

  leave(): void {
    this.#bank.set(this.#busy, 0);
  }
}

/** The controller's side. Whoever calls it must be the only one at that time. */
export class Switch<T extends RegisterTable> {
  readonly #bank: RegisterBank<T>;
  readonly #epoch: keyof T & string;
  readonly #busy: readonly (keyof T & string)[];

  constructor(bank: RegisterBank<T>, epoch: keyof T & string, busy: readonly (keyof T & string)[]) {
    this.#bank = bank;
    this.#epoch = epoch;
    this.#busy = busy;
  }

  get isOn(): boolean {
    return this.#bank.read(this.#epoch) % 2 === 1;
  }

  on(): void {
    const epoch = this.#bank.read(this.#epoch);
    if (epoch % 2 === 0) this.#bank.set(this.#epoch, (epoch + 1) >>> 0);
  }

  /** Comes back when every engine has stopped. `wake` is called after the epoch has changed: it must rouse engines that wait for the driver. */
  off(wake: () => void = () => undefined): void {
    const epoch = this.#bank.read(this.#epoch);
    if (epoch % 2 === 0) return;
    this.#bank.set(this.#epoch, (epoch + 1) >>> 0);
    wake();
    for (const busy of this.#busy) this.#bank.awaitContent(busy, (value) => value === 0);
  }
}
