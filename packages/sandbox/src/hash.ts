// SPDX-License-Identifier: Apache-2.0
/** A fast 64-bit fingerprint of memory, for tests of reset and determinism. Not for secrets. */

/** @param bytes a multiple of 4 bytes long, aligned to 4 @returns 16 hex digits */
export function hashWords(bytes: Uint8Array): string {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
  let a = 0x811c9dc5;
  let b = 0x9e3779b9;
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] as number;
    a = Math.imul(a ^ word, 0x01000193);
    b = Math.imul((b ^ word) + ((a << 13) | (a >>> 19)), 0x85ebca6b);
    b ^= b >>> 15;
  }
  return (a >>> 0).toString(16).padStart(8, '0') + (b >>> 0).toString(16).padStart(8, '0');
}

/** Name of the custom section with the built module's own fingerprint, 16 hex digits. */
export const ID_SECTION = 'dmalab.id';
