// SPDX-License-Identifier: Apache-2.0
/** `dmalab oracle FILE.jsonl…`: compares complete state sets with recorded answers; a line a disagreement, exit 1 on any, 2 where lines are no tests. */
import { iommuFormat } from '@dmalab/litmus/iommu/oracle';
import { compareAll, describeComparison, describeSummary, isBad, readOracle } from '@dmalab/litmus/oracle';
import { Command } from 'commander';
import { bar, CommandError, EXIT, progressLine, readInput } from './context.ts';
import { runIommuFile } from './iommu-oracle.ts';

/** Lines that are no test are told one by one up to here, then counted. */
const BAD_LINES = 3;

export function oracleCommand(): Command {
  return new Command('oracle')
    .description('compare our outcomes with those of another implementation')
    .argument('<files...>', 'JSON lines, a test with its complete set of states each')
    .action(async (files: string[]) => {
      const progress = progressLine();
      for (const file of files) {
        const text = await readInput(file);
        if (iommuFormat(text) !== null) {
          const summary = await runIommuFile(file, text);
          process.stdout.write(`${files.length > 1 ? `${file}: ` : ''}${summary.line}\n`);
          if (summary.disagree + summary.notRun > 0) process.exitCode = EXIT.below;
          continue;
        }
        const cases = readOracle(text);
        const bad = cases.filter(isBad);
        if (bad.length === cases.length) {
          const [first] = bad;
          throw new CommandError(`${file}: no test in this file${first === undefined ? '' : ` (${first.name}: ${first.why})`}; expected JSON lines with the keys text and states`, EXIT.usage);
        }
        let shown = 0;
        const summary = compareAll(cases, (comparison, done) => {
          if (done % 16 === 0) progress.show(`${file} ${bar(done, cases.length)}`);
          if (comparison.kind === 'agrees') return;
          const line = cases[done - 1];
          if (line !== undefined && isBad(line) && ++shown > BAD_LINES) return;
          progress.clear();
          process.stdout.write(`${describeComparison(comparison)}\n`);
        });
        progress.clear();
        if (shown > BAD_LINES) process.stdout.write(`${shown - BAD_LINES} more lines are no test\n`);
        process.stdout.write(`${files.length > 1 ? `${file}: ` : ''}${describeSummary(summary)}\n`);
        if (summary.disagree + summary.notRun > bad.length) process.exitCode = EXIT.below;
        else if (bad.length > 0) process.exitCode ??= EXIT.usage;
      }
    });
}
