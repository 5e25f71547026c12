// SPDX-License-Identifier: Apache-2.0
/** `dmalab grade LAB --submission PATH`: one submission, one report, the same bytes everywhere. */
import { writeFile } from 'node:fs/promises';
import { canonicalJson } from '@dmalab/contracts/canonical';
import { Report } from '@dmalab/contracts/report';
import { junit } from '@dmalab/grader/emit/junit';
import { reportText } from '@dmalab/grader/emit/text';
import { readSubmission } from '@dmalab/grader/folder';
import { findLab, readLab } from '@dmalab/grader/lab-folder';
import { GraderPool } from '@dmalab/grader/pool';
import { Command, Option } from 'commander';
import { bar, CommandError, EXIT, labsFolder, progressLine, wantsColor } from './context.ts';

interface Options {
  submission: string;
  json?: string;
  junit?: string;
  audience: 'staff' | 'student';
  strict?: boolean;
}

export function gradeCommand(): Command {
  return new Command('grade')
    .description('grade a submission and print the verdict')
    .argument('<lab>', 'lab folder, id or number')
    .requiredOption('--submission <path>', 'the driver file, or a folder that holds it')
    .option('--json <file>', 'write the report as canonical JSON')
    .option('--junit <file>', 'write the report as JUnit XML')
    .addOption(new Option('--audience <who>', 'staff see the hidden workloads').choices(['student', 'staff']).default('staff'))
    .option('--strict', 'exit 1 below full marks')
    .action(grade);
}

async function grade(lab: string, options: Options): Promise<void> {
  const folder = await findLab(lab, labsFolder);
  const bundle = await readLab(folder);
  const files = await readSubmission(options.submission, bundle.manifest.driver.file);
  const pool = new GraderPool({ size: 1, standby: false });
  const progress = progressLine();
  try {
    for (const missing of pool.wall.missing) process.stderr.write(`note: ${missing}. The sandbox itself still holds.\n`);
    const source = await pool.compile(files, Object.fromEntries(Object.entries(bundle.given).map(([name, given]) => [name, given.text])));
    const report = Report.parse(await pool.grade({ lab: bundle, source, audience: options.audience }, ({ done, of, profile, executions }) => progress.show(`${bar(done, of)} ${profile}, ${executions} executions`)));
    progress.clear();
    if (options.json !== undefined) await writeOut(options.json, canonicalJson(report));
    if (options.junit !== undefined) await writeOut(options.junit, junit(report));
    process.stdout.write(reportText(report, { submission: options.submission, lab, color: wantsColor() }));
    process.exitCode = exitCode(report, options.strict === true);
  } finally {
    progress.clear();
    pool.close();
  }
}

async function writeOut(file: string, text: string): Promise<void> {
  await writeFile(file, text).catch((error: unknown) => {
    throw new CommandError(`${file} cannot be written (${error instanceof Error ? error.message : String(error)}); name another file`, EXIT.usage);
  });
}

function exitCode(report: Report, strict: boolean): number {
  if (!report.gradable) return report.diagnostics.some((d) => d.severity === 'error') ? EXIT.notCompiled : EXIT.internal;
  return strict && report.points.earned < report.points.possible ? EXIT.below : EXIT.done;
}
