// SPDX-License-Identifier: Apache-2.0
/** Every example system, in the order in which they teach. */
import type { Example } from './image.ts';
import { RISCV_EXAMPLES } from './riscv.ts';
import { SMMU_EXAMPLES } from './smmu.ts';
import { VTD_EXAMPLES } from './vtd.ts';

export const EXAMPLES: readonly Example[] = [...VTD_EXAMPLES, ...RISCV_EXAMPLES, ...SMMU_EXAMPLES];
