// SPDX-License-Identifier: Apache-2.0
/**
 * The message history of one space (RAM, or one device's registers): every
 * write that became visible, in coherence order, by 8-byte granule, so that a
 * load may combine bytes of several writes. A message has two times: when the
 * CPUs can see it and when everybody can. Without STRICT they are the same.
 */
import type { Size, Value } from '../base/port.ts';

/** Something with a place in time: 0 while it has none yet. */
export interface Token {
  /** When CPUs see it. */
  c: number;
  /** When everyone sees it. */
  a: number;
}

export interface Message<Published = unknown> extends Token {
  readonly address: number;
  readonly size: number;
  readonly value: Value;
  /** Index of the agent that wrote it; -1 for the memory system itself. */
  readonly agent: number;
  /** Written by a device: its bound is that of everyone, for CPUs too. */
  readonly device: boolean;
  /** What an acquire that reads it takes over; `null` for nothing. */
  published: Published | null;
  /** Trace event by which it became visible, 0 for none. */
  event: number;
  /** Number of this write within its agent, from 0. */
  number?: number;
  /** From when on nothing older could be read: a line that comes in replaces what was there when it was lost. Absent: its own time. */
  readonly since?: number;
}

const GRANULE = 8;

interface Cell<P> {
  readonly messages: Message<P>[];
  /** By agent index: for each byte, the time of the message that agent saw last. */
  readonly floors: (Float64Array | undefined)[];
}

/** One way to perform a load. `parts` are the messages that gave bytes, oldest first; empty = initial content. */
export interface Candidate<P> {
  readonly value: Value;
  readonly parts: readonly Message<P>[];
  /** Time of the snapshot it is read from. */
  readonly time: number;
}

/** Bytes of an own store that has not left its agent. */
export interface Overlay {
  readonly address: number;
  readonly size: number;
  readonly value: Value;
}

export class History<P = unknown> {
  readonly #cells = new Map<number, Cell<P>>();
  readonly #initialByte: (address: number) => number;
  readonly #bigEndian: boolean;

  constructor(initialByte: (address: number) => number, endian: 'little' | 'big' = 'little') {
    this.#initialByte = initialByte;
    this.#bigEndian = endian === 'big';
  }

  /** Appends at the end of coherence order. */
  append(message: Message<P>): void {
    for (let g = granule(message.address); g < message.address + message.size; g += GRANULE) this.#cell(g).messages.push(message);
  }

  /** Puts a device's write before every overlapping store that only CPUs see so far: that store will land on top of it, and so will what lies on that. */
  insertBeforeHalfVisible(message: Message<P>): void {
    for (let g = granule(message.address); g < message.address + message.size; g += GRANULE) {
      const { messages } = this.#cell(g);
      const above: Message<P>[] = [];
      for (const other of messages) if (other.a === 0 && (overlaps(other, message) || above.some((m) => overlaps(m, other)))) above.push(other);
      const below = messages.filter((other) => !above.includes(other));
      messages.splice(0, messages.length, ...below, message, ...above);
    }
  }

  /** Messages that share bytes with `[address, address + size)`, in coherence order. */
  overlapping(address: number, size: number): Message<P>[] {
    const found: Message<P>[] = [];
    for (let g = granule(address); g < address + size; g += GRANULE) {
      for (const message of this.#cells.get(g)?.messages ?? []) if (message.address < address + size && address < message.address + message.size && !found.includes(message)) found.push(message);
    }
    return found;
  }

  /** The last message on each byte in coherence order, whoever sees it; `undefined` = initial content. */
  newestOf(address: number): Message<P> | undefined {
    const messages = this.#cells.get(granule(address))?.messages;
    if (messages === undefined) return undefined;
    for (let i = messages.length - 1; i >= 0; i -= 1) {
      const message = messages[i];
      if (message !== undefined && message.address <= address && address < message.address + message.size) return message;
    }
    return undefined;
  }

  /** Content of one byte once everything appended has landed. */
  byte(address: number): number {
    const message = this.newestOf(address);
    return message === undefined ? this.#initialByte(address) : this.#byteOf(message, address);
  }

  /**
   * The ways `agent` may perform a load, newest first; at least one.
   * @param c   it is not before this time of the CPUs' order …
   * @param a   … nor before this time of everyone's
   * @param own overlapping own stores that have not left, oldest first: they hide what lies below
   */
  candidates(address: number, size: Size, agent: number, device: boolean, c: number, a: number, own: readonly Overlay[]): Candidate<P>[] {
    const first = granule(address);
    const single = address + size <= first + GRANULE;
    const messages = single ? (this.#cells.get(first)?.messages ?? []) : this.overlapping(address, size);
    // Nearly always: nobody but one writer, and the newest message covers the load.
    const last = messages[messages.length - 1];
    if (last === undefined) return [{ value: this.#assemble(address, size, [], own), parts: [], time: 0 }];
    let required = 0;
    for (let g = first; g < address + size; g += GRANULE) {
      const floors = this.#cells.get(g)?.floors[agent];
      if (floors === undefined) continue;
      for (let i = Math.max(address, g); i < Math.min(address + size, g + GRANULE); i += 1) if (!hidden(own, i)) required = Math.max(required, floors[i - g] ?? 0);
    }
    const relevant: Message<P>[] = [];
    for (const message of messages) {
      if (!(message.address < address + size && address < message.address + message.size)) continue;
      const stamp = device ? message.a : message.c;
      if (stamp === 0) continue;
      if (own.length > 0 && coveredBy(own, Math.max(address, message.address), Math.min(address + size, message.address + message.size))) continue;
      relevant.push(message);
      const known = device || message.device ? (message.since ?? message.a) <= a : message.c <= c || (message.a > 0 && message.a <= a);
      if (known && stamp > required) required = Math.max(required, message.device && !device ? shownFrom(message, messages, address, size, own) : stamp);
    }
    const stampOf = (m: Message<P>): number => (device ? m.a : m.c);
    const times = relevant.map(stampOf).filter((t) => t > required);
    times.push(required);
    times.sort((x, y) => y - x);
    const result: Candidate<P>[] = [];
    let seen = -1;
    for (const time of times) {
      if (time === seen) continue;
      seen = time;
      const parts = this.#partsAt(address, size, relevant.filter((m) => stampOf(m) <= time), own);
      const before = result[result.length - 1];
      if (before !== undefined && before.parts.length === parts.length && before.parts.every((m, i) => m === parts[i])) continue;
      result.push({ value: this.#assemble(address, size, parts, own), parts, time });
    }
    return result;
  }

  /** Remembers that `agent` has seen the bytes as of these messages: its later loads of them are not older. */
  saw(agent: number, device: boolean, address: number, size: number, parts: readonly Message<P>[]): void {
    for (const message of parts) {
      const stamp = device ? message.a : message.c;
      for (let i = Math.max(address, message.address); i < Math.min(address + size, message.address + message.size); i += 1) {
        const g = granule(i);
        const cell = this.#cell(g);
        const floors = (cell.floors[agent] ??= new Float64Array(GRANULE));
        if ((floors[i - g] ?? 0) < stamp) floors[i - g] = stamp;
      }
    }
  }

  /** Time of the newest message that `agent` has seen on any byte of this one; 0 for none. */
  lastSeen(agent: number, message: Pick<Message<P>, 'address' | 'size'>): number {
    let seen = 0;
    for (let i = message.address; i < message.address + message.size; i += 1) {
      const g = granule(i);
      seen = Math.max(seen, this.#cells.get(g)?.floors[agent]?.[i - g] ?? 0);
    }
    return seen;
  }

  /** Every granule that was written, by first address, ascending. */
  written(): number[] {
    return [...this.#cells].filter(([, cell]) => cell.messages.length > 0).map(([g]) => g).sort((x, y) => x - y);
  }

  /** Eight bytes in memory order as the value of one store. */
  wordOf(bytes: readonly number[]): bigint {
    let value = 0n;
    for (let i = 0; i < bytes.length; i += 1) value = (value << 8n) | BigInt(bytes[this.#bigEndian ? i : bytes.length - 1 - i] ?? 0);
    return value;
  }

  /** Splits a value into bytes as memory holds them. */
  bytesOf(value: Value, size: number): number[] {
    const bytes: number[] = [];
    for (let i = 0; i < size; i += 1) bytes.push(byteAt(value, size, this.#bigEndian ? size - 1 - i : i));
    return bytes;
  }

  /** The messages that show through at the last of coherence order, oldest first. */
  #partsAt(address: number, size: number, messages: readonly Message<P>[], own: readonly Overlay[]): Message<P>[] {
    const last = messages[messages.length - 1];
    if (last === undefined) return [];
    if (last.address <= address && address + size <= last.address + last.size) return [last];
    const parts: Message<P>[] = [];
    for (const message of messages) {
      for (let i = Math.max(address, message.address); i < Math.min(address + size, message.address + message.size); i += 1) {
        if (hidden(own, i)) continue;
        const later = messages.slice(messages.indexOf(message) + 1).some((m) => m.address <= i && i < m.address + m.size);
        if (later) continue;
        parts.push(message);
        break;
      }
    }
    return parts;
  }

  #assemble(address: number, size: Size, parts: readonly Message<P>[], own: readonly Overlay[]): Value {
    const only = own.length > 0 ? own[own.length - 1] : parts[0];
    if (only !== undefined && (own.length > 0 || parts.length === 1) && only.address === address && only.size === size) return only.value;
    let value = 0n;
    for (let i = 0; i < size; i += 1) {
      const at = this.#bigEndian ? address + size - 1 - i : address + i;
      value |= BigInt(this.#shown(at, parts, own)) << BigInt(8 * i);
    }
    return size === 8 ? value : Number(value);
  }

  #shown(at: number, parts: readonly Message<P>[], own: readonly Overlay[]): number {
    for (const list of [own, parts]) {
      for (let i = list.length - 1; i >= 0; i -= 1) {
        const message = list[i];
        if (message !== undefined && message.address <= at && at < message.address + message.size) return this.#byteOf(message, at);
      }
    }
    return this.#initialByte(at);
  }

  #byteOf(message: Overlay, at: number): number {
    const i = at - message.address;
    return byteAt(message.value, message.size, this.#bigEndian ? message.size - 1 - i : i);
  }

  #cell(g: number): Cell<P> {
    let cell = this.#cells.get(g);
    if (cell === undefined) this.#cells.set(g, (cell = { messages: [], floors: [] }));
    return cell;
  }
}

function granule(address: number): number {
  return address - (address % GRANULE);
}

/** Byte `i` from the low end. */
function byteAt(value: Value, size: number, i: number): number {
  if (typeof value === 'bigint') return Number((value >> BigInt(8 * i)) & 0xffn);
  return size <= 4 ? (value >>> (8 * i)) & 0xff : Math.floor(value / 2 ** (8 * i)) % 256;
}

export function overlaps(x: { readonly address: number; readonly size: number }, y: { readonly address: number; readonly size: number }): boolean {
  return x.address < y.address + y.size && y.address < x.address + x.size;
}

/**
 * From when on a CPU's load cannot show anything older than a device's write. It may lie below stores that only CPUs saw when it
 * came (see `insertBeforeHalfVisible`): a load that shows those is not older.
 */
function shownFrom(message: Message, messages: readonly Message[], address: number, size: number, own: readonly Overlay[]): number {
  let time = 0;
  const above = messages.slice(messages.indexOf(message) + 1).filter((m) => m.c > 0 && m.c < message.c);
  if (above.length === 0) return message.c;
  for (let at = Math.max(address, message.address); at < Math.min(address + size, message.address + message.size); at += 1) {
    if (!hidden(own, at)) time = Math.max(time, above.reduce((first, m) => (m.address <= at && at < m.address + m.size ? Math.min(first, m.c) : first), message.c));
  }
  return time;
}

function hidden(own: readonly Overlay[], at: number): boolean {
  for (const store of own) if (store.address <= at && at < store.address + store.size) return true;
  return false;
}

function coveredBy(own: readonly Overlay[], from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) if (!hidden(own, at)) return false;
  return true;
}
