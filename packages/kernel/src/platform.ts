// SPDX-License-Identifier: Apache-2.0
/** The machine as the kernel knows it at boot: RAM, devices, interrupt lines. What firmware tables say on a real one. */
import type { Ram } from './state.ts';

export interface PlatformDevice {
  /** As events and places call it: `nic0`. Its number is its position in the list. */
  readonly id: string;
  /** Bytes of its register window, at most 64 KiB. */
  readonly mmioSize: number;
  /** Interrupt vectors it can raise, from 0. */
  readonly vectors: number;
  /** Which CPU its interrupts go to; default the first. */
  readonly irqCpu?: string;
}

export interface Platform {
  readonly ram: Ram;
  readonly cpus: readonly string[];
  readonly devices: readonly PlatformDevice[];
}

/** An interrupt line: `irq` is the number drivers use. */
export interface Line {
  readonly irq: number;
  readonly device: string;
  readonly vector: number;
  readonly cpu: string;
}

/** Linux numbers start above the legacy ones. */
const FIRST_IRQ = 32;

/** All lines, numbered by device and vector. The answer of an `interrupt` op is a position in this list, plus 1. */
export function irqLines(platform: Platform): readonly Line[] {
  const lines: Line[] = [];
  for (const device of platform.devices) {
    for (let vector = 0; vector < device.vectors; vector += 1) {
      lines.push({ irq: FIRST_IRQ + lines.length, device: device.id, vector, cpu: device.irqCpu ?? platform.cpus[0] ?? 'cpu0' });
    }
  }
  return lines;
}

/** For the machine: where each interrupt goes, and what it answers to this CPU's `interrupt` ops. */
export function interruptRoutes(platform: Platform): readonly { readonly device: string; readonly vector: number; readonly cpu: string; readonly number: number }[] {
  return irqLines(platform).map(({ device, vector, cpu }, number) => ({ device, vector, cpu, number }));
}
