// SPDX-License-Identifier: Apache-2.0
/** linux/spinlock.h: what locking and freeing become, per profile and build. What they order is in docs/ordering-matrix.md. */
import { KERNEL_PROFILES, type KernelProfileId } from '@dmalab/kernel/profiles';
import { describe, expect, it } from 'vitest';
import { evaluate, type Ran } from './guest-fixture.ts';

const IMPORTS = `import { cast, sizeof, struct, u32 } from 'lab/struct';
import { GFP_KERNEL, kzalloc } from 'linux/slab';
import { readl, writel, writel_relaxed } from 'linux/io';
import { devm_platform_ioremap_resource } from 'linux/platform_device';
import { spinlock_t, spin_lock_init, spin_lock, spin_trylock, spin_unlock, spin_lock_irqsave, spin_unlock_irqrestore } from 'linux/spinlock';
const shared = struct('shared', { lock: spinlock_t, count: u32 });`;
const SETUP = 'const s = cast(shared, kzalloc(sizeof(shared), GFP_KERNEL)); const regs = devm_platform_ioremap_resource(args[0], 0); spin_lock_init(s.field("lock"));';
const on = (body: string, profile: KernelProfileId = 'arm64'): Ran & { value: unknown } => evaluate(IMPORTS, `${SETUP}\n${body}`, { profile, args: [{ device: 'nic0' }] });
/** Operations after the lock was made ready. */
const shown = (ran: Ran): string[] => ran.port.shown('store', 'rmw', 'fence', 'await').slice(1);

describe('a lock', () => {
  it.each([
    ['x86-64', ['rmw lock.locked full', 'store nic0+16=7 full', 'store lock.locked=0']],
    ['arm64', ['rmw lock.locked acquire', 'fence dmb.oshst', 'store nic0+16=7 full', 'store lock.locked=0 release']],
    ['riscv64', ['rmw lock.locked acquire', 'fence fence.w.o', 'store nic0+16=7 full', 'fence fence.o.w', 'fence fence.rw.w', 'store lock.locked=0']],
    ['arm64-up', ['fence compiler', 'fence dmb.oshst', 'store nic0+16=7 full', 'fence compiler']],
    ['riscv64-up', ['fence compiler', 'fence fence.w.o', 'store nic0+16=7 full', 'fence compiler']],
  ] as const)('on %s: the instructions of Linux, and mmiowb after writel', (profile, expected) => {
    expect(shown(on('spin_lock(s.field("lock")); writel(7, regs + 0x10); spin_unlock(s.field("lock"));', profile))).toEqual(expected);
  });
  it('needs no mmiowb where no register was written, or only by writel_relaxed', () => {
    const fences = (body: string): string[] => shown(on(`spin_lock(s.field("lock")); ${body} spin_unlock(s.field("lock"));`, 'riscv64')).filter((op) => op.startsWith('fence'));
    expect(fences('')).toEqual(['fence fence.rw.w']);
    expect(fences('writel_relaxed(7, regs + 0x10);')).toEqual(['fence fence.rw.w']);
    expect(fences('readl(regs + 0x10);')).toEqual(['fence fence.i.ir', 'fence fence.rw.w']);
    expect(shown(on('writel(7, regs + 0x10); spin_lock(s.field("lock")); spin_unlock(s.field("lock"));', 'riscv64')).at(-2)).toBe('fence fence.rw.w');
  });
  it('is taken once: a second try fails, except where one CPU is all there is', () => {
    for (const profile of Object.keys(KERNEL_PROFILES) as KernelProfileId[]) {
      expect([profile, on('return (spin_trylock(s.field("lock")) ? 2 : 0) + (spin_trylock(s.field("lock")) ? 1 : 0);', profile).value]).toEqual([profile, profile.endsWith('-up') ? 3 : 2]);
    }
  });
  it('can be freed by its holder only', () => {
    expect(() => on('spin_unlock(s.field("lock"));')).toThrow(/spin_unlock: this CPU holds no lock/);
  });
  it('with interrupts off: the flags say whether they were on, and freeing turns them on again', () => {
    const other = 'const o = cast(shared, kzalloc(sizeof(shared), GFP_KERNEL)); spin_lock_init(o.field("lock"));';
    const body = `${other} const a = spin_lock_irqsave(s.field("lock")), b = spin_lock_irqsave(o.field("lock"));
      spin_unlock_irqrestore(o.field("lock"), b); const c = spin_lock_irqsave(o.field("lock")); spin_unlock_irqrestore(o.field("lock"), c);
      spin_unlock_irqrestore(s.field("lock"), a); const d = spin_lock_irqsave(s.field("lock")); return 1000 * a + 100 * b + 10 * c + d;`;
    expect(on(body).value).toBe(1001);
  });
});
