// SPDX-License-Identifier: Apache-2.0
/**
 * The NIC's descriptor, declared once. The rest of the machine reads it from
 * here: the engines, the ring table in the browser, the reference page.
 */
import { flag, layout, uint, wide } from '../../base/layout.ts';
import type { Json } from '../../base/events.ts';

/** 16 bytes, little-endian. `own` says who may touch the rest: the driver sets it last, the NIC clears it last. */
export const Descriptor = layout({
  name: 'ring descriptor',
  spec: 'dmalab ring NIC (own-bit ring as in r8169 and e1000)',
  bits: 128,
  fields: {
    addr: wide(63, 0, 'Bus address of the frame, bytes.'),
    len: uint(79, 64, 'Bytes of the frame; for receiving: room in the buffer, then bytes received.'),
    error: flag(93, 'Written by the NIC with done: the descriptor could not be used.'),
    done: flag(94, 'Written by the NIC: sent, or filled.'),
    own: flag(95, 'Set: the descriptor is the NIC\'s. Cleared: the driver\'s.'),
  },
});

/** As the driver addresses it: byte offsets within a descriptor, masks within the 16-bit flags word. */
export const DESCRIPTOR_SIZE = Descriptor.bytes;
export const AT_ADDR = Descriptor.place('addr').offset;
export const AT_LEN = Descriptor.place('len').offset;
export const AT_FLAGS = 10;
const bitOf = (raw: bigint): number => Number(raw >> BigInt(8 * AT_FLAGS));
export const OWN = bitOf(Descriptor.encode({ own: true }));
export const DONE = bitOf(Descriptor.encode({ done: true }));
export const ERROR = bitOf(Descriptor.encode({ error: true }));

/** For the trace: what lies at the ring's address, and how a slot changes hands. */
export function ringLayout(name: string, owner: string, count: number, work: boolean): Json {
  return {
    name,
    count,
    stride: DESCRIPTOR_SIZE,
    owner,
    own: { field: 'flags', mask: OWN, work },
    fields: [
      { name: 'addr', offset: AT_ADDR, size: 8, endian: 'little', format: 'address' },
      { name: 'len', offset: AT_LEN, size: 2, endian: 'little', format: 'decimal' },
      { name: 'flags', offset: AT_FLAGS, size: 2, endian: 'little', format: 'flags', flags: { OWN, DONE, ERROR } },
    ],
  };
}
