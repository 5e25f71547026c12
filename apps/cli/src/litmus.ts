// SPDX-License-Identifier: Apache-2.0
/** `dmalab litmus FILE…`: all final states of a litmus test, printed as herd does. */
import { explain, printExplanation } from '@dmalab/litmus/explain';
import { ALL_MODELS, runOnModels } from '@dmalab/litmus/models';
import { parseLitmus } from '@dmalab/litmus/parse';
import { printRun, runAsJson } from '@dmalab/litmus/print';
import { MODELS, runLitmus } from '@dmalab/litmus/run';
import { LitmusError } from '@dmalab/litmus/source';
import { Command } from 'commander';
import { CommandError, EXIT, readInput } from './context.ts';

export function litmusCommand(): Command {
  return new Command('litmus')
    .description('run litmus tests (AArch64, RISCV, X86_64, X86) to their complete sets of states')
    .argument('<files...>', 'files in herd’s format')
    .option('--json', 'one JSON object a test')
    .option('--explain', 'say why: the execution that satisfies the condition, or the cycle that forbids it')
    .option('--arch <models>', `run the test on these models as well (${Object.keys(ALL_MODELS).join(', ')}, or all), where they can express it`)
    .action(async (files: string[], options: { json?: boolean; explain?: boolean; arch?: string }) => {
      const models = options.arch === undefined ? [] : options.arch === 'all' ? Object.keys(ALL_MODELS) : options.arch.split(',');
      for (const model of models) if (!(model in ALL_MODELS)) throw new CommandError(`--arch ${model}: no such model; expected ${Object.keys(ALL_MODELS).join(', ')} or all`, EXIT.usage);
      for (const file of files) {
        const text = await readInput(file);
        try {
          const test = parseLitmus(text);
          const run = runLitmus(test);
          const why = options.explain === true ? explain(test) : null;
          const others = runOnModels(test, models);
          if (options.json === true) {
            const on = others.map((o) => ('run' in o ? runAsJson(test, o.run, o.model) : o));
            process.stdout.write(`${JSON.stringify({ ...runAsJson(test, run, MODELS[test.arch].id), ...(why === null ? {} : { explanation: why }), ...(on.length === 0 ? {} : { models: on }) })}\n`);
            continue;
          }
          process.stdout.write(printRun(test, run));
          for (const o of others) process.stdout.write(`On ${o.model}: ${'run' in o ? `${o.run.observation} ${o.run.positive} ${o.run.negative}, ${o.run.states.length} states` : o.why}\n`);
          if (why !== null) process.stdout.write(printExplanation(why));
        } catch (error) {
          if (error instanceof LitmusError) throw new CommandError(`${file}:${error.message}`, EXIT.usage);
          throw error;
        }
      }
    });
}
