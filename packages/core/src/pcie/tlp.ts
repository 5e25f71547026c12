// SPDX-License-Identifier: Apache-2.0
/**
 * Transaction layer packets: what they say, and the bytes of their headers.
 * What a packet is to the ordering rules is in `ordering.ts`.
 */
import type { AtsGrant } from '../iommu/unit.ts';
import * as at from './tlp-layouts.ts';

export interface PasidTag {
  readonly pasid: number;
  readonly execute: boolean;
  readonly privileged: boolean;
}

interface Common {
  readonly requester: number;
  readonly relaxed?: boolean;
  readonly ido?: boolean;
  readonly noSnoop?: boolean;
  /** Null or left out: no prefix. */
  readonly pasid?: PasidTag | null;
}
interface Tagged extends Common {
  readonly tag: number;
}

/** Addresses and lengths in bytes. A request lies within 4 KiB. A read of no bytes asks whether the writes before it have arrived. */
export type Tlp =
  | (Tagged & { readonly kind: 'read'; readonly address: bigint; readonly length: number; readonly at: 'untranslated' | 'translated' })
  | (Tagged & { readonly kind: 'write'; readonly address: bigint; readonly data: Uint8Array; readonly at: 'untranslated' | 'translated' })
  /** `data`: the addend, the value, or compare and value, each of 4 or 8 bytes. */
  | (Tagged & { readonly kind: 'atomic'; readonly operation: 'fetch-add' | 'swap' | 'compare-swap'; readonly address: bigint; readonly data: Uint8Array; readonly at: 'untranslated' | 'translated' })
  | (Tagged & { readonly kind: 'translation-request'; readonly address: bigint; readonly entries: number; readonly noWrite: boolean })
  | (Tagged & { readonly kind: 'completion'; readonly completer: number; readonly status: 'success' | 'unsupportedRequest' | 'retry' | 'completerAbort'; readonly byteCount: number; readonly lowerAddress: number; readonly data: Uint8Array })
  | (Common & { readonly kind: 'invalidate-request'; readonly device: number; readonly itag: number; readonly address: bigint; readonly span: number; readonly global: boolean })
  | (Common & { readonly kind: 'invalidate-completion'; readonly device: number; readonly itags: number; readonly count: number })
  | (Common & { readonly kind: 'page-request'; readonly address: bigint; readonly read: boolean; readonly write: boolean; readonly last: boolean; readonly group: number })
  | (Common & { readonly kind: 'page-response'; readonly device: number; readonly group: number; readonly response: 'success' | 'invalid' | 'failure' });

const PREFIX = 0x91;
/** Type fields. Messages: routed to the root complex (0) or by id (2). */
const TYPE = { memory: 0, completion: 10, 'fetch-add': 12, swap: 13, 'compare-swap': 14, toRoot: 16, byId: 18 } as const;

/** The bytes of a packet: prefix, header, payload. @throws RangeError where the packet breaks a rule of its format */
export function encodeTlp(tlp: Tlp): Uint8Array {
  check(tlp);
  const prefix = tlp.pasid == null ? new Uint8Array(0) : at.PasidPrefix.toBytes(at.PasidPrefix.encode({ ...tlp.pasid, type: PREFIX }));
  return joined(prefix, header(tlp), payload(tlp));
}

function check(tlp: Tlp): void {
  if (tlp.kind === 'completion' || tlp.kind === 'invalidate-completion') {
    if (tlp.pasid != null) throw new RangeError(`a ${tlp.kind} carries no PASID`);
    return;
  }
  if ('at' in tlp && tlp.at === 'translated' && tlp.pasid != null) throw new RangeError('a translated request carries no PASID');
  if (tlp.kind === 'read' || tlp.kind === 'write') {
    const length = tlp.kind === 'read' ? tlp.length : tlp.data.length;
    if ((length === 0 && tlp.address % 4n !== 0n) || Number(tlp.address & 0xfffn) + length > 4096) throw new RangeError(`${length} bytes at 0x${tlp.address.toString(16)} do not lie within 4 KiB`);
  }
  if (tlp.kind === 'atomic') {
    const size = tlp.data.length / (tlp.operation === 'compare-swap' ? 2 : 1);
    if ((size !== 4 && size !== 8) || tlp.address % BigInt(size) !== 0n) throw new RangeError(`an AtomicOp of ${size} bytes at 0x${tlp.address.toString(16)}; expected 4 or 8, aligned`);
  }
}

function header(tlp: Tlp): Uint8Array {
  const common = { relaxed: tlp.relaxed ?? false, ido: tlp.ido ?? false, noSnoop: tlp.noSnoop ?? false, requester: tlp.requester } as const;
  switch (tlp.kind) {
    case 'read':
    case 'write': {
      const bytes = tlp.kind === 'read' ? tlp.length : tlp.data.length;
      return request(tlp.address, { ...common, tag: tlp.tag, at: tlp.at, type: TYPE.memory, ...words(tlp.address, bytes) }, tlp.kind === 'write');
    }
    case 'atomic':
      return request(tlp.address, { ...common, tag: tlp.tag, at: tlp.at, type: TYPE[tlp.operation], length: tlp.data.length / 4, firstEnable: 0, lastEnable: 0 }, true);
    case 'translation-request':
      return at.MemoryRequest64.toBytes(at.MemoryRequest64.encode({ ...common, tag: tlp.tag, at: 'translationRequest', type: TYPE.memory, format: 'four', length: 2 * tlp.entries, firstEnable: 15, lastEnable: 15, noWrite: tlp.noWrite, ...halves(tlp.address) }));
    case 'completion':
      return at.CompletionHeader.toBytes(at.CompletionHeader.encode({ ...common, tag: tlp.tag, completer: tlp.completer, status: tlp.status, byteCount: tlp.byteCount % 4096, lowerAddress: tlp.lowerAddress, type: TYPE.completion, format: tlp.data.length > 0 ? 'threeWithData' : 'three', length: tlp.data.length === 0 ? 0 : Math.ceil((tlp.data.length + (tlp.lowerAddress & 3)) / 4) % 1024 }));
    case 'invalidate-request':
      return at.InvalidateRequestHeader.toBytes(at.InvalidateRequestHeader.encode({ ...common, code: 'invalidateRequest', itag: tlp.itag, device: tlp.device, type: TYPE.byId, format: 'fourWithData', length: 2 }));
    case 'invalidate-completion':
      return at.InvalidateCompletionHeader.toBytes(at.InvalidateCompletionHeader.encode({ ...common, code: 'invalidateCompletion', device: tlp.device, count: tlp.count % 8, itags: tlp.itags, type: TYPE.byId, format: 'four' }));
    case 'page-request':
      return at.PageRequestHeader.toBytes(at.PageRequestHeader.encode({ ...common, code: 'pageRequest', read: tlp.read, write: tlp.write, last: tlp.last, group: tlp.group, type: TYPE.toRoot, format: 'four', addressHigh: Number(tlp.address >> 32n), address: Number((tlp.address >> 12n) & 0xf_ffffn) }));
    case 'page-response':
      return at.PageResponseHeader.toBytes(at.PageResponseHeader.encode({ ...common, code: 'pageResponse', device: tlp.device, group: tlp.group, response: tlp.response, type: TYPE.byId, format: 'four' }));
  }
}

type RequestFields = Omit<NonNullable<Parameters<typeof at.MemoryRequest32.encode>[0]>, 'address' | 'format'>;

/** Addresses below 4 GiB have the short header; it is an error to use the long one for them. */
function request(address: bigint, fields: RequestFields, data: boolean): Uint8Array {
  if (address >> 32n === 0n) return at.MemoryRequest32.toBytes(at.MemoryRequest32.encode({ ...fields, format: data ? 'threeWithData' : 'three', address: Number(address >> 2n) }));
  return at.MemoryRequest64.toBytes(at.MemoryRequest64.encode({ ...fields, format: data ? 'fourWithData' : 'four', ...halves(address) }));
}

const halves = (address: bigint): { addressHigh: number; address: number } => ({ addressHigh: Number(address >> 32n), address: Number((address >> 2n) & 0x3fff_ffffn) });

/** Words that the bytes touch, and which bytes of the first and of the last one count. */
function words(address: bigint, bytes: number): { length: number; firstEnable: number; lastEnable: number } {
  if (bytes === 0) return { length: 1, firstEnable: 0, lastEnable: 0 };
  const skip = Number(address & 3n);
  const count = Math.ceil((skip + bytes) / 4);
  const beyond = 4 * count - skip - bytes;
  const first = (0xf << skip) & 0xf;
  const last = 0xf >>> beyond;
  return { length: count % 1024, firstEnable: count === 1 ? first & last : first, lastEnable: count === 1 ? 0 : last };
}

function payload(tlp: Tlp): Uint8Array {
  switch (tlp.kind) {
    case 'write':
      return padded(tlp.data, Number(tlp.address & 3n), 4);
    case 'completion':
      return tlp.data.length === 0 ? tlp.data : padded(tlp.data, tlp.lowerAddress & 3);
    case 'atomic':
      return tlp.data;
    case 'invalidate-request':
      // The payload is in the byte order of registers: its first word holds the high half.
      return bigEndian(at.InvalidatePayload.encode({ global: tlp.global, size: tlp.span > 12, address: rangeCode(tlp.address, tlp.span) }));
    case 'read':
    case 'translation-request':
    case 'invalidate-completion':
    case 'page-request':
    case 'page-response':
      return new Uint8Array(0);
  }
}

/** @throws RangeError for bytes that are no packet of these kinds */
export function decodeTlp(bytes: Uint8Array): Tlp {
  if (bytes.length >= 4 && bytes[0] === PREFIX) {
    const { pasid, execute, privileged } = at.PasidPrefix.decode(at.PasidPrefix.fromBytes(bytes.subarray(0, 4)));
    return { ...decodeTlp(bytes.subarray(4)), pasid: { pasid, execute, privileged } };
  }
  if (bytes.length < 12) throw new RangeError(`a packet of ${bytes.length} bytes`);
  const format = (bytes[0] ?? 0) >>> 5;
  const type = (bytes[0] ?? 0) & 0x1f;
  const size = (format & 1) !== 0 ? 16 : 12;
  if (format > 3 || bytes.length < size) throw new RangeError(`a packet that begins with 0x${(bytes[0] ?? 0).toString(16)} and has ${bytes.length} bytes`);
  const head = bytes.subarray(0, size);
  const rest = bytes.slice(size);
  const { length } = at.MemoryRequest32.decode(at.MemoryRequest32.fromBytes(bytes.subarray(0, 12)));
  const expected = format >= 2 ? 4 * (length === 0 ? 1024 : length) : 0;
  if (rest.length !== expected) throw new RangeError(`a payload of ${rest.length} bytes; the header says ${expected}`);
  if (type === TYPE.completion && size === 12) return completion(head, rest);
  if (type === TYPE.toRoot || type === TYPE.byId) return message(head, rest);
  return memory(head, rest, format, type);
}

function memory(head: Uint8Array, rest: Uint8Array, format: number, type: number): Tlp {
  const long = head.length === 16 ? at.MemoryRequest64.decode(at.MemoryRequest64.fromBytes(head)) : null;
  const fields = long ?? at.MemoryRequest32.decode(at.MemoryRequest32.fromBytes(head));
  const address = ((BigInt(long?.addressHigh ?? 0) << 32n) | (BigInt(fields.address) << 2n));
  const common = { requester: fields.requester, tag: fields.tag, relaxed: fields.relaxed, ido: fields.ido, noSnoop: fields.noSnoop };
  if (fields.at === 'translationRequest' && (format >= 2 || fields.length % 2 !== 0 || type !== TYPE.memory)) throw new RangeError('a translation request asks for whole entries, and brings nothing');
  if (fields.at === 'translationRequest') return { ...common, kind: 'translation-request', address, entries: fields.length / 2, noWrite: long?.noWrite ?? false };
  if (fields.at === 'reserved') throw new RangeError('address type 3 is reserved');
  const operation = (['fetch-add', 'swap', 'compare-swap'] as const).find((name) => TYPE[name] === type);
  if (operation !== undefined) return { ...common, kind: 'atomic', operation, address, data: rest, at: fields.at };
  if (type !== TYPE.memory) throw new RangeError(`a packet of type ${type}`);
  const count = fields.length === 0 ? 1024 : fields.length;
  const { skip, length } = enabled(count, fields.firstEnable, fields.lastEnable);
  const start = address + BigInt(skip);
  if (format >= 2) return { ...common, kind: 'write', address: start, data: rest.slice(skip, skip + length), at: fields.at };
  return { ...common, kind: 'read', address: start, length, at: fields.at };
}

/** Which bytes count: from `skip` on. @throws RangeError for bytes with holes between them */
function enabled(count: number, first: number, last: number): { skip: number; length: number } {
  if (count === 1 && first === 0 && last === 0) return { skip: 0, length: 0 };
  const skip = 31 - Math.clz32(first & -first);
  const end = count === 1 ? first : last;
  const length = 4 * count - skip - Math.clz32(end << 28);
  const wanted = words(BigInt(skip), length);
  if (first === 0 || wanted.firstEnable !== first || wanted.lastEnable !== last) throw new RangeError(`byte enables ${first.toString(2)} and ${last.toString(2)} of ${count} words are no range`);
  return { skip, length };
}

function completion(head: Uint8Array, rest: Uint8Array): Tlp {
  const f = at.CompletionHeader.decode(at.CompletionHeader.fromBytes(head));
  if (f.status === 'reserved') throw new RangeError('a completion with a reserved status');
  const skip = f.lowerAddress & 3;
  const byteCount = f.byteCount === 0 ? 4096 : f.byteCount;
  return { kind: 'completion', requester: f.requester, tag: f.tag, relaxed: f.relaxed, ido: f.ido, noSnoop: f.noSnoop, completer: f.completer, status: f.status, byteCount, lowerAddress: f.lowerAddress, data: rest.slice(skip, skip + byteCount) };
}

function message(head: Uint8Array, rest: Uint8Array): Tlp {
  const raw = head.length === 16 ? at.PageRequestHeader.decode(at.PageRequestHeader.fromBytes(head)) : null;
  if (raw === null) throw new RangeError('a message with three words of header');
  const common = { requester: raw.requester, relaxed: raw.relaxed, ido: raw.ido, noSnoop: raw.noSnoop };
  switch (raw.code) {
    case 'pageRequest':
      return { ...common, kind: 'page-request', address: (BigInt(raw.addressHigh) << 32n) | (BigInt(raw.address) << 12n), read: raw.read, write: raw.write, last: raw.last, group: raw.group };
    case 'pageResponse': {
      const f = at.PageResponseHeader.decode(at.PageResponseHeader.fromBytes(head));
      // A reserved code is a failure ("Page Request Group Response Message").
      return { ...common, kind: 'page-response', device: f.device, group: f.group, response: f.response === 'reserved' ? 'failure' : f.response };
    }
    case 'invalidateRequest': {
      if (rest.length !== 8) throw new RangeError(`an invalidate request with ${rest.length} bytes`);
      const f = at.InvalidateRequestHeader.decode(at.InvalidateRequestHeader.fromBytes(head));
      const p = at.InvalidatePayload.decode(fromBigEndian(rest));
      return { ...common, kind: 'invalidate-request', device: f.device, itag: f.itag, global: p.global, ...range(p.address, p.size) };
    }
    case 'invalidateCompletion': {
      const f = at.InvalidateCompletionHeader.decode(at.InvalidateCompletionHeader.fromBytes(head));
      return { ...common, kind: 'invalidate-completion', device: f.device, itags: f.itags, count: f.count === 0 ? 8 : f.count };
    }
    case 'reserved':
      throw new RangeError('a message of another code');
  }
}

/** The data of a translation completion: one entry. `span`: log2 of the bytes. */
export function encodeTranslation(address: bigint, span: number, grant: AtsGrant): Uint8Array {
  const frames = rangeCode(address, span);
  return at.TranslationEntry.toBytes(at.TranslationEntry.encode({ ...grant, size: span > 12, addressHigh: Number(frames >> 20n), address: Number(frames & 0xf_ffffn) }));
}

export function decodeTranslation(bytes: Uint8Array): { readonly address: bigint; readonly span: number; readonly grant: AtsGrant } {
  const { addressHigh, address, size, ...grant } = at.TranslationEntry.decode(at.TranslationEntry.fromBytes(bytes));
  return { ...range((BigInt(addressHigh) << 20n) | BigInt(address), size), grant };
}

/** Frames with their number coded in the lowest bits: ones up to a zero, twice as many frames as that zero's place says. */
function rangeCode(address: bigint, span: number): bigint {
  const frames = address >> 12n;
  const bits = BigInt(Math.min(span, 64) - 12);
  return bits <= 0n ? frames : ((frames >> bits) << bits) | ((1n << (bits - 1n)) - 1n);
}

function range(frames: bigint, size: boolean): { address: bigint; span: number } {
  let bits = 0n;
  if (size) for (bits = 1n; bits < 52n && ((frames >> (bits - 1n)) & 1n) === 1n; bits += 1n);
  return { address: (frames >> bits) << (bits + 12n), span: bits >= 52n ? 64 : Number(bits) + 12 };
}

const bigEndian = (word: bigint): Uint8Array => Uint8Array.from({ length: 8 }, (_, i) => Number((word >> BigInt(56 - 8 * i)) & 0xffn));
const fromBigEndian = (bytes: Uint8Array): bigint => bytes.subarray(0, 8).reduce((all, byte) => (all << 8n) | BigInt(byte), 0n);

function padded(data: Uint8Array, skip: number, least = 0): Uint8Array {
  const out = new Uint8Array(Math.max(least, 4 * Math.ceil((skip + data.length) / 4)));
  out.set(data, skip);
  return out;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at0 = 0;
  for (const part of parts) {
    out.set(part, at0);
    at0 += part.length;
  }
  return out;
}
