// SPDX-License-Identifier: Apache-2.0
/**
 * For tests of the server alone: stands where the process pool stands and does
 * what a comment in the driver says: `events 1000`, `breaks on strict`, `fails XB1 on hidden`,
 * `crashes`, `waits`. Reports come from the engine's own code. What the graders
 * really do is tested with the real pool.
 */
import type { TraceEvent } from '@dmalab/core/base/events';
import type { Report } from '@dmalab/contracts/report';
import type { LabBundle } from '@dmalab/engine/lab-bundle';
import { buildReport, type RunEvidence } from '@dmalab/engine/report';
import type { CompiledSource } from '@dmalab/grader/job';
import type { Graders } from '../main.ts';

export function numberedEvent(id: number): TraceEvent {
  return { id, agent: 'cpu0', cycle: id, causes: id > 1 ? [id - 1] : [], kind: 'store', address: 0x8010_4800n + BigInt(id), size: 4, value: id, order: 'plain', name: `word[${id}]`, site: null };
}

export class ScriptedGraders implements Graders {
  readonly wall: Graders['wall'] = { layers: [], missing: [], command: () => ({ file: '', args: [], filter: undefined }) };
  /** Texts graded so far, in order. */
  readonly graded: string[] = [];
  #held: { go: () => void; fail: (error: Error) => void }[] = [];

  /** Lets every driver that `waits` go on. */
  release(): void {
    for (const { go } of this.#held.splice(0)) go();
  }

  async compile(files: Readonly<Record<string, string>>): Promise<CompiledSource> {
    const [[file, text] = ['', '']] = Object.entries(files);
    return { files, original: files, diagnostics: text.includes('syntax error') ? [{ file, line: 1, column: 3, severity: 'error', code: '1005', message: 'expected an expression' }] : [] };
  }

  run: Graders['run'] = ({ source, profile, workload }, listeners) => {
    const text = Object.values(source.files).join('\n');
    const count = Number(/events (\d+)/.exec(text)?.[1] ?? 3);
    let stopped = false;
    const done = (async () => {
      for (let from = 1; from <= count && !stopped; from += 100) {
        listeners.events?.(Array.from({ length: Math.min(100, count - from + 1) }, (_, i) => numberedEvent(from + i)));
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (text.includes('waits')) await this.#hold();
      listeners.progress?.({ profile, workload, executions: 1, phase: 'plain' });
      listeners.verdict?.({ profile, workload, verdict: { kind: 'complete', executions: 5, engine: 'graph', within: '' }, token: '', finding: null });
      if (text.includes('breaks on strict')) listeners.verdict?.({ profile: 'strict', workload, verdict: { kind: 'violated', executions: 2, engine: 'graph' }, token: 'd1.strict', finding: null });
      if (stopped) throw Object.assign(new Error('the run was stopped'), { reason: 'stopped' });
      return { reason: 'quiescent', text: 'nothing is left to happen', events: count, token: '', diagnostics: [], notes: [], failures: [] };
    })();
    return { id: 'x', done, stop: () => { stopped = true; this.release(); } };
  };

  grade: Graders['grade'] = async ({ lab, source }) => {
    const text = Object.values(source.files).join('\n');
    if (text.includes('waits')) await this.#hold();
    if (text.includes('crashes')) throw new Error('the grading process ended (SIGKILL)');
    this.graded.push(text);
    return reportOf(lab, text);
  };

  /** As the pool: what is under way is stopped, not finished. */
  close(): void {
    for (const { fail } of this.#held.splice(0)) fail(Object.assign(new Error('the run was stopped'), { reason: 'stopped' }));
  }

  #hold(): Promise<void> {
    return new Promise((go, fail) => this.#held.push({ go, fail }));
  }
}

function reportOf(lab: LabBundle, text: string): Report {
  const [, rule, where] = /fails (\w+) on (public|hidden)/.exec(text) ?? [];
  const runs = [...lab.publicWorkloads, ...lab.hiddenWorkloads].flatMap((file) =>
    lab.manifest.profiles.map((profile): RunEvidence => {
      const fails = rule !== undefined && where === file.visibility;
      const finding = { rule: rule ?? '', sentence: `Sentence about ${file.id}.`, first: null, second: null, step: 3, steps: 9, missing: 'dma_wmb', evidence: 'our choice' as const, source: '', token: `d1.token-of-${file.id}`, diagram: [`diagram of ${file.id}`] };
      return {
        file,
        profile,
        verdict: fails ? { kind: 'violated', executions: 2, engine: 'operational' } : { kind: 'complete', executions: 5, engine: 'graph', within: '' },
        failures: fails ? [{ id: rule, finding }] : [],
        plainWorks: true,
        plainProblem: '',
        costs: {},
        fuel: 10,
        loadStoreReordering: false,
      };
    }),
  );
  return buildReport({ lab, engineHash: 'engine', submission: { hash: 'text', files: ['driver.ts'] }, diagnostics: [], gradable: true, runs, solutionCosts: () => undefined });
}
