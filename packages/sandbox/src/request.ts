// SPDX-License-Identifier: Apache-2.0
/** What the guest's C functions tell the host in the fifth parameter of its one import. The joint between `build/trampoline.ts` and `guest.ts`. */
export const REQUEST = { op: 0, badOperand: 1, badBigint: 2, badHalf: 3, trace: 4 } as const;
