// SPDX-License-Identifier: Apache-2.0
/** What root, context and PASID entries can do wrong, and the smallest edit that mends it. */
import { NO_ANSWER, type Repair, type Rule } from '../../mmu/format.ts';
import type { VtdFeatures } from './contexts.ts';
import { ContextEntry, PasidDirectoryEntry, PasidEntry, RootEntry, ScalableContextEntry, ScalableRootEntry } from './structures.ts';

const MODES = 'Intel VT-d, "Root Table Address Register"';
const MAPPING = 'Intel VT-d, "DMA Remapping", mapping of requests to domains';
const PASIDS = 'Intel VT-d, "PASID Translation"';
const bad = (field: string, bits: string, text: string, section = MAPPING): Rule => ({ field, bits, text, section });
const mendable = (of: Rule, repair: Repair): Rule => ({ ...of, repair });
export const UNREAD: Rule = { ...bad('address', '63:12', 'the entry lies where memory refuses access or is corrupt'), beyondRepair: NO_ANSWER };
export const P = mendable(bad('P', '0', 'the entry must be present'), { set: 1n });
export const UP = mendable(bad('UP', '64', 'the upper half of the entry must be present'), { set: 1n << 64n });
const STRAY = bad('reserved', 'any', 'reserved bits and address bits above the host must be clear');
export const MODE = bad('TTM', '11:10', 'the translation table mode must be one that is built in', MODES);
export const NO_PASIDS = bad('TTM', '11:10', 'legacy mode has no PASIDs', MODES);
export const NO_PAGES = bad('TTM', '11:10', 'legacy mode has no page requests', MODES);
export const TYPE = mendable(bad('TT', '3:2', 'the translation type must be one that is built in'), { clear: 3n << 2n });
const DEPTH = 'the depth of the tables must be one that is built in';
const NOT_ALLOWED = bad('TT', '3:2', 'translation and translated requests need translation type 1');
export const NO_DTE = mendable(bad('DTE', '2', 'translation requests and translated requests need DTE'), { set: 1n << 2n });
export const NO_PASIDE = mendable(bad('PASIDE', '3', 'requests with PASID need PASIDE'), { set: 1n << 3n });
export const NO_PRE = mendable(bad('PRE', '4', 'page requests need PRE'), { set: 1n << 4n });
const PASID_WIDE = bad('PDTS', '11:9', 'the PASID must lie in the directory');
const RID_WIDE = bad('RID_PASID', '83:64', 'RID_PASID must lie in the directory');
const STAGES = bad('PGTT', '8:6', 'the kind of translation must be one that is built in', PASIDS);
export const NO_SRE = mendable(bad('SRE', '128', 'supervisor requests need SRE', PASIDS), { set: 1n << 128n });
export const NO_ERE = mendable(bad('ERE', '129', 'execute requests need ERE', PASIDS), { set: 1n << 129n });
export const FIRST_DEPTH = mendable(bad('FSPM', '131:130', DEPTH, PASIDS), { clear: 3n << 130n });
/** Rules whose repair depends on what the unit has. */
export interface UnitRules {
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

export function rulesOf({ cap, ecap, options }: VtdFeatures): UnitRules {
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
export const STRAY_DIRECTORY = mendable(STRAY, { clear: PasidDirectoryEntry.strayBits(ALL_WORD) });

/** A directory just large enough for the PASID. */
export const wider = (pasid: number): Rule => mendable(PASID_WIDE, { clear: 7n << 9n, set: BigInt(Math.max(0, pasid.toString(2).length - 13)) << 9n });
/** A RID_PASID that a directory of so many PASIDs holds. */
export const narrower = (limit: number): Rule => mendable(RID_WIDE, { clear: (0xf_ffffn & ~(BigInt(limit) - 1n)) << 64n });
