// SPDX-License-Identifier: Apache-2.0
/**
 * Compiles student text in a walled process that is kept warm: loading the
 * compiler takes longer than using it. Text that keeps it busy past its
 * deadline costs that process, not the server, and is tried once more.
 */
import type { CompiledSource } from './job.ts';
import { GraderFailure, GraderProcess } from './process.ts';
import type { Wall } from './wall/wall.ts';

const DEADLINE_MS = 60_000;

export class Compiler {
  readonly #wall: Wall;
  #process: GraderProcess | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(wall: Wall) {
    this.#wall = wall;
  }

  /** One at a time, in order. */
  compile(files: Readonly<Record<string, string>>, given: Readonly<Record<string, string>>, types: boolean): Promise<CompiledSource> {
    const mine = this.#tail.then(() => this.#once(files, given, types));
    this.#tail = mine.catch(() => undefined);
    return mine;
  }

  close(): void {
    this.#closed = true;
    this.#process?.kill();
  }

  async #once(files: Readonly<Record<string, string>>, given: Readonly<Record<string, string>>, types: boolean): Promise<CompiledSource> {
    if (this.#closed) throw new GraderFailure('stopped', 'the compiler is closed');
    for (let attempt = 1; ; attempt += 1) {
      if (this.#process?.alive !== true) this.#process = new GraderProcess(this.#wall);
      try {
        return (await this.#process.run({ kind: 'compile', files, given, types }, DEADLINE_MS)) as CompiledSource; // the worker's `compile` answers with one
      } catch (error) {
        // Never a verdict on the text: the machine may have been busy.
        if (attempt === 2 || this.#closed) throw error;
      }
    }
  }
}
