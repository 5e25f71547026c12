// SPDX-License-Identifier: Apache-2.0
/**
 * One driver, one workload, one profile: the machine they run on, booted once
 * and run as often as asked. An execution is judged by the sanitizer while it
 * happens and by the lab's assertions when it is over.
 */
import type { Strategy } from '@dmalab/core/base/choice';
import { crc32 } from '@dmalab/core/base/checksum';
import type { Json, Observer, Site, TraceEvent } from '@dmalab/core/base/events';
import { fillBytes } from '@dmalab/core/base/fill';
import type { Agent } from '@dmalab/core/base/port';
import type { Device } from '@dmalab/core/devices/device';
import { resetContents } from '@dmalab/core/devices/registers';
import { createDevice } from '@dmalab/core/devices/table';
import { OperationalMachine } from '@dmalab/core/machine/operational';
import type { InterruptRoute, MachineOptions, RunResult } from '@dmalab/core/machine/options';
import { CORE_PROFILES, type CoreProfile, type CoreProfileId } from '@dmalab/core/machine/profile';
import { initialState, type InitialState } from '@dmalab/core/memory/initial';
import type { Check, LabManifest, ProfileId, Workload } from '@dmalab/contracts/lab';
import type { SanitizerFinding } from '@dmalab/checker/sanitizer/finding';
import type { Execution, Failure } from '@dmalab/checker/explore';
import { CpuAgent, type CallArgument, type ContextSpec } from '@dmalab/kernel/cpu-agent';
import type { Guest } from '@dmalab/kernel/guest';
import { interruptRoutes, type Platform } from '@dmalab/kernel/platform';
import { KERNEL_PROFILES, type KernelProfile } from '@dmalab/kernel/profiles';
import { addBuffer, createKernelState, type KernelState } from '@dmalab/kernel/state';
import { assertHolds, type CallRecord, type Evidence } from './assertions.ts';
import type { Audit } from './audit.ts';
import type { GuestMemo } from './guest-memo.ts';
import { SanitizerObserver } from './judge-observer.ts';
import type { Program } from './program.ts';

/** Where RAM begins. Low enough that a 32-bit device reaches all of it. */
const RAM_BASE = 0x8000_0000;
/** Trace events of one run, boot included (decision 28). */
const EVENT_LIMIT = 200_000;

/** What probe leaves behind: memory, mappings, structures. Its loads, barriers and register accesses are over before anybody else runs. */
const LASTING: ReadonlySet<TraceEvent['kind']> = new Set(['machine', 'layout', 'store', 'drain', 'rmw', 'alloc', 'free', 'map', 'unmap', 'sync', 'map-check', 'line-fill', 'line-writeback', 'line-drop']);

export interface SystemSpec {
  readonly manifest: LabManifest;
  readonly program: Program;
  readonly workloadId: string;
  readonly workload: Workload;
  readonly profile: ProfileId;
  /** Checks that look at this run. */
  readonly checks: readonly Check[];
}

/** An execution with everything it left behind. */
export interface Judged extends Execution {
  readonly findings: readonly SanitizerFinding[];
  readonly costs: Readonly<Record<string, number>>;
  readonly result: RunResult;
  /** Sentence about the first assertion that failed, or what broke down; '' when all is well. */
  readonly problem: string;
  /** Assertions that do not hold, also when a finding takes the blame. */
  readonly asserted: readonly Failure[];
  /** Where the driver's code broke down; null when it did not, or positions are not recorded. */
  readonly site: Site | null;
}

interface Booted {
  readonly memory: InitialState;
  readonly kernel: KernelState;
  readonly events: readonly TraceEvent[];
  /** Those of them that a rule may look back to once the contexts run. */
  readonly lasting: readonly TraceEvent[];
  readonly after: { readonly event: number; readonly cycle: number };
  /** Why the machine did not come up. */
  readonly failure: Failure | null;
  readonly site: Site | null;
  readonly fuel: number;
  readonly costs: Readonly<Record<string, number>>;
}

export class DriverSystem {
  readonly spec: SystemSpec;
  readonly core: CoreProfile;
  readonly #kernel: KernelProfile;
  readonly #platform: Platform;
  readonly #devices: readonly Device[];
  readonly #buffers: ReadonlyMap<string, { readonly address: number; readonly bytes: Uint8Array; readonly coherent: boolean }>;
  readonly #before: { readonly memory: InitialState; readonly kernel: KernelState };
  readonly #booted = new Map<GuestMemo, Booted>();
  /** Set while an execution of the graph form is led through the machine. */
  audit: Audit | null = null;

  constructor(spec: SystemSpec) {
    this.spec = spec;
    const { machine } = spec.manifest;
    this.#kernel = KERNEL_PROFILES[spec.profile];
    this.core = CORE_PROFILES[this.#kernel.core as CoreProfileId]; // every kernel profile names one of them
    const ram = { base: RAM_BASE, size: machine.ram };
    this.#devices = machine.devices.map((device) => createDevice(device, { ram, receive: (spec.workload.devices[device.id] ?? []).map((item) => item.receive) }));
    const cpus = Array.from({ length: machine.cpus }, (_, i) => `cpu${i}`);
    this.#platform = { ram, cpus, devices: this.#devices.map(({ id, mmioSize, vectors }) => ({ id, mmioSize, vectors })) };

    const kernel = createKernelState(ram, cpus);
    const buffers = new Map<string, { address: number; bytes: Uint8Array; coherent: boolean }>();
    for (const [name, buffer] of Object.entries(spec.workload.buffers)) {
      const place = addBuffer(kernel, name, buffer.size, this.#kernel.cache?.minimumAlignment ?? 8, buffer.coherent);
      if (place === null) throw new SystemFault(`workload ${spec.workloadId}: there is no room for the buffer ${name} of ${buffer.size} bytes`);
      buffers.set(name, { address: place.address, bytes: fillBytes(buffer.fill, buffer.size, buffer.seed), coherent: buffer.coherent });
    }
    this.#buffers = buffers;
    this.#before = {
      kernel,
      memory: initialState({
        ram: [...buffers.values()].map(({ address, bytes }) => ({ address, bytes })),
        registers: this.#devices.flatMap((device) => resetContents(device.registers).map(({ offset, value }) => ({ owner: device.id, offset, value }))),
      }),
    };
  }

  /** Events of probe, which every run starts with. */
  bootEvents(memo: GuestMemo): readonly TraceEvent[] {
    return this.#boot(memo).events;
  }

  /** Agents that explore from where probe ended, for the graph form. */
  graphParts(memo: GuestMemo): { readonly agents: readonly Agent[]; readonly initial: InitialState; readonly routes: readonly InterruptRoute[] } | null {
    const booted = this.#boot(memo);
    if (booted.failure !== null) return null;
    return { agents: [...this.#cpus(memo, booted), ...this.#devices.flatMap((d) => d.agents)], initial: booted.memory, routes: this.#routes() };
  }

  /**
   * One execution.
   * @param observers see the events of probe first, then those of the run
   */
  execute(strategy: Strategy, memo: GuestMemo, observers: readonly Observer[] = [], withChoices = false): Judged {
    const { audit } = this;
    const booted = this.#boot(memo);
    const sanitizer = new SanitizerObserver();
    const { findings } = sanitizer;
    const all = [sanitizer, ...observers];
    for (const event of booted.lasting) sanitizer.event(event);
    for (const observer of observers) for (const event of booted.events) observer.event(event);
    if (booted.failure !== null) return this.#bootFailed(booted);

    const cpus = this.#cpus(memo, booted);
    const agents = [...cpus, ...this.#devices.flatMap((device) => device.agents)];
    const machine = new OperationalMachine({
      ...this.#common(false),
      agents: audit === null ? agents : audit.listen(agents),
      initial: booted.memory,
      strategy,
      observers: all,
      limits: { steps: this.spec.manifest.budget.steps, events: EVENT_LIMIT },
      withChoices,
      after: booted.after,
    });
    const result = machine.run();
    const fuel = booted.fuel + cpus.reduce((sum, cpu) => sum + cpu.fuel, 0);
    const broke = this.#breakdown(result, cpus);
    const failures: Failure[] = [];
    if (findings[0] !== undefined) failures.push({ id: findings[0].rule, sentence: findings[0].sentence });
    else if (broke !== null) failures.push(broke);
    // What follows from a finding is not charged again; in the plain run the caller wants to know all the same.
    const asserted = broke === null || findings.length > 0 ? this.#assertions(machine, cpus) : [];
    if (failures.length === 0) failures.push(...asserted);
    return {
      failures,
      findings,
      deviations: result.deviations,
      steps: result.steps,
      fuel,
      error: null,
      costs: addCosts([booted.costs, ...cpus.map((cpu) => ({ ...cpu.metrics }))]),
      result,
      problem: broke?.sentence ?? asserted[0]?.sentence ?? '',
      asserted,
      site: cpus.map((cpu) => cpu.failure?.site ?? null).find((site) => site !== null) ?? null,
    };
  }

  /** What people call the agents; two devices of a kind need their ids, too. */
  #names(): Readonly<Record<string, string>> {
    const names: Record<string, string> = {};
    this.#platform.cpus.forEach((id, i) => (names[id] = `CPU ${i}`));
    for (const device of this.#devices) {
      const alike = this.#devices.filter((other) => other.title === device.title).length > 1;
      for (const agent of device.agents) names[agent.id] = alike ? `${device.title} ${device.id}` : device.title;
    }
    return names;
  }

  #boot(memo: GuestMemo): Booted {
    let booted = this.#booted.get(memo);
    if (booted === undefined) this.#booted.set(memo, (booted = this.#bootOnce(memo)));
    return booted;
  }

  /** Probe runs alone, without choices: devices wake when the contexts start. */
  #bootOnce(memo: GuestMemo): Booted {
    const { manifest, workloadId } = this.spec;
    const events: TraceEvent[] = [];
    const contexts: ContextSpec[] = manifest.driver.entry.includes('probe') ? [{ name: 'boot', calls: this.#devices.map((device) => ({ name: 'probe', args: [{ device: device.id }] })) }] : [];
    const cpu = this.#agent(memo, 'cpu0', contexts, this.#before.kernel, true);
    const machine = new OperationalMachine({
      ...this.#common(true),
      agents: [cpu],
      initial: this.#before.memory,
      strategy: { pick: () => 0, advance: () => false },
      observers: [{ event: (event) => events.push(event) }],
      limits: { steps: manifest.budget.steps, events: EVENT_LIMIT },
      header: { workload: workloadId, names: this.#names(), description: this.#describe() },
    });
    const result = machine.run();
    const refused = cpu.calls.find((call) => call.value !== 0 && call.value !== null);
    const failure = this.#breakdown(result, [cpu]) ?? (refused ? { id: 'RT3', sentence: `probe returned ${String(refused.value)}: the driver did not come up.` } : null);
    if (events.at(-1)?.kind === 'end' && failure === null) events.pop(); // the run goes on
    return { memory: machine.finalState(), kernel: cpu.state, events, lasting: events.filter((event) => LASTING.has(event.kind)), after: { event: events.at(-1)?.id ?? 0, cycle: result.cycles }, failure, site: cpu.failure?.site ?? null, fuel: cpu.fuel, costs: {} };
  }

  #bootFailed(booted: Booted): Judged {
    const failure = booted.failure!;
    return {
      failures: [failure],
      findings: [],
      deviations: [],
      steps: 0,
      fuel: booted.fuel,
      error: null,
      costs: booted.costs,
      result: { reason: 'error', text: failure.sentence, deviations: [], steps: 0, cycles: booted.after.cycle, events: booted.after.event, waiting: [] },
      problem: failure.sentence,
      asserted: [],
      site: booted.site,
    };
  }

  /** Every line. Those without a handler are masked by the CPU, and what came to them stays pending. */
  #routes(): readonly InterruptRoute[] {
    return interruptRoutes(this.#platform);
  }

  #common(boot: boolean): Pick<MachineOptions, 'profile' | 'lines' | 'interrupts' | 'registers'> {
    return { profile: this.core, lines: 'all', interrupts: boot ? [] : this.#routes(), registers: new Map(this.#devices.map((device) => [device.id, device.registers])) };
  }

  #describe(): Json {
    return { profile: this.spec.profile, coherent: this.core.coherent, devices: this.#devices.map(({ id, kind, title }) => ({ id, kind, title })), buffers: Object.fromEntries([...this.#buffers].map(([name, { address, bytes }]) => [name, { address, size: bytes.length }])) };
  }

  #cpus(memo: GuestMemo, booted: Booted): CpuAgent[] {
    const { manifest, workload } = this.spec;
    return this.#platform.cpus.map((id, index) => {
      const contexts = manifest.contexts.filter((context) => context.cpu === index).map(({ name }): ContextSpec => ({ name, calls: (workload.contexts[name] ?? []).map((call) => ({ name: call.call, args: call.args.map(argumentOf) })) }));
      return this.#agent(memo, id, contexts, booted.kernel, false);
    });
  }

  #agent(memo: GuestMemo, id: string, contexts: readonly ContextSpec[], state: KernelState, boot: boolean): CpuAgent {
    const guest: Guest = memo.guest();
    return new CpuAgent({ id, profile: this.#kernel, platform: this.#platform, tables: this.spec.program.tables, guest: () => guest, contexts, state, boot, faults: boot ? [] : this.spec.workload.faults });
  }

  /** The driver's own breakdown, if there was one. */
  #breakdown(result: RunResult, cpus: readonly CpuAgent[]): Failure | null {
    if (result.reason === 'error') {
      const failure = cpus.map((cpu) => cpu.failure).find((f) => f !== null);
      return { id: failure?.frozen === true ? 'RT4' : 'RT1', sentence: sentence(failure ? `${failure.name}()${failure.kind === 'threw' ? ' threw' : failure.kind === 'oops' ? ':' : ''} ${failure.message}` : result.text) };
    }
    if (result.reason === 'budget' || result.reason === 'stopped') return { id: 'RT2', sentence: sentence(`the run was stopped: ${result.text}`) };
    return null;
  }

  #assertions(machine: OperationalMachine, cpus: readonly CpuAgent[]): Failure[] {
    const evidence = this.#evidence(machine, cpus);
    return this.spec.checks.flatMap((check) => {
      if (check.assert === undefined) return [];
      const wrong = assertHolds(check.assert, evidence);
      return wrong === undefined ? [] : [{ id: `assert:${check.id}`, sentence: sentence(wrong) }];
    });
  }

  #evidence(machine: OperationalMachine, cpus: readonly CpuAgent[]): Evidence {
    const { manifest, workload } = this.spec;
    const calls = manifest.contexts.flatMap((context): CallRecord[] => {
      const done = cpus[context.cpu]!.calls.filter((call) => call.context === context.name);
      return (workload.contexts[context.name] ?? []).map((call, index) => ({ context: context.name, index, call: call.call, finished: index < done.length, returned: done[index]?.value ?? null }));
    });
    return {
      workload,
      calls,
      devices: Object.fromEntries(this.#devices.map((device) => [device.id, device.result()])),
      buffers: Object.fromEntries([...this.#buffers].map(([name, { address, bytes, coherent }]) => [name, { initial: bytes, final: machine.read(address, bytes.length, coherent) }])),
      checksum: crc32,
    };
  }
}

/** The lab asks for what the machine cannot be: the author's fault. */
export class SystemFault extends Error {
  override readonly name = 'SystemFault';
}

function argumentOf(argument: Workload['contexts'][string][number]['args'][number]): CallArgument {
  return typeof argument === 'object' && 'u64' in argument ? BigInt(argument.u64) : argument;
}

function addCosts(parts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const part of parts) for (const [name, value] of Object.entries(part)) sum[name] = (sum[name] ?? 0) + value;
  return sum;
}

/** Begins with a capital unless it begins with a name from the code, and ends with a full stop. */
function sentence(text: string): string {
  const start = /^[a-z]+(?![\w:(])/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
  return /[.!?]$/.test(start) ? start : `${start}.`;
}
