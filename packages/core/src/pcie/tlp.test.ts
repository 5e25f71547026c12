// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { AtsGrant } from '../iommu/unit.ts';
import { decodeTlp, decodeTranslation, encodeTlp, encodeTranslation, type Tlp } from './tlp.ts';

const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('').replaceAll(/(.{8})(?=.)/gu, '$1 ');
const COMMON = { requester: 0x0128, relaxed: false, ido: false, noSnoop: false } as const;

/** Worked out by hand from the figures of the sections that the layouts name. */
const PACKETS: readonly [string, Tlp, string][] = [
  ['a read of one word', { ...COMMON, kind: 'read', tag: 7, address: 0x1000n, length: 4, at: 'untranslated' }, '00000001 0128070f 00001000'],
  ['a read of nothing', { ...COMMON, kind: 'read', tag: 7, address: 0x1000n, length: 0, at: 'untranslated' }, '00000001 01280700 00001000'],
  ['a write of nothing', { ...COMMON, kind: 'write', tag: 7, address: 0x1000n, data: new Uint8Array(0), at: 'untranslated' }, '40000001 01280700 00001000 00000000'],
  ['a read of five bytes across words', { ...COMMON, kind: 'read', tag: 7, address: 0x1003n, length: 5, at: 'untranslated' }, '00000002 012807f8 00001000'],
  ['a read of 4096 bytes above 4 GiB', { ...COMMON, kind: 'read', tag: 1, address: 0x12_3456_7000n, length: 4096, at: 'translated' }, '20000800 012801ff 00000012 34567000'],
  ['a write of two bytes in a word', { ...COMMON, kind: 'write', tag: 0, address: 0x1001n, data: Uint8Array.of(0xaa, 0xbb), at: 'untranslated' }, '40000001 01280006 00001000 00aabb00'],
  ['a write with Relaxed and ID-based Ordering, No Snoop', { ...COMMON, relaxed: true, ido: true, noSnoop: true, kind: 'write', tag: 0, address: 0x1000n, data: Uint8Array.of(1, 2, 3, 4), at: 'untranslated' }, '40043001 0128000f 00001000 01020304'],
  ['a write with PASID', { ...COMMON, pasid: { pasid: 0x12345, execute: false, privileged: true }, kind: 'write', tag: 0, address: 0x1000n, data: Uint8Array.of(1, 2, 3, 4), at: 'untranslated' }, '91212345 40000001 0128000f 00001000 01020304'],
  ['a fetch', { ...COMMON, pasid: { pasid: 5, execute: true, privileged: false }, kind: 'read', tag: 0, address: 0x1000n, length: 4, at: 'untranslated' }, '91100005 00000001 0128000f 00001000'],
  ['a fetch-and-add of 8 bytes', { ...COMMON, kind: 'atomic', operation: 'fetch-add', tag: 3, address: 0x1008n, data: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0), at: 'untranslated' }, '4c000002 01280300 00001008 01000000 00000000'],
  ['a compare-and-swap of 4 bytes', { ...COMMON, kind: 'atomic', operation: 'compare-swap', tag: 3, address: 0x1004n, data: Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0), at: 'translated' }, '4e000802 01280300 00001004 01000000 02000000'],
  ['a translation request, to read only', { ...COMMON, kind: 'translation-request', tag: 9, address: 0x7f12_3456_7000n, entries: 1, noWrite: true }, '20000402 012809ff 00007f12 34567001'],
  ['a completion with data', { ...COMMON, kind: 'completion', tag: 7, completer: 0x0001, status: 'success', byteCount: 4, lowerAddress: 0x10, data: Uint8Array.of(1, 2, 3, 4) }, '4a000001 00010004 01280710 01020304'],
  ['a completion without', { ...COMMON, kind: 'completion', tag: 7, completer: 0x0001, status: 'unsupportedRequest', byteCount: 4, lowerAddress: 0, data: new Uint8Array(0) }, '0a000000 00012004 01280700'],
  ['an abort', { ...COMMON, kind: 'completion', tag: 7, completer: 0x0001, status: 'completerAbort', byteCount: 4096, lowerAddress: 0, data: new Uint8Array(0) }, '0a000000 00018000 01280700'],
  ['an invalidation of one page', { ...COMMON, requester: 0, kind: 'invalidate-request', device: 0x0128, itag: 3, address: 0x1234_5000n, span: 12, global: false }, '72000002 00000301 01280000 00000000 00000000 12345000'],
  ['an invalidation of 2 MiB in every PASID', { ...COMMON, requester: 0, pasid: { pasid: 5, execute: false, privileged: false }, kind: 'invalidate-request', device: 0x0128, itag: 3, address: 0x1220_0000n, span: 21, global: true }, '91000005 72000002 00000301 01280000 00000000 00000000 122ff801'],
  ['an invalidation of everything', { ...COMMON, requester: 0, kind: 'invalidate-request', device: 0x0128, itag: 31, address: 0n, span: 64, global: false }, '72000002 00001f01 01280000 00000000 7fffffff fffff800'],
  ['an invalidate completion', { ...COMMON, kind: 'invalidate-completion', device: 0, itags: 0x8000_0001, count: 1 }, '32000000 01280002 00000001 80000001'],
  ['an invalidate completion of eight', { ...COMMON, kind: 'invalidate-completion', device: 0, itags: 1, count: 8 }, '32000000 01280002 00000000 00000001'],
  ['a page request', { ...COMMON, pasid: { pasid: 5, execute: false, privileged: false }, kind: 'page-request', address: 0x7f12_3456_7000n, read: true, write: true, last: true, group: 0x1ff }, '91000005 30000000 01280004 00007f12 34567fff'],
  ['a stop marker', { ...COMMON, pasid: { pasid: 5, execute: false, privileged: false }, kind: 'page-request', address: 0n, read: false, write: false, last: true, group: 0 }, '91000005 30000000 01280004 00000000 00000004'],
  ['a page response', { ...COMMON, requester: 0, kind: 'page-response', device: 0x0128, group: 0x101, response: 'invalid' }, '32000000 00000005 01281101 00000000'],
];

describe('packets', () => {
  it.each(PACKETS)('%s', (_, tlp, bytes) => {
    expect(hex(encodeTlp(tlp))).toBe(bytes);
    expect(decodeTlp(encodeTlp(tlp))).toEqual(tlp);
  });

  it('every range of bytes within 4 KiB comes back', () => {
    for (const start of [0n, 1n, 2n, 3n, 0xff8n, 0xffdn, 0x1_0000_0000n + 0xff1n]) {
      for (let length = 1; length <= 4096 - Number(start & 0xfffn); length += length < 20 ? 1 : 997) {
        const read: Tlp = { ...COMMON, kind: 'read', tag: 1, address: start, length, at: 'untranslated' };
        expect(decodeTlp(encodeTlp(read))).toEqual(read);
        const write: Tlp = { ...COMMON, kind: 'write', tag: 1, address: start, data: Uint8Array.from({ length }, (_, i) => i & 0xff), at: 'untranslated' };
        expect(decodeTlp(encodeTlp(write))).toEqual(write);
      }
    }
  });

  it.each<[string, Tlp, string]>([
    ['a translated request with PASID', { ...COMMON, kind: 'read', tag: 0, address: 0n, length: 4, at: 'translated', pasid: { pasid: 1, execute: false, privileged: false } }, 'carries no PASID'],
    ['a completion with PASID', { ...COMMON, kind: 'completion', tag: 0, completer: 0, status: 'success', byteCount: 4, lowerAddress: 0, data: new Uint8Array(4), pasid: { pasid: 1, execute: false, privileged: false } }, 'carries no PASID'],
    ['a request across a page', { ...COMMON, kind: 'read', tag: 0, address: 0xffcn, length: 8, at: 'untranslated' }, 'within 4 KiB'],
    ['an AtomicOp off its size', { ...COMMON, kind: 'atomic', operation: 'swap', tag: 0, address: 4n, data: new Uint8Array(8), at: 'untranslated' }, 'expected 4 or 8, aligned'],
    ['a PASID of 21 bits', { ...COMMON, kind: 'read', tag: 0, address: 0n, length: 4, at: 'untranslated', pasid: { pasid: 1 << 20, execute: false, privileged: false } }, '20 bits'],
  ])('%s cannot be', (_, tlp, why) => {
    expect(() => encodeTlp(tlp)).toThrow(why);
  });

  it.each([
    ['nothing', ''],
    ['a long header cut short', '20000001 0128070f 00001000'],
    ['a message with a short header', '10000000 01280004 00000000'],
    ['bytes with a hole', '00000001 0128070a 00001000'],
    ['a first word that ends early', '00000002 012807f1 00001000'],
    ['a payload that is missing', '40000002 012807ff 00001000 00000000'],
    ['a payload that should not be', '00000001 0128070f 00001000 00000000'],
    ['half a header', '00000001 0128070f'],
    ['address type 3', '00000c01 0128070f 00001000'],
    ['a reserved completion status', '0a000000 00016004 01280700'],
    ['a reserved message', '30000000 01280009 00000000 00000000'],
    ['a packet of another type', '05000001 0128070f 00001000'],
  ])('%s is no packet', (_, bytes) => {
    expect(() => decodeTlp(Uint8Array.from(bytes.replaceAll(' ', '').match(/../gu) ?? [], (byte) => Number.parseInt(byte, 16)))).toThrow(RangeError);
  });

  it('a reserved response code is a failure', () => {
    const bytes = encodeTlp({ ...COMMON, kind: 'page-response', device: 1, group: 0, response: 'success' });
    bytes[10] = (bytes[10] ?? 0) | 0x70;
    expect(decodeTlp(bytes)).toMatchObject({ response: 'failure' });
  });
});

it('random bytes are a packet or no packet, and what is one comes back as the same', () => {
  let state = 7;
  const random = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 16;
  let packets = 0;
  for (let i = 0; i < 4000; i += 1) {
    // Beginnings that exist, with as much behind them as they say; now and then a byte more or less.
    const first = [0x00, 0x20, 0x40, 0x60, 0x0a, 0x4a, 0x30, 0x32, 0x72, 0x4c, 0x4e][random() % 12] ?? random() & 0xff;
    const words = first >= 0x40 ? 1 + (random() % 3) : random() % 3;
    const size = ((first & 0x20) === 0 ? 12 : 16) + (first >= 0x40 ? 4 * words : 0) + (random() % 10 === 0 ? (random() % 9) - 4 : 0);
    const enables = [0xf, 0xff, 0x8f, 0x1c, 0x06, 0][random() % 7] ?? random() & 0xff;
    const message = [1, 2, 4, 5][random() % 5] ?? random() & 0xff;
    const fixed = new Map([[0, first], [2, random() & 0x3c], [3, words], [7, (first & 0x1f) >= 0x10 ? message : enables]]);
    const packet = Uint8Array.from({ length: size }, (_, at) => fixed.get(at) ?? random() & 0xff);
    const bytes = random() % 4 === 0 ? Uint8Array.of(0x91, random() & 0x3f, random() & 0xff, random() & 0xff, ...packet) : packet;
    let tlp: Tlp;
    try {
      tlp = decodeTlp(bytes);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      continue;
    }
    let again: Uint8Array;
    try {
      again = encodeTlp(tlp);
    } catch (error) {
      // A PASID where none may be.
      if (!(error instanceof RangeError)) throw error;
      continue;
    }
    packets += 1;
    expect(decodeTlp(again)).toEqual(tlp);
  }
  expect(packets).toBeGreaterThan(1000);
});

describe('translation completions', () => {
  const NONE: AtsGrant = { read: false, write: false, execute: false, privileged: false, global: false, untranslatedOnly: false, noSnoop: false };
  it.each<[string, bigint, number, Partial<AtsGrant>, string]>([
    ['a page to read', 0x12_3456_7000n, 12, { read: true }, '00000012 34567001'],
    ['2 MiB to read and write', 0x8020_0000n, 21, { read: true, write: true }, '00000000 802ff803'],
    ['8 KiB', 0x2000n, 13, { write: true }, '00000000 00002802'],
    ['every permission bit', 0x1000n, 12, { read: true, write: true, execute: true, privileged: true, global: true, untranslatedOnly: true, noSnoop: true }, '00000000 0000143f'],
  ])('%s', (_, address, span, grant, bytes) => {
    const entry = encodeTranslation(address, span, { ...NONE, ...grant });
    expect(hex(entry)).toBe(bytes);
    expect(decodeTranslation(entry)).toEqual({ address, span, grant: { ...NONE, ...grant } });
  });
});
