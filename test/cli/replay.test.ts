// SPDX-License-Identifier: Apache-2.0
/** A token is an execution: the same finding at the same step, a hundred times out of a hundred, and through the command line. */
import { join } from 'node:path';
import type { TraceEvent } from '@dmalab/core/base/events';
import type { Report, Run } from '@dmalab/contracts/report';
import { compiledDriver, createEngine, type Engine, type RunOutcome } from '@dmalab/engine/engine';
import type { LabBundle } from '@dmalab/engine/lab-bundle';
import { readLab } from '@dmalab/grader/lab-folder';
import { sandboxModule } from '@dmalab/sandbox/node';
import { beforeAll, describe, expect, it } from 'vitest';
import { dmalab } from '../support/cli.ts';
import { COPY_LAB, labsFolder, NIC_LAB } from '../support/repo.ts';

const TIMES = 100;
let engine: Engine;
beforeAll(() => {
  engine = createEngine({ sandbox: sandboxModule() });
});

const text = (events: readonly TraceEvent[]): string => JSON.stringify(events, (_key, value: unknown) => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value));

function replay(lab: LabBundle, driver: string, run: Pick<Run, 'profile' | 'workload'>, token: string): Pick<RunOutcome, 'notes' | 'failures'> & { events: TraceEvent[] } {
  const events: TraceEvent[] = [];
  const { notes, failures } = engine.run({ lab, source: compiledDriver(lab, driver), profile: run.profile, workload: run.workload, token, check: false }, { events: (batch) => events.push(...batch) });
  return { events, notes, failures };
}

describe.each([
  [NIC_LAB, 'variants/no-dma-wmb', 'two-frames', 'arm64'],
  [NIC_LAB, 'variants/no-dma-rmb', 'two-incoming', 'strict'],
  [COPY_LAB, 'variants/no-sync-for-device', 'two-texts', 'arm64-nc'],
] as const)('of %s, %s', ({ folder }, driver, workload, profile) => {
  it(`the token of ${workload} on ${profile} gives the same trace ${TIMES} times`, { timeout: 180_000 }, async () => {
    const lab = await readLab(join(labsFolder, folder));
    const { finding, verdict } = engine.explore({ lab, source: compiledDriver(lab, driver), profile, workload });
    expect(verdict.kind).toBe('violated');
    if (finding === null) throw new Error('a violation has a finding');
    let traces = new Set<string>();
    for (let i = 0; i < TIMES; i += 1) {
      const { events, notes } = replay(lab, driver, { profile, workload }, finding.token);
      expect(notes).toEqual([]);
      const told = events.find((event) => event.kind === 'finding');
      expect(told).toMatchObject({ rule: finding.rule, sentence: finding.sentence });
      expect(events).toHaveLength(finding.steps);
      traces = traces.add(text(events));
    }
    expect(traces.size).toBe(1);
    // The step the report names is the one the command line prints and pages open at.
    const [shown, alone] = await Promise.all([dmalab('replay', finding.token, folder.slice(0, 2), '--submission', join(labsFolder, folder, driver)), dmalab('replay', finding.token)]);
    expect(shown.code).toBe(0);
    expect(alone).toEqual(shown); // a driver of the lab's own is found by the token alone
    expect(shown.stdout).toContain(`${finding.rule} at step ${finding.step}: ${finding.sentence}`);
    expect(shown.stdout).not.toMatch(/^note: /m);
  });
});

it('every token of a report shows what the report says, hidden workloads included', { timeout: 180_000 }, async () => {
  const lab = await readLab(join(labsFolder, COPY_LAB.folder));
  const driver = 'starter';
  const report: Report = engine.grade(lab, compiledDriver(lab, driver), { audience: 'staff' });
  const findings = report.runs.flatMap((run) => [run.finding, ...run.others].flatMap((finding) => (finding === null ? [] : [{ run, finding }])));
  expect(findings.length).toBeGreaterThan(3);
  for (const { run, finding } of findings) {
    const { events, notes, failures } = replay(lab, driver, run, finding.token);
    expect(notes).toEqual([]);
    expect(events).toHaveLength(finding.steps);
    expect([...events.filter((event) => event.kind === 'finding').map((event) => event.rule), ...failures.map(({ id }) => id)]).toContain(finding.rule);
  }
});

describe('a token that does not fit', () => {
  it('is told from a whole one: cut, changed, of another kind', async () => {
    const lab = await readLab(join(labsFolder, NIC_LAB.folder));
    const { token } = engine.explore({ lab, source: compiledDriver(lab, 'variants/no-doorbell'), profile: 'strict', workload: 'two-frames' });
    const results = await Promise.all([token.slice(0, -9), token.replace(/.$/, (c) => (c === '0' ? '1' : '0')), 'hello', token.replace('d1.', 'd9.')].map((t) => dmalab('replay', t, '06')));
    expect(results.map((r) => r.code)).toEqual([2, 2, 2, 2]);
    expect(results[0]?.stderr).toMatch(/^the token cannot be read: .*(cut off|checksum)/);
    expect(results[1]?.stderr).toMatch(/checksum does not match/);
    expect(results[2]?.stderr).toMatch(/a replay token starts with "d1\."/);
    expect(results[3]?.stderr).toMatch(/this token is of version d9; this program reads d1/);
  });

  it('because the driver is another, says so and runs what comes out', async () => {
    const lab = await readLab(join(labsFolder, NIC_LAB.folder));
    const { token } = engine.explore({ lab, source: compiledDriver(lab, 'variants/no-dma-wmb'), profile: 'arm64', workload: 'two-frames' });
    const { code, stdout } = await dmalab('replay', token, '06', '--submission', join(labsFolder, NIC_LAB.folder, 'solution'));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^note: the token was made with other driver code$/m);
    expect(stdout.indexOf('note: ')).toBe(0);
  });

  it('because its driver is nowhere to be found, asks for it', async () => {
    const lab = await readLab(join(labsFolder, NIC_LAB.folder));
    const source = compiledDriver(lab, 'variants/no-doorbell');
    const files = Object.fromEntries(Object.entries(source.files).map(([name, code]) => [name, `${code}\n// mine\n`]));
    const { token } = engine.explore({ lab, source: { ...source, files }, profile: 'strict', workload: 'two-frames' });
    const { code, stderr } = await dmalab('replay', token);
    expect(code).toBe(2);
    expect(stderr).toMatch(/made with a driver that is not one of lab coherent-is-not-ordered's own; say where it is: --submission PATH/);
  });

  it('because its workload belongs to another lab, says so', async () => {
    const lab = await readLab(join(labsFolder, NIC_LAB.folder));
    const { token } = engine.explore({ lab, source: compiledDriver(lab, 'variants/no-doorbell'), profile: 'strict', workload: 'two-frames' });
    const { code, stderr } = await dmalab('replay', token, '02');
    expect(code).toBe(2);
    expect(stderr).toMatch(/made with a workload that this lab does not have/);
  });
});
