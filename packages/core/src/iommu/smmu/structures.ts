// SPDX-License-Identifier: Apache-2.0
/** Arm SMMUv3 structures in memory. Each is declared here and nowhere else. */
import { flag, layout, uint, wide } from '../../base/layout.ts';

const SPEC = 'Arm System Memory Management Unit, architecture version 3 (IHI 0070)';

export const StreamTableDescriptor = layout({
  name: 'Level-1 stream table descriptor',
  spec: `${SPEC}, "Level 1 Stream Table Descriptor"`,
  bits: 64,
  fields: {
    Span: uint(4, 0, '0: no streams; otherwise 2^(Span-1) stream table entries follow L2Ptr.'),
    L2Ptr: wide(51, 6, 'Where they are, in units of 64 bytes.'),
  },
});

export const StreamTableEntry = layout({
  name: 'Stream table entry',
  spec: `${SPEC}, "Stream Table Entry"`,
  bits: 512,
  fields: {
    V: flag(0, 'Clear: every request is terminated with C_BAD_STE.'),
    Config: uint(3, 1, '0xx abort, 4 bypass, 5 stage 1, 6 stage 2, 7 both.'),
    S1Fmt: uint(5, 4, 'Context descriptors: 0 linear, 1 and 2 two-level.'),
    S1ContextPtr: wide(51, 6, 'Context descriptors, in units of 64 bytes.'),
    S1CDMax: uint(63, 59, 'Number of context descriptors, as a power of two.'),
    S1DSS: uint(65, 64, 'Requests without substream: 0 terminate, 1 bypass stage 1, 2 use descriptor 0.'),
    S1STALLD: flag(91, 'Faults of stage 1 do not stall.'),
    EATS: uint(93, 92, 'ATS: 0 none, 1 full, 2 split.'),
    STRW: uint(95, 94, 'Which exception level the stream belongs to.'),
    S2VMID: uint(143, 128, 'Virtual machine.'),
    S2T0SZ: uint(165, 160, 'Stage-2 input has 64 less this many bits.'),
    S2SL0: uint(167, 166, 'Stage-2 start level.'),
    S2TG: uint(175, 174, 'Stage-2 granule: 0 4 KiB, 1 64 KiB, 2 16 KiB.'),
    S2PS: uint(178, 176, 'Stage-2 output size: 32, 36, 40, 42, 44, 48, 52 bits.'),
    S2AA64: flag(179, 'Stage-2 tables are of AArch64.'),
    S2ENDI: flag(180, 'Stage-2 tables are big-endian.'),
    S2AFFD: flag(181, 'A clear access flag is no fault in stage 2.'),
    S2PTW: flag(182, 'Stage-1 tables in device memory are refused.'),
    S2HD: flag(183, 'Hardware sets dirty state in stage 2.'),
    S2HA: flag(184, 'Hardware sets the access flag in stage 2.'),
    S2S: flag(185, 'Stage-2 faults stall.'),
    S2R: flag(186, 'Stage-2 faults are recorded.'),
    S2TTB: wide(243, 196, 'Root of stage 2, in units of 16 bytes.'),
  },
});

export const ContextDescriptor = layout({
  name: 'Context descriptor',
  spec: `${SPEC}, "Context Descriptor"`,
  bits: 512,
  fields: {
    T0SZ: uint(5, 0, 'Input of TTB0 has 64 less this many bits.'),
    TG0: uint(7, 6, 'Granule of TTB0: 0 4 KiB, 1 64 KiB, 2 16 KiB.'),
    EPD0: flag(14, 'TTB0 is not walked.'),
    ENDI: flag(15, 'Tables are big-endian.'),
    T1SZ: uint(21, 16, 'Input of TTB1 has 64 less this many bits.'),
    TG1: uint(23, 22, 'Granule of TTB1: 1 16 KiB, 2 4 KiB, 3 64 KiB.'),
    EPD1: flag(30, 'TTB1 is not walked.'),
    V: flag(31, 'Clear: every request is terminated with C_BAD_CD.'),
    IPS: uint(34, 32, 'Output size: 32, 36, 40, 42, 44, 48, 52 bits.'),
    AFFD: flag(35, 'A clear access flag is no fault.'),
    WXN: flag(36, 'What may be written is not executed.'),
    UWXN: flag(37, 'What users may write is not executed by the supervisor.'),
    TBI0: flag(38, 'The top byte of TTB0 addresses is ignored.'),
    TBI1: flag(39, 'The top byte of TTB1 addresses is ignored.'),
    PAN: flag(40, 'A supervisor does not reach user pages.'),
    AA64: flag(41, 'Tables are of AArch64.'),
    HD: flag(42, 'Hardware sets dirty state.'),
    HA: flag(43, 'Hardware sets the access flag.'),
    S: flag(44, 'Faults stall.'),
    R: flag(45, 'Faults are recorded.'),
    A: flag(46, 'Terminated requests abort.'),
    ASET: flag(47, 'The ASID is not shared with processors.'),
    ASID: uint(63, 48, 'Address space.'),
    TTB0: wide(115, 68, 'Root of the lower range, in units of 16 bytes.'),
    TTB1: wide(179, 132, 'Root of the upper range, in units of 16 bytes.'),
    MAIR0: uint(223, 192, 'Memory attributes 0 to 3.'),
    MAIR1: uint(255, 224, 'Memory attributes 4 to 7.'),
  },
});

export const Event = layout({
  name: 'Event record',
  spec: `${SPEC}, "Event records"`,
  bits: 256,
  fields: {
    id: uint(7, 0, 'Kind of event.'),
    SSV: flag(11, 'The substream is valid.'),
    substream: uint(31, 12, 'Substream.'),
    stream: uint(63, 32, 'Stream.'),
    STAG: uint(79, 64, 'Tag of a stalled request.'),
    stall: flag(95, 'The request is stalled.'),
    PnU: flag(97, 'A supervisor request.'),
    InD: flag(98, 'An instruction fetch.'),
    RnW: flag(99, 'A read.'),
    S2: flag(103, 'Stage 2 found it.'),
    class: uint(105, 104, 'While reading 0 a context descriptor, 1 a table; 2 for the input itself.'),
    address: wide(191, 128, 'Input address, or what could not be fetched.'),
    ipa: wide(255, 192, 'Guest address of a stage-2 event, or the descriptor that could not be fetched.'),
  },
});
