// SPDX-License-Identifier: Apache-2.0
/**
 * What the guest finds when it starts: JavaScript without clocks, chance,
 * code from strings or garbage-collector oracles, and with intrinsics that
 * nobody can change. Evaluated once, before any other guest code; its value
 * holds two native functions the host uses later: the getter of
 * `Error.prototype.stack` and the setter of `Error.prepareStackTrace`.
 */

/** Intrinsics asked of `qjs_init2`: all but Date, WeakRef, performance, DOMException, atob. */
export const INTRINSICS = (1 << 1) | (1 << 2) | (1 << 3) | (1 << 4) | (1 << 5) | (1 << 6) | (1 << 7) | (1 << 8);

/** Global names guest code may see; everything else is deleted. A test lists them again, from the inside. */
export const GLOBALS = [
  'Object', 'Function', 'Error', 'EvalError', 'RangeError', 'ReferenceError', 'SyntaxError', 'TypeError', 'URIError', 'InternalError', 'AggregateError',
  'Iterator', 'Array', 'parseInt', 'parseFloat', 'isNaN', 'isFinite', 'decodeURI', 'decodeURIComponent', 'encodeURI', 'encodeURIComponent', 'Infinity', 'NaN', 'undefined',
  'Number', 'Boolean', 'String', 'Math', 'Reflect', 'Symbol', 'globalThis', 'BigInt', 'RegExp', 'JSON', 'Proxy', 'Map', 'Set', 'WeakMap', 'WeakSet', 'ArrayBuffer',
  'Uint8ClampedArray', 'Int8Array', 'Uint8Array', 'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array', 'BigInt64Array', 'BigUint64Array', 'Float16Array', 'Float32Array', 'Float64Array', 'DataView', 'Promise',
] as const;

export const REALM = `'use strict';
(() => {
  const { isFrozen, freeze, getOwnPropertyDescriptor, getPrototypeOf } = Object;
  const keep = new Set(${JSON.stringify(GLOBALS)});
  for (const key of Reflect.ownKeys(globalThis)) if (!keep.has(key)) delete globalThis[key];

  const refuse = (message) => ({ f() { throw new TypeError(message); } }).f;
  Object.defineProperty(Math, 'random', { value: refuse('Math.random is not available: a run must be repeatable'), writable: false, enumerable: false, configurable: false });

  // Code from strings: all four function constructors, reachable through prototypes too.
  const noCode = refuse('code cannot be made from strings here');
  for (const f of [function () {}, function* () {}, async function () {}, async function* () {}]) {
    const proto = Object.getPrototypeOf(f);
    Object.defineProperty(proto, 'constructor', { value: noCode, writable: false, enumerable: false, configurable: false });
  }
  const functionPrototype = Function.prototype;
  Object.defineProperty(noCode, 'prototype', { value: functionPrototype, writable: false });
  Object.defineProperty(globalThis, 'Function', { value: noCode, writable: false, enumerable: false, configurable: false });

  const trace = getOwnPropertyDescriptor(Error, 'prepareStackTrace').set;
  // Hooks that would run guest code while an error's stack is written down.
  for (const key of ['prepareStackTrace', 'captureStackTrace']) delete Error[key];
  Error.stackTraceLimit = 16;
  Object.defineProperty(Error, 'stackTraceLimit', { value: 16, writable: false, enumerable: false, configurable: false });

  // A frozen Map or Set belongs to a module: see Sandbox.load. Freezing alone does not stop their writers.
  const { apply, ownKeys } = Reflect;
  for (const [Type, writers] of [[Map, ['set', 'delete', 'clear']], [Set, ['add', 'delete', 'clear']], [WeakMap, ['set', 'delete']], [WeakSet, ['add', 'delete']]]) {
    for (const name of writers) {
      const original = Type.prototype[name];
      const guarded = { [name](...args) {
        if (isFrozen(this)) throw new TypeError(Type.name + ' is read-only: it belongs to a module');
        return apply(original, this, args);
      } }[name];
      Object.defineProperty(Type.prototype, name, { value: guarded, writable: true, enumerable: false, configurable: true });
    }
  }

  // Once a prototype is frozen, assigning to an inherited name fails on every
  // heir ("o.toString = …"). Accessors let heirs have their own.
  for (const proto of [Object.prototype, Error.prototype]) {
    for (const key of ownKeys(proto)) {
      const property = getOwnPropertyDescriptor(proto, key);
      if (!('value' in property) || (proto === Error.prototype && key !== 'toString' && key !== 'constructor')) continue;
      const { value } = property;
      const accessors = {
        get() { return value; },
        set(own) {
          if (this === proto) throw new TypeError("'" + String(key) + "' is read-only");
          Object.defineProperty(this, key, { value: own, writable: true, enumerable: true, configurable: true });
        },
      };
      Object.defineProperty(proto, key, { get: accessors.get, set: accessors.set, enumerable: false, configurable: false });
    }
  }

  // Freeze every intrinsic that can be reached. name and message of the error
  // prototypes stay writable, or "this.name = …" in a subclass would throw.
  const done = new Set();
  const errors = new Set([Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError, InternalError, AggregateError].map((E) => E.prototype));
  const visit = (value) => {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || done.has(value)) return;
    done.add(value);
    if (value !== globalThis) {
      if (errors.has(value)) {
        for (const key of ownKeys(value)) {
          if (key === 'name' || key === 'message') Object.defineProperty(value, key, { configurable: false });
          else Object.defineProperty(value, key, 'value' in getOwnPropertyDescriptor(value, key) ? { writable: false, configurable: false } : { configurable: false });
        }
        Object.preventExtensions(value);
      } else freeze(value);
    }
    visit(getPrototypeOf(value));
    for (const key of ownKeys(value)) {
      const property = getOwnPropertyDescriptor(value, key);
      visit(property.value);
      visit(property.get);
      visit(property.set);
    }
  };
  visit(globalThis);
  for (const f of [function () {}, function* () {}, async function () {}, async function* () {}]) visit(f);
  for (const iterator of [[][Symbol.iterator](), new Map().entries(), new Set().values(), ''[Symbol.iterator](), ''.matchAll(/x/g), (function* () {})(), (async function* () {})(), Iterator.from({ next() {} }), [].values().map((x) => x)]) visit(getPrototypeOf(iterator));
  for (const key of ownKeys(globalThis)) {
    const property = getOwnPropertyDescriptor(globalThis, key);
    if (property.configurable) Object.defineProperty(globalThis, key, { writable: false, configurable: false });
  }
  return { Error, stack: getOwnPropertyDescriptor(Error.prototype, 'stack').get, trace };
})();
`;

/** Where a trusted module finds the guest's C functions. */
export const OPS_MODULE = 'sandbox:op';
export const OPS_SOURCE = 'export const { op, lo, hi, u64 } = globalThis.__sandbox;\n';
/** Runs last: from here on the global object is as immutable as the intrinsics. */
export const SEAL = `'use strict'; for (const f of Object.values(globalThis.__sandbox)) Object.freeze(f); delete globalThis.__sandbox; Object.preventExtensions(globalThis);`;
