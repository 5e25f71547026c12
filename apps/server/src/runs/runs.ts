// SPDX-License-Identifier: Apache-2.0
/**
 * Public runs: started by a person, executed by a grader process, kept as a
 * log for watchers, with a row that outlives them. Nothing hidden takes part:
 * the job holds the public part of the lab only.
 */
import { randomUUID } from 'node:crypto';
import { and, desc, eq, isNotNull, isNull } from 'drizzle-orm';
import type { RunSummary } from '@dmalab/contracts/api';
import { ProfileId } from '@dmalab/contracts/lab';
import type { Diagnostic } from '@dmalab/contracts/report';
import type { ClientMessages } from '@dmalab/contracts/wire';
import type { RunVerdict as EngineVerdict } from '@dmalab/engine/engine';
import type { GraderPool, RunTicket } from '@dmalab/grader/pool';
import type { ServedLab } from '../labs/catalogue.ts';
import type { Log } from '../log.ts';
import { reasonOf } from '../problem.ts';
import { runs, type RunVerdict } from '../store/schema.ts';
import type { Database } from '../store/store.ts';
import { type RunEnd, RunLog } from './run-log.ts';

/** How long a run's events stay after its end, milliseconds: a client that drops for 30 s finds them all. */
const KEEP_MS = 10 * 60_000;
/** Most bytes of events kept; the oldest ended runs go first. */
const KEEP_BYTES = 256 << 20;
/** Runs one person may have going at once. */
const RUNS_AT_ONCE = 2;

interface LiveRun {
  readonly log: RunLog;
  readonly personId: string;
  readonly startedAt: number;
  endedAt: number | undefined;
  ticket: RunTicket | undefined;
}

type Chosen = Pick<ClientMessages['run:start'], 'profile' | 'workload'>;

export interface StartedRun {
  readonly run: string;
  readonly blanked: string;
  readonly diagnostics: Diagnostic[];
}
export type Started = { readonly kind: 'started'; readonly value: StartedRun } | { readonly kind: 'refused'; readonly why: string };

export class Runs {
  readonly #db: Database;
  readonly #pool: Pick<GraderPool, 'compile' | 'run'>;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #live = new Map<string, LiveRun>();
  readonly #sweep: NodeJS.Timeout;

  constructor(o: { db: Database; pool: Pick<GraderPool, 'compile' | 'run'>; log: Log; now?: () => number }) {
    this.#db = o.db;
    this.#pool = o.pool;
    this.#log = o.log;
    this.#now = o.now ?? Date.now;
    this.#sweep = setInterval(() => this.sweep(), 30_000);
    this.#sweep.unref();
  }

  async start(personId: string, { open }: ServedLab, input: ClientMessages['run:start']): Promise<Started> {
    if (!open.manifest.profiles.includes(input.profile)) return refused(`this lab has no profile ${input.profile}; expected one of ${open.manifest.profiles.join(', ')}`);
    if (!open.publicWorkloads.some(({ id }) => id === input.workload)) return refused(`this lab has no workload ${JSON.stringify(input.workload)}; expected one of ${open.publicWorkloads.map(({ id }) => id).join(', ')}`);
    if ([...this.#live.values()].filter((run) => run.personId === personId && run.endedAt === undefined).length >= RUNS_AT_ONCE) return refused(`${RUNS_AT_ONCE} of your runs are still going; stop one first`);

    const id = randomUUID();
    const live: LiveRun = { log: new RunLog(id), personId, startedAt: this.#now(), endedAt: undefined, ticket: undefined };
    this.#live.set(id, live); // counts from here on, while it compiles
    try {
      const { file } = open.manifest.driver;
      const given = Object.fromEntries(Object.entries(open.given).map(([name, { text }]) => [name, text]));
      const source = await this.#pool.compile({ [file]: input.text }, given);
      await this.#db.insert(runs).values({ id, personId, lab: input.lab, profile: input.profile, workload: input.workload, text: input.text, replayed: input.token ?? '' });
      const diagnostics = [...source.diagnostics];
      const verdicts: RunVerdict[] = [];
      const error = diagnostics.find((d) => d.severity === 'error');
      if (error !== undefined) {
        await this.#cannotRun(live, input, `${error.file}:${error.line}: ${error.message}`, diagnostics, verdicts);
      } else {
        live.ticket = this.#pool.run(
          { lab: open, source, profile: input.profile, workload: input.workload, token: input.token, check: input.check },
          {
            events: (batch) => live.log.push(batch),
            progress: (progress) => live.log.progress({ run: id, ...progress }),
            verdict: (value) => tell(live.log, value, diagnostics, verdicts),
          },
        );
        void this.#follow(live, live.ticket, input, verdicts);
      }
      return { kind: 'started', value: { run: id, blanked: source.files[file] ?? '', diagnostics } };
    } catch (thrown) {
      this.#live.delete(id);
      throw thrown;
    }
  }

  /** The log of this person's run, while it is kept. */
  find(personId: string, run: string): RunLog | undefined {
    const live = this.#live.get(run);
    return live?.personId === personId ? live.log : undefined;
  }

  stop(personId: string, run: string): boolean {
    const live = this.#live.get(run);
    if (live?.personId !== personId) return false;
    live.ticket?.stop();
    return true;
  }

  /** Newest first, those with a verdict: the first failure wherever it was found, else how the chosen workload came out. */
  async list(personId: string, limit = 10): Promise<RunSummary[]> {
    const rows = await this.#db.select().from(runs).where(and(eq(runs.personId, personId), isNotNull(runs.endedAt))).orderBy(desc(runs.startedAt)).limit(limit);
    return rows.flatMap((row): RunSummary[] => {
      const all = (JSON.parse(row.verdicts) as RunVerdict[]).map((v) => ({ ...v, workload: v.workload ?? row.workload })); // written by #end
      const told = all.find((v) => v.verdict.kind === 'violated') ?? all.find((v) => v.profile === row.profile && v.workload === row.workload);
      const profile = ProfileId.safeParse(told?.profile);
      if (!profile.success || told === undefined) return [];
      return [{ run: row.id, lab: row.lab, profile: profile.data, workload: told.workload, verdict: told.verdict, token: told.token, at: row.startedAt.toISOString() }];
    });
  }

  /** Ends what an earlier server left open: its events are gone, its row says so. */
  async closeLeftovers(): Promise<void> {
    await this.#db.update(runs).set({ reason: 'the server stopped', endedAt: new Date(this.#now()) }).where(isNull(runs.endedAt));
  }

  /** Forgets logs that nobody will come back for. */
  sweep(): void {
    const ended = [...this.#live.entries()].filter(([, run]) => run.endedAt !== undefined).sort(([, a], [, b]) => Number(a.endedAt) - Number(b.endedAt));
    let bytes = [...this.#live.values()].reduce((sum, run) => sum + run.log.size, 0);
    for (const [id, run] of ended) {
      if (this.#now() - Number(run.endedAt) < KEEP_MS && bytes <= KEEP_BYTES) continue;
      this.#live.delete(id);
      bytes -= run.log.size;
    }
  }

  close(): void {
    clearInterval(this.#sweep);
    for (const run of this.#live.values()) run.ticket?.stop();
  }

  /** Waits for the end; a run always has one, and one that loaded nothing has a verdict that says so. */
  async #follow(live: LiveRun, ticket: RunTicket, chosen: Chosen, verdicts: RunVerdict[]): Promise<void> {
    try {
      const { reason, text, notes, diagnostics } = await ticket.done;
      if (reason === 'error' && live.log.events === 0) await this.#cannotRun(live, chosen, text, [...diagnostics], verdicts);
      else await this.#end(live, { reason, text, notes: [...notes], diagnostics: [...diagnostics] }, verdicts);
    } catch (thrown) {
      const reason = thrown instanceof Error && 'reason' in thrown && typeof thrown.reason === 'string' ? thrown.reason : 'crash';
      if (reason !== 'stopped') this.#log.error({ run: live.log.id, error: reasonOf(thrown) }, 'a public run failed');
      await this.#end(live, { reason, text: WHY[reason] ?? WHY['crash'] ?? '', notes: [], diagnostics: [] }, verdicts);
    }
  }

  /** The driver did not compile or load: a verdict without a run. */
  async #cannotRun(live: LiveRun, { profile, workload }: Chosen, message: string, diagnostics: Diagnostic[], verdicts: RunVerdict[]): Promise<void> {
    tell(live.log, { profile, workload, verdict: { kind: 'error', whose: 'student', message }, token: '', finding: null }, diagnostics, verdicts);
    await this.#end(live, { reason: 'error', text: message, notes: [], diagnostics }, verdicts);
  }

  async #end(live: LiveRun, outcome: RunEnd, verdicts: readonly RunVerdict[]): Promise<void> {
    live.endedAt = this.#now();
    live.log.end(outcome);
    try {
      await this.#db.update(runs).set({ reason: outcome.reason, verdicts: JSON.stringify(verdicts), endedAt: new Date(live.endedAt) }).where(eq(runs.id, live.log.id));
    } catch (thrown) {
      this.#log.warn({ run: live.log.id, error: reasonOf(thrown) }, 'the end of a run could not be kept');
    }
  }
}

/** Why the graders gave no outcome. */
const WHY: Readonly<Record<string, string>> = {
  stopped: 'The run was stopped.',
  deadline: 'The grader did not finish in time. This is our fault.',
  crash: 'The grader stopped before it had an outcome. This is our fault; run again.',
};

function tell(log: RunLog, value: EngineVerdict, diagnostics: Diagnostic[], verdicts: RunVerdict[]): void {
  const { profile, workload, verdict, token, finding } = value;
  verdicts.push({ profile, workload, verdict, token });
  log.verdict({ run: log.id, profile, workload, verdict, token, finding, diagnostics });
}

function refused(why: string): Started {
  return { kind: 'refused', why };
}
