// SPDX-License-Identifier: Apache-2.0
/** What lies in the three queues: commands, fault records, page requests. */
import { flag, layout, uint, wide } from '../../base/layout.ts';

const QUEUES = 'RISC-V IOMMU Architecture 1.0, "In-memory queue interface"';
const operation = {
  opcode: uint(6, 0, 'Group of the command.'),
  func3: uint(9, 7, 'Command in the group.'),
};

export const IotinvalCommand = layout({
  name: 'IOTINVAL command',
  spec: `${QUEUES}; NL and S: "IOMMU Extensions"`,
  bits: 128,
  fields: {
    ...operation,
    AV: flag(10, 'ADDR is valid.'),
    PSCID: uint(31, 12, 'The address space.'),
    PSCV: flag(32, 'PSCID is valid; only for VMA.'),
    GV: flag(33, 'GSCID is valid; clear: translations without a second stage.'),
    NL: flag(34, 'Non-leaf entries too.'),
    GSCID: uint(59, 44, 'The virtual machine.'),
    S: flag(73, 'ADDR gives a range.'),
    ADDR: wide(125, 74, 'Frame number of the address.'),
  },
});

export const IofenceCommand = layout({
  name: 'IOFENCE command',
  spec: QUEUES,
  bits: 128,
  fields: {
    ...operation,
    AV: flag(10, 'DATA is written to ADDR when done.'),
    WSI: flag(11, 'A wired interrupt is raised when done.'),
    PR: flag(12, 'Earlier reads of devices are ordered first.'),
    PW: flag(13, 'Earlier writes of devices are ordered first.'),
    DATA: uint(63, 32, 'Written as four bytes.'),
    ADDR: wide(125, 64, 'Address divided by four.'),
  },
});

export const IodirCommand = layout({
  name: 'IODIR command',
  spec: QUEUES,
  bits: 128,
  fields: {
    ...operation,
    PID: uint(31, 12, 'The process; for INVAL_PDT only.'),
    DV: flag(33, 'DID is valid.'),
    DID: uint(63, 40, 'The device.'),
  },
});

export const AtsCommand = layout({
  name: 'ATS command',
  spec: QUEUES,
  bits: 128,
  fields: {
    ...operation,
    PID: uint(31, 12, 'The process.'),
    PV: flag(32, 'PID is valid.'),
    DSV: flag(33, 'DSEG is valid.'),
    RID: uint(55, 40, 'Bus, device and function.'),
    DSEG: uint(63, 56, 'PCIe segment.'),
    payload: wide(127, 64, 'Second half of the message.'),
  },
});

export const FaultRecord = layout({
  name: 'Fault record',
  spec: `${QUEUES}, "Fault/Event-Queue"`,
  bits: 256,
  fields: {
    CAUSE: uint(11, 0, 'What went wrong.'),
    PID: uint(31, 12, 'The process.'),
    PV: flag(32, 'PID is valid.'),
    PRIV: flag(33, 'A supervisor request.'),
    TTYP: uint(39, 34, 'Kind of transaction: 0 none, 1 fetch, 2 read, 3 write, 5 6 7 the same translated, 8 ATS, 9 message.'),
    DID: uint(63, 40, 'The device.'),
    custom: uint(95, 64, 'For the implementer.'),
    iotval: wide(191, 128, 'The address, or the code of a message.'),
    iotval2: wide(255, 192, 'Guest address of a guest page fault; bit 0: while reading a table, bit 1: while writing one.'),
  },
});

export const PageRequestRecord = layout({
  name: 'Page-request record',
  spec: `${QUEUES}, "Page-Request-Queue"`,
  bits: 128,
  fields: {
    PID: uint(31, 12, 'The process.'),
    PV: flag(32, 'PID is valid.'),
    PRIV: flag(33, 'For the supervisor.'),
    EXEC: flag(34, 'For execution.'),
    DID: uint(63, 40, 'The device.'),
    R: flag(64, 'Wants to read.'),
    W: flag(65, 'Wants to write.'),
    L: flag(66, 'Last of its group; without R and W: a stop marker.'),
    PRGI: uint(75, 67, 'Index of the group.'),
    address: wide(127, 76, 'Frame number of the page.'),
  },
});

export const PageResponsePayload = layout({
  name: 'Page request group response, payload',
  spec: `${QUEUES}; PCI Express, "PRG Response Message"`,
  bits: 64,
  fields: {
    PRGI: uint(40, 32, 'Index of the group.'),
    code: uint(47, 44, '0 success, 1 invalid request, 15 failure.'),
    destination: uint(63, 48, 'Bus, device and function.'),
  },
});
