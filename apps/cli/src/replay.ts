// SPDX-License-Identifier: Apache-2.0
/** `dmalab replay TOKEN LAB --submission PATH`: the same execution again, step by step in words. */
import { decodeToken } from '@dmalab/checker/token';
import { PROFILE_IDS, type ProfileId } from '@dmalab/contracts/lab';
import type { TraceEvent } from '@dmalab/core/base/events';
import { apply, createState } from '@dmalab/core/base/reducer';
import { sentence } from '@dmalab/core/base/sentence';
import { spaceTime } from '@dmalab/checker/explain/diagram';
import { readSubmission } from '@dmalab/grader/folder';
import { findLab, readLab } from '@dmalab/grader/lab-folder';
import { GraderPool } from '@dmalab/grader/pool';
import { Command } from 'commander';
import { CommandError, EXIT, labsFolder } from './context.ts';

export function replayCommand(): Command {
  return new Command('replay')
    .description('run the execution that a token names, and print it step by step')
    .argument('<token>', 'from a verdict, a report or a link')
    .argument('<lab>', 'lab folder, id or number')
    .option('--submission <path>', 'the driver the token was made with; the lab’s starter by default')
    .option('--json', 'print the trace events as JSON lines')
    .action(replay);
}

async function replay(text: string, lab: string, options: { submission?: string; json?: boolean }): Promise<void> {
  const decoded = decodeToken(text);
  if (!decoded.ok) throw new CommandError(`the token cannot be read: ${decoded.error}`, EXIT.usage);
  const { token } = decoded;
  const bundle = await readLab(await findLab(lab, labsFolder));
  const profile = PROFILE_IDS.find((id): id is ProfileId => id === token.profile);
  if (profile === undefined) throw new CommandError(`the token names profile ${token.profile}; expected one of ${PROFILE_IDS.join(', ')}`, EXIT.usage);
  const workload = [...bundle.publicWorkloads, ...bundle.hiddenWorkloads].find((w) => w.hash.startsWith(token.workload));
  if (workload === undefined) throw new CommandError('the token was made with a workload that this lab does not have; is it another version of the lab?', EXIT.usage);

  const driver = bundle.manifest.driver.file;
  const files = options.submission === undefined ? { [driver]: bundle.drivers['starter']?.[driver]?.text ?? '' } : await readSubmission(options.submission, driver);
  const pool = new GraderPool({ size: 1 });
  try {
    const source = await pool.compile(files, Object.fromEntries(Object.entries(bundle.given).map(([name, given]) => [name, given.text])), { types: false });
    const broken = source.diagnostics.find((d) => d.severity === 'error');
    if (broken !== undefined) throw new CommandError(`${broken.file}:${broken.line}:${broken.column}: ${broken.message}`, EXIT.notCompiled);
    const events: TraceEvent[] = [];
    const outcome = await pool.run({ lab: bundle, source, profile, workload: workload.id, token: text, check: false }, { events: (batch) => events.push(...batch) }).done;
    if (options.json === true) for (const event of events) process.stdout.write(`${JSON.stringify(event, (_key, value: unknown) => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value))}\n`);
    else print(events, outcome);
  } finally {
    pool.close();
  }
}

function print(events: readonly TraceEvent[], outcome: unknown): void {
  const state = createState();
  const width = String(events.length).length;
  const lines = events.map((event) => {
    apply(state, event);
    return `${String(event.id).padStart(width)}  ${event.agent.padEnd(8)} ${sentence(event, state)}`;
  });
  const finding = events.find((event) => event.kind === 'finding');
  const diagram = spaceTime(events, undefined, { width: process.stdout.columns ?? 100 });
  process.stdout.write(`${[...lines, '', ...diagram, '', finding?.kind === 'finding' ? `${finding.rule} at step ${finding.id}: ${finding.sentence}` : 'no rule was broken in this execution.'].join('\n')}\n`);
  const notes = typeof outcome === 'object' && outcome !== null && 'notes' in outcome && Array.isArray(outcome.notes) ? outcome.notes : [];
  for (const note of notes) process.stdout.write(`note: ${String(note)}\n`);
}
