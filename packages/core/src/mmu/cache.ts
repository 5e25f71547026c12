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
  /** Whose it is: a number below 2^46 made of domain, PASID and the like by the cache's owner. */
  readonly tag: number;
  /** First frame (or id) that it covers, and log2 of how many. */
  readonly first: number;
  readonly span: number;
  readonly entry: unknown;
}

/** Whether the entry was evicted since, asked at each hit. */
export type Lapses = (cache: string, line: CacheLine) => boolean;

/** Powers of two and their inverses, which are exact: dividing by them is multiplying. */
const POWER = Float64Array.from({ length: 65 }, (_, span) => 2 ** span);
const INVERSE = Float64Array.from({ length: 65 }, (_, span) => 2 ** -span);
/** A slot's label when nothing is in it. */
const EMPTY = -1;
const SPANS = 64;

export class EntryCache<E> implements CacheView {
  readonly name: string;
  readonly geometry: CacheGeometry;
  /** Told whenever an entry comes or goes, or lapses begin or end: what was found before may then not be found again. */
  changed: (() => void) | null = null;
  #lapses: Lapses | null = null;
  /** Sets, of so many ways each, one after another. */
  /** Of each slot the first frame and the label: tag and span in one number. */
  readonly #keys: Float64Array;
  /** When it was used last (LRU) or filled (FIFO). */
  readonly #stamps: Float64Array;
  readonly #entries: (E | null)[];
  readonly #ways: number;
  readonly #setMask: number;
  readonly #renews: boolean;
  /** Spans that some entry has, ascending: how often a lookup must look. */
  #known: number[] = [];
  #clock = 0;

  /** @throws RangeError when sets is no power of two or there is no way */
  constructor(name: string, geometry: CacheGeometry) {
    if (!Number.isInteger(Math.log2(geometry.sets)) || geometry.ways < 1) throw new RangeError(`${name}: ${geometry.sets} sets of ${geometry.ways} ways; expected a power of two and at least one`);
    this.name = name;
    this.geometry = geometry;
    const size = geometry.sets * geometry.ways;
    this.#keys = new Float64Array(2 * size).fill(EMPTY);
    this.#stamps = new Float64Array(size);
    this.#entries = new Array<E | null>(size).fill(null);
    this.#ways = geometry.ways;
    this.#setMask = geometry.sets - 1;
    this.#renews = geometry.policy === 'lru';
  }

  get lapses(): Lapses | null {
    return this.#lapses;
  }

  set lapses(choice: Lapses | null) {
    this.#lapses = choice;
    this.changed?.();
  }

  /** The entry that covers the frame, or null. */
  find(tag: number, frame: number): E | null {
    const known = this.#known;
    for (let i = 0; i < known.length; i += 1) {
      const span = known[i] ?? 0;
      const first = base(frame, span);
      const label = tag * SPANS + span;
      const from = this.#setOf(tag, first, span) * this.#ways;
      for (let at = from; at < from + this.#ways; at += 1) {
        if (this.#keys[2 * at] !== first || this.#keys[2 * at + 1] !== label) continue;
        if (this.#lapses !== null && this.#lapses(this.name, this.#line(at))) {
          this.#remove(at);
          continue;
        }
        if (this.#renews) this.#stamps[at] = this.#clock += 1;
        return this.#entries[at] ?? null;
      }
    }
    return null;
  }

  /** Takes an entry up, in the place of the one for the same frames or of the oldest in its set. */
  put(tag: number, frame: number, span: number, entry: E): void {
    const first = base(frame, span);
    const from = this.#setOf(tag, first, span) * this.#ways;
    const label = tag * SPANS + span;
    let at = from;
    for (let i = from; i < from + this.#ways; i += 1) {
      if (this.#keys[2 * i] === first && this.#keys[2 * i + 1] === label) {
        at = i;
        break;
      }
      if (this.#filled(at) && (!this.#filled(i) || (this.#stamps[i] ?? 0) < (this.#stamps[at] ?? 0))) at = i;
    }
    this.#keys[2 * at] = first;
    this.#keys[2 * at + 1] = label;
    this.#stamps[at] = this.#clock += 1;
    this.#entries[at] = entry;
    this.changed?.();
    if (!this.#known.includes(span)) this.#known = [...this.#known, span].sort((a, b) => a - b);
  }

  /** Forgets every line for which `matches` holds. */
  drop(matches: (line: CacheLine & { readonly entry: E }) => boolean): void {
    for (let at = 0; at < this.#entries.length; at += 1) if (this.#filled(at) && matches(this.#line(at))) this.#remove(at);
  }

  clear(): void {
    for (let at = 0; at < this.#entries.length; at += 1) this.#remove(at);
    this.#known = [];
  }

  entries(): readonly CacheLine[] {
    return Array.from(this.#entries.keys())
      .filter((at) => this.#filled(at))
      .map((at) => this.#line(at));
  }

  #filled(at: number): boolean {
    return (this.#keys[2 * at + 1] ?? EMPTY) !== EMPTY;
  }

  #remove(at: number): void {
    this.#keys[2 * at + 1] = EMPTY;
    this.#entries[at] = null;
    this.changed?.();
  }

  #line(at: number): CacheLine & { readonly entry: E } {
    const set = Math.floor(at / this.#ways);
    const label = this.#keys[2 * at + 1] ?? 0;
    const span = label % SPANS;
    // Only called for slots that are filled.
    return { set, way: at - set * this.#ways, tag: (label - span) / SPANS, first: this.#keys[2 * at] ?? 0, span, entry: this.#entries[at] as E };
  }

  #setOf(tag: number, first: number, span: number): number {
    return ((span === 0 ? first : first * (INVERSE[span] ?? 0)) ^ tag ^ (tag >>> 12)) & this.#setMask;
  }
}

/** The first of the 2^`span` frames around one. Frames have up to 52 bits. */
const base = (frame: number, span: number): number => (span === 0 ? frame : Math.floor(frame * (INVERSE[span] ?? 0)) * (POWER[span] ?? 0));

/** Whether the line covers any of the 2^`span` frames from `first`. */
export const overlaps = (line: Pick<CacheLine, 'first' | 'span'>, first: number, span: number): boolean => line.first < first + 2 ** span && first < line.first + 2 ** line.span;
