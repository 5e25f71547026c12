// SPDX-License-Identifier: Apache-2.0
/** What a run cost, counted where it is spent. Labs bound these on the default schedule; names are those of a cost check. */
export interface Metrics {
  /** Barriers in the source, each by its weight (`BARRIER_WEIGHT`). */
  barriers: number;
  /** Cache lines maintained. */
  'cache-lines': number;
  'mmio-reads': number;
  'mmio-writes': number;
  maps: number;
  syncs: number;
  allocations: number;
  /** Interrupts taken. */
  interrupts: number;
}

export function noMetrics(): Metrics {
  return { barriers: 0, 'cache-lines': 0, 'mmio-reads': 0, 'mmio-writes': 0, maps: 0, syncs: 0, allocations: 0, interrupts: 0 };
}
