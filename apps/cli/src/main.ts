#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
/** `dmalab`: the command line. Each command is a file of its own; this one only lists them and turns errors into sentences. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from '@dmalab/engine/lab-bundle';
import { FolderError } from '@dmalab/grader/folder';
import { GraderFailure } from '@dmalab/grader/process';
import { Command, CommanderError } from 'commander';
import { CommandError, EXIT, root } from './context.ts';

/** In the order of the help. Only what is asked for is loaded: a grader or a compiler takes longer to load than most commands to run. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  grade: async () => (await import('./grade.ts')).gradeCommand(),
  replay: async () => (await import('./replay.ts')).replayCommand(),
  lab: async () => {
    const [check, make] = await Promise.all([import('./lab-check.ts'), import('./lab-new.ts')]);
    return new Command('lab').description('make and prove labs').addCommand(check.labCheckCommand()).addCommand(make.labNewCommand());
  },
  litmus: async () => (await import('./litmus.ts')).litmusCommand(),
  oracle: async () => (await import('./oracle.ts')).oracleCommand(),
  walk: async () => (await import('./walk.ts')).walkCommand(),
  serve: async () => (await import('./serve.ts')).serveCommand(),
};

const program = new Command('dmalab')
  .description('Labs about drivers that share memory with devices.')
  .version((JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version)
  .showHelpAfterError('(dmalab --help lists the commands)')
  .exitOverride();

const asked = Object.hasOwn(COMMANDS, process.argv[2] ?? '') ? [COMMANDS[process.argv[2] ?? '']] : Object.values(COMMANDS);
for (const load of asked) if (load !== undefined) program.addCommand(await load());
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
