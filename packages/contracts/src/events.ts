// SPDX-License-Identifier: Apache-2.0
/**
 * The trace outside a process: a schema for each kind of event, derived from
 * core's table, so that a field is declared once. `packEvents` carries batches
 * as bytes; the JSON Schema is for traces written as JSON, where bigints are
 * decimal strings.
 */
import { EVENTS, type EventKind, type FieldType, type Json, type TraceEvent } from '@dmalab/core/base/events';
import { z } from 'zod';
import { Site } from './report.ts';

const id = z.number().int().nonnegative();
const u64 = z.bigint().min(0n).max(0xffff_ffff_ffff_ffffn);
const JsonValue: z.ZodType<Json> = z.lazy(() => z.union([z.null(), z.boolean(), z.number(), z.string(), z.array(JsonValue), z.record(z.string(), JsonValue)]));

/** How a field travels between processes, where bigints exist. */
const FIELDS: Record<FieldType, z.ZodType> = {
  u32: z.number().int().min(0).max(0xffff_ffff),
  u64,
  value: z.union([z.number().int().min(0).max(0xffff_ffff), u64]),
  bool: z.boolean(),
  text: z.string(),
  id,
  ids: z.array(id),
  site: Site.nullable(),
  json: JsonValue,
};

const OpenChoice = z.strictObject({ agent: z.string(), kind: z.string(), key: z.string(), ordinal: z.number().int().nonnegative(), taken: z.number().int().nonnegative(), options: z.array(z.string()) });

function eventSchema(kind: EventKind, fieldTypes: Record<FieldType, z.ZodType>) {
  const header = { id: z.number().int().positive(), agent: z.string(), cycle: z.number().int().nonnegative(), causes: z.array(id), choices: z.array(OpenChoice).optional(), kind: z.literal(kind) };
  const fields: Readonly<Record<string, FieldType>> = EVENTS[kind];
  return z.strictObject({ ...header, ...Object.fromEntries(Object.entries(fields).map(([name, type]) => [name, fieldTypes[type]])) });
}

/** The keys of a literal table, which TypeScript widens. */
const KINDS = Object.keys(EVENTS) as EventKind[];

function unionOf(fieldTypes: Record<FieldType, z.ZodType>) {
  const [first, ...rest] = KINDS.map((kind) => eventSchema(kind, fieldTypes));
  if (first === undefined) throw new Error('the events table is empty');
  return z.discriminatedUnion('kind', [first, ...rest]);
}

const AnyEvent = unionOf(FIELDS);

/** One event, strictly: unknown kinds and fields are errors. */
export const Event: z.ZodType<TraceEvent> = AnyEvent as unknown as z.ZodType<TraceEvent>; // the union was built from the table that TraceEvent is inferred from

/** In JSON a 64-bit value is a decimal string; so is a `value` of 8 bytes. */
const u64Text = z.string().regex(/^(0|[1-9][0-9]{0,19})$/, 'expected a decimal integer of 64 bits');
const JsonEvent = unionOf({ ...FIELDS, u64: u64Text, value: z.union([z.number().int().min(0).max(0xffff_ffff), u64Text]) });

/** JSON Schema of one event written as JSON. */
export function eventJsonSchema(): unknown {
  return z.toJSONSchema(JsonEvent, { io: 'input' });
}
