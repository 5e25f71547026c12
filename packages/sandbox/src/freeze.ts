// SPDX-License-Identifier: Apache-2.0
/**
 * Makes what a module built while it was evaluated immutable, closures
 * included: the walk goes over the heap, not over names. Every call starts
 * from the snapshot, so a write to such an object would be lost; this way it
 * throws instead, at the line that tried.
 */
import { type JsValue, TAG, type Vm, tagOf, unsigned } from './vm.ts';

/** Offset in JSRuntime of the list of all garbage-collected cells; a cell begins with {previous, next}. */
const CELLS = 596;
/** The cell's kind, before the cell: 0 is an object. */
const KIND = -5;
/** Class of an object. */
const CLASS = 10;
const ARRAY_BUFFER = 20;
/** Looking at them may run guest code, or they are immutable already: module namespaces and proxies. */
const LEFT_ALONE: ReadonlySet<number> = new Set([11, 51]);

/** Addresses of all objects on the heap. */
export function objects(vm: Vm, runtime: number): Set<number> {
  const found = new Set<number>();
  const head = runtime + CELLS;
  for (let cell = vm.u32(head + 4); cell !== head; cell = vm.u32(cell + 4)) {
    if (vm.bytes[cell + KIND] === 0) found.add(cell);
  }
  return found;
}

/** Freezes every object that is not in `old`. Runs no guest code. */
export function freezeNew(vm: Vm, ctx: number, runtime: number, old: ReadonlySet<number>): void {
  for (const address of objects(vm, runtime)) {
    if (old.has(address)) continue;
    const object: JsValue = (TAG.object << 32n) | BigInt(address);
    const classId = vm.view.getUint16(address + CLASS, true);
    if (LEFT_ALONE.has(classId)) continue;
    if (classId === ARRAY_BUFFER) vm.x.JS_SetImmutableArrayBuffer(object, 1);
    // Typed arrays refuse; their buffer is immutable now.
    if (vm.x.JS_FreezeObject(ctx, object) < 0) vm.x.JS_FreeValue(ctx, pending(vm, ctx));
  }
}

function pending(vm: Vm, ctx: number): JsValue {
  const value = unsigned(vm.x.JS_GetException(ctx));
  return tagOf(value) === TAG.exception ? 0n : value;
}
