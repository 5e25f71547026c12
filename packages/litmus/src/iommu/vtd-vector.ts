// SPDX-License-Identifier: Apache-2.0
/**
 * A vector of VT-d, ready to run. `dma` lists what happens in order. An entry
 * without `op` is a DMA (`dir`, `iova`; `pasid`, `exec`, `priv` where it has
 * them). With `op` it is:
 *
 * | `op` | fields |
 * |---|---|
 * | `ats` | a translation request: `iova`, `pasid`, `exec`, `priv`, `nw` |
 * | `translated` | a DMA that a function has translated itself |
 * | `regw`, `regr` | software writes or reads a register: `off`, `size` 4 or 8, `val` |
 * | `memw` | software writes a 64-bit word: `addr`, `word` |
 * | `run` | the invalidation queue runs until it is empty or waits |
 * | `page` | a page request arrives: `iova`, `group`, `r`, `w`, `last`, `pasid`, `exec`, `priv` |
 * | `invdone`, `timeout` | a device completes the invalidation `tag`, or will not any more |
 *
 * A step may name a `sid` of its own. `caches` gives each of the unit's caches so many entries; left out, it remembers nothing.
 */
import type { UnitMessage } from '@dmalab/core/iommu/unit';
import type { VtdCaching } from '@dmalab/core/iommu/vtd/caches';
import type { VtdRequest } from '@dmalab/core/iommu/vtd/contexts';
import { GlobalCommand, OFFSET } from '@dmalab/core/iommu/vtd/registers';
import { VtdUnit } from '@dmalab/core/iommu/vtd/unit';
import { PlainMemory } from '@dmalab/core/mmu/plain-memory';
import { hex } from '@dmalab/core/mmu/word';
import { FormatError, type Fields } from './json.ts';

export type VtdStep =
  | { readonly kind: 'request'; readonly request: VtdRequest }
  /** Something else; a register read has a value. */
  | { readonly kind: 'other'; readonly title: string; readonly perform: () => bigint | null };

export interface VtdBench {
  readonly unit: VtdUnit;
  readonly memory: PlainMemory;
  readonly ram: readonly (readonly [bigint, bigint])[];
  readonly steps: readonly VtdStep[];
  /** What the unit has sent; taken by who reads it. */
  readonly messages: UnitMessage[];
}

/** @param remembers whether the unit has the caches that the vector speaks of */
export function vtdBench(vector: Fields, remembers = true): VtdBench {
  const ram = vector.tuples('ram').map(([base = 0n, size = 0n]) => [base, size] as const);
  const memory = new PlainMemory(ram);
  for (const [address = 0n, value = 0n] of vector.tuples('mem')) memory.poke(address, value);
  const messages: UnitMessage[] = [];
  const ways = vector.numberOr('caches', 0);
  const unit = new VtdUnit(
    memory,
    { capability: vector.word('cap'), extended: vector.word('ecap'), hostBits: vector.number('aw_bits'), ...(remembers && vector.has('caches') ? { caches: cachesOf(ways) } : {}) },
    { send: (message) => messages.push(message), wire: () => undefined },
  );
  unit.writeRegister(OFFSET.RTADDR, 8, vector.word('rtaddr'));
  unit.writeRegister(OFFSET.GCMD, 4, GlobalCommand.encode({ SRTP: true, TE: true }));
  const source = vector.id('sid', 16);
  return { unit, memory, ram, messages, steps: vector.objects('dma').map((step) => stepOf(step, unit, memory, source)) };
}

function cachesOf(ways: number): VtdCaching {
  if (!Number.isInteger(ways) || ways < 1 || ways > 64) throw new FormatError(`vector.caches: expected 1 to 64 entries, got ${ways}`);
  const geometry = { sets: 1, ways, policy: 'lru' } as const;
  return { context: geometry, pasid: geometry, iotlb: geometry, paging: geometry };
}

function stepOf(step: Fields, unit: VtdUnit, memory: PlainMemory, of: number): VtdStep {
  const source = step.has('sid') ? step.id('sid', 16) : of;
  const op = step.has('op') ? step.text('op') : 'dma';
  const pasid = step.has('pasid') ? step.id('pasid', 20) : null;
  const execute = step.numberOr('exec', 0) !== 0;
  const privileged = step.numberOr('priv', 0) !== 0;
  const other = (perform: () => bigint | null): VtdStep => ({ kind: 'other', title: titleOf(op, step), perform });
  const silently = (perform: () => void): VtdStep =>
    other(() => {
      perform();
      return null;
    });
  switch (op) {
    case 'dma':
    case 'translated':
      return { kind: 'request', request: { sourceId: source, pasid, type: op === 'dma' ? 'untranslated' : op, write: step.text('dir') === 'w', execute, privileged, address: step.word('iova') } };
    case 'ats':
      return { kind: 'request', request: { sourceId: source, pasid, type: 'ats', write: false, execute, privileged, noWrite: step.numberOr('nw', 0) !== 0, address: step.word('iova') } };
    case 'regw':
      return silently(() => unit.writeRegister(step.number('off'), sizeOf(step), step.word('val')));
    case 'regr':
      return other(() => unit.readRegister(step.number('off'), sizeOf(step)));
    case 'memw':
      return silently(() => memory.poke(step.word('addr'), step.word('word')));
    case 'run':
      return silently(() => {
        while (unit.step() === 'ran');
      });
    case 'page':
      return silently(() => unit.page({ source, pasid, privileged, execute, read: step.flag('r'), write: step.flag('w'), last: step.flag('last'), group: step.number('group'), address: step.word('iova') }));
    case 'invdone':
      return silently(() => unit.invalidated(source, step.number('tag')));
    case 'timeout':
      return silently(() => unit.timedOut(step.number('tag')));
    default:
      throw new FormatError(`op ${op} is unknown; expected ats, translated, regw, regr, memw, run, page, invdone or timeout`);
  }
}

function titleOf(op: string, step: Fields): string {
  switch (op) {
    case 'memw':
      return `software stores ${hex(step.word('word'))} at ${hex(step.word('addr'))}`;
    case 'regw':
      return `software writes ${hex(step.word('val'))} to ${registerName(step.number('off'))}`;
    case 'regr':
      return `software reads ${registerName(step.number('off'))}`;
    case 'run':
      return 'the invalidation queue runs';
    default:
      return [op, ...step.keys().filter((key) => key !== 'op').map((key) => `${key}=${String(step.raw[key])}`)].join(' ');
  }
}

function registerName(offset: number): string {
  const known = Object.entries(OFFSET).find(([, at]) => at === offset);
  return known === undefined ? `the register at ${hex(offset)}` : `${known[0]}_REG`;
}

const sizeOf = (step: Fields): 4 | 8 => (step.number('size') === 8 ? 8 : 4);
