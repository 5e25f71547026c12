// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import type { EventOf } from '../base/events.ts';
import { placedLayout } from '../base/placed-layout.ts';
import type { Port } from '../base/port.ts';
import { LegacyDescriptor, LegacyDescriptorBig } from './legacy32/structures.ts';
import { NvmeCommand, NvmeCompletion } from './nvme/structures.ts';
import { fieldsOf, place } from './placed.ts';
import { VirtqAvail, VirtqDesc, VirtqUsedElem } from './virtio/structures.ts';

const text = (layout: Parameters<typeof fieldsOf>[0]): string[] => fieldsOf(layout).map((f) => `${f.offset}+${f.size} ${f.name}`);

it('fields of whole bytes stand for themselves, bits share their word', () => {
  expect(text(VirtqDesc)).toEqual(['0+8 addr', '8+4 len', '12+2 flags', '14+2 next']);
  expect(fieldsOf(VirtqDesc)[2]).toMatchObject({ format: 'flags', flags: { NEXT: 1, WRITE: 2, INDIRECT: 4 } });
  expect(text(VirtqAvail)).toEqual(['0+2 flags', '2+2 idx']);
  expect(text(VirtqUsedElem)).toEqual(['0+4 id', '4+4 len']);
  expect(text(NvmeCommand).slice(0, 4)).toEqual(['0+1 opcode', '1+1 fuse psdt', '2+2 cid', '4+4 nsid']);
  expect(text(NvmeCompletion)).toEqual(['0+4 result', '8+2 sqHead', '10+2 sqId', '12+2 cid', '14+2 flags']);
});

it('in either byte order', () => {
  expect(text(LegacyDescriptor)).toEqual(['0+4 address', '4+2 length', '6+2 flags']);
  expect(text(LegacyDescriptorBig)).toEqual(['0+4 address', '4+2 flags', '6+2 length']);
  expect(fieldsOf(LegacyDescriptorBig)[1]).toMatchObject({ endian: 'big', flags: { own: 0x8000, done: 0x4000 } });
});

it('no two fields share a byte, and what the trace is told can be drawn', () => {
  for (const layout of [VirtqDesc, VirtqAvail, VirtqUsedElem, NvmeCommand, NvmeCompletion, LegacyDescriptor, LegacyDescriptorBig]) {
    const bytes = fieldsOf(layout).flatMap(({ offset, size }) => Array.from({ length: size }, (_, i) => offset + i));
    expect(new Set(bytes).size).toBe(bytes.length);
  }
  const told: unknown[] = [];
  const port: Port = { op: () => 0, ordinal: 0, note: (kind, fields) => void told.push({ kind, id: 1, ...fields }) };
  place(port, LegacyDescriptor, { name: 'legacy ring', device: 'dev0', address: 0x2_0000n, count: 4, own: 'own' });
  expect(placedLayout(told[0] as EventOf<'layout'>)).toMatchObject({ name: 'legacy ring', address: 0x2_0000, count: 4, stride: 8, owner: 'dev0', own: { field: 'flags', mask: 0x8000, work: true } });
});
