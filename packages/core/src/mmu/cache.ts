// SPDX-License-Identifier: Apache-2.0
/**
 * A cache of translations or of contexts, as an object that can be looked at.
 * It stays stale until somebody invalidates it. An entry covers 2^span frames
 * (contexts: one id), so one cache holds pages of every size.
 *
 * Sets and ways are real. Whether an entry is still there when it is asked for
 * may be a choice (`lapses`), so that a checker can have it evicted at any time.
 */
export interface CacheGeometry {
  readonly sets: number;
  readonly ways: number;
  readonly policy: 'lru' | 'fifo';
}

/** What people look at: a cache's name, size and content. */
export interface CacheView {
  readonly name: string;
  readonly geometry: CacheGeometry;
  /** Null: nothing lapses by itself. */
  lapses: Lapses | null;
  /** In the order of sets and ways. */
  entries(): readonly CacheLine[];
}

export interface CacheLine {
  readonly set: number;
  readonly way: number;
  /** Whose it is: a number made of domain, PASID and the like by the cache's owner. */
  readonly tag: number;
  /** First frame (or id) that it covers, and log2 of how many. */
  readonly first: number;
  readonly span: number;
  readonly entry: unknown;
}

/** Whether the entry was evicted since, asked at each hit. */
export type Lapses = (cache: string, line: CacheLine) => boolean;

interface Slot<E> extends CacheLine {
  readonly entry: E;
  /** When it was used last (LRU) or filled (FIFO). */
  stamp: number;
}

export class EntryCache<E> implements CacheView {
  readonly name: string;
  readonly geometry: CacheGeometry;
  /** Null: nothing lapses by itself. */
  lapses: Lapses | null = null;
  readonly #slots: (Slot<E> | null)[];
  /** Spans that some entry has, ascending: how often a lookup must look. */
  #spans: number[] = [];
  #clock = 0;

  /** @throws RangeError when sets is no power of two or there is no way */
  constructor(name: string, geometry: CacheGeometry) {
    if (!Number.isInteger(Math.log2(geometry.sets)) || geometry.ways < 1) throw new RangeError(`${name}: ${geometry.sets} sets of ${geometry.ways} ways; expected a power of two and at least one`);
    this.name = name;
    this.geometry = geometry;
    this.#slots = new Array<Slot<E> | null>(geometry.sets * geometry.ways).fill(null);
  }

  /** The entry that covers the frame, or null. */
  find(tag: number, frame: number): E | null {
    const { ways } = this.geometry;
    for (const span of this.#spans) {
      const first = base(frame, span);
      const at = this.#set(tag, first, span) * ways;
      for (let i = at; i < at + ways; i += 1) {
        const slot = this.#slots[i];
        if (slot === null || slot === undefined || slot.first !== first || slot.tag !== tag || slot.span !== span) continue;
        if (this.lapses?.(this.name, slot) === true) {
          this.#slots[i] = null;
          continue;
        }
        if (this.geometry.policy === 'lru') slot.stamp = this.#clock += 1;
        return slot.entry;
      }
    }
    return null;
  }

  /** Takes an entry up, in the place of the one for the same frames or of the oldest in its set. */
  put(tag: number, frame: number, span: number, entry: E): void {
    const { ways } = this.geometry;
    const first = base(frame, span);
    const set = this.#set(tag, first, span);
    let victim = set * ways;
    for (let i = victim; i < (set + 1) * ways; i += 1) {
      const slot = this.#slots[i] ?? null;
      if (slot !== null && slot.first === first && slot.tag === tag && slot.span === span) {
        victim = i;
        break;
      }
      const worst = this.#slots[victim] ?? null;
      if (worst !== null && (slot === null || slot.stamp < worst.stamp)) victim = i;
    }
    this.#slots[victim] = { set, way: victim - set * ways, tag, first, span, entry, stamp: (this.#clock += 1) };
    if (!this.#spans.includes(span)) this.#spans = [...this.#spans, span].sort((a, b) => a - b);
  }

  /** Forgets every line for which `matches` holds. */
  drop(matches: (line: CacheLine & { readonly entry: E }) => boolean): void {
    this.#slots.forEach((slot, i) => {
      if (slot !== null && matches(slot)) this.#slots[i] = null;
    });
  }

  clear(): void {
    this.#slots.fill(null);
    this.#spans = [];
  }

  entries(): readonly CacheLine[] {
    return this.#slots.filter((slot) => slot !== null);
  }

  #set(tag: number, first: number, span: number): number {
    const { sets } = this.geometry;
    return sets === 1 ? 0 : (scaled(first, span) ^ tag ^ (tag >>> 12)) & (sets - 1);
  }
}

/** The first of the 2^`span` frames around one. Frames have up to 52 bits. */
const base = (frame: number, span: number): number => (span === 0 ? frame : frame - (frame % 2 ** span));
const scaled = (first: number, span: number): number => first / 2 ** span;

/** Whether the line covers any of the 2^`span` frames from `first`. */
export const overlaps = (line: Pick<CacheLine, 'first' | 'span'>, first: number, span: number): boolean => line.first < first + 2 ** span && first < line.first + 2 ** line.span;
