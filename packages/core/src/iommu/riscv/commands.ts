// SPDX-License-Identifier: Apache-2.0
/**
 * The command queue: fetch, check, do. Invalidations of devices complete when
 * the device says so; a fence waits for them. A command that must wait is kept
 * and not fetched again; one that failed is fetched again once its error is cleared.
 */
import { wordOf } from '../../mmu/word.ts';
import type { Bus } from '../bus.ts';
import { deviceTooWide } from './device-directory.ts';
import type { Features } from './features.ts';
import { MF, type Queue } from './queue.ts';
import { AtsCommand, IodirCommand, IofenceCommand, IotinvalCommand } from './records.ts';
import { CommandQueueControl } from './registers.ts';

export const TIMED_OUT = Number(CommandQueueControl.encode({ cmd_to: true }));
export const ILLEGAL = Number(CommandQueueControl.encode({ cmd_ill: true }));
export const FENCE_DONE = Number(CommandQueueControl.encode({ fence_w_ip: true }));

/** A PCIe message that the unit sends. Code 1 invalidates in a device, 5 answers a page request group. */
export interface DeviceMessage {
  readonly code: 1 | 5;
  readonly tag: number;
  readonly requester: number;
  readonly processId: number | null;
  readonly segment: number | null;
  readonly payload: bigint;
}

/** What the queue needs around it. */
export interface CommandSurroundings {
  readonly bus: Bus;
  readonly features: Features;
  bigEndian(): boolean;
  wired(): boolean;
  directoryMode(): number;
  send(message: DeviceMessage): void;
  /** Earlier reads, writes of devices become visible everywhere. */
  order(reads: boolean, writes: boolean): void;
  /** Cached translations and contexts are to be forgotten. */
  invalidate(command: Invalidation): void;
  /** Names this moment, and says whether the reads, the writes that were on their way then have arrived. */
  moment(): Moment;
  arrived(since: Moment, reads: boolean, writes: boolean): boolean;
}

/** Of the accesses on their way: the last read and the last write. */
export interface Moment {
  readonly reads: number;
  readonly writes: number;
}

export type Invalidation =
  | { readonly kind: 'first-stage'; readonly command: ReturnType<typeof IotinvalCommand.decode> }
  | { readonly kind: 'second-stage'; readonly command: ReturnType<typeof IotinvalCommand.decode> }
  | { readonly kind: 'device'; readonly command: ReturnType<typeof IodirCommand.decode> }
  | { readonly kind: 'process'; readonly command: ReturnType<typeof IodirCommand.decode> };

interface Outstanding {
  readonly requester: number;
  readonly segment: number | null;
  completions: number;
}

type Done = 'done' | 'wait' | 'illegal' | 'memory' | 'timed-out';

export class Commands {
  readonly #queue: Queue;
  readonly #around: CommandSurroundings;
  /** Invalidation requests on their way, by tag. */
  readonly #outstanding: (Outstanding | null)[];
  #timedOut = false;
  /** A fetched command that waits. */
  #kept: bigint | null = null;
  /** When the fence that waits was met. */
  #since: Moment | null = null;

  constructor(queue: Queue, around: CommandSurroundings) {
    this.#queue = queue;
    this.#around = around;
    this.#outstanding = new Array<Outstanding | null>(around.features.options.tags).fill(null);
  }

  /** The queue was switched on or off: what was fetched is dropped. */
  drop(): void {
    this.#kept = null;
    this.#since = null;
  }

  /** Runs until the queue is empty, waits or fails. */
  run(): void {
    while (this.step() === 'ran');
  }

  /** One command. `waiting`: it needs completions or accesses that are still on their way; it has not run. */
  step(): 'ran' | 'waiting' | 'idle' {
    const queue = this.#queue;
    if (!queue.on || this.#stopped() || (this.#kept === null && queue.head === queue.tail)) return 'idle';
    const command = this.#kept ?? this.#fetch();
    this.#kept = null;
    if (command === null) return 'ran';
    const done = this.#perform(command);
    switch (done) {
      case 'wait':
        this.#kept = command;
        return 'waiting';
      case 'done':
        queue.advanceHead();
        break;
      case 'illegal':
        queue.control |= ILLEGAL;
        break;
      case 'memory':
        queue.control |= MF;
        break;
      case 'timed-out':
        queue.control |= TIMED_OUT;
    }
    this.#since = null;
    return 'ran';
  }

  /** A device completed invalidations. Returns whether a tag was not expected from it. */
  complete(requester: number, segment: number | null, tags: number, needed: number): boolean {
    let unexpected = false;
    for (let tag = 0; tag < 32; tag += 1) {
      if (((tags >>> tag) & 1) === 0) continue;
      const waiting = this.#outstanding[tag] ?? null;
      if (waiting === null || waiting.requester !== requester || waiting.segment !== segment) {
        unexpected = true;
        continue;
      }
      waiting.completions += 1;
      if (waiting.completions >= (needed === 0 ? 8 : needed)) this.#outstanding[tag] = null;
    }
    return unexpected;
  }

  /** One completion, from the function with that segment and requester id. */
  completeTag(source: number, tag: number): void {
    const waiting = this.#outstanding[tag] ?? null;
    if (waiting !== null && waiting.requester + (waiting.segment ?? 0) * 0x1_0000 === source) this.#outstanding[tag] = null;
  }

  /** Devices did not answer in time. */
  timeOut(tags: number): void {
    this.#outstanding.forEach((waiting, tag) => {
      if (waiting === null || ((tags >>> tag) & 1) === 0) return;
      this.#outstanding[tag] = null;
      this.#timedOut = true;
    });
  }

  #stopped(): boolean {
    return (this.#queue.control & (MF | TIMED_OUT | ILLEGAL)) !== 0;
  }

  #fetch(): bigint | null {
    const queue = this.#queue;
    const { bus } = this.#around;
    const status = bus.load('command queue', queue.frameOf(queue.head), queue.offsetOf(queue.head), 16, this.#around.bigEndian());
    if (status !== 'ok') {
      queue.control |= MF;
      return null;
    }
    return (wordOf(bus.data[2] ?? 0, bus.data[3] ?? 0) << 64n) | wordOf(bus.data[0] ?? 0, bus.data[1] ?? 0);
  }

  /** "IOMMU command opcodes": what is not in this list is reserved or not built in. */
  #perform(raw: bigint): Done {
    const { opcode, func3 } = IotinvalCommand.decode(raw);
    if (opcode === 1 && func3 <= 1) return this.#invalidatePages(raw, func3 === 1);
    if (opcode === 2 && func3 === 0) return this.#fence(raw);
    if (opcode === 3 && func3 <= 1) return this.#invalidateContexts(raw, func3 === 1);
    if (opcode === 4 && func3 <= 1 && this.#around.features.caps.ATS) return func3 === 0 ? this.#invalidateDevice(raw) : this.#answerPageRequests(raw);
    return 'illegal';
  }

  #invalidatePages(raw: bigint, secondStage: boolean): Done {
    const { caps } = this.#around.features;
    const command = IotinvalCommand.decode(raw);
    if (IotinvalCommand.strayBits(raw) !== 0n || (command.NL && !caps.NL) || (command.S && !caps.S)) return 'illegal';
    if (secondStage && command.PSCV) return 'illegal';
    this.#around.invalidate({ kind: secondStage ? 'second-stage' : 'first-stage', command });
    return 'done';
  }

  #invalidateContexts(raw: bigint, process: boolean): Done {
    const { caps, options } = this.#around.features;
    const command = IodirCommand.decode(raw);
    if (IodirCommand.strayBits(raw) !== 0n) return 'illegal';
    const mode = this.#around.directoryMode();
    if (command.DV && ((command.DID & ~options.deviceMask) !== 0 || (mode >= 2 && deviceTooWide(this.#around.features, mode, command.DID)))) return 'illegal';
    if (!process) {
      if (command.PID !== 0) return 'illegal';
    } else {
      const bits = caps.PD20 ? 20 : caps.PD17 ? 17 : caps.PD8 ? 8 : 0;
      if (!command.DV || command.PID >= 2 ** bits) return 'illegal';
    }
    this.#around.invalidate({ kind: process ? 'process' : 'device', command });
    return 'done';
  }

  #invalidateDevice(raw: bigint): Done {
    if (AtsCommand.strayBits(raw) !== 0n) return 'illegal';
    const tag = this.#outstanding.indexOf(null);
    if (tag < 0) return 'wait';
    const message = this.#message(raw, 1, tag);
    this.#outstanding[tag] = { requester: message.requester, segment: message.segment, completions: 0 };
    this.#around.send(message);
    return 'done';
  }

  #answerPageRequests(raw: bigint): Done {
    if (AtsCommand.strayBits(raw) !== 0n) return 'illegal';
    this.#around.send(this.#message(raw, 5, 0));
    return 'done';
  }

  #message(raw: bigint, code: 1 | 5, tag: number): DeviceMessage {
    const { RID, PV, PID, DSV, DSEG, payload } = AtsCommand.decode(raw);
    return { code, tag, requester: RID, processId: PV ? PID : null, segment: DSV ? DSEG : null, payload };
  }

  #fence(raw: bigint): Done {
    const fence = IofenceCommand.decode(raw);
    if (IofenceCommand.strayBits(raw) !== 0n || (fence.WSI && !this.#around.wired())) return 'illegal';
    this.#since ??= this.#around.moment();
    if (this.#outstanding.some((waiting) => waiting !== null) || !this.#around.arrived(this.#since, fence.PR, fence.PW)) return 'wait';
    if (this.#timedOut) {
      this.#timedOut = false;
      return 'timed-out';
    }
    if (fence.PR || fence.PW) this.#around.order(fence.PR, fence.PW);
    if (fence.AV) {
      const address = fence.ADDR << 2n;
      const status = this.#around.bus.storeWords('fence', Number(address >> 12n), Number(address & 0xfffn), 4, this.#around.bigEndian(), [BigInt(fence.DATA)]);
      if (status !== 'ok') return 'memory';
    }
    if (fence.WSI) this.#queue.control |= FENCE_DONE;
    return 'done';
  }
}
