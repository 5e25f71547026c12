// SPDX-License-Identifier: Apache-2.0
/** Tells the trace what lies where, out of the same declaration the device decodes by: the browser then draws it. */
import type { Json } from '../base/events.ts';
import type { AnyLayout, Field } from '../base/layout.ts';
import type { Port } from '../base/port.ts';

export interface Placed {
  /** What people call it: `sq1`, `descriptors`. */
  readonly name: string;
  readonly device: string;
  /** Physical, or a bus address where a unit stands in between. */
  readonly address: bigint;
  readonly count: number;
  /** Which bit says whose an element is. */
  readonly own?: string;
}

/** Fields of whole bytes are shown as they are; others share the word that holds them. */
export function place(port: Port, layout: AnyLayout, { name, device, address, count, own }: Placed): void {
  if (port.note === undefined || address > BigInt(Number.MAX_SAFE_INTEGER)) return;
  const fields = fieldsOf(layout);
  const word = own === undefined ? undefined : fields.find((field) => field.flags !== undefined && own in field.flags);
  port.note('layout', {
    name,
    address,
    layout: { name, count, stride: layout.bytes, owner: device, ...(word === undefined || own === undefined ? {} : { own: { field: word.name, mask: word.flags?.[own] ?? 0, work: true } }), fields: fields as unknown as Json },
  });
}

interface Shown {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly endian: 'little' | 'big';
  readonly format: 'hex' | 'decimal' | 'address' | 'flags';
  readonly flags?: Readonly<Record<string, number>>;
}

const ADDRESSES = new Set(['addr', 'address', 'prp1', 'prp2', 'source', 'destination', 'completionAddress', 'faultAddress', 'left', 'right']);

export function fieldsOf(layout: AnyLayout): readonly Shown[] {
  const endian = isBig(layout) ? 'big' : 'little';
  const shown: Shown[] = [];
  const words = new Map<number, { readonly names: string[]; readonly flags: Record<string, number> }>();
  for (const [name, field] of Object.entries(layout.fields)) {
    const { offset, size } = layout.place(name);
    if (isWhole(field) && size <= 8 && offset % size === 0) shown.push({ name, offset, size, endian, format: ADDRESSES.has(name) ? 'address' : size > 4 ? 'hex' : 'decimal' });
    else if (size <= 8) {
      const at = Math.floor(field.low / 16);
      const word = words.get(at) ?? { names: [], flags: {} };
      words.set(at, word);
      word.names.push(name);
      if (field.kind === 'flag') word.flags[name] = 2 ** (field.low % 16);
    }
  }
  for (const [at, { names, flags }] of words) {
    const low = 16 * at;
    const taken = Object.values(layout.fields).some((field) => isWhole(field) && field.low < low + 16 && low <= field.high);
    // A word of which another field has the low byte: the high one is what is left.
    if (taken) shown.push({ name: names.join(' '), offset: 2 * at + 1, size: 1, endian, format: 'hex' });
    else shown.push({ name: 'flags', offset: endian === 'little' ? 2 * at : layoutOffset(layout, low), size: 2, endian, format: 'flags', flags });
  }
  return shown.sort((a, b) => a.offset - b.offset);
}

const isWhole = (field: Field): boolean => field.low % 8 === 0 && (field.high + 1) % 8 === 0;
/** Of a big-endian layout the lowest bits lie last. */
function isBig(layout: AnyLayout): boolean {
  return layout.toBytes(1n)[0] !== 1;
}
function layoutOffset(layout: AnyLayout, low: number): number {
  const bytes = layout.toBytes(0xffffn << BigInt(low));
  return bytes.findIndex((byte) => byte !== 0);
}
