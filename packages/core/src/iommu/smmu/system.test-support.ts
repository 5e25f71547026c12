// SPDX-License-Identifier: Apache-2.0
/**
 * A small system around a unit that has everything: one stream, descriptors for
 * four substreams, stage 1 over 39 bits, stage 2 that maps the first GiB onto
 * itself, three queues of four entries.
 */
import type { Repair } from '../../mmu/format.ts';
import { PlainMemory } from '../../mmu/plain-memory.ts';
import type { DmaAnswer, DmaRequest, UnitMessage } from '../unit.ts';
import type { CacheGeometry } from '../../mmu/cache.ts';
import { smmuFeatures, type SmmuFeatures } from './features.ts';
import { Event } from './records.ts';
import { Idr0, Idr1, Idr3, Idr5, OFFSET, QueueBase } from './registers.ts';
import { ContextDescriptor, StreamTableEntry } from './structures.ts';
import { SmmuUnit } from './unit.ts';

export const EVERYTHING = {
  idr0: Idr0.encode({ S2P: true, S1P: true, TTF: 2, COHACC: true, HTTU: 2, Hyp: true, ATS: true, ASID16: true, MSI: true, SEV: true, PRI: true, VMID16: true, CD2L: true, TTENDIAN: 0, ATSRECERR: true, ST_LEVEL: 1 }),
  idr1: Idr1.encode({ SIDSIZE: 16, SSIDSIZE: 20, PRIQS: 7, EVENTQS: 7, CMDQS: 7, ATTR_PERMS_OVR: true }),
  idr3: Idr3.encode({ HAD: true, XNX: true, FWB: true, RIL: true, E0PD: true }),
  idr5: Idr5.encode({ OAS: 4, GRAN4K: true, GRAN16K: true, GRAN64K: true, STALL_MAX: 2 }),
};
export const FULL: SmmuFeatures = smmuFeatures(Number(EVERYTHING.idr0), Number(EVERYTHING.idr1), Number(EVERYTHING.idr5), Number(EVERYTHING.idr3));

export const STREAM = 0x28;
export const ADDRESS = 0x1234_5678n;
export const PAGE = 0x7000n;
export const REACHED = PAGE | (ADDRESS & 0xfffn);
export const AT = {
  streams: 0x10_0000n,
  entry: 0x10_0000n + 0x28n * 64n,
  contexts: 0x11_0000n,
  second: 0x12_0000n,
  first: 0x13_0000n,
  commands: 0x20_0000n,
  events: 0x21_0000n,
  pages: 0x22_0000n,
} as const;

export type Ste = Parameters<typeof StreamTableEntry.encode>[0];
export type Cd = Parameters<typeof ContextDescriptor.encode>[0];

export const STE: Ste = { V: true, Config: 5, S1ContextPtr: AT.contexts / 64n, S2AA64: true, S2T0SZ: 25, S2SL0: 1, S2PS: 4, S2R: true, S2VMID: 9, S2TTB: AT.second / 16n };
export const CD: Cd = { V: true, AA64: true, A: true, R: true, T0SZ: 25, T1SZ: 25, TG1: 2, EPD1: true, IPS: 4, ASID: 3, TTB0: AT.first / 16n, TTB1: AT.first / 16n };

/** Where the stage-1 entries of an address are, root first. */
export const path = (address: bigint, root: bigint = AT.first): [bigint, bigint, bigint] => [root + ((address >> 30n) & 0x1ffn) * 8n, root + 0x1000n + ((address >> 21n) & 0x1ffn) * 8n, root + 0x2000n + ((address >> 12n) & 0x1ffn) * 8n];

export interface SystemOptions {
  readonly ste?: Ste;
  readonly cd?: Cd;
  readonly features?: SmmuFeatures;
  readonly caches?: CacheGeometry;
}

export class System {
  readonly memory = new PlainMemory([[0n, 1n << 30n]]);
  readonly unit: SmmuUnit;
  readonly messages: UnitMessage[] = [];
  readonly wires: string[] = [];
  readonly first = path(ADDRESS);

  constructor({ ste = {}, cd = {}, features = FULL, caches }: SystemOptions = {}) {
    this.ste(ste);
    for (let i = 0; i < 4; i += 1) this.cd(cd, i);
    this.memory.poke(AT.second, 0x7fdn);
    this.map(ADDRESS, PAGE | 0x443n);
    this.unit = new SmmuUnit(this.memory, { features, spans: 'exact', ...(caches === undefined ? {} : { caches: { tlb: caches, configuration: caches } }) }, { send: (message) => this.messages.push(message), wire: (cause) => this.wires.push(cause) });
    const base = (at: bigint): bigint => QueueBase.encode({ LOG2SIZE: 2, ADDR: at / 32n });
    this.write('CR2', 2n);
    this.unit.writeRegister(OFFSET.CMDQ_BASE, 8, base(AT.commands));
    this.unit.writeRegister(OFFSET.EVENTQ_BASE, 8, base(AT.events));
    this.unit.writeRegister(OFFSET.PRIQ_BASE, 8, base(AT.pages));
    this.unit.writeRegister(OFFSET.STRTAB_BASE, 8, AT.streams);
    this.write('STRTAB_BASE_CFG', 8n);
    this.write('IRQ_CTRL', 7n);
    this.write('CR0', 0xfn);
  }

  ste(over: Ste, stream = STREAM): void {
    this.memory.put(AT.streams + BigInt(stream) * 64n, StreamTableEntry.encode({ ...STE, ...over }), 8);
  }

  cd(over: Cd, index = 0): void {
    this.memory.put(AT.contexts + BigInt(index) * 64n, ContextDescriptor.encode({ ...CD, ...over }), 8);
  }

  /** A page of stage 1 through three tables behind `root`. */
  map(address: bigint, entry: bigint, root: bigint = AT.first): void {
    const [one, two, three] = path(address, root);
    this.memory.poke(one, (root + 0x1000n) | 3n);
    this.memory.poke(two, (root + 0x2000n) | 3n);
    this.memory.poke(three, entry);
  }

  write(register: keyof typeof OFFSET, value: bigint): void {
    this.unit.writeRegister(OFFSET[register], 4, value);
  }

  read(register: keyof typeof OFFSET): bigint {
    return this.unit.readRegister(OFFSET[register], 4);
  }

  serve(over: Partial<DmaRequest> = {}): DmaAnswer {
    return this.unit.serve(request(over));
  }

  /** Address reached, or what happened instead. The access lands at once. */
  outcome(over: Partial<DmaRequest> = {}): string {
    const answer = this.serve(over);
    if (answer.kind === 'memory') {
      this.unit.landed(answer.ticket);
      return `0x${answer.address.toString(16)}`;
    }
    return answer.kind === 'refused' ? answer.status : answer.kind;
  }

  /** Puts commands at PROD and runs until the queue is empty, waits or fails. */
  command(...raws: readonly bigint[]): 'ran' | 'waiting' | 'idle' {
    for (const raw of raws) {
      const prod = Number(this.read('CMDQ_PROD'));
      this.memory.put(AT.commands + BigInt(prod & 3) * 16n, raw, 2);
      this.write('CMDQ_PROD', BigInt((prod + 1) & 7));
      let done = this.unit.step();
      while (done === 'ran') done = this.unit.step();
      if (done === 'waiting') return done;
    }
    return 'idle';
  }

  /** Records between CONS and PROD, and takes them. */
  events(): ReturnType<typeof Event.decode>[] {
    const out: ReturnType<typeof Event.decode>[] = [];
    const prod = Number(this.read('EVENTQ_PROD') & 7n);
    let cons = Number(this.read('EVENTQ_CONS') & 7n);
    for (; cons !== prod; cons = (cons + 1) & 7) {
      let raw = 0n;
      for (let i = 0n; i < 4n; i += 1n) raw |= this.memory.peek(AT.events + BigInt(cons & 3) * 32n + 8n * i) << (64n * i);
      out.push(Event.decode(raw));
    }
    this.write('EVENTQ_CONS', (this.read('EVENTQ_CONS') & 0x8000_0000n) | BigInt(cons));
    return out;
  }

  /** Errors that software has not acknowledged. */
  get active(): bigint {
    return this.read('GERROR') ^ this.read('GERRORN');
  }

  acknowledge(): void {
    this.write('GERRORN', this.read('GERROR'));
  }
}

/** The edit that a rule names, made in the structure at `entry`. */
export function mend(memory: PlainMemory, entry: bigint, { set = 0n, clear = 0n }: Repair): void {
  for (let i = 0n; (set | clear) >> (64n * i) !== 0n; i += 1n) {
    const part = (bits: bigint): bigint => BigInt.asUintN(64, bits >> (64n * i));
    memory.poke(entry + 8n * i, (memory.peek(entry + 8n * i) & ~part(clear)) | part(set));
  }
}

export const request = (over: Partial<DmaRequest> = {}): DmaRequest => ({ source: STREAM, pasid: null, type: 'untranslated', write: false, execute: false, privileged: false, noWrite: true, address: ADDRESS, ...over });
