// SPDX-License-Identifier: Apache-2.0
/** Memory of an example system, filled with structures by their declarations. */
import type { Field, Layout } from '@dmalab/core/base/layout';
import { hex } from '@dmalab/core/mmu/word';

/** A small system to be walked through; `vector` is what `dmalab walk` reads. */
export interface Example {
  readonly id: string;
  readonly title: string;
  /** The step that it is about; the first where left out. */
  readonly opens?: number;
  readonly vector: Readonly<Record<string, unknown>>;
}

type AnyFields = Readonly<Record<string, Field>>;

export class Image {
  readonly #words = new Map<bigint, bigint>();

  /** Lays a structure down at an address, a multiple of 8. */
  put<F extends AnyFields>(address: bigint, layout: Layout<F>, values: Parameters<Layout<F>['encode']>[0]): this {
    const raw = layout.encode(values);
    for (let i = 0n; i < BigInt(layout.bits / 64); i += 1n) this.#words.set(address + 8n * i, (raw >> (64n * i)) & ((1n << 64n) - 1n));
    return this;
  }

  /** `[["0x1000", "0x5"], …]`: the words that are not 0. */
  get mem(): [string, string][] {
    return [...this.#words].filter(([, word]) => word !== 0n).map(([address, word]) => [hex(address), hex(word)]);
  }
}

/** The frame number that a structure's field holds of an address. */
export const frame = (address: bigint): bigint => address >> 12n;
