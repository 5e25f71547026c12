// SPDX-License-Identifier: Apache-2.0
/** Registers of a VT-d unit, and where they lie. The two capability registers are in `capabilities.ts`. */
import { flag, layout, uint, wide } from '../../base/layout.ts';

const SPEC = 'Intel VT-d Architecture Specification, "Register Descriptions"';

export const Version = layout({ name: 'VER_REG', spec: SPEC, bits: 32, fields: { MIN: uint(3, 0, 'Minor version.'), MAX: uint(7, 4, 'Major version.') } });

export const GlobalCommand = layout({
  name: 'GCMD_REG',
  spec: SPEC,
  bits: 32,
  fields: {
    CFI: flag(23, 'Interrupts in compatibility format pass.'),
    SIRTP: flag(24, 'Take the interrupt table address.'),
    IRE: flag(25, 'Interrupt remapping on.'),
    QIE: flag(26, 'Invalidation queue on.'),
    WBF: flag(27, 'Flush write buffers.'),
    EAFL: flag(28, 'Advanced fault log on.'),
    SFL: flag(29, 'Take the fault log address.'),
    SRTP: flag(30, 'Take the root table address.'),
    TE: flag(31, 'Translation on.'),
  },
});

export const GlobalStatus = layout({
  name: 'GSTS_REG',
  spec: SPEC,
  bits: 32,
  fields: {
    CFIS: flag(23, 'Interrupts in compatibility format pass.'),
    IRTPS: flag(24, 'The interrupt table address is taken.'),
    IRES: flag(25, 'Interrupt remapping is on.'),
    QIES: flag(26, 'The invalidation queue is on.'),
    WBFS: flag(27, 'Write buffers are being flushed.'),
    AFLS: flag(28, 'The advanced fault log is on.'),
    FLS: flag(29, 'The fault log address is taken.'),
    RTPS: flag(30, 'The root table address is taken.'),
    TES: flag(31, 'Translation is on.'),
  },
});

export const RootTableAddress = layout({
  name: 'RTADDR_REG',
  spec: SPEC,
  bits: 64,
  fields: { TTM: uint(11, 10, 'Mode: 0 legacy, 1 scalable, 3 abort (only where ECAP.ADMS is).'), RTA: wide(63, 12, 'Root table, 256 entries by bus.') },
});

export const ContextCommand = layout({
  name: 'CCMD_REG',
  spec: SPEC,
  bits: 64,
  fields: {
    DID: uint(15, 0, 'The domain.'),
    SID: uint(31, 16, 'The device.'),
    FM: uint(33, 32, 'Bits of the function number that do not matter.'),
    CAIG: uint(60, 59, 'What was done: 0 nothing.'),
    CIRG: uint(62, 61, '1 everything, 2 one domain, 3 one device.'),
    ICC: flag(63, 'Invalidate; clear when done.'),
  },
});

export const FaultStatus = layout({
  name: 'FSTS_REG',
  spec: SPEC,
  bits: 32,
  fields: {
    PFO: flag(0, 'A fault found no free recording register. Cleared by writing 1.'),
    PPF: flag(1, 'Some recording register holds a fault.'),
    IQE: flag(4, 'The invalidation queue stopped at an error. Cleared by writing 1.'),
    ICE: flag(5, 'A completion came that nobody waits for. Cleared by writing 1.'),
    ITE: flag(6, 'A device did not complete an invalidation in time. Cleared by writing 1.'),
    FRI: uint(15, 8, 'Register of the first fault.'),
  },
});

/** FECTL_REG, IECTL_REG, PECTL_REG. */
export const EventControl = layout({
  name: 'Event control register',
  spec: `${SPEC}; FECTL_REG, IECTL_REG, PECTL_REG`,
  bits: 32,
  fields: { IP: flag(30, 'An interrupt waits for the mask to go.'), IM: flag(31, 'Masked.') },
});
export const EventData = layout({ name: 'Event data register', spec: `${SPEC}; FEDATA_REG, IEDATA_REG, PEDATA_REG`, bits: 32, fields: { IMD: uint(15, 0, 'What the message writes.'), EIMD: uint(31, 16, 'High half of it.') } });
export const EventAddress = layout({ name: 'Event address register', spec: `${SPEC}; FEADDR_REG, IEADDR_REG, PEADDR_REG`, bits: 32, fields: { MA: uint(31, 2, 'Where the message writes, in units of four bytes.') } });
export const EventUpperAddress = layout({ name: 'Event upper address register', spec: `${SPEC}; FEUADDR_REG, IEUADDR_REG, PEUADDR_REG`, bits: 32, fields: { MUA: uint(31, 0, 'High half of the address.') } });

export const ProtectedMemoryEnable = layout({ name: 'PMEN_REG', spec: SPEC, bits: 32, fields: { PRS: flag(0, 'The regions are protected.'), EPM: flag(31, 'Protect the regions.') } });
/** PLMBASE_REG, PLMLIMIT_REG: whole 2 MiB. */
export const ProtectedLow = layout({ name: 'Protected low memory', spec: `${SPEC}; PLMBASE_REG, PLMLIMIT_REG`, bits: 32, fields: { address: uint(31, 21, 'First or last 2 MiB.') } });
export const ProtectedHigh = layout({ name: 'Protected high memory', spec: `${SPEC}; PHMBASE_REG, PHMLIMIT_REG`, bits: 64, fields: { address: wide(63, 21, 'First or last 2 MiB.') } });

export const InvalidationQueueHead = layout({ name: 'IQH_REG', spec: SPEC, bits: 64, fields: { QH: uint(18, 4, 'The next descriptor, in units of 16 bytes.') } });
export const InvalidationQueueTail = layout({ name: 'IQT_REG', spec: SPEC, bits: 64, fields: { QT: uint(18, 4, 'Behind the last descriptor, in units of 16 bytes.') } });
export const InvalidationQueueAddress = layout({
  name: 'IQA_REG',
  spec: SPEC,
  bits: 64,
  fields: { QS: uint(2, 0, 'The queue has 2^QS pages.'), DW: flag(11, 'Descriptors have 32 bytes; only where ECAP.SMTS is.'), IQA: wide(63, 12, 'The queue.') },
});
export const InvalidationCompletion = layout({ name: 'ICS_REG', spec: SPEC, bits: 32, fields: { IWC: flag(0, 'A wait with IF is done. Cleared by writing 1.') } });
export const InvalidationQueueError = layout({
  name: 'IQERCD_REG',
  spec: SPEC,
  bits: 64,
  fields: {
    IQEI: uint(3, 0, 'Why the queue stopped: 1 tail, 2 fetch, 3 type, 4 reserved field, 5 width, 6 tail not aligned, 7 table mode.'),
    ITESID: uint(47, 32, 'The device that did not complete.'),
    ICESID: uint(63, 48, 'The device that completed what nobody asked for.'),
  },
});
export const InterruptTableAddress = layout({
  name: 'IRTA_REG',
  spec: SPEC,
  bits: 64,
  fields: { S: uint(3, 0, 'The table has 2^(S+1) entries.'), EIME: flag(11, 'Extended interrupt mode.'), IRTA: wide(63, 12, 'The interrupt table.') },
});

export const PageQueueHead = layout({ name: 'PQH_REG', spec: SPEC, bits: 64, fields: { PQH: uint(18, 5, 'The next request for software, in units of 32 bytes.') } });
export const PageQueueTail = layout({ name: 'PQT_REG', spec: SPEC, bits: 64, fields: { PQT: uint(18, 5, 'Where the next request goes, in units of 32 bytes.') } });
export const PageQueueAddress = layout({ name: 'PQA_REG', spec: SPEC, bits: 64, fields: { PQS: uint(2, 0, 'The queue has 2^PQS pages.'), PQA: wide(63, 12, 'The queue.') } });
export const PageRequestStatus = layout({
  name: 'PRS_REG',
  spec: SPEC,
  bits: 32,
  fields: { PPR: flag(0, 'Requests came. Cleared by writing 1.'), PRO: flag(1, 'A request found the queue full; none is taken until this is clear. Cleared by writing 1.') },
});

export const InvalidateAddress = layout({
  name: 'IVA_REG',
  spec: SPEC,
  bits: 64,
  fields: { AM: uint(5, 0, 'log2 of the pages around the address.'), IH: flag(6, 'Only leaves changed.'), ADDR: wide(63, 12, 'First page.') },
});
export const IotlbInvalidate = layout({
  name: 'IOTLB_REG',
  spec: SPEC,
  bits: 64,
  fields: {
    DID: uint(47, 32, 'The domain.'),
    DW: flag(48, 'Drain writes.'),
    DR: flag(49, 'Drain reads.'),
    IAIG: uint(58, 57, 'What was done: 0 nothing.'),
    IIRG: uint(61, 60, '1 everything, 2 one domain, 3 pages of one domain.'),
    IVT: flag(63, 'Invalidate; clear when done.'),
  },
});

/** Offsets of those with a fixed place. IVA_REG and IOTLB_REG lie at ECAP.IRO × 16, the fault recording registers at CAP.FRO × 16. */
export const OFFSET = {
  VER: 0x00,
  CAP: 0x08,
  ECAP: 0x10,
  GCMD: 0x18,
  GSTS: 0x1c,
  RTADDR: 0x20,
  CCMD: 0x28,
  FSTS: 0x34,
  FECTL: 0x38,
  FEDATA: 0x3c,
  FEADDR: 0x40,
  FEUADDR: 0x44,
  PMEN: 0x64,
  PLMBASE: 0x68,
  PLMLIMIT: 0x6c,
  PHMBASE: 0x70,
  PHMLIMIT: 0x78,
  IQH: 0x80,
  IQT: 0x88,
  IQA: 0x90,
  ICS: 0x9c,
  IECTL: 0xa0,
  IEDATA: 0xa4,
  IEADDR: 0xa8,
  IEUADDR: 0xac,
  IQERCD: 0xb0,
  IRTA: 0xb8,
  PQH: 0xc0,
  PQT: 0xc8,
  PQA: 0xd0,
  PRS: 0xdc,
  PECTL: 0xe0,
  PEDATA: 0xe4,
  PEADDR: 0xe8,
  PEUADDR: 0xec,
} as const;
