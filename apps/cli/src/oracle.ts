// SPDX-License-Identifier: Apache-2.0
/** `dmalab oracle FILE.jsonl…`: compares complete state sets with recorded answers; a line a disagreement, exit 1 on any. */
import { readFile } from 'node:fs/promises';
import { iommuFormat } from '@dmalab/litmus/iommu/oracle';
import { compareAll, describeComparison, describeSummary, readOracle } from '@dmalab/litmus/oracle';
import { Command } from 'commander';
import { bar, CommandError, EXIT, progressLine } from './context.ts';
import { runIommuFile } from './iommu-oracle.ts';

export function oracleCommand(): Command {
  return new Command('oracle')
    .description('compare our outcomes with those of another implementation')
    .argument('<files...>', 'JSON lines, a test with its complete set of states each')
    .action(async (files: string[]) => {
      const progress = progressLine();
      for (const file of files) {
        const text = await readFile(file, 'utf8').catch(() => {
          throw new CommandError(`${file}: no such file`, EXIT.usage);
        });
        if (iommuFormat(text) !== null) {
          const summary = await runIommuFile(file, text);
          process.stdout.write(`${files.length > 1 ? `${file}: ` : ''}${summary.line}\n`);
          if (summary.disagree + summary.notRun > 0) process.exitCode = EXIT.below;
          continue;
        }
        const cases = readOracle(text);
        if (cases.length === 0) throw new CommandError(`${file}: no test in this file; expected JSON lines with the keys text and states`, EXIT.usage);
        const summary = compareAll(cases, (comparison, done) => {
          if (done % 16 === 0) progress.show(`${file} ${bar(done, cases.length)}`);
          if (comparison.kind === 'agrees') return;
          progress.clear();
          process.stdout.write(`${describeComparison(comparison)}\n`);
        });
        progress.clear();
        process.stdout.write(`${files.length > 1 ? `${file}: ` : ''}${describeSummary(summary)}\n`);
        if (summary.disagree + summary.notRun > 0) process.exitCode = EXIT.below;
      }
    });
}
