// SPDX-License-Identifier: Apache-2.0
/** What the two stages are for one device or process. */
import type { TableFormat } from '../../mmu/format.ts';
import { ownerOf, type Owner } from './caches.ts';

/** The roots and rules of one address space. */
export interface Space {
  readonly first: TableFormat | 'bare';
  readonly firstRoot: number;
  /** Byte order of first-stage tables. */
  readonly firstBig: boolean;
  readonly second: TableFormat | 'bare';
  readonly secondRoot: number;
  readonly secondBig: boolean;
  readonly sade: boolean;
  readonly gade: boolean;
  /** Guest addresses have 34 bits. */
  readonly sxl: boolean;
  readonly owner: Owner;
  /** The owner of what the second stage alone says. */
  readonly machine: Owner;
}

/** The same with a first stage. Written out, so that all spaces have one shape. */
export function withFirst(guest: Space, first: TableFormat | 'bare', firstRoot: number, pscid: number): Space {
  const { firstBig, second, secondRoot, secondBig, sade, gade, sxl, machine } = guest;
  return { first, firstRoot, firstBig, second, secondRoot, secondBig, sade, gade, sxl, owner: ownerOf(machine.gscid, pscid), machine };
}
