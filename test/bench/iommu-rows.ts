// SPDX-License-Identifier: Apache-2.0
/** What is measured of the RISC-V unit, and how slow each may be against the bare walker. */
import { NO_CACHES } from '@dmalab/core/iommu/riscv/caches';
import type { Named } from './ratios.ts';
import { bareWalk, CONTEXTS, EVERYTHING, translations } from './iommu-systems.ts';

export interface Row extends Named {
  /** Table reads of one translation. */
  readonly reads: number;
  /** At most so many times as slow as the row `against`. */
  readonly bar: number;
  readonly against: string;
}

export const BARE = 'bare walker, Sv39';

/** @param pages a power of two; fewer are made faster, and measured less truly */
export function rows(pages?: number): readonly Row[] {
  const against = BARE;
  const some = pages === undefined ? {} : { pages };
  return [
    { name: BARE, reads: 3, bar: 1, against, subject: bareWalk(pages) },
    { name: 'IOTLB hit', reads: 0, bar: 3, against, subject: translations({ levels: 3, nested: false, process: false, pages: 256 }, EVERYTHING) },
    { name: 'IOTLB hit, PASID, nested', reads: 0, bar: 3, against, subject: translations({ levels: 4, nested: true, process: true, pages: 256 }, EVERYTHING) },
    { name: 'Sv39', reads: 3, bar: 7, against, subject: translations({ levels: 3, nested: false, process: false, ...some }, CONTEXTS) },
    { name: 'Sv39 over Sv39x4', reads: 15, bar: 18, against, subject: translations({ levels: 3, nested: true, process: false, ...some }, CONTEXTS) },
    { name: 'PASID, Sv48 over Sv48x4', reads: 24, bar: 50, against, subject: translations({ levels: 4, nested: true, process: true, ...some }, CONTEXTS) },
    { name: 'the same, everything cold', reads: 42, bar: 50, against, subject: translations({ levels: 4, nested: true, process: true, ...some }, NO_CACHES) },
    { name: 'Sv39, traced', reads: 3, bar: 4, against: 'Sv39', subject: translations({ levels: 3, nested: false, process: false, traced: true, ...some }, CONTEXTS) },
    { name: 'Sv39 over Sv39x4, traced', reads: 15, bar: 4, against: 'Sv39 over Sv39x4', subject: translations({ levels: 3, nested: true, process: false, traced: true, ...some }, CONTEXTS) },
  ];
}
