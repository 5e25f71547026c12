// SPDX-License-Identifier: Apache-2.0
/**
 * One abstract address space, written in the formats of three IOMMUs. All have
 * four levels of 512 entries and 4 KiB pages here, so one builder makes the trees.
 */
import { PlainMemory } from '@dmalab/core/mmu/plain-memory';
import { TYPICAL } from '@dmalab/core/iommu/riscv/features';
import { Capabilities } from '@dmalab/core/iommu/riscv/registers';
import { BaseDeviceContext, DirectoryEntry, ProcessContext } from '@dmalab/core/iommu/riscv/structures';
import { PageTableEntry } from '@dmalab/core/mmu/formats/riscv-entries';
import { RiscvIommu } from '@dmalab/core/iommu/riscv/unit';
import { ContextDescriptor, StreamTableEntry } from '@dmalab/core/iommu/smmu/structures';
import { smmuFeatures } from '@dmalab/core/iommu/smmu/features';
import { SmmuUnit } from '@dmalab/core/iommu/smmu/unit';
import { Capability, ExtendedCapability } from '@dmalab/core/iommu/vtd/capabilities';
import { FirstStageEntry, PasidDirectoryEntry, PasidEntry, ScalableContextEntry, ScalableRootEntry, SecondStageEntry } from '@dmalab/core/iommu/vtd/structures';
import { VtdUnit } from '@dmalab/core/iommu/vtd/unit';

/** A page, or a large page, and what it permits. `from` and `to` are frames; `level` 1 is 2 MiB, 2 is 1 GiB. */
export interface Mapping {
  readonly from: bigint;
  readonly to: bigint;
  readonly level: 0 | 1 | 2;
  readonly write: boolean;
  readonly user: boolean;
  /** May be executed, by those whose page it is. Of the first stage only. */
  readonly execute: boolean;
  /** Accessed (and dirty) already; otherwise hardware sets it. */
  readonly marked: boolean;
}

export interface AddressSpace {
  readonly first: readonly Mapping[];
  /** Null: addresses of the first stage are physical. */
  readonly second: readonly Mapping[] | null;
}

export interface Access {
  readonly address: bigint;
  /** Not of a fetch. */
  readonly write: boolean;
  readonly execute: boolean;
  readonly supervisor: boolean;
}

/** The physical address, or null where the access is refused. */
export interface Machine {
  readonly name: string;
  access(of: Access): bigint | null;
  /** The leaf of a first-stage mapping, as it is in memory. */
  isMarked(mapping: Mapping): boolean;
  /** Of a mapping that may be written. */
  isDirty(mapping: Mapping): boolean;
}

/** Where tables lie: all below 1 GiB, which every second stage maps onto itself. */
const CONTEXTS = 0x100n;
const FIRST_ROOT = 0x200n;
const SECOND_ROOT = 0x800n;

interface Encoding {
  pointer(frame: bigint): bigint;
  leaf(mapping: Mapping): bigint;
}

/** Writes a tree and returns where each leaf went. */
function tree(memory: PlainMemory, root: bigint, mappings: readonly Mapping[], encoding: Encoding): Map<Mapping, bigint> {
  const tables = new Map<string, bigint>([['', root]]);
  let next = root + 4n;
  const leaves = new Map<Mapping, bigint>();
  for (const mapping of mappings) {
    let path = '';
    for (let level = 3; ; level -= 1) {
      const index = (mapping.from >> BigInt(9 * level)) & 0x1ffn;
      const at = ((tables.get(path) ?? 0n) << 12n) + index * 8n;
      if (level === mapping.level) {
        memory.poke(at, encoding.leaf(mapping));
        leaves.set(mapping, at);
        break;
      }
      path = `${path}/${index}`;
      let table = tables.get(path);
      if (table === undefined) {
        table = next;
        next += 1n;
        tables.set(path, table);
        memory.poke(at, encoding.pointer(table));
      }
    }
  }
  return leaves;
}

const riscvEncoding = (secondStage: boolean): Encoding => ({
  pointer: (frame) => DirectoryEntry.encode({ V: true, PPN: frame }),
  leaf: ({ to, write, user, execute, marked }) => PageTableEntry.encode({ V: true, R: true, W: write, X: secondStage || execute, U: secondStage || user, A: marked, D: marked, PPN: to }),
});

function riscv(space: AddressSpace): Machine {
  const memory = new PlainMemory();
  const capabilities = Capabilities.encode({ version: 16, Sv39: true, Sv48: true, Sv39x4: true, Sv48x4: true, AMO_HWAD: true, PAS: 50, PD8: true });
  const iommu = new RiscvIommu(memory, { ...TYPICAL, capabilities }, { send: () => undefined, order: () => undefined, invalidated: () => undefined });
  const leaves = tree(memory, FIRST_ROOT, space.first, riscvEncoding(false));
  if (space.second !== null) tree(memory, SECOND_ROOT, space.second, riscvEncoding(true));
  memory.put((CONTEXTS << 12n) + 32n, BaseDeviceContext.encode({ V: true, PDTV: true, GADE: true, SADE: true, iohgatp_MODE: space.second === null ? 0 : 9, iohgatp_PPN: SECOND_ROOT, fsc_MODE: 1, fsc_PPN: CONTEXTS + 1n }), 4);
  memory.put(((CONTEXTS + 1n) << 12n) + 5n * 16n, ProcessContext.encode({ V: true, ENS: true, SUM: true, fsc_MODE: 9, fsc_PPN: FIRST_ROOT }), 2);
  iommu.writeRegister(16, 8, 2n | (CONTEXTS << 10n));
  return {
    name: 'RISC-V',
    access({ address, write, execute, supervisor }) {
      const answer = iommu.translate({ deviceId: 1, processId: 5, type: 'untranslated', write, execute, privileged: supervisor, noWrite: false, cxl: false, address });
      return answer.kind === 'translated' ? answer.address : null;
    },
    isMarked: (mapping) => PageTableEntry.decode(memory.peek(leaves.get(mapping) ?? 0n)).A,
    isDirty: (mapping) => PageTableEntry.decode(memory.peek(leaves.get(mapping) ?? 0n)).D,
  };
}

function vtd(space: AddressSpace): Machine {
  const memory = new PlainMemory();
  const leaves = tree(memory, FIRST_ROOT, space.first, {
    pointer: (frame) => FirstStageEntry.encode({ P: true, RW: true, US: true, address: frame }),
    leaf: ({ to, level, write, user, execute, marked }) => FirstStageEntry.encode({ P: true, RW: write, US: user, XD: !execute, A: marked, D: marked, PS: level > 0, address: to }),
  });
  if (space.second !== null) {
    tree(memory, SECOND_ROOT, space.second, {
      pointer: (frame) => SecondStageEntry.encode({ R: true, W: true, address: frame }),
      leaf: ({ to, level, write, marked }) => SecondStageEntry.encode({ R: true, W: write, A: marked, D: marked, PS: level > 0, address: to }),
    });
  }
  memory.put(CONTEXTS << 12n, ScalableRootEntry.encode({ LP: true, LCTP: CONTEXTS + 1n }), 2);
  memory.put(((CONTEXTS + 1n) << 12n) + 32n, ScalableContextEntry.encode({ P: true, PASIDE: true, PASIDDIRPTR: CONTEXTS + 2n }), 4);
  memory.poke((CONTEXTS + 2n) << 12n, PasidDirectoryEntry.encode({ P: true, SMPTBLPTR: CONTEXTS + 3n }));
  memory.put(((CONTEXTS + 3n) << 12n) + 5n * 64n, PasidEntry.encode({ P: true, PGTT: space.second === null ? 1 : 3, AW: 2, SRE: true, ERE: true, NXE: true, SMEP: true, WPE: true, SSADE: true, SSPTPTR: SECOND_ROOT, FSPTPTR: FIRST_ROOT }), 8);
  const unit = new VtdUnit(memory, {
    capability: Capability.encode({ SAGAW: 4, MGAW: 47, SSLPS: 3, FS1GP: true }),
    extended: ExtendedCapability.encode({ SMTS: true, SRS: true, ERS: true, NEST: true, FSTS: true, SSTS: true, SSADS: true, PASID: true, PSS: 19 }),
    hostBits: 50,
  });
  unit.rootTable = (CONTEXTS << 12n) | (1n << 10n);
  return {
    name: 'VT-d',
    access({ address, write, execute, supervisor }) {
      const answer = unit.translate({ sourceId: 1, pasid: 5, type: 'untranslated', write, execute, privileged: supervisor, address });
      return answer.kind === 'translated' ? answer.address : null;
    },
    isMarked: (mapping) => FirstStageEntry.decode(memory.peek(leaves.get(mapping) ?? 0n)).A,
    isDirty: (mapping) => FirstStageEntry.decode(memory.peek(leaves.get(mapping) ?? 0n)).D,
  };
}

function smmu(space: AddressSpace): Machine {
  const memory = new PlainMemory();
  const block = (to: bigint, level: number, flags: bigint, marked: boolean): bigint => (to << 12n) | flags | (marked ? 0x400n : 0n) | (level === 0 ? 3n : 1n);
  // A page that may be written and is clean says so by DBM with AP[2] set. Users execute nothing of the privileged, who execute nothing of theirs.
  const stage1 = ({ to, level, write, user, execute, marked }: Mapping): bigint =>
    block(to, level, (user ? 0x40n : 0n) | (write && marked ? 0n : 0x80n) | (write ? 1n << 51n : 0n) | (user || !execute ? 1n << 53n : 0n) | (user && execute ? 0n : 1n << 54n), marked);
  const leaves = tree(memory, FIRST_ROOT, space.first, { pointer: (frame) => (frame << 12n) | 3n, leaf: (mapping) => stage1(mapping) });
  if (space.second !== null) tree(memory, SECOND_ROOT, space.second, { pointer: (frame) => (frame << 12n) | 3n, leaf: ({ to, level, write, marked }) => block(to, level, 0x40n | (write ? 0x80n : 0n), marked) });
  memory.put((CONTEXTS << 12n) + 64n, StreamTableEntry.encode({ V: true, Config: space.second === null ? 5 : 7, S1CDMax: 3, S1ContextPtr: (CONTEXTS + 1n) * 64n, S2AA64: true, S2T0SZ: 16, S2SL0: 2, S2PS: 5, S2HA: true, S2TTB: SECOND_ROOT * 256n }), 8);
  memory.put(((CONTEXTS + 1n) << 12n) + 5n * 64n, ContextDescriptor.encode({ V: true, AA64: true, A: true, R: true, HA: true, HD: true, T0SZ: 16, EPD1: true, IPS: 5, TTB0: FIRST_ROOT * 256n }), 8);
  const unit = new SmmuUnit(memory, {
    // Two stages, access flag and dirty state by hardware; 8 bits of streams, 8 of substreams; 48 bits out, 4 KiB granules.
    features: smmuFeatures(0x0440_008b, 0x208, 0x15),
    spans: 'exact',
  });
  unit.registers = { cr0: 13, gbpa: 0, tableBase: CONTEXTS << 12n, tableConfig: 6 };
  return {
    name: 'SMMUv3',
    access({ address, write, execute, supervisor }) {
      const answer = unit.translate({ streamId: 1, substream: 5, write, execute, privileged: supervisor, address });
      return answer.kind === 'translated' ? answer.address : null;
    },
    isMarked: (mapping) => (memory.peek(leaves.get(mapping) ?? 0n) & 0x400n) !== 0n,
    isDirty: (mapping) => (memory.peek(leaves.get(mapping) ?? 0n) & 0x80n) === 0n,
  };
}

export const MACHINES: readonly ((space: AddressSpace) => Machine)[] = [riscv, vtd, smmu];
