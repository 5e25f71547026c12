// SPDX-License-Identifier: Apache-2.0
/** Reads the JSON of a `layout` event once, and answers what lies at an address. */
import type { EventOf, Json } from './events.ts';
import type { LayoutField, PlacedLayout } from './state.ts';

const record = (json: Json | undefined): Readonly<Record<string, Json>> => (typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Readonly<Record<string, Json>>) : {});
const integer = (json: Json | undefined, otherwise: number): number => (typeof json === 'number' && Number.isInteger(json) ? json : otherwise);
const text = (json: Json | undefined, otherwise: string): string => (typeof json === 'string' ? json : otherwise);

/** `null` when the event describes nothing that could be drawn. */
export function placedLayout(event: EventOf<'layout'>): PlacedLayout | null {
  const json = record(event.layout);
  const fields = Array.isArray(json['fields']) ? (json['fields'] as readonly Json[]).map(layoutField).filter((f) => f.size > 0) : [];
  if (fields.length === 0) return null;
  const own = record(json['own']);
  const end = Math.max(...fields.map((f) => f.offset + f.size));
  return {
    name: event.name,
    address: Number(event.address),
    count: Math.max(1, integer(json['count'], 1)),
    stride: integer(json['stride'], end),
    fields,
    owner: text(json['owner'], ''),
    own: typeof own['field'] === 'string' ? { field: own['field'], mask: integer(own['mask'], 0), work: own['work'] === true } : null,
    since: event.id,
  };
}

function layoutField(json: Json): LayoutField {
  const field = record(json);
  const format = text(field['format'], 'hex');
  const flags: Record<string, number> = {};
  for (const [name, bit] of Object.entries(record(field['flags']))) if (typeof bit === 'number') flags[name] = bit;
  return {
    name: text(field['name'], '?'),
    offset: integer(field['offset'], 0),
    size: integer(field['size'], 0),
    endian: field['endian'] === 'big' ? 'big' : 'little',
    format: format === 'decimal' || format === 'address' || format === 'flags' ? format : 'hex',
    flags,
  };
}

export interface FieldAt {
  readonly layout: PlacedLayout;
  readonly index: number;
  readonly field: LayoutField;
}

/** The field that starts at an address: in a device's ring if one lies there, else in the layout placed last. */
export function fieldAt(layouts: readonly PlacedLayout[], address: number): FieldAt | null {
  let found: FieldAt | null = null;
  for (let i = layouts.length - 1; i >= 0; i -= 1) {
    const layout = layouts[i];
    if (layout === undefined || (found !== null && layout.own === null)) continue;
    const offset = address - layout.address;
    if (offset < 0 || offset >= layout.stride * layout.count) continue;
    const field = layout.fields.find((f) => f.offset === offset % layout.stride);
    if (field === undefined) continue;
    found = { layout, index: Math.floor(offset / layout.stride), field };
    if (layout.own !== null) return found;
  }
  return found;
}

/** Where a field of an element lies. */
export function fieldAddress(layout: PlacedLayout, index: number, field: LayoutField): number {
  return layout.address + index * layout.stride + field.offset;
}

/** `len[1]`, `rx len[0]`: a field as the structure's name and place have it. */
export function elementText({ layout, index, field }: FieldAt): string {
  const prefix = layout.own === null ? '' : layout.name.replace(/ ?ring$/, '');
  return `${prefix === '' ? '' : `${prefix} `}${field.name}${layout.count > 1 ? `[${index}]` : ''}`;
}
