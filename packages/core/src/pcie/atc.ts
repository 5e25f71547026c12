// SPDX-License-Identifier: Apache-2.0
/**
 * The address translation cache of one function. Only completions of its own
 * translation requests fill it; software can only invalidate. An entry stays
 * until then, however stale, and an invalidation is complete only when every
 * access that used what it took away has arrived: accesses on their way are
 * not called back, the completion waits for them.
 *
 * Sections are named as in chapter 10 of PCIe 5.0.
 */
import type { AtsGrant, DmaAnswer, UnitMessage } from '../iommu/unit.ts';
import { EntryCache, type CacheGeometry } from '../mmu/cache.ts';

export interface AtcOptions {
  readonly name?: string;
  readonly geometry?: CacheGeometry;
  /** Invalidations that may be open at once: 1 to 32. The capability codes 32 as 0. */
  readonly queueDepth?: number;
  /** Whether a grant for all PASIDs is kept as such, and an invalidation for all of them obeyed. */
  readonly globalInvalidate?: boolean;
  /**
   * What an invalidation without PASID takes away beside its own range. `all`: every entry with a PASID, whatever its address, since a
   * function cannot tell which of them came through that guest address ("PASID and Global Invalidate"). `untagged`: nothing.
   */
  readonly withoutPasid?: 'all' | 'untagged';
}

/** A translation as the function holds it. */
export interface AtcEntry extends Range {
  /** First frame where the range lies physically (or for the guest). */
  readonly frame: number;
  /** Null: no PASID. A global entry serves every PASID. */
  readonly pasid: number | null;
  readonly global: boolean;
  readonly grant: AtsGrant;
}

/** What an access needs; `privileged` counts with a PASID only. */
export interface AtcAccess {
  readonly pasid: number | null;
  readonly privileged: boolean;
  readonly write: boolean;
  readonly execute: boolean;
  readonly address: bigint;
}

/** An entry that was found: the physical address, bytes around it that translate alike (log2), and the number that `landed` takes. */
export interface AtcUse {
  readonly address: bigint;
  readonly span: number;
  readonly grant: AtsGrant;
  readonly use: number;
}

/** A translation request on its way. An invalidation that crosses it makes its answer stale ("Invalidate Ordering Semantics"). */
export interface AtcQuestion {
  readonly pasid: number | null;
  readonly privileged: boolean;
  readonly frame: number;
  readonly address: bigint;
  stale: boolean;
}

type Invalidate = Extract<UnitMessage, { readonly kind: 'invalidate' }>;

/** Frames of one address space: `span` is log2 of how many, `tag` made of PASID and mode. */
interface Range {
  readonly tag: number;
  readonly first: number;
  readonly span: number;
}
interface Open {
  readonly message: Invalidate;
  readonly waits: Set<number>;
}

const NONE = 2 ** 20;
const GLOBAL = NONE + 1;
const EVERY_FRAME = 52;

export class Atc {
  readonly cache: EntryCache<AtcEntry>;
  readonly queueDepth: number;
  readonly globalInvalidate: boolean;
  /** Smallest translation unit: 2^stu frames. Set by software before ATS is enabled. */
  stu = 0;
  readonly #withoutPasid: 'all' | 'untagged';
  readonly #questions = new Set<AtcQuestion>();
  /** Accesses that used an entry and have not landed, by their numbers. */
  readonly #uses = new Map<number, Range>();
  readonly #open: Open[] = [];
  #lastUse = 0;

  /** @throws RangeError for a queue depth that the capability cannot say */
  constructor(options: AtcOptions = {}) {
    this.queueDepth = options.queueDepth ?? 32;
    if (!Number.isInteger(this.queueDepth) || this.queueDepth < 1 || this.queueDepth > 32) throw new RangeError(`an invalidate queue of ${this.queueDepth}; expected 1 to 32`);
    this.globalInvalidate = options.globalInvalidate ?? true;
    this.#withoutPasid = options.withoutPasid ?? 'all';
    this.cache = new EntryCache(options.name ?? 'ATC', options.geometry ?? { sets: 4, ways: 4, policy: 'lru' });
  }

  /** The entry that covers an access, whatever it permits; null: ask for a translation. It counts as used until `landed`. */
  use(access: AtcAccess): AtcUse | null {
    const frame = Number(access.address >> 12n);
    const own = tagOf(access.pasid, access.privileged);
    const entry = this.cache.find(own, frame) ?? (access.pasid === null ? null : this.cache.find(tagOfGlobal(access.privileged), frame));
    if (entry === null) return null;
    return this.#opened(entry, frame, access.address);
  }

  /** The access has arrived, or was not made. */
  landed(use: number): void {
    if (!this.#uses.delete(use)) return;
    for (const { waits } of this.#open) waits.delete(use);
  }

  /** A translation request leaves. */
  ask(access: AtcAccess): AtcQuestion {
    const question = { pasid: access.pasid, privileged: access.pasid !== null && access.privileged, frame: Number(access.address >> 12n), address: access.address, stale: false };
    this.#questions.add(question);
    return question;
  }

  /**
   * The completion of a request. `stale`: an invalidation crossed it, ask again. `nothing`: no permission, or a range below the
   * smallest unit; it is not kept ("Translation Completion"). What is kept is also used, until `landed`.
   */
  fill(question: AtcQuestion, answer: DmaAnswer): AtcUse | 'stale' | 'nothing' {
    this.#questions.delete(question);
    if (question.stale) return 'stale';
    if (answer.kind !== 'memory' || answer.ats === null) return 'nothing';
    const { ats } = answer;
    if ((!ats.read && !ats.write) || answer.span < 12 + this.stu) return 'nothing';
    const global = ats.global && this.globalInvalidate && question.pasid !== null;
    const span = Math.min(answer.span - 12, EVERY_FRAME);
    const tag = global ? tagOfGlobal(ats.privileged) : tagOf(question.pasid, ats.privileged);
    const first = base(question.frame, span);
    this.cache.drop((line) => line.tag === tag && meet(line, first, span));
    const entry: AtcEntry = { tag, first, span, frame: base(Number(answer.address >> 12n), span), pasid: question.pasid, global, grant: ats };
    this.cache.put(tag, question.frame, span, entry);
    return this.#opened(entry, question.frame, question.address);
  }

  /** Takes an invalidation up; false: the queue is full, and the message waits upstream. */
  invalidate(message: Invalidate): boolean {
    if (this.#open.length >= this.queueDepth) return false;
    const span = message.span >= 64 ? EVERY_FRAME : Math.max(0, message.span - 12, this.stu);
    const first = span >= EVERY_FRAME ? 0 : base(Number(message.address >> 12n), span);
    const everyPasid = message.pasid === null && this.#withoutPasid === 'all';
    const meets = (line: Range): boolean => (everyPasid && isTagged(line.tag)) || (this.#concerns(message, line.tag) && meet(line, first, span));
    this.cache.drop(meets);
    for (const question of this.#questions) {
      const there = { first: question.frame, span: 0 };
      if (meets({ tag: tagOf(question.pasid, question.privileged), ...there }) || meets({ tag: tagOfGlobal(question.privileged), ...there })) question.stale = true;
    }
    const waits = new Set<number>();
    for (const [use, range] of this.#uses) if (meets(range)) waits.add(use);
    this.#open.push({ message, waits });
    return true;
  }

  /** Invalidations that nothing holds up any more; each is handed out once, to be answered with a completion. */
  completed(): Invalidate[] {
    const done = this.#open.filter(({ waits }) => waits.size === 0);
    for (const one of done) this.#open.splice(this.#open.indexOf(one), 1);
    return done.map(({ message }) => message);
  }

  /** Invalidations that wait for accesses. */
  get waiting(): number {
    return this.#open.length;
  }

  /** ATS is switched on or off, or the function is reset: nothing is remembered ("ATS Control Register"). */
  clear(): void {
    this.cache.clear();
    for (const question of this.#questions) question.stale = true;
  }

  #opened(entry: AtcEntry, frame: number, address: bigint): AtcUse {
    const at = entry.frame + (frame - entry.first);
    this.#lastUse += 1;
    this.#uses.set(this.#lastUse, entry);
    return { address: (BigInt(at) << 12n) | (address & 0xfffn), span: entry.span + 12, grant: entry.grant, use: this.#lastUse };
  }

  #concerns(message: Invalidate, tag: number): boolean {
    const pasid = Math.floor(tag / 2);
    if (message.pasid === null) return pasid === NONE;
    if (message.global && this.globalInvalidate) return pasid !== NONE;
    return pasid === message.pasid;
  }
}

const tagOf = (pasid: number | null, privileged: boolean): number => 2 * (pasid ?? NONE) + (pasid !== null && privileged ? 1 : 0);
const tagOfGlobal = (privileged: boolean): number => 2 * GLOBAL + (privileged ? 1 : 0);
const isTagged = (tag: number): boolean => Math.floor(tag / 2) !== NONE;
const meet = (range: Range, first: number, span: number): boolean => range.first < first + 2 ** span && first < range.first + 2 ** range.span;
const base = (frame: number, span: number): number => (span >= EVERY_FRAME ? 0 : frame - (frame % 2 ** span));
