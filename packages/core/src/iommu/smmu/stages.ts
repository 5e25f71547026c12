// SPDX-License-Identifier: Apache-2.0
/** Both stages of translation over the walker core, with a TLB before them where there is one. */
import { mended, type Access, type Rule } from '../../mmu/format.ts';
import { forbids, INVALID, permits, PERMITS, RANGE, tableBit, type StageOptions } from '../../mmu/formats/armv8.ts';
import { Walker, type Tables as TableReader, type WalkEnd, type Walkers } from '../../mmu/walk.ts';
import { addressOf, highIn, lowIn } from '../../mmu/word.ts';
import type { Bus } from '../bus.ts';
import type { Context, Range, SecondStage, Tables, World } from './contexts.ts';
import { EVENTS, eventOf, failure, type Failure, type FaultClass } from './events.ts';
import type { Leaf, Owner, Tlb, Translation } from './tlb.ts';

/** What translates for one stream and substream. */
export interface Space {
  readonly world: World;
  readonly vmid: number;
  /** Null: stage 1 is bypassed. */
  readonly context: Context | null;
  readonly second: SecondStage | null;
}

export interface Reached {
  readonly kind: 'reached';
  readonly frame: number;
  /** Behind stage 1, before stage 2. */
  readonly guest: number;
  /** log2 of the bytes around it that translate alike; of stage 1 alone for `guest`. */
  readonly span: number;
  readonly first: Leaf | null;
  readonly second: Leaf | null;
}

const SPEC = 'Arm SMMUv3 (IHI 0070)';
const UNREAD: Rule = { field: 'address', bits: '-', text: 'the descriptor must lie where memory can be read', section: `${SPEC}, 7.3.12 "F_WALK_EABT"`, beyondRepair: 'memory there refuses or is corrupt, whatever the descriptor says' };
const disabled = (bit: bigint, name: string): Rule => ({ field: name, bits: String(bit), text: 'the range of the address must be walked', section: `${SPEC}, 5.4.1.1 "EPDx behavior"`, repair: { clear: 1n << bit } });
const DISABLED = { lower: disabled(14n, 'EPD0'), upper: disabled(30n, 'EPD1') };
const keptOut = (bit: bigint, name: string): Rule => ({ field: name, bits: String(bit), text: 'unprivileged requests do not reach this range', section: `${SPEC}, 5.4 "Context Descriptor"`, repair: { clear: 1n << bit } });
const KEPT_OUT = { lower: keptOut(66n, 'E0PD0'), upper: keptOut(130n, 'E0PD1') };
const DEVICE_TABLE: Rule = { field: 'MemAttr', bits: '5:2', text: 'with S2PTW the tables and descriptors of stage 1 must not lie in device memory', section: `${SPEC}, 5.2 "Stream Table Entry", S2PTW`, repair: { set: 15n << 2n } };

const READ: Access = { read: true, write: false, execute: false, supervisor: true, sum: false, dirties: false, probes: false };
const WRITE: Access = { read: false, write: true, execute: false, supervisor: true, sum: false, dirties: true, probes: false };

const armLevel = (level: number): number => 3 - level;

export class Stages {
  readonly #bus: Bus;
  readonly #tlb: Tlb | null;
  readonly #first = new Walker();
  readonly #second = new Walker();
  #space: Space = { world: 'el1', vmid: 0, context: null, second: null };
  #range: Tables | null = null;
  /** Why a table of stage 1 could not be reached. */
  #cause: Failure | null = null;
  /** Where the entries of the walk were, and their high halves, by level. */
  readonly #trail: { address: bigint; high: number }[] = Array.from({ length: 4 }, () => ({ address: 0n, high: 0 }));

  readonly #firstTables: TableReader = {
    load: (walker, frame, offset) => {
      const at = this.#inRoot(walker, this.#range, offset);
      walker.tableOffset = at;
      const table = this.fetch(this.#space.second, frame, at, READ, 1);
      if (typeof table !== 'number') return this.#unreached(table);
      walker.entryFrame = table;
      walker.entryOffset = at;
      const end = this.#load(FIRST_NAMES[walker.level] ?? '', walker, this.#range?.bigEndian === true);
      const step = this.#trail[walker.level];
      if (step !== undefined) {
        step.address = addressOf(table, at);
        step.high = walker.high;
      }
      return end;
    },
    // Marking an entry of stage 1 is a write through stage 2.
    mark: (walker, bits) => {
      const table = this.fetch(this.#space.second, walker.tableFrame, walker.tableOffset, WRITE, 1);
      return typeof table === 'number' ? this.#mark(FIRST_NAMES[walker.level] ?? '', walker, bits, this.#range?.bigEndian === true) : this.#unreached(table);
    },
  };
  readonly #secondTables: TableReader = {
    load: (walker, frame, offset) => {
      const { second } = this.#space;
      walker.entryFrame = frame;
      walker.entryOffset = this.#inRoot(walker, second, offset);
      return this.#load(SECOND_NAMES[walker.level] ?? '', walker, second?.bigEndian === true);
    },
    mark: (walker, bits) => this.#mark(SECOND_NAMES[walker.level] ?? '', walker, bits, this.#space.second?.bigEndian === true),
  };

  constructor(bus: Bus, tlb: Tlb | null) {
    this.#bus = bus;
    this.#tlb = tlb;
  }

  get walkers(): Walkers {
    return { first: this.#first, second: this.#second };
  }

  /** Through stage 1, where there is a context, and stage 2, where there is one. */
  translate(space: Space, address: bigint, access: Access): Reached | Failure {
    this.#space = space;
    const { context } = space;
    const frame = Number(address >> 12n);
    const offset = Number(address & 0xfffn);
    if (context === null) return this.#guest(space, frame, offset, access);
    const upper = ((address >> 55n) & 1n) === 1n;
    // A regime with one range has no upper one, whatever bit 55 says.
    const range = context.upper === null && context.lower?.options.oneLevel === true ? context.lower : upper ? context.upper : context.lower;
    const half = upper ? 'upper' : 'lower';
    if (range === null) return notWalked(DISABLED[half], context);
    if (!fits(range, address)) return notWalked(RANGE, null);
    if (range.keepsUsersOut && !access.supervisor) return notWalked(KEPT_OUT[half], context);
    const owner: Owner = { world: space.world, vmid: space.vmid, asid: context.asid, ownSet: context.ownSet };
    // Bits 63:56 are a sign, or ignored.
    const page = frame % 2 ** 44;
    const known = this.#known(owner, page, access);
    if (known !== null) return known;
    const first = this.#walkFirst(range, frame, offset, access);
    if ('kind' in first) return first;
    const guest = this.#first.frame;
    const reached = this.#output(guest, offset, access);
    if (reached.kind === 'failure') return reached;
    const span = Math.min(first.span, reached.span);
    this.#keep(owner, page, { first, second: reached.second, guest, frame: reached.frame, span });
    return { kind: 'reached', frame: reached.frame, guest, span, first, second: reached.second };
  }

  /** A guest address, where stage 1 is not there or bypassed. */
  #guest(space: Space, frame: number, offset: number, access: Access): Reached | Failure {
    if (space.second === null) return { kind: 'reached', frame, guest: frame, span: 63, first: null, second: null };
    const owner: Owner = { world: space.world, vmid: space.vmid, asid: null, ownSet: false };
    const known = this.#known(owner, frame, access);
    if (known !== null) return known;
    const reached = this.#output(frame, offset, access);
    if (reached.kind === 'reached') this.#keep(owner, frame, reached);
    return reached;
  }

  /** Through stage 2 as the request's own access. */
  #output(guest: number, offset: number, access: Access): Reached | Failure {
    const { second } = this.#space;
    if (second === null) return { kind: 'reached', frame: guest, guest, span: 63, first: null, second: null };
    const frame = this.fetch(second, guest, offset, access, 2);
    if (typeof frame !== 'number') return frame;
    return { kind: 'reached', frame, guest, span: this.#second.span, first: null, second: leafOf(this.#second, second.options) };
  }

  /** The physical frame of a guest frame that holds a context descriptor, or why not. */
  fetchContext(second: SecondStage | null, frame: number, offset: number): number | Failure {
    return this.fetch(second, frame, offset, READ, 0);
  }

  /** The physical frame of a guest frame, or why not. `of`: what is accessed there. */
  fetch(second: SecondStage | null, frame: number, offset: number, access: Access, of: FaultClass): number | Failure {
    if (second === null) return frame;
    const walker = this.#second;
    const inside = frame < 2 ** (second.options.inputBits - 12);
    this.#space = this.#space.second === second ? this.#space : { ...this.#space, second };
    const end = inside ? walker.walk(second.format, second.frame, lowIn(frame, offset), highIn(frame), access, true, this.#secondTables) : 'refused';
    if (!inside) walker.rule = RANGE;
    if (end === 'reached') {
      if (of === 2 || !second.protectsWalks || !isDevice(second, walker.low)) return walker.frame;
      walker.rule = DEVICE_TABLE;
      return this.#secondFailure('refused', frame, access, of, true);
    }
    return this.#secondFailure(end, frame, access, of, inside);
  }

  #walkFirst(range: Range, frame: number, offset: number, access: Access): Leaf | Failure {
    const walker = this.#first;
    this.#range = range;
    this.#cause = null;
    const end = walker.walk(range.format, range.frame, lowIn(frame, offset), highIn(frame) >>> 0, access, true, this.#firstTables);
    switch (end) {
      case 'reached':
        return leafOf(walker, range.options);
      case 'unreached':
        return this.#cause ?? notWalked(INVALID, null);
      case 'refused': {
        const broken = walker.rule ?? INVALID;
        const guilty = tableBit(broken);
        const level = guilty === 0 ? walker.level : this.#trail.findLastIndex(({ high }, i) => i > walker.level && i < range.format.levels && (high & guilty) !== 0);
        return failure(eventOf(broken), { table: 'stage-1 table', level: armLevel(level), entry: this.#trail[level]?.address ?? null, rule: mended(range.format, broken, walker.low, walker.high, walker.level) });
      }
      case 'denied':
      case 'corrupt': {
        const entry = addressOf(walker.entryFrame, walker.entryOffset);
        return failure(EVENTS.walkAbort, { table: 'stage-1 table', level: armLevel(walker.level), entry, rule: UNREAD }, { class: 1, last: entry });
      }
    }
  }

  #secondFailure(end: WalkEnd, frame: number, access: Access, of: FaultClass, walked: boolean): Failure {
    const walker = this.#second;
    const refused = end === 'refused';
    const broken = refused ? (walker.rule ?? INVALID) : UNREAD;
    const entry = walked ? addressOf(walker.entryFrame, walker.entryOffset) : null;
    const why = { table: 'stage-2 table', level: walked ? armLevel(walker.level) : null, entry, rule: broken };
    return failure(refused ? eventOf(broken) : EVENTS.walkAbort, why, { second: true, class: of, last: refused ? addressOf(frame, 0) : (entry ?? 0n), marking: of === 1 && access.write });
  }

  /** What the TLB says: null when it knows nothing, or when the page must be marked first. */
  #known(owner: Owner, page: number, access: Access): Reached | Failure | null {
    const entry = this.#tlb?.find(owner, page) ?? null;
    if (entry === null) return null;
    const { first, second } = entry;
    const offset = page % 2 ** (entry.span - 12);
    for (const leaf of [first, second]) {
      if (leaf === null) continue;
      const broken = forbids(leaf.options, leaf.low, leaf.high, leaf.above, access);
      if (broken === null) continue;
      const last = leaf === second ? addressOf(entry.guest + offset, 0) : 0n;
      return failure(eventOf(broken), { table: `stage-${leaf.options.stage} table`, level: leaf.level, entry: leaf.entry, rule: broken }, { second: leaf === second, last });
    }
    const isClean = (leaf: Leaf | null): boolean => leaf !== null && (permits(leaf.options, leaf.low, leaf.high, leaf.above, access.supervisor) & PERMITS.clean) !== 0;
    if (access.dirties && (isClean(first) || isClean(second))) return null;
    return { kind: 'reached', frame: entry.frame + offset, guest: entry.guest + offset, span: entry.span, first, second };
  }

  #keep(owner: Owner, page: number, found: Omit<Reached, 'kind'>): void {
    if (this.#tlb === null) return;
    const { first, second, span } = found;
    const offset = page % 2 ** (span - 12);
    const entry: Translation = { world: owner.world, vmid: owner.vmid, asid: owner.asid ?? 0, global: first !== null && (first.low & 0x800) === 0, first, second, guest: found.guest - offset, frame: found.frame - offset, span };
    this.#tlb.put(owner, page, entry);
  }

  /** Roots may begin inside a frame. */
  #inRoot(walker: Walker, root: Tables | null, offset: number): number {
    return root !== null && walker.level === root.format.levels - 1 ? offset + root.offset : offset;
  }

  #unreached(cause: Failure): WalkEnd {
    this.#cause = cause;
    return 'unreached';
  }

  #load(what: string, walker: Walker, bigEndian: boolean): WalkEnd {
    const status = this.#bus.load(what, walker.entryFrame, walker.entryOffset, 8, bigEndian);
    walker.low = (this.#bus.data[0] ?? 0) | 0;
    walker.high = (this.#bus.data[1] ?? 0) | 0;
    return status === 'ok' ? 'reached' : status;
  }

  #mark(what: string, walker: Walker, bits: number, bigEndian: boolean): WalkEnd | 'changed' {
    const changed = walker.low ^ bits;
    const status = this.#bus.exchange(what, walker.entryFrame, walker.entryOffset, 8, bigEndian, walker.low, walker.high, changed);
    if (status === 'ok') walker.low = changed;
    return status === 'ok' ? 'reached' : status;
  }
}

const FIRST_NAMES = [3, 2, 1, 0].map((level) => `stage-1 table, level ${level}`);
const SECOND_NAMES = [3, 2, 1, 0].map((level) => `stage-2 table, level ${level}`);

const leafOf = (walker: Walker, options: StageOptions): Leaf => ({ options, low: walker.low, high: walker.high, above: walker.inheritedHigh, level: armLevel(walker.level), span: walker.span, entry: addressOf(walker.entryFrame, walker.entryOffset) });

/** F_TRANSLATION without a walk, on the word of the context descriptor or of the address alone. */
const notWalked = (broken: Rule, context: Context | null): Failure => failure(EVENTS.translation, { table: context === null ? 'request' : 'context descriptor', level: null, entry: context === null ? null : BigInt(context.at), rule: broken });

/** IHI 0070, 3.4.1: bits from the size of the range up to bit 63, or 55 with TBI, are alike. */
function fits(range: Range, address: bigint): boolean {
  const bits = BigInt(range.options.inputBits);
  const top = range.ignoresTopByte ? 56n : 64n;
  const above = (address & ((1n << top) - 1n)) >> bits;
  return above === (range.options.upper ? (1n << (top - bits)) - 1n : 0n);
}

/** DDI 0487, stage-2 memory attributes: device where MemAttr[3:2] is 0, with FWB where MemAttr[2] is. */
const isDevice = (second: SecondStage, low: number): boolean => (second.forcedWriteBack ? (low & 0x10) === 0 : (low & 0x30) === 0);
