// SPDX-License-Identifier: Apache-2.0
/**
 * Frames between the pool and a grading process: a length (4 bytes, little
 * endian) and MessagePack. Both sides treat the other's frames as hostile:
 * a length over the limit or a shape the schema does not know ends the process.
 */
import { Packr } from 'msgpackr';

/** A frame may hold a report or a batch of events, never more. */
export const MAX_FRAME_BYTES = 64 << 20;
const packr = new Packr({ useRecords: false });

export function encodeFrame(message: unknown): Buffer {
  const body = packr.pack(message);
  if (body.length > MAX_FRAME_BYTES) throw new RangeError(`a frame of ${body.length} bytes; expected at most ${MAX_FRAME_BYTES}`);
  const frame = Buffer.allocUnsafe(4 + body.length);
  frame.writeUInt32LE(body.length, 0);
  body.copy(frame, 4);
  return frame;
}

/** Feed it chunks; it hands out whole messages. Throws on a frame that is too long or not MessagePack. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #size = 0;
  readonly #limit: number;

  constructor(limit: number = MAX_FRAME_BYTES) {
    this.#limit = limit;
  }

  *push(chunk: Buffer): Generator<unknown> {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    while (this.#size >= 4) {
      const head = this.#peek(4);
      const length = head.readUInt32LE(0);
      if (length > this.#limit) throw new RangeError(`a frame of ${length} bytes was announced; expected at most ${this.#limit}`);
      if (this.#size < 4 + length) return;
      const all = this.#peek(4 + length);
      const rest = all.subarray(4 + length);
      this.#chunks = rest.length > 0 ? [rest] : [];
      this.#size = rest.length;
      yield packr.unpack(all.subarray(4, 4 + length));
    }
  }

  /** All buffered bytes as one buffer, if the first one holds fewer than `bytes`. */
  #peek(bytes: number): Buffer {
    const [first] = this.#chunks;
    if (first !== undefined && first.length >= bytes && this.#chunks.length === 1) return first;
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }
}
