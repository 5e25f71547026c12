// SPDX-License-Identifier: Apache-2.0
/**
 * A remapping unit as an agent of the machine. It owns all of its state and
 * builds it anew whenever it is run again; what it does is a function of the
 * messages it takes and of what its loads find.
 *
 * It takes one message at a time, in the order of arrival: a CPU's register
 * write, a device's request, word that an access has reached memory. Between
 * messages its queue goes on, one command at a time, so that commands and
 * requests interleave in every order in which they can come.
 */
import { mailbox, type Agent, type Port } from '../base/port.ts';
import type { Json } from '../base/events.ts';
import type { TablePort } from '../mmu/port.ts';
import type { BusEvent } from './bus.ts';
import type { CacheView, Lapses } from '../mmu/cache.ts';
import { packFromUnit, unpackToUnit, type FromUnit, type ToUnit } from './messages.ts';
import { AgentTablePort, type TablePortOptions, type Window } from './table-port.ts';
import type { DmaAnswer, DmaRequest, RemappingUnit, UnitMessage, UnitOutside } from './unit.ts';

/** A register that CPUs can read. */
export interface ReadableRegister {
  readonly offset: number;
  readonly size: 4 | 8;
}

/** `buffered`: stores of CPUs stay before memory, where walks may miss them, until the unit is told to flush them (CAP.RWBF of VT-d). */
export interface UnitAgentOptions extends TablePortOptions {
  /** Agent id, and owner of the registers. */
  readonly id: string;
  readonly create: (port: TablePort, outside: UnitOutside) => RemappingUnit;
  /** Where RAM lies; table accesses elsewhere are refused. */
  readonly ram: Window;
  readonly registers: readonly ReadableRegister[];
  /** Register writes before anything else happens: what firmware, or a driver that is not looked at, has done. */
  readonly setup?: readonly (readonly [offset: number, size: 4 | 8, value: bigint])[];
  /** Agents that send requests. Their numbers in messages are their places here. */
  readonly requesters: readonly string[];
  /** Which of them takes what is sent to a function. */
  readonly functions: ReadonlyMap<number, string>;
  /** Caches, by name, of which an entry may have been evicted whenever it is looked for. */
  readonly lapses?: 'all' | readonly string[];
  /** Whether walks look into the CPUs' caches; absent: as other devices do. */
  readonly snoops?: boolean;
  /** Addresses at which a store of four bytes is an interrupt; its data is the vector. */
  readonly messages?: Window;
  /** Vectors of interrupts that are wires, by cause; others have vector 0. */
  readonly wires?: Readonly<Record<string, number>>;
}

export function unitAgent(options: UnitAgentOptions): Agent {
  return {
    id: options.id,
    kind: 'device',
    registerWrites: 'mailbox',
    role: 'iommu',
    ...(options.snoops === undefined ? {} : { snoops: options.snoops }),
    run(port) {
      new Service(port, options).run();
    },
  };
}

/** Contents of the readable registers before anything happens, for the machine's initial state. They are those of a unit without memory, and no set-up makes it read any. */
export function unitRegisters(options: UnitAgentOptions): readonly { readonly offset: number; readonly value: number | bigint }[] {
  const unit = options.create(NO_MEMORY, { send: () => undefined, wire: () => undefined });
  for (const [offset, size, value] of options.setup ?? []) unit.writeRegister(offset, size, value);
  return options.registers.map(({ offset, size }) => ({ offset, value: contentOf(unit, offset, size) }));
}

class Service {
  readonly #port: Port;
  readonly #options: UnitAgentOptions;
  readonly #unit: RemappingUnit;
  /** What CPUs can read, by place in the list of registers. */
  readonly #shown: (number | bigint | null)[];
  /** Whose transaction is stalled, by tag. */
  readonly #stalled = new Map<number, string>();
  /** The caches as they were told last, as text. */
  readonly #told = new Map<string, string>();

  constructor(port: Port, options: UnitAgentOptions) {
    this.#port = port;
    this.#options = options;
    const tables = new AgentTablePort(port, options.ram, (address, value) => this.#interrupts(address, value), options);
    this.#unit = options.create(tables, { send: (message) => this.#send(message), wire: (cause) => this.#raise(options.wires?.[cause] ?? 0, cause) });
    for (const [offset, size, value] of options.setup ?? []) this.#unit.writeRegister(offset, size, value);
    this.#shown = options.registers.map(({ offset, size }) => contentOf(this.#unit, offset, size));
    const { lapses = [] } = options;
    for (const cache of this.#unit.caches) if (lapses === 'all' || lapses.includes(cache.name)) cache.lapses = lapsing(port);
    if (port.note !== undefined) this.#unit.bus.watch = (event) => this.#tellAccess(event);
  }

  run(): never {
    for (;;) {
      const message = this.#take(true);
      if (message !== null) this.#handle(message);
      // A register write is dealt with before the commands that it lets run.
      let ran = message?.kind === 'register-write' || this.#step();
      while (ran) {
        // Before the next command somebody may have come with something.
        const next = this.#take(false);
        if (next !== null) this.#handle(next);
        else ran = this.#step();
      }
    }
  }

  #step(): boolean {
    const ran = this.#unit.step() === 'ran';
    this.#show();
    return ran;
  }

  /** The next message; null when there is none and nobody waits for one. */
  #take(waits: boolean): ToUnit | null {
    const { id } = this.#options;
    const raw = this.#port.op({ kind: 'await', place: mailbox(id), order: 'relaxed', until: (value) => value !== 0, next: true, poll: !waits, name: 'mailbox' });
    return typeof raw === 'bigint' && raw !== 0n ? unpackToUnit(raw) : null;
  }

  #handle(message: ToUnit): void {
    const unit = this.#unit;
    switch (message.kind) {
      case 'register-write':
        unit.writeRegister(message.offset, message.size, message.value);
        // What was written is shown again, whatever the unit made of it.
        this.#options.registers.forEach(({ offset, size }, i) => {
          if (offset < message.offset + message.size && message.offset < offset + size) this.#shown[i] = null;
        });
        break;
      case 'request': {
        const answer = unit.serve(message.request);
        this.#tellAnswer(message.request, answer);
        const asker = this.#options.requesters[message.from];
        if (answer.kind === 'stalled' && asker !== undefined) this.#stalled.set(answer.tag, asker);
        this.#post(asker, { kind: 'answer', answer });
        break;
      }
      case 'landed':
        unit.landed(message.ticket);
        break;
      case 'page':
        unit.page(message.request);
        break;
      case 'invalidated':
        unit.invalidated(message.source, message.tag);
        break;
      case 'timed-out':
        unit.timedOut(message.tag);
        break;
    }
    this.#show();
  }

  /** Puts what has changed where CPUs read it. */
  #show(): void {
    const { id, registers } = this.#options;
    for (let i = 0; i < registers.length; i += 1) {
      const register = registers[i];
      if (register === undefined) continue;
      const value = contentOf(this.#unit, register.offset, register.size);
      if (value === this.#shown[i]) continue;
      this.#shown[i] = value;
      this.#port.op({ kind: 'store', place: { space: 'mmio', owner: id, address: register.offset, size: register.size }, value, order: 'relaxed', name: `+0x${register.offset.toString(16)}` });
    }
    this.#tellCaches();
  }

  #send(message: UnitMessage): void {
    const to = (message.kind === 'resume' ? this.#stalled.get(message.tag) : undefined) ?? this.#options.functions.get(message.source);
    this.#port.note?.('iommu-message', { to: to ?? '', what: message.kind, source: message.source, text: textOf(message) });
    this.#post(to, message);
  }

  /** To a function that does not exist, a message is lost. */
  #post(to: string | undefined, message: FromUnit): void {
    if (to !== undefined) this.#port.op({ kind: 'store', place: mailbox(to), value: packFromUnit(message), order: 'relaxed', name: message.kind });
  }

  #interrupts(address: number, value: number): boolean {
    const { messages } = this.#options;
    if (messages === undefined || address < messages.base || address + 4 > messages.base + messages.size) return false;
    this.#raise(value, `message ${value}`);
    return true;
  }

  #raise(vector: number, name: string): void {
    this.#port.op({ kind: 'store', place: { space: 'irq', owner: this.#options.id, address: vector, size: 4 }, value: 1, order: 'relaxed', name });
  }

  #tellAccess(event: BusEvent): void {
    this.#port.note?.('walk', { what: event.what, access: event.kind, address: event.address, size: event.bytes, words: event.words.map((word) => `0x${word.toString(16)}`), status: event.status });
  }

  #tellAnswer(request: DmaRequest, answer: DmaAnswer): void {
    const { source, pasid, address, write } = request;
    this.#port.note?.('translate', {
      source,
      pasid,
      type: request.type,
      write,
      dma: address,
      outcome: answer.kind === 'refused' ? answer.status : answer.kind,
      address: answer.kind === 'memory' || answer.kind === 'interrupt' ? answer.address : 0n,
      span: answer.kind === 'memory' ? answer.span : 0,
    });
  }

  #tellCaches(): void {
    if (this.#port.note === undefined) return;
    for (const cache of this.#unit.caches) {
      const lines = linesOf(cache);
      const text = JSON.stringify(lines);
      if ((this.#told.get(cache.name) ?? '[]') === text) continue;
      this.#told.set(cache.name, text);
      this.#port.note('iommu-cache', { cache: cache.name, lines });
    }
  }
}

/** Registers of 4 bytes travel as numbers. */
function contentOf(unit: RemappingUnit, offset: number, size: 4 | 8): number | bigint {
  const value = unit.readRegister(offset, size);
  return size === 4 ? Number(value) : value;
}

function textOf(message: UnitMessage): string {
  switch (message.kind) {
    case 'invalidate':
      return message.span >= 64 ? 'invalidate everything' : `invalidate 2^${message.span} bytes at 0x${message.address.toString(16)}`;
    case 'page-response':
      return `page request group ${message.group}: ${message.code}`;
    case 'resume':
      return `stalled transaction ${message.tag}: ${message.action}`;
  }
}

/** Asks at each hit whether the entry was evicted before. */
export const lapsing =
  (port: Port): Lapses =>
  (name, line) => {
    const where = `0x${line.first.toString(16)}`;
    return port.op({ kind: 'choose', choice: 'device', key: `${name} ${where}`, width: 2, label: (answer) => (answer === 0 ? `${name}: the entry for ${where} is still there` : `${name}: the entry for ${where} was evicted`) }) === 1;
  };

/** What a cache holds, as the trace can carry it. */
export const linesOf = (cache: CacheView): Json[] => cache.entries().map(({ set, way, tag, first, span, entry }) => ({ set, way, tag, first, span, entry: plain(entry) }));

/** An entry as the trace can carry it. */
function plain(value: unknown, depth = 3): Json {
  if (value === null || typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string') return value;
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  if (typeof value !== 'object' || depth === 0) return null;
  if (Array.isArray(value)) return value.map((one) => plain(one, depth - 1));
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one, depth - 1)]));
}

const NO_MEMORY: TablePort = { data: new Uint32Array(32), load: () => 'denied', store: () => 'denied', exchange: () => 'denied' };
