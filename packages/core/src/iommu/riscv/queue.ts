// SPDX-License-Identifier: Apache-2.0
/** A ring in memory with its base, head, tail and control register, as far as the three queues are alike. */
import { QueueBase, RecordQueueControl } from './registers.ts';

const bit = (of: Parameters<typeof RecordQueueControl.encode>[0]): number => Number(RecordQueueControl.encode(of));
/** Bits of fqcsr and pqcsr; all but OF are in cqcsr too. */
const EN = bit({ en: true });
export const IE = bit({ ie: true });
export const MF = bit({ mf: true });
export const OF = bit({ of: true });
export const ON = bit({ on: true });

export class Queue {
  base = 0n;
  head = 0;
  tail = 0;
  control = 0;
  readonly #entryBytes: number;
  /** The bits of `control` that hold errors and clear when 1 is written. */
  readonly #errors: number;
  readonly #frameMask: bigint;
  #rootFrame = 0;
  #indexMask = 1;

  constructor(entryBytes: number, errors: number, addressBits: number) {
    this.#entryBytes = entryBytes;
    this.#errors = errors;
    this.#frameMask = (1n << BigInt(Math.min(44, Math.max(0, addressBits - 12)))) - 1n;
  }

  get on(): boolean {
    return (this.control & ON) !== 0;
  }

  get failed(): boolean {
    return (this.control & this.#errors) !== 0;
  }

  get full(): boolean {
    return this.tail === this.#mask(this.head - 1);
  }

  /** Ignored while the queue runs. */
  writeBase(value: bigint): void {
    if (this.on) return;
    const { log2size } = QueueBase.decode(value);
    const frame = (value >> 10n) & this.#frameMask;
    this.base = QueueBase.encode({ log2size, PPN: frame });
    this.#rootFrame = Number(frame);
    this.#indexMask = (2 ** (log2size + 1) - 1) >>> 0;
    this.head = this.#mask(this.head);
    this.tail = this.#mask(this.tail);
  }

  writeHead(value: number): void {
    this.head = this.#mask(value);
  }

  writeTail(value: number): void {
    this.tail = this.#mask(value);
  }

  /** Enable, disable and clear errors. Returns whether the queue was switched on by this write. */
  writeControl(value: number): boolean {
    const starts = (value & EN) !== 0 && (this.control & EN) === 0;
    const errors = starts ? 0 : this.control & this.#errors & ~value;
    this.control = (value & (EN | IE)) | errors | ((value & EN) !== 0 ? ON : 0);
    return starts;
  }

  advanceHead(): void {
    this.head = this.#mask(this.head + 1);
  }

  advanceTail(): void {
    this.tail = this.#mask(this.tail + 1);
  }

  frameOf(index: number): number {
    return this.#rootFrame + Math.floor((index * this.#entryBytes) / 4096);
  }

  offsetOf(index: number): number {
    return (index * this.#entryBytes) % 4096;
  }

  #mask(index: number): number {
    return (index & this.#indexMask) >>> 0;
  }
}
