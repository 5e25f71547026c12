// SPDX-License-Identifier: Apache-2.0
/**
 * The receive engine. For each frame from the wire it waits for a slot of its
 * own, fills the buffer, then writes the length, then gives the slot back:
 * a driver that looks at the length before the flag sees an old one.
 */
import { crc32 } from '../../base/checksum.ts';
import { fillBytes } from '../../base/fill.ts';
import type { Port } from '../../base/port.ts';
import type { Arrival } from '../device.ts';
import { RingEngine, type EngineSide, type NicOptions, type Taken } from './engine.ts';

export interface ReceivedFrame {
  readonly slot: number;
  readonly address: string;
  readonly length: number;
  readonly checksum: number;
  readonly ok: boolean;
  readonly why: string;
}

export function receive(port: Port, side: EngineSide, options: NicOptions, wire: readonly Arrival[], received: ReceivedFrame[]): void {
  const engine = new RingEngine(port, side);
  let awake = false;
  for (const arrival of wire) {
    for (;;) {
      if (!awake) engine.wake();
      awake = true;
      if (engine.isMine(engine.slot)) break;
      engine.rest();
      awake = false;
    }
    const here = engine.take(engine.slot);
    const frame = fill(engine, here, arrival);
    received.push(frame);
    engine.giveBack(here.slot, frame.ok, options.coalesce);
    engine.advance();
    engine.note(
      { receiving: { slot: engine.slot, frames: received.filter((f) => f.ok).length, last: `${frame.length} bytes to ${frame.address}` } },
      frame.ok ? `received ${frame.length} bytes into slot ${here.slot}` : `slot ${here.slot} ${frame.why}, frame dropped`,
    );
  }
  if (awake) engine.rest();
}

function fill(engine: RingEngine, { slot, addr, len }: Taken, { size, seed }: Arrival): ReceivedFrame {
  const address = `0x${addr.toString(16)}`;
  const refuse = (why: string): ReceivedFrame => ({ slot, address, length: size, checksum: 0, ok: false, why });
  if (len < size) return refuse(`has room for ${len} bytes, the frame has ${size}`);
  if (!engine.dma.reaches(addr, size)) return refuse(`points to ${address}, which is no memory`);
  const bytes = fillBytes('random', size, seed);
  const { fault } = engine.dma.tryWrite(addr, bytes, `buffer[${slot}]`);
  if (fault !== null) return refuse(`cannot be written at 0x${fault.address.toString(16)} (${fault.status})`);
  engine.writeLength(slot, size);
  return { slot, address, length: size, checksum: crc32(bytes), ok: true, why: '' };
}
