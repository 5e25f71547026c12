// SPDX-License-Identifier: Apache-2.0
/** The two capability registers, and what a unit is built with. */
import { flag, layout, uint } from '../../base/layout.ts';
import type { VtdCaching } from './caches.ts';

const SPEC = 'Intel VT-d Architecture Specification, "Register Descriptions"';

export const Capability = layout({
  name: 'CAP_REG',
  spec: SPEC,
  bits: 64,
  fields: {
    ND: uint(2, 0, 'Number of domains, coded.'),
    AFL: flag(3, 'Advanced fault log.'),
    RWBF: flag(4, 'Write buffers must be flushed before a changed table is relied on.'),
    PLMR: flag(5, 'Protected low memory.'),
    PHMR: flag(6, 'Protected high memory.'),
    CM: flag(7, 'Caching mode: entries that are not present may be cached.'),
    SAGAW: uint(12, 8, 'Depths of second-stage tables: bit 1 three levels, bit 2 four, bit 3 five.'),
    MGAW: uint(21, 16, 'Bits of a guest address, less one.'),
    ZLR: flag(22, 'Reads of no bytes are allowed on write-only pages.'),
    FRO: uint(33, 24, 'Where the fault recording registers lie, in units of 16 bytes.'),
    SSLPS: uint(37, 34, 'Large pages of the second stage: bit 0 2 MiB, bit 1 1 GiB.'),
    PSI: flag(39, 'Page-selective invalidation.'),
    NFR: uint(47, 40, 'Fault recording registers, less one.'),
    MAMV: uint(53, 48, 'Largest address mask.'),
    DWD: flag(54, 'Writes can be drained.'),
    DRD: flag(55, 'Reads can be drained.'),
    FS1GP: flag(56, 'First-stage pages of 1 GiB.'),
    PI: flag(59, 'Posted interrupts.'),
    FS5LP: flag(60, 'First-stage tables of five levels.'),
    ECMDS: flag(61, 'Enhanced commands.'),
    ESIRTPS: flag(62, 'Setting the interrupt table flushes.'),
    ESRTPS: flag(63, 'Setting the root table flushes.'),
  },
});

export const ExtendedCapability = layout({
  name: 'ECAP_REG',
  spec: SPEC,
  bits: 64,
  fields: {
    C: flag(0, 'Table accesses snoop.'),
    QI: flag(1, 'Queued invalidation.'),
    DT: flag(2, 'Device TLBs.'),
    IR: flag(3, 'Interrupt remapping.'),
    EIM: flag(4, 'Extended interrupt mode.'),
    PT: flag(6, 'Pass-through.'),
    SC: flag(7, 'Snoop control.'),
    IRO: uint(17, 8, 'Where the IOTLB registers lie, in units of 16 bytes.'),
    MHMV: uint(23, 20, 'Largest handle mask.'),
    MTS: flag(25, 'Memory types.'),
    NEST: flag(26, 'Nested translation.'),
    PRS: flag(29, 'Page requests.'),
    ERS: flag(30, 'Execute requests.'),
    SRS: flag(31, 'Supervisor requests.'),
    NWFS: flag(33, 'No-write flag.'),
    EAFS: flag(34, 'Extended accessed flag.'),
    PSS: uint(39, 35, 'Bits of a PASID, less one.'),
    PASID: flag(40, 'Requests may carry PASIDs.'),
    DIT: flag(41, 'Device TLB invalidation throttle.'),
    PDS: flag(42, 'Page-request drain.'),
    SMTS: flag(43, 'Scalable mode.'),
    VCS: flag(44, 'Virtual commands.'),
    SSADS: flag(45, 'A and D in second-stage entries.'),
    SSTS: flag(46, 'Second stage in scalable mode.'),
    FSTS: flag(47, 'First stage in scalable mode.'),
    SMPWC: flag(48, 'Snooping of table accesses can be switched.'),
    RPS: flag(49, 'RID_PASID.'),
    PMS: flag(51, 'Performance monitoring.'),
    ADMS: flag(52, 'Abort mode of the root table.'),
  },
});

export interface VtdOptions {
  readonly capability: bigint;
  readonly extended: bigint;
  /** Bits of a physical address. */
  readonly hostBits: number;
  /** What it remembers; left out, nothing. */
  readonly caches?: VtdCaching;
}
