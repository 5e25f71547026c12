// SPDX-License-Identifier: Apache-2.0
/** `dmalab litmus FILE…`: all final states of a litmus test, printed as herd does. */
import { readFile } from 'node:fs/promises';
import { parseLitmus } from '@dmalab/litmus/parse';
import { printRun, runAsJson } from '@dmalab/litmus/print';
import { MODELS, runLitmus } from '@dmalab/litmus/run';
import { LitmusError } from '@dmalab/litmus/source';
import { Command } from 'commander';
import { CommandError, EXIT } from './context.ts';

export function litmusCommand(): Command {
  return new Command('litmus')
    .description('run litmus tests (AArch64, RISCV, X86_64, X86) to their complete sets of states')
    .argument('<files...>', 'files in herd’s format')
    .option('--json', 'one JSON object a test')
    .action(async (files: string[], options: { json?: boolean }) => {
      for (const file of files) {
        const text = await readFile(file, 'utf8').catch(() => {
          throw new CommandError(`${file}: no such file`, EXIT.usage);
        });
        try {
          const test = parseLitmus(text);
          const run = runLitmus(test);
          process.stdout.write(options.json === true ? `${JSON.stringify(runAsJson(test, run, MODELS[test.arch].id))}\n` : printRun(test, run));
        } catch (error) {
          if (error instanceof LitmusError) throw new CommandError(`${file}:${error.message}`, EXIT.usage);
          throw error;
        }
      }
    });
}
