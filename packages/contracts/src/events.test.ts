// SPDX-License-Identifier: Apache-2.0
import { EVENTS, type EventKind, type FieldType, type TraceEvent } from '@dmalab/core/base/events';
import { describe, expect, it } from 'vitest';
import { Event, EventBatch, eventJsonSchema, fromStoredEvent, toStoredEvent } from './events.ts';
import { packEvents, unpackEvents } from './pack.ts';

const SAMPLE: Record<FieldType, unknown> = { u32: 7, u64: 0xffff_ffff_ffff_ffffn, value: 9n, bool: true, text: 'x', id: 3, ids: [1, 2], site: { file: 'driver.ts', line: 15, column: 3 }, json: { a: [1, null, 'b'] } };
/** One event of each kind in the table. */
const every: TraceEvent[] = (Object.keys(EVENTS) as EventKind[]).map((kind, i) => {
  const fields = Object.fromEntries(Object.entries(EVENTS[kind]).map(([name, type]) => [name, SAMPLE[type]]));
  return { id: i + 1, agent: 'cpu0', cycle: i, causes: i === 0 ? [] : [i], kind, ...fields } as unknown as TraceEvent;
});

describe('the schema of events', () => {
  it.each(every.map((e) => [e.kind, e] as const))('accepts %s as the table declares it, and survives both codecs', (_, event) => {
    expect(Event.parse(event)).toEqual(event);
    expect(unpackEvents(packEvents([event]))).toEqual([event]);
    expect(fromStoredEvent(JSON.parse(JSON.stringify(toStoredEvent(event))))).toEqual(event);
  });

  it.each(every.map((e) => [e.kind, e] as const))('refuses %s with a field missing, unknown or of another type', (kind, event) => {
    const field = Object.keys(EVENTS[kind])[0];
    if (field === undefined) return;
    const { [field]: _gone, ...without } = event as unknown as Record<string, unknown>;
    expect(Event.safeParse(without).success).toBe(false);
    expect(Event.safeParse({ ...event, surprise: 1 }).success).toBe(false);
    expect(Event.safeParse({ ...event, [field]: Symbol.iterator }).success).toBe(false);
  });

  it('keeps 4-byte and 8-byte values apart in JSON', () => {
    const store = every.find((e) => e.kind === 'store');
    expect(toStoredEvent({ ...store, value: 5n } as TraceEvent)).toMatchObject({ value: '5' });
    expect(toStoredEvent({ ...store, value: 5 } as TraceEvent)).toMatchObject({ value: 5 });
  });

  it('refuses an unknown kind and a batch with a gap', () => {
    expect(Event.safeParse({ ...every[0], kind: 'explosion' }).success).toBe(false);
    expect(EventBatch.safeParse(every.slice(0, 3)).success).toBe(true);
    expect(EventBatch.safeParse([every[0], every[2]]).success).toBe(false);
  });

  it('is JSON Schema, too, with one branch for each kind', () => {
    const schema = eventJsonSchema() as { oneOf?: unknown[]; anyOf?: unknown[] };
    expect((schema.oneOf ?? schema.anyOf)?.length).toBe(every.length);
  });
});
