// SPDX-License-Identifier: Apache-2.0
import type { Datasheet } from '../datasheet.ts';
import { VIRTIO_WINDOW, VirtioErrors, VirtioRegisters } from './registers.ts';
import { VirtqAvail, VirtqDesc, VirtqUsed, VirtqUsedElem } from './structures.ts';
import { VIRTIO_OPTIONS } from './virtio.ts';

export const VirtioDatasheet: Datasheet = {
  title: 'virtio device with a split queue',
  purpose: [
    'Answers texts with the same texts in capitals. The work is nothing; the queue is everything: one split virtqueue as in the standard, with indirect descriptors and both ways of suppressing doorbells and interrupts.',
  ],
  follows: 'VIRTIO 1.2: the split virtqueue (2.7) and its structures bit by bit; the registers of the MMIO transport (4.2.2), without the selectors for feature halves and queues, with a DEVICE_STATUS beside STATUS and an ERROR in place of DEVICE_NEEDS_RESET. There is one queue, number 0.',
  badge: 'section',
  options: VIRTIO_OPTIONS,
  windowSize: VIRTIO_WINDOW,
  registers: VirtioRegisters,
  structures: [VirtqDesc, VirtqAvail, VirtqUsed, VirtqUsedElem],
  programming: [
    'Write 0 to STATUS and wait until DEVICE_STATUS is 0. Then write ACKNOWLEDGE, then DRIVER with it.',
    'Write the features to take, write FEATURES_OK with the bits before, and wait until DEVICE_STATUS shows ACKNOWLEDGE and DRIVER again: FEATURES_OK is set with them, or the device does not agree.',
    'Put the three parts of the queue into coherent memory, all zero. Write QUEUE_NUM, the three addresses, QUEUE_READY = 1.',
    'Write DRIVER_OK with the bits before, and wait until DEVICE_STATUS shows it.',
    'For a request: fill descriptors (buffers to read first, then buffers to write), put the head into `avail.ring[idx mod QUEUE_NUM]`, then raise `avail.idx`, then read `used.flags` (with EVENT_IDX: `avail_event`), then write QUEUE_NOTIFY if the device wants it.',
    'While `used.idx` is ahead: read `used.ring[…]`, and reuse the descriptors of the chain that it names.',
    'To stop: write 0 to STATUS and wait for DEVICE_STATUS 0. Only then may the queue be freed.',
  ],
  ordering: {
    promises: [
      'Reads `avail.idx`, then the head, then the descriptors, then the buffers; writes the answer, then the used element, then `used.idx`; then reads `avail.flags` or `used_event`; then interrupts.',
      'Before it sleeps it asks for a doorbell and then looks at `avail.idx` once more.',
    ],
    needs: [
      'Descriptors and the ring entry reach memory before `avail.idx`: `dma_wmb` between them. A device that is awake needs no doorbell to see the index.',
      'Between the store to `avail.idx` and the load of `used.flags` or `avail_event` lies a full barrier (`dma_mb`, `virtio_mb`): else driver and device each see the other\'s old word, no doorbell comes, and the request waits for ever.',
      'After `used.idx` was seen ahead, the element and the answer are read later (`dma_rmb`).',
      'The same full barrier between the store to `used_event` and the last look at `used.idx`.',
    ],
  },
  errors: { where: 'ERROR; the queue stops until a reset', codes: VirtioErrors },
  interrupts: ['Vector 0: chains were returned, unless `avail.flags` (with EVENT_IDX: `used_event`) says no. Vector 1: ERROR has become other than 0.'],
  teaches: ['Three barriers, each with a bug of its own; suppressed doorbells and the store-then-load pattern; descriptor chains that nobody may trust; resetting before freeing.'],
};
