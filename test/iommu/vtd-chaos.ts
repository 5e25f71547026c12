// SPDX-License-Identifier: Apache-2.0
/** Random VT-d units: a context and a PASID entry that mostly hold, in front of noise. */
import type { PlainMemory } from '@dmalab/core/mmu/plain-memory';
import type { VtdRequest } from '@dmalab/core/iommu/vtd/contexts';
import { VtdUnit } from '@dmalab/core/iommu/vtd/unit';
import type { Dice } from '../support/dice.ts';
import { address, BASE, fill, frame, put } from './noise.ts';

export function randomVtd(dice: Dice, memory: PlainMemory): VtdUnit {
  fill(dice, memory);
  const unit = new VtdUnit(memory, { capability: dice.word() | (dice.chance(80) ? 0x1100_00ff_00c0_0e00n | (56n << 16n) : 0n), extended: dice.chance(80) ? 0xffff_ffff_ffff_ffffn : dice.word(), hostBits: dice.pick([36, 46, 52]) });
  unit.rootTable = (BASE << 12n) | (BigInt(dice.pick([0, 1, 1, 1, dice.below(4)])) << 10n);
  if (dice.chance(85)) {
    put(memory, BASE << 12n, [((BASE + 1n) << 12n) | 1n, dice.chance(50) ? 0n : ((BASE + 1n) << 12n) | 1n]);
    put(memory, (BASE + 1n) << 12n, (unit.rootTable & 0xc00n) === 0n ? [(frame(dice) << 12n) | BigInt(dice.pick([1, 1, 3, 5, 9])), BigInt(1 + dice.below(3))] : [((BASE + 2n) << 12n) | 1n | BigInt(dice.below(16) << 1), BigInt(dice.below(2)) << 20n, 0n, 0n]);
    put(memory, (BASE + 2n) << 12n, [((BASE + 3n) << 12n) | 1n]);
    const kind = BigInt(1 + dice.below(4));
    put(memory, (BASE + 3n) << 12n, [(frame(dice) << 12n) | (BigInt(dice.below(2)) << 9n) | (kind << 6n) | (BigInt(1 + dice.below(3)) << 2n) | 1n, BigInt(dice.below(4)) << 23n, (frame(dice) << 12n) | BigInt(dice.below(256) & 0xf7 & ~(dice.chance(90) ? 8 : 0)), 0n, 0n, 0n, 0n, 0n]);
  }
  return unit;
}

export const randomVtdRequest = (dice: Dice): VtdRequest => ({
  sourceId: dice.chance(90) ? 0 : dice.below(0x1_0000),
  pasid: dice.chance(50) ? (dice.chance(90) ? 0 : dice.below(1 << 20)) : null,
  type: dice.pick(['untranslated', 'untranslated', 'ats', 'translated'] as const),
  write: dice.chance(40),
  execute: dice.chance(15),
  privileged: dice.chance(30),
  address: address(dice),
});
