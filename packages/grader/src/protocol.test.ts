// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { encodeFrame, FrameReader } from './protocol.ts';

const readAll = (reader: FrameReader, chunks: Buffer[]): unknown[] => chunks.flatMap((chunk) => [...reader.push(chunk)]);

it('messages survive being cut anywhere, 64-bit values and all', () => {
  const messages = [{ kind: 'done', value: 0xffff_ffff_ffff_ffffn }, { kind: 'events', events: [{ id: 1, address: 2n ** 40n, size: 4 }] }, { text: 'é'.repeat(3000) }];
  const bytes = Buffer.concat(messages.map((m) => encodeFrame(m)));
  for (const step of [1, 2, 3, 7, 1000, bytes.length]) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / step) }, (_, i) => bytes.subarray(i * step, (i + 1) * step));
    expect(readAll(new FrameReader(), chunks)).toEqual(messages);
  }
});

it('an announced length over the limit ends the conversation before anything is buffered', () => {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(0xffff_ffff);
  expect(() => readAll(new FrameReader(1024), [head])).toThrow('expected at most 1024');
});
