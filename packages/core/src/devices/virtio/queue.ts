// SPDX-License-Identifier: Apache-2.0
/**
 * The device's side of a split virtqueue: finding heads, walking chains,
 * returning them, and both ways of keeping quiet. It believes nothing it reads.
 */
import type { DmaPort } from '../../pcie/dma-port.ts';
import type { VirtioError } from './registers.ts';
import { availEventAt, passes, usedEventAt, VirtqAvail, VirtqDesc, VirtqUsed, VirtqUsedElem } from './structures.ts';

export interface QueuePlace {
  /** Bus addresses, bytes. */
  readonly desc: bigint;
  readonly avail: bigint;
  readonly used: bigint;
  readonly num: number;
  readonly eventIdx: boolean;
  readonly indirect: boolean;
}

export interface Buffer {
  readonly addr: bigint;
  readonly len: number;
}
export interface Chain {
  readonly head: number;
  readonly toRead: readonly Buffer[];
  readonly toWrite: readonly Buffer[];
}

/** Thrown inside the device only, by whatever finds the driver's mistake; the engine turns it into ERROR. */
export class QueueBroken extends Error {
  override readonly name = 'QueueBroken';
  readonly error: VirtioError;
  constructor(error: VirtioError, message: string) {
    super(message);
    this.error = error;
  }
}

const AT_IDX = 2n;
const NO_INTERRUPT = Number(VirtqAvail.encode({ NO_INTERRUPT: true }));
const NO_NOTIFY = Number(VirtqUsed.encode({ NO_NOTIFY: true }));

/** @throws QueueBroken when the registers describe no queue */
export function checkPlace({ desc, avail, used, num }: QueuePlace, max: number): void {
  if (num < 1 || num > max || (num & (num - 1)) !== 0) throw new QueueBroken('queueSize', `a queue of ${num} descriptors`);
  for (const [what, at, alignment] of [['descriptors', desc, 16n], ['driver ring', avail, 2n], ['device ring', used, 4n]] as const) {
    if (at % alignment !== 0n) throw new QueueBroken('alignment', `${what} at 0x${at.toString(16)}, no multiple of ${alignment}`);
  }
}

export class Virtqueue {
  readonly #dma: DmaPort;
  readonly #at: QueuePlace;
  /** Heads taken, modulo 2^16. */
  #taken = 0;
  /** Chains returned, modulo 2^16, and how many there were when the driver was last told. */
  #returned = 0;
  #told = 0;

  constructor(dma: DmaPort, at: QueuePlace) {
    this.#dma = dma;
    this.#at = at;
  }

  /** The next chain; null when the driver has put no more. @throws QueueBroken */
  take(): Chain | null {
    const { avail, num } = this.#at;
    const idx = this.#load16(avail + AT_IDX, 'avail.idx');
    const waiting = (idx - this.#taken) & 0xffff;
    if (waiting === 0) return null;
    if (waiting > num) throw new QueueBroken('availIndex', `avail.idx is ${idx}, ${waiting} ahead in a queue of ${num}`);
    const slot = this.#taken % num;
    const head = this.#load16(avail + BigInt(VirtqAvail.bytes + 2 * slot), `avail.ring[${slot}]`, 'data');
    if (head >= num) throw new QueueBroken('head', `avail.ring[${slot}] is ${head}, the queue has ${num} descriptors`);
    const chain = this.#walk(head);
    this.#taken = (this.#taken + 1) & 0xffff;
    return chain;
  }

  /** Gives a chain back. @returns whether the driver wants an interrupt @throws QueueBroken */
  giveBack(head: number, written: number): boolean {
    const { avail, used, num, eventIdx } = this.#at;
    const slot = this.#returned % num;
    const elem = VirtqUsedElem.encode({ id: head, len: written });
    // A device ring is aligned to 4 only, so its elements are two words each.
    const at = used + BigInt(VirtqUsed.bytes + VirtqUsedElem.bytes * slot);
    this.#store(at, 4, Number(elem & 0xffff_ffffn), `used.ring[${slot}].id`, 'data');
    this.#store(at + 4n, 4, Number(elem >> 32n), `used.ring[${slot}].len`, 'data');
    this.#returned = (this.#returned + 1) & 0xffff;
    this.#store(used + AT_IDX, 2, this.#returned, 'used.idx', 'flag');
    const before = this.#told;
    if (!eventIdx) {
      this.#told = this.#returned;
      return (this.#load16(avail, 'avail.flags') & NO_INTERRUPT) === 0;
    }
    const wanted = passes(this.#load16(avail + BigInt(usedEventAt(num)), 'used_event'), this.#returned, before);
    this.#told = this.#returned;
    return wanted;
  }

  /** Awake: doorbells only cost time. */
  wantNoDoorbell(): void {
    if (!this.#at.eventIdx) this.#store(this.#at.used, 2, NO_NOTIFY, 'used.flags', 'flag');
  }

  /** Going to sleep: asks for a doorbell, then the caller looks once more, because what the driver put before it saw this brings none. */
  wantDoorbell(): void {
    if (this.#at.eventIdx) this.#store(this.#at.used + BigInt(availEventAt(this.#at.num)), 2, this.#taken, 'avail_event', 'flag');
    else this.#store(this.#at.used, 2, 0, 'used.flags', 'flag');
  }

  #walk(head: number): Chain {
    const toRead: Buffer[] = [];
    const toWrite: Buffer[] = [];
    let table = { at: this.#at.desc, count: this.#at.num, indirect: false };
    let index = head;
    for (let seen = 1; ; seen += 1) {
      if (seen > this.#at.num) throw new QueueBroken('loop', `the chain at ${head} has more than ${this.#at.num} descriptors`);
      const name = `${table.indirect ? 'indirect' : 'desc'}[${index}]`;
      const { bytes, fault } = this.#dma.tryRead(table.at + BigInt(VirtqDesc.bytes * index), VirtqDesc.bytes, name);
      if (fault !== null) throw new QueueBroken('queueFault', `${name} at 0x${fault.address.toString(16)} cannot be read`);
      const { addr, len, NEXT, WRITE, INDIRECT, next } = VirtqDesc.decode(VirtqDesc.fromBytes(bytes));
      if (INDIRECT) {
        if (!this.#at.indirect || NEXT || table.indirect || len === 0 || len % VirtqDesc.bytes !== 0) throw new QueueBroken('indirect', `${name} may not be indirect, or not of ${len} bytes`);
        table = { at: addr, count: len / VirtqDesc.bytes, indirect: true };
        index = 0;
        // The table takes the place of the descriptor that points to it.
        seen -= 1;
        continue;
      }
      if (WRITE) toWrite.push({ addr, len });
      else if (toWrite.length > 0) throw new QueueBroken('order', `${name} is to be read and comes after one to be written`);
      else toRead.push({ addr, len });
      if (!NEXT) return { head, toRead, toWrite };
      if (next >= table.count) throw new QueueBroken('next', `${name} goes on at ${next}, the table has ${table.count}`);
      index = next;
    }
  }

  #load16(at: bigint, name: string, sort: 'flag' | 'data' = 'flag'): number {
    const { value, fault } = this.#dma.tryLoad(at, 2, name, sort);
    if (fault !== null) throw new QueueBroken('queueFault', `${name} at 0x${at.toString(16)} cannot be read`);
    return Number(value);
  }

  #store(at: bigint, size: 2 | 4, value: number, name: string, sort: 'flag' | 'data'): void {
    const { fault } = this.#dma.tryStore(at, size, value, name, sort);
    if (fault !== null) throw new QueueBroken('queueFault', `${name} at 0x${at.toString(16)} cannot be written`);
  }
}
