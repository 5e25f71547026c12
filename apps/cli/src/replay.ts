// SPDX-License-Identifier: Apache-2.0
/** `dmalab replay TOKEN [LAB] [--submission PATH]`: the same execution again, step by step in words. */
import { findingStep } from '@dmalab/checker/sanitizer/finding';
import { decodeToken, type Token } from '@dmalab/checker/token';
import { PROFILE_IDS, type ProfileId } from '@dmalab/contracts/lab';
import type { TraceEvent } from '@dmalab/core/base/events';
import { apply, createState } from '@dmalab/core/base/reducer';
import { sentence } from '@dmalab/core/base/sentence';
import { spaceTime } from '@dmalab/checker/explain/diagram';
import type { RunOutcome } from '@dmalab/engine/engine';
import { hashFiles } from '@dmalab/engine/hash';
import type { LabBundle, WorkloadFile } from '@dmalab/engine/lab-bundle';
import { readSubmission } from '@dmalab/grader/folder';
import { findLab, labFolders, readLab } from '@dmalab/grader/lab-folder';
import { GraderPool } from '@dmalab/grader/pool';
import { Command } from 'commander';
import { CommandError, EXIT, labsFolder } from './context.ts';

export function replayCommand(): Command {
  return new Command('replay')
    .description('run the execution that a token names, and print it step by step')
    .argument('<token>', 'from a verdict, a report or a link')
    .argument('[lab]', 'lab folder, id or number; by default the one that has the token’s workload')
    .option('--submission <path>', 'the driver the token was made with; not needed for one of the lab’s own')
    .option('--json', 'print the trace events as JSON lines')
    .action(replay);
}

async function replay(text: string, name: string | undefined, options: { submission?: string; json?: boolean }): Promise<void> {
  const decoded = decodeToken(text);
  if (!decoded.ok) throw new CommandError(`the token cannot be read: ${decoded.error}`, EXIT.usage);
  const { token } = decoded;
  const profile = PROFILE_IDS.find((id): id is ProfileId => id === token.profile);
  if (profile === undefined) throw new CommandError(`the token names profile ${token.profile}; expected one of ${PROFILE_IDS.join(', ')}`, EXIT.usage);
  const { lab, workload } = await placeOf(token, name);
  const files = options.submission === undefined ? ownDriver(lab, token) : await readSubmission(options.submission, lab.manifest.driver.file);

  const pool = new GraderPool({ size: 1, standby: false });
  try {
    const source = await pool.compile(files, Object.fromEntries(Object.entries(lab.given).map(([file, given]) => [file, given.text])), { types: false });
    const broken = source.diagnostics.find((d) => d.severity === 'error');
    if (broken !== undefined) throw new CommandError(`${broken.file}:${broken.line}:${broken.column}: ${broken.message}`, EXIT.notCompiled);
    const events: TraceEvent[] = [];
    const outcome = await pool.run({ lab, source, profile, workload: workload.id, token: text, check: false }, { events: (batch) => events.push(...batch) }).done;
    if (options.json === true) for (const event of events) process.stdout.write(`${JSON.stringify(event, (_key, value: unknown) => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value))}\n`);
    else process.stdout.write(`${told(events, outcome).join('\n')}\n`);
  } finally {
    pool.close();
  }
}

const workloadFor = (lab: LabBundle, token: Token): WorkloadFile | undefined => [...lab.publicWorkloads, ...lab.hiddenWorkloads].find((w) => w.hash.startsWith(token.workload));

async function placeOf(token: Token, name: string | undefined): Promise<{ readonly lab: LabBundle; readonly workload: WorkloadFile }> {
  if (name !== undefined) {
    const lab = await readLab(await findLab(name, labsFolder));
    const workload = workloadFor(lab, token);
    if (workload === undefined) throw new CommandError('the token was made with a workload that this lab does not have; is it another version of the lab?', EXIT.usage);
    return { lab, workload };
  }
  const found: { lab: LabBundle; workload: WorkloadFile }[] = [];
  for (const folder of await labFolders(labsFolder)) {
    const lab = await readLab(folder);
    const workload = workloadFor(lab, token);
    if (workload !== undefined) found.push({ lab, workload });
  }
  const best = found.find(({ lab }) => lab.publicHash.startsWith(token.lab)) ?? found[0];
  if (best === undefined) throw new CommandError(`no lab in ${labsFolder} has the token's workload; name the lab: dmalab replay TOKEN LAB`, EXIT.usage);
  return best;
}

/** The text of the lab's own driver that the token was made with. */
function ownDriver(lab: LabBundle, token: Token): Record<string, string> {
  for (const sources of Object.values(lab.drivers)) {
    const own = Object.entries(sources).filter(([file]) => !lab.manifest.driver.given.includes(file));
    if (hashFiles(Object.fromEntries(own.map(([file, { code }]) => [file, code]))).startsWith(token.code)) return Object.fromEntries(own.map(([file, { text }]) => [file, text]));
  }
  throw new CommandError(`the token was made with a driver that is not one of lab ${lab.manifest.id}'s own; say where it is: --submission PATH`, EXIT.usage);
}

/** What could not be followed, the steps, their picture, and what was wrong. */
function told(events: readonly TraceEvent[], outcome: RunOutcome): string[] {
  const state = createState();
  const width = String(events.length).length;
  const lines = events.map((event) => {
    apply(state, event);
    return `${String(event.id).padStart(width)}  ${event.agent.padEnd(8)} ${sentence(event, state)}`;
  });
  const wrong = [
    ...events.flatMap((event) => (event.kind === 'finding' ? [`${event.rule} at step ${findingStep(event)}: ${event.sentence}`] : [])),
    ...outcome.failures.map(({ id, sentence: what }) => `${id}: ${what}`),
  ];
  return [
    ...outcome.notes.map((note) => `note: ${note}`),
    ...lines,
    '',
    ...spaceTime(events, undefined, { width: process.stdout.columns ?? 100 }),
    '',
    ...(wrong.length > 0 ? wrong : ['no rule was broken in this execution.']),
  ];
}
