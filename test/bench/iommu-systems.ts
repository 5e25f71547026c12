// SPDX-License-Identifier: Apache-2.0
/** RISC-V units with tables in memory, one for each row of the measurement, and the bare walker over the very same first-stage tables. */
import { PlainMemory } from '@dmalab/core/mmu/plain-memory';
import { NO_CACHES, type CacheSizes } from '@dmalab/core/iommu/riscv/caches';
import { TYPICAL, type BuildOptions } from '@dmalab/core/iommu/riscv/features';
import { Capabilities } from '@dmalab/core/iommu/riscv/registers';
import { DeviceContext, DirectoryEntry, ProcessContext } from '@dmalab/core/iommu/riscv/structures';
import { REACHED, RiscvIommu } from '@dmalab/core/iommu/riscv/unit';
import { PageTableEntry } from '@dmalab/core/mmu/formats/riscv-entries';
import { Dice } from '../support/dice.ts';
import { BareWalker } from './bare-walker.ts';

/**
 * Pages that devices reach, and how far apart they lie: one or two of them share a last-level table, as when
 * many small buffers are mapped. With less, all tables stay in the processor's nearest cache, and the bare walker flatters
 * itself; with more, it waits for memory alone. Here it makes some 55 million walks a second on a quiet core.
 */
const PAGES = 4096;
const STRIDE = 321n;
/** The first of them; guest and physical addresses differ from it. */
const BUFFER = 0x12_3456_7000n >> 12n;
const GUEST_BUFFER = 0x1_8000n;
const BUFFER_FRAME = 0x4_0000n;
const FRAMES = 16_384;
const DEVICE = 0x2_1043;
const PROCESS = 0x5_4321;

const CAPABILITIES = Capabilities.encode({ version: 16, Sv39: true, Sv48: true, Sv57: true, Sv39x4: true, Sv48x4: true, Sv57x4: true, Svpbmt: true, MSI_FLAT: true, AMO_HWAD: true, ATS: true, PAS: 50, PD8: true, PD17: true, PD20: true });

/** Writes tables and hands out frames. Guest frames lie at the same physical ones, but for the buffer. */
class Builder {
  readonly memory = new PlainMemory();
  /** The same words, flat; null where nobody wants them. */
  readonly flat: Uint32Array | null;
  #next = 0x100;
  readonly #tables = new Map<string, bigint>();
  readonly #pages: number;

  /** @param pages how many of them are mapped */
  constructor(pages: number, flat: Uint32Array | null) {
    this.#pages = pages;
    this.flat = flat;
  }

  frames(count = 1): bigint {
    this.#next = Math.ceil(this.#next / count) * count + count;
    if (this.#next > FRAMES) throw new RangeError(`${this.#next} frames of tables; expected at most ${FRAMES}`);
    return BigInt(this.#next - count);
  }

  put(address: bigint, raw: bigint, words = 1): void {
    for (let i = 0n; i < BigInt(words); i += 1n) {
      const word = BigInt.asUintN(64, raw >> (64n * i));
      this.memory.poke(address + 8n * i, word);
      this.flat?.set([Number(word & 0xffff_ffffn), Number(word >> 32n)], Number(address + 8n * i) / 4);
    }
  }

  /** Maps a page in a tree of that many levels. */
  map(root: bigint, levels: number, from: bigint, to: bigint): void {
    let table = root;
    for (let level = levels - 1; level > 0; level -= 1) {
      const index = level === levels - 1 ? from >> BigInt(9 * level) : (from >> BigInt(9 * level)) & 0x1ffn;
      const path = `${table}/${index}`;
      let next = this.#tables.get(path);
      if (next === undefined) {
        next = this.frames();
        this.#tables.set(path, next);
        this.put((table << 12n) + 8n * index, DirectoryEntry.encode({ V: true, PPN: next }));
      }
      table = next;
    }
    this.put((table << 12n) + 8n * (from & 0x1ffn), PageTableEntry.encode({ V: true, R: true, W: true, U: true, A: true, D: true, PPN: to }));
  }

  /** A tree over the pages. */
  buffer(levels: number, from: bigint, to: bigint, stride = STRIDE, root = this.frames()): bigint {
    for (const page of ORDER.slice(0, this.#pages)) this.map(root, levels, from + BigInt(page) * stride, to + BigInt(page));
    return root;
  }

  /** A second stage: the pages, and every frame of tables onto itself. All in pages of 4 KiB, so that each read costs what it can. */
  second(levels: number): bigint {
    const root = this.buffer(levels, GUEST_BUFFER, BUFFER_FRAME, 1n, this.frames(4));
    // Tables are made as they are mapped; a few rounds reach the last.
    for (let i = 0n; i < BigInt(this.#next) + 8n; i += 1n) this.map(root, levels, i, i);
    return root;
  }
}

/** What is measured: so many translations, one after another; the sum of the frames says that all went well. */
export interface Subject {
  readonly run: (times: number) => number;
  /** Sum of the frames that `pages` translations reach. */
  readonly frameSum: number;
  readonly pages: number;
  /** Table reads of one translation, when it is warm. */
  readonly reads: () => number;
}

export interface Wanted {
  readonly levels: 3 | 4 | 5;
  readonly nested: boolean;
  /** A request carries a process id, and its context lies behind a directory of three levels. */
  readonly process: boolean;
  readonly traced?: boolean;
  /** Only so many of the pages, again and again. */
  readonly pages?: number;
}

function shuffled(dice: Dice): number[] {
  const order = Array.from({ length: PAGES }, (_, i) => i);
  for (let i = PAGES - 1; i > 0; i -= 1) {
    const j = dice.below(i + 1);
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  return order;
}

/** A random order of the pages, the same each time. */
const ORDER = shuffled(new Dice(1));
const ADDRESSES = ORDER.map((page) => ((BUFFER + BigInt(page) * STRIDE) << 12n) | BigInt((page * 24) & 0xff8));
const LOW = Int32Array.from(ADDRESSES, (address) => Number(address & 0xffff_ffffn));
const HIGH = Int32Array.from(ADDRESSES, (address) => Number(address >> 32n));
const sumOf = (pages: number): number => ORDER.slice(0, pages).reduce((sum, page) => sum + Number(BUFFER_FRAME) + page, 0);

export function bareWalk(pages = PAGES): Subject {
  const flat = new Uint32Array(FRAMES * 1024);
  const builder = new Builder(pages, flat);
  const walker = new BareWalker(flat, Number(builder.buffer(3, BUFFER, BUFFER_FRAME)));
  return {
    frameSum: sumOf(pages),
    pages,
    reads: () => 3,
    run(times) {
      let sum = 0;
      for (let i = 0; i < times; i += 1) {
        const at = i & (pages - 1);
        if (walker.walk(LOW[at] as number, HIGH[at] as number)) sum += walker.frame;
      }
      return sum;
    },
  };
}

/** A unit over the tables wanted, behind a device directory of three levels. */
function unitWith({ levels, nested, process, pages = PAGES }: Wanted, options: Partial<BuildOptions>): RiscvIommu {
  const builder = new Builder(pages, null);
  const first = builder.buffer(levels, BUFFER, nested ? GUEST_BUFFER : BUFFER_FRAME);
  let fsc = { fsc_MODE: levels + 5, fsc_PPN: first };
  if (process) {
    const [root, middle, leaf] = [builder.frames(), builder.frames(), builder.frames()] as const;
    builder.put((root << 12n) + 8n * BigInt(PROCESS >> 17), DirectoryEntry.encode({ V: true, PPN: middle }));
    builder.put((middle << 12n) + 8n * BigInt((PROCESS >> 8) & 0x1ff), DirectoryEntry.encode({ V: true, PPN: leaf }));
    builder.put((leaf << 12n) + 16n * BigInt(PROCESS & 0xff), ProcessContext.encode({ V: true, PSCID: 7, ...fsc }), 2);
    fsc = { fsc_MODE: 3, fsc_PPN: root };
  }
  const [root, middle, leaf] = [builder.frames(), builder.frames(), builder.frames()] as const;
  builder.put((root << 12n) + 8n * BigInt(DEVICE >> 15), DirectoryEntry.encode({ V: true, PPN: middle }));
  builder.put((middle << 12n) + 8n * BigInt((DEVICE >> 6) & 0x1ff), DirectoryEntry.encode({ V: true, PPN: leaf }));
  const second = nested ? { iohgatp_MODE: levels + 5, iohgatp_PPN: builder.second(levels), GSCID: 3 } : {};
  builder.put((leaf << 12n) + 64n * BigInt(DEVICE & 63), DeviceContext.encode({ V: true, PDTV: process, PSCID: process ? 0 : 7, ...fsc, ...second }), 8);
  const iommu = new RiscvIommu(builder.memory, { ...TYPICAL, capabilities: CAPABILITIES, ...options }, { send: () => undefined, order: () => undefined, invalidated: () => undefined });
  iommu.writeRegister(16, 8, 4n | (root << 10n));
  return iommu;
}

/** Caches of contexts, as big as they need to be; and of translations. */
export const CONTEXTS: CacheSizes = { ...NO_CACHES, devices: { sets: 1, ways: 4, policy: 'lru' }, processes: { sets: 1, ways: 4, policy: 'lru' } };
export const EVERYTHING: CacheSizes = { ...CONTEXTS, translations: { sets: 512, ways: 4, policy: 'lru' } };

export function translations(wanted: Wanted, caches: CacheSizes): Subject {
  const iommu = unitWith(wanted, { caches });
  if (wanted.traced === true) iommu.bus.watch = (event) => void (watchedBytes = (watchedBytes + event.bytes) | 0);
  const pages = wanted.pages ?? PAGES;
  const processId = wanted.process ? PROCESS : -1;
  const run = (times: number): number => {
    let sum = 0;
    for (let i = 0; i < times; i += 1) {
      const at = i & (pages - 1);
      if (iommu.translateFast(DEVICE, processId, 0, LOW[at] as number, HIGH[at] as number) === REACHED) sum += iommu.frame;
    }
    return sum;
  };
  return {
    frameSum: sumOf(pages),
    pages,
    run,
    reads() {
      const { watch } = iommu.bus;
      let reads = 0;
      iommu.bus.watch = ({ kind }) => void (reads += Number(kind === 'read'));
      run(pages);
      reads = 0;
      run(pages);
      iommu.bus.watch = watch;
      return reads / pages;
    },
  };
}

/** What a watcher makes of the events, so that they are not for nothing. */
let watchedBytes = 0;
