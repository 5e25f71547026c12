// SPDX-License-Identifier: Apache-2.0
/** What each kernel call does to the machine, per profile: operations, notes for the sanitizer, results. */
import { AgentFault } from '@dmalab/core/base/port';
import { KERNEL_PROFILES, type KernelProfileId } from '@dmalab/kernel/profiles';
import { RecordingPort } from '@dmalab/kernel/testing';
import { describe, expect, it } from 'vitest';
import { evaluate, load, run, type Ran } from './guest-fixture.ts';

const ALL = `import { array, cast, out, ptr, sizeof, struct, u8, u16, u32, u64, le16, le64, dma_addr_t } from 'lab/struct';
import { GFP_KERNEL, kmalloc, kzalloc, kfree } from 'linux/slab';
import { READ_ONCE, WRITE_ONCE, barrier, cpu_relax } from 'linux/compiler';
import { mb, rmb, wmb, dma_mb, dma_rmb, dma_wmb, smp_mb, smp_rmb, smp_wmb, smp_store_release, smp_load_acquire } from 'asm/barrier';
import { readl, writel, readl_relaxed, writel_relaxed, readq, writeq, readb } from 'linux/io';
import { devm_platform_ioremap_resource, platform_get_irq } from 'linux/platform_device';
import * as dma from 'linux/dma-mapping'; import { DMA_TO_DEVICE, DMA_FROM_DEVICE, DMA_BIDIRECTIONAL } from 'linux/dma-mapping';
import { memset, memcpy } from 'linux/string'; import { dev_set_drvdata, dev_get_drvdata, dev_name } from 'linux/device';
import { completion, init_completion, reinit_completion, complete, complete_all, wait_for_completion, try_wait_for_completion, completion_done } from 'linux/completion';
import { request_irq, free_irq, IRQ_HANDLED } from 'linux/interrupt';
const priv = struct('priv', { flag: u32, regs: u64, done: completion, handle: dma_addr_t });`;
const nic = { device: 'nic0' } as const;
const on = (body: string, profile: KernelProfileId = 'arm64', more: Parameters<typeof evaluate>[2] = {}): Ran & { value: unknown } => evaluate(ALL, `const dev = args[0];\n${body}`, { profile, args: [nic], ...more });
const notes = (ran: Ran, ...kinds: string[]): unknown[] => ran.port.notes.filter((note) => kinds.includes(note.kind)).map((note) => ({ kind: note.kind, ...note.fields }));

describe('barriers', () => {
  it('become the profile\'s instructions and count by weight', () => {
    const body = 'mb(); rmb(); wmb(); dma_mb(); dma_rmb(); dma_wmb(); smp_mb(); smp_rmb(); smp_wmb(); barrier();';
    const expected: Partial<Record<KernelProfileId, string>> = {
      'x86-64': 'mfence lfence sfence mfence compiler compiler lock.addl compiler compiler compiler',
      arm64: 'dsb.sy dsb.ld dsb.st dmb.osh dmb.oshld dmb.oshst dmb.ish dmb.ishld dmb.ishst compiler',
      'arm64-up': 'dsb.sy dsb.ld dsb.st dmb.osh dmb.oshld dmb.oshst compiler compiler compiler compiler',
      strict: 'mb rmb wmb dma_mb dma_rmb dma_wmb smp_mb smp_rmb smp_wmb compiler',
      'strict-nc-up': 'mb rmb wmb dma_mb dma_rmb dma_wmb compiler compiler compiler compiler',
    };
    for (const [profile, fences] of Object.entries(expected) as [KernelProfileId, string][]) {
      const ran = on(body, profile);
      expect(ran.port.ops.flatMap((op) => (op.kind === 'fence' ? [op.fence] : [])).join(' '), profile).toBe(fences);
      expect(ran.port.ops.flatMap((op) => (op.kind === 'fence' ? [op.as] : [])).slice(0, 3)).toEqual(['mb', 'rmb', 'wmb']);
      expect(ran.agent.metrics.barriers).toBe(15);
    }
  });

  it('acquire and release are accesses with an order', () => {
    const body = "const p = cast(priv, kzalloc(sizeof(priv), GFP_KERNEL)); smp_store_release(p, 'flag', 1); smp_store_release(p.field('flag'), 2); return smp_load_acquire(p, 'flag') + smp_load_acquire(p.field('flag'));";
    const arm = on(body);
    expect(arm.value).toBe(4);
    expect(arm.port.shown('store', 'load', 'fence')).toEqual(['store flag=1 release', 'store flag=2 release', 'load flag acquire', 'load flag acquire']);
    expect(on(body, 'arm64-up').port.shown('store', 'load', 'fence')).toEqual(['store flag=1', 'store flag=2', 'load flag', 'load flag']);
    expect(on(body, 'x86-64').port.shown('store', 'load', 'fence')).toEqual(['store flag=1', 'store flag=2', 'load flag', 'load flag']);
  });
});

describe('registers', () => {
  const body = 'const regs = devm_platform_ioremap_resource(dev, 0); writel(7, regs + 0x10); writel_relaxed(8, regs + 0x14); writeq(0x123456789abcdef0n, regs + 0x18); return BigInt(readl(regs + 0x10)) + BigInt(readl_relaxed(regs + 0x14)) + readq(regs + 0x18);';
  it.each([
    ['arm64', ['fence dmb.oshst', 'store nic0+16=7 full', 'store nic0+20=8', 'fence dmb.oshst', 'store nic0+24=2596069104 full', 'fence dmb.oshst', 'store nic0+28=305419896 full', 'load nic0+16 full', 'fence dmb.oshld', 'branch', 'load nic0+20', 'load nic0+24 full', 'fence dmb.oshld', 'branch', 'load nic0+28 full', 'fence dmb.oshld', 'branch']],
    ['x86-64', ['store nic0+16=7 full', 'store nic0+20=8', 'store nic0+24=2596069104 full', 'store nic0+28=305419896 full', 'load nic0+16 full', 'load nic0+20', 'load nic0+24 full', 'load nic0+28 full']],
    ['strict', ['store nic0+16=7 full', 'store nic0+20=8', 'store nic0+24=2596069104 full', 'store nic0+28=305419896 full', 'load nic0+16 full', 'load nic0+20', 'load nic0+24 full', 'load nic0+28 full']],
  ] as const)('%s', (profile, expected) => {
    const ran = on(body, profile);
    expect(ran.port.shown('store', 'load', 'fence', 'branch')).toEqual(expected);
    expect(ran.value).toBe(0x123456789abcdef0n + 15n);
    expect(ran.agent.metrics).toMatchObject({ 'mmio-writes': 4, 'mmio-reads': 4, barriers: 0 });
  });

  it('are 32 bits wide: narrower accesses are refused by name', () => {
    expect(() => on('readb(devm_platform_ioremap_resource(dev, 0));')).toThrow(/readb: registers .* are 32 bits wide/);
  });

  it('the branch after readl hangs on the value that was read', () => {
    const { port } = on('readl(devm_platform_ioremap_resource(dev, 0));');
    const at = port.ops.findIndex((op) => op.kind === 'load');
    expect(port.ops.find((op) => op.kind === 'branch')).toMatchObject({ dep: at + 1 });
  });
});

describe('coherent memory', () => {
  const body = "const handle = out(); const p = cast(priv, dma.dma_alloc_coherent(dev, 2 * sizeof(priv), handle, GFP_KERNEL)); p.store('flag', 1); if (handle.value !== (p.address & 0xffffffffn)) return -1; dma.dma_free_coherent(dev, 2 * sizeof(priv), p, handle.value); return 0;";

  it.each(['arm64', 'arm64-nc', 'strict-nc'] as const)('on %s: an uncached alias where the device does not snoop', (profile) => {
    const ran = on(body, profile);
    expect(ran.value).toBe(0);
    const store = ran.port.ops.find((op) => op.kind === 'store');
    expect(store).toMatchObject({ place: profile.endsWith('nc') ? { uncached: true } : {} });
    expect(store?.kind === 'store' && store.place.uncached === undefined).toBe(!profile.endsWith('nc'));
    expect(notes(ran, 'alloc', 'layout', 'free')).toMatchObject([
      { kind: 'alloc', what: 'dma_alloc_coherent', address: 0x8000_0000n, dma: 0x8000_0000n, size: 64 },
      { kind: 'layout', name: 'priv', address: 0x8000_0000n, layout: { name: 'priv', count: 2, stride: 32, owner: 'nic0', fields: [{ name: 'flag', offset: 0, size: 4 }, { name: 'regs' }, { name: 'done.done', offset: 16 }, { name: 'handle', offset: 24, size: 8, format: 'address' }] } },
      { kind: 'free', what: 'dma_free_coherent', address: 0x8000_0000n, dma: 0x8000_0000n, size: 64 },
    ]);
  });

  it('is zeroed when somebody had it before', () => {
    const ran = on("const h = out(); const p = dma.dma_alloc_coherent(dev, 16, h, GFP_KERNEL); cast(u64, p).store(5n); dma.dma_free_coherent(dev, 16, p, h.value); const q = cast(u64, dma.dma_alloc_coherent(dev, 16, h, GFP_KERNEL)); return q.load();");
    expect(ran.value).toBe(0n);
  });

  it('a wrong free is told and keeps the memory', () => {
    const ran = on("const h = out(); const p = dma.dma_alloc_coherent(dev, 16, h, GFP_KERNEL); dma.dma_free_coherent(dev, 16, p, h.value + 8n); return dma.dma_alloc_coherent(dev, 16, h, GFP_KERNEL).address === p.address;");
    expect(ran.value).toBe(0);
    expect(notes(ran, 'free')).toMatchObject([{ dma: 0x8000_0008n }]);
  });

  it('there is none above the coherent mask, for nobody, and none when a fault is injected', () => {
    expect(on("const h = out(); return dma.dma_alloc_coherent(dev, 16, h, GFP_KERNEL) === null && h.value === undefined;", 'arm64', { faults: [{ at: 'dma_alloc_coherent', nth: 1 }] }).value).toBe(1);
    expect(on("return dma.dma_set_mask_and_coherent(dev, dma.DMA_BIT_MASK(24));").value).toBe(-5);
    expect(on("return dma.dma_set_mask_and_coherent(dev, dma.DMA_BIT_MASK(32));").value).toBe(0);
  });
});

describe('streaming mappings', () => {
  const map = (direction: string, size = 100): string => `const p = kmalloc(256, GFP_KERNEL); const a = dma.dma_map_single(dev, p, ${size}, ${direction}); if (dma.dma_mapping_error(dev, a)) return -12;`;

  it('on a coherent profile are told and cost nothing', () => {
    const ran = on(`${map('DMA_TO_DEVICE')} dma.dma_sync_single_for_cpu(dev, a, 100, DMA_TO_DEVICE); dma.dma_sync_single_for_device(dev, a, 100, DMA_TO_DEVICE); dma.dma_unmap_single(dev, a, 100, DMA_TO_DEVICE); return 0;`);
    expect(ran.value).toBe(0);
    expect(ran.port.ops).toEqual([]);
    const address = BigInt(ran.port.notes.find((note) => note.kind === 'alloc')?.fields['address'] as bigint);
    const common = { device: 'nic0', dma: address, size: 100, direction: 'DMA_TO_DEVICE' };
    expect(notes(ran, 'map', 'map-check', 'sync', 'unmap')).toMatchObject([
      { kind: 'map', ...common, address, error: false },
      { kind: 'map-check', dma: address },
      { kind: 'sync', ...common, for: 'cpu' },
      { kind: 'sync', ...common, for: 'device' },
      { kind: 'unmap', ...common },
    ]);
  });

  /** Operations on lines, by their number within the buffer. */
  const lines = (ran: Ran): string[] => {
    const base = Number(ran.port.notes.find((note) => note.kind === 'alloc')?.fields['address']);
    return ran.port.ops.map((op) => (op.kind === 'maintain' ? `${op.operation} ${(op.line - base) / 64}` : op.kind === 'fence' ? op.fence : op.kind));
  };

  it.each([
    ['DMA_TO_DEVICE', ['clean 0', 'clean 1', 'dsb.sy'], []],
    ['DMA_FROM_DEVICE', ['clean 0', 'clean 1', 'dsb.sy'], ['invalidate 0', 'clean+invalidate 1', 'dsb.sy']],
    ['DMA_BIDIRECTIONAL', ['clean 0', 'clean 1', 'dsb.sy'], ['invalidate 0', 'clean+invalidate 1', 'dsb.sy']],
  ])('arm64-nc, %s: what map and unmap do to lines', (direction, mapping, unmapping) => {
    expect(lines(on(`${map(direction)} return 0;`, 'arm64-nc'))).toEqual(mapping);
    const both = lines(on(`${map(direction)} dma.dma_unmap_single(dev, a, 100, ${direction}); return 0;`, 'arm64-nc'));
    expect(both.slice(mapping.length)).toEqual(unmapping);
  });

  it('strict-nc waits with a sync of its own, and treats shared edges as lines', () => {
    expect(lines(on(`${map('DMA_FROM_DEVICE')} dma.dma_unmap_single(dev, a, 100, DMA_FROM_DEVICE);`, 'strict-nc'))).toEqual(['clean 0', 'clean 1', 'dma_sync', 'dma_for_cpu', 'invalidate 0', 'invalidate 1', 'dma_sync']);
    expect(lines(on(`${map('DMA_FROM_DEVICE')} dma.dma_unmap_single(dev, a, 100, DMA_FROM_DEVICE);`, 'strict'))).toEqual(['dma_for_cpu']);
    expect(lines(on(`${map('DMA_TO_DEVICE')} dma.dma_unmap_single(dev, a, 100, DMA_TO_DEVICE);`, 'strict'))).toEqual([]);
  });

  it('a partial sync touches its own lines only; the edges of a range in the middle are shared on both sides', () => {
    const ran = on(`${map('DMA_FROM_DEVICE', 256)} dma.dma_sync_single_range_for_cpu(dev, a, 32, 128, DMA_FROM_DEVICE);`, 'arm64-nc');
    expect(lines(ran).slice(5)).toEqual(['clean+invalidate 0', 'invalidate 1', 'clean+invalidate 2', 'dsb.sy']);
    expect(notes(ran, 'sync')).toMatchObject([{ dma: (notes(ran, 'map')[0] as { dma: bigint }).dma + 32n, size: 128 }]);
  });

  it('ownership comes back when unmap begins, and goes over when map has finished', () => {
    const order: string[] = [];
    const port = new RecordingPort();
    const { op } = port;
    port.op = (operation) => (order.push(operation.kind), op.call(port, operation));
    Object.defineProperty(port, 'note', { value: (kind: string) => order.push(kind) });
    on(`${map('DMA_FROM_DEVICE', 64)} dma.dma_unmap_single(dev, a, 64, DMA_FROM_DEVICE);`, 'arm64-nc', { port });
    expect(order.filter((kind) => ['maintain', 'fence', 'map', 'unmap'].includes(kind))).toEqual(['maintain', 'fence', 'map', 'unmap', 'maintain', 'fence']);
  });

  it.each([
    ['a size of 0', "const a = dma.dma_map_single(dev, kmalloc(8, GFP_KERNEL), 0, DMA_TO_DEVICE);", 'arm64'],
    ['more than RAM holds', "const a = dma.dma_map_single(dev, kmalloc(8, GFP_KERNEL), 0x7fffffff, DMA_TO_DEVICE);", 'arm64'],
    ['coherent memory of a non-coherent profile', "const h = out(); const a = dma.dma_map_single(dev, dma.dma_alloc_coherent(dev, 64, h, GFP_KERNEL), 64, DMA_TO_DEVICE);", 'arm64-nc'],
  ] as const)('%s cannot be mapped', (_what, body, profile) => {
    const ran = on(`${body} return dma.dma_mapping_error(dev, a) === -12 && a === dma.DMA_MAPPING_ERROR;`, profile);
    expect(ran.value).toBe(1);
    expect(notes(ran, 'map')).toMatchObject([{ error: true, dma: 0xffff_ffff_ffff_ffffn }]);
    expect(ran.port.ops).toEqual([]);
  });

  it('the n-th mapping fails when the workload says so', () => {
    const body = 'const p = kmalloc(64, GFP_KERNEL); let n = 0; for (let i = 0; i < 4; i += 1) if (dma.dma_mapping_error(dev, dma.dma_map_single(dev, p, 64, DMA_TO_DEVICE))) n = n * 10 + i; return n;';
    expect(on(body, 'arm64', { faults: [{ at: 'dma_map_single', nth: 3 }] }).value).toBe(2);
  });

  it('kmalloc keeps objects on lines of their own where the device does not snoop', () => {
    const body = 'return Number(kmalloc(8, GFP_KERNEL).address - kmalloc(8, GFP_KERNEL).address);';
    expect(Math.abs(Number(on(body).value))).toBe(8);
    expect(Math.abs(Number(on(body, 'arm64-nc').value))).toBe(128);
    expect(on('return dma.dma_get_cache_alignment();', 'arm64-nc').value).toBe(128);
    expect(on('return dma.dma_get_cache_alignment() === 1 && dma.dev_is_dma_coherent(dev);').value).toBe(1);
  });
});

describe('memory', () => {
  it('kzalloc gives zeroes, kmalloc what was left behind', () => {
    const dirty = 'const p = cast(u64, kmalloc(16, GFP_KERNEL)); p.store(5n); kfree(p);';
    expect(on(`${dirty} return cast(u64, kzalloc(16, GFP_KERNEL)).load();`).value).toBe(0n);
    expect(on(`${dirty} return cast(u64, kmalloc(16, GFP_KERNEL)).load();`).value).toBe(5n);
  });

  it('memset and memcpy move every byte in aligned steps', () => {
    const ran = on(`
      const a = cast(u8, kzalloc(64, GFP_KERNEL)), b = cast(u8, kzalloc(64, GFP_KERNEL));
      memset(a.at(3), 0xa5, 30); memcpy(b.at(3), a.at(3), 30); memcpy(b.at(41), a.at(4), 7);
      for (let i = 0; i < 64; i += 1) { const want = (i >= 3 && i < 33) || (i >= 41 && i < 48) ? 0xa5 : 0; if (b.at(i).load() !== want) return i; }
      return 100;`);
    expect(ran.value).toBe(100);
    for (const op of ran.port.ops) if (op.kind === 'store') expect(op.place.address % op.place.size).toBe(0);
  });

  it('private data keeps its type, and devices their names', () => {
    expect(on("const p = cast(priv, kzalloc(sizeof(priv), GFP_KERNEL)); p.store('flag', 3); dev_set_drvdata(dev, p); return dev_name(dev) === 'nic0' ? dev_get_drvdata(dev).load('flag') : -1;").value).toBe(3);
    expect(on('return dev_get_drvdata(dev) === null;').value).toBe(1);
  });
});

describe('completions', () => {
  const p = 'const p = cast(priv, kzalloc(sizeof(priv), GFP_KERNEL));';
  it('count, and are used up by one waiter each', () => {
    const ran = on(`${p} init_completion(p.done); const before = try_wait_for_completion(p.done); complete(p.done); complete(p.done); wait_for_completion(p.done); return before === false && completion_done(p.done) && try_wait_for_completion(p.done) && !completion_done(p.done);`);
    expect(ran.value).toBe(1);
    expect(ran.port.shown('rmw', 'await').slice(0, 5)).toEqual(['rmw done.done acquire', 'rmw done.done release', 'rmw done.done release', 'await done.done', 'rmw done.done acquire']);
  });

  it('complete_all stays until reinit_completion', () => {
    expect(on(`${p} complete_all(p.done); for (let i = 0; i < 3; i += 1) wait_for_completion(p.done); complete(p.done); const still = completion_done(p.done); reinit_completion(p.done); return still && !completion_done(p.done);`).value).toBe(1);
  });

  it('on a uniprocessor build the spinlock inside is gone', () => {
    expect(on(`${p} complete(p.done);`, 'arm64-up').port.shown('rmw')).toEqual(['rmw done.done relaxed']);
  });
});

describe('interrupts', () => {
  const driver = `${ALL}
export function probe(dev) {
  const p = cast(priv, kzalloc(sizeof(priv), GFP_KERNEL)); dev_set_drvdata(dev, p); init_completion(p.done);
  return request_irq(platform_get_irq(dev, 1), on_irq, 0, 'nic', p);
}
function on_irq(irq, p) { p.store('flag', p.load('flag') + 1); complete(p.done); return IRQ_HANDLED; }
export function wait(p) { wait_for_completion(p.done); return p.load('flag'); }
export function poll(p) { while (READ_ONCE(p, 'flag') === 0) cpu_relax(); return READ_ONCE(p, 'flag'); }
export function work(p) { p.store('regs', 1n); p.store('regs', 2n); return p.load('flag'); }
export function stop(dev) { free_irq(platform_get_irq(dev, 1), dev_get_drvdata(dev)); dma_wmb(); return 0; }
export function again(dev) { return request_irq(platform_get_irq(dev, 1), on_irq, 0, 'nic', dev_get_drvdata(dev)); }
export function missing(dev) { return platform_get_irq(dev, 2); }
export function sleeper(irq, p) { wait_for_completion(p.done); return IRQ_HANDLED; }
export function bad(dev) { const p = dev_get_drvdata(dev); request_irq(platform_get_irq(dev, 0), sleeper, 0, 'bad', p); dma_wmb(); return 0; }
export function elsewhere(other) { return request_irq(platform_get_irq(other, 0), on_irq, 0, 'other', null); }`;
  const drvdata = { drvdata: 'nic0' } as const;
  const booted = (): { program: ReturnType<typeof load>; boot: Ran; port: RecordingPort } => {
    const program = load({ 'driver.ts': driver });
    const boot = run({ program, calls: [['probe', nic]] });
    expect(boot.values).toEqual([0]);
    const port = new RecordingPort();
    for (const [address, byte] of boot.port.ram) port.ram.set(address, byte);
    return { program, boot, port };
  };
  // nic0 has lines 0 and 1, copy0 line 2; ops answer the line plus one.
  const LINE = 2;

  it('are asked for before every operation of a context, never inside a handler', () => {
    const { program, boot, port } = booted();
    port.interrupts = [0, LINE];
    const ran = run({ program, calls: [['work', drvdata]], state: boot.agent.state, port });
    expect(ran.values).toEqual([1]);
    expect(port.ops.map((op) => op.kind).join(' ')).toBe('interrupt store interrupt load store rmw interrupt store interrupt load idle');
    expect(notes(ran, 'irq-enter', 'irq-exit')).toMatchObject([{ vector: 1, handler: 'on_irq' }, { vector: 1, value: 1 }]);
    expect(port.ops[4]).toMatchObject({ kind: 'store', context: 'irq/on_irq#1' });
    expect(port.ops[7]).toMatchObject({ kind: 'store', context: 'task/work#1' });
    expect(ran.agent.metrics.interrupts).toBe(1);
  });

  it('wake a waiter', () => {
    const { program, boot, port } = booted();
    // Nothing before the wait; it is woken, and the interrupt is taken then.
    port.interrupts = [0, LINE];
    port.onAwait = () => undefined;
    expect(run({ program, calls: [['wait', drvdata]], state: boot.agent.state, port }).values).toEqual([1]);
    expect(port.ops.filter((op) => op.kind === 'await')).toHaveLength(2);
  });

  it('go on when all contexts are done', () => {
    const { program, boot, port } = booted();
    port.interrupts = [0, 0, 0, LINE, LINE];
    const ran = run({ program, calls: [['work', drvdata]], state: boot.agent.state, port });
    expect(ran.values).toEqual([0]);
    expect(port.peek(Number(0x8010_0000), 4)).toBe(2);
  });

  it('end a busy wait, which blocks instead of spinning', () => {
    const { program, boot, port } = booted();
    port.interrupts = [0, 0, LINE];
    const ran = run({ program, calls: [['poll', drvdata]], state: boot.agent.state, port });
    expect(ran.values).toEqual([1]);
    expect(port.ops.filter((op) => op.kind === 'load' && op.name === 'flag').length).toBeLessThan(6);
  });

  it('come no more after free_irq, and a line is free again then', () => {
    const { program, boot, port } = booted();
    const ran = run({ program, calls: [['stop', nic], ['again', nic], ['again', nic]], state: boot.agent.state, port });
    expect(ran.values).toEqual([0, 0, -16]);
    expect(port.ops.slice(0, 2).map((op) => op.kind)).toEqual(['fence', 'idle']);
  });

  it('a handler must not sleep, and a handler of another CPU is installed there', () => {
    const { program, boot, port } = booted();
    port.interrupts = [1];
    expect(() => run({ program, calls: [['bad', nic]], state: boot.agent.state, port })).toThrow(/interrupt handler must not sleep/);
    expect(() => run({ program, calls: [['elsewhere', { device: 'copy0' }]], state: boot.agent.state })).toThrow(/goes to cpu1/);
    expect(run({ program, calls: [['missing', nic]], state: boot.agent.state }).values).toEqual([-6]);
  });
});

describe('waiting', () => {
  const loop = (condition: string, body = ''): string => `const p = cast(priv, kzalloc(sizeof(priv), GFP_KERNEL)); while (${condition} === 0) { ${body} } return ${condition};`;
  const waits = (profile: KernelProfileId, body: string): { awaits: number; value: unknown } => {
    const port = new RecordingPort();
    port.onAwait = (op) => port.poke(op.place.address, op.place.size, 7);
    const ran = on(body, profile, { port });
    return { awaits: port.ops.filter((op) => op.kind === 'await').length, value: ran.value };
  };

  it('for a READ_ONCE blocks until another value is there', () => {
    expect(waits('strict', loop("READ_ONCE(p, 'flag')"))).toEqual({ awaits: 1, value: 7 });
    expect(waits('strict', loop("READ_ONCE(p, 'flag')", 'cpu_relax();'))).toEqual({ awaits: 1, value: 7 });
  });

  it('for a plain load never ends on STRICT: the compiler may have hoisted it', () => {
    expect(() => waits('strict', loop("p.load('flag')"))).toThrow(/nothing will ever satisfy the wait for flag, read once: the compiler may hoist/);
    expect(waits('strict', loop("p.load('flag')", 'barrier();'))).toEqual({ awaits: 1, value: 7 });
    expect(waits('arm64', loop("p.load('flag')"))).toEqual({ awaits: 1, value: 7 });
  });
});

it('a call that throws halfway leaves nothing behind for the next one', () => {
  const ran = on(`
    const p = kmalloc(64, GFP_KERNEL);
    try { dma.dma_map_single(dev, p, -1, DMA_TO_DEVICE); } catch {}
    try { memset(p, 300, 4); } catch {}
    try { cast(u64, p).at(1 << 29).store(5n); } catch {}
    const a = dma.dma_map_single(dev, p, 64, DMA_FROM_DEVICE);
    return dma.dma_mapping_error(dev, a);`);
  expect(ran.value).toBe(0);
  expect(notes(ran, 'map')).toMatchObject([{ device: 'nic0', size: 64, direction: 'DMA_FROM_DEVICE', error: false }]);
});

describe('an operation that the guest makes up', () => {
  it('ends the run with an error of the guest\'s', () => {
    const program = load({ 'driver.ts': 'export function main() {}' });
    const state = run({ program, calls: [] }).agent.state;
    for (const [code, a, b] of [[0, 0, 0], [255, 1, 2], [1, 0, 0], [1 | 0x400, 0x8000_0000, 0], [3, 0xffff_ffff, 0xffff_ffff], [0x7fff_0001, 0x8000_0000, 0]] as const) {
      const guest = { call: (_entry: string, _args: readonly (number | bigint)[], perform: (code: number, a: number, b: number) => number) => ({ kind: 'returned' as const, fuel: 1, value: perform(code, a, b) }) };
      const hostile = { tables: program.tables, guests: () => () => guest };
      try {
        run({ program: hostile, calls: [['main']], state });
      } catch (error) {
        expect(error).toBeInstanceOf(AgentFault);
      }
    }
  });
});

it('every profile runs a driver from probe to a doorbell', () => {
  const program = load({ 'driver.ts': `${ALL}\nexport function probe(dev) { const h = out(); const r = cast(priv, dma.dma_alloc_coherent(dev, sizeof(priv), h, GFP_KERNEL)); r.store('flag', 1); dma_wmb(); writel(1, devm_platform_ioremap_resource(dev, 0)); return 0; }` });
  for (const profile of Object.keys(KERNEL_PROFILES) as KernelProfileId[]) expect(run({ program, profile, calls: [['probe', nic]] }).values, profile).toEqual([0]);
});
