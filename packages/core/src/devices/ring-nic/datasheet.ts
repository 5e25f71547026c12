// SPDX-License-Identifier: Apache-2.0
import type { Datasheet } from '../datasheet.ts';
import { Descriptor } from './descriptor.ts';
import { RING_NIC_WINDOW, RingNicRegisters } from './registers.ts';
import { RING_NIC_OPTIONS } from './ring-nic.ts';

export const RingNicDatasheet: Datasheet = {
  title: 'NIC with descriptor rings',
  purpose: [
    'Sends frames from a ring of descriptors and receives frames into another. Each direction has an engine of its own. A bit in each descriptor says whose it is; there is no head and no tail register.',
  ],
  follows: 'The own-bit rings of r8169 and e1000 (DD as the only handshake), with fewer registers. No checksums, no scatter-gather, no filters.',
  badge: 'choice',
  options: RING_NIC_OPTIONS,
  windowSize: RING_NIC_WINDOW,
  registers: RingNicRegisters,
  structures: [Descriptor],
  programming: [
    'Allocate the rings as coherent memory, all own bits clear. Write RING_LO, RING_HI, RING_SIZE and the same for receiving, then CTRL.',
    'To send: write `addr` and `len` of the next descriptor, then `own`, then DOORBELL. To receive: fill descriptors with empty buffers the same way, then RX_DOORBELL.',
    'A descriptor whose `own` is clear and `done` set is finished; `error` says that it could not be used, `len` how many bytes were received.',
    'NAPI, with the option `maskable`: the interrupt handler masks its vector in INT_MASK and schedules the poll. The poll takes finished descriptors up to its budget. When it took fewer, it unmasks the vector, reads INT_MASK back, and looks at the ring once more; when there is something, it masks again and goes on. A descriptor that was finished between its last look and the arrival of the unmasking is announced by nobody.',
    'To stop: clear CTRL, ring the doorbells if engines sleep, and read STATUS until it is idle. From then on the rings may be freed.',
  ],
  ordering: {
    promises: [
      'Reads `flags` first and the other fields only when `own` is set, each in an access of its own.',
      'Writes the frame, then `len`, then `flags`, then sends the interrupt.',
      'Goes on with the next descriptor by itself while its own bit is set, without another doorbell; may read one descriptor ahead and then believes what it read.',
    ],
    needs: [
      '`own` must reach memory after `addr` and `len` (`dma_wmb`), whether or not a doorbell follows: an engine that is awake does not wait for it.',
      'After `own` was seen clear, the other fields must be read later (`dma_rmb`).',
      'Between unmasking the interrupt and the last look at the ring the unmasking must have arrived: read it back. A barrier alone orders the store to the device before the load of memory, but a posted write that is ordered may still be on its way.',
    ],
  },
  errors: {
    where: '`error` in the descriptor with `done`; a ring that makes no sense is bit 1 of STATUS',
    codes: {
      badRing: { code: 2, doc: 'STATUS, RX_STATUS: the size is not 1 to 1024, the base no multiple of 16, or the ring no memory. The engine sleeps.' },
      badDescriptor: { code: 0x6000, doc: 'flags `done` and `error`: length 0, above `maxFrame`, too small for the frame, or an address that is no memory. The frame is dropped.' },
    },
  },
  interrupts: ['Vector 0: descriptors were sent. Vector 1: frames were received. Each after `coalesce` descriptors, and when the engine runs out of them.'],
  teaches: ['Own bits and the barriers around them, prefetch of descriptors, doorbells, interrupt coalescing, the race between the last poll and the re-armed interrupt.'],
};
