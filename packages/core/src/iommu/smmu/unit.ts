// SPDX-License-Identifier: Apache-2.0
/**
 * An Arm SMMUv3: stream table, context descriptor, two stages, events. One
 * context descriptor a stream; substreams, stalls, queues and ATS are not here yet.
 */
import { Bus } from '../bus.ts';
import type { Access, Rule } from '../../mmu/format.ts';
import type { TablePort } from '../../mmu/port.ts';
import { Walker, type Tables, type WalkEnd, type Walkers } from '../../mmu/walk.ts';
import { addressOf, highIn, highOf, lowIn, lowOf } from '../../mmu/word.ts';
import { readContext, readStream, type Context, type SmmuFeatures, type Stream } from './contexts.ts';
import { ACCESS_FLAG, INVALID, OUTPUT_SIZE, RANGE } from '../../mmu/formats/armv8.ts';
import { Event, StreamTableDescriptor } from './structures.ts';
import { wordView } from '../../base/layout-words.ts';

export interface SmmuRegisters {
  readonly cr0: number;
  readonly gbpa: number;
  readonly tableBase: bigint;
  readonly tableConfig: number;
}

export interface SmmuOptions {
  readonly features: SmmuFeatures;
  /** What lies past the end of a level-2 stream table: an illegal stream, or, in an emulator, as many entries again and then an illegal entry. */
  readonly spans: 'exact' | 'twice';
}

export interface SmmuRequest {
  readonly streamId: number;
  readonly write: boolean;
  readonly privileged: boolean;
  readonly address: bigint;
}

export interface SmmuFault {
  readonly event: number;
  readonly why: { readonly table: string; readonly level: number | null; readonly entry: bigint | null; readonly rule: Rule };
}

export type SmmuAnswer =
  | { readonly kind: 'translated'; readonly address: bigint; readonly span: number }
  /** Told to abort; no event. */
  | { readonly kind: 'aborted' }
  /** `record`: what the event queue is given; null where it is not recorded. */
  | { readonly kind: 'refused'; readonly fault: SmmuFault; readonly record: bigint | null };

export const EVENTS = { badStream: 2, steFetch: 3, badSte: 4, cdFetch: 9, badCd: 10, walkAbort: 11, translation: 16, addressSize: 17, access: 18, permission: 19 } as const;

const descriptor = wordView(StreamTableDescriptor);
const SPEC = 'Arm SMMUv3 (IHI 0070)';
const rule = (field: string, text: string, where: string): Rule => ({ field, bits: '-', text, section: `${SPEC}, "${where}"` });
const NO_STREAM = rule('StreamID', 'the stream must lie in the stream table', 'Stream table');
const UNREAD = rule('address', 'the structure lies where memory refuses access or is corrupt', 'Events');
const DISABLED = rule('EPD', 'the range of the address must be walked', 'Context Descriptor');

/** Class of a stage-2 event: what was being read. */
type Class = 0 | 1 | 2;

const WRITE: Access = { read: false, write: true, execute: false, supervisor: false, sum: false, dirties: true, probes: false };
const READ: Access = { read: true, write: false, execute: false, supervisor: false, sum: false, dirties: false, probes: false };

export class SmmuUnit {
  readonly bus: Bus;
  registers: SmmuRegisters = { cr0: 0, gbpa: 0, tableBase: 0n, tableConfig: 0 };
  readonly #options: SmmuOptions;
  readonly #first = new Walker();
  readonly #second = new Walker();
  #stream: Stream | null = null;
  #secondEnd: WalkEnd = 'reached';
  readonly #firstTables: Tables = {
    load: (walker, frame, offset, bytes) => {
      this.#secondEnd = this.#throughSecond(frame, offset, READ);
      if (this.#secondEnd !== 'reached') return 'unreached';
      walker.entryFrame = this.#second.frame;
      walker.entryOffset = offset;
      return this.#load(FIRST_NAMES[walker.level] ?? '', walker, bytes);
    },
    // Setting a flag in a stage-1 table is a write through stage 2.
    mark: (walker, bits, bytes) => {
      this.#secondEnd = this.#throughSecond(walker.tableFrame, walker.tableOffset, WRITE);
      return this.#secondEnd === 'reached' ? this.#mark(FIRST_NAMES[walker.level] ?? '', walker, bits, bytes) : 'unreached';
    },
  };
  readonly #secondTables: Tables = {
    load: (walker, frame, offset, bytes) => {
      walker.entryFrame = frame;
      walker.entryOffset = offset;
      return this.#load(SECOND_NAMES[walker.level] ?? '', walker, bytes);
    },
    mark: (walker, bits, bytes) => this.#mark(SECOND_NAMES[walker.level] ?? '', walker, bits, bytes),
  };

  constructor(port: TablePort, options: SmmuOptions) {
    this.#options = options;
    this.bus = new Bus(port, 52);
  }

  translate(request: SmmuRequest): SmmuAnswer {
    const { cr0, gbpa } = this.registers;
    if ((cr0 & 1) === 0) return (gbpa & 0x10_0000) !== 0 ? { kind: 'aborted' } : { kind: 'translated', address: request.address, span: 12 };
    const stream = this.#findStream(request);
    if ('fault' in stream) return stream;
    if (stream.kind === 'abort') return { kind: 'aborted' };
    if (stream.kind === 'bypass') return { kind: 'translated', address: request.address, span: 12 };
    this.#stream = stream;
    const access: Access = { read: !request.write, write: request.write, execute: false, supervisor: request.privileged, sum: false, dirties: request.write, probes: false };
    const low = lowOf(request.address);
    const high = highOf(request.address);
    let frame = high * 0x10_0000 + (low >>> 12);
    let span = 63;
    if (stream.first !== null) {
      const context = this.#findContext(stream.first, request);
      if ('fault' in context) return context;
      const reached = this.#walkFirst(context, request, access);
      if (reached !== null) return reached;
      frame = this.#first.frame;
      span = this.#first.span;
    }
    const end = this.#throughSecond(frame, low & 0xfff, access);
    if (end !== 'reached') return this.#secondFault(end, request, 2, request.write, addressOf(frame, 0));
    if (stream.second !== null) span = Math.min(span, this.#second.span);
    return { kind: 'translated', address: addressOf(this.#second.frame, low & 0xfff), span };
  }

  get walkers(): Walkers {
    return { first: this.#first, second: this.#second };
  }

  #findStream(request: SmmuRequest): Stream | (SmmuAnswer & { kind: 'refused' }) {
    const { tableBase, tableConfig } = this.registers;
    const { features, spans } = this.#options;
    const bits = Math.min(tableConfig & 0x3f, features.streamBits);
    const bad = (event: number, broken: Rule, entry: bigint | null = null): SmmuAnswer & { kind: 'refused' } => this.#configFault(request, event, 'stream table', broken, entry);
    if (request.streamId >= 2 ** bits) return bad(EVENTS.badStream, NO_STREAM);
    const twoLevel = ((tableConfig >>> 16) & 3) === 1;
    const split = (tableConfig >>> 6) & 0x1f;
    const base = Number((tableBase >> 6n) & 0x3fff_ffff_ffffn);
    let at: number;
    if (twoLevel) {
      const index = Math.floor(request.streamId / 2 ** split);
      const first = aligned(base, Math.max(0, bits - split - 3)) * 64 + index * 8;
      if (this.bus.load('stream table, level 1', Math.floor(first / 4096), first % 4096, 8, false) !== 'ok') return this.#fetchFault(request, EVENTS.steFetch, 'stream table', BigInt(first));
      const span = descriptor.get.Span(this.bus.data, 0);
      const below = request.streamId % 2 ** split;
      if (span === 0) return bad(EVENTS.badStream, NO_STREAM, BigInt(first));
      if (below >= 2 ** (spans === 'exact' ? span - 1 : span)) return bad(spans === 'exact' ? EVENTS.badStream : EVENTS.badSte, NO_STREAM, BigInt(first));
      at = (descriptor.get.L2Ptr(this.bus.data, 0) + below) * 64;
    } else at = (aligned(base, bits) + request.streamId) * 64;
    if (this.bus.load('stream table entry', Math.floor(at / 4096), at % 4096, 64, false) !== 'ok') return this.#fetchFault(request, EVENTS.steFetch, 'stream table', BigInt(at));
    const stream = readStream(features, this.bus.data);
    return 'text' in stream ? bad(EVENTS.badSte, stream, BigInt(at)) : stream;
  }

  #findContext(pointer: { readonly pointerFrame: number; readonly pointerOffset: number }, request: SmmuRequest): Context | (SmmuAnswer & { kind: 'refused' }) {
    const { pointerFrame, pointerOffset } = pointer;
    const end = this.#throughSecond(pointerFrame, pointerOffset, READ);
    if (end !== 'reached') return this.#secondFault(end, request, 0, false, addressOf(pointerFrame, 0));
    const at = addressOf(this.#second.frame, pointerOffset);
    if (this.bus.load('context descriptor', this.#second.frame, pointerOffset, 64, false) !== 'ok') return this.#fetchFault(request, EVENTS.cdFetch, 'context descriptor', at);
    const context = readContext(this.#options.features, this.bus.data);
    return 'text' in context ? this.#configFault(request, EVENTS.badCd, 'context descriptor', context, at) : context;
  }

  /** Null when `first` holds the result. */
  #walkFirst(context: Context, request: SmmuRequest, access: Access): SmmuAnswer | null {
    const upper = ((request.address >> 55n) & 1n) === 1n;
    const range = upper ? context.upper : context.lower;
    const refuse = (event: number, broken: Rule, read: boolean, extra: { class: Class; ipa?: bigint }): SmmuAnswer => {
      const walker = this.#first;
      const fault = { event, why: { table: 'stage-1 table', level: read ? walker.level : null, entry: read ? addressOf(walker.entryFrame, walker.entryOffset) : null, rule: broken } };
      return this.#event(fault, request, context.records, { RnW: !request.write, PnU: request.privileged, class: extra.class, address: request.address, ipa: extra.ipa ?? 0n });
    };
    if (range === null) return refuse(EVENTS.translation, DISABLED, false, { class: 2 });
    const bits = BigInt(range.inputBits);
    const top = range.ignoresTopByte ? 56n : 64n;
    const above = (request.address & ((1n << top) - 1n)) >> bits;
    if (above !== (upper ? (1n << (top - bits)) - 1n : 0n)) return refuse(EVENTS.translation, RANGE, false, { class: 2 });
    const end = this.#first.walk(range.format, range.root, lowOf(request.address), highOf(request.address), access, true, this.#firstTables);
    switch (end) {
      case 'reached':
        return null;
      case 'unreached':
        return this.#secondFault(this.#secondEnd, request, 1, false, addressOf(this.#first.tableFrame, 0));
      case 'refused':
        return refuse(eventOf(this.#first.rule), this.#first.rule ?? INVALID, true, { class: 2 });
      case 'denied':
      case 'corrupt':
        return refuse(EVENTS.walkAbort, UNREAD, true, { class: 1, ipa: addressOf(this.#first.entryFrame, this.#first.entryOffset) });
    }
  }

  /** Through stage 2 where there is one; the frame is then in `second`. */
  #throughSecond(frame: number, offset: number, access: Access): WalkEnd {
    const second = this.#stream?.second ?? null;
    const walker = this.#second;
    if (second === null) {
      walker.frame = frame;
      return 'reached';
    }
    if (frame >= 2 ** (second.inputBits - 12)) {
      walker.rule = RANGE;
      return 'refused';
    }
    return walker.walk(second.format, second.root, lowIn(frame, offset), highIn(frame), access, true, this.#secondTables);
  }

  #load(what: string, walker: Walker, bytes: number): WalkEnd {
    const status = this.bus.load(what, walker.entryFrame, walker.entryOffset, bytes, false);
    walker.low = (this.bus.data[0] ?? 0) | 0;
    walker.high = (this.bus.data[1] ?? 0) | 0;
    return status === 'ok' ? 'reached' : status;
  }

  #mark(what: string, walker: Walker, bits: number, bytes: number): WalkEnd | 'changed' {
    const status = this.bus.mark(what, walker.entryFrame, walker.entryOffset, bytes, false, walker.low, walker.high, bits);
    if (status === 'ok') walker.low |= bits;
    return status === 'ok' ? 'reached' : status;
  }

  #secondFault(end: WalkEnd, request: SmmuRequest, of: Class, write: boolean, ipa: bigint): SmmuAnswer & { kind: 'refused' } {
    const walker = this.#second;
    const refused = end === 'refused';
    const read = !(refused && walker.rule === RANGE);
    const fault = {
      event: refused ? eventOf(walker.rule) : EVENTS.walkAbort,
      why: { table: 'stage-2 table', level: read ? walker.level : null, entry: read ? addressOf(walker.entryFrame, walker.entryOffset) : null, rule: refused ? (walker.rule ?? INVALID) : UNREAD },
    };
    return this.#event(fault, request, this.#stream?.second?.records ?? true, { RnW: !write, PnU: request.privileged, S2: true, class: of, address: request.address, ipa: refused ? ipa : addressOf(walker.entryFrame, walker.entryOffset) });
  }

  #configFault(request: SmmuRequest, event: number, table: string, broken: Rule, entry: bigint | null): SmmuAnswer & { kind: 'refused' } {
    return this.#event({ event, why: { table, level: null, entry, rule: broken } }, request, true, {});
  }

  #fetchFault(request: SmmuRequest, event: number, table: string, address: bigint): SmmuAnswer & { kind: 'refused' } {
    return this.#event({ event, why: { table, level: null, entry: address, rule: UNREAD } }, request, true, { address });
  }

  #event(fault: SmmuFault, request: SmmuRequest, records: boolean, fields: Parameters<typeof Event.encode>[0]): SmmuAnswer & { kind: 'refused' } {
    const record = records && (this.registers.cr0 & 4) !== 0 ? Event.encode({ ...fields, id: fault.event, stream: request.streamId }) : null;
    return { kind: 'refused', fault, record };
  }
}

const FIRST_NAMES = [3, 2, 1, 0].map((level) => `stage-1 table, level ${level}`);
const SECOND_NAMES = [3, 2, 1, 0].map((level) => `stage-2 table, level ${level}`);

/** A base in units of 64 bytes, aligned to a table of 2^`bits` such units. */
const aligned = (base: number, bits: number): number => base - (base % 2 ** bits);

function eventOf(broken: Rule | null): number {
  if (broken === OUTPUT_SIZE) return EVENTS.addressSize;
  if (broken === ACCESS_FLAG) return EVENTS.access;
  return broken === INVALID || broken === RANGE || broken === null ? EVENTS.translation : EVENTS.permission;
}
