// SPDX-License-Identifier: Apache-2.0
/**
 * A RISC-V IOMMU: its registers, its three queues, its caches, and translation
 * for devices. Commands run one at a time (`step`), when somebody says so.
 */
import type { TablePort } from '../../mmu/port.ts';
import type { Walkers } from '../../mmu/walk.ts';
import type { CacheView, Lapses } from '../../mmu/cache.ts';
import { addressOf, highOf, lowOf, wordOf } from '../../mmu/word.ts';
import { Bus } from '../bus.ts';
import { InFlight } from '../in-flight.ts';
import type { DmaAnswer, DmaRequest, PageRequestMessage, RemappingUnit } from '../unit.ts';
import { Caches } from './caches.ts';
import { CAUSES } from './causes.ts';
import { Commands, FENCE_DONE, ILLEGAL, TIMED_OUT, type DeviceMessage, type Invalidation, type Moment } from './commands.ts';
import { QosIds } from './counter-registers.ts';
import { Counters } from './counters.ts';
import type { DirectoryRegisters } from './device-directory.ts';
import { fault, type Fault } from './fault.ts';
import { features, type BuildOptions, type Features } from './features.ts';
import { CIP, FIP, Interrupts, PIP, PMIP } from './interrupts.ts';
import { answerPageRequest, type PageRequest } from './page-requests.ts';
import { IE, MF, OF, ON, Queue } from './queue.ts';
import { FaultRecord, PageRequestRecord } from './records.ts';
import { DirectoryPointer, FeaturesControl, OFFSET, TranslationRequest, TranslationResponse } from './registers.ts';
import { forget, grantOf, pageRequestOf, requestFlags } from './remapping.ts';
import { ATS, flagsOf, isSupervisor, transactionType, type Answer, type AtsPermissions, type Request, type Translated } from './request.ts';
import { GRANTS_EXECUTE, GRANTS_GLOBAL, GRANTS_READ, GRANTS_WRITE, Translator } from './translate.ts';

/** What happens outside the unit when it acts. */
export interface Outside {
  /** A PCIe message for a device. */
  readonly send: (message: DeviceMessage) => void;
  /** A fence orders earlier reads and writes of devices. */
  readonly order: (reads: boolean, writes: boolean) => void;
  readonly invalidated: (invalidation: Invalidation) => void;
  /** An interrupt by wire is raised. */
  readonly wire?: (cause: string) => void;
}

/** What became of a request: it translated; an ATS request is answered without permissions; it is refused, as one of two. */
export const REACHED = 0;
export const DENIED = 1;
export const UNSUPPORTED = 2;
export const ABORTED = 3;

/** Who a fault record is about. */
interface Subject {
  readonly type: number;
  readonly deviceId: number;
  readonly processId: number | null;
  readonly privileged: boolean;
  readonly iotval: bigint;
}
const NOBODY: Omit<Subject, 'iotval'> = { type: 0, deviceId: 0, processId: null, privileged: false };

export class RiscvIommu implements RemappingUnit {
  readonly kind = 'riscv';
  readonly features: Features;
  readonly bus: Bus;
  readonly commandQueue: Queue;
  readonly faultQueue: Queue;
  readonly pageQueue: Queue;
  readonly interrupts: Interrupts;
  readonly #commands: Commands;
  /** Null without capabilities.HPM. */
  readonly counters: Counters | null;
  readonly #caches: Caches;
  readonly #translator: Translator;
  readonly #reads = new InFlight();
  readonly #writes = new InFlight();
  readonly #outside: Outside;
  #fctl: number;
  #ddtp = 0n;
  #qosIds = 0;
  /** When the directory was switched off: accesses let through before may still be on their way. */
  #offSince: Moment | null = null;
  #directory: DirectoryRegisters;
  #debugAddress = 0n;
  #debugControl = 0n;
  #debugResponse = 0n;

  constructor(port: TablePort, options: BuildOptions, outside: Outside) {
    this.features = features(options);
    const { PAS } = this.features.caps;
    this.bus = new Bus(port, PAS);
    this.#outside = outside;
    this.#fctl = options.fctl & 7;
    this.#directory = { mode: 0, root: 0, be: (this.#fctl & 1) !== 0, gxl: (this.#fctl & 4) !== 0 };
    this.commandQueue = new Queue(16, MF | TIMED_OUT | ILLEGAL | FENCE_DONE, PAS);
    this.faultQueue = new Queue(32, MF | OF, PAS);
    this.pageQueue = new Queue(16, MF | OF, PAS);
    this.interrupts = new Interrupts(this.features, this.bus, () => this.#wired, (address) => {
      this.#record(fault(273, { table: 'interrupt message', level: null, entry: address, rule: UNDELIVERED }), { ...NOBODY, iotval: address });
    }, (cause) => this.#outside.wire?.(cause));
    this.counters = this.features.caps.HPM ? new Counters(options.counters, () => this.interrupts.raise(PMIP)) : null;
    this.#caches = new Caches(options.caches);
    this.#translator = new Translator(this.features, this.bus, this.#caches, this.counters);
    this.#commands = new Commands(this.commandQueue, {
      bus: this.bus,
      features: this.features,
      bigEndian: () => this.#directory.be,
      wired: () => this.#wired,
      directoryMode: () => this.#directory.mode,
      send: (message) => this.#outside.send(message),
      order: (reads, writes) => this.#outside.order(reads, writes),
      invalidate: (invalidation) => {
        forget(this.#caches, invalidation);
        this.#outside.invalidated(invalidation);
      },
      moment: () => this.#moment(),
      arrived: (since, reads, writes) => this.#arrived(since, reads, writes),
    });
  }

  #moment(): Moment {
    return { reads: this.#reads.now, writes: this.#writes.now };
  }

  #arrived(since: Moment, reads: boolean, writes: boolean): boolean {
    return (!reads || this.#reads.through(since.reads)) && (!writes || this.#writes.through(since.writes));
  }

  get caches(): readonly CacheView[] {
    return this.#caches.views;
  }

  /** Asked at each hit whether the entry was evicted before; null: never. */
  set lapses(choice: Lapses | null) {
    this.#caches.lapses = choice;
  }

  get #wired(): boolean {
    return (this.#fctl & 2) !== 0;
  }

  get fctl(): number {
    return this.#fctl;
  }

  get walkers(): Walkers {
    return this.#translator.stages;
  }

  get ddtp(): bigint {
    return this.#ddtp;
  }

  /**
   * Translates one request of a device and records what must be recorded. Process id -1: none; flags as in `request.ts`.
   * `frame`, `span` and the rest below are then those of this request.
   */
  translateFast(deviceId: number, processId: number, flags: number, low: number, high: number): number {
    const translator = this.#translator;
    if (translator.run(this.#directory, deviceId, processId, flags, low, high)) return REACHED;
    const { fault: met, device } = translator;
    if (met === null) return REACHED;
    const cause = CAUSES[met.cause];
    if ((flags & ATS) !== 0 && cause?.ats === 'quiet') return DENIED;
    this.#report(met, deviceId, processId, flags, wordOf(low, high), device?.dtf ?? false);
    const aborts = (flags & ATS) !== 0 && cause?.ats === 'completer-abort' && !(cause.corrupt === true && this.features.options.switches.atsCorrupt === 'unsupported-request');
    return aborts ? ABORTED : UNSUPPORTED;
  }

  /** What the last request reached, and log2 of the bytes around it that translate alike. */
  get frame(): number {
    return this.#translator.frame;
  }

  get span(): number {
    return this.#translator.span;
  }

  /** Translates one request of a device, with all that can be said about it. */
  translate(request: Request): Answer {
    const flags = flagsOf(request);
    const status = this.translateFast(request.deviceId, request.processId ?? -1, flags, lowOf(request.address), highOf(request.address));
    const { fault: met, device } = this.#translator;
    if (status === REACHED || met === null) return this.#translated(request, flags);
    if (status !== DENIED) return { kind: 'refused', fault: met, status: status === ABORTED ? 'completer-abort' : 'unsupported-request' };
    return { kind: 'denied', fault: met, ats: { ...this.#permissions(request, flags, 0), cxlIo: request.cxl && (device?.t2gpa === true || met.why.table === 'MSI page table') } };
  }

  #translated(request: Request, flags: number): Translated {
    const { frame, span, memoryType, isMsi, resident, grants, device } = this.#translator;
    const mrif = resident?.kind === 'mrif' ? { address: resident.address, notice: resident.notice, noticeId: resident.noticeId } : null;
    const qos = !this.features.caps.QOSID ? null : device === null ? { rcid: this.bus.rcid, mcid: this.bus.mcid } : { rcid: device.rcid, mcid: device.mcid };
    const ats = request.type === 'ats' ? this.#permissions(request, flags, grants) : null;
    return { kind: 'translated', address: mrif === null ? addressOf(frame, lowOf(request.address & 0xfffn)) : null, span, memoryType, isMsi, mrif, ats, qos };
  }

  #permissions(request: Request, flags: number, grants: number): AtsPermissions {
    return {
      read: (grants & GRANTS_READ) !== 0,
      write: (grants & GRANTS_WRITE) !== 0,
      execute: (grants & GRANTS_EXECUTE) !== 0,
      privileged: isSupervisor(flags, request.processId ?? -1),
      global: (grants & GRANTS_GLOBAL) !== 0,
      untranslatedOnly: this.#translator.resident !== null,
      noSnoop: false,
      cxlIo: this.#translator.cxlIo,
    };
  }

  serve(request: DmaRequest): DmaAnswer {
    const flags = requestFlags(request);
    const status = this.translateFast(request.source, request.pasid ?? -1, flags, lowOf(request.address), highOf(request.address));
    if (status === DENIED) return { kind: 'denied' };
    if (status !== REACHED) return { kind: 'refused', status: status === ABORTED ? 'completer-abort' : 'unsupported-request' };
    const { frame, span, isMsi, resident, grants } = this.#translator;
    const ats = request.type === 'ats' ? grantOf(grants, isSupervisor(flags, request.pasid ?? -1), resident !== null) : null;
    if (resident?.kind === 'mrif') {
      if (ats !== null) return { kind: 'memory', address: request.address, span, ats, ticket: 0 };
      return { kind: 'interrupt', address: resident.address, resident: { notice: resident.notice, noticeId: resident.noticeId } };
    }
    const address = addressOf(frame, lowOf(request.address & 0xfffn));
    if (ats !== null) return { kind: 'memory', address, span, ats, ticket: 0 };
    if (isMsi && request.write) return { kind: 'interrupt', address };
    return { kind: 'memory', address, span, ats: null, ticket: request.write ? 2 * this.#writes.open() : 2 * this.#reads.open() + 1 };
  }

  landed(ticket: number): void {
    (ticket % 2 === 0 ? this.#writes : this.#reads).close(Math.floor(ticket / 2));
  }

  page(request: PageRequestMessage): void {
    this.pageRequest(pageRequestOf(request));
  }

  invalidated(source: number, tag: number): void {
    this.#commands.completeTag(source, tag);
  }

  timedOut(tag: number): void {
    this.#commands.timeOut(1 << tag);
  }

  step(): 'ran' | 'waiting' | 'idle' {
    const done = this.#commands.step();
    this.#updateInterrupts();
    return done;
  }

  /** A page request, or a stop marker, arrives from a device. */
  pageRequest(request: PageRequest): void {
    if (!this.features.caps.ATS) return;
    const { mode } = this.#directory;
    this.counters?.subject(request.deviceId, request.processId ?? -1);
    const found = mode >= 2 ? this.#translator.locate(this.#directory, request.deviceId) : fault(mode === 0 ? 256 : 260, { table: 'request', level: null, entry: null, rule: mode === 0 ? PAGE_OFF : PAGE_BARE });
    const device = found.kind === 'fault' ? null : found;
    const refused = found.kind === 'fault' ? found : found.enPri ? null : fault(260, { table: 'device directory', level: 0, entry: addressOf(found.frame, found.offset), rule: NO_PRI });
    if (refused !== null) {
      const silent = device?.dtf === true && CAUSES[refused.cause]?.despiteDtf !== true;
      if (!silent) this.#record(refused, { type: 9, deviceId: request.deviceId, processId: request.processId, privileged: request.privileged, iotval: 4n });
      this.#answer(request, refused.cause === 260 ? 'invalid' : 'failure', device?.prpr ?? false);
      return;
    }
    const status = this.#queuePage(request);
    if (status !== 'queued') this.#answer(request, status, device?.prpr ?? false);
    this.#updateInterrupts();
  }

  runCommands(): void {
    this.#commands.run();
    this.#updateInterrupts();
  }

  /** An invalidation completion arrives. Returns whether a tag in it was not expected. */
  invalidationComplete(requester: number, segment: number | null, tags: number, needed: number): boolean {
    const unexpected = this.#commands.complete(requester, segment, tags, needed);
    this.runCommands();
    return unexpected;
  }

  /** Completions that will not come any more. */
  invalidationTimeOut(tags: number): void {
    this.#commands.timeOut(tags);
    this.runCommands();
  }

  /** Registers of 4 bytes: fctl, queue indexes and controls, ipsr. Anything misaligned reads 0 and ignores writes. */
  readRegister(offset: number, size: 4 | 8): bigint {
    if (offset < 0 || offset % size !== 0 || offset >= 4096) return 0n;
    if (size === 8) return isWide(offset) ? this.#read32(offset) | (this.#read32(offset + 4) << 32n) : 0n;
    return this.#read32(offset);
  }

  writeRegister(offset: number, size: 4 | 8, value: bigint): void {
    if (offset < 0 || offset % size !== 0 || offset >= 4096) return;
    if (isWide(offset & ~7)) {
      const at = offset & ~7;
      const old = this.readRegister(at, 8);
      const shift = BigInt(8 * (offset - at));
      const merged = size === 8 ? value : (old & ~(0xffff_ffffn << shift)) | ((value & 0xffff_ffffn) << shift);
      this.#write64(at, merged, size === 8 || offset === at, size === 8 || offset !== at);
    } else if (size === 4) this.#write32(offset, lowOf(value));
    this.#updateInterrupts();
  }

  #read32(offset: number): bigint {
    const half = (word: bigint): bigint => (offset % 8 === 0 ? word : word >> 32n) & 0xffff_ffffn;
    const pages = this.features.caps.ATS;
    const debug = this.features.caps.DBG;
    switch (offset & ~7) {
      case 0:
        return half(this.features.options.capabilities);
      case 16:
        return half(this.#ddtp | (this.#offSince !== null && !this.#arrived(this.#offSince, true, true) ? BUSY : 0n));
      case 24:
        return half(this.commandQueue.base);
      case 40:
        return half(this.faultQueue.base);
      case 56:
        return pages ? half(this.pageQueue.base) : 0n;
      case 600:
        return debug ? half(this.#debugAddress) : 0n;
      case 608:
        return debug ? half(this.#debugControl) : 0n;
      case 616:
        return debug ? half(this.#debugResponse) : 0n;
      case 760:
        return half(BigInt(this.interrupts.icvec));
    }
    if (isCounter(offset)) return this.counters === null ? 0n : offset < OFFSET.iohpmcycles ? this.counters.read(offset) : half(this.counters.read(offset & ~7));
    if (offset >= 768 && offset < 1024) return BigInt(this.interrupts.readTable(offset - 768));
    switch (offset) {
      case 8:
        return BigInt(this.#fctl);
      case 32:
        return BigInt(this.commandQueue.head);
      case 36:
        return BigInt(this.commandQueue.tail);
      case 48:
        return BigInt(this.faultQueue.head);
      case 52:
        return BigInt(this.faultQueue.tail);
      case 64:
        return pages ? BigInt(this.pageQueue.head) : 0n;
      case 68:
        return pages ? BigInt(this.pageQueue.tail) : 0n;
      case 72:
        return BigInt(this.commandQueue.control);
      case 76:
        return BigInt(this.faultQueue.control);
      case 80:
        return pages ? BigInt(this.pageQueue.control) : 0n;
      case 84:
        return BigInt(this.interrupts.pending);
      case 624:
        return BigInt(this.#qosIds);
    }
    return 0n;
  }

  /** `low`, `high`: which halves were written. */
  #write64(offset: number, value: bigint, low: boolean, high: boolean): void {
    switch (offset) {
      case 16:
        this.#writeDirectory(value);
        return;
      case 24:
        this.commandQueue.writeBase(value);
        return;
      case 40:
        this.faultQueue.writeBase(value);
        return;
      case 56:
        if (this.features.caps.ATS) this.pageQueue.writeBase(value);
        return;
      case 600:
        if (this.features.caps.DBG) this.#debugAddress = value & ~0xfffn;
        return;
      case 608:
        if (this.features.caps.DBG) this.#writeDebugControl(value, low);
        return;
      case 760:
        this.interrupts.writeVectors(lowOf(value));
        return;
    }
    if (isCounter(offset)) this.counters?.write(offset, value);
    if (offset < 768 || offset >= 1024) return;
    if (low) this.interrupts.writeTable(offset - 768, lowOf(value));
    if (high) this.interrupts.writeTable(offset - 764, lowOf(value >> 32n));
  }

  #write32(offset: number, value: number): void {
    const pages = this.features.caps.ATS;
    if (offset >= 768 && offset < 1024) this.interrupts.writeTable(offset - 768, value);
    switch (offset) {
      case 8:
        this.#writeFeatures(value);
        return;
      case 36:
        this.commandQueue.writeTail(value);
        return;
      case 48:
        this.faultQueue.writeHead(value);
        return;
      case 64:
        if (pages) this.pageQueue.writeHead(value);
        return;
      case 72: {
        const was = this.commandQueue.on;
        if (this.commandQueue.writeControl(value)) this.commandQueue.writeHead(0);
        if (was !== this.commandQueue.on) this.#commands.drop();
        return;
      }
      case 76:
        if (this.faultQueue.writeControl(value)) this.faultQueue.writeTail(0);
        return;
      case 80:
        if (pages && this.pageQueue.writeControl(value)) this.pageQueue.writeTail(0);
        return;
      case 84:
        this.interrupts.pending &= ~value;
        return;
      case 92:
        this.counters?.write(offset, BigInt(value));
        return;
      case 624:
        if (!this.features.caps.QOSID) return;
        this.#qosIds = Number(QosIds.encode(QosIds.decode(BigInt(value))));
        this.bus.setOwn(this.#qosIds & 0xfff, this.#qosIds >>> 16);
    }
  }

  /** Fields are fixed while the unit translates or a queue runs; the text leaves that open. */
  #writeFeatures(value: number): void {
    if (this.#directory.mode !== 0 || ((this.commandQueue.control | this.faultQueue.control | this.pageQueue.control) & ON) !== 0) return;
    const { options, caps } = this.features;
    const writable = Number(FeaturesControl.encode({ BE: options.beWritable, WSI: caps.IGS === 2, GXL: options.gxlWritable }));
    this.#fctl = (this.#fctl & ~writable) | (value & writable);
    this.#directory = { ...this.#directory, be: (this.#fctl & 1) !== 0, gxl: (this.#fctl & 4) !== 0 };
  }

  /** A mode that does not exist, or levels while there are levels, leaves the register as it is. */
  #writeDirectory(value: bigint): void {
    const { mode, PPN } = DirectoryPointer.decode(value);
    if (mode > this.features.options.maxDirectoryMode || (mode >= 2 && this.#directory.mode >= 2)) return;
    const frame = PPN & ((1n << BigInt(Math.max(0, this.features.caps.PAS - 12))) - 1n);
    this.#offSince = mode === 0 ? this.#moment() : null;
    this.#ddtp = DirectoryPointer.encode({ mode, PPN: frame });
    this.#directory = { ...this.#directory, mode, root: Number(frame) };
  }

  #writeDebugControl(value: bigint, starts: boolean): void {
    const fields = TranslationRequest.decode(value);
    const kept = { priv: fields.priv, exe: fields.exe, NW: fields.NW, PID: fields.PID, PV: fields.PV, DID: fields.DID & this.features.options.deviceMask };
    this.#debugControl = TranslationRequest.encode(kept);
    if (!starts || !fields.go) return;
    const answer = this.#debugTranslation({
      deviceId: kept.DID,
      processId: kept.PV ? kept.PID : null,
      type: 'untranslated',
      write: !kept.NW && !(kept.exe && this.features.options.switches.debugExecute === 'fetch'),
      execute: kept.exe,
      privileged: kept.priv,
      noWrite: kept.NW,
      cxl: false,
      address: this.#debugAddress,
    });
    this.#debugResponse = answer === null ? TranslationResponse.encode({ fault: true }) : TranslationResponse.encode({ PBMT: answer.memoryType, S: answer.span > 12, PPN: rangeCode(answer) });
  }

  /** "Debug support": like an untranslated request, but a memory-resident interrupt file is refused. */
  #debugTranslation(request: Request): Translated | null {
    const flags = flagsOf(request);
    const translator = this.#translator;
    const reached = translator.run(this.#directory, request.deviceId, request.processId ?? -1, flags, lowOf(request.address), highOf(request.address));
    if (reached && translator.resident === null) return this.#translated(request, flags);
    const refused = translator.fault ?? fault(260, { table: 'MSI page table', level: 0, entry: null, rule: DEBUG_MRIF });
    this.#report(refused, request.deviceId, request.processId ?? -1, flags, request.address, translator.device?.dtf ?? false);
    return null;
  }

  #report(of: Fault, deviceId: number, processId: number, flags: number, address: bigint, dtf: boolean): void {
    if (dtf && CAUSES[of.cause]?.despiteDtf !== true) return;
    this.#record(of, { type: transactionType(flags, processId), deviceId, processId: processId < 0 ? null : processId, privileged: isSupervisor(flags, processId), iotval: address });
  }

  /** Puts a record in the fault queue, unless it is off, full or failed. */
  #record(of: Fault, subject: Subject): void {
    const queue = this.faultQueue;
    if (!queue.on || queue.failed) return;
    if (queue.full) queue.control |= OF;
    else {
      const words = FaultRecord.encode({
        CAUSE: of.cause,
        PID: subject.processId ?? 0,
        PV: subject.processId !== null,
        PRIV: subject.processId !== null && subject.privileged,
        TTYP: subject.type,
        DID: subject.deviceId,
        iotval: subject.iotval,
        iotval2: of.iotval2,
      });
      const status = this.bus.storeWords('fault queue', queue.frameOf(queue.tail), queue.offsetOf(queue.tail), 32, this.#directory.be, split(words, 4));
      if (status === 'ok') queue.advanceTail();
      else queue.control |= MF;
    }
    if ((queue.control & IE) !== 0) this.interrupts.raise(FIP);
  }

  #queuePage(request: PageRequest): 'queued' | 'failure' | 'success' {
    const queue = this.pageQueue;
    if (!queue.on || (queue.control & MF) !== 0) return 'failure';
    if ((queue.control & OF) !== 0) return 'success';
    if (queue.full) {
      queue.control |= OF;
      return 'success';
    }
    const withProcess = request.processId !== null;
    const head = PageRequestRecord.encode({ PID: request.processId ?? 0, PV: withProcess, PRIV: withProcess && request.privileged, EXEC: withProcess && request.execute, DID: request.deviceId });
    const status = this.bus.storeWords('page-request queue', queue.frameOf(queue.tail), queue.offsetOf(queue.tail), 16, this.#directory.be, [head & ((1n << 64n) - 1n), request.payload]);
    if (status !== 'ok') {
      queue.control |= MF;
      return 'failure';
    }
    queue.advanceTail();
    if ((queue.control & IE) !== 0) this.interrupts.raise(PIP);
    return 'queued';
  }

  #answer(request: PageRequest, status: 'failure' | 'invalid' | 'success', prpr: boolean): void {
    const response = answerPageRequest(request, status, prpr);
    if (response !== null) this.#outside.send(response);
  }

  /** "Interrupt pending status register": a bit is set while its queue has an error and interrupts. */
  #updateInterrupts(): void {
    const wants = (queue: Queue): boolean => (queue.control & IE) !== 0 && queue.failed;
    if (wants(this.commandQueue)) this.interrupts.raise(CIP);
    if (wants(this.faultQueue)) this.interrupts.raise(FIP);
    if (wants(this.pageQueue)) this.interrupts.raise(PIP);
  }
}

/** `ddtp.busy`: switching off is done only when every access let through has landed. */
const BUSY = DirectoryPointer.encode({ busy: true });

/** Registers of 8 bytes. The message table counts as 8-byte registers for its addresses only. */
function isWide(offset: number): boolean {
  return offset === 0 || offset === 16 || offset === 24 || offset === 40 || offset === 56 || offset === 600 || offset === 608 || offset === 616 || offset === 760 || (offset >= OFFSET.iohpmcycles && isCounter(offset) && offset % 8 === 0) || (offset >= 768 && offset < 1024 && offset % 16 === 0);
}

const isCounter = (offset: number): boolean => offset >= OFFSET.iocountovf && offset < OFFSET.tr_req_iova;

/** A frame, or a range coded in its low bits: ones up to a zero. */
function rangeCode(answer: Translated): bigint {
  const frame = (answer.address ?? 0n) >> 12n;
  const bits = BigInt(answer.span - 12);
  const coded = bits === 0n ? frame : ((frame >> bits) << bits) | ((1n << (bits - 1n)) - 1n);
  return coded & ((1n << 44n) - 1n);
}

const split = (raw: bigint, words: number): bigint[] => Array.from({ length: words }, (_, i) => (raw >> BigInt(64 * i)) & ((1n << 64n) - 1n));

const PRI = 'RISC-V IOMMU, "PCIe ATS Page Request handling"';
const PAGE_OFF = { field: 'ddtp.mode', bits: '3:0', text: 'ddtp.mode is Off', section: PRI };
const PAGE_BARE = { field: 'ddtp.mode', bits: '3:0', text: 'with ddtp.mode Bare page requests are not supported', section: PRI };
const NO_PRI = { field: 'tc.EN_PRI', bits: '2', text: 'page requests need EN_PRI', section: PRI, repair: { set: 4n } };
const UNDELIVERED = { field: 'msi_addr', bits: '55:2', text: 'the message could not be written', section: 'RISC-V IOMMU, "MSI configuration table"', beyondRepair: 'memory takes no write at the address in the MSI configuration table' };
const DEBUG_MRIF = { field: 'M', bits: '2:1', text: 'a debug translation cannot end in a memory-resident interrupt file', section: 'RISC-V IOMMU, "Debug support"' };
