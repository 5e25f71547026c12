// SPDX-License-Identifier: Apache-2.0
/**
 * Pending bits, vectors and messages. A message is sent when a pending bit goes
 * from 0 to 1; while its vector is masked it waits.
 */
import { highOf, lowOf } from '../../mmu/word.ts';
import type { Bus } from '../bus.ts';
import type { Features } from './features.ts';
import { InterruptVectors } from './registers.ts';

export const CIP = 1;
export const FIP = 2;
export const PMIP = 4;
export const PIP = 8;
type Source = typeof CIP | typeof FIP | typeof PMIP | typeof PIP;

const SHIFT: Readonly<Record<Source, number>> = { [CIP]: 0, [FIP]: 4, [PMIP]: 8, [PIP]: 12 };
/** What a wire is told. */
const NAME: Readonly<Record<Source, string>> = { [CIP]: 'command queue', [FIP]: 'fault queue', [PMIP]: 'performance counters', [PIP]: 'page-request queue' };
const VECTORS = 16;

export class Interrupts {
  pending = 0;
  /** Writable bits of icvec. */
  icvec = 0;
  readonly #addresses = new Array<bigint>(VECTORS).fill(0n);
  readonly #data = new Uint32Array(VECTORS);
  readonly #masked = new Uint8Array(VECTORS);
  readonly #waiting = new Uint8Array(VECTORS);
  readonly #features: Features;
  readonly #bus: Bus;
  readonly #wired: () => boolean;
  /** A message could not be written: its address. */
  readonly #failed: (address: bigint) => void;
  readonly #wire: (cause: string) => void;

  constructor(features: Features, bus: Bus, wired: () => boolean, failed: (address: bigint) => void, wire: (cause: string) => void) {
    this.#features = features;
    this.#bus = bus;
    this.#wired = wired;
    this.#failed = failed;
    this.#wire = wire;
  }

  raise(source: Source): void {
    if ((this.pending & source) !== 0) return;
    this.pending |= source;
    if (this.#wired()) {
      this.#wire(NAME[source]);
      return;
    }
    const vector = (this.icvec >>> SHIFT[source]) & 15;
    if (this.#masked[vector] === 1) this.#waiting[vector] = 1;
    else this.#send(vector);
  }

  writeVectors(value: number): void {
    const { options, caps } = this.#features;
    const field = (1 << Math.min(4, options.vectorBits)) - 1;
    const writable = InterruptVectors.encode({ civ: field, fiv: field, pmiv: caps.HPM ? field : 0, piv: caps.ATS ? field : 0 });
    this.icvec = value & Number(writable);
  }

  /** `index`: byte offset in the table, of a 4-byte word. */
  readTable(index: number): number {
    const vector = index >> 4;
    if (!this.#exists(vector)) return 0;
    switch ((index >> 2) & 3) {
      case 0:
        return lowOf(this.#addresses[vector] ?? 0n);
      case 1:
        return highOf(this.#addresses[vector] ?? 0n);
      case 2:
        return this.#data[vector] ?? 0;
      default:
        return this.#masked[vector] ?? 0;
    }
  }

  writeTable(index: number, value: number): void {
    const vector = index >> 4;
    if (!this.#exists(vector)) return;
    const old = this.#addresses[vector] ?? 0n;
    const limit = (1n << BigInt(Math.min(56, this.#features.caps.PAS))) - 4n;
    switch ((index >> 2) & 3) {
      case 0:
        this.#addresses[vector] = ((old & ~0xffff_ffffn) | BigInt(value)) & limit;
        break;
      case 1:
        this.#addresses[vector] = ((old & 0xffff_ffffn) | (BigInt(value) << 32n)) & limit;
        break;
      case 2:
        this.#data[vector] = value;
        break;
      default:
        this.#masked[vector] = value & 1;
        if ((value & 1) === 0 && this.#waiting[vector] === 1) this.#send(vector);
    }
  }

  #exists(vector: number): boolean {
    return this.#features.caps.IGS !== 1 && vector < 1 << Math.min(4, this.#features.options.vectorBits);
  }

  #send(vector: number): void {
    this.#waiting[vector] = 0;
    const address = this.#addresses[vector] ?? 0n;
    const status = this.#bus.storeWords('message of an interrupt', Number(address >> 12n), Number(address & 0xfffn), 4, false, [BigInt(this.#data[vector] ?? 0)]);
    if (status !== 'ok') this.#failed(address);
  }
}
