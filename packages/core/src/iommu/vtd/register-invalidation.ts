// SPDX-License-Identifier: Apache-2.0
/**
 * Invalidation by registers, CCMD_REG and IOTLB_REG: legacy mode only. What was
 * done stands in the register afterwards; 0 says that the request was not understood.
 */
import type { InFlight } from '../in-flight.ts';
import type { VtdCaches } from './caches.ts';
import type { VtdFeatures } from './contexts.ts';
import { ContextCommand, InvalidateAddress, IotlbInvalidate } from './registers.ts';

export class RegisterInvalidation {
  /** IVA_REG. */
  address = 0n;
  #context = 0n;
  #iotlb = 0n;
  /** Moments that the last one waits for. */
  #reads = 0;
  #writes = 0;

  readonly #features: VtdFeatures;
  readonly #caches: VtdCaches;
  readonly #readsInFlight: InFlight;
  readonly #writesInFlight: InFlight;
  readonly #tableMode: () => number;

  constructor(features: VtdFeatures, caches: VtdCaches, reads: InFlight, writes: InFlight, tableMode: () => number) {
    this.#features = features;
    this.#caches = caches;
    this.#readsInFlight = reads;
    this.#writesInFlight = writes;
    this.#tableMode = tableMode;
  }

  get context(): bigint {
    return this.#context;
  }

  /** @param starts ICC was among what software wrote */
  writeContext(value: bigint, starts: boolean): void {
    const asked = ContextCommand.decode(value);
    let { CAIG } = ContextCommand.decode(this.#context);
    if (starts && asked.ICC) {
      CAIG = this.#tableMode() === 0 ? asked.CIRG : 0;
      if (CAIG === 1) this.#caches.context?.clear();
      if (CAIG === 2) this.#caches.dropContextsOf(asked.DID);
      if (CAIG === 3) this.#caches.dropDevice(asked.SID, asked.FM);
    }
    this.#context = ContextCommand.encode({ DID: asked.DID, SID: asked.SID, FM: asked.FM, CIRG: asked.CIRG, CAIG });
  }

  get iotlb(): bigint {
    const done = this.#readsInFlight.through(this.#reads) && this.#writesInFlight.through(this.#writes);
    return done ? this.#iotlb : this.#iotlb | IotlbInvalidate.encode({ IVT: true });
  }

  /** @param starts IVT was among what software wrote */
  writeIotlb(value: bigint, starts: boolean): void {
    const asked = IotlbInvalidate.decode(value);
    let { IAIG } = IotlbInvalidate.decode(this.#iotlb);
    if (starts && asked.IVT) {
      IAIG = this.#invalidate(asked.IIRG, asked.DID);
      if (asked.DR && this.#features.cap.DRD) this.#reads = this.#readsInFlight.now;
      if (asked.DW && this.#features.cap.DWD) this.#writes = this.#writesInFlight.now;
    }
    this.#iotlb = IotlbInvalidate.encode({ DID: asked.DID, DW: asked.DW, DR: asked.DR, IIRG: asked.IIRG, IAIG });
  }

  /** What was done: pages become a domain where the unit cannot do pages. */
  #invalidate(granularity: number, domain: number): number {
    const { AM, IH, ADDR } = InvalidateAddress.decode(this.address);
    const { cap } = this.#features;
    if (this.#tableMode() !== 0 || granularity === 0 || (granularity === 3 && AM > cap.MAMV)) return 0;
    if (granularity === 1) this.#caches.clearTranslations();
    else if (granularity === 2 || !cap.PSI) this.#caches.dropDomain(domain);
    else this.#caches.dropPages(domain, Number((ADDR >> BigInt(AM)) << BigInt(AM)), AM, IH);
    return granularity === 3 && !cap.PSI ? 2 : granularity;
  }
}
