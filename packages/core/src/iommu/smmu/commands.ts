// SPDX-License-Identifier: Apache-2.0
/**
 * The command queue: fetch, check, do, one command a step. A command that fails
 * stays where it is until software has acknowledged the error; it is fetched
 * again then (IHI 0070, 7.1). A SYNC waits for completions of devices and for
 * accesses that were translated before the invalidations it completes.
 */
import { wordOf } from '../../mmu/word.ts';
import type { Bus } from '../bus.ts';
import type { InFlight } from '../in-flight.ts';
import type { UnitMessage } from '../unit.ts';
import { AtcInvalidateCommand, ConfigurationCommand, ConfigurationRangeCommand, PageResponseCommand, PrefetchCommand, ResumeCommand, StallTermCommand, SyncCommand, TlbCommand } from './commands-layout.ts';
import type { Configuration } from './configuration.ts';
import type { SmmuFeatures } from './features.ts';
import type { Ring } from './ring.ts';
import { isNamed, type Target, type Tlb, type Translation } from './tlb.ts';

/** CMDQ_CONS.ERR. */
export const COMMAND_ERRORS = { illegal: 1, abort: 2, invalidation: 3 } as const;

/** How many ATC invalidations a function may have open: PCIe numbers them with 5 bits. */
const TAGS = 32;

export interface CommandSurroundings {
  readonly bus: Bus;
  readonly features: SmmuFeatures;
  readonly configuration: Configuration;
  readonly tlb: Tlb | null;
  readonly inFlight: InFlight;
  enabled(): boolean;
  /** CR2.E2H. */
  e2h(): boolean;
  send(message: UnitMessage): void;
  resume(source: number, tag: number, action: 'retry' | 'abort' | 'zero'): void;
  terminate(source: number): void;
  /** A SYNC is done: `address` 0 means there is no message. */
  synced(signal: 'interrupt' | 'event', address: number, data: number): void;
  prefetch(source: number, substream: number | null, address: bigint | null): void;
}

type Done = 'done' | 'wait' | typeof COMMAND_ERRORS.illegal | typeof COMMAND_ERRORS.invalidation;
const ILLEGAL = COMMAND_ERRORS.illegal;

export class Commands {
  readonly #ring: Ring;
  readonly #around: CommandSurroundings;
  /** ATC invalidations on their way: the function that each tag was sent to. */
  readonly #open = new Map<number, number>();
  #timedOut = false;
  /** Accesses that left up to then must be through before a SYNC is. */
  #moment: number | null = null;
  /** A fetched command that waits. */
  #kept: bigint | null = null;
  /** What a SYNC does once it is consumed. */
  #signal: (() => void) | null = null;

  constructor(ring: Ring, around: CommandSurroundings) {
    this.#ring = ring;
    this.#around = around;
  }

  /** The queue was switched off, or restarts after an error: what was fetched is dropped. */
  drop(): void {
    this.#kept = null;
  }

  /** Runs the next command. A number is an error; nothing was consumed then. */
  step(): 'ran' | 'waiting' | typeof COMMAND_ERRORS.illegal | typeof COMMAND_ERRORS.abort | typeof COMMAND_ERRORS.invalidation {
    const raw = this.#kept ?? this.#fetch();
    if (raw === null) return COMMAND_ERRORS.abort;
    const done = this.#perform(raw);
    this.#kept = done === 'wait' ? raw : null;
    if (done === 'wait') return 'waiting';
    if (done !== 'done') return done;
    this.#ring.taken();
    const signal = this.#signal;
    this.#signal = null;
    signal?.();
    return 'ran';
  }

  #fetch(): bigint | null {
    const { bus } = this.#around;
    const at = this.#ring.tail;
    if (bus.load('command queue', Math.floor(at / 4096), at % 4096, 16, false) !== 'ok') return null;
    return (wordOf(bus.data[2] ?? 0, bus.data[3] ?? 0) << 64n) | wordOf(bus.data[0] ?? 0, bus.data[1] ?? 0);
  }

  /** A function completed an invalidation: what it had in flight was pushed ahead of the completion. */
  completed(source: number, tag: number): void {
    if (this.#open.get(tag) !== source) return;
    this.#open.delete(tag);
    this.#moment = this.#around.inFlight.now;
  }

  timedOut(tag: number): void {
    if (this.#open.delete(tag)) this.#timedOut = true;
  }

  /** Opcodes: 4.1.1. What is not here is reserved, secure, or not built in. */
  #perform(raw: bigint): Done {
    const { features } = this.#around;
    switch (Number(raw & 0xffn)) {
      case 0x01:
      case 0x02:
        return this.#prefetch(raw);
      case 0x03:
        return this.#forgetStream(raw);
      case 0x04:
        return this.#forgetStreams(raw);
      case 0x05:
      case 0x06:
        return features.stage1 ? this.#forgetContexts(raw) : ILLEGAL;
      case 0x10:
      case 0x11:
      case 0x12:
      case 0x13:
        return features.stage1 ? this.#forgetTranslations(raw) : ILLEGAL;
      case 0x20:
      case 0x21:
      case 0x22:
      case 0x23:
        return features.stage1 && features.hypervisor ? this.#forgetTranslations(raw) : ILLEGAL;
      case 0x28:
      case 0x2a:
        return features.stage2 ? this.#forgetTranslations(raw) : ILLEGAL;
      case 0x30:
        return this.#forgetTranslations(raw);
      case 0x40:
        return features.ats ? this.#invalidateDevice(raw) : ILLEGAL;
      case 0x41:
        return features.pri ? this.#answerPageRequests(raw) : ILLEGAL;
      case 0x44:
        return features.stalls === 'never' ? ILLEGAL : this.#resume(raw);
      case 0x45:
        return features.stalls === 'never' ? ILLEGAL : this.#terminate(raw);
      case 0x46:
        return this.#sync(raw);
      default:
        return ILLEGAL;
    }
  }

  /** 4.2. A hint; what it finds wrong is not told. */
  #prefetch(raw: bigint): Done {
    const { opcode, SSec, SSV, SSID, SID, SIZE, STRIDE, ADDR } = PrefetchCommand.decode(raw);
    if (PrefetchCommand.strayBits(raw) !== 0n || SSec) return ILLEGAL;
    if (opcode === 1 && (SIZE !== 0 || STRIDE !== 0 || ADDR !== 0n)) return ILLEGAL;
    if (!this.#around.enabled()) return 'done';
    const substream = SSV ? SSID : null;
    if (opcode === 1) this.#around.prefetch(SID, substream, null);
    // More than the TLB is likely to hold would only push itself out again.
    else for (let i = 0n; i < 1n << BigInt(Math.min(4, SIZE)); i += 1n) this.#around.prefetch(SID, substream, BigInt.asUintN(64, (ADDR << 12n) + ((i << BigInt(STRIDE)) << 12n)));
    return 'done';
  }

  #forgetStream(raw: bigint): Done {
    const { SSec, SSID, SID, Leaf } = ConfigurationCommand.decode(raw);
    if (ConfigurationCommand.strayBits(raw) !== 0n || SSec || SSID !== 0) return ILLEGAL;
    this.#around.configuration.forgetStreams(SID, 0, Leaf);
    return this.#invalidated();
  }

  #forgetStreams(raw: bigint): Done {
    const { SSec, SID, RANGE } = ConfigurationRangeCommand.decode(raw);
    if (ConfigurationRangeCommand.strayBits(raw) !== 0n || SSec) return ILLEGAL;
    this.#around.configuration.forgetStreams(SID - (SID % 2 ** (RANGE + 1)), RANGE + 1, false);
    return this.#invalidated();
  }

  #forgetContexts(raw: bigint): Done {
    const { opcode, SSec, SSID, SID, Leaf } = ConfigurationCommand.decode(raw);
    if (ConfigurationCommand.strayBits(raw) !== 0n || SSec) return ILLEGAL;
    if (opcode === 0x05) this.#around.configuration.forgetContext(SID, SSID, Leaf);
    else if (SSID !== 0 || Leaf) return ILLEGAL;
    else this.#around.configuration.forgetContexts(SID);
    return this.#invalidated();
  }

  /** 4.4: by world, VMID, ASID, address; fields that a command does not have must be 0. */
  #forgetTranslations(raw: bigint): Done {
    const command = TlbCommand.decode(raw);
    const { opcode, VMID, ASID } = command;
    const has = FIELDS[opcode] ?? '';
    if (TlbCommand.strayBits(raw) !== 0n || (!has.includes('v') && VMID !== 0) || (!has.includes('s') && ASID !== 0)) return ILLEGAL;
    const target = has.includes('a') ? this.#target(command) : null;
    if (target === ILLEGAL || (target === null && (command.ADDR !== 0n || command.Leaf || command.TG !== 0 || command.TTL !== 0 || command.NUM !== 0 || command.SCALE !== 0))) return ILLEGAL;
    // VMIDs tag what EL1 owns only where there is a stage 2 (4.4.2).
    const machine = (entry: Translation): boolean => entry.world === 'el1' && (!this.#around.features.stage2 || entry.vmid === VMID);
    const space = (entry: Translation): boolean => entry.global || entry.asid === ASID;
    const e2h = this.#around.e2h();
    const world = (entry: Translation): boolean => entry.world === (e2h ? 'el2-e2h' : 'el2');
    this.#around.tlb?.forget((entry, line) => {
      const first = entry.first !== null;
      const named = target === null || ((leaf) => leaf !== null && isNamed(target, leaf, line))(opcode === 0x2a ? entry.second : entry.first);
      switch (opcode) {
        case 0x10:
          return first && machine(entry);
        case 0x11:
          return first && machine(entry) && !entry.global && entry.asid === ASID;
        case 0x12:
          return first && machine(entry) && space(entry) && named;
        case 0x13:
          return first && machine(entry) && named;
        case 0x20:
          return entry.world !== 'el1';
        case 0x21:
          return entry.world === 'el2-e2h' && !entry.global && entry.asid === ASID;
        case 0x22:
          return world(entry) && (!e2h || space(entry)) && named;
        case 0x23:
          return world(entry) && named;
        case 0x28:
          return machine(entry);
        // Entries of both stages are not found by guest address (4.4.3.1).
        case 0x2a:
          return !first && machine(entry) && named;
        default:
          return entry.world === 'el1';
      }
    });
    return this.#invalidated();
  }

  /** 4.4.1.1. Without TG one address, with it a range. */
  #target(command: ReturnType<typeof TlbCommand.decode>): Target | typeof ILLEGAL {
    const { ADDR, NUM, SCALE, TTL, TG, opcode } = command;
    const page = opcode === 0x2a ? Number(ADDR) : Number(ADDR % (1n << 44n));
    if (TG === 0) return NUM !== 0 || SCALE !== 0 || TTL !== 0 ? ILLEGAL : { first: page, frames: 1, granule: null, level: null };
    if (!this.#around.features.ranges) return ILLEGAL;
    // Level 1 of 16 KiB tables has no blocks: as if it were not given.
    const level = TTL === 0 || (TTL === 1 && TG === 2) ? null : TTL;
    if (NUM === 0 && SCALE === 0 && level === null) return ILLEGAL;
    const granule = ([12, 14, 16] as const)[TG - 1] ?? 12;
    return { first: page, frames: (NUM + 1) * 2 ** SCALE * 2 ** (granule - 12), granule, level };
  }

  /** 4.5.1. */
  #invalidateDevice(raw: bigint): Done {
    const { G, SSV, SSID, SID, SIZE, ADDR } = AtcInvalidateCommand.decode(raw);
    if (AtcInvalidateCommand.strayBits(raw) !== 0n || SIZE > 52) return ILLEGAL;
    if (!this.#around.enabled()) return 'done';
    let tag = 0;
    while (this.#open.has(tag)) tag += 1;
    if (tag >= TAGS) return 'wait';
    this.#open.set(tag, SID);
    // Without substreams a PASID is not sent.
    const pasid = SSV && this.#around.features.substreamBits > 0 ? SSID : null;
    const span = BigInt(12 + SIZE);
    this.#around.send({ kind: 'invalidate', source: SID, pasid, tag, address: ((ADDR << 12n) >> span) << span, span: 12 + SIZE, global: G && pasid !== null });
    return 'done';
  }

  /** 4.5.2. */
  #answerPageRequests(raw: bigint): Done {
    const { SSV, SSID, SID, GRPID, RESP } = PageResponseCommand.decode(raw);
    const code = (['failure', 'invalid', 'success'] as const)[RESP];
    if (PageResponseCommand.strayBits(raw) !== 0n || code === undefined) return ILLEGAL;
    if (this.#around.enabled()) this.#around.send({ kind: 'page-response', source: SID, pasid: SSV && this.#around.features.substreamBits > 0 ? SSID : null, group: GRPID, code });
    return 'done';
  }

  /** 4.7.1. A tag that no transaction of the stream has is no error. */
  #resume(raw: bigint): Done {
    const { SSec, Ac, Ab, SID, STAG } = ResumeCommand.decode(raw);
    if (ResumeCommand.strayBits(raw) !== 0n || SSec) return ILLEGAL;
    this.#around.resume(SID, STAG, Ac ? 'retry' : Ab || this.#around.features.abortsOnly ? 'abort' : 'zero');
    return 'done';
  }

  #terminate(raw: bigint): Done {
    const { SSec, SID } = StallTermCommand.decode(raw);
    if (StallTermCommand.strayBits(raw) !== 0n || SSec) return ILLEGAL;
    this.#around.terminate(SID);
    return 'done';
  }

  /** 4.7.3. */
  #sync(raw: bigint): Done {
    const { CS, MSIADDR, MSIDATA } = SyncCommand.decode(raw);
    if (SyncCommand.strayBits(raw) !== 0n || CS === 3) return ILLEGAL;
    if (this.#open.size > 0) return 'wait';
    if (this.#timedOut) {
      this.#timedOut = false;
      return COMMAND_ERRORS.invalidation;
    }
    if (this.#moment !== null && !this.#around.inFlight.through(this.#moment)) return 'wait';
    this.#moment = null;
    if (CS !== 0) this.#signal = () => this.#around.synced(CS === 1 ? 'interrupt' : 'event', Number(MSIADDR) * 4, MSIDATA);
    return 'done';
  }

  #invalidated(): Done {
    this.#moment = this.#around.inFlight.now;
    return 'done';
  }
}

/** What each command has: v a VMID, s an ASID, a an address. */
const FIELDS: Readonly<Record<number, string>> = { 0x10: 'v', 0x11: 'vs', 0x12: 'vsa', 0x13: 'va', 0x20: '', 0x21: 's', 0x22: 'sa', 0x23: 'a', 0x28: 'v', 0x2a: 'va', 0x30: '' };
