// SPDX-License-Identifier: Apache-2.0
/** From source id and PASID to what translates them: root, context, PASID directory, PASID table. */
import { wordView } from '../../base/layout-words.ts';
import type { Bus } from '../bus.ts';
import type { Rule, TableFormat } from '../../mmu/format.ts';
import { addressOf } from '../../mmu/word.ts';
import type { Capability, ExtendedCapability, VtdOptions } from './capabilities.ts';
import { firstStageFormat, secondStageFormat } from '../../mmu/formats/x86.ts';
import type { VtdCaches } from './caches.ts';
import * as rules from './context-rules.ts';
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
  /** ATS: the function will only read. */
  readonly noWrite?: boolean;
  readonly address: bigint;
}

/** How a request translates; `silent`: its faults are not recorded. */
export interface Translation {
  readonly kind: 'space';
  readonly space: VtdSpace;
  readonly supervisor: boolean;
  /** Accesses to the page snoop whatever they ask. */
  readonly snoops: boolean;
  readonly silent: boolean;
}

/** A translated request of a device that may make them: its address is taken as it is. */
export interface Direct {
  readonly kind: 'direct';
  readonly silent: boolean;
}

/** Abort mode: every request ends, and nothing is recorded. */
export interface Aborted {
  readonly kind: 'aborted';
}

export interface SilentFault extends VtdFault {
  readonly silent: boolean;
}

/** Where an entry lies, physically. */
interface Place {
  readonly frame: number;
  readonly offset: number;
}

/** What a context entry says; `at` is where it lies. */
export interface LegacyContext {
  readonly kind: 'legacy';
  readonly at: Place;
  readonly silent: boolean;
  readonly type: number;
  readonly second: TableFormat | null;
  readonly secondRoot: number;
  readonly domain: number;
}
export interface ScalableContext {
  readonly kind: 'scalable';
  readonly at: Place;
  readonly silent: boolean;
  readonly translates: boolean;
  readonly pasids: boolean;
  readonly pageRequests: boolean;
  /** PASIDs that the directory has room for. */
  readonly limit: number;
  readonly directory: number;
  readonly ridPasid: number;
  readonly ridSupervisor: boolean;
}
export type DeviceContext = LegacyContext | ScalableContext;

/** What a PASID-table entry says. `silent` is FPD of the directory or of the entry. */
export interface PasidContext {
  readonly kind: 'pasid';
  readonly at: Place;
  readonly silent: boolean;
  readonly space: VtdSpace;
  readonly supervisors: boolean;
  readonly executes: boolean;
  readonly snoops: boolean;
}

export interface VtdFeatures {
  readonly cap: ReturnType<typeof Capability.decode>;
  readonly ecap: ReturnType<typeof ExtendedCapability.decode>;
  readonly options: VtdOptions;
}

const legacyRoot = wordView(RootEntry);
const scalableRoot = wordView(ScalableRootEntry);
const legacyContext = wordView(ContextEntry);
const scalableContext = wordView(ScalableContextEntry);
const directory = wordView(PasidDirectoryEntry);
const entry = wordView(PasidEntry);

const ACCESS_FRAME = 4096;

interface InLegacy {
  readonly reason: number;
  readonly rule: Rule;
}
const PASID_IN_LEGACY: InLegacy = { reason: 0x31, rule: rules.NO_PASIDS };
const PAGE_IN_LEGACY: InLegacy = { reason: 0x32, rule: rules.NO_PAGES };

/** RTADDR_REG in two numbers. */
export interface RootTable {
  readonly frame: number;
  /** 0 legacy, 1 scalable, 3 abort. */
  readonly mode: number;
}

export class Contexts {
  readonly #features: VtdFeatures;
  readonly #bus: Bus;
  readonly #caches: VtdCaches;
  readonly #frameLimit: number;
  readonly #rules: rules.UnitRules;
  /** Formats by what selects them, made once. */
  readonly #formats: (TableFormat | undefined)[] = [];

  constructor(features: VtdFeatures, bus: Bus, caches: VtdCaches) {
    this.#features = features;
    this.#bus = bus;
    this.#caches = caches;
    this.#frameLimit = 2 ** (features.options.hostBits - 12);
    this.#rules = rules.rulesOf(features);
  }

  find(root: RootTable, request: VtdRequest): Translation | Direct | Aborted | SilentFault {
    const context = this.device(root, request.sourceId, request.pasid !== null ? PASID_IN_LEGACY : null);
    if (context.kind === 'fault' || context.kind === 'aborted') return context;
    return context.kind === 'legacy' ? legacyTranslation(context, request, this.#rules) : this.#scalableTranslation(context, request);
  }

  /** Whether the device may request the page: what stands against it, or the device. */
  findForPage(root: RootTable, sourceId: number, pasid: number | null): ScalableContext | Aborted | SilentFault {
    const context = this.device(root, sourceId, PAGE_IN_LEGACY);
    if (context.kind !== 'scalable') return context.kind === 'legacy' ? stop(0x32, 'root table', null, rules.NO_PAGES) : context;
    const { at, silent } = context;
    if (!context.pageRequests) return stop(0x47, 'context table', at, rules.NO_PRE, silent);
    if (pasid !== null && !context.pasids) return stop(0x45, 'context table', at, rules.NO_PASIDE, silent);
    return pasid !== null && pasid >= context.limit ? stop(0x46, 'context table', at, rules.wider(pasid), silent) : context;
  }

  /** The device's context entry, from the cache or through the root table. `inLegacy`: what is wrong with the request in legacy mode. */
  device({ frame: root, mode }: RootTable, sourceId: number, inLegacy: InLegacy | null): DeviceContext | Aborted | SilentFault {
    const { ecap } = this.#features;
    if (mode === 3 && ecap.ADMS) return { kind: 'aborted' };
    if (mode > 1 || (mode === 1 && !ecap.SMTS)) return stop(0x30, 'root table', null, rules.MODE);
    if (mode === 0 && inLegacy !== null) return stop(inLegacy.reason, 'root table', null, inLegacy.rule);
    const known = this.#caches.context?.find(0, sourceId)?.found;
    if (known !== undefined && (known.kind === 'fault' || (known.kind === 'scalable') === (mode === 1))) return known;
    const found = mode === 1 ? this.#scalable(root, sourceId) : this.#legacy(root, sourceId);
    if (found.kind !== 'fault' || found.why.rule !== rules.UNREAD) this.#caches.putContext(sourceId, found);
    return found;
  }

  #legacy(root: number, sourceId: number): LegacyContext | SilentFault {
    const { data } = this.#bus;
    const rootOffset = (sourceId >>> 8) * 16;
    const rootAt = { frame: root, offset: rootOffset };
    if (this.#bus.load('root entry', root, rootOffset, 16, false) !== 'ok') return stop(0x08, 'root table', rootAt, rules.UNREAD);
    if (legacyRoot.get.P(data, 0) === 0) return stop(0x01, 'root table', rootAt, rules.P);
    const table = legacyRoot.get.CTP(data, 0);
    if (legacyRoot.hasStray(data, 0) || table >= this.#frameLimit) return stop(0x0a, 'root table', rootAt, this.#rules.strayRoot);

    const offset = (sourceId & 0xff) * 16;
    const at = { frame: table, offset };
    if (this.#bus.load('context entry', table, offset, 16, false) !== 'ok') return stop(0x09, 'context table', at, rules.UNREAD);
    const get = legacyContext.get;
    const silent = get.FPD(data, 0) === 1;
    if (get.P(data, 0) === 0) return stop(0x02, 'context table', at, rules.P, silent);
    const secondRoot = get.SSPTPTR(data, 0);
    if (legacyContext.hasStray(data, 0) || secondRoot >= this.#frameLimit) return stop(0x0b, 'context table', at, this.#rules.strayContext, silent);
    const type = get.TT(data, 0);
    const { ecap } = this.#features;
    if (type === 3 || (type === 1 && !ecap.DT) || (type === 2 && !ecap.PT)) return stop(0x03, 'context table', at, rules.TYPE, silent);
    const second = this.#second(get.AW(data, 0), false);
    if (second === null) return stop(0x03, 'context table', at, this.#rules.contextDepth, silent);
    return { kind: 'legacy', at, silent, type, second: type === 2 ? null : second, secondRoot, domain: get.DID(data, 0) };
  }

  #scalable(root: number, sourceId: number): ScalableContext | SilentFault {
    const { data } = this.#bus;
    const rootOffset = (sourceId >>> 8) * 16;
    const rootAt = { frame: root, offset: rootOffset };
    if (this.#bus.load('scalable root entry', root, rootOffset, 16, false) !== 'ok') return stop(0x38, 'root table', rootAt, rules.UNREAD);
    const upper = (sourceId & 0x80) !== 0;
    const found = upper ? scalableRoot.get.UP(data, 0) : scalableRoot.get.LP(data, 0);
    const table = upper ? scalableRoot.get.UCTP(data, 0) : scalableRoot.get.LCTP(data, 0);
    if (found === 0) return stop(0x39, 'root table', rootAt, upper ? rules.UP : rules.P);
    if (scalableRoot.hasStray(data, 0) || table >= this.#frameLimit) return stop(0x3a, 'root table', rootAt, this.#rules.strayScalableRoot);

    const offset = (sourceId & 0x7f) * 32;
    const at = { frame: table, offset };
    if (this.#bus.load('scalable context entry', table, offset, 32, false) !== 'ok') return stop(0x40, 'context table', at, rules.UNREAD);
    const get = scalableContext.get;
    const silent = get.FPD(data, 0) === 1;
    if (get.P(data, 0) === 0) return stop(0x41, 'context table', at, rules.P, silent);
    const pointer = get.PASIDDIRPTR(data, 0);
    if (scalableContext.hasStray(data, 0) || pointer >= this.#frameLimit) return stop(0x42, 'context table', at, this.#rules.strayScalableContext, silent);
    return {
      kind: 'scalable',
      at,
      silent,
      translates: get.DTE(data, 0) === 1,
      pasids: get.PASIDE(data, 0) === 1,
      pageRequests: get.PRE(data, 0) === 1,
      limit: 2 ** (get.PDTS(data, 0) + 13),
      directory: pointer,
      ridPasid: get.RID_PASID(data, 0),
      ridSupervisor: get.RID_PRIV(data, 0) === 1,
    };
  }

  #scalableTranslation(context: ScalableContext, request: VtdRequest): Translation | Direct | SilentFault {
    const { at, silent } = context;
    if (request.type !== 'untranslated' && !context.translates) return stop(0x44, 'context table', at, rules.NO_DTE, silent);
    if (request.pasid !== null && !context.pasids) return stop(0x45, 'context table', at, rules.NO_PASIDE, silent);
    if (request.type === 'translated') return { kind: 'direct', silent };
    const pasid = request.pasid ?? context.ridPasid;
    if (pasid >= context.limit) return stop(request.pasid === null ? 0x48 : 0x46, 'context table', at, request.pasid === null ? rules.narrower(context.limit) : rules.wider(pasid), silent);

    const found = this.#pasid(context.directory, request.sourceId, pasid);
    const hushed = silent || found.silent;
    if (found.kind === 'fault') return hushed === found.silent ? found : { ...found, silent: hushed };
    const supervisor = request.pasid === null ? context.ridSupervisor : request.privileged;
    if (found.space.first !== null && supervisor && !found.supervisors) return stop(0x5d, 'PASID table', found.at, rules.NO_SRE, hushed);
    if (request.execute && !request.write && this.#features.ecap.ERS && !found.executes) return stop(0x5c, 'PASID table', found.at, rules.NO_ERE, hushed);
    return { kind: 'space', space: found.space, supervisor, snoops: found.snoops, silent: hushed };
  }

  /** The PASID-table entry, from the cache or through the directory. */
  #pasid(pointer: number, sourceId: number, pasid: number): PasidContext | SilentFault {
    const known = this.#caches.pasid?.find(sourceId, pasid)?.found;
    if (known !== undefined) return known;
    const found = this.#loadPasid(pointer, pasid);
    if (found.kind !== 'fault' || found.why.rule !== rules.UNREAD) this.#caches.putPasid(sourceId, pasid, found);
    return found;
  }

  #loadPasid(pointer: number, pasid: number): PasidContext | SilentFault {
    const { data } = this.#bus;
    const byte = (pasid >>> 6) * 8;
    const directoryFrame = pointer + Math.floor(byte / ACCESS_FRAME);
    const directoryAt = { frame: directoryFrame, offset: byte % ACCESS_FRAME };
    if (this.#bus.load('PASID directory', directoryFrame, byte % ACCESS_FRAME, 8, false) !== 'ok') return stop(0x50, 'PASID directory', directoryAt, rules.UNREAD);
    const silentBelow = directory.get.FPD(data, 0) === 1;
    if (directory.get.P(data, 0) === 0) return stop(0x51, 'PASID directory', directoryAt, rules.P, silentBelow);
    const table = directory.get.SMPTBLPTR(data, 0);
    // A pointer above the host's addresses is left to the access that follows it, here and in the PASID table.
    if (directory.hasStray(data, 0)) return stop(0x52, 'PASID directory', directoryAt, rules.STRAY_DIRECTORY, silentBelow);

    const offset = (pasid & 63) * 64;
    const at = { frame: table, offset };
    if (this.#bus.load('PASID-table entry', table, offset, 64, false) !== 'ok') return stop(0x58, 'PASID table', at, rules.UNREAD, silentBelow);
    const get = entry.get;
    const silent = silentBelow || get.FPD(data, 0) === 1;
    const refuse = (reason: number, rule: Rule): SilentFault => stop(reason, 'PASID table', at, rule, silent);
    if (get.P(data, 0) === 0) return refuse(0x59, rules.P);
    const { cap, ecap } = this.#features;
    const marks = get.SSADE(data, 0) === 1;
    const executes = get.ERE(data, 0) === 1;
    const noExecute = get.NXE(data, 0) === 1;
    const smep = get.SMEP(data, 0) === 1;
    if (entry.hasStray(data, 0) || (marks && !ecap.SSADS)) return refuse(0x5a, this.#rules.strayEntry);
    if (!ecap.ERS && (executes || noExecute || smep)) return refuse(0x5a, this.#rules.strayEntry);

    const stages = get.PGTT(data, 0);
    const usesFirst = stages === 1 || stages === 3;
    const usesSecond = stages === 2 || stages === 3;
    const builtIn = [false, ecap.FSTS, ecap.SSTS, ecap.NEST, ecap.PT][stages] ?? false;
    if (!builtIn) return refuse(0x5b, this.#rules.stages);
    const depth = get.FSPM(data, 0);
    if (usesFirst && (depth > 1 || (depth === 1 && !cap.FS5LP))) return refuse(0x5b, rules.FIRST_DEPTH);
    const second = usesSecond ? this.#second(get.AW(data, 0), marks) : null;
    if (usesSecond && second === null) return refuse(0x5b, this.#rules.entryDepth);
    const writeProtect = get.WPE(data, 0) === 1;
    const first = usesFirst ? this.#first(depth === 1 ? 5 : 4, writeProtect, noExecute, get.EAFE(data, 0) === 1 && ecap.EAFS) : null;
    const space: VtdSpace = {
      first,
      firstRoot: get.FSPTPTR(data, 0),
      second,
      secondRoot: get.SSPTPTR(data, 0),
      legacy: false,
      domain: get.DID(data, 0),
      pasid,
      writeProtect,
      noExecute,
      smep,
      marksSecond: marks,
      unsnooped: ecap.SMPWC && get.PWSNP(data, 0) === 0,
    };
    return { kind: 'pasid', at, silent, space, supervisors: get.SRE(data, 0) === 1, executes, snoops: get.PGSNP(data, 0) === 1 };
  }

  /** The second-stage format of an AW value; null where SAGAW has none. */
  #second(width: number, marks: boolean): TableFormat | null {
    if (width < 1 || width > 3 || ((this.#features.cap.SAGAW >>> width) & 1) === 0) return null;
    const { cap, ecap, options } = this.#features;
    const levels = width === 1 ? 3 : width === 2 ? 4 : 5;
    return this.#format(levels * 2 + (marks ? 1 : 0), () =>
      secondStageFormat({ levels, hostBits: options.hostBits, inputBits: cap.MGAW + 1, largePages: cap.SSLPS, snoopControl: ecap.SC, deviceTlbs: ecap.DT, marks }),
    );
  }

  #first(levels: 4 | 5, writeProtect: boolean, noExecute: boolean, extendedAccessed: boolean): TableFormat {
    const { cap, options } = this.#features;
    return this.#format(levels * 16 + (writeProtect ? 4 : 0) + (noExecute ? 2 : 0) + (extendedAccessed ? 1 : 0), () => firstStageFormat({ levels, hostBits: options.hostBits, gigabyte: cap.FS1GP, writeProtect, noExecute, extendedAccessed }));
  }

  #format(key: number, make: () => TableFormat): TableFormat {
    return (this.#formats[key] ??= make());
  }
}

function legacyTranslation(context: LegacyContext, request: VtdRequest, { notAllowed }: rules.UnitRules): Translation | Direct | SilentFault {
  const { at, silent, type, second, secondRoot, domain } = context;
  if (request.type !== 'untranslated' && type !== 1) return stop(0x0d, 'context table', at, notAllowed, silent);
  if (request.type === 'translated') return { kind: 'direct', silent };
  const space: VtdSpace = { first: null, firstRoot: 0, second, secondRoot, legacy: true, domain, pasid: 0, writeProtect: false, noExecute: false, smep: false, marksSecond: false, unsnooped: false };
  return { kind: 'space', space, supervisor: false, snoops: false, silent };
}

function stop(reason: number, table: string, at: Place | null, rule: Rule, silent = false): SilentFault {
  return { kind: 'fault', reason, why: { table, level: null, entry: at === null ? null : addressOf(at.frame, at.offset), rule }, silent };
}
