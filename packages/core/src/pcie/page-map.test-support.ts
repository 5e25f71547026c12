// SPDX-License-Identifier: Apache-2.0
/**
 * A remapping unit whose tables are a map: what the fabric's own rules are
 * tested on, apart from any format. Software calls it instead of writing
 * commands.
 */
import { Bus } from '../iommu/bus.ts';
import { InFlight } from '../iommu/in-flight.ts';
import type { AtsGrant, DmaAnswer, DmaRequest, PageRequestMessage, RemappingUnit, UnitOutside } from '../iommu/unit.ts';
import { PlainMemory } from '../mmu/plain-memory.ts';
import type { PageQueue, PageResponse } from './page-handler.ts';

export interface MappedRange {
  readonly frame: number;
  /** log2 of the bytes. */
  readonly span: number;
  readonly grant: AtsGrant;
}

export const GRANT: AtsGrant = { read: true, write: true, execute: false, privileged: false, global: false, untranslatedOnly: false, noSnoop: false };

export class PageMapUnit implements RemappingUnit, PageQueue {
  readonly kind = 'riscv';
  readonly bus = new Bus(new PlainMemory(), 52);
  readonly caches = [];
  readonly requests: DmaRequest[] = [];
  readonly inFlight = new InFlight();
  /** Tags of invalidations that functions have completed, in order. */
  readonly completed: number[] = [];
  readonly #outside: UnitOutside;
  readonly #spaces = new Map<number | null, Map<number, MappedRange>>();
  readonly #pages: PageRequestMessage[] = [];
  #lastTag = 0;

  constructor(outside: UnitOutside) {
    this.#outside = outside;
  }

  /** Maps 2^`span` bytes around an address. */
  map(pasid: number | null, address: bigint, to: bigint, grant: Partial<AtsGrant> = {}, span = 12): void {
    let space = this.#spaces.get(pasid);
    if (space === undefined) this.#spaces.set(pasid, (space = new Map()));
    space.set(Number(address >> BigInt(span)) * 64 + span, { frame: Number(to >> 12n), span, grant: { ...GRANT, ...grant } });
  }

  /** Edits the map only. */
  unmap(pasid: number | null, address: bigint, span = 12): void {
    this.#spaces.get(pasid)?.delete(Number(address >> BigInt(span)) * 64 + span);
  }

  /** @returns the tag */
  invalidate(source: number, pasid: number | null, address: bigint, span = 12, global = false): number {
    this.#lastTag += 1;
    this.#outside.send({ kind: 'invalidate', source, pasid, tag: this.#lastTag, address, span, global });
    return this.#lastTag;
  }

  serve(request: DmaRequest): DmaAnswer {
    this.requests.push(request);
    if (request.type === 'translated') return { kind: 'memory', address: request.address, span: 12, ats: null, ticket: this.inFlight.open() };
    const found = this.#find(request);
    if (request.type === 'ats') {
      if (found === null || (!found.grant.read && !found.grant.write)) return { kind: 'denied' };
      const grant = request.noWrite ? { ...found.grant, write: false } : found.grant;
      return { kind: 'memory', address: this.#to(found, request.address), span: found.span, ats: { ...grant, privileged: request.privileged }, ticket: 0 };
    }
    if (found === null || !(request.write ? found.grant.write : found.grant.read)) return { kind: 'refused', status: 'unsupported-request' };
    return { kind: 'memory', address: this.#to(found, request.address), span: found.span, ats: null, ticket: this.inFlight.open() };
  }

  landed(ticket: number): void {
    this.inFlight.close(ticket);
  }
  page(request: PageRequestMessage): void {
    this.#pages.push(request);
  }
  invalidated(_source: number, tag: number): void {
    this.completed.push(tag);
  }
  next(): PageRequestMessage | null {
    return this.#pages.shift() ?? null;
  }
  respond(response: PageResponse): void {
    this.#outside.send({ kind: 'page-response', ...response });
  }
  readRegister(): bigint {
    return 0n;
  }
  writeRegister(): void {
    throw new RangeError('the unit has no registers');
  }
  timedOut(): void {
    throw new RangeError('nothing times out here');
  }
  step(): 'idle' {
    return 'idle';
  }

  #find(request: DmaRequest): MappedRange | null {
    const space = this.#spaces.get(request.pasid);
    for (let span = 12; span <= 30; span += 1) {
      const range = space?.get(Number(request.address >> BigInt(span)) * 64 + span);
      if (range !== undefined) return range;
    }
    return null;
  }

  #to(range: MappedRange, address: bigint): bigint {
    return (BigInt(range.frame) << 12n) + (address & ((1n << BigInt(range.span)) - 1n));
  }
}
