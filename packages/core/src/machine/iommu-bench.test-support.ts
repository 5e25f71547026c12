// SPDX-License-Identifier: Apache-2.0
/**
 * A CPU, a device without a programming model of its own, and an IOMMU between
 * the device and memory, in every execution. For each of the three front ends
 * there is a system in which IOVA 0x4000_0000 + x is x, by one entry.
 */
import { type Strategy } from '../base/choice.ts';
import type { TraceEvent } from '../base/events.ts';
import type { Agent, Place, Port, Size, Value } from '../base/port.ts';
import { IofenceCommand, IotinvalCommand } from '../iommu/riscv/records.ts';
import { OFFSET as RISCV } from '../iommu/riscv/registers.ts';
import { BaseDeviceContext } from '../iommu/riscv/structures.ts';
import { OFFSET as SMMU, QueueBase, StrtabBaseCfg } from '../iommu/smmu/registers.ts';
import { ContextDescriptor, StreamTableEntry } from '../iommu/smmu/structures.ts';
import { OFFSET as VTD } from '../iommu/vtd/registers.ts';
import { ContextEntry, RootEntry, SecondStageEntry } from '../iommu/vtd/structures.ts';
import { initialState } from '../memory/initial.ts';
import { PageTableEntry } from '../mmu/formats/riscv-entries.ts';
import { DmaPort } from '../pcie/dma-port.ts';
import { EveryTrace } from './explore-traces.ts';
import { MachineIommu, type IommuFunction, type IommuKind, type IommuSpec } from './iommu.ts';
import { OperationalMachine } from './operational.ts';
import type { RunResult } from './options.ts';
import { CORE_PROFILES, type CoreProfileId } from './profile.ts';

export const RAM = { base: 0x1_0000, size: 0x10_0000 };
const CONTEXTS = 0x2_0000;
const INNER = 0x2_1000;
export const ROOT = 0x3_0000;
/** The second entry of the table maps 1 GiB from address 0. */
export const ENTRY = ROOT + 8;
export const IOVA = 0x4000_0000n;
const COMMANDS = 0x4_0000;
/** Where a fence says that it is through. */
export const FENCE = 0x4_8000;
export const READY = 0x4_9000;
export const PAGE = 0x5_0000;
export const SOURCE = 3;
/** Where fault and event queues lie, and the vector of the unit's interrupt. */
export const RECORDS = 0x4_4000;
export const INTERRUPT = 5;

export type Words = readonly (readonly [address: number, raw: bigint, bytes: number])[];

/** One front end around the same mapping. */
export interface System {
  readonly setup: NonNullable<IommuSpec['setup']>;
  /** Contexts that lead to the table. */
  readonly contexts: Words;
  readonly leaf: bigint;
  /** Forget every translation; and: then write 1 to `FENCE`. */
  readonly commands: Readonly<Record<'invalidate' | 'done', bigint>>;
  readonly tail: { readonly offset: number; readonly size: 4 | 8; readonly unit: number };
}

/** Where the RISC-V context lies. */
export const CONTEXT = CONTEXTS + 32 * SOURCE;
export const riscvLeaf = (more: Parameters<typeof PageTableEntry.encode>[0] = { A: true, D: true }): bigint => PageTableEntry.encode({ V: true, R: true, W: true, U: true, PPN: 0n, ...more });
export const riscvContext = (more: Parameters<typeof BaseDeviceContext.encode>[0] = {}): bigint => BaseDeviceContext.encode({ V: true, fsc_MODE: 8, fsc_PPN: BigInt(ROOT >> 12), ...more });

export const SYSTEMS: Readonly<Record<IommuKind, System>> = {
  riscv: {
    setup: [
      [RISCV.ddtp, 8, 2n | (BigInt(CONTEXTS >> 12) << 10n)],
      [RISCV.cqb, 8, (BigInt(COMMANDS >> 12) << 10n) | 3n],
      [RISCV.cqcsr, 4, 1n],
    ],
    contexts: [[CONTEXT, riscvContext(), 32]],
    leaf: riscvLeaf(),
    commands: { invalidate: IotinvalCommand.encode({ opcode: 1, func3: 0 }), done: IofenceCommand.encode({ opcode: 2, func3: 0, AV: true, PR: true, PW: true, DATA: 1, ADDR: BigInt(FENCE) >> 2n }) },
    tail: { offset: RISCV.cqt, size: 4, unit: 1 },
  },
  vtd: {
    // Legacy mode, second stage of three levels.
    setup: [
      [VTD.RTADDR, 8, BigInt(CONTEXTS)],
      [VTD.GCMD, 4, 1n << 30n],
      [VTD.IQA, 8, BigInt(COMMANDS)],
      [VTD.GCMD, 4, 1n << 26n],
      [VTD.GCMD, 4, (1n << 26n) | (1n << 31n)],
    ],
    contexts: [
      [CONTEXTS, RootEntry.encode({ P: true, CTP: BigInt(INNER >> 12) }), 16],
      [INNER + 16 * SOURCE, ContextEntry.encode({ P: true, SSPTPTR: BigInt(ROOT >> 12), AW: 1, DID: 1 }), 16],
    ],
    leaf: SecondStageEntry.encode({ R: true, W: true, PS: true }),
    // iotlb_inv_dsc, global, draining; inv_wait_dsc with a status write.
    commands: { invalidate: 2n | (1n << 4n) | (1n << 6n) | (1n << 7n), done: 5n | (1n << 5n) | (1n << 32n) | (BigInt(FENCE) << 64n) },
    tail: { offset: VTD.IQT, size: 8, unit: 16 },
  },
  smmuv3: {
    setup: [
      [SMMU.STRTAB_BASE, 8, BigInt(CONTEXTS)],
      [SMMU.STRTAB_BASE_CFG, 4, StrtabBaseCfg.encode({ LOG2SIZE: 4 })],
      [SMMU.CMDQ_BASE, 8, QueueBase.encode({ LOG2SIZE: 3, ADDR: BigInt(COMMANDS) / 32n })],
      [SMMU.CR0, 4, 9n],
    ],
    contexts: [
      [CONTEXTS + 64 * SOURCE, StreamTableEntry.encode({ V: true, Config: 5, S1ContextPtr: BigInt(INNER) / 64n }), 64],
      [INNER, ContextDescriptor.encode({ V: true, AA64: true, A: true, R: true, T0SZ: 25, EPD1: true, IPS: 4, TTB0: BigInt(ROOT) / 16n }), 64],
    ],
    // A block of level 1: valid, AttrIndx 0, AP 01, AF.
    leaf: 1n | (1n << 6n) | (1n << 10n),
    // CMD_TLBI_NSNH_ALL; CMD_SYNC with CS = 1 and an MSI to memory.
    commands: { invalidate: 0x30n, done: 0x46n | (1n << 12n) | (1n << 32n) | (BigInt(FENCE) << 64n) },
    tail: { offset: SMMU.CMDQ_PROD, size: 4, unit: 1 },
  },
};

/** Commands in the queue's memory; nothing has told the unit of them. */
export const queued = (commands: readonly bigint[]): Words => commands.map((raw, i) => [COMMANDS + 16 * i, raw, 16]);

/** What the CPU of a test does. */
export class Cpu {
  readonly #port: Port;
  constructor(port: Port) {
    this.#port = port;
  }
  store(address: number, value: Value, size: Size = 8): void {
    this.#port.op({ kind: 'store', place: ram(address, size), value, order: 'relaxed', name: `w${address.toString(16)}` });
  }
  change(address: number, by: (old: bigint) => bigint): bigint {
    return BigInt(this.#port.op({ kind: 'rmw', place: ram(address, 8), order: 'full', modify: (old) => by(BigInt(old)), name: `c${address.toString(16)}` }));
  }
  fence(...names: (string | null)[]): void {
    for (const name of names) if (name !== null) this.#port.op({ kind: 'fence', fence: name });
  }
  /** Cleans the line. */
  clean(address: number): void {
    this.#port.op({ kind: 'maintain', operation: 'clean', line: address & ~63 });
  }
  write(owner: string, offset: number, size: Size, value: Value, name: string): void {
    this.#port.op({ kind: 'store', place: { space: 'mmio', owner, address: offset, size }, value, order: 'relaxed', name });
  }
  /** Tells the device to go on. */
  ring(): void {
    this.write('dma0', 0, 4, 1, 'doorbell');
  }
  /** Lets the unit's queue run up to there. */
  tail({ offset, size, unit }: System['tail'], commands: number): void {
    this.write('iommu0', offset, size, size === 8 ? BigInt(commands * unit) : commands * unit, 'tail');
  }
  register(offset: number, size: 4 | 8): Value {
    return this.#port.op({ kind: 'load', place: { space: 'mmio', owner: 'iommu0', address: offset, size }, order: 'full', name: `+${offset}` });
  }
  read(address: number, size: Size): Value {
    return this.#port.op({ kind: 'load', place: ram(address, size), order: 'relaxed', name: `r${address.toString(16)}` });
  }
  /** Sleeps until an interrupt comes. @returns whether one did */
  sleep(): boolean {
    return this.#port.op({ kind: 'idle' }) !== 0;
  }
  await(address: number, value: number): void {
    this.#port.op({ kind: 'await', place: ram(address, 4), order: 'acquire', until: (v) => v === value, name: 'done' });
  }
}

const ram = (address: number, size: Size): Place => ({ space: 'ram', owner: '', address, size });

export interface Spec {
  readonly profile: CoreProfileId;
  readonly iommu: Partial<IommuSpec> & { readonly kind: IommuKind };
  /** The device's function has a configuration space. */
  readonly function?: Pick<IommuFunction, 'pcie' | 'pcieSetup'>;
  readonly memory: Words;
  readonly cpu: (cpu: Cpu, out: (text: string) => void) => void;
  readonly device: (dma: DmaPort, ring: () => void, out: (text: string) => void) => void;
  /** What of memory belongs to the outcome. */
  readonly final?: (read: (address: number) => bigint) => string;
}

const bytesOf = (raw: bigint, size: number): number[] => Array.from({ length: size }, (_, i) => Number((raw >> BigInt(8 * i)) & 0xffn));

export function run(spec: Spec, strategy: Strategy, observe?: (event: TraceEvent) => void): { result: RunResult; outcome: string } {
  const iommu = new MachineIommu({ id: 'iommu0', iotlb: 0, contexts: 0, coherentWalks: CORE_PROFILES[spec.profile].coherent, reads: [], setup: SYSTEMS[spec.iommu.kind].setup, ...spec.iommu }, RAM, [{ device: 'dma0', engines: ['dma0'], source: SOURCE, ...spec.function }]);
  const said = new Map<string, string[]>();
  const speaker = (id: string): ((text: string) => void) => {
    const list: string[] = [];
    said.set(id, list);
    return (text) => list.push(text);
  };
  const cpu: Agent = { id: 'cpu0', kind: 'cpu', run: (port) => spec.cpu(new Cpu(port), speaker('cpu0')) };
  const device: Agent = {
    id: 'dma0',
    kind: 'device',
    run(port) {
      const ring = (): void => void port.op({ kind: 'await', place: { space: 'mmio', owner: 'dma0', address: 0, size: 4 }, order: 'relaxed', until: (v) => v !== 0, next: true, name: 'doorbell' });
      spec.device(new DmaPort(port, RAM, iommu.path('dma0')(port)), ring, speaker('dma0'));
    },
  };
  const machine = new OperationalMachine({
    profile: CORE_PROFILES[spec.profile],
    agents: [cpu, device, ...iommu.agents],
    initial: initialState({ ram: spec.memory.map(([address, raw, size]) => ({ address, bytes: bytesOf(raw, size) })), registers: iommu.contents }),
    strategy,
    observers: observe === undefined ? [] : [{ event: observe }],
    limits: { steps: 2000, events: 2000 },
    registers: new Map([['iommu0', iommu.registers]]),
    interrupts: [{ device: 'iommu0', vector: INTERRUPT, cpu: 'cpu0', number: 0 }],
  });
  const result = machine.run();
  const read = (address: number): bigint => machine.read(address, 8).reduceRight((word, byte) => (word << 8n) | BigInt(byte), 0n);
  return { result, outcome: [...(said.get('cpu0') ?? []), ...(said.get('dma0') ?? []), ...(spec.final === undefined ? [] : [spec.final(read)])].join(' ') };
}

const whole = (result: RunResult, outcome: string): string => (result.waiting.some(({ agent }) => agent === 'cpu0' || agent === 'dma0') ? `${outcome} hangs` : outcome);

/** Every outcome. Who waits for ever says so. */
export function outcomes(spec: Spec): string[] {
  const found = new Set<string>();
  const strategy = new EveryTrace();
  do {
    const { result, outcome } = run(spec, strategy);
    if (result.reason === 'stopped') continue;
    if (result.reason !== 'quiescent') throw new Error(result.text);
    found.add(whole(result, outcome));
  } while (strategy.advance());
  return [...found].sort();
}

/** Whether some execution has the outcome. */
export function reaches(spec: Spec, wanted: string): boolean {
  const strategy = new EveryTrace();
  do {
    const { result, outcome } = run(spec, strategy);
    if (result.reason === 'quiescent' && whole(result, outcome) === wanted) return true;
  } while (strategy.advance());
  return false;
}

export const look = (dma: DmaPort): string => {
  const { value, fault } = dma.tryLoad(IOVA + BigInt(PAGE), 4, 'data');
  return fault === null ? String(value) : 'refused';
};
export const afterRing: Spec['device'] = (dma, ring, out) => {
  ring();
  out(look(dma));
};
