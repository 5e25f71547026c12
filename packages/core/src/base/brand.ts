// SPDX-License-Identifier: Apache-2.0
/**
 * Addresses and ids that must never be mixed. Student code and reports see
 * these brands; hot paths carry plain numbers.
 */

declare const brand: unique symbol;
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** Where a byte lives in RAM. The simulated machine has less than 4 GiB unless a profile says otherwise. */
export type PhysAddr = Brand<bigint, 'PhysAddr'>;
/** What a device puts on the bus: a claim, not yet permission. */
export type DmaAddr = Brand<bigint, 'DmaAddr'>;
/** A kernel virtual address. */
export type Kva = Brand<bigint, 'Kva'>;
