// SPDX-License-Identifier: Apache-2.0
/** What a unit is built with: the capabilities register, and the choices the architecture leaves to the implementer. */
import type { TableFormat } from '../../mmu/format.ts';
import { stagePaging, type StagePaging } from '../../mmu/formats/riscv.ts';
import { NO_CACHES, type CacheSizes } from './caches.ts';
import { Capabilities } from './registers.ts';
import { REFERENCE, type Switches } from './switches.ts';

export interface BuildOptions {
  /** The capabilities register. */
  readonly capabilities: bigint;
  /** Reset value of fctl. */
  readonly fctl: number;
  /** Highest value of ddtp.mode that can be written: 4 is three levels. */
  readonly maxDirectoryMode: number;
  /** Bits of a device id that exist. */
  readonly deviceMask: number;
  readonly gxlWritable: boolean;
  readonly beWritable: boolean;
  /** Writable bits of each vector field; 2 to that power vectors exist. */
  readonly vectorBits: number;
  /** log2 of the range that a stage is taken to map alike where it does not translate. */
  readonly bareSpan: number;
  /** Whether 64 KiB mapped by one contiguous (NAPOT) entry are reported as such, or as 4 KiB; the text allows both. */
  readonly reportsContiguous: boolean;
  /** Invalidation requests that may wait for their completion at once. */
  readonly tags: number;
  readonly switches: Switches;
  /** Programmable performance counters where there are any, 1 to 31. */
  readonly counters: number;
  /** What the unit remembers; no caches are allowed too, and then every request walks. */
  readonly caches: CacheSizes;
}

export const TYPICAL: Omit<BuildOptions, 'capabilities'> = {
  fctl: 0,
  maxDirectoryMode: 4,
  deviceMask: 0xff_ffff,
  gxlWritable: false,
  beWritable: false,
  vectorBits: 2,
  bareSpan: 30,
  reportsContiguous: false,
  tags: 2,
  switches: REFERENCE,
  counters: 7,
  caches: NO_CACHES,
};

export type CapabilityBits = ReturnType<typeof Capabilities.decode>;

export interface Features {
  readonly caps: CapabilityBits;
  readonly first: StagePaging;
  readonly second: StagePaging;
  readonly options: BuildOptions;
}

export function features(options: BuildOptions): Features {
  const caps = Capabilities.decode(options.capabilities);
  const paging = { pbmt: caps.Svpbmt, rsw60t59b: caps.Svrsw60t59b, dropsExecute: options.switches.atsSupervisorExecute === 'drop-execute', readsOrFaults: options.switches.atsUnreadable === 'untouched' };
  return { caps, first: stagePaging('first', paging), second: stagePaging('second', paging), options };
}

/** The first-stage format a MODE names; `bare`, or null where the encoding is none or not built in. "Encodings of iosatp.MODE field". */
export function firstStage(of: Features, mode: number, sxl: boolean): TableFormat | 'bare' | null {
  if (mode === 0) return 'bare';
  if (sxl) return mode === 8 && of.caps.Sv32 ? of.first.sv32 : null;
  if (mode === 8) return of.caps.Sv39 ? of.first.sv39 : null;
  if (mode === 9) return of.caps.Sv48 ? of.first.sv48 : null;
  return mode === 10 && of.caps.Sv57 ? of.first.sv57 : null;
}

/** The same for the second stage. "Encodings of iohgatp.MODE field". */
export function secondStage(of: Features, mode: number, gxl: boolean): TableFormat | 'bare' | null {
  if (mode === 0) return 'bare';
  if (gxl) return mode === 8 && of.caps.Sv32x4 ? of.second.sv32 : null;
  if (mode === 8) return of.caps.Sv39x4 ? of.second.sv39 : null;
  if (mode === 9) return of.caps.Sv48x4 ? of.second.sv48 : null;
  return mode === 10 && of.caps.Sv57x4 ? of.second.sv57 : null;
}

/** Levels of the process directory a MODE names, 0 for Bare, null where there is none such. "Encodings of pdtp.MODE field". */
export function processLevels(of: Features, mode: number): 0 | 1 | 2 | 3 | null {
  if (mode === 0) return 0;
  if (mode === 1) return of.caps.PD8 ? 1 : null;
  if (mode === 2) return of.caps.PD17 ? 2 : null;
  return mode === 3 && of.caps.PD20 ? 3 : null;
}
