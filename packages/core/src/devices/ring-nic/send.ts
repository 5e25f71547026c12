// SPDX-License-Identifier: Apache-2.0
/**
 * The send engine. For each slot that is its own: flags, then address, then
 * length, then the frame; then the slot goes back. It may read one descriptor
 * ahead, and it believes what it read then.
 */
import { crc32 } from '../../base/checksum.ts';
import type { Port } from '../../base/port.ts';
import { RingEngine, type EngineSide, type NicOptions, type Taken } from './engine.ts';

export interface SentFrame {
  readonly slot: number;
  /** Bus address as read, hex. */
  readonly address: string;
  /** Bytes, as read from the descriptor. */
  readonly length: number;
  /** CRC-32 of the bytes sent; 0 when nothing was. */
  readonly checksum: number;
  readonly ok: boolean;
  readonly why: string;
}

export function send(port: Port, side: EngineSide, options: NicOptions, sent: SentFrame[]): void {
  const engine = new RingEngine(port, side);
  let ahead: Taken | null = null;
  for (;;) {
    engine.wake();
    for (;;) {
      const here: Taken | null = ahead ?? (engine.isMine(engine.slot) ? engine.take(engine.slot) : null);
      ahead = null;
      if (here === null) break;
      if (options.prefetch && engine.count > 1) ahead = readAhead(engine);
      const frame = transmit(engine, here, options);
      sent.push(frame);
      engine.giveBack(here.slot, frame.ok, options.coalesce);
      engine.advance();
      const good = sent.filter((f) => f.ok);
      engine.note(
        { state: 'running', slot: engine.slot, frames: good.length, bytes: good.reduce((sum, f) => sum + f.length, 0), dropped: sent.length - good.length, last: `${frame.length} bytes from ${frame.address}` },
        frame.ok ? `sent ${frame.length} bytes from slot ${here.slot}` : `slot ${here.slot} ${frame.why}, frame dropped`,
      );
    }
    engine.rest();
  }
}

function readAhead(engine: RingEngine): Taken | null {
  const slot = engine.next();
  if (!engine.may(`prefetch[${slot}]`, (answer) => (answer === 0 ? `reads slot ${slot} in its turn` : `reads slot ${slot} ahead`))) return null;
  return engine.isMine(slot) ? engine.take(slot) : null;
}

function transmit(engine: RingEngine, { slot, addr, len }: Taken, options: NicOptions): SentFrame {
  const address = `0x${addr.toString(16)}`;
  const refuse = (why: string): SentFrame => ({ slot, address, length: len, checksum: 0, ok: false, why });
  if (len === 0) return refuse('has length 0');
  if (len > options.maxFrame) return refuse(`has length ${len}, above ${options.maxFrame}`);
  if (!engine.dma.reaches(addr, len)) return refuse(`points to ${address}, which is no memory`);
  const { bytes, fault } = engine.dma.tryRead(addr, len, `frame[${slot}]`);
  if (fault !== null) return refuse(`cannot be read at 0x${fault.address.toString(16)} (${fault.status})`);
  return { slot, address, length: len, checksum: crc32(bytes), ok: true, why: '' };
}
