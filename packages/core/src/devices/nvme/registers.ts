// SPDX-License-Identifier: Apache-2.0
/** Controller registers (NVMe over PCIe Transport 1.0, 3.1), opcodes and status codes. */
import { flag, layout, uint } from '../../base/layout.ts';
import type { ErrorTable } from '../datasheet.ts';
import { NEVER_RUNG, registerTable, type Register } from '../registers.ts';

export const NVME_WINDOW = 0x2000;
/** Most I/O queue pairs. */
export const NVME_IO_QUEUES = 2;
/** Most entries of a queue. */
export const NVME_ENTRIES = 64;
export const NVME_VERSION = 0x0002_0000;
export const NVME_PAGE = 4096;
export const NVME_BLOCK_SHIFT = 9;
/** 2^this pages at most. */
export const NVME_MDTS = 2;

const spec = (section: string): string => `NVM Express Base Specification 2.0, ${section}`;

/** CAP, low half. */
export const NvmeCap0 = layout({
  name: 'NVMe CAP, low half',
  spec: spec('3.1.3.1 "CAP"'),
  bits: 32,
  fields: {
    MQES: uint(15, 0, 'Most entries of a queue, less one.'),
    CQR: flag(16, 'Queues must lie in one piece.'),
    TO: uint(31, 24, 'Longest time until RDY follows EN, in 500 ms.'),
  },
});
export const NvmeCap1 = layout({
  name: 'NVMe CAP, high half',
  spec: spec('3.1.3.1 "CAP"'),
  bits: 32,
  fields: {
    DSTRD: uint(3, 0, 'Doorbells are 4 << this bytes apart.'),
    CSS: uint(12, 5, 'Command sets; bit 0: NVM.'),
    MPSMIN: uint(19, 16, 'Smallest page, 2^(12 + this) bytes.'),
    MPSMAX: uint(23, 20, 'Largest page.'),
  },
});
export const NvmeCc = layout({
  name: 'NVMe CC',
  spec: spec('3.1.3.5 "CC"'),
  bits: 32,
  fields: {
    EN: flag(0, 'Set: start. Cleared: reset; wait until RDY is clear.'),
    CSS: uint(6, 4, 'Command set; 0: NVM.'),
    MPS: uint(10, 7, 'Page size, 2^(12 + this) bytes; 0.'),
    SHN: uint(15, 14, 'Other than 0: shut down; wait until SHST is 2.'),
    IOSQES: uint(19, 16, 'Size of I/O submission entries, power of 2; 6.'),
    IOCQES: uint(23, 20, 'Size of I/O completion entries, power of 2; 4.'),
  },
});
export const NvmeCsts = layout({
  name: 'NVMe CSTS',
  spec: spec('3.1.3.6 "CSTS"'),
  bits: 32,
  fields: {
    RDY: flag(0, 'Follows CC.EN.'),
    CFS: flag(1, 'Fatal: the admin registers make no sense, or a queue cannot be reached. Only a reset helps.'),
    SHST: uint(3, 2, '2: shut down.'),
  },
});
export const NvmeAqa = layout({
  name: 'NVMe AQA',
  spec: spec('3.1.3.8 "AQA"'),
  bits: 32,
  fields: {
    ASQS: uint(11, 0, 'Entries of the admin submission queue, less one; at least 1 (CAP.MQES does not count here).'),
    ACQS: uint(27, 16, 'Entries of the admin completion queue, less one; at least 1.'),
  },
});

const DOORBELLS = 0x1000;
const STATE = 0x800;

/** What exists for every queue. `Q…` show what the controller knows; they are not part of NVMe. */
function queue(q: number): Record<string, Register> {
  const state = STATE + 0x40 * q;
  const n = String(q);
  return {
    [`SQ${n}TDBL`]: { offset: DOORBELLS + 8 * q, access: 'wo', reset: NEVER_RUNG, doc: `Doorbell: tail of submission queue ${n}.` },
    [`CQ${n}HDBL`]: { offset: DOORBELLS + 8 * q + 4, access: 'wo', doc: `Doorbell: head of completion queue ${n}.` },
    [`Q${n}_EPOCH`]: { offset: state, access: 'ro', doc: `Counts how often pair ${n} began and ended; odd while it exists.` },
    [`Q${n}_BUSY`]: { offset: state + 0x04, access: 'ro', doc: `1: queue ${n} is at work.` },
    [`Q${n}_SQ_LO`]: { offset: state + 0x08, access: 'ro', doc: 'Where its submission queue lies.' },
    [`Q${n}_SQ_HI`]: { offset: state + 0x0c, access: 'ro', doc: 'The high half.' },
    [`Q${n}_SQ_SIZE`]: { offset: state + 0x10, access: 'ro', doc: 'Its entries.' },
    [`Q${n}_CQ_LO`]: { offset: state + 0x18, access: 'ro', doc: 'Where its completion queue lies.' },
    [`Q${n}_CQ_HI`]: { offset: state + 0x1c, access: 'ro', doc: 'The high half.' },
    [`Q${n}_CQ_SIZE`]: { offset: state + 0x20, access: 'ro', doc: 'Its entries; 0: none.' },
    [`Q${n}_VECTOR`]: { offset: state + 0x24, access: 'ro', doc: 'Its interrupt vector, plus one; 0: none.' },
  };
}

const CONTROLLER = {
  CAP_LO: { offset: 0x00, access: 'ro', reset: Number(NvmeCap0.encode({ MQES: NVME_ENTRIES - 1, CQR: true, TO: 1 })), doc: 'Capabilities.', layout: NvmeCap0 },
  CAP_HI: { offset: 0x04, access: 'ro', reset: Number(NvmeCap1.encode({ CSS: 1 })), doc: 'The high half.', layout: NvmeCap1 },
  VS: { offset: 0x08, access: 'ro', reset: NVME_VERSION, doc: 'Version 2.0.' },
  CC: { offset: 0x14, access: 'rw', doc: 'Controller configuration.', layout: NvmeCc },
  CSTS: { offset: 0x1c, access: 'ro', doc: 'Controller status.', layout: NvmeCsts },
  AQA: { offset: 0x24, access: 'rw', doc: 'Sizes of the admin queues.', layout: NvmeAqa },
  ASQ_LO: { offset: 0x28, access: 'rw', doc: 'Bus address of the admin submission queue; a multiple of 4096.' },
  ASQ_HI: { offset: 0x2c, access: 'rw', doc: 'The high half.' },
  ACQ_LO: { offset: 0x30, access: 'rw', doc: 'Bus address of the admin completion queue; a multiple of 4096.' },
  ACQ_HI: { offset: 0x34, access: 'rw', doc: 'The high half.' },
  BAD_DOORBELL: { offset: 0x7f0, access: 'ro', doc: '1: since the last reset a doorbell had a value that is no index of its queue; it did nothing. (NVMe reports it as an asynchronous event.)' },
} as const satisfies Record<string, Register>;

export const NvmeRegisters: Readonly<Record<string, Register>> = registerTable(NVME_WINDOW, { ...CONTROLLER, ...queue(0), ...queue(1), ...queue(2) });

export const NVME_ADMIN = { deleteSq: 0x00, createSq: 0x01, deleteCq: 0x04, createCq: 0x05, identify: 0x06 } as const;
export const NVME_IO = { flush: 0x00, write: 0x01, read: 0x02 } as const;

/** Code: status code type in 10:8, status code in 7:0. */
export const NvmeStatus = {
  success: { code: 0x000, doc: 'Done.' },
  invalidOpcode: { code: 0x001, doc: 'No such command in this queue.' },
  invalidField: { code: 0x002, doc: 'Fused or SGL, not contiguous, an unknown CNS, or more data than MDTS allows.' },
  dataTransferError: { code: 0x004, doc: 'Data, or a PRP list, could not be reached. A read is in memory up to there; a write has changed nothing.' },
  invalidNamespace: { code: 0x00b, doc: 'There is only namespace 1.' },
  prpOffset: { code: 0x013, doc: 'A PRP entry has an offset where it may have none, or one that is no multiple of 4 (of 8 for a list).' },
  lbaOutOfRange: { code: 0x080, doc: 'The blocks are not all on the disk.' },
  completionQueueInvalid: { code: 0x100, doc: 'Create SQ: its completion queue does not exist, or is not the one with the same number.' },
  invalidQueueId: { code: 0x101, doc: 'No such queue, one that exists already, or number 0.' },
  invalidQueueSize: { code: 0x102, doc: 'Fewer than 2 entries, or more than CAP.MQES.' },
  invalidVector: { code: 0x108, doc: 'The controller has no such interrupt vector.' },
  invalidDeletion: { code: 0x10c, doc: 'The completion queue still has its submission queue.' },
} as const satisfies ErrorTable;
export type NvmeStatusName = keyof typeof NvmeStatus;
