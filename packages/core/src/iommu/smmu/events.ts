// SPDX-License-Identifier: Apache-2.0
/** Events of an Arm SMMUv3: which parts each record has, and what becomes of the request. IHI 0070, 7.3. */
import type { Rule } from '../../mmu/format.ts';
import { ACCESS_FLAG, INVALID, OUTPUT_SIZE, RANGE } from '../../mmu/formats/armv8.ts';
import { BadAtsRequestEvent, Event } from './records.ts';

/** Events that this unit produces. */
export const EVENTS = {
  badStream: 0x02,
  steFetch: 0x03,
  badSte: 0x04,
  badAtsRequest: 0x05,
  streamDisabled: 0x06,
  translationForbidden: 0x07,
  badSubstream: 0x08,
  cdFetch: 0x09,
  badCd: 0x0a,
  walkAbort: 0x0b,
  translation: 0x10,
  addressSize: 0x11,
  access: 0x12,
  permission: 0x13,
} as const;

export interface EventKind {
  readonly name: string;
  readonly section: string;
  /** Parts of the record: substream with SSV, its number alone, or none. */
  readonly substream: 'valid' | 'number' | 'none';
  /** RnW, InD and PnU. F_TRANSL_FORBIDDEN has the first only. */
  readonly access: 'all' | 'direction' | 'none';
  readonly address: boolean;
  /** S2, CLASS. */
  readonly stage: boolean;
  /** The last word: a page of guest memory, the place of a structure, nothing. */
  readonly last: 'ipa' | 'fetch' | 'none';
  /** One of the four faults of translation: may stall, may go unrecorded (5.5). */
  readonly ofTranslation: boolean;
}

const kind = (name: string, section: string, parts: Partial<EventKind> = {}): EventKind => ({ name, section: `IHI 0070, ${section}`, substream: 'valid', access: 'none', address: false, stage: false, last: 'none', ofTranslation: false, ...parts });
const fault = (name: string, section: string): EventKind => kind(name, section, { access: 'all', address: true, stage: true, last: 'ipa', ofTranslation: true });

export const KINDS: ReadonlyMap<number, EventKind> = new Map([
  [EVENTS.badStream, kind('C_BAD_STREAMID', '7.3.3')],
  [EVENTS.steFetch, kind('F_STE_FETCH', '7.3.4', { last: 'fetch' })],
  [EVENTS.badSte, kind('C_BAD_STE', '7.3.5')],
  [EVENTS.badAtsRequest, kind('F_BAD_ATS_TREQ', '7.3.6', { address: true })],
  [EVENTS.streamDisabled, kind('F_STREAM_DISABLED', '7.3.7', { substream: 'none' })],
  [EVENTS.translationForbidden, kind('F_TRANSL_FORBIDDEN', '7.3.8', { substream: 'none', access: 'direction', address: true })],
  [EVENTS.badSubstream, kind('C_BAD_SUBSTREAMID', '7.3.9', { substream: 'number' })],
  [EVENTS.cdFetch, kind('F_CD_FETCH', '7.3.10', { last: 'fetch' })],
  [EVENTS.badCd, kind('C_BAD_CD', '7.3.11')],
  [EVENTS.walkAbort, kind('F_WALK_EABT', '7.3.12', { access: 'all', address: true, stage: true, last: 'fetch' })],
  [EVENTS.translation, fault('F_TRANSLATION', '7.3.13')],
  [EVENTS.addressSize, fault('F_ADDR_SIZE', '7.3.14')],
  [EVENTS.access, fault('F_ACCESS', '7.3.15')],
  [EVENTS.permission, fault('F_PERMISSION', '7.3.16')],
]);

/** Events that the architecture knows and this unit never produces, with the reason. */
export const UNPRODUCED: ReadonlyMap<number, { readonly name: string; readonly why: string }> = new Map([
  [0x01, { name: 'F_UUT', why: 'what a bus may say that a unit does not support is up to the implementation (7.3.2); every request of ours is supported' }],
  [0x20, { name: 'F_TLB_CONFLICT', why: 'depends on the geometry of a TLB (7.3.17); ours replaces an entry for the same frames, so two never match' }],
  [0x21, { name: 'F_CFG_CONFLICT', why: 'depends on the geometry of a configuration cache and on STE.CONT (7.3.18); ours keeps each stream by itself' }],
  [0x24, { name: 'E_PAGE_REQUEST', why: 'an optional hint that implementations may let devices send (3.12.4.1); no device of ours does' }],
  [0x25, { name: 'F_VMS_FETCH', why: 'the virtual machine structure belongs to resource partitioning, which is not built in (IDR3.MPAM)' }],
]);

/** 0 a context descriptor, 1 a table, 2 the input itself. */
export type FaultClass = 0 | 1 | 2;

/** What went wrong, and where. */
export interface SmmuFault {
  readonly event: number;
  readonly why: { readonly table: string; readonly level: number | null; readonly entry: bigint | null; readonly rule: Rule };
}

/** A fault with what its record says of the place. */
export interface Failure extends SmmuFault {
  readonly kind: 'failure';
  readonly second: boolean;
  readonly class: FaultClass;
  /** Guest page, or the address of what could not be fetched. */
  readonly last: bigint;
  /** A stage-1 table was to be written, to mark it. */
  readonly marking: boolean;
  /** C_BAD_SUBSTREAMID: the index that was wanted, where the request had none. */
  readonly index: number;
}

export const failure = (event: number, why: SmmuFault['why'], place: Partial<Pick<Failure, 'second' | 'class' | 'last' | 'marking' | 'index'>> = {}): Failure => ({ kind: 'failure', event, why, second: false, class: 2, last: 0n, marking: false, index: 0, ...place });

/** Who asked, for the record. */
export interface Asker {
  readonly streamId: number;
  readonly substream: number | null;
  readonly write: boolean;
  readonly execute: boolean;
  readonly privileged: boolean;
  readonly address: bigint;
}

/** The record, without a stall. */
export function recordOf(of: Failure, by: Asker): bigint {
  // What was asked for is told as the function said it, not as the stream overrides it.
  if (of.event === EVENTS.badAtsRequest) return BadAtsRequestEvent.encode({ id: of.event, SSV: by.substream !== null, substream: by.substream ?? 0, stream: by.streamId, span: 1, P: by.privileged, X: by.execute, W: by.write, R: true, address: by.address });
  const parts = KINDS.get(of.event);
  if (parts === undefined) return Event.encode({ id: of.event, stream: by.streamId });
  const { substream, access, address, stage, last } = parts;
  return Event.encode({
    id: of.event,
    stream: by.streamId,
    SSV: substream === 'valid' && by.substream !== null,
    substream: substream === 'none' ? 0 : (by.substream ?? (substream === 'number' ? of.index : 0)),
    RnW: access !== 'none' && !by.write,
    InD: access === 'all' && by.execute,
    PnU: access === 'all' && by.privileged,
    S2: stage && of.second,
    class: stage ? of.class : 0,
    TTRnW: of.event === EVENTS.permission && of.second && of.class === 1 && !of.marking,
    address: address ? by.address : 0n,
    ipa: last === 'ipa' ? of.last & ~0xfffn : last === 'fetch' ? of.last : 0n,
  });
}

/** The same record of a request that waits. */
export const stalled = (record: bigint, tag: number): bigint => record | Event.encode({ stall: true, STAG: tag });

/** The event of a rule that a walk found broken. */
export function eventOf(broken: Rule): number {
  if (broken === OUTPUT_SIZE) return EVENTS.addressSize;
  if (broken === ACCESS_FLAG) return EVENTS.access;
  return broken === INVALID || broken === RANGE ? EVENTS.translation : EVENTS.permission;
}
