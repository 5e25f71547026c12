// SPDX-License-Identifier: Apache-2.0
/**
 * A device engine's way to a remapping unit, or to its function, that is an
 * agent of the same machine: a request is a message, and its answer another. While the engine
 * waits for the answer it takes what else comes into its mailbox, in order.
 */
import { mailbox, type Port } from '../base/port.ts';
import { packToUnit, unpackFromUnit, type FromUnit, type ToUnit } from '../iommu/messages.ts';
import type { DmaAnswer, DmaRequest, UnitMessage } from '../iommu/unit.ts';
import type { DmaBus, InterruptMessage, OnFault } from './dma-port.ts';

export interface AgentBusOptions {
  /** The engine's agent id: whose mailbox answers come to. */
  readonly self: string;
  readonly unit: string;
  /** The engine's number among the unit's requesters. */
  readonly number: number;
  /** Takes what is no answer: invalidations, page responses. Decisions on stalled transactions are kept here. */
  readonly receive?: (message: UnitMessage, bus: AgentBus) => void;
  /** Takes a write that the unit calls an interrupt. */
  readonly interrupt?: (message: InterruptMessage) => void;
}

export class AgentBus implements DmaBus {
  readonly #port: Port;
  readonly #options: AgentBusOptions;
  /** Decisions on stalled transactions that came while something else was waited for, by tag. */
  readonly #decided = new Map<number, 'retry' | 'abort' | 'zero'>();

  constructor(port: Port, options: AgentBusOptions) {
    this.#port = port;
    this.#options = options;
  }

  translate(request: DmaRequest, onFault: OnFault, untranslated: boolean): DmaAnswer {
    this.send({ kind: 'request', request, from: this.#options.number, ...(onFault === 'request' ? { asks: true } : {}), ...(untranslated ? { direct: true } : {}) });
    for (;;) {
      const message = this.take();
      if (message.kind === 'answer') return message.answer;
      this.#receive(message);
    }
  }

  landed(ticket: number): void {
    if (ticket !== 0) this.send({ kind: 'landed', ticket });
  }

  resumed(tag: number): 'retry' | 'abort' | 'zero' {
    for (;;) {
      const decision = this.#decided.get(tag);
      if (decision !== undefined) {
        this.#decided.delete(tag);
        return decision;
      }
      const message = this.take();
      if (message.kind !== 'answer') this.#receive(message);
    }
  }

  message(message: InterruptMessage): void {
    this.#options.interrupt?.(message);
  }

  send(message: Exclude<ToUnit, { kind: 'register-write' }>): void {
    this.#port.op({ kind: 'store', place: mailbox(this.#options.unit), value: packToUnit(message), order: 'relaxed', name: message.kind });
  }

  /** The next message of the unit. */
  take(): FromUnit {
    const raw = this.#port.op({ kind: 'await', place: mailbox(this.#options.self), order: 'relaxed', until: (value) => value !== 0, next: true, name: 'mailbox' });
    return unpackFromUnit(BigInt(raw));
  }

  #receive(message: UnitMessage): void {
    if (message.kind === 'resume') this.#decided.set(message.tag, message.action);
    else this.#options.receive?.(message, this);
  }
}
