// SPDX-License-Identifier: Apache-2.0
/** Both forms of the orderings on real drivers: what a few deviations from the plain run can break, the graph form must break, too. */
import { explore, type System } from '@dmalab/checker/explore';
import { compiledDriver } from '@dmalab/engine/engine';
import { graphOf } from '@dmalab/engine/graph';
import { loadProgram } from '@dmalab/engine/program';
import { applicableChecks } from '@dmalab/engine/report';
import { DriverSystem } from '@dmalab/engine/system';
import { sandboxModule } from '@dmalab/sandbox/node';
import { expect, it } from 'vitest';
import { NIC_LAB } from '../support/repo.ts';
import { lab } from './lab.ts';

const nic = lab(NIC_LAB.folder);
const ALL = process.env['DMALAB_LONG'] !== undefined;
const drivers = ALL ? Object.keys(nic.drivers) : ['starter', 'variants/relaxed-doorbell', 'variants/rmb-before-test', 'variants/smp-rmb-instead'];
const cases = drivers.flatMap((name) => (['arm64', 'strict'] as const).flatMap((profile) => ['two-frames', 'two-incoming'].map((workload) => ({ name, profile, workload }))));

it.each(cases)('$name, $workload on $profile', ({ name, profile, workload }) => {
  const loaded = loadProgram(sandboxModule(), nic, compiledDriver(nic, name).files);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.diagnostics));
  const { program } = loaded;
  const file = nic.publicWorkloads.find((w) => w.id === workload)!;
  const system = new DriverSystem({ manifest: nic.manifest, program, workloadId: workload, workload: file.workload, profile, checks: applicableChecks(nic.manifest, file, profile) });
  const judge: System = { execute: (strategy) => system.execute(strategy, program.memo) };
  const budget = { executions: ALL ? 3000 : 500, fuel: 1e12, bound: 2 };
  const few = explore(judge, budget);
  const graph = explore({ ...judge, graph: graphOf(system, program.memo) }, { ...budget, executions: 5000 });
  expect(few.found.map((f) => f.failure.id).filter((id) => !graph.found.some((f) => f.failure.id === id))).toEqual([]);
  if (graph.found.length === 0) expect(graph.outcome.kind).toBe('complete');
}, 120_000);
