// SPDX-License-Identifier: Apache-2.0
/** The files of a new lab: the folder `template/` beside this package's sources, with the lab's name filled in. */
import { join } from 'node:path';
import { readTextFolder } from '@dmalab/grader/folder';
import { root } from './context.ts';

/** Path inside the new folder → text. */
export async function labTemplate(id: string): Promise<Record<string, string>> {
  const words = id.replaceAll('-', ' ');
  const title = words.charAt(0).toUpperCase() + words.slice(1);
  const files = await readTextFolder(join(root, 'apps', 'cli', 'template'));
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [path, text.replaceAll('{{id}}', id).replaceAll('{{title}}', title)]));
}
