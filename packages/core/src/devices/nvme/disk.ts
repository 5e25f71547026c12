// SPDX-License-Identifier: Apache-2.0
/**
 * The namespace. Several queues share it, so it is locations of the device
 * beyond its window, not an array: each queue sees what the others wrote, in
 * the order in which it happened.
 */
import type { Place, Port } from '../../base/port.ts';
import { NVME_BLOCK_SHIFT } from './registers.ts';

const BEGIN = 0x1_0000;

export class Disk {
  readonly #port: Port;
  readonly #owner: string;
  readonly blocks: number;

  constructor(port: Port, owner: string, blocks: number) {
    this.#port = port;
    this.#owner = owner;
    this.blocks = blocks;
  }

  read(block: number, count: number): Uint8Array {
    const bytes = new Uint8Array(count << NVME_BLOCK_SHIFT);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < bytes.length; at += 8) view.setBigUint64(at, BigInt(this.#port.op({ kind: 'load', place: this.#place(block, at), order: 'relaxed', name: 'disk' })), true);
    return bytes;
  }

  write(block: number, bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < bytes.length; at += 8) this.#port.op({ kind: 'store', place: this.#place(block, at), value: view.getBigUint64(at, true), order: 'relaxed', name: 'disk' });
  }

  #place(block: number, at: number): Place {
    return { space: 'mmio', owner: this.#owner, address: BEGIN + (block << NVME_BLOCK_SHIFT) + at, size: 8 };
  }
}
