// SPDX-License-Identifier: Apache-2.0
/** Intel VT-d tables in memory. Each is declared here and nowhere else. */
import { flag, layout, uint, wide } from '../../base/layout.ts';

const SPEC = 'Intel VT-d Architecture Specification';

export const RootEntry = layout({
  name: 'Root entry, legacy',
  spec: `${SPEC}, "Root Entry"`,
  bits: 128,
  fields: {
    P: flag(0, 'Clear: no device of the bus is known.'),
    CTP: wide(63, 12, 'Context table, 256 entries by device and function.'),
  },
});

export const ScalableRootEntry = layout({
  name: 'Root entry, scalable',
  spec: `${SPEC}, "Scalable-Mode Root Entry"`,
  bits: 128,
  fields: {
    LP: flag(0, 'Lower half present: devices 0 to 15.'),
    LCTP: wide(63, 12, 'Lower context table, 128 entries.'),
    UP: flag(64, 'Upper half present: devices 16 to 31.'),
    UCTP: wide(127, 76, 'Upper context table.'),
  },
});

export const ContextEntry = layout({
  name: 'Context entry, legacy',
  spec: `${SPEC}, "Context Entry"`,
  bits: 128,
  fields: {
    P: flag(0, 'Clear: every request faults.'),
    FPD: flag(1, 'Qualified faults are not recorded.'),
    TT: uint(3, 2, '0 second stage, untranslated requests only; 1 with device TLB; 2 pass-through.'),
    SSPTPTR: wide(63, 12, 'Root of the second-stage table.'),
    AW: uint(66, 64, 'Depth: 1 three levels (39 bits), 2 four (48), 3 five (57).'),
    IGN: uint(70, 67, 'For software.'),
    DID: uint(87, 72, 'Tags what is cached for one domain.'),
  },
});

export const ScalableContextEntry = layout({
  name: 'Context entry, scalable',
  spec: `${SPEC}, "Scalable-Mode Context Entry"`,
  bits: 256,
  fields: {
    P: flag(0, 'Clear: every request faults.'),
    FPD: flag(1, 'Qualified faults are not recorded.'),
    DTE: flag(2, 'The device may ask for translations.'),
    PASIDE: flag(3, 'Requests may carry a PASID.'),
    PRE: flag(4, 'The device may request pages.'),
    PDTS: uint(11, 9, 'The PASID directory has 2^(PDTS+7) entries.'),
    PASIDDIRPTR: wide(63, 12, 'PASID directory.'),
    RID_PASID: uint(83, 64, 'PASID of requests that carry none.'),
    RID_PRIV: flag(84, 'Requests without PASID are those of a supervisor.'),
  },
});

export const PasidDirectoryEntry = layout({
  name: 'PASID-directory entry',
  spec: `${SPEC}, "Scalable-Mode PASID Directory Entry"`,
  bits: 64,
  fields: {
    P: flag(0, 'Clear: the 64 PASIDs are unknown.'),
    FPD: flag(1, 'Qualified faults are not recorded.'),
    SMPTBLPTR: wide(63, 12, 'PASID table, 64 entries.'),
  },
});

export const PasidEntry = layout({
  name: 'PASID-table entry',
  spec: `${SPEC}, "Scalable-Mode PASID Table Entry"`,
  bits: 512,
  fields: {
    P: flag(0, 'Clear: every request with this PASID faults.'),
    FPD: flag(1, 'Qualified faults are not recorded.'),
    AW: uint(4, 2, 'Depth of the second stage: 1 three levels, 2 four, 3 five.'),
    PGTT: uint(8, 6, 'Which stages: 1 first, 2 second, 3 nested, 4 pass-through.'),
    SSADE: flag(9, 'A and D are set in second-stage entries.'),
    SSPTPTR: wide(63, 12, 'Root of the second-stage table.'),
    DID: uint(79, 64, 'Tags what is cached for one domain.'),
    PWSNP: flag(87, 'Table accesses snoop processor caches.'),
    PGSNP: flag(88, 'Page accesses snoop, whatever the request says.'),
    SRE: flag(128, 'Supervisor requests are allowed.'),
    ERE: flag(129, 'Execute requests are allowed; only where ECAP.ERS is.'),
    FSPM: uint(131, 130, 'Depth of the first stage: 0 four levels, 1 five.'),
    WPE: flag(132, 'A supervisor may not write a read-only page.'),
    NXE: flag(133, 'Bit 63 of first-stage entries forbids execution; only where ECAP.ERS is.'),
    SMEP: flag(134, 'A supervisor never executes a user page; only where ECAP.ERS is.'),
    EAFE: flag(135, 'EA is set in first-stage entries.'),
    FSPTPTR: wide(191, 140, 'Root of the first-stage table.'),
  },
});

export const FirstStageEntry = layout({
  name: 'First-stage paging entry',
  spec: `${SPEC}, "First-Stage Paging Entries"`,
  bits: 64,
  fields: {
    P: flag(0, 'Present.'),
    RW: flag(1, 'May be written.'),
    US: flag(2, 'For user requests too.'),
    PWT: flag(3, 'Cache attribute.'),
    PCD: flag(4, 'Cache attribute.'),
    A: flag(5, 'Accessed.'),
    D: flag(6, 'Written; in a leaf.'),
    PS: flag(7, 'Maps a large page; in the last level an attribute.'),
    G: flag(8, 'Global.'),
    EA: flag(10, 'Accessed by a device.'),
    address: wide(51, 12, 'Frame of the next table or of the page.'),
    XD: flag(63, 'May not be executed.'),
  },
});

export const SecondStageEntry = layout({
  name: 'Second-stage paging entry',
  spec: `${SPEC}, "Second-Stage Paging Entries"`,
  bits: 64,
  fields: {
    R: flag(0, 'May be read.'),
    W: flag(1, 'May be written.'),
    X: flag(2, 'May be executed.'),
    EMT: uint(5, 3, 'Memory type.'),
    IPAT: flag(6, 'Memory type overrides.'),
    PS: flag(7, 'Maps a large page.'),
    A: flag(8, 'Accessed.'),
    D: flag(9, 'Written.'),
    SNP: flag(11, 'Accesses snoop; only where ECAP.SC is.'),
    address: wide(51, 12, 'Frame of the next table or of the page.'),
    TM: flag(62, 'For device memory; only where ECAP.DT is.'),
  },
});

export const FaultRecording = layout({
  name: 'Fault recording register',
  spec: `${SPEC}, "Fault Recording Registers"`,
  bits: 128,
  fields: {
    FI: wide(63, 12, 'Frame number of the address.'),
    SID: uint(79, 64, 'Bus, device and function.'),
    T2: flag(92, 'Type of request, high bit.'),
    PRIV: flag(93, 'A supervisor request.'),
    EXE: flag(94, 'An execute request.'),
    PP: flag(95, 'The request carried a PASID.'),
    FR: uint(103, 96, 'The reason.'),
    PV: uint(123, 104, 'The PASID.'),
    AT: uint(125, 124, 'Address type of the request.'),
    T1: flag(126, 'A read.'),
    F: flag(127, 'The register holds a fault; cleared by writing 1.'),
  },
});
