// SPDX-License-Identifier: Apache-2.0
/**
 * The invalidation queue: one descriptor a step. What is cached goes at once;
 * completion is what a wait descriptor asks for, and it comes when accesses on
 * their way have landed and devices have answered ("Queued Invalidation Interface").
 *
 * An error leaves the head at the descriptor, and nothing is fetched until
 * software has cleared FSTS.IQE; the same holds for FSTS.ITE after a time-out.
 */
import type { Bus } from '../bus.ts';
import type { InFlight } from '../in-flight.ts';
import type { UnitMessage } from '../unit.ts';
import type { VtdCaches } from './caches.ts';
import type { VtdFeatures } from './contexts.ts';
import type { FaultLog } from './faults.ts';
import * as queues from './queues.ts';
import { InvalidationQueueAddress, InvalidationQueueError, InvalidationQueueHead, InvalidationQueueTail } from './registers.ts';

/** IQERCD_REG.IQEI. */
const BAD_TAIL = 1;
const BAD_FETCH = 2;
const BAD_TYPE = 3;
const BAD_FIELD = 4;
const BAD_WIDTH = 5;
const TAIL_MISALIGNED = 6;
const BAD_MODE = 7;

export interface InvalidationOutside {
  readonly features: VtdFeatures;
  readonly bus: Bus;
  readonly caches: VtdCaches;
  readonly faults: FaultLog;
  readonly reads: InFlight;
  readonly writes: InFlight;
  /** Mode of the root table: 0 legacy, 1 scalable. */
  tableMode(): number;
  send(message: UnitMessage): void;
  /** A wait with IF is done. */
  completed(): void;
  /** Page requests that devices have sent and the unit has not seen yet. */
  pageRequestsOnTheWay(): boolean;
}

interface Wait {
  readonly reads: number;
  readonly writes: number;
  /** Device invalidations up to this one must be complete. */
  readonly told: number;
  readonly fences: boolean;
  readonly drainsPages: boolean;
  readonly interrupts: boolean;
  readonly status: { readonly frame: number; readonly offset: number; readonly data: number } | null;
}

interface Outstanding {
  readonly source: number;
  /** Whose queue it lies in: the function's, or with ECAP.DIT its physical function's. */
  readonly owner: number;
  /** Its number: every later one has a higher one. */
  readonly serial: number;
}

/** ITags of invalidations in devices. */
const TAGS = 32;

/** What a device must forget; `sized`: the low bits of the page number give the size. */
interface DeviceRange {
  readonly source: number;
  readonly pasid: number | null;
  readonly page: bigint;
  readonly sized: boolean;
  readonly global: boolean;
}

/** What is wrong with a descriptor: IQEI. 0: nothing. `wait`: there is no free tag, or the device takes no more now. */
type Verdict = number | 'wait';

export class InvalidationQueue {
  #address = 0n;
  #head = 0;
  #tail = 0;
  #on = false;
  #error = { IQEI: 0, ITESID: 0, ICESID: 0 };
  /** Waits that were fetched, in order. */
  #waits: Wait[] = [];
  /** Moments up to which accesses must have landed before a wait is done. */
  #reads = 0;
  #writes = 0;
  /** Invalidations in devices, by tag. */
  readonly #outstanding = new Map<number, Outstanding>();
  #told = 0;
  readonly #outside: InvalidationOutside;

  constructor(outside: InvalidationOutside) {
    this.#outside = outside;
  }

  get on(): boolean {
    return this.#on;
  }

  /** GCMD.QIE. Switching it on starts at the first descriptor. */
  switch(on: boolean): void {
    if (on === this.#on) return;
    this.#on = on;
    this.#head = 0;
    this.#waits = [];
  }

  get address(): bigint {
    return this.#address;
  }
  /** Taken while the queue is off. */
  set address(value: bigint) {
    if (this.#on) return;
    const { QS, DW, IQA } = InvalidationQueueAddress.decode(value);
    this.#address = InvalidationQueueAddress.encode({ QS, DW: DW && this.#outside.features.ecap.SMTS, IQA });
  }

  get head(): bigint {
    return InvalidationQueueHead.encode({ QH: this.#head / 16 });
  }

  get tail(): bigint {
    return InvalidationQueueTail.encode({ QT: this.#tail / 16 });
  }
  set tail(value: bigint) {
    const wide = InvalidationQueueAddress.decode(this.#address).DW;
    const tail = InvalidationQueueTail.decode(value).QT * 16;
    this.#tail = wide ? tail & ~31 : tail;
    if (wide && (tail & 16) !== 0) this.#fail(TAIL_MISALIGNED);
  }

  get error(): bigint {
    return InvalidationQueueError.encode(this.#error);
  }

  step(): 'ran' | 'waiting' | 'idle' {
    const wait = this.#waits[0];
    if (wait !== undefined && this.#isDone(wait)) {
      this.#waits.shift();
      this.#complete(wait);
      return 'ran';
    }
    const { queueErrors } = this.#outside.faults;
    const blocked = this.#waits.some(({ fences }) => fences);
    if (!this.#on || blocked || this.#head === this.#tail || queueErrors.has('IQE') || queueErrors.has('ITE')) return this.#waits.length > 0 ? 'waiting' : 'idle';
    return this.#next();
  }

  /** A device has completed an invalidation. */
  complete(source: number, tag: number): void {
    if (this.#outstanding.get(tag)?.source === source) {
      this.#outstanding.delete(tag);
      return;
    }
    this.#error = { ...this.#error, ICESID: source };
    this.#outside.faults.fail('ICE');
  }

  /** A device will not complete it any more: waits that were fetched are aborted. */
  timeOut(tag: number): void {
    const late = this.#outstanding.get(tag);
    if (late === undefined) return;
    this.#outstanding.delete(tag);
    this.#waits = [];
    this.#error = { ...this.#error, ITESID: late.source };
    this.#outside.faults.fail('ITE');
  }

  #next(): 'ran' | 'waiting' {
    const { QS, DW, IQA } = InvalidationQueueAddress.decode(this.#address);
    const { bus } = this.#outside;
    const mode = this.#outside.tableMode();
    const bytes = DW ? 32 : 16;
    const size = 4096 * 2 ** QS;
    if (mode !== 0 && mode !== 1) return this.#fail(BAD_MODE);
    if (mode === 1 && !DW) return this.#fail(BAD_WIDTH);
    if (this.#tail >= size) return this.#fail(BAD_TAIL);
    if (bus.load('invalidation queue', Number(IQA) + Math.floor(this.#head / 4096), this.#head % 4096, bytes, false) !== 'ok') return this.#fail(BAD_FETCH);
    let raw = 0n;
    for (let i = bytes / 4 - 1; i >= 0; i -= 1) raw = (raw << 32n) | BigInt(bus.data[i] ?? 0);
    const verdict = this.#execute(raw);
    if (verdict === 'wait') return 'waiting';
    if (verdict !== 0) return this.#fail(verdict);
    this.#head = (this.#head + bytes) % size;
    return 'ran';
  }

  #fail(code: number): 'ran' {
    this.#error = { ...this.#error, IQEI: code };
    this.#outside.faults.fail('IQE');
    return 'ran';
  }

  #execute(raw: bigint): Verdict {
    const { ecap } = this.#outside.features;
    const pasids = ecap.SMTS;
    switch (Number((raw & 0xfn) | ((raw >> 5n) & 0x70n))) {
      case 1:
        return this.#contextCache(raw);
      case 2:
        return this.#iotlb(raw);
      case 3:
        return ecap.DT ? this.#deviceTlb(raw) : BAD_TYPE;
      case 4:
        // Interrupts are not remapped here, so there is nothing to forget.
        return !ecap.IR ? BAD_TYPE : queues.InterruptCacheDescriptor.strayBits(raw) !== 0n || raw >> 128n !== 0n ? BAD_FIELD : 0;
      case 5:
        return this.#wait(raw);
      case 6:
        return pasids ? this.#pasidIotlb(raw) : BAD_TYPE;
      case 7:
        return pasids ? this.#pasidCache(raw) : BAD_TYPE;
      case 8:
        return pasids && ecap.DT ? this.#pasidDeviceTlb(raw) : BAD_TYPE;
      case 9:
        return ecap.PRS ? this.#pageGroupResponse(raw) : BAD_TYPE;
    }
    return BAD_TYPE;
  }

  #contextCache(raw: bigint): Verdict {
    const { G, DID, SID, FM } = queues.ContextCacheDescriptor.decode(raw);
    if (hasStray(queues.ContextCacheDescriptor, raw) || G === 0) return BAD_FIELD;
    const { caches } = this.#outside;
    // Context entries of scalable mode know no domain.
    if (G === 1 || (G === 2 && this.#outside.tableMode() === 1)) caches.context?.clear();
    else if (G === 2) caches.dropContextsOf(DID);
    else caches.dropDevice(SID, FM);
    return 0;
  }

  #iotlb(raw: bigint): Verdict {
    const { G, DW, DR, DID, AM, IH, ADDR } = queues.IotlbDescriptor.decode(raw);
    const { caches, features } = this.#outside;
    if (hasStray(queues.IotlbDescriptor, raw) || G === 0 || (G === 3 && AM > features.cap.MAMV)) return BAD_FIELD;
    if (G === 1) caches.clearTranslations();
    else if (G === 2 || !features.cap.PSI) caches.dropDomain(DID);
    else caches.dropPages(DID, Number((ADDR >> BigInt(AM)) << BigInt(AM)), AM, IH);
    this.#drain(DR && features.cap.DRD, DW && features.cap.DWD);
    return 0;
  }

  #pasidIotlb(raw: bigint): Verdict {
    const { G, DID, PASID, AM, IH, ADDR } = queues.PasidIotlbDescriptor.decode(raw);
    const { caches, features } = this.#outside;
    if (hasStray(queues.PasidIotlbDescriptor, raw) || G < 2 || (G === 3 && AM > features.cap.MAMV)) return BAD_FIELD;
    if (G === 2) caches.dropPasid(DID, PASID);
    else caches.dropPasidPages(DID, PASID, Number((ADDR >> BigInt(AM)) << BigInt(AM)), AM, IH);
    this.#drain(true, true);
    return 0;
  }

  #pasidCache(raw: bigint): Verdict {
    const { G, DID, PASID } = queues.PasidCacheDescriptor.decode(raw);
    if (hasStray(queues.PasidCacheDescriptor, raw) || G === 2) return BAD_FIELD;
    const { caches } = this.#outside;
    if (G === 3) caches.pasid?.clear();
    else caches.dropPasids(DID, G === 0 ? null : PASID);
    return 0;
  }

  #deviceTlb(raw: bigint): Verdict {
    const { SID, S, ADDR, MIP, PFSIDLow, PFSIDHigh } = queues.DeviceTlbDescriptor.decode(raw);
    if (hasStray(queues.DeviceTlbDescriptor, raw)) return BAD_FIELD;
    return this.#tell({ source: SID, pasid: null, page: ADDR, sized: S, global: false }, MIP, PFSIDHigh * 16 + PFSIDLow);
  }

  #pasidDeviceTlb(raw: bigint): Verdict {
    const { SID, PASID, G, S, ADDR, MIP, PFSIDLow, PFSIDHigh } = queues.PasidDeviceTlbDescriptor.decode(raw);
    if (hasStray(queues.PasidDeviceTlbDescriptor, raw)) return BAD_FIELD;
    return this.#tell({ source: SID, pasid: PASID, page: ADDR, sized: S, global: G }, MIP, PFSIDHigh * 16 + PFSIDLow);
  }

  /** @param most how many the device takes at once; 0 is 32, which there are tags for */
  #tell({ source, pasid, page, sized, global }: DeviceRange, most: number, physicalFunction: number): Verdict {
    const owner = this.#outside.features.ecap.DIT ? physicalFunction : source;
    let there = 0;
    for (const other of this.#outstanding.values()) if (other.owner === owner) there += 1;
    const tag = Array.from({ length: TAGS }, (_, i) => i).find((i) => !this.#outstanding.has(i));
    if (tag === undefined || (most !== 0 && there >= most)) return 'wait';
    this.#told += 1;
    this.#outstanding.set(tag, { source, owner, serial: this.#told });
    const span = sized ? spanOf(page) : 12;
    const address = span === 64 ? 0n : ((page << 12n) >> BigInt(span)) << BigInt(span);
    this.#outside.send({ kind: 'invalidate', source, pasid, tag, address, span, global });
    return 0;
  }

  #pageGroupResponse(raw: bigint): Verdict {
    const { PASID_P, PDP, code, RID, PASID, LPIG, PRGI, privateLow, privateHigh } = queues.PageGroupResponseDescriptor.decode(raw);
    const answer = code === 0 ? 'success' : code === 1 ? 'invalid' : code === 15 ? 'failure' : null;
    if (queues.PageGroupResponseDescriptor.strayBits(raw) !== 0n || answer === null || (!PDP && (privateLow !== 0n || privateHigh !== 0n))) return BAD_FIELD;
    if (LPIG) this.#outside.send({ kind: 'page-response', source: RID, pasid: PASID_P ? PASID : null, group: PRGI, code: answer });
    return 0;
  }

  #wait(raw: bigint): Verdict {
    const { IF, SW, FN, PD, STDATA, STADDR } = queues.WaitDescriptor.decode(raw);
    if (hasStray(queues.WaitDescriptor, raw) || (PD && !this.#outside.features.ecap.PDS)) return BAD_FIELD;
    const byte = Number(STADDR & 0x3ffn) * 4;
    const status = SW ? { frame: Number(STADDR >> 10n), offset: byte, data: STDATA } : null;
    const wait: Wait = { reads: this.#reads, writes: this.#writes, told: this.#told, fences: FN, drainsPages: PD, interrupts: IF, status };
    if (this.#waits.length === 0 && this.#isDone(wait)) this.#complete(wait);
    else this.#waits.push(wait);
    return 0;
  }

  /** Later waits are done only when accesses that have left by now have landed. */
  #drain(reads: boolean, writes: boolean): void {
    if (reads) this.#reads = this.#outside.reads.now;
    if (writes) this.#writes = this.#outside.writes.now;
  }

  #isDone(wait: Wait): boolean {
    const { reads, writes, pageRequestsOnTheWay } = this.#outside;
    if (!reads.through(wait.reads) || !writes.through(wait.writes)) return false;
    for (const { serial } of this.#outstanding.values()) if (serial <= wait.told) return false;
    return !wait.drainsPages || !pageRequestsOnTheWay();
  }

  #complete({ status, interrupts }: Wait): void {
    if (status !== null) this.#outside.bus.storeWords('invalidation status', status.frame, status.offset, 4, false, [BigInt(status.data)]);
    if (interrupts) this.#outside.completed();
  }
}

/** The reserved half of a descriptor of 32 bytes counts as well. */
const hasStray = (of: { strayBits(raw: bigint): bigint }, raw: bigint): boolean => of.strayBits(raw) !== 0n || raw >> 128n !== 0n;

/** log2 of the bytes from a page number whose lowest clear bit gives the size. */
function spanOf(page: bigint): number {
  let span = 13;
  for (let rest = page; (rest & 1n) === 1n; rest >>= 1n) span += 1;
  return Math.min(span, 64);
}
