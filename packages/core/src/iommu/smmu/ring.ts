// SPDX-License-Identifier: Apache-2.0
/**
 * A queue in memory (IHI 0070, 3.5): indexes have a wrap bit just above them, so
 * that a full queue and an empty one differ. Output queues have an overflow flag
 * in bit 31, active while it differs from the one that software writes.
 */
import { OutputProd, QueueBase } from './registers.ts';

/** Both registers of a queue are laid out alike. */
const INDEX = OutputProd.decode(0xffff_ffffn).WR;
const FLAG = Number(OutputProd.encode({ OVFLG: true }));

export class Ring {
  base = 0n;
  /** Where the next record goes, and the one that is taken next: index, wrap bit, nothing else. */
  #prod = 0;
  #cons = 0;
  /** OVFLG and OVACKFLG. */
  #lost = false;
  #acknowledged = false;
  readonly #entryBytes: number;
  readonly #largest: number;
  readonly #addressBits: number;
  #bits = 0;
  #root = 0;

  /** @param largest log2 of the entries that the unit can take (IDR1) */
  constructor(entryBytes: number, largest: number, addressBits: number) {
    this.#entryBytes = entryBytes;
    this.#largest = Math.min(19, largest);
    this.#addressBits = addressBits;
  }

  writeBase(value: bigint): void {
    const { LOG2SIZE, ADDR, RWA } = QueueBase.decode(value);
    this.base = QueueBase.encode({ LOG2SIZE, ADDR, RWA });
    this.#bits = Math.min(LOG2SIZE, this.#largest);
    const bytes = Math.max(32, 2 ** this.#bits * this.#entryBytes);
    const address = Number(ADDR) * 32;
    // Bits below the size and above the output size count as zero (3.4.3).
    this.#root = (address - (address % bytes)) % 2 ** this.#addressBits;
  }

  get empty(): boolean {
    return ((this.#prod ^ this.#cons) & (2 ** (this.#bits + 1) - 1)) === 0;
  }

  get full(): boolean {
    return ((this.#prod ^ this.#cons) & (2 ** (this.#bits + 1) - 1)) === 2 ** this.#bits;
  }

  /** Whether records were lost that software does not know of. */
  get overflowed(): boolean {
    return this.#lost !== this.#acknowledged;
  }

  overflow(): void {
    if (!this.overflowed) this.#lost = !this.#lost;
  }

  get prod(): number {
    return (this.#prod | (this.#lost ? FLAG : 0)) >>> 0;
  }

  set prod(value: number) {
    this.#prod = value & INDEX;
    this.#lost = (value & FLAG) !== 0;
  }

  get cons(): number {
    return (this.#cons | (this.#acknowledged ? FLAG : 0)) >>> 0;
  }

  set cons(value: number) {
    this.#cons = value & INDEX;
    this.#acknowledged = (value & FLAG) !== 0;
  }

  /** Physical address of the entry that is produced, or taken, next. */
  get head(): number {
    return this.#root + (this.#prod % 2 ** this.#bits) * this.#entryBytes;
  }

  get tail(): number {
    return this.#root + (this.#cons % 2 ** this.#bits) * this.#entryBytes;
  }

  produced(): void {
    this.#prod = this.#next(this.#prod);
  }

  taken(): void {
    this.#cons = this.#next(this.#cons);
  }

  #next(index: number): number {
    return (index + 1) & (2 ** (this.#bits + 1) - 1);
  }
}
