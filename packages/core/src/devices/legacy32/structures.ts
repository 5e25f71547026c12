// SPDX-License-Identifier: Apache-2.0
/** The 8-byte descriptor, in both byte orders. 32 bits are all it has for an address. */
import { flag, layout, uint } from '../../base/layout.ts';

function descriptor(endian: 'little' | 'big') {
  return layout({
    name: `legacy descriptor, ${endian}-endian`,
    spec: 'dmalab 32-bit device',
    bits: 64,
    endian,
    wordBits: 32,
    fields: {
      address: uint(31, 0, 'Bus address of the buffer. There are no more bits.'),
      length: uint(47, 32, 'Bytes; after a device that writes, how many it wrote.'),
      toMemory: flag(59, 'The device writes the buffer; clear: it reads it.'),
      last: flag(60, 'The ring begins anew after this one.'),
      error: flag(61, 'Written by the device with done: it could not use the descriptor.'),
      done: flag(62, 'Written by the device.'),
      own: flag(63, 'Set: the descriptor is the device\'s.'),
    },
  });
}
export const LegacyDescriptor = descriptor('little');
export const LegacyDescriptorBig = descriptor('big');
