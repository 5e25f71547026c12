// SPDX-License-Identifier: Apache-2.0
/** The tables in memory: directory entries, contexts, MSI entries. Each is declared here and nowhere else. */
import { choice, flag, layout, uint, wide } from '../../base/layout.ts';

const SPEC = 'RISC-V IOMMU Architecture 1.0';

export const DirectoryEntry = layout({
  name: 'Non-leaf directory entry',
  spec: `${SPEC}, "Non-leaf DDT entry", "Non-leaf PDT entry"`,
  bits: 64,
  fields: {
    V: flag(0, 'Clear: the entry is not valid.'),
    PPN: wide(53, 10, 'Frame of the next table.'),
  },
});

const translationControl = {
  V: flag(0, 'Clear: the context is not valid and no other bit matters.'),
  EN_ATS: flag(1, 'The device may make ATS translation requests and translated requests.'),
  EN_PRI: flag(2, 'The device may make page requests.'),
  T2GPA: flag(3, 'ATS answers with guest addresses, and translated requests pass the second stage.'),
  DTF: flag(4, 'Faults of translation are not reported.'),
  PDTV: flag(5, 'fsc is the process directory; clear: it is the first-stage root.'),
  PRPR: flag(6, 'Responses to page requests carry the process id.'),
  GADE: flag(7, 'Hardware sets A and D in second-stage entries.'),
  SADE: flag(8, 'Hardware sets A and D in first-stage entries.'),
  DPE: flag(9, 'A request without process id uses process 0.'),
  SBE: flag(10, 'First-stage tables and the process directory are big-endian.'),
  SXL: flag(11, 'The first stage is Sv32.'),
  custom: uint(31, 24, 'For the implementer.'),
};

const contextRest = {
  iohgatp_PPN: wide(107, 64, 'Root of the second-stage table; four frames, aligned to them.'),
  GSCID: uint(123, 108, 'Tags what is cached for one virtual machine.'),
  iohgatp_MODE: uint(127, 124, 'Second-stage format: 0 Bare, 8 Sv39x4 (Sv32x4 with GXL), 9 Sv48x4, 10 Sv57x4.'),
  PSCID: uint(159, 140, 'Tags what is cached for one address space.'),
  RCID: uint(179, 168, 'Resource control id.'),
  MCID: uint(191, 180, 'Monitoring counter id.'),
  fsc_PPN: wide(235, 192, 'Root of the first-stage table or of the process directory.'),
  fsc_MODE: uint(255, 252, 'First-stage format: 0 Bare, 8 Sv39 (Sv32 with SXL), 9 Sv48, 10 Sv57. With PDTV: 0 Bare, 1 PD8, 2 PD17, 3 PD20.'),
};

export const BaseDeviceContext = layout({
  name: 'Device context, base format',
  spec: `${SPEC}, "Device-context fields"`,
  bits: 256,
  fields: { ...translationControl, ...contextRest },
});

export const DeviceContext = layout({
  name: 'Device context, extended format',
  spec: `${SPEC}, "Device-context fields"`,
  bits: 512,
  fields: {
    ...translationControl,
    ...contextRest,
    msiptp_PPN: wide(299, 256, 'Root of the MSI page table.'),
    msiptp_MODE: uint(319, 316, 'Whether MSIs are recognised: 0 Off, 1 Flat.'),
    msi_addr_mask: wide(371, 320, 'Frame-number bits that select the interrupt file.'),
    msi_addr_pattern: wide(435, 384, 'The other frame-number bits of an interrupt file.'),
  },
});

export const ProcessContext = layout({
  name: 'Process context',
  spec: `${SPEC}, "Process-context fields"`,
  bits: 128,
  fields: {
    V: flag(0, 'Clear: the context is not valid and no other bit matters.'),
    ENS: flag(1, 'Supervisor requests are allowed.'),
    SUM: flag(2, 'Supervisor requests may read and write user pages.'),
    PSCID: uint(31, 12, 'Tags what is cached for this address space.'),
    fsc_PPN: wide(107, 64, 'Root of the first-stage table.'),
    fsc_MODE: uint(127, 124, 'First-stage format: 0 Bare, 8 Sv39 (Sv32 with SXL), 9 Sv48, 10 Sv57.'),
  },
});

export const MsiEntry = layout({
  name: 'MSI page-table entry, basic mode',
  spec: 'RISC-V Advanced Interrupt Architecture, "MSI page table entries"',
  bits: 128,
  fields: {
    V: flag(0, 'Clear: not valid.'),
    M: choice(2, 1, 'Mode.', { mrif: 1, basic: 3 }),
    PPN: wide(53, 10, 'Frame of the interrupt file.'),
    C: flag(63, 'Interpreted as the implementer likes.'),
  },
});

export const MrifEntry = layout({
  name: 'MSI page-table entry, MRIF mode',
  spec: 'RISC-V Advanced Interrupt Architecture, "MSI page table entries"',
  bits: 128,
  fields: {
    V: flag(0, 'Clear: not valid.'),
    M: choice(2, 1, 'Mode.', { mrif: 1, basic: 3 }),
    address: wide(53, 7, 'Bits 55:9 of the memory-resident interrupt file.'),
    C: flag(63, 'Interpreted as the implementer likes.'),
    NID_low: uint(73, 64, 'Low ten bits of the notice data.'),
    NPPN: wide(117, 74, 'Frame of the notice.'),
    NID_high: flag(124, 'Bit 10 of the notice data.'),
  },
});
