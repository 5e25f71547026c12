// SPDX-License-Identifier: Apache-2.0
/** From source id and PASID to what translates them: root, context, PASID directory, PASID table. */
import { wordView } from '../../base/layout-words.ts';
import type { Bus } from '../bus.ts';
import { NO_ANSWER, type Repair, type Rule, type TableFormat } from '../../mmu/format.ts';
import { addressOf } from '../../mmu/word.ts';
import type { Capability, ExtendedCapability, VtdOptions } from './capabilities.ts';
import { firstStageFormat, secondStageFormat } from '../../mmu/formats/x86.ts';
import type { VtdFault, VtdSpace } from './stages.ts';
import { ContextEntry, PasidDirectoryEntry, PasidEntry, RootEntry, ScalableContextEntry, ScalableRootEntry } from './structures.ts';

export interface VtdRequest {
  /** Bus, device and function. */
  readonly sourceId: number;
  readonly pasid: number | null;
  readonly type: 'untranslated' | 'ats' | 'translated';
  readonly write: boolean;
  readonly execute: boolean;
  readonly privileged: boolean;
  readonly address: bigint;
}

/** How a request translates; `silent`: its faults are not recorded. */
export interface Translation {
  readonly kind: 'space';
  readonly space: VtdSpace;
  readonly supervisor: boolean;
  readonly domain: number;
  /** Accesses to the page snoop whatever they ask. */
  readonly snoops: boolean;
  readonly silent: boolean;
}

export interface SilentFault extends VtdFault {
  readonly silent: boolean;
}

export interface VtdFeatures {
  readonly cap: ReturnType<typeof Capability.decode>;
  readonly ecap: ReturnType<typeof ExtendedCapability.decode>;
  readonly options: VtdOptions;
}

const MODES = 'Intel VT-d, "Root Table Address Register"';
const MAPPING = 'Intel VT-d, "DMA Remapping", mapping of requests to domains';
const PASIDS = 'Intel VT-d, "PASID Translation"';
const bad = (field: string, bits: string, text: string, section = MAPPING): Rule => ({ field, bits, text, section });
const mendable = (of: Rule, repair: Repair): Rule => ({ ...of, repair });
const UNREAD: Rule = { ...bad('address', '63:12', 'the entry lies where memory refuses access or is corrupt'), beyondRepair: NO_ANSWER };
const P = mendable(bad('P', '0', 'the entry must be present'), { set: 1n });
const UP = mendable(bad('UP', '64', 'the upper half of the entry must be present'), { set: 1n << 64n });
const STRAY = bad('reserved', 'any', 'reserved bits and address bits above the host must be clear');
const MODE = bad('TTM', '11:10', 'the translation table mode must be legacy or scalable', MODES);
const NO_PASIDS = bad('TTM', '11:10', 'legacy mode has no PASIDs', MODES);
const TYPE = mendable(bad('TT', '3:2', 'the translation type must be one that is built in'), { clear: 3n << 2n });
const DEPTH = 'the depth of the tables must be one that is built in';
const NOT_ALLOWED = bad('TT', '3:2', 'translation and translated requests need translation type 1');
const NO_DTE = mendable(bad('DTE', '2', 'translation requests need DTE'), { set: 1n << 2n });
const NO_PASIDE = mendable(bad('PASIDE', '3', 'requests with PASID need PASIDE'), { set: 1n << 3n });
const PASID_WIDE = bad('PDTS', '11:9', 'the PASID must lie in the directory');
const RID_WIDE = bad('RID_PASID', '83:64', 'RID_PASID must lie in the directory');
const STAGES = bad('PGTT', '8:6', 'the kind of translation must be one that is built in', PASIDS);
const NO_SRE = mendable(bad('SRE', '128', 'supervisor requests need SRE', PASIDS), { set: 1n << 128n });
const NO_ERE = mendable(bad('ERE', '129', 'execute requests need ERE', PASIDS), { set: 1n << 129n });
const FIRST_DEPTH = mendable(bad('FSPM', '131:130', DEPTH, PASIDS), { clear: 3n << 130n });

const legacyRoot = wordView(RootEntry);
const scalableRoot = wordView(ScalableRootEntry);
const legacyContext = wordView(ContextEntry);
const scalableContext = wordView(ScalableContextEntry);
const directory = wordView(PasidDirectoryEntry);
const entry = wordView(PasidEntry);

const ACCESS_FRAME = 4096;

export class Contexts {
  readonly #features: VtdFeatures;
  readonly #bus: Bus;
  readonly #frameLimit: number;
  readonly #rules: UnitRules;
  /** Formats by what selects them, made once. */
  readonly #formats = new Map<string, TableFormat>();

  constructor(features: VtdFeatures, bus: Bus) {
    this.#features = features;
    this.#bus = bus;
    this.#frameLimit = 2 ** (features.options.hostBits - 12);
    this.#rules = rulesOf(features);
  }

  /** @param rootTable RTADDR_REG */
  find(rootTable: bigint, request: VtdRequest): Translation | SilentFault {
    const root = Number((rootTable >> 12n) & 0xf_ffff_ffff_ffffn);
    const mode = Number((rootTable >> 10n) & 3n);
    if (mode === 1) return this.#scalable(root, request);
    if (mode !== 0) return stop(0x30, 'root table', null, MODE);
    return request.pasid === null ? this.#legacy(root, request) : stop(0x31, 'root table', null, NO_PASIDS);
  }

  #legacy(root: number, request: VtdRequest): Translation | SilentFault {
    const { data } = this.#bus;
    const rootOffset = (request.sourceId >>> 8) * 16;
    const rootAt = addressOf(root, rootOffset);
    if (this.#bus.load('root entry', root, rootOffset, 16, false) !== 'ok') return stop(0x08, 'root table', rootAt, UNREAD);
    if (legacyRoot.get.P(data, 0) === 0) return stop(0x01, 'root table', rootAt, P);
    const table = legacyRoot.get.CTP(data, 0);
    if (legacyRoot.hasStray(data, 0) || table >= this.#frameLimit) return stop(0x0a, 'root table', rootAt, this.#rules.strayRoot);

    const offset = (request.sourceId & 0xff) * 16;
    const at = addressOf(table, offset);
    if (this.#bus.load('context entry', table, offset, 16, false) !== 'ok') return stop(0x09, 'context table', at, UNREAD);
    const silent = legacyContext.get.FPD(data, 0) === 1;
    if (legacyContext.get.P(data, 0) === 0) return stop(0x02, 'context table', at, P, silent);
    const secondRoot = legacyContext.get.SSPTPTR(data, 0);
    if (legacyContext.hasStray(data, 0) || secondRoot >= this.#frameLimit) return stop(0x0b, 'context table', at, this.#rules.strayContext, silent);
    const type = legacyContext.get.TT(data, 0);
    const { ecap } = this.#features;
    if (type === 3 || (type === 1 && !ecap.DT) || (type === 2 && !ecap.PT)) return stop(0x03, 'context table', at, TYPE, silent);
    const second = this.#second(legacyContext.get.AW(data, 0), false);
    if (second === null) return stop(0x03, 'context table', at, this.#rules.contextDepth, silent);
    if (request.type !== 'untranslated' && type !== 1) return stop(0x0d, 'context table', at, this.#rules.notAllowed, silent);
    const space = { first: null, firstRoot: 0, second: type === 2 ? null : second, secondRoot, legacy: true };
    return { kind: 'space', space, supervisor: false, domain: legacyContext.get.DID(data, 0), snoops: false, silent };
  }

  #scalable(root: number, request: VtdRequest): Translation | SilentFault {
    const { data } = this.#bus;
    const rootOffset = (request.sourceId >>> 8) * 16;
    const rootAt = addressOf(root, rootOffset);
    if (this.#bus.load('scalable root entry', root, rootOffset, 16, false) !== 'ok') return stop(0x38, 'root table', rootAt, UNREAD);
    const upper = (request.sourceId & 0x80) !== 0;
    const found = upper ? scalableRoot.get.UP(data, 0) : scalableRoot.get.LP(data, 0);
    const table = upper ? scalableRoot.get.UCTP(data, 0) : scalableRoot.get.LCTP(data, 0);
    if (found === 0) return stop(0x39, 'root table', rootAt, upper ? UP : P);
    if (scalableRoot.hasStray(data, 0) || table >= this.#frameLimit) return stop(0x3a, 'root table', rootAt, this.#rules.strayScalableRoot);

    const offset = (request.sourceId & 0x7f) * 32;
    const at = addressOf(table, offset);
    if (this.#bus.load('scalable context entry', table, offset, 32, false) !== 'ok') return stop(0x40, 'context table', at, UNREAD);
    const silent = scalableContext.get.FPD(data, 0) === 1;
    const get = scalableContext.get;
    if (get.P(data, 0) === 0) return stop(0x41, 'context table', at, P, silent);
    const pointer = get.PASIDDIRPTR(data, 0);
    if (scalableContext.hasStray(data, 0) || pointer >= this.#frameLimit) return stop(0x42, 'context table', at, this.#rules.strayScalableContext, silent);
    if (request.type !== 'untranslated' && get.DTE(data, 0) === 0) return stop(0x44, 'context table', at, NO_DTE, silent);
    if (request.pasid !== null && get.PASIDE(data, 0) === 0) return stop(0x45, 'context table', at, NO_PASIDE, silent);
    const pasid = request.pasid ?? get.RID_PASID(data, 0);
    const supervisor = request.pasid === null ? get.RID_PRIV(data, 0) === 1 : request.privileged;
    if (pasid >= 2 ** (get.PDTS(data, 0) + 13)) return stop(request.pasid === null ? 0x48 : 0x46, 'context table', at, request.pasid === null ? narrower(get.PDTS(data, 0)) : wider(pasid), silent);
    return this.#pasid(pointer, pasid, supervisor, request, silent);
  }

  #pasid(pointer: number, pasid: number, supervisor: boolean, request: VtdRequest, above: boolean): Translation | SilentFault {
    const { data } = this.#bus;
    const byte = (pasid >>> 6) * 8;
    const directoryFrame = pointer + Math.floor(byte / ACCESS_FRAME);
    const directoryAt = addressOf(directoryFrame, byte % ACCESS_FRAME);
    if (this.#bus.load('PASID directory', directoryFrame, byte % ACCESS_FRAME, 8, false) !== 'ok') return stop(0x50, 'PASID directory', directoryAt, UNREAD);
    const silentBelow = above || directory.get.FPD(data, 0) === 1;
    if (directory.get.P(data, 0) === 0) return stop(0x51, 'PASID directory', directoryAt, P, silentBelow);
    const table = directory.get.SMPTBLPTR(data, 0);
    // A pointer above the host's addresses is left to the access that follows it, here and in the PASID table.
    if (directory.hasStray(data, 0)) return stop(0x52, 'PASID directory', directoryAt, STRAY_DIRECTORY, silentBelow);

    const offset = (pasid & 63) * 64;
    const at = addressOf(table, offset);
    if (this.#bus.load('PASID-table entry', table, offset, 64, false) !== 'ok') return stop(0x58, 'PASID table', at, UNREAD);
    const silent = silentBelow || entry.get.FPD(data, 0) === 1;
    const refuse = (reason: number, rule: Rule): SilentFault => stop(reason, 'PASID table', at, rule, silent);
    const get = entry.get;
    if (get.P(data, 0) === 0) return refuse(0x59, P);
    const { cap, ecap } = this.#features;
    const firstRoot = get.FSPTPTR(data, 0);
    const secondRoot = get.SSPTPTR(data, 0);
    const marks = get.SSADE(data, 0) === 1;
    const executes = get.ERE(data, 0) === 1;
    if (entry.hasStray(data, 0) || (marks && !ecap.SSADS)) return refuse(0x5a, this.#rules.strayEntry);
    if (!ecap.ERS && (executes || get.NXE(data, 0) === 1 || get.SMEP(data, 0) === 1)) return refuse(0x5a, this.#rules.strayEntry);

    const stages = get.PGTT(data, 0);
    const usesFirst = stages === 1 || stages === 3;
    const usesSecond = stages === 2 || stages === 3;
    const builtIn = [false, ecap.FSTS, ecap.SSTS, ecap.NEST, ecap.PT][stages] ?? false;
    if (!builtIn) return refuse(0x5b, this.#rules.stages);
    const depth = get.FSPM(data, 0);
    if (usesFirst && (depth > 1 || (depth === 1 && !cap.FS5LP))) return refuse(0x5b, FIRST_DEPTH);
    const second = usesSecond ? this.#second(get.AW(data, 0), marks) : null;
    if (usesSecond && second === null) return refuse(0x5b, this.#rules.entryDepth);
    if (usesFirst && supervisor && get.SRE(data, 0) === 0) return refuse(0x5d, NO_SRE);
    if (request.execute && ecap.ERS && !executes) return refuse(0x5c, NO_ERE);
    const first = usesFirst ? this.#first(depth === 1 ? 5 : 4, get.WPE(data, 0), get.NXE(data, 0), get.SMEP(data, 0), get.EAFE(data, 0)) : null;
    return { kind: 'space', space: { first, firstRoot, second, secondRoot, legacy: false }, supervisor, domain: get.DID(data, 0), snoops: get.PGSNP(data, 0) === 1, silent };
  }

  /** The second-stage format of an AW value; null where SAGAW has none. */
  #second(width: number, marks: boolean): TableFormat | null {
    if (width < 1 || width > 3 || ((this.#features.cap.SAGAW >>> width) & 1) === 0) return null;
    const { cap, ecap, options } = this.#features;
    const levels = width === 1 ? 3 : width === 2 ? 4 : 5;
    return this.#format(`second ${levels} ${marks}`, () =>
      secondStageFormat({ levels, hostBits: options.hostBits, inputBits: cap.MGAW + 1, largePages: cap.SSLPS, snoopControl: ecap.SC, deviceTlbs: ecap.DT, marks }),
    );
  }

  #first(levels: 4 | 5, writeProtect: number, noExecute: number, smep: number, extended: number): TableFormat {
    const { cap, options } = this.#features;
    return this.#format(`first ${levels} ${writeProtect} ${noExecute} ${smep} ${extended}`, () =>
      firstStageFormat({ levels, hostBits: options.hostBits, gigabyte: cap.FS1GP, writeProtect: writeProtect === 1, noExecute: noExecute === 1, smep: smep === 1, extendedAccessed: extended === 1 }),
    );
  }

  #format(key: string, make: () => TableFormat): TableFormat {
    let format = this.#formats.get(key);
    if (format === undefined) {
      format = make();
      this.#formats.set(key, format);
    }
    return format;
  }
}

/** Rules whose repair depends on what the unit has. */
interface UnitRules {
  readonly strayRoot: Rule;
  readonly strayContext: Rule;
  readonly strayScalableRoot: Rule;
  readonly strayScalableContext: Rule;
  readonly strayEntry: Rule;
  readonly contextDepth: Rule;
  readonly entryDepth: Rule;
  readonly notAllowed: Rule;
  readonly stages: Rule;
}

function rulesOf({ cap, ecap, options }: VtdFeatures): UnitRules {
  /** Bits 63:hostBits of the word, where an address has none. */
  const above = (word: bigint): bigint => (ALL_WORD & ~((1n << BigInt(options.hostBits)) - 1n)) << (64n * word);
  const stray = (of: { readonly bits: number; strayBits(raw: bigint): bigint }, further: bigint): Rule => mendable(STRAY, { clear: of.strayBits((1n << BigInt(of.bits)) - 1n) | further });
  const width = [2, 1, 3].find((value) => ((cap.SAGAW >>> value) & 1) !== 0);
  const depth = (bits: string, low: bigint, section: string): Rule =>
    width === undefined ? { ...bad('AW', bits, DEPTH, section), beyondRepair: 'CAP.SAGAW names no depth at all' } : mendable(bad('AW', bits, DEPTH, section), { clear: 7n << low, set: BigInt(width) << low });
  const kind = [0, ecap.FSTS, ecap.SSTS, ecap.NEST, ecap.PT].findIndex((exists) => exists === true);
  return {
    strayRoot: stray(RootEntry, above(0n)),
    strayContext: stray(ContextEntry, above(0n)),
    strayScalableRoot: stray(ScalableRootEntry, above(0n) | above(1n)),
    strayScalableContext: stray(ScalableContextEntry, above(0n)),
    strayEntry: stray(PasidEntry, (ecap.SSADS ? 0n : 1n << 9n) | (ecap.ERS ? 0n : (1n << 129n) | (3n << 133n))),
    contextDepth: depth('66:64', 64n, MAPPING),
    entryDepth: depth('4:2', 2n, PASIDS),
    notAllowed: ecap.DT ? mendable(NOT_ALLOWED, { clear: 3n << 2n, set: 1n << 2n }) : { ...NOT_ALLOWED, beyondRepair: 'without device TLBs (ECAP.DT) no type allows them' },
    stages: kind < 0 ? { ...STAGES, beyondRepair: 'ECAP names no kind of translation at all' } : mendable(STAGES, { clear: 7n << 6n, set: BigInt(kind) << 6n }),
  };
}

const ALL_WORD = (1n << 64n) - 1n;
const STRAY_DIRECTORY = mendable(STRAY, { clear: PasidDirectoryEntry.strayBits(ALL_WORD) });

/** A directory just large enough for the PASID. */
const wider = (pasid: number): Rule => mendable(PASID_WIDE, { clear: 7n << 9n, set: BigInt(Math.max(0, pasid.toString(2).length - 13)) << 9n });
/** A RID_PASID that the directory holds. */
const narrower = (pdts: number): Rule => mendable(RID_WIDE, { clear: (0xf_ffffn & ~((1n << BigInt(pdts + 13)) - 1n)) << 64n });

function stop(reason: number, table: string, at: bigint | null, rule: Rule, silent = false): SilentFault {
  return { kind: 'fault', reason, why: { table, level: null, entry: at, rule }, silent };
}
