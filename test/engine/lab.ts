// SPDX-License-Identifier: Apache-2.0
/** The engine and the labs of this clone, for tests that grade in their own process. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compiledDriver, createEngine, type CompiledSource, type Engine } from '@dmalab/engine/engine';
import { loadLab, requireLab, type LabBundle } from '@dmalab/engine/lab-bundle';
import { sandboxModule } from '@dmalab/sandbox/node';
import { blank } from '@dmalab/sandbox/transpile';
import { labsFolder } from '../support/repo.ts';

export const engine: Engine = createEngine({ sandbox: sandboxModule() });

export function labFiles(folder: string): Record<string, string> {
  const files: Record<string, string> = {};
  for (const entry of readdirSync(join(labsFolder, folder), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files[path.slice(join(labsFolder, folder).length + 1)] = readFileSync(path, 'utf8');
  }
  return files;
}

export function lab(folder: string): LabBundle {
  return requireLab(loadLab(labFiles(folder), blank, folder));
}

/** One of the lab's own drivers, with its text changed. */
export function driver(of: LabBundle, name: string, change: (text: string) => string = (text) => text): CompiledSource {
  const source = compiledDriver(of, name);
  const { file } = of.manifest.driver;
  const text = change(source.original[file] ?? '');
  return { ...source, original: { ...source.original, [file]: text }, files: { ...source.files, [file]: blank(text, file).code } };
}

/** The lab with some workloads and profiles only, so that a test is short. */
export function part(of: LabBundle, workloads: readonly string[], profiles: LabBundle['manifest']['profiles']): LabBundle {
  const only = <T extends { readonly id: string }>(list: readonly T[]): T[] => list.filter((file) => workloads.includes(file.id));
  return { ...of, manifest: { ...of.manifest, profiles }, publicWorkloads: only(of.publicWorkloads), hiddenWorkloads: only(of.hiddenWorkloads) };
}
