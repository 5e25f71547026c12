// SPDX-License-Identifier: Apache-2.0
/** Random tables and registers for VT-d and SMMUv3: never an exception, always an address or a known reason. `DMALAB_FUZZ` sets the number of requests. */
import { describe, expect, it } from 'vitest';
import { PlainMemory } from '@dmalab/core/mmu/plain-memory';
import { smmuFeatures } from '@dmalab/core/iommu/smmu/contexts';
import { EVENTS, SmmuUnit } from '@dmalab/core/iommu/smmu/unit';
import { REASONS } from '@dmalab/core/iommu/vtd/reasons';
import { VtdUnit } from '@dmalab/core/iommu/vtd/unit';
import { Dice } from '../support/dice.ts';

const CASES = Number(process.env['DMALAB_FUZZ'] ?? 20_000);
const PER_SYSTEM = 100;
const BASE = 0x100n;
const FRAMES = 12;

const frame = (dice: Dice): bigint => (dice.chance(96) ? BASE + BigInt(dice.below(FRAMES)) : dice.word() & 0xf_ffff_ffffn);

/** Memory of words that look like entries of any kind: low flags, a frame, now and then high bits. */
function fill(dice: Dice, memory: PlainMemory): void {
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

const address = (dice: Dice): bigint => dice.pick([() => BigInt(dice.bits()), () => (BASE << 12n) + BigInt(dice.below(1 << 16)), () => dice.word() & 0x7fff_ffff_ffffn, () => dice.word(), () => BigInt.asUintN(64, -BigInt(dice.bits()))])();

function everyCase(seedOffset: number, prepare: (dice: Dice, memory: PlainMemory) => () => string): Map<string, number> {
  const seen = new Map<string, number>();
  for (let seed = 0; seed * PER_SYSTEM < CASES; seed += 1) {
    const dice = new Dice(seed + seedOffset);
    const memory = new PlainMemory([[0n, 1n << 36n]]);
    fill(dice, memory);
    const once = prepare(dice, memory);
    for (let i = 0; i < PER_SYSTEM; i += 1) {
      try {
        const what = once();
        seen.set(what, (seen.get(what) ?? 0) + 1);
      } catch (error) {
        throw new Error(`seed ${seed}, request ${i}: ${String(error)}`, { cause: error });
      }
    }
  }
  return seen;
}

describe('random systems always answer', () => {
  it('VT-d', { timeout: 600_000 }, () => {
    const seen = everyCase(1_000_000, (dice, memory) => {
      /** A valid context and PASID entry in front of the noise, mostly. */
      const put = (at: bigint, words: readonly bigint[]): void => words.forEach((word, i) => memory.poke(at + BigInt(8 * i), word));
      const unit = new VtdUnit(memory, { capability: dice.word() | (dice.chance(80) ? 0x1100_00ff_00c0_0e00n | (56n << 16n) : 0n), extended: dice.chance(80) ? 0xffff_ffff_ffff_ffffn : dice.word(), hostBits: dice.pick([36, 46, 52]) });
      unit.rootTable = (BASE << 12n) | (BigInt(dice.pick([0, 1, 1, 1, dice.below(4)])) << 10n);
      if (dice.chance(85)) {
        put(BASE << 12n, [(BASE + 1n) << 12n | 1n, dice.chance(50) ? 0n : (BASE + 1n) << 12n | 1n]);
        put((BASE + 1n) << 12n, (unit.rootTable & 0xc00n) === 0n ? [(frame(dice) << 12n) | BigInt(dice.pick([1, 1, 3, 5, 9])), BigInt(1 + dice.below(3))] : [(BASE + 2n) << 12n | 1n | BigInt(dice.below(16) << 1), BigInt(dice.below(2)) << 20n, 0n, 0n]);
        put((BASE + 2n) << 12n, [(BASE + 3n) << 12n | 1n]);
        const kind = BigInt(1 + dice.below(4));
        put((BASE + 3n) << 12n, [(frame(dice) << 12n) | (BigInt(dice.below(2)) << 9n) | (kind << 6n) | (BigInt(1 + dice.below(3)) << 2n) | 1n, BigInt(dice.below(4)) << 23n, (frame(dice) << 12n) | BigInt(dice.below(256) & 0xf7 & ~(dice.chance(90) ? 8 : 0)), 0n, 0n, 0n, 0n, 0n]);
      }
      return () => {
        unit.clearRecord(0);
        unit.overflow = false;
        const answer = unit.translate({ sourceId: dice.chance(90) ? 0 : dice.below(0x1_0000), pasid: dice.chance(50) ? (dice.chance(90) ? 0 : dice.below(1 << 20)) : null, type: dice.pick(['untranslated', 'untranslated', 'ats', 'translated'] as const), write: dice.chance(40), execute: dice.chance(15), privileged: dice.chance(30), address: address(dice) });
        if (answer.kind !== 'refused') return answer.kind;
        const { reason, why } = answer.fault;
        if (REASONS[reason] === undefined || why.rule.text === '' || why.rule.section === '') throw new Error(`reason 0x${reason.toString(16)}`);
        return `0x${reason.toString(16)}`;
      };
    });
    expect(seen.get('translated')).toBeGreaterThan(CASES / 100);
    expect([...seen.keys()].length).toBeGreaterThan(35);
  });

  it('SMMUv3', { timeout: 600_000 }, () => {
    const seen = everyCase(2_000_000, (dice, memory) => {
      const put = (at: bigint, words: readonly bigint[]): void => words.forEach((word, i) => memory.poke(at + BigInt(8 * i), word));
      const features = dice.chance(70) ? smmuFeatures(0xd441_01b | (dice.below(4) << 6), 0x273_0010, 0x70 | dice.below(8)) : smmuFeatures(dice.bits(), dice.bits(), dice.bits());
      const unit = new SmmuUnit(memory, { features, spans: dice.chance(50) ? 'exact' : 'twice' });
      unit.registers = { cr0: dice.chance(95) ? 13 : dice.below(16), gbpa: dice.bits(), tableBase: BASE << 12n, tableConfig: dice.chance(80) ? 6 : dice.bits() };
      if (dice.chance(85)) {
        const second = (BigInt(dice.chance(80) ? 24 + dice.below(10) : dice.below(64)) << 32n) | (BigInt(dice.chance(80) ? 1 : dice.below(4)) << 38n) | (BigInt(dice.pick([0, 0, 1, 2, 3])) << 46n) | (BigInt(dice.chance(80) ? 5 : dice.below(8)) << 48n) | (1n << 51n) | (BigInt(dice.below(2)) << 53n) | (1n << 58n);
        put(BASE << 12n, [1n | (BigInt(dice.chance(90) ? 5 + dice.below(3) : dice.below(8)) << 1n) | ((BASE + 1n) << 12n), dice.chance(95) ? 0n : dice.word(), second, frame(dice) << 12n, 0n, 0n, 0n, 0n]);
        const low = BigInt(dice.chance(85) ? 16 + dice.below(24) : dice.below(64)) | (BigInt(dice.pick([0, 0, 0, 1, 2, 3])) << 6n) | (25n << 16n) | (2n << 22n) | (BigInt(dice.below(2)) << 30n) | (1n << 31n);
        put((BASE + 1n) << 12n, [low | ((dice.chance(90) ? 0x6204n : BigInt(dice.below(0x1_0000))) << 32n), frame(dice) << 12n, frame(dice) << 12n, 0n, 0n, 0n, 0n, 0n]);
      }
      return () => {
        const answer = unit.translate({ streamId: dice.chance(95) ? 0 : dice.bits(), write: dice.chance(40), privileged: dice.chance(30), address: address(dice) });
        if (answer.kind !== 'refused') return answer.kind;
        const { event, why } = answer.fault;
        if (!Object.values(EVENTS).some((known) => known === event) || why.rule.text === '' || why.rule.section === '') throw new Error(`event ${event}`);
        return String(event);
      };
    });
    const missing = [...Object.values(EVENTS).map(String), 'translated', 'aborted'].filter((what) => (seen.get(what) ?? 0) < Math.max(1, CASES / 10_000));
    expect(missing).toEqual([]);
  });
});
