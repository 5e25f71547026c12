// SPDX-License-Identifier: Apache-2.0
/** Registers of four and eight bytes by offset. An access of eight bytes reaches two registers of four; one of four, half a register of eight. */
export interface Register {
  readonly bytes: 4 | 8;
  read(): bigint;
  /** The whole value, and which halves of eight bytes software has written. Left out: writes are ignored. */
  write?(value: bigint, low: boolean, high: boolean): void;
}

const HALF = 0xffff_ffffn;

export class RegisterFile {
  readonly #registers: ReadonlyMap<number, Register>;

  constructor(registers: ReadonlyMap<number, Register>) {
    this.#registers = registers;
  }

  /** What is not there, or not aligned, reads 0. */
  read(offset: number, size: 4 | 8): bigint {
    if (offset % size !== 0) return 0n;
    const whole = this.#registers.get(offset);
    if (size === 8) return whole?.bytes === 8 ? whole.read() : this.read(offset, 4) | (this.read(offset + 4, 4) << 32n);
    if (whole !== undefined) return whole.read() & HALF;
    const upper = this.#registers.get(offset - 4);
    return upper?.bytes === 8 ? upper.read() >> 32n : 0n;
  }

  write(offset: number, size: 4 | 8, value: bigint): void {
    if (offset % size !== 0) return;
    const whole = this.#registers.get(offset);
    if (size === 8) {
      if (whole?.bytes === 8) whole.write?.(value, true, true);
      else {
        this.write(offset, 4, value & HALF);
        this.write(offset + 4, 4, value >> 32n);
      }
    } else if (whole !== undefined) whole.write?.(whole.bytes === 8 ? (whole.read() & ~HALF) | (value & HALF) : value & HALF, true, whole.bytes === 4);
    else {
      const upper = this.#registers.get(offset - 4);
      if (upper?.bytes === 8) upper.write?.((upper.read() & HALF) | ((value & HALF) << 32n), false, true);
    }
  }
}
