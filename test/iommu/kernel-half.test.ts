// SPDX-License-Identifier: Apache-2.0
/**
 * The story of CVE-2025-71202. A process shares its page tables with a device
 * (SVA), and x86-style tables have the kernel's half in them. The device may
 * not touch kernel pages, but its IOMMU remembers the tables on the way there.
 * When the kernel frees such a table and flushes CPU TLBs only, the IOMMU
 * walks whatever the page holds next. Linux e37d5a2d60a3: invalidate, then free.
 */
import { describe, expect, it } from 'vitest';
import { CpuMmu } from '@dmalab/core/mmu/cpu';
import { KernelTables, kernelAddress } from '@dmalab/core/mmu/cpu-tables';
import { PASID, SHARED_HALVES, SOURCE, type SvaBench } from './sva.ts';

const OWN = 0x40_0000n;
const SECRET = 0x900;

function system(bench: SvaBench) {
  const { memory, frames, style } = bench;
  const kernel = new KernelTables(memory, style, frames, [300]);
  const process = kernel.process();
  bench.bind(process.root);
  const cpu = new CpuMmu(memory, bench.paging, { root: process.root, asid: 1 });
  const vmalloc = kernelAddress(style, 300, 0x60_5000n);
  kernel.tables.map(vmalloc, 0x801, { write: true, global: true, accessed: true, dirty: true });
  process.map(OWN, 0x802, { user: true, write: true, accessed: true, dirty: true });
  const device = (address: bigint): string => {
    const answer = bench.unit.serve({ source: SOURCE, pasid: PASID, type: 'untranslated', write: false, execute: false, privileged: false, noWrite: true, address });
    if (answer.kind !== 'memory') return answer.kind;
    bench.unit.landed(answer.ticket);
    return `0x${(answer.address >> 12n).toString(16)}`;
  };
  const onCpu = (address: bigint): string => {
    const answer = cpu.translate({ address, kind: 'read', user: false });
    return answer.kind === 'fault' ? 'fault' : `0x${(answer.address >> 12n).toString(16)}`;
  };
  /** vfree: the page is unmapped, and its table taken out; CPU TLBs are flushed. Returns the frame of the table. */
  const vfree = (): number => {
    kernel.tables.unmap(vmalloc);
    const table = kernel.tables.detach(vmalloc, 1) ?? 0;
    cpu.invalidate({ address: null, asid: null, globals: true });
    return table;
  };
  /** The freed page becomes data of somebody who knows what a page-table entry looks like. */
  const reuse = (table: number): void => {
    for (let i = 0n; i < 512n; i += 1n) memory.poke((BigInt(table) << 12n) + 8n * i, style.leaf(SECRET, 0, { user: true, write: true, accessed: true, dirty: true }));
  };
  return { kernel, process, cpu, vmalloc, device, onCpu, vfree, reuse };
}

describe.each(SHARED_HALVES.map((make) => [make().name, make] as const))('%s', (_, make) => {
  it('a device reads what its process may, and not what the kernel may', () => {
    const { device, onCpu, vmalloc } = system(make());
    expect([device(OWN), device(vmalloc), onCpu(vmalloc)]).toEqual(['0x802', 'refused', '0x801']);
  });

  it('but the refused walk leaves the tables on the way in a cache', () => {
    const bench = make();
    const { device, vmalloc } = system(bench);
    const pointers = (): number => bench.unit.caches.filter(({ name }) => /pointer|paging/iu.test(name)).reduce((sum, cache) => sum + cache.entries().length, 0);
    expect(pointers()).toBe(0);
    device(vmalloc);
    expect(pointers()).toBeGreaterThan(0);
  });

  it('freeing the table after flushing CPU TLBs only: the device walks the page that was reused', () => {
    const { device, onCpu, vmalloc, vfree, reuse } = system(make());
    onCpu(vmalloc);
    device(vmalloc);
    reuse(vfree());
    expect(onCpu(vmalloc)).toBe('fault');
    expect(device(vmalloc)).toBe(`0x${SECRET.toString(16)}`);
  });

  it('invalidating the IOMMU before the page is given away closes it', () => {
    const bench = make();
    const { device, vmalloc, vfree, reuse } = system(bench);
    device(vmalloc);
    const table = vfree();
    bench.invalidateUnit(null);
    reuse(table);
    expect(device(vmalloc)).toBe('refused');
  });

  it('invalidating before the table is taken out does not: the device can refill in between', () => {
    const bench = make();
    const { device, vmalloc, vfree, reuse } = system(bench);
    device(vmalloc);
    bench.invalidateUnit(null);
    device(vmalloc); // the device slips in here
    reuse(vfree());
    expect(device(vmalloc)).toBe(`0x${SECRET.toString(16)}`);
  });

  it('what the notifier of the process said, its own range, does not reach the kernel half', () => {
    const bench = make();
    const { device, vmalloc, vfree, reuse } = system(bench);
    device(vmalloc);
    const table = vfree();
    bench.invalidateUnit(OWN);
    reuse(table);
    expect(device(vmalloc)).toBe(`0x${SECRET.toString(16)}`);
  });
});
