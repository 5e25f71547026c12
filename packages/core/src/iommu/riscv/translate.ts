// SPDX-License-Identifier: Apache-2.0
/** "Process to translate an IOVA", step by step. Reporting faults is the unit's business; here they are answers. */
import type { Access, Rule } from '../../mmu/format.ts';
import type { Walkers } from '../../mmu/walk.ts';
import { addressOf, highOf, lowOf } from '../../mmu/word.ts';
import type { Bus } from '../bus.ts';
import { deviceTooWide, locateDevice, type Device, type DirectoryRegisters } from './device-directory.ts';
import { fault, type Fault } from './fault.ts';
import { accessFault } from './causes.ts';
import type { Features } from './features.ts';
import { isInterruptFile, translateMsi, type MsiTarget } from './msi.ts';
import { CONTIGUOUS_SPAN, isDirty, isGlobal, mayExecute, mayRead, mayWrite, memoryType } from '../../mmu/formats/riscv.ts';
import { locateProcess, processTooWide } from './process-directory.ts';
import { accessKind, fetches, type AtsPermissions, type Request, type Translated } from './request.ts';
import { BARE_SPAN, TwoStage, type Space } from './two-stage.ts';

const SECTION = 'RISC-V IOMMU, "Process to translate an IOVA"';
const refusal = (text: string, field = 'request'): Rule => ({ field, bits: '-', text, section: SECTION });
const OFF = refusal('ddtp.mode is Off', 'ddtp.mode');
const BARE = refusal('with ddtp.mode Bare only untranslated requests are allowed', 'ddtp.mode');
const DEVICE_BITS = refusal('the device id has bits that are not implemented', 'device_id');
const NO_ATS = refusal('ATS and translated requests need EN_ATS', 'tc.EN_ATS');
const NO_PROCESSES = refusal('a request with a process id needs PDTV', 'tc.PDTV');
const PROCESS_WIDE = refusal('the process id has more bits than the directory has levels for', 'process_id');
const NO_SUPERVISOR = refusal('a supervisor request needs ENS', 'PC.ta.ENS');
const MSI_EXECUTE: Rule = { field: 'X', bits: '-', text: 'an interrupt file is never executed', section: 'RISC-V IOMMU, "Process to translate addresses of MSIs"' };

const NOWHERE = { table: 'request', level: null, entry: null };
const FRAME_BITS = 12;

/** A translation or a fault, and the device context if it was found. */
export interface Outcome {
  readonly result: Translated | Fault;
  readonly device: Device | null;
}

export class Translator {
  readonly #features: Features;
  readonly #bus: Bus;
  readonly #stages: TwoStage;

  constructor(features: Features, bus: Bus) {
    this.#features = features;
    this.#bus = bus;
    this.#stages = new TwoStage(bus, features.options.switches);
  }

  get walkers(): Walkers {
    return this.#stages;
  }

  translate(registers: DirectoryRegisters, request: Request): Outcome {
    const refuse = (cause: number, rule: Rule, device: Device | null = null): Outcome => ({ result: fault(cause, { ...NOWHERE, rule }), device });
    if (registers.mode === 0) return refuse(256, OFF);
    if (registers.mode === 1) {
      if (request.type !== 'untranslated') return refuse(260, BARE);
      return { result: passThrough(request), device: null };
    }
    const found = this.locate(registers, request.deviceId);
    if ('kind' in found) return { result: found, device: null };
    const device = found;
    if (request.type !== 'untranslated' && !device.enAts) return refuse(260, NO_ATS, device);
    if (request.processId !== null) {
      if (device.fsc.kind !== 'directory') return refuse(260, NO_PROCESSES, device);
      if (processTooWide(device.fsc.levels, request.processId)) return refuse(260, PROCESS_WIDE, device);
    }
    if (request.type === 'translated' && !device.t2gpa) return { result: passThrough(request), device };
    return { result: this.#throughStages(registers, device, request), device };
  }

  /** The device context, or the fault that hides it. */
  locate(registers: DirectoryRegisters, deviceId: number): Device | Fault {
    if ((deviceId & ~this.#features.options.deviceMask) !== 0 && !deviceTooWide(this.#features, registers.mode, deviceId)) return fault(260, { ...NOWHERE, rule: DEVICE_BITS });
    return locateDevice(this.#features, registers, this.#bus, deviceId);
  }

  #throughStages(registers: DirectoryRegisters, device: Device, request: Request): Translated | Fault {
    const kind = accessKind(request);
    const bare: Space = {
      first: 'bare',
      firstRoot: 0,
      firstBig: device.bigEndian,
      second: device.second,
      secondRoot: device.secondRoot,
      secondBig: registers.be,
      sade: device.sade,
      gade: device.gade,
      sxl: device.sxl,
    };
    let space = bare;
    let sum = false;
    if (request.type !== 'translated') {
      if (device.fsc.kind === 'stage') space = { ...bare, first: device.fsc.format, firstRoot: device.fsc.root };
      else {
        const processId = request.processId ?? (device.dpe ? 0 : null);
        if (processId !== null && device.fsc.levels > 0) {
          const process = locateProcess(this.#features, this.#bus, this.#stages, bare, device.sxl, device.fsc.levels, device.fsc.root, processId, kind);
          if ('kind' in process) return process;
          if (isSupervisor(request) && !process.ens) return fault(260, { ...NOWHERE, table: 'process directory', rule: NO_SUPERVISOR });
          sum = process.sum;
          space = { ...bare, first: process.format, firstRoot: process.root };
        }
      }
    }

    const access = this.#access(request, sum);
    const stages = this.#stages;
    const low = lowOf(request.address);
    const high = highOf(request.address);
    const first = stages.translateFirst(space, low, high, { ...access, dirties: this.#dirties(request, device.sade) }, kind);
    if (first !== null) return first;
    const guest = stages.guestFrame;
    const offset = low & 0xfff;

    if (device.msi !== null && device.second !== 'bare' && isInterruptFile(device.msi, guest, this.#patternBits(device.second.inputBits))) {
      const target = translateMsi(this.#bus, device.msi, guest, this.#features.caps.MSI_MRIF, registers.be);
      if (target.kind === 'fault') return target;
      if (kind === 'fetch') return fault(accessFault('fetch'), { table: 'MSI page table', level: null, entry: null, rule: MSI_EXECUTE });
      return this.#message(request, device, target, guest, offset);
    }

    const firstWrites = space.first === 'bare' || writable(stages.first.low);
    const second = stages.translateSecond(space, guest, offset, { ...access, supervisor: false, dirties: this.#dirties(request, device.gade) && (request.type !== 'ats' || firstWrites) }, kind);
    if (second !== null) return second;

    const span = this.#range(device, guest, stages);
    const firstType = space.first === 'bare' ? 0 : memoryType(stages.first.high);
    const type = firstType !== 0 || space.second === 'bare' ? firstType : memoryType(stages.second.high);
    const toGuest = request.type === 'ats' && device.t2gpa;
    const address = addressOf(toGuest ? guest : stages.second.frame, offset);
    if (request.type !== 'ats') return { kind: 'translated', address, span, memoryType: type, isMsi: false, mrif: null, ats: null };

    const ones = 0xffff_ffff;
    const firstLow = space.first === 'bare' ? ones : stages.first.low;
    const secondLow = space.second === 'bare' ? ones : stages.second.low;
    const read = mayRead(firstLow) && mayRead(secondLow);
    const write = firstWrites && (space.second === 'bare' || writable(secondLow));
    const execute = fetches(request) && mayExecute(firstLow) && mayExecute(secondLow) && this.#supervisorMayExecute(space, request, firstLow);
    const ats: AtsPermissions = {
      ...NO_PERMISSIONS,
      read,
      write: write && read,
      execute: execute && read,
      privileged: isSupervisor(request),
      global: request.processId !== null && space.first !== 'bare' && isGlobal(firstLow | stages.first.inherited),
      cxlIo: request.cxl && (device.t2gpa || type !== 0),
    };
    return { kind: 'translated', address, span, memoryType: type, isMsi: false, mrif: null, ats };
  }

  #access(request: Request, sum: boolean): Access {
    const probes = request.type === 'ats';
    const execute = fetches(request);
    return { read: probes || (!request.write && !execute), write: !probes && request.write, execute, supervisor: isSupervisor(request), sum, dirties: false, probes };
  }

  /** Whether the access counts as a write for the dirty bit of a stage whose hardware may (`updates`) set it. */
  #dirties(request: Request, updates: boolean): boolean {
    if (request.type !== 'ats') return request.write;
    const { atsSetsDirty, atsCleanPage } = this.#features.options.switches;
    return !request.noWrite && (updates ? atsSetsDirty === 'yes' : atsCleanPage === 'refuse');
  }

  #supervisorMayExecute(space: Space, request: Request, low: number): boolean {
    return space.first === 'bare' || !isSupervisor(request) || (low & 0x10) === 0;
  }

  /** Frame bits above the guest's own are compared or not, which the text leaves open. */
  #patternBits(guestBits: number): number {
    return this.#features.options.switches.msiPatternAbove === 'compared' ? 64 : guestBits;
  }

  /** The largest range that translates alike. */
  #range(device: Device, guest: number, stages: TwoStage): number {
    const { bareSpan, reportsContiguous } = this.#features.options;
    const reported = (walked: number): number => (walked === BARE_SPAN ? bareSpan : walked === CONTIGUOUS_SPAN && !reportsContiguous ? FRAME_BITS : walked);
    let span = Math.min(reported(stages.first.span), reported(stages.second.span));
    if (device.msi === null || device.second === 'bare' || this.#features.options.switches.msiInRange === 'keep') return span;
    const bits = this.#patternBits(device.second.inputBits);
    while (span > FRAME_BITS && isInterruptFile(device.msi, guest, bits, span - FRAME_BITS)) span -= 1;
    return span;
  }

  #message(request: Request, device: Device, target: MsiTarget, guest: number, offset: number): Translated {
    const inMemory = target.kind === 'mrif';
    const toGuest = request.type === 'ats' && device.t2gpa;
    const ats: AtsPermissions | null =
      request.type !== 'ats'
        ? null
        : { ...NO_PERMISSIONS, read: true, write: true, privileged: isSupervisor(request), untranslatedOnly: inMemory, cxlIo: request.cxl };
    return {
      kind: 'translated',
      address: inMemory ? null : addressOf(toGuest ? guest : target.frame, offset),
      span: FRAME_BITS,
      memoryType: 0,
      isMsi: true,
      mrif: inMemory ? { address: target.address, notice: target.notice, noticeId: target.noticeId } : null,
      ats,
    };
  }
}

export const NO_PERMISSIONS: AtsPermissions = { read: false, write: false, execute: false, privileged: false, global: false, untranslatedOnly: false, noSnoop: false, cxlIo: false };

export const isSupervisor = (request: Request): boolean => request.processId !== null && request.privileged;

/** Whether a leaf lets an ATS answer permit writes: a page that is still clean does not. */
const writable = (low: number): boolean => mayWrite(low) && isDirty(low);

/** The address as it is; nothing is known of what lies around its frame. */
function passThrough(request: Request): Translated {
  return { kind: 'translated', address: request.address, span: FRAME_BITS, memoryType: 0, isMsi: false, mrif: null, ats: null };
}
