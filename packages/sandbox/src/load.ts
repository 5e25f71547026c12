// SPDX-License-Identifier: Apache-2.0
/**
 * Parses, links and evaluates a guest's modules, and says what is wrong with
 * them at the guest's own line and column.
 */
import type { Guest, Outcome } from './guest.ts';
import { Modules } from './modules.ts';
import type { GuestModule, LoadError } from './result.ts';
import { type JsValue, TAG, tagOf, unsigned } from './vm.ts';

/** States of `JS_PromiseState`. */
const PROMISE = { pending: 0, fulfilled: 1, rejected: 2 } as const;
/** `JS_GPN_STRING_MASK` */
const STRING_NAMES = 1;

export type Loaded = { readonly fuel: number } & ({ readonly ok: true; readonly exports: ReadonlyMap<string, JsValue> } | { readonly ok: false; readonly error: LoadError });

export function loadModules(guest: Guest, modules: readonly GuestModule[], entry: string, fuel: number): Loaded {
  const { x } = guest.vm;
  guest.modules = new Modules(modules);
  const main = guest.modules.get(entry);
  if (main === undefined) throw new RangeError(`sandbox: the entry module "${entry}" is not among those given`);

  const compiled = guest.run(fuel, () => guest.compile(main.source, main.name));
  if (!compiled.ok) return { ok: false, fuel: compiled.fuel, error: linkError(guest, compiled.failure) };

  // A module value's payload is its JSModuleDef.
  const definition = Number(compiled.value & 0xffff_ffffn);
  const started = guest.run(fuel - compiled.fuel, () => evaluate(guest, compiled.value));
  const used = compiled.fuel + started.fuel;
  if (!started.ok) return { ok: false, fuel: used, error: linkError(guest, started.failure) };

  switch (x.JS_PromiseState(guest.ctx, started.value)) {
    case PROMISE.fulfilled:
      break;
    case PROMISE.rejected:
      return { ok: false, fuel: used, error: guest.describe(unsigned(x.JS_PromiseResult(guest.ctx, started.value))) };
    default:
      return { ok: false, fuel: used, error: { kind: 'threw', name: 'TypeError', message: 'a top-level await never ends: there is nothing here to wait for', site: null, stack: [] } };
  }
  return { ok: true, fuel: used, exports: exportsOf(guest, definition) };
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
function linkError(guest: Guest, failure: Extract<Outcome<never>, { ok: false }>['failure']): LoadError {
  if (failure.kind !== 'threw') return failure;
  if (guest.refused !== null && failure.message === guest.refused.message) {
    const site = guest.modules.siteOfImport(guest.refused.specifier);
    return { ...failure, kind: 'import', site, stack: site === null ? [] : [site] };
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
