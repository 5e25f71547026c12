// SPDX-License-Identifier: Apache-2.0
/**
 * A vector of the SMMUv3, ready to run. `dma` lists what happens in order. An entry without `op` is a DMA (`dir`, `iova`; `ssid`, `exec`,
 * `priv` where it has them). With `op` it is:
 *
 * | `op` | fields |
 * |---|---|
 * | `ats` | a translation request: `iova`, `ssid`, `exec`, `priv`, `nw` |
 * | `translated` | a DMA that a function has translated itself |
 * | `memw` | software writes a 64-bit word: `addr`, `word` |
 *
 * A step may name a `sid` of its own.
 */
import { smmuFeatures } from '@dmalab/core/iommu/smmu/features';
import { Cr2, OFFSET } from '@dmalab/core/iommu/smmu/registers';
import type { SmmuRequest } from '@dmalab/core/iommu/smmu/translate';
import { SmmuUnit } from '@dmalab/core/iommu/smmu/unit';
import { PlainMemory } from '@dmalab/core/mmu/plain-memory';
import { hex } from '@dmalab/core/mmu/word';
import { FormatError, type Fields } from './json.ts';

/** Base and size of each piece of memory. */
export type Ram = readonly (readonly [bigint, bigint])[];

export type SmmuStep = { readonly kind: 'request'; readonly request: SmmuRequest } | { readonly kind: 'store'; readonly title: string; readonly perform: () => void };

/**
 * The unit and what happens. The emulator that answered reads level-2 stream tables beyond their span, refuses S1CDMax where
 * there are no substreams, and records streams out of range whatever CR2.RECINVSID says; `exact` leaves the first two out.
 */
export function smmuBench(vector: Fields): { unit: SmmuUnit; ram: Ram; steps: readonly SmmuStep[] } {
  const ram = vector.tuples('ram').map(([base = 0n, size = 0n]) => [base, size] as const);
  const memory = new PlainMemory(ram);
  for (const [address = 0n, value = 0n] of vector.tuples('mem')) memory.poke(address, value);
  const [idr0 = 0n, idr1 = 0n, , idr3 = 0n, , idr5 = 0n] = vector.words('idr');
  const features = smmuFeatures(Number(idr0), Number(idr1), Number(idr5), Number(idr3));
  const unit = new SmmuUnit(memory, vector.has('exact') ? { features, spans: 'exact' } : { features, spans: 'twice', withoutSubstreams: 'illegal' });
  unit.writeRegister(OFFSET.CR2, 4, Cr2.encode({ RECINVSID: true }));
  unit.registers = {
    cr0: vector.number('cr0'),
    gbpa: vector.raw['gbpa'] === null ? 0 : vector.number('gbpa'),
    tableBase: vector.word('strtab_base'),
    tableConfig: vector.number('strtab_cfg'),
  };
  return { unit, ram, steps: vector.objects('dma').map((step) => stepOf(step, vector, memory)) };
}

function stepOf(step: Fields, vector: Fields, memory: PlainMemory): SmmuStep {
  const op = step.has('op') ? step.text('op') : 'dma';
  if (op === 'memw') {
    const [address, value] = [step.word('addr'), step.word('word')];
    return { kind: 'store', title: `software stores ${hex(value)} at ${hex(address)}`, perform: () => memory.poke(address, value) };
  }
  if (op !== 'dma' && op !== 'ats' && op !== 'translated') throw new FormatError(`op ${op} is unknown; expected ats, translated or memw`);
  return {
    kind: 'request',
    request: {
      streamId: (step.has('sid') ? step : vector).id('sid', 32),
      substream: step.has('ssid') ? step.id('ssid', 20) : null,
      type: op === 'dma' ? 'untranslated' : op,
      write: op !== 'ats' && step.text('dir') === 'w',
      execute: step.numberOr('exec', 0) !== 0,
      privileged: step.numberOr('priv', 0) !== 0,
      noWrite: op === 'ats' && step.numberOr('nw', 0) !== 0,
      address: step.word('iova'),
    },
  };
}
