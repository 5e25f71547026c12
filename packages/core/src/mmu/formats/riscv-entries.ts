// SPDX-License-Identifier: Apache-2.0
/** Page-table entries of the RISC-V Privileged ISA, which the first stage of its IOMMU shares. */
import { choice, flag, layout, uint, wide } from '../../base/layout.ts';

export const PageTableEntry = layout({
  name: 'Page-table entry, 64 bits',
  spec: 'RISC-V Privileged ISA, "Sv39: Page-Based 39-bit Virtual-Memory System"; Svnapot, Svpbmt',
  bits: 64,
  fields: {
    V: flag(0, 'Clear: not valid.'),
    R: flag(1, 'May be read. R, W, X all clear: points to a further table.'),
    W: flag(2, 'May be written; without R it is reserved.'),
    X: flag(3, 'May be executed.'),
    U: flag(4, 'For user requests; in the second stage it must be set.'),
    G: flag(5, 'The same in every address space.'),
    A: flag(6, 'Accessed.'),
    D: flag(7, 'Written.'),
    RSW: uint(9, 8, 'For software.'),
    PPN: wide(53, 10, 'The frame.'),
    RSW60T59B: uint(60, 59, 'For software where Svrsw60t59b exists, otherwise reserved.'),
    PBMT: choice(62, 61, 'Memory type.', { PMA: 0, NC: 1, IO: 2 }),
    N: flag(63, 'One of 16 entries that map 64 KiB together.'),
  },
});

export const PageTableEntry32 = layout({
  name: 'Page-table entry, 32 bits',
  spec: 'RISC-V Privileged ISA, "Sv32: Page-Based 32-bit Virtual-Memory Systems"',
  bits: 32,
  fields: {
    V: flag(0, 'Clear: not valid.'),
    R: flag(1, 'May be read. R, W, X all clear: points to a further table.'),
    W: flag(2, 'May be written; without R it is reserved.'),
    X: flag(3, 'May be executed.'),
    U: flag(4, 'For user requests; in the second stage it must be set.'),
    G: flag(5, 'The same in every address space.'),
    A: flag(6, 'Accessed.'),
    D: flag(7, 'Written.'),
    RSW: uint(9, 8, 'For software.'),
    PPN: uint(31, 10, 'The frame.'),
  },
});
