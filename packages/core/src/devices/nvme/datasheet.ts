// SPDX-License-Identifier: Apache-2.0
import type { Datasheet } from '../datasheet.ts';
import { NVME_OPTIONS } from './nvme.ts';
import { NVME_WINDOW, NvmeRegisters, NvmeStatus } from './registers.ts';
import { NvmeCommand, NvmeCompletion, NvmeCreateQueue, NvmeIdentifyController, NvmeIdentifyNamespace, NvmePrp } from './structures.ts';

export const NvmeDatasheet: Datasheet = {
  title: 'NVMe controller with a RAM disk',
  purpose: [
    'Keeps blocks of 512 bytes. Commands go into submission queues in memory, completions come back in completion queues; there is an admin queue pair and up to two pairs for reading and writing. Each pair is served by an engine of its own, so commands of different queues overtake one another.',
  ],
  follows: 'NVM Express Base Specification 2.0 and NVM Command Set 1.0: registers, queues, PRPs, commands and status codes at their places. Left out: SGLs, metadata, fused commands, features, log pages, asynchronous events, abort, interrupt masks, namespaces beyond number 1. A submission queue works with the completion queue of the same number only.',
  badge: 'section',
  options: NVME_OPTIONS,
  windowSize: NVME_WINDOW,
  registers: NvmeRegisters,
  structures: [NvmeCommand, NvmeCompletion, NvmePrp, NvmeCreateQueue, NvmeIdentifyController, NvmeIdentifyNamespace],
  programming: [
    'Clear CC.EN and wait until CSTS.RDY is clear.',
    'Write AQA, ASQ and ACQ with two pieces of coherent memory, all zero. Write CC with EN, IOSQES = 6, IOCQES = 4, and wait until CSTS shows RDY, or CFS when the values make no sense.',
    'Identify (opcode 6): cdw10 = 1 for the controller, 0 for namespace 1; prp1 names a page.',
    'Create the completion queue (opcode 5), then the submission queue (opcode 1) of the same number.',
    'A command: write its 64 bytes at the tail of the submission queue, then the new tail to the doorbell. Read is opcode 2, write 1, flush 0: nsid 1, cdw10 and cdw11 the first block, cdw12 the number of blocks less one, prp1 and prp2 the data.',
    'PRPs: one page or less is prp1 alone; up to two pages are prp1 and prp2; more are prp1 and a list at prp2, whose last entry within a page points to the next part of the list.',
    'A completion is new while its phase differs from the round before: 1 in the first. Take it, go on by one, turn the phase over at the end of the queue, and write the new head to the doorbell: a queue that is full but for one entry stops.',
    'To end: delete the submission queue (opcode 0), then the completion queue (opcode 4); or clear CC.EN and wait for RDY to clear. Only then may queues and buffers be freed.',
  ],
  ordering: {
    promises: [
      'Fetches an entry after it has seen the tail go past it, in eight accesses of 8 bytes, lowest address first.',
      'Moves the data, then writes the first half of the completion, then the half with command id and phase in one access, then interrupts.',
      'Commands of one queue are done one after the other; nothing is promised between queues.',
    ],
    needs: [
      'The entry reaches memory before the doorbell arrives: `writel` waits for that, `writel_relaxed` needs `wmb` before it.',
      'After the phase was seen new, the rest of the completion, and the data, are read later (`dma_rmb`). A control dependency does not order loads.',
    ],
  },
  errors: { where: 'the completion: status code type in 10:8 of the number below, status code in 7:0. CSTS.CFS is set when a queue itself cannot be reached', codes: NvmeStatus },
  interrupts: ['Vector 0: a completion of the admin queue. I/O completion queues: the vector they were created with, 0 to the number of I/O queues.'],
  teaches: ['A phase bit in place of an index, and the read barrier behind it; page lists for data that is not in one piece; wrap-around; a consumer that does not keep up; which freeing must wait for which register.'],
};
