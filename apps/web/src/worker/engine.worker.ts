// SPDX-License-Identifier: Apache-2.0
/**
 * The engine in the browser: the same modules and the same wasm as on the server, so a token replays to the same
 * run. Knows public workloads only; nothing else ever reaches it.
 */
import { createEngine, type Engine } from '@dmalab/engine/engine';
import { workloadHash, type LabBundle } from '@dmalab/engine/lab-bundle';
import type { LabView } from '@dmalab/contracts/api';
import sandboxUrl from 'virtual:sandbox-wasm';
import type { FromWorker, ToWorker } from './protocol.ts';
import type { ReplayJob, ReplayResult } from './replayer.ts';

const post = (message: FromWorker): void => postMessage(message);

let starting: Promise<Engine> | null = null;
function engine(): Promise<Engine> {
  return (starting ??= load().catch((error: unknown) => {
    starting = null; // a dropped connection: the next question tries again
    throw error;
  }));
}

async function load(): Promise<Engine> {
  const response = await fetch(sandboxUrl);
  if (!response.ok) throw new Error(`the sandbox could not be loaded: the server answered ${response.status}`);
  return createEngine({ sandbox: await WebAssembly.compile(await response.arrayBuffer()) });
}

onmessage = (e: MessageEvent<ToWorker>): void => {
  const message = e.data;
  answer(message).catch((error: unknown) => post({ kind: 'failed', id: message.id, message: error instanceof Error ? error.message : String(error) }));
};

async function answer(message: ToWorker): Promise<void> {
  const machine = await engine();
  if (message.kind === 'hash') return post({ kind: 'hash', id: message.id, hash: machine.hash });
  post({ kind: 'done', id: message.id, result: replay(machine, message.job, (events) => post({ kind: 'events', id: message.id, events })) });
}

function replay(machine: Engine, job: ReplayJob, events: (batch: Parameters<Parameters<Engine['run']>[1]['events']>[0]) => void): ReplayResult {
  const { file } = job.lab.manifest.driver;
  const outcome = machine.run(
    {
      lab: bundleOf(job.lab),
      source: { files: { [file]: job.blanked }, original: { [file]: job.blanked }, diagnostics: [] },
      profile: job.profile,
      workload: job.workload,
      token: job.token === '' ? undefined : job.token,
      deviations: job.deviations,
      check: false,
      withChoices: true,
    },
    { events },
  );
  const broken = outcome.diagnostics.find((d) => d.severity === 'error');
  if (broken !== undefined) throw new Error(`${broken.file}:${broken.line}: ${broken.message}`);
  if (outcome.events === 0) throw new Error(outcome.text);
  return { reason: outcome.reason, token: outcome.token, notes: outcome.notes };
}

/** The public part of the lab, as the engine takes it. */
function bundleOf(lab: LabView): LabBundle {
  return {
    manifest: lab.manifest,
    number: lab.number,
    text: lab.text,
    hintsText: lab.hints,
    hints: {},
    given: Object.fromEntries(lab.given.map((g) => [g.file, { text: g.text, code: g.blanked }])),
    drivers: {},
    publicWorkloads: Object.entries(lab.workloads).map(([id, workload]) => ({ id, visibility: 'public', workload, hash: workloadHash(workload) })),
    hiddenWorkloads: [],
    hash: lab.hash,
    publicHash: lab.hash,
  };
}
