// SPDX-License-Identifier: Apache-2.0
/** Loads, stores, barriers and registers: what each becomes is the profile's lowering. */
import { HOISTED } from '@dmalab/core/base/events';
import type { AccessOrder, Operation, Place, Size, Value } from '@dmalab/core/base/port';
import { DEP_SHIFT, IOMEM_BASE, IOMEM_WINDOW, IOMEM_WINDOW_SHIFT, SIZE_MASK, SIZE_SHIFT, UNCACHED_FLAG } from '../abi.ts';
import { BARRIERS, type Access, type Barrier } from '../lowering.ts';
import { BARRIER_WEIGHT } from '../profiles.ts';
import type { Behaviour } from './behaviours.ts';
import type { GuestCall } from './call.ts';
import { isCoherentRegion } from '../state.ts';
import type { CpuRun } from './run.ts';
import type { LoadKind } from './wait-loop.ts';

const SIZES = [1, 2, 4, 8] as const;
const sizeOf = (code: number): Size => SIZES[((code & SIZE_MASK) >>> SIZE_SHIFT) as 0 | 1 | 2 | 3];
const placeOf = (run: CpuRun, call: GuestCall, code: number, address: number): Place => run.place(call, address, sizeOf(code), (code & UNCACHED_FLAG) !== 0);

/** A value as the guest takes it: low half, and the high half behind it. */
function reply(call: GuestCall, value: Value): number {
  return typeof value === 'number' ? call.answer(value) : call.answer(Number(value & 0xffff_ffffn), Number(value >> 32n));
}

function load(access: Access, kind: LoadKind): Behaviour {
  return (run, call, { code, a, row }) => {
    const place = placeOf(run, call, code, a);
    const addressDep = call.dependency(code >>> DEP_SHIFT);
    const name = run.nameOf(a);
    const value = read(run, call, access, row.name, place, kind, { ...(addressDep === 0 ? {} : { addressDep }), ...(name === undefined ? {} : { name }) });
    call.loaded(run.lastAccess);
    return reply(call, value);
  };
}

/** A load, or a wait for another value when the program would only read the same one again. */
function read(run: CpuRun, call: GuestCall, access: Access, as: string, place: Place, kind: LoadKind, extra: { addressDep?: number; name?: string }): Value {
  const key = `${access}:${place.owner}:${place.address}:${place.size}`;
  const shared = place.space === 'mmio' || isCoherentRegion(run.state, place.address);
  let value: Value;
  do {
    run.interruptible();
    const wait = run.waitLoop.wait(key, kind, shared);
    const hoisted = wait !== null && wait.hoisted && run.hoists;
    const until = wait === null ? null : hoisted ? (): boolean => false : (seen: Value): boolean => seen !== wait.last;
    // Decision 16: what the student reads about a run that hangs here.
    const named = hoisted ? { name: `${extra.name ?? 'memory'}, ${HOISTED}`, hoisted: true } : {};
    const operation = (order: AccessOrder): Operation => (until === null ? { kind: 'load', place, order, ...extra } : { kind: 'await', place, order, until, ...run.wakes(), ...extra, ...named });
    value = run.perform(call, run.profile.lowering.accesses[access], as, operation);
    // -1: an interrupt came instead. It is taken at the top of the loop.
  } while (value === -1);
  run.waitLoop.loaded(key, kind, value);
  return value;
}

function store(access: Access): Behaviour {
  return (run, call, { code, a, b, row }) => {
    const place = placeOf(run, call, code, a);
    const value = operand(call, place.size, b);
    const addressDep = call.dependency(code >>> DEP_SHIFT);
    const name = run.nameOf(a);
    run.interruptible();
    run.moved();
    run.perform(call, run.profile.lowering.accesses[access], row.name, (order) => ({
      kind: 'store',
      place,
      value,
      order,
      ...(addressDep === 0 ? {} : { addressDep }),
      ...(name === undefined ? {} : { name }),
    }));
    return 0;
  };
}

/** The value of a store: the low half is an operand, the high half of 8 bytes was latched. */
function operand(call: GuestCall, size: Size, low: number): Value {
  if (size < 8) return size === 4 ? low : low & (2 ** (8 * size) - 1);
  return (BigInt(call.latched(0)[0]) << 32n) | BigInt(low);
}

export const loadPlain = load('load', 'plain');
export const loadOnce = load('load-once', 'once');
export const loadAcquire = load('load-acquire', 'once');
export const storePlain = store('store');
export const storeOnce = store('store-once');
export const storeRelease = store('store-release');

const isBarrier = (name: string): name is Barrier => (BARRIERS as readonly string[]).includes(name);

export const barrier: Behaviour = (run, call, { row }) => {
  if (!isBarrier(row.name)) throw new RangeError(`${row.name} is no barrier`);
  run.interruptible();
  run.waitLoop.barrier();
  run.metrics.barriers += BARRIER_WEIGHT[row.name];
  for (const fence of run.profile.lowering.barriers[row.name]) run.op(call, { kind: 'fence', fence, as: row.name });
  return 0;
};

export const relax: Behaviour = (run) => {
  run.interruptible();
  run.waitLoop.relax();
  return 0;
};

/** Which register the guest means. */
function registerPlace(run: CpuRun, call: GuestCall, what: string, cookie: number, size: Size): Place {
  const at = cookie - IOMEM_BASE;
  const offset = at & (IOMEM_WINDOW - 1);
  const device = at < 0 ? undefined : run.options.platform.devices[at >>> IOMEM_WINDOW_SHIFT];
  if (device === undefined) throw run.fault(call, `${what}: no device has registers at 0x${cookie.toString(16)}`);
  if (offset + size > device.mmioSize) throw run.fault(call, `${what}: ${device.id} has registers up to 0x${(device.mmioSize - 1).toString(16)}, none of ${size} bytes at 0x${offset.toString(16)}`);
  if (offset % size !== 0) throw run.fault(call, `${what}: 0x${offset.toString(16)} is not aligned to ${size} bytes`);
  return { space: 'mmio', owner: device.id, address: offset, size };
}

const isRelaxed = (name: string): boolean => name.endsWith('_relaxed');

/** Registers here are 32 bits wide: 64 bits are two accesses, the low half first (linux/io-64-nonatomic-lo-hi.h). */
export const mmioRead: Behaviour = (run, call, { code, a, row }) => {
  const access = isRelaxed(row.name) ? 'mmio-read-relaxed' : 'mmio-read';
  const half = (at: number): number => {
    run.metrics['mmio-reads'] += 1;
    return Number(read(run, call, access, row.name, registerPlace(run, call, row.name, at, 4), 'once', {}));
  };
  const size = registerSize(run, call, row.name, sizeOf(code));
  const low = half(a);
  const high = size === 8 ? half(a + 4) : 0;
  call.loaded(run.lastAccess);
  return call.answer(low, high);
};

export const mmioWrite: Behaviour = (run, call, { code, a, b, row }) => {
  const steps = run.profile.lowering.accesses[isRelaxed(row.name) ? 'mmio-write-relaxed' : 'mmio-write'];
  const half = (at: number, value: number): void => {
    const place = registerPlace(run, call, row.name, at, 4);
    run.interruptible();
    run.moved();
    run.metrics['mmio-writes'] += 1;
    run.perform(call, steps, row.name, (order) => ({ kind: 'store', place, value, order }));
    if (!isRelaxed(row.name) && run.locksHeld > 0) run.mmioPending = true;
  };
  const size = registerSize(run, call, row.name, sizeOf(code));
  const [high] = size === 8 ? call.latched(0) : [0];
  half(a, b);
  if (size === 8) half(a + 4, high);
  return 0;
};

function registerSize(run: CpuRun, call: GuestCall, what: string, size: Size): 4 | 8 {
  if (size < 4) throw run.fault(call, `${what}: registers of this machine's devices are 32 bits wide; use the l form`);
  return size === 8 ? 8 : 4;
}

/** Cuts a range into the largest aligned accesses. */
function* chunks(address: number, size: number): Generator<{ at: number; bytes: Size }> {
  for (let at = address; at < address + size; ) {
    const left = address + size - at;
    const bytes = ([8, 4, 2] as const).find((n) => left >= n && at % n === 0) ?? 1;
    yield { at, bytes };
    at += bytes;
  }
}

const repeated = (byte: number, size: Size): Value => (size === 8 ? BigInt(byte) * 0x0101_0101_0101_0101n : size === 4 ? (byte * 0x0101_0101) >>> 0 : size === 2 ? byte * 0x0101 : byte);

/** Plain stores of one byte over a range; `data`: contents, nothing that hands something over. */
export function fill(run: CpuRun, call: GuestCall, address: number, size: number, byte: number, uncached: boolean): void {
  for (const { at, bytes } of chunks(address, size)) {
    const name = run.nameOf(at);
    run.op(call, { kind: 'store', place: run.place(call, at, bytes, uncached), value: repeated(byte, bytes), order: 'plain', data: true, ...(name === undefined ? {} : { name }) });
  }
}

export const memset: Behaviour = (run, call, { a, b }) => {
  const [high, byte] = call.latched(0);
  run.interruptible();
  run.moved();
  fill(run, call, a, b, byte & 0xff, run.isUncached(call, high, a));
  return 0;
};

export const memcpy: Behaviour = (run, call, { a, b }) => {
  const [toHigh, fromHigh] = call.latched(1);
  const [from] = call.latched(0);
  run.interruptible();
  run.moved();
  const intoUncached = run.isUncached(call, toHigh, a);
  const outOfUncached = run.isUncached(call, fromHigh, from);
  // Both ends move in steps that are aligned for both.
  for (let done = 0; done < b; ) {
    const bytes = ([8, 4, 2] as const).find((n) => b - done >= n && (a + done) % n === 0 && (from + done) % n === 0) ?? 1;
    const value = run.op(call, { kind: 'load', place: run.place(call, from + done, bytes, outOfUncached), order: 'plain', data: true });
    const dataDep = run.port.ordinal;
    run.op(call, { kind: 'store', place: run.place(call, a + done, bytes, intoUncached), value, order: 'plain', data: true, dataDep });
    done += bytes;
  }
  return 0;
};
