// SPDX-License-Identifier: Apache-2.0
/**
 * Device registers as locations, and the posted writes on their way to them.
 * A write that left its CPU arrives later, in order for one device. A device
 * takes doorbells one by one, in the order in which they arrived.
 */
import type { Value } from '../base/port.ts';
import { History, type Message } from '../memory/history.ts';
import type { InitialState } from '../memory/initial.ts';
import type { Store, View } from '../ordering/operational/memory.ts';

export interface Post {
  readonly store: Store;
  /** CPU that sent it. */
  readonly cpu: string;
  /** Trace event of the sending. */
  readonly event: number;
  readonly key: string;
}

interface Bank {
  readonly history: History<View>;
  /** Arrived writes by register, in order. */
  readonly arrived: Map<number, Message<View>[]>;
  /** Sent and not arrived, oldest first. */
  readonly flying: Post[];
}

export class RegisterSpace {
  readonly #banks = new Map<string, Bank>();
  readonly #initial: InitialState;

  constructor(initial: InitialState) {
    this.#initial = initial;
  }

  bank(owner: string): Bank {
    let bank = this.#banks.get(owner);
    if (bank === undefined) this.#banks.set(owner, (bank = { history: new History<View>(() => 0), arrived: new Map(), flying: [] }));
    return bank;
  }

  /** Newest content, and the message it came from. Registers do not overlap. */
  read(owner: string, offset: number): { readonly value: Value; readonly message: Message<View> | null } {
    const message = this.#banks.get(owner)?.history.newestOf(offset);
    return message === undefined ? { value: this.initial(owner, offset), message: null } : { value: message.value, message };
  }

  initial(owner: string, offset: number): Value {
    return this.#initial.registers.get(owner)?.get(offset) ?? 0;
  }

  isFlying(which: (post: Post) => boolean): boolean {
    for (const { flying } of this.#banks.values()) if (flying.some(which)) return true;
    return false;
  }

  /** Posts at the head of their device's queue, by device in order of first use. */
  heads(): Post[] {
    const heads: Post[] = [];
    for (const { flying } of this.#banks.values()) if (flying[0] !== undefined) heads.push(flying[0]);
    return heads;
  }

  arrive(post: Post, time: number, event: number): void {
    const bank = this.bank(post.store.owner);
    bank.flying.splice(bank.flying.indexOf(post), 1);
    const { address, size, value, agent } = post.store;
    const message: Message<View> = { address, size, value, agent, device: true, c: time, a: time, published: null, event };
    bank.history.append(message);
    const list = bank.arrived.get(address);
    if (list === undefined) bank.arrived.set(address, [message]);
    else list.push(message);
  }

  /** Contents at the end, for the run that follows. */
  contents(): Map<string, Map<number, Value>> {
    const all = new Map<string, Map<number, Value>>();
    for (const [owner, registers] of this.#initial.registers) all.set(owner, new Map(registers));
    for (const [owner, bank] of this.#banks) {
      let registers = all.get(owner);
      if (registers === undefined) all.set(owner, (registers = new Map()));
      for (const g of bank.history.written()) for (const message of bank.history.overlapping(g, 8)) registers.set(message.address, message.value);
    }
    return all;
  }
}
