// SPDX-License-Identifier: Apache-2.0
import type { Datasheet, ErrorCode } from '../datasheet.ts';
import { DSA_OPTIONS } from './dsa.ts';
import { DSA_WINDOW, DsaCommandErrors, DsaRegisters, DsaStatus } from './registers.ts';
import { DsaCompletion, DsaDescriptor } from './structures.ts';

/** Both tables in one; CMDSTS codes stand above 0x100, so that each number is named once. */
const CODES: Record<string, ErrorCode> = {
  ...DsaStatus,
  ...Object.fromEntries(Object.entries<ErrorCode>(DsaCommandErrors).map(([name, { code, doc }]) => [`CMDSTS ${name}`, { code: 0x100 + code, doc: `CMDSTS.error 0x${code.toString(16)}. ${doc}` }])),
};

export const DsaDatasheet: Datasheet = {
  title: 'Data accelerator',
  purpose: [
    'Moves, fills and compares memory by 64-byte descriptors that a processor stores to a portal whole. Addresses are those of the process that submits: a PASID goes with every access, so nothing has to be mapped first. What that costs is here too: pages that are not there, operations that end in the middle, and an address space that may only go when nothing uses it any more.',
    'Two work queues, each with an engine of its own. A dedicated queue has one client, takes MOVDIR64B, and loses what it has no room for. A shared one takes ENQCMD from anybody and says when to try again.',
  ],
  follows: 'Intel DSA as Linux drives it (drivers/dma/idxd): register offsets, WQCFG, commands, descriptors, completion records and their numbers. Left out: groups (each queue is one, with one engine), the event log, delta records, CRC, DIF, cache flushes, interrupt masks, occupancy interrupts, traffic classes. There is one SWERR for each queue, and no INTCAUSE: vector 0 has few causes, look at all of them.',
  badge: 'section',
  options: DSA_OPTIONS,
  windowSize: DSA_WINDOW,
  registers: DsaRegisters,
  structures: [DsaDescriptor, DsaCompletion],
  programming: [
    'Write WQCFG: size, mode, limits, and for a shared queue the threshold and pasidEnable. Give the commands enable device (1) and enable WQ (6). After each store to CMD wait until CMDSTS.finished has changed, then look at CMDSTS.error.',
    'Prepare a descriptor, and set the status of its completion record to 0.',
    'Submit. MOVDIR64B: store the eight 8-byte words of the descriptor to Pn_W0 to Pn_W7, then kind and sequence to Pn_LAUNCH; whoever makes the stores lets no other submission to the portal come between them. For a dedicated queue count what is in it yourself. ENQCMD: the same, then wait for Pn_RESPONSE.count to change; retry says that the queue was full, disabled or not shared. A launch without its eight words waits for them.',
    'Poll the status of the record, or ask for an interrupt (RCI). On status 3 make the page present, and submit the rest: addresses plus bytesCompleted, size less bytesCompleted.',
    'A batch is a list of descriptors at a multiple of 64, and one descriptor of opcode 1 with its address and count.',
    'Before an address space goes away: stop submitting, drain or abort its PASID (commands 11 and 12), and wait for the command. After that the device makes no access with it; the IOMMU\'s caches and page requests are another matter.',
  ],
  ordering: {
    promises: [
      'The data of an operation is in memory before its completion record, and bytes 31:8 of the record before bytes 7:0, which are written in one access; then the interrupt.',
      'Submissions are accepted in the order in which they arrive.',
    ],
    needs: [
      'What the descriptor refers to reaches memory before it is submitted. MOVDIR64B and ENQCMD are not ordered behind earlier stores, not even on x86: `wmb` before them.',
      'After the status was seen, the rest of the record and the data are read later (`dma_rmb`).',
      'Nothing is promised between two descriptors, nor within a batch: a descriptor that reads what another one writes needs FENCE in a batch, a drain between them, or must wait for the first one\'s record.',
    ],
  },
  errors: { where: 'the completion record (or SWERR.error where there is none), and CMDSTS.error, which stand here 0x100 higher', codes: CODES },
  interrupts: ['Vector 0: a command that asked for it is over, or SWERR has something. Any vector: a descriptor with RCI that names it.'],
  teaches: ['One address space for process and device; partial completion and resuming; blocking on faults or not; fences; a record in memory that is polled, and the read barrier behind it; credits against retrying; draining before freeing.'],
};
