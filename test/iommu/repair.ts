// SPDX-License-Identifier: Apache-2.0
/** Makes the edit that a rule names, as software would. */
import type { Repair, Rule } from '@dmalab/core/mmu/format';
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

/** Bits that a rule says it is about: `7`, `62, 51:12, 7`; null where it does not say. */
export function bitsNamed(rule: Rule): bigint | null {
  if (!/^\d/.test(rule.bits)) return null;
  return rule.bits.split(',').reduce((sum, part) => {
    const [high = 0, low = high] = part.trim().split(':').map(Number);
    return sum | (((1n << BigInt(high - low + 1)) - 1n) << BigInt(low));
  }, 0n);
}
