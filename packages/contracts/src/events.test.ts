// SPDX-License-Identifier: Apache-2.0
import { EVENTS, type EventKind, type FieldType, type TraceEvent } from '@dmalab/core/base/events';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Event, eventJsonSchema } from './events.ts';
import { packEvents, unpackEvents } from './pack.ts';

const SAMPLE: Record<FieldType, unknown> = { u32: 7, u64: 0xffff_ffff_ffff_ffffn, value: 9n, bool: true, text: 'x', id: 3, ids: [1, 2], site: { file: 'driver.ts', line: 15, column: 3 }, json: { a: [1, null, 'b'] } };
/** One event of each kind in the table. */
const every: TraceEvent[] = (Object.keys(EVENTS) as EventKind[]).map((kind, i) => {
  const fields = Object.fromEntries(Object.entries(EVENTS[kind]).map(([name, type]) => [name, SAMPLE[type]]));
  return { id: i + 1, agent: 'cpu0', cycle: i, causes: i === 0 ? [] : [i], kind, ...fields } as unknown as TraceEvent;
});

describe('the schema of events', () => {
  it.each(every.map((e) => [e.kind, e] as const))('accepts %s as the table declares it, and survives packing', (_, event) => {
    expect(Event.parse(event)).toEqual(event);
    expect(unpackEvents(packEvents([event]))).toEqual([event]);
  });

  it.each(every.map((e) => [e.kind, e] as const))('refuses %s with a field missing, unknown or of another type', (kind, event) => {
    const field = Object.keys(EVENTS[kind])[0];
    if (field === undefined) return;
    const { [field]: _gone, ...without } = event as unknown as Record<string, unknown>;
    expect(Event.safeParse(without).success).toBe(false);
    expect(Event.safeParse({ ...event, surprise: 1 }).success).toBe(false);
    expect(Event.safeParse({ ...event, [field]: Symbol.iterator }).success).toBe(false);
  });

  it('refuses an unknown kind', () => {
    expect(Event.safeParse({ ...every[0], kind: 'explosion' }).success).toBe(false);
  });
});

describe('the JSON Schema of events', () => {
  const schema = z.fromJSONSchema(eventJsonSchema() as Parameters<typeof z.fromJSONSchema>[0]);
  const json = (event: unknown): unknown => JSON.parse(JSON.stringify(event, (_, v: unknown) => (typeof v === 'bigint' ? String(v) : v)));

  it.each(every.map((e) => [e.kind, e] as const))('accepts %s with its bigints as decimal strings, and nothing more', (_, event) => {
    expect(schema.safeParse(json(event)).error).toBeUndefined();
    expect(schema.safeParse(json({ ...event, surprise: 1 })).success).toBe(false);
  });

  it('keeps 4-byte and 8-byte values apart', () => {
    const store = every.find((e) => e.kind === 'store');
    for (const value of [5, 0xffff_ffff, '5', '18446744073709551615']) expect(schema.safeParse({ ...(json(store) as object), value }).success, String(value)).toBe(true);
    for (const value of [-1, 0x1_0000_0000, '-1', '05', '0x5', null]) expect(schema.safeParse({ ...(json(store) as object), value }).success, String(value)).toBe(false);
  });
});
