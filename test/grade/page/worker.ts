// SPDX-License-Identifier: Apache-2.0
/** Runs in a browser worker: the engine as pages have it, grading whole submissions. Bundled by `browser-grader.ts`. */
import { canonicalJson } from '@dmalab/contracts/canonical';
import { type CompiledSource, createEngine, type Engine } from '@dmalab/engine/engine';
import type { LabBundle } from '@dmalab/engine/lab-bundle';

export interface GradeQuestion {
  readonly id: number;
  /** Where the lab lies, as JSON. */
  readonly lab: string;
  readonly source: CompiledSource;
  readonly audience: 'staff' | 'student';
}
export interface GradeAnswer {
  readonly id: number;
  readonly bytes: string;
  readonly engine: string;
  readonly problem: string;
}

const scope = globalThis as unknown as { onmessage: (event: { data: GradeQuestion }) => void; postMessage(answer: GradeAnswer): void };
let engine: Promise<Engine> | undefined;
const labs = new Map<string, Promise<LabBundle>>();

async function load(): Promise<Engine> {
  return createEngine({ sandbox: await WebAssembly.compileStreaming(fetch('/sandbox.wasm')) });
}

function labAt(path: string): Promise<LabBundle> {
  let lab = labs.get(path);
  if (lab === undefined) labs.set(path, (lab = fetch(path).then((response) => response.json() as Promise<LabBundle>)));
  return lab;
}

scope.onmessage = ({ data }) => {
  engine ??= load();
  Promise.all([engine, labAt(data.lab)]).then(
    ([machine, lab]) => scope.postMessage({ id: data.id, bytes: canonicalJson(machine.grade(lab, data.source, { audience: data.audience })), engine: machine.hash, problem: '' }),
    (error: unknown) => scope.postMessage({ id: data.id, bytes: '', engine: '', problem: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
};
