// SPDX-License-Identifier: Apache-2.0
/**
 * Parses, links and evaluates a guest's modules, and says what is wrong with
 * them at the guest's own line and column.
 */
import { Frames } from './frames.ts';
import { freezeNew, objects } from './freeze.ts';
import type { Guest, Outcome } from './guest.ts';
import { Modules } from './modules.ts';
import type { Failure, GuestModule, LoadError } from './result.ts';
import { type JsValue, TAG, tagOf, unsigned } from './vm.ts';

/** States of `JS_PromiseState`. */
const PROMISE = { fulfilled: 1, rejected: 2 } as const;
/** `JS_GPN_STRING_MASK` */
const STRING_NAMES = 1;

export type Loaded = { readonly fuel: number } & ({ readonly ok: true; readonly exports: ReadonlyMap<string, JsValue> } | { readonly ok: false; readonly error: LoadError });

export function loadModules(guest: Guest, modules: readonly GuestModule[], entry: string, fuel: number): Loaded {
  const { x } = guest.vm;
  guest.modules = new Modules(modules);
  const main = guest.modules.get(entry);
  if (main === undefined) throw new RangeError(`sandbox: the entry module "${entry}" is not among those given`);

  guest.frames = guest.unmetered(() => framesOf(guest));
  guest.rejections.clear();
  x.qjs_set_promise_rejection_handler(1);

  let used = 0;
  const step = (body: () => JsValue): Outcome<JsValue> => {
    const outcome = guest.run(fuel - used, body);
    used += outcome.fuel;
    return outcome;
  };
  const fail = (error: LoadError): Loaded => ({ ok: false, fuel: used, error });

  const compiled = step(() => guest.compile(main.source, main.name));
  if (!compiled.ok) return fail(linkError(guest, compiled.failure));

  // What trusted modules build may change during a call; what others build may not.
  const foundation = guest.modules.foundation().map((name) => `import ${JSON.stringify(name)};`).join('');
  const below = step(() => guest.compile(foundation, 'sandbox:foundation'));
  if (!below.ok) return fail(linkError(guest, below.failure));
  const based = step(() => evaluate(guest, below.value));
  if (!based.ok) return fail(linkError(guest, based.failure));
  const refused = evaluationError(guest, based.value);
  if (refused !== null) return fail(refused);
  const old = guest.unmetered(() => {
    x.JS_RunGC(guest.runtime);
    return objects(guest.vm, guest.runtime);
  });

  // A module value's payload is its JSModuleDef.
  const definition = Number(compiled.value & 0xffff_ffffn);
  const started = step(() => evaluate(guest, compiled.value));
  if (!started.ok) return fail(linkError(guest, started.failure));
  const error = evaluationError(guest, started.value);
  if (error !== null) return fail(error);

  const exports = guest.unmetered(() => {
    x.JS_RunGC(guest.runtime);
    freezeNew(guest.vm, guest.ctx, guest.runtime, old);
    return exportsOf(guest, definition);
  });
  return { ok: true, fuel: used, exports };
}

/** Frames of the modules that are the guest's own. */
export function framesOf(guest: Guest): Frames {
  const files = new Map<number, GuestModule>();
  for (const name of guest.modules.names()) {
    const module = guest.modules.get(name);
    if (module === undefined || !guest.modules.visible(name)) continue;
    const text = guest.vm.newCString(name);
    files.set(guest.vm.x.JS_NewAtom(guest.ctx, text.pointer), module);
    guest.vm.x.wasm_free(text.pointer);
  }
  return new Frames(files);
}

/** What the promise of an evaluated module, and those it left behind, say went wrong. */
function evaluationError(guest: Guest, promise: JsValue): LoadError | null {
  const { x } = guest.vm;
  switch (x.JS_PromiseState(guest.ctx, promise)) {
    case PROMISE.fulfilled: {
      const [reason] = guest.rejections.values();
      return reason === undefined ? null : guest.describe(reason);
    }
    case PROMISE.rejected:
      return linkError(guest, guest.describe(unsigned(x.JS_PromiseResult(guest.ctx, promise))));
    default:
      return { kind: 'threw', name: 'TypeError', message: 'a top-level await never ends: there is nothing here to wait for', site: null, stack: [] };
  }
}

/** Evaluates a module and whatever promise callbacks that leaves. */
function evaluate(guest: Guest, module: JsValue): JsValue {
  const { x } = guest.vm;
  const promise = unsigned(x.JS_EvalFunction(guest.ctx, module));
  if (tagOf(promise) === TAG.exception) return promise;
  const context = x.wasm_malloc(4);
  while (x.JS_IsJobPending(guest.runtime) !== 0) {
    if (x.JS_ExecutePendingJob(guest.runtime, context) < 0) return TAG.exception << 32n;
  }
  x.wasm_free(context);
  return promise;
}

/** Errors found before any guest code ran: syntax, imports, exports that do not exist. */
function linkError(guest: Guest, failure: Failure): LoadError {
  if (failure.kind !== 'threw') return failure;
  // QuickJS cuts long messages, so what it threw may be only the beginning.
  if (guest.refused !== null && failure.message !== '' && guest.refused.message.startsWith(failure.message)) {
    const site = guest.modules.siteOfImport(guest.refused.specifier);
    return { ...failure, kind: 'import', message: guest.refused.message, site, stack: site === null ? [] : [site] };
  }
  if (failure.name !== 'SyntaxError') return failure;
  const missing = /^Could not find export '(.*)' in module '(.*)'$/.exec(failure.message);
  if (missing !== null) {
    const [, binding = '', module = ''] = missing;
    const site = guest.modules.siteOfImport(module, binding);
    return { kind: 'import', name: failure.name, message: `"${module}" exports no "${binding}"`, site, stack: site === null ? [] : [site] };
  }
  return { ...failure, kind: 'syntax' };
}

/** Function values the entry module exports. They are part of the snapshot, so they stay valid in every fork. */
function exportsOf(guest: Guest, definition: number): Map<string, JsValue> {
  const { vm, ctx } = guest;
  const { x } = vm;
  const namespace = unsigned(x.JS_GetModuleNamespace(ctx, definition));
  const out = x.wasm_malloc(8);
  const found = new Map<string, JsValue>();
  if (x.JS_GetOwnPropertyNames(ctx, out, out + 4, namespace, STRING_NAMES) === 0) {
    // JSPropertyEnum: is_enumerable (i32), atom (i32)
    for (let i = 0, table = vm.u32(out), count = vm.u32(out + 4); i < count; i += 1) {
      const atom = vm.u32(table + 8 * i + 4);
      const name = vm.text(ctx, unsigned(x.JS_AtomToString(ctx, atom)));
      const value = unsigned(x.JS_GetProperty(ctx, namespace, atom));
      if (name !== null && x.JS_IsFunction(ctx, value) !== 0) found.set(name, value);
    }
  }
  x.wasm_free(out);
  return found;
}
