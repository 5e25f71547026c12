// SPDX-License-Identifier: Apache-2.0
/** The register page: where each register lies and what its bits are. */
import { flag, layout, uint, wide } from '../../base/layout.ts';

const SPEC = 'RISC-V IOMMU Architecture 1.0, "Memory-mapped register interface"';

export const Capabilities = layout({
  name: 'capabilities',
  spec: `${SPEC}; NL, S: "IOMMU Extensions"`,
  bits: 64,
  fields: {
    version: uint(7, 0, 'Major and minor nibble.'),
    Sv32: flag(8, 'First stage Sv32.'),
    Sv39: flag(9, 'First stage Sv39.'),
    Sv48: flag(10, 'First stage Sv48.'),
    Sv57: flag(11, 'First stage Sv57.'),
    Svrsw60t59b: flag(14, 'Entry bits 60 and 59 belong to software.'),
    Svpbmt: flag(15, 'Memory types in entries.'),
    Sv32x4: flag(16, 'Second stage Sv32x4.'),
    Sv39x4: flag(17, 'Second stage Sv39x4.'),
    Sv48x4: flag(18, 'Second stage Sv48x4.'),
    Sv57x4: flag(19, 'Second stage Sv57x4.'),
    AMO_MRIF: flag(21, 'Interrupt files in memory are updated atomically.'),
    MSI_FLAT: flag(22, 'MSI page tables, and with them extended device contexts.'),
    MSI_MRIF: flag(23, 'Interrupt files in memory.'),
    AMO_HWAD: flag(24, 'Hardware sets A and D.'),
    ATS: flag(25, 'ATS and page requests.'),
    T2GPA: flag(26, 'ATS may answer with guest addresses.'),
    END: flag(27, 'Both byte orders.'),
    IGS: uint(29, 28, 'Interrupts: 0 messages, 1 wires, 2 either.'),
    HPM: flag(30, 'Performance counters.'),
    DBG: flag(31, 'Translation requests through registers.'),
    PAS: uint(37, 32, 'Bits of a physical address.'),
    PD8: flag(38, 'Process directory of one level.'),
    PD17: flag(39, 'Process directory of two levels.'),
    PD20: flag(40, 'Process directory of three levels.'),
    QOSID: flag(41, 'Quality-of-service ids.'),
    NL: flag(42, 'Invalidation of non-leaf entries.'),
    S: flag(43, 'Invalidation of ranges.'),
    custom: uint(63, 56, 'For the implementer.'),
  },
});

export const FeaturesControl = layout({
  name: 'fctl',
  spec: SPEC,
  bits: 32,
  fields: {
    BE: flag(0, 'Directories, second-stage tables and queues are big-endian.'),
    WSI: flag(1, 'Interrupts by wire.'),
    GXL: flag(2, 'Guest addresses are those of Sv32x4.'),
    custom: uint(31, 16, 'For the implementer.'),
  },
});

export const DirectoryPointer = layout({
  name: 'ddtp',
  spec: SPEC,
  bits: 64,
  fields: {
    mode: uint(3, 0, '0 Off, 1 Bare, 2 to 4: a directory of one to three levels.'),
    busy: flag(4, 'A write is still at work.'),
    PPN: wide(53, 10, 'Root of the device directory.'),
  },
});

export const QueueBase = layout({
  name: 'cqb, fqb, pqb',
  spec: SPEC,
  bits: 64,
  fields: {
    log2size: uint(4, 0, 'Number of entries as a power of two, less one.'),
    PPN: wide(53, 10, 'First frame of the queue.'),
  },
});

export const QueueIndex = layout({
  name: 'cqh, cqt, fqh, fqt, pqh, pqt',
  spec: SPEC,
  bits: 32,
  fields: { index: uint(31, 0, 'An entry of the queue. Bits above its size read 0.') },
});

export const CommandQueueControl = layout({
  name: 'cqcsr',
  spec: SPEC,
  bits: 32,
  fields: {
    cqen: flag(0, 'Run the queue.'),
    cie: flag(1, 'Interrupts of the queue.'),
    cqmf: flag(8, 'Memory could not be read or written; cleared by writing 1.'),
    cmd_to: flag(9, 'An invalidation timed out; cleared by writing 1.'),
    cmd_ill: flag(10, 'An illegal command; cleared by writing 1.'),
    fence_w_ip: flag(11, 'A fence raised a wired interrupt; cleared by writing 1.'),
    cqon: flag(16, 'The queue runs.'),
    busy: flag(17, 'A write is still at work.'),
    custom: uint(31, 28, 'For the implementer.'),
  },
});

export const RecordQueueControl = layout({
  name: 'fqcsr, pqcsr',
  spec: SPEC,
  bits: 32,
  fields: {
    en: flag(0, 'Run the queue.'),
    ie: flag(1, 'Interrupts of the queue.'),
    mf: flag(8, 'Memory could not be written; cleared by writing 1.'),
    of: flag(9, 'A record found the queue full; cleared by writing 1.'),
    on: flag(16, 'The queue runs.'),
    busy: flag(17, 'A write is still at work.'),
    custom: uint(31, 28, 'For the implementer.'),
  },
});

export const InterruptPending = layout({
  name: 'ipsr',
  spec: SPEC,
  bits: 32,
  fields: {
    cip: flag(0, 'Command queue.'),
    fip: flag(1, 'Fault queue.'),
    pmip: flag(2, 'Performance counter overflow.'),
    pip: flag(3, 'Page-request queue.'),
    custom: uint(15, 8, 'For the implementer.'),
  },
});

export const InterruptVectors = layout({
  name: 'icvec',
  spec: SPEC,
  bits: 64,
  fields: {
    civ: uint(3, 0, 'Vector of the command queue.'),
    fiv: uint(7, 4, 'Vector of the fault queue.'),
    pmiv: uint(11, 8, 'Vector of the performance counters.'),
    piv: uint(15, 12, 'Vector of the page-request queue.'),
  },
});

export const TranslationRequest = layout({
  name: 'tr_req_ctl',
  spec: `${SPEC}; "Debug support"`,
  bits: 64,
  fields: {
    go: flag(0, 'Start; clears when done.'),
    priv: flag(1, 'As a supervisor.'),
    exe: flag(2, 'For execution.'),
    NW: flag(3, 'For reading only.'),
    PID: uint(31, 12, 'The process.'),
    PV: flag(32, 'PID is valid.'),
    custom: uint(39, 36, 'For the implementer.'),
    DID: uint(63, 40, 'The device.'),
  },
});

export const TranslationAddress = layout({
  name: 'tr_req_iova',
  spec: `${SPEC}; "Debug support"`,
  bits: 64,
  fields: { vpn: wide(63, 12, 'Page to translate.') },
});

export const TranslationResponse = layout({
  name: 'tr_response',
  spec: `${SPEC}; "Debug support"`,
  bits: 64,
  fields: {
    fault: flag(0, 'The translation faulted.'),
    PBMT: uint(8, 7, 'Memory type.'),
    S: flag(9, 'PPN encodes a range of more than a frame.'),
    PPN: wide(53, 10, 'The frame; with S its low ones below the first zero give the size.'),
    custom: uint(63, 60, 'For the implementer.'),
  },
});

/** One vector's row of msi_cfg_tbl. */
export const MessageTableEntry = layout({
  name: 'msi_cfg_tbl, one vector',
  spec: SPEC,
  bits: 128,
  fields: {
    ADDR: wide(55, 2, 'Address of the message, four bytes aligned.'),
    data: uint(95, 64, 'What is stored there.'),
    M: flag(96, 'Masked: a message waits until it is clear.'),
  },
});

/** Byte offsets in the register page. */
export const OFFSET = {
  capabilities: 0,
  fctl: 8,
  ddtp: 16,
  cqb: 24,
  cqh: 32,
  cqt: 36,
  fqb: 40,
  fqh: 48,
  fqt: 52,
  pqb: 56,
  pqh: 64,
  pqt: 68,
  cqcsr: 72,
  fqcsr: 76,
  pqcsr: 80,
  ipsr: 84,
  iocountovf: 88,
  iocountinh: 92,
  iohpmcycles: 96,
  iohpmctr: 104,
  iohpmevt: 352,
  tr_req_iova: 600,
  tr_req_ctl: 608,
  tr_response: 616,
  iommu_qosid: 624,
  icvec: 760,
  msi_cfg_tbl: 768,
} as const;
