// SPDX-License-Identifier: Apache-2.0
/** One grading process behind the wall: started before it is needed, given one job at a time, killed on its deadline. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Answer, Job } from './job.ts';
import { encodeFrame, FrameReader } from './protocol.ts';
import { type WalledProcess, startBehind } from './wall/start.ts';
import type { Wall } from './wall/wall.ts';

/** Built beside this file; under the test runner this file is a source and the built one lies in `dist`. */
const script = fileURLToPath(import.meta.url.endsWith('.ts') ? new URL('../dist/worker.js', import.meta.url) : new URL('./worker.js', import.meta.url));
const STDERR_LIMIT = 4096;

export type Listener = (answer: Exclude<Answer, { kind: 'ready' | 'done' | 'failed' }>) => void;

/** Why a process gave no answer. Always our fault, never a verdict. */
export class GraderFailure extends Error {
  override readonly name = 'GraderFailure';
  readonly reason: 'deadline' | 'stopped' | 'crash';
  constructor(reason: 'deadline' | 'stopped' | 'crash', message: string) {
    super(message);
    this.reason = reason;
  }
}

export class GraderProcess {
  readonly #child: WalledProcess;
  readonly #reader = new FrameReader();
  #stderr = '';
  #settle: { resolve: (value: unknown) => void; reject: (error: Error) => void; listen: Listener } | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #dead: GraderFailure | undefined;

  constructor(wall: Wall) {
    this.#child = startBehind(wall, [script], spawn);
    this.#child.stdout.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#child.stderr.on('data', (chunk: Buffer) => {
      if (this.#stderr.length < STDERR_LIMIT) this.#stderr += chunk.toString('utf8').slice(0, STDERR_LIMIT - this.#stderr.length);
    });
    this.#child.stdin.on('error', () => undefined); // reported by `exit`
    this.#child.on('error', (error) => this.#end(new GraderFailure('crash', `the grading process could not be started: ${error.message}`)));
    this.#child.on('exit', (code, signal) => this.#end(new GraderFailure('crash', `the grading process ended (${signal ?? `code ${code}`})${this.#stderr === '' ? '' : `: ${this.#stderr.trim().split('\n').slice(-3).join(' ')}`}`)));
  }

  get alive(): boolean {
    return this.#dead === undefined;
  }

  /** Gives the job; rejects with `GraderFailure` when the deadline passes or the process dies. One job at a time. */
  run(job: Job, wallMs: number, listen: Listener = () => undefined): Promise<unknown> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject, listen };
      this.#deadline = setTimeout(() => this.kill(new GraderFailure('deadline', `no answer within ${Math.round(wallMs / 1000)} s`)), wallMs);
      this.#child.stdin.write(encodeFrame(job));
    });
  }

  kill(reason: GraderFailure = new GraderFailure('stopped', 'the run was stopped')): void {
    this.#end(reason);
    this.#child.kill('SIGKILL');
  }

  #read(chunk: Buffer): void {
    try {
      for (const message of this.#reader.push(chunk)) this.#answer(message as Answer); // shape is checked by `kind` below
    } catch (error) {
      this.kill(new GraderFailure('crash', `the grading process sent what is not an answer: ${error instanceof Error ? error.message : 'unreadable'}`));
    }
  }

  #answer(answer: Answer): void {
    const settle = this.#settle;
    switch (answer.kind) {
      case 'ready':
        return;
      case 'events':
      case 'progress':
      case 'grading':
      case 'verdict':
        settle?.listen(answer);
        return;
      case 'done':
        this.#clear();
        settle?.resolve(answer.value);
        return;
      case 'failed':
        this.#clear();
        settle?.reject(new GraderFailure('crash', answer.message));
        return;
    }
    throw new TypeError('an answer of no known kind');
  }

  #clear(): void {
    clearTimeout(this.#deadline);
    this.#settle = undefined;
  }

  #end(reason: GraderFailure): void {
    if (this.#dead !== undefined) return;
    this.#dead = reason;
    const settle = this.#settle;
    this.#clear();
    settle?.reject(reason);
  }
}
