// SPDX-License-Identifier: Apache-2.0
/** The split virtqueue in memory, declared once. */
import { flag, layout, uint, wide } from '../../base/layout.ts';

const spec = (section: string): string => `Virtual I/O Device (VIRTIO) 1.2, ${section}`;

/** 16 bytes; the table is aligned to 16. */
export const VirtqDesc = layout({
  name: 'virtq_desc',
  spec: spec('2.7.5 "The Virtqueue Descriptor Table"'),
  bits: 128,
  fields: {
    addr: wide(63, 0, 'Bus address of the buffer, bytes.'),
    len: uint(95, 64, 'Its length, bytes.'),
    NEXT: flag(96, 'The chain goes on at `next`.'),
    WRITE: flag(97, 'The device writes the buffer; clear: it reads it.'),
    INDIRECT: flag(98, 'The buffer is a table of descriptors.'),
    next: uint(127, 112, 'Number of the next descriptor, with NEXT.'),
  },
});

/** The start of the driver's ring, aligned to 2; `ring[QUEUE_NUM]` of 16-bit heads follows, then `used_event`. */
export const VirtqAvail = layout({
  name: 'virtq_avail',
  spec: spec('2.7.6 "The Virtqueue Available Ring"'),
  bits: 32,
  fields: {
    NO_INTERRUPT: flag(0, 'The driver wants no interrupt; without meaning under EVENT_IDX.'),
    idx: uint(31, 16, 'How many heads the driver has put into the ring, modulo 2^16.'),
  },
});

/** The start of the device's ring, aligned to 4; `ring[QUEUE_NUM]` of virtq_used_elem follows, then `avail_event`. */
export const VirtqUsed = layout({
  name: 'virtq_used',
  spec: spec('2.7.8 "The Virtqueue Used Ring"'),
  bits: 32,
  fields: {
    NO_NOTIFY: flag(0, 'The device is awake and wants no doorbell; without meaning under EVENT_IDX.'),
    idx: uint(31, 16, 'How many chains the device has finished, modulo 2^16.'),
  },
});

export const VirtqUsedElem = layout({
  name: 'virtq_used_elem',
  spec: spec('2.7.8 "The Virtqueue Used Ring"'),
  bits: 64,
  fields: {
    id: uint(31, 0, 'Head of the finished chain.'),
    len: uint(63, 32, 'Bytes the device wrote into its buffers.'),
  },
});

/** `virtq_need_event`, 2.7.7.2 and 2.7.10: whether going from `before` to `after` passed `event`. All modulo 2^16. */
export const passes = (event: number, after: number, before: number): boolean => ((after - event - 1) & 0xffff) < ((after - before) & 0xffff);

/** Where the parts of a queue of `num` descriptors end, in bytes, and where the events lie. */
export const usedEventAt = (num: number): number => VirtqAvail.bytes + 2 * num;
export const availEventAt = (num: number): number => VirtqUsed.bytes + VirtqUsedElem.bytes * num;
