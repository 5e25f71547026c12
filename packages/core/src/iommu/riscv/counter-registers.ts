// SPDX-License-Identifier: Apache-2.0
/** Registers of the performance counters, and of the ids by which resources are shared out. */
import { flag, layout, uint, wide } from '../../base/layout.ts';

const SPEC = 'RISC-V IOMMU Architecture 1.0, "Memory-mapped register interface"';

export const CounterOverflow = layout({
  name: 'iocountovf',
  spec: SPEC,
  bits: 32,
  fields: {
    CY: flag(0, 'OF of iohpmcycles.'),
    HPM: uint(31, 1, 'OF of iohpmevt1 to iohpmevt31.'),
  },
});

export const CounterInhibit = layout({
  name: 'iocountinh',
  spec: SPEC,
  bits: 32,
  fields: {
    CY: flag(0, 'iohpmcycles stands still.'),
    HPM: uint(31, 1, 'iohpmctr1 to iohpmctr31 stand still.'),
  },
});

export const CycleCounter = layout({
  name: 'iohpmcycles',
  spec: SPEC,
  bits: 64,
  fields: {
    counter: wide(62, 0, 'Cycles.'),
    OF: flag(63, 'The counter overflowed; while set, no further overflow interrupts.'),
  },
});

export const EventCounter = layout({
  name: 'iohpmctr',
  spec: SPEC,
  bits: 64,
  fields: {
    counter: wide(63, 0, 'Events.'),
  },
});

export const CounterEvent = layout({
  name: 'iohpmevt',
  spec: SPEC,
  bits: 64,
  fields: {
    eventID: uint(14, 0, 'Counts: 1 untranslated, 2 translated, 3 ATS requests; 4 TLB misses; walks of 5 the device, 6 the process directory, 7 the first, 8 the second stage. 0 nothing.'),
    DMASK: flag(15, 'DID_GSCID matches in part: its lowest 0 and the ones below it are not compared.'),
    PID_PSCID: uint(35, 16, 'The process id, or with IDT the PSCID, to count.'),
    DID_GSCID: uint(59, 36, 'The device id, or with IDT the GSCID, to count.'),
    PV_PSCV: flag(60, 'Only PID_PSCID counts.'),
    DV_GSCV: flag(61, 'Only DID_GSCID counts.'),
    IDT: flag(62, 'Filters by GSCID and PSCID; only for events 4, 7 and 8.'),
    OF: flag(63, 'The counter overflowed; while set, no further overflow interrupts.'),
  },
});

export const QosIds = layout({
  name: 'iommu_qosid',
  spec: `${SPEC}; "IOMMU Extensions"`,
  bits: 32,
  fields: {
    RCID: uint(11, 0, 'Resource control id of what the unit itself starts.'),
    MCID: uint(27, 16, 'Monitoring counter id of the same.'),
  },
});
