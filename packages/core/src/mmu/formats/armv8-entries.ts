// SPDX-License-Identifier: Apache-2.0
/** VMSAv8-64 descriptors. The walk reads them by bits; these are for people. */
import { flag, layout, uint, wide } from '../../base/layout.ts';

const SPEC = 'Arm ARM (DDI 0487), "VMSAv8-64 translation table format descriptors"';

export const TableDescriptor = layout({
  name: 'VMSAv8-64 table descriptor',
  spec: SPEC,
  bits: 64,
  fields: {
    valid: flag(0, 'Clear: nothing is mapped here.'),
    table: flag(1, 'Points to a further table.'),
    ignored: uint(11, 2, 'For software; AF is bit 10 where tables have one.'),
    address: wide(47, 12, 'The table, in frames; with granules of 64 KiB bits 15:12 may be the top of the address.'),
    PXNTable: flag(59, 'Nothing below is executed by the privileged.'),
    UXNTable: flag(60, 'Nothing below is executed.'),
    APTable: uint(62, 61, 'Bit 0: nothing below for users. Bit 1: nothing below is written.'),
    NSTable: flag(63, 'Tables below are non-secure.'),
  },
});

export const Stage1Descriptor = layout({
  name: 'VMSAv8-64 page or block descriptor, stage 1',
  spec: SPEC,
  bits: 64,
  fields: {
    valid: flag(0, 'Clear: nothing is mapped here.'),
    page: flag(1, 'Set on the last level, clear for a block.'),
    AttrIndx: uint(4, 2, 'Which memory attribute of MAIR.'),
    NS: flag(5, 'Non-secure.'),
    AP: uint(7, 6, 'Bit 0: for users, too. Bit 1: read-only.'),
    SH: uint(9, 8, 'Shareability: 2 outer, 3 inner.'),
    AF: flag(10, 'Accessed.'),
    nG: flag(11, 'For one ASID only.'),
    address: wide(47, 12, 'The frame.'),
    GP: flag(50, 'Guarded.'),
    DBM: flag(51, 'Hardware may clear AP[1], for the page is to be written.'),
    contiguous: flag(52, 'One of a run of entries that may be cached as one.'),
    PXN: flag(53, 'Not executed by the privileged.'),
    UXN: flag(54, 'Not executed by users; by nobody where there is one privilege.'),
    software: uint(58, 55, 'For software.'),
    PBHA: uint(62, 59, 'For the implementer.'),
  },
});

export const Stage2Descriptor = layout({
  name: 'VMSAv8-64 page or block descriptor, stage 2',
  spec: SPEC,
  bits: 64,
  fields: {
    valid: flag(0, 'Clear: nothing is mapped here.'),
    page: flag(1, 'Set on the last level, clear for a block.'),
    MemAttr: uint(5, 2, 'Memory type: 0 to 3 device, 5 not cached, 15 cached.'),
    S2AP: uint(7, 6, 'Bit 0: may be read. Bit 1: may be written.'),
    SH: uint(9, 8, 'Shareability: 2 outer, 3 inner.'),
    AF: flag(10, 'Accessed.'),
    address: wide(47, 12, 'The frame.'),
    DBM: flag(51, 'Hardware may set S2AP[1], for the page is to be written.'),
    contiguous: flag(52, 'One of a run of entries that may be cached as one.'),
    XN: uint(54, 53, '0 may be executed, 2 may not; with XNX 1 by users only, 3 by the privileged only.'),
    software: uint(58, 55, 'For software.'),
    PBHA: uint(62, 59, 'For the implementer.'),
  },
});
