// SPDX-License-Identifier: Apache-2.0
/** Global errors and interrupts (IHI 0070, 3.18, 7.5): a message where one is set up, otherwise the source's wire. */
import type { Bus } from '../bus.ts';
import type { SmmuFeatures } from './features.ts';
import { Gerror, IrqCfg0, IrqCfg2 } from './registers.ts';

export const ERRORS = {
  command: 1 << 0,
  event: 1 << 2,
  page: 1 << 3,
  syncMessage: 1 << 4,
  eventMessage: 1 << 5,
  pageMessage: 1 << 6,
  errorMessage: 1 << 7,
} as const;

export type Source = 'gerror' | 'priq' | 'eventq';
/** Bits of IRQ_CTRL. */
const ENABLE = { gerror: 1, priq: 2, eventq: 4 } as const;
const FAILS = { gerror: ERRORS.errorMessage, priq: ERRORS.pageMessage, eventq: ERRORS.eventMessage } as const;
const KNOWN = Number(Gerror.encode({ CMDQ_ERR: true, EVENTQ_ABT_ERR: true, PRIQ_ABT_ERR: true, MSI_CMDQ_ABT_ERR: true, MSI_EVENTQ_ABT_ERR: true, MSI_PRIQ_ABT_ERR: true, MSI_GERROR_ABT_ERR: true, SFM_ERR: true }));

interface Message {
  cfg0: bigint;
  data: number;
  cfg2: number;
}

export class SmmuInterrupts {
  /** IRQ_CTRL. */
  control = 0;
  errors = 0;
  #acknowledged = 0;
  readonly messages: Readonly<Record<Source, Message>> = { gerror: { cfg0: 0n, data: 0, cfg2: 0 }, priq: { cfg0: 0n, data: 0, cfg2: 0 }, eventq: { cfg0: 0n, data: 0, cfg2: 0 } };
  readonly #bus: Bus;
  readonly #features: SmmuFeatures;
  readonly #wire: (cause: string) => void;

  constructor(bus: Bus, features: SmmuFeatures, wire: (cause: string) => void) {
    this.#bus = bus;
    this.#features = features;
    this.#wire = wire;
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  set acknowledged(value: number) {
    this.#acknowledged = value & KNOWN;
  }

  isActive(error: number): boolean {
    return ((this.errors ^ this.#acknowledged) & error) !== 0;
  }

  /** Activates an error; one that is active already says nothing new. */
  fail(error: number): void {
    if (this.isActive(error)) return;
    this.errors ^= error;
    if (error !== ERRORS.errorMessage) this.raise('gerror');
  }

  /** PRIQ_IRQ_CFG2.LO: interrupt at the last request of a group. */
  get atLast(): boolean {
    return IrqCfg2.decode(BigInt(this.messages.priq.cfg2)).LO;
  }

  raise(source: Source): void {
    if ((this.control & ENABLE[source]) === 0) return;
    const { cfg0, data } = this.messages[source];
    const address = Number(IrqCfg0.decode(cfg0).ADDR) * 4;
    if (!this.#features.msi || address === 0) this.#wire(source);
    else if (!this.#store(address, data)) this.fail(FAILS[source]);
  }

  /** The end of a SYNC; IRQ_CTRL does not decide about it. */
  synced(signal: 'interrupt' | 'event', address: number, data: number): void {
    if (signal === 'event') {
      if (this.#features.sev) this.#wire('event');
    } else if (!this.#features.msi || address === 0) this.#wire('sync');
    else if (!this.#store(address, data)) this.fail(ERRORS.syncMessage);
  }

  /** Addresses are cut to the output size (3.4.3). */
  #store(address: number, data: number): boolean {
    const at = address % 2 ** this.#features.outputBits;
    return this.#bus.storeWords('message of an interrupt', Math.floor(at / 4096), at % 4096, 4, false, [BigInt(data)]) === 'ok';
  }
}
