// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { CORE_PROFILES } from '@dmalab/core/machine/profile';
import type { RuleTable } from '@dmalab/core/ordering/rules';
import { CompiledTable } from '@dmalab/core/ordering/views';
import { BARRIERS, LOWERINGS, type Step } from './lowering.ts';
import { BARRIER_WEIGHT, KERNEL_PROFILES, type KernelProfile } from './profiles.ts';

const profiles: readonly KernelProfile[] = Object.values(KERNEL_PROFILES);
const core = (profile: KernelProfile): (typeof CORE_PROFILES)[keyof typeof CORE_PROFILES] => {
  const found = Object.values(CORE_PROFILES).find((candidate) => candidate.id === profile.core);
  if (found === undefined) throw new Error(`${profile.id} names no core profile`);
  return found;
};

/** Fence names a table knows. */
function fences(table: RuleTable): { has(name: string): boolean } {
  const compiled = new CompiledTable(table);
  return { has: (name) => compiled.knowsFence(name) };
}
const text = (steps: readonly Step[]): string => steps.map((step) => (step.kind === 'fence' ? step.fence : step.kind === 'branch' ? 'branch' : step.order)).join('; ');

describe('the instructions are those of Linux 6.12', () => {
  it.each([
    ['x86-64', { mb: 'mfence', rmb: 'lfence', wmb: 'sfence', smp_mb: 'lock.addl', smp_rmb: 'compiler', smp_wmb: 'compiler', dma_mb: 'mfence', dma_rmb: 'compiler', dma_wmb: 'compiler', barrier: 'compiler' }],
    ['arm64', { mb: 'dsb.sy', rmb: 'dsb.ld', wmb: 'dsb.st', smp_mb: 'dmb.ish', smp_rmb: 'dmb.ishld', smp_wmb: 'dmb.ishst', dma_mb: 'dmb.osh', dma_rmb: 'dmb.oshld', dma_wmb: 'dmb.oshst', barrier: 'compiler' }],
    ['riscv64', { mb: 'fence.iorw.iorw', rmb: 'fence.ir.ir', wmb: 'fence.ow.ow', smp_mb: 'fence.rw.rw', smp_rmb: 'fence.r.r', smp_wmb: 'fence.w.w', dma_mb: 'fence.iorw.iorw', dma_rmb: 'fence.ir.ir', dma_wmb: 'fence.ow.ow', barrier: 'compiler' }],
  ] as const)('barriers of %s', (id, expected) => {
    for (const name of BARRIERS) expect(LOWERINGS[id].barriers[name], name).toEqual([expected[name]]);
  });

  it('accessors', () => {
    const { arm64, riscv64, 'x86-64': x86, strict } = LOWERINGS;
    expect(text(riscv64.accesses['mmio-read'])).toBe('full; fence.i.ir');
    expect(text(riscv64.accesses['mmio-write'])).toBe('fence.w.o; full');
    expect(text(riscv64.accesses['store-release'])).toBe('fence.rw.w; relaxed');
    expect(text(riscv64.accesses['load-acquire'])).toBe('relaxed; fence.r.rw');
    expect(text(arm64.accesses['mmio-read'])).toBe('full; dmb.oshld; branch');
    expect(text(arm64.accesses['mmio-write'])).toBe('dmb.oshst; full');
    expect(text(arm64.accesses['mmio-read-relaxed'])).toBe('relaxed');
    expect(text(arm64.accesses['store-release'])).toBe('release');
    expect(text(arm64.accesses['load-acquire'])).toBe('acquire');
    expect(text(x86.accesses['mmio-read'])).toBe('full');
    expect(text(x86.accesses['mmio-write'])).toBe('full');
    expect(text(x86.accesses['store-release'])).toBe('relaxed');
    expect(text(strict.accesses['mmio-write'])).toBe('full');
  });

  it('a uniprocessor build keeps the barriers towards devices and drops those between CPUs', () => {
    for (const id of ['x86-64', 'arm64', 'riscv64', 'strict'] as const) {
      const smp = LOWERINGS[id];
      const up = LOWERINGS[`${id}-up`];
      for (const name of BARRIERS) expect(up.barriers[name], name).toEqual(name.startsWith('smp_') ? ['compiler'] : smp.barriers[name]);
      expect(text(up.accesses['store-release'])).toBe('relaxed');
      expect(text(up.accesses['load-acquire'])).toBe('relaxed');
      expect(up.accesses['mmio-write']).toEqual(smp.accesses['mmio-write']);
    }
  });
});

describe.each(profiles.map((profile) => [profile.id, profile] as const))('profile %s', (_id, profile) => {
  it('uses only fences that its core\'s ordering table knows', () => {
    const known = fences(core(profile).ordering);
    const { lowering } = profile;
    const used = [...Object.values(lowering.barriers).flat(), ...Object.values(lowering.accesses).flatMap((steps) => steps.flatMap((step) => (step.kind === 'fence' ? [step.fence] : []))), ...(profile.cache === null || lowering.maintained === null ? [] : [lowering.maintained]), ...(lowering.takenBack === null ? [] : [lowering.takenBack])];
    expect(used.filter((fence) => !known.has(fence))).toEqual([]);
  });

  it('agrees with its core about coherence, line size and byte order', () => {
    const { coherent, lineSize, endian } = core(profile);
    expect(profile.cache === null).toBe(coherent);
    expect(profile.endian).toBe(endian);
    if (profile.cache !== null) expect(profile.cache.line).toBe(lineSize);
  });

  it('waits for cache maintenance wherever there is any; on riscv64 it counts as a store, which writel waits for', () => {
    if (profile.cache !== null && !profile.core.startsWith('riscv64')) expect(profile.lowering.maintained).not.toBeNull();
    if (profile.core === 'riscv64-nc') expect(profile.lowering.accesses['mmio-write'][0]).toEqual({ kind: 'fence', fence: 'fence.w.o' });
  });
});

it('a stronger barrier never costs less than a weaker one it could replace', () => {
  const stronger: readonly (readonly [string, string])[] = [['mb', 'rmb'], ['mb', 'wmb'], ['mb', 'dma_mb'], ['rmb', 'dma_rmb'], ['wmb', 'dma_wmb'], ['dma_mb', 'dma_rmb'], ['dma_mb', 'dma_wmb'], ['smp_mb', 'smp_rmb'], ['smp_mb', 'smp_wmb'], ['smp_wmb', 'barrier']];
  const weight: Readonly<Record<string, number>> = BARRIER_WEIGHT;
  for (const [more, less] of stronger) expect(weight[more]).toBeGreaterThan(weight[less] ?? Infinity);
});
