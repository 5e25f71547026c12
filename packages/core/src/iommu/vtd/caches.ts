// SPDX-License-Identifier: Apache-2.0
/**
 * What a VT-d unit remembers, as objects: context entries by device, PASID-table
 * entries by device and PASID, translations and table entries above the leaves by
 * domain (second stage) or by domain and PASID (first stage, nested). All of it
 * stays as it is until an invalidation names it: "Caching Translation Information".
 *
 * Tags are numbers; what an invalidation must match is in the lines.
 */
import { EntryCache, overlaps, type CacheGeometry, type CacheLine, type CacheView, type Lapses } from '../../mmu/cache.ts';
import type { DeviceContext, PasidContext, SilentFault } from './contexts.ts';
import type { Reached, VtdFault, VtdSpace } from './stages.ts';

/** Null: that cache is not there, and everything is read anew. */
export interface VtdCaching {
  readonly context: CacheGeometry | null;
  readonly pasid: CacheGeometry | null;
  readonly iotlb: CacheGeometry | null;
  readonly paging: CacheGeometry | null;
}

export const NO_CACHES: VtdCaching = { context: null, pasid: null, iotlb: null, paging: null };

/** The domain under which what is not present or wrong is kept ("Caching Mode"); software must not use it then. */
const NO_DOMAIN = 0;

export interface ContextLine {
  readonly sourceId: number;
  readonly domain: number;
  readonly found: DeviceContext | SilentFault;
}
export interface PasidLine {
  readonly pasid: number;
  readonly domain: number;
  readonly found: PasidContext | SilentFault;
}
type Stages = 'first' | 'second' | 'nested';
interface AddressLine {
  readonly stages: Stages;
  readonly domain: number;
  readonly pasid: number;
}
export interface IotlbLine extends AddressLine {
  /** With the frame that the line's first frame reaches. Caching mode keeps faults, too. */
  readonly reached: Reached | VtdFault;
}
export interface PagingLine extends AddressLine {
  readonly low: number;
  readonly high: number;
  /** Where the entry lies physically. */
  readonly frame: number;
  readonly offset: number;
}

const FIRST_STAGE = 2 ** 36;
const FAULTS = 2 ** 37;
const LEVELS = 8;

const stagesOf = (space: VtdSpace): Stages => (space.first === null ? 'second' : space.second === null ? 'first' : 'nested');
const tagOf = (space: VtdSpace): number => (space.first === null ? space.domain : FIRST_STAGE + space.pasid * 0x1_0000 + space.domain);

export class VtdCaches {
  readonly context: EntryCache<ContextLine> | null;
  readonly pasid: EntryCache<PasidLine> | null;
  readonly iotlb: EntryCache<IotlbLine> | null;
  readonly paging: EntryCache<PagingLine> | null;
  readonly #keepsFaults: boolean;

  constructor(geometry: VtdCaching, keepsFaults: boolean) {
    this.context = geometry.context && new EntryCache('context cache', geometry.context);
    this.pasid = geometry.pasid && new EntryCache('PASID cache', geometry.pasid);
    this.iotlb = geometry.iotlb && new EntryCache('IOTLB', geometry.iotlb);
    this.paging = geometry.paging && new EntryCache('paging-structure cache', geometry.paging);
    this.#keepsFaults = keepsFaults;
  }

  get views(): readonly CacheView[] {
    return [this.context, this.pasid, this.iotlb, this.paging].filter((cache) => cache !== null);
  }

  set lapses(lapses: Lapses | null) {
    for (const cache of [this.context, this.pasid, this.iotlb, this.paging]) if (cache !== null) cache.lapses = lapses;
  }

  putContext(sourceId: number, found: DeviceContext | SilentFault): void {
    if (found.kind === 'fault' && !this.#keepsFaults) return;
    this.context?.put(0, sourceId, 0, { sourceId, domain: found.kind === 'legacy' ? found.domain : NO_DOMAIN, found });
  }

  putPasid(sourceId: number, pasid: number, found: PasidContext | SilentFault): void {
    if (found.kind === 'fault' && !this.#keepsFaults) return;
    this.pasid?.put(sourceId, pasid, 0, { pasid, domain: found.kind === 'fault' ? NO_DOMAIN : found.space.domain, found });
  }

  /** @param right which right the access needs, as in `Reached` */
  findTranslation(space: VtdSpace, frame: number, right: number): Reached | VtdFault | null {
    const { iotlb } = this;
    if (iotlb === null) return null;
    const tag = tagOf(space);
    const line = iotlb.find(tag, frame)?.reached;
    if (line !== undefined && line.kind === 'reached') {
      if (((line.rights >>> right) & 1) === 1) return { ...line, frame: line.frame + (frame % 2 ** (line.span - 12)) };
      // What it does not permit, the tables may permit by now.
      iotlb.drop((old) => old.tag === tag && overlaps(old, frame, 0));
    }
    return this.#keepsFaults ? (iotlb.find(tag + FAULTS * (right + 1), frame)?.reached ?? null) : null;
  }

  putTranslation(space: VtdSpace, frame: number, right: number, reached: Reached | VtdFault): void {
    const { iotlb } = this;
    if (iotlb === null) return;
    const line = { stages: stagesOf(space), domain: space.domain, pasid: space.pasid };
    if (reached.kind === 'fault') {
      if (this.#keepsFaults) iotlb.put(tagOf(space) + FAULTS * (right + 1), frame, 0, { ...line, reached });
      return;
    }
    const span = reached.span - 12;
    iotlb.put(tagOf(space), frame, span, { ...line, reached: { ...reached, frame: reached.frame - (reached.frame % 2 ** span) } });
  }

  findTable(space: VtdSpace, first: boolean, level: number, frame: number): PagingLine | null {
    return this.paging?.find(tableTag(space, first, level), frame) ?? null;
  }

  /** @param shift lowest address bit of the entry's index: it covers as much */
  putTable(space: VtdSpace, first: boolean, level: number, frame: number, shift: number, entry: Pick<PagingLine, 'low' | 'high' | 'frame' | 'offset'>): void {
    const stages = first ? stagesOf(space) : 'second';
    this.paging?.put(tableTag(space, first, level), frame, shift - 12, { stages, domain: space.domain, pasid: first ? space.pasid : 0, low: entry.low, high: entry.high, frame: entry.frame, offset: entry.offset });
  }

  clear(): void {
    this.context?.clear();
    this.pasid?.clear();
    this.clearTranslations();
  }

  clearTranslations(): void {
    this.iotlb?.clear();
    this.paging?.clear();
  }

  dropDevice(sourceId: number, functionMask: number): void {
    const ignored = [0, 4, 6, 7][functionMask] ?? 0;
    this.context?.drop(({ entry }) => ((entry.sourceId ^ sourceId) & ~ignored) === 0);
  }

  dropContextsOf(domain: number): void {
    this.context?.drop(({ entry }) => entry.domain === domain);
  }

  /** @param pasid null: every PASID of the domain */
  dropPasids(domain: number, pasid: number | null): void {
    this.pasid?.drop(({ entry }) => entry.domain === domain && (pasid === null || entry.pasid === pasid));
  }

  dropDomain(domain: number): void {
    this.#drop((line) => line.domain === domain, false);
  }

  /**
   * Pages of a domain's second stage. Nobody knows where they are used in nested
   * translations, so all of those go; a first stage alone has nothing to do with them.
   */
  dropPages(domain: number, first: number, span: number, leavesOnly: boolean): void {
    const concerns = (line: AddressLine, where: CacheLine): boolean => line.domain === domain && (line.stages === 'nested' || (line.stages === 'second' && overlaps(where, first, span)));
    this.iotlb?.drop((line) => concerns(line.entry, line));
    this.paging?.drop((line) => concerns(line.entry, line) && (!leavesOnly || line.entry.stages === 'nested'));
  }

  /** Everything of a PASID but its global translations. */
  dropPasid(domain: number, pasid: number): void {
    this.#drop((line) => line.domain === domain && line.pasid === pasid && line.stages !== 'second', true);
  }

  dropPasidPages(domain: number, pasid: number, first: number, span: number, leavesOnly: boolean): void {
    const concerns = (line: AddressLine, where: CacheLine): boolean => line.domain === domain && line.pasid === pasid && line.stages !== 'second' && overlaps(where, first, span);
    this.iotlb?.drop((line) => concerns(line.entry, line));
    if (!leavesOnly) this.paging?.drop((line) => concerns(line.entry, line));
  }

  #drop(concerns: (line: AddressLine) => boolean, sparesGlobal: boolean): void {
    this.iotlb?.drop(({ entry }) => concerns(entry) && !(sparesGlobal && entry.reached.kind === 'reached' && entry.reached.global));
    this.paging?.drop(({ entry }) => concerns(entry));
  }
}

function tableTag(space: VtdSpace, first: boolean, level: number): number {
  const owner = first ? FIRST_STAGE + space.pasid * 0x1_0000 + space.domain : space.domain;
  return owner * LEVELS + level;
}
