// SPDX-License-Identifier: Apache-2.0
/** What NVMe puts into memory: commands, completions, PRP entries, identify data. */
import { flag, layout, uint, wide } from '../../base/layout.ts';

const spec = (section: string): string => `NVM Express Base Specification 2.0, ${section}`;

/** 64 bytes. */
export const NvmeCommand = layout({
  name: 'submission queue entry',
  spec: spec('3.3.3.1 "Submission Queue Entry"'),
  bits: 512,
  fields: {
    opcode: uint(7, 0, 'What to do; the numbers differ between the admin queue and the others.'),
    fuse: uint(9, 8, 'Fused operations; must be 0 here.'),
    psdt: uint(15, 14, 'How data is described; 0: PRPs. Nothing else here.'),
    cid: uint(31, 16, 'Comes back in the completion.'),
    nsid: uint(63, 32, 'Namespace; there is one, number 1.'),
    mptr: wide(191, 128, 'Metadata; not used.'),
    prp1: wide(255, 192, 'Bus address of the data; may begin inside a page, at a multiple of 4.'),
    prp2: wide(319, 256, 'The second page, or the list of all pages after the first.'),
    cdw10: uint(351, 320, 'Depends on the opcode. Read and write: first block, low half.'),
    cdw11: uint(383, 352, 'Read and write: first block, high half.'),
    cdw12: uint(415, 384, 'Read and write: number of blocks less one, in 15:0.'),
    cdw13: uint(447, 416, 'Not used.'),
    cdw14: uint(479, 448, 'Not used.'),
    cdw15: uint(511, 480, 'Not used.'),
  },
});

/** 16 bytes. Linux reads the last two as one word, `status`, with the phase in its bit 0. */
export const NvmeCompletion = layout({
  name: 'completion queue entry',
  spec: spec('3.3.3.2 "Common Completion Queue Entry"'),
  bits: 128,
  fields: {
    result: uint(31, 0, 'Depends on the command.'),
    sqHead: uint(79, 64, 'How far the controller has taken the submission queue: entries before it may be reused.'),
    sqId: uint(95, 80, 'Submission queue of the command.'),
    cid: uint(111, 96, 'The command\'s.'),
    phase: flag(112, 'Turns over each time the queue wraps; 1 in the first round. The entry is new when it differs from the round before.'),
    status: uint(120, 113, 'Status code.'),
    type: uint(123, 121, 'Status code type: 0 generic, 1 of the command, 2 media.'),
    doNotRetry: flag(127, 'The same command would fail again.'),
  },
});

export const NvmePrp = layout({
  name: 'PRP entry',
  spec: spec('4.1.1 "Physical Region Page Entry and List"'),
  bits: 64,
  fields: {
    offset: uint(11, 0, 'Within the page. Only the first entry of a command, and a pointer to a list, may have one.'),
    page: wide(63, 12, 'Page number.'),
  },
});

/** 4096 bytes; fields that are left out are 0. */
export const NvmeIdentifyController = layout({
  name: 'identify controller',
  spec: spec('5.17.2.1 "Identify Controller data structure"'),
  bits: 32768,
  fields: {
    vendor: uint(15, 0, 'PCI vendor.'),
    serial: wide(191, 32, 'Serial number, ASCII.'),
    model: wide(511, 192, 'Model, ASCII.'),
    maxTransfer: uint(623, 616, 'MDTS: most data of one command is 2^this pages.'),
    version: uint(671, 640, 'As in VS.'),
    sqEntry: uint(4103, 4096, 'SQES: sizes of submission entries, powers of 2; most in 7:4, least in 3:0.'),
    cqEntry: uint(4111, 4104, 'CQES: the same of completion entries.'),
    namespaces: uint(4159, 4128, 'NN: how many there are.'),
    volatileCache: uint(4207, 4200, 'VWC: 0, writes are durable when they complete, so flush has nothing to do.'),
  },
});

/** 4096 bytes. */
export const NvmeIdentifyNamespace = layout({
  name: 'identify namespace',
  spec: 'NVM Command Set Specification 1.0, 4.1.5.1 "Identify Namespace data structure"',
  bits: 32768,
  fields: {
    size: wide(63, 0, 'NSZE, blocks.'),
    capacity: wide(127, 64, 'NCAP, blocks.'),
    used: wide(191, 128, 'NUSE, blocks.'),
    formats: uint(207, 200, 'NLBAF: number of formats less one.'),
    format: uint(211, 208, 'FLBAS: the format in use.'),
    blockShift: uint(1047, 1040, 'LBADS of format 0: blocks have 2^this bytes.'),
  },
});

/** How commands carry their own fields in cdw10 and cdw11. */
export const NvmeCreateQueue = layout({
  name: 'create queue, cdw10 and cdw11',
  spec: spec('5.4 "Create I/O Completion Queue", 5.5 "Create I/O Submission Queue"'),
  bits: 64,
  fields: {
    qid: uint(15, 0, 'Which queue.'),
    size: uint(31, 16, 'Entries less one.'),
    contiguous: flag(32, 'PC: it lies in one piece. Must be set (CAP.CQR).'),
    interrupts: flag(33, 'IEN, completion queues: completions interrupt. In submission queues, with the next bit, the priority.'),
    vectorOrCqid: uint(63, 48, 'Completion queue: interrupt vector. Submission queue: its completion queue.'),
  },
});
