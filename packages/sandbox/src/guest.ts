// SPDX-License-Identifier: Apache-2.0
/**
 * A running QuickJS inside one `Vm`, with the sandbox's rules in force: the
 * realm is prepared, fuel is metered, failures come back as data. Shared by
 * loading (`load.ts`) and calling (`sandbox.ts`).
 */
import { REQUEST } from './request.ts';
import { Describer } from './describe.ts';
import type { Frames } from './frames.ts';
import { checkOpcodes } from './loops.ts';
import { Modules } from './modules.ts';
import { INTRINSICS, OPS_MODULE, OPS_SOURCE, REALM, SEAL } from './realm.ts';
import type { Failure, SandboxLimits, Site } from './result.ts';
import { type JsValue, NoGuestMemory, TAG, Vm, tagOf, unsigned } from './vm.ts';

/** The sandbox itself failed: never the guest's fault, never a verdict. */
export class SandboxFault extends Error {
  override readonly name = 'SandboxFault';
}

/**
 * Fuel beyond the budget. A loop that polls is stopped with its exact line as
 * soon as the budget is gone; a native loop that does not poll is stopped by
 * the trap when this is gone too. The result never counts it.
 */
export const GRACE = 2_000_000;
export const MAX_FUEL = 2 ** 31 - 1 - GRACE;
/** Fuel for looking at what was thrown. */
const DESCRIBE_FUEL = 2_000_000;
/** Bytes below the stack's start that a run can have touched: the guest's limit and what native code takes beyond it. */
const STACK_USED = 192 * 1024;
const BOOT_FUEL = 100_000_000;

export const DEFAULT_LIMITS: Required<SandboxLimits> = { memory: 8 * 2 ** 20, stack: 60 * 2 ** 10, loadFuel: 50_000_000 };

const EVAL = { global: 0, module: 1, compileOnly: 1 << 5 } as const;
const REFUSALS: Record<number, string> = {
  [REQUEST.badOperand]: 'an operation takes numbers: whole, from -2147483648 to 4294967295',
  [REQUEST.badBigint]: 'expected a bigint',
  [REQUEST.badHalf]: 'expected two whole numbers from -2147483648 to 4294967295',
};
const GUEST_FUNCTIONS = ['op', 'lo', 'hi', 'u64'] as const;
const TABLE_FUNCTIONS = [...GUEST_FUNCTIONS, 'trace'] as const;

export type Outcome<T> = { readonly ok: true; readonly value: T; readonly fuel: number } | { readonly ok: false; readonly failure: Failure; readonly fuel: number };

/** Values of the realm that the host calls. */
interface Natives {
  readonly Error: JsValue;
  /** Getter of `Error.prototype.stack`. */
  readonly stack: JsValue;
  /** Setter of `Error.prepareStackTrace`, and what is to be set there. */
  readonly trace: JsValue;
  readonly tracer: JsValue;
}

/** Where a guest was stopped. */
interface Trace {
  /** False: the innermost position is that of its last call. */
  readonly exact: boolean;
  readonly loop: Site | null;
  readonly stack: readonly Site[];
}

/** A guest's memory right after loading, to start others from. */
export interface Image {
  readonly ctx: number;
  readonly runtime: number;
  readonly natives: Natives;
  /** Linear memory from `start` to its end. */
  readonly start: number;
  readonly memory: Uint8Array;
}

export class Guest {
  readonly vm: Vm;
  readonly ctx: number;
  readonly runtime: number;
  readonly natives: Natives;
  modules = new Modules([]);
  /** True while static imports are resolved; `import()` comes at other times and is refused. */
  linking = false;
  /** The last import that was refused while linking. */
  refused: { readonly specifier: string; readonly message: string } | null = null;
  handler: ((code: number, a: number, b: number) => number) | null = null;
  /** Knows the code that is loaded. */
  frames: Frames | null = null;
  /** Reasons of rejected promises that nobody has handled, by promise. Kept while loading only. */
  readonly rejections = new Map<JsValue, JsValue>();
  readonly #describer: Describer;
  #trace: Trace | null = null;
  /** What the handler threw, on its way through the guest. */
  readonly #escaped: { thrown: boolean; error: unknown } = { thrown: false, error: null };

  /** Boots a new guest from `limits`, or continues from an image. */
  constructor(module: WebAssembly.Module, from: Image | SandboxLimits) {
    this.vm = new Vm(module, {
      op: (code, a, b) => this.#answer(code, a, b),
      badOperand: (why) => this.throwInto('TypeError', REFUSALS[why] ?? 'bad operand'),
      interrupt: () => this.#interrupt(),
      trace: () => {
        if (this.#trace?.exact !== true) this.#trace = { exact: true, loop: this.frames?.loop(this.vm, this.runtime) ?? null, stack: this.stack() };
      },
      rejection: (promise, reason, handled) => {
        if (handled) this.rejections.delete(promise);
        else this.rejections.set(promise, reason);
      },
      resolve: (base, specifier) => this.#resolve(base, specifier),
      source: (name) => this.modules.get(name)?.source ?? null,
    });
    const { x } = this.vm;
    const table = x.__indirect_function_table;
    const first = table.length;
    table.grow(TABLE_FUNCTIONS.length);
    TABLE_FUNCTIONS.forEach((f, i) => table.set(first + i, x[`guest_${f}`]));
    if ('memory' in from && from.memory instanceof Uint8Array) {
      const image = from as Image;
      const pages = (image.start + image.memory.length - x.memory.buffer.byteLength) / 65_536;
      if (pages > 0) x.memory.grow(pages);
      this.restore(image);
      this.ctx = image.ctx;
      this.runtime = image.runtime;
      this.natives = image.natives;
    } else {
      const limits = { ...DEFAULT_LIMITS, ...(from as SandboxLimits) };
      x.fuel.value = BOOT_FUEL;
      x._initialize();
      if (x.qjs_init2(INTRINSICS) !== 0) throw new SandboxFault('QuickJS did not start');
      checkOpcodes(this.vm);
      this.ctx = x.qjs_get_context_ptr();
      this.runtime = x.qjs_get_runtime_ptr();
      this.natives = this.#prepareRealm(first);
      x.qjs_set_memory_limit(limits.memory);
      x.qjs_set_max_stack_size(limits.stack);
      x.qjs_set_interrupt_handler(1);
      x.qjs_set_module_loader(1);
    }
    this.#describer = new Describer(this.vm, this.ctx, this.natives.stack, () => this.modules);
  }

  /** Puts memory back as the image has it. Only for a guest whose memory has the image's size. */
  restore(image: Image): void {
    const { bytes } = this.vm;
    bytes.set(image.memory, image.start);
    // What the last run left on the stack must not show through padding either.
    bytes.fill(0, image.start - STACK_USED, image.start);
    this.vm.x.__stack_pointer.value = image.start;
    this.vm.x.raised.value = 0;
  }

  /** The call stack right now, innermost first. Runs nothing. */
  stack(): Site[] {
    return this.frames?.read(this.vm, this.runtime) ?? [];
  }

  image(): Image {
    const start = this.vm.x.__stack_pointer.value;
    return { ctx: this.ctx, runtime: this.runtime, natives: this.natives, start, memory: this.vm.bytes.slice(start) };
  }

  /**
   * Runs `body`, which calls into the guest, on `fuel`. What the guest does
   * wrong comes back as a failure; what the handler throws, or what is the
   * sandbox's own fault, is thrown. After a failure memory must be restored.
   */
  run(fuel: number, body: () => JsValue): Outcome<JsValue> {
    const { x } = this.vm;
    if (!Number.isInteger(fuel) || fuel < 0 || fuel > MAX_FUEL) throw new RangeError(`sandbox: fuel must be a whole number up to ${MAX_FUEL}, got ${fuel}`);
    this.#escaped.thrown = false;
    this.#trace = null;
    x.fuel.value = fuel + GRACE;
    let value: JsValue;
    try {
      value = unsigned(body());
    } catch (error) {
      if (this.#escaped.thrown) throw this.#escaped.error;
      if (x.fuel.value < 0) return this.#exhausted(fuel, this.#trace ?? { exact: true, loop: null, stack: this.stack() });
      const stack = this.stack();
      const used = Math.min(fuel, fuel + GRACE - x.fuel.value);
      if (error instanceof NoGuestMemory) return { ok: false, failure: { kind: 'out-of-memory', site: stack[0] ?? null, stack }, fuel: used };
      // A trap with fuel left: QuickJS gave up. Deterministic, and the guest's doing.
      if (error instanceof WebAssembly.RuntimeError) return { ok: false, failure: { kind: 'threw', name: 'InternalError', message: `the JavaScript engine gave up: ${error.message}`, site: stack[0] ?? null, stack }, fuel: used };
      if (isHostStackOverflow(error)) throw new SandboxFault('the host stack is too small for the guest stack limit');
      throw error;
    }
    const used = fuel + GRACE - x.fuel.value;
    if (used > fuel) return this.#exhausted(fuel, this.#trace ?? { exact: false, loop: null, stack: [] });
    if (tagOf(value) !== TAG.exception) return { ok: true, value, fuel: used };
    return { ok: false, failure: this.describePending(), fuel: used };
  }

  /** Runs `body`, which runs no guest code, without charging anyone. */
  unmetered<T>(body: () => T): T {
    const { fuel } = this.vm.x;
    const before = fuel.value;
    fuel.value = MAX_FUEL;
    try {
      return body();
    } finally {
      fuel.value = before;
    }
  }

  describePending(): Failure {
    return this.#describing(() => this.#describer.exception());
  }

  describe(value: JsValue): Failure {
    return this.#describing(() => this.#describer.describe(value));
  }

  /** Compiles `source`; a module is linked too, but not evaluated. */
  compile(source: string, name: string): JsValue {
    this.linking = true;
    try {
      return this.#eval(source, name, EVAL.module | EVAL.compileOnly);
    } finally {
      this.linking = false;
    }
  }

  /** Makes the running guest throw an error of this kind when the host call returns. */
  throwInto(kind: 'TypeError' | 'RangeError' | 'ReferenceError', message: string): void {
    const text = this.vm.newCString(message.replaceAll('%', '%%'));
    this.vm.x[`JS_Throw${kind}`](this.ctx, text.pointer, 0);
    this.vm.x.wasm_free(text.pointer);
  }

  #describing(look: () => Failure): Failure {
    const { fuel } = this.vm.x;
    const before = fuel.value;
    const { handler } = this;
    this.handler = null;
    fuel.value = DESCRIBE_FUEL + GRACE;
    try {
      return look();
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      return { kind: 'threw', name: 'Error', message: 'something that cannot be described was thrown', site: null, stack: [] };
    } finally {
      fuel.value = before;
      this.handler = handler;
    }
  }

  #exhausted(fuel: number, { loop, stack }: Trace): Outcome<never> {
    return { ok: false, failure: { kind: 'out-of-fuel', site: loop ?? stack[0] ?? null, stack }, fuel };
  }

  /**
   * Asked at loop turns and calls. Once the budget is gone it stops the guest
   * and has QuickJS call `trace` while the stopped frame still stands, which
   * is the only moment when its program counter can be read.
   */
  #interrupt(): boolean {
    const { x } = this.vm;
    if (x.fuel.value >= GRACE) return false;
    if (this.#trace !== null) return true;
    this.#trace = { exact: false, loop: null, stack: this.stack() };
    const argument = x.wasm_malloc(8);
    if (argument !== 0) {
      this.vm.view.setBigUint64(argument, this.natives.tracer, true);
      const set = x.JS_Call(this.ctx, this.natives.trace, this.natives.Error, 1, argument);
      // No stack left for even that.
      if (tagOf(unsigned(set)) === TAG.exception) x.JS_FreeValue(this.ctx, x.JS_GetException(this.ctx));
    }
    return true;
  }

  #answer(code: number, a: number, b: number): number {
    try {
      if (this.handler === null) {
        this.throwInto('TypeError', 'operations cannot be used while modules are evaluated');
        this.vm.x.raised.value = 1;
        return 0;
      }
      return this.handler(code, a, b);
    } catch (error) {
      this.#escaped.thrown = true;
      this.#escaped.error = error;
      throw error;
    }
  }

  #resolve(base: string, specifier: string): string | null {
    if (!this.linking) {
      this.throwInto('TypeError', 'import() is not available: import at the top of the file');
      return null;
    }
    const resolved = this.modules.resolve(base, specifier);
    if ('name' in resolved) return resolved.name;
    this.refused = { specifier, message: resolved.refused };
    this.throwInto('ReferenceError', resolved.refused);
    return null;
  }

  #prepareRealm(firstFunction: number): Natives {
    const { x } = this.vm;
    const own = (value: JsValue, what: string): JsValue => {
      if (tagOf(unsigned(value)) === TAG.exception) throw new SandboxFault(`${what} failed`);
      return unsigned(value);
    };
    const text = (s: string): number => this.vm.newCString(s).pointer;
    const natives = own(this.#eval(REALM, 'realm', EVAL.global), 'the realm');
    const functions = own(this.#eval('globalThis.__sandbox = {}', 'realm', EVAL.global), 'the realm');
    GUEST_FUNCTIONS.forEach((f, i) => {
      const made = own(x.JS_NewCFunction2(this.ctx, firstFunction + i, text(f), f === 'op' ? 3 : 2, 0, 0), f);
      x.JS_SetPropertyStr(this.ctx, functions, text(f), made);
    });
    own(x.JS_EvalFunction(this.ctx, own(this.#eval(OPS_SOURCE, OPS_MODULE, EVAL.module | EVAL.compileOnly), OPS_MODULE)), OPS_MODULE);
    own(this.#eval(SEAL, 'realm', EVAL.global), 'the realm');
    const native = (name: string): JsValue => own(x.JS_GetPropertyStr(this.ctx, natives, text(name)), name);
    const tracer = own(x.JS_NewCFunction2(this.ctx, firstFunction + TABLE_FUNCTIONS.indexOf('trace'), text('trace'), 2, 0, 0), 'trace');
    return { Error: native('Error'), stack: native('stack'), trace: native('trace'), tracer };
  }

  #eval(source: string, name: string, flags: number): JsValue {
    const code = this.vm.newCString(source);
    const file = this.vm.newCString(name);
    const value = unsigned(this.vm.x.JS_Eval(this.ctx, code.pointer, code.length, file.pointer, flags));
    this.vm.x.wasm_free(code.pointer);
    this.vm.x.wasm_free(file.pointer);
    return value;
  }
}

function isHostStackOverflow(error: unknown): boolean {
  return error instanceof Error && /call stack|too much recursion/i.test(error.message);
}
