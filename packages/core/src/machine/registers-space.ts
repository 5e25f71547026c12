// SPDX-License-Identifier: Apache-2.0
/**
 * Device registers as locations, and the posted writes on their way to them.
 * A write that left its CPU arrives later, in order for one device. A device
 * takes doorbells, and messages, one by one in the order in which they arrived.
 */
import { MAILBOX, type Size, type Value } from '../base/port.ts';
import { RegisterWrite } from '../iommu/messages.ts';
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
  /** Of the messages in the mailbox: how many were there with the last register write, and how many its agent is done with. */
  written: number;
  handled: number;
}

export class RegisterSpace {
  readonly #banks = new Map<string, Bank>();
  readonly #initial: InitialState;
  /** Owners whose registers are served through their mailbox. */
  readonly #served: ReadonlySet<string>;

  constructor(initial: InitialState, served: ReadonlySet<string>) {
    this.#initial = initial;
    this.#served = served;
  }

  /** Whether what is written to its registers comes into its mailbox. */
  isServed(owner: string): boolean {
    return this.#served.has(owner);
  }

  bank(owner: string): Bank {
    let bank = this.#banks.get(owner);
    if (bank === undefined) this.#banks.set(owner, (bank = { history: new History<View>(() => 0), arrived: new Map(), flying: [], written: 0, handled: 0 }));
    return bank;
  }

  /** Newest content, and the message it came from. Registers do not overlap; half of one may be read. */
  read(owner: string, offset: number, size: Size): { readonly value: Value; readonly message: Message<View> | null } {
    const message = this.#banks.get(owner)?.history.newestOf(offset);
    if (message !== undefined) return { value: message.address === offset && message.size === size ? message.value : part(message.value, offset - message.address, size), message };
    const registers = this.#initial.registers.get(owner);
    const content = registers?.get(offset);
    const below = content === undefined && offset % 8 === 4 ? registers?.get(offset - 4) : undefined;
    const value = content ?? 0;
    if (typeof below === 'bigint') return { value: part(below, 4, size), message: null };
    return { value: typeof value === 'bigint' && size < 8 ? part(value, 0, size) : value, message: null };
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
    const { address, size, value, agent, owner } = post.store;
    const message = { size, agent, device: true, c: time, a: time, published: null, event };
    if (this.#served.has(owner)) {
      bank.written = this.deliver(owner, { ...message, address: MAILBOX, value: RegisterWrite.encode({ kind: 'register-write', offset: address, bytes: size, value: BigInt.asUintN(64, BigInt(value)) }) });
      return;
    }
    bank.history.append({ ...message, address, value });
    this.deliver(owner, { ...message, address, value });
  }

  /** Puts a message where it is awaited. @returns how many came there by now */
  deliver(owner: string, message: Message<View>): number {
    const { arrived } = this.bank(owner);
    const list = arrived.get(message.address);
    if (list !== undefined) return list.push(message);
    arrived.set(message.address, [message]);
    return 1;
  }

  /** Whether the effects of every register write that arrived can be read. */
  isSettled(owner: string): boolean {
    const bank = this.#banks.get(owner);
    return bank === undefined || bank.handled >= bank.written;
  }

  /** Contents at the end, for the run that follows. */
  contents(): Map<string, Map<number, Value>> {
    const all = new Map<string, Map<number, Value>>();
    for (const [owner, registers] of this.#initial.registers) all.set(owner, new Map(registers));
    for (const [owner, bank] of this.#banks) {
      let registers = all.get(owner);
      if (registers === undefined) all.set(owner, (registers = new Map()));
      for (const g of bank.history.written()) for (const message of bank.history.overlapping(g, 8)) if (message.address !== MAILBOX) registers.set(message.address, message.value);
    }
    return all;
  }
}

function part(value: Value, at: number, size: Size): Value {
  const bits = BigInt.asUintN(8 * size, BigInt(value) >> BigInt(8 * at));
  return size === 8 ? bits : Number(bits);
}
