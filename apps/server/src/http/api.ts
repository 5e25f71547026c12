// SPDX-License-Identifier: Apache-2.0
/** The REST half: labs, drafts, submissions. Every answer is parsed by its strict schema before it leaves, so no undeclared field can. */
import { Router, type Request, type Response } from 'express';
import { DraftResponse, LabsResponse, LabView, SubmissionsResponse, SubmissionView } from '@dmalab/contracts/api';
import { ClientMessages, DriverText } from '@dmalab/contracts/wire';
import { z } from 'zod';
import { Allowances } from '../auth/allowance.ts';
import type { Config } from '../config.ts';
import { labSummary, labView, starterOf } from '../labs/catalogue.ts';
import { malformed, Refusal, tooOften } from '../refusal.ts';
import { labOf, saved, type Services } from '../sockets/handlers.ts';
import type { WhoAsks } from './sign-in.ts';

const PutDraft = z.strictObject({ text: DriverText, version: ClientMessages['draft:save'].shape.version });
const Id = z.string().min(1).max(64).regex(/^[\w-]+$/, 'expected letters, digits, "-" and "_"');
const SubmissionsQuery = z.strictObject({ lab: Id.optional() });

export interface ApiOptions extends Services {
  readonly who: WhoAsks;
  readonly allow: Config['allow'];
  /** Hash of the engine that grades here. */
  readonly engineHash: string;
  /** Declarations of the kernel API, for the editor. */
  readonly types: LabView['types'];
}

export function api(o: ApiOptions): Router {
  const router = Router();
  const draftAllowance = new Allowances(o.allow.drafts);

  router.get('/labs', async (request, response) => {
    const person = await o.who(request);
    const [best, submitted, runs] = await Promise.all([o.submissions.best(person.id), o.submissions.triedLabs(person.id), o.runs.list(person.id)]);
    send(response, LabsResponse, { labs: [...o.catalogue.labs].map(([id, lab]) => labSummary(lab, best.get(id), submitted.has(id))), runs });
  });

  router.get('/labs/:lab', async (request, response) => {
    const person = await o.who(request);
    const id = param(request, 'lab');
    const lab = labOf(o.catalogue, id);
    const [draft, report] = await Promise.all([o.drafts.read(person.id, id), o.submissions.newestReport(person.id, id)]);
    send(response, LabView, { ...labView(lab, o.engineHash, o.types), draft: draft ?? null, report });
  });

  router.get('/drafts/:lab', async (request, response) => {
    const person = await o.who(request);
    const id = param(request, 'lab');
    const { open } = labOf(o.catalogue, id);
    send(response, DraftResponse, (await o.drafts.read(person.id, id)) ?? { text: starterOf(open), version: 0 });
  });

  /** For a page that is being closed: sockets may be gone by then. */
  router.put('/drafts/:lab', async (request, response) => {
    const person = await o.who(request);
    const id = param(request, 'lab');
    labOf(o.catalogue, id);
    const body = PutDraft.safeParse(request.body);
    if (!body.success) throw malformed('the body', body.error);
    const seconds = draftAllowance.take(person.id);
    if (seconds > 0) throw tooOften(seconds);
    response.json(saved(await o.drafts.save(person.id, id, body.data.text, body.data.version)));
  });

  router.get('/submissions', async (request, response) => {
    const person = await o.who(request);
    const query = SubmissionsQuery.safeParse(request.query);
    if (!query.success) throw malformed('the query', query.error);
    send(response, SubmissionsResponse, { submissions: await o.submissions.list(person.id, query.data.lab) });
  });

  router.get('/submissions/:submission', async (request, response) => {
    const person = await o.who(request);
    const view = await o.submissions.read(person.id, param(request, 'submission'));
    if (view === undefined) throw new Refusal(404, 'there is no such submission of yours');
    send(response, SubmissionView, view);
  });
  return router;
}

function param(request: Request, name: string): string {
  const parsed = Id.safeParse(request.params[name]);
  if (!parsed.success) throw malformed(`the ${name} in the address`, parsed.error);
  return parsed.data;
}

function send<T>(response: Response, schema: z.ZodType<T>, value: T): void {
  response.setHeader('Cache-Control', 'no-store');
  response.json(schema.parse(value));
}
