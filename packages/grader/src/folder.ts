// SPDX-License-Identifier: Apache-2.0
/** Folders from disk as plain text files by path: a lab's, a submission's. Bounded, and nothing outside the folder. */
import { lstat, readFile, readdir, realpath, stat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';

const MAX_FILES = 500;
const MAX_FILE_BYTES = 256 << 10;
const TEXT = /\.(ya?ml|json|md|ts)$/;

/** What is wrong with a folder, in one sentence that names it. */
export class FolderError extends Error {
  override readonly name = 'FolderError';
}

/** Every text file below `folder`, sorted, keyed by its path with `/`. Symbolic links are refused: a lab cannot reach outside itself. */
export async function readTextFolder(folder: string): Promise<Record<string, string>> {
  const top = await realpath(folder).catch(() => {
    throw new FolderError(`${folder}: no such folder`);
  });
  if (!(await stat(top)).isDirectory()) throw new FolderError(`${folder}: expected a folder, this is a file`);
  const files: [string, string][] = [];
  const visit = async (path: string): Promise<void> => {
    for (const name of (await readdir(path)).sort()) {
      if (name.startsWith('.') || name === 'node_modules') continue;
      const here = join(path, name);
      const key = relative(top, here).split(sep).join('/');
      const info = await lstat(here);
      if (info.isSymbolicLink()) throw new FolderError(`${key}: symbolic links are not followed; put the file itself here`);
      if (info.isDirectory()) await visit(here);
      else if (TEXT.test(name)) {
        if (info.size > MAX_FILE_BYTES) throw new FolderError(`${key}: ${info.size} bytes; expected at most ${MAX_FILE_BYTES}`);
        files.push([key, await readFile(here, 'utf8')]);
        if (files.length > MAX_FILES) throw new FolderError(`${folder}: more than ${MAX_FILES} files; this does not look like a lab`);
      }
    }
  };
  await visit(top);
  return Object.fromEntries(files);
}

/** A submission: one file (taken as the lab's driver file whatever its own name) or a folder that holds it. */
export async function readSubmission(path: string, driver: string): Promise<Record<string, string>> {
  const info = await stat(path).catch(() => {
    throw new FolderError(`${path}: no such file or folder; expected the driver or a folder with ${driver}`);
  });
  if (info.isFile()) {
    if (!path.endsWith('.ts')) throw new FolderError(`${path}: expected a TypeScript file (.ts), or a folder with ${driver}`);
    if (info.size > MAX_FILE_BYTES) throw new FolderError(`${basename(path)}: ${info.size} bytes; expected at most ${MAX_FILE_BYTES}`);
    return { [driver]: await readFile(path, 'utf8') };
  }
  const files = await readTextFolder(path);
  const text = files[driver];
  if (text === undefined) throw new FolderError(`${path}: expected a file ${driver} in this folder`);
  return { [driver]: text };
}
