// SPDX-License-Identifier: Apache-2.0
/**
 * The engine: kernel, checker, sandbox and a lab put together. Runs in Node
 * and in a browser worker, synchronously; the same input gives the same bytes.
 */
import type { Deviation } from '@dmalab/core/base/choice';
import type { TraceEvent } from '@dmalab/core/base/events';
import { QUIET } from '@dmalab/core/machine/memory-system';
import { explore, type Exploration, type Failure } from '@dmalab/checker/explore';
import { Replay } from '@dmalab/checker/strategies/replay';
import { decodeToken, encodeToken, originDifferences, shortHash, type Token, type TokenOrigin } from '@dmalab/checker/token';
import type { ProfileId } from '@dmalab/contracts/lab';
import type { Diagnostic, Finding, Report, Verdict } from '@dmalab/contracts/report';
import { guestModules } from '@dmalab/kernel/guest/modules';
import { sandboxId } from '@dmalab/sandbox/sandbox';
import { barrierAdvice } from './advice.ts';
import { describe, explain, show } from './explain.ts';
import { graphOf } from './graph.ts';
import { hashFiles, sha256 } from './hash.ts';
import { Tracer } from './judge-observer.ts';
import { withoutItems, type LabBundle, type WorkloadFile } from './lab-bundle.ts';
import { checkLab, type LabCheckResult } from './lab-check.ts';
import { loadProgram, type Program, type SandboxModule } from './program.ts';
import { applicableChecks, buildReport, toStudent, type RunEvidence, type RunFailure } from './report.ts';
import { DriverSystem, SystemFault } from './system.ts';
import { ENGINE_VERSION } from './version.ts';

/** A driver as the host compiled it: blanked code by file, the text as written, what the compiler said. */
export interface CompiledSource {
  readonly files: Readonly<Record<string, string>>;
  readonly original: Readonly<Record<string, string>>;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * A public run: one traced execution, then (with `check`) the exploration of every public workload under every profile
 * of the lab that it is for, what was chosen first.
 */
export interface RunJob {
  readonly lab: LabBundle;
  readonly source: CompiledSource;
  readonly profile: ProfileId;
  readonly workload: string;
  readonly token?: string | undefined;
  /** A branch: these instead of the token's own deviations; the token's dropped workload items stay dropped. */
  readonly deviations?: readonly Deviation[] | undefined;
  readonly check: boolean;
  /** Events carry the questions that were open before them. Default true. */
  readonly withChoices?: boolean;
}

export interface RunVerdict {
  readonly profile: ProfileId;
  readonly workload: string;
  readonly verdict: Verdict;
  /** Of the execution that shows the failure, or of the plain run. */
  readonly token: string;
  readonly finding: Finding | null;
}
export interface RunProgress {
  readonly profile: ProfileId;
  readonly workload: string;
  readonly executions: number;
  readonly phase: string;
}
export interface RunSink {
  /** At most 256 events. */
  events(batch: readonly TraceEvent[]): void;
  verdict?(verdict: RunVerdict): void;
  progress?(progress: RunProgress): void;
}

export interface RunOutcome {
  readonly reason: string;
  readonly text: string;
  /** Events of the traced execution. */
  readonly events: number;
  readonly diagnostics: readonly Diagnostic[];
  /** Of the traced execution; '' when it did not run, or deviates too often to fit a link. */
  readonly token: string;
  /** What of the token could not be followed; empty when the replay was exact. */
  readonly notes: readonly string[];
  /** What went wrong in the traced execution beside its findings, which are events: checks that do not hold, a breakdown of the driver. */
  readonly failures: readonly Failure[];
}

export interface GradeProgress {
  readonly done: number;
  readonly of: number;
  readonly profile: ProfileId;
  readonly executions: number;
}
export interface GradeOptions {
  readonly audience: 'staff' | 'student';
  readonly onProgress?: (progress: GradeProgress) => void;
}

export interface Engine {
  /** Changes with anything that could change a verdict. */
  readonly hash: string;
  run(job: RunJob, sink: RunSink): RunOutcome;
  /** One workload under one profile. */
  explore(job: Omit<RunJob, 'token' | 'check'>, onProgress?: (progress: RunProgress) => void): RunVerdict;
  grade(lab: LabBundle, submission: CompiledSource, options: GradeOptions): Report;
  checkLab(lab: LabBundle, onProgress?: (name: string, done: number, of: number) => void): LabCheckResult;
}

const BATCH = 256;
/** Executions between two reports of progress. */
const TICK = 50;

/** @param options.sandbox compiled from `sandbox.wasm` of our build */
export function createEngine(options: { readonly sandbox: SandboxModule }): Engine {
  return new TheEngine(options.sandbox);
}

/** Of the sandbox, the prelude and our version: hosts state it without making an engine. */
export function engineHash(sandbox: SandboxModule): string {
  const prelude = guestModules().map(({ name, source }) => `${name}\n${source}`).join('\n');
  return sha256(`${ENGINE_VERSION}\n${sandboxId(sandbox)}\n${prelude}`);
}

class TheEngine implements Engine {
  readonly hash: string;
  readonly #sandbox: SandboxModule;

  constructor(sandbox: SandboxModule) {
    this.#sandbox = sandbox;
    this.hash = engineHash(sandbox);
  }

  run(job: RunJob, sink: RunSink): RunOutcome {
    const loaded = loadProgram(this.#sandbox, job.lab, job.source.files);
    if (!loaded.ok) return { reason: 'error', text: whyNotLoaded(loaded.diagnostics), events: 0, token: '', diagnostics: loaded.diagnostics, notes: [], failures: [] };
    const file = workloadOf(job.lab, job.workload);
    const { program } = loaded;
    const notes: string[] = [];
    let replay = new Replay([]);
    let without: readonly string[] = [];
    if (job.token !== undefined) {
      const decoded = decodeToken(job.token);
      if (!decoded.ok) return { reason: 'error', text: `the token cannot be read: ${decoded.error}`, events: 0, token: '', diagnostics: [], notes: [], failures: [] };
      notes.push(...originDifferences(decoded.token, this.#origin(job.lab, program, file, job.profile)).map((what) => `the token was made with ${what}`));
      replay = new Replay(decoded.token.deviations);
      without = decoded.token.without;
    }
    if (job.deviations !== undefined) replay = new Replay(job.deviations);

    const system = this.#system(job.lab, program, { ...file, workload: withoutItems(file.workload, without) }, job.profile);
    let batch: TraceEvent[] = [];
    let count = 0;
    const flush = (): void => {
      if (batch.length > 0) sink.events(batch);
      batch = [];
    };
    const tracer = new Tracer((event) => {
      batch.push(event);
      count += 1;
      if (batch.length === BATCH) flush();
    });
    const judged = system.execute(replay, program.traced(), [tracer], job.withChoices ?? true);
    tracer.finish();
    flush();
    notes.push(...replay.problems());

    if (job.check) {
      for (const { workload, profile } of checkedBy(job)) sink.verdict?.(this.#verdict(job.lab, program, workloadOf(job.lab, workload), profile, (progress) => sink.progress?.(progress)));
    }
    return {
      reason: judged.result.reason,
      text: judged.result.text,
      events: count,
      token: this.#tokenOf({ ...this.#origin(job.lab, program, file, job.profile), deviations: judged.deviations, without }),
      diagnostics: barrierAdvice(program, [system]),
      notes,
      failures: judged.findings.length > 0 ? judged.asserted : judged.failures,
    };
  }

  explore(job: Omit<RunJob, 'token' | 'check'>, onProgress?: (progress: RunProgress) => void): RunVerdict {
    const loaded = loadProgram(this.#sandbox, job.lab, job.source.files);
    if (!loaded.ok) return { profile: job.profile, workload: job.workload, verdict: { kind: 'error', whose: 'student', message: whyNotLoaded(loaded.diagnostics) }, token: '', finding: null };
    return this.#verdict(job.lab, loaded.program, workloadOf(job.lab, job.workload), job.profile, onProgress);
  }

  grade(lab: LabBundle, submission: CompiledSource, options: GradeOptions): Report {
    const report = this.#grade(lab, submission, options);
    return options.audience === 'student' ? toStudent(report, lab) : report;
  }

  checkLab(lab: LabBundle, onProgress?: (name: string, done: number, of: number) => void): LabCheckResult {
    return checkLab(lab, (name) => this.grade(lab, compiledDriver(lab, name), { audience: 'staff' }), onProgress);
  }

  #grade(lab: LabBundle, submission: CompiledSource, options: GradeOptions): Report {
    const common = { lab, engineHash: this.hash, submission: { hash: hashFiles(submission.original), files: Object.keys(submission.original) } };
    const nothing = { runs: [], solutionCosts: () => undefined };
    if (submission.diagnostics.some((d) => d.severity === 'error')) return buildReport({ ...common, ...nothing, diagnostics: submission.diagnostics, gradable: false });
    const loaded = loadProgram(this.#sandbox, lab, submission.files);
    if (!loaded.ok) return buildReport({ ...common, ...nothing, diagnostics: [...submission.diagnostics, ...loaded.diagnostics], gradable: false });
    const { program } = loaded;

    const wanted = [...lab.publicWorkloads, ...lab.hiddenWorkloads].flatMap((file) => lab.manifest.profiles.filter((profile) => file.workload.profiles?.includes(profile) ?? true).map((profile) => ({ file, profile })));
    const systems: DriverSystem[] = [];
    const runs = wanted.map(({ file, profile }, done): RunEvidence => {
      const system = this.#system(lab, program, file, profile);
      if (file.visibility === 'public') systems.push(system);
      return this.#evidence(lab, program, file, system, (executions) => options.onProgress?.({ done, of: wanted.length, profile, executions }));
    });
    return buildReport({ ...common, diagnostics: [...submission.diagnostics, ...barrierAdvice(program, systems)], gradable: true, runs, solutionCosts: this.#solutionCosts(lab) });
  }

  /** Explores one run to the end and explains every failure it found. */
  #evidence(lab: LabBundle, program: Program, file: WorkloadFile, system: DriverSystem, onProgress: (executions: number) => void): RunEvidence {
    const { profile } = system.spec;
    const origin = this.#origin(lab, program, file, profile);
    const result = this.#explore(system, (progress) => onProgress(progress.executions));
    const failures = result.found.map((found): RunFailure => ({ id: found.failure.id, finding: explain(system, found, origin) }));
    const plain = system.execute(new Replay([]), program.memo);
    // In the plain run an assertion counts even beside a finding: what the driver was to do is not done.
    const beside = plain.findings.length > 0 ? plain.asserted.filter(({ id }) => !failures.some((f) => f.id === id)) : [];
    if (beside.length > 0) {
      const shown = show(system, []);
      const token = encodeToken({ ...origin, deviations: [], without: [] });
      failures.push(...beside.map(({ id }): RunFailure => ({ id, finding: describe(id, shown, token) })));
    }
    return {
      file,
      profile,
      verdict: verdictOf(result),
      failures,
      plainWorks: plain.findings.length > 0 || plain.problem === '',
      plainProblem: plain.problem,
      costs: plain.costs,
      fuel: result.fuel,
      loadStoreReordering: false,
    };
  }

  #verdict(lab: LabBundle, program: Program, file: WorkloadFile, profile: ProfileId, onProgress?: (progress: RunProgress) => void): RunVerdict {
    const system = this.#system(lab, program, file, profile);
    const origin = this.#origin(lab, program, file, profile);
    const result = this.#explore(system, (progress) => onProgress?.({ profile, workload: file.id, ...progress }));
    const first = result.found[0];
    const finding = first === undefined ? null : explain(system, first, origin);
    return { profile, workload: file.id, verdict: verdictOf(result), token: finding?.token ?? encodeToken({ ...origin, deviations: [], without: [] }), finding };
  }

  #explore(system: DriverSystem, onProgress: (progress: { executions: number; phase: string }) => void): Exploration {
    const { program, manifest } = system.spec;
    const { executions, fuel, bound } = manifest.budget;
    return explore({ execute: (strategy) => system.execute(strategy, program.memo), graph: graphOf(system, program.memo), skip: ({ key }) => key.startsWith(QUIET) }, { executions, fuel, bound }, (progress) => {
      if (progress.executions % TICK === 0) onProgress(progress);
    });
  }

  #system(lab: LabBundle, program: Program, file: WorkloadFile, profile: ProfileId): DriverSystem {
    return new DriverSystem({ manifest: lab.manifest, program, workloadId: file.id, workload: file.workload, profile, checks: applicableChecks(lab.manifest, file, profile) });
  }

  #tokenOf(token: Token): string {
    try {
      return encodeToken(token);
    } catch (error) {
      if (error instanceof RangeError) return '';
      throw error;
    }
  }

  #origin(lab: LabBundle, program: Program, file: WorkloadFile, profile: ProfileId): TokenOrigin {
    return { engine: shortHash(this.hash), lab: shortHash(lab.publicHash), code: shortHash(program.hash), workload: shortHash(file.hash), profile };
  }

  /** Counts of the reference solution, each run when first asked for. */
  #solutionCosts(lab: LabBundle): (workload: string, profile: ProfileId) => Readonly<Record<string, number>> | undefined {
    if (lab.drivers['solution'] === undefined) return () => undefined;
    const loaded = loadProgram(this.#sandbox, lab, compiledDriver(lab, 'solution').files);
    if (!loaded.ok) return () => undefined;
    const known = new Map<string, Readonly<Record<string, number>>>();
    return (id, profile) => {
      const key = `${id} ${profile}`;
      let costs = known.get(key);
      if (costs === undefined) known.set(key, (costs = this.#system(lab, loaded.program, workloadOf(lab, id), profile).execute(new Replay([]), loaded.program.memo).costs));
      return costs;
    };
  }
}

/** One of a lab's own drivers as a submission. */
export function compiledDriver(lab: LabBundle, name: string): CompiledSource {
  const sources = Object.entries(lab.drivers[name] ?? {});
  return { files: Object.fromEntries(sources.map(([file, { code }]) => [file, code])), original: Object.fromEntries(sources.map(([file, { text }]) => [file, text])), diagnostics: [] };
}

/** In the words of what the compiler says: file, line, message. */
function whyNotLoaded([first]: readonly Diagnostic[]): string {
  return first === undefined ? 'the driver did not load' : `${first.file}:${first.line}: ${first.message}`;
}

/** What a checked run explores, in order: the workload that was chosen under every profile, then the lab's other public ones; the chosen profile goes first. */
function checkedBy({ lab, profile: chosen, workload }: RunJob): { readonly workload: string; readonly profile: ProfileId }[] {
  const profiles = [chosen, ...lab.manifest.profiles.filter((p) => p !== chosen)];
  const ids = [workload, ...lab.publicWorkloads.map(({ id }) => id).filter((id) => id !== workload)];
  return ids.flatMap((id) => {
    const isFor = workloadOf(lab, id).workload.profiles;
    return profiles.filter((p) => (id === workload && p === chosen) || (isFor?.includes(p) ?? true)).map((profile) => ({ workload: id, profile }));
  });
}

function workloadOf(lab: LabBundle, id: string): WorkloadFile {
  const file = [...lab.publicWorkloads, ...lab.hiddenWorkloads].find((w) => w.id === id);
  if (file === undefined) throw new SystemFault(`there is no workload ${id} in lab ${lab.manifest.id}`);
  return file;
}

function verdictOf({ outcome, executions, engine }: Exploration): Verdict {
  switch (outcome.kind) {
    case 'violated':
      return { kind: 'violated', executions, engine };
    case 'complete':
      return { kind: 'complete', executions, engine, within: outcome.within };
    case 'bounded':
      return { kind: 'bounded', k: outcome.k, executions, engine, within: outcome.within };
    case 'sampled':
      return { kind: 'sampled', n: outcome.n, engine };
    case 'error':
      return { kind: 'error', message: outcome.message, whose: outcome.whose };
  }
}
