// SPDX-License-Identifier: Apache-2.0
/**
 * Puts a fuel counter into a wasm module. Whatever can take unbounded time
 * pays: each loop iteration and each function entry 1, each bulk copy or fill
 * 1 + bytes/128. Below zero it traps. The counter is a wasm global, so code
 * that corrupts linear memory cannot refill it, and the count depends on
 * nothing but the instructions executed.
 */
import { EMPTY, FC, OP, skipOperands } from './instructions.ts';
import { I32, Reader, join, sleb, u32 } from './wasm.ts';

/** 128 bytes copied cost as much as one loop iteration. */
const BULK_SHIFT = 7;

export interface MeterCounts {
  loops: number;
  bulk: number;
  functions: number;
}

/**
 * Rewrites the body of a code section.
 *
 * @param code       body of the code section
 * @param paramCount number of parameters of the i-th function *defined* (imports not counted)
 * @param fuel       index of the mutable i32 global that counts
 */
export function meterCode(code: Uint8Array, paramCount: (index: number) => number, fuel: number, counts: MeterCounts): Uint8Array {
  const reader = new Reader(code);
  const functions = reader.u32();
  const parts: (Uint8Array | number[])[] = [u32(functions)];
  for (let index = 0; index < functions; index += 1) {
    const size = reader.u32();
    const body = meterFunction(new Reader(code, reader.at, reader.at + size), paramCount(index), fuel, counts);
    reader.skip(size);
    parts.push(u32(body.length), body);
  }
  return join(parts);
}

function meterFunction(reader: Reader, params: number, fuel: number, counts: MeterCounts): Uint8Array {
  const { bytes } = reader;
  const groups = reader.u32();
  const localsStart = reader.at;
  let locals = 0;
  for (let i = 0; i < groups; i += 1) {
    locals += reader.u32();
    reader.byte();
  }
  const localsEnd = reader.at;

  const temporary = params + locals;
  const check = [OP.globalGet, ...u32(fuel), OP.i32Const, 0, OP.i32LtS, OP.if, EMPTY, OP.unreachable, OP.end];
  const payOne = [OP.globalGet, ...u32(fuel), OP.i32Const, 1, OP.i32Sub, OP.globalSet, ...u32(fuel), ...check];
  // [n] → [n], paying 1 + n/128
  const payBulk = [
    OP.localTee, ...u32(temporary), OP.i32Const, BULK_SHIFT, OP.i32ShrU, OP.i32Const, ...sleb(1), OP.i32Add,
    OP.localSet, ...u32(temporary + 1), OP.globalGet, ...u32(fuel), OP.localGet, ...u32(temporary + 1), OP.i32Sub, OP.globalSet, ...u32(fuel),
    ...check,
    OP.localGet, ...u32(temporary),
  ];

  const out: (Uint8Array | number[])[] = [];
  let copied = localsEnd;
  let bulk = false;
  const insert = (at: number, code: number[]): void => {
    out.push(bytes.subarray(copied, at), code);
    copied = at;
  };

  let calls = false;
  while (!reader.done) {
    const at = reader.at;
    const opcode = reader.byte();
    const sub = skipOperands(reader, opcode);
    if (opcode === OP.loop) {
      insert(reader.at, payOne);
      counts.loops += 1;
    } else if (sub === FC.memoryCopy || sub === FC.memoryFill) {
      insert(at, payBulk);
      bulk = true;
      counts.bulk += 1;
    } else if (opcode === OP.call || opcode === 0x11) {
      calls = true;
    }
  }
  out.push(bytes.subarray(copied, reader.end));

  const header: (Uint8Array | number[])[] = bulk ? [u32(groups + 1), bytes.subarray(localsStart, localsEnd), [2, I32]] : [u32(groups), bytes.subarray(localsStart, localsEnd)];
  // A leaf cannot recurse; whoever calls it in a loop pays for the loop.
  if (calls) {
    header.push(payOne);
    counts.functions += 1;
  }
  return join([...header, ...out]);
}
