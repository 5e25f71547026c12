// SPDX-License-Identifier: Apache-2.0
/** Loads TypeScript drivers into the sandbox and runs them over a port that records what reaches the machine. */
import { CpuAgent, type CallArgument, type CallRecord } from '@dmalab/kernel/cpu-agent';
import type { Guest } from '@dmalab/kernel/guest';
import { guestProgram, readTables, type GuestTables } from '@dmalab/kernel/guest/program';
import type { Platform } from '@dmalab/kernel/platform';
import { KERNEL_PROFILES, type KernelProfileId } from '@dmalab/kernel/profiles';
import { createKernelState, type KernelState } from '@dmalab/kernel/state';
import { RecordingPort } from '@dmalab/kernel/testing';
import { sandboxModule } from '@dmalab/sandbox/node';
import { Sandbox } from '@dmalab/sandbox/sandbox';
import { blank } from '@dmalab/sandbox/transpile';

export const platform: Platform = { ram: { base: 0x8000_0000, size: 4 << 20 }, cpus: ['cpu0', 'cpu1'], devices: [{ id: 'nic0', mmioSize: 0x1000, vectors: 2 }, { id: 'copy0', mmioSize: 0x100, vectors: 1, irqCpu: 'cpu1' }] };

export interface Loaded {
  readonly tables: GuestTables;
  /** A pair of instances (contexts, handlers) for one CPU. */
  readonly guests: () => (level: number) => Guest;
}

export function load(files: Readonly<Record<string, string>>, endian: 'little' | 'big' = 'little', fuel = 5_000_000): Loaded {
  const sources = Object.entries(files).map(([name, source]) => {
    const { code, diagnostics } = blank(source, name);
    if (diagnostics.length > 0) throw new Error(JSON.stringify(diagnostics));
    return { name, source: code };
  });
  const program = guestProgram(sources, endian);
  const sandbox = Sandbox.create(sandboxModule());
  const loaded = sandbox.load(program.modules, program.entry);
  if (!loaded.ok) throw new Error(`${loaded.error.kind}: ${'message' in loaded.error ? loaded.error.message : ''} ${JSON.stringify(loaded.error.site)}`);
  const guestOf = (instance: Sandbox): Guest => ({ call: (entry, args, perform) => instance.call(entry, args, perform, fuel), site: () => instance.currentStack()[0] ?? null });
  const guests = (): ((level: number) => Guest) => {
    const levels = [sandbox.fork(), sandbox.fork()].map(guestOf);
    return (level) => {
      const guest = levels[level];
      if (guest === undefined) throw new Error(`no guest for level ${level}`);
      return guest;
    };
  };
  return { tables: readTables(guestOf(sandbox)), guests };
}

export interface Ran {
  readonly agent: CpuAgent;
  readonly port: RecordingPort;
  readonly values: readonly CallRecord['value'][];
}

export interface RunSpec {
  readonly program: Loaded;
  readonly profile?: KernelProfileId;
  readonly calls: readonly (readonly [name: string, ...args: readonly CallArgument[]])[];
  readonly state?: KernelState;
  readonly port?: RecordingPort;
  readonly faults?: readonly { readonly at: string; readonly nth: number }[];
}

export function run({ program, profile = 'arm64', calls, state, port = new RecordingPort(), faults = [] }: RunSpec): Ran {
  const agent = new CpuAgent({
    id: 'cpu0',
    profile: KERNEL_PROFILES[profile],
    platform,
    tables: program.tables,
    guest: program.guests(),
    contexts: [{ name: 'task', calls: calls.map(([name, ...args]) => ({ name, args })) }],
    state: state ?? createKernelState(platform.ram, platform.cpus),
    boot: state === undefined,
    faults,
  });
  agent.run(port);
  return { agent, port, values: agent.calls.map((call) => call.value) };
}

/** Runs `body` as the only function of a driver; `imports` are added in front on the same line. */
export function evaluate(imports: string, body: string, spec: Omit<RunSpec, 'program' | 'calls'> & { readonly args?: readonly CallArgument[]; readonly endian?: 'little' | 'big' } = {}): Ran & { readonly value: CallRecord['value'] } {
  const program = load({ 'driver.ts': `${imports.replaceAll('\n', ' ')} export function main(...args: any[]) {\n${body}\n}` }, spec.endian);
  const ran = run({ ...spec, program, calls: [['main', ...(spec.args ?? [])]] });
  return { ...ran, value: ran.values[0] ?? null };
}
