// SPDX-License-Identifier: Apache-2.0
/**
 * A vector told as data: every table access of each request with the structure
 * it read, which bits of which number chose the entry, and why the request
 * ended as it did. `dmalab walk` prints it, the walk page draws it.
 */
import type { AnyLayout } from '@dmalab/core/base/layout';
import type { Bus, BusEvent } from '@dmalab/core/iommu/bus';
import type { AtsGrant } from '@dmalab/core/iommu/unit';
import type { Rule, TableFormat } from '@dmalab/core/mmu/format';
import type { Walkers } from '@dmalab/core/mmu/walk';
import { hex, wordOf } from '@dmalab/core/mmu/word';

/** A field of a number that chooses an entry: bits `high` to `low` of `of`. */
export interface ToldIndex {
  /** `device`, `process`, `PASID`, `address`, `guest address`, … */
  readonly of: string;
  readonly high: number;
  readonly low: number;
  readonly value: number;
}

/** The walk of page tables that an access belongs to. */
export interface ToldWalk {
  readonly stage: 'first' | 'second';
  /** The address that is looked up. */
  readonly input: bigint;
  /** As the architecture counts it. */
  readonly level: number;
  /** How the format cuts the address, from the root down; what is left below is the offset in a page. */
  readonly slices: readonly (ToldIndex & { readonly level: number })[];
}

export interface ToldAccess {
  readonly kind: 'read' | 'read again' | 'write';
  /** `first-stage table, level 2`, `PASID-table entry`, … */
  readonly what: string;
  readonly address: bigint;
  readonly bytes: number;
  /** In the structure's own byte order. */
  readonly words: readonly bigint[];
  readonly status: BusEvent['status'];
  /** All words as one number, 0 where nothing was read. */
  readonly raw: bigint;
  readonly layout: AnyLayout | null;
  readonly index: ToldIndex | null;
  readonly walk: ToldWalk | null;
  /** Bytes lie in memory in the other order than the words above. */
  readonly bigEndian: boolean;
}

/** Why a request was stopped. */
export interface ToldFault {
  /** `cause 21`, `reason 0x71`, `event 0x10`. */
  readonly code: string;
  readonly name: string;
  readonly table: string;
  readonly level: number | null;
  /** Physical address of the entry; null where none is to blame. */
  readonly entry: bigint | null;
  readonly rule: Rule;
}

export interface ToldEnd {
  /** `0x80000123; 0x1000 bytes alike`, `unsupported request`, … */
  readonly text: string;
  /** Where the access goes; null when it is stopped or is no access to memory. */
  readonly address: bigint | null;
  readonly fault: ToldFault | null;
}

/** What was asked, by its parts. */
export interface ToldRequest {
  readonly device: number;
  /** Process id, PASID or substream. */
  readonly process: number | null;
  readonly address: bigint;
}

/** An entry of a cache. */
export interface ToldLine {
  readonly slot: number;
  /** Address space or device it belongs to. */
  readonly owner: string;
  /** `0x40403000, 0x1000 bytes`, `device 0x88` */
  readonly covers: string;
  readonly goesTo: string;
  /** `read, write`; '' for a context. */
  readonly may: string;
  /** Step that filled it. */
  readonly filled: number;
  /** Whether tables that are walked now say the same; null where that is not known. */
  readonly agrees: boolean | null;
}

export interface ToldCache {
  readonly name: string;
  readonly slots: number;
  readonly lines: readonly ToldLine[];
}

export interface ToldStep {
  /** `untranslated read of 0x1000 by device 0x20` */
  readonly title: string;
  /** Null: not a translation. */
  readonly request: ToldRequest | null;
  readonly accesses: readonly ToldAccess[];
  readonly end: ToldEnd | null;
  /** Of a register read. */
  readonly value: bigint | null;
  readonly messages: readonly string[];
  /** After the step. Left out for a unit that remembers nothing. */
  readonly caches?: readonly ToldCache[];
  /** The same step by a unit that remembers nothing and was given the same steps before. */
  readonly uncached?: ToldStep;
}

export interface ToldRegister {
  readonly name: string;
  readonly raw: bigint;
  readonly layout: AnyLayout;
}

export interface Telling {
  readonly id: string;
  readonly note: string;
  readonly unit: 'RISC-V IOMMU' | 'Intel VT-d' | 'Arm SMMUv3';
  /** What a process id is called there. */
  readonly processWord: 'process' | 'PASID' | 'substream';
  /** As they are before the first step. */
  readonly registers: readonly ToldRegister[];
  readonly steps: readonly ToldStep[];
}

/** What differs between units. */
export interface Teller {
  readonly layoutOf: (event: BusEvent, raw: bigint) => AnyLayout | null;
  /** What chose an entry that is none of a page table; `request` is what is being translated. */
  readonly indexOf: (event: BusEvent, request: ToldRequest | null) => ToldIndex | null;
  /** The architecture's number of a level, 0 being the last for the walker. */
  readonly levelOf: (level: number) => number;
}

interface Unit {
  readonly bus: Bus;
  readonly walkers: Walkers;
}

/** Takes down what a unit does to memory. */
export class Recorder {
  /** What is being translated. */
  request: ToldRequest | null = null;
  #accesses: ToldAccess[] = [];
  readonly #unit: Unit;
  readonly #teller: Teller;

  constructor(unit: Unit, teller: Teller) {
    this.#unit = unit;
    this.#teller = teller;
    unit.bus.watch = (event) => this.#accesses.push(this.#told(event));
  }

  /** What happened since the last call. */
  take(): readonly ToldAccess[] {
    const out = this.#accesses;
    this.#accesses = [];
    return out;
  }

  #told(event: BusEvent): ToldAccess {
    const { what, address, bytes, words, status } = event;
    const ok = status === 'ok';
    const raw = ok ? words.reduceRight((value, word) => (value << 64n) | word, 0n) : 0n;
    const walk = this.#walk(what);
    return {
      kind: event.kind === 'atomic' ? 'read again' : event.kind,
      what,
      address,
      bytes,
      words: ok ? words : [],
      status,
      raw,
      layout: ok ? this.#teller.layoutOf(event, raw) : null,
      index: walk === null ? this.#teller.indexOf(event, this.request) : (walk.slices.find(({ level }) => level === walk.level) ?? null),
      walk,
      bigEndian: event.bigEndian,
    };
  }

  #walk(what: string): ToldWalk | null {
    const stage = /^(first|second)-stage table|^stage-(1|2) table/.exec(what);
    if (stage === null) return null;
    const name = stage[1] === 'first' || stage[2] === '1' ? 'first' : 'second';
    const walker = this.#unit.walkers[name];
    if (walker.format === null) return null;
    const input = wordOf(walker.inputLow, walker.inputHigh);
    return { stage: name, input, level: this.#teller.levelOf(walker.level), slices: slices(walker.format, input, name === 'first' || input === this.request?.address ? 'address' : 'guest address', this.#teller.levelOf) };
  }
}

function slices(format: TableFormat, input: bigint, of: string, levelOf: (level: number) => number): ToldWalk['slices'] {
  return Array.from({ length: format.levels }, (_, i) => {
    const level = format.levels - 1 - i;
    const low = format.shift[level] ?? 0;
    const high = low + (format.width[level] ?? 0) - 1;
    return { of, level: levelOf(level), high, low, value: Number(bitsOf(input, high, low)) };
  });
}

export const bitsOf = (value: bigint, high: number, low: number): bigint => (value >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n);

/** An index out of a number. */
export const indexIn = (of: string, value: number, high: number, low: number): ToldIndex => ({ of, high, low, value: Number(bitsOf(BigInt(value), high, low)) });

/** `second-stage table, level 0, entry at 0x80009a28` */
export function placeOf({ table, level, entry }: Pick<ToldFault, 'table' | 'level' | 'entry'>): string {
  return `${table}${level === null ? '' : `, level ${level}`}${entry === null ? '' : `, entry at ${hex(entry)}`}`;
}

/** `set bit 6, 7`; null where a rule knows no edit. */
export function repairOf(rule: Rule): string | null {
  const bits = (mask: bigint): string =>
    Array.from({ length: mask.toString(2).length }, (_, i) => i)
      .filter((i) => ((mask >> BigInt(i)) & 1n) === 1n)
      .join(', ');
  const { set = 0n, clear = 0n } = rule.repair ?? {};
  // What is cleared is cleared first.
  const zeros = clear & ~set;
  const edits = [set === 0n ? '' : `set bit ${bits(set)}`, zeros === 0n ? '' : `clear bit ${bits(zeros)}`].filter((part) => part !== '');
  return edits.length === 0 ? null : edits.join(', ');
}

/** What a translation request was granted. */
export const grantsOf = (ats: AtsGrant): string => [ats.read ? 'read' : '', ats.write ? 'write' : '', ats.execute ? 'execute' : '', ats.untranslatedOnly ? 'untranslated only' : ''].filter((word) => word !== '').join(', ') || 'nothing';
