// SPDX-License-Identifier: Apache-2.0
/**
 * The trace vocabulary: one table, kind → fields. TypeScript types follow by
 * inference; `@dmalab/contracts/events` derives Zod and JSON Schema from it.
 * The state at any step is a fold of the events by the one reducer in `reducer.ts`.
 */

/** Field types. `u64` travels as a bigint; `id` is the id of an earlier event, 0 for none. */
export interface FieldTypes {
  u32: number;
  u64: bigint;
  /** A value read or written: number up to 4 bytes, bigint for 8. */
  value: number | bigint;
  bool: boolean;
  text: string;
  id: number;
  ids: readonly number[];
  /** Source position in student code, present on replay only. */
  site: Site | null;
  /** Anything JSON: device state, layouts. */
  json: Json;
}
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export interface Site {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}
export type FieldType = keyof FieldTypes;

/**
 * `agent` (in the header) is who acts: `cpu0`, `nic0`, `memory`, `machine`.
 * Addresses are physical unless a field is called `dma`.
 */
export const EVENTS = {
  /** First event: what the machine is. `agents`: [{id, kind: 'cpu'|'device'|'iommu', name}]; `description`: profile facts people see. */
  machine: { profile: 'text', workload: 'text', agents: 'json', lineSize: 'u32', coherent: 'bool', description: 'json' },
  /**
   * A typed structure lives in memory from here on: {name, count, stride, fields: [{name, offset, size, endian, format}], owner?, own?}.
   * `owner` names the device that reads it; `own: {field, mask, work}` says which bits of which field hand an element to it, and whether an
   * element it holds is work (a frame to send) or only a place for some (an empty receive buffer).
   */
  layout: { name: 'text', address: 'u64', layout: 'json' },

  /** A context (or an interrupt handler) enters a driver function. */
  call: { context: 'text', name: 'text', args: 'json', site: 'site' },
  return: { context: 'text', name: 'text', value: 'json' },

  /** A CPU store was issued. It is visible to its own CPU; others see it at its `drain`. */
  store: { address: 'u64', size: 'u32', value: 'value', order: 'text', name: 'text', site: 'site' },
  /** A waiting store reached the coherent domain. Agent is the CPU; `store` is the issuing event. `reach`: 'all', or 'cpu' when only CPUs see it so far. */
  drain: { store: 'id', address: 'u64', size: 'u32', value: 'value', reach: 'text' },
  /** A read by a CPU or a device. `from`: the event that put the value there (drain, write, or own pending store when `forwarded`), 0 = initial. `stale`: a newer message existed. */
  load: { address: 'u64', size: 'u32', value: 'value', order: 'text', name: 'text', from: 'id', forwarded: 'bool', stale: 'bool', site: 'site' },
  /** A device's DMA write: reaches memory at once. */
  write: { address: 'u64', size: 'u32', value: 'value', name: 'text' },
  /** An atomic read-modify-write. `from` as for `load`; writes at once. */
  rmw: { address: 'u64', size: 'u32', old: 'value', value: 'value', order: 'text', name: 'text', from: 'id', site: 'site' },
  /** `name` is the kernel primitive (`dma_wmb`), `instructions` what the profile lowers it to (`dmb oshst`); empty: compiler only. */
  fence: { name: 'text', instructions: 'text', site: 'site' },

  /** An MMIO write left the CPU (posted) … `issued`: the last event before the CPU issued it, which is its place in program order. */
  'mmio-write': { device: 'text', register: 'text', offset: 'u32', size: 'u32', value: 'value', order: 'text', issued: 'id', site: 'site' },
  /** … and arrived. Agent is the device; `write` the sending event. */
  'mmio-arrive': { write: 'id', register: 'text', value: 'value' },
  /** A CPU read a register. `from`: the `register` or `mmio-arrive` event that put the value there, 0 = initial. */
  'mmio-read': { device: 'text', register: 'text', offset: 'u32', size: 'u32', value: 'value', order: 'text', from: 'id', site: 'site' },
  /** The device itself looked at one of its registers (load) or took a doorbell (await). `write`: the `mmio-arrive` (or its own `register`) it came from, 0 = initial. */
  'mmio-take': { register: 'text', offset: 'u32', value: 'value', write: 'id' },
  /** The device set one of its own registers; the next `mmio-read` may see it. */
  register: { register: 'text', offset: 'u32', value: 'value' },
  /** An agent put a message into another's mailbox: a request to a remapping unit, its answer. */
  message: { to: 'text', what: 'text' },
  /** … and that one took it. `message`: that event, or the `mmio-arrive` of a register write that comes as a message. */
  'message-take': { message: 'id' },

  /**
   * A remapping unit answered a request. `pasid`: null without one. `dma`: what the function asked for, `address`: where it is let; `span`: log2 of
   * the bytes around it that translate alike. `outcome`: 'memory' | 'interrupt' | 'denied' | 'zero' | 'stalled' | 'unsupported-request' | 'completer-abort'.
   */
  translate: { source: 'u32', pasid: 'json', type: 'text', write: 'bool', dma: 'u64', outcome: 'text', address: 'u64', span: 'u32' },
  /** A unit accessed a table or a queue, by the loads and stores right before. `what`: which table and level; `words`: 64-bit words in hex; `status`: 'ok' | 'denied' | 'corrupt'. */
  walk: { what: 'text', access: 'text', address: 'u64', size: 'u32', words: 'json', status: 'text' },
  /** What a cache of a unit holds now: [{set, way, tag, first, span, entry}]. */
  'iommu-cache': { cache: 'text', lines: 'json' },
  /** A unit has something to say to a function. `what`: 'invalidate' | 'page-response' | 'resume'. */
  'iommu-message': { to: 'text', what: 'text', source: 'u32', text: 'text' },

  /** A device raised an interrupt towards `cpu`. */
  'irq-raise': { vector: 'u32', cpu: 'text', wire: 'text' },
  'irq-enter': { vector: 'u32', raise: 'id', handler: 'text' },
  'irq-exit': { vector: 'u32', value: 'json' },

  /** Cache-line changes of a non-coherent profile. `why`: 'load' | 'store' | 'prefetch' | 'eviction' | 'maintenance'. */
  'line-fill': { line: 'u64', why: 'text' },
  'line-writeback': { line: 'u64', why: 'text' },
  'line-drop': { line: 'u64', why: 'text', lostDirty: 'bool' },
  /** Cache maintenance asked for by the kernel: 'clean' | 'invalidate' | 'clean+invalidate'. `done` false until a barrier completes it. */
  maintain: { line: 'u64', operation: 'text', site: 'site' },
  'maintain-done': { operations: 'ids' },

  /** `what` names the call: `kmalloc`, `dma_alloc_coherent`. `dma`: bus address of coherent memory, 0 for other memory. */
  alloc: { what: 'text', address: 'u64', dma: 'u64', size: 'u32', site: 'site' },
  /** `what` names the call, as in `alloc` (`dma_free_coherent`); `dma` and `size` are as the driver passed them, 0 where it passes none. */
  free: { what: 'text', address: 'u64', dma: 'u64', size: 'u32', site: 'site' },
  /** `error` true: the call returned DMA_MAPPING_ERROR. */
  map: { device: 'text', address: 'u64', dma: 'u64', size: 'u32', direction: 'text', error: 'bool', site: 'site' },
  /** `unmap`, `sync`, `free` are told before anything is checked, with the driver's own arguments: rules judge them. */
  unmap: { device: 'text', dma: 'u64', size: 'u32', direction: 'text', site: 'site' },
  sync: { device: 'text', dma: 'u64', size: 'u32', direction: 'text', for: 'text', site: 'site' },
  'map-check': { device: 'text', dma: 'u64', site: 'site' },

  /** Device-visible progress: a patch of the device's named state, and a sentence for people. */
  device: { patch: 'json', text: 'text' },
  /** printk and friends. `level`: 'err' | 'warn' | 'info' | 'debug'. */
  log: { level: 'text', text: 'text' },
  block: { on: 'text' },
  wake: { cause: 'text' },

  /** A rule was broken. `first`/`second`: the two halves; `missing`: the primitive that would have ordered them, '' if none would. */
  finding: { rule: 'text', sentence: 'text', first: 'id', second: 'id', firstSite: 'site', secondSite: 'site', missing: 'text', detail: 'json' },
  /** Last event. `reason`: 'quiescent' | 'budget' | 'error' | 'stopped'. */
  end: { reason: 'text', text: 'text' },
} as const satisfies Record<string, Record<string, FieldType>>;

/** In what a `block` waits on: the compiler has taken the load out of its loop (founding ruling 16), so nothing ends the wait. */
export const HOISTED = 'read once: the compiler may hoist a plain load out of its loop';

export type EventKind = keyof typeof EVENTS;

/** A question that was open right before an event, with what was taken. Recorded only when the observer asks for it. */
export interface OpenChoice {
  readonly agent: string;
  readonly kind: string;
  readonly key: string;
  readonly ordinal: number;
  readonly taken: number;
  readonly options: readonly string[];
}

export interface EventHeader {
  /** Step number, from 1, without gaps. */
  readonly id: number;
  readonly agent: string;
  /** Virtual time: machine steps plus profile cost. Never wall time. */
  readonly cycle: number;
  readonly causes: readonly number[];
  readonly choices?: readonly OpenChoice[];
}

export type EventFields<K extends EventKind> = { readonly [F in keyof (typeof EVENTS)[K]]: (typeof EVENTS)[K][F] extends FieldType ? FieldTypes[(typeof EVENTS)[K][F]] : never };
export type EventOf<K extends EventKind> = EventHeader & { readonly kind: K } & EventFields<K>;
export type TraceEvent = { [K in EventKind]: EventOf<K> }[EventKind];

/** Watches a run. Two kinds exist: the tracer and the sanitizer. A machine without observers builds no events. */
export interface Observer {
  event(event: TraceEvent): void;
  /** Findings to be told right after the event it has just seen; asked once after each event. They are events of their own, by `machine`. */
  readonly additions?: () => readonly EventFields<'finding'>[];
}
