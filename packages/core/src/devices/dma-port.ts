// SPDX-License-Identifier: Apache-2.0
/**
 * A device's only way to memory. It takes bus addresses as the driver gave
 * them, refuses what is not RAM, and cuts a range into the largest aligned
 * accesses. Accesses to an own bit or a status are marked (`relaxed`);
 * everything else is data, which no rule orders by itself.
 */
import type { Place, Port, Size, Value } from '../base/port.ts';

export class DmaPort {
  readonly #port: Port;
  readonly #ram: { readonly base: number; readonly size: number };

  constructor(port: Port, ram: { readonly base: number; readonly size: number }) {
    this.#port = port;
    this.#ram = ram;
  }

  /** Whether `[address, address + length)` is RAM; anything else aborts on the bus. */
  reaches(address: number | bigint, length: number): boolean {
    const start = BigInt(address);
    return start >= BigInt(this.#ram.base) && start + BigInt(length) <= BigInt(this.#ram.base + this.#ram.size);
  }

  /** Reads a flag that says whose something is. The range must be RAM. */
  poll(address: number, size: Size, name: string): Value {
    return this.#port.op({ kind: 'load', place: ram(address, size), order: 'relaxed', name });
  }

  /** Writes a flag that hands something over. */
  publish(address: number, size: Size, value: Value, name: string): void {
    this.#port.op({ kind: 'store', place: ram(address, size), value, order: 'relaxed', name });
  }

  load(address: number, size: Size, name: string): Value {
    return this.#port.op({ kind: 'load', place: ram(address, size), order: 'plain', data: true, name });
  }

  store(address: number, size: Size, value: Value, name: string): void {
    this.#port.op({ kind: 'store', place: ram(address, size), value, order: 'plain', data: true, name });
  }

  /** Bytes in address order. */
  read(address: number, length: number, name: string): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const size = chunk(address + at, length - at);
      spread(bytes, at, size, this.load(address + at, size, `${name}+${at}`));
      at += size;
    }
    return bytes;
  }

  write(address: number, bytes: Uint8Array, name: string): void {
    for (let at = 0; at < bytes.length; ) {
      const size = chunk(address + at, bytes.length - at);
      this.store(address + at, size, gather(bytes, at, size), `${name}+${at}`);
      at += size;
    }
  }
}

const ram = (address: number, size: Size): Place => ({ space: 'ram', owner: '', address, size });

/** The largest naturally aligned access that starts at `address` and does not pass `left` bytes. */
function chunk(address: number, left: number): Size {
  for (const size of [8, 4, 2] as const) if (left >= size && address % size === 0) return size;
  return 1;
}

/** Devices are little-endian. */
function spread(bytes: Uint8Array, at: number, size: Size, value: Value): void {
  const raw = BigInt(value);
  for (let i = 0; i < size; i += 1) bytes[at + i] = Number((raw >> BigInt(8 * i)) & 0xffn);
}

function gather(bytes: Uint8Array, at: number, size: Size): Value {
  let raw = 0n;
  for (let i = 0; i < size; i += 1) raw |= BigInt(bytes[at + i] ?? 0) << BigInt(8 * i);
  return size === 8 ? raw : Number(raw);
}
