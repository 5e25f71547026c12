// SPDX-License-Identifier: Apache-2.0
/**
 * What both directions of the NIC share: sleeping until the doorbell, finding
 * the ring, reading a descriptor in separate accesses, handing one back. An
 * engine, once woken, goes on while descriptors are its own; it does not wait
 * for another doorbell.
 */
import type { Json } from '../../base/events.ts';
import type { Port, Value } from '../../base/port.ts';
import type { DmaPort } from '../../pcie/dma-port.ts';
import { dmaPort, type DmaContext } from '../device.ts';
import { raiseMsi } from '../interrupt.ts';
import { RegisterBank } from '../registers.ts';
import { AT_ADDR, AT_FLAGS, AT_LEN, DESCRIPTOR_SIZE, DONE, ERROR, OWN, ringLayout } from './descriptor.ts';
import { CTRL_RECEIVE, CTRL_SEND, RingNicRegisters, STATUS_BAD_RING, STATUS_BUSY } from './registers.ts';

export interface NicOptions {
  /** Longest frame the NIC takes, bytes. */
  readonly maxFrame: number;
  /** Whether the send engine may read one descriptor ahead (a choice at each slot). */
  readonly prefetch: boolean;
  /** Interrupt after this many finished descriptors, and whenever the engine runs out of them. */
  readonly coalesce: number;
}

export interface EngineSide {
  readonly device: string;
  readonly direction: 'send' | 'receive';
  /** INT_MASK counts. */
  readonly maskable: boolean;
  readonly context: DmaContext;
}

const SIDES = {
  send: { enable: CTRL_SEND, status: 'STATUS', low: 'RING_LO', high: 'RING_HI', size: 'RING_SIZE', doorbell: 'DOORBELL', vector: 0, ring: 'ring', suffix: '', work: true },
  receive: { enable: CTRL_RECEIVE, status: 'RX_STATUS', low: 'RX_RING_LO', high: 'RX_RING_HI', size: 'RX_RING_SIZE', doorbell: 'RX_DOORBELL', vector: 1, ring: 'rx ring', suffix: 'rx ', work: false },
} as const;

/** What the NIC has read of a descriptor it owns. */
export interface Taken {
  readonly slot: number;
  readonly addr: bigint;
  readonly len: number;
}

/** One engine over one port; made anew by every run. */
export class RingEngine {
  readonly dma: DmaPort;
  readonly #port: Port;
  readonly #side: EngineSide;
  readonly #bank: RegisterBank<typeof RingNicRegisters>;
  /** Null: no ring. */
  #base: bigint | null = null;
  #count = 0;
  /** Slot the engine looks at next. It keeps its place while it sleeps. */
  slot = 0;
  #unannounced = 0;

  constructor(port: Port, side: EngineSide) {
    this.#port = port;
    this.#side = side;
    this.#bank = new RegisterBank(port, side.device, RingNicRegisters);
    this.dma = dmaPort(port, side.context);
  }

  get count(): number {
    return this.#count;
  }

  /** Sleeps until the doorbell finds the engine enabled and its ring usable; it is busy then. */
  wake(): void {
    const side = SIDES[this.#side.direction];
    for (;;) {
      this.#bank.awaitRing(side.doorbell);
      // Busy before looking at CTRL: whoever clears CTRL and then reads an idle STATUS may take the ring away.
      this.#bank.set(side.status, STATUS_BUSY);
      if ((this.#bank.read('CTRL') & side.enable) === 0) {
        this.#base = null;
        this.#bank.set(side.status, 0);
        continue;
      }
      if (this.#base !== null || this.#readRing()) return;
      this.#bank.set(side.status, STATUS_BAD_RING);
    }
  }

  /** Nothing more to do: announces what is unannounced and goes idle. */
  rest(): void {
    this.#announce();
    this.#bank.set(SIDES[this.#side.direction].status, 0);
    this.note({ state: 'idle' }, '');
  }

  advance(): void {
    this.slot = this.next();
  }
  next(): number {
    return (this.slot + 1) % this.#count;
  }

  /** Reads whose the slot is. The first of a descriptor's accesses. */
  isMine(slot: number): boolean {
    return (Number(this.#load(slot, AT_FLAGS, 2, 'flags')) & OWN) !== 0;
  }

  /** Reads the rest: two more accesses, each on its own. */
  take(slot: number): Taken {
    const addr = BigInt(this.#load(slot, AT_ADDR, 8, 'addr'));
    const len = Number(this.#load(slot, AT_LEN, 2, 'len'));
    return { slot, addr, len };
  }

  writeLength(slot: number, length: number): void {
    this.dma.tryStore(this.#at(slot) + BigInt(AT_LEN), 2, length, this.#name('len', slot), 'data');
  }

  /** Hands the slot back, and interrupts when enough of them are back. */
  giveBack(slot: number, ok: boolean, coalesce: number): void {
    this.dma.tryStore(this.#at(slot) + BigInt(AT_FLAGS), 2, ok ? DONE : DONE | ERROR, this.#name('flags', slot));
    this.#unannounced += 1;
    if (this.#unannounced >= coalesce) this.#announce();
  }

  may(key: string, label: (answer: number) => string): boolean {
    return Number(this.#port.op({ kind: 'choose', choice: 'device', key, width: 2, label })) === 1;
  }

  note(patch: Json, text: string): void {
    this.#port.note?.('device', { patch, text });
  }

  #announce(): void {
    if (this.#unannounced === 0) return;
    this.#unannounced = 0;
    const { vector } = SIDES[this.#side.direction];
    if (this.#side.maskable && (this.#bank.read('INT_MASK') & (1 << vector)) !== 0) return;
    raiseMsi(this.#port, this.#side.device, vector);
  }

  #readRing(): boolean {
    const side = SIDES[this.#side.direction];
    const low = this.#bank.read(side.low);
    const base = (BigInt(this.#bank.read(side.high)) << 32n) | BigInt(low);
    const count = this.#bank.read(side.size);
    if (count < 1 || count > 1024 || base % 16n !== 0n || !this.dma.reaches(base, count * DESCRIPTOR_SIZE)) {
      this.note({ state: 'bad ring' }, `no usable ring: ${count} descriptors at 0x${base.toString(16)}`);
      return false;
    }
    this.#base = base;
    this.#count = count;
    this.slot = 0;
    this.#port.note?.('layout', { name: side.ring, address: base, layout: ringLayout(side.ring, this.#side.device, count, side.work) });
    this.note({ state: 'running', ring: count, slot: 0 }, `started, ring of ${count}`);
    return true;
  }

  /** A ring that cannot be read reads as zero: nothing in it is the NIC's. */
  #load(slot: number, at: number, size: 2 | 8, what: 'flags' | 'addr' | 'len'): Value {
    const { value } = this.dma.tryLoad(this.#at(slot) + BigInt(at), size, this.#name(what, slot), what === 'flags' ? 'flag' : 'data');
    return value ?? 0;
  }

  #at(slot: number): bigint {
    return (this.#base ?? 0n) + BigInt(slot * DESCRIPTOR_SIZE);
  }
  #name(field: string, slot: number): string {
    return `${SIDES[this.#side.direction].suffix}${field}[${slot}]`;
  }
}
