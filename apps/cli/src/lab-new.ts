// SPDX-License-Identifier: Apache-2.0
/** `dmalab lab new ID`: a folder whose check says, line by line, what is still to be filled in. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { labFolders } from '@dmalab/grader/lab-folder';
import { Command } from 'commander';
import { CommandError, EXIT, labsFolder } from './context.ts';
import { labTemplate } from './lab-template.ts';

export function labNewCommand(): Command {
  return new Command('new')
    .description('make the folder of a new lab')
    .argument('<id>', 'lower-case words joined by "-": first-map')
    .option('--in <folder>', 'where labs live', labsFolder)
    .action(async (id: string, options: { in: string }) => {
      if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(id)) throw new CommandError(`"${id}" cannot be the id of a lab; expected lower-case words joined by "-", such as first-map`, EXIT.usage);
      await mkdir(options.in, { recursive: true });
      const taken = (await labFolders(options.in)).map((folder) => Number(/(\d+)-[^/\\]*$/.exec(folder)?.[1] ?? 0));
      const folder = join(options.in, `${String(Math.max(0, ...taken) + 1).padStart(2, '0')}-${id}`);
      const others = (await readdir(options.in)).filter((name) => name.replace(/^\d+-/, '') === id);
      if (others.length > 0) throw new CommandError(`a lab with this id exists: ${join(options.in, others[0] ?? '')}`, EXIT.usage);
      for (const [path, text] of Object.entries(await labTemplate(id))) {
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await writeFile(join(folder, path), text, { flag: 'wx' });
      }
      process.stdout.write(`${folder}\nFill in what the files ask for, then: npx dmalab lab check ${folder}\n`);
    });
}
