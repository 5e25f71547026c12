// SPDX-License-Identifier: Apache-2.0
/** Registers of the non-secure programming interface. Each is declared here and nowhere else; offsets of EVTQ and PRIQ indexes are in page 1. */
import { flag, layout, uint, wide } from '../../base/layout.ts';

const SPEC = 'Arm SMMUv3 (IHI 0070), 6.3 "Register formats"';

export const Idr0 = layout({
  name: 'SMMU_IDR0',
  spec: SPEC,
  bits: 32,
  fields: {
    S2P: flag(0, 'Stage 2.'),
    S1P: flag(1, 'Stage 1.'),
    TTF: uint(3, 2, 'Table formats: 2 AArch64, 3 AArch32 too.'),
    COHACC: flag(4, 'Own accesses are coherent.'),
    BTM: flag(5, 'Broadcast TLB maintenance.'),
    HTTU: uint(7, 6, 'Hardware updates: 1 access flag, 2 dirty state too.'),
    DORMHINT: flag(8, 'Dormant hint.'),
    Hyp: flag(9, 'Streams of EL2.'),
    ATS: flag(10, 'PCIe ATS.'),
    NS1ATS: flag(11, 'Split-stage ATS is not built in.'),
    ASID16: flag(12, 'ASIDs have 16 bits.'),
    MSI: flag(13, 'Message signalled interrupts.'),
    SEV: flag(14, 'Wakes processors that wait for an event.'),
    ATOS: flag(15, 'Address translation operations.'),
    PRI: flag(16, 'PCIe page requests.'),
    VMW: flag(17, 'VMID wildcards.'),
    VMID16: flag(18, 'VMIDs have 16 bits.'),
    CD2L: flag(19, 'Two-level context descriptor tables.'),
    VATOS: flag(20, 'Virtual address translation operations.'),
    TTENDIAN: uint(22, 21, 'Byte order of tables: 0 both, 2 little, 3 big.'),
    ATSRECERR: flag(23, 'Configuration errors of ATS and PRI may be recorded.'),
    STALL_MODEL: uint(25, 24, '0 stalling is a choice, 1 not built in, 2 forced.'),
    TERM_MODEL: flag(26, 'Terminated requests can only abort.'),
    ST_LEVEL: uint(28, 27, '1: two-level stream tables.'),
  },
});

export const Idr1 = layout({
  name: 'SMMU_IDR1',
  spec: SPEC,
  bits: 32,
  fields: {
    SIDSIZE: uint(5, 0, 'Bits of a stream id.'),
    SSIDSIZE: uint(10, 6, 'Bits of a substream id.'),
    PRIQS: uint(15, 11, 'Largest page-request queue, log2 of its entries.'),
    EVENTQS: uint(20, 16, 'Largest event queue, log2 of its entries.'),
    CMDQS: uint(25, 21, 'Largest command queue, log2 of its entries.'),
    ATTR_PERMS_OVR: flag(26, 'Privilege and instruction can be overridden.'),
    ATTR_TYPES_OVR: flag(27, 'Memory types can be overridden.'),
    REL: flag(28, 'Preset bases are relative.'),
    QUEUES_PRESET: flag(29, 'Queue bases are fixed.'),
    TABLES_PRESET: flag(30, 'Table bases are fixed.'),
    ECMDQ: flag(31, 'Enhanced command queues.'),
  },
});

export const Idr3 = layout({
  name: 'SMMU_IDR3',
  spec: SPEC,
  bits: 32,
  fields: {
    HAD: flag(2, 'Attributes of tables can be ignored.'),
    PBHA: flag(3, 'Page-based hardware attributes.'),
    XNX: flag(4, 'Stage 2 has an execute bit for each privilege.'),
    PPS: flag(5, 'Automatic page responses always carry the PASID.'),
    MPAM: flag(7, 'Resource partitioning.'),
    FWB: flag(8, 'Stage 2 can decide memory types alone.'),
    STT: flag(9, 'Small translation tables.'),
    RIL: flag(10, 'Invalidation by range and level.'),
    BBML: uint(12, 11, 'Break-before-make level.'),
    E0PD: flag(13, 'Users can be kept out of a range.'),
  },
});

export const Idr5 = layout({
  name: 'SMMU_IDR5',
  spec: SPEC,
  bits: 32,
  fields: {
    OAS: uint(2, 0, 'Output size: 32, 36, 40, 42, 44, 48, 52 bits.'),
    GRAN4K: flag(4, 'Granules of 4 KiB.'),
    GRAN16K: flag(5, 'Granules of 16 KiB.'),
    GRAN64K: flag(6, 'Granules of 64 KiB.'),
    VAX: uint(11, 10, 'Input of stage 1: 0 48 bits, 1 52 bits.'),
    STALL_MAX: uint(31, 16, 'Stalled transactions that can be there at once.'),
  },
});

export const Cr0 = layout({
  name: 'SMMU_CR0, SMMU_CR0ACK',
  spec: SPEC,
  bits: 32,
  fields: {
    SMMUEN: flag(0, 'Requests are translated.'),
    PRIQEN: flag(1, 'Page requests are queued.'),
    EVENTQEN: flag(2, 'Events are queued.'),
    CMDQEN: flag(3, 'Commands are processed.'),
    ATSCHK: flag(4, 'Translated requests are checked against their stream.'),
    VMW: uint(8, 6, 'VMID wildcard.'),
  },
});

export const Cr1 = layout({
  name: 'SMMU_CR1',
  spec: SPEC,
  bits: 32,
  fields: {
    QUEUE_IC: uint(1, 0, 'Inner cacheability of queues.'),
    QUEUE_OC: uint(3, 2, 'Outer cacheability of queues.'),
    QUEUE_SH: uint(5, 4, 'Shareability of queues.'),
    TABLE_IC: uint(7, 6, 'Inner cacheability of the stream table.'),
    TABLE_OC: uint(9, 8, 'Outer cacheability of the stream table.'),
    TABLE_SH: uint(11, 10, 'Shareability of the stream table.'),
  },
});

export const Cr2 = layout({
  name: 'SMMU_CR2',
  spec: SPEC,
  bits: 32,
  fields: {
    E2H: flag(0, 'EL2 streams have ASIDs and two privileges.'),
    RECINVSID: flag(1, 'C_BAD_STREAMID is recorded.'),
    PTM: flag(2, 'No part in broadcast TLB maintenance.'),
    REC_CFG_ATS: flag(3, 'Configuration errors of ATS and PRI are recorded.'),
  },
});

export const Gbpa = layout({
  name: 'SMMU_GBPA',
  spec: SPEC,
  bits: 32,
  fields: {
    MEMATTR: uint(3, 0, 'Memory type while off.'),
    MTCFG: flag(4, 'MEMATTR counts.'),
    ALLOCCFG: uint(11, 8, 'Allocation hints while off.'),
    SHCFG: uint(13, 12, 'Shareability while off.'),
    PRIVCFG: uint(17, 16, 'Privilege while off.'),
    INSTCFG: uint(19, 18, 'Instruction or data while off.'),
    ABORT: flag(20, 'Requests abort while off.'),
    UPDATE: flag(31, 'Written 1 to take the other fields over; reads 0 when that is done.'),
  },
});

export const IrqCtrl = layout({
  name: 'SMMU_IRQ_CTRL, SMMU_IRQ_CTRLACK',
  spec: SPEC,
  bits: 32,
  fields: {
    GERROR_IRQEN: flag(0, 'Interrupts of global errors.'),
    PRIQ_IRQEN: flag(1, 'Interrupts of the page-request queue.'),
    EVENTQ_IRQEN: flag(2, 'Interrupts of the event queue.'),
  },
});

export const Gerror = layout({
  name: 'SMMU_GERROR, SMMU_GERRORN',
  spec: `${SPEC}; 7.5 "Global error recording": an error is active while the two registers differ`,
  bits: 32,
  fields: {
    CMDQ_ERR: flag(0, 'A command failed; CMDQ_CONS.ERR says why.'),
    EVENTQ_ABT_ERR: flag(2, 'An event could not be written.'),
    PRIQ_ABT_ERR: flag(3, 'A page request could not be written.'),
    MSI_CMDQ_ABT_ERR: flag(4, 'The message of a SYNC could not be written.'),
    MSI_EVENTQ_ABT_ERR: flag(5, 'The message of the event queue could not be written.'),
    MSI_PRIQ_ABT_ERR: flag(6, 'The message of the page-request queue could not be written.'),
    MSI_GERROR_ABT_ERR: flag(7, 'The message of a global error could not be written.'),
    SFM_ERR: flag(8, 'Service failure mode.'),
  },
});

export const StrtabBase = layout({
  name: 'SMMU_STRTAB_BASE',
  spec: SPEC,
  bits: 64,
  fields: {
    ADDR: wide(51, 6, 'The stream table, in units of 64 bytes.'),
    RA: flag(62, 'Read-allocate hint.'),
  },
});

export const StrtabBaseCfg = layout({
  name: 'SMMU_STRTAB_BASE_CFG',
  spec: SPEC,
  bits: 32,
  fields: {
    LOG2SIZE: uint(5, 0, 'Bits of stream ids in the table.'),
    SPLIT: uint(10, 6, 'Two levels: bits that level 2 resolves, 6, 8 or 10.'),
    FMT: uint(17, 16, '0 linear, 1 two levels.'),
  },
});

export const QueueBase = layout({
  name: 'SMMU_CMDQ_BASE, SMMU_EVENTQ_BASE, SMMU_PRIQ_BASE',
  spec: SPEC,
  bits: 64,
  fields: {
    LOG2SIZE: uint(4, 0, 'log2 of the entries.'),
    ADDR: wide(51, 5, 'Where the queue is, in units of 32 bytes.'),
    RWA: flag(62, 'Allocation hint.'),
  },
});

export const CmdqCons = layout({
  name: 'SMMU_CMDQ_CONS',
  spec: SPEC,
  bits: 32,
  fields: {
    RD: uint(19, 0, 'Next command; the wrap bit is just above the index.'),
    ERR: uint(30, 24, 'Why a command failed: 1 illegal, 2 could not be read, 3 an ATC invalidation did not complete.'),
  },
});

export const OutputProd = layout({
  name: 'SMMU_EVENTQ_PROD, SMMU_PRIQ_PROD',
  spec: SPEC,
  bits: 32,
  fields: {
    WR: uint(19, 0, 'Next record; the wrap bit is just above the index.'),
    OVFLG: flag(31, 'Differs from OVACKFLG: records were lost.'),
  },
});

export const OutputCons = layout({
  name: 'SMMU_EVENTQ_CONS, SMMU_PRIQ_CONS',
  spec: SPEC,
  bits: 32,
  fields: {
    RD: uint(19, 0, 'First record that software has not taken; the wrap bit is just above the index.'),
    OVACKFLG: flag(31, 'Made equal to OVFLG to acknowledge.'),
  },
});

export const IrqCfg0 = layout({
  name: 'SMMU_GERROR_IRQ_CFG0, SMMU_EVENTQ_IRQ_CFG0, SMMU_PRIQ_IRQ_CFG0',
  spec: SPEC,
  bits: 64,
  fields: { ADDR: wide(51, 2, 'Where the message goes, in units of 4 bytes; 0: no message.') },
});

export const IrqCfg2 = layout({
  name: 'SMMU_GERROR_IRQ_CFG2, SMMU_EVENTQ_IRQ_CFG2, SMMU_PRIQ_IRQ_CFG2',
  spec: SPEC,
  bits: 32,
  fields: {
    MemAttr: uint(3, 0, 'Memory type of the message.'),
    SH: uint(5, 4, 'Shareability of the message.'),
    LO: flag(31, 'Page requests only: interrupt when the last of a group arrives, not when the queue was empty.'),
  },
});

export const Idr2 = layout({ name: 'SMMU_IDR2', spec: SPEC, bits: 32, fields: { BA_VATOS: uint(9, 0, 'Where the registers of virtual address translation operations lie; there are none here.') } });

export const Idr4 = layout({ name: 'SMMU_IDR4', spec: SPEC, bits: 32, fields: { implementation: uint(31, 0, 'For the implementer.') } });

export const Iidr = layout({
  name: 'SMMU_IIDR',
  spec: SPEC,
  bits: 32,
  fields: {
    Implementer: uint(11, 0, 'JEP106 code of the implementer; 0 here.'),
    Revision: uint(15, 12, 'Minor revision.'),
    Variant: uint(19, 16, 'Variant, or major revision.'),
    ProductID: uint(31, 20, 'The part.'),
  },
});

export const Aidr = layout({
  name: 'SMMU_AIDR',
  spec: SPEC,
  bits: 32,
  fields: {
    ArchMinorRev: uint(3, 0, 'Minor revision of the architecture: 2 for SMMUv3.2.'),
    ArchMajorRev: uint(7, 4, 'Major revision: 0 for SMMUv3.'),
  },
});

export const IrqCfg1 = layout({ name: 'SMMU_GERROR_IRQ_CFG1, SMMU_EVENTQ_IRQ_CFG1, SMMU_PRIQ_IRQ_CFG1', spec: SPEC, bits: 32, fields: { DATA: uint(31, 0, 'What the message stores.') } });

/** Byte offsets. `wide` ones have 8 bytes. */
export const OFFSET = {
  IDR0: 0x0,
  IDR1: 0x4,
  IDR2: 0x8,
  IDR3: 0xc,
  IDR4: 0x10,
  IDR5: 0x14,
  IIDR: 0x18,
  AIDR: 0x1c,
  CR0: 0x20,
  CR0ACK: 0x24,
  CR1: 0x28,
  CR2: 0x2c,
  GBPA: 0x44,
  IRQ_CTRL: 0x50,
  IRQ_CTRLACK: 0x54,
  GERROR: 0x60,
  GERRORN: 0x64,
  GERROR_IRQ_CFG0: 0x68,
  GERROR_IRQ_CFG1: 0x70,
  GERROR_IRQ_CFG2: 0x74,
  STRTAB_BASE: 0x80,
  STRTAB_BASE_CFG: 0x88,
  CMDQ_BASE: 0x90,
  CMDQ_PROD: 0x98,
  CMDQ_CONS: 0x9c,
  EVENTQ_BASE: 0xa0,
  EVENTQ_IRQ_CFG0: 0xb0,
  EVENTQ_IRQ_CFG1: 0xb8,
  EVENTQ_IRQ_CFG2: 0xbc,
  PRIQ_BASE: 0xc0,
  PRIQ_IRQ_CFG0: 0xd0,
  PRIQ_IRQ_CFG1: 0xd8,
  PRIQ_IRQ_CFG2: 0xdc,
  EVENTQ_PROD: 0x1_00a8,
  EVENTQ_CONS: 0x1_00ac,
  PRIQ_PROD: 0x1_00c8,
  PRIQ_CONS: 0x1_00cc,
} as const;
