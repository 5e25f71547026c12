// SPDX-License-Identifier: Apache-2.0
/** Named generators of test bytes: what a workload's buffers and received frames hold. Equal (kind, size, seed) give equal bytes everywhere. */

export type FillKind = 'zero' | 'count' | 'random';

/** `count` is 1, 2, 3 … offset by the seed and never 0, so that a byte that was not written shows; `random` is xorshift32. */
export function fillBytes(kind: FillKind, size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size);
  if (kind === 'zero') return bytes;
  // Seed 0 would leave xorshift at 0 for ever.
  let state = (Math.imul(seed | 0, 0x9e37_79b1) ^ 0x6d2b_79f5) | 0 || 1;
  for (let i = 0; i < size; i += 1) {
    if (kind === 'count') {
      bytes[i] = 1 + ((((i + seed - 1) % 255) + 255) % 255);
      continue;
    }
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state & 0xff;
  }
  return bytes;
}
