// SPDX-License-Identifier: Apache-2.0
/** Registers as in VIRTIO 1.2, 4.2.2 "MMIO Device Register Layout", and what differs there. */
import { flag, layout, uint } from '../../base/layout.ts';
import type { ErrorTable } from '../datasheet.ts';
import { NEVER_RUNG, registerTable } from '../registers.ts';

export const VIRTIO_WINDOW = 0x1000;
export const VIRTIO_QUEUE_MAX = 256;

export const VirtioStatus = layout({
  name: 'virtio STATUS',
  spec: 'VIRTIO 1.2, 2.1 "Device Status Field"',
  bits: 32,
  fields: {
    ACKNOWLEDGE: flag(0, 'The driver has found the device.'),
    DRIVER: flag(1, 'It knows how to drive it.'),
    DRIVER_OK: flag(2, 'It is ready; the device may use the queue.'),
    FEATURES_OK: flag(3, 'It has chosen features.'),
    FAILED: flag(7, 'It has given up.'),
  },
});

export const VirtioFeatures0 = layout({
  name: 'virtio features, low half',
  spec: 'VIRTIO 1.2, 6 "Reserved Feature Bits"',
  bits: 32,
  fields: {
    INDIRECT_DESC: flag(28, 'Chains may lie in tables of their own.'),
    EVENT_IDX: flag(29, 'used_event and avail_event replace the flags that suppress interrupts and doorbells.'),
  },
});
export const VirtioFeatures1 = layout({
  name: 'virtio features, high half',
  spec: 'VIRTIO 1.2, 6 "Reserved Feature Bits"',
  bits: 32,
  fields: { VERSION_1: flag(0, 'Not the legacy interface. Must be accepted.'), rest: uint(31, 1, 'Not offered.') },
});

export const VirtioErrors = {
  none: { code: 0, doc: 'All is well.' },
  queueSize: { code: 1, doc: 'QUEUE_NUM is not a power of 2 from 1 to QUEUE_NUM_MAX (2.7).' },
  alignment: { code: 2, doc: 'A part of the queue is not aligned: descriptors to 16, the driver\'s ring to 2, the device\'s ring to 4 (2.7).' },
  availIndex: { code: 3, doc: 'The driver\'s idx went ahead by more than QUEUE_NUM (2.7.13).' },
  head: { code: 4, doc: 'A head is not below QUEUE_NUM.' },
  next: { code: 5, doc: 'A `next` is not below the number of descriptors of its table.' },
  loop: { code: 6, doc: 'A chain is longer than QUEUE_NUM (2.7.5.3.1).' },
  order: { code: 7, doc: 'A buffer to read comes after one to write (2.7.4.2).' },
  indirect: { code: 8, doc: 'INDIRECT without the feature, together with NEXT, inside an indirect table, or with a length that is 0 or no multiple of 16 (2.7.5.3.1).' },
  tooLong: { code: 9, doc: 'The buffers together have more bytes than the option `maxRequest`.' },
  queueFault: { code: 10, doc: 'The queue itself, or an indirect table, could not be reached.' },
  bufferFault: { code: 11, doc: 'A buffer could not be reached. Nothing is returned for its chain.' },
  notReady: { code: 12, doc: 'A doorbell came while QUEUE_READY is 0.' },
} as const satisfies ErrorTable;
export type VirtioError = keyof typeof VirtioErrors;

export const OFFERED_0 = Number(VirtioFeatures0.encode({ INDIRECT_DESC: true, EVENT_IDX: true }));
export const OFFERED_1 = Number(VirtioFeatures1.encode({ VERSION_1: true }));

export const VirtioRegisters = registerTable(VIRTIO_WINDOW, {
  MAGIC: { offset: 0x000, access: 'ro', reset: 0x7472_6976, doc: '"virt".' },
  VERSION: { offset: 0x004, access: 'ro', reset: 2, doc: '2: not legacy.' },
  DEVICE_ID: { offset: 0x008, access: 'ro', reset: 0xffff, doc: 'No device of the standard: it answers each request with its text in capitals.' },
  DEVICE_FEATURES_0: { offset: 0x010, access: 'ro', reset: OFFERED_0, doc: 'Features on offer, low half. (The standard selects halves; a register of this machine cannot answer by another one\'s content.)', layout: VirtioFeatures0 },
  DEVICE_FEATURES_1: { offset: 0x014, access: 'ro', reset: OFFERED_1, doc: 'The high half.', layout: VirtioFeatures1 },
  DRIVER_FEATURES_0: { offset: 0x020, access: 'rw', doc: 'Features the driver takes, low half. Looked at with FEATURES_OK.', layout: VirtioFeatures0 },
  DRIVER_FEATURES_1: { offset: 0x024, access: 'rw', doc: 'The high half.', layout: VirtioFeatures1 },
  QUEUE_NUM_MAX: { offset: 0x034, access: 'ro', reset: VIRTIO_QUEUE_MAX, doc: 'Most descriptors of the queue.' },
  QUEUE_NUM: { offset: 0x038, access: 'rw', doc: 'How many it has.' },
  QUEUE_READY: { offset: 0x044, access: 'rw', doc: '1: the queue registers are set.' },
  QUEUE_NOTIFY: { offset: 0x050, access: 'wo', reset: NEVER_RUNG, doc: 'Doorbell. By custom the queue\'s number, 0.' },
  STATUS: { offset: 0x070, access: 'rw', doc: 'The driver\'s status; 0 resets the device.', layout: VirtioStatus },
  DEVICE_STATUS: { offset: 0x074, access: 'ro', doc: 'What the device has accepted of STATUS. After a reset wait for 0: then it touches nothing any more. FEATURES_OK stays clear when features were not accepted, DRIVER_OK then too.', layout: VirtioStatus },
  ERROR: { offset: 0x078, access: 'ro', doc: 'Not 0: the device needs a reset (DEVICE_NEEDS_RESET of the standard); the code says why.' },
  QUEUE_DESC_LO: { offset: 0x080, access: 'rw', doc: 'Bus address of the descriptor table.' },
  QUEUE_DESC_HI: { offset: 0x084, access: 'rw', doc: 'The high half.' },
  QUEUE_DRIVER_LO: { offset: 0x090, access: 'rw', doc: 'Bus address of the driver\'s ring (avail).' },
  QUEUE_DRIVER_HI: { offset: 0x094, access: 'rw', doc: 'The high half.' },
  QUEUE_DEVICE_LO: { offset: 0x0a0, access: 'rw', doc: 'Bus address of the device\'s ring (used).' },
  QUEUE_DEVICE_HI: { offset: 0x0a4, access: 'rw', doc: 'The high half.' },
  EPOCH: { offset: 0x0f0, access: 'ro', doc: 'Counts switching on and off; odd while on.' },
  BUSY: { offset: 0x0f4, access: 'ro', doc: '1: the queue is at work.' },
});
