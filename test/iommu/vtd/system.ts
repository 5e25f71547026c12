// SPDX-License-Identifier: Apache-2.0
/** One device, one PASID, one page behind a VT-d unit: everything in it may be changed before it is used. */
import type { UnitMessage } from '@dmalab/core/iommu/unit';
import { PlainMemory } from '@dmalab/core/mmu/plain-memory';
import type { VtdCaching } from '@dmalab/core/iommu/vtd/caches';
import { Capability, ExtendedCapability } from '@dmalab/core/iommu/vtd/capabilities';
import type { VtdRequest } from '@dmalab/core/iommu/vtd/contexts';
import { GlobalCommand, InvalidationQueueAddress, OFFSET, RootTableAddress } from '@dmalab/core/iommu/vtd/registers';
import { ContextEntry, FirstStageEntry, PasidDirectoryEntry, PasidEntry, RootEntry, ScalableContextEntry, ScalableRootEntry, SecondStageEntry } from '@dmalab/core/iommu/vtd/structures';
import { VtdUnit, type VtdAnswer } from '@dmalab/core/iommu/vtd/unit';

export type Stages = 'first' | 'second' | 'nested' | 'pass' | 'legacy' | 'legacy-pass';
type Cap = Parameters<typeof Capability.encode>[0];
type Ecap = Parameters<typeof ExtendedCapability.encode>[0];

export const CAP: Cap = { ND: 6, SAGAW: 0b1110, MGAW: 56, SSLPS: 3, FS1GP: true, FS5LP: true, NFR: 1, FRO: 0x40, PSI: true, MAMV: 18, DRD: true, DWD: true };
export const ECAP: Ecap = { QI: true, DT: true, PT: true, SMTS: true, SRS: true, ERS: true, NEST: true, SSTS: true, FSTS: true, PASID: true, SSADS: true, EAFS: true, NWFS: true, PRS: true, PDS: true, PSS: 19, IRO: 0x50 };
export const SOURCE = 0x0128;
export const PASID = 0x1_2345;
export const DOMAIN = 9;
export const ADDRESS = 0x12_3456_7abcn;

/** Where things lie, as frames. */
export const ROOT = 0x10n;
const CONTEXTS = 0x11n;
const PASIDS = 0x13n;
export const FIRST = 0x20n;
export const SECOND = 0x40n;
export const QUEUE = 0x60n;
export const PAGES = 0x68n;
export const STATUS = 0x70n;
const DIRECTORY = 0x400n;
export const PAGE = 0x777n;
export const OTHER = 0x778n;
export const REACHED = (PAGE << 12n) | (ADDRESS & 0xfffn);
export const MOVED = (OTHER << 12n) | (ADDRESS & 0xfffn);

/** Small, and yet nothing is pushed out by accident. */
export const CACHES: VtdCaching = {
  context: { sets: 1, ways: 8, policy: 'lru' },
  pasid: { sets: 1, ways: 8, policy: 'lru' },
  iotlb: { sets: 1, ways: 16, policy: 'lru' },
  paging: { sets: 1, ways: 32, policy: 'lru' },
};

/** Memory that may refuse to change a word. */
export class Memory extends PlainMemory {
  readonly unchangeable = new Set<bigint>();

  override exchange(frame: number, offset: number, bytes: number, low: number, high: number, newLow: number, newHigh: number): ReturnType<PlainMemory['exchange']> {
    if (this.unchangeable.has((BigInt(frame) << 12n) | BigInt(offset))) return 'denied';
    return super.exchange(frame, offset, bytes, low, high, newLow, newHigh);
  }
}

export interface System {
  readonly memory: Memory;
  readonly unit: VtdUnit;
  readonly messages: UnitMessage[];
  /** Addresses of the entries on the way, root first. */
  readonly first: readonly bigint[];
  readonly second: readonly bigint[];
  readonly root: bigint;
  readonly context: bigint;
  readonly directory: bigint;
  readonly pasid: bigint;
}

export interface SystemOptions {
  /** Of the PASID-table entry. */
  readonly entry?: Parameters<typeof PasidEntry.encode>[0];
  readonly levels?: 4 | 5;
  readonly cap?: Cap;
  readonly ecap?: Ecap;
  readonly caches?: VtdCaching;
  readonly outside?: { readonly flushWriteBuffers?: () => void; readonly pageRequestsOnTheWay?: () => boolean };
}

/** ADDRESS reaches PAGE. Nested: every guest frame below 16 MiB is its own host frame. The unit is switched on. */
export function system(stages: Stages, options: SystemOptions = {}): System {
  const memory = new Memory();
  const legacy = stages.startsWith('legacy');
  const root = (ROOT << 12n) + BigInt(SOURCE >> 8) * 16n;
  memory.put(root, legacy ? RootEntry.encode({ P: true, CTP: CONTEXTS }) : ScalableRootEntry.encode({ LP: true, LCTP: CONTEXTS }), 2);
  const context = (CONTEXTS << 12n) + (legacy ? BigInt(SOURCE & 0xff) * 16n : BigInt(SOURCE & 0x7f) * 32n);
  const directory = (DIRECTORY << 12n) + BigInt(PASID >> 6) * 8n;
  const pasid = (PASIDS << 12n) + BigInt(PASID & 63) * 64n;
  const levels = options.levels ?? 4;
  if (legacy) memory.put(context, ContextEntry.encode({ P: true, TT: stages === 'legacy' ? 1 : 2, AW: 2, SSPTPTR: SECOND, DID: DOMAIN }), 2);
  else {
    memory.put(context, ScalableContextEntry.encode({ P: true, DTE: true, PASIDE: true, PRE: true, PDTS: 7, PASIDDIRPTR: DIRECTORY, RID_PASID: PASID }), 4);
    memory.poke(directory, PasidDirectoryEntry.encode({ P: true, SMPTBLPTR: PASIDS }));
    const kinds = { first: 1, second: 2, nested: 3, pass: 4, legacy: 0, 'legacy-pass': 0 } as const;
    memory.put(pasid, PasidEntry.encode({ P: true, AW: 2, PGTT: kinds[stages], SSPTPTR: SECOND, FSPTPTR: FIRST, FSPM: levels - 4, DID: DOMAIN, ...options.entry }), 8);
  }
  const first: bigint[] = [];
  for (let level = levels - 1; level >= 0; level -= 1) {
    const at = ((FIRST + BigInt(levels - 1 - level)) << 12n) + ((ADDRESS >> BigInt(12 + 9 * level)) & 0x1ffn) * 8n;
    first.push(at);
    memory.poke(at, FirstStageEntry.encode({ P: true, RW: true, US: true, address: level === 0 ? PAGE : FIRST + BigInt(levels - level) }));
  }
  const second = stages === 'nested' ? identity(memory) : secondStage(memory);
  const messages: UnitMessage[] = [];
  const unit = new VtdUnit(
    memory,
    { capability: Capability.encode({ ...CAP, ...options.cap }), extended: ExtendedCapability.encode({ ...ECAP, ...options.ecap }), hostBits: 46, ...(options.caches === undefined ? {} : { caches: options.caches }) },
    { send: (message) => messages.push(message), wire: () => undefined, ...options.outside },
  );
  unit.writeRegister(OFFSET.RTADDR, 8, RootTableAddress.encode({ TTM: legacy ? 0 : 1, RTA: ROOT }));
  unit.writeRegister(OFFSET.IQA, 8, InvalidationQueueAddress.encode({ DW: !legacy, IQA: QUEUE }));
  unit.writeRegister(OFFSET.GCMD, 4, GlobalCommand.encode({ SRTP: true, TE: true, QIE: true }));
  return { memory, unit, messages, first, second, root, context, directory, pasid };
}

function secondStage(memory: PlainMemory): bigint[] {
  return [3, 2, 1, 0].map((level) => {
    const at = ((SECOND + BigInt(3 - level)) << 12n) + ((ADDRESS >> BigInt(12 + 9 * level)) & 0x1ffn) * 8n;
    memory.poke(at, SecondStageEntry.encode({ R: true, W: true, address: level === 0 ? PAGE : SECOND + BigInt(4 - level) }));
    return at;
  });
}

/** Root, 1 GiB table, and 2 MiB pages. */
function identity(memory: PlainMemory): bigint[] {
  memory.poke(SECOND << 12n, SecondStageEntry.encode({ R: true, W: true, address: SECOND + 1n }));
  memory.poke((SECOND + 1n) << 12n, SecondStageEntry.encode({ R: true, W: true, address: SECOND + 2n }));
  for (let i = 0n; i < 8n; i += 1n) memory.poke(((SECOND + 2n) << 12n) + i * 8n, SecondStageEntry.encode({ R: true, W: true, PS: true, address: i << 9n }));
  return [SECOND << 12n, (SECOND + 1n) << 12n, (SECOND + 2n) << 12n];
}

export const request = (over: Partial<VtdRequest> = {}): VtdRequest => ({ sourceId: SOURCE, pasid: PASID, type: 'untranslated', write: false, execute: false, privileged: false, address: ADDRESS, ...over });

export function toggle(memory: PlainMemory, address: bigint | undefined, bits: bigint): void {
  const at = address ?? 0n;
  memory.poke(at, memory.peek(at) ^ bits);
}

/** The address reached, or the reason in hex. */
export function outcome(answer: VtdAnswer): bigint | string {
  switch (answer.kind) {
    case 'translated':
    case 'interrupt':
      return answer.address;
    case 'denied':
    case 'refused':
      return answer.fault.reason.toString(16).padStart(2, '0');
    case 'aborted':
      return 'aborted';
  }
}

export const ask = (s: System, over: Partial<VtdRequest> = {}): bigint | string => outcome(s.unit.translate(request(over)));
/** Requests of a legacy system carry no PASID. */
export const bare = (stages: Stages): Partial<VtdRequest> => (stages.startsWith('legacy') ? { pasid: null } : {});

/** The page of the device moves: the leaf of its tables leads elsewhere. */
export function remap(s: System, to = OTHER): void {
  const leaf = (s.unit.features.ecap.FSTS && s.memory.peek(s.first[3] ?? 0n) !== 0n ? s.first : s.second).at(-1) ?? 0n;
  s.memory.poke(leaf, (s.memory.peek(leaf) & ~(0xff_ffff_ffffn << 12n)) | (to << 12n));
}

/** Puts descriptors behind each other and runs the queue until it has nothing to do, or waits. */
export class Submitter {
  #tail = 0n;
  readonly #system: System;
  readonly #bytes: bigint;

  constructor(of: System, bytes: 16 | 32 = 32) {
    this.#system = of;
    this.#bytes = BigInt(bytes);
  }

  put(...descriptors: readonly bigint[]): void {
    for (const raw of descriptors) {
      this.#system.memory.put((QUEUE << 12n) + this.#tail, raw, Number(this.#bytes / 8n));
      this.#tail = (this.#tail + this.#bytes) % 4096n;
    }
    this.#system.unit.writeRegister(OFFSET.IQT, 8, this.#tail);
  }

  run(): 'waiting' | 'idle' {
    for (;;) {
      const done = this.#system.unit.step();
      if (done !== 'ran') return done;
    }
  }

  submit(...descriptors: readonly bigint[]): 'waiting' | 'idle' {
    this.put(...descriptors);
    return this.run();
  }
}
