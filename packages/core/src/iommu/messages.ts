// SPDX-License-Identifier: Apache-2.0
/**
 * What a unit and those around it send each other over the fabric of a
 * machine, as the contents of mailboxes (`MAILBOX` in base/port.ts). The fields
 * are those of `unit.ts`; the numbers are the machine's own, no bus has them.
 */
import { choice, flag, layout, uint, wide } from '../base/layout.ts';
import type { AtsGrant, DmaAnswer, DmaRequest, PageRequestMessage, UnitMessage } from './unit.ts';

/** Every message begins with what it is; 0 is none. */
const KINDS = { 'register-write': 1, request: 2, landed: 3, page: 4, invalidated: 5, 'timed-out': 6, answer: 7, invalidate: 8, 'page-response': 9, resume: 10 } as const;
const kind = choice(3, 0, 'What kind of message this is.', KINDS);
const SPEC = 'docs/decisions/0017';
const source = uint(31, 8, 'Bus, device and function.');
const hasPasid = flag(4, 'There is a PASID prefix.');
const pasid = uint(51, 32, 'PASID.');
const READ = flag(5, 'Reads.');

/** A CPU's write to a register of an agent that serves its registers through its mailbox. */
export const RegisterWrite = layout({
  name: 'Register write',
  spec: SPEC,
  bits: 104,
  fields: { kind, bytes: uint(7, 4, 'Size of the access.'), offset: uint(39, 8, 'Offset in the window.'), value: wide(103, 40, 'What was written.') },
});

const Request = layout({
  name: 'Request',
  spec: SPEC,
  bits: 144,
  fields: {
    kind,
    hasPasid,
    write: flag(5, 'A write, or an AtomicOp.'),
    execute: flag(6, 'Execute Requested.'),
    privileged: flag(7, 'Privileged Mode Requested.'),
    source,
    pasid,
    type: choice(53, 52, 'AT field.', { untranslated: 0, ats: 1, translated: 2 }),
    noWrite: flag(54, 'NW.'),
    asks: flag(55, 'A function may ask for a page that is not there, and wait.'),
    from: uint(63, 56, 'Who is to be answered, by its number among those that ask.'),
    address: wide(127, 64, 'Address, bytes.'),
    direct: flag(128, 'A function is not to translate it itself.'),
  },
});

const Page = layout({
  name: 'Page request',
  spec: SPEC,
  bits: 144,
  fields: {
    kind,
    hasPasid,
    read: READ,
    execute: flag(6, 'Execute Requested.'),
    privileged: flag(7, 'Privileged Mode Requested.'),
    source,
    pasid,
    write: flag(52, 'Writes.'),
    last: flag(53, 'Last of its group.'),
    group: uint(62, 54, 'Page request group index.'),
    address: wide(127, 64, 'Of the page.'),
  },
});

/** Of an access, of an invalidation in a function, of a stalled transaction. */
const Tagged = layout({
  name: 'Tag',
  spec: SPEC,
  bits: 72,
  fields: { kind, source, tag: uint(63, 32, 'Ticket or tag.'), action: choice(65, 64, 'Of a stalled transaction.', { retry: 0, abort: 1, zero: 2 }) },
});

const Answer = layout({
  name: 'Answer',
  spec: SPEC,
  bits: 208,
  fields: {
    kind,
    outcome: choice(7, 4, 'What became of the request.', { memory: 0, interrupt: 1, denied: 2, 'unsupported-request': 3, 'completer-abort': 4, stalled: 5, zero: 6 }),
    ats: flag(8, 'The permissions count.'),
    read: flag(9, 'R.'),
    write: flag(10, 'W.'),
    execute: flag(11, 'Exe.'),
    privileged: flag(12, 'Priv.'),
    global: flag(13, 'Global.'),
    untranslatedOnly: flag(14, 'U.'),
    noSnoop: flag(15, 'N.'),
    span: uint(23, 16, 'log2 of the bytes that translate alike.'),
    resident: flag(24, 'An interrupt file in memory.'),
    ticket: uint(63, 32, 'Ticket of the access, or tag of the stalled transaction.'),
    address: wide(127, 64, 'Address, bytes.'),
    notice: wide(191, 128, 'Where the notice of an interrupt file goes.'),
    noticeId: uint(207, 192, 'The notice.'),
  },
});

const Invalidate = layout({
  name: 'Invalidate request',
  spec: SPEC,
  bits: 136,
  fields: { kind, hasPasid, global: flag(5, 'Whatever the PASID.'), source, pasid, span: uint(58, 52, 'log2 of the bytes.'), address: wide(127, 64, 'First byte.'), tag: uint(135, 128, 'ITag.') },
});

const PageResponse = layout({
  name: 'Page request group response',
  spec: SPEC,
  bits: 72,
  fields: { kind, hasPasid, source, pasid, group: uint(60, 52, 'Page request group index.'), code: choice(65, 64, 'Response code.', { success: 0, invalid: 1, failure: 2 }) },
});

/** What comes into a unit's mailbox. */
export type ToUnit =
  | { readonly kind: 'register-write'; readonly offset: number; readonly size: 4 | 8; readonly value: bigint }
  /** `from`: who is answered, by its number in the unit's list. `asks`: an engine leaves it to its function to ask for pages; `direct`: the function is not to translate the request itself. Units look at neither. */
  | { readonly kind: 'request'; readonly request: DmaRequest; readonly from: number; readonly asks?: boolean; readonly direct?: boolean }
  | { readonly kind: 'landed'; readonly ticket: number }
  | { readonly kind: 'page'; readonly request: PageRequestMessage }
  | { readonly kind: 'invalidated'; readonly source: number; readonly tag: number }
  | { readonly kind: 'timed-out'; readonly tag: number };

/** What a unit sends: answers, and what it has to say by itself. */
export type FromUnit = { readonly kind: 'answer'; readonly answer: DmaAnswer } | UnitMessage;

export function packToUnit(message: Exclude<ToUnit, { kind: 'register-write' }>): bigint {
  switch (message.kind) {
    case 'request': {
      const { address, execute, noWrite, privileged, type, write, ...who } = message.request;
      return Request.encode({ kind: 'request', address, execute, noWrite, privileged, type, write, from: message.from, asks: message.asks === true, direct: message.direct === true, ...packWho(who) });
    }
    case 'page': {
      const { address, execute, group, last, privileged, read, write, ...who } = message.request;
      return Page.encode({ kind: 'page', address, execute, group, last, privileged, read, write, ...packWho(who) });
    }
    case 'landed':
      return Tagged.encode({ kind: 'landed', tag: message.ticket });
    case 'invalidated':
      return Tagged.encode({ kind: 'invalidated', source: message.source, tag: message.tag });
    case 'timed-out':
      return Tagged.encode({ kind: 'timed-out', tag: message.tag });
  }
}

/** @throws RangeError for what is no message to a unit */
export function unpackToUnit(raw: bigint): ToUnit {
  const name = kindOf(raw);
  switch (name) {
    case 'register-write': {
      const { bytes, offset, value } = RegisterWrite.decode(raw);
      return { kind: name, offset, size: bytes === 8 ? 8 : 4, value };
    }
    case 'request': {
      const { address, execute, noWrite, privileged, type, write, from, asks, direct, ...who } = Request.decode(raw);
      if (type === 'reserved') break;
      return { kind: name, from, ...(asks ? { asks } : {}), ...(direct ? { direct } : {}), request: { ...unpackWho(who), address, execute, noWrite, privileged, type, write } };
    }
    case 'page': {
      const { address, execute, group, last, privileged, read, write, ...who } = Page.decode(raw);
      return { kind: name, request: { ...unpackWho(who), address, execute, group, last, privileged, read, write } };
    }
    case 'landed':
      return { kind: name, ticket: Tagged.decode(raw).tag };
    case 'invalidated': {
      const { source: of, tag } = Tagged.decode(raw);
      return { kind: name, source: of, tag };
    }
    case 'timed-out':
      return { kind: name, tag: Tagged.decode(raw).tag };
  }
  throw new RangeError(`0x${raw.toString(16)} is no message to a unit`);
}

export function packFromUnit(message: FromUnit): bigint {
  switch (message.kind) {
    case 'answer':
      return packAnswer(message.answer);
    case 'invalidate':
      return Invalidate.encode({ kind: 'invalidate', address: message.address, global: message.global, span: message.span, tag: message.tag, ...packWho(message) });
    case 'page-response':
      return PageResponse.encode({ kind: 'page-response', group: message.group, code: message.code, ...packWho(message) });
    case 'resume':
      return Tagged.encode({ kind: 'resume', source: message.source, tag: message.tag, action: message.action });
  }
}

/** @throws RangeError for what no unit sends */
export function unpackFromUnit(raw: bigint): FromUnit {
  const name = kindOf(raw);
  switch (name) {
    case 'answer':
      return { kind: name, answer: unpackAnswer(raw) };
    case 'invalidate': {
      const { address, global, span, tag, ...who } = Invalidate.decode(raw);
      return { kind: name, address, global, span, tag, ...unpackWho(who) };
    }
    case 'page-response': {
      const { group, code, ...who } = PageResponse.decode(raw);
      if (code === 'reserved') break;
      return { kind: name, group, code, ...unpackWho(who) };
    }
    case 'resume': {
      const { source: of, tag, action } = Tagged.decode(raw);
      if (action === 'reserved') break;
      return { kind: name, source: of, tag, action };
    }
  }
  throw new RangeError(`0x${raw.toString(16)} is no message of a unit`);
}

function packAnswer(answer: DmaAnswer): bigint {
  switch (answer.kind) {
    case 'memory':
      return Answer.encode({ kind: 'answer', outcome: 'memory', address: answer.address, span: answer.span, ticket: answer.ticket, ...(answer.ats === null ? {} : { ats: true, ...answer.ats }) });
    case 'interrupt':
      return Answer.encode({ kind: 'answer', outcome: 'interrupt', address: answer.address, ...(answer.resident === undefined ? {} : { resident: true, ...answer.resident }) });
    case 'denied':
    case 'zero':
      return Answer.encode({ kind: 'answer', outcome: answer.kind });
    case 'refused':
      return Answer.encode({ kind: 'answer', outcome: answer.status });
    case 'stalled':
      return Answer.encode({ kind: 'answer', outcome: 'stalled', ticket: answer.tag });
  }
}

function unpackAnswer(raw: bigint): DmaAnswer {
  const { outcome, address, span, ticket, ats, read, write, execute, privileged, global, untranslatedOnly, noSnoop, resident, notice, noticeId } = Answer.decode(raw);
  const grant: AtsGrant = { read, write, execute, privileged, global, untranslatedOnly, noSnoop };
  switch (outcome) {
    case 'memory':
      return { kind: 'memory', address, span, ticket, ats: ats ? grant : null };
    case 'interrupt':
      return { kind: 'interrupt', address, ...(resident ? { resident: { notice, noticeId } } : {}) };
    case 'denied':
    case 'zero':
      return { kind: outcome };
    case 'stalled':
      return { kind: 'stalled', tag: ticket };
    case 'unsupported-request':
    case 'completer-abort':
      return { kind: 'refused', status: outcome };
    case 'reserved':
      throw new RangeError(`0x${raw.toString(16)} is no answer`);
  }
}

interface Who {
  readonly source: number;
  readonly pasid: number | null;
}
const packWho = (who: Who): { source: number; hasPasid: boolean; pasid: number } => ({ source: who.source, hasPasid: who.pasid !== null, pasid: who.pasid ?? 0 });
const unpackWho = (who: { readonly source: number; readonly hasPasid: boolean; readonly pasid: number }): Who => ({ source: who.source, pasid: who.hasPasid ? who.pasid : null });

/** Whether a message is one that a unit sends. */
export const isFromUnit = (raw: bigint): boolean => ['answer', 'invalidate', 'page-response', 'resume'].includes(kindOf(raw));

const kindOf = (raw: bigint): string => Object.entries(KINDS).find(([, code]) => BigInt(code) === (raw & 15n))?.[0] ?? '';
