// SPDX-License-Identifier: Apache-2.0
/** What is measured of the RISC-V unit, and how slow each may be against the bare walker. */
import type { Named } from './ratios.ts';
import { bareWalk, translations } from './iommu-systems.ts';

export interface Row extends Named {
  /** Table reads of one translation. */
  readonly reads: number;
  /** At most so many times as slow as the row `against`. */
  readonly bar: number;
  readonly against: string;
}

export const BARE = 'bare walker, Sv39';

export function rows(): readonly Row[] {
  const against = BARE;
  return [
    { name: BARE, reads: 3, bar: 1, against, subject: bareWalk() },
    { name: 'Sv39', reads: 3, bar: 7, against, subject: translations({ levels: 3, nested: false, process: false }) },
    { name: 'Sv39 over Sv39x4', reads: 15, bar: 18, against, subject: translations({ levels: 3, nested: true, process: false }) },
    { name: 'PASID, Sv48 over Sv48x4, everything cold', reads: 42, bar: 50, against, subject: translations({ levels: 4, nested: true, process: true }) },
    { name: 'Sv39, traced', reads: 3, bar: 4, against: 'Sv39', subject: translations({ levels: 3, nested: false, process: false, traced: true }) },
  ];
}
