// SPDX-License-Identifier: Apache-2.0
/** Stream table entries and context descriptors: where they lie, and what makes one illegal. */
import { wordView } from '../../base/layout-words.ts';
import type { Rule, TableFormat } from '../../mmu/format.ts';
import { stageFormat, stage1Levels, type Granule } from '../../mmu/formats/armv8.ts';
import { ContextDescriptor, StreamTableEntry } from './structures.ts';

const SPEC = 'Arm SMMUv3 (IHI 0070)';
const bad = (field: string, bits: string, text: string, where: string): Rule => ({ field, bits, text, section: `${SPEC}, "${where}"` });

/** What the ID registers say, as far as it decides here. */
export interface SmmuFeatures {
  /** Bits of a stream id and of a substream id. */
  readonly streamBits: number;
  readonly substreamBits: number;
  readonly outputBits: number;
  readonly stage1: boolean;
  readonly stage2: boolean;
  readonly granules: ReadonlySet<Granule>;
  /** Hardware sets the access flag; and dirty state. */
  readonly setsAccessFlag: boolean;
  readonly setsDirty: false;
  /** Requests can be stalled. */
  readonly stalls: boolean;
  /** Terminated requests can only abort. */
  readonly abortsOnly: boolean;
  readonly bigEndian: boolean;
}

const OUTPUT = [32, 36, 40, 42, 44, 48, 52] as const;

/** IDR0, IDR1 and IDR5. */
export function smmuFeatures(idr0: number, idr1: number, idr5: number): SmmuFeatures {
  const granules = new Set<Granule>();
  if ((idr5 & 0x10) !== 0) granules.add(12);
  if ((idr5 & 0x20) !== 0) granules.add(14);
  if ((idr5 & 0x40) !== 0) granules.add(16);
  const update = (idr0 >>> 6) & 3;
  return {
    streamBits: idr1 & 0x3f,
    substreamBits: (idr1 >>> 6) & 0x1f,
    outputBits: OUTPUT[idr5 & 7] ?? 52,
    stage1: (idr0 & 2) !== 0,
    stage2: (idr0 & 1) !== 0,
    granules,
    setsAccessFlag: update >= 1,
    // Dirty state by hardware is not modelled: such a unit counts as one that sets the access flag only.
    setsDirty: false,
    stalls: ((idr0 >>> 24) & 3) !== 1,
    abortsOnly: (idr0 & (1 << 26)) !== 0,
    bigEndian: ((idr0 >>> 21) & 3) !== 2,
  };
}

export interface Stream {
  readonly kind: 'abort' | 'bypass' | 'translate';
  readonly first: { readonly pointerFrame: number; readonly pointerOffset: number } | null;
  readonly second: { readonly format: TableFormat; readonly inputBits: number; readonly root: number; readonly records: boolean } | null;
}

const ste = wordView(StreamTableEntry);
const STE = 'Stream Table Entry';

/** The stream, or the rule that its entry breaks: C_BAD_STE. */
export function readStream(of: SmmuFeatures, words: Uint32Array): Stream | Rule {
  const get = ste.get;
  if (get.V(words, 0) === 0) return STE_V;
  const config = get.Config(words, 0);
  if (config < 4) return { kind: 'abort', first: null, second: null };
  if (config === 4) return { kind: 'bypass', first: null, second: null };
  if (((config & 1) !== 0 && !of.stage1) || ((config & 2) !== 0 && !of.stage2)) return STE_STAGE;
  let first: Stream['first'] = null;
  if ((config & 1) !== 0) {
    if (get.S1CDMax(words, 0) > of.substreamBits) return STE_SUBSTREAMS;
    if (get.S1STALLD(words, 0) === 1 && !of.stalls) return STE_STALL;
    const pointer = get.S1ContextPtr(words, 0);
    first = { pointerFrame: Math.floor(pointer / 64), pointerOffset: (pointer % 64) * 64 };
  }
  if ((config & 2) === 0) return { kind: 'translate', first, second: null };

  if (get.S2AA64(words, 0) === 0) return STE_AA64;
  if (get.S2ENDI(words, 0) === 1 && !of.bigEndian) return STE_ENDIAN;
  if ((get.S2HA(words, 0) === 1 && !of.setsAccessFlag) || (get.S2HD(words, 0) === 1 && !of.setsDirty)) return STE_UPDATE;
  if (get.S2S(words, 0) === 1 && !of.stalls) return STE_STALL2;
  const granule = ([12, 16, 14] as const)[get.S2TG(words, 0)];
  if (granule === undefined || !of.granules.has(granule)) return STE_GRANULE;
  const inputBits = 64 - get.S2T0SZ(words, 0);
  const outputBits = Math.min(OUTPUT[get.S2PS(words, 0)] ?? 52, of.outputBits);
  const start = get.S2SL0(words, 0);
  if (start > 2) return STE_START;
  // 4 KiB granules begin at level 2, 1, 0; the others at 3, 2, 1: so many tables to walk.
  const levels = start + (granule === 12 ? 2 : 1);
  const rootBits = inputBits - granule - (granule - 3) * (levels - 1);
  if (inputBits > outputBits || rootBits < 1 || rootBits > granule - 3 + 4) return STE_SIZE;
  const format = stageFormat({ stage: 2, granule, inputBits, outputBits, levels, upper: false, ignoresAccessFlag: get.S2AFFD(words, 0) === 1, setsAccessFlag: get.S2HA(words, 0) === 1 });
  return { kind: 'translate', first, second: { format, inputBits, root: Math.floor(get.S2TTB(words, 0) / 256), records: get.S2R(words, 0) === 1 } };
}

export interface Range {
  readonly format: TableFormat;
  readonly inputBits: number;
  readonly root: number;
  readonly ignoresTopByte: boolean;
}

export interface Context {
  /** Null: the range is not walked. */
  readonly lower: Range | null;
  readonly upper: Range | null;
  readonly records: boolean;
  readonly outputBits: number;
}

const cd = wordView(ContextDescriptor);
const CD = 'Context Descriptor';

/** The address space, or the rule that the descriptor breaks: C_BAD_CD. */
export function readContext(of: SmmuFeatures, words: Uint32Array): Context | Rule {
  const get = cd.get;
  if (get.V(words, 0) === 0) return CD_V;
  if (get.AA64(words, 0) === 0) return CD_AA64;
  if (get.ENDI(words, 0) === 1 && !of.bigEndian) return CD_ENDIAN;
  if ((get.HA(words, 0) === 1 && !of.setsAccessFlag) || (get.HD(words, 0) === 1 && !of.setsDirty)) return CD_UPDATE;
  if (get.A(words, 0) === 0 && of.abortsOnly) return CD_ABORT;
  if (get.S(words, 0) === 1 && !of.stalls) return CD_STALL;
  const outputBits = Math.min(OUTPUT[get.IPS(words, 0)] ?? 52, of.outputBits);
  const ignoresAccessFlag = get.AFFD(words, 0) === 1;
  const make = (granule: Granule | undefined, size: number, base: number, upper: boolean, topByte: number): Range | Rule => {
    if (granule === undefined || !of.granules.has(granule)) return CD_GRANULE;
    if (size < 16 || size > 39) return CD_SIZE;
    const root = Math.floor(base / 256);
    if (root >= 2 ** (outputBits - 12)) return CD_ROOT;
    const inputBits = 64 - size;
    const format = stageFormat({ stage: 1, granule, inputBits, outputBits, levels: stage1Levels(granule, inputBits), upper, ignoresAccessFlag, setsAccessFlag: get.HA(words, 0) === 1 });
    return { format, inputBits, root, ignoresTopByte: topByte === 1 };
  };
  const lower = get.EPD0(words, 0) === 1 ? null : make(([12, 16, 14] as const)[get.TG0(words, 0)], get.T0SZ(words, 0), get.TTB0(words, 0), false, get.TBI0(words, 0));
  if (lower !== null && 'text' in lower) return lower;
  const upper = get.EPD1(words, 0) === 1 ? null : make(([undefined, 14, 12, 16] as const)[get.TG1(words, 0)], get.T1SZ(words, 0), get.TTB1(words, 0), true, get.TBI1(words, 0));
  if (upper !== null && 'text' in upper) return upper;
  return { lower, upper, records: get.R(words, 0) === 1, outputBits };
}

const STE_V: Rule = { ...bad('V', '0', 'V must be set', STE), repair: { set: 1n } };
const STE_STAGE = bad('Config', '3:1', 'the stages must be built in', STE);
const STE_SUBSTREAMS = bad('S1CDMax', '63:59', 'there cannot be more context descriptors than substreams', STE);
const STE_STALL = bad('S1STALLD', '91', 'without stalls S1STALLD must be clear', STE);
const STE_AA64 = bad('S2AA64', '179', 'only tables of AArch64 are built in', STE);
const STE_ENDIAN = bad('S2ENDI', '180', 'only little-endian tables are built in', STE);
const STE_UPDATE = bad('S2HA S2HD', '184:183', 'hardware updates must be built in (IDR0.HTTU)', STE);
const STE_STALL2 = bad('S2S', '185', 'without stalls S2S must be clear', STE);
const STE_GRANULE = bad('S2TG', '175:174', 'the granule must be built in', STE);
const STE_START = bad('S2SL0', '167:166', 'the start level is reserved', STE);
const STE_SIZE = bad('S2T0SZ S2SL0', '167:160', 'the input must fit the start level, sixteen roots at most, and the output size', STE);
const CD_V: Rule = { ...bad('V', '31', 'V must be set', CD), repair: { set: 1n << 31n } };
const CD_AA64 = bad('AA64', '41', 'only tables of AArch64 are built in', CD);
const CD_ENDIAN = bad('ENDI', '15', 'only little-endian tables are built in', CD);
const CD_UPDATE = bad('HA HD', '43:42', 'hardware updates must be built in (IDR0.HTTU)', CD);
const CD_ABORT = bad('A', '46', 'A must be set where terminated requests can only abort (IDR0.TERM_MODEL)', CD);
const CD_STALL = bad('S', '44', 'without stalls S must be clear', CD);
const CD_GRANULE = bad('TG', '7:6', 'the granule must be built in', CD);
const CD_SIZE = bad('T0SZ', '5:0', 'the size must lie between 16 and 39', CD);
const CD_ROOT = bad('TTB', '115:68', 'the root must not exceed the output size', CD);
