// SPDX-License-Identifier: Apache-2.0
/**
 * The MMU of one CPU: the roots of the address space that it runs, a TLB that
 * stays stale until an instruction invalidates it, and the walker core. What
 * an entry permits is decided at each access, from what its walk had passed.
 */
import { EntryCache, overlaps, type CacheGeometry, type CacheLine } from './cache.ts';
import { PLAIN_MODE, walkAccess, type CpuAccess, type CpuFaultKind, type CpuMode, type CpuPaging, type Passed } from './cpu-paging.ts';
import type { Rule } from './format.ts';
import type { TablePort } from './port.ts';
import { Walker, type Tables, type WalkEnd } from './walk.ts';
import { addressOf, highOf, lowOf } from './word.ts';

/** What the root registers say. Frames. */
export interface AddressSpace {
  readonly root: number;
  /** Root of the upper half, where that has one of its own (TTBR1). */
  readonly upperRoot?: number;
  /** PCID or ASID. */
  readonly asid: number;
}

/** A translation as the TLB holds it. */
export interface TlbEntry extends Readonly<Passed> {
  /** First frame that it maps, and first frame where that lies; it covers 2^span of them. */
  readonly first: number;
  readonly frame: number;
  readonly span: number;
  readonly global: boolean;
  readonly asid: number;
}

export type CpuTranslation =
  /** `span`: log2 of the bytes around it that translate alike. */
  | { readonly kind: 'reached'; readonly address: bigint; readonly span: number; readonly hit: boolean }
  | CpuFault;

export interface CpuFault {
  readonly kind: 'fault';
  readonly why: CpuFaultKind;
  /** What software finds: x86 error code, RISC-V cause, Arm fault status. */
  readonly code: number;
  readonly rule: Rule | null;
  /** Level of the entry, 0 is the last; null without an entry. */
  readonly level: number | null;
  /** Where the entry lies. */
  readonly entry: bigint | null;
  readonly access: CpuAccess;
}

/** What an invalidation takes away; see `cpu-invalidate.ts` for the instructions. */
export interface TlbScope {
  /** Null: every address. */
  readonly address: bigint | null;
  /** Null: every address space. */
  readonly asid: number | null;
  /** Global entries too. */
  readonly globals: boolean;
}

export interface CpuMmuOptions {
  readonly name?: string;
  readonly tlb?: CacheGeometry;
  /**
   * A hit that does not permit the access faults at once. Otherwise the tables are looked at again before a fault, as x86 CPUs may
   * and RISC-V without Svvptc need not.
   */
  readonly faultsFromTlb?: boolean;
}

const GLOBAL = 2 ** 16;

export class CpuMmu {
  readonly paging: CpuPaging;
  readonly tlb: EntryCache<TlbEntry>;
  mode: CpuMode = PLAIN_MODE;
  space: AddressSpace;
  /** Table entries read since the MMU was made. */
  loads = 0;
  readonly #walker = new Walker();
  readonly #port: TablePort;
  readonly #faultsFromTlb: boolean;
  readonly #tables: Tables;

  constructor(port: TablePort, paging: CpuPaging, space: AddressSpace, options: CpuMmuOptions = {}) {
    this.#port = port;
    this.paging = paging;
    this.space = space;
    this.tlb = new EntryCache(options.name ?? 'TLB', options.tlb ?? { sets: 16, ways: 4, policy: 'lru' });
    this.#faultsFromTlb = options.faultsFromTlb ?? false;
    this.#tables = {
      load: (walker, frame, offset, bytes) => this.#load(walker, frame, offset, bytes),
      mark: (walker, bits, bytes) => this.#mark(walker, bits, bytes),
    };
  }

  /** Loads the root registers. What the TLB holds stays; entries of other address spaces are not looked at. @throws RangeError for an ASID that does not fit */
  switchTo(space: AddressSpace): void {
    if (!Number.isInteger(space.asid) || space.asid < 0 || space.asid >= 2 ** this.paging.asidBits) throw new RangeError(`address space ${space.asid} does not fit in ${this.paging.asidBits} bits`);
    this.space = space;
  }

  translate(access: CpuAccess): CpuTranslation {
    const { paging } = this;
    if (!paging.isAddress(access.address)) return this.#fault('address', paging.format(access.address).tooWide, null, access);
    const frame = Number(access.address >> 12n);
    const held = this.tlb.find(this.space.asid, frame) ?? this.tlb.find(GLOBAL, frame);
    if (held !== null) {
      const missing = paging.check(held, access, this.mode);
      if (missing === null && (access.kind !== 'write' || paging.isDirty(held))) return { kind: 'reached', address: addressOf(held.frame + (frame - held.first), Number(access.address & 0xfffn)), span: held.span + 12, hit: true };
      if (missing !== null && this.#faultsFromTlb) return this.#fault(paging.kindOf(missing), missing, null, access);
    }
    return this.#walk(access, frame);
  }

  /** Takes entries away. */
  invalidate(scope: TlbScope): void {
    const frame = scope.address === null ? null : Number(BigInt.asUintN(64, scope.address) >> 12n);
    this.tlb.drop((line: CacheLine & { readonly entry: TlbEntry }) => {
      if (frame !== null && !overlaps(line, frame, 0)) return false;
      return line.entry.global ? scope.globals : scope.asid === null || line.entry.asid === scope.asid;
    });
  }

  #walk(access: CpuAccess, frame: number): CpuTranslation {
    const { paging } = this;
    const walker = this.#walker;
    const format = paging.format(access.address);
    const root = paging.roots === 'by half' && access.address >> 63n !== 0n ? (this.space.upperRoot ?? this.space.root) : this.space.root;
    paging.asked.access = access;
    paging.asked.mode = this.mode;
    const asked = walkAccess(access);
    const end = walker.walk(format, root, lowOf(access.address), highOf(access.address), asked, paging.marks, this.#tables);
    const { level } = walker;
    const entry = addressOf(walker.entryFrame, walker.entryOffset);
    if (end === 'refused') return this.#fault(walker.rule === null ? 'translation' : paging.kindOf(walker.rule), walker.rule, { level, entry }, access);
    if (end !== 'reached') return this.#fault('memory', null, { level, entry }, access);
    const { passed } = paging;
    // As the entry is now, with the marks that this walk has made.
    const low = passed.low ^ (paging.marks ? format.marks(passed.low, passed.high, asked, true) : 0);
    const span = walker.span - 12;
    const first = frame - (frame % 2 ** span);
    const global = paging.isGlobal(passed);
    const tag = global ? GLOBAL : this.space.asid;
    const base = walker.frame - (frame - first);
    this.tlb.drop((line) => line.tag === tag && overlaps(line, first, span));
    this.tlb.put(tag, frame, span, { ...passed, low, first, frame: base, span, global, asid: this.space.asid });
    return { kind: 'reached', address: addressOf(walker.frame, Number(access.address & 0xfffn)), span: walker.span, hit: false };
  }

  #load(walker: Walker, frame: number, offset: number, bytes: number): WalkEnd {
    walker.entryFrame = frame;
    walker.entryOffset = offset;
    this.loads += 1;
    const status = this.#port.load(frame, offset, bytes);
    walker.low = this.#port.data[0] ?? 0;
    walker.high = bytes === 8 ? (this.#port.data[1] ?? 0) : 0;
    return status === 'ok' ? 'reached' : status;
  }

  #mark(walker: Walker, bits: number, bytes: number): WalkEnd | 'changed' {
    const status = this.#port.exchange(walker.entryFrame, walker.entryOffset, bytes, walker.low, walker.high, (walker.low ^ bits) >>> 0, walker.high);
    return status === 'ok' ? 'reached' : status;
  }

  #fault(why: CpuFaultKind, rule: Rule | null, at: { readonly level: number; readonly entry: bigint } | null, access: CpuAccess): CpuFault {
    return { kind: 'fault', why, code: this.paging.code(why, at?.level ?? 0, access), rule, level: at?.level ?? null, entry: at?.entry ?? null, access };
  }
}
