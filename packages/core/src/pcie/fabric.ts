// SPDX-License-Identifier: Apache-2.0
/**
 * The shortest fabric: a remapping unit, and functions that call it directly.
 * Messages of the unit lie in a mailbox per function until it takes them. A
 * function that waits lets the unit work on its queue, and then software.
 *
 * What machines put in its place goes through the memory model; this one is
 * for benches, playgrounds and tests.
 */
import type { DmaAnswer, DmaRequest, PageRequestMessage, RemappingUnit, UnitMessage, UnitOutside } from '../iommu/unit.ts';
import type { DmaBus, InterruptMessage } from './dma-port.ts';
import type { FunctionLink } from './endpoint.ts';

export class Fabric implements UnitOutside {
  /** Work of software while a function waits; returns whether it did anything. */
  software: () => boolean = () => false;
  /** Wires that the unit raised, in order. */
  readonly wires: string[] = [];
  /** Interrupt messages of functions, in order. */
  readonly messages: InterruptMessage[] = [];
  #unit: RemappingUnit | null = null;
  readonly #mail = new Map<number, UnitMessage[]>();

  /** The unit is made with the fabric as its outside, and attached then. */
  attach(unit: RemappingUnit): void {
    this.#unit = unit;
  }

  get unit(): RemappingUnit {
    if (this.#unit === null) throw new RangeError('no unit is attached');
    return this.#unit;
  }

  send(message: UnitMessage): void {
    this.#mailOf(message.source).push(message);
  }

  wire(cause: string): void {
    this.wires.push(cause);
  }

  /** Lets the unit run until its queue is empty or waits. */
  settle(): void {
    while (this.unit.step() === 'ran');
  }

  /** Upstream of a function with ATS. */
  link(source: number): FunctionLink {
    return {
      request: (request: DmaRequest) => this.unit.serve(request),
      landed: (ticket: number) => {
        this.unit.landed(ticket);
      },
      page: (request: PageRequestMessage) => {
        this.unit.page(request);
      },
      invalidated: (tag: number) => {
        this.unit.invalidated(source, tag);
      },
      receive: (wait: boolean) => this.#receive(source, wait),
      message: (message: InterruptMessage) => {
        this.messages.push(message);
      },
    };
  }

  /** Upstream of a function that knows nothing of translation. */
  bus(source: number): DmaBus {
    const link = this.link(source);
    return {
      translate: (request: DmaRequest): DmaAnswer => link.request(request),
      landed: (ticket: number) => {
        link.landed(ticket);
      },
      resumed: (tag: number) => {
        for (;;) {
          const message = link.receive(true);
          if (message === null) return 'abort';
          if (message.kind === 'resume' && message.tag === tag) return message.action;
        }
      },
      message: (message: InterruptMessage) => {
        this.messages.push(message);
      },
    };
  }

  #receive(source: number, wait: boolean): UnitMessage | null {
    const mail = this.#mailOf(source);
    while (wait && mail.length === 0) if (this.unit.step() !== 'ran' && !this.software()) return null;
    return mail.shift() ?? null;
  }

  #mailOf(source: number): UnitMessage[] {
    let mail = this.#mail.get(source);
    if (mail === undefined) this.#mail.set(source, (mail = []));
    return mail;
  }
}
