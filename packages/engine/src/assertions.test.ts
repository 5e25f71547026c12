// SPDX-License-Identifier: Apache-2.0
import { Workload } from '@dmalab/contracts/lab';
import { crc32 } from '@dmalab/core/base/checksum';
import { fillBytes } from '@dmalab/core/base/fill';
import { describe, expect, it } from 'vitest';
import { assertHolds, assertionProblem, type CallRecord, type Evidence } from './assertions.ts';

const bytes = (seed: number, size = 8): Uint8Array => fillBytes('count', size, seed);
const frame = (seed: number, size = 8, ok = true): { length: number; checksum: number; ok: boolean } => ({ length: size, checksum: ok ? crc32(bytes(seed, size)) : 0, ok });
const call = (index: number, returned: number | null = 0, finished = true): CallRecord => ({ context: 'task', index, call: 'send', finished, returned });
function evidence(change: { expect?: (number | number[] | undefined)[]; calls?: CallRecord[]; sent?: object[]; received?: object[]; arrivals?: number }): Evidence {
  const workload = Workload.parse({
    title: 't',
    buffers: { a: { size: 8, seed: 1 }, b: { size: 8, seed: 50 } },
    contexts: { task: ['a', 'b'].map((buffer, i) => ({ call: 'send', args: [{ drvdata: 'nic0' }, { buffer }, 8], expect: change.expect?.[i] })) },
    devices: { nic0: Array.from({ length: change.arrivals ?? 0 }, () => ({ receive: { size: 4 } })) },
  });
  const buffer = (seed: number): Evidence['buffers'][string] => ({ initial: bytes(seed), final: bytes(seed) });
  return { workload, calls: change.calls ?? [call(0), call(1)], devices: { nic0: { sent: change.sent ?? [frame(1), frame(50)], received: change.received ?? [] } as never }, buffers: { a: buffer(1), b: buffer(50), c: buffer(1) }, checksum: crc32 };
}
const sent = (change: Parameters<typeof evidence>[0]): string | undefined => assertHolds('allFramesSent(nic0)', evidence(change));

describe('allFramesSent', () => {
  it('holds in any order', () => expect(sent({ sent: [frame(50), frame(1)] })).toBeUndefined());
  it('misses a frame', () => expect(sent({ sent: [frame(1)] })).toBe('nic0 never sent the 8 bytes of send (task, call 2) whole'));
  it('does not count what the NIC dropped, nor other bytes', () => {
    expect(sent({ sent: [frame(1), frame(50, 8, false)] })).toContain('call 2');
    expect(sent({ sent: [frame(1), frame(51)] })).toContain('call 2');
  });
  it('misses a frame that was refused', () => expect(sent({ calls: [call(0), call(1, -16)], sent: [frame(1)] })).toBe('send (task, call 2) returned -16, expected 0'));
  it('allows a refusal where the workload does', () => expect(sent({ expect: [0, [0, -16]], calls: [call(0), call(1, -16)], sent: [frame(1)] })).toBeUndefined());
  it('but then wants the frame if it was taken', () => expect(sent({ expect: [0, [0, -16]], sent: [frame(1)] })).toContain('call 2'));
  it('finds a frame too many', () => expect(sent({ sent: [frame(1), frame(50), frame(50)] })).toBe('nic0 sent 1 frame that nobody handed over'));
});

describe('the others', () => {
  it('framesInOrder', () => {
    expect(assertHolds('framesInOrder(nic0)', evidence({}))).toBeUndefined();
    expect(assertHolds('framesInOrder(nic0)', evidence({ sent: [frame(50), frame(1)] }))).toContain('frame 1 on the wire');
  });
  it('receivedAll', () => {
    expect(assertHolds('receivedAll(nic0)', evidence({ arrivals: 1, received: [frame(1)] }))).toBeUndefined();
    expect(assertHolds('receivedAll(nic0)', evidence({ arrivals: 2, received: [frame(1)] }))).toBe('nic0 could store 1 of 2 frames from the wire');
  });
  it('bufferEquals', () => {
    expect(assertHolds('bufferEquals(a, c)', evidence({}))).toBeUndefined();
    expect(assertHolds('bufferEquals(a, b)', evidence({}))).toBe('byte 0 of a is 0x01, of b 0x32');
  });
  it('returned', () => {
    expect(assertHolds('returned()', evidence({ expect: [0, 0] }))).toBeUndefined();
    expect(assertHolds('returned()', evidence({ expect: [0, 5] }))).toBe('send (task, call 2) returned 0, expected 5');
    expect(assertHolds('returned()', evidence({ calls: [call(0), call(1, null, false)] }))).toBe('send (task, call 2) never returned');
  });
});

it('an assertion that is written wrong is told so', () => {
  expect(assertionProblem('allFramesSent(nic0)', ['nic0'])).toBeUndefined();
  expect(assertionProblem('allFramesSent()', ['nic0'])).toBe('allFramesSent takes 1 argument (device); found 0');
  expect(assertionProblem('constructor()', ['nic0'])).toContain('there is no assertion constructor');
});
