// SPDX-License-Identifier: Apache-2.0
/**
 * An Intel VT-d remapping unit: translation of requests and its fault recording
 * registers. Nothing is cached; invalidation and page-request queues are not here yet.
 */
import { Bus } from '../bus.ts';
import type { Access } from '../../mmu/format.ts';
import type { TablePort } from '../../mmu/port.ts';
import type { Walkers } from '../../mmu/walk.ts';
import { addressOf, highOf, lowOf } from '../../mmu/word.ts';
import { Capability, ExtendedCapability, type VtdOptions } from './capabilities.ts';
import { Contexts, type VtdRequest } from './contexts.ts';
import { REASONS } from './reasons.ts';
import { VtdStages, type VtdFault } from './stages.ts';
import { FaultRecording } from './structures.ts';

export type VtdAnswer =
  | { readonly kind: 'translated'; readonly address: bigint; readonly span: number; readonly domain: number; readonly snoops: boolean }
  /** A write into the interrupt range: not memory. */
  | { readonly kind: 'interrupt'; readonly address: bigint }
  | { readonly kind: 'refused'; readonly fault: VtdFault; readonly recorded: boolean };

const INTERRUPTS: VtdFault['why']['rule'] = { field: 'address', bits: '63:20', text: 'the interrupt range cannot be read', section: 'Intel VT-d, "Interrupt Address Range"' };

export class VtdUnit {
  readonly bus: Bus;
  /** RTADDR_REG as it was last set. */
  rootTable = 0n;
  /** Fault recording registers; 0 where there is no fault. */
  readonly records: bigint[];
  /** FSTS.PFO: a fault found the next register taken. */
  overflow = false;
  #next = 0;
  readonly #contexts: Contexts;
  readonly #stages: VtdStages;

  constructor(port: TablePort, options: VtdOptions) {
    const cap = Capability.decode(options.capability);
    this.bus = new Bus(port, options.hostBits);
    this.records = new Array<bigint>(cap.NFR + 1).fill(0n);
    this.#contexts = new Contexts({ cap, ecap: ExtendedCapability.decode(options.extended), options }, this.bus);
    this.#stages = new VtdStages(this.bus);
  }

  translate(request: VtdRequest): VtdAnswer {
    const found = this.#contexts.find(this.rootTable, request);
    if (found.kind === 'fault') return this.#refuse(found, found.silent, request);
    if (request.pasid === null && request.type === 'untranslated' && request.address >> 20n === 0xfeen) {
      if (request.write) return { kind: 'interrupt', address: request.address };
      return this.#refuse({ kind: 'fault', reason: found.space.legacy ? 0x0e : 0x87, why: { table: 'request', level: null, entry: null, rule: INTERRUPTS } }, found.silent, request);
    }
    const access: Access = { read: !request.write && !request.execute, write: request.write, execute: request.execute, supervisor: found.supervisor, sum: false, dirties: request.write, probes: false };
    const reached = this.#stages.translate(found.space, lowOf(request.address), highOf(request.address), access);
    if ('kind' in reached) return this.#refuse(reached, found.silent, request);
    return { kind: 'translated', address: addressOf(reached.frame, lowOf(request.address) & 0xfff), span: reached.span, domain: found.domain, snoops: found.snoops };
  }

  get walkers(): Walkers {
    return this.#stages;
  }

  /** Software clears the F bit of a recording register. */
  clearRecord(index: number): void {
    this.records[index] = 0n;
  }

  #refuse(fault: VtdFault, silent: boolean, request: VtdRequest): VtdAnswer {
    const reason = REASONS[fault.reason];
    const recorded = !(silent && reason?.qualified === true) && this.#record(fault.reason, request);
    return { kind: 'refused', fault, recorded };
  }

  /** "Primary Fault Logging": while a fault is not served and its register comes up again, later ones are lost. */
  #record(reason: number, request: VtdRequest): boolean {
    if (this.overflow) return false;
    if ((this.records[this.#next] ?? 0n) !== 0n) {
      this.overflow = true;
      return false;
    }
    this.records[this.#next] = FaultRecording.encode({
      FI: request.address >> 12n,
      SID: request.sourceId,
      PRIV: request.pasid !== null && request.privileged,
      EXE: request.pasid !== null && request.execute,
      PP: request.pasid !== null,
      FR: reason,
      PV: request.pasid ?? 0,
      AT: request.type === 'untranslated' ? 0 : request.type === 'ats' ? 1 : 2,
      T1: !request.write,
      F: true,
    });
    this.#next = (this.#next + 1) % this.records.length;
    return true;
  }
}
