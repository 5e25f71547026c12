// SPDX-License-Identifier: Apache-2.0
/** Systems with a RISC-V IOMMU: a process, a page that may only be read, a virtual machine, its tables, its interrupt. */
import { Capabilities, DirectoryPointer, OFFSET, QueueBase } from '@dmalab/core/iommu/riscv/registers';
import { IotinvalCommand } from '@dmalab/core/iommu/riscv/records';
import { DeviceContext, DirectoryEntry, MsiEntry, ProcessContext } from '@dmalab/core/iommu/riscv/structures';
import { PageTableEntry } from '@dmalab/core/mmu/formats/riscv-entries';
import { hex } from '@dmalab/core/mmu/word';
import { frame, Image, type Example } from './image.ts';

const DDT = 0x8000_0000n;
const DDT_LEAF = 0x8000_1000n;
const COMMAND_QUEUE = 0x8000_7000n;
const FAULT_QUEUE = 0x8000_8000n;
/** Directory indexes 2 and 8 of the extended format. */
const DEVICE = 0x88;
const CONTEXT = DDT_LEAF + 8n * 64n;

const CAPS = Capabilities.encode({ version: 0x10, Sv39: true, Sv48: true, Svpbmt: true, Sv39x4: true, Sv48x4: true, MSI_FLAT: true, AMO_HWAD: true, ATS: true, PAS: 46, PD8: true, PD17: true, PD20: true });
const SETUP = [
  [OFFSET.cqb, 8, hex(QueueBase.encode({ log2size: 5, PPN: frame(COMMAND_QUEUE) }))],
  [OFFSET.cqcsr, 4, '0x1'],
  [OFFSET.fqb, 8, hex(QueueBase.encode({ log2size: 5, PPN: frame(FAULT_QUEUE) }))],
  [OFFSET.fqcsr, 4, '0x1'],
  [OFFSET.ddtp, 8, hex(DirectoryPointer.encode({ mode: 3, PPN: frame(DDT) }))],
];
const IMPL = { max_ddt_mode: 4, did_mask: '0xffffff', gxl_writable: 0, be_writable: 0, icvec_bits: 2, bare_range: '0x40000000' };

interface Ask {
  readonly process?: number;
  readonly write?: boolean;
  readonly address: bigint;
}

const asking = ({ process, write = false, address }: Ask): object => ({ op: 'xlate', did: DEVICE, pv: process === undefined ? 0 : 1, pid: process ?? 0, at: 0, rw: write ? 1 : 0, exec: 0, priv: 0, nw: 0, cxl: 0, len: 8, iova: hex(address) });

/** Software stores a word behind the unit's back. */
const storing = (addr: bigint, word: bigint): object => ({ op: 'memw', addr: hex(addr), word: hex(word) });

function commanding(raw: bigint): object {
  return { op: 'cmd', lo: hex(raw & ((1n << 64n) - 1n)), hi: hex(raw >> 64n) };
}

function example(id: string, title: string, note: string, image: Image, asks: readonly Ask[]): Example {
  return history(id, title, note, image, asks.map(asking), 0);
}

/** @param caches entries of each cache; 0: the unit remembers nothing */
function history(id: string, title: string, note: string, image: Image, steps: readonly object[], caches: number): Example {
  return { id, title, vector: { ...(caches === 0 ? {} : { caches }), id, note, caps: hex(CAPS), fctl: 0, impl: IMPL, ram: [['0x80000000', '0x40000000']], deny: [], poison: [], mem: image.mem, setup: SETUP, steps } };
}

/** A directory of two levels with one device in it. */
function withDevice(context: Parameters<typeof DeviceContext.encode>[0]): Image {
  return new Image().put(DDT + 2n * 8n, DirectoryEntry, { V: true, PPN: frame(DDT_LEAF) }).put(CONTEXT, DeviceContext, { V: true, ...context });
}

const PDT = 0x8001_0000n;
const PDT_LEAF = 0x8001_1000n;
/** Directory indexes 1 and 5. */
const PROCESS = 0x105;
const OTHER = 0x106;

/** A device whose requests carry process ids: a directory of two levels, and the tables of one process. */
function processes(): Image {
  return withDevice({ PDTV: true, SADE: true, fsc_MODE: 2, fsc_PPN: frame(PDT) })
    .put(PDT + 1n * 8n, DirectoryEntry, { V: true, PPN: frame(PDT_LEAF) })
    .put(PDT_LEAF + 5n * 16n, ProcessContext, { V: true, PSCID: 0x21, fsc_MODE: 8, fsc_PPN: frame(0x8002_0000n) })
    .put(0x8002_0000n + 1n * 8n, PageTableEntry, { V: true, PPN: frame(0x8002_1000n) })
    .put(0x8002_1000n + 2n * 8n, PageTableEntry, { V: true, PPN: frame(0x8002_2000n) })
    .put(0x8002_2000n + 3n * 8n, PageTableEntry, { V: true, R: true, U: true, PPN: frame(0x8804_5000n) })
    .put(0x8002_2000n + 4n * 8n, PageTableEntry, { V: true, R: true, W: true, U: true, PPN: frame(0x8804_6000n) });
}

/** Level 2 index 1, level 1 index 2. */
const HEAP = (1n << 30n) | (2n << 21n);

const GUEST_TABLE = 0x8003_0000n;
const SECOND = 0x8004_0000n;
/** Where the guest believes its tables and its buffer to be. */
const GUEST_ROOT = 0x4000_1000n;
const GUEST_MIDDLE = 0x4000_2000n;
const GUEST_LEAF = 0x4000_3000n;
const GUEST_BUFFER = 0x4000_7000n;

/** A guest's tables at guest addresses, and the hypervisor's, which say where those lie; one entry can be left out. */
function guest(withLeafTable: boolean): Image {
  const image = withDevice({ SADE: true, GADE: true, iohgatp_MODE: 8, iohgatp_PPN: frame(SECOND), GSCID: 4, fsc_MODE: 8, fsc_PPN: frame(GUEST_ROOT), msiptp_MODE: 1, msiptp_PPN: frame(0x8005_0000n), msi_addr_mask: 0x3n, msi_addr_pattern: frame(0x2800_0000n) })
    .put(GUEST_TABLE + 1n * 8n, PageTableEntry, { V: true, PPN: frame(GUEST_MIDDLE) })
    .put(GUEST_TABLE + 0x1000n + 2n * 8n, PageTableEntry, { V: true, PPN: frame(GUEST_LEAF) })
    .put(GUEST_TABLE + 0x2000n + 3n * 8n, PageTableEntry, { V: true, R: true, W: true, U: true, PPN: frame(GUEST_BUFFER) })
    .put(GUEST_TABLE + 0x2000n + 8n, PageTableEntry, { V: true, R: true, W: true, U: true, PPN: frame(0x2800_2000n) })
    .put(0x8005_0000n + 2n * 16n, MsiEntry, { V: true, M: 'basic', PPN: frame(0xa800_0000n) })
    .put(SECOND + 1n * 8n, PageTableEntry, { V: true, PPN: frame(SECOND + 0x4000n) })
    .put(SECOND + 0x4000n, PageTableEntry, { V: true, PPN: frame(SECOND + 0x5000n) });
  const maps: readonly (readonly [bigint, bigint, boolean])[] = [
    [GUEST_ROOT, GUEST_TABLE, true],
    [GUEST_MIDDLE, GUEST_TABLE + 0x1000n, true],
    [GUEST_LEAF, GUEST_TABLE + 0x2000n, withLeafTable],
    [GUEST_BUFFER, 0x8902_0000n, true],
  ];
  for (const [from, to, valid] of maps) image.put(SECOND + 0x5000n + ((from >> 12n) & 0x1ffn) * 8n, PageTableEntry, { V: valid, R: true, W: true, U: true, A: true, D: true, PPN: frame(to) });
  return image;
}

const LEAF = 0x8002_2000n + 3n * 8n;
const READS = asking({ process: PROCESS, address: HEAP | (3n << 12n) | 0x128n });
const INVALIDATE = commanding(IotinvalCommand.encode({ opcode: 1, func3: 0, AV: true, PSCV: true, PSCID: 0x21, ADDR: frame(HEAP | (3n << 12n)) }));

export const RISCV_EXAMPLES: readonly Example[] = [
  example('riscv-process', 'RISC-V: a process reads its heap', 'The request carries a process id. It chooses the tables, as the device id chose the directory of processes before.', processes(), [{ process: PROCESS, address: HEAP | (3n << 12n) | 0x128n }]),
  example('riscv-read-only', 'RISC-V: a write to a page that may only be read', 'The neighbour page may be written, this one not. The walk goes all the way down before it is stopped.', processes(), [
    { process: PROCESS, write: true, address: HEAP | (4n << 12n) },
    { process: PROCESS, write: true, address: HEAP | (3n << 12n) },
  ]),
  example('riscv-no-process', 'RISC-V: a process that nobody set up', 'The driver sent process id 0x106. Its context was never written.', processes(), [{ process: OTHER, address: HEAP | (3n << 12n) }]),
  { opens: 2, ...history('riscv-stale', 'RISC-V: the unmap that was not enough', 'Software takes the page away, and the device still reads it: the IOTLB remembers. Only the invalidation closes it.', processes(), [READS, storing(LEAF, 0n), READS, INVALIDATE, READS], 4) },
  example('riscv-nested', 'RISC-V: a guest’s tables behind the hypervisor’s', 'Each table of the guest lies at a guest address. The second stage says where, before every read of the first.', guest(true), [{ write: true, address: HEAP | (3n << 12n) | 0x40n }]),
  example('riscv-nested-table', 'RISC-V: the guest’s own table is not there', 'The page is mapped for the guest. The table that says so lies in a page that the hypervisor has taken away.', guest(false), [{ address: HEAP | (3n << 12n) }]),
  example('riscv-interrupt', 'RISC-V: a write that is an interrupt', 'The guest address is that of an interrupt file. The MSI page table takes the place of the second stage.', guest(true), [{ write: true, address: HEAP | (1n << 12n) }]),
];
