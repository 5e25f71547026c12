// SPDX-License-Identifier: Apache-2.0
/**
 * A CPU as an agent: it runs the calls of its contexts one after another, and
 * the driver's interrupt handlers between their operations. Each run starts
 * from the kernel state it was given, so a run is a function of the port's
 * answers. The same class runs probe, before everything else.
 */
import { AgentFault, type Agent, type Port } from '@dmalab/core/base/port';
import type { Json, Site } from '@dmalab/core/base/events';
import { ARGUMENT, DIRECT_HIGH } from './abi.ts';
import type { Guest, GuestOutcome } from './guest.ts';
import type { GuestTables } from './guest/program.ts';
import { BEHAVIOURS, type HostKey } from './host/behaviours.ts';
import { GuestCall } from './host/call.ts';
import { noMetrics, type Metrics } from './host/metrics.ts';
import { CpuRun, type InjectedFault } from './host/run.ts';
import { ROW_OF_CODE } from './ops.ts';
import { irqLines, type Line, type Platform } from './platform.ts';
import type { KernelProfile } from './profiles.ts';
import { copyState, type KernelState, type PointerWords } from './state.ts';

/** An argument of a driver call, as workloads write it. `number` is 32 bits, `bigint` 64. */
export type CallArgument = number | bigint | { readonly device: string } | { readonly drvdata: string } | { readonly buffer: string } | { readonly dma: string };

export interface CallSpec {
  /** A function at the top level of the driver. */
  readonly name: string;
  readonly args: readonly CallArgument[];
}
export interface ContextSpec {
  readonly name: string;
  readonly calls: readonly CallSpec[];
}

export interface CpuAgentOptions {
  /** `cpu0`. */
  readonly id: string;
  readonly profile: KernelProfile;
  readonly platform: Platform;
  readonly tables: GuestTables;
  /** Instance for level 0 (contexts) and level 1 (interrupt handlers): a handler runs inside a call of level 0. */
  readonly guest: (level: number) => Guest;
  /** Run in this order. */
  readonly contexts: readonly ContextSpec[];
  /** Never changed; each run copies it. */
  readonly state: KernelState;
  /** Runs probe: allocations are everybody's, and any handler may be installed. */
  readonly boot?: boolean;
  readonly faults?: readonly InjectedFault[];
  /** Functions whose failure the checker may choose. */
  readonly faultChoices?: readonly string[];
}

export interface CallRecord {
  readonly context: string;
  readonly name: string;
  /** What it returned: a number (negative errno as such), a 64-bit value, or null. */
  readonly value: number | bigint | null;
}

/** What went wrong in student code, beside the AgentFault that ends the run. */
export interface Failure {
  readonly context: string;
  readonly name: string;
  readonly kind: Exclude<GuestOutcome['kind'], 'returned'> | 'oops';
  readonly message: string;
  /** It wrote to an object of a module (founding ruling 13). */
  readonly frozen: boolean;
  readonly site: Site | null;
}

const FAILURES: Readonly<Record<'out-of-fuel' | 'out-of-memory' | 'stack-overflow', string>> = {
  'out-of-fuel': 'ran out of fuel; does a loop never end?',
  'out-of-memory': 'ran out of JavaScript memory',
  'stack-overflow': 'ran out of stack; does a function call itself for ever?',
};

export class CpuAgent implements Agent {
  readonly id: string;
  readonly kind = 'cpu' as const;
  readonly #options: CpuAgentOptions;
  readonly #lines: readonly Line[];
  #run: CpuRun | null = null;
  #fuel = 0;
  #calls: CallRecord[] = [];
  #failure: Failure | null = null;

  constructor(options: CpuAgentOptions) {
    this.id = options.id;
    this.#options = options;
    this.#lines = irqLines(options.platform);
  }

  /** Fuel of the last run, all its calls and handlers together. */
  get fuel(): number {
    return this.#fuel;
  }
  /** Calls of contexts that have returned in the last run, in order. */
  get calls(): readonly CallRecord[] {
    return this.#calls;
  }
  get failure(): Failure | null {
    return this.#failure;
  }
  get metrics(): Metrics {
    return this.#run?.metrics ?? noMetrics();
  }
  /** Kernel state at the end of the last run: what the contexts start from after probe. A copy. */
  get state(): KernelState {
    return copyState(this.#run?.state ?? this.#options.state);
  }

  run(port: Port): void {
    const options = this.#options;
    const run = new CpuRun(
      {
        id: this.id,
        boot: options.boot ?? false,
        profile: options.profile,
        platform: options.platform,
        lines: this.#lines,
        tables: options.tables,
        state: options.state,
        faults: options.faults ?? [],
        faultChoices: options.faultChoices ?? [],
      },
      port,
    );
    this.#run = run;
    this.#fuel = 0;
    this.#calls = [];
    this.#failure = null;
    const counts = new Map<string, number>();
    run.onInterruptPoint = () => this.#takeInterrupts(run, counts);

    for (const context of options.contexts) {
      for (const call of context.calls) this.#callContext(run, counts, context.name, call);
    }
    // Nothing left to do but interrupts.
    for (let lines = run.openLines(); lines.length > 0; lines = run.openLines()) {
      const answer = Number(port.op({ kind: 'idle', lines }));
      if (answer === 0) break;
      this.#interrupt(run, counts, answer - 1);
    }
  }

  #callContext(run: CpuRun, counts: Map<string, number>, context: string, call: CallSpec): void {
    const index = this.#functionIndex(call.name);
    const label = numbered(counts, `${context}/${call.name}`);
    run.context = label;
    run.note('call', () => ({ context, name: call.name, args: call.args.map(shown), site: null }));
    const value = this.#call(run, 0, context, call.name, index, call.args.flatMap((argument) => words(run, this.#options.platform, argument)));
    this.#calls.push({ context, name: call.name, value });
    run.note('return', () => ({ context, name: call.name, value: shownValue(value) }));
    run.moved();
  }

  #functionIndex(name: string): number {
    const { functions } = this.#options.tables;
    // The driver is evaluated last, so its own function wins over one of a module beside it.
    const index = functions.findLastIndex((f) => f.name === name);
    if (index < 0) throw new AgentFault(`the driver has no function called ${name} at its top level`);
    return index;
  }

  /** One call into the guest. What the port throws passes through. */
  #call(run: CpuRun, level: number, context: string, name: string, index: number, args: readonly (number | bigint)[]): number | bigint | null {
    const guest = this.#options.guest(level);
    const call = new GuestCall(guest);
    let outcome: GuestOutcome;
    try {
      outcome = guest.call('invoke', [index, ...args], (code, a, b) => perform(run, call, code, a, b));
    } catch (error) {
      if (error instanceof AgentFault && this.#failure === null) this.#failure = { context, name, kind: 'oops', message: error.message, frozen: false, site: error.site };
      throw error;
    }
    this.#fuel += outcome.fuel;
    if (outcome.kind === 'returned') return outcome.value;
    const message = outcome.kind === 'threw' ? `${outcome.name}: ${inOurWords(outcome.message)}` : FAILURES[outcome.kind];
    this.#failure = { context, name, kind: outcome.kind, message, frozen: outcome.kind === 'threw' && outcome.frozen === true, site: outcome.site };
    throw new AgentFault(`${name} ${outcome.kind === 'threw' ? `threw ${message}` : message}`, outcome.site);
  }

  #takeInterrupts(run: CpuRun, counts: Map<string, number>): void {
    for (let lines = run.openLines(); lines.length > 0; lines = run.openLines()) {
      const answer = Number(run.port.op({ kind: 'interrupt', lines }));
      if (answer === 0) return;
      this.#interrupt(run, counts, answer - 1);
    }
  }

  /** Runs the handlers of a line, with interrupts off, as on Linux. */
  #interrupt(run: CpuRun, counts: Map<string, number>, position: number): void {
    const line = this.#lines[position];
    if (line === undefined) throw new RangeError(`the machine raised interrupt line ${position}, but there are only ${this.#lines.length}`);
    const resume = { point: run.onInterruptPoint, context: run.context, inHandler: run.inHandler };
    run.onInterruptPoint = null;
    run.inHandler = true;
    run.metrics.interrupts += 1;
    const actions = run.state.irqs.filter((action) => action.irq === line.irq);
    if (actions.length === 0) run.note('log', () => ({ level: 'err', text: `irq ${line.irq}: nobody cared` }));
    for (const action of actions) {
      const name = this.#options.tables.functions[action.handler]?.name ?? action.name;
      run.context = numbered(counts, `irq/${name}`);
      run.note('irq-enter', () => ({ vector: line.vector, handler: name }));
      const value = this.#call(run, 1, 'irq', name, action.handler, [ARGUMENT.number, line.irq, ...pointerWords(action.device)]);
      run.note('irq-exit', () => ({ vector: line.vector, value: shownValue(value) }));
    }
    run.onInterruptPoint = resume.point;
    run.context = resume.context;
    run.inHandler = resume.inHandler;
    // A handler may have changed what a wait loop waits for.
    run.moved();
  }
}

/** Ops that only prepare another op, and do not end what an earlier one prepared. */
const PREPARING: ReadonlySet<HostKey> = new Set<HostKey>(['latch', 'result', 'text']);

/** The host's side of `op`: nothing the guest sends is trusted. */
export function perform(run: CpuRun, call: GuestCall, code: number, a: number, b: number): number {
  const row = ROW_OF_CODE[code & 0xff];
  if (row?.host === undefined) throw run.fault(call, `no operation has code ${code & 0xff}`);
  const answer = BEHAVIOURS[row.host](run, call, { row, code, a, b });
  if (!PREPARING.has(row.host)) call.finishOp();
  return answer >>> 0;
}

/** `nic_xmit` the third time is `nic_xmit#3`. */
function numbered(counts: Map<string, number>, name: string): string {
  const n = (counts.get(name) ?? 0) + 1;
  counts.set(name, n);
  return `${name}#${n}`;
}

function pointerWords(pointer: PointerWords): number[] {
  return pointer.low === 0 && pointer.high === 0 ? [ARGUMENT.null] : [ARGUMENT.pointer, pointer.low, pointer.high, pointer.type];
}

/** `ptr<u8>` in the guest's numbering of types: scalars follow the structures, u8 first. */
const U8_TYPE = 65_536;

function words(run: CpuRun, platform: Platform, argument: CallArgument): (number | bigint)[] {
  if (typeof argument === 'number') return [ARGUMENT.number, argument];
  if (typeof argument === 'bigint') return [ARGUMENT.wide, argument];
  if ('device' in argument) return [ARGUMENT.device, deviceIndex(platform, argument.device)];
  if ('drvdata' in argument) {
    const data = run.state.drvdata.get(deviceIndex(platform, argument.drvdata));
    if (data === undefined) throw new AgentFault(`${argument.drvdata} has no private data; probe calls dev_set_drvdata`);
    return pointerWords(data);
  }
  const name = 'dma' in argument ? argument.dma : argument.buffer;
  const buffer = run.state.buffers.get(name);
  if (buffer === undefined) throw new RangeError(`the workload has no buffer called ${name}`);
  // Without an IOMMU a bus address is a physical one.
  if ('dma' in argument) return [ARGUMENT.wide, BigInt(buffer.address)];
  return [ARGUMENT.pointer, buffer.address, DIRECT_HIGH, U8_TYPE];
}

function deviceIndex(platform: Platform, id: string): number {
  const index = platform.devices.findIndex((device) => device.id === id);
  if (index < 0) throw new RangeError(`the machine has no device called ${id}`);
  return index;
}

function shown(argument: CallArgument): Json {
  if (typeof argument === 'bigint') return `0x${argument.toString(16)}`;
  if (typeof argument === 'number') return argument;
  if ('device' in argument) return argument.device;
  if ('drvdata' in argument) return `drvdata(${argument.drvdata})`;
  return 'dma' in argument ? `dma(${argument.dma})` : argument.buffer;
}

const shownValue = (value: number | bigint | null): Json => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value);

/** The language's own words for mixing 64-bit values with numbers say neither which rule it is nor what to write. */
function inOurWords(message: string): string {
  if (!/cannot convert (BigInt to number|to BigInt)|cannot mix BigInt/i.test(message)) return message;
  return 'a 64-bit value and a number are mixed; write 1n for a 64-bit one, or take lower_32_bits() of the other';
}
