// SPDX-License-Identifier: Apache-2.0
/**
 * An Intel VT-d remapping unit: translation of requests, fault recording, the
 * invalidation queue and the page request queue, behind its registers.
 *
 * `translate` says what the tables make of a request, whether or not software
 * has switched translation on; `serve` is what happens to a request on the bus.
 */
import { Bus } from '../bus.ts';
import { InFlight } from '../in-flight.ts';
import type { AtsGrant, DmaAnswer, DmaRequest, PageRequestMessage, RemappingUnit, UnitOutside } from '../unit.ts';
import type { CacheView, Lapses } from '../../mmu/cache.ts';
import type { Access } from '../../mmu/format.ts';
import type { TablePort } from '../../mmu/port.ts';
import type { Walkers } from '../../mmu/walk.ts';
import { addressOf, frameOf, highIn, highOf, lowOf } from '../../mmu/word.ts';
import { NO_CACHES, VtdCaches } from './caches.ts';
import { Capability, ExtendedCapability, type VtdOptions } from './capabilities.ts';
import { Contexts, type RootTable, type SilentFault, type Translation, type VtdFeatures, type VtdRequest } from './contexts.ts';
import { EventMessage } from './events.ts';
import { FaultLog, type Offender } from './faults.ts';
import { InvalidationQueue } from './invalidation.ts';
import { ownAnswer, PageRequestQueue } from './page-requests.ts';
import { REASONS } from './reasons.ts';
import type { RegisterFile } from './register-file.ts';
import { RegisterInvalidation } from './register-invalidation.ts';
import { registersOf } from './unit-registers.ts';
import { rightOf, VtdStages, WRITE_RIGHT, EXECUTE_RIGHT, READ_RIGHT, SUPERVISOR_RIGHTS, type Reached, type VtdFault, type VtdSpace } from './stages.ts';

export type VtdAnswer =
  /** `ats`: what a translation request is granted. `snoops`: the access snoops whatever it asks. */
  | { readonly kind: 'translated'; readonly address: bigint; readonly span: number; readonly snoops: boolean; readonly ats: AtsGrant | null }
  /** A write into the interrupt range: not memory. */
  | { readonly kind: 'interrupt'; readonly address: bigint }
  /** A translation request that succeeds without permissions; nothing is recorded. */
  | { readonly kind: 'denied'; readonly fault: VtdFault }
  | { readonly kind: 'refused'; readonly fault: VtdFault; readonly recorded: boolean; readonly status: 'unsupported-request' | 'completer-abort' }
  /** The root table is in abort mode. */
  | { readonly kind: 'aborted' };

/** What a VT-d unit needs around it. */
export interface VtdOutside extends UnitOutside {
  /** GCMD.WBF on a unit with CAP.RWBF: what software wrote reaches the memory that the unit reads. */
  flushWriteBuffers?(): void;
  /** Page requests that were sent and have not arrived: a wait with PD waits for them. */
  pageRequestsOnTheWay?(): boolean;
}

const NOBODY: VtdOutside = { send: () => undefined, wire: () => undefined };

const INTERRUPT_RANGE = 'Intel VT-d, "Handling Requests to Interrupt Address Range"';
const READS_INTERRUPTS: VtdFault['why']['rule'] = { field: 'address', bits: '63:20', text: 'the interrupt range cannot be read', section: INTERRUPT_RANGE };
const ENDS_IN_INTERRUPTS: VtdFault['why']['rule'] = { field: 'address', bits: '51:20', text: 'no translation may lead into the interrupt range', section: INTERRUPT_RANGE };
/** 0xfeexxxxx, by its frame. */
const isInterrupt = (frame: number): boolean => frame >= 0xfee00 && frame <= 0xfeeff;

/** Faults that caching mode does not keep: the entry was not read, or not written. */
const PASSING = new Set([0x07, 0x70, 0x73, 0x78, 0x7b, 0x7c, 0x7d, 0x90, 0x91]);
const EVERY_RIGHT = 0x3f;

export class VtdUnit implements RemappingUnit {
  readonly kind = 'vtd';
  readonly bus: Bus;
  readonly features: VtdFeatures;
  /** GSTS.TES. */
  translates = false;
  readonly queue: InvalidationQueue;
  readonly pageQueue: PageRequestQueue;
  readonly faults: FaultLog;
  readonly faultEvent: EventMessage;
  readonly completionEvent: EventMessage;
  readonly pageEvent: EventMessage;
  /** ICS.IWC. */
  completed = false;
  /** Protected memory: first and last byte of each region while PMEN.EPM is set. */
  protectedRegions: readonly (readonly [bigint, bigint])[] = [];
  readonly registerInvalidation: RegisterInvalidation;
  #rootTable = 0n;
  #root: RootTable = { frame: 0, mode: 0 };
  readonly #caches: VtdCaches;
  readonly #contexts: Contexts;
  readonly #stages: VtdStages;
  readonly #reads = new InFlight();
  readonly #writes = new InFlight();
  readonly #outside: VtdOutside;
  readonly #registers: RegisterFile;

  constructor(port: TablePort, options: VtdOptions, outside: VtdOutside = NOBODY) {
    const cap = Capability.decode(options.capability);
    this.features = { cap, ecap: ExtendedCapability.decode(options.extended), options };
    this.bus = new Bus(port, options.hostBits);
    this.#outside = outside;
    this.faultEvent = new EventMessage(this.bus, 'fault event');
    this.completionEvent = new EventMessage(this.bus, 'invalidation completion event');
    this.pageEvent = new EventMessage(this.bus, 'page request event');
    this.faults = new FaultLog(cap.NFR + 1, this.faultEvent);
    this.pageQueue = new PageRequestQueue(this.bus, this.pageEvent);
    this.#caches = new VtdCaches(options.caches ?? NO_CACHES, cap.CM);
    this.#contexts = new Contexts(this.features, this.bus, this.#caches);
    this.#stages = new VtdStages(this.bus, this.#caches);
    const tableMode = (): number => this.#root.mode;
    this.registerInvalidation = new RegisterInvalidation(this.features, this.#caches, this.#reads, this.#writes, tableMode);
    this.queue = new InvalidationQueue({
      features: this.features,
      bus: this.bus,
      caches: this.#caches,
      faults: this.faults,
      reads: this.#reads,
      writes: this.#writes,
      tableMode,
      send: (message) => outside.send(message),
      completed: () => this.#completed(),
      pageRequestsOnTheWay: () => outside.pageRequestsOnTheWay?.() ?? false,
    });
    this.#registers = registersOf(this);
  }

  /** RTADDR_REG as GCMD.SRTP took it. */
  get rootTable(): bigint {
    return this.#rootTable;
  }
  set rootTable(value: bigint) {
    this.#rootTable = value;
    this.#root = { frame: Number(value >> 12n), mode: Number((value >> 10n) & 3n) };
  }

  get caches(): readonly CacheView[] {
    return this.#caches.views;
  }

  /** Whether an entry is still there when it is asked for; null: it is, until it is invalidated. */
  set lapses(lapses: Lapses | null) {
    this.#caches.lapses = lapses;
  }

  /** Fault recording registers; 0 where there is no fault. */
  get records(): readonly bigint[] {
    return this.faults.records;
  }

  get overflow(): boolean {
    return this.faults.overflow;
  }
  set overflow(value: boolean) {
    this.faults.overflow = value;
  }

  get walkers(): Walkers {
    return this.#stages;
  }

  /** Software clears the F bit of a recording register. */
  clearRecord(index: number): void {
    this.faults.clear(index);
  }

  readRegister(offset: number, size: 4 | 8): bigint {
    return this.#registers.read(offset, size);
  }

  writeRegister(offset: number, size: 4 | 8, value: bigint): void {
    this.#registers.write(offset, size, value);
  }

  /** GCMD.SRTP. What is cached stays, unless CAP.ESRTPS says that the unit sees to it. */
  takeRootTable(address: bigint): void {
    this.rootTable = address;
    if (this.features.cap.ESRTPS) this.#caches.clear();
  }

  /** GCMD.WBF. */
  flushWriteBuffers(): void {
    if (this.features.cap.RWBF) this.#outside.flushWriteBuffers?.();
  }

  serve(request: DmaRequest): DmaAnswer {
    if (!this.translates) return this.#untouched(request);
    const answer = this.translate({ ...request, sourceId: request.source });
    switch (answer.kind) {
      case 'translated':
        return { kind: 'memory', address: answer.address, span: answer.span, ats: answer.ats, ticket: answer.ats === null ? this.#ticket(request.write) : 0 };
      case 'interrupt':
      case 'denied':
        return answer.kind === 'denied' ? { kind: 'denied' } : answer;
      case 'refused':
        return { kind: 'refused', status: answer.status };
      case 'aborted':
        return { kind: 'refused', status: 'unsupported-request' };
    }
  }

  /** Tickets of writes are odd. */
  landed(ticket: number): void {
    if (ticket === 0) return;
    (ticket % 2 === 1 ? this.#writes : this.#reads).close(Math.floor(ticket / 2));
  }

  translate(request: VtdRequest): VtdAnswer {
    const found = this.#contexts.find(this.#root, request);
    if (found.kind === 'aborted') return found;
    if (found.kind === 'fault') return this.#refuse(found, found.silent, request);
    const legacy = this.#root.mode === 0;
    const low = lowOf(request.address);
    const frame = frameOf(low, highOf(request.address));
    if (found.kind === 'direct') {
      if (!isInterrupt(frame)) return { kind: 'translated', address: request.address, span: 12, snoops: false, ats: null };
      return { kind: 'refused', fault: interruptFault(legacy, ENDS_IN_INTERRUPTS), recorded: false, status: 'unsupported-request' };
    }
    if (request.pasid === null && isInterrupt(frame)) {
      if (request.type === 'ats') return { kind: 'translated', address: request.address, span: 12, snoops: false, ats: { read: false, write: true, execute: false, privileged: false, global: false, untranslatedOnly: true, noSnoop: false } };
      if (request.write) return { kind: 'interrupt', address: request.address };
      return this.#refuse(interruptFault(legacy, READS_INTERRUPTS), found.silent, request);
    }
    return request.type === 'ats' ? this.#grant(found, request, frame, low) : this.#access(found, request, frame, low);
  }

  /** A page request, or a stop marker, arrives from a device. */
  page(request: PageRequestMessage): void {
    const { source, pasid, address, write, execute, privileged } = request;
    if (!this.features.ecap.PRS || !this.translates) {
      this.#answer(request, 'failure');
      return;
    }
    const found = this.#contexts.findForPage(this.#root, source, pasid);
    if (found.kind === 'aborted') {
      this.#answer(request, 'failure');
      return;
    }
    if (found.kind === 'fault') {
      this.#record(found, found.silent, { sourceId: source, pasid, type: 'page', write, execute, privileged, address });
      this.#answer(request, ASKED_TOO_MUCH.has(found.reason) ? 'invalid' : 'failure');
      return;
    }
    this.#forgetPage(request);
    const queued = this.pageQueue.add(request);
    if (queued === 'full') this.#answer(request, 'success');
    if (queued === 'unwritten') this.#answer(request, 'failure');
  }

  invalidated(source: number, tag: number): void {
    this.queue.complete(source, tag);
  }

  timedOut(tag: number): void {
    this.queue.timeOut(tag);
  }

  step(): 'ran' | 'waiting' | 'idle' {
    return this.queue.step();
  }

  /** Translation is off: memory as it is, but for protected regions. Nothing is recorded. */
  #untouched(request: DmaRequest): DmaAnswer {
    const { address, write } = request;
    if (request.type !== 'untranslated' || request.pasid !== null) return UNSUPPORTED;
    if (isInterrupt(Number(address >> 12n))) return write ? { kind: 'interrupt', address } : UNSUPPORTED;
    if (this.protectedRegions.some(([first, last]) => address >= first && address <= last)) return UNSUPPORTED;
    return { kind: 'memory', address, span: 12, ats: null, ticket: this.#ticket(write) };
  }

  #ticket(write: boolean): number {
    return write ? 2 * this.#writes.open() + 1 : 2 * this.#reads.open();
  }

  #access(found: Translation, request: VtdRequest, frame: number, low: number): VtdAnswer {
    const execute = request.execute && !request.write;
    const reached = this.#reach(found.space, frame, low, accessOf(request.write, execute, found.supervisor));
    if (reached.kind === 'fault') return this.#refuse(reached, found.silent, request);
    const address = addressOf(reached.frame, low & 0xfff);
    if (isInterrupt(reached.frame)) return this.#refuse(interruptFault(found.space.legacy, ENDS_IN_INTERRUPTS), found.silent, request);
    return { kind: 'translated', address, span: reached.span, snoops: found.snoops || reached.snoops, ats: null };
  }

  /** A translation request is granted what the tables permit; asking for writes makes pages dirty. */
  #grant(found: Translation, request: VtdRequest, frame: number, low: number): VtdAnswer {
    const { space, supervisor, silent } = found;
    const read = this.#reach(space, frame, low, accessOf(false, false, supervisor));
    if (read.kind === 'fault' && REASONS[read.reason]?.ats !== 'denied') return this.#refuse(read, silent, request);
    const wantsWrite = !(request.noWrite === true && this.features.ecap.NWFS);
    const written = wantsWrite ? this.#reach(space, frame, low, accessOf(true, false, supervisor)) : read;
    if (written.kind === 'fault' && REASONS[written.reason]?.ats !== 'denied') return this.#refuse(written, silent, request);
    const reached = written.kind === 'reached' ? written : read;
    if (reached.kind === 'fault') return this.#refuse(reached, silent, request);
    const address = addressOf(reached.frame, low & 0xfff);
    if (isInterrupt(reached.frame)) return this.#refuse(interruptFault(space.legacy, ENDS_IN_INTERRUPTS), silent, request);
    const holds = (right: number): boolean => ((reached.rights >>> (right + (supervisor ? SUPERVISOR_RIGHTS : 0))) & 1) === 1;
    const snoops = found.snoops || reached.snoops;
    const ats: AtsGrant = {
      read: holds(READ_RIGHT),
      write: wantsWrite && holds(WRITE_RIGHT),
      execute: request.execute && holds(EXECUTE_RIGHT),
      privileged: request.pasid !== null && request.privileged,
      global: request.pasid !== null && reached.global,
      untranslatedOnly: false,
      noSnoop: snoops,
    };
    return { kind: 'translated', address, span: reached.span, snoops, ats };
  }

  /** From the IOTLB, or by a walk whose result it takes up. */
  #reach(space: VtdSpace, frame: number, low: number, access: Access): Reached | VtdFault {
    if (space.first === null && space.second === null) return { kind: 'reached', frame, span: 63, rights: EVERY_RIGHT, global: false, snoops: false };
    const right = rightOf(access);
    const known = this.#caches.findTranslation(space, frame, right);
    if (known !== null) return known;
    const reached = this.#stages.translate(space, low, highIn(frame), access);
    if (reached.kind === 'reached' || !PASSING.has(reached.reason)) this.#caches.putTranslation(space, frame, right, reached);
    return reached;
  }

  #refuse(fault: VtdFault, silent: boolean, request: VtdRequest): VtdAnswer {
    const ats = request.type === 'ats' ? REASONS[fault.reason]?.ats : undefined;
    if (ats === 'denied') return { kind: 'denied', fault };
    return { kind: 'refused', fault, recorded: this.#record(fault, silent, request), status: ats ?? 'unsupported-request' };
  }

  #record(fault: VtdFault, silent: boolean, of: Offender): boolean {
    return !(silent && REASONS[fault.reason]?.qualified === true) && this.faults.record(fault.reason, of);
  }

  #answer(request: PageRequestMessage, code: 'success' | 'invalid' | 'failure'): void {
    const message = ownAnswer(request, code);
    if (message !== null) this.#outside.send(message);
  }

  /** A device asks for a page because what it was told is not enough: the unit forgets it as well. */
  #forgetPage({ source, pasid, address }: PageRequestMessage): void {
    if (this.caches.length === 0) return;
    const found: Translation | SilentFault | { readonly kind: 'direct' | 'aborted' } = this.#contexts.find(this.#root, { sourceId: source, pasid, type: 'untranslated', write: false, execute: false, privileged: false, address });
    if (found.kind !== 'space') return;
    const { space } = found;
    if (space.first === null) this.#caches.dropPages(space.domain, Number(address >> 12n), 0, false);
    else this.#caches.dropPasidPages(space.domain, space.pasid, Number(address >> 12n), 0, false);
  }

  #completed(): void {
    const first = !this.completed;
    this.completed = true;
    if (first) this.completionEvent.raise();
  }
}

/** Page requests that the tables do not allow; the others fail because the tables are wrong. */
const ASKED_TOO_MUCH = new Set([0x32, 0x45, 0x46, 0x47]);
const UNSUPPORTED: DmaAnswer = { kind: 'refused', status: 'unsupported-request' };

/** Made once: eight kinds of access. */
const ACCESSES: readonly Access[] = Array.from({ length: 8 }, (_, i) => ({ read: (i & 1) === 0, write: (i & 1) !== 0, execute: (i & 2) !== 0, supervisor: (i & 4) !== 0, sum: false, dirties: (i & 1) !== 0, probes: false }));
const accessOf = (write: boolean, execute: boolean, supervisor: boolean): Access => ACCESSES[(write ? 1 : 0) + (execute ? 2 : 0) + (supervisor ? 4 : 0)]!;

function interruptFault(legacy: boolean, rule: VtdFault['why']['rule']): VtdFault {
  return { kind: 'fault', reason: legacy ? 0x0e : 0x87, why: { table: 'request', level: null, entry: null, rule } };
}
