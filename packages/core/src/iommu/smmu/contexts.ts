// SPDX-License-Identifier: Apache-2.0
/** Stream table entries and context descriptors: what they say, and what makes one illegal (IHI 0070, 5.2.2 and 5.4.2). */
import { wordView } from '../../base/layout-words.ts';
import type { Repair, Rule, TableFormat } from '../../mmu/format.ts';
import { rootBytes, stageFormat, stage1Levels, type Granule, type StageOptions } from '../../mmu/formats/armv8.ts';
import { outputSize, type SmmuFeatures } from './features.ts';
import { ContextDescriptor, StreamTableEntry } from './structures.ts';

/** `mending`: the edit, or why there is none. */
const bad = (field: string, bits: string, text: string, where: string, mending: Repair | string): Rule => {
  const section = `Arm SMMUv3 (IHI 0070), ${where}`;
  return typeof mending === 'string' ? { field, bits, text, section, beyondRepair: mending } : { field, bits, text, section, repair: mending };
};

/** Who owns the translations of a stream: EL1 (with VMID and ASID), EL2 (neither), EL2 with E2H (ASID). */
export type World = 'el1' | 'el2' | 'el2-e2h';

/** A root of tables, wherever in a frame it begins. */
export interface Tables {
  readonly options: StageOptions;
  readonly format: TableFormat;
  readonly frame: number;
  readonly offset: number;
  readonly bigEndian: boolean;
}

export interface SecondStage extends Tables {
  /** S2R, S2S. */
  readonly records: boolean;
  readonly stalls: boolean;
  /** S2PTW: tables of stage 1 must not lie in device memory. */
  readonly protectsWalks: boolean;
  readonly forcedWriteBack: boolean;
}

export interface FirstStage {
  /** Physical or guest address of the descriptors. */
  readonly pointer: number;
  /** S1Fmt: log2 of the descriptors in a leaf table; 0 linear. */
  readonly leafBits: 0 | 6 | 10;
  /** S1CDMax: log2 of the descriptors; 0 means there are no substreams. */
  readonly bits: number;
  readonly withoutSubstream: 'terminate' | 'bypass' | 'descriptor-0';
  readonly stallDisabled: boolean;
}

export interface Stream {
  /** Where its entry is. */
  readonly at: number;
  readonly kind: 'abort' | 'bypass' | 'translate';
  readonly first: FirstStage | null;
  readonly second: SecondStage | null;
  readonly world: World;
  readonly vmid: number;
  /** EATS as it stands; what it comes to depends on CR0.ATSCHK. */
  readonly ats: 'none' | 'full' | 'split';
  /** PPAR: automatic page responses carry the PASID. */
  readonly responsesWithPasid: boolean;
  /** Null: as the request says. */
  readonly privileged: boolean | null;
  readonly instruction: boolean | null;
}

const ste = wordView(StreamTableEntry);
const STE = '5.2 "Stream Table Entry"';
const ALONE: Omit<Stream, 'at'> = { kind: 'abort', first: null, second: null, world: 'el1', vmid: 0, ats: 'none', responsesWithPasid: false, privileged: null, instruction: null };

/** The stream, or the rule that its entry breaks: C_BAD_STE. `e2h`: CR2.E2H. */
export function readStream(of: SmmuFeatures, words: Uint32Array, at: number, e2h: boolean): Stream | Rule {
  const get = ste.get;
  if (get.V(words, 0) === 0) return STE_V;
  const config = get.Config(words, 0);
  const responsesWithPasid = get.PPAR(words, 0) === 1;
  if (config < 4) return { ...ALONE, at, responsesWithPasid };
  const override = (code: number): boolean | null => (of.overridesPermissions && code >= 2 ? code === 3 : null);
  const common = { ...ALONE, at, responsesWithPasid, privileged: override(get.PRIVCFG(words, 0)), instruction: override(get.INSTCFG(words, 0)) };
  if (config === 4) return { ...common, kind: 'bypass' };
  const one = (config & 1) !== 0;
  const two = (config & 2) !== 0;
  if (one && !of.stage1) return STE_NO_STAGE1;
  if (two && !of.stage2) return STE_NO_STAGE2;
  const eats = get.EATS(words, 0);
  const stalls2 = get.S2S(words, 0) === 1;
  if (of.ats && eats === 2 && (config !== 7 || stalls2 || of.fullAtsOnly)) return STE_SPLIT;
  if (of.ats && eats === 1 && two && stalls2) return STE_FULL;
  const strw = of.stage1 && of.hypervisor && !two ? get.STRW(words, 0) : 0;
  if ((strw & 1) !== 0) return STE_WORLD;
  const world: World = strw === 0 ? 'el1' : e2h ? 'el2-e2h' : 'el2';
  const first = one ? readFirst(of, words, two) : null;
  if (first !== null && 'text' in first) return first;
  const second = two ? readSecond(of, words, stalls2) : null;
  if (second !== null && 'text' in second) return second;
  const vmid = world === 'el1' && of.stage2 ? get.S2VMID(words, 0) : 0;
  if (vmid > 0xff && !of.wideVmids) return STE_VMID;
  return { ...common, kind: 'translate', first, second, world, vmid, ats: !of.ats ? 'none' : eats === 1 ? 'full' : eats === 2 ? 'split' : 'none' };
}

function readFirst(of: SmmuFeatures, words: Uint32Array, guest: boolean): FirstStage | Rule {
  const get = ste.get;
  const stallDisabled = get.S1STALLD(words, 0) === 1;
  if (stallDisabled && of.stalls !== 'chosen') return STE_STALL;
  const bits = of.substreamBits === 0 && of.ignoresSubstreams ? 0 : get.S1CDMax(words, 0);
  if (bits > of.substreamBits) return STE_SUBSTREAMS;
  const format = get.S1Fmt(words, 0);
  const leafBits = bits === 0 ? 0 : format === 1 ? 6 : format === 2 ? 10 : 0;
  if (leafBits !== 0 && !of.twoLevelContexts) return STE_FORMAT;
  const address = get.S1ContextPtr(words, 0) * 64;
  if (address >= 2 ** of.outputBits) return guest ? STE_POINTER_GUEST : STE_POINTER;
  // Bits that the size of the table covers count as zero.
  const bytes = leafBits === 0 ? 2 ** bits * 64 : Math.max(64, 2 ** Math.max(0, bits - leafBits) * 8);
  const dss = get.S1DSS(words, 0);
  return { pointer: address - (address % bytes), leafBits, bits, withoutSubstream: dss === 1 ? 'bypass' : dss === 2 ? 'descriptor-0' : 'terminate', stallDisabled };
}

function readSecond(of: SmmuFeatures, words: Uint32Array, stalls: boolean): SecondStage | Rule {
  const get = ste.get;
  if (stalls && of.stalls === 'never') return STE_STALL2;
  if (!stalls && of.stalls === 'always') return STE_NO_STALL2;
  if (get.S2AA64(words, 0) === 0) return STE_AA64;
  const bigEndian = get.S2ENDI(words, 0) === 1;
  if (of.tables === (bigEndian ? 'little' : 'big')) return bigEndian ? STE_LITTLE : STE_BIG;
  const accessFlag = get.S2HA(words, 0) === 1;
  const dirty = get.S2HD(words, 0) === 1;
  if ((accessFlag && !of.setsAccessFlag) || (dirty && !of.setsDirty)) return STE_UPDATE;
  const granule = ([12, 16, 14] as const)[get.S2TG(words, 0)];
  if (granule === undefined || !of.granules.has(granule)) return STE_GRANULE;
  const size = get.S2T0SZ(words, 0);
  const inputBits = 64 - size;
  const outputBits = Math.min(outputSize(get.S2PS(words, 0)), of.outputBits);
  const start = get.S2SL0(words, 0);
  if (start > 2) return STE_START;
  // 4 KiB granules begin at level 2, 1, 0; the others at 3, 2, 1: so many tables to walk.
  const levels = start + (granule === 12 ? 2 : 1);
  const rootBits = inputBits - granule - (granule - 3) * (levels - 1);
  if (size > 39 || (inputBits > 48 && granule !== 16) || inputBits > outputBits || rootBits < 1 || rootBits > granule - 3 + 4) return STE_SIZE;
  const options: StageOptions = {
    stage: 2,
    granule,
    inputBits,
    outputBits,
    levels,
    upper: false,
    ignoresAccessFlag: get.S2AFFD(words, 0) === 1 && !accessFlag,
    setsAccessFlag: accessFlag,
    setsDirty: accessFlag && dirty,
    largeAddresses: of.outputBits === 52,
    executeByPrivilege: of.executeByPrivilege,
  };
  const root = get.S2TTB(words, 0) * 16;
  if (outOfReach(root, granule, outputBits)) return STE_ROOT;
  return {
    ...rooted(options, root, bigEndian),
    records: get.S2R(words, 0) === 1,
    stalls,
    protectsWalks: get.S2PTW(words, 0) === 1,
    forcedWriteBack: of.forcedWriteBack && get.S2FWB(words, 0) === 1,
  };
}

const outOfReach = (root: number, granule: Granule, outputBits: number): boolean => root >= 2 ** (granule === 16 ? outputBits : Math.min(48, outputBits));

/** The hardware aligns a root to its size, and to 64 bytes where addresses have 52 bits. */
function rooted(options: StageOptions, root: number, bigEndian: boolean): Tables {
  const format = stageFormat(options);
  const unit = Math.max(rootBytes(format), options.outputBits > 48 ? 64 : 16);
  const at = root - (root % unit);
  return { options, format, frame: Math.floor(at / 4096), offset: at % 4096, bigEndian };
}

export interface Range extends Tables {
  readonly ignoresTopByte: boolean;
  /** E0PD: users get a translation fault. */
  readonly keepsUsersOut: boolean;
}

export interface Context {
  /** Where its descriptor is. */
  readonly at: number;
  /** Null: the range is not walked. */
  readonly lower: Range | null;
  readonly upper: Range | null;
  /** Fault configuration: A, R, S. */
  readonly aborts: boolean;
  readonly records: boolean;
  readonly stalls: boolean;
  readonly asid: number;
  /** Not shared with processors: part of what global translations match. */
  readonly ownSet: boolean;
}

const cd = wordView(ContextDescriptor);
const CD = '5.4 "Context Descriptor"';

/** The address space, or the rule that the descriptor breaks: C_BAD_CD. `through`: the stream that leads to it. */
export function readContext(of: SmmuFeatures, words: Uint32Array, at: number, through: { readonly world: World; readonly stallDisabled: boolean }): Context | Rule {
  const get = cd.get;
  if (get.V(words, 0) === 0) return CD_V;
  const stalls = get.S(words, 0) === 1;
  if (through.stallDisabled && stalls) return CD_STALL_DISABLED;
  const aborts = get.A(words, 0) === 1;
  if (!aborts && of.abortsOnly) return CD_ABORT;
  if (stalls && of.stalls === 'never') return CD_STALL;
  if (!stalls && of.stalls === 'always') return CD_NO_STALL;
  const oneLevel = through.world === 'el2';
  const lowerOff = !oneLevel && get.EPD0(words, 0) === 1;
  const upperOff = oneLevel || get.EPD1(words, 0) === 1;
  const bigEndian = get.ENDI(words, 0) === 1;
  if ((!lowerOff || !upperOff) && of.tables === (bigEndian ? 'little' : 'big')) return bigEndian ? CD_LITTLE : CD_BIG;
  if (get.AA64(words, 0) === 0) return CD_AA64;
  const accessFlag = get.HA(words, 0) === 1;
  const dirty = get.HD(words, 0) === 1;
  if ((accessFlag && !of.setsAccessFlag) || (dirty && !of.setsDirty)) return CD_UPDATE;
  const asid = oneLevel ? 0 : get.ASID(words, 0);
  if (asid > 0xff && !of.wideAsids) return CD_ASID;
  const outputBits = Math.min(outputSize(get.IPS(words, 0)), of.outputBits);
  const shared = {
    stage: 1,
    outputBits,
    ignoresAccessFlag: get.AFFD(words, 0) === 1 && !accessFlag,
    setsAccessFlag: accessFlag,
    setsDirty: accessFlag && dirty,
    largeAddresses: of.outputBits === 52,
    oneLevel,
    writeExecuteNever: get.WXN(words, 0) === 1,
    privilegedAccessNever: !oneLevel && get.PAN(words, 0) === 1,
  } as const;
  const make = (granule: Granule | undefined, size: number, base: number, upper: boolean, bits: { topByte: number; flat: number; users: number }): Range | Rule => {
    if (granule === undefined || !of.granules.has(granule)) return upper ? CD_GRANULE1 : CD_GRANULE0;
    if (size < (granule === 16 && of.largeInput ? 12 : 16) || size > 39) return upper ? CD_SIZE1 : CD_SIZE0;
    if (outOfReach(base * 16, granule, outputBits)) return upper ? CD_ROOT1 : CD_ROOT0;
    const inputBits = 64 - size;
    const options: StageOptions = { ...shared, granule, inputBits, levels: stage1Levels(granule, inputBits), upper, flat: of.flatTables && bits.flat === 1 };
    return { ...rooted(options, base * 16, bigEndian), ignoresTopByte: bits.topByte === 1, keepsUsersOut: of.userPrevented && !oneLevel && bits.users === 1 };
  };
  const lower = lowerOff ? null : make(([12, 16, 14] as const)[get.TG0(words, 0)], get.T0SZ(words, 0), get.TTB0(words, 0), false, { topByte: get.TBI0(words, 0), flat: get.HAD0(words, 0), users: get.E0PD0(words, 0) });
  if (lower !== null && 'text' in lower) return lower;
  const upper = upperOff ? null : make(([undefined, 14, 12, 16] as const)[get.TG1(words, 0)], get.T1SZ(words, 0), get.TTB1(words, 0), true, { topByte: get.TBI1(words, 0), flat: get.HAD1(words, 0), users: get.E0PD1(words, 0) });
  if (upper !== null && 'text' in upper) return upper;
  return { at, lower, upper, aborts, records: get.R(words, 0) === 1, stalls, asid, ownSet: get.ASET(words, 0) === 1 };
}

const FAULTS = '5.5 "Fault configuration"';
const REBUILD = 'the tables would have to be built anew';
const ELSEWHERE = 'where the structure should be cannot be told';

const STE_V = bad('V', '0', 'V must be set', STE, { set: 1n });
const STE_NO_STAGE1 = bad('Config', '3:1', 'stage 1 must be built in (IDR0.S1P)', STE, { clear: 1n << 1n });
const STE_NO_STAGE2 = bad('Config', '3:1', 'stage 2 must be built in (IDR0.S2P)', STE, { clear: 1n << 2n });
const STE_SPLIT = bad('EATS', '93:92', 'split-stage ATS needs both stages, S2S clear and a unit that has it (IDR0.NS1ATS)', STE, { clear: 3n << 92n });
const STE_FULL = bad('EATS', '93:92', 'ATS cannot be combined with stalls of stage 2', STE, { clear: 1n << 92n });
const STE_WORLD = bad('STRW', '95:94', 'STRW is 0 or 2 for a non-secure stream', STE, { clear: 1n << 94n });
const STE_VMID = bad('S2VMID', '143:128', 'the unit has VMIDs of 8 bits only (IDR0.VMID16)', STE, { clear: 0xff00n << 128n });
const STE_SUBSTREAMS = bad('S1CDMax', '63:59', 'there cannot be more context descriptors than substreams (IDR1.SSIDSIZE)', STE, { clear: 0x1fn << 59n });
const STE_FORMAT = bad('S1Fmt', '5:4', 'two-level tables of context descriptors must be built in (IDR0.CD2L)', STE, { clear: 3n << 4n });
const STE_POINTER = bad('S1ContextPtr', '51:6', 'context descriptors must not lie beyond the output size (3.4.3)', STE, ELSEWHERE);
const STE_POINTER_GUEST = bad('S1ContextPtr', '51:6', 'context descriptors must not lie beyond the size of guest addresses (3.4.3)', STE, ELSEWHERE);
const STE_STALL = bad('S1STALLD', '91', 'S1STALLD may be set only where stalling is a choice (IDR0.STALL_MODEL)', FAULTS, { clear: 1n << 91n });
const STE_AA64 = bad('S2AA64', '179', 'only tables of AArch64 are built in (IDR0.TTF)', STE, { set: 1n << 179n });
const STE_LITTLE = bad('S2ENDI', '180', 'only little-endian tables are built in (IDR0.TTENDIAN)', STE, { clear: 1n << 180n });
const STE_BIG = bad('S2ENDI', '180', 'only big-endian tables are built in (IDR0.TTENDIAN)', STE, { set: 1n << 180n });
const STE_UPDATE = bad('S2HD S2HA', '184:183', 'hardware updates must be built in (IDR0.HTTU)', STE, { clear: 3n << 183n });
const STE_STALL2 = bad('S2S', '185', 'without stalls S2S must be clear (IDR0.STALL_MODEL)', FAULTS, { clear: 1n << 185n });
const STE_NO_STALL2 = bad('S2S', '185', 'where stalls are forced S2S must be set (IDR0.STALL_MODEL)', FAULTS, { set: 1n << 185n });
const STE_GRANULE = bad('S2TG', '175:174', 'the granule must be built in (IDR5)', STE, REBUILD);
const STE_START = bad('S2SL0', '167:166', 'the start level is reserved', STE, REBUILD);
const STE_SIZE = bad('S2T0SZ S2SL0', '167:160', 'the input must fit the start level, sixteen roots at most, and the output size', STE, REBUILD);
const STE_ROOT = bad('S2TTB', '243:196', 'the root must not lie beyond the output size', STE, ELSEWHERE);
const CD_V = bad('V', '31', 'V must be set', CD, { set: 1n << 31n });
const CD_AA64 = bad('AA64', '41', 'only tables of AArch64 are built in (IDR0.TTF)', CD, { set: 1n << 41n });
const CD_LITTLE = bad('ENDI', '15', 'only little-endian tables are built in (IDR0.TTENDIAN)', CD, { clear: 1n << 15n });
const CD_BIG = bad('ENDI', '15', 'only big-endian tables are built in (IDR0.TTENDIAN)', CD, { set: 1n << 15n });
const CD_UPDATE = bad('HD HA', '43:42', 'hardware updates must be built in (IDR0.HTTU)', CD, { clear: 3n << 42n });
const CD_ABORT = bad('A', '46', 'A must be set where terminated requests can only abort (IDR0.TERM_MODEL)', FAULTS, { set: 1n << 46n });
const CD_STALL = bad('S', '44', 'without stalls S must be clear (IDR0.STALL_MODEL)', FAULTS, { clear: 1n << 44n });
const CD_NO_STALL = bad('S', '44', 'where stalls are forced S must be set (IDR0.STALL_MODEL)', FAULTS, { set: 1n << 44n });
const CD_STALL_DISABLED = bad('S', '44', 'the stream forbids stalls of stage 1 (STE.S1STALLD)', FAULTS, { clear: 1n << 44n });
const CD_ASID = bad('ASID', '63:48', 'the unit has ASIDs of 8 bits only (IDR0.ASID16)', CD, { clear: 0xff00n << 48n });
const CD_GRANULE0 = bad('TG0', '7:6', 'the granule must be built in (IDR5)', CD, REBUILD);
const CD_GRANULE1 = bad('TG1', '23:22', 'the granule must be built in (IDR5)', CD, REBUILD);
const CD_SIZE0 = bad('T0SZ', '5:0', 'the size must lie between 16 and 39, from 12 with 64 KiB granules and large inputs (IDR5.VAX)', CD, REBUILD);
const CD_SIZE1 = bad('T1SZ', '21:16', 'the size must lie between 16 and 39, from 12 with 64 KiB granules and large inputs (IDR5.VAX)', CD, REBUILD);
const CD_ROOT0 = bad('TTB0', '115:68', 'the root must not lie beyond the output size', CD, ELSEWHERE);
const CD_ROOT1 = bad('TTB1', '179:132', 'the root must not lie beyond the output size', CD, ELSEWHERE);
