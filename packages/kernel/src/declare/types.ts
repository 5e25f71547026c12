// SPDX-License-Identifier: Apache-2.0
/**
 * The types a module declares besides its functions: what the editor shows and
 * what makes `d.store('len', bytes)` an error where `len` is little-endian.
 */
import type { ModuleName } from '../ops/row.ts';

export interface TypeText {
  readonly text: string;
  /** Names other modules' signatures may use. */
  readonly exports: readonly string[];
}

const TYPES = `/** A value that carries a name no other value may stand in for. */
type branded<V, Name extends string> = V & { readonly [brand]: Name };
const brand: unique symbol;
/** What a field of this type holds. */
const holds: unique symbol;

/** Types that memory can hold. \`kind\` tells them apart. */
export interface scalar_type<V> { readonly kind: 'scalar'; readonly name: string; readonly size: number; readonly [holds]: V; }

/** Unsigned numbers in the CPU's byte order, 8 to 32 bits. */
export type u8 = number;
export type u16 = number;
export type u32 = number;
/** Signed numbers in the CPU's byte order. */
export type s8 = number;
export type s16 = number;
export type s32 = number;
/** 64 bits: a bigint, never a number. Write \`1n\`. */
export type u64 = bigint;
export type s64 = bigint;
/** Little-endian, as a device reads it. Make one with \`cpu_to_le16\`, read it with \`le16_to_cpu\`. */
export type le16 = branded<number, 'le16'>;
export type le32 = branded<number, 'le32'>;
export type le64 = branded<bigint, 'le64'>;
/** Big-endian. Make one with \`cpu_to_be16\`, read it with \`be16_to_cpu\`. */
export type be16 = branded<number, 'be16'>;
export type be32 = branded<number, 'be32'>;
export type be64 = branded<bigint, 'be64'>;
/** What a device puts on the bus to reach memory. Not a pointer, not a physical address. */
export type dma_addr_t = branded<bigint, 'dma_addr_t'>;
/** Where a byte lives in RAM. */
export type phys_addr_t = branded<bigint, 'phys_addr_t'>;
/** Registers of a device, or one of them: \`regs + DOORBELL\`. Use readl and writel on it; it is not memory. */
export type iomem = number;

export const u8: scalar_type<u8>;
export const u16: scalar_type<u16>;
export const u32: scalar_type<u32>;
export const s8: scalar_type<s8>;
export const s16: scalar_type<s16>;
export const s32: scalar_type<s32>;
export const u64: scalar_type<u64>;
export const s64: scalar_type<s64>;
export const le16: scalar_type<le16>;
export const le32: scalar_type<le32>;
export const le64: scalar_type<le64>;
export const be16: scalar_type<be16>;
export const be32: scalar_type<be32>;
export const be64: scalar_type<be64>;
export const dma_addr_t: scalar_type<dma_addr_t>;
export const phys_addr_t: scalar_type<phys_addr_t>;
export const iomem: scalar_type<iomem> & { readonly property: true };`;

const STRUCT = `const pointee: unique symbol;

/** Anything a field can be declared as. */
export type type = scalar_type<any> | struct_type<any> | array_type<any>;
export interface fields { readonly [name: string]: type; }
export interface struct_options<F> {
  /** No gaps between fields, as with __packed. */
  readonly packed?: boolean;
}
export interface struct_type<F extends fields> { readonly kind: 'struct'; readonly name: string; readonly size: number; readonly fields: readonly { readonly name: keyof F & string; readonly offset: number }[]; readonly [holds]: F; }
export interface array_type<T extends type> { readonly kind: 'array'; readonly name: string; readonly size: number; readonly element: T; readonly count: number; }
export interface ptr_type<T> extends scalar_type<ptr<T> | null> { readonly property: true; readonly [pointee]: T; }

/** What a scalar field holds. */
export type value_of<T> = T extends scalar_type<infer V> ? V : never;
/** Names of the fields that \`load\` and \`store\` take. */
export type scalar_key<F extends fields> = { [K in keyof F]: F[K] extends scalar_type<any> ? K : never }[keyof F] & string;
/** Fields that read as properties: pointers and registers are loaded, structures and arrays are pointers into this one. */
export type property_key<F extends fields> = { [K in keyof F]: F[K] extends { readonly property: true } | struct_type<any> | array_type<any> ? K : never }[keyof F];
export type property_of<T> = T extends ptr_type<infer P> ? ptr<P> : T extends scalar_type<infer V> ? V : T extends array_type<infer E> ? ptr<E> : ptr<T>;

interface any_ptr {
  /** The kernel virtual address, for messages. */
  readonly address: bigint;
  toString(): string;
}
/** A pointer to one scalar: \`nic.field('ring_dma')\`. */
export interface scalar_ptr<V> extends any_ptr {
  readonly [pointee]: V;
  /** A plain load: the compiler may tear, repeat or hoist it. */
  load(): V;
  /** A plain store: the compiler may tear or merge it. */
  store(value: V): void;
  /** The pointer \`index\` elements on: \`p + index\` in C. */
  at(index: number): scalar_ptr<V>;
}
interface struct_ptr_base<F extends fields> extends any_ptr {
  readonly [pointee]: F;
  /** A plain load of a field, \`p->field\` in C: the compiler may tear, repeat or hoist it. */
  load<K extends scalar_key<F>>(field: K): value_of<F[K]>;
  /** A plain store to a field, \`p->field = value\` in C: the compiler may tear or merge it. */
  store<K extends scalar_key<F>>(field: K, value: value_of<F[K]>): void;
  /** The pointer \`index\` structures on: \`&p[index]\` in C. */
  at(index: number): struct_ptr<F>;
  /** A pointer to a field, \`&p->field\` in C. */
  field<K extends keyof F & string>(name: K): F[K] extends array_type<infer E> ? ptr<E> : ptr<F[K]>;
}
/** A pointer to a structure. */
export type struct_ptr<F extends fields> = struct_ptr_base<F> & { readonly [K in property_key<F>]: property_of<F[K]> };
/** A pointer to memory that has no type yet; see \`cast\`. */
export interface void_ptr extends any_ptr { readonly [pointee]?: undefined; }
/** \`ptr<typeof nic_desc>\` is \`struct nic_desc *\`; \`ptr<u8>\` is \`u8 *\`; \`ptr<void>\` is \`void *\`. */
export type ptr<T> = 0 extends 1 & T ? any_ptr : [T] extends [void] ? void_ptr : T extends struct_type<infer F> ? struct_ptr<F> : T extends ptr_type<infer P> ? scalar_ptr<ptr<P> | null> : T extends scalar_type<infer V> ? scalar_ptr<V> : scalar_ptr<T>;
/** Where a function stores a result: a pointer to a scalar, or an \`out()\` variable. */
export interface out_ptr<V> { store(value: V): void; }
export interface out_value<V> extends out_ptr<V> {
  /** What was stored; undefined before. */
  readonly value: V;
}`;

export const TYPE_TEXTS: Readonly<Partial<Record<ModuleName, TypeText>>> = {
  'linux/types': { text: TYPES, exports: ['u8', 'u16', 'u32', 's8', 's16', 's32', 'u64', 's64', 'le16', 'le32', 'le64', 'be16', 'be32', 'be64', 'dma_addr_t', 'phys_addr_t', 'iomem', 'scalar_type'] },
  'lab/struct': { text: STRUCT, exports: ['type', 'fields', 'struct_options', 'struct_type', 'array_type', 'ptr_type', 'value_of', 'scalar_key', 'scalar_ptr', 'struct_ptr', 'ptr', 'out_ptr', 'out_value'] },
  'linux/device': {
    text: `const device_brand: unique symbol;
/** A device, as probe gets it. */
export interface device { readonly [device_brand]: true; }
/** The type of a field that holds one. */
export const device: scalar_type<device> & { readonly property: true };`,
    exports: ['device'],
  },
  'linux/dma-mapping': { text: `const direction: unique symbol;\nexport type dma_data_direction = number & { readonly [direction]: true };`, exports: ['dma_data_direction'] },
  'linux/slab': { text: `const gfp: unique symbol;\nexport type gfp_t = number & { readonly [gfp]: true };`, exports: ['gfp_t'] },
  'linux/interrupt': {
    text: `const handled: unique symbol;
export type irqreturn_t = number & { readonly [handled]: true };
/** An interrupt handler: a function at the top level of the driver. \`dev\` is what \`request_irq\` was given. */
export type irq_handler_t<T> = (irq: number, dev: ptr<T>) => irqreturn_t;`,
    exports: ['irqreturn_t', 'irq_handler_t'],
  },
  'linux/completion': {
    text: `/** struct completion: a field of the driver's structure, waited for by one and completed by another. */
export const completion: struct_type<{ readonly done: scalar_type<u32> }>;`,
    exports: ['completion'],
  },
  'linux/spinlock': {
    text: `/** spinlock_t: a field of the structure that it guards. */
export const spinlock_t: struct_type<{ readonly locked: scalar_type<u32> }>;`,
    exports: ['spinlock_t'],
  },
  'linux/printk': { text: `/** What a format may print. */\nexport type printk_argument = number | bigint | string | boolean | null | { toString(): string };`, exports: ['printk_argument'] },
};

/** Modules whose types another module passes on. */
export const TYPE_REEXPORTS: Readonly<Partial<Record<ModuleName, readonly ModuleName[]>>> = { 'lab/struct': ['linux/types', 'linux/device'] };
