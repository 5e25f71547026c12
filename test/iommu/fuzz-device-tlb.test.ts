// SPDX-License-Identifier: Apache-2.0
/**
 * What an address translation cache must never do, over random histories:
 * once software has taken a page away, told the unit, told the function, and
 * heard of its completion, no access goes there any more. And it must not be
 * empty talk: without the function's completion such accesses happen.
 */
import { describe, expect, it } from 'vitest';
import type { DmaAnswer } from '@dmalab/core/iommu/unit';
import { Atc } from '@dmalab/core/pcie/atc';
import { Endpoint } from '@dmalab/core/pcie/endpoint';
import { Fabric } from '@dmalab/core/pcie/fabric';
import { PageMapUnit } from '@dmalab/core/pcie/page-map.test-support';
import { Dice } from '../support/dice.ts';

const SOURCE = 1;
const ON = { busMaster: true, relaxedOrdering: true, ats: true, pasid: true, executePermission: true, privilegedMode: true, pasidBits: 20 };
const PASIDS = [null, 5, 6] as const;
const pageOf = (n: number): bigint => 0x4000_0000n + (BigInt(n) << 12n);

/** @returns accesses that went where they must not, and how many were made to cached translations */
function history(seed: number, waits: boolean): { bad: number; cached: number; completed: number } {
  const dice = new Dice(seed);
  const fabric = new Fabric();
  const unit = new PageMapUnit(fabric);
  fabric.attach(unit);
  const atc = new Atc({ geometry: { sets: 2, ways: 2, policy: dice.chance(50) ? 'lru' : 'fifo' }, queueDepth: 1 + dice.below(3) });
  const endpoint = new Endpoint({ source: SOURCE, link: fabric.link(SOURCE), control: ON, atc });
  /** Frames are never used twice; those of which software knows that nobody uses them. */
  const free = new Set<number>();
  const frames = new Map<string, number>();
  const taken = new Map<number, number>();
  const flying: Extract<DmaAnswer, { kind: 'memory' }>[] = [];
  let next = 0x100;
  let bad = 0;
  let cached = 0;
  const reaches = (answer: Extract<DmaAnswer, { kind: 'memory' }>): void => {
    if (free.has(Number(answer.address >> 12n))) bad += 1;
  };
  const settle = (): void => {
    for (const tag of unit.completed) {
      const frame = taken.get(tag);
      if (frame !== undefined) free.add(frame);
    }
  };
  for (let step = 0; step < 150; step += 1) {
    const pasid = dice.pick(PASIDS);
    const page = dice.below(4);
    const name = `${String(pasid)}/${page}`;
    const known = frames.get(name);
    switch (dice.below(7)) {
      case 0:
      case 1:
        if (known !== undefined) break;
        unit.map(pasid, pageOf(page), BigInt(next) << 12n);
        frames.set(name, next);
        next += 1;
        break;
      case 2: {
        if (known === undefined) break;
        unit.unmap(pasid, pageOf(page));
        frames.delete(name);
        const tag = unit.invalidate(SOURCE, pasid, pageOf(page));
        if (waits) taken.set(tag, known);
        else free.add(known);
        break;
      }
      case 3:
        endpoint.serve();
        settle();
        break;
      case 4: {
        const landed = flying.splice(dice.below(flying.length + 1), 1)[0];
        if (landed === undefined) break;
        // It is there only now.
        reaches(landed);
        endpoint.landed(landed.ticket);
        settle();
        break;
      }
      default: {
        const before = unit.requests.length;
        const answer = endpoint.translate({ source: SOURCE, pasid, type: 'untranslated', write: dice.chance(50), execute: false, privileged: false, noWrite: false, address: pageOf(page) }, 'report');
        settle();
        if (answer.kind !== 'memory') break;
        if (unit.requests.slice(before).every(({ type }) => type !== 'ats')) cached += 1;
        reaches(answer);
        flying.push(answer);
      }
    }
  }
  for (const answer of flying) {
    reaches(answer);
    endpoint.landed(answer.ticket);
    settle();
  }
  endpoint.serve();
  expect(atc.waiting).toBe(0);
  return { bad, cached, completed: unit.completed.length };
}

describe('random histories of a function with a small cache', () => {
  it('after the completion nothing goes to the old page', () => {
    const sum = { bad: 0, cached: 0, completed: 0 };
    for (let seed = 1; seed <= 300; seed += 1) {
      const { bad, cached, completed } = history(seed, true);
      if (bad > 0) expect.fail(`seed ${seed}: ${bad} accesses to pages that were given away`);
      sum.cached += cached;
      sum.completed += completed;
    }
    expect(sum.cached).toBeGreaterThan(1000);
    expect(sum.completed).toBeGreaterThan(1000);
  });

  it('before it, accesses do', () => {
    let bad = 0;
    for (let seed = 1; seed <= 50; seed += 1) bad += history(seed, false).bad;
    expect(bad).toBeGreaterThan(100);
  });
});
