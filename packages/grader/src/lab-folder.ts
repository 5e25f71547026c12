// SPDX-License-Identifier: Apache-2.0
/** Labs from disk: one folder each, and the folder that holds them all. */
import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { type LabBundle, loadLab, requireLab } from '@dmalab/engine/lab-bundle';
import { blank } from '@dmalab/sandbox/transpile';
import { FolderError, readTextFolder } from './folder.ts';

/** Reads and checks one lab. Throws `FolderError` (no such folder) or `LabError` (file, key, what was expected). */
export async function readLab(folder: string): Promise<LabBundle> {
  return requireLab(loadLab(await readTextFolder(folder), blank, basename(resolve(folder))));
}

/** Folders below `labs` that hold a manifest, in order of their names. */
export async function labFolders(labs: string): Promise<string[]> {
  const names = await readdir(labs).catch(() => {
    throw new FolderError(`${labs}: no such folder; expected the folder that holds the labs`);
  });
  const found = await Promise.all(names.sort().map(async (name) => ((await isFile(join(labs, name, 'lab.yaml'))) || (await isFile(join(labs, name, 'lab.json'))) ? [join(labs, name)] : [])));
  return found.flat();
}

/** A lab named by folder, by id (`coherent-is-not-ordered`) or by number (`06`). */
export async function findLab(name: string, labs: string): Promise<string> {
  if (await stat(join(name, 'lab.yaml')).catch(() => undefined)) return name;
  const folders = await labFolders(labs).catch(() => []);
  const found = folders.find((folder) => [basename(folder), basename(folder).replace(/^\d+-/, ''), /^\d+/.exec(basename(folder))?.[0]].includes(basename(name)));
  if (found !== undefined) return found;
  throw new FolderError(`${name}: no lab of this name; expected a folder with lab.yaml, or one of ${folders.map((folder) => basename(folder)).join(', ') || 'the labs in labs/ (there are none)'}`);
}

const isFile = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined))?.isFile() === true;
