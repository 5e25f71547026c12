#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
/** `dmalab`: the command line. Each command is a file of its own; this one only lists them and turns errors into sentences. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from '@dmalab/engine/lab-bundle';
import { FolderError } from '@dmalab/grader/folder';
import { GraderFailure } from '@dmalab/grader/process';
import { Command, CommanderError } from 'commander';
import { gradeCommand } from './grade.ts';
import { CommandError, EXIT, root } from './context.ts';
import { labCheckCommand } from './lab-check.ts';
import { labNewCommand } from './lab-new.ts';
import { litmusCommand } from './litmus.ts';
import { oracleCommand } from './oracle.ts';
import { replayCommand } from './replay.ts';
import { serveCommand } from './serve.ts';

const program = new Command('dmalab')
  .description('Labs about drivers that share memory with devices.')
  .version((JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version)
  .showHelpAfterError('(dmalab --help lists the commands)')
  .exitOverride();

program.addCommand(gradeCommand());
program.addCommand(replayCommand());
program.addCommand(new Command('lab').description('make and prove labs').addCommand(labCheckCommand()).addCommand(labNewCommand()));
program.addCommand(litmusCommand());
program.addCommand(oracleCommand());
program.addCommand(serveCommand());
for (const command of [program, ...program.commands, ...program.commands.flatMap((c) => c.commands)]) command.exitOverride();

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage; // already printed
  if (error instanceof CommandError) return say(error.message, error.code);
  if (error instanceof LabError) return say(error.message, EXIT.labInvalid);
  if (error instanceof FolderError) return say(error.message, EXIT.usage);
  if (error instanceof GraderFailure) return say(`the grader stopped before it had a verdict: ${error.message}. This is a fault of dmalab, not of the driver.`, EXIT.internal);
  return say(`dmalab stopped on a fault of its own: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`, EXIT.internal);
}

function say(text: string, code: number): number {
  process.stderr.write(`${text}\n`);
  return code;
}
