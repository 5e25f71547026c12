// SPDX-License-Identifier: Apache-2.0
/**
 * Turns what guest code threw into plain data without running guest code: own
 * data properties only, read through the C API, prototypes only while they are
 * no proxies. Whatever is stranger than that is named, not looked into.
 */
import { mended } from './lexer.ts';
import type { Modules } from './modules.ts';
import type { Failure, Site } from './result.ts';
import { type JsValue, TAG, UNDEFINED, type Vm, isFloat, tagOf, unsigned } from './vm.ts';

const MAX_PROTOTYPES = 16;
/** QuickJS's words, and ours in `realm.ts`, for writes to what is frozen. */
const FROZEN = /is read-only|object is not extensible|could not delete property|immutable/;

export class Describer {
  readonly #vm: Vm;
  readonly #ctx: number;
  readonly #modules: () => Modules;
  readonly #stackGetter: JsValue;
  #atoms: { readonly name: number; readonly message: number } | null = null;

  /**
   * @param stackGetter the native getter of `Error.prototype.stack`
   * @param modules what is loaded; positions in trusted modules are left out
   */
  constructor(vm: Vm, ctx: number, stackGetter: JsValue, modules: () => Modules) {
    this.#vm = vm;
    this.#ctx = ctx;
    this.#stackGetter = stackGetter;
    this.#modules = modules;
  }

  /** Takes the pending exception and describes it. */
  exception(): Failure {
    return this.describe(unsigned(this.#vm.x.JS_GetException(this.#ctx)));
  }

  describe(value: JsValue): Failure {
    if (tagOf(value) !== TAG.object || this.#vm.x.JS_IsProxy(value) !== 0 || this.#vm.x.JS_IsError(value) === 0) {
      return { kind: 'threw', name: 'Error', message: `${this.#what(value)} was thrown; throw an Error, it knows its line`, site: this.#modules().siteOfBareThrow(), stack: [] };
    }
    const atoms = this.#atomsOf();
    const name = this.#inherited(value, atoms.name) ?? 'Error';
    const message = this.#inherited(value, atoms.message) ?? '';
    const stack = this.#parseStack(this.#stackOf(value));
    const site = stack[0] ?? null;
    if (name === 'InternalError' && (message === 'out of memory' || message === 'string too long')) return { kind: 'out-of-memory', site, stack };
    if (name === 'RangeError' && message === 'Maximum call stack size exceeded') return { kind: 'stack-overflow', site, stack };
    if (name === 'TypeError' && FROZEN.test(message)) return { kind: 'threw', name, message: `${message} (a constant, or built while the modules were loaded; what must outlive a call belongs in simulated memory)`, frozen: true, site, stack };
    return { kind: 'threw', name, message, site, stack };
  }

  /** The getter is native and looks at the error object only. */
  #stackOf(error: JsValue): string {
    const stack = unsigned(this.#vm.x.JS_Call(this.#ctx, this.#stackGetter, error, 0, 0));
    const tag = tagOf(stack);
    return tag === TAG.string || tag === TAG.rope ? (this.#vm.text(this.#ctx, stack, 16_384) ?? '') : '';
  }

  #what(value: JsValue): string {
    const tag = tagOf(value);
    if (tag === TAG.string || tag === TAG.rope) return `the string ${JSON.stringify(this.#vm.text(this.#ctx, value, 256) ?? '')}`;
    if (tag === TAG.int || tag === TAG.bool || tag === TAG.null || isFloat(value)) return `the value ${this.#vm.text(this.#ctx, value) ?? '?'}`;
    if (tag === TAG.undefined) return 'undefined';
    if (tag === TAG.bigint || tag === TAG.shortBigint) return 'a bigint';
    if (tag === TAG.symbol) return 'a symbol';
    return 'an object that is no Error';
  }

  #atomsOf(): { readonly name: number; readonly message: number } {
    const atom = (text: string): number => {
      const copy = this.#vm.newCString(text);
      const id = this.#vm.x.JS_NewAtom(this.#ctx, copy.pointer);
      this.#vm.x.wasm_free(copy.pointer);
      return id;
    };
    this.#atoms ??= { name: atom('name'), message: atom('message') };
    return this.#atoms;
  }

  #inherited(value: JsValue, atom: number): string | null {
    let object = value;
    for (let depth = 0; depth < MAX_PROTOTYPES && tagOf(object) === TAG.object && this.#vm.x.JS_IsProxy(object) === 0; depth += 1) {
      const found = this.#own(object, atom);
      if (found !== null) return found;
      object = unsigned(this.#vm.x.JS_GetPrototype(this.#ctx, object));
    }
    return null;
  }

  /** Own string data property, or null. A JSPropertyDescriptor is flags (i32), then value, getter, setter (i64 each). */
  #own(object: JsValue, atom: number): string | null {
    const { x } = this.#vm;
    const out = x.wasm_malloc(32);
    if (out === 0) return null;
    const found = x.JS_GetOwnProperty(this.#ctx, out, object, atom);
    const value = found > 0 ? this.#vm.view.getBigUint64(out + 8, true) : UNDEFINED;
    const getter = found > 0 ? this.#vm.view.getBigUint64(out + 16, true) : UNDEFINED;
    x.wasm_free(out);
    const tag = tagOf(value);
    if (getter !== UNDEFINED || (tag !== TAG.string && tag !== TAG.rope)) return null;
    return this.#vm.text(this.#ctx, value);
  }

  /** Positions in stack text as QuickJS writes it: `    at name (file:line:column)` or `    at file:line:column`. */
  #parseStack(stack: string): Site[] {
    const sites: Site[] = [];
    for (const text of stack.split('\n')) {
      const [, file = '', line = '0', column = '0'] = /^ {4}at (?:.*\()?([^()]*?):(\d+):(\d+)\)?$/.exec(text) ?? [];
      const module = this.#modules().get(file);
      if (module !== undefined && module.trusted !== true) sites.push({ file, line: Number(line), column: mended(module.source, Number(line), Number(column)) });
    }
    return sites;
  }
}
