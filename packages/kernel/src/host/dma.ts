// SPDX-License-Identifier: Apache-2.0
/** The DMA API as dma-direct has it: bus addresses are physical addresses; a non-coherent profile maintains cache lines. */
import { DIRECT_HIGH, DIRECTIONS, UNCACHED_HIGH } from '../abi.ts';
import { ERRNO } from '../ops/arithmetic.ts';
import type { Maintenance } from '../profiles.ts';
import type { PlatformDevice } from '../platform.ts';
import { allocCoherent, isForeign, release } from '../state.ts';
import type { Behaviour } from './behaviours.ts';
import type { GuestCall } from './call.ts';
import { fill } from './memory.ts';
import type { CpuRun } from './run.ts';

const errno = new Map(ERRNO.map(([name, value]) => [name, value]));
/** A negative error number. */
export const minus = (name: string): number => -(errno.get(name) ?? 22);

const MAPPING_ERROR = 0xffff_ffff_ffff_ffffn;
const wide = ([low, high]: readonly [number, number]): bigint => (BigInt(high) << 32n) | BigInt(low);
const DEFAULT_MASK = 0xffff_ffffn;

export function deviceAt(run: CpuRun, call: GuestCall, index: number, what: string): PlatformDevice {
  const device = run.options.platform.devices[index];
  if (device === undefined) throw run.fault(call, `${what}: there is no such device`);
  return device;
}

function masksOf(run: CpuRun, index: number): { streaming: bigint; coherent: bigint } {
  return run.state.masks.get(index) ?? { streaming: DEFAULT_MASK, coherent: DEFAULT_MASK };
}

/** Performs cache maintenance over a range and waits until it is done. */
function maintain(run: CpuRun, call: GuestCall, address: number, size: number, how: Maintenance, as: string): void {
  const { cache, lowering } = run.profile;
  if (cache === null || size === 0) return;
  const first = Math.floor(address / cache.line) * cache.line;
  for (let line = first; line < address + size; line += cache.line) {
    const whole = line >= address && line + cache.line <= address + size;
    run.op(call, { kind: 'maintain', operation: whole ? how.lines : how.edges, line });
    run.metrics['cache-lines'] += 1;
  }
  if (lowering.maintained !== null) run.op(call, { kind: 'fence', fence: lowering.maintained, as });
}

const inRam = (run: CpuRun, address: bigint, size: number): boolean => {
  const { base, size: all } = run.options.platform.ram;
  return address >= BigInt(base) && address + BigInt(size) <= BigInt(base + all);
};

/** What the device needs before it looks. */
function beforeDevice(run: CpuRun, call: GuestCall, dma: bigint, size: number, direction: number, as: string): void {
  const { cache } = run.profile;
  if (cache === null || !inRam(run, dma, size)) return;
  maintain(run, call, Number(dma), size, DIRECTIONS[direction] === 'DMA_FROM_DEVICE' ? cache.fromDevice : cache.toDevice, as);
}

/** What the CPU needs before it looks. Nothing after DMA_TO_DEVICE: the device wrote nothing. */
function afterDevice(run: CpuRun, call: GuestCall, dma: bigint, size: number, direction: number, as: string): void {
  const { cache, lowering } = run.profile;
  if (DIRECTIONS[direction] === 'DMA_TO_DEVICE' || !inRam(run, dma, size)) return;
  if (lowering.takenBack !== null) run.op(call, { kind: 'fence', fence: lowering.takenBack, as });
  if (cache !== null) maintain(run, call, Number(dma), size, cache.afterDevice, as);
}

const directionOf = (run: CpuRun, call: GuestCall, value: number, what: string): string => {
  const direction = DIRECTIONS[value];
  if (direction === undefined) throw run.fault(call, `${what}: ${value} is not a direction`);
  return direction;
};

export const allocateCoherent: Behaviour = (run, call, { a, b, row }) => {
  deviceAt(run, call, a, row.name);
  run.interruptible();
  run.moved();
  run.metrics.allocations += 1;
  const taken = run.fails(call, row.name) ? null : allocCoherent(run.state, run.arena, b, a);
  if (taken === null) return call.answer(0, 0, 0, 0);
  if (BigInt(taken.allocation.address + b - 1) > masksOf(run, a).coherent) {
    release(run.state, taken.allocation, run.arena);
    return call.answer(0, 0, 0, 0);
  }
  const { allocation, used } = taken;
  const uncached = run.profile.cache !== null;
  const { address } = allocation;
  run.note('alloc', () => ({ what: row.name, address: BigInt(address), dma: BigInt(address), size: b, site: run.site(call) }));
  // Pages of this region are never written through the cached alias, so no line of theirs can be dirty: nothing to clean.
  if (used) fill(run, call, address, b, 0, uncached);
  return call.answer(address, uncached ? UNCACHED_HIGH : DIRECT_HIGH, address, 0);
};

export const freeCoherent: Behaviour = (run, call, { a, b, row }) => {
  const [index, size] = call.latched(1);
  const dma = wide(call.latched(0));
  deviceAt(run, call, index, row.name);
  run.interruptible();
  run.moved();
  run.note('free', () => ({ what: row.name, address: BigInt(a), dma, size, site: run.site(call) }));
  const allocation = run.state.live.get(a);
  const expected = run.profile.cache === null ? DIRECT_HIGH : UNCACHED_HIGH;
  // A wrong free is the sanitizer's to name; the memory stays where it is.
  if (allocation?.what === 'coherent' && b === expected && dma === BigInt(a)) {
    release(run.state, allocation, run.arena);
    run.renamed();
  }
  return 0;
};

export const mapSingle: Behaviour = (run, call, { a, b, row }) => {
  const [index, direction] = call.latched(1);
  const [high] = call.latched(0);
  const device = deviceAt(run, call, index, row.name);
  const way = directionOf(run, call, direction, row.name);
  run.interruptible();
  run.moved();
  run.metrics.maps += 1;
  const address = BigInt(a);
  const failed =
    run.fails(call, row.name) ||
    b === 0 ||
    // Not in the direct map: vmalloc memory and uncached aliases are rejected.
    high !== DIRECT_HIGH ||
    !inRam(run, address, b) ||
    address + BigInt(b) - 1n > masksOf(run, index).streaming;
  const dma = failed ? MAPPING_ERROR : address;
  if (!failed) beforeDevice(run, call, dma, b, direction, row.name);
  run.note('map', () => ({ device: device.id, address, dma, size: b, direction: way, error: failed, site: run.site(call) }));
  return call.answer(Number(dma & 0xffff_ffffn), Number(dma >> 32n));
};

export const unmapSingle: Behaviour = (run, call, { a, row }) => {
  const [index, direction] = call.latched(1);
  const dma = wide(call.latched(0));
  const device = deviceAt(run, call, index, row.name);
  const way = directionOf(run, call, direction, row.name);
  run.interruptible();
  run.moved();
  run.note('unmap', () => ({ device: device.id, dma, size: a, direction: way, site: run.site(call) }));
  afterDevice(run, call, dma, a, direction, row.name);
  return 0;
};

/** `b` is the offset of the range forms, 0 otherwise. */
function sync(side: 'cpu' | 'device'): Behaviour {
  return (run, call, { a, b, row }) => {
    const [index, direction] = call.latched(1);
    const dma = wide(call.latched(0)) + BigInt(b);
    const device = deviceAt(run, call, index, row.name);
    const way = directionOf(run, call, direction, row.name);
    run.interruptible();
    run.moved();
    run.metrics.syncs += 1;
    const tell = (): void => run.note('sync', () => ({ device: device.id, dma: BigInt.asUintN(64, dma), size: a, direction: way, for: side, site: run.site(call) }));
    // The range is the device's until it is taken back, and again as soon as it is ready for it.
    if (side === 'cpu') {
      tell();
      afterDevice(run, call, dma, a, direction, row.name);
    } else {
      beforeDevice(run, call, dma, a, direction, row.name);
      tell();
    }
    return 0;
  };
}
export const syncForCpu = sync('cpu');
export const syncForDevice = sync('device');

export const mappingError: Behaviour = (run, call, { a, row }) => {
  const dma = wide(call.latched(0));
  const device = deviceAt(run, call, a, row.name);
  run.note('map-check', () => ({ device: device.id, dma, site: run.site(call) }));
  return dma === MAPPING_ERROR ? minus('ENOMEM') >>> 0 : 0;
};

/** `b`: bit 0 streaming, bit 1 coherent. dma-direct serves any mask of 32 bits or more. */
export const setMask: Behaviour = (run, call, { a, b, row }) => {
  const mask = wide(call.latched(0));
  deviceAt(run, call, a, row.name);
  if (mask < DEFAULT_MASK) return minus('EIO') >>> 0;
  const masks = masksOf(run, a);
  run.state.masks.set(a, { streaming: (b & 1) === 0 ? masks.streaming : mask, coherent: (b & 2) === 0 ? masks.coherent : mask });
  return 0;
};

export const isCoherent: Behaviour = (run, call, { a, row }) => {
  deviceAt(run, call, a, row.name);
  return run.profile.cache === null ? 1 : 0;
};

export const cacheAlignment: Behaviour = (run) => run.profile.cache?.minimumAlignment ?? 1;

/** Whether memory at `address` may still be in use by another CPU's allocator; then its state is not known here. */
export const unknownHere = (run: CpuRun, address: number): boolean => isForeign(run.state, address, run.arena);
