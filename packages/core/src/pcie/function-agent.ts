// SPDX-License-Identifier: Apache-2.0
/**
 * A function as an agent of the machine: its configuration space, translation
 * cache and page requests, between its engines and the unit. To its engines it
 * is what a unit is (`AgentBus`), to the unit it is a requester. It takes an
 * invalidation whatever its engines do, and completes it when word has come
 * that accesses with the old translation have landed.
 *
 * It serves one request at a time: while one waits for a page, those of other
 * engines wait behind it.
 */
import { mailbox, type Agent, type Port } from '../base/port.ts';
import { lapsing, linesOf } from '../iommu/agent.ts';
import { isFromUnit, packFromUnit, packToUnit, unpackFromUnit, unpackToUnit, type FromUnit, type ToUnit } from '../iommu/messages.ts';
import type { DmaAnswer, DmaRequest, UnitMessage } from '../iommu/unit.ts';
import type { OnFault } from './dma-port.ts';
import type { Endpoint, FunctionLink } from './endpoint.ts';
import { endpointOf, PcieFunction, type FunctionDescription } from './function.ts';

export interface FunctionAgentOptions {
  /** Agent id, and owner of the window in which CPUs find the configuration space. */
  readonly id: string;
  /** The remapping unit's agent, and this agent's number among its requesters. */
  readonly unit: string;
  readonly number: number;
  readonly source: number;
  readonly description: FunctionDescription;
  /** Agents that send requests. Their numbers in messages are their places here. */
  readonly engines: readonly string[];
  /** Words of configuration space that CPUs can read. */
  readonly registers?: readonly number[];
  /** Configuration writes before anything else happens. */
  readonly setup?: readonly (readonly [offset: number, size: 1 | 2 | 4, value: number])[];
  /** Whether an entry of the translation cache is still there may be asked at every hit. */
  readonly lapses?: boolean;
}

export function functionAgent(options: FunctionAgentOptions): Agent {
  return {
    id: options.id,
    kind: 'device',
    registerWrites: 'mailbox',
    run(port) {
      new Service(port, options).run();
    },
  };
}

/** Contents of the readable words before anything happens, for the machine's initial state. */
export function functionRegisters(options: FunctionAgentOptions): readonly { readonly offset: number; readonly value: number }[] {
  const made = madeOf(options);
  return (options.registers ?? []).map((offset) => ({ offset, value: made.config.word(offset) }));
}

function madeOf(options: FunctionAgentOptions): PcieFunction {
  const made = new PcieFunction(options.description);
  for (const [offset, size, value] of options.setup ?? []) made.config.write(offset, size, value);
  return made;
}

class Service implements FunctionLink {
  readonly #port: Port;
  readonly #options: FunctionAgentOptions;
  readonly #function: PcieFunction;
  readonly #endpoint: Endpoint;
  /** Messages of the unit that were not dealt with yet. */
  readonly #inbox: UnitMessage[] = [];
  /** Requests and register writes that came while another request was served. */
  readonly #later: ToUnit[] = [];
  #answer: DmaAnswer | null = null;
  readonly #shown: number[];
  #told = '[]';

  constructor(port: Port, options: FunctionAgentOptions) {
    this.#port = port;
    this.#options = options;
    this.#function = madeOf(options);
    this.#endpoint = endpointOf(this.#function, options.source, this);
    this.#shown = (options.registers ?? []).map((offset) => this.#function.config.word(offset));
    if (options.lapses === true && this.#function.atc !== null) this.#function.atc.cache.lapses = lapsing(port);
  }

  run(): never {
    for (;;) {
      const waiting = this.#later.shift();
      if (waiting === undefined) this.#take();
      else this.#handle(waiting);
      this.#endpoint.serve();
      this.#show();
    }
  }

  request(request: DmaRequest): DmaAnswer {
    this.#post(this.#options.unit, packToUnit({ kind: 'request', request, from: this.#options.number }), 'request');
    this.#answer = null;
    while (this.#answer === null) this.#take();
    return this.#answer;
  }

  landed(ticket: number): void {
    if (ticket !== 0) this.#tell({ kind: 'landed', ticket });
  }

  page(request: Extract<ToUnit, { kind: 'page' }>['request']): void {
    this.#tell({ kind: 'page', request });
  }

  invalidated(tag: number): void {
    this.#tell({ kind: 'invalidated', source: this.#options.source, tag });
  }

  /** What came before something else lies in the inbox by then: nobody has to look whether there is more. */
  receive(wait: boolean): UnitMessage | null {
    while (wait && this.#inbox.length === 0) this.#take();
    return this.#inbox.shift() ?? null;
  }

  /** Takes one message out of the mailbox. Landings are dealt with at once: a completion may wait for them. */
  #take(): void {
    const raw = BigInt(this.#port.op({ kind: 'await', place: mailbox(this.#options.id), order: 'relaxed', until: (value) => value !== 0, next: true, name: 'mailbox' }));
    if (isFromUnit(raw)) {
      const message: FromUnit = unpackFromUnit(raw);
      if (message.kind === 'answer') this.#answer = message.answer;
      else this.#inbox.push(message);
      return;
    }
    const message = unpackToUnit(raw);
    if (message.kind === 'landed') this.#endpoint.landed(message.ticket);
    else this.#later.push(message);
  }

  #handle(message: ToUnit): void {
    if (message.kind === 'request') {
      const answer = this.#serve(message.request, message.asks === true ? 'request' : 'report', message.direct === true);
      this.#post(this.#options.engines[message.from], packFromUnit({ kind: 'answer', answer }), 'answer');
      return;
    }
    if (message.kind !== 'register-write') throw new RangeError(`a function gets no message "${message.kind}"`);
    const { config } = this.#function;
    config.write(message.offset, 4, Number(message.value & 0xffff_ffffn));
    if (message.size === 8) config.write(message.offset + 4, 4, Number(message.value >> 32n));
  }

  /** Answers an engine; a transaction that the unit stalls is waited for here. */
  #serve(request: DmaRequest, onFault: OnFault, untranslated: boolean): DmaAnswer {
    for (;;) {
      const answer = this.#endpoint.translate(request, onFault, untranslated);
      if (answer.kind !== 'stalled') return answer;
      const action = this.#endpoint.resumed(answer.tag);
      if (action === 'abort') return { kind: 'refused', status: 'completer-abort' };
      if (action === 'zero') return { kind: 'zero' };
    }
  }

  /** Puts what has changed where CPUs read it. */
  #show(): void {
    this.#options.registers?.forEach((offset, i) => {
      const value = this.#function.config.word(offset);
      if (value === this.#shown[i]) return;
      this.#shown[i] = value;
      this.#port.op({ kind: 'store', place: { space: 'mmio', owner: this.#options.id, address: offset, size: 4 }, value, order: 'relaxed', name: `+0x${offset.toString(16)}` });
    });
    const { atc } = this.#function;
    if (this.#port.note === undefined || atc === null) return;
    const lines = linesOf(atc.cache);
    const text = JSON.stringify(lines);
    if (text === this.#told) return;
    this.#told = text;
    this.#port.note('iommu-cache', { cache: atc.cache.name, lines });
  }

  #tell(message: Exclude<ToUnit, { kind: 'register-write' }>): void {
    this.#post(this.#options.unit, packToUnit(message), message.kind);
  }

  #post(to: string | undefined, value: bigint, name: string): void {
    if (to !== undefined) this.#port.op({ kind: 'store', place: mailbox(to), value, order: 'relaxed', name });
  }
}
