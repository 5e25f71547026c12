// SPDX-License-Identifier: Apache-2.0
/** What a driver has lent and allocated, as it stands now, and what it took back last: the records the DMA rules judge by. */
import type { Site } from '@dmalab/core/base/events';

export interface Range {
  readonly start: number;
  /** One past the last byte. */
  readonly end: number;
}

export interface Lent {
  readonly device: string;
  readonly address: number;
  readonly dma: number;
  readonly size: number;
  readonly direction: string;
  readonly id: number;
  readonly site: Site | null;
  checked: boolean;
  /** Parts that a sync gave to the CPU for a while. */
  cpuParts: Range[];
}

export interface Allocated {
  readonly what: string;
  readonly address: number;
  readonly dma: number;
  readonly size: number;
  readonly id: number;
  readonly site: Site | null;
}

/** A range the device may no longer touch. */
export interface Retired extends Range {
  readonly device: string;
  readonly how: 'unmapped' | 'freed';
  readonly id: number;
  readonly site: Site | null;
}

export class Mappings {
  lent: Lent[] = [];
  allocated: Allocated[] = [];
  retired: Retired[] = [];

  /** Live mapping of a device that begins at a bus address. */
  at(device: string, dma: number): Lent | undefined {
    return this.lent.findLast((m) => m.device === device && m.dma === dma);
  }
  /** Live mapping of a device that contains a bus address. */
  containing(device: string, dma: number): Lent | undefined {
    return this.lent.findLast((m) => m.device === device && dma >= m.dma && dma < m.dma + m.size);
  }
  /** Live mappings that overlap a range of memory. */
  over(address: number, size: number): Lent[] {
    return this.lent.filter((m) => m.address < address + size && address < m.address + m.size);
  }
  allocationOver(address: number, size: number): Allocated | undefined {
    return this.allocated.findLast((a) => a.address < address + size && address < a.address + a.size);
  }

  lend(m: Lent): void {
    this.lent.push(m);
    this.retired = this.retired.filter((r) => !within(r, m.address, m.size));
  }
  takeBack(m: Lent, id: number, site: Site | null): void {
    this.lent = this.lent.filter((other) => other !== m);
    this.retired.push({ device: m.device, start: m.address, end: m.address + m.size, how: 'unmapped', id, site });
  }
  allocate(a: Allocated): void {
    this.allocated.push(a);
    this.retired = this.retired.filter((r) => !within(r, a.address, a.size));
  }
  release(a: Allocated, id: number, site: Site | null): void {
    this.allocated = this.allocated.filter((other) => other !== a);
    this.retired.push({ device: '', start: a.address, end: a.address + a.size, how: 'freed', id, site });
  }
}

export const isCoherent = (what: string): boolean => what.includes('coherent');

/** Whether part of `[address, address + size)` is in the device's hands. */
export function deviceOwns(m: Lent, address: number, size: number): boolean {
  const start = Math.max(address, m.address);
  const end = Math.min(address + size, m.address + m.size);
  if (start >= end) return false;
  return !m.cpuParts.some((p) => p.start <= start && end <= p.end);
}

/** The CPU gets a part, or gives one back. */
export function giveToCpu(m: Lent, start: number, end: number): void {
  m.cpuParts = [...without(m.cpuParts, start, end), { start, end }];
}
export function giveToDevice(m: Lent, start: number, end: number): void {
  m.cpuParts = without(m.cpuParts, start, end);
}

function without(parts: readonly Range[], start: number, end: number): Range[] {
  return parts.flatMap((p) => {
    if (p.end <= start || end <= p.start) return [p];
    return [{ start: p.start, end: Math.min(p.end, start) }, { start: Math.max(p.start, end), end: p.end }].filter((r) => r.start < r.end);
  });
}

const within = (r: Range, address: number, size: number): boolean => r.start < address + size && address < r.end;
