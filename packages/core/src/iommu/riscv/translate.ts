// SPDX-License-Identifier: Apache-2.0
/**
 * "Process to translate an IOVA", step by step. The object holds what the last
 * request found, so that one which ends well allocates nothing but cache entries.
 * Reporting faults is the unit's business; here they are answers.
 */
import type { EntryCache } from '../../mmu/cache.ts';
import { DIRTIES, EXECUTES, PROBES, READS, SUMS, SUPERVISES, WRITES, type Rule } from '../../mmu/format.ts';
import { CONTIGUOUS_SPAN, isDirty, isGlobal, mayExecute, mayRead, mayWrite, memoryType } from '../../mmu/formats/riscv.ts';
import { addressOf, frameOf } from '../../mmu/word.ts';
import type { Bus } from '../bus.ts';
import type { Caches, Translation } from './caches.ts';
import { accessFault, type AccessKind } from './causes.ts';
import type { Counters } from './counters.ts';
import { deviceTooWide, locateDevice, type Device, type DirectoryRegisters } from './device-directory.ts';
import { fault, type Fault } from './fault.ts';
import { LateContext } from './late-context.ts';
import type { Features } from './features.ts';
import { FlatWalk } from './flat-walk.ts';
import { isInterruptFile, translateMsi, type MsiTarget } from './msi.ts';
import { locateProcess, processTooWide, type Process } from './process-directory.ts';
import { accessKind, ATS, CXL, EXECUTE, fetches, isSupervisor, NO_WRITE, PRIVILEGED, TRANSLATED, WRITE } from './request.ts';
import type { Space } from './space.ts';
import { TwoStage } from './two-stage.ts';

const SECTION = 'RISC-V IOMMU, "Process to translate an IOVA"';
const refusal = (text: string, field = 'request'): Rule => ({ field, bits: '-', text, section: SECTION });
/** A flag of a context that must be set. */
const needs = (text: string, field: string, bit: number): Rule => ({ field, bits: String(bit), text, section: SECTION, repair: { set: 1n << BigInt(bit) } });
const OFF = refusal('ddtp.mode is Off', 'ddtp.mode');
const BARE = refusal('with ddtp.mode Bare only untranslated requests are allowed', 'ddtp.mode');
const DEVICE_BITS = refusal('the device id has bits that are not implemented', 'device_id');
const NO_ATS = needs('ATS and translated requests need EN_ATS', 'tc.EN_ATS', 1);
const NO_PROCESSES = needs('a request with a process id needs PDTV', 'tc.PDTV', 5);
const PROCESS_WIDE: Rule = { ...refusal('the process id has more bits than the directory has levels for', 'fsc.MODE'), bits: '255:252' };
const NO_SUPERVISOR = needs('a supervisor request needs ENS', 'PC.ta.ENS', 1);
const MSI_EXECUTE: Rule = { field: 'X', bits: '-', text: 'an interrupt file is never executed', section: 'RISC-V IOMMU, "Process to translate addresses of MSIs"' };

const NOWHERE = { table: 'request', level: null, entry: null };
const FRAME_BITS = 12;

const [V, R, W, X, U, A, D] = [1, 2, 4, 8, 0x10, 0x40, 0x80] as const;
/** A stage that is Bare permits everything. */
const EVERYTHING = -1;
/** "Permissions … equivalent to that of a second-stage PTE with R=W=U=1 and X=0". */
const MESSAGE_LEAF = V | R | W | U | A | D;

/** By access: what a cached translation must have, and have clear, to serve it. Reads of a clean page may go on; writes have to walk and set D. */
const NEEDS = table((code) => (code & PROBES ? R : (code & READS ? R : 0) | (code & WRITES ? W | D : 0) | (code & EXECUTES ? X : 0)) | (code & SUPERVISES ? 0 : U));
const FORBIDS = table((code) => (code & SUPERVISES && !(code & SUMS && !(code & EXECUTES)) ? U : 0));
function table(of: (code: number) => number): Int32Array {
  return Int32Array.from({ length: 128 }, (_, code) => of(code));
}

/** What an ATS answer permits, in one number. */
export const GRANTS_READ = 1;
export const GRANTS_WRITE = 2;
export const GRANTS_EXECUTE = 4;
export const GRANTS_GLOBAL = 8;

export class Translator {
  readonly stages: TwoStage;
  /** The frame that the request reaches; a guest's where ATS answers with those. Meaningless for a memory-resident interrupt file. */
  frame = 0;
  /** log2 of the bytes around it that translate alike. */
  span = FRAME_BITS;
  memoryType = 0;
  /** Went through the MSI page table; `resident` then says whether to an interrupt file in memory. */
  isMsi = false;
  resident: MsiTarget | null = null;
  /** ATS only. */
  grants = 0;
  /** CXL.io of an ATS answer. */
  cxlIo = false;
  /** Null when the request translated. */
  fault: Fault | null = null;
  /** The context, if the request came so far. */
  device: Device | null = null;
  readonly #features: Features;
  readonly #bus: Bus;
  readonly #caches: Caches;
  readonly #counters: Counters | null;
  readonly #bareSpan: number;
  readonly #reportsContiguous: boolean;
  readonly #qos: boolean;
  /** Null where pointers are cached, which the fast walk knows nothing of. */
  readonly #flat: FlatWalk | null;
  /** Neither counters nor QoS ids. */
  readonly #alone: boolean;
  /** The last answer was of a message or for ATS. */
  #special = false;
  readonly #lateDevice: LateContext<Device>;
  readonly #lateProcess = new LateContext<Process>(4);
  /** The contexts of the last request, and what they are worth: whose they were, and of which state of the caches and registers. */
  #lastDeviceId = -1;
  #lastProcessId = -1;
  #lastDevice: Device | null = null;
  #lastSpace: Space | null = null;
  /** Where its translations are, if they are kept, and under which tag. */
  #lastLook: EntryCache<Translation> | null = null;
  #lastTag = -1;
  #lastSum = 0;
  #lastRegisters: DirectoryRegisters | null = null;
  /** Whether the IOTLB has ever held an entry for all address spaces, which then has to be looked for. */
  #globals = false;

  constructor(features: Features, bus: Bus, caches: Caches, counters: Counters | null) {
    this.#features = features;
    this.#bus = bus;
    this.#caches = caches;
    this.#counters = counters;
    this.#bareSpan = features.options.bareSpan;
    this.#reportsContiguous = features.options.reportsContiguous;
    this.#lateDevice = new LateContext(features.caps.MSI_FLAT ? 16 : 8);
    const forget = (): void => void (this.#lastSpace = null);
    if (caches.devices !== null) caches.devices.changed = forget;
    if (caches.processes !== null) caches.processes.changed = forget;
    this.#qos = features.caps.QOSID;
    this.#flat = caches.firstPointers === null && caches.secondPointers === null ? new FlatWalk(bus.frames) : null;
    this.#alone = counters === null && !this.#qos;
    this.stages = new TwoStage(bus, features.options.switches, caches);
  }

  /** @returns whether it translates; the fields say how, or `fault` why not. Process id -1: none. */
  run(registers: DirectoryRegisters, deviceId: number, processId: number, flags: number, low: number, high: number): boolean {
    this.fault = null;
    this.device = null;
    this.memoryType = 0;
    this.span = FRAME_BITS;
    if (this.#special) {
      this.#special = false;
      this.isMsi = false;
      this.resident = null;
      this.grants = 0;
      this.cxlIo = false;
    }
    if (this.#counters !== null) this.#counters.request(deviceId, processId, flags);
    if (deviceId === this.#lastDeviceId && processId === this.#lastProcessId && registers === this.#lastRegisters && (flags & (ATS | TRANSLATED | PRIVILEGED)) === 0) {
      const space = this.#lastSpace;
      const device = this.#lastDevice;
      if (space !== null && device !== null) {
        this.device = device;
        const look = this.#lastLook;
        const entry = look === null || look.lapses !== null ? null : look.find(this.#lastTag, frameOf(low, high));
        const needs = (flags & WRITE) !== 0 ? U | W | D : (flags & EXECUTE) !== 0 ? U | X : U | R;
        if (entry !== null && entry.span === FRAME_BITS && (entry.both & needs) === needs && !entry.isMsi) {
          this.memoryType = entry.memoryType;
          this.frame = entry.frame;
          return true;
        }
        return this.#translate(registers, device, space, this.#lastSum, processId, flags, low, high);
      }
    }
    return this.#fromStart(registers, deviceId, processId, flags, low, high);
  }

  #fromStart(registers: DirectoryRegisters, deviceId: number, processId: number, flags: number, low: number, high: number): boolean {
    if (registers.mode < 2) {
      if (registers.mode === 0) return this.#refuse(256, OFF);
      return (flags & (ATS | TRANSLATED)) !== 0 ? this.#refuse(260, BARE) : this.#passThrough(low, high);
    }
    const device = this.locate(registers, deviceId);
    if (device.kind === 'fault') return this.#fails(device);
    this.device = device;
    if ((flags & (ATS | TRANSLATED)) !== 0 && !device.enAts) return this.#refuseBy(device, NO_ATS);
    if (processId >= 0) {
      if (device.directory === null) return this.#refuseBy(device, NO_PROCESSES);
      if (processTooWide(device.directory.levels, processId)) return this.#refuseBy(device, this.#wider(processId));
    }
    return this.#withDevice(registers, device, deviceId, processId, flags, low, high);
  }

  /** The next request of the same device and process finds the same contexts, if their caches still hold them. */
  #keepContexts(registers: DirectoryRegisters, deviceId: number, processId: number, device: Device, space: Space, sum: number, fromProcess: boolean): void {
    const { devices, processes } = this.#caches;
    const kept = devices !== null && devices.lapses === null && (!fromProcess || (processes !== null && processes.lapses === null));
    this.#lastSpace = kept ? space : null;
    if (!kept) return;
    this.#lastLook = space.owner.tag < 0 ? null : this.#caches.translations;
    this.#lastTag = space.owner.tag;
    this.#lastDevice = device;
    this.#lastDeviceId = deviceId;
    this.#lastProcessId = processId;
    this.#lastRegisters = registers;
    this.#lastSum = sum;
  }

  #withDevice(registers: DirectoryRegisters, device: Device, deviceId: number, processId: number, flags: number, low: number, high: number): boolean {
    if ((flags & TRANSLATED) !== 0) return device.t2gpa ? this.#translate(registers, device, device.guest, 0, processId, flags, low, high) : this.#passThrough(low, high);
    const asked = processId >= 0 || !device.dpe ? processId : 0;
    if (asked < 0 || device.directory === null || device.directory.levels === 0) {
      this.#keepContexts(registers, deviceId, processId, device, device.space, 0, false);
      return this.#translate(registers, device, device.space, 0, processId, flags, low, high);
    }
    const process = this.#process(device, deviceId, asked, accessKind(flags, processId));
    if (process.kind === 'fault') return this.#fails(process);
    if (!process.ens && isSupervisor(flags, processId)) return this.#fails(fault(260, { table: 'process directory', level: 0, entry: addressOf(process.frame, process.offset), rule: NO_SUPERVISOR }));
    const sum = process.sum ? SUMS : 0;
    this.#keepContexts(registers, deviceId, processId, device, process.space, sum, true);
    return this.#translate(registers, device, process.space, sum, processId, flags, low, high);
  }

  /** The device context, or the fault that hides it. */
  locate(registers: DirectoryRegisters, deviceId: number): Device | Fault {
    this.#lastSpace = null;
    if ((deviceId & ~this.#features.options.deviceMask) !== 0 && !deviceTooWide(this.#features, registers.mode, deviceId)) return fault(260, { ...NOWHERE, rule: DEVICE_BITS });
    const cache = this.#caches.devices;
    if (cache !== null && !deviceTooWide(this.#features, registers.mode, deviceId)) {
      const known = cache.find(0, deviceId);
      if (known !== null) return known;
    }
    const found = locateDevice(this.#features, registers, this.#bus, deviceId, this.#counters, this.#lateDevice);
    if (cache !== null && found.kind !== 'fault') cache.put(0, deviceId, 0, found);
    return found;
  }

  #process(device: Device, deviceId: number, processId: number, kind: AccessKind): Process | Fault {
    const cache = this.#caches.processes;
    const known = cache === null ? null : cache.find(deviceId, processId);
    if (known !== null) return known;
    const { levels, root } = device.directory ?? { levels: 0, root: 0 };
    if (this.#counters !== null) this.#counters.processWalk();
    const walks = this.stages.secondWalks;
    if (this.#qos) this.#bus.asDevice(device.rcid, device.mcid);
    const found = locateProcess(this.#features, this.#bus, this.stages, device.guest, levels, root, processId, kind, this.#lateProcess);
    if (this.#qos) this.#bus.asUnit();
    if (this.#counters !== null) this.#counters.secondWalks(this.stages.secondWalks - walks, device.guest.owner);
    if (cache !== null && found.kind !== 'fault') cache.put(deviceId, processId, 0, found);
    return found;
  }

  #translate(registers: DirectoryRegisters, device: Device, space: Space, sum: number, processId: number, flags: number, low: number, high: number): boolean {
    const code = (CODES[(flags & 127) | (processId >= 0 ? 128 : 0)] ?? 0) | sum;
    const cache = this.#caches.translations;
    const { owner } = space;
    if (cache !== null && owner.tag >= 0) {
      const frame = frameOf(low, high);
      let entry = cache.find(owner.tag, frame);
      if (entry === null && this.#globals) entry = cache.find(owner.globalTag, frame);
      if (entry !== null) {
        if (this.#serves(entry, space, code, flags)) return this.#hit(entry, device, space, processId, flags, frame);
        // An entry that does not permit the access gives way: what the tables say now counts.
        evict(cache, entry);
      }
    }
    return this.#missed(registers, device, space, code, processId, flags, low, high);
  }

  #missed(registers: DirectoryRegisters, device: Device, space: Space, code: number, processId: number, flags: number, low: number, high: number): boolean {
    const { owner } = space;
    if (this.#alone) {
      const memory = (flags & ATS) === 0 && device.msi === null ? this.#bus.flat : null;
      if (memory !== null && this.#flat !== null && this.#flat.both(memory, space, low, high, code, this.stages.tableRead(space))) return this.#arrived(this.#flat, space, low, high);
      return this.#walk(registers, device, space, code, processId, flags, low, high);
    }
    if (owner.tag >= 0) this.#counters?.miss(owner);
    const walks = this.stages.secondWalks;
    this.#bus.asDevice(device.rcid, device.mcid);
    const reached = this.#walk(registers, device, space, code, processId, flags, low, high);
    this.#bus.asUnit();
    if (space.first !== 'bare') this.#counters?.firstWalk(owner);
    this.#counters?.secondWalks(this.stages.secondWalks - walks, owner);
    return reached;
  }

  /** What the fast walk found, whose leaves have no memory type and are not contiguous. */
  #arrived(flat: FlatWalk, space: Space, low: number, high: number): boolean {
    const first = space.first === 'bare' ? this.#bareSpan : flat.firstSpan;
    const second = space.second === 'bare' ? this.#bareSpan : flat.span;
    this.span = first < second ? first : second;
    this.frame = flat.frame;
    if (this.#caches.translations === null) return true;
    this.stages.first.span = flat.firstSpan;
    this.stages.second.span = flat.span;
    this.#remember(space, low, high, flat.frame, flat.guest, space.first === 'bare' ? EVERYTHING : flat.firstLow, space.second === 'bare' ? EVERYTHING : flat.low, space.first !== 'bare' && isGlobal(flat.firstLow | flat.inherited));
    return true;
  }

  #walk(registers: DirectoryRegisters, device: Device, space: Space, code: number, processId: number, flags: number, low: number, high: number): boolean {
    const kind = accessKind(flags, processId);
    const { stages } = this;
    const ats = (flags & ATS) !== 0;
    const first = stages.translateFirst(space, low, high, ats && this.#dirties(flags, space.sade) ? code | DIRTIES : code, kind);
    if (first !== null) return this.#fails(first);
    const guest = stages.guestFrame;
    const firstLow = space.first === 'bare' ? EVERYTHING : stages.first.low;
    let secondLow = EVERYTHING;
    let frame = guest;
    if (space.second !== 'bare') {
      if (device.msi !== null && isInterruptFile(device.msi, guest, this.#patternBits(space.second.inputBits))) return this.#message(registers, device, space, guest, flags, low, high, kind);
      const access = code & ~(SUPERVISES | SUMS);
      const second = stages.translateSecond(space, guest, low & 0xfff, ats && mayDirty(firstLow) && this.#dirties(flags, space.gade) ? access | DIRTIES : access, kind);
      if (second !== null) return this.#fails(second);
      secondLow = stages.second.low;
      frame = stages.second.frame;
      this.memoryType = memoryType(stages.second.high);
    }
    if (space.first !== 'bare' && memoryType(stages.first.high) !== 0) this.memoryType = memoryType(stages.first.high);
    this.#range(device, guest, space);
    this.frame = ats && device.t2gpa ? guest : frame;
    const global = space.first !== 'bare' && isGlobal(firstLow | stages.first.inherited);
    if (ats) this.#grant(device, space, processId, flags, firstLow, secondLow, global);
    if (this.#caches.translations !== null) this.#remember(space, low, high, frame, guest, firstLow, secondLow, global);
    return true;
  }

  /** Whether an ATS request dirties what it may write, in a stage whose hardware may (`updates`) or may not set D. */
  #dirties(flags: number, updates: boolean): boolean {
    const { atsSetsDirty, atsCleanPage } = this.#features.options.switches;
    return (flags & NO_WRITE) === 0 && (updates ? atsSetsDirty === 'yes' : atsCleanPage === 'refuse');
  }

  /** "PCIe ATS translation request handling": what both stages permit of what was asked. */
  #grant(device: Device, space: Space, processId: number, flags: number, first: number, second: number, global: boolean): void {
    this.#special = true;
    const read = mayRead(first) && mayRead(second);
    const write = read && mayDirty(first) && mayDirty(second);
    const userOnly = space.first !== 'bare' && isSupervisor(flags, processId) && (first & U) !== 0;
    const execute = read && fetches(flags, processId) && mayExecute(first) && mayExecute(second) && !userOnly;
    this.grants = (read ? GRANTS_READ : 0) | (write ? GRANTS_WRITE : 0) | (execute ? GRANTS_EXECUTE : 0) | (global && processId >= 0 ? GRANTS_GLOBAL : 0);
    this.cxlIo = (flags & CXL) !== 0 && (device.t2gpa || this.memoryType !== 0);
  }

  /** Frame bits above the guest's own are compared or not, which the text leaves open. */
  #patternBits(guestBits: number): number {
    return this.#features.options.switches.msiPatternAbove === 'compared' ? 64 : guestBits;
  }

  /** The largest range that translates alike: what the smaller leaf maps, less where that holds an interrupt file. */
  #range(device: Device, guest: number, space: Space): void {
    const first = space.first === 'bare' ? this.#bareSpan : this.#reported(this.stages.first.span);
    const second = space.second === 'bare' ? this.#bareSpan : this.#reported(this.stages.second.span);
    this.span = first < second ? first : second;
    if (device.msi === null || space.second === 'bare' || this.#features.options.switches.msiInRange === 'keep') return;
    const bits = this.#patternBits(space.second.inputBits);
    while (this.span > FRAME_BITS && isInterruptFile(device.msi, guest, bits, this.span - FRAME_BITS)) this.span -= 1;
  }

  #reported(walked: number): number {
    return walked === CONTIGUOUS_SPAN && !this.#reportsContiguous ? FRAME_BITS : walked;
  }

  #message(registers: DirectoryRegisters, device: Device, space: Space, guest: number, flags: number, low: number, high: number, kind: AccessKind): boolean {
    if (device.msi === null) return false;
    const target = translateMsi(this.#bus, device.msi, guest, this.#features.caps.MSI_MRIF, registers.be);
    if (target.kind === 'fault') return this.#fails(target);
    if (kind === 'fetch') return this.#fails(fault(accessFault('fetch'), { table: 'MSI page table', level: null, entry: null, rule: MSI_EXECUTE }));
    this.#special = true;
    this.isMsi = true;
    this.resident = target.kind === 'mrif' ? target : null;
    const frame = target.kind === 'mrif' ? 0 : target.frame;
    this.frame = (flags & ATS) !== 0 && device.t2gpa ? guest : frame;
    this.grants = GRANTS_READ | GRANTS_WRITE;
    this.cxlIo = (flags & CXL) !== 0;
    if (this.#caches.translations === null || target.kind === 'mrif') return true;
    const first = space.first === 'bare' ? EVERYTHING : this.stages.first.low;
    this.#remember(space, low, high, frame, guest, first, MESSAGE_LEAF, space.first !== 'bare' && isGlobal(first | this.stages.first.inherited));
    return true;
  }

  #remember(space: Space, low: number, high: number, frame: number, guest: number, first: number, second: number, global: boolean): void {
    const { owner } = space;
    if (owner.tag < 0) return;
    const size = 2 ** (this.span - FRAME_BITS);
    const { stages } = this;
    const entry: Translation = {
      frame: frame - (frame % size),
      span: this.span,
      both: first & second,
      first,
      second,
      memoryType: this.memoryType,
      isMsi: this.isMsi,
      global,
      owner,
      guest: guest - (guest % size),
      firstSpan: space.first === 'bare' ? 0 : stages.first.span - FRAME_BITS,
      secondSpan: space.second === 'bare' || this.isMsi ? 0 : stages.second.span - FRAME_BITS,
    };
    if (global) this.#globals = true;
    this.#caches.translations?.put(global ? owner.globalTag : owner.tag, frameOf(low, high), this.span - FRAME_BITS, entry);
  }

  /** Whether the entry is enough for the access, so that no walk could set a bit or find a fault. */
  #serves(entry: Translation, space: Space, access: number, flags: number): boolean {
    const { both } = entry;
    const code = space.first === 'bare' ? access & ~(SUPERVISES | SUMS) : access;
    if ((both & (NEEDS[code] ?? 0)) !== (NEEDS[code] ?? 0) || (both & (FORBIDS[code] ?? 0)) !== 0) return false;
    // An ATS request that may write has to set D where that is still to be done.
    return (flags & (ATS | NO_WRITE)) !== ATS || (both & W) === 0 || (both & D) !== 0;
  }

  #hit(entry: Translation, device: Device, space: Space, processId: number, flags: number, frame: number): boolean {
    if (entry.isMsi) {
      this.#special = true;
      this.isMsi = true;
    }
    this.memoryType = entry.memoryType;
    this.span = entry.span;
    const base = (flags & ATS) !== 0 && device.t2gpa ? entry.guest : entry.frame;
    this.frame = entry.span === FRAME_BITS ? base : base + (frame % 2 ** (entry.span - FRAME_BITS));
    if ((flags & ATS) === 0) return true;
    if (entry.isMsi) {
      this.grants = GRANTS_READ | GRANTS_WRITE;
      this.cxlIo = (flags & CXL) !== 0;
    } else this.#grant(device, space, processId, flags, entry.first, entry.second, entry.global);
    return true;
  }

  #passThrough(low: number, high: number): boolean {
    this.frame = frameOf(low, high);
    return true;
  }

  /** For what a device context says. */
  #refuseBy(device: Device, rule: Rule): boolean {
    return this.#fails(fault(260, { table: 'device directory', level: 0, entry: addressOf(device.frame, device.offset), rule }));
  }

  /** A directory just large enough for the process id. */
  #wider(processId: number): Rule {
    const { PD17, PD20 } = this.#features.caps;
    const mode = PD17 && processId < 0x2_0000 ? 2n : PD20 ? 3n : 0n;
    if (mode !== 0n) return { ...PROCESS_WIDE, repair: { clear: 0xfn << 252n, set: mode << 252n } };
    return { ...PROCESS_WIDE, beyondRepair: 'no directory with so many levels is built in' };
  }

  #refuse(cause: number, rule: Rule): boolean {
    return this.#fails(fault(cause, { ...NOWHERE, rule }));
  }

  #fails(of: Fault): boolean {
    this.fault = of;
    return false;
  }
}

function evict(cache: EntryCache<Translation>, entry: Translation): void {
  cache.drop((line) => line.entry === entry);
}

/** A page that is still clean is not to be written unseen. */
const mayDirty = (low: number): boolean => mayWrite(low) && isDirty(low);

/** What the request asks of leaves, without SUM and marks; by its flags, and 128 where it has a process id. */
const CODES = Int32Array.from({ length: 256 }, (_, at) => accessCode(at & 127, at < 128 ? -1 : 0));

function accessCode(flags: number, processId: number): number {
  const supervisor = isSupervisor(flags, processId) ? SUPERVISES : 0;
  const execute = fetches(flags, processId) ? EXECUTES : 0;
  if ((flags & ATS) !== 0) return supervisor | execute | READS | PROBES;
  return supervisor | execute | ((flags & WRITE) !== 0 ? WRITES | DIRTIES : execute === 0 ? READS : 0);
}
