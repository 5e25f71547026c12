// SPDX-License-Identifier: Apache-2.0
/**
 * What an SMMUv3 remembers of translations: both stages in one entry, tagged as
 * IHI 0070, 3.17 has it: by world and VMID, by ASID unless global (nG clear).
 * Entries of stage 2 alone are found by guest address and have no ASID.
 */
import { EntryCache, type CacheGeometry, type CacheLine } from '../../mmu/cache.ts';
import type { StageOptions } from '../../mmu/formats/armv8.ts';
import type { World } from './contexts.ts';

/** A page or block descriptor as the walk found it, and what the tables above withdraw. */
export interface Leaf {
  readonly options: StageOptions;
  readonly low: number;
  readonly high: number;
  readonly above: number;
  /** As Arm counts: 3 holds pages. */
  readonly level: number;
  /** log2 of the bytes that it maps. */
  readonly span: number;
  readonly entry: bigint;
}

export interface Translation {
  readonly world: World;
  readonly vmid: number;
  readonly asid: number;
  readonly global: boolean;
  readonly first: Leaf | null;
  readonly second: Leaf | null;
  /** Guest frame and output frame of the first frame of the line. */
  readonly guest: number;
  readonly frame: number;
  /** log2 of the bytes that the line covers. */
  readonly span: number;
}

/** Which tags a lookup may meet. */
export interface Owner {
  readonly world: World;
  readonly vmid: number;
  /** Null: stage 2 alone. */
  readonly asid: number | null;
  readonly ownSet: boolean;
}

const WORLDS = { el1: 0, el2: 1, 'el2-e2h': 2 } as const;

/** A number for world, VMID and one of: an ASID, "global" in one of two sets, "stage 2 alone". */
function tagOf(owner: Owner, global: boolean): number {
  const inner = owner.asid === null ? 0x1_0002 : global ? 0x1_0000 + (owner.ownSet ? 1 : 0) : owner.asid;
  return (WORLDS[owner.world] * 0x1_0000 + owner.vmid) * 0x2_0000 + inner;
}

export class Tlb {
  readonly cache: EntryCache<Translation>;

  constructor(geometry: CacheGeometry) {
    this.cache = new EntryCache('TLB', geometry);
  }

  find(owner: Owner, frame: number): Translation | null {
    return this.cache.find(tagOf(owner, false), frame) ?? (owner.asid === null ? null : this.cache.find(tagOf(owner, true), frame));
  }

  put(owner: Owner, frame: number, entry: Translation): void {
    this.cache.put(tagOf(owner, entry.global), frame, entry.span - 12, entry);
  }

  forget(matches: (entry: Translation, line: CacheLine) => boolean): void {
    this.cache.drop((line) => matches(line.entry, line));
  }
}

/** Frames that an invalidation names, and what it knows of the entries. */
export interface Target {
  readonly first: number;
  readonly frames: number;
  /** 12, 14 or 16; null: any. */
  readonly granule: number | null;
  /** Level of the descriptor, as Arm counts; null: any. */
  readonly level: number | null;
}

/**
 * Whether an entry was made of a descriptor that the target names: any address in what the descriptor maps does, though
 * the entry may cover less of it, stage 2 having smaller pages.
 */
export function isNamed(target: Target, leaf: Leaf, line: CacheLine): boolean {
  if (target.granule !== null && leaf.options.granule !== target.granule) return false;
  if (target.level !== null && leaf.level !== target.level) return false;
  const frames = 2 ** Math.max(leaf.span - 12, line.span);
  const first = line.first - (line.first % frames);
  return first < target.first + target.frames && target.first < first + frames;
}
