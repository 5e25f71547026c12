// SPDX-License-Identifier: Apache-2.0
import type { Datasheet } from '../datasheet.ts';
import { COPY_ENGINE_OPTIONS } from './copy-engine.ts';
import { COPY_ENGINE_WINDOW, CopyEngineRegisters, CopyErrors } from './registers.ts';

export const CopyEngineDatasheet: Datasheet = {
  title: 'Copy engine',
  purpose: [
    'Copies bytes from one place in memory to another, or between memory and a buffer of its own, whenever its doorbell is rung. It has no descriptors: what it shall do is in its registers, so one copy at a time.',
  ],
  follows: 'The DMA engine of QEMU\'s edu device, with its own register offsets. edu cuts addresses above its 28 bits off and goes on; this engine refuses them, because a silent wrong address teaches nothing.',
  badge: 'choice',
  options: COPY_ENGINE_OPTIONS,
  windowSize: COPY_ENGINE_WINDOW,
  registers: CopyEngineRegisters,
  structures: [],
  programming: [
    'Ask for as many address bits as the engine has (`dma_set_mask_and_coherent`), and stop when that fails.',
    'Make the source readable and the destination writable for the engine (`dma_map_single`), and test the mapping.',
    'Write SOURCE, DESTINATION and LENGTH; with `wide` in the command, SOURCE_HI and DESTINATION_HI too.',
    'Write DOORBELL. The registers may be written again when the copy is over.',
    'Wait for the interrupt, or read STATUS until `finished` has changed; then look at faulted.',
    'With the option `ack`: read IRQ_STATUS, handle that many copies, write what was read to IRQ_ACK.',
    'Give the buffers back to the CPU (`dma_unmap_single`) before it looks at them.',
  ],
  ordering: {
    promises: [
      'Reads the source, in rising addresses, before it writes the destination.',
      'Sets STATUS after its last write, and sends its interrupt after STATUS: whoever has seen either finds the copy in memory.',
    ],
    needs: [
      'What the CPU wrote to the source must have reached memory when the doorbell arrives: `writel` waits for that, `writel_relaxed` does not.',
      'On a machine whose devices do not look into caches the source must be cleaned before the doorbell and the destination invalidated before it is read.',
    ],
  },
  errors: { where: 'STATUS.error, with faulted set', codes: CopyErrors },
  interrupts: ['Vector 0: a copy is over, unless the command said quiet. With the option `ack` only the first since the last acknowledgement; one that came in between is announced when IRQ_ACK is written.'],
  teaches: ['First DMA, who owns a buffer, cache maintenance, DMA masks and bounce buffers, interrupt or polling, lost interrupts.'],
};
