// SPDX-License-Identifier: Apache-2.0
/** Random memory and addresses for VT-d and SMMUv3: words that look like entries of any kind. */
import type { PlainMemory } from '@dmalab/core/mmu/plain-memory';
import type { Dice } from '../support/dice.ts';

export const BASE = 0x100n;
export const FRAMES = 12;

export const frame = (dice: Dice): bigint => (dice.chance(96) ? BASE + BigInt(dice.below(FRAMES)) : dice.word() & 0xf_ffff_ffffn);

/** Low flags, a frame, now and then high bits. */
export function fill(dice: Dice, memory: PlainMemory): void {
  for (let i = 0; i < FRAMES; i += 1) {
    const noise = dice.below(3);
    for (let at = 0n; at < 4096n; at += 8n) {
      if (dice.chance(10)) continue;
      const high = dice.chance(noise) ? dice.word() & (0xfff0_0000_0000_0000n | (dice.chance(30) ? 0xf_f000_0000_0000n : 0n)) : 0n;
      const flags = dice.chance(80) ? 3n | BigInt(dice.below(512) << 2) : BigInt(dice.below(4096));
      memory.poke(((BASE + BigInt(i)) << 12n) + at, high | (frame(dice) << 12n) | (dice.chance(70) ? flags : flags & 0x667n));
    }
  }
  const stretch = (): bigint[] => (dice.chance(50) ? [] : Array.from({ length: 64 }, (_, i) => ((BASE + BigInt(i % FRAMES)) << 12n) + BigInt(dice.below(4096))));
  memory.damage(stretch(), stretch());
}

export const address = (dice: Dice): bigint => dice.pick([() => BigInt(dice.bits()), () => (BASE << 12n) + BigInt(dice.below(1 << 16)), () => dice.word() & 0x7fff_ffff_ffffn, () => dice.word(), () => BigInt.asUintN(64, -BigInt(dice.bits()))])();

export const put = (memory: PlainMemory, at: bigint, words: readonly bigint[]): void => words.forEach((word, i) => memory.poke(at + BigInt(8 * i), word));
