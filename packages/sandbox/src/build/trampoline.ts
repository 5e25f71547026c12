// SPDX-License-Identifier: Apache-2.0
/**
 * The functions the guest may call, as real QuickJS C functions written in
 * wasm: `op(code, a, b) → u32` reaches the host, `lo`, `hi` and `u64` take
 * 64-bit values apart and put them together without leaving the module.
 *
 * A JSCFunction of this build is `(ctx i32, this i64, argc i32, argv i32) → i64`.
 * A JSValue is NaN-boxed: the high half is a tag (0 int, 3 undefined,
 * 6 exception, 7 short bigint, -9 bigint); anything from 8 up, counted from
 * -9 without sign, is a float64 whose bits are the value plus `BOX`.
 * QuickJS pads argv to the declared length, so three arguments may be read.
 */
import { REQUEST } from '../request.ts';
import { EMPTY, OP } from './instructions.ts';
import { F64, I32, I64, sleb, u32 } from './wasm.ts';

const BOX = 0x7ff8000a_00000000n;
const UNDEFINED = 3n << 32n;
const EXCEPTION = 6n << 32n;
const TAG_BIGINT = -9;
const TAG_SHORT_BIGINT = 7;

export interface TrampolineImports {
  /** Function index of `host_call` (i32 ×5) → i32, which becomes the `op` import. */
  readonly host: number;
  /** `JS_ToBigInt64(ctx, out*, value i64) → i32`. */
  readonly toBigInt64: number;
  /** `JS_NewBigUint64(ctx, value i64) → i64`. */
  readonly newBigUint64: number;
  /** Index of the mutable i32 global `raised`: the host has thrown into the guest. */
  readonly raised: number;
  /** Index of the mutable i32 global `__stack_pointer`. */
  readonly stackPointer: number;
  /** Function index the first of ours gets. */
  readonly base: number;
}

export interface WasmFunction {
  readonly name: string;
  readonly params: readonly number[];
  readonly results: readonly number[];
  readonly locals: readonly number[];
  readonly code: readonly number[];
}

const C_FUNCTION = { params: [I32, I64, I32, I32], results: [I64] } as const;

const get = (i: number): number[] => [OP.localGet, ...u32(i)];
const set = (i: number): number[] => [OP.localSet, ...u32(i)];
const i32 = (v: number): number[] => [OP.i32Const, ...sleb(v)];
const i64 = (v: bigint): number[] => [OP.i64Const, ...sleb(v)];
const call = (i: number): number[] => [OP.call, ...u32(i)];
const argument = (i: number): number[] => [...get(3), OP.i64Load, 3, ...u32(8 * i)];
const tagOf = (local: number): number[] => [...get(local), ...i64(32n), OP.i64ShrU, OP.i32WrapI64];

function f64(value: number): number[] {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return [OP.f64Const, ...bytes];
}

/** Our functions in index order, starting at `base`. */
export function trampolines(imports: TrampolineImports): WasmFunction[] {
  const toU32 = imports.base;
  const boxU32 = imports.base + 1;
  const toHalves = imports.base + 2;
  const refuse = (why: number): number[] => [...i32(0), ...i32(0), ...i32(0), ...i32(0), ...i32(why), ...call(imports.host), OP.drop, ...i64(EXCEPTION), OP.return];

  return [
    {
      // JSValue → 0 … 2^32-1, or -1 when it is not an integer in [-2^31, 2^32).
      name: '__to_u32',
      params: [I64],
      results: [I64],
      locals: [I32, F64],
      code: [
        ...tagOf(0), ...set(1),
        ...get(1), OP.i32Eqz, OP.if, EMPTY, ...get(0), ...i64(0xffff_ffffn), OP.i64And, OP.return, OP.end,
        ...get(1), ...i32(9), OP.i32Add, ...i32(17), OP.i32GeU, OP.if, EMPTY,
        ...get(0), ...i64(BOX), OP.i64Add, OP.f64ReinterpretI64, ...set(2),
        ...get(2), ...get(2), OP.f64Floor, OP.f64Eq, ...get(2), ...f64(-(2 ** 31)), OP.f64Ge, OP.i32And, ...get(2), ...f64(2 ** 32), OP.f64Lt, OP.i32And,
        OP.if, EMPTY, ...get(2), OP.i64TruncF64S, ...i64(0xffff_ffffn), OP.i64And, OP.return, OP.end,
        OP.end,
        ...i64(-1n),
      ],
    },
    {
      // 0 … 2^32-1 → JSValue: an int below 2^31, else a float64.
      name: '__box_u32',
      params: [I32],
      results: [I64],
      locals: [],
      code: [
        ...get(0), ...i32(0), OP.i32GeS, OP.if, EMPTY, ...get(0), OP.i64ExtendI32U, OP.return, OP.end,
        ...get(0), OP.f64ConvertI32U, OP.i64ReinterpretF64, ...i64(BOX), OP.i64Sub,
      ],
    },
    {
      // Stores the low 64 bits of a bigint at `out`; 0 when the value is no bigint.
      name: '__to_halves',
      params: [I32, I64, I32],
      results: [I32],
      locals: [I32],
      code: [
        ...tagOf(1), ...set(3),
        ...get(3), ...i32(TAG_BIGINT), OP.i32Eq, ...get(3), ...i32(TAG_SHORT_BIGINT), OP.i32Eq, OP.i32Or, OP.i32Eqz,
        OP.if, EMPTY, ...i32(0), OP.return, OP.end,
        ...get(0), ...get(2), ...get(1), ...call(imports.toBigInt64), OP.i32Eqz,
      ],
    },
    {
      name: 'guest_op',
      ...C_FUNCTION,
      locals: [I64, I64, I64, I32],
      code: [
        ...argument(0), ...call(toU32), ...set(4), ...argument(1), ...call(toU32), ...set(5), ...argument(2), ...call(toU32), ...set(6),
        ...get(4), ...get(5), OP.i64Or, ...get(6), OP.i64Or, ...i64(0n), OP.i64LtS, OP.if, EMPTY, ...refuse(REQUEST.badOperand), OP.end,
        ...get(4), OP.i32WrapI64, ...get(5), OP.i32WrapI64, ...get(6), OP.i32WrapI64, ...i32(0), ...i32(REQUEST.op), ...call(imports.host), ...set(7),
        OP.globalGet, ...u32(imports.raised), OP.if, EMPTY, ...i32(0), OP.globalSet, ...u32(imports.raised), ...i64(EXCEPTION), OP.return, OP.end,
        ...get(7), ...call(boxU32),
      ],
    },
    half('guest_lo', imports, toHalves, boxU32, refuse(REQUEST.badBigint), []),
    half('guest_hi', imports, toHalves, boxU32, refuse(REQUEST.badBigint), [...i64(32n), OP.i64ShrU]),
    {
      name: 'guest_u64',
      ...C_FUNCTION,
      locals: [I64, I64],
      code: [
        ...argument(0), ...call(toU32), ...set(4), ...argument(1), ...call(toU32), ...set(5),
        ...get(4), ...get(5), OP.i64Or, ...i64(0n), OP.i64LtS, OP.if, EMPTY, ...refuse(REQUEST.badHalf), OP.end,
        ...get(0), ...get(5), ...i64(32n), OP.i64Shl, ...get(4), OP.i64Or, ...call(imports.newBigUint64),
      ],
    },
    {
      // Called by QuickJS in place of Error.prepareStackTrace, for the host to look at the stack.
      name: 'guest_trace',
      ...C_FUNCTION,
      locals: [],
      code: [...i32(0), ...i32(0), ...i32(0), ...i32(0), ...i32(REQUEST.trace), ...call(imports.host), OP.drop, ...i64(UNDEFINED)],
    },
  ];
}

/** `lo` and `hi` differ in a shift. They borrow 16 bytes of the shadow stack. */
function half(name: string, imports: TrampolineImports, toHalves: number, boxU32: number, refuse: number[], shift: number[]): WasmFunction {
  const pointer = u32(imports.stackPointer);
  return {
    name,
    ...C_FUNCTION,
    locals: [I32, I32],
    code: [
      OP.globalGet, ...pointer, ...i32(16), OP.i32Sub, OP.localTee, ...u32(4), OP.globalSet, ...pointer,
      ...get(0), ...argument(0), ...get(4), ...call(toHalves), ...set(5),
      ...get(4), ...i32(16), OP.i32Add, OP.globalSet, ...pointer,
      ...get(5), OP.i32Eqz, OP.if, EMPTY, ...refuse, OP.end,
      ...get(4), OP.i64Load, 3, 0, ...shift, OP.i32WrapI64, ...call(boxU32),
    ],
  };
}


