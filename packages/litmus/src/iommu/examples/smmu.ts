// SPDX-License-Identifier: Apache-2.0
/** Systems with an Arm SMMUv3: substreams, a page nobody has touched, and a guest's tables behind the hypervisor's. */
import { Cr0, Idr0, Idr1, Idr5, StrtabBase, StrtabBaseCfg } from '@dmalab/core/iommu/smmu/registers';
import { ContextDescriptor, ContextTableDescriptor, StreamTableEntry } from '@dmalab/core/iommu/smmu/structures';
import { Stage1Descriptor, Stage2Descriptor, TableDescriptor } from '@dmalab/core/mmu/formats/armv8-entries';
import { hex } from '@dmalab/core/mmu/word';
import { frame, Image, type Example } from './image.ts';

const STREAMS = 0x4010_0000n;
const STREAM = 0x28;
const STE = STREAMS + BigInt(STREAM) * 64n;
const DESCRIPTORS = 0x4011_0000n;
const TABLES = 0x4012_0000n;

/** What a field that counts in 64, and in 16, bytes holds of an address. */
const lines = (address: bigint): bigint => address >> 6n;
const roots = (address: bigint): bigint => address >> 4n;

const IDR = [
  Idr0.encode({ S1P: true, S2P: true, TTF: 2, COHACC: true, HTTU: 2, ASID16: true, VMID16: true, CD2L: true }),
  Idr1.encode({ SIDSIZE: 16, SSIDSIZE: 20, EVENTQS: 7, CMDQS: 7 }),
  0n,
  0n,
  0n,
  Idr5.encode({ OAS: 5, GRAN4K: true, GRAN64K: true }),
];

interface Ask {
  readonly substream?: number;
  readonly write?: boolean;
  readonly address: bigint;
}

function example(id: string, title: string, note: string, image: Image, asks: readonly Ask[]): Example {
  const dma = asks.map(({ substream, write = false, address }) => ({ dir: write ? 'w' : 'r', iova: hex(address), len: 8, ...(substream === undefined ? {} : { ssid: substream }) }));
  const setup = { cr0: Number(Cr0.encode({ SMMUEN: true, EVENTQEN: true, CMDQEN: true })), gbpa: null, strtab_base: hex(StrtabBase.encode({ ADDR: lines(STREAMS) })), strtab_cfg: Number(StrtabBaseCfg.encode({ LOG2SIZE: 8 })) };
  return { id, title, vector: { id, note, idr: IDR.map(hex), sid: STREAM, ...setup, ram: [['0x40000000', '0x8000000']], mem: image.mem, dma } };
}

/** Three levels of 4 KiB tables for 39 bits of address. */
const index = (address: bigint, level: bigint): bigint => (address >> (12n + 9n * (3n - level))) & 0x1ffn;
const BUFFER = 0x12_3456_7000n;

const SPACE = { V: true, AA64: true, R: true, A: true, EPD1: true, T0SZ: 25, IPS: 5, ASET: true } as const;

/** Substream 0x45 of the stream: descriptors in two levels, the second with the entries 0 to 63. */
function substreams(accessed: boolean): Image {
  const image = new Image()
    .put(STE, StreamTableEntry, { V: true, Config: 5, S1Fmt: 1, S1CDMax: 10, S1DSS: 0, S1ContextPtr: lines(DESCRIPTORS) })
    .put(DESCRIPTORS + 8n, ContextTableDescriptor, { V: true, L2Ptr: frame(DESCRIPTORS + 0x1000n) })
    .put(DESCRIPTORS + 0x1000n + 5n * 64n, ContextDescriptor, { ...SPACE, ASID: 0x31, TTB0: roots(TABLES) });
  return stage1(image, TABLES, TABLES + 0x1000n, TABLES + 0x2000n, 0x4404_5000n, accessed);
}

/** @param middle where the first table says that the second lies, and so on */
function stage1(image: Image, at: bigint, middle: bigint, last: bigint, page: bigint, accessed: boolean, place: (table: bigint) => bigint = (table) => table): Image {
  return image
    .put(at + index(BUFFER, 1n) * 8n, TableDescriptor, { valid: true, table: true, address: frame(middle) })
    .put(place(middle) + index(BUFFER, 2n) * 8n, TableDescriptor, { valid: true, table: true, address: frame(last) })
    .put(place(last) + index(BUFFER, 3n) * 8n, Stage1Descriptor, { valid: true, page: true, AttrIndx: 0, AP: 1, SH: 3, AF: accessed, nG: true, address: frame(page) });
}

const GUEST = 0x8000_0000n;
const GUEST_PAGE = 0x8001_0000n;
const SECOND = 0x4013_0000n;

/** A guest's descriptor and tables at guest addresses, written where the hypervisor's stage 2 puts them. */
function nested(writes: boolean): Image {
  const real = (guest: bigint): bigint => 0x4014_0000n + (guest - GUEST);
  const image = new Image()
    .put(STE, StreamTableEntry, { V: true, Config: 7, S1ContextPtr: lines(GUEST), S2VMID: 3, S2T0SZ: 25, S2SL0: 1, S2TG: 0, S2PS: 5, S2AA64: true, S2R: true, S2TTB: roots(SECOND) })
    .put(real(GUEST), ContextDescriptor, { ...SPACE, ASID: 1, TTB0: roots(GUEST + 0x1000n) })
    .put(SECOND + index(GUEST, 1n) * 8n, TableDescriptor, { valid: true, table: true, address: frame(SECOND + 0x1000n) })
    .put(SECOND + 0x1000n + index(GUEST, 2n) * 8n, TableDescriptor, { valid: true, table: true, address: frame(SECOND + 0x2000n) });
  stage1(image, real(GUEST + 0x1000n), GUEST + 0x2000n, GUEST + 0x3000n, GUEST_PAGE, true, real);
  const pages = [GUEST, GUEST + 0x1000n, GUEST + 0x2000n, GUEST + 0x3000n].map((guest) => [guest, real(guest), true] as const);
  for (const [guest, to, may] of [...pages, [GUEST_PAGE, 0x4605_0000n, writes] as const]) {
    image.put(SECOND + 0x2000n + index(guest, 3n) * 8n, Stage2Descriptor, { valid: true, page: true, MemAttr: 15, S2AP: may ? 3 : 1, SH: 3, AF: true, address: frame(to) });
  }
  return image;
}

export const SMMU_EXAMPLES: readonly Example[] = [
  example('smmu-substream', 'SMMUv3: a stream and its substream', 'The stream table names the table of context descriptors, the substream picks one, and that has the tables.', substreams(true), [{ substream: 0x45, address: BUFFER | 0x18n }]),
  example('smmu-access-flag', 'SMMUv3: a page whose access flag is clear', 'The flag is for software to see who uses what. Where hardware may not set it, the first access stops.', substreams(false), [{ substream: 0x45, address: BUFFER }]),
  example('smmu-nested', 'SMMUv3: a guest’s tables behind the hypervisor’s', 'Even the context descriptor lies at a guest address.', nested(true), [{ write: true, address: BUFFER | 0x20n }]),
  example('smmu-nested-write', 'SMMUv3: stage 2 lets the page be read only', 'The guest’s own descriptor allows the write. The hypervisor’s does not.', nested(false), [{ write: true, address: BUFFER | 0x20n }]),
];
