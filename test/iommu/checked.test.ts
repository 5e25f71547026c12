// SPDX-License-Identifier: Apache-2.0
/** The checker on a machine with an IOMMU: it has no graph form, so small deviations find what is wrong, and say so. */
import { explore, type System } from '@dmalab/checker/explore';
import { afterRing, ENTRY, PAGE, run, SYSTEMS, type Spec } from '@dmalab/core/machine/iommu-bench.test-support';
import type { IommuKind } from '@dmalab/core/machine/iommu';
import { expect, it } from 'vitest';

/** A page is mapped, then the device is told; it must read what lies there. */
function system(kind: IommuKind, ...fences: string[]): System {
  const spec: Spec = {
    profile: 'arm64',
    iommu: { kind, iotlb: 4, contexts: 4, lapses: 'all' },
    memory: [...SYSTEMS[kind].contexts, [PAGE, 7n, 8]],
    cpu: (cpu) => {
      cpu.store(ENTRY, SYSTEMS[kind].leaf);
      cpu.fence(...fences);
      cpu.ring();
    },
    device: afterRing,
  };
  return {
    execute(strategy) {
      const { result, outcome } = run(spec, strategy);
      return {
        failures: outcome === '7' ? [] : [{ id: 'device-reads-page', sentence: `the device got ${outcome}` }],
        deviations: result.deviations,
        steps: result.steps,
        fuel: result.steps,
        error: result.reason === 'quiescent' ? null : { whose: 'ours', message: result.text },
      };
    },
  };
}

const BUDGET = { executions: 3000, fuel: 1_000_000, bound: 2 };

it.each(['riscv', 'vtd', 'smmuv3'] as const)('%s: without a barrier one deviation is enough: the entry is held back', (kind) => {
  const { outcome, found, engine } = explore(system(kind), BUDGET);
  expect(outcome).toEqual({ kind: 'violated' });
  expect(engine).toBe('operational');
  expect(found).toMatchObject([{ failure: { sentence: 'the device got refused' }, deviations: [{ agent: 'cpu0', kind: 'drain', key: 'w30008', answer: 1 }], engine: 'operational' }]);
});

it('with one, no two deviations show anything', () => {
  expect(explore(system('vtd', 'dmb.oshst'), BUDGET)).toMatchObject({ outcome: { kind: 'bounded', k: 2 }, found: [] });
});
