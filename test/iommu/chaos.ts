// SPDX-License-Identifier: Apache-2.0
/** What random systems have in common: memory that may refuse to change, everything a unit can be asked beside translations, and counts. */
import { PlainMemory } from '@dmalab/core/mmu/plain-memory';
import type { AccessStatus } from '@dmalab/core/mmu/port';
import type { DmaRequest, RemappingUnit } from '@dmalab/core/iommu/unit';
import type { Dice } from '../support/dice.ts';

export const CASES = Number(process.env['DMALAB_FUZZ'] ?? 20_000);

/** Some frames can be read, and not exchanged. */
export class StubbornMemory extends PlainMemory {
  #stubborn: ReadonlySet<number> = new Set();

  keep(frames: readonly bigint[]): void {
    this.#stubborn = new Set(frames.map(Number));
  }

  override exchange(frame: number, offset: number, bytes: number, low: number, high: number, newLow: number, newHigh: number): AccessStatus | 'changed' {
    return this.#stubborn.has(frame) ? 'denied' : super.exchange(frame, offset, bytes, low, high, newLow, newHigh);
  }
}

/** A register access, a message from a device, one step of a queue; the answers are the unit's business. */
export function disturb(dice: Dice, unit: RemappingUnit, request: DmaRequest, registers: number): void {
  switch (dice.below(7)) {
    case 0:
      unit.writeRegister(dice.below(registers), dice.chance(50) ? 4 : 8, dice.chance(50) ? dice.word() : BigInt(dice.bits() & dice.bits() & dice.bits()));
      return;
    case 1:
      unit.readRegister(dice.below(registers), dice.chance(50) ? 4 : 8);
      return;
    case 2: {
      const answer = unit.serve(request);
      if (answer.kind === 'memory' && dice.chance(80)) unit.landed(answer.ticket);
      return;
    }
    case 3:
    case 4:
      unit.page({ source: request.source, pasid: request.pasid, privileged: request.privileged, execute: request.execute, read: !request.write, write: request.write, last: dice.chance(60), group: dice.below(512), address: request.address & ~0xfffn });
      return;
    case 5:
      unit.invalidated(dice.chance(70) ? request.source : dice.below(0x1_0000), dice.below(32));
      return;
    default:
      unit.timedOut(dice.below(32));
  }
}

/** Until it is idle or waits, 40 times at most. */
export function run(unit: RemappingUnit): void {
  for (let i = 0; i < 40 && unit.step() === 'ran'; i += 1);
}

export class Counts {
  readonly seen = new Map<string, number>();

  add(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1);
  }

  /** What came up less than 100 times in a million requests, in a short run a little less. */
  tooRare(wanted: readonly string[]): string[] {
    const least = Math.max(1, Math.floor(CASES / 10_000 - 3));
    return wanted.filter((what) => (this.seen.get(what) ?? 0) < least).map((what) => `${what}: ${this.seen.get(what) ?? 0}; expected at least ${least}`);
  }

  /** Of a long run. */
  show(name: string): void {
    if (CASES < 100_000) return;
    const sorted = [...this.seen].sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }));
    process.stdout.write(`${name}, ${CASES} requests: ${sorted.map(([what, count]) => `${what} ${count}`).join(', ')}\n`);
  }
}
