// SPDX-License-Identifier: Apache-2.0
/**
 * Shared virtual addressing on real units: a process whose own page tables a
 * function walks by PASID, software's side of the unit's queues in memory, and
 * the CPU's MMU over the same tables.
 */
import type { PageRequestMessage, RemappingUnit } from '@dmalab/core/iommu/unit';
import { TYPICAL } from '@dmalab/core/iommu/riscv/features';
import { AtsCommand, IodirCommand, IotinvalCommand, PageRequestRecord, PageResponsePayload } from '@dmalab/core/iommu/riscv/records';
import { outsideOf } from '@dmalab/core/iommu/riscv/remapping';
import { DeviceContext, ProcessContext } from '@dmalab/core/iommu/riscv/structures';
import { RiscvIommu } from '@dmalab/core/iommu/riscv/unit';
import { Capability, ExtendedCapability } from '@dmalab/core/iommu/vtd/capabilities';
import { PageGroupResponseDescriptor, PageRequestEntry, PasidDeviceTlbDescriptor, PasidIotlbDescriptor } from '@dmalab/core/iommu/vtd/queues';
import { PasidDirectoryEntry, PasidEntry, ScalableContextEntry, ScalableRootEntry } from '@dmalab/core/iommu/vtd/structures';
import { VtdUnit } from '@dmalab/core/iommu/vtd/unit';
import { AtcInvalidateCommand, PageResponseCommand, TlbCommand } from '@dmalab/core/iommu/smmu/commands-layout';
import { smmuFeatures } from '@dmalab/core/iommu/smmu/features';
import { PageRequestRecord as SmmuPageRequest } from '@dmalab/core/iommu/smmu/records';
import { Idr0, Idr1, Idr5, OFFSET, QueueBase } from '@dmalab/core/iommu/smmu/registers';
import { ContextDescriptor, StreamTableEntry } from '@dmalab/core/iommu/smmu/structures';
import { SmmuUnit } from '@dmalab/core/iommu/smmu/unit';
import { armPaging, riscvPaging, x86Paging, type CpuPaging } from '@dmalab/core/mmu/cpu-paging';
import { armStyle, FramePool, riscvStyle, x86Style, type EntryStyle } from '@dmalab/core/mmu/cpu-tables';
import { PlainMemory } from '@dmalab/core/mmu/plain-memory';
import { Fabric } from '@dmalab/core/pcie/fabric';
import type { PageQueue, PageResponse } from '@dmalab/core/pcie/page-handler';

export const SOURCE = 0x18;
export const PASID = 5;
/** RAM of the device's port; page tables lie in it too. */
export const RAM = { base: 0, size: 0x100_0000 };

export interface SvaBench extends PageQueue {
  readonly name: string;
  readonly memory: PlainMemory;
  readonly fabric: Fabric;
  readonly unit: RemappingUnit;
  readonly paging: CpuPaging;
  readonly style: EntryStyle;
  /** Frames for tables, and for pages from 0x800 on. */
  readonly frames: FramePool;
  /** Lets the PASID walk the tables of a root. */
  bind(root: number): void;
  /** Tells the unit that tables of the PASID changed: one page, or everything, tables above the leaves included. */
  invalidateUnit(address: bigint | null): void;
  /** The same for the function's own cache. */
  invalidateFunction(address: bigint | null): void;
}

const LARGE = { sets: 8, ways: 4, policy: 'lru' } as const;
const MASK = (1n << 64n) - 1n;
const QUEUE = 0x1_0000n;
const PAGES = 0x2_0000n;

const take = (memory: PlainMemory, address: bigint, words: number): bigint => Array.from({ length: words }, (_, i) => memory.peek(address + BigInt(8 * i)) << BigInt(64 * i)).reduce((a, b) => a | b, 0n);

/** VT-d in scalable mode, first stage only, with caches, ATS and page requests. Descriptors of 32 bytes. */
export function vtdBench(): SvaBench {
  const memory = new PlainMemory();
  const fabric = new Fabric();
  const [root, contexts, directory, pasids] = [0x1000n, 0x2000n, 0x3000n, 0x4000n];
  memory.put(root, ScalableRootEntry.encode({ LP: true, LCTP: contexts >> 12n }), 2);
  memory.put(contexts + BigInt(SOURCE) * 32n, ScalableContextEntry.encode({ P: true, DTE: true, PASIDE: true, PRE: true, PASIDDIRPTR: directory >> 12n }), 4);
  memory.poke(directory, PasidDirectoryEntry.encode({ P: true, SMPTBLPTR: pasids >> 12n }));
  // Requests without PASID pass (RID_PASID is 0).
  memory.put(pasids, PasidEntry.encode({ P: true, PGTT: 4, AW: 2, DID: 8 }), 8);
  const unit = new VtdUnit(memory, {
    capability: Capability.encode({ ND: 6, SAGAW: 4, MGAW: 47, FRO: 0x22, PSI: true, NFR: 3, MAMV: 18, DWD: true, DRD: true, FS1GP: true }),
    extended: ExtendedCapability.encode({ C: true, QI: true, DT: true, PT: true, PRS: true, ERS: true, SRS: true, NWFS: true, PSS: 19, PASID: true, PDS: true, SMTS: true, FSTS: true, IRO: 0x50 }),
    hostBits: 46,
    caches: { context: LARGE, pasid: LARGE, iotlb: LARGE, paging: LARGE },
  }, fabric);
  fabric.attach(unit);
  unit.writeRegister(0x20, 8, root | (1n << 10n));
  unit.writeRegister(0x18, 4, 1n << 30n);
  unit.writeRegister(0x90, 8, QUEUE | (1n << 11n));
  unit.writeRegister(0xd0, 8, PAGES);
  unit.writeRegister(0x18, 4, 1n << 26n);
  unit.writeRegister(0x18, 4, (1n << 26n) | (1n << 31n));
  const command = (raw: bigint): void => {
    const tail = unit.readRegister(0x88, 8);
    memory.put(QUEUE + tail, raw, 4);
    unit.writeRegister(0x88, 8, (tail + 32n) % 4096n);
    fabric.settle();
  };
  const place = pasids + BigInt(PASID) * 64n;
  return {
    name: 'VT-d, first stage',
    memory,
    fabric,
    unit,
    paging: x86Paging(),
    style: x86Style(),
    frames: new FramePool(0x100, 0x400),
    bind: (table) => memory.put(place, PasidEntry.encode({ P: true, PGTT: 1, DID: 9, FSPTPTR: BigInt(table) }), 8),
    invalidateUnit: (address) => command(PasidIotlbDescriptor.encode({ type: 6, G: address === null ? 2 : 3, DID: 9, PASID, ADDR: (address ?? 0n) >> 12n })),
    invalidateFunction: (address) => command(PasidDeviceTlbDescriptor.encode(address === null ? { type: 8, SID: SOURCE, PASID, S: true, ADDR: (1n << 51n) - 1n } : { type: 8, SID: SOURCE, PASID, ADDR: (address & MASK) >> 12n })),
    next() {
      const head = unit.readRegister(0xc0, 8);
      if (head === unit.readRegister(0xc8, 8)) return null;
      const { RID, PASID_P, PASID: pasid, EXE, PRIV, R, W, LPIG, PRGI, ADDR } = PageRequestEntry.decode(take(memory, PAGES + head, 4));
      unit.writeRegister(0xc0, 8, (head + 32n) % 4096n);
      return { source: RID, pasid: PASID_P ? pasid : null, privileged: PRIV, execute: EXE, read: R, write: W, last: LPIG, group: PRGI, address: ADDR << 12n };
    },
    respond: ({ source, pasid, group, code }) => command(PageGroupResponseDescriptor.encode({ type: 9, PASID_P: pasid !== null, PASID: pasid ?? 0, RID: source, code: CODES[code], LPIG: true, PRGI: group })),
  };
}

const CODES = { success: 0, invalid: 1, failure: 15 } as const satisfies Record<PageResponse['code'], number>;

/** A RISC-V IOMMU with one process directory of eight bits, with caches, ATS and page requests. */
function riscvBench(): SvaBench {
  const memory = new PlainMemory();
  const fabric = new Fabric();
  const [devices, processes] = [0x1000n, 0x3000n];
  const unit = new RiscvIommu(memory, { ...TYPICAL, capabilities: 0xdf2_87ef_8f10n | (3n << 53n), tags: 8, caches: { devices: LARGE, processes: LARGE, translations: LARGE, firstPointers: LARGE, secondPointers: LARGE } }, outsideOf(fabric));
  fabric.attach(unit);
  memory.put(devices + BigInt(SOURCE) * 64n, DeviceContext.encode({ V: true, EN_ATS: true, EN_PRI: true, PDTV: true, PRPR: true, fsc_PPN: processes >> 12n, fsc_MODE: 1 }), 8);
  unit.writeRegister(24, 8, (QUEUE >> 2n) | 7n);
  unit.writeRegister(56, 8, (PAGES >> 2n) | 7n);
  for (const offset of [72, 80]) unit.writeRegister(offset, 4, 1n);
  unit.writeRegister(16, 8, (devices >> 2n) | 2n);
  const command = (raw: bigint): void => {
    const tail = unit.readRegister(36, 4);
    memory.put(QUEUE + 16n * tail, raw, 2);
    unit.writeRegister(36, 4, (tail + 1n) % 256n);
    fabric.settle();
  };
  const invalidation = (address: bigint | null): bigint => (address === null ? ((1n << 63n) - 1n) & ~0x7ffn | 0x800n : address & ~0xfffn);
  return {
    name: 'RISC-V, Sv39',
    memory,
    fabric,
    unit,
    paging: riscvPaging(),
    style: riscvStyle(),
    frames: new FramePool(0x100, 0x400),
    bind(table) {
      memory.put(processes + BigInt(PASID) * 16n, ProcessContext.encode({ V: true, PSCID: 77, fsc_PPN: BigInt(table), fsc_MODE: 8 }), 2);
      command(IodirCommand.encode({ opcode: 3, func3: 1, DV: true, DID: SOURCE, PID: PASID }));
    },
    invalidateUnit: (address) => command(IotinvalCommand.encode({ opcode: 1, func3: 0, PSCV: true, PSCID: 77, NL: true, ...(address === null ? {} : { AV: true, ADDR: (address & MASK) >> 12n }) })),
    invalidateFunction: (address) => command(AtsCommand.encode({ opcode: 4, func3: 0, PV: true, PID: PASID, RID: SOURCE, payload: invalidation(address) })),
    next() {
      const head = unit.readRegister(64, 4);
      if (head === unit.readRegister(68, 4)) return null;
      const { DID, PV, PID, PRIV, EXEC, R, W, L, PRGI, address } = PageRequestRecord.decode(take(memory, PAGES + 16n * head, 2));
      unit.writeRegister(64, 4, (head + 1n) % 256n);
      return { source: DID, pasid: PV ? PID : null, privileged: PRIV, execute: EXEC, read: R, write: W, last: L, group: PRGI, address: address << 12n } satisfies PageRequestMessage;
    },
    respond: ({ source, pasid, group, code }) => command(AtsCommand.encode({ opcode: 4, func3: 1, PV: pasid !== null, PID: pasid ?? 0, RID: source, payload: PageResponsePayload.encode({ PRGI: group, code: CODES[code], destination: source }) })),
  };
}

/** An SMMUv3 with eight substreams, stage 1 over 48 bits, caches, ATS and page requests. */
export function smmuBench(): SvaBench {
  const memory = new PlainMemory();
  const fabric = new Fabric();
  const [streams, contexts] = [0x1000n, 0x4000n];
  const features = smmuFeatures(
    Number(Idr0.encode({ S1P: true, TTF: 2, COHACC: true, HTTU: 2, ATS: true, ASID16: true, PRI: true })),
    Number(Idr1.encode({ SIDSIZE: 8, SSIDSIZE: 8, PRIQS: 7, EVENTQS: 7, CMDQS: 7 })),
    Number(Idr5.encode({ OAS: 4, GRAN4K: true })),
  );
  const unit = new SmmuUnit(memory, { features, spans: 'exact', caches: { tlb: LARGE, configuration: LARGE } }, fabric);
  fabric.attach(unit);
  memory.put(streams + BigInt(SOURCE) * 64n, StreamTableEntry.encode({ V: true, Config: 5, S1ContextPtr: contexts / 64n, S1CDMax: 3, EATS: 1, PPAR: true }), 8);
  const base = (at: bigint): bigint => QueueBase.encode({ LOG2SIZE: 7, ADDR: at / 32n });
  unit.writeRegister(OFFSET.CMDQ_BASE, 8, base(QUEUE));
  unit.writeRegister(OFFSET.PRIQ_BASE, 8, base(PAGES));
  unit.writeRegister(OFFSET.STRTAB_BASE, 8, streams);
  unit.writeRegister(OFFSET.STRTAB_BASE_CFG, 4, 6n);
  unit.writeRegister(OFFSET.CR0, 4, 0xbn);
  // Indexes have a wrap bit above their seven bits.
  const command = (raw: bigint): void => {
    const at = unit.readRegister(OFFSET.CMDQ_PROD, 4);
    memory.put(QUEUE + 16n * (at & 127n), raw, 2);
    unit.writeRegister(OFFSET.CMDQ_PROD, 4, (at + 1n) & 255n);
    fabric.settle();
  };
  return {
    name: 'SMMUv3, stage 1',
    memory,
    fabric,
    unit,
    paging: armPaging({ outputBits: 44 }),
    style: armStyle(),
    frames: new FramePool(0x100, 0x400),
    bind: (table) => memory.put(contexts + BigInt(PASID) * 64n, ContextDescriptor.encode({ V: true, AA64: true, A: true, R: true, T0SZ: 16, EPD1: true, IPS: 4, ASID: 77, TTB0: (BigInt(table) << 12n) / 16n }), 8),
    invalidateUnit: (address) => command(TlbCommand.encode(address === null ? { opcode: 0x11, ASID: 77 } : { opcode: 0x12, ASID: 77, ADDR: (address & MASK) >> 12n })),
    invalidateFunction: (address) => command(AtcInvalidateCommand.encode({ opcode: 0x40, SSV: true, SSID: PASID, SID: SOURCE, ...(address === null ? { SIZE: 52 } : { ADDR: (address & MASK) >> 12n }) })),
    next() {
      const at = unit.readRegister(OFFSET.PRIQ_CONS, 4);
      if (at === unit.readRegister(OFFSET.PRIQ_PROD, 4)) return null;
      const { stream, SSV, substream, priv, exec, read, write, last, group, address } = SmmuPageRequest.decode(take(memory, PAGES + 16n * (at & 127n), 2));
      unit.writeRegister(OFFSET.PRIQ_CONS, 4, (at + 1n) & 255n);
      return { source: stream, pasid: SSV ? substream : null, privileged: priv, execute: exec, read, write, last, group, address: address << 12n };
    },
    respond: ({ source, pasid, group, code }) => command(PageResponseCommand.encode({ opcode: 0x41, SSV: pasid !== null, SSID: pasid ?? 0, SID: source, GRPID: group, RESP: { failure: 0, invalid: 1, success: 2 }[code] })),
  };
}

export const BENCHES = [vtdBench, riscvBench, smmuBench] as const;
/** Those whose tables have the kernel's half in them, and whose units keep pointers. */
export const SHARED_HALVES = [vtdBench, riscvBench] as const;
