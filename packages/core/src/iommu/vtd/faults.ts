// SPDX-License-Identifier: Apache-2.0
/**
 * Fault recording registers and FSTS_REG. A fault takes the next register in
 * turn; when that one is still full, FSTS.PFO is set and nothing more is
 * recorded until software clears it ("Primary Fault Logging").
 */
import type { EventMessage } from './events.ts';
import { FaultStatus } from './registers.ts';
import { FaultRecording } from './structures.ts';

/** Who a fault is about. A page request has a type of its own. */
export interface Offender {
  readonly sourceId: number;
  readonly pasid: number | null;
  readonly type: 'untranslated' | 'ats' | 'translated' | 'page';
  readonly write: boolean;
  readonly execute: boolean;
  readonly privileged: boolean;
  readonly address: bigint;
}

export type QueueError = 'IQE' | 'ICE' | 'ITE';

export class FaultLog {
  /** 128 bits each; 0 where there is no fault. */
  readonly records: bigint[];
  /** FSTS.PFO. */
  overflow = false;
  readonly queueErrors = new Set<QueueError>();
  readonly #event: EventMessage;
  #next = 0;
  #first = 0;

  constructor(registers: number, event: EventMessage) {
    this.records = new Array<bigint>(registers).fill(0n);
    this.#event = event;
  }

  get #pending(): boolean {
    return this.records.some((record) => record !== 0n);
  }

  get #quiet(): boolean {
    return !this.overflow && this.queueErrors.size === 0 && !this.#pending;
  }

  /** FSTS_REG. */
  get status(): number {
    const has = (error: QueueError): boolean => this.queueErrors.has(error);
    return Number(FaultStatus.encode({ PFO: this.overflow, PPF: this.#pending, IQE: has('IQE'), ICE: has('ICE'), ITE: has('ITE'), FRI: this.#first }));
  }

  /** A 1 clears; PPF goes with the records. */
  writeStatus(value: number): void {
    const { PFO, IQE, ICE, ITE } = FaultStatus.decode(BigInt(value));
    if (PFO) this.overflow = false;
    if (IQE) this.queueErrors.delete('IQE');
    if (ICE) this.queueErrors.delete('ICE');
    if (ITE) this.queueErrors.delete('ITE');
    this.#settle();
  }

  /** Software clears the F bit of a recording register. */
  clear(index: number): void {
    this.records[index] = 0n;
    this.#settle();
  }

  fail(error: QueueError): void {
    const quiet = this.#quiet;
    this.queueErrors.add(error);
    if (quiet) this.#event.raise();
  }

  /** Whether the fault found a register. */
  record(reason: number, of: Offender): boolean {
    if (this.overflow) return false;
    const quiet = this.#quiet;
    const pending = this.#pending;
    const free = (this.records[this.#next] ?? 0n) === 0n;
    if (free) {
      this.records[this.#next] = encode(reason, of);
      if (!pending) this.#first = this.#next;
      this.#next = (this.#next + 1) % this.records.length;
    } else this.overflow = true;
    if (quiet) this.#event.raise();
    return free;
  }

  #settle(): void {
    if (this.#quiet) this.#event.settle();
  }
}

/** Type, in T1 and T2: 0 write, 1 page request, 2 read. */
function encode(reason: number, of: Offender): bigint {
  return FaultRecording.encode({
    FI: of.address >> 12n,
    SID: of.sourceId,
    PRIV: of.pasid !== null && of.privileged,
    EXE: of.pasid !== null && of.execute,
    PP: of.pasid !== null,
    FR: reason,
    PV: of.pasid ?? 0,
    AT: of.type === 'ats' ? 1 : of.type === 'translated' ? 2 : 0,
    T1: of.type !== 'page' && !of.write,
    T2: of.type === 'page',
    F: true,
  });
}
