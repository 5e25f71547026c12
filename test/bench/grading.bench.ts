// SPDX-License-Identifier: Apache-2.0
/** What grading one submission costs: the first one of a process in CPU-seconds (in the titles), then the same again when everything is warm. */
import { compiledDriver, createEngine } from '@dmalab/engine/engine';
import { sandboxModule } from '@dmalab/sandbox/node';
import { bench, describe } from 'vitest';
import { lab } from '../engine/lab.ts';
import { COPY_LAB, NIC_LAB } from '../support/repo.ts';

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

const engine = createEngine({ sandbox: sandboxModule() });
for (const { folder } of [NIC_LAB, COPY_LAB]) {
  const bundle = lab(folder);
  for (const name of ['solution', 'starter']) {
    const before = cpuSeconds();
    const { runs } = engine.grade(bundle, compiledDriver(bundle, name), { audience: 'staff' });
    const first = (cpuSeconds() - before).toFixed(2);
    const executions = runs.reduce((sum, { verdict }) => sum + ('executions' in verdict ? verdict.executions : 0), 0);
    describe(`${folder}, ${name}: ${runs.length} runs, ${executions} executions in the verdicts; ${first} CPU-seconds when first graded`, () => {
      bench('graded again', () => void engine.grade(bundle, compiledDriver(bundle, name), { audience: 'staff' }), { iterations: 3, time: 0, warmupIterations: 1, warmupTime: 0 });
    });
  }
}
