// SPDX-License-Identifier: Apache-2.0
/**
 * What becomes of one request: IHI 0070, 3.9 and the procedure of chapter 15. It
 * reads tables and marks pages; the record it names is put into the queue by
 * whoever asked (`unit.ts`).
 */
import type { Access, Repair, Rule } from '../../mmu/format.ts';
import { permits, PERMITS } from '../../mmu/formats/armv8.ts';
import { addressOf } from '../../mmu/word.ts';
import type { AtsGrant } from '../unit.ts';
import type { Configuration } from './configuration.ts';
import type { Context, Stream } from './contexts.ts';
import { EVENTS, failure, KINDS, recordOf, type Asker, type Failure, type SmmuFault } from './events.ts';
import type { SmmuFeatures } from './features.ts';
import type { Reached, Stages } from './stages.ts';

export interface SmmuRequest {
  readonly streamId: number;
  /** Null or left out: the request has none. */
  readonly substream?: number | null;
  /** Left out: untranslated. */
  readonly type?: 'untranslated' | 'ats' | 'translated';
  readonly write: boolean;
  readonly execute?: boolean;
  readonly privileged: boolean;
  /** ATS: the function will only read. */
  readonly noWrite?: boolean;
  readonly address: bigint;
}

/** What of the registers decides about a request. */
export interface Controls {
  readonly enabled: boolean;
  /** GBPA.ABORT. */
  readonly abortsWhileOff: boolean;
  readonly recordsEvents: boolean;
  /** CR0.ATSCHK. */
  readonly checksTranslated: boolean;
  /** CR2: RECINVSID, REC_CFG_ATS, E2H. */
  readonly recordsBadStreams: boolean;
  readonly recordsAts: boolean;
  readonly e2h: boolean;
  readonly tableBase: bigint;
  readonly tableConfig: number;
}

/** How a refused request ends. `stall`: it waits. */
export type Ending = 'abort' | 'zero' | 'stall' | 'unsupported-request' | 'completer-abort';

export type SmmuAnswer =
  | { readonly kind: 'translated'; readonly address: bigint; readonly span: number; readonly ats: AtsGrant | null }
  /** Told to abort; no event. `ats`: an unsupported request. */
  | { readonly kind: 'aborted' }
  /** ATS: success without any permission; nothing is recorded. */
  | { readonly kind: 'denied'; readonly fault: SmmuFault }
  /** `record`: what the event queue is given; null where it is not recorded. */
  | { readonly kind: 'refused'; readonly fault: SmmuFault; readonly record: bigint | null; readonly ends: Ending };

interface Ask extends Asker {
  /** Privilege before the stream replaced it. */
  readonly askedPrivileged?: boolean;
  readonly type: 'untranslated' | 'ats' | 'translated';
  readonly noWrite: boolean;
}

const SPEC = 'Arm SMMUv3 (IHI 0070)';
/** `mending`: the edit, or why there is none. */
const rule = (field: string, bits: string, text: string, section: string, mending: Repair | string): Rule => (typeof mending === 'string' ? { field, bits, text, section: `${SPEC}, ${section}`, beyondRepair: mending } : { field, bits, text, section: `${SPEC}, ${section}`, repair: mending });
const NO_ATS_WHILE_OFF = rule('SMMUEN', '0', 'ATS needs a unit that translates', '3.9.1.2, 3.9.1.3', 'no entry is to blame');
const NO_ATS = rule('EATS', '93:92', 'the stream must permit ATS; split-stage ATS needs CR0.ATSCHK', '5.2 "Stream Table Entry", EATS', { clear: 3n << 92n, set: 1n << 92n });
const NO_ATS_BUILT = rule('ATS', '10', 'ATS must be built in (IDR0.ATS)', '5.2 "Stream Table Entry", EATS', 'the unit has none');
const NO_ATS_BYPASS = rule('Config', '3:1', 'a stream that bypasses translation has no ATS', '5.2 "Stream Table Entry", Config', 'tables would have to be there');
const NO_SUBSTREAMS = rule('SubstreamID', '-', 'a substream needs stage 1 and a table of context descriptors that holds it', '7.3.9 "C_BAD_SUBSTREAMID"', 'the descriptor would have to be there');
const NEEDS_SUBSTREAM = rule('S1DSS', '65:64', 'with S1DSS 0 a request must have a substream', '7.3.7 "F_STREAM_DISABLED"', { clear: 3n << 64n, set: 2n << 64n });
const SUBSTREAM_0 = rule('S1DSS', '65:64', 'with S1DSS 2 substream 0 belongs to requests without one', '7.3.7 "F_STREAM_DISABLED"', { clear: 3n << 64n });
const TOO_WIDE = rule('address', '-', 'an address that stage 1 passes on must not exceed the output size', '3.4 "Address sizes"', 'no entry is to blame');
const NOTHING_GRANTED = rule('permission', '-', 'the page permits nothing of what ATS can grant', '13.7 "PCIe permission attribute interpretation"', 'stages and privileges each permit a part');

export class Translator {
  readonly #features: SmmuFeatures;
  readonly #configuration: Configuration;
  readonly #stages: Stages;

  constructor(features: SmmuFeatures, configuration: Configuration, stages: Stages) {
    this.#features = features;
    this.#configuration = configuration;
    this.#stages = stages;
  }

  translate(controls: Controls, request: SmmuRequest): SmmuAnswer {
    const { streamId, privileged, address, write } = request;
    const type = request.type ?? 'untranslated';
    const ask: Ask = { streamId, substream: request.substream ?? null, type, write: write && type !== 'ats', execute: request.execute === true && !write, privileged, noWrite: request.noWrite === true, address };
    if (!controls.enabled) return this.#whileOff(controls, ask);
    // Fast mode: translated requests are not looked at (CR0.ATSCHK), but for the size of their address (3.9.1.1).
    if (type === 'translated' && !controls.checksTranslated) return this.#pass(ask);
    const stream = this.#configuration.findStream({ base: controls.tableBase, config: controls.tableConfig, e2h: controls.e2h }, streamId);
    if (!isStream(stream)) return this.#refuse(controls, ask, stream);
    if (stream.kind === 'abort') return { kind: 'aborted' };
    if (type !== 'untranslated') {
      const ats = effectiveAts(stream, controls);
      if (ats === 'none') return this.#forbidAts(controls, ask, stream.kind === 'bypass' ? NO_ATS_BYPASS : this.#features.ats ? NO_ATS : NO_ATS_BUILT, stream);
      if (type === 'translated') return ats === 'full' ? this.#pass(ask) : this.#afterSplit(controls, ask, stream);
    }
    return this.#ordinary(controls, overridden(ask, stream), stream);
  }

  /** CMD_PREFETCH_CONFIG: looks a stream and its context descriptor up, for the caches to have them. */
  prefetch(controls: Controls, streamId: number, substream: number | null): void {
    const stream = this.#configuration.findStream({ base: controls.tableBase, config: controls.tableConfig, e2h: controls.e2h }, streamId);
    if (!isStream(stream) || stream.first === null) return;
    const index = indexOf(stream, substream);
    if (typeof index === 'number') this.#configuration.findContext({ first: stream.first, second: stream.second, world: stream.world }, streamId, index);
  }

  /** STE.PPAR of a stream, null where there is no legal entry; and what is recorded then (8.1). */
  responsesWithPasid(controls: Controls, streamId: number): { readonly withPasid: boolean | null; readonly record: bigint | null } {
    const stream = this.#configuration.findStream({ base: controls.tableBase, config: controls.tableConfig, e2h: controls.e2h }, streamId);
    if (isStream(stream)) return { withPasid: stream.responsesWithPasid, record: null };
    const records = controls.recordsAts && controls.recordsEvents && (stream.event !== EVENTS.badStream || controls.recordsBadStreams);
    return { withPasid: null, record: records ? recordOf(stream, { ...NOBODY, streamId }) : null };
  }

  #whileOff(controls: Controls, ask: Ask): SmmuAnswer {
    if (ask.type !== 'untranslated') return this.#forbidAts(controls, ask, NO_ATS_WHILE_OFF, null);
    return controls.abortsWhileOff ? { kind: 'aborted' } : this.#pass(ask);
  }

  /** Unchanged, if it fits (3.4); otherwise it aborts without an event. */
  #pass({ address }: Ask): SmmuAnswer {
    return address >= 1n << BigInt(this.#features.outputBits) ? { kind: 'aborted' } : { kind: 'translated', address, span: 12, ats: null };
  }

  #forbidAts(controls: Controls, ask: Ask, broken: Rule, stream: Stream | null): SmmuAnswer {
    const request = ask.type === 'ats';
    const fault = failure(request ? EVENTS.badAtsRequest : EVENTS.translationForbidden, { table: stream === null ? 'request' : 'stream table', level: null, entry: stream === null ? null : BigInt(stream.at), rule: broken });
    return { kind: 'refused', fault, record: controls.recordsEvents ? recordOf(fault, request ? { ...ask, write: !ask.noWrite } : ask) : null, ends: request ? 'unsupported-request' : 'abort' };
  }

  /** 13.6.3: a translated request of a split-stage stream is a guest address. It counts as unprivileged data. */
  #afterSplit(controls: Controls, ask: Ask, stream: Stream): SmmuAnswer {
    const plain = overridden({ ...ask, substream: null, privileged: false, execute: false }, stream);
    const narrow = this.#narrow(plain);
    if (narrow !== null) return this.#refuse(controls, plain, narrow);
    const reached = this.#stages.translate({ ...stream, context: null }, ask.address, accessOf(plain));
    return reached.kind === 'failure' ? this.#refuse(controls, plain, reached, this.#endingOf(stream, null, reached)) : { kind: 'translated', address: addressOf(reached.frame, offsetOf(ask.address)), span: reached.span, ats: null };
  }

  #ordinary(controls: Controls, ask: Ask, stream: Stream): SmmuAnswer {
    const index = indexOf(stream, ask.substream);
    if (typeof index === 'object' && index !== null) return this.#refuse(controls, ask, index);
    let context: Context | null = null;
    if (index !== null && stream.first !== null) {
      const found = this.#configuration.findContext({ first: stream.first, second: stream.second, world: stream.world }, ask.streamId, index);
      if (!isContext(found)) return this.#refuse(controls, ask, found, this.#endingOf(stream, null, found));
      context = found;
    } else {
      const narrow = this.#narrow(ask);
      if (narrow !== null) return this.#refuse(controls, ask, narrow);
      if (stream.second === null) return { kind: 'translated', address: ask.address, span: 12, ats: ask.type === 'ats' ? { ...NO_GRANT, read: true, write: true } : null };
    }
    const space = { world: stream.world, vmid: stream.vmid, context, second: stream.second };
    if (ask.type !== 'ats') {
      const reached = this.#stages.translate(space, ask.address, accessOf(ask));
      if (reached.kind === 'failure') return this.#refuse(controls, ask, reached, this.#endingOf(stream, context, reached));
      return { kind: 'translated', address: addressOf(reached.frame, offsetOf(ask.address)), span: reached.span, ats: null };
    }
    const probe: Access = { read: true, write: !ask.noWrite, execute: ask.execute, supervisor: ask.privileged, sum: false, dirties: false, probes: true };
    const reached = this.#stages.translate(space, ask.address, probe);
    if (reached.kind === 'failure') return this.#refuse(controls, ask, reached);
    return this.#grant(controls, ask, stream, space, reached);
  }

  /** 13.7.1. A page that is clean and may be written is marked now: the function will not ask again (3.13.7). */
  #grant(controls: Controls, ask: Ask, stream: Stream, space: Parameters<Stages['translate']>[0], found: Reached): SmmuAnswer {
    let reached = found;
    let both = permitted(reached, ask.privileged);
    if (!ask.noWrite && (both & PERMITS.write) !== 0 && (both & PERMITS.clean) !== 0) {
      const marked = this.#stages.translate(space, ask.address, { read: false, write: true, execute: false, supervisor: ask.privileged, sum: false, dirties: true, probes: false });
      // Somebody changed the tables in between: what is then missing is an answer, too.
      if (marked.kind === 'failure') return this.#refuse(controls, ask, marked);
      reached = marked;
      both = permitted(reached, ask.privileged);
    }
    const reads = (both & (stream.instruction === true ? PERMITS.execute : PERMITS.read)) !== 0;
    const executes = ask.substream !== null && ask.execute && reads && (stream.instruction === false || (both & PERMITS.execute) !== 0);
    const writes = (both & PERMITS.write) !== 0 && (both & PERMITS.clean) === 0;
    if (!reads && !writes) return { kind: 'denied', fault: failure(EVENTS.permission, { table: 'request', level: null, entry: null, rule: NOTHING_GRANTED }) };
    const split = effectiveAts(stream, controls) === 'split';
    const frame = split ? reached.guest : reached.frame;
    // The completion's privilege is the request's, whatever the stream puts in its place.
    return { kind: 'translated', address: addressOf(frame, offsetOf(ask.address)), span: Math.min(reached.span, this.#features.outputBits), ats: { ...NO_GRANT, read: reads, write: writes, execute: executes, privileged: ask.askedPrivileged === true } };
  }

  /** Where stage 1 is bypassed an address must fit by itself: a stage-1 event, and never a stall (3.12, 7.3.14). */
  #narrow(ask: Ask): Failure | null {
    return ask.address < 1n << BigInt(this.#features.outputBits) ? null : failure(EVENTS.addressSize, { table: 'request', level: null, entry: null, rule: TOO_WIDE });
  }

  /** 5.5: A, R and S of the stage that found the fault. */
  #endingOf(stream: Stream, context: Context | null, of: Failure): { ends: Ending; records: boolean } {
    if (!isOfTranslation(of)) return { ends: 'abort', records: true };
    if (of.second) return stream.second?.stalls === true ? { ends: 'stall', records: true } : { ends: 'abort', records: stream.second?.records ?? true };
    if (context === null) return { ends: 'abort', records: true };
    if (context.stalls) return { ends: 'stall', records: true };
    return { ends: context.aborts ? 'abort' : 'zero', records: context.records };
  }

  /** What a fault of configuration meets is recorded of ATS only with REC_CFG_ATS, and streams out of range only with RECINVSID (3.9.1.2, 3.9.1.3). */
  #refuse(controls: Controls, ask: Ask, of: Failure, ending: { ends: Ending; records: boolean } = TERMINATED): SmmuAnswer {
    if (ask.type === 'ats') {
      if (isOfTranslation(of)) return { kind: 'denied', fault: of };
      const records = controls.recordsAts && (of.event !== EVENTS.badStream || controls.recordsBadStreams);
      return { kind: 'refused', fault: of, record: records && controls.recordsEvents ? recordOf(of, ask) : null, ends: 'completer-abort' };
    }
    const ofConfiguration = of.event < EVENTS.walkAbort;
    const hidden = ask.type === 'translated' ? ofConfiguration && !controls.recordsAts : of.event === EVENTS.badStream && !controls.recordsBadStreams;
    const records = ending.records && !hidden && (controls.recordsEvents || ending.ends === 'stall');
    return { kind: 'refused', fault: of, record: records ? recordOf(of, ask) : null, ends: ending.ends };
  }
}

/** A page response has none of what a request says of itself. */
const NOBODY = { substream: null, write: false, execute: false, privileged: false, address: 0n } as const;
const TERMINATED = { ends: 'abort', records: true } as const;
const NO_GRANT: AtsGrant = { read: false, write: false, execute: false, privileged: false, global: false, untranslatedOnly: false, noSnoop: false };
const READS = PERMITS.read | PERMITS.write | PERMITS.execute;

const isStream = (found: Stream | Failure): found is Stream => found.kind !== 'failure';
const isContext = (found: Context | Failure): found is Context => !('event' in found);
const isOfTranslation = (of: Failure): boolean => KINDS.get(of.event)?.ofTranslation === true;
const offsetOf = (address: bigint): number => Number(address & 0xfffn);

/** Untranslated reads and fetches, writes; a fetch needs no read permission. */
const accessOf = (ask: Ask): Access => ({ read: !ask.write && !ask.execute, write: ask.write, execute: ask.execute, supervisor: ask.privileged, sum: false, dirties: ask.write, probes: false });

/** PRIVCFG and INSTCFG; writes are data always (13.1.2). */
function overridden(ask: Ask, stream: Stream): Ask & { readonly askedPrivileged: boolean } {
  const { streamId, substream, type, write, noWrite, address } = ask;
  const fetches = stream.instruction === null || type === 'ats' ? ask.execute : stream.instruction && !write;
  return { streamId, substream, type, write, noWrite, address, privileged: stream.privileged ?? ask.privileged, execute: fetches, askedPrivileged: ask.privileged };
}

/** EATS 2 without CR0.ATSCHK is as 0. */
const effectiveAts = (stream: Stream, controls: Controls): Stream['ats'] => (stream.ats === 'split' && !controls.checksTranslated ? 'none' : stream.ats);

/** Which context descriptor; null: stage 1 is bypassed. */
function indexOf(stream: Stream, substream: number | null): number | null | Failure {
  const { first } = stream;
  const bad = (event: number, broken: Rule): Failure => failure(event, { table: 'stream table', level: null, entry: BigInt(stream.at), rule: broken });
  if (substream !== null) {
    if (first === null || first.bits === 0 || substream >= 2 ** first.bits) return bad(EVENTS.badSubstream, NO_SUBSTREAMS);
    return substream === 0 && first.withoutSubstream === 'descriptor-0' ? bad(EVENTS.streamDisabled, SUBSTREAM_0) : substream;
  }
  if (first === null) return null;
  if (first.bits === 0 || first.withoutSubstream === 'descriptor-0') return 0;
  return first.withoutSubstream === 'bypass' ? null : bad(EVENTS.streamDisabled, NEEDS_SUBSTREAM);
}

/** What both stages permit; `clean` where either must be marked before a write. */
function permitted({ first, second }: Reached, privileged: boolean): number {
  const of = (leaf: Reached['first']): number => (leaf === null ? READS : permits(leaf.options, leaf.low, leaf.high, leaf.above, privileged));
  const one = of(first);
  const two = of(second);
  return (one & two & READS) | ((one | two) & PERMITS.clean);
}
