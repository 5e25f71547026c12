// SPDX-License-Identifier: Apache-2.0
/** The compiler's freedom over plain loads, in drivers that run on two CPUs of the real machine (founding ruling 16). */
import { plain } from '@dmalab/core/base/choice';
import { resetContents } from '@dmalab/core/devices/registers';
import { createDevice } from '@dmalab/core/devices/table';
import { OperationalMachine } from '@dmalab/core/machine/operational';
import { CORE_PROFILES } from '@dmalab/core/machine/profile';
import { initialState } from '@dmalab/core/memory/initial';
import { Sanitizer } from '@dmalab/checker/sanitizer/sanitizer';
import type { SanitizerFinding } from '@dmalab/checker/sanitizer/finding';
import { CpuAgent } from '@dmalab/kernel/cpu-agent';
import type { Platform } from '@dmalab/kernel/platform';
import { KERNEL_PROFILES, type KernelProfileId } from '@dmalab/kernel/profiles';
import { createKernelState } from '@dmalab/kernel/state';
import { describe, expect, it } from 'vitest';
import { load } from './guest-fixture.ts';

const ram = { base: 0x8000_0000, size: 4 << 20 };

/** Runs `first(p)` on CPU 0 and `second(p)` on CPU 1, plainly; `p` is a structure that both share. */
function findings(profile: KernelProfileId, first: string, second: string): readonly SanitizerFinding[] {
  const program = load({
    'driver.ts': `
import { cast, ptr, sizeof, struct, u32 } from 'lab/struct';
import { GFP_KERNEL, kzalloc } from 'linux/slab';
import { READ_ONCE, WRITE_ONCE, barrier, cpu_relax } from 'linux/compiler';
import { smp_load_acquire, smp_store_release } from 'asm/barrier';
import { dev_set_drvdata } from 'linux/device';
const shared = struct('shared', { ready: u32, data: u32 });
type Shared = ptr<typeof shared>;
export function probe(dev) { dev_set_drvdata(dev, cast(shared, kzalloc(sizeof(shared), GFP_KERNEL))); return 0; }
export function first(p: Shared) { ${first} }
export function second(p: Shared) { ${second} }`,
  });
  const device = createDevice({ id: 'copy0', kind: 'copy-engine', options: {} }, { ram });
  const platform: Platform = { ram, cpus: ['cpu0', 'cpu1'], devices: [{ id: 'copy0', mmioSize: device.mmioSize, vectors: device.vectors, irqCpu: 'cpu0' }] };
  const kernel = KERNEL_PROFILES[profile];
  const common = { profile: kernel, platform, tables: program.tables };
  const limits = { steps: 2_000, events: 20_000 };
  const booting = new CpuAgent({ ...common, id: 'cpu0', guest: program.guests(), contexts: [{ name: 'boot', calls: [{ name: 'probe', args: [{ device: 'copy0' }] }] }], state: createKernelState(ram, platform.cpus), boot: true });
  const boot = new OperationalMachine({ profile: CORE_PROFILES[kernel.core], agents: [booting], initial: initialState({ registers: resetContents(device.registers).map(({ offset, value }) => ({ owner: 'copy0', offset, value })) }), strategy: plain, observers: [], limits });
  boot.run();
  const cpus = (['first', 'second'] as const).map((name, i) => new CpuAgent({ ...common, id: `cpu${i}`, guest: program.guests(), contexts: [{ name, calls: [{ name, args: [{ drvdata: 'copy0' }] }] }], state: booting.state }));
  const sanitizer = new Sanitizer();
  const machine = new OperationalMachine({ profile: CORE_PROFILES[kernel.core], agents: cpus, initial: boot.finalState(), strategy: plain, observers: [sanitizer], limits, header: { workload: 'w', names: {}, description: null } });
  expect(machine.run().reason).toBe('quiescent');
  return sanitizer.findings;
}
const rules = (...args: Parameters<typeof findings>): string[] => findings(...args).map((f) => f.rule);

describe('a loop that waits with a plain load', () => {
  const publish = "WRITE_ONCE(p, 'ready', 1); return 0;";
  it('never ends on STRICT, and both halves are told', () => {
    const [finding] = findings('strict', "while (p.load('ready') === 0) {} return 0;", publish);
    expect(finding).toMatchObject({ rule: 'XC1', missing: 'READ_ONCE' });
    expect(finding?.first).toBeGreaterThan(0);
    expect(finding?.second).toBeGreaterThan(finding?.first ?? 0);
    expect(finding?.sentence).toMatch(/^CPU 0 waits for .*ready.* with a plain load.* never saw what CPU 1 wrote at /);
  });
  it('ends by READ_ONCE or an acquire, and nobody is accused', () => {
    expect(rules('strict', "while (READ_ONCE(p, 'ready') === 0) cpu_relax(); return 0;", publish)).toEqual([]);
    expect(rules('strict', "while (smp_load_acquire(p, 'ready') === 0) {} return 0;", "smp_store_release(p, 'ready', 1); return 0;")).toEqual([]);
  });
  it('ends with a compiler barrier in it, but the load is still plain', () => {
    expect(rules('strict', "while (p.load('ready') === 0) cpu_relax(); return 0;", publish)).toEqual(['XC2']);
  });
  it('is not judged on a profile that is a CPU: its compiler is not modelled', () => {
    for (const profile of ['x86-64', 'arm64', 'riscv64'] as const) expect(rules(profile, "while (p.load('ready') === 0) {} return 0;", publish)).toEqual([]);
  });
});

describe('a plain load of what another CPU writes', () => {
  it('is found whatever it read: before the store or after it', () => {
    expect(rules('strict', "return p.load('data');", "WRITE_ONCE(p, 'data', 1); return 0;")).toEqual(['XC2']);
    expect(rules('strict', "WRITE_ONCE(p, 'data', 1); return 0;", "return p.load('data');")).toEqual(['XC2']);
  });
  it('is found with a plain store on the other side', () => {
    expect(rules('strict', "p.store('data', 1); return 0;", "return p.load('data');")).toEqual(['XC2']);
  });
  it('is none behind a flag', () => {
    expect(rules('strict', "p.store('data', 1); smp_store_release(p, 'ready', 1); return 0;", "while (smp_load_acquire(p, 'ready') === 0) {} return p.load('data');")).toEqual([]);
  });
  it('is one where the flag is read too late', () => {
    expect(rules('strict', "p.store('data', 1); smp_store_release(p, 'ready', 1); return 0;", "const d = p.load('data'); while (smp_load_acquire(p, 'ready') === 0) {} return d;")).toEqual(['XC2']);
  });
  it('READ_ONCE is none', () => {
    expect(rules('strict', "p.store('data', 1); return 0;", "return READ_ONCE(p, 'data');")).toEqual([]);
  });
});
