// SPDX-License-Identifier: Apache-2.0
/** What lies in memory: descriptors and completion records. Names follow Linux include/uapi/linux/idxd.h. */
import { flag, layout, uint, wide } from '../../base/layout.ts';

const spec = (section: string): string => `Intel Data Streaming Accelerator Architecture Specification, ${section}`;

/** 64 bytes. */
export const DsaDescriptor = layout({
  name: 'work descriptor',
  spec: spec('"Descriptor Format"; idxd.h `dsa_hw_desc`'),
  bits: 512,
  fields: {
    pasid: uint(19, 0, 'Address space of every address in the descriptor, in shared queues. In dedicated ones the queue says it.'),
    priv: flag(31, 'Privileged accesses. ENQCMD from user mode clears it.'),
    FENCE: flag(32, 'In a batch: wait for the descriptors before, and give up if one of them failed.'),
    BOF: flag(33, 'Block on fault: ask for a page that is not there and wait. Clear: complete with what was done so far.'),
    CRAV: flag(34, 'The completion address is valid.'),
    RCR: flag(35, 'Write a completion record in any case; clear: only for errors.'),
    RCI: flag(36, 'Interrupt on completion.'),
    CR: flag(39, 'Compare: check the result against the expected one.'),
    CC: flag(40, 'Writes may go to the cache; without effect here.'),
    opcode: uint(63, 56, 'What to do.'),
    completionAddress: wide(127, 64, 'Of the completion record; a multiple of 32.'),
    source: wide(191, 128, 'Source; the pattern of a fill; the list of a batch.'),
    destination: wide(255, 192, 'Destination; the second source of a compare; its pattern.'),
    size: uint(287, 256, 'Bytes; the descriptors of a batch.'),
    intHandle: uint(303, 288, 'Interrupt vector, with RCI.'),
    specific: wide(383, 320, 'Dualcast: the second destination. Compare with CR: the expected result in 7:0.'),
  },
});

/** 32 bytes, of which the device writes the first 8 last, in one access. */
export const DsaCompletion = layout({
  name: 'completion record',
  spec: spec('"Completion Record"; idxd.h `dsa_completion_record`'),
  bits: 256,
  fields: {
    status: uint(6, 0, '0 while the work is not finished; the driver must have written it.'),
    write: flag(7, 'With a fault: the access that failed was a write.'),
    result: uint(15, 8, 'Compare: 0 equal, 1 different. Memmove that stopped: 1 when it went from the end to the beginning.'),
    bytesCompleted: uint(63, 32, 'What was done before the fault or the difference; of a batch, descriptors.'),
    faultAddress: wide(127, 64, 'First address that could not be reached.'),
    invalidFlags: uint(151, 128, 'Flags that were not allowed.'),
  },
});

/** Of the flags field, bits 55:32 of the descriptor. */
export const DSA_FLAGS = { FENCE: 1, BOF: 2, CRAV: 4, RCR: 8, RCI: 0x10, CR: 0x80, CC: 0x100 } as const;
