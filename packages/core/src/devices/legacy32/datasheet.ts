// SPDX-License-Identifier: Apache-2.0
import type { Datasheet } from '../datasheet.ts';
import { LEGACY_OPTIONS } from './legacy32.ts';
import { LEGACY_WINDOW, LegacyErrors, LegacyRegisters } from './registers.ts';
import { LegacyDescriptor, LegacyDescriptorBig } from './structures.ts';

export const Legacy32Datasheet: Datasheet = {
  title: '32-bit device',
  purpose: [
    'Reads buffers, or fills them with counting bytes, as a ring of 8-byte descriptors tells it. Everything it knows of addresses fits in 32 bits, or in fewer; on a machine with memory above that the driver must say so, and the kernel then gives it addresses it can say, by an IOMMU or by copying through a low buffer.',
  ],
  follows: 'Old PCI and ISA bus masters: 32-bit address lines (24 with `maskBits`), descriptors of two words, and, with `bigEndian`, words in the order of the machine it was made for. A real one would cut an address off in silence; one above its lines is an error here.',
  badge: 'choice',
  options: LEGACY_OPTIONS,
  windowSize: LEGACY_WINDOW,
  registers: LegacyRegisters,
  structures: [LegacyDescriptor, LegacyDescriptorBig],
  programming: [
    'Set the mask (`dma_set_mask_and_coherent` with `maskBits`) before anything is allocated or mapped, and stop when that fails.',
    'Allocate the ring as coherent memory, all zero; mark the last descriptor `last`. Write RING, then CONTROL.',
    'For a buffer: write the address, which `dma_map_single` gave, then length and flags with `own`, in the device\'s byte order (`cpu_to_le32`, `cpu_to_be32`). Then DOORBELL.',
    'A descriptor whose `own` is clear and `done` set is finished. Unmap the buffer: if it was bounced, this is when the bytes are copied back.',
    'To stop: clear CONTROL, ring the doorbell, and read STATUS until it is idle.',
  ],
  ordering: {
    promises: [
      'Reads the word with `own` first and the address only when it is set; moves the data; then writes `length`, `done` and `own` in one access; then interrupts.',
      'Goes on with the next descriptor by itself while it is its own.',
    ],
    needs: [
      'The address reaches memory before the word with `own` (`dma_wmb`).',
      'After `own` was seen clear, the data is read later (`dma_rmb`).',
    ],
  },
  errors: { where: '`error` in the descriptor, and STATUS.error', codes: LegacyErrors },
  interrupts: ['Vector 0: a descriptor is finished.'],
  teaches: ['DMA masks and what happens without them; bounce buffers, whose bytes arrive only with the unmap; byte order as a property of the device, not of the CPU.'],
};
