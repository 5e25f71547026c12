// SPDX-License-Identifier: Apache-2.0
/**
 * One instance of `sandbox.wasm` and the QuickJS C API the sandbox uses. Knows
 * values and memory, not modules, budgets or errors. Deterministic by
 * construction: the clock stands still, there is no entropy, output is dropped.
 */

import { REQUEST } from './request.ts';

/** A QuickJS value, NaN-boxed; see `build/trampoline.ts`. Always unsigned here. */
export type JsValue = bigint;

export const UNDEFINED: JsValue = 3n << 32n;
export const TAG = { bigint: 0xffff_fff7n, symbol: 0xffff_fff8n, string: 0xffff_fff9n, rope: 0xffff_fffan, object: 0xffff_ffffn, int: 0n, bool: 1n, null: 2n, undefined: 3n, exception: 6n, shortBigint: 7n } as const;
const FIRST_TAG = -9n;
const FLOAT_DISTANCE = 17n;
const BOX = 0x7ff8000a_00000000n;

type Raw = (...args: (number | bigint)[]) => never;
type Fn<R> = (...args: (number | bigint)[]) => R;
interface Global {
  value: number;
}

/** What `sandbox.wasm` exports, as far as it is used. Values come back as signed i64; `unsigned` mends that. */
export interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly __indirect_function_table: WebAssembly.Table;
  readonly __stack_pointer: Global;
  readonly fuel: Global;
  readonly raised: Global;
  readonly _initialize: Fn<void>;
  readonly qjs_init2: Fn<number>;
  readonly qjs_get_context_ptr: Fn<number>;
  readonly qjs_get_runtime_ptr: Fn<number>;
  readonly qjs_set_memory_limit: Fn<void>;
  readonly qjs_set_max_stack_size: Fn<void>;
  readonly qjs_set_interrupt_handler: Fn<void>;
  readonly qjs_set_module_loader: Fn<void>;
  readonly qjs_set_promise_rejection_handler: Fn<void>;
  readonly wasm_malloc: Fn<number>;
  readonly wasm_free: Fn<void>;
  readonly JS_Eval: Fn<bigint>;
  readonly JS_EvalFunction: Fn<bigint>;
  readonly JS_Call: Fn<bigint>;
  readonly JS_NewCFunction2: Fn<bigint>;
  readonly JS_GetGlobalObject: Fn<bigint>;
  readonly JS_GetModuleNamespace: Fn<bigint>;
  readonly JS_GetOwnPropertyNames: Fn<number>;
  readonly JS_GetOwnProperty: Fn<number>;
  readonly JS_GetProperty: Fn<bigint>;
  readonly JS_GetPrototype: Fn<bigint>;
  readonly JS_SetPropertyStr: Fn<number>;
  readonly JS_GetPropertyStr: Fn<bigint>;
  readonly JS_NewAtom: Fn<number>;
  readonly JS_AtomToString: Fn<bigint>;
  readonly JS_ToCStringLen2: Fn<number>;
  readonly JS_FreeCString: Fn<void>;
  readonly JS_FreeValue: Fn<void>;
  readonly JS_FreezeObject: Fn<number>;
  readonly JS_GetException: Fn<bigint>;
  readonly JS_IsError: Fn<number>;
  readonly JS_IsProxy: Fn<number>;
  readonly JS_IsPromise: Fn<number>;
  readonly JS_IsFunction: Fn<number>;
  readonly JS_PromiseState: Fn<number>;
  readonly JS_PromiseResult: Fn<bigint>;
  readonly JS_IsJobPending: Fn<number>;
  readonly JS_ExecutePendingJob: Fn<number>;
  readonly JS_NewBigInt64: Fn<bigint>;
  readonly JS_NewBigUint64: Fn<bigint>;
  readonly JS_ToBigInt64: Fn<number>;
  readonly JS_ThrowTypeError: Fn<bigint>;
  readonly JS_ThrowReferenceError: Fn<bigint>;
  readonly JS_ThrowRangeError: Fn<bigint>;
  readonly JS_SetImmutableArrayBuffer: Fn<number>;
  readonly JS_RunGC: Fn<void>;
  readonly guest_op: Raw;
  readonly guest_lo: Raw;
  readonly guest_hi: Raw;
  readonly guest_u64: Raw;
  readonly guest_trace: Raw;
}

/** What the instance calls back. All are called while the guest runs. */
export interface Callbacks {
  op(code: number, a: number, b: number): number;
  /** The guest writes down the stack of an error, after `trace` was installed. */
  trace(): void;
  /** A promise was rejected and nobody has handled it (yet), or somebody does now. */
  rejection(promise: JsValue, reason: JsValue, handled: boolean): void;
  /** A guest function got operands it cannot take; must throw into the guest. */
  badOperand(why: number): void;
  /** Asked about every 10 000 loop turns and calls; true stops the guest for good. */
  interrupt(): boolean;
  /** Absolute module name, or null after throwing into the guest. */
  resolve(base: string, specifier: string): string | null;
  source(name: string): string | null;
}

/** Linear memory has reached its ceiling. */
export class NoGuestMemory extends Error {
  override readonly name = 'NoGuestMemory';
}

export class Vm {
  readonly x: Exports;
  #bytes: Uint8Array;
  #view: DataView;

  constructor(module: WebAssembly.Module, callbacks: Callbacks) {
    const none = (): number => 0;
    const instance = new WebAssembly.Instance(module, {
      env: {
        host_call: (code: number, a: number, b: number, _: number, why: number): number => {
          if (why === REQUEST.op) return callbacks.op(code >>> 0, a >>> 0, b >>> 0) | 0;
          if (why === REQUEST.trace) callbacks.trace();
          else callbacks.badOperand(why);
          return 0;
        },
        host_interrupt: (): number => (callbacks.interrupt() ? 1 : 0),
        // Both arguments point to values that are ours to free.
        host_promise_rejection: (promise: number, reason: number, handled: number): void => {
          callbacks.rejection(this.view.getBigUint64(promise, true), this.view.getBigUint64(reason, true), handled !== 0);
          this.x.wasm_free(promise);
          this.x.wasm_free(reason);
        },
        host_get_timezone_offset: none,
        host_module_normalize: (base: number, specifier: number): number => {
          const name = callbacks.resolve(this.cString(base), this.cString(specifier));
          return name === null ? 0 : this.newCString(name).pointer;
        },
        host_module_load: (name: number, lengthOut: number): number => {
          const source = callbacks.source(this.cString(name));
          if (source === null) return 0;
          const text = this.newCString(source);
          this.view.setUint32(lengthOut, text.length, true);
          return text.pointer;
        },
      },
      // 0 is "success"; the buffers a call would fill stay as they are, hence time and entropy are constant.
      wasi_snapshot_preview1: { clock_time_get: (_id: number, _precision: bigint, out: number): number => this.zero(out, 8), fd_close: none, fd_fdstat_get: none, fd_seek: none, fd_write: (_fd: number, iovs: number, count: number, out: number): number => this.discard(iovs, count, out), random_get: (out: number, length: number): number => this.zero(out, length) },
    });
    this.x = instance.exports as unknown as Exports;
    this.#bytes = new Uint8Array(this.x.memory.buffer);
    this.#view = new DataView(this.x.memory.buffer);
  }

  /** Linear memory. Ask again after anything that may have grown it. */
  get bytes(): Uint8Array {
    if (this.#bytes.buffer !== this.x.memory.buffer) this.#bytes = new Uint8Array(this.x.memory.buffer);
    return this.#bytes;
  }

  get view(): DataView {
    if (this.#view.buffer !== this.x.memory.buffer) this.#view = new DataView(this.x.memory.buffer);
    return this.#view;
  }

  u32(pointer: number): number {
    return this.view.getUint32(pointer, true);
  }

  cString(pointer: number): string {
    const { bytes } = this;
    return decoder.decode(bytes.subarray(pointer, bytes.indexOf(0, pointer)));
  }

  utf8(pointer: number, length: number): string {
    return decoder.decode(this.bytes.subarray(pointer, pointer + length));
  }

  /** A NUL-terminated copy in guest memory; its owner frees it. `length` in bytes, without the NUL. */
  newCString(text: string): { pointer: number; length: number } {
    const encoded = encoder.encode(text);
    const pointer = this.x.wasm_malloc(encoded.length + 1);
    if (pointer === 0) throw new NoGuestMemory(`no guest memory for ${encoded.length} bytes of text`);
    this.bytes.set(encoded, pointer);
    this.bytes[pointer + encoded.length] = 0;
    return { pointer, length: encoded.length };
  }

  /** Text of a string or number value; runs no guest code for those. At most `limit` bytes; null when there is no memory for it. */
  text(ctx: number, value: JsValue, limit = 4096): string | null {
    const lengthOut = this.x.wasm_malloc(4);
    if (lengthOut === 0) return null;
    const pointer = this.x.JS_ToCStringLen2(ctx, lengthOut, value, 0);
    if (pointer === 0) {
      this.x.JS_FreeValue(ctx, this.x.JS_GetException(ctx));
      return null;
    }
    const length = this.u32(lengthOut);
    const text = decoder.decode(this.bytes.slice(pointer, pointer + Math.min(length, limit)));
    this.x.JS_FreeCString(ctx, pointer);
    this.x.wasm_free(lengthOut);
    return length > limit ? `${text}…` : text;
  }

  private zero(out: number, length: number): number {
    this.bytes.fill(0, out, out + length);
    return 0;
  }

  private discard(iovs: number, count: number, out: number): number {
    let written = 0;
    for (let i = 0; i < count; i += 1) written += this.u32(iovs + 8 * i + 4);
    this.view.setUint32(out, written, true);
    return 0;
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function unsigned(value: bigint): JsValue {
  return BigInt.asUintN(64, value);
}

export function tagOf(value: JsValue): bigint {
  return value >> 32n;
}

export function isFloat(value: JsValue): boolean {
  return BigInt.asUintN(32, tagOf(value) - FIRST_TAG) >= FLOAT_DISTANCE;
}

const scratch = new DataView(new ArrayBuffer(8));

export function fromNumber(value: number): JsValue {
  if (Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 31 && !Object.is(value, -0)) return BigInt(value >>> 0);
  scratch.setFloat64(0, Number.isNaN(value) ? NaN : value);
  return BigInt.asUintN(64, scratch.getBigUint64(0) - BOX);
}

export function toNumber(value: JsValue): number {
  if (tagOf(value) === TAG.int) return Number(value) | 0;
  scratch.setBigUint64(0, BigInt.asUintN(64, value + BOX));
  return scratch.getFloat64(0);
}
