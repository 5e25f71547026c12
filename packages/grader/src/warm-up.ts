// SPDX-License-Identifier: Apache-2.0
/**
 * A driver that does nothing for anybody, run once in each grading process
 * before its job is there: what loading and first use cost is paid while
 * nobody waits. It touches no state a job could see; the engine keeps none.
 */
import type { Engine, RunOutcome } from '@dmalab/engine/engine';
import { loadLab, requireLab } from '@dmalab/engine/lab-bundle';

const DRIVER = `import { struct, cast, sizeof } from 'lab/struct';
import { dma_rmb, dma_wmb } from 'asm/barrier';
import { READ_ONCE, WRITE_ONCE } from 'linux/compiler';
import { cpu_to_le16, le16_to_cpu } from 'linux/byteorder';
import { GFP_KERNEL, kzalloc } from 'linux/slab';
import { le16, le64 } from 'linux/types';
const slot = struct('slot', { addr: le64, len: le16, flags: le16 });
export function probe() { return 0; }
export function work() {
  const s = cast(slot, kzalloc(sizeof(slot), GFP_KERNEL));
  for (let i = 0; i < 32; i++) {
    s.store('len', cpu_to_le16(i));
    dma_wmb();
    WRITE_ONCE(s, 'flags', cpu_to_le16(1));
    if (le16_to_cpu(READ_ONCE(s, 'flags')) !== 1) return 1;
    dma_rmb();
    le16_to_cpu(s.load('len'));
  }
  return 0;
}
`;

const LAB = requireLab(
  loadLab(
    {
      'lab.yaml': JSON.stringify({
        id: 'warm-up',
        title: 'Warm-up',
        summary: 'Nothing.',
        teaches: ['nothing'],
        machine: { devices: [{ id: 'nic0', kind: 'ring-nic' }] },
        contexts: [{ name: 'task', cpu: 0 }],
        driver: { file: 'driver.ts', entry: ['probe', 'work'] },
        profiles: ['strict'],
        budget: { executions: 10, fuel: 100_000_000 },
        checks: [{ id: 'works', title: 'Works', assert: 'returned()', points: 1 }],
        expect: {},
      }),
      'README.md': 'Nothing.',
      'starter/driver.ts': DRIVER,
      'workloads/public/once.yaml': JSON.stringify({ title: 'Once', contexts: { task: [{ call: 'work' }] } }),
    },
    (source) => ({ code: source, diagnostics: [] }),
  ),
);

/** @returns how the run ended; nobody needs to look */
export function warmUp(engine: Engine): RunOutcome {
  const source = { files: { 'driver.ts': DRIVER }, original: { 'driver.ts': DRIVER }, diagnostics: [] };
  return engine.run({ lab: LAB, source, profile: 'strict', workload: 'once', check: false }, { events: () => undefined });
}
