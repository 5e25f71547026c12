// SPDX-License-Identifier: Apache-2.0
/**
 * Runs untrusted JavaScript under budgets that do not depend on the machine it
 * runs on: fuel counted inside the wasm module, a heap limit, a stack limit.
 * Every call starts from the same snapshot, so a call is a pure function of
 * (function, arguments, answers), and nothing a guest does can reach the next.
 *
 *   const sandbox = Sandbox.create(module);
 *   sandbox.load([{ name: 'driver.ts', source }], 'driver.ts');
 *   sandbox.call('probe', [1], (code, a, b) => answer, 5_000_000);
 *
 * One call at a time; a handler may call *other* sandboxes (forks).
 */
import type { Frames } from './frames.ts';
import { DEFAULT_LIMITS, Guest, type Image, type Outcome, SandboxFault } from './guest.ts';
import { hashWords, ID_SECTION } from './hash.ts';
import { framesOf, loadModules } from './load.ts';
import type { Modules } from './modules.ts';
import type { CallResult, Failure, GuestModule, LoadResult, SandboxLimits, Site } from './result.ts';
import { type JsValue, TAG, UNDEFINED, fromNumber, isFloat, tagOf, toNumber, unsigned } from './vm.ts';

export { SandboxFault } from './guest.ts';
export type { CallResult, Failure, GuestModule, LoadError, LoadResult, SandboxLimits, Site } from './result.ts';

/** Answers one host call with 32 bits. What it throws passes through the guest unseen and comes out of `call`. */
export type Handler = (code: number, a: number, b: number) => number;

const MAX_ARGUMENTS = 32;
/** Heap kept free in the snapshot, so that an ordinary call does not grow memory: a grown instance must be replaced, which costs a millisecond. */
const SPARE = 128 * 1024;

/** What forks share. Immutable. */
interface Program {
  readonly module: WebAssembly.Module;
  readonly image: Image;
  readonly modules: Modules;
  readonly functions: ReadonlyMap<string, JsValue>;
  readonly frames: Frames;
  /** Room for arguments in guest memory. */
  readonly argv: number;
  readonly hash: string;
}

export class Sandbox {
  readonly #module: WebAssembly.Module;
  readonly #limits: Required<SandboxLimits>;
  #guest: Guest;
  #program: Program | null = null;
  #dirty = false;
  #busy = false;

  private constructor(module: WebAssembly.Module, limits: Required<SandboxLimits>, program: Program | null) {
    this.#module = module;
    this.#limits = limits;
    this.#program = program;
    this.#guest = program === null ? new Guest(module, bootImage(module, limits)) : guestOf(program);
  }

  /** @param module compiled from `sandbox.wasm` */
  static create(module: WebAssembly.Module, limits: SandboxLimits = {}): Sandbox {
    return new Sandbox(module, { ...DEFAULT_LIMITS, ...limits }, null);
  }

  /**
   * Evaluates the modules that `entry` needs, freezes what they made, and
   * takes the snapshot that every call starts from. Once per sandbox.
   */
  load(modules: readonly GuestModule[], entry: string): LoadResult {
    if (this.#program !== null) throw new SandboxFault('a sandbox loads once');
    const guest = this.#guest;
    const loaded = loadModules(guest, modules, entry, this.#limits.loadFuel);
    if (!loaded.ok) {
      this.#guest = new Guest(this.#module, bootImage(this.#module, this.#limits));
      return loaded;
    }
    this.#program = guest.unmetered(() => {
      const { vm } = guest;
      const argv = vm.x.wasm_malloc(8 * MAX_ARGUMENTS);
      const frames = framesOf(guest);
      vm.x.JS_RunGC(guest.runtime);
      vm.x.wasm_free(vm.x.wasm_malloc(SPARE));
      const image = guest.image();
      return { module: this.#module, image, modules: guest.modules, functions: loaded.exports, frames, argv, hash: hashWords(image.memory) };
    });
    this.#guest = guestOf(this.#program);
    return { ok: true, fuel: loaded.fuel, functions: [...loaded.exports.keys()] };
  }

  /** Another instance that starts from the same snapshot. */
  fork(): Sandbox {
    return new Sandbox(this.#module, this.#limits, this.#loaded());
  }

  /**
   * Calls an exported function of the entry module, from the snapshot.
   *
   * @param args numbers, or bigints from -2^63 to 2^64 - 1
   * @param fuel budget of this call; the result says what was used
   */
  call(exportName: string, args: readonly (number | bigint)[], handler: Handler, fuel: number): CallResult {
    const program = this.#loaded();
    if (this.#busy) throw new SandboxFault('this sandbox is inside a call; call a fork');
    const target = program.functions.get(exportName);
    if (target === undefined) return failed('ReferenceError', `no function called "${exportName}" is exported`);
    if (args.length > MAX_ARGUMENTS) throw new RangeError(`sandbox: at most ${MAX_ARGUMENTS} arguments, got ${args.length}`);

    this.#reset(program);
    this.#dirty = true;
    this.#busy = true;
    const guest = this.#guest;
    guest.handler = handler;
    try {
      guest.unmetered(() => this.#writeArguments(program, args));
      const outcome = guest.run(fuel, () => guest.vm.x.JS_Call(guest.ctx, target, UNDEFINED, args.length, program.argv));
      return this.#result(exportName, outcome);
    } finally {
      guest.handler = null;
      this.#busy = false;
    }
  }

  /** Where the guest is, innermost first, untrusted modules only. Inside a handler only. Costs no fuel and changes nothing. */
  currentStack(): Site[] {
    if (!this.#busy) throw new SandboxFault('there is no stack outside a handler');
    return this.#guest.stack();
  }

  /** Makes the guest's current operation throw: for operands that only the handler can tell to be wrong. The handler's answer is then ignored. */
  throwIntoGuest(kind: 'TypeError' | 'RangeError', message: string): void {
    if (!this.#busy) throw new SandboxFault('there is nothing to throw into outside a handler');
    this.#guest.throwInto(kind, message);
    this.#guest.vm.x.raised.value = 1;
  }

  /** Fingerprint of the heap as the next call finds it. */
  heapHash(): string {
    const program = this.#loaded();
    if (!this.#busy) this.#reset(program);
    return hashWords(this.#guest.vm.bytes.subarray(program.image.start));
  }

  /** Fingerprint of the snapshot. */
  snapshotHash(): string {
    return this.#loaded().hash;
  }

  #loaded(): Program {
    if (this.#program === null) throw new SandboxFault('load modules first');
    return this.#program;
  }

  #reset(program: Program): void {
    if (!this.#dirty) return;
    // Memory that has grown cannot shrink, and the allocator can tell.
    if (this.#guest.vm.bytes.length === program.image.start + program.image.memory.length) this.#guest.restore(program.image);
    else this.#guest = guestOf(program);
    this.#dirty = false;
  }

  #writeArguments(program: Program, args: readonly (number | bigint)[]): void {
    const { vm, ctx } = this.#guest;
    args.forEach((arg, i) => {
      let value: JsValue;
      if (typeof arg === 'number') value = fromNumber(arg);
      else if (arg >= -(1n << 63n) && arg < 1n << 63n) value = unsigned(vm.x.JS_NewBigInt64(ctx, arg));
      else if (arg > 0n && arg < 1n << 64n) value = unsigned(vm.x.JS_NewBigUint64(ctx, BigInt.asIntN(64, arg)));
      else throw new RangeError(`sandbox: ${arg} does not fit in 64 bits`);
      vm.view.setBigUint64(program.argv + 8 * i, value, true);
    });
  }

  #result(name: string, outcome: Outcome<JsValue>): CallResult {
    if (!outcome.ok) return { ...outcome.failure, fuel: outcome.fuel };
    const { x } = this.#guest.vm;
    const { ctx, runtime } = this.#guest;
    const { value, fuel } = outcome;
    const tag = tagOf(value);
    const wrong = (what: string): CallResult => ({ ...failed('TypeError', `${name} ${what}`), fuel });
    if (tag === TAG.object && x.JS_IsProxy(value) === 0 && x.JS_IsPromise(value) !== 0) return wrong('returned a promise: driver code is synchronous, nothing here would ever settle it');
    if (this.#guest.unmetered(() => x.JS_IsJobPending(runtime)) !== 0) return wrong('left promise callbacks behind: driver code is synchronous, they would never run');
    if (tag === TAG.int || isFloat(value)) return { kind: 'returned', value: toNumber(value), fuel };
    if (tag === TAG.bool) return { kind: 'returned', value: Number(value & 1n), fuel };
    if (tag === TAG.undefined || tag === TAG.null) return { kind: 'returned', value: null, fuel };
    if (tag === TAG.bigint || tag === TAG.shortBigint) {
      const out = this.#loaded().argv;
      this.#guest.unmetered(() => x.JS_ToBigInt64(ctx, out, value));
      return { kind: 'returned', value: this.#guest.vm.view.getBigUint64(out, true), fuel };
    }
    const what = tag === TAG.object ? (x.JS_IsFunction(ctx, value) !== 0 ? 'a function' : 'an object') : tag === TAG.symbol ? 'a symbol' : 'a string';
    return wrong(`returned ${what}; expected a number, a bigint or nothing`);
  }
}

function failed(name: string, message: string): CallResult & Failure {
  return { kind: 'threw', name, message, site: null, stack: [], fuel: 0 };
}

function guestOf(program: Program): Guest {
  const guest = new Guest(program.module, program.image);
  guest.modules = program.modules;
  guest.frames = program.frames;
  return guest;
}

/** The fingerprint that the build wrote into the module: part of the engine hash. Throws for a module that our build did not make. */
export function sandboxId(module: WebAssembly.Module): string {
  const [section] = WebAssembly.Module.customSections(module, ID_SECTION);
  if (section === undefined) throw new SandboxFault('this is not a sandbox.wasm of our build');
  return String.fromCharCode(...new Uint8Array(section));
}

const booted = new WeakMap<WebAssembly.Module, Map<string, Image>>();

/** A prepared realm, made once per module and limits. */
function bootImage(module: WebAssembly.Module, limits: Required<SandboxLimits>): Image {
  const key = `${limits.memory}/${limits.stack}`;
  const images = booted.get(module) ?? new Map<string, Image>();
  booted.set(module, images);
  const image = images.get(key) ?? new Guest(module, limits).image();
  images.set(key, image);
  return image;
}
