// SPDX-License-Identifier: Apache-2.0
/**
 * A device's only way to memory. It takes bus addresses as the driver gave
 * them, has them translated where a unit stands in between, refuses what is
 * not RAM, and cuts a range first into requests, none of which crosses a 4 KiB
 * boundary (PCIe, "Request Handling Rules"), then into the largest aligned
 * accesses. Accesses to an own bit or a status are marked (`relaxed`);
 * everything else is data, which no rule orders by itself.
 *
 * The `try` calls say how far they came and why not further. The plain ones
 * are for devices that trust their addresses: behind a unit a refused read
 * gives ones, a refused write is lost, and `refused` keeps the first fault.
 */
import type { Place, Port, Size, Value } from '../base/port.ts';
import type { DmaAnswer, DmaRequest } from '../iommu/unit.ts';

export type OnFault = 'report' | 'request';

/** Whoever answers a function's requests: a unit, or a function's own translation cache before one. */
export interface DmaBus {
  /**
   * `onFault`: whether the function may ask for a page that is not there, and wait, or takes the fault at once.
   * `untranslated`: the request goes as it is, whatever the function could translate itself.
   */
  translate(request: DmaRequest, onFault: OnFault, untranslated: boolean): DmaAnswer;
  /** False: the function may not set the attribute (Enable Relaxed Ordering is clear). */
  readonly relaxes?: boolean;
  /** The access that an answer with this ticket let through has reached memory; 0 is nothing. */
  landed(ticket: number): void;
  /** Blocks until software has decided on a stalled transaction. A bus without it aborts such a transaction. */
  resumed?(tag: number): 'retry' | 'abort' | 'zero';
  /** Delivers a write that is an interrupt message. A bus without it takes none. */
  message?(message: InterruptMessage): void;
}

/** A write that a unit has told to be an interrupt message: where it goes, and what is written. `resident`: see `DmaAnswer`. */
export type InterruptMessage = Omit<Extract<DmaAnswer, { readonly kind: 'interrupt' }>, 'kind'> & { readonly value: Value };

/** Where a port's requests enter the fabric. */
export interface DmaPath {
  readonly bus: DmaBus;
  /** Bus, device and function, as requests carry them. */
  readonly source: number;
}

/** What requests carry beside their address. */
export interface DmaAttributes {
  /** Null: no PASID prefix. */
  readonly pasid: number | null;
  /** Privileged Mode Requested; without a PASID units ignore it. */
  readonly privileged: boolean;
  /** Execute Requested: reads are instruction fetches. */
  readonly execute: boolean;
  /** Relaxed ordering: the accesses of one call may be done in another order, which is a choice. */
  readonly relaxed: boolean;
  /** What becomes of a page that is not there, with ATS: `request` asks for it and waits (block on fault). */
  readonly onFault: OnFault;
  /** Untranslated requests only, also with ATS: what interrupt messages are. */
  readonly untranslated: boolean;
}

/**
 * Why an access went no further. `unsupported-request` and `completer-abort` are the unit's status, `not-memory`: nothing there answers,
 * `page`: a translation without the permission, after a page request where those are on.
 */
export interface DmaFault {
  /** The first byte that could not be reached. */
  readonly address: bigint;
  readonly write: boolean;
  readonly status: 'unsupported-request' | 'completer-abort' | 'not-memory' | 'page';
  /** A posted request: real functions get no completion for it and may never learn that it was lost. */
  readonly posted: boolean;
}

/** AtomicOps of PCIe. Operands are numbers for 4 bytes, bigints for 8. */
export type AtomicOp =
  | { readonly kind: 'fetch-add'; readonly add: Value }
  | { readonly kind: 'swap'; readonly value: Value }
  | { readonly kind: 'compare-swap'; readonly compare: Value; readonly value: Value };

const PLAIN_ATTRIBUTES: DmaAttributes = { pasid: null, privileged: false, execute: false, relaxed: false, onFault: 'report', untranslated: false };

/** One request's worth of a range: it lies in one page, and one answer covers it. */
interface Piece {
  /** Offset in the range, bytes. */
  readonly at: number;
  readonly length: number;
  readonly to: Reached;
}
type Reached =
  | { readonly kind: 'memory'; readonly address: number; readonly ticket: number }
  | Extract<DmaAnswer, { readonly kind: 'interrupt' }>
  /** A stalled transaction that software let end as if nothing were there. */
  | { readonly kind: 'zero' };

const REQUEST = 4096;
const END = 1n << 64n;

export class DmaPort {
  readonly attributes: DmaAttributes;
  readonly #port: Port;
  readonly #ram: { readonly base: number; readonly size: number };
  readonly #path: DmaPath | null;
  readonly #sticky: { fault: DmaFault | null };

  /** @param path null: bus addresses are physical */
  constructor(port: Port, ram: { readonly base: number; readonly size: number }, path: DmaPath | null = null, attributes: DmaAttributes = PLAIN_ATTRIBUTES, sticky: { fault: DmaFault | null } = { fault: null }) {
    this.#port = port;
    this.#ram = ram;
    this.#path = path;
    this.attributes = attributes;
    this.#sticky = sticky;
  }

  /** The same port with other attributes; what is left out stays. */
  as(attributes: Partial<DmaAttributes>): DmaPort {
    return new DmaPort(this.#port, this.#ram, this.#path, { ...this.attributes, ...attributes }, this.#sticky);
  }

  /** The first fault of a call that does not report one, like the sticky abort bits of a function's status register. */
  get refused(): DmaFault | null {
    return this.#sticky.fault;
  }

  clearRefused(): void {
    this.#sticky.fault = null;
  }

  /** Without a unit: whether `[address, address + length)` is RAM; anything else aborts on the bus. Behind one any address may be tried. */
  reaches(address: number | bigint, length: number): boolean {
    const start = BigInt(address);
    if (this.#path !== null) return start >= 0n && start + BigInt(length) <= END;
    return this.#isRam(start, length);
  }

  /** Reads a flag that says whose something is. Without a unit the range must be RAM. */
  poll(address: number, size: Size, name: string): Value {
    if (this.#path !== null) return this.#loadOrOnes(address, size, name, 'flag');
    return this.#port.op({ kind: 'load', place: ram(address, size), order: 'relaxed', name });
  }

  /** Writes a flag that hands something over. */
  publish(address: number, size: Size, value: Value, name: string): void {
    if (this.#path === null) this.#port.op({ kind: 'store', place: ram(address, size), value, order: 'relaxed', name });
    else this.#keep(this.tryStore(BigInt(address), size, value, name).fault);
  }

  load(address: number, size: Size, name: string): Value {
    if (this.#path !== null) return this.#loadOrOnes(address, size, name, 'data');
    return this.#port.op({ kind: 'load', place: ram(address, size), order: 'plain', data: true, name });
  }

  store(address: number, size: Size, value: Value, name: string): void {
    if (this.#path === null) this.#port.op({ kind: 'store', place: ram(address, size), value, order: 'plain', data: true, name });
    else this.#keep(this.tryStore(BigInt(address), size, value, name, 'data').fault);
  }

  /** Bytes in address order. */
  read(address: number, length: number, name: string): Uint8Array {
    const bytes = new Uint8Array(length);
    if (this.#path !== null) {
      const got = this.tryRead(BigInt(address), length, name);
      this.#keep(got.fault);
      bytes.fill(0xff);
      bytes.set(got.bytes);
      return bytes;
    }
    for (const part of chunks(address, length)) spread(bytes, part.at, part.size, this.load(address + part.at, part.size, `${name}+${part.at}`));
    return bytes;
  }

  write(address: number, bytes: Uint8Array, name: string): void {
    if (this.#path !== null) {
      this.#keep(this.tryWrite(BigInt(address), bytes, name).fault);
      return;
    }
    for (const part of chunks(address, bytes.length)) this.store(address + part.at, part.size, gather(bytes, part.at, part.size), `${name}+${part.at}`);
  }

  /** Reads what can be read. @returns the bytes before the fault, or all of them */
  tryRead(address: bigint, length: number, name: string): { readonly bytes: Uint8Array; readonly fault: DmaFault | null } {
    const bytes = new Uint8Array(length);
    const { done, fault } = this.#each(address, length, false, name, (piece, part) => {
      if (piece.to.kind === 'memory') spread(bytes, part.at, part.size, this.#port.op({ kind: 'load', place: ram(part.address, part.size), order: 'plain', data: true, name: `${name}+${part.at}` }));
    });
    return { bytes: bytes.subarray(0, done), fault };
  }

  /** Writes what can be written. @returns how many bytes went out before the fault */
  tryWrite(address: bigint, bytes: Uint8Array, name: string): { readonly written: number; readonly fault: DmaFault | null } {
    const { done, fault } = this.#each(address, bytes.length, true, name, (_, part) => {
      this.#port.op({ kind: 'store', place: ram(part.address, part.size), value: gather(bytes, part.at, part.size), order: 'plain', data: true, name: `${name}+${part.at}` });
    }, bytes);
    return { written: done, fault };
  }

  /** One naturally aligned access. @returns the value, null when there is a fault @throws RangeError when misaligned */
  tryLoad(address: bigint, size: Size, name: string, sort: 'flag' | 'data' = 'flag'): { readonly value: Value | null; readonly fault: DmaFault | null } {
    const found = this.#one(address, size, false);
    if ('status' in found) return { value: null, fault: found };
    if (found.kind !== 'memory') return { value: size === 8 ? 0n : 0, fault: null };
    const value = this.#port.op({ kind: 'load', place: ram(found.address, size), ...ordered(sort), name });
    this.#landed(found);
    return { value, fault: null };
  }

  /** One naturally aligned access. @throws RangeError when misaligned */
  tryStore(address: bigint, size: Size, value: Value, name: string, sort: 'flag' | 'data' = 'flag'): { readonly fault: DmaFault | null } {
    const found = this.#one(address, size, true);
    if ('status' in found) return { fault: found };
    if (found.kind === 'interrupt') this.#deliver(found, value);
    if (found.kind !== 'memory') return { fault: null };
    this.#port.op({ kind: 'store', place: ram(found.address, size), value, ...ordered(sort), name });
    this.#landed(found);
    return { fault: null };
  }

  /** One AtomicOp; it needs permission to read and to write. @returns the old value, null when there is a fault @throws RangeError when misaligned */
  atomic(address: bigint, size: 4 | 8, operation: AtomicOp, name: string): { readonly old: Value | null; readonly fault: DmaFault | null } {
    const found = this.#one(address, size, true);
    if ('status' in found) return { old: null, fault: { ...found, posted: false } };
    // A message is a write of memory; an AtomicOp there is not supported.
    if (found.kind === 'interrupt') return { old: null, fault: { address, write: true, status: 'unsupported-request', posted: false } };
    if (found.kind === 'zero') return { old: size === 8 ? 0n : 0, fault: null };
    const fromOld = operation.kind === 'fetch-add';
    const old = this.#port.op({ kind: 'rmw', place: ram(found.address, size), order: 'relaxed', modify: (value) => afterAtomic(operation, value, size), fromOld, compares: operation.kind === 'compare-swap', name });
    this.#landed(found);
    return { old, fault: null };
  }

  /** Calls `access` for every aligned part of the range that can be reached, request by request. Parts carry physical addresses. */
  #each(address: bigint, length: number, write: boolean, name: string, access: (piece: Piece, part: Part) => void, bytes?: Uint8Array): { readonly done: number; readonly fault: DmaFault | null } {
    const relaxed: { readonly piece: Piece; readonly part: Part }[] = [];
    const opened: Piece[] = [];
    let fault: DmaFault | null = null;
    let done = 0;
    while (done < length) {
      const next = this.#piece(address, done, length, write);
      if ('status' in next) {
        fault = next;
        break;
      }
      done += next.length;
      const { to } = next;
      if (to.kind === 'interrupt' && bytes !== undefined) this.#deliver(to, gather(bytes, next.at, 4));
      if (to.kind !== 'memory') continue;
      const parts = chunks(to.address, next.length).map((part) => ({ at: next.at + part.at, size: part.size, address: to.address + part.at }));
      if (this.attributes.relaxed && this.#path?.bus.relaxes !== false) {
        relaxed.push(...parts.map((part) => ({ piece: next, part })));
        opened.push(next);
        continue;
      }
      for (const part of parts) access(next, part);
      this.#landed(to);
    }
    if (relaxed.length > 1 && this.#port.op({ kind: 'choose', choice: 'device', key: `${name}/order`, width: 2, label: (answer) => (answer === 0 ? `${name}: lowest address first` : `${name}: highest address first, by relaxed ordering`) }) === 1) relaxed.reverse();
    for (const { piece, part } of relaxed) access(piece, part);
    for (const piece of opened) this.#landed(piece.to);
    return { done, fault };
  }

  /** The next request of a range, translated. */
  #piece(address: bigint, at: number, length: number, write: boolean): Piece | DmaFault {
    const from = address + BigInt(at);
    const left = length - at;
    if (from < 0n || from >= END) return this.#fault(from, write, 'unsupported-request');
    const toBoundary = REQUEST - Number(from & BigInt(REQUEST - 1));
    const wanted = Math.min(left, toBoundary);
    if (this.#path === null) {
      const end = BigInt(this.#ram.base + this.#ram.size);
      if (!this.#isRam(from, 1)) return this.#fault(from, write, 'not-memory');
      return { at, length: Math.min(wanted, Number(end - from)), to: { kind: 'memory', address: Number(from), ticket: 0 } };
    }
    const to = this.#reach(this.#path, from, write);
    if ('status' in to) return to;
    // A message is one aligned word.
    if (to.kind === 'interrupt') return wanted === 4 && from % 4n === 0n && write ? { at, length: 4, to } : this.#fault(from, write, 'unsupported-request');
    if (to.kind !== 'memory') return { at, length: wanted, to };
    const inRam = this.#ram.base + this.#ram.size - to.address;
    return { at, length: Math.min(wanted, to.room, inRam), to };
  }

  #one(address: bigint, size: Size, write: boolean): Reached | DmaFault {
    if (address % BigInt(size) !== 0n) throw new RangeError(`an access of ${size} bytes at 0x${address.toString(16)} is not aligned`);
    const piece = this.#piece(address, 0, size, write);
    if ('status' in piece) return piece;
    if (piece.length === size) return piece.to;
    this.#landed(piece.to);
    return this.#fault(address + BigInt(piece.length), write, 'not-memory');
  }

  /** Has one address translated. `room`: bytes from there on that lie in the same translation. */
  #reach(path: DmaPath, address: bigint, write: boolean): (Exclude<Reached, { kind: 'memory' }> | (Extract<Reached, { kind: 'memory' }> & { readonly room: number })) | DmaFault {
    const { pasid, privileged, execute } = this.attributes;
    const request: DmaRequest = { source: path.source, pasid, type: 'untranslated', write, execute: execute && !write, privileged, noWrite: !write, address };
    for (;;) {
      const answer = path.bus.translate(request, this.attributes.onFault, this.attributes.untranslated);
      switch (answer.kind) {
        case 'memory': {
          if (!this.#isRam(answer.address, 1)) {
            path.bus.landed(answer.ticket);
            return this.#fault(address, write, 'not-memory');
          }
          const block = 2 ** Math.min(12, answer.span);
          return { kind: 'memory', address: Number(answer.address), ticket: answer.ticket, room: block - (Number(answer.address & 0xfffn) % block) };
        }
        case 'interrupt':
          return path.bus.message === undefined ? this.#fault(address, write, 'not-memory') : answer;
        case 'denied':
          return this.#fault(address, write, 'page');
        case 'refused':
          return this.#fault(address, write, answer.status);
        case 'zero':
          return answer;
        case 'stalled': {
          const action = path.bus.resumed?.(answer.tag) ?? 'abort';
          if (action === 'abort') return this.#fault(address, write, 'completer-abort');
          if (action === 'zero') return { kind: 'zero' };
        }
      }
    }
  }

  #fault(address: bigint, write: boolean, status: DmaFault['status']): DmaFault {
    return { address, write, status, posted: write && status !== 'page' };
  }

  #deliver(to: Extract<DmaAnswer, { readonly kind: 'interrupt' }>, value: Value): void {
    this.#path?.bus.message?.({ address: to.address, value, ...(to.resident === undefined ? {} : { resident: to.resident }) });
  }

  #landed(to: Reached): void {
    if (to.kind === 'memory' && to.ticket !== 0) this.#path?.bus.landed(to.ticket);
  }

  #loadOrOnes(address: number, size: Size, name: string, sort: 'flag' | 'data'): Value {
    const { value, fault } = this.tryLoad(BigInt(address), size, name, sort);
    this.#keep(fault);
    return value ?? (size === 8 ? END - 1n : 2 ** (8 * size) - 1);
  }

  #keep(fault: DmaFault | null): void {
    this.#sticky.fault ??= fault;
  }

  #isRam(start: bigint, length: number): boolean {
    return start >= BigInt(this.#ram.base) && start + BigInt(length) <= BigInt(this.#ram.base + this.#ram.size);
  }
}

/** An aligned access: where in the range it begins, and its size. */
interface Part {
  readonly at: number;
  readonly size: Size;
  /** Physical. */
  readonly address: number;
}

const ram = (address: number, size: Size): Place => ({ space: 'ram', owner: '', address, size });
const ordered = (sort: 'flag' | 'data'): { order: 'relaxed' } | { order: 'plain'; data: true } => (sort === 'flag' ? { order: 'relaxed' } : { order: 'plain', data: true });

function afterAtomic(operation: AtomicOp, old: Value, size: 4 | 8): Value | undefined {
  switch (operation.kind) {
    case 'fetch-add': {
      const sum = BigInt.asUintN(8 * size, BigInt(old) + BigInt(operation.add));
      return size === 8 ? sum : Number(sum);
    }
    case 'swap':
      return operation.value;
    case 'compare-swap':
      return BigInt(old) === BigInt(operation.compare) ? operation.value : undefined;
  }
}

/** The largest naturally aligned accesses that cover the range, in address order. */
function chunks(address: number, length: number): { readonly at: number; readonly size: Size }[] {
  const parts: { at: number; size: Size }[] = [];
  for (let at = 0; at < length; ) {
    const size = chunk(address + at, length - at);
    parts.push({ at, size });
    at += size;
  }
  return parts;
}

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
