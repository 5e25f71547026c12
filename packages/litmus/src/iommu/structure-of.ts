// SPDX-License-Identifier: Apache-2.0
/** Which declared structure a unit accessed, told from the names that its trace has. */
import type { AnyLayout } from '@dmalab/core/base/layout';
import { smmuStructure } from './tell-smmu.ts';
import { riscvStructure } from './tell-riscv.ts';
import { vtdStructure } from './tell-vtd.ts';

export type UnitKind = 'riscv' | 'vtd' | 'smmuv3';

const OWN: readonly (readonly [UnitKind, RegExp])[] = [
  ['riscv', /^(device (directory|context)|process (directory|context)|MSI page table|command queue|fault queue|page-request queue|(first|second)-stage pointers)/],
  ['vtd', /^(root entry|context entry|scalable|PASID|invalidation queue|page request queue|context cache|paging-structure cache)/],
  ['smmuv3', /^(stream table|context descriptor|stage-[12] table|TLB$)/],
];

/** By the names of its accesses and caches; null while none of them is one unit's alone. */
export function unitKind(names: Iterable<string>): UnitKind | null {
  for (const name of names) {
    const found = OWN.find(([, own]) => own.test(name));
    if (found !== undefined) return found[0];
  }
  return null;
}

/** @param raw the words as one number, the first lowest */
export function structureOf(kind: UnitKind, what: string, bytes: number, raw: bigint): AnyLayout | null {
  switch (kind) {
    case 'riscv':
      return riscvStructure(what, bytes, raw);
    case 'vtd':
      return vtdStructure(what, raw);
    case 'smmuv3':
      return smmuStructure(what, raw);
  }
}
