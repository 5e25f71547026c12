// SPDX-License-Identifier: Apache-2.0
/**
 * Random tables and registers: never an exception, always an address or a fault
 * with its reason and its record. `DMALAB_FUZZ=1000000` makes the long run.
 */
import { describe, expect, it } from 'vitest';
import type { CacheSizes } from '@dmalab/core/iommu/riscv/caches';
import { CAUSES } from '@dmalab/core/iommu/riscv/causes';
import { PlainMemory } from '@dmalab/core/mmu/plain-memory';
import { FaultRecord } from '@dmalab/core/iommu/riscv/records';
import type { Answer, Request } from '@dmalab/core/iommu/riscv/request';
import { RiscvIommu } from '@dmalab/core/iommu/riscv/unit';
import { Dice } from '../support/dice.ts';
import { Counts } from './chaos.ts';
import { applyRepair } from './repair.ts';
import { damage, disturb, fillMemory, randomOptions, randomRequest, setUp } from './riscv-chaos.ts';

const CASES = Number(process.env['DMALAB_FUZZ'] ?? 30_000);
const PER_SYSTEM = 200;
const TWO = { sets: 1, ways: 2, policy: 'lru' } as const;
const SMALL: CacheSizes = { devices: TWO, processes: TWO, translations: TWO, firstPointers: TWO, secondPointers: TWO };
/** No reason for them exists: misaligned accesses and the work on interrupt files in memory belong to the bridge, and no data path of ours fails. */
const UNREACHABLE = new Set([4, 6, 264, 271, 272]);

/** What must hold of any answer. */
function check(answer: Answer, request: Request, iommu: RiscvIommu, memory: PlainMemory, before: { tail: number; failed: boolean; full: boolean }): void {
  if (answer.kind === 'translated') {
    if (answer.span < 12 || answer.span > 63) throw new Error(`span ${answer.span}`);
    if ((answer.address === null) !== (answer.mrif !== null)) throw new Error('an address or an interrupt file in memory');
    if (answer.address !== null && (answer.address & 0xfffn) !== (request.address & 0xfffn)) throw new Error('the page offset changed');
    if ((answer.ats !== null) !== (request.type === 'ats')) throw new Error('ATS permissions answer ATS requests');
    return;
  }
  const { cause, why } = answer.fault;
  const known = CAUSES[cause];
  if (known === undefined) throw new Error(`cause ${cause}`);
  if (why.rule.text === '' || why.rule.section === '' || why.rule.field === '' || why.table === '') throw new Error(`cause ${cause} without a reason`);
  if (answer.kind === 'denied') {
    if (request.type !== 'ats' || known.ats !== 'quiet') throw new Error(`cause ${cause} was swallowed`);
    if (iommu.faultQueue.tail !== before.tail) throw new Error(`cause ${cause} was swallowed and recorded`);
    return;
  }
  const queue = iommu.faultQueue;
  if (queue.tail === before.tail) {
    if (known.despiteDtf && queue.on && !queue.failed && !before.failed && !before.full) throw new Error(`cause ${cause} was not recorded`);
    return;
  }
  const at = (BigInt(queue.frameOf(before.tail)) << 12n) + BigInt(queue.offsetOf(before.tail));
  if ((iommu.fctl & 1) !== 0) return;
  const record = FaultRecord.decode([3n, 2n, 1n, 0n].reduce((raw, i) => (raw << 64n) | memory.peek(at + 8n * i), 0n));
  if (record.CAUSE !== cause || record.DID !== request.deviceId || record.iotval !== request.address || record.PV !== (request.processId !== null)) throw new Error(`cause ${cause} was recorded as ${JSON.stringify(record, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))}`);
}

function newest(iommu: RiscvIommu, memory: PlainMemory): ReturnType<typeof FaultRecord.decode> {
  const { faultQueue: queue } = iommu;
  const index = (queue.tail + 2 ** 32 - 1) % 2 ** (Number(queue.base & 31n) + 1);
  const at = (BigInt(queue.frameOf(index)) << 12n) + BigInt(queue.offsetOf(index));
  return FaultRecord.decode([3n, 2n, 1n, 0n].reduce((raw, i) => (raw << 64n) | memory.peek(at + 8n * i), 0n));
}

/** Makes the smallest edit that a fault names; the same entry may then not break the same rule. */
function repaired(answer: Exclude<Answer, { kind: 'translated' }>, request: Request, iommu: RiscvIommu, memory: PlainMemory, where: string): boolean {
  const { entry, level, rule } = answer.fault.why;
  if (entry === null || rule.repair === undefined) return false;
  applyRepair(memory, entry, rule.repair);
  const again = iommu.translate(request);
  if (again.kind !== 'translated' && again.fault.why.rule.text === rule.text && again.fault.why.entry === entry && again.fault.why.level === level) throw new Error(`${where}: "${rule.text}" is still broken after its repair`);
  return true;
}

describe('random RISC-V IOMMUs', () => {
  const counts = new Counts();
  const { seen } = counts;
  let repairs = 0;
  const count = (what: string): void => counts.add(what);

  it(`always answer (${CASES} requests)`, { timeout: 600_000 }, () => {
    for (let seed = 0; seed * PER_SYSTEM < CASES; seed += 1) {
      const dice = new Dice(seed);
      const memory = new PlainMemory([[0n, 1n << 40n]]);
      const caching = dice.chance(35);
      const options = { ...randomOptions(dice), ...(caching ? { caches: SMALL } : {}) };
      fillMemory(dice, memory, (options.capabilities & (1n << 22n)) !== 0n);
      const iommu = new RiscvIommu(memory, options, { send: () => undefined, order: () => undefined, invalidated: () => undefined });
      setUp(dice, iommu);
      damage(dice, memory);
      for (let i = 0; i < PER_SYSTEM; i += 1) {
        if (dice.chance(15)) disturb(dice, memory, iommu);
        if (dice.chance(20)) iommu.writeRegister(48, 4, BigInt(iommu.faultQueue.tail));
        if (dice.chance(10)) iommu.writeRegister(84, 4, 0xfn);
        const request = randomRequest(dice);
        const before = { tail: iommu.faultQueue.tail, failed: iommu.faultQueue.failed, full: iommu.faultQueue.full };
        let answer: Answer;
        try {
          answer = iommu.translate(request);
          check(answer, request, iommu, memory, before);
        } catch (error) {
          throw new Error(`seed ${seed}, request ${i}: ${String(error)}`, { cause: error });
        }
        if (iommu.faultQueue.tail !== before.tail && newest(iommu, memory).CAUSE === 273) count('273');
        if (answer.kind !== 'translated' && !caching && !options.beWritable && (iommu.fctl & 1) === 0 && dice.chance(30)) {
          repairs += Number(repaired(answer, request, iommu, memory, `seed ${seed}, request ${i}`));
        }
        if (answer.kind === 'translated') count(`${answer.isMsi ? (answer.mrif === null ? 'message' : 'message in memory') : 'address'}, ${request.type}`);
        else count(String(answer.fault.cause));
      }
    }
  });

  it('and the edit that a fault names mends what it complains of', () => {
    expect(repairs).toBeGreaterThan(CASES / 100);
  });

  it('reach every cause and every kind of success', () => {
    counts.show('RISC-V');
    const least = Math.max(1, Math.floor((CASES * 100) / 1_000_000));
    const causes = Object.keys(CAUSES).filter((cause) => !UNREACHABLE.has(Number(cause)));
    const wanted = [...causes, ...['untranslated', 'ats', 'translated'].flatMap((type) => [`address, ${type}`, `message, ${type}`, `message in memory, ${type}`])];
    expect(wanted.filter((what) => (seen.get(what) ?? 0) < least).map((what) => `${what}: ${seen.get(what) ?? 0}`)).toEqual([]);
    expect([...seen.keys()].filter((what) => UNREACHABLE.has(Number(what)))).toEqual([]);
  });
});
