// SPDX-License-Identifier: Apache-2.0
/**
 * Walks over one WebAssembly instruction without executing it, so that the
 * rewriter knows where each begins. An opcode it does not know is an error,
 * never a guess. Source: WebAssembly Core Specification 2.0, section 5.4.
 */
import type { Reader } from './wasm.ts';

export const OP = {
  unreachable: 0x00,
  loop: 0x03,
  if: 0x04,
  return: 0x0f,
  end: 0x0b,
  drop: 0x1a,
  call: 0x10,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  i64Load: 0x29,
  i64Store: 0x37,
  i32Const: 0x41,
  i64Const: 0x42,
  f64Const: 0x44,
  i32LtS: 0x48,
  i32GeU: 0x4f,
  i64LtS: 0x53,
  i32Eqz: 0x45,
  i32Eq: 0x46,
  i32Ne: 0x47,
  i32GeS: 0x4e,
  f64Eq: 0x61,
  f64Lt: 0x63,
  f64Ge: 0x66,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32And: 0x71,
  i32Or: 0x72,
  i32ShrU: 0x76,
  i64Add: 0x7c,
  i64Sub: 0x7d,
  i64And: 0x83,
  i64Or: 0x84,
  i64Shl: 0x86,
  i64ShrU: 0x88,
  f64Floor: 0x9c,
  i32WrapI64: 0xa7,
  i64ExtendI32U: 0xad,
  i64TruncF64S: 0xb0,
  f64ConvertI32U: 0xb8,
  i64ReinterpretF64: 0xbd,
  f64ReinterpretI64: 0xbf,
  prefixFc: 0xfc,
} as const;

/** Second byte after `prefixFc`. */
export const FC = { memoryCopy: 10, memoryFill: 11 } as const;

/** Block type "no value". */
export const EMPTY = 0x40;

/** Moves `reader` past the operands of `opcode`, which has been read. Returns the second opcode of an 0xfc instruction, else -1. */
export function skipOperands(reader: Reader, opcode: number): number {
  if (opcode >= 0x45 && opcode <= 0xc4) return -1; // numeric, no operands
  if (opcode >= 0x28 && opcode <= 0x3e) {
    reader.skipLeb(); // alignment
    reader.skipLeb(); // offset
    return -1;
  }
  if (opcode >= 0x20 && opcode <= 0x26) {
    reader.skipLeb(); // local, global, table
    return -1;
  }
  switch (opcode) {
    case 0x00: // unreachable
    case 0x01: // nop
    case 0x05: // else
    case 0x0b: // end
    case 0x0f: // return
    case 0x1a: // drop
    case 0x1b: // select
    case 0xd1: // ref.is_null
      return -1;
    case 0x02: // block
    case 0x03: // loop
    case 0x04: // if
    case 0x0c: // br
    case 0x0d: // br_if
    case 0x10: // call
    case 0x3f: // memory.size
    case 0x40: // memory.grow
    case 0x41: // i32.const
    case 0x42: // i64.const
    case 0xd0: // ref.null
    case 0xd2: // ref.func
      reader.skipLeb();
      return -1;
    case 0x11: // call_indirect
      reader.skipLeb();
      reader.skipLeb();
      return -1;
    case 0x0e: {
      const count = reader.u32(); // br_table
      for (let i = 0; i <= count; i += 1) reader.skipLeb();
      return -1;
    }
    case 0x1c: {
      const count = reader.u32(); // select with types
      reader.skip(count);
      return -1;
    }
    case 0x43: // f32.const
      reader.skip(4);
      return -1;
    case 0x44: // f64.const
      reader.skip(8);
      return -1;
    case OP.prefixFc:
      return skipFc(reader);
    default:
      throw new RangeError(`wasm: opcode 0x${opcode.toString(16)} at 0x${(reader.at - 1).toString(16)} is not known to the rewriter`);
  }
}

function skipFc(reader: Reader): number {
  const sub = reader.u32();
  const operands = [0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1][sub];
  if (operands === undefined) throw new RangeError(`wasm: opcode 0xfc ${sub} at 0x${reader.at.toString(16)} is not known to the rewriter`);
  for (let i = 0; i < operands; i += 1) reader.skipLeb();
  return sub;
}
