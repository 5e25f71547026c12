// SPDX-License-Identifier: Apache-2.0
/** Systems with Intel VT-d in scalable mode: one device and several address spaces, chosen by PASID. */
import { Capability, ExtendedCapability } from '@dmalab/core/iommu/vtd/capabilities';
import { PasidIotlbDescriptor, WaitDescriptor } from '@dmalab/core/iommu/vtd/queues';
import { GlobalCommand, InvalidationQueueAddress, InvalidationQueueTail, OFFSET } from '@dmalab/core/iommu/vtd/registers';
import { ContextEntry, FirstStageEntry, PasidDirectoryEntry, PasidEntry, RootEntry, ScalableContextEntry, ScalableRootEntry, SecondStageEntry } from '@dmalab/core/iommu/vtd/structures';
import { hex } from '@dmalab/core/mmu/word';
import { frame, Image, type Example } from './image.ts';

const ROOT = 0x1_0000_0000n;
const CONTEXTS = 0x1_0001_0000n;
const DIRECTORY = 0x1_0100_0000n;
const PASIDS = 0x1_0200_0000n;
/** Bus 0x3a, device 0, function 0. */
const DEVICE = 0x3a00;

const CAP = Capability.encode({ ND: 6, SAGAW: 0b1100, MGAW: 56, FRO: 0x22, SSLPS: 3, FS1GP: true, FS5LP: true });
const ECAP = ExtendedCapability.encode({ C: true, QI: true, DT: true, PT: true, SC: true, NEST: true, PRS: true, ERS: true, SRS: true, PSS: 19, PASID: true, SMTS: true, SSADS: true, SSTS: true, FSTS: true });

interface Ask {
  readonly pasid?: number;
  readonly write?: boolean;
  readonly supervisor?: boolean;
  readonly address: bigint;
}

function example(id: string, title: string, note: string, image: Image, asks: readonly Ask[], mode: 'legacy' | 'scalable' = 'scalable'): Example {
  const dma = asks.map(({ pasid, write = false, supervisor = false, address }) => ({ dir: write ? 'w' : 'r', iova: hex(address), len: 8, ...(pasid === undefined ? {} : { pasid }), ...(supervisor ? { priv: 1 } : {}) }));
  return { id, title, vector: { id, note, cap: hex(CAP), ecap: hex(ECAP), aw_bits: 46, sid: DEVICE, rtaddr: hex(ROOT | (mode === 'scalable' ? 0x400n : 0n)), ram: [[hex(ROOT), '0x100000000']], mem: image.mem, dma } };
}

/** Four levels of tables that map one page: the entry of each level has its index from the address. */
function firstStage(image: Image, root: bigint, below: bigint, address: bigint, leaf: Parameters<typeof FirstStageEntry.encode>[0]): Image {
  let table = root;
  for (let level = 3n; level > 0n; level -= 1n) {
    const next = below + (3n - level) * 0x1000n;
    image.put(table + index(address, level) * 8n, FirstStageEntry, { P: true, RW: true, US: true, A: true, address: frame(next) });
    table = next;
  }
  return image.put(table + index(address, 0n) * 8n, FirstStageEntry, leaf);
}

function secondStage(image: Image, root: bigint, below: bigint, pages: readonly (readonly [bigint, bigint, boolean])[]): Image {
  for (const [address, to, writes] of pages) {
    let table = root;
    for (let level = 3n; level > 0n; level -= 1n) {
      const next = below + (3n - level) * 0x1000n;
      image.put(table + index(address, level) * 8n, SecondStageEntry, { R: true, W: true, address: frame(next) });
      table = next;
    }
    image.put(table + index(address, 0n) * 8n, SecondStageEntry, { R: true, W: writes, address: frame(to) });
  }
  return image;
}

const index = (address: bigint, level: bigint): bigint => (address >> (12n + 9n * level)) & 0x1ffn;

const BUFFER = 0x7f21_4a60_3000n;
const KERNEL = 0x7f21_4a60_5000n;
const FIRST = 0x1_2345_6000n;

/** The device, PASID 5 with the tables of a process. */
function process(present: boolean): Image {
  const image = new Image()
    .put(ROOT + 0x3an * 16n, ScalableRootEntry, { LP: true, LCTP: frame(CONTEXTS) })
    .put(CONTEXTS, ScalableContextEntry, { P: true, PASIDE: true, PRE: true, DTE: true, PDTS: 0, PASIDDIRPTR: frame(DIRECTORY), RID_PASID: 0 })
    .put(DIRECTORY, PasidDirectoryEntry, { P: true, SMPTBLPTR: frame(PASIDS) })
    .put(PASIDS + 5n * 64n, PasidEntry, { P: true, PGTT: 1, DID: 7, PWSNP: true, PGSNP: true, FSPTPTR: frame(FIRST) });
  firstStage(image, FIRST, 0x1_3000_0000n, BUFFER, { P: present, RW: true, US: true, A: true, D: true, address: frame(0x1_8010_3000n) });
  return firstStage(image, FIRST, 0x1_3000_0000n, KERNEL, { P: true, RW: true, A: true, address: frame(0x1_8010_5000n) });
}

const GUEST_FIRST = 0x4000_0000n;
const GUEST_BUFFER = 0x4010_0000n;

/** PASID 7 of a guest: first-stage tables at guest addresses, the host's second stage below. The buffer may be read by the host's tables, and written where `writes`. */
function nested(writes: boolean): Image {
  const image = process(true).put(PASIDS + 7n * 64n, PasidEntry, { P: true, PGTT: 3, AW: 2, DID: 9, PWSNP: true, SSPTPTR: frame(0x1_5000_0000n), FSPTPTR: frame(GUEST_FIRST) });
  // The guest's tables, written where the second stage puts them.
  const tables = new Map([0n, 1n, 2n, 3n].map((i) => [GUEST_FIRST + i * 0x1000n, 0x1_4000_0000n + i * 0x1000n] as const));
  for (let level = 3n; level >= 0n; level -= 1n) {
    const at = tables.get(GUEST_FIRST + (3n - level) * 0x1000n)! + index(BUFFER, level) * 8n;
    image.put(at, FirstStageEntry, { P: true, RW: true, US: true, A: true, D: level === 0n, address: frame(level === 0n ? GUEST_BUFFER : GUEST_FIRST + (4n - level) * 0x1000n) });
  }
  return secondStage(image, 0x1_5000_0000n, 0x1_5001_0000n, [...[...tables].map(([from, to]) => [from, to, true] as const), [GUEST_BUFFER, 0x1_8020_0000n, writes]]);
}

/** Before scalable mode: one address space a device. */
function legacy(): Image {
  const image = new Image()
    .put(ROOT + 0x3an * 16n, RootEntry, { P: true, CTP: frame(CONTEXTS) })
    .put(CONTEXTS, ContextEntry, { P: true, AW: 2, DID: 3, SSPTPTR: frame(0x1_5000_0000n) });
  return secondStage(image, 0x1_5000_0000n, 0x1_5001_0000n, [[0xffff_e000n, 0x1_8030_0000n, true]]);
}

const QUEUE = 0x1_0300_0000n;
const STATUS = 0x1_0301_0000n;
/** Last entry on the way to the buffer. */
const LEAF = 0x1_3000_2000n + index(BUFFER, 0n) * 8n;

/** The page is unmapped while the unit remembers it; then software asks for what it should have asked for, and waits. */
function stale(): Example {
  const image = process(true)
    .put(QUEUE, PasidIotlbDescriptor, { type: 6, G: 3, DID: 7, PASID: 5, ADDR: frame(BUFFER) })
    .put(QUEUE + 0x20n, WaitDescriptor, { type: 5, SW: true, FN: true, STDATA: 1, STADDR: STATUS >> 2n });
  const of = example('vtd-stale', 'VT-d: the unmap that was not enough', 'The entry is gone, the IOTLB still knows it. A descriptor in the invalidation queue, and a wait behind it, end that.', image, []);
  const asks = { dir: 'r', iova: hex(BUFFER | 0x80n), len: 8, pasid: 5 };
  const register = (off: number, size: 4 | 8, val: bigint): object => ({ op: 'regw', off, size, val: hex(val) });
  const dma = [
    register(OFFSET.IQA, 8, InvalidationQueueAddress.encode({ DW: true, IQA: frame(QUEUE) })),
    register(OFFSET.GCMD, 4, GlobalCommand.encode({ TE: true, QIE: true })),
    asks,
    { op: 'memw', addr: hex(LEAF), word: '0x0' },
    asks,
    register(OFFSET.IQT, 8, InvalidationQueueTail.encode({ QT: 4 })),
    { op: 'run' },
    asks,
  ];
  return { ...of, opens: 4, vector: { ...of.vector, caches: 4, dma } };
}

export const VTD_EXAMPLES: readonly Example[] = [
  example('vtd-pasid', 'VT-d: one device, the address space of PASID 5', 'Root, context, PASID directory, PASID table, then the tables of the process: eight reads to one page.', process(true), [{ pasid: 5, address: BUFFER | 0x80n }]),
  example('vtd-unmapped', 'VT-d: a page that was unmapped', 'The same walk after the page was taken away: the last entry is not present.', process(false), [{ pasid: 5, address: BUFFER | 0x80n }]),
  example('vtd-kernel-page', 'VT-d: a user’s request for the kernel’s page', 'The page is mapped, but not for users. A request carries who asks, as the processor’s own accesses do.', process(true), [{ pasid: 5, address: KERNEL }]),
  stale(),
  example('vtd-nested', 'VT-d: a guest’s PASID, nested', 'First-stage tables of the guest, second-stage tables of the host: twenty-four reads where neither knows the other.', nested(true), [{ pasid: 7, write: true, address: BUFFER | 0x10n }]),
  example('vtd-nested-write', 'VT-d: the host lets a guest page be read only', 'The guest’s own tables allow the write. The host’s do not.', nested(false), [{ pasid: 7, write: true, address: BUFFER | 0x10n }]),
  example('vtd-legacy', 'VT-d, legacy mode: one address space a device', 'Without PASIDs the context entry points to the tables.', legacy(), [{ write: true, address: 0xffff_e004n }, { write: true, address: 0xffff_d000n }], 'legacy'),
];
