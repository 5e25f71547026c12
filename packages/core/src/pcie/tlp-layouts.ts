// SPDX-License-Identifier: Apache-2.0
/**
 * Headers of transaction layer packets, word by word. Words lie at rising
 * addresses and are big-endian: byte 0 of a header holds bits 31:24.
 */
import { choice, flag, layout, uint, wide } from '../base/layout.ts';

const SPEC = 'PCIe 5.0, "Transaction Layer Protocol"';
const word0 = {
  length: uint(9, 0, 'Payload, or what is asked for, in words of 4 bytes; 0 means 1024.'),
  at: choice(11, 10, 'Address type.', { untranslated: 0, translationRequest: 1, translated: 2 }),
  noSnoop: flag(12, 'No Snoop.'),
  relaxed: flag(13, 'Relaxed Ordering.'),
  poisoned: flag(14, 'EP: the payload is corrupt.'),
  digest: flag(15, 'TD: a checksum follows.'),
  hints: flag(16, 'TH: processing hints are present.'),
  ido: flag(18, 'ID-based Ordering.'),
  trafficClass: uint(22, 20, 'Traffic class.'),
  type: uint(28, 24, 'Kind of packet.'),
  format: choice(31, 29, 'Words of header, and whether a payload follows.', { three: 0, four: 1, threeWithData: 2, fourWithData: 3, prefix: 4 }),
} as const;
const requester = { tag: uint(47, 40, 'Tells the requests of a requester apart.'), requester: uint(63, 48, 'Bus, device and function.') } as const;
const enables = { firstEnable: uint(35, 32, 'Bytes of the first word that count.'), lastEnable: uint(39, 36, 'Bytes of the last word that count; 0 where there is one word.') } as const;
const options = { endian: 'big', wordBits: 32 } as const;

export const MemoryRequest32 = layout({
  name: 'Memory or AtomicOp request, 32-bit address', spec: `${SPEC}, "Memory Requests"`, bits: 96, ...options,
  fields: { ...word0, ...enables, ...requester, address: uint(95, 66, 'Bits 31:2 of the address.') },
});

export const MemoryRequest64 = layout({
  name: 'Memory or AtomicOp request, 64-bit address', spec: `${SPEC}, "Memory Requests"`, bits: 128, ...options,
  fields: { ...word0, ...enables, ...requester, addressHigh: uint(95, 64, 'Bits 63:32 of the address.'), noWrite: flag(96, 'NW: only in translation requests; elsewhere a processing hint.'), address: uint(127, 98, 'Bits 31:2 of the address.') },
});

export const CompletionHeader = layout({
  name: 'Completion', spec: `${SPEC}, "Completion Rules"`, bits: 96, ...options,
  fields: {
    ...word0,
    byteCount: uint(43, 32, 'Bytes that are still to come, these included; 0 means 4096.'),
    status: choice(47, 45, 'How the request ended.', { success: 0, unsupportedRequest: 1, retry: 2, completerAbort: 4 }),
    completer: uint(63, 48, 'Who answers.'),
    lowerAddress: uint(70, 64, 'Lowest bits of the address of the first byte.'),
    tag: uint(79, 72, 'Tag of the request.'),
    requester: uint(95, 80, 'Who asked.'),
  },
});

const code = choice(39, 32, 'Which message.', { invalidateRequest: 1, invalidateCompletion: 2, pageRequest: 4, pageResponse: 5 });

export const InvalidateRequestHeader = layout({
  name: 'Invalidate Request', spec: 'PCIe 5.0, "Invalidate Request"', bits: 128, ...options,
  fields: { ...word0, code, itag: uint(44, 40, 'Tag of the invalidation.'), requester: uint(63, 48, 'Who invalidates.'), device: uint(95, 80, 'The function.') },
});

export const InvalidatePayload = layout({
  name: 'Invalidate Request, payload', spec: 'PCIe 5.0, "Invalidate Request"', bits: 64,
  fields: { global: flag(0, 'For every PASID.'), size: flag(11, 'S: the range is coded in the address, ones up to a zero.'), address: wide(63, 12, 'The untranslated range, in frames.') },
});

export const InvalidateCompletionHeader = layout({
  name: 'Invalidate Completion', spec: 'PCIe 5.0, "Invalidate Completion"', bits: 128, ...options,
  fields: { ...word0, code, requester: uint(63, 48, 'The function.'), count: uint(66, 64, 'Completions that belong together, one per traffic class in use; 0 means 8.'), device: uint(95, 80, 'Who invalidated.'), itags: uint(127, 96, 'The invalidations that are complete, a bit for each tag.') },
});

export const PageRequestHeader = layout({
  name: 'Page Request', spec: 'PCIe 5.0, "Page Request Message"', bits: 128, ...options,
  fields: {
    ...word0,
    code,
    ...requester,
    addressHigh: uint(95, 64, 'Bits 63:32 of the page.'),
    read: flag(96, 'To read.'),
    write: flag(97, 'To write.'),
    last: flag(98, 'Last of its group; alone, a stop marker.'),
    group: uint(107, 99, 'Index of the group.'),
    address: uint(127, 108, 'Bits 31:12 of the page.'),
  },
});

export const PageResponseHeader = layout({
  name: 'Page Request Group Response', spec: 'PCIe 5.0, "Page Request Group Response Message"', bits: 128, ...options,
  fields: { ...word0, code, requester: uint(63, 48, 'Who answers.'), group: uint(72, 64, 'Index of the group.'), response: choice(79, 76, 'How it ended.', { success: 0, invalid: 1, failure: 15 }), device: uint(95, 80, 'The function.') },
});

export const TranslationEntry = layout({
  name: 'Translation completion entry', spec: 'PCIe 5.0, "Translation Completion"', bits: 64, endian: 'big', wordBits: 32,
  fields: {
    addressHigh: uint(31, 0, 'Bits 63:32 of the translated address.'),
    read: flag(32, 'R.'),
    write: flag(33, 'W.'),
    untranslatedOnly: flag(34, 'U: only untranslated requests.'),
    execute: flag(35, 'Exe; only with R.'),
    privileged: flag(36, 'Priv: the permissions are those of privileged mode.'),
    global: flag(37, 'The same in every PASID.'),
    noSnoop: flag(42, 'N: requests that use it must leave No Snoop clear.'),
    size: flag(43, 'S: the range is coded in the address, ones up to a zero.'),
    address: uint(63, 44, 'Bits 31:12 of the translated address.'),
  },
});

/** One word in front of the header. */
export const PasidPrefix = layout({
  name: 'PASID prefix', spec: 'PCIe 5.0, "PASID TLP Prefix"', bits: 32, ...options,
  fields: { pasid: uint(19, 0, 'The PASID.'), execute: flag(20, 'Execute Requested.'), privileged: flag(21, 'Privileged Mode Requested.'), type: uint(31, 24, 'Always 91.') },
});
