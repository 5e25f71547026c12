// SPDX-License-Identifier: Apache-2.0
/** `dmalab lab check [LAB|--all]`: proves labs and prints which workload catches which wrong driver. */
import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { canonicalJson } from '@dmalab/contracts/canonical';
import { problemText } from '@dmalab/contracts/read';
import { LabError } from '@dmalab/engine/lab-bundle';
import type { CheckedDriver, LabCheckResult } from '@dmalab/engine/lab-check';
import { findLab, labFolders, readLab } from '@dmalab/grader/lab-folder';
import { GraderPool } from '@dmalab/grader/pool';
import { Command } from 'commander';
import { bar, CommandError, EXIT, labsFolder, progressLine, wantsColor } from './context.ts';

export function labCheckCommand(): Command {
  return new Command('check')
    .description('prove a lab: schema, starter, solution, other right ways, wrong variants')
    .argument('[lab]', 'lab folder, id or number')
    .option('--all', 'every lab below labs/')
    .option('--json <file>', 'write the result as canonical JSON')
    .action(check);
}

async function check(lab: string | undefined, options: { all?: boolean; json?: string }): Promise<void> {
  if ((lab === undefined) === (options.all !== true)) throw new CommandError('name one lab, or say --all', EXIT.usage);
  const folders = lab === undefined ? await labFolders(labsFolder) : [await findLab(lab, labsFolder)];
  if (folders.length === 0) throw new CommandError(`there is no lab in ${labsFolder}`, EXIT.usage);
  const pool = new GraderPool({ standby: false });
  const progress = progressLine();
  const results: LabCheckResult[] = [];
  let invalid = false;
  try {
    for (const folder of folders) {
      try {
        const result = await pool.checkLab(await readLab(folder), (done, of) => progress.show(`${basename(folder)} ${bar(done, of)}`));
        progress.clear();
        results.push(result);
        process.stdout.write(resultText(result, wantsColor()));
      } catch (error) {
        if (!(error instanceof LabError)) throw error;
        invalid = true;
        process.stdout.write(`✗ ${basename(folder)}: the lab cannot be loaded\n${error.problems.map((problem) => `  ${basename(folder)}/${problemText(problem)}`).join('\n')}\n\n`);
      }
    }
  } finally {
    progress.clear();
    pool.close();
  }
  if (options.json !== undefined) await writeFile(options.json, canonicalJson({ schema: 'dmalab/lab-check/v1', labs: results }));
  process.exitCode = invalid || results.some((result) => !result.ok) ? EXIT.labInvalid : EXIT.done;
}

/** The whole result as text: problems first, then the kill matrix. */
export function resultText(result: LabCheckResult, color: boolean): string {
  const paint = (code: number, text: string): string => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
  const mark = (ok: boolean): string => (ok ? paint(32, '✓') : paint(31, '✗'));
  const lines = [`${mark(result.ok)} ${result.lab.title} (${result.lab.id})`];
  for (const problem of result.problems) lines.push(`  ${paint(31, problem)}`);
  for (const driver of result.drivers) {
    lines.push(`  ${mark(driver.ok)} ${driver.name.padEnd(44)} ${String(driver.points.earned).padStart(4)} / ${driver.points.possible}${driver.failed.length > 0 ? `  fails ${driver.failed.join(', ')}` : ''}`);
    for (const problem of driver.problems) lines.push(`      ${paint(31, problem)}`);
  }
  lines.push('', ...matrix(result.drivers), '', `  fuel: at most ${result.fuel.most} in one run of a right driver; a run may use ${result.fuel.budget}`, '');
  return `${lines.join('\n')}\n`;
}

/** Variant × workload and profile: whether the run fails a check that the lab names for the variant. Capital letters name the columns. */
function matrix(drivers: readonly CheckedDriver[]): string[] {
  const variants = drivers.filter((driver) => driver.kind === 'variant');
  const columns = [...new Set(variants.flatMap((driver) => driver.cells.map((cell) => `${cell.visibility === 'hidden' ? 'hidden' : 'public'} ${cell.workload} · ${cell.profile}`)))];
  if (columns.length === 0) return ['  no variants'];
  const letter = (index: number): string => (index < 26 ? String.fromCharCode(65 + index) : `${String.fromCharCode(65 + Math.floor(index / 26) - 1)}${String.fromCharCode(65 + (index % 26))}`);
  const head = `  ${'caught by'.padEnd(44)} ${columns.map((_, i) => letter(i).padEnd(3)).join('')}`;
  const rows = variants.map((driver) => {
    const marks = new Map(driver.cells.map((cell) => [`${cell.visibility} ${cell.workload} · ${cell.profile}`, cell.failed.some((id) => driver.named.includes(id)) ? '#' : cell.failed.length > 0 ? '+' : '.']));
    return `  ${driver.name.padEnd(44)} ${columns.map((column) => (marks.get(column) ?? ' ').padEnd(3)).join('')}`;
  });
  return [head, ...rows, '', '  #  fails a check that the lab names   +  fails another one only   .  passes', '', ...columns.map((column, i) => `  ${letter(i)}  ${column}`)];
}
