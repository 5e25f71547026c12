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
      const label = (file: string): string => (files.length > 1 ? `${file}: ` : '');
      let code: number = EXIT.done;
      for (const file of files) {
        try {
          const found = await compareFile(file, label(file));
          if (code !== EXIT.below && found !== EXIT.done) code = found; // a disagreement outweighs lines that are no tests
        } catch (error) {
          // One file that cannot be read does not keep the others from being compared.
          if (!(error instanceof CommandError)) throw error;
          process.stderr.write(`${error.message}\n`);
          if (code === EXIT.done) code = error.code;
        }
      }
      process.exitCode = code;
    });
}

/** @returns the exit code it asks for */
async function compareFile(file: string, label: string): Promise<number> {
  const progress = progressLine();
  const text = await readInput(file);
  if (iommuFormat(text) !== null) {
    const summary = await runIommuFile(file, text);
    process.stdout.write(`${label}${summary.line}\n`);
    if (summary.disagree + summary.notRun > summary.malformed) return EXIT.below;
    return summary.malformed > 0 ? EXIT.usage : EXIT.done;
  }
  const cases = readOracle(text);
  const bad = cases.filter(isBad);
  if (bad.length === cases.length) {
    const [first] = bad;
    throw new CommandError(`${file}: no test in this file${first === undefined ? '' : ` (${first.name}: ${first.why})`}; expected JSON lines with the keys text and states, or vectors of an IOMMU as in docs/iommu.md`, EXIT.usage);
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
  process.stdout.write(`${label}${describeSummary(summary)}\n`);
  if (summary.disagree + summary.notRun > bad.length) return EXIT.below;
  return bad.length > 0 ? EXIT.usage : EXIT.done;
}
