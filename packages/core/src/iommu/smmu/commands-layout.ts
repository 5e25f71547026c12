// SPDX-License-Identifier: Apache-2.0
/** Commands of an Arm SMMUv3, 16 bytes each. Bits that no field names must be 0 (4.1.5): ours looks, and calls them CERROR_ILL. */
import { flag, layout, uint, wide } from '../../base/layout.ts';

const SPEC = 'Arm SMMUv3 (IHI 0070)';
const opcode = uint(7, 0, 'Which command.');
const SSec = flag(10, 'A secure stream; illegal in the non-secure queue.');
const SSV = flag(11, 'The substream is valid.');
const SSID = uint(31, 12, 'Substream.');
const SID = uint(63, 32, 'Stream.');
const Leaf = flag(64, 'Only the last level.');
const NUM = uint(16, 12, 'Range: one less than how often 2^SCALE granules.');
const SCALE = uint(24, 20, 'Range: log2 of the step.');
const TTL = uint(73, 72, 'Level of the entries, 0 for any.');
const TG = uint(75, 74, 'Granule: 0 any and no range, 1 4 KiB, 2 16 KiB, 3 64 KiB.');
const ADDR = wide(127, 76, 'Address, in frames.');
const VMID = uint(47, 32, 'Virtual machine.');
const ASID = uint(63, 48, 'Address space.');

export const PrefetchCommand = layout({
  name: 'CMD_PREFETCH_CONFIG, CMD_PREFETCH_ADDR',
  spec: `${SPEC}, 4.2 "Prefetch"`,
  bits: 128,
  fields: { opcode, SSec, SSV, SSID, SID, SIZE: uint(68, 64, 'log2 of how many translations.'), STRIDE: uint(73, 69, 'log2 of the frames between them.'), ADDR },
});

export const ConfigurationCommand = layout({
  name: 'CMD_CFGI_STE, CMD_CFGI_CD, CMD_CFGI_CD_ALL',
  spec: `${SPEC}, 4.3 "Configuration structure invalidation"`,
  bits: 128,
  fields: { opcode, SSec, SSID, SID, Leaf },
});

export const ConfigurationRangeCommand = layout({
  name: 'CMD_CFGI_STE_RANGE, CMD_CFGI_ALL',
  spec: `${SPEC}, 4.3.2, 4.3.6`,
  bits: 128,
  fields: { opcode, SSec, SID, RANGE: uint(68, 64, '2^(RANGE+1) streams; 31 for all.') },
});

export const TlbCommand = layout({
  name: 'CMD_TLBI_NH_ALL, NH_ASID, NH_VA, NH_VAA, EL2_ALL, EL2_ASID, EL2_VA, EL2_VAA, S12_VMALL, S2_IPA, NSNH_ALL',
  spec: `${SPEC}, 4.4 "TLB invalidation"`,
  bits: 128,
  fields: { opcode, NUM, SCALE, VMID, ASID, Leaf, TTL, TG, ADDR },
});

export const AtcInvalidateCommand = layout({
  name: 'CMD_ATC_INV',
  spec: `${SPEC}, 4.5.1`,
  bits: 128,
  fields: { opcode, G: flag(9, 'All PASIDs that share the address.'), SSV, SSID, SID, SIZE: uint(69, 64, 'log2 of the frames; 52 for everything.'), ADDR },
});

export const PageResponseCommand = layout({
  name: 'CMD_PRI_RESP',
  spec: `${SPEC}, 4.5.2`,
  bits: 128,
  fields: { opcode, SSV, SSID, SID, GRPID: uint(72, 64, 'Page request group index.'), RESP: uint(77, 76, '0 failure, 1 invalid request, 2 success.') },
});

export const ResumeCommand = layout({
  name: 'CMD_RESUME',
  spec: `${SPEC}, 4.7.1`,
  bits: 128,
  fields: { opcode, SSec, Ac: flag(12, 'Retry; clear: terminate.'), Ab: flag(13, 'Terminate with an abort; clear: with zeros.'), SID, STAG: uint(79, 64, 'Which stalled transaction.') },
});

export const StallTermCommand = layout({
  name: 'CMD_STALL_TERM',
  spec: `${SPEC}, 4.7.2`,
  bits: 128,
  fields: { opcode, SSec, SID },
});

export const SyncCommand = layout({
  name: 'CMD_SYNC',
  spec: `${SPEC}, 4.7.3`,
  bits: 128,
  fields: {
    opcode,
    CS: uint(13, 12, 'When done: 0 nothing, 1 interrupt, 2 wake processors that wait for an event.'),
    MSH: uint(23, 22, 'Shareability of the message.'),
    MSIATTR: uint(27, 24, 'Memory type of the message.'),
    MSIDATA: uint(63, 32, 'Message.'),
    MSIADDR: wide(115, 66, 'Where it goes, in units of 4 bytes; 0: no message.'),
  },
});
