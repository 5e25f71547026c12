// SPDX-License-Identifier: Apache-2.0
/** What each client message does. */
import type { GraderPool } from '@dmalab/grader/pool';
import { Allowances } from '../auth/allowance.ts';
import type { Config } from '../config.ts';
import type { Drafts } from '../drafts/drafts.ts';
import type { Catalogue, ServedLab } from '../labs/catalogue.ts';
import type { Submissions } from '../queue/submissions.ts';
import { Refusal, tooOften } from '../refusal.ts';
import type { RunLog } from '../runs/run-log.ts';
import type { Runs } from '../runs/runs.ts';
import type { Client, Handlers } from './sockets.ts';

export interface Services {
  readonly catalogue: Catalogue;
  readonly drafts: Drafts;
  readonly runs: Runs;
  readonly submissions: Submissions;
  readonly pool: Pick<GraderPool, 'compile' | 'run' | 'grade'>;
}

export function handlers(services: Services, allow: Config['allow']): Handlers {
  const { catalogue, drafts, runs, submissions, pool } = services;
  const allowances = { drafts: new Allowances(allow.drafts), runs: new Allowances(allow.runs), submissions: new Allowances(allow.submissions) };
  const take = (which: keyof typeof allowances, client: Client): void => {
    const seconds = allowances[which].take(client.person.id);
    if (seconds > 0) throw tooOften(seconds);
  };
  return {
    'draft:save': async (client, { lab, text, version }) => {
      take('drafts', client);
      labOf(catalogue, lab);
      return saved(await drafts.save(client.person.id, lab, text, version));
    },

    'source:blank': async (client, { lab, text }) => {
      take('drafts', client);
      const { open } = labOf(catalogue, lab);
      const { file } = open.manifest.driver;
      const { files, diagnostics } = await pool.compile({ [file]: text }, Object.fromEntries(Object.entries(open.given).map(([name, given]) => [name, given.text])));
      return { blanked: files[file] ?? '', diagnostics: [...diagnostics] };
    },

    'run:start': async (client, message) => {
      take('runs', client);
      const started = await runs.start(client.person.id, labOf(catalogue, message.lab), message);
      if (started.kind === 'refused') throw new Refusal(409, started.why);
      // The page has the answer, and with it the run's id, before the first event: both go down one ordered connection.
      const log = runs.find(client.person.id, started.value.run);
      if (log !== undefined) setImmediate(() => watch(client, log, 1));
      return started.value;
    },

    'run:join': (client, { run, from }) => {
      const log = runs.find(client.person.id, run);
      if (log === undefined) throw new Refusal(404, 'this run is no longer kept; run it again');
      if (from > log.events + 1) throw new Refusal(400, `this run has ${log.events} events so far`, `from at most ${log.events + 1}`);
      setImmediate(() => watch(client, log, from));
      return { run, ended: log.ended };
    },

    'run:credit': (client, { run, batches }) => {
      const place = client.watching.get(run);
      if (place === undefined) throw new Refusal(404, 'this connection does not watch that run; join it first');
      runs.find(client.person.id, run)?.credit(place.watcher, batches);
      return null;
    },

    'run:stop': (client, { run }) => {
      if (!runs.stop(client.person.id, run)) throw new Refusal(404, 'there is no such run of yours');
      return null;
    },

    'submission:create': async (client, { lab, text, key }) => {
      labOf(catalogue, lab);
      take('submissions', client);
      const { submission, position } = await submissions.create(client.person.id, { lab, text, key });
      return { submission, position };
    },
  };
}

export function labOf(catalogue: Catalogue, id: string): ServedLab {
  const lab = catalogue.get(id);
  if (lab === undefined) throw new Refusal(404, `there is no lab ${JSON.stringify(id)}`);
  return lab;
}

/** The answer to a save; an older text is refused, and the newer version named. */
export function saved(result: Awaited<ReturnType<Drafts['save']>>): { version: number } {
  if (result.kind === 'older') throw new Refusal(409, `version ${result.version} of this draft is saved already, perhaps from another window`, `a version above ${result.version}`);
  return { version: result.version };
}

function watch(client: Client, log: RunLog, from: number): void {
  if (!client.connected()) return;
  client.watching.get(log.id)?.leave();
  const watcher = log.watch(from, client.send);
  client.watching.set(log.id, { watcher, leave: () => log.leave(watcher) });
}
