// SPDX-License-Identifier: Apache-2.0
/**
 * What a remapping unit is to PCIe, devices and the machine, whichever front
 * end it has. A front end keeps its own, richer calls beside these.
 */
import type { Bus } from './bus.ts';
import type { CacheView } from '../mmu/cache.ts';

/** One request of a function, as it arrives at the unit. */
export interface DmaRequest {
  /** Bus, device and function in 16 bits; RISC-V may use more, SMMUv3 calls it the stream. */
  readonly source: number;
  /** Null: the request has no PASID prefix. */
  readonly pasid: number | null;
  readonly type: 'untranslated' | 'ats' | 'translated';
  readonly write: boolean;
  readonly execute: boolean;
  readonly privileged: boolean;
  /** ATS: the function will only read (NW). */
  readonly noWrite: boolean;
  readonly address: bigint;
}

/** What a function may do with a translation that it asked for. PCIe ATS, "Translation Completion". */
export interface AtsGrant {
  readonly read: boolean;
  readonly write: boolean;
  readonly execute: boolean;
  readonly privileged: boolean;
  readonly global: boolean;
  /** U: use untranslated requests only. */
  readonly untranslatedOnly: boolean;
  /** N: requests that use it must leave No Snoop clear, since the page is one that snoops. */
  readonly noSnoop: boolean;
}

export type DmaAnswer =
  /** `span`: log2 of the bytes around it that translate alike. `ticket` is closed (`landed`) when the access has reached memory; 0 where nothing waits for it. */
  | { readonly kind: 'memory'; readonly address: bigint; readonly span: number; readonly ats: AtsGrant | null; readonly ticket: number }
  /**
   * A write that is an interrupt message, not memory. `resident`: it goes into an interrupt file in memory at `address`
   * (RISC-V AIA): its pending bit is set there, and the notice is then stored.
   */
  | { readonly kind: 'interrupt'; readonly address: bigint; readonly resident?: { readonly notice: bigint; readonly noticeId: number } }
  /** ATS: success, without any permission; the function must not cache it and may ask for the page. */
  | { readonly kind: 'denied' }
  | { readonly kind: 'refused'; readonly status: 'unsupported-request' | 'completer-abort' }
  /** SMMUv3 told so (CD.A clear): the access ends well, a read gives zeros and a write is dropped. */
  | { readonly kind: 'zero' }
  /** SMMUv3: waits for RESUME; the answer comes as a message. */
  | { readonly kind: 'stalled'; readonly tag: number };

/** PCIe Page Request message. A stop marker is the last of its group and asks for nothing. */
export interface PageRequestMessage {
  readonly source: number;
  readonly pasid: number | null;
  readonly privileged: boolean;
  readonly execute: boolean;
  readonly read: boolean;
  readonly write: boolean;
  readonly last: boolean;
  /** Page request group index, 9 bits. */
  readonly group: number;
  /** Of the page; the low twelve bits are clear. */
  readonly address: bigint;
}

/** What a unit sends towards a function. */
export type UnitMessage =
  /** `span`: log2 of the bytes; 64 means everything. The function answers with a completion that names the tag. */
  | { readonly kind: 'invalidate'; readonly source: number; readonly pasid: number | null; readonly tag: number; readonly address: bigint; readonly span: number; readonly global: boolean }
  | { readonly kind: 'page-response'; readonly source: number; readonly pasid: number | null; readonly group: number; readonly code: 'success' | 'invalid' | 'failure' }
  /** A stalled transaction goes on: translate again, or stop. */
  | { readonly kind: 'resume'; readonly source: number; readonly tag: number; readonly action: 'retry' | 'abort' | 'zero' };

/** What a unit needs around it beside memory. */
export interface UnitOutside {
  send(message: UnitMessage): void;
  /** An interrupt of the unit itself that is a wire, not a message; messages are stores. */
  wire(cause: string): void;
}

export interface RemappingUnit {
  readonly kind: 'riscv' | 'vtd' | 'smmuv3';
  /** Its way to memory; `watch` tells each access. */
  readonly bus: Bus;
  /** Everything it remembers, to look at. */
  readonly caches: readonly CacheView[];
  readRegister(offset: number, size: 4 | 8): bigint;
  writeRegister(offset: number, size: 4 | 8, value: bigint): void;
  serve(request: DmaRequest): DmaAnswer;
  /** An access that `serve` let through has reached memory. */
  landed(ticket: number): void;
  page(request: PageRequestMessage): void;
  /** A function completed an invalidation. */
  invalidated(source: number, tag: number): void;
  /** Invalidations that will not be completed any more. */
  timedOut(tag: number): void;
  /** One unit of queue work: one command, at most. `waiting`: the next one waits for functions or for accesses on their way. */
  step(): 'ran' | 'waiting' | 'idle';
}
