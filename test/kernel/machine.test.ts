// SPDX-License-Identifier: Apache-2.0
/**
 * Driver, sandbox, kernel and the real machine together. A driver with two
 * CPUs, an interrupt and a wait_for_completion must give equal fuel and equal
 * bytes whenever it is run again, whatever the schedule.
 */
import { createHash } from 'node:crypto';
import type { Choice, Deviation, Strategy } from '@dmalab/core/base/choice';
import type { TraceEvent } from '@dmalab/core/base/events';
import { resetContents } from '@dmalab/core/devices/registers';
import { createDevice } from '@dmalab/core/devices/table';
import { OperationalMachine } from '@dmalab/core/machine/operational';
import type { RunResult } from '@dmalab/core/machine/options';
import { CORE_PROFILES } from '@dmalab/core/machine/profile';
import { initialState, type InitialState } from '@dmalab/core/memory/initial';
import { CpuAgent, type ContextSpec } from '@dmalab/kernel/cpu-agent';
import { interruptRoutes, type Platform } from '@dmalab/kernel/platform';
import { KERNEL_PROFILES, type KernelProfileId } from '@dmalab/kernel/profiles';
import { createKernelState, type KernelState } from '@dmalab/kernel/state';
import { describe, expect, it } from 'vitest';
import { load, type Loaded } from './guest-fixture.ts';

const DRIVER = `
import { cast, ptr, sizeof, struct, u32, u8, iomem, dma_addr_t } from 'lab/struct';
import { GFP_KERNEL, kmalloc, kzalloc } from 'linux/slab';
import { READ_ONCE, WRITE_ONCE, cpu_relax } from 'linux/compiler';
import { smp_load_acquire, smp_store_release } from 'asm/barrier';
import { readl, writel } from 'linux/io';
import { DMA_FROM_DEVICE, DMA_TO_DEVICE, dma_map_single, dma_mapping_error, dma_unmap_single } from 'linux/dma-mapping';
import { devm_platform_ioremap_resource, platform_get_irq } from 'linux/platform_device';
import { complete, completion, init_completion, wait_for_completion } from 'linux/completion';
import { IRQ_HANDLED, request_irq } from 'linux/interrupt';
import { dev_set_drvdata } from 'linux/device';
import { dev_info } from 'linux/printk';
import { lower_32_bits } from 'linux/kernel';
import { EIO, ENOMEM } from 'linux/errno';

const priv = struct('priv', { regs: iomem, from: ptr(u8), to: ptr(u8), ready: u32, taken: u32, irqs: u32, done: completion });
type Priv = ptr<typeof priv>;

export function probe(dev) {
  const p = cast(priv, kzalloc(sizeof(priv), GFP_KERNEL));
  p.store('regs', devm_platform_ioremap_resource(dev, 0));
  p.store('from', cast(u8, kmalloc(128, GFP_KERNEL)));
  p.store('to', cast(u8, kmalloc(128, GFP_KERNEL)));
  init_completion(p.done);
  dev_set_drvdata(dev, p);
  return request_irq(platform_get_irq(dev, 0), on_irq, 0, 'copy', p);
}
function on_irq(irq: number, p: Priv) {
  p.store('irqs', p.load('irqs') + 1);
  complete(p.done);
  return IRQ_HANDLED;
}
/** cpu0: copies eight bytes, sleeps until the interrupt, tells the other CPU. */
export function copy(dev, p: Priv, seed: number) {
  const { from, to } = p;
  for (let i = 0; i < 8; i += 1) from.at(i).store(seed + i);
  const source = dma_map_single(dev, from, 8, DMA_TO_DEVICE), target = dma_map_single(dev, to, 8, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, source) || dma_mapping_error(dev, target)) return -ENOMEM;
  writel(lower_32_bits(source), p.regs + 0x00);
  writel(lower_32_bits(target), p.regs + 0x04);
  writel(8, p.regs + 0x08);
  writel(1, p.regs + 0x0c);
  wait_for_completion(p.done);
  dma_unmap_single(dev, source, 8, DMA_TO_DEVICE);
  dma_unmap_single(dev, target, 8, DMA_FROM_DEVICE);
  for (let i = 0; i < 8; i += 1) if (to.at(i).load() !== seed + i) return -EIO;
  dev_info(dev, 'copied %d bytes', 8);
  smp_store_release(p, 'ready', seed);
  return 0;
}
/** cpu0: the same without interrupts: looks at the status register until the copy is done. */
export function poll(dev, p: Priv, seed: number) {
  const { from, to } = p;
  for (let i = 0; i < 8; i += 1) from.at(i).store(seed + i);
  const source = dma_map_single(dev, from, 8, DMA_TO_DEVICE), target = dma_map_single(dev, to, 8, DMA_FROM_DEVICE);
  writel(lower_32_bits(source), p.regs + 0x00);
  writel(lower_32_bits(target), p.regs + 0x04);
  writel(8, p.regs + 0x08);
  writel(1, p.regs + 0x0c);
  while (!(readl(p.regs + 0x10) & 1)) cpu_relax();
  dma_unmap_single(dev, target, 8, DMA_FROM_DEVICE);
  for (let i = 0; i < 8; i += 1) if (to.at(i).load() !== seed + i) return -EIO;
  smp_store_release(p, 'ready', seed);
  return 0;
}
/** cpu1: waits until cpu0 publishes, and reads what cpu0 wrote. (What the *device* wrote is another matter: smp_* promises nothing about that.) */
export function consume(p: Priv) {
  let ready = 0;
  while ((ready = smp_load_acquire(p, 'ready')) === 0) cpu_relax();
  WRITE_ONCE(p, 'taken', ready);
  let sum = 0;
  for (let i = 0; i < 8; i += 1) sum += p.from.at(i).load() - ready;
  return sum;
}`;

const ram = { base: 0x8000_0000, size: 4 << 20 };

interface Machine {
  readonly program: Loaded;
  /** Instances of each CPU, used by run after run: a call starts from the snapshot. */
  readonly guests: Readonly<Record<string, ReturnType<Loaded['guests']>>>;
  readonly profile: KernelProfileId;
  readonly platform: Platform;
  readonly device: ReturnType<typeof createDevice>;
  readonly memory: InitialState;
  readonly kernel: KernelState;
  readonly boot: readonly TraceEvent[];
  readonly after: { readonly event: number; readonly cycle: number };
}

/** Takes answers from a fixed sequence, so that a schedule can be had again by its seed. */
class Seeded implements Strategy {
  #state: number;
  readonly #deviateOneIn: number;
  constructor(seed: number, deviateOneIn: number) {
    this.#state = seed;
    this.#deviateOneIn = deviateOneIn;
  }
  pick(choice: Choice): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    const dice = this.#state >>> 8;
    return dice % this.#deviateOneIn === 0 ? (dice >>> 8) % choice.width : 0;
  }
  advance(): boolean {
    return false;
  }
}

class Replay implements Strategy {
  readonly #answers: ReadonlyMap<string, number>;
  constructor(deviations: readonly Deviation[]) {
    this.#answers = new Map(deviations.map((d) => [`${d.agent} ${d.kind} ${d.key} ${d.ordinal}`, d.answer]));
  }
  pick(choice: Choice): number {
    return this.#answers.get(`${choice.agent} ${choice.kind} ${choice.key} ${choice.ordinal}`) ?? 0;
  }
  advance(): boolean {
    return false;
  }
}

function boot(profile: KernelProfileId, irqCpu: string): Machine {
  const program = load({ 'driver.ts': DRIVER });
  const device = createDevice({ id: 'copy0', kind: 'copy-engine', options: {} }, { ram });
  const platform: Platform = { ram, cpus: ['cpu0', 'cpu1'], devices: [{ id: 'copy0', mmioSize: device.mmioSize, vectors: device.vectors, irqCpu }] };
  const kernel = KERNEL_PROFILES[profile];
  const cpu = new CpuAgent({ id: 'cpu0', profile: kernel, platform, tables: program.tables, guest: program.guests(), contexts: [{ name: 'boot', calls: [{ name: 'probe', args: [{ device: 'copy0' }] }] }], state: createKernelState(ram, platform.cpus), boot: true });
  const events: TraceEvent[] = [];
  const machine = new OperationalMachine({
    profile: CORE_PROFILES[kernel.core],
    agents: [cpu],
    initial: initialState({ registers: resetContents(device.registers).map(({ offset, value }) => ({ owner: 'copy0', offset, value })) }),
    strategy: new Seeded(1, Infinity),
    observers: [{ event: (event) => events.push(event) }],
    limits: { steps: 20_000, events: 20_000 },
  });
  const result = machine.run();
  expect(cpu.calls).toMatchObject([{ name: 'probe', value: 0 }]);
  return { program, guests: { cpu0: program.guests(), cpu1: program.guests() }, profile, platform, device, memory: machine.finalState(), kernel: cpu.state, boot: events, after: { event: result.events, cycle: result.cycles } };
}

interface Outcome {
  readonly result: RunResult;
  readonly fuel: readonly number[];
  readonly values: readonly unknown[];
  readonly bytes: string;
  readonly events: readonly TraceEvent[];
}

function go(m: Machine, strategy: Strategy, producer = 'copy'): Outcome {
  const kernel = KERNEL_PROFILES[m.profile];
  const contexts: Record<string, ContextSpec> = {
    cpu0: { name: 'producer', calls: [{ name: producer, args: [{ device: 'copy0' }, { drvdata: 'copy0' }, 40] }] },
    cpu1: { name: 'consumer', calls: [{ name: 'consume', args: [{ drvdata: 'copy0' }] }] },
  };
  const cpus = Object.entries(contexts).map(([id, context]) => new CpuAgent({ id, profile: kernel, platform: m.platform, tables: m.program.tables, guest: m.guests[id] ?? m.program.guests(), contexts: [context], state: m.kernel }));
  const events: TraceEvent[] = [];
  const machine = new OperationalMachine({
    profile: CORE_PROFILES[kernel.core],
    agents: [...cpus, ...m.device.agents],
    initial: m.memory,
    strategy,
    observers: [{ event: (event) => events.push(event) }],
    limits: { steps: 20_000, events: 20_000 },
    interrupts: interruptRoutes(m.platform),
    registers: new Map([['copy0', m.device.registers]]),
    after: m.after,
  });
  const result = machine.run();
  const text = JSON.stringify(events, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
  return { result, fuel: cpus.map((cpu) => cpu.fuel), values: cpus.flatMap((cpu) => cpu.calls.map((call) => call.value)), bytes: createHash('sha256').update(text).digest('hex'), events };
}

const same = (a: Outcome, b: Outcome): void => {
  expect(b.bytes).toBe(a.bytes);
  expect(b.fuel).toEqual(a.fuel);
  expect(b.values).toEqual(a.values);
  expect(b.result).toEqual(a.result);
};

describe.each(['x86-64', 'arm64', 'arm64-nc', 'strict', 'strict-nc'] as const)('%s', (profile) => {
  it.each(['cpu0', 'cpu1'])('with the interrupt on %s: it works, and again gives equal fuel and equal bytes', (irqCpu) => {
    const machine = boot(profile, irqCpu);
    const first = go(machine, new Seeded(1, Infinity));
    expect(first.result.reason).toBe('quiescent');
    expect(first.values).toEqual([0, 28]);
    expect(first.result.waiting.filter(({ agent }) => agent.startsWith('cpu'))).toEqual([]);
    expect(first.fuel.every((fuel) => fuel > 0)).toBe(true);
    expect(first.events.some((event) => event.kind === 'irq-enter' && event.agent === irqCpu && event.handler === 'on_irq' && event.raise > 0)).toBe(true);
    same(first, go(machine, new Seeded(1, Infinity)));
    // From scratch, too: another sandbox, another probe.
    same(first, go(boot(profile, irqCpu), new Seeded(1, Infinity)));
  });

  it('under any schedule: equal again, and equal when replayed from its deviations', () => {
    const machine = boot(profile, 'cpu1');
    const seen = new Set<string>();
    for (let seed = 1; seed <= 8; seed += 1) {
      const first = go(machine, new Seeded(seed, 3));
      expect(first.result.reason, `seed ${seed}: ${first.result.text}`).toBe('quiescent');
      same(first, go(machine, new Seeded(seed, 3)));
      same(first, go(machine, new Replay(first.result.deviations)));
      seen.add(first.bytes);
    }
    expect(seen.size).toBeGreaterThan(4);
  });
});

it('polling a register waits for the device instead of spinning', () => {
  for (const profile of ['x86-64', 'arm64', 'arm64-nc', 'strict', 'strict-nc'] as const) {
    const machine = boot(profile, 'cpu1');
    for (let seed = 1; seed <= 5; seed += 1) {
      const { values, result } = go(machine, new Seeded(seed, 4), 'poll');
      expect(values, `${profile} seed ${seed}: ${result.text}`).toEqual([0, 28]);
      expect(result.steps).toBeLessThan(400);
    }
  }
});

it('replays 100 times out of 100', () => {
  const machine = boot('arm64', 'cpu1');
  const first = go(machine, new Seeded(5, 3));
  expect(first.result.deviations.length).toBeGreaterThan(2);
  for (let n = 0; n < 100; n += 1) same(first, go(machine, new Replay(first.result.deviations)));
});

it('a correct driver is correct under every schedule tried, wherever the interrupt is taken', () => {
  for (const profile of ['x86-64', 'arm64', 'arm64-nc', 'strict', 'strict-nc'] as const) {
    for (const irqCpu of ['cpu0', 'cpu1']) {
      const machine = boot(profile, irqCpu);
      for (let seed = 1; seed <= 8; seed += 1) expect(go(machine, new Seeded(seed, 3)).values, `${profile}, interrupt on ${irqCpu}, seed ${seed}`).toEqual([0, 28]);
    }
  }
});
