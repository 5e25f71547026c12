// SPDX-License-Identifier: Apache-2.0
/**
 * What the kernel itself remembers: allocators, handlers, private data. Each
 * run of a CPU starts from the same snapshot and changes a copy, so that it
 * stays a function of that CPU's answers. CPUs therefore allocate from arenas
 * of their own.
 */

/** Where things are, bytes. RAM lies below 4 GiB. */
export interface Ram {
  readonly base: number;
  readonly size: number;
}

/** One memory region cut into an arena for probe and one for each CPU. */
export interface ArenaBounds {
  readonly coherent: readonly [from: number, to: number];
  readonly kmalloc: readonly [from: number, to: number];
}

const PAGE = 4096;
/** Arena of what is allocated before the contexts start. */
export const BOOT_ARENA = 'boot';

/** First quarter of RAM: coherent memory. Second and third: kmalloc. The last is left alone. */
export function arenaBounds(ram: Ram, cpus: readonly string[]): ReadonlyMap<string, ArenaBounds> {
  const names = [BOOT_ARENA, ...cpus];
  const quarter = Math.floor(ram.size / 4);
  const coherent = slices(ram.base, quarter, names.length);
  const kmalloc = slices(ram.base + quarter, 2 * quarter, names.length);
  return new Map(names.map((name, i) => [name, { coherent: coherent[i] ?? [0, 0], kmalloc: kmalloc[i] ?? [0, 0] }]));
}

function slices(base: number, size: number, count: number): (readonly [number, number])[] {
  const each = Math.floor(size / count / PAGE) * PAGE;
  return Array.from({ length: count }, (_, i) => [base + i * each, base + (i + 1) * each] as const);
}

/** Bump pointer, and what was freed, by room: the last one first. */
interface Pool {
  next: number;
  readonly end: number;
  readonly free: Map<number, number[]>;
}
interface Arena {
  readonly coherent: Pool;
  readonly kmalloc: Pool;
}

export interface Allocation {
  readonly address: number;
  /** Bytes asked for. */
  readonly size: number;
  /** Bytes it takes. */
  readonly room: number;
  readonly what: 'kmalloc' | 'coherent';
  readonly arena: string;
  /** Number of the device, for coherent memory. */
  readonly device: number;
}

/** A structure that lives somewhere: names accesses in traces and choice keys. */
export interface Layout {
  readonly address: number;
  readonly struct: number;
  readonly count: number;
  readonly stride: number;
}

export interface IrqAction {
  readonly irq: number;
  /** Number of the handler among the driver's functions. */
  readonly handler: number;
  readonly name: string;
  readonly shared: boolean;
  readonly device: PointerWords;
}

export interface PointerWords {
  readonly low: number;
  readonly high: number;
  /** As the guest numbers types; 0 for void. */
  readonly type: number;
}

/** Immutable outside a run: take a copy before changing it. */
export interface KernelState {
  readonly bounds: ReadonlyMap<string, ArenaBounds>;
  readonly arenas: Map<string, Arena>;
  readonly live: Map<number, Allocation>;
  readonly irqs: IrqAction[];
  readonly drvdata: Map<number, PointerWords>;
  /** Address masks by device: streaming and coherent. */
  readonly masks: Map<number, { streaming: bigint; coherent: bigint }>;
  readonly layouts: Layout[];
  /** Named buffers of a workload. */
  readonly buffers: Map<string, { readonly address: number; readonly size: number }>;
}

export function createKernelState(ram: Ram, cpus: readonly string[]): KernelState {
  const bounds = arenaBounds(ram, cpus);
  const pool = ([from, to]: readonly [number, number]): Pool => ({ next: from, end: to, free: new Map() });
  return {
    bounds,
    arenas: new Map([...bounds].map(([name, b]) => [name, { coherent: pool(b.coherent), kmalloc: pool(b.kmalloc) }])),
    live: new Map(),
    irqs: [],
    drvdata: new Map(),
    masks: new Map(),
    layouts: [],
    buffers: new Map(),
  };
}

export function copyState(state: KernelState): KernelState {
  const pool = (p: Pool): Pool => ({ ...p, free: new Map([...p.free].map(([room, list]) => [room, [...list]])) });
  return {
    bounds: state.bounds,
    arenas: new Map([...state.arenas].map(([name, arena]) => [name, { coherent: pool(arena.coherent), kmalloc: pool(arena.kmalloc) }])),
    live: new Map(state.live),
    irqs: [...state.irqs],
    drvdata: new Map(state.drvdata),
    masks: new Map(state.masks),
    layouts: [...state.layouts],
    buffers: new Map(state.buffers),
  };
}

/** Linux's general caches, bytes; above them whole pages. */
const CLASSES = [8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192];

/** @returns the allocation and whether somebody had the memory before; null when the arena is full */
export function kmalloc(state: KernelState, arena: string, size: number, minimumAlignment: number): { allocation: Allocation; used: boolean } | null {
  if (size < 1) return null;
  const wanted = Math.ceil(size / minimumAlignment) * minimumAlignment;
  const room = CLASSES.find((c) => c >= wanted && c % minimumAlignment === 0) ?? Math.ceil(wanted / PAGE) * PAGE;
  const alignment = (room & (room - 1)) === 0 ? Math.min(room, PAGE) : Math.max(8, minimumAlignment, room >= PAGE ? PAGE : 0);
  return take(state, arena, 'kmalloc', size, room, alignment, -1);
}

/** Whole pages, aligned to the next power of two of them. */
export function allocCoherent(state: KernelState, arena: string, size: number, device: number): { allocation: Allocation; used: boolean } | null {
  if (size < 1) return null;
  const pages = Math.ceil(size / PAGE);
  const order = 2 ** Math.ceil(Math.log2(pages));
  return take(state, arena, 'coherent', size, order * PAGE, order * PAGE, device);
}

function take(state: KernelState, name: string, what: Allocation['what'], size: number, room: number, alignment: number, device: number): { allocation: Allocation; used: boolean } | null {
  const pool = state.arenas.get(name)?.[what];
  if (pool === undefined) throw new RangeError(`the kernel has no arena "${name}"`);
  const freed = pool.free.get(room)?.pop();
  const address = freed ?? Math.ceil(pool.next / alignment) * alignment;
  if (freed === undefined) {
    if (address + room > pool.end) return null;
    pool.next = address + room;
  }
  const allocation: Allocation = { address, size, room, what, arena: name, device };
  state.live.set(address, allocation);
  return { allocation, used: freed !== undefined };
}

/** Puts an allocation of this state back; what stood there is forgotten. */
export function release(state: KernelState, allocation: Allocation, by: string): void {
  state.live.delete(allocation.address);
  for (let i = state.layouts.length - 1; i >= 0; i -= 1) {
    const layout = state.layouts[i];
    if (layout !== undefined && layout.address >= allocation.address && layout.address < allocation.address + allocation.room) state.layouts.splice(i, 1);
  }
  // Only its own arena may hand it out again: another CPU cannot know that it is free.
  if (allocation.arena !== by && allocation.arena !== BOOT_ARENA) return;
  const pool = state.arenas.get(by)?.[allocation.what];
  if (pool === undefined) return;
  const list = pool.free.get(allocation.room) ?? [];
  list.push(allocation.address);
  pool.free.set(allocation.room, list);
}

/** Whether `address` lies in what another CPU allocates from: then this state does not know what is live there. */
export function isForeign(state: KernelState, address: number, arena: string): boolean {
  for (const [name, { coherent, kmalloc: k }] of state.bounds) {
    if (name === arena || name === BOOT_ARENA) continue;
    if ((address >= coherent[0] && address < coherent[1]) || (address >= k[0] && address < k[1])) return true;
  }
  return false;
}

/** Whether `address` lies where coherent memory comes from. */
export function isCoherentRegion(state: KernelState, address: number): boolean {
  for (const { coherent } of state.bounds.values()) if (address >= coherent[0] && address < coherent[1]) return true;
  return false;
}

/** A named buffer that exists before anything runs; null when there is no room. `coherent`: as dma_alloc_coherent makes it, for device 0. */
export function addBuffer(state: KernelState, name: string, size: number, minimumAlignment: number, coherent = false): { address: number; size: number } | null {
  const taken = coherent ? allocCoherent(state, BOOT_ARENA, size, 0) : kmalloc(state, BOOT_ARENA, size, minimumAlignment);
  if (taken === null) return null;
  const buffer = { address: taken.allocation.address, size };
  state.buffers.set(name, buffer);
  return buffer;
}
