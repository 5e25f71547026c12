// SPDX-License-Identifier: Apache-2.0
/** What travels between server and browser. Each message is declared once; both ends parse with it. */
import { z } from 'zod';
import { ProfileId } from './lab.ts';
import { PackedEvents } from './pack.ts';
import { Report, Verdict, Diagnostic } from './report.ts';

const storable = (text: string): boolean => !text.includes('\0');
const id = z.string().min(1).max(64).refine(storable, 'expected text without NUL characters');
/** A driver's text. Without NUL, which no store keeps. */
export const DriverText = z.string().max(262_144).refine(storable, 'expected text without NUL characters');
const source = DriverText;

/** Client → server. Every message is acknowledged with `Ack`. */
export const ClientMessages = {
  /** Text as typed; `version` counts up per document, an older one is refused. */
  'draft:save': z.strictObject({ lab: id, text: source, version: z.number().int().min(0).max(2_147_483_647) }),
  /** Types blanked, for a run in the browser's own worker. */
  'source:blank': z.strictObject({ lab: id, text: source }),
  /**
   * A public run: live, streamed. `token` replays one. With `check` the plain run is followed by the exploration of every
   * public workload under every profile of the lab: one `run:verdict` each, the chosen workload and profile first. A
   * violated verdict carries the token that shows it.
   */
  'run:start': z.strictObject({ lab: id, text: source, profile: ProfileId, workload: id, token: z.string().max(4096).optional(), check: z.boolean().default(true) }),
  /** Resume or join: events from `from` on, with a fresh credit of 8; then every verdict so far (again), and the end. */
  'run:join': z.strictObject({ run: id, from: z.number().int().min(1) }),
  'run:credit': z.strictObject({ run: id, batches: z.number().int().min(1).max(8) }),
  'run:stop': z.strictObject({ run: id }),
  'submission:create': z.strictObject({ lab: id, text: source, key: id }),
} as const;
export type ClientMessages = { [K in keyof typeof ClientMessages]: z.infer<(typeof ClientMessages)[K]> };

/** Server → client. */
export const ServerMessages = {
  /** At most 256 events or 33 ms. `from` is the id of the first, `count` how many; read `events` with `unpackEvents`. */
  'run:events': z.strictObject({ run: id, from: z.number().int().min(1), count: z.number().int().min(1), events: PackedEvents }),
  'run:progress': z.strictObject({ run: id, profile: ProfileId, workload: id, executions: z.number().int(), phase: z.string() }),
  'run:verdict': z.strictObject({ run: id, profile: ProfileId, workload: id, verdict: Verdict, token: z.string(), diagnostics: z.array(Diagnostic), finding: z.any().nullable() }),
  /** `text` says the reason in words; `notes` what of a token could not be followed; `diagnostics` what the run taught about the driver. */
  'run:end': z.strictObject({ run: id, reason: z.string(), events: z.number().int(), text: z.string(), notes: z.array(z.string()), diagnostics: z.array(Diagnostic) }),
  'submission:state': z.strictObject({ submission: id, state: z.enum(['queued', 'running', 'done', 'failed']), position: z.number().int().nullable(), report: Report.nullable() }),
} as const;
export type ServerMessages = { [K in keyof typeof ServerMessages]: z.infer<(typeof ServerMessages)[K]> };

export const Ack = z.union([z.strictObject({ ok: z.literal(true), value: z.any() }), z.strictObject({ ok: z.literal(false), error: z.string(), expected: z.string().optional() })]);
export type Ack = z.infer<typeof Ack>;
