// SPDX-License-Identifier: Apache-2.0
/**
 * One run of one CPU: its port, its copy of the kernel's state, what it cost.
 * Behaviours (memory.ts, dma.ts …) act through it. Made anew by every run.
 */
import type { Site } from '@dmalab/core/base/events';
import { AgentFault, type OpenLines, type Operation, type Place, type Port, type Size, type Value } from '@dmalab/core/base/port';
import { DIRECT_HIGH, UNCACHED_HIGH } from '../abi.ts';
import type { GuestTables } from '../guest/program.ts';
import type { Step } from '../lowering.ts';
import type { KernelProfile } from '../profiles.ts';
import type { Line, Platform } from '../platform.ts';
import { BOOT_ARENA, copyState, isCoherentRegion, type IrqAction, type KernelState } from '../state.ts';
import type { GuestCall } from './call.ts';
import { noMetrics, type Metrics } from './metrics.ts';
import { nameOf } from './naming.ts';
import { WaitLoop } from './wait-loop.ts';

/** The n-th call of a function that may fail does (workload `faults`). */
export interface InjectedFault {
  /** `dma_map_single`, `dma_alloc_coherent` or `kmalloc`. */
  readonly at: string;
  /** From 1. */
  readonly nth: number;
}

export interface RunOptions {
  readonly id: string;
  /** Before the contexts start: allocations go to the boot arena and any handler may be installed. */
  readonly boot: boolean;
  readonly profile: KernelProfile;
  readonly platform: Platform;
  readonly lines: readonly Line[];
  readonly tables: GuestTables;
  readonly state: KernelState;
  readonly faults: readonly InjectedFault[];
  /** Functions whose failure is a choice of the checker. */
  readonly faultChoices: readonly string[];
}

export class CpuRun {
  readonly options: RunOptions;
  readonly port: Port;
  readonly profile: KernelProfile;
  readonly state: KernelState;
  readonly metrics: Metrics = noMetrics();
  readonly arena: string;
  readonly #names = new Map<number, string | undefined>();
  readonly #attempts = new Map<string, number>();
  /** Takes the interrupts that are pending; null while none can be taken. */
  onInterruptPoint: (() => void) | null = null;
  /** Spinlocks this CPU holds. */
  locksHeld = 0;
  /** Under a spinlock a register was written by an accessor that promises to keep the lock's order. */
  mmioPending = false;
  #turnedOff: (() => void) | null = null;
  /** A handler is running. */
  inHandler = false;
  /** The call that ops belong to, for choice keys: `tx/nic_xmit#1`. */
  context = '';
  /** The compiler may hoist a plain load out of a loop: only STRICT shows it (decision 16). */
  readonly hoists: boolean;
  readonly waitLoop = new WaitLoop();
  #lastAccess = 0;
  #openLines: readonly number[] | undefined;

  constructor(options: RunOptions, port: Port) {
    this.options = options;
    this.port = port;
    this.profile = options.profile;
    this.state = copyState(options.state);
    this.hoists = options.profile.core.startsWith('strict');
    this.arena = options.boot ? BOOT_ARENA : options.id;
  }

  /** Source position, while somebody watches and positions are recorded. */
  site(call: GuestCall): Site | null {
    return this.port.note === undefined ? null : (call.guest.site?.() ?? null);
  }

  fault(call: GuestCall, message: string): AgentFault {
    return new AgentFault(message, call.guest.site?.() ?? null);
  }

  note(kind: string, fields: () => Record<string, unknown>): void {
    this.port.note?.(kind, fields());
  }

  /** Numbers of the lines that have a handler on this CPU now; the others are masked. */
  openLines(): readonly number[] {
    const { lines, id } = this.options;
    return (this.#openLines ??= lines.flatMap((line, number) => (line.cpu === id && this.state.irqs.some((action) => action.irq === line.irq) ? [number] : [])));
  }

  addHandler(action: IrqAction): void {
    this.state.irqs.push(action);
    this.#openLines = undefined;
  }

  removeHandler(at: number): void {
    this.state.irqs.splice(at, 1);
    this.#openLines = undefined;
  }

  /** For an `await`: which interrupts end it. None where none can be taken. */
  wakes(): { readonly interruptible?: true } & OpenLines {
    if (this.onInterruptPoint === null) return {};
    const lines = this.openLines();
    return lines.length === 0 ? {} : { interruptible: true, lines };
  }

  /** Every operation of student code passes here first: an interrupt may come before it. */
  interruptible(): void {
    this.onInterruptPoint?.();
  }

  /** @returns whether they were on */
  turnInterruptsOff(): boolean {
    if (this.onInterruptPoint === null) return false;
    this.#turnedOff = this.onInterruptPoint;
    this.onInterruptPoint = null;
    return true;
  }

  turnInterruptsOn(): void {
    this.onInterruptPoint ??= this.#turnedOff;
  }

  /** Performs one operation of the machine for student code. */
  op(call: GuestCall, operation: Operation): Value {
    const site = this.site(call);
    const { context } = this;
    return this.port.op(site === null ? { ...operation, context } : { ...operation, context, site });
  }

  /** A load, store or register access with the instructions around it. Answers the access's answer. */
  perform(call: GuestCall, steps: readonly Step[], as: string, accessOf: (order: Extract<Step, { kind: 'access' }>['order']) => Operation): Value {
    let answer: Value = 0;
    let ordinal = 0;
    for (const step of steps) {
      switch (step.kind) {
        case 'fence':
          this.op(call, { kind: 'fence', fence: step.fence, as });
          break;
        case 'access':
          answer = this.op(call, accessOf(step.order));
          ordinal = this.port.ordinal;
          break;
        case 'branch':
          this.op(call, { kind: 'branch', dep: ordinal });
          break;
      }
    }
    if (ordinal !== 0) this.#lastAccess = ordinal;
    return answer;
  }

  /** Op ordinal of the access `perform` made last. */
  get lastAccess(): number {
    return this.#lastAccess;
  }

  /** Checks an address the guest gave and says where it is. */
  place(call: GuestCall, address: number, size: Size, uncached: boolean): Place {
    const { ram } = this.options.platform;
    const hex = `0x${address.toString(16)}`;
    if (address < ram.base || address + size > ram.base + ram.size) throw this.fault(call, `unable to handle a paging request at physical address ${hex}: RAM is 0x${ram.base.toString(16)} to 0x${(ram.base + ram.size - 1).toString(16)}`);
    if (address % size !== 0) throw this.fault(call, `alignment fault: a ${size}-byte access at ${hex}, expected a multiple of ${size}`);
    if (uncached && (this.profile.cache === null || !isCoherentRegion(this.state, address))) throw this.fault(call, `unable to handle a paging request: no uncached alias of ${hex}`);
    return uncached ? { space: 'ram', owner: '', address, size, uncached: true } : { space: 'ram', owner: '', address, size };
  }

  /** Whether a pointer with this high half goes through the uncached alias. */
  isUncached(call: GuestCall, high: number, address: number): boolean {
    if (high === UNCACHED_HIGH) return true;
    if (high !== DIRECT_HIGH) throw this.fault(call, `unable to handle a paging request at 0x${high.toString(16).padStart(8, '0')}${address.toString(16).padStart(8, '0')}: not an address of kernel memory`);
    return false;
  }

  nameOf(address: number): string | undefined {
    if (this.#names.has(address)) return this.#names.get(address);
    const name = nameOf(this.state, this.options.tables, address);
    this.#names.set(address, name);
    return name;
  }

  /** Structures have come or gone. */
  renamed(): void {
    this.#names.clear();
  }

  /** Anything but loads and barriers: no wait loop goes on through it. */
  moved(): void {
    this.waitLoop.reset();
  }

  /** Whether this attempt of `what` is to fail. */
  fails(call: GuestCall, what: string): boolean {
    const nth = (this.#attempts.get(what) ?? 0) + 1;
    this.#attempts.set(what, nth);
    if (this.options.faults.some((fault) => fault.at === what && fault.nth === nth)) return true;
    if (!this.options.faultChoices.includes(what)) return false;
    return this.op(call, { kind: 'choose', choice: 'fault', key: what, width: 2, label: (answer) => (answer === 0 ? `${what} succeeds` : `${what} fails`) }) === 1;
  }
}
