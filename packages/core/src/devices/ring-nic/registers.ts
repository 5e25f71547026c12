// SPDX-License-Identifier: Apache-2.0
/** The NIC's registers. Two engines, one for each direction, each with a ring, a doorbell and a status of its own. */
import { flag, layout } from '../../base/layout.ts';
import { NEVER_RUNG, registerTable } from '../registers.ts';

export const RING_NIC_WINDOW = 0x1000;

export const RingNicMask = layout({
  name: 'NIC INT_MASK',
  spec: 'dmalab ring NIC',
  bits: 32,
  fields: {
    sent: flag(0, 'No interrupts on vector 0.'),
    received: flag(1, 'No interrupts on vector 1.'),
  },
});

export const RingNicRegisters = registerTable(RING_NIC_WINDOW, {
  CTRL: { offset: 0x00, access: 'rw', doc: 'Bit 0 lets the NIC send, bit 1 lets it receive. An engine looks at it whenever its doorbell wakes it.' },
  STATUS: { offset: 0x04, access: 'ro', doc: 'Sending. Bit 0: the engine is at work. Bit 1: the ring registers made no sense when it was woken last.' },
  RING_LO: { offset: 0x10, access: 'rw', doc: 'Bus address of the send ring, low 32 bits. A multiple of 16.' },
  RING_HI: { offset: 0x14, access: 'rw', doc: 'The high 32 bits.' },
  RING_SIZE: { offset: 0x18, access: 'rw', doc: 'Descriptors in the send ring, 1 to 1024.' },
  DOORBELL: { offset: 0x1c, access: 'wo', reset: NEVER_RUNG, doc: 'Any store wakes the send engine, which goes on from where it stopped while descriptors are its own. By custom the slot that was filled.' },
  RX_STATUS: { offset: 0x24, access: 'ro', doc: 'Receiving. Bits as in STATUS.' },
  RX_RING_LO: { offset: 0x30, access: 'rw', doc: 'Bus address of the receive ring, low 32 bits. A multiple of 16.' },
  RX_RING_HI: { offset: 0x34, access: 'rw', doc: 'The high 32 bits.' },
  RX_RING_SIZE: { offset: 0x38, access: 'rw', doc: 'Descriptors in the receive ring, 1 to 1024.' },
  RX_DOORBELL: { offset: 0x3c, access: 'wo', reset: NEVER_RUNG, doc: 'Any store tells the receive engine that there are empty buffers.' },
  INT_MASK: { offset: 0x40, access: 'rw', doc: 'With the option `maskable`: interrupts that are not sent. What finishes while its vector is masked is not announced later.', layout: RingNicMask },
});

export const CTRL_SEND = 1;
export const CTRL_RECEIVE = 2;
export const STATUS_BUSY = 1;
export const STATUS_BAD_RING = 2;
