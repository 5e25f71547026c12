// SPDX-License-Identifier: Apache-2.0
/** Random SMMUv3 units: a stream table entry and a context descriptor that mostly hold, in front of noise. */
import type { PlainMemory } from '@dmalab/core/mmu/plain-memory';
import { OFFSET } from '@dmalab/core/iommu/smmu/registers';
import { smmuFeatures } from '@dmalab/core/iommu/smmu/features';
import type { SmmuRequest } from '@dmalab/core/iommu/smmu/translate';
import { SmmuUnit } from '@dmalab/core/iommu/smmu/unit';
import type { Dice } from '../support/dice.ts';
import { address, BASE, fill, frame, put } from './noise.ts';

const QUEUE = BASE + 64n;
const GEOMETRY = { sets: 2, ways: 2, policy: 'lru' } as const;

/** @param order of tables: `little` leaves no other; `caches`: a few entries of each kind are remembered */
export function randomSmmu(dice: Dice, memory: PlainMemory, order: 'any' | 'little' = 'any', caches = false): SmmuUnit {
  const ordered = (idr0: number): number => (order === 'any' ? idr0 : (idr0 & ~(3 << 21)) | (2 << 21));
  fill(dice, memory);
  const features = dice.chance(70) ? smmuFeatures(ordered((dice.chance(50) ? 0xd44_101b : 0x8c_1d1b) | (dice.below(4) << 6)), 0x273_0010 | (dice.pick([0, 5, 20]) << 6), 0x70 | dice.below(8)) : smmuFeatures(ordered(dice.bits()), dice.bits(), dice.bits());
  const unit = new SmmuUnit(memory, { features, spans: dice.chance(50) ? 'exact' : 'twice', ...(caches ? { caches: { tlb: GEOMETRY, configuration: GEOMETRY } } : {}) });
  unit.writeRegister(OFFSET.CMDQ_BASE, 8, (QUEUE << 12n) | 4n);
  unit.writeRegister(OFFSET.EVENTQ_BASE, 8, ((QUEUE + 1n) << 12n) | 4n);
  unit.writeRegister(OFFSET.PRIQ_BASE, 8, ((QUEUE + 2n) << 12n) | 4n);
  unit.registers = { cr0: dice.chance(95) ? 13 | (dice.below(2) << 4) : dice.below(32), gbpa: dice.bits(), tableBase: BASE << 12n, tableConfig: dice.chance(80) ? 6 : dice.bits() };
  if (dice.chance(85)) {
    const second = (BigInt(dice.chance(80) ? 24 + dice.below(10) : dice.below(64)) << 32n) | (BigInt(dice.chance(80) ? 1 : dice.below(4)) << 38n) | (BigInt(dice.pick([0, 0, 1, 2, 3])) << 46n) | (BigInt(dice.chance(80) ? 5 : dice.below(8)) << 48n) | (1n << 51n) | (BigInt(dice.below(2)) << 53n) | (dice.chance(20) ? 1n << 57n : 0n) | (1n << 58n);
    put(memory, BASE << 12n, [1n | (BigInt(dice.chance(90) ? 5 + dice.below(3) : dice.below(8)) << 1n) | ((BASE + 1n) << 12n) | (dice.chance(40) ? (BigInt(dice.below(8)) << 59n) | (BigInt(dice.below(4)) << 4n) : 0n), dice.chance(95) ? BigInt(dice.below(4)) | (BigInt(dice.below(4)) << 28n) : dice.word(), second, frame(dice) << 12n, 0n, 0n, 0n, 0n]);
    const low = BigInt(dice.chance(85) ? 16 + dice.below(24) : dice.below(64)) | (BigInt(dice.pick([0, 0, 0, 1, 2, 3])) << 6n) | (25n << 16n) | (2n << 22n) | (BigInt(dice.below(2)) << 30n) | (1n << 31n);
    put(memory, (BASE + 1n) << 12n, [low | ((dice.chance(90) ? 0x2204n | (dice.chance(60) ? 0x4000n : 0n) | (dice.chance(25) ? 0x1000n : 0n) : BigInt(dice.below(0x1_0000))) << 32n), frame(dice) << 12n, frame(dice) << 12n, 0n, 0n, 0n, 0n, 0n]);
  }
  return unit;
}

/** One command, mostly one that exists, where software would put it. */
export function queueCommand(dice: Dice, memory: PlainMemory, unit: SmmuUnit): void {
  const { commandQueue: ring } = unit;
  // Whatever error there was is acknowledged.
  unit.writeRegister(OFFSET.GERRORN, 4, unit.readRegister(OFFSET.GERROR, 4));
  if (ring.full) return;
  const known = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x10, 0x11, 0x12, 0x13, 0x20, 0x21, 0x22, 0x28, 0x2a, 0x30, 0x40, 0x41, 0x44, 0x45, 0x46];
  const low = dice.chance(85) ? BigInt(dice.pick(known)) | (dice.chance(50) ? 0n : dice.word() & 0xffff_ffff_ffff_f800n & dice.word()) : dice.word();
  memory.poke(BigInt(ring.head), low);
  memory.poke(BigInt(ring.head) + 8n, dice.chance(60) ? 0n : dice.word() & dice.word());
  ring.produced();
}

export const randomSmmuRequest = (dice: Dice): SmmuRequest => ({
  streamId: dice.chance(95) ? 0 : dice.bits(),
  substream: dice.chance(70) ? null : dice.below(dice.pick([1, 4, 300])),
  type: dice.pick(['untranslated', 'untranslated', 'untranslated', 'untranslated', 'ats', 'translated'] as const),
  write: dice.chance(40),
  execute: dice.chance(15),
  privileged: dice.chance(30),
  noWrite: dice.chance(50),
  address: address(dice),
});
