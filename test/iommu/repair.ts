// SPDX-License-Identifier: Apache-2.0
/** Makes the edit that a rule names, as software would. */
import type { Repair } from '@dmalab/core/mmu/format';
import type { PlainMemory } from '@dmalab/core/mmu/plain-memory';

/** @param entry where the structure lies; its bits are counted from there, in words of 64 bits, or of 32 where it is aligned to that alone. Little-endian */
export function applyRepair(memory: PlainMemory, entry: bigint, { set = 0n, clear = 0n }: Repair): void {
  const shift = 8n * (entry & 4n);
  const first = entry & ~7n;
  for (let i = 0n; (set | clear) >> (64n * i) !== 0n; i += 1n) {
    const at = first + 8n * i;
    const part = (mask: bigint): bigint => BigInt.asUintN(64, BigInt.asUintN(64, mask >> (64n * i)) << shift);
    memory.poke(at, (memory.peek(at) & ~part(clear)) | part(set));
  }
}
