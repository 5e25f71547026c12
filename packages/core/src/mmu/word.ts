// SPDX-License-Identifier: Apache-2.0
/**
 * 64-bit words as two unsigned halves, frames as numbers. A frame number has at
 * most 52 bits and is an exact number; an address of 64 bits is not, so hot
 * paths carry (low, high) or (frame, offset) and only edges make a bigint.
 */

/** `width` bits of the 64-bit word from bit `shift`; at most 32 of them. */
export function bitsOf(low: number, high: number, shift: number, width: number): number {
  const mask = width === 32 ? 0xffff_ffff : (1 << width) - 1;
  if (shift >= 32) return ((high >>> (shift - 32)) & mask) >>> 0;
  if (shift === 0) return (low & mask) >>> 0;
  return (((low >>> shift) | (high << (32 - shift))) & mask) >>> 0;
}

/** The frame number of an address, whose halves may be signed. */
export const frameOf = (low: number, high: number): number => (high >>> 0) * 0x10_0000 + (low >>> 12);

/** The halves of the address of a byte in a frame. Division and remainder of large numbers are slow, so small ones go by bits. */
export const lowIn = (frame: number, offset: number): number => ((frame < 0x8000_0000 ? frame : frame % 0x10_0000) << 12) | offset;
export const highIn = (frame: number): number => (frame < 0x8000_0000 ? frame >>> 20 : Math.floor(frame / 0x10_0000));

export const addressOf = (frame: number, offset: number): bigint => (BigInt(frame) << 12n) | BigInt(offset);
export const wordOf = (low: number, high: number): bigint => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
export const lowOf = (word: bigint): number => Number(word & 0xffff_ffffn);
export const highOf = (word: bigint): number => Number((word >> 32n) & 0xffff_ffffn);

/** The four bytes of a half in the other order. */
export const swapBytes = (half: number): number => (((half & 0xff) << 24) | ((half & 0xff00) << 8) | ((half >>> 8) & 0xff00) | (half >>> 24)) >>> 0;

export const hex = (value: bigint | number): string => `0x${value.toString(16)}`;
