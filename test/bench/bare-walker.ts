// SPDX-License-Identifier: Apache-2.0
/**
 * The fastest Sv39 walk that is still one: three reads of flat memory, no
 * checks but V and a leaf, no caches, no faults, no accessed bits. What the units
 * are measured against.
 */
export class BareWalker {
  /** What the last walk reached. */
  frame = 0;
  readonly #words: Uint32Array;
  readonly #root: number;

  /** @param words all of memory from address 0, two words for 8 bytes */
  constructor(words: Uint32Array, root: number) {
    this.#words = words;
    this.#root = root;
  }

  /** Whether the address is mapped; the page's frame is then in `frame`. */
  walk(low: number, high: number): boolean {
    const words = this.#words;
    let table = this.#root;
    for (let shift = 30; ; shift -= 9) {
      const index = (shift === 30 ? (high << 2) | (low >>> 30) : low >>> shift) & 0x1ff;
      const at = (table << 10) | (index << 1);
      const entry = words[at] as number;
      if ((entry & 1) === 0) return false;
      table = ((words[at + 1] as number) << 22) | (entry >>> 10);
      if ((entry & 0xe) !== 0) {
        this.frame = table;
        return true;
      }
      if (shift === 12) return false;
    }
  }
}
