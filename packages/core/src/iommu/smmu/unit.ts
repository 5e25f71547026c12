// SPDX-License-Identifier: Apache-2.0
/**
 * An Arm SMMUv3 with one, non-secure, programming interface: registers, queues
 * for commands, events and page requests, stalled transactions, translation.
 *
 * `translate` says what becomes of a request, `serve` does what follows from it:
 * records the event, stalls, hands out tickets. Updates of CR0, IRQ_CTRL and GBPA
 * are complete when the write is.
 */
import type { CacheGeometry, CacheView, Lapses } from '../../mmu/cache.ts';
import type { TablePort } from '../../mmu/port.ts';
import type { Walkers } from '../../mmu/walk.ts';
import { Bus } from '../bus.ts';
import { InFlight } from '../in-flight.ts';
import type { DmaAnswer, DmaRequest, PageRequestMessage, RemappingUnit, UnitOutside } from '../unit.ts';
import { Commands } from './commands.ts';
import { Configuration, configurationCaches } from './configuration.ts';
import { stalled } from './events.ts';
import type { SmmuFeatures } from './features.ts';
import { ERRORS, SmmuInterrupts, type Source } from './interrupts.ts';
import { PageRequestRecord } from './records.ts';
import { Aidr, CmdqCons, Cr0, Cr1, Cr2, Gbpa, IrqCfg0, IrqCfg2, IrqCtrl, OFFSET, StrtabBase, StrtabBaseCfg } from './registers.ts';
import { Ring } from './ring.ts';
import { Stages } from './stages.ts';
import { Stalls } from './stalls.ts';
import { Tlb } from './tlb.ts';
import { Translator, type Controls, type SmmuAnswer, type SmmuRequest } from './translate.ts';

/** Registers as a loader sets them, without handshakes. */
export interface SmmuRegisters {
  readonly cr0: number;
  readonly gbpa: number;
  readonly tableBase: bigint;
  readonly tableConfig: number;
}

export interface SmmuOptions {
  readonly features: SmmuFeatures;
  /**
   * What lies past the end of a level-2 stream table: an illegal stream; or, as an emulator has it, as many entries again and then an
   * illegal entry, whatever the span and the alignment. For comparisons only, as is the next.
   */
  readonly spans: 'exact' | 'twice';
  /** What S1CDMax says where there are no substreams: nothing (5.2), or, as an emulator has it, that the entry is illegal. */
  readonly withoutSubstreams?: 'ignored' | 'illegal';
  /** Left out: nothing is remembered, every request walks the tables anew. */
  readonly caches?: { readonly tlb: CacheGeometry; readonly configuration: CacheGeometry };
}

const NOBODY: UnitOutside = { send: () => undefined, wire: () => undefined };
/** SMMUv3.2. */
const AIDR = Number(Aidr.encode({ ArchMinorRev: 2 }));

const mask = (fields: bigint): number => Number(fields & 0xffff_ffffn);
const CR1 = mask(Cr1.encode({ QUEUE_IC: 3, QUEUE_OC: 3, QUEUE_SH: 3, TABLE_IC: 3, TABLE_OC: 3, TABLE_SH: 3 }));
const GBPA = mask(Gbpa.encode({ MEMATTR: 15, MTCFG: true, ALLOCCFG: 15, SHCFG: 3, PRIVCFG: 3, INSTCFG: 3, ABORT: true }));
const GBPA_UPDATE = mask(Gbpa.encode({ UPDATE: true }));
const GBPA_ABORT = mask(Gbpa.encode({ ABORT: true }));
const TABLE_CONFIG = mask(StrtabBaseCfg.encode({ LOG2SIZE: 63, SPLIT: 31, FMT: 3 }));
const CFG2 = mask(IrqCfg2.encode({ MemAttr: 15, SH: 3 }));
const SMMUEN = 1;
const PRIQEN = 2;
const EVENTQEN = 4;
const CMDQEN = 8;
const ATSCHK = 16;

export class SmmuUnit implements RemappingUnit {
  readonly kind = 'smmuv3';
  readonly features: SmmuFeatures;
  readonly bus: Bus;
  readonly interrupts: SmmuInterrupts;
  readonly commandQueue: Ring;
  readonly eventQueue: Ring;
  readonly pageQueue: Ring;
  readonly stalls: Stalls;
  /** To look at while it walks. */
  readonly walkers: Walkers;
  readonly #outside: UnitOutside;
  readonly #translator: Translator;
  readonly #configuration: Configuration;
  readonly #commands: Commands;
  readonly #tlb: Tlb | null;
  readonly #inFlight = new InFlight();
  #cr0 = 0;
  #cr1 = 0;
  #cr2 = 0;
  #gbpa = 0;
  #tableBase = 0n;
  #tableConfig = 0;
  #commandError = 0;

  constructor(port: TablePort, options: SmmuOptions, outside: UnitOutside = NOBODY) {
    const { features, caches } = options;
    this.features = features;
    this.#outside = outside;
    this.bus = new Bus(port, features.outputBits);
    this.interrupts = new SmmuInterrupts(this.bus, features, (cause) => outside.wire(cause));
    const largest = (shift: number): number => ((features.idr[1] ?? 0) >>> shift) & 0x1f;
    this.commandQueue = new Ring(16, largest(21), features.outputBits);
    this.eventQueue = new Ring(32, largest(16), features.outputBits);
    this.pageQueue = new Ring(16, largest(11), features.outputBits);
    this.stalls = new Stalls(features.stallLimit);
    this.#tlb = caches === undefined ? null : new Tlb(caches.tlb);
    const stages = new Stages(this.bus, this.#tlb);
    this.walkers = stages.walkers;
    this.#configuration = new Configuration(this.bus, options.withoutSubstreams === 'illegal' ? { ...features, ignoresSubstreams: false } : features, options.spans, caches === undefined ? null : configurationCaches(caches.configuration), (second, frame, offset) => stages.fetchContext(second, frame, offset));
    this.#translator = new Translator(features, this.#configuration, stages);
    this.#commands = new Commands(this.commandQueue, {
      bus: this.bus,
      features,
      configuration: this.#configuration,
      tlb: this.#tlb,
      inFlight: this.#inFlight,
      enabled: () => (this.#cr0 & SMMUEN) !== 0,
      e2h: () => (this.#cr2 & 1) !== 0,
      send: (message) => outside.send(message),
      resume: (source, tag, action) => this.#resume(source, tag, action),
      terminate: (source) => this.#endStalls(source),
      synced: (signal, address, data) => this.interrupts.synced(signal, address, data),
      prefetch: (source, substream, address) => this.#prefetch(source, substream, address),
    });
  }

  get caches(): readonly CacheView[] {
    const configuration = this.#configuration.caches;
    return [...(configuration === null ? [] : Object.values(configuration)), ...(this.#tlb === null ? [] : [this.#tlb.cache])];
  }

  /** Whether a remembered entry is gone when it is asked for. */
  set lapses(ask: Lapses | null) {
    const configuration = this.#configuration.caches;
    if (configuration !== null) for (const cache of Object.values(configuration)) cache.lapses = ask;
    if (this.#tlb !== null) this.#tlb.cache.lapses = ask;
  }

  get registers(): SmmuRegisters {
    return { cr0: this.#cr0, gbpa: this.#gbpa, tableBase: this.#tableBase, tableConfig: this.#tableConfig };
  }

  set registers(to: SmmuRegisters) {
    this.#cr0 = to.cr0 & this.#cr0Bits;
    this.#gbpa = to.gbpa & GBPA;
    this.#tableBase = to.tableBase;
    this.#tableConfig = to.tableConfig;
  }

  /** What becomes of a request. Tables may be marked and caches filled; nothing is recorded. */
  translate(request: SmmuRequest): SmmuAnswer {
    return this.#translator.translate(this.#controls, request);
  }

  serve(request: DmaRequest): DmaAnswer {
    const { source, pasid, type, write, noWrite, address } = request;
    // Without a PASID a request is unprivileged data (13.7).
    const answer = this.translate({ streamId: source, substream: pasid, type, write, execute: pasid !== null && request.execute, privileged: pasid !== null && request.privileged, noWrite, address });
    switch (answer.kind) {
      case 'translated':
        return { kind: 'memory', address: answer.address, span: answer.span, ats: answer.ats, ticket: type === 'ats' ? 0 : this.#inFlight.open() };
      case 'denied':
        return { kind: 'denied' };
      case 'aborted':
        return { kind: 'refused', status: 'unsupported-request' };
      case 'refused':
        if (answer.ends === 'stall') return { kind: 'stalled', tag: this.#stall(source, answer.record ?? 0n) };
        if (answer.record !== null) this.#recordEvent(answer.record);
        if (answer.ends === 'zero') return { kind: 'zero' };
        return { kind: 'refused', status: answer.ends === 'completer-abort' ? 'completer-abort' : 'unsupported-request' };
    }
  }

  landed(ticket: number): void {
    this.#inFlight.close(ticket);
  }

  invalidated(source: number, tag: number): void {
    this.#commands.completed(source, tag);
  }

  timedOut(tag: number): void {
    this.#commands.timedOut(tag);
  }

  step(): 'ran' | 'waiting' | 'idle' {
    if ((this.#cr0 & CMDQEN) === 0 || this.interrupts.isActive(ERRORS.command) || this.commandQueue.empty) return 'idle';
    const done = this.#commands.step();
    if (typeof done === 'string') return done;
    this.#commandError = done;
    this.interrupts.fail(ERRORS.command);
    return 'ran';
  }

  /** 8, 8.1, 8.2. ATSCHK and EATS do not matter here. */
  page(request: PageRequestMessage): void {
    const { source, pasid, last, read, write, group } = request;
    const marker = pasid !== null && last && !read && !write;
    const answer = (code: 'success' | 'failure', withPasid: boolean): void => {
      if (!marker) this.#outside.send({ kind: 'page-response', source, pasid: withPasid ? pasid : null, group, code });
    };
    const on = SMMUEN | PRIQEN;
    if (!this.features.pri || (this.#cr0 & on) !== on || this.interrupts.isActive(ERRORS.page)) {
      answer('failure', false);
      return;
    }
    const ring = this.pageQueue;
    if (ring.full) ring.overflow();
    if (ring.overflowed) {
      if (last) this.#answerLost(request, answer);
      return;
    }
    const record = PageRequestRecord.encode({ stream: source, SSV: pasid !== null, substream: pasid ?? 0, priv: pasid !== null && request.privileged, exec: pasid !== null && request.execute, read, write, last, group, address: request.address >> 12n });
    const first = ring.empty;
    if (!this.#write('page-request queue', ring.head, 16, record)) {
      this.interrupts.fail(ERRORS.page);
      answer('failure', false);
      return;
    }
    ring.produced();
    if (this.interrupts.atLast ? last : first) this.interrupts.raise('priq');
  }

  /** 8.1: a lost request is answered with success, for the function to try again; the PASID goes along where the stream says so. */
  #answerLost({ source, pasid }: PageRequestMessage, answer: (code: 'success' | 'failure', withPasid: boolean) => void): void {
    if (pasid === null || this.features.substreamBits === 0 || this.features.responsesWithPasid) {
      answer('success', this.features.responsesWithPasid && this.features.substreamBits > 0);
      return;
    }
    const found = this.#translator.responsesWithPasid(this.#controls, source);
    if (found.record !== null) this.#recordEvent(found.record);
    answer(found.withPasid === null ? 'failure' : 'success', found.withPasid === true);
  }

  /** Registers of 8 bytes may be read and written by halves. Anything misaligned reads 0 and ignores writes. */
  readRegister(offset: number, size: 4 | 8): bigint {
    if (offset < 0 || offset % size !== 0) return 0n;
    const at = offset - (offset % 8);
    const word = WIDE.has(at) ? this.#read64(at) : BigInt(this.#read32(at)) | (BigInt(this.#read32(at + 4)) << 32n);
    return size === 8 ? word : (offset === at ? word : word >> 32n) & 0xffff_ffffn;
  }

  writeRegister(offset: number, size: 4 | 8, value: bigint): void {
    if (offset < 0 || offset % size !== 0) return;
    const at = offset - (offset % 8);
    if (WIDE.has(at)) {
      const shift = offset === at ? 0n : 32n;
      this.#write64(at, size === 8 ? value : (this.#read64(at) & ~(0xffff_ffffn << shift)) | ((value & 0xffff_ffffn) << shift));
      return;
    }
    this.#write32(offset, mask(value));
    if (size === 8) this.#write32(offset + 4, mask(value >> 32n));
  }

  get #controls(): Controls {
    return {
      enabled: (this.#cr0 & SMMUEN) !== 0,
      abortsWhileOff: (this.#gbpa & GBPA_ABORT) !== 0,
      recordsEvents: (this.#cr0 & EVENTQEN) !== 0,
      checksTranslated: (this.#cr0 & ATSCHK) !== 0,
      recordsBadStreams: (this.#cr2 & 2) !== 0,
      recordsAts: (this.#cr2 & 8) !== 0,
      e2h: (this.#cr2 & 1) !== 0,
      tableBase: this.#tableBase,
      tableConfig: this.#tableConfig,
    };
  }

  get #cr0Bits(): number {
    return mask(Cr0.encode({ SMMUEN: true, PRIQEN: this.features.pri, EVENTQEN: true, CMDQEN: true, ATSCHK: this.features.ats }));
  }

  get #cr2Bits(): number {
    return mask(Cr2.encode({ E2H: this.features.hypervisor, RECINVSID: true, PTM: ((this.features.idr[0] ?? 0) & 0x20) !== 0, REC_CFG_ATS: this.features.recordsAts }));
  }

  /** 7.2.1: on, not full, and no abort that software does not know of. */
  get #eventsGoIn(): boolean {
    return (this.#cr0 & EVENTQEN) !== 0 && !this.eventQueue.full && !this.interrupts.isActive(ERRORS.event);
  }

  #recordEvent(record: bigint): void {
    const ring = this.eventQueue;
    if (!this.#eventsGoIn) {
      if ((this.#cr0 & EVENTQEN) !== 0 && ring.full) ring.overflow();
      return;
    }
    const first = ring.empty;
    if (!this.#write('event queue', ring.head, 32, record)) {
      this.interrupts.fail(ERRORS.event);
      return;
    }
    ring.produced();
    if (first) this.interrupts.raise('eventq');
  }

  #write(what: string, at: number, bytes: number, record: bigint): boolean {
    const words = Array.from({ length: bytes / 8 }, (_, i) => (record >> BigInt(64 * i)) & 0xffff_ffff_ffff_ffffn);
    return this.bus.storeWords(what, Math.floor(at / 4096), at % 4096, bytes, false, words) === 'ok';
  }

  /** The tag that the transaction waits under: the STAG of its event, or one of our own where it could not be reported yet. */
  #stall(source: number, record: bigint): number {
    const tag = this.stalls.free();
    if (tag === null || !this.#eventsGoIn) return this.stalls.hold(source);
    this.stalls.report(tag, source);
    this.#recordEvent(stalled(record, tag));
    return tag;
  }

  #resume(source: number, tag: number, action: 'retry' | 'abort' | 'zero'): void {
    if (!this.stalls.resume(tag, source)) return;
    this.#outside.send({ kind: 'resume', source, tag, action });
    this.#retryHeld();
  }

  /** CMD_STALL_TERM, and all of them when the unit is switched off. */
  #endStalls(source: number | null): void {
    for (const ended of this.stalls.end(source)) this.#outside.send({ kind: 'resume', source: ended.source, tag: ended.tag, action: 'abort' });
    this.#retryHeld();
  }

  /** Transactions that could not be reported try again, as if they had just arrived. */
  #retryHeld(): void {
    if (!this.#eventsGoIn || this.stalls.free() === null) return;
    const next = this.stalls.retryOne();
    if (next !== null) this.#outside.send({ kind: 'resume', source: next.source, tag: next.tag, action: 'retry' });
  }

  /** 4.2: fills caches, tells nothing; a prefetch for reading. */
  #prefetch(source: number, substream: number | null, address: bigint | null): void {
    if (this.#tlb === null) return;
    if (address === null) this.#translator.prefetch(this.#controls, source, substream);
    else this.translate({ streamId: source, substream, write: false, privileged: false, address });
  }

  #read64(offset: number): bigint {
    switch (offset) {
      case OFFSET.STRTAB_BASE:
        return this.#tableBase;
      case OFFSET.CMDQ_BASE:
        return this.commandQueue.base;
      case OFFSET.EVENTQ_BASE:
        return this.eventQueue.base;
      case OFFSET.PRIQ_BASE:
        return this.pageQueue.base;
      default:
        return this.interrupts.messages[sourceOf(offset)].cfg0;
    }
  }

  #write64(offset: number, value: bigint): void {
    switch (offset) {
      case OFFSET.STRTAB_BASE:
        // Guarded: while the unit, or the queue, is on, writes are ignored.
        if ((this.#cr0 & SMMUEN) === 0) this.#tableBase = StrtabBase.encode(StrtabBase.decode(value));
        return;
      case OFFSET.CMDQ_BASE:
        if ((this.#cr0 & CMDQEN) === 0) this.commandQueue.writeBase(value);
        return;
      case OFFSET.EVENTQ_BASE:
        if ((this.#cr0 & EVENTQEN) === 0) this.eventQueue.writeBase(value);
        return;
      case OFFSET.PRIQ_BASE:
        if ((this.#cr0 & PRIQEN) === 0 && this.features.pri) this.pageQueue.writeBase(value);
        return;
      default:
        if (this.#isOpen(sourceOf(offset))) this.interrupts.messages[sourceOf(offset)].cfg0 = IrqCfg0.encode(IrqCfg0.decode(value));
    }
  }

  /** Interrupts are set up while they are off, and only where there are messages. */
  #isOpen(source: Source): boolean {
    return this.features.msi && (this.interrupts.control & { gerror: 1, priq: 2, eventq: 4 }[source]) === 0 && (source !== 'priq' || this.features.pri);
  }

  #read32(offset: number): number {
    if (offset < 0x18) return this.features.idr[offset / 4] ?? 0;
    const { interrupts } = this;
    switch (offset) {
      case OFFSET.AIDR:
        return AIDR;
      case OFFSET.CR0:
      case OFFSET.CR0ACK:
        return this.#cr0;
      case OFFSET.CR1:
        return this.#cr1;
      case OFFSET.CR2:
        return this.#cr2;
      case OFFSET.GBPA:
        return this.#gbpa;
      case OFFSET.IRQ_CTRL:
      case OFFSET.IRQ_CTRLACK:
        return interrupts.control;
      case OFFSET.GERROR:
        return interrupts.errors;
      case OFFSET.GERRORN:
        return interrupts.acknowledged;
      case OFFSET.STRTAB_BASE_CFG:
        return this.#tableConfig;
      case OFFSET.CMDQ_PROD:
        return this.commandQueue.prod;
      case OFFSET.CMDQ_CONS:
        return mask(CmdqCons.encode({ RD: this.commandQueue.cons, ERR: this.#commandError }));
      case OFFSET.EVENTQ_PROD:
        return this.eventQueue.prod;
      case OFFSET.EVENTQ_CONS:
        return this.eventQueue.cons;
      case OFFSET.PRIQ_PROD:
        return this.pageQueue.prod;
      case OFFSET.PRIQ_CONS:
        return this.pageQueue.cons;
      case OFFSET.GERROR_IRQ_CFG1:
        return interrupts.messages.gerror.data;
      case OFFSET.GERROR_IRQ_CFG2:
        return interrupts.messages.gerror.cfg2;
      case OFFSET.EVENTQ_IRQ_CFG1:
        return interrupts.messages.eventq.data;
      case OFFSET.EVENTQ_IRQ_CFG2:
        return interrupts.messages.eventq.cfg2;
      case OFFSET.PRIQ_IRQ_CFG1:
        return interrupts.messages.priq.data;
      case OFFSET.PRIQ_IRQ_CFG2:
        return interrupts.messages.priq.cfg2;
    }
    return 0;
  }

  #write32(offset: number, value: number): void {
    const { interrupts } = this;
    const off = (bit: number): boolean => (this.#cr0 & bit) === 0;
    switch (offset) {
      case OFFSET.CR0:
        this.#writeControl(value & this.#cr0Bits);
        return;
      case OFFSET.CR1:
        if (off(SMMUEN | PRIQEN | EVENTQEN | CMDQEN)) this.#cr1 = value & CR1;
        return;
      case OFFSET.CR2:
        if (off(SMMUEN)) this.#cr2 = value & this.#cr2Bits;
        return;
      case OFFSET.GBPA:
        // Only a write with UPDATE counts; the update is done at once.
        if ((value & GBPA_UPDATE) !== 0) this.#gbpa = value & GBPA;
        return;
      case OFFSET.IRQ_CTRL:
        interrupts.control = value & mask(IrqCtrl.encode({ GERROR_IRQEN: true, PRIQ_IRQEN: this.features.pri, EVENTQ_IRQEN: true }));
        return;
      case OFFSET.GERRORN:
        interrupts.acknowledged = value;
        // A command that failed is fetched anew.
        this.#commands.drop();
        this.#retryHeld();
        return;
      case OFFSET.STRTAB_BASE_CFG:
        if (off(SMMUEN)) this.#tableConfig = value & TABLE_CONFIG;
        return;
      case OFFSET.CMDQ_PROD:
        this.commandQueue.prod = value & 0xf_ffff;
        return;
      case OFFSET.CMDQ_CONS:
        if (off(CMDQEN)) this.commandQueue.cons = value & 0xf_ffff;
        return;
      case OFFSET.EVENTQ_PROD:
        if (off(EVENTQEN)) this.eventQueue.prod = value;
        return;
      case OFFSET.EVENTQ_CONS:
        this.eventQueue.cons = value;
        this.#retryHeld();
        return;
      case OFFSET.PRIQ_PROD:
        if (off(PRIQEN) && this.features.pri) this.pageQueue.prod = value;
        return;
      case OFFSET.PRIQ_CONS:
        if (this.features.pri) this.pageQueue.cons = value;
        return;
      case OFFSET.GERROR_IRQ_CFG1:
      case OFFSET.EVENTQ_IRQ_CFG1:
      case OFFSET.PRIQ_IRQ_CFG1:
        if (this.#isOpen(sourceOf(offset))) interrupts.messages[sourceOf(offset)].data = value;
        return;
      case OFFSET.GERROR_IRQ_CFG2:
      case OFFSET.EVENTQ_IRQ_CFG2:
        if (this.#isOpen(sourceOf(offset))) interrupts.messages[sourceOf(offset)].cfg2 = value & CFG2;
        return;
      case OFFSET.PRIQ_IRQ_CFG2:
        // LO is there without messages, too.
        if (this.features.pri && (interrupts.control & 2) === 0) interrupts.messages.priq.cfg2 = mask(IrqCfg2.encode({ ...IrqCfg2.decode(BigInt(this.features.msi ? value : value & ~CFG2) & 0xffff_ffffn) }));
    }
  }

  /** 6.3.9: what was stalled aborts when translation ends, and unreported transactions try again when events can be written. */
  #writeControl(value: number): void {
    const was = this.#cr0;
    this.#cr0 = value;
    if ((was & CMDQEN) !== 0 && (value & CMDQEN) === 0) this.#commands.drop();
    if ((was & SMMUEN) !== 0 && (value & SMMUEN) === 0) this.#endStalls(null);
    else this.#retryHeld();
  }
}

const WIDE: ReadonlySet<number> = new Set([OFFSET.STRTAB_BASE, OFFSET.CMDQ_BASE, OFFSET.EVENTQ_BASE, OFFSET.PRIQ_BASE, OFFSET.GERROR_IRQ_CFG0, OFFSET.EVENTQ_IRQ_CFG0, OFFSET.PRIQ_IRQ_CFG0]);

/** Whose interrupt a register of an IRQ_CFG group sets up. */
function sourceOf(offset: number): Source {
  if (offset < OFFSET.STRTAB_BASE) return 'gerror';
  return offset < OFFSET.PRIQ_BASE ? 'eventq' : 'priq';
}
