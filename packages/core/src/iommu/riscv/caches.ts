// SPDX-License-Identifier: Apache-2.0
/**
 * What a unit remembers of its tables (the text's IOATC): device contexts,
 * process contexts, translations, and pointers of page tables. Each is an
 * object of its own that can be looked at; a size of null leaves it out.
 *
 * Nothing here sees software change a table. Only the commands below, an
 * eviction or a lapse remove an entry. "Caching in-memory data structures".
 */
import { EntryCache, overlaps, type CacheGeometry, type CacheLine, type CacheView, type Lapses } from '../../mmu/cache.ts';
import type { Device } from './device-directory.ts';
import type { Process } from './process-directory.ts';

export interface CacheSizes {
  /** Device contexts, by device id. */
  readonly devices: CacheGeometry | null;
  /** Process contexts, by device id and process id. */
  readonly processes: CacheGeometry | null;
  /** Translations (IOTLB). */
  readonly translations: CacheGeometry | null;
  /** Pointers to further tables, of the first and of the second stage. */
  readonly firstPointers: CacheGeometry | null;
  readonly secondPointers: CacheGeometry | null;
}

export const NO_CACHES: CacheSizes = { devices: null, processes: null, translations: null, firstPointers: null, secondPointers: null };

/** Whose a translation is. An address space of the host has no GSCID, one without a first stage no PSCID; -1 stands for none. */
export interface Owner {
  readonly gscid: number;
  readonly pscid: number;
  /** Where its entries are filed, and where those that are global in its virtual machine (or in the host) are. -1: neither stage translates, and nothing is. */
  readonly tag: number;
  readonly globalTag: number;
}

const IDS = 2 ** 36;

/** "Identifiers used to tag IOATC entries": PSCID where the second stage is Bare, GSCID and PSCID where neither is, GSCID where the first is. */
export function ownerOf(gscid: number, pscid: number): Owner {
  if (gscid < 0 && pscid < 0) return { gscid, pscid, tag: -1, globalTag: -1 };
  const guest = gscid < 0 ? 0 : 1;
  const machine = Math.max(gscid, 0) * 2 ** 20;
  return pscid < 0 ? { gscid, pscid, tag: 2 * IDS + machine, globalTag: 2 * IDS + machine } : { gscid, pscid, tag: guest * IDS + machine + pscid, globalTag: (3 + guest) * IDS + machine };
}

/** A translation of both stages together. The leaf bits of a stage that is Bare are all ones. */
export interface Translation {
  /** First physical frame of what the entry covers, and log2 of the bytes. */
  readonly frame: number;
  readonly span: number;
  /** Low halves of the two leaves, and what both permit. */
  readonly both: number;
  readonly first: number;
  readonly second: number;
  readonly memoryType: number;
  readonly isMsi: boolean;
  /** G in the leaf or in a pointer above it. */
  readonly global: boolean;
  readonly owner: Owner;
  /** First guest frame of what the entry covers. */
  readonly guest: number;
  /** What each leaf maps, which can be more than the entry covers: log2 of frames. 0 where there is no such stage. */
  readonly firstSpan: number;
  readonly secondSpan: number;
}

/** A pointer to a further table. */
export interface Pointer {
  readonly owner: Owner;
  readonly global: boolean;
  /** The table it leads to, and that table's level. First stage: a guest frame where there is a second. */
  readonly table: number;
  readonly level: number;
  /** Bits of this pointer and of those above it. */
  readonly inherited: number;
}

/** A first-stage invalidation: IOTINVAL.VMA, and GVMA where `pscid` is -1. Frames are of 4 KiB; `range` -1: every address. */
export interface Flush {
  /** -1: the host, or (second stage) every virtual machine. */
  readonly gscid: number;
  readonly pscid: number;
  readonly first: number;
  readonly range: number;
  readonly pointersToo: boolean;
}

export class Caches {
  readonly devices: EntryCache<Device> | null;
  readonly processes: EntryCache<Process> | null;
  readonly translations: EntryCache<Translation> | null;
  readonly firstPointers: EntryCache<Pointer> | null;
  readonly secondPointers: EntryCache<Pointer> | null;
  readonly views: readonly CacheView[];
  readonly #all: readonly { lapses: Lapses | null; clear(): void }[];

  constructor(sizes: CacheSizes) {
    const make = <E>(name: string, size: CacheGeometry | null): EntryCache<E> | null => (size === null ? null : new EntryCache<E>(name, size));
    this.devices = make('device contexts', sizes.devices);
    this.processes = make('process contexts', sizes.processes);
    this.translations = make('IOTLB', sizes.translations);
    this.firstPointers = make('first-stage pointers', sizes.firstPointers);
    this.secondPointers = make('second-stage pointers', sizes.secondPointers);
    const all = [this.devices, this.processes, this.translations, this.firstPointers, this.secondPointers].filter((cache) => cache !== null);
    this.#all = all;
    this.views = all;
  }

  /** Asked at each hit of each cache. */
  set lapses(choice: Lapses | null) {
    for (const cache of this.#all) cache.lapses = choice;
  }

  /** Power-on. */
  clear(): void {
    for (const cache of this.#all) cache.clear();
  }

  /** IODIR.INVAL_DDT: the device's context and its process contexts; -1: those of all devices. */
  forgetDevice(deviceId: number): void {
    this.devices?.drop((line) => deviceId < 0 || line.first === deviceId);
    this.processes?.drop((line) => deviceId < 0 || line.tag === deviceId);
  }

  /** IODIR.INVAL_PDT. */
  forgetProcess(deviceId: number, processId: number): void {
    this.processes?.drop((line) => line.tag === deviceId && line.first === processId);
  }

  /**
   * IOTINVAL.VMA. With an address only what holds a first-stage entry for it goes: a leaf that maps it, and pointers
   * to it where those are asked for. Without one, everything in the address spaces goes. Global entries belong to no PSCID.
   */
  forgetFirst(flush: Flush): void {
    const { first, range } = flush;
    const mine = (owner: Owner, global: boolean): boolean => owner.gscid === flush.gscid && (flush.pscid < 0 || (owner.pscid === flush.pscid && !global));
    this.translations?.drop(({ entry, ...line }) => mine(entry.owner, entry.global) && (range < 0 || (entry.owner.pscid >= 0 && overlaps(around(line, entry.firstSpan), first, range))));
    this.firstPointers?.drop(({ entry, ...line }) => mine(entry.owner, entry.global) && (range < 0 || (flush.pointersToo && overlaps(line, first, range))));
  }

  /** IOTINVAL.GVMA. The address is a guest's: what a second-stage leaf for it went into goes, whatever its own address. */
  forgetSecond(flush: Flush): void {
    const { first, range } = flush;
    const mine = (owner: Owner): boolean => owner.gscid >= 0 && (flush.gscid < 0 || owner.gscid === flush.gscid);
    this.translations?.drop(({ entry }) => mine(entry.owner) && (range < 0 || overlaps(around({ first: entry.guest, span: 0 }, entry.secondSpan), first, range)));
    this.secondPointers?.drop(({ entry, ...line }) => mine(entry.owner) && (range < 0 || (flush.pointersToo && overlaps(line, first, range))));
  }
}

type Range = Pick<CacheLine, 'first' | 'span'>;

/** The 2^`span` frames that the leaf maps around the first frame of the entry. */
function around(line: Range, span: number): Range {
  return line.span >= span ? line : { first: line.first - (line.first % 2 ** span), span };
}
