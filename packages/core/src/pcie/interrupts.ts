// SPDX-License-Identifier: Apache-2.0
/**
 * Interrupts of a function as messages: the MSI-X table in a BAR, and a message
 * as the memory write that it is. A vector that is masked when it is raised
 * stays pending, and is sent when it is unmasked (PCIe 5.0, "MSI and MSI-X
 * Operation").
 */
import type { DmaFault, DmaPort } from './dma-port.ts';
import { MsixEntry } from './config-structures.ts';

/** What is written, and where. */
export interface MsiMessage {
  readonly address: bigint;
  readonly data: number;
}

const ENTRY = 16;
const CONTROL = 12;

/** The table and the pending bits. The function's enable and mask bits come with each call: they are in its configuration space. */
export class MsixVectors {
  readonly count: number;
  readonly #words: Uint32Array;
  readonly #pending = new Set<number>();

  /** @throws RangeError for a number of vectors that no table has */
  constructor(count: number) {
    if (!Number.isInteger(count) || count < 1 || count > 2048) throw new RangeError(`${count} vectors of MSI-X; expected 1 to 2048`);
    this.count = count;
    this.#words = new Uint32Array(4 * count);
    // Every vector is masked after reset.
    for (let vector = 0; vector < count; vector += 1) this.#words[4 * vector + 3] = 1;
  }

  /** A word of the table. Outside, or off its word: 0. */
  read(offset: number): number {
    return offset % 4 === 0 ? (this.#words[offset / 4] ?? 0) : 0;
  }

  write(offset: number, value: number): void {
    if (offset % 4 !== 0 || offset < 0 || offset >= ENTRY * this.count) return;
    // Of the control word only the mask bit is there; addresses are of whole words.
    const kept = offset % ENTRY === CONTROL ? value & 1 : offset % ENTRY === 0 ? value & ~3 : value;
    this.#words[offset / 4] = kept >>> 0;
  }

  /** 32 pending bits, from vector 32 × `word`. */
  pending(word: number): number {
    let bits = 0;
    for (let i = 0; i < 32; i += 1) if (this.#pending.has(32 * word + i)) bits |= 1 << i;
    return bits >>> 0;
  }

  /** Raises a vector. Null: it is masked, and pending now. @throws RangeError for a vector that is not there */
  raise(vector: number, functionMask: boolean): MsiMessage | null {
    if (!Number.isInteger(vector) || vector < 0 || vector >= this.count) throw new RangeError(`vector ${vector} of ${this.count}`);
    if (functionMask || this.#isMasked(vector)) {
      this.#pending.add(vector);
      return null;
    }
    return this.#message(vector);
  }

  /** Messages of vectors that were pending and are masked no longer, lowest first. */
  released(functionMask: boolean): readonly MsiMessage[] {
    if (functionMask) return [];
    const open = [...this.#pending].filter((vector) => !this.#isMasked(vector)).sort((a, b) => a - b);
    for (const vector of open) this.#pending.delete(vector);
    return open.map((vector) => this.#message(vector));
  }

  #isMasked(vector: number): boolean {
    return ((this.#words[4 * vector + 3] ?? 1) & 1) !== 0;
  }

  #message(vector: number): MsiMessage {
    const raw = [0, 1, 2, 3].reduce((all, i) => all | (BigInt(this.#words[4 * vector + i] ?? 0) << BigInt(32 * i)), 0n);
    const { address, data } = MsixEntry.decode(raw);
    return { address: address << 2n, data };
  }
}

/**
 * Sends a message: one posted write of four bytes, untranslated, without PASID and in order, so that it comes behind what the function wrote before.
 * @returns why it did not arrive; null: it did
 */
export function sendMessage(dma: DmaPort, { address, data }: MsiMessage, name: string): DmaFault | null {
  return dma.as({ pasid: null, privileged: false, execute: false, relaxed: false, onFault: 'report', untranslated: true }).tryStore(address, 4, data >>> 0, name).fault;
}
