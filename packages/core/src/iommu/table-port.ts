// SPDX-License-Identifier: Apache-2.0
/**
 * An agent's port as a unit's way to memory: each piece of at most eight bytes
 * is an access of its own under the memory model, so a structure of 64 bytes
 * can be seen half old and half new. Pieces are read at rising addresses, or in
 * an order that is a choice (docs/decisions/0017).
 */
import type { Place, Port, Size, Value } from '../base/port.ts';
import type { AccessStatus, TablePort } from '../mmu/port.ts';
import { highOf, lowOf, wordOf } from '../mmu/word.ts';

export interface Window {
  readonly base: number;
  readonly size: number;
}

export interface TablePortOptions {
  /** Loads may miss what was stored since the last `flush`. */
  readonly buffered?: boolean;
  /** Whether a structure is read from its first piece on or from its last is a choice. */
  readonly anyOrder?: boolean;
}

export class AgentTablePort implements TablePort {
  readonly data = new Uint32Array(32);
  readonly #port: Port;
  readonly #ram: Window;
  readonly #options: TablePortOptions;
  /** Takes a store that is an interrupt message. */
  readonly #message: (address: number, value: number) => boolean;
  #name = 'table';

  /**
   * @param message a store of four bytes outside RAM: whether it was an interrupt message and is dealt with
   */
  constructor(port: Port, ram: Window, message: (address: number, value: number) => boolean, options: TablePortOptions = {}) {
    this.#options = options;
    this.#port = port;
    this.#ram = ram;
    this.#message = message;
  }

  /** What the accesses from here on are to. */
  named(what: string): void {
    this.#name = what;
  }

  flush(): void {
    if (this.#options.buffered === true) this.#port.op({ kind: 'fence', fence: 'write-buffers' });
  }

  load(frame: number, offset: number, bytes: number): AccessStatus {
    const { data } = this;
    const address = frame * 4096 + offset;
    if (!this.#isRam(address, bytes)) {
      data.fill(0, 0, bytes / 4);
      return 'denied';
    }
    const size = pieceOf(bytes);
    const { buffered, anyOrder } = this.#options;
    const falls = anyOrder === true && bytes > size && this.#port.op({ kind: 'choose', choice: 'device', key: `${this.#name} pieces`, width: 2, label: (answer) => `${this.#name} is read from its ${answer === 0 ? 'first' : 'last'} piece on` }) === 1;
    for (let i = 0; i < bytes; i += size) {
      const at = falls ? bytes - size - i : i;
      this.#put(at / 4, size, this.#port.op({ kind: 'load', place: ram(address + at, size), order: 'relaxed', ...(buffered === true ? { buffered } : {}), name: this.#at(at, bytes) }));
    }
    return 'ok';
  }

  store(frame: number, offset: number, bytes: number): AccessStatus {
    const address = frame * 4096 + offset;
    if (!this.#isRam(address, bytes)) return bytes === 4 && this.#message(address, this.data[0] ?? 0) ? 'ok' : 'denied';
    const size = pieceOf(bytes);
    for (let at = 0; at < bytes; at += size) this.#port.op({ kind: 'store', place: ram(address + at, size), value: this.#get(at / 4, size), order: 'relaxed', name: this.#at(at, bytes) });
    return 'ok';
  }

  exchange(frame: number, offset: number, bytes: number, low: number, high: number, newLow: number, newHigh: number): AccessStatus | 'changed' {
    const address = frame * 4096 + offset;
    if (!this.#isRam(address, bytes)) return 'denied';
    const size = pieceOf(bytes);
    const is = size === 4 ? low >>> 0 : wordOf(low, high);
    const becomes = size === 4 ? newLow >>> 0 : wordOf(newLow, newHigh);
    const old = this.#port.op({ kind: 'rmw', place: ram(address, size), order: 'relaxed', compares: true, modify: (found) => (found === is ? becomes : undefined), name: this.#name });
    this.#put(0, size, old);
    return old === is ? 'ok' : 'changed';
  }

  #put(at: number, size: Size, value: Value): void {
    const { data } = this;
    if (typeof value === 'number') data[at] = value;
    else {
      data[at] = lowOf(value);
      if (size === 8) data[at + 1] = highOf(value);
    }
  }

  #get(at: number, size: Size): Value {
    const low = this.data[at] ?? 0;
    return size === 4 ? low : wordOf(low, this.data[at + 1] ?? 0);
  }

  #at(at: number, bytes: number): string {
    return bytes <= 8 ? this.#name : `${this.#name}+${at}`;
  }

  #isRam(address: number, bytes: number): boolean {
    return address >= this.#ram.base && address + bytes <= this.#ram.base + this.#ram.size;
  }
}

const ram = (address: number, size: Size): Place => ({ space: 'ram', owner: '', address, size });
/** Entries have four bytes or words of eight. */
const pieceOf = (bytes: number): 4 | 8 => (bytes % 8 === 0 ? 8 : 4);
