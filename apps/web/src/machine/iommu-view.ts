// SPDX-License-Identifier: Apache-2.0
/** What the trace shows of a remapping unit at a step: its walk, what it answered last, and what it remembers. Pure. */
import type { Json, TraceEvent } from '@dmalab/core/base/events';
import type { AnyLayout } from '@dmalab/core/base/layout';
import type { UnitState } from '@dmalab/core/base/state';
import { structureOf, unitKind, type UnitKind } from '@dmalab/litmus/iommu/structure-of';
import { address } from '../bits/bit-rows.ts';

export interface AccessView {
  readonly step: number;
  readonly what: string;
  readonly access: string;
  readonly at: string;
  readonly value: string;
  readonly raw: bigint;
  readonly layout: AnyLayout | null;
}

export interface CachedView {
  readonly slot: string;
  readonly covers: string;
  readonly entry: string;
}

export interface UnitView {
  /** It walks now, or walked for what it answered last. */
  readonly walks: boolean;
  readonly accesses: readonly AccessView[];
  /** `write of 0x4000_0000 by device 0x3, PASID 0x5: memory, 0x5_0000`; '' before the first answer. */
  readonly answer: string;
  readonly answered: number;
  readonly caches: readonly { readonly name: string; readonly lines: readonly CachedView[] }[];
}

/** Which front end a unit of the trace has, by the names of its accesses and caches. */
export function kindOf(events: readonly TraceEvent[], unit: string): UnitKind | null {
  return unitKind(events.flatMap((e) => (e.agent !== unit ? [] : e.kind === 'walk' ? [e.what] : e.kind === 'iommu-cache' ? [e.cache] : [])));
}

export function unitView(unit: UnitState, kind: UnitKind | null): UnitView {
  const walks = unit.walk.length > 0;
  const accesses = (walks ? unit.walk : (unit.last?.walk ?? [])).map(({ step, what, access, address: at, size, words, status }): AccessView => {
    const raw = words.reduceRight((value, word) => (value << 64n) | BigInt(word), 0n);
    return { step, what, access, at: address(at), value: status === 'ok' ? words.map((word) => address(BigInt(word))).join(' ') : status, raw, layout: kind === null || status !== 'ok' ? null : structureOf(kind, what, size, raw) };
  });
  return { walks, accesses, answer: answerOf(unit), answered: unit.last?.step ?? 0, caches: [...unit.caches].map(([name, lines]) => ({ name, lines: lines.map(lineOf) })) };
}

function answerOf({ last }: UnitState): string {
  if (last === null) return '';
  const { source, pasid, type, write, dma, outcome, address: to } = last;
  const what = `${type === 'untranslated' ? '' : `${type} `}${write ? 'write' : 'read'} of ${address(dma)} by device ${address(source)}${pasid === null ? '' : `, PASID ${address(pasid)}`}`;
  return `${what}: ${outcome.replaceAll('-', ' ')}${outcome === 'memory' || outcome === 'interrupt' ? `, ${address(to)}` : ''}`;
}

function lineOf(line: Json): CachedView {
  const { set, way, tag, first, span, entry } = recordOf(line);
  const size = typeof span === 'number' && span > 0 ? `, 2^${span}` : '';
  return { slot: `${String(set)}.${String(way)}`, covers: `${typeof first === 'number' ? address(first) : '?'}${size}, tag ${typeof tag === 'number' ? address(tag) : '?'}`, entry: summary(entry) };
}

/** The entry's plain parts: `frame 0x5_0000, span 30`. */
function summary(entry: Json | undefined): string {
  return Object.entries(recordOf(entry))
    .flatMap(([key, value]) => (typeof value === 'number' ? numbered(key, value) : typeof value === 'string' ? [`${key} ${value}`] : value === true ? [key] : []))
    .join(', ');
}

/** Where something lies in hex, all else in decimal; what is below 0 stands for nothing. */
const numbered = (key: string, value: number): string[] => (value < 0 ? [] : [`${key} ${/frame|table|guest|root|offset/.test(key) ? address(value) : value}`]);

const recordOf = (json: Json | undefined): Readonly<Record<string, Json>> => (typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Readonly<Record<string, Json>>) : {});
