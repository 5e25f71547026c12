// SPDX-License-Identifier: Apache-2.0
/**
 * A machine file: an IOMMU, what lies in memory, and what is asked of it, in
 * the words of the declarations. It becomes a vector of that IOMMU, so that it
 * is told as vectors are. The format is in docs/iommu.md.
 */
import type { AnyLayout, Field } from '@dmalab/core/base/layout';
import { Capabilities, DirectoryPointer, FeaturesControl, OFFSET } from '@dmalab/core/iommu/riscv/registers';
import { BaseDeviceContext, DeviceContext, DirectoryEntry, MrifEntry, MsiEntry, ProcessContext } from '@dmalab/core/iommu/riscv/structures';
import type { Switches } from '@dmalab/core/iommu/riscv/switches';
import { Cr0, Gbpa, Idr0, Idr1, Idr3, Idr5, StrtabBase, StrtabBaseCfg } from '@dmalab/core/iommu/smmu/registers';
import { ContextDescriptor, ContextTableDescriptor, StreamTableDescriptor, StreamTableEntry } from '@dmalab/core/iommu/smmu/structures';
import { Capability, ExtendedCapability } from '@dmalab/core/iommu/vtd/capabilities';
import { RootTableAddress } from '@dmalab/core/iommu/vtd/registers';
import { ContextEntry, FirstStageEntry, PasidDirectoryEntry, PasidEntry, RootEntry, ScalableContextEntry, ScalableRootEntry, SecondStageEntry } from '@dmalab/core/iommu/vtd/structures';
import { USUAL, type IommuKind } from '@dmalab/core/machine/iommu';
import { Stage1Descriptor, Stage2Descriptor, TableDescriptor } from '@dmalab/core/mmu/formats/armv8-entries';
import { PageTableEntry, PageTableEntry32 } from '@dmalab/core/mmu/formats/riscv-entries';
import { hex } from '@dmalab/core/mmu/word';
import { Fields, FormatError, within, word } from './json.ts';
import { switchesOf } from './riscv-vector.ts';

/** Bits of a PASID, process id or substream. */
const PROCESS_BITS = 20;

interface Kind {
  /** Bits of a device or stream id. */
  readonly sourceBits: number;
  readonly structures: Readonly<Record<string, AnyLayout>>;
  readonly registers: Readonly<Record<string, { readonly layout: AnyLayout; readonly usual: bigint }>>;
  readonly vector: (file: MachineFile) => Record<string, unknown>;
}

interface MachineFile {
  readonly id: string;
  readonly note: string;
  readonly ram: readonly (readonly [string, string])[];
  readonly mem: readonly (readonly [string, string])[];
  /** Every register of the kind: as the file says, or the usual. */
  readonly register: (name: string) => bigint;
  /** Readings of open questions that differ from the reference model's. */
  readonly switches: Partial<Switches>;
  readonly steps: readonly Step[];
}

type Step =
  | { readonly kind: 'store'; readonly address: bigint; readonly word: bigint }
  | { readonly kind: 'request'; readonly device: number; readonly process: number | null; readonly type: 'untranslated' | 'ats' | 'translated'; readonly write: boolean; readonly execute: boolean; readonly privileged: boolean; readonly noWrite: boolean; readonly address: bigint };

const KINDS: Readonly<Record<IommuKind, Kind>> = {
  riscv: {
    sourceBits: 24,
    structures: { DirectoryEntry, DeviceContext, BaseDeviceContext, ProcessContext, MsiEntry, MrifEntry, PageTableEntry, PageTableEntry32 },
    registers: { capabilities: { layout: Capabilities, usual: USUAL.riscv.capabilities }, fctl: { layout: FeaturesControl, usual: 0n }, ddtp: { layout: DirectoryPointer, usual: 0n } },
    vector: (file) => ({
      ...common(file),
      caps: hex(file.register('capabilities')),
      fctl: Number(file.register('fctl')),
      impl: { max_ddt_mode: 4, did_mask: '0xffffff', gxl_writable: 0, be_writable: 0, icvec_bits: 2, bare_range: '0x40000000' },
      switches: file.switches,
      setup: [[OFFSET.ddtp, 8, hex(file.register('ddtp'))]],
      steps: file.steps.map((step) =>
        step.kind === 'store'
          ? { op: 'memw', addr: hex(step.address), word: hex(step.word) }
          : {
              op: 'xlate', did: step.device, pv: step.process === null ? 0 : 1, pid: step.process ?? 0, at: ['untranslated', 'ats', 'translated'].indexOf(step.type),
              rw: Number(step.write), exec: Number(step.execute), priv: Number(step.privileged), nw: Number(step.noWrite), cxl: 0, len: 1, iova: hex(step.address),
            },
      ),
    }),
  },
  vtd: {
    sourceBits: 16,
    structures: { RootEntry, ScalableRootEntry, ContextEntry, ScalableContextEntry, PasidDirectoryEntry, PasidEntry, FirstStageEntry, SecondStageEntry },
    registers: { CAP_REG: { layout: Capability, usual: USUAL.vtd.capability }, ECAP_REG: { layout: ExtendedCapability, usual: USUAL.vtd.extended }, RTADDR_REG: { layout: RootTableAddress, usual: 0n } },
    vector: (file) => ({
      ...common(file),
      cap: hex(file.register('CAP_REG')),
      ecap: hex(file.register('ECAP_REG')),
      aw_bits: USUAL.vtd.hostBits,
      rtaddr: hex(file.register('RTADDR_REG')),
      sid: 0,
      dma: file.steps.map((step) => dmaOf(step, 'pasid')),
    }),
  },
  smmuv3: {
    sourceBits: 32,
    structures: { StreamTableDescriptor, StreamTableEntry, ContextTableDescriptor, ContextDescriptor, TableDescriptor, Stage1Descriptor, Stage2Descriptor },
    registers: {
      IDR0: { layout: Idr0, usual: USUAL.smmuv3.idr0 },
      IDR1: { layout: Idr1, usual: USUAL.smmuv3.idr1 },
      IDR3: { layout: Idr3, usual: USUAL.smmuv3.idr3 },
      IDR5: { layout: Idr5, usual: USUAL.smmuv3.idr5 },
      CR0: { layout: Cr0, usual: Cr0.encode({ SMMUEN: true, EVENTQEN: true }) },
      GBPA: { layout: Gbpa, usual: 0n },
      STRTAB_BASE: { layout: StrtabBase, usual: 0n },
      STRTAB_BASE_CFG: { layout: StrtabBaseCfg, usual: 0n },
    },
    vector: (file) => ({
      ...common(file),
      exact: 1,
      idr: [file.register('IDR0'), file.register('IDR1'), 0n, file.register('IDR3'), 0n, file.register('IDR5')].map(hex),
      cr0: Number(file.register('CR0')),
      gbpa: Number(file.register('GBPA')),
      strtab_base: hex(file.register('STRTAB_BASE')),
      strtab_cfg: Number(file.register('STRTAB_BASE_CFG')),
      sid: 0,
      dma: file.steps.map((step) => dmaOf(step, 'ssid')),
    }),
  },
};

/** A step of a VT-d or SMMUv3 vector. @param process what such vectors call a process's number */
function dmaOf(step: Step, process: 'pasid' | 'ssid'): Record<string, unknown> {
  if (step.kind === 'store') return { op: 'memw', addr: hex(step.address), word: hex(step.word) };
  const who = { sid: step.device, iova: hex(step.address), ...(step.process === null ? {} : { [process]: step.process }), exec: Number(step.execute), priv: Number(step.privileged) };
  if (step.type === 'ats') return { op: 'ats', ...who, nw: Number(step.noWrite) };
  return { ...(step.type === 'translated' ? { op: 'translated' } : {}), dir: step.write ? 'w' : 'r', ...who };
}

const common = ({ id, note, ram, mem }: MachineFile): Record<string, unknown> => ({ id, note, ram, mem });

/** Whether a text is a machine file, as far as its keys tell. */
export function isMachineFile(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && 'unit' in value && 'memory' in value;
  } catch {
    return false;
  }
}

/**
 * The vector that a machine file stands for.
 * @param name what it is called where it does not say
 * @throws FormatError with the place, for anything that the format does not have
 */
export function machineVector(text: string, name: string): Fields {
  const file = new Fields(JSON.parse(text), 'machine');
  only(file, 'machine', ['unit', 'id', 'note', 'ram', 'registers', 'switches', 'memory', 'steps']);
  const unit = file.text('unit');
  if (!isKind(unit)) throw new FormatError(`machine.unit: "${unit}" is none of ${Object.keys(KINDS).join(', ')}`);
  if (file.has('switches') && unit !== 'riscv') throw new FormatError('machine.switches: only the RISC-V IOMMU has them');
  const kind = KINDS[unit];
  const registers = registersOf(kind, file);
  return new Fields(
    kind.vector({
      id: file.has('id') ? file.text('id') : name,
      note: file.has('note') ? file.text('note') : '',
      ram: file.has('ram') ? file.tuples('ram').map(([base = 0n, size = 0n]) => [hex(base), hex(size)]) : [['0x0', '0x10000000000']],
      mem: file.objects('memory').flatMap((item, i) => wordsOf(kind, item, `machine.memory[${i}]`)),
      register: (register) => registers.get(register) ?? kind.registers[register]?.usual ?? 0n,
      switches: file.has('switches') ? switchesOf(file) : {},
      steps: file.objects('steps').map((step, i) => stepOf(step, kind.sourceBits, `machine.steps[${i}]`)),
    }),
    'machine',
  );
}

const isKind = (name: string): name is IommuKind => Object.hasOwn(KINDS, name);

function registersOf(kind: Kind, file: Fields): Map<string, bigint> {
  const out = new Map<string, bigint>();
  if (!file.has('registers')) return out;
  const given = file.object('registers');
  only(given, 'machine.registers', Object.keys(kind.registers));
  for (const [name, { layout }] of Object.entries(kind.registers)) if (given.has(name)) out.set(name, contentOf(layout, given.raw[name], `machine.registers.${name}`));
  return out;
}

/** `{ "at": "0x1000", "PasidEntry": { … } }` or `{ "at": "0x1000", "words": ["0x5", …] }`, as 64-bit words. */
function wordsOf(kind: Kind, item: Fields, where: string): (readonly [string, string])[] {
  only(item, where, ['at', 'words', ...Object.keys(kind.structures)]);
  const at = item.word('at');
  const [what, ...more] = item.keys().filter((key) => key !== 'at');
  if (what === undefined || more.length > 0) throw new FormatError(`${where}: expected "words" or one structure of ${Object.keys(kind.structures).join(', ')}`);
  const layout = kind.structures[what];
  if (layout === undefined) {
    if (at % 8n !== 0n) throw new FormatError(`${where}.at: ${hex(at)} is no address of a 64-bit word`);
    return item.words('words').map((value, i) => [hex(at + BigInt(8 * i)), hex(value)]);
  }
  if (at % BigInt(layout.bytes) !== 0n) throw new FormatError(`${where}.at: a structure of ${layout.bytes} bytes does not lie at ${hex(at)}`);
  const raw = contentOf(layout, item.raw[what], `${where}.${what}`);
  if (layout.bytes < 8) throw new FormatError(`${where}: entries of ${layout.bytes} bytes are written by "words", two in one`);
  return Array.from({ length: layout.bytes / 8 }, (_, i) => [hex(at + BigInt(8 * i)), hex((raw >> BigInt(64 * i)) & 0xffff_ffff_ffff_ffffn)]);
}

/** A number, or fields by name. */
function contentOf(layout: AnyLayout, value: unknown, where: string): bigint {
  if (typeof value !== 'object' || value === null) {
    return within(word(value, where), layout.bits, where);
  }
  const fields = new Fields(value, where);
  only(fields, where, Object.keys(layout.fields));
  const values = Object.fromEntries(fields.keys().map((name) => [name, valueOf(layout.fields[name], fields.raw[name], `${where}.${name}`)]));
  try {
    return layout.encode(values);
  } catch (error) {
    if (error instanceof RangeError) throw new FormatError(`${where}: ${error.message}`);
    throw error;
  }
}

function valueOf(field: Field | undefined, value: unknown, where: string): never {
  // The layout checks what it is given; a value only has to be of the field's type.
  const typed = (): unknown => {
    switch (field?.kind) {
      case 'flag':
        return value === 0 ? false : value === 1 ? true : value;
      case 'uint':
        return Number(word(value, where));
      case 'wide':
      case 'frame':
        return word(value, where);
      case 'choice':
      case undefined:
        return value;
    }
  };
  return typed() as never;
}

function stepOf(step: Fields, sourceBits: number, where: string): Step {
  if (step.has('store')) {
    only(step, where, ['store', 'word']);
    return { kind: 'store', address: step.word('store'), word: step.word('word') };
  }
  only(step, where, ['by', 'process', 'type', 'write', 'execute', 'privileged', 'noWrite', 'address']);
  const type = step.has('type') ? step.text('type') : 'untranslated';
  if (type !== 'untranslated' && type !== 'ats' && type !== 'translated') throw new FormatError(`${where}.type: "${type}" is none of untranslated, ats, translated`);
  const is = (key: string): boolean => {
    const value = step.raw[key] ?? false;
    if (typeof value !== 'boolean') throw new FormatError(`${where}.${key}: expected true or false`);
    return value;
  };
  const id = (key: string, bits: number): number => Number(within(step.word(key), bits, `${where}.${key}`));
  return { kind: 'request', device: id('by', sourceBits), process: step.has('process') ? id('process', PROCESS_BITS) : null, type, write: is('write'), execute: is('execute'), privileged: is('privileged'), noWrite: is('noWrite'), address: step.word('address') };
}

function only(fields: Fields, where: string, known: readonly string[]): void {
  for (const key of fields.keys()) if (!known.includes(key)) throw new FormatError(`${where}: unknown key "${key}"; expected ${known.join(', ')}`);
}
