// SPDX-License-Identifier: Apache-2.0
/** The copy engine's registers and error codes. */
import { choice, flag, layout, uint } from '../../base/layout.ts';
import type { ErrorTable } from '../datasheet.ts';
import { NEVER_RUNG, registerTable } from '../registers.ts';

export const COPY_ENGINE_WINDOW = 0x1000;
/** Bytes of the engine's own buffer, as in edu. */
export const COPY_BUFFER_SIZE = 4096;

const SPEC = 'dmalab copy engine, after the DMA engine of the edu device (QEMU docs/specs/edu)';

export const CopyStatus = layout({
  name: 'copy engine STATUS',
  spec: SPEC,
  bits: 32,
  fields: {
    done: flag(0, 'The last copy is over. The engine clears it when it takes the doorbell.'),
    faulted: flag(1, 'It failed; error says why. Cleared with done.'),
    busy: flag(2, 'A copy is under way.'),
    error: uint(15, 8, 'Error code of the last copy, 0 when it was done.'),
    finished: uint(31, 16, 'How many copies are over, modulo 2^16. Until the engine takes a doorbell STATUS is that of the copy before: whoever polls waits for this to change.'),
  },
});

export const CopyCommand = layout({
  name: 'copy engine DOORBELL',
  spec: SPEC,
  bits: 32,
  fields: {
    start: flag(0, 'By custom set: any store starts one copy.'),
    direction: choice(2, 1, 'Between what. The buffer is the engine\'s own, 4096 bytes; its side of the copy takes an offset in place of an address.', { memoryToMemory: 0, bufferToMemory: 1, memoryToBuffer: 2 }),
    quiet: flag(3, 'No interrupt when it is over.'),
    wide: flag(4, 'SOURCE_HI and DESTINATION_HI count; clear: both are 0.'),
  },
});

export const CopyEngineRegisters = registerTable(COPY_ENGINE_WINDOW, {
  SOURCE: { offset: 0x00, access: 'rw', doc: 'Bus address to read from, bytes.' },
  DESTINATION: { offset: 0x04, access: 'rw', doc: 'Bus address to write to, bytes.' },
  LENGTH: { offset: 0x08, access: 'rw', doc: 'Bytes to copy; 0 is an error.' },
  DOORBELL: { offset: 0x0c, access: 'wo', reset: NEVER_RUNG, doc: 'Any store starts one copy; its bits say which.', layout: CopyCommand },
  STATUS: { offset: 0x10, access: 'ro', doc: 'How the last copy ended.', layout: CopyStatus },
  SOURCE_HI: { offset: 0x14, access: 'rw', doc: 'The high 32 bits of the source.' },
  DESTINATION_HI: { offset: 0x18, access: 'rw', doc: 'The high 32 bits of the destination.' },
  IRQ_STATUS: { offset: 0x1c, access: 'ro', doc: 'With the option `ack`: how many copies are over, modulo 2^32. An interrupt is pending while it is ahead of IRQ_ACK.' },
  IRQ_ACK: { offset: 0x20, access: 'rw', doc: 'With the option `ack`: the value of IRQ_STATUS up to which the driver has looked. The next interrupt comes only after that.' },
});

export const CopyErrors = {
  ok: { code: 0, doc: 'Copied.' },
  badLength: { code: 1, doc: 'LENGTH is 0, above the option `maxLength`, or passes the end of the engine\'s buffer.' },
  mask: { code: 2, doc: 'An address of the range does not fit in the engine\'s `maskBits` address lines. Nothing was accessed.' },
  source: { code: 3, doc: 'The source could not be read to its end. Nothing was written.' },
  destination: { code: 4, doc: 'The destination could not be written to its end. What lies before the fault is written.' },
  badCommand: { code: 5, doc: 'The doorbell\'s direction is reserved.' },
} as const satisfies ErrorTable;
