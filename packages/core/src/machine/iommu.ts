// SPDX-License-Identifier: Apache-2.0
/**
 * An IOMMU as a machine is told of it: which front end, what it remembers,
 * whether its walks see the CPUs' caches, and which devices stand behind it.
 * It makes the agents, the registers' first contents, and the devices' way in.
 */
import type { Agent, Port } from '../base/port.ts';
import type { DeviceContext } from '../devices/device.ts';
import type { RegisterTable } from '../devices/registers.ts';
import { unitAgent, unitRegisters, type ReadableRegister, type UnitAgentOptions } from '../iommu/agent.ts';
import { TYPICAL, type BuildOptions } from '../iommu/riscv/features.ts';
import { Capabilities, OFFSET as RISCV } from '../iommu/riscv/registers.ts';
import { outsideOf } from '../iommu/riscv/remapping.ts';
import { RiscvIommu } from '../iommu/riscv/unit.ts';
import { smmuFeatures } from '../iommu/smmu/features.ts';
import { Idr0, Idr1, Idr3, Idr5, OFFSET as SMMU } from '../iommu/smmu/registers.ts';
import { SmmuUnit, type SmmuOptions } from '../iommu/smmu/unit.ts';
import { Capability, ExtendedCapability, type VtdOptions } from '../iommu/vtd/capabilities.ts';
import { OFFSET as VTD } from '../iommu/vtd/registers.ts';
import { VtdUnit } from '../iommu/vtd/unit.ts';
import { AgentBus } from '../pcie/agent-bus.ts';
import type { FunctionDescription } from '../pcie/function.ts';
import { functionAgent, functionRegisters, type FunctionAgentOptions } from '../pcie/function-agent.ts';

export type IommuKind = 'riscv' | 'vtd' | 'smmuv3';

export interface IommuSpec {
  /** Agent id, and owner of the registers. */
  readonly id: string;
  readonly kind: IommuKind;
  /** Entries of the cache of translations and of those of contexts; 0: there is none. Fully associative, least recently used goes. */
  readonly iotlb: number;
  readonly contexts: number;
  /** Whether walks look into the CPUs' caches. The capability register says so. */
  readonly coherentWalks: boolean;
  /** Whether a structure of several pieces is read from its first or its last on is a choice; absent: from its first. */
  readonly anyOrder?: boolean;
  /** Registers, by name, that CPUs are going to read; what is left out keeps showing its first content. Absent: all. */
  readonly reads?: readonly string[];
  /** Caches, by name, of which an entry may have been evicted whenever it is looked for. */
  readonly lapses?: UnitAgentOptions['lapses'];
  /** Register writes that are done before the run begins: offset, size, value. */
  readonly setup?: UnitAgentOptions['setup'];
  /** What the unit is built with, where it is not the usual. */
  readonly riscv?: Partial<BuildOptions>;
  readonly vtd?: Partial<VtdOptions>;
  readonly smmuv3?: Partial<SmmuOptions>;
}

/** A device behind the unit. */
export interface IommuFunction {
  readonly device: string;
  /** Its engines' agent ids. */
  readonly engines: readonly string[];
  /** Bus, device and function; its requests carry it. */
  readonly source: number;
  /**
   * Its configuration space, with ATS and page requests if it has them: an agent `DEVICE.pci` of its own between engines and unit, whose
   * registers are the configuration space. Absent: engines ask the unit themselves, for untranslated accesses.
   */
  readonly pcie?: FunctionDescription;
  /** Words of configuration space that CPUs read, and writes to it before the run begins. */
  readonly pcieReads?: FunctionAgentOptions['registers'];
  readonly pcieSetup?: FunctionAgentOptions['setup'];
}

/** Agent id of a device's function, and owner of its configuration space. */
export const functionOf = (device: string): string => `${device}.pci`;

/** Where stores are interrupts on PCs; on other machines it is as good a place as any that is no RAM. */
export const INTERRUPT_WINDOW = { base: 0xfee0_0000, size: 0x10_0000 };

export class MachineIommu {
  /** The unit, and the functions that are agents. */
  readonly agents: readonly Agent[];
  /** Names of the registers, for traces. */
  readonly registers: RegisterTable;
  /** Contents of the registers before the run. */
  readonly contents: readonly { readonly owner: string; readonly offset: number; readonly value: number | bigint }[];
  readonly #spec: IommuSpec;
  readonly #functions: readonly IommuFunction[];
  readonly #requesters: readonly string[];

  /** @throws RangeError when two functions share a source id */
  constructor(spec: IommuSpec, ram: { readonly base: number; readonly size: number }, functions: readonly IommuFunction[]) {
    const twice = functions.find((one, i) => functions.findIndex((other) => other.source === one.source) !== i);
    if (twice !== undefined) throw new RangeError(`${twice.device}: another function of ${spec.id} has source id 0x${twice.source.toString(16)}`);
    this.#spec = spec;
    this.#functions = functions;
    const requesters = functions.flatMap((one) => (one.pcie === undefined ? one.engines : [functionOf(one.device)]));
    const all = registersOf(spec);
    const readable = spec.reads === undefined ? all : all.filter(({ name }) => spec.reads?.includes(name));
    const options: UnitAgentOptions = {
      id: spec.id,
      create: creator(spec),
      ram,
      registers: readable.map(({ offset, size }) => ({ offset, size })),
      requesters,
      functions: new Map(functions.flatMap(({ source, device, pcie, engines: [first] }) => (pcie !== undefined ? [[source, functionOf(device)] as const] : first === undefined ? [] : [[source, first] as const]))),
      snoops: spec.coherentWalks,
      messages: INTERRUPT_WINDOW,
      ...(spec.kind === 'vtd' && spec.vtd?.capability !== undefined && Capability.decode(spec.vtd.capability).RWBF ? { buffered: true } : {}),
      ...(spec.anyOrder === undefined ? {} : { anyOrder: spec.anyOrder }),
      ...(spec.lapses === undefined ? {} : { lapses: spec.lapses }),
      ...(spec.setup === undefined ? {} : { setup: spec.setup }),
    };
    const pcie = functions.flatMap(({ device, engines, source, pcie: description, pcieReads, pcieSetup }): FunctionAgentOptions[] => {
      if (description === undefined) return [];
      const id = functionOf(device);
      return [{ id, unit: spec.id, number: requesters.indexOf(id), source, description, engines, ...(pcieReads === undefined ? {} : { registers: pcieReads }), ...(pcieSetup === undefined ? {} : { setup: pcieSetup }) }];
    });
    this.agents = [...pcie.map(functionAgent), unitAgent(options)];
    this.#requesters = requesters;
    this.registers = Object.fromEntries(all.map(({ name, offset }) => [name, { offset, access: 'rw', doc: name }]));
    this.contents = [...unitRegisters(options).map((content) => ({ owner: spec.id, ...content })), ...pcie.flatMap((one) => functionRegisters(one).map((content) => ({ owner: one.id, ...content })))];
  }

  /** How a device's engines enter the fabric. A write into the interrupt range is the device's own interrupt, its data the vector. */
  path(device: string): NonNullable<DeviceContext['path']> {
    const found = this.#functions.find((one) => one.device === device);
    if (found === undefined) throw new RangeError(`${device} does not stand behind ${this.#spec.id}`);
    return (port: Port) => {
      const self = port.id ?? device;
      const pcie = found.pcie !== undefined;
      const number = (pcie ? found.engines : this.#requesters).indexOf(self);
      if (number < 0) throw new RangeError(`${self} is no engine behind ${this.#spec.id}`);
      return {
        source: found.source,
        bus: new AgentBus(port, {
          self,
          unit: pcie ? functionOf(device) : this.#spec.id,
          number,
          interrupt: ({ value }) => void port.op({ kind: 'store', place: { space: 'irq', owner: device, address: Number(value), size: 4 }, value: 1, order: 'relaxed', name: `msi${value}` }),
        }),
      };
    };
  }
}

const lru = (ways: number): { readonly sets: 1; readonly ways: number; readonly policy: 'lru' } | null => (ways === 0 ? null : { sets: 1, ways, policy: 'lru' });

function creator(spec: IommuSpec): UnitAgentOptions['create'] {
  const iotlb = lru(spec.iotlb);
  const contexts = lru(spec.contexts);
  switch (spec.kind) {
    case 'riscv': {
      const options: BuildOptions = { ...TYPICAL, ...USUAL.riscv, caches: { devices: contexts, processes: contexts, translations: iotlb, firstPointers: null, secondPointers: null }, ...spec.riscv };
      return (port, outside) => new RiscvIommu(port, options, outsideOf(outside));
    }
    case 'vtd': {
      const options: VtdOptions = { ...USUAL.vtd, extended: USUAL.vtd.extended | (spec.coherentWalks ? VTD_COHERENT : 0n), caches: { context: contexts, pasid: contexts, iotlb, paging: null }, ...spec.vtd };
      return (port, outside) => new VtdUnit(port, options, { send: (message) => outside.send(message), wire: (cause) => outside.wire(cause), flushWriteBuffers: () => port.flush?.() });
    }
    case 'smmuv3': {
      // One configuration cache and one TLB: both or neither.
      const caches = iotlb === null && contexts === null ? {} : { caches: { tlb: iotlb ?? SMALLEST, configuration: contexts ?? SMALLEST } };
      const { idr0, idr1, idr3, idr5 } = USUAL.smmuv3;
      const options: SmmuOptions = { features: smmuFeatures(Number(spec.coherentWalks ? idr0 | SMMU_COHERENT : idr0), Number(idr1), Number(idr5), Number(idr3)), spans: 'exact', ...caches, ...spec.smmuv3 };
      return (port, outside) => new SmmuUnit(port, options, outside);
    }
  }
}

const SMALLEST = { sets: 1, ways: 1, policy: 'lru' } as const;

/** What units are built with where nobody says otherwise; whether walks are coherent is said beside. */
export const USUAL = {
  riscv: { capabilities: Capabilities.encode({ version: 0x10, Sv39: true, Sv48: true, Sv57: true, Sv39x4: true, Sv48x4: true, Sv57x4: true, AMO_HWAD: true, ATS: true, T2GPA: true, IGS: 0, PAS: 46, PD8: true, PD17: true, PD20: true }) },
  vtd: {
    capability: Capability.encode({ ND: 6, SAGAW: 0b1110, MGAW: 56, FRO: 0x40, SSLPS: 3, PSI: true, NFR: 0, MAMV: 18, DWD: true, DRD: true, FS1GP: true, FS5LP: true }),
    extended: ExtendedCapability.encode({ QI: true, DT: true, PT: true, SC: true, IRO: 0x50, NEST: true, PRS: true, SRS: true, PSS: 19, PASID: true, PDS: true, SMTS: true, SSADS: true, SSTS: true, FSTS: true, RPS: true }),
    hostBits: 46,
  },
  smmuv3: {
    idr0: Idr0.encode({ S2P: true, S1P: true, TTF: 2, HTTU: 2, ATS: true, ASID16: true, MSI: true, PRI: true, VMID16: true, CD2L: true, TTENDIAN: 2, ST_LEVEL: 1 }),
    idr1: Idr1.encode({ SIDSIZE: 16, SSIDSIZE: 20, PRIQS: 8, EVENTQS: 8, CMDQS: 8 }),
    idr3: Idr3.encode({ RIL: true }),
    idr5: Idr5.encode({ OAS: 4, GRAN4K: true, GRAN16K: true, GRAN64K: true, STALL_MAX: 4 }),
  },
} as const;
const VTD_COHERENT = ExtendedCapability.encode({ C: true });
const SMMU_COHERENT = Idr0.encode({ COHACC: true });

interface NamedRegister extends ReadableRegister {
  readonly name: string;
}

const RISCV_WIDE = new Set(['capabilities', 'ddtp', 'cqb', 'fqb', 'pqb', 'tr_req_iova', 'tr_req_ctl', 'tr_response', 'icvec']);
/** Counters and the message table are not shown. */
const RISCV_LEFT_OUT = new Set(['iocountovf', 'iocountinh', 'iohpmcycles', 'iohpmctr', 'iohpmevt', 'iommu_qosid', 'msi_cfg_tbl']);
const VTD_WIDE = new Set(['CAP', 'ECAP', 'RTADDR', 'CCMD', 'PHMBASE', 'PHMLIMIT', 'IQH', 'IQT', 'IQA', 'IQERCD', 'IRTA', 'PQH', 'PQT', 'PQA']);
const SMMU_WIDE = new Set(['STRTAB_BASE', 'CMDQ_BASE', 'EVENTQ_BASE', 'PRIQ_BASE', 'GERROR_IRQ_CFG0', 'EVENTQ_IRQ_CFG0', 'PRIQ_IRQ_CFG0']);

/** Registers that CPUs can read, with their specifications' names. */
function registersOf(spec: IommuSpec): NamedRegister[] {
  const named = (table: Readonly<Record<string, number>>, wide: ReadonlySet<string>): NamedRegister[] => Object.entries(table).map(([name, offset]) => ({ name, offset, size: wide.has(name) ? 8 : 4 }));
  switch (spec.kind) {
    case 'riscv':
      return named(RISCV, RISCV_WIDE).filter(({ name }) => !RISCV_LEFT_OUT.has(name));
    case 'vtd': {
      const faults = Number((spec.vtd?.capability ?? USUAL.vtd.capability) >> 24n) & 0x3ff;
      const iotlb = Number((spec.vtd?.extended ?? USUAL.vtd.extended) >> 8n) & 0x3ff;
      const beyond = ['FRCD0_LO', 'FRCD0_HI', 'IVA', 'IOTLB'].map((name, i): NamedRegister => ({ name, offset: (i < 2 ? faults : iotlb) * 16 + 8 * (i % 2), size: 8 }));
      return [...named(VTD, VTD_WIDE), ...beyond];
    }
    case 'smmuv3':
      return named(SMMU, SMMU_WIDE);
  }
}
