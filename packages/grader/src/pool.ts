// SPDX-License-Identifier: Apache-2.0
/**
 * A pool of grading processes. Each submission gets a process of its own,
 * started beforehand; people who wait at their screens go first. A process
 * that dies is our fault: the job is tried once more, then reported as ours.
 */
import type { TraceEvent } from '@dmalab/core/base/events';
import type { Report } from '@dmalab/contracts/report';
import type { GradeProgress, RunOutcome, RunProgress, RunVerdict } from '@dmalab/engine/engine';
import { checkLab, type LabCheckResult } from '@dmalab/engine/lab-check';
import type { LabBundle } from '@dmalab/engine/lab-bundle';
import { Compiler } from './compiler.ts';
import type { CompiledSource, GradeJob, Job, RunJob } from './job.ts';
import { GraderFailure, GraderProcess, type Listener } from './process.ts';
import { type Wall, probeWall } from './wall/wall.ts';

export interface PoolOptions {
  /** Jobs at the same time; 2 by default. */
  readonly size?: number;
  /** Hard wall limit of one job, milliseconds: far above what the budgets allow on a busy machine, since a kill is our fault and never a verdict. */
  readonly wallMs?: number;
  readonly wall?: Wall;
  /** Keep a started process for a job that nobody has given yet: true by default, for servers. Where all jobs are known it is waste. */
  readonly standby?: boolean;
}

/** A public run under way. */
export interface RunTicket {
  readonly id: string;
  /** Settles when the run has ended; rejects with `GraderFailure` when that was not its own doing. */
  readonly done: Promise<RunOutcome>;
  stop(): void;
}

export interface RunListeners {
  readonly events?: (batch: readonly TraceEvent[]) => void;
  readonly progress?: (progress: RunProgress) => void;
  readonly verdict?: (verdict: RunVerdict) => void;
}

interface Waiting {
  readonly job: Job;
  readonly listen: Listener;
  readonly tries: number;
  resolve(value: unknown): void;
  reject(error: Error): void;
  process?: GraderProcess;
  stopped: boolean;
}

export class GraderPool {
  readonly wall: Wall;
  readonly #size: number;
  readonly #wallMs: number;
  readonly #standby: boolean;
  readonly #compiler: Compiler;
  readonly #interactive: Waiting[] = [];
  readonly #batch: Waiting[] = [];
  readonly #running = new Set<Waiting>();
  #spare: GraderProcess | undefined;
  #closed = false;
  #runs = 0;

  constructor(options: PoolOptions = {}) {
    this.wall = options.wall ?? probeWall();
    this.#size = options.size ?? 2;
    this.#wallMs = options.wallMs ?? 180_000;
    this.#standby = options.standby ?? true;
    this.#compiler = new Compiler(this.wall);
    this.#start();
  }

  /** Types blanked, and what the compiler says. Never throws for what a student wrote. */
  compile(files: Readonly<Record<string, string>>, given: Readonly<Record<string, string>>, options: { types?: boolean } = {}): Promise<CompiledSource> {
    return this.#compiler.compile(files, given, options.types ?? true);
  }

  /** A public run, before anything that can wait. */
  run(job: Omit<RunJob, 'kind'>, listeners: RunListeners): RunTicket {
    this.#runs += 1;
    const waiting = this.#enqueue(this.#interactive, { kind: 'run', ...job }, 1, (answer) => {
      if (answer.kind === 'events') listeners.events?.(answer.events);
      else if (answer.kind === 'progress') listeners.progress?.(answer.value);
      else if (answer.kind === 'verdict') listeners.verdict?.(answer.value);
    });
    return { id: `run-${this.#runs}`, done: waiting.done as Promise<RunOutcome>, stop: () => this.#stop(waiting.entry) }; // the worker's `run` answers with one
  }

  grade(job: Omit<GradeJob, 'kind'>, progress?: (progress: GradeProgress) => void): Promise<Report> {
    return this.#enqueue(this.#batch, { kind: 'grade', ...job }, 2, (answer) => answer.kind === 'grading' && progress?.(answer.value)).done as Promise<Report>; // the worker's `grade` answers with one
  }

  /** Proves a lab: each of its drivers is graded like a submission, as many at a time as the pool is wide. */
  async checkLab(lab: LabBundle, progress?: (done: number, of: number) => void): Promise<LabCheckResult> {
    const names = Object.keys(lab.drivers);
    const reports = new Map<string, Report>();
    progress?.(0, names.length);
    await Promise.all(
      names.map(async (name) => {
        const sources = Object.entries(lab.drivers[name] ?? {});
        const source: CompiledSource = { files: Object.fromEntries(sources.map(([file, s]) => [file, s.code])), original: Object.fromEntries(sources.map(([file, s]) => [file, s.text])), diagnostics: [] };
        reports.set(name, await this.grade({ lab, source, audience: 'staff' }));
        progress?.(reports.size, names.length);
      }),
    );
    return checkLab(lab, (name) => {
      const report = reports.get(name);
      if (report === undefined) throw new Error(`no report for ${name}`);
      return report;
    });
  }

  /** Jobs waiting and running, for the page that shows a queue. */
  get load(): { readonly waiting: number; readonly running: number } {
    return { waiting: this.#interactive.length + this.#batch.length, running: this.#running.size };
  }

  /** Ends every process; jobs under way reject as stopped. */
  close(): void {
    this.#closed = true;
    this.#compiler.close();
    this.#spare?.kill();
    for (const entry of [...this.#interactive.splice(0), ...this.#batch.splice(0), ...this.#running]) this.#stop(entry);
  }

  #enqueue(queue: Waiting[], job: Job, tries: number, listen: Listener | ((answer: Parameters<Listener>[0]) => unknown)): { entry: Waiting; done: Promise<unknown> } {
    let entry!: Waiting;
    const done = new Promise<unknown>((resolve, reject) => {
      entry = { job, listen: (answer) => void listen(answer), tries, resolve, reject, stopped: false };
      if (this.#closed) reject(new GraderFailure('stopped', 'the pool is closed'));
      else queue.push(entry);
    });
    this.#fill();
    return { entry, done };
  }

  #fill(): void {
    while (!this.#closed && this.#running.size < this.#size) {
      const next = this.#interactive.shift() ?? this.#batch.shift();
      if (next === undefined) return;
      void this.#serve(next);
    }
  }

  async #serve(entry: Waiting): Promise<void> {
    this.#running.add(entry);
    for (let attempt = 1; !entry.stopped; attempt += 1) {
      let process: GraderProcess | undefined;
      try {
        process = this.#take();
        entry.process = process;
        const result = process.run(entry.job, this.#wallMs, entry.listen);
        this.#prepare();
        entry.resolve(await result);
        process.kill();
        break;
      } catch (error) {
        process?.kill();
        if (attempt >= entry.tries || entry.stopped) {
          entry.reject(error instanceof Error ? error : new GraderFailure('crash', String(error)));
          break;
        }
      }
    }
    this.#running.delete(entry);
    this.#fill();
  }

  #take(): GraderProcess {
    const spare = this.#spare;
    this.#spare = undefined;
    return spare?.alive === true ? spare : new GraderProcess(this.wall);
  }

  /** The next job's process. When it cannot be started now, that job starts its own, and hears why not. */
  #prepare(): void {
    if (this.#standby || this.#interactive.length + this.#batch.length > 0) this.#start();
  }

  #start(): void {
    if (this.#closed || this.#spare !== undefined) return;
    try {
      this.#spare = new GraderProcess(this.wall);
    } catch {
      this.#spare = undefined;
    }
  }

  #stop(entry: Waiting): void {
    entry.stopped = true;
    for (const queue of [this.#interactive, this.#batch]) {
      const index = queue.indexOf(entry);
      if (index >= 0) queue.splice(index, 1);
    }
    entry.process?.kill();
    entry.reject(new GraderFailure('stopped', 'the run was stopped'));
  }
}
