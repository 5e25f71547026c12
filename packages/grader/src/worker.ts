// SPDX-License-Identifier: Apache-2.0
/**
 * The grading process: engine, machine and sandbox together behind the wall.
 * Reads jobs as frames on standard input, answers on standard output, holds
 * nothing between jobs but what is the same for all.
 */
import { writeSync } from 'node:fs';
import { createEngine, type Engine } from '@dmalab/engine/engine';
import { sandboxModule } from '@dmalab/sandbox/node';
import type { Answer, Job } from './job.ts';
import { encodeFrame, FrameReader } from './protocol.ts';
import { warmUp } from './warm-up.ts';

let engine: Engine | undefined;
const theEngine = (): Engine => (engine ??= createEngine({ sandbox: sandboxModule() }));

/** Synchronous, so that events leave while the engine is at work; waits when the pipe is full. */
function send(answer: Answer): void {
  const frame = encodeFrame(answer);
  for (let sent = 0; sent < frame.length; ) {
    try {
      sent += writeSync(1, frame, sent);
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error) || error.code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

async function perform(job: Job): Promise<unknown> {
  switch (job.kind) {
    case 'compile': {
      // Only the process that compiles pays for loading the compiler.
      const { compileSources } = await import('./compile-sources.ts');
      return compileSources(job.files, job.given, job.types);
    }
    case 'run':
      return theEngine().run(job, {
        events: (events) => send({ kind: 'events', events }),
        progress: (value) => send({ kind: 'progress', value }),
        verdict: (value) => send({ kind: 'verdict', value }),
      });
    case 'grade':
      return theEngine().grade(job.lab, job.source, { audience: job.audience, onProgress: (value) => send({ kind: 'grading', value }) });
  }
}

/** How long a process waits for its job before it uses the time to warm up, milliseconds. */
const IDLE_MS = 20;
let asked = false;
setTimeout(() => {
  if (!asked) warmUp(theEngine());
}, IDLE_MS);

const reader = new FrameReader();
process.stdin.on('data', (chunk: Buffer) => {
  asked = true;
  for (const job of reader.push(chunk)) {
    perform(job as Job).then(
      (value) => send({ kind: 'done', value }),
      (error: unknown) => send({ kind: 'failed', message: error instanceof Error ? `${error.name}: ${error.message}` : String(error) }),
    ); // only the pool writes here, one job at a time
  }
});
process.stdin.on('end', () => process.exit(0));
send({ kind: 'ready' });
