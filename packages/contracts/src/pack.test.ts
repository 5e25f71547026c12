// SPDX-License-Identifier: Apache-2.0
import type { TraceEvent } from '@dmalab/core/base/events';
import { describe, expect, it } from 'vitest';
import { PackedEvents, packEvents, unpackEvents } from './pack.ts';

const event = (id: number, value: number | bigint): TraceEvent => ({
  id, agent: 'cpu0', cycle: id * 3, causes: [id - 1], kind: 'store', address: 0x8010_4800n, size: 8, value, order: 'plain', name: 'desc[1].addr', site: { file: 'driver.ts', line: 15, column: 3 },
});

describe('a packed batch', () => {
  it('keeps numbers numbers and bigints bigints, up to 64 bits', () => {
    const batch = [event(1, 7), event(2, 7n), event(3, 0xffff_ffff_ffff_ffffn), event(4, 0xffff_ffff), event(5, 0n)];
    expect(unpackEvents(packEvents(batch))).toEqual(batch);
  });

  it('is read from a byte array and from an ArrayBuffer alike', () => {
    const bytes = packEvents([event(1, 1)]);
    expect(unpackEvents(PackedEvents.parse(bytes))).toEqual(unpackEvents(PackedEvents.parse(bytes.slice().buffer)));
  });

  it('owns its bytes: packing another one does not change it', () => {
    const first = packEvents([event(1, 1)]);
    const copy = first.slice();
    packEvents([event(2, 2), event(3, 3)]);
    expect(first).toEqual(copy);
  });

  it('refuses bytes that are no batch', () => {
    expect(() => unpackEvents(Uint8Array.of(0x07))).toThrow('must be an array');
  });
});
