// SPDX-License-Identifier: Apache-2.0
/** Names for bytes: `len[1]`, `next`, `tx+0x10`. People read them in traces, and choice keys are made of them. */
import type { Json } from '@dmalab/core/base/events';
import type { GuestTables, StructInfo } from '../guest/program.ts';
import type { KernelState, Layout } from '../state.ts';

export function nameOf(state: KernelState, tables: GuestTables, address: number): string | undefined {
  for (const layout of state.layouts) {
    const at = address - layout.address;
    if (at < 0 || at >= layout.count * layout.stride) continue;
    const info = tables.structs[layout.struct];
    if (info === undefined) continue;
    const index = Math.floor(at / layout.stride);
    const field = fieldNamed(tables, info, at % layout.stride);
    return layout.count > 1 ? `${field}[${index}]` : field;
  }
  for (const [name, buffer] of state.buffers) {
    if (address >= buffer.address && address < buffer.address + buffer.size) return `${name}+0x${(address - buffer.address).toString(16)}`;
  }
  return undefined;
}

/** Names once made: every run of every execution asks for the same ones. */
const FIELDS = new WeakMap<StructInfo, Map<number, string>>();
function fieldNamed(tables: GuestTables, info: StructInfo, offset: number): string {
  let known = FIELDS.get(info);
  if (known === undefined) FIELDS.set(info, (known = new Map()));
  let name = known.get(offset);
  if (name === undefined) known.set(offset, (name = fieldAt(tables, info, offset)));
  return name;
}

function fieldAt(tables: GuestTables, info: StructInfo, offset: number): string {
  for (const field of info.fields) {
    const at = offset - field.offset;
    if (at < 0 || at >= field.size * field.count) continue;
    const element = field.count > 1 ? `${field.name}[${Math.floor(at / field.size)}]` : field.name;
    const inner = field.struct < 0 ? undefined : tables.structs[field.struct];
    return inner === undefined ? element : `${element}.${fieldAt(tables, inner, at % field.size)}`;
  }
  return `${info.name}+0x${offset.toString(16)}`;
}

interface FlatField {
  readonly [key: string]: Json;
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly endian: string;
  readonly format: string;
}

/** The `layout` event's description of a structure; embedded ones and arrays are laid out flat. */
export function describeLayout(tables: GuestTables, layout: Layout, endian: string, owner: string | undefined): Json {
  const info = tables.structs[layout.struct];
  if (info === undefined) return null;
  return { name: info.name, count: layout.count, stride: layout.stride, fields: flatten(tables, info, 0, '', endian), ...(owner === undefined ? {} : { owner }) };
}

/** More fields than this are a buffer, not a table. */
const MOST_FIELDS = 256;

function flatten(tables: GuestTables, info: StructInfo, base: number, prefix: string, endian: string): FlatField[] {
  const fields: FlatField[] = [];
  for (const field of info.fields) {
    for (let i = 0; i < field.count && fields.length < MOST_FIELDS; i += 1) {
      const name = `${prefix}${field.name}${field.count > 1 ? `[${i}]` : ''}`;
      const offset = base + field.offset + i * field.size;
      const inner = field.struct < 0 ? undefined : tables.structs[field.struct];
      if (inner !== undefined) fields.push(...flatten(tables, inner, offset, `${name}.`, endian));
      else fields.push({ name, offset, size: field.size, endian: endianOf(field.scalar, endian), format: formatOf(field.scalar) });
    }
  }
  return fields.slice(0, MOST_FIELDS);
}

function endianOf(scalar: string, cpu: string): string {
  if (scalar.startsWith('le')) return 'little';
  if (scalar.startsWith('be')) return 'big';
  return cpu;
}

function formatOf(scalar: string): string {
  if (['pointer', 'iomem', 'device', 'dma_addr_t', 'phys_addr_t'].includes(scalar)) return 'address';
  return scalar.endsWith('64') ? 'hex' : 'decimal';
}
